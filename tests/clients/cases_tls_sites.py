"""Many TLS vhosts on one port: names, their own rules, client certificates, tickets."""

import os
import re

from cases_log import lines
from secure import (PAPERS, SecureWire, ask, certificate, fingerprint, openssl, refusal,
                    request, s_client, settings, vhost)
from stage import case, equal, free_port, matches, true, within


def site(stage, name, leaf=None, **keys):
    """A TLS vhost whose page is its name."""
    folder = name.replace("*", "any")
    stage.file(f"{folder}/index.html", name)
    return vhost(stage, name, leaf, mounts=[stage.mount("/", f"file://{stage.root}/{folder}")],
                 **keys)


def certified(stage, name="mutual.test", **keys):
    """A vhost for clients with a certificate of `root`."""
    return site(stage, name, host_ssl_ca=PAPERS.authority("root"), client_cert_required="1",
                **keys)


def good():
    """A client's certificate and key that the root has signed."""
    return PAPERS.leaf("ann", usage="clientAuth")


def page(stage, sni, host=None, **more):
    """Status and body."""
    answer = ask(stage, sni=sni, host=host, **more)
    return answer.status, answer.body.decode()


@case
def sites_by_sni(stage):
    """each vhost shows its own certificate: exact, any case, wildcard, subdomain; unknown names
    and none get the first one"""
    names = ("first.test", "other.test", "*.wild.test")
    stage.serve([site(stage, name) for name in names])
    table = {"first.test": 0, "FIRST.test": 0, "other.test": 1, "OTHER.Test": 1,
             "a.wild.test": 2, "B.WILD.TEST": 2, "a.other.test": 1, "unknown.test": 0,
             "xother.test": 0, "wild.test": 0, None: 0}
    for sni, number in table.items():
        name = names[number]
        equal(certificate(stage, sni), fingerprint(PAPERS.leaf(name)[0]), f"shown for {sni}")
        equal(page(stage, sni, using=settings(check=False)), (200, name), f"page for {sni}")
    for sni in ("first.test", "other.test", "a.wild.test"):
        equal(page(stage, sni), (200, names[table[sni]]), "with the name verified")


@case
def sites_by_address(stage):
    """a hello without a name gets the vhost that is called as the address, if there is one"""
    stage.serve([site(stage, "first.test"), site(stage, "127.0.0.1")])
    using = settings(check=False)
    equal(certificate(stage, None), fingerprint(PAPERS.leaf("127.0.0.1")[0]))
    equal(page(stage, None, "127.0.0.1", using=using), (200, "127.0.0.1"))
    equal(page(stage, None, "first.test", using=using)[0], 421)
    equal(page(stage, "first.test", "127.0.0.1", using=using)[0], 421)
    equal(page(stage, "first.test"), (200, "first.test"))


@case
def sites_thirty(stage):
    """thirty vhosts with certificates of their own on one port"""
    leaf = PAPERS.leaf("*.many.test")
    own = PAPERS.leaf("s17.many.test")
    stage.serve([site(stage, f"s{n}.many.test", own if n == 17 else leaf) for n in range(30)])
    for number in (0, 7, 17, 29):
        name = f"s{number}.many.test"
        equal(page(stage, name), (200, name))
        equal(certificate(stage, name), fingerprint((own if number == 17 else leaf)[0]), name)


@case
def sites_have_their_own_rules(stage):
    """versions, suites, ALPN and client certificates belong to a vhost, not to the port"""
    stage.serve([site(stage, "first.test"), site(stage, "twelve.test",
                                                 ssl_option_set="536870912"),
                 site(stage, "thirteen.test", ssl_option_set="134217728", alpn="",
                      tls13_ciphers="TLS_CHACHA20_POLY1305_SHA256"), certified(stage)])
    equal(page(stage, "first.test", using=settings(versions="1.3"))[0], 200)
    equal(refusal(stage, "twelve.test", settings(versions="1.3")),
          "tlsv1_alert_protocol_version")
    equal(page(stage, "twelve.test"), (200, "twelve.test"))
    with SecureWire(stage.port, "thirteen.test") as link:
        equal((link.sock.version(), link.sock.cipher()[0], link.sock.selected_alpn_protocol()),
              ("TLSv1.3", "TLS_CHACHA20_POLY1305_SHA256", None))
    equal(refusal(stage, "mutual.test"), "tlsv13_alert_certificate_required")
    using = settings(certificate=good())
    equal(page(stage, "mutual.test", using=using), (200, "mutual.test"))


