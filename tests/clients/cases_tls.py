"""TLS: keys, chains, versions, suites, groups, ALPN."""

import os
import re

from secure import PAPERS, Client, ask, openssl, read, refusal, request, s_client, settings, vhost
from stage import case, equal, matches

SUITES_12 = {"p256": ("ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-GCM-SHA256",
                      "ECDHE-ECDSA-CHACHA20-POLY1305"),
             "rsa": ("ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-AES128-GCM-SHA256",
                     "ECDHE-RSA-CHACHA20-POLY1305")}
SUITES_13 = ("TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256")
NO_TLS12 = "134217728"
NO_TLS13 = "536870912"


def serve(stage, *names_and_kinds, **keys):
    """A server with a vhost for each (name, kind of key)."""
    return stage.serve([vhost(stage, name, PAPERS.leaf(name, kind), **keys)
                        for name, kind in names_and_kinds])


def opened(stage, *arguments, **more):
    """Version and suite that s_client got, once the page has come; "" when it was refused."""
    text = s_client(stage, *arguments, **more)
    found = re.search(r"(?:New|Reused), (TLSv1\.\d), Cipher is (\S+)\n.*home page", text, re.S)
    return found.groups() if found else ""


@case
def tls_key_types(stage):
    """RSA-2048, P-256, P-384 and Ed25519 with TLS 1.2 and 1.3; the certificate is verified"""
    kinds = ("rsa", "p256", "p384", "ed25519")
    serve(stage, *((f"{kind}.test", kind) for kind in kinds))
    for kind in kinds:
        for version in ("1.2", "1.3"):
            answer = ask(stage, sni=f"{kind}.test", using=settings(versions=version))
            equal(answer.status, 200, f"{kind} with TLS {version}")
        text = s_client(stage, "-verify_return_error", sni=f"{kind}.test")
        matches(r"Verify return code: 0 \(ok\)", text, kind)
        matches(r"home page", text, kind)


@case
def tls_key_formats(stage):
    """PKCS#8, PKCS#1 and SEC1; key and certificate in one file, with text around them"""
    vhosts = []
    for name, kind, how in (("pkcs8.test", "rsa", None), ("pkcs1.test", "rsa", "rsa"),
                            ("sec1.test", "p256", "ec"), ("sec384.test", "p384", "ec")):
        pem, key = PAPERS.leaf(name, kind)
        title = "BEGIN PRIVATE KEY"
        if how:
            old, key = key, os.path.join(stage.root, name)
            more = ("-traditional",) if how == "rsa" else ()
            openssl(how, "-in", old, *more, "-out", key)
            os.chmod(key, 0o644)
            title = f"BEGIN {how.upper()} PRIVATE KEY"
        matches(title, read(key), name)
        vhosts.append(vhost(stage, name, (pem, key)))
    pem, key = PAPERS.leaf("both.test")
    params = openssl("ecparam", "-name", "prime256v1")
    both = stage.file("both.pem", f"Subject: both\n{read(key)}\r\n{params}remark\n{read(pem)}")
    vhosts.append(vhost(stage, "both.test", (both, both)))
    stage.serve(vhosts)
    for entry in vhosts:
        equal(ask(stage, sni=entry["name"]).status, 200, entry["name"])


@case
def tls_chain(stage):
    """a chain is sent whole: a client that knows the root alone trusts it; host-ssl-ca completes
    one that is not"""
    pem, key = PAPERS.leaf("chain.test", issuer="middle")
    alone = stage.file("alone.pem", openssl("x509", "-in", pem))
    middle = PAPERS.authority("middle")
    stage.serve([vhost(stage, "chain.test", (pem, key)),
                 vhost(stage, "short.test", (alone, key)),
                 vhost(stage, "made.test", (alone, key), host_ssl_ca=middle)])
    for name, count in (("chain.test", 2), ("short.test", 1), ("made.test", 2)):
        text = s_client(stage, "-showcerts", sni=name)
        equal(text.count("BEGIN CERTIFICATE"), count, f"certificates of {name}")
        code = "0 \\(ok\\)" if count == 2 else "21 "
        matches(f"Verify return code: {code}", text, name)
    resolve = ("--resolve", f"chain.test:{stage.port}:127.0.0.1")
    out = stage.curl("--cacert", PAPERS.authority("root"), *resolve,
                     f"https://chain.test:{stage.port}/small.txt")
    equal(out, b"abcdefghijklmnopqrstuvwxyz")


