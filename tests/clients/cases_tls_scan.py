"""sslscan, testssl.sh and a browser look at a TLS vhost."""

import json
import os
import subprocess
import xml.etree.ElementTree as xml

from cases_browser import PAGE, browse, png
from secure import PAPERS, vhost
from stage import Failed, case, equal, matches, true

# What testssl.sh finds above "low", and why it does not count.
NOT_OURS = {
    "cert_revocation": "the certificate of the test names no revocation list",
    "engine_problem": "of the machine that scans",
    # It says "connect problem" when it hangs up before the tickets of TLS 1.3 have come and then
    # has no session to offer; the cases of resumption look at tickets themselves.
    "sessionresumption_ticket": "tickets come after the handshake",
}
GRAVE = ("MEDIUM", "HIGH", "CRITICAL", "WARN")


def serve(stage, kind):
    """A vhost as one would have it on the internet."""
    return stage.serve([vhost(stage, leaf=PAPERS.leaf("stage.test", kind), sts="on")])


def scan(stage, *arguments, seconds=60):
    """Runs a scanner on the stage's port; returns what it printed."""
    done = subprocess.run([*arguments], capture_output=True, text=True, check=False,
                          timeout=seconds, stdin=subprocess.DEVNULL, cwd=stage.root)
    return done.stdout + done.stderr


@case
def sslscan_finds_nothing(stage):
    """sslscan with RSA and P-256: TLS 1.2 and 1.3 alone, AEAD alone, no weak group, no
    compression, renegotiation or heartbeat"""
    for kind, signed in (("p256", "ECDSA"), ("rsa", "RSA")):
        ground = stage if kind == "p256" else type(stage)()
        try:
            serve(ground, kind)
            out = os.path.join(ground.root, "scan.xml")
            scan(ground, "sslscan", "--no-colour", f"--xml={out}", "--sni-name=stage.test",
                 f"127.0.0.1:{ground.port}")
            check_scan(xml.parse(out).getroot().find("ssltest"), signed)
        finally:
            if ground is not stage:
                ground.end()


def check_scan(test, signed):
    """Looks at everything that sslscan reports."""
    on = {f"{entry.get('type')}{entry.get('version')}" for entry in test.findall("protocol")
          if entry.get("enabled") == "1"}
    equal(on, {"tls1.2", "tls1.3"}, "versions")
    suites = {(entry.get("sslversion"), entry.get("cipher")) for entry in test.findall("cipher")}
    equal(suites, {("TLSv1.3", "TLS_AES_128_GCM_SHA256"), ("TLSv1.3", "TLS_AES_256_GCM_SHA384"),
                   ("TLSv1.3", "TLS_CHACHA20_POLY1305_SHA256"),
                   ("TLSv1.2", f"ECDHE-{signed}-AES256-GCM-SHA384"),
                   ("TLSv1.2", f"ECDHE-{signed}-AES128-GCM-SHA256"),
                   ("TLSv1.2", f"ECDHE-{signed}-CHACHA20-POLY1305")}, "suites")
    groups = {entry.get("name").split(" ")[0] for entry in test.findall("group")}
    equal(groups, {"x25519", "secp256r1", "secp384r1"}, "groups")
    equal([entry.get("vulnerable") for entry in test.findall("heartbleed")], ["0", "0"])
    equal(test.find("renegotiation").get("supported"), "0", "renegotiation")
    for entry in test.findall("compression"):
        equal(entry.get("supported"), "0", "compression")
    found = test.find("certificates/certificate")
    equal((found.findtext("self-signed"), found.findtext("expired")), ("false", "false"))
    matches("(?i)sha256", found.findtext("signature-algorithm"))


@case
def testssl_finds_nothing(stage):
    """testssl.sh: versions, suites, groups, preferences, headers, every vulnerability; nothing
    above "low", and what an A+ needs"""
    serve(stage, "p256")
    out = os.path.join(stage.root, "testssl.json")
    said = scan(stage, "testssl", "--quiet", "--color", "0", "--warnings", "off", "--nodns",
                "none", "--ip", "127.0.0.1", "-p", "-s", "-f", "-P", "-S", "-h", "-U",
                "--add-ca", PAPERS.authority("root"), "--jsonfile", out,
                f"https://stage.test:{stage.port}/", seconds=400)
    with open(out, encoding="utf-8") as text:
        found = json.load(text)
    ids = {entry["id"]: entry for entry in found}
    grave = [f"{entry['severity']} {entry['id']}: {entry['finding']}" for entry in found
             if entry["severity"] in GRAVE and entry["id"] not in NOT_OURS]
    equal(grave, [], "findings")
    for name, wanted in (("SSLv2", "not offered"), ("SSLv3", "not offered"),
                         ("TLS1", "not offered"), ("TLS1_1", "not offered"),
                         ("TLS1_2", "^offered"), ("TLS1_3", "^offered"),
                         ("cert_chain_of_trust", "passed"), ("heartbleed", "not vulnerable"),
                         ("CCS", "not vulnerable"), ("ticketbleed", "not vulnerable"),
                         ("ROBOT", "not vulnerable"), ("secure_renego", "supported"),
                         ("secure_client_renego", "not vulnerable"),
                         ("CRIME_TLS", "not vulnerable"), ("LUCKY13", "not vulnerable"),
                         ("BEAST", "not vulnerable"), ("SWEET32", "not vulnerable"),
                         ("FREAK", "not vulnerable"), ("LOGJAM", "not vulnerable"),
                         ("DROWN", "not vulnerable")):
        if name not in ids:
            raise Failed(f"testssl.sh says nothing of {name}: {sorted(ids)}\n{said[-2000:]}")
        matches(wanted, ids[name]["finding"], name)
    true(int(ids["HSTS_time"]["finding"].split()[0]) >= 180, ids["HSTS_time"]["finding"])


@case
def browser_over_tls(stage):
    """Chromium over TLS: a page with everything, and a hundred files at a time"""
    stage.file("docs/page.html", PAGE)
    stage.file("docs/style.css", "h1 { color: rgb(1, 2, 3) }")
    stage.file("docs/dot.png", png())
    stage.file("docs/code.js", "document.getElementById('t').textContent = 'scripted';")
    stage.file("docs/module.mjs", "document.title = 'module';")
    for number in range(100):
        stage.file(f"docs/f{number}.txt", f"{number}:" + "x" * (number * 997))
    stage.serve([vhost(stage, sts="on")])
    base = f"https://127.0.0.1:{stage.port}"
    seen = browse("page", base + "/page.html")
    equal(seen["errors"], [])
    equal((seen["text"], seen["color"], seen["picture"], seen["title"]),
          ("scripted", "rgb(1, 2, 3)", 1, "module"))
    equal(seen["reload"], [], "errors when reloading with validators")
    equal(browse("many", base + "/")["wrong"], [])


@case
def browser_security(stage):
    """what Chromium says of the connection: the version and the name in the certificate; one that
    nobody vouches for is refused; http:// on the TLS port leads to the page over https"""
    stage.serve([vhost(stage, allow_non_tls="1", redirect_http="1")])
    secure = f"https://127.0.0.1:{stage.port}/"
    seen = browse("security", secure, f"http://127.0.0.1:{stage.port}/")
    equal((seen["protocol"], seen["status"]), ("TLS 1.3", 200))
    matches("stage.test", seen["subject"])
    matches("ERR_CERT_AUTHORITY_INVALID|ERR_CERT_COMMON_NAME_INVALID", seen["refused"])
    equal(seen["landed"], secure)
