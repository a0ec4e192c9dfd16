"""Certificates of clients as people make them, with openssl's commands and curl."""

import os
import re
import subprocess

from cases_recipes import PAGE, Recipe
from secure import PAPERS, openssl, read, refusal, s_client, settings, vhost
from stage import case, equal, eventually, matches, true

EC = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
VERSIONS = (("--tlsv1.2", "--tls-max", "1.2"), ("--tlsv1.3",))


class Desk:
    """A folder in which somebody has an authority and makes certificates."""

    def __init__(self, stage, name="desk", authority="Desk CA", key=EC):
        self.stage = stage
        self.folder = stage.folder(name, 0o755)
        openssl("req", "-x509", *key, "-days", "3650", "-subj", f"/CN={authority}",
                "-keyout", self.path("ca.key"), "-out", self.path("ca.pem"))

    def path(self, name):
        """A file of the folder."""
        return os.path.join(self.folder, name)

    def issue(self, name, *arguments, rules=None, curve="P-256"):
        """Certificate and key of NAME from the authority, as `openssl x509 -req` makes them."""
        key, request, pem = (self.path(name + end) for end in (".key", ".csr", ".pem"))
        openssl("req", "-newkey", "ec", "-pkeyopt", f"ec_paramgen_curve:{curve}", "-nodes",
                "-subj", f"/CN={name}", "-keyout", key, "-out", request)
        if rules:
            arguments += ("-extfile", self.stage.file(self.path(name + ".ext"), rules))
        openssl("x509", "-req", "-in", request, "-CA", self.path("ca.pem"),
                "-CAkey", self.path("ca.key"), "-CAcreateserial", "-out", pem, *arguments)
        return pem, key

    def own(self, name, *arguments):
        """Certificate and key that a device makes for itself."""
        pem, key = self.path(name + ".pem"), self.path(name + ".key")
        openssl("req", "-x509", *EC, "-days", "90", "-subj", f"/CN={name}", *arguments,
                "-keyout", key, "-out", pem)
        return pem, key

    def serve(self, *listed):
        """A server that takes certificates of the authority, and what else is listed."""
        bundle = "".join(read(pem) for pem in (self.path("ca.pem"), *listed))
        ca = self.stage.file(self.path("bundle.pem"), bundle)
        return self.stage.serve([vhost(self.stage, host_ssl_ca=ca, client_cert_required="1")])


def fetch(stage, pair, *arguments, code=0):
    """What curl gets with a certificate."""
    pem, key = pair
    return stage.curl("--cacert", PAPERS.authority("root"), "--cert", pem, "--key", key,
                      "--resolve", f"stage.test:{stage.port}:127.0.0.1", *arguments,
                      f"https://stage.test:{stage.port}/", code=code)


def is_version_1(pem):
    """Whether openssl calls it so."""
    return "Version: 1 (0x0)" in openssl("x509", "-in", pem, "-noout", "-text")


@case
def client_certificates_as_people_make_them(stage):
    """X.509 version 1, CA:TRUE, and what a device makes for itself: all get in, in both versions"""
    desk = Desk(stage)
    first = desk.issue("first")
    true(is_version_1(first[0]), "openssl x509 -req without extensions")
    own = desk.own("own")
    pairs = [first, own, desk.own("plain", "-addext", "basicConstraints=critical,CA:FALSE"),
             desk.issue("usual", rules="basicConstraints=CA:FALSE\nextendedKeyUsage=clientAuth\n"),
             desk.issue("authority", rules="basicConstraints=critical,CA:TRUE\n"),
             desk.issue("p384", curve="P-384")]
    server = desk.serve(own[0], pairs[2][0])
    for pair in pairs:
        for version in VERSIONS:
            matches(b"home page", fetch(stage, pair, *version), f"{pair[0]} {version}")
    true("refused" not in server.log(), server.log())


@case
def client_certificates_refused(stage):
    """what is refused: an alert for the client, and one sentence in the log with subject, issuer
    and what to do"""
    desk = Desk(stage)
    other = Desk(stage, "other")
    far = Desk(stage, "far", "Far CA")
    server = desk.serve()
    expected = [
        (other.issue("forged"), "Desk CA", "another key"),
        (far.issue("stranger1"), "Far CA", "version 1"),
        (far.issue("stranger3", rules="extendedKeyUsage=clientAuth\n"), "Far CA", "add it there"),
        (desk.own("alone"), "alone", "its own issuer"),
        (desk.issue("past", "-days", "-1"), "Desk CA", "valid from"),
        (desk.issue("server", rules="extendedKeyUsage=serverAuth\n"), "Desk CA", "clientAuth"),
        (desk.issue("signer", rules="basicConstraints=CA:TRUE\nkeyUsage=keyCertSign\n"),
         "Desk CA", "clientAuth"),
    ]
    for pair, issuer, what in expected:
        subject = os.path.basename(pair[0])[:-len(".pem")]
        for version in ("1.2", "1.3"):
            got = refusal(stage, using=settings(versions=version, certificate=pair))
            true("alert" in got and "answered" not in got, f"{subject}: {got}")
        sentence = (f'TLS: a client certificate was refused: subject "CN={subject}", issuer '
                    f'"CN={issuer}": [^\n]*{what}')
        eventually(lambda: re.search(sentence, server.log()), f"{sentence} in {server.log()}")
    true("Other(" not in server.log(), server.log())
    equal(refusal(stage), "tlsv13_alert_certificate_required")
    eventually(lambda: "a client without a certificate was refused" in server.log(), "none shown")
    text = s_client(stage, "-cert", desk.issue("big", curve="P-521")[0],
                    "-key", desk.path("big.key"))
    matches("alert", text)
    matches("P-521 cannot be used", server.log())
    server.alive()


@case
def client_certificates_of_a_p521_authority(stage):
    """-t says that a CA with a key on P-521 refuses all of its clients"""
    desk = Desk(stage, key=("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-521", "-nodes"))
    conf = stage.configure([vhost(stage, host_ssl_ca=desk.path("ca.pem"),
                                  client_cert_required="1")])
    code, text = stage.run("-t", "-c", conf)
    equal(code, 0, text)
    matches("certificate 1 has an ECDSA P-521 key: its clients are refused", text)


@case
def recipe_client_certificates(stage):
    """certificates: the page's commands make a CA, a client's certificate and a .p12 that let it
    in, and nobody without"""
    recipe = Recipe(stage, "Only devices with a certificate")
    desk = stage.folder("desk", 0o755)
    with open(PAGE, encoding="utf-8") as text:
        section = text.read().split("\n## Only devices with a certificate\n", 1)[1]
    for block in re.findall(r"```sh\n(.*?)```", section.split("\n## ", 1)[0], re.S):
        subprocess.run(["sh", "-ec", block], check=True, cwd=desk, capture_output=True)
    stage.file("etc/kinglet/ca.pem", read(desk + "/ca.pem"))
    stage.file("srv/www/index.html", "for me alone\n")
    server = recipe.serve()
    url = "https://home.example.org/"
    for shown in (("--cert", desk + "/phone.pem", "--key", desk + "/phone.key"),
                  ("--cert-type", "P12", "--cert", desk + "/phone.p12:change-me")):
        true(recipe.curl(url, *shown).endswith("for me alone\n"), str(shown))
    port = recipe.ports["443"]
    stage.curl("-k", "--resolve", f"home.example.org:{port}:127.0.0.1",
               f"https://home.example.org:{port}/", code=56)
    eventually(lambda: "a client without a certificate was refused" in server.log(), "the log")