@case
def sites_plain_and_tls(stage):
    """the same name plain on another port, with pages of its own"""
    plain = free_port()
    stage.file("plain/index.html", "plain")
    stage.serve([site(stage, "stage.test"), stage.vhost(
        [stage.mount("/", f"file://{stage.root}/plain")], port=str(plain))])
    equal(page(stage, "stage.test"), (200, "stage.test"))
    secure, stage.port = stage.port, plain
    equal(stage.ask("/").body, b"plain")
    equal(stage.ask("/", host=f"stage.test:{secure}").body, b"plain")
    stage.port = secure


@case
def sites_host_is_not_sni(stage):
    """a Host of another vhost: 421 and never its page; an unknown Host stays"""
    stage.serve([site(stage, "first.test"), site(stage, "other.test"),
                 site(stage, "*.wild.test"), certified(stage)])
    table = {("first.test", "other.test"): 421, ("other.test", "first.test"): 421,
             ("first.test", "OTHER.TEST"): 421, ("first.test", "a.other.test"): 421,
             ("first.test", f"other.test:{stage.port}"): 421, ("first.test", "a.wild.test"): 421,
             ("first.test", "mutual.test"): 421, ("first.test", "MUTUAL.test."): 421,
             ("a.wild.test", "b.wild.test"): 200, ("first.test", "FIRST.TEST"): 200,
             ("first.test", "unknown.test"): 200, ("other.test", "unknown.test"): 200,
             ("other.test", "127.0.0.1"): 200, ("first.test", "x.first.test"): 200,
             (None, "first.test"): 200, (None, "other.test"): 421, (None, "mutual.test"): 421}
    for (sni, host), status in table.items():
        got, body = page(stage, sni, host, using=settings(check=sni is not None))
        equal(got, status, f"SNI {sni}, Host {host}")
        shown = {"a.wild.test": "*.wild.test", None: "first.test"}.get(sni, sni)
        if status == 200:
            equal(body, shown, f"SNI {sni}, Host {host}")
        else:
            matches("421", body)
            true("mutual" not in body and "other" not in body, f"the other page: {body}")
    using = settings(certificate=good())
    equal(page(stage, "mutual.test", "first.test", using=using)[0], 421)
    equal(page(stage, "mutual.test", "unknown.test", using=using), (200, "mutual.test"))


@case
def sites_misdirected_keeps_the_connection(stage):
    """421 within a kept connection; the next request of it is answered; an absolute target
    counts like a Host"""
    stage.serve([site(stage, "first.test"), certified(stage)])
    with SecureWire(stage.port, "first.test") as link:
        for host, status in (("first.test", 200), ("mutual.test", 421), ("first.test", 200)):
            link.send(request(host=host, close=False))
            equal(link.response().status, status, host)
        link.send(request("https://mutual.test/", host="first.test", close=False))
        within(link.response().status, {400, 421})


@case
def client_certificates(stage):
    """good: the page, and its subject in the log; none, self-signed, foreign, expired: refused"""
    path = os.path.join(stage.logs, "access")
    stage.serve([site(stage, "first.test"), certified(stage, access_log=path)])
    bad = {"none": (None, "certificate_required", "handshake_failure"),
           "self": (PAPERS.leaf("bob", issuer=None, usage="clientAuth"), "unknown_ca"),
           "foreign": (PAPERS.leaf("bob", issuer="foreign", usage="clientAuth"), "unknown_ca"),
           "expired": (PAPERS.leaf("bob", expired=True, usage="clientAuth"),
                       "certificate_expired"),
           "of a server": (PAPERS.leaf("bob"), "certificate")}
    for version in ("1.2", "1.3"):
        using = settings(versions=version, certificate=good())
        equal(page(stage, "mutual.test", using=using), (200, "mutual.test"))
        for what, (pair, *words) in bad.items():
            got = refusal(stage, "mutual.test", settings(versions=version, certificate=pair))
            true("alert" in got and any(word in got for word in words),
                 f"{what}, TLS {version}: {got}")
    subject = openssl("x509", "-in", good()[0], "-noout", "-subject", "-nameopt", "rfc2253")
    shown = lines(path, 2)
    for line in shown:
        equal(line.split(" ")[2], subject.strip().split("=", 1)[1], "user in the log")
    equal(len(shown), 2, "requests that were answered")


