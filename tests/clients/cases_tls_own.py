"""Self-signed certificates: `--tls DIR`, "self-signed" and `--self-signed`."""

import os
import re
import signal
import socket
import stat
import time

import processes
from secure import SecureWire, ask, certificate, openssl, request, settings, vhost
from stage import case, equal, eventually, matches, mounts_apart, true

CRT = "self-signed.crt"
KEY = "self-signed.key"


def own(stage, name="own.test", **keys):
    """A vhost with a self-signed certificate."""
    return stage.vhost(name=name, host_ssl_cert="self-signed", **keys)


def state(stage, name=""):
    """The state directory, or a file in it."""
    return os.path.join(stage.root, "state", name)


def text_of(pem):
    """What openssl prints of a certificate."""
    return openssl("x509", "-in", pem, "-noout", "-text")


def print_of(pem):
    """Its SHA-256 in the form of openssl."""
    return openssl("x509", "-in", pem, "-noout", "-fingerprint", "-sha256").strip()


def serve(stage, vhosts, **keys):
    """A server, once it has what it shows: its port is open before."""
    server = stage.serve(vhosts, **keys)
    equal(fetch(stage.port), 200)
    return server


def check_files(stage):
    """Both files are there and for their owner alone."""
    equal(sorted(os.listdir(state(stage))), [CRT, KEY], "files of the state directory")
    for name in (CRT, KEY):
        equal(stat.S_IMODE(os.stat(state(stage, name)).st_mode), 0o600, name)


def fetch(port, using=None, host="localhost"):
    """The status of / over TLS."""
    with SecureWire(port, host, using or settings(check=False)) as link:
        link.send(request(host=f"{host}:{port}"))
        return link.response().status


@case
def own_certificate_in_a_configuration(stage):
    """"self-signed": P-256, the right names, files of mode 0600, the printed fingerprint; a
    client that trusts this file needs nothing else"""
    server = serve(stage, [own(stage), own(stage, "*.wild.test"), own(stage, "two.test")],
                         state_dir=state(stage))
    check_files(stage)
    shown = certificate(stage, "own.test")
    equal(shown, print_of(state(stage, CRT)))
    matches(re.escape(shown.split("=")[1]), server.log())
    text = text_of(state(stage, CRT))
    matches("NIST CURVE: P-256", text)
    matches("TLS Web Server Authentication", text)
    host = socket.gethostname().split(".")[0].lower()
    names = matches("Subject Alternative Name: *\n *([^\n]*)", text).group(1).split(", ")
    for wanted in ("DNS:own.test", "DNS:two.test", "DNS:*.wild.test", "DNS:localhost",
                   f"DNS:{host}", f"DNS:{host}.lan", "IP Address:127.0.0.1"):
        true(wanted in names, f"{wanted} is in {names}")
    for name in ("own.test", "two.test", "a.wild.test", "localhost", "127.0.0.1"):
        out = stage.curl("--cacert", state(stage, CRT), "--resolve",
                         f"{name}:{stage.port}:127.0.0.1", f"https://{name}:{stage.port}/")
        matches(b"home page", out, name)


@case
def own_certificate_is_kept(stage):
    """after a restart it is the same; a new name renews it with the same key; a lost certificate
    too; a lost key makes both anew"""
    server = serve(stage, [own(stage)], state_dir=state(stage))

    def again(vhosts):
        nonlocal server
        server.stop()
        server = serve(stage, vhosts, state_dir=state(stage))
        check_files(stage)
        pem = state(stage, CRT)
        equal(certificate(stage, "own.test"), print_of(pem), "what is shown")
        return print_of(pem), openssl("x509", "-in", pem, "-noout", "-pubkey")
    first = again([own(stage)])
    equal(again([own(stage)]), first, "after a restart")
    renewed = again([own(stage), own(stage, "new.test")])
    equal((renewed[0] != first[0], renewed[1]), (True, first[1]), "a new name")
    matches("DNS:new.test", text_of(state(stage, CRT)))
    os.unlink(state(stage, CRT))
    found = again([own(stage)])
    equal((found[0] != renewed[0], found[1]), (True, first[1]), "the certificate was lost")
    os.unlink(state(stage, KEY))
    found = again([own(stage)])
    true(found[1] != first[1], "a new key")