@case
def tls_chain_of_four_kilobytes(stage):
    """a flight that is longer than one buffer arrives whole, in both versions"""
    pem, key = PAPERS.leaf("long.test", "rsa", issuer="middle")
    long = stage.file("long.pem", read(pem) + read(PAPERS.authority("middle")) * 8)
    stage.serve([vhost(stage, "long.test", (long, key))])
    for version in ("-tls1_2", "-tls1_3"):
        text = s_client(stage, version, "-showcerts", sni="long.test")
        equal(text.count("BEGIN CERTIFICATE"), 10, version)
        matches("home page", text, version)


@case
def tls_suites(stage):
    """every suite can be chosen by the client; nothing else can"""
    serve(stage, ("p256.test", "p256"), ("rsa.test", "rsa"))
    for kind, suites in SUITES_12.items():
        for suite in suites:
            got = opened(stage, "-tls1_2", "-cipher", suite, sni=f"{kind}.test")
            equal(got, ("TLSv1.2", suite), suite)
    for suite in SUITES_13:
        got = opened(stage, "-tls1_3", "-ciphersuites", suite, sni="p256.test")
        equal(got, ("TLSv1.3", suite), suite)
    for suite in ("ECDHE-RSA-AES128-SHA256", "ECDHE-RSA-AES256-SHA", "AES128-GCM-SHA256",
                  "DHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-NULL-SHA", "AECDH-AES128-SHA"):
        text = s_client(stage, "-tls1_2", "-cipher", suite + ":@SECLEVEL=0", sni="rsa.test")
        matches("alert handshake failure", text, suite)


@case
def tls_old_versions(stage):
    """clients that know TLS 1.1 or less are told so with an alert"""
    server = serve(stage, ("stage.test", "rsa"))
    for version in ("-tls1", "-tls1_1"):
        text = s_client(stage, version, "-cipher", "ALL:@SECLEVEL=0")
        matches("alert protocol version", text, version)
    equal(ask(stage).status, 200)
    server.alive()


@case
def tls_versions_off(stage):
    """ssl-option-set turns versions off, ssl-option-clear turns them on again"""
    def both(name, **keys):
        return vhost(stage, name, **keys)
    stage.serve([both("none.test"), both("only13.test", ssl_option_set=NO_TLS12),
                 both("only12.test", ssl_option_set=NO_TLS13),
                 both("back.test", ssl_option_set=NO_TLS13, ssl_option_clear=NO_TLS13)])
    table = {"none.test": "12 13", "only13.test": "13", "only12.test": "12",
             "back.test": "12 13"}
    for name, spoken in table.items():
        for version in ("1.2", "1.3"):
            using = settings(versions=version)
            if version.replace(".", "")[-2:] in spoken.split():
                equal(ask(stage, sni=name, using=using).status, 200, f"{name} {version}")
            else:
                equal(refusal(stage, name, using), "tlsv1_alert_protocol_version",
                      f"{name} {version}")


@case
def tls_options_add_up(stage):
    """ssl-option-set written twice adds up; with both versions off both are spoken, said loudly"""
    conf = stage.configure([vhost(stage, ssl_option_set="4194304", ssl_option_clear="1")])
    site = os.path.join(conf, "conf.d", "site")
    twice = read(site).replace('"ssl-option-set": "4194304"',
                               f'"ssl-option-set": "{NO_TLS13}", "ssl-option-set": "4194304"')
    stage.file("conf/conf.d/site", twice)
    stage.spawn("-c", conf).ready(stage.port)
    equal(refusal(stage, using=settings(versions="1.3")), "tlsv1_alert_protocol_version")
    suites = SUITES_12["p256"]
    offers = [":".join([*suites[first:], *suites[:first]]) for first in range(3)]
    chosen = {opened(stage, "-cipher", offer) for offer in offers}
    equal(len(chosen), 1, f"the server's order counts: {chosen}")
    equal(chosen.pop()[0], "TLSv1.2")
    stage.file("conf/conf.d/site", twice.replace("4194304", NO_TLS12))
    code, text = stage.run("-t", "-c", conf)
    equal(code, 0, text)
    matches("turns off both TLS 1.2 and TLS 1.3: both are spoken", text)