@case
def client_certificate_chains(stage):
    """a client's certificate of an authority in the middle, sent with its chain; s_client and
    curl with certificates"""
    stage.serve([certified(stage)])
    pair = PAPERS.leaf("eve", issuer="middle", usage="clientAuth")
    using = settings(certificate=pair)
    equal(page(stage, "mutual.test", using=using), (200, "mutual.test"))
    pem, key = PAPERS.leaf("ann", "rsa", usage="clientAuth")
    out = stage.curl("--cacert", PAPERS.authority("root"), "--cert", pem, "--key", key,
                     "--resolve", f"mutual.test:{stage.port}:127.0.0.1",
                     f"https://mutual.test:{stage.port}/")
    equal(out, b"mutual.test")
    text = s_client(stage, "-cert", pem, "-key", key, sni="mutual.test")
    matches("Acceptable client certificate CA names\nCN = root\n", text)
    matches("\r\n\r\nmutual.test", text)


@case
def client_certificate_without_ca(stage):
    """client-cert-required without host-ssl-ca lets nobody in; others are served"""
    stage.serve([site(stage, "first.test"), site(stage, "mutual.test",
                                                 client_cert_required="1")])
    for pair in (None, good()):
        got = refusal(stage, "mutual.test", settings(certificate=pair))
        true("alert" in got, got)
    equal(page(stage, "first.test")[0], 200)


@case
def resumption(stage):
    """tickets of TLS 1.2 and 1.3 are used again, by -reconnect too; each TLS 1.3 handshake
    gives one"""
    stage.serve([site(stage, "first.test")])
    for version in ("-tls1_2", "-tls1_3"):
        session = os.path.join(stage.root, "session" + version)
        text = s_client(stage, version, "-sess_out", session, sni="first.test")
        matches("New, TLSv1", text, version)
        if version == "-tls1_3":
            equal(text.count("Post-Handshake New Session Ticket arrived"), 1, "tickets")
        for _ in range(3):
            text = s_client(stage, version, "-sess_in", session, sni="first.test")
            matches(r"Reused, TLSv1.*\r\n\r\nfirst.test", text, version)
    text = s_client(stage, "-tls1_2", "-reconnect", sni="first.test")
    equal(len(re.findall("Reused, TLSv1.2", text)), 5, "-reconnect")


@case
def resumption_after_restart(stage):
    """a ticket of the process before is not taken, and the connection works all the same"""
    server = stage.serve([site(stage, "first.test")])
    for version in ("-tls1_2", "-tls1_3"):
        s_client(stage, version, "-sess_out", os.path.join(stage.root, "old" + version),
                 sni="first.test")
    server.stop()
    stage.spawn("-c", os.path.join(stage.root, "conf")).ready(stage.port)
    for version in ("-tls1_2", "-tls1_3"):
        text = s_client(stage, version, "-sess_in", os.path.join(stage.root, "old" + version),
                        sni="first.test")
        matches(r"New, TLSv1.*\r\n\r\nfirst.test", text, version)


@case
def tickets_belong_to_a_vhost(stage):
    """no tickets where certificates are required; those of others do not get in there, neither
    with another name nor with the same one on another port"""
    port = free_port()
    twin = certified(stage, "first.test")
    twin["port"] = str(port)
    stage.serve([site(stage, "first.test"), site(stage, "other.test"), certified(stage), twin])
    pem, key = good()
    for version in ("-tls1_2", "-tls1_3"):
        session = os.path.join(stage.root, "open" + version)
        s_client(stage, version, "-sess_out", session, sni="first.test")
        for sni, at in (("mutual.test", stage.port), ("first.test", port)):
            resume = (version, "-sess_in", session)
            text = s_client(stage, *resume, sni=sni, port=at)
            true("HTTP/1.1 200" not in text and "Reused" not in text, f"got in: {text[-800:]}")
            matches("alert", text, f"{sni} {at}")
            text = s_client(stage, *resume, "-cert", pem, "-key", key, sni=sni, port=at)
            matches("New, TLSv1.*HTTP/1.1 200", text, f"{sni} with a certificate")
        text = s_client(stage, version, "-sess_in", session, sni="other.test")
        matches(r"New, TLSv1.*\r\n\r\nother.test", text, "another open vhost")
        text = s_client(stage, version, "-cert", pem, "-key", key, sni="mutual.test")
        matches("HTTP/1.1 200", text)
        true("TLS session ticket:" not in text and "Post-Handshake" not in text, "a ticket")


@case
def tickets_off(stage):
    """SSL_OP_NO_TICKET in ssl-option-set: no ticket is given"""
    stage.serve([site(stage, "first.test", ssl_option_set="16384")])
    for version in ("-tls1_2", "-tls1_3"):
        text = s_client(stage, version, sni="first.test")
        matches("HTTP/1.1 200", text)
        true("TLS session ticket:" not in text and "Post-Handshake" not in text, version)