@case
def own_certificate_that_runs_out(stage):
    """one that is about to expire, and one that is damaged, are renewed with their key"""
    serve(stage, [own(stage)], state_dir=state(stage)).stop()
    pem, key = state(stage, CRT), state(stage, KEY)
    public = openssl("x509", "-in", pem, "-noout", "-pubkey")
    request_file = os.path.join(stage.root, "csr")
    names = ("-addext", "subjectAltName=DNS:own.test,DNS:localhost")
    openssl("req", "-new", "-key", key, "-subj", "/CN=short", *names, "-out", request_file)
    openssl("x509", "-req", "-in", request_file, "-signkey", key, "-days", "2", "-copy_extensions",
            "copyall", "-out", pem)
    for damage in (None, b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", b""):
        if damage is not None:
            with open(pem, "wb") as out:
                out.write(damage)
        code, text = stage.run("--self-signed", "-c", os.path.join(stage.root, "conf"))
        equal(code, 0, text)
        matches("state +renewed with its key: ", text)
        equal(openssl("x509", "-in", pem, "-noout", "-pubkey"), public, "the key")
        check_files(stage)
    openssl("x509", "-in", pem, "-noout", "-checkend", str(300 * 86400))


@case
def own_certificate_on_the_command_line(stage):
    """kinglet --self-signed says where it is, for which names, and its fingerprint, twice the
    same; errors end with another code"""
    for word in ("new", "still good"):
        code, text = stage.run("--self-signed", "--state-dir", state(stage))
        equal(code, 0, text)
        matches(f"state +{word}\n", text)
        check_files(stage)
        shown = print_of(state(stage, CRT)).split("=")[1]
        matches(f"SHA-256 +{shown}\n", text)
        matches(f"certificate +{re.escape(state(stage, CRT))}\n", text)
        matches("names .*localhost", text)
    nowhere = stage.file("file", "not a directory")
    code, text = stage.run("--self-signed", "--state-dir", nowhere)
    true(code not in (0, 101), f"{code} {text}")


@case
def own_certificate_without_a_place(stage):
    """a state directory that cannot be used: another certificate at each start, and a warning"""
    nowhere = stage.file("nowhere", "not a directory")
    server = serve(stage, [own(stage)], state_dir=nowhere)
    matches("cannot be kept in " + nowhere, server.log())
    first = certificate(stage, "own.test")
    server.stop()
    serve(stage, [own(stage)], state_dir=nowhere)
    true(certificate(stage, "own.test") not in ("", first), "another one")


@case
def own_certificate_in_memory_stays(stage):
    """a self-signed certificate without a place is the same in every worker of a server, whether a
    vhost asks for it or it stands in: after a worker's death, changed reloads and SIGUSR2"""
    nowhere = stage.file("nowhere", "not a directory")
    missing = vhost(stage)
    missing["host-ssl-cert"] = missing["host-ssl-key"] = "/no/such.pem"
    for hosts in ([own(stage)], [{**missing, "name": "own.test"}]):
        server = serve(stage, hosts, state_dir=nowhere)
        first = certificate(stage, "own.test")
        true(first, "there is one")
        for step in ("death", "reload", "SIGUSR2", "reload", "death"):
            before = processes.worker(server)
            if step == "SIGUSR2":
                seen = server.log().count("the supervisor goes on with")
                server.signal(signal.SIGUSR2)
                eventually(lambda n=seen, one=server:
                           one.log().count("the supervisor goes on with") > n, "another program")
                continue
            if step == "death":
                os.kill(before, signal.SIGKILL)
            else:
                stage.configure(hosts, state_dir=nowhere, server_string=f"v{time.monotonic_ns()}")
                code, text = stage.run("reload", "-c", os.path.join(stage.root, "conf"))
                equal(code, 0, text)
            processes.replaced(server, before)
            eventually(lambda old=before: not processes.alive(old), "the old worker has ended")
            equal(certificate(stage, "own.test"), first, step)
        # A name that is not in it makes another one.
        stage.configure([{**one, "name": "new.test"} for one in hosts], state_dir=nowhere)
        code, text = stage.run("reload", "-c", os.path.join(stage.root, "conf"))
        equal(code, 0, text)
        eventually(lambda one=first: certificate(stage, "new.test") not in ("", one), "another one")
        server.stop()


@case
def own_certificate_beside_a_real_one(stage):
    """a self-signed vhost and one with files share a port"""
    serve(stage, [vhost(stage), own(stage)], state_dir=state(stage))
    equal(ask(stage).status, 200)
    equal(certificate(stage, "own.test"), print_of(state(stage, CRT)))


@case
def quick_tls(stage):
    """kinglet --tls DIR: https at once, with the address printed; plain HTTP is told"""
    server = stage.spawn("--tls", "--state-dir", state(stage), "--port", str(stage.port),
                         stage.docs).ready(stage.port)
    eventually(lambda: f"https://127.0.0.1:{stage.port}/" in server.log(), "the URL is printed")
    equal(fetch(stage.port), 200)
    check_files(stage)
    shown = print_of(state(stage, CRT)).split("=")[1]
    matches(shown, server.log())
    equal(certificate(stage, "localhost").split("=")[1], shown)
    out = stage.curl("--cacert", state(stage, CRT), f"https://localhost:{stage.port}/small.txt")
    equal(out, b"abcdefghijklmnopqrstuvwxyz")
    out = stage.curl("--cacert", state(stage, CRT), f"https://127.0.0.1:{stage.port}/small.txt")
    equal(out, b"abcdefghijklmnopqrstuvwxyz")
    equal(stage.ask("/").status, 400)
    server.stop()
    stage.spawn("--tls", "--state-dir", state(stage), "--port", str(stage.port),
                stage.docs).ready(stage.port)
    equal(certificate(stage, "localhost").split("=")[1], shown, "after a restart")


@case
def own_certificate_of_a_user(stage):
    """started as a user: one certificate below the home, XDG_STATE_HOME or STATE_DIRECTORY, or
    where systemd's link leads, for -t, --self-signed, every start, worker and reload"""
    home = stage.folder("home")
    os.chown(home, 54321, 54321)
    private = stage.folder("var/private/kinglet")
    os.chown(private, 54321, 54321)
    linked = os.path.join(stage.root, "var/kinglet")
    os.symlink("private/kinglet", linked)
    conf = stage.configure([own(stage)])
    script = 'mount --bind "$1" /var/lib; shift; exec "$@"'
    var_lib = (*mounts_apart(), "sh", "-c", script, "sh", os.path.dirname(linked))
    for variable, value, found, by in (
            ("HOME", home, home + "/.local/state/kinglet", ()),
            ("XDG_STATE_HOME", home, home + "/kinglet", ()),
            ("STATE_DIRECTORY", linked + ":/other", private, ()),
            ("HOME", home, private, var_lib)):
        user = (*by, "setpriv", "--reuid=54321", "--regid=54321", "--clear-groups", "env", "-i",
                f"{variable}={value}")
        code, text = stage.run("-t", "-c", conf, by=user)
        equal(code, 0, text)
        true("cannot be kept" not in text, text)
        server = stage.spawn("-c", conf, by=user).ready(stage.port)
        equal(fetch(stage.port), 200)
        shown = print_of(os.path.join(found, CRT))
        equal(certificate(stage, "own.test"), shown, variable)
        code, text = stage.run("reload", "-c", conf, by=user)
        equal(code, 0, text)
        matches("nothing has changed", text)
        before = processes.worker(server)
        os.kill(before, signal.SIGKILL)
        processes.replaced(server, before)
        equal(certificate(stage, "own.test"), shown, "of another worker")
        stage.configure([own(stage)], server_string=variable + str(len(by)))
        before = processes.worker(server)
        processes.reload(server)
        processes.replaced(server, before)
        processes.gone(before)
        equal(certificate(stage, "own.test"), shown, "after a changed reload")
        server.stop()
        code, text = stage.run("--self-signed", "-c", conf, by=user)
        matches("state +still good\n", text)
        matches(shown.split("=")[1], text)