@case
def tls_cipher_lists(stage):
    """ciphers and tls13-ciphers leave what they name, in the server's order"""
    stage.serve([vhost(stage, "one.test", ciphers="ECDHE-ECDSA-CHACHA20-POLY1305",
                       tls13_ciphers="TLS_AES_256_GCM_SHA384"),
                 vhost(stage, "order.test", tls13_ciphers=":".join(
                     ("TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256")),
                     ciphers="ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384"),
                 vhost(stage, "lws.test", ciphers="ECDHE-ECDSA-AES256-GCM-SHA384:"
                       "ECDHE-RSA-AES256-GCM-SHA384:DHE-RSA-AES256-GCM-SHA384:HIGH:!aNULL")])
    table = (("one.test", ("TLSv1.2", "ECDHE-ECDSA-CHACHA20-POLY1305"),
              ("TLSv1.3", "TLS_AES_256_GCM_SHA384")),
             ("order.test", ("TLSv1.2", "ECDHE-ECDSA-AES128-GCM-SHA256"),
              ("TLSv1.3", "TLS_CHACHA20_POLY1305_SHA256")),
             ("lws.test", ("TLSv1.2", "ECDHE-ECDSA-AES256-GCM-SHA384"), None))
    for name, twelve, thirteen in table:
        equal(opened(stage, "-tls1_2", sni=name), twelve, name)
        if thirteen:
            equal(opened(stage, "-tls1_3", sni=name), thirteen, name)
    for arguments in (("-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"),
                      ("-tls1_3", "-ciphersuites", "TLS_AES_128_GCM_SHA256")):
        matches("alert handshake failure", s_client(stage, *arguments, sni="one.test"))


@case
def tls_order_of_suites(stage):
    """without lists one suite is taken whatever the client prefers; ssl-option-clear lets it"""
    pair = PAPERS.leaf("stage.test", "p256")
    stage.serve([vhost(stage, "ours.test", leaf=pair),
                 vhost(stage, "theirs.test", leaf=pair, ssl_option_clear="4194304")])

    def chosen(name, first, twelve):
        """What is taken when the suite number `first` is the client's favourite."""
        key, version = ("-cipher", "-tls1_2") if twelve else ("-ciphersuites", "-tls1_3")
        suites = SUITES_12["p256"] if twelve else SUITES_13
        turned = [*suites[first:], *suites[:first]]
        _, taken = opened(stage, version, key, ":".join(turned), sni=name)
        return taken, turned[0]

    for twelve in (True, False):
        taken = {chosen("ours.test", first, twelve)[0] for first in range(3)}
        equal(len(taken), 1, f"ours: {taken}")
        for first in range(3):
            equal(*chosen("theirs.test", first, twelve), f"theirs, {first}")


@case
def tls_groups(stage):
    """each group works; a client whose key share is for another one is asked again; ecdh-curve"""
    pair = PAPERS.leaf("stage.test", "rsa")
    stage.serve([vhost(stage, leaf=pair), vhost(stage, "curve.test", ecdh_curve="prime256v1")])
    for group, shown in (("X25519", "X25519"), ("P-256", "ECDH, prime256v1"),
                         ("P-384", "ECDH, secp384r1")):
        for version in ("-tls1_2", "-tls1_3"):
            text = s_client(stage, version, "-groups", group)
            matches(f"Server Temp Key: {shown}", text, group + version)
            matches("home page", text, group + version)
    text = s_client(stage, "-tls1_3", "-groups", "P-521:X448:P-384", "-msg")
    matches("Server Temp Key: ECDH, secp384r1", text)
    equal(len(re.findall(">>>[^\n]*ClientHello", text)), 2, "hellos")
    matches("Server Temp Key: ECDH, prime256v1", s_client(stage, sni="curve.test"))
    for name, groups in (("curve.test", "X25519"), ("stage.test", "P-521")):
        matches("alert handshake failure", s_client(stage, "-groups", groups, sni=name), name)


@case
def tls_alpn(stage):
    """h2 and http/1.1 come to http/1.1; nothing in common, none asked and none offered work too"""
    stage.serve([vhost(stage), vhost(stage, "none.test", alpn=""),
                 vhost(stage, "both.test", alpn="h2,http/1.1")])
    for version in ("-tls1_2", "-tls1_3"):
        for name, asked, got in (("stage.test", "h2,http/1.1", "http/1.1"),
                                 ("stage.test", "http/1.0,odd", None),
                                 ("stage.test", "http/1.1", "http/1.1"),
                                 ("both.test", "h2,http/1.1", "http/1.1"),
                                 ("none.test", "h2,http/1.1", None)):
            text = s_client(stage, version, "-alpn", asked, sni=name)
            if got:
                matches(f"ALPN protocol: {got}\n", text, name)
            else:
                matches("No ALPN negotiated", text, name)
            matches("home page", text, name)
        matches("No ALPN negotiated.*home page", s_client(stage, version))
    out = stage.curl("--http2", "-o", os.devnull, "-w", "%{http_version} %{http_code}",
                     "-k", f"https://127.0.0.1:{stage.port}/")
    equal(out, b"1.1 200")


@case
def tls_default_alpn(stage):
    """default-alpn is for vhosts without alpn of their own"""
    stage.serve([vhost(stage), vhost(stage, "own.test", alpn="http/1.1")], default_alpn="")
    matches("No ALPN negotiated", s_client(stage, "-alpn", "h2,http/1.1"))
    matches("ALPN protocol: http/1.1\n",
            s_client(stage, "-alpn", "h2,http/1.1", sni="own.test"))


@case
def tls_sts(stage):
    """sts on every answer over TLS: pages, errors, redirects"""
    stage.serve([vhost(stage, sts="on", mounts=[stage.mount(), stage.mount("/m")])])
    for path, status in {"/": 200, "/missing.txt": 404, "/m": 301}.items():
        answer = ask(stage, path)
        equal(answer.status, status, path)
        equal(answer.get("strict-transport-security"),
              "max-age=15768000 ; includeSubDomains", path)
    matches(f"^https://stage.test:{stage.port}/m/$", ask(
        stage, "/m", host=f"stage.test:{stage.port}").get("location"))


@case
def tls_curl(stage):
    """curl: both versions, a kept connection, HTTP/1.0, a wrong name refused by curl"""
    serve(stage, ("stage.test", "p256"))
    base = ("--cacert", PAPERS.authority("root"))
    to = ("--resolve", f"stage.test:{stage.port}:127.0.0.1")
    url = f"https://stage.test:{stage.port}/small.txt"
    for more in (("--tls-max", "1.2"), ("--tlsv1.3",), ("-0",)):
        equal(stage.curl(*base, *to, *more, url), b"abcdefghijklmnopqrstuvwxyz", str(more))
    sinks = [part for _ in range(4) for part in ("-o", os.devnull)]
    out = stage.curl(*base, *to, *sinks, "-w", "%{num_connects}\n", *[url] * 4).split()
    equal(out, [b"1", b"0", b"0", b"0"], "connections made by each request")
    wrong = ("--resolve", f"wrong.test:{stage.port}:127.0.0.1")
    stage.curl(*base, *wrong, f"https://wrong.test:{stage.port}/", code=60)


@case
def tls_init_ssl(stage):
    """a certificate alone turns TLS on, init-ssl changes nothing, the start line says https"""
    for number, keys in enumerate(({}, {"init_ssl": "1"})):
        ground = stage if number == 0 else type(stage)()
        pem, key = PAPERS.leaf("stage.test")
        server = ground.serve([ground.vhost(host_ssl_cert=pem, host_ssl_key=key)], **keys)
        try:
            equal(ask(ground).status, 200, str(keys))
            matches(f"https://127.0.0.1:{ground.port}", server.log())
        finally:
            if ground is not stage:
                ground.end()


@case
def tls_ipv6(stage):
    """TLS on every address, and curl over IPv6"""
    pem, key = PAPERS.leaf("stage.test")
    stage.serve([stage.vhost(interface=None, host_ssl_cert=pem, host_ssl_key=key)])
    out = stage.curl("--cacert", PAPERS.authority("root"), "--resolve",
                     f"stage.test:{stage.port}:[::1]", f"https://stage.test:{stage.port}/small.txt")
    equal(out, b"abcdefghijklmnopqrstuvwxyz")
    equal(ask(stage).status, 200)


@case
def tls_odd_hellos(stage):
    """odd but right hellos: extensions missing or unknown, and handshakes one after the other"""
    serve(stage, ("stage.test", "rsa"))
    for arguments in (("-no_ticket",), ("-tls1_2", "-no_etm"), ("-no_middlebox",),
                      ("-tls1_2", "-no_ticket", "-legacy_server_connect"),
                      ("-sigalgs", "RSA-PSS+SHA256:RSA+SHA256"),
                      ("-max_send_frag", "512"), ("-status",), ("-record_padding", "256"),
                      ("-curves", "P-256:X25519:P-384:P-521")):
        matches("home page", s_client(stage, *arguments), str(arguments))
    client = Client(stage, "-ign_eof", "-reconnect", "-no_ticket", "-tls1_2")
    client.see("(New, TLSv1.2.*){6}")
    client.say(request())
    matches("home page", client.end())
