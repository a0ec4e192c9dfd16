"""What is not TLS on a port that speaks TLS, and TLS that never becomes any."""

import socket
import struct

from secure import PAPERS, SecureWire, ask, raw, s_client, settings, vhost
from stage import PATIENCE_SECS, case, equal, matches, true, within

SSL2_HELLO = bytes.fromhex("802e0100020015000000100100800300800700c0060040020080040080000000"
                           "00000000000000000000000000000000")
PROTOCOL_VERSION = bytes.fromhex("15030300020246")


def serve(stage, **keys):
    """A TLS vhost."""
    return stage.serve([vhost(stage, **keys)])


@case
def plain_http_is_told(stage):
    """plain HTTP without allow-non-tls: a 400 page, not a reset, and the end"""
    serve(stage)
    for method in ("GET", "POST", "HEAD", "OPTIONS"):
        answer = stage.ask("/small.txt?x=1", method=method)
        equal(answer.status, 400, method)
        equal(answer.get("connection"), "close", method)
        if method != "HEAD":
            matches("This port speaks TLS", answer.body.decode(), method)
    answer = stage.ask("/", host="unknown.test")
    equal(answer.status, 400, "an unknown host")
    out = stage.curl("-i", f"http://127.0.0.1:{stage.port}/").decode()
    matches("^HTTP/1.1 400 .*This port speaks TLS", out)
    got = raw(stage, b"POST /x HTTP/1.1\r\nHost: stage.test\r\nContent-Length: 9\r\n\r\n123456789"
              b"GET / HTTP/1.1\r\nHost: stage.test\r\n\r\n")
    equal(got.count(b"HTTP/1.1 "), 1, "answers before the end")


@case
def plain_http_is_redirected(stage):
    """allow-non-tls with redirect-http: 301, and 308 for POST, with path, query and port"""
    serve(stage, allow_non_tls="1", redirect_http="1")
    port = stage.port
    for method, status in (("GET", 301), ("HEAD", 301), ("POST", 308), ("PUT", 308)):
        answer = stage.ask("/a%20b/c?x=1&y=%2F", method=method, host=f"stage.test:{port}")
        equal((answer.status, answer.get("location")),
              (status, f"https://stage.test:{port}/a%20b/c?x=1&y=%2F"), method)
    for host, wanted in ((f"127.0.0.1:{port}", f"127.0.0.1:{port}"),
                         (f"evil.test:{port}", f"stage.test:{port}"),
                         ("evil.test", f"stage.test:{port}"),
                         (f"a.stage.test:{port}", f"a.stage.test:{port}")):
        equal(stage.ask("/", host=host).get("location"), f"https://{wanted}/", host)
    out = stage.curl("-L", "--cacert", PAPERS.authority("root"), "--resolve",
                     f"stage.test:{port}:127.0.0.1", f"http://stage.test:{port}/small.txt")
    equal(out, b"abcdefghijklmnopqrstuvwxyz")
    equal(ask(stage).status, 200)


@case
def plain_http_is_served(stage):
    """allow-non-tls with allow-http-on-https: served, kept alive, beside TLS; no sts there"""
    serve(stage, allow_non_tls="1", allow_http_on_https="1", sts="1")
    with stage.connect() as link:
        for _ in range(3):
            link.send(b"GET /small.txt HTTP/1.1\r\nHost: stage.test\r\n\r\n")
            answer = link.response()
            equal((answer.status, answer.body), (200, b"abcdefghijklmnopqrstuvwxyz"))
    equal(ask(stage).get("strict-transport-security"), "max-age=15768000 ; includeSubDomains")


@case
def plain_http_follows_the_vhost(stage):
    """each vhost of the port has its own rule, and one with client certificates never serves"""
    stage.serve([vhost(stage, "refuse.test"),
                 vhost(stage, "serve.test", allow_non_tls="1", allow_http_on_https="1"),
                 vhost(stage, "go.test", allow_non_tls="1", redirect_http="1"),
                 vhost(stage, "mutual.test", allow_non_tls="1", redirect_http="1",
                       host_ssl_ca=PAPERS.authority("root"), client_cert_required="1")])
    for host, status in (("refuse.test", 400), ("serve.test", 200), ("go.test", 301),
                         ("mutual.test", 301), ("unknown.test", 400)):
        equal(stage.ask("/", host=host).status, status, host)
    code, text = stage.run("-t", "-c", stage.configure([vhost(
        stage, "mutual.test", allow_non_tls="1", allow_http_on_https="1", client_cert_required="1",
        host_ssl_ca=PAPERS.authority("root"))]))
    equal(code, 78, text)
    matches("without a certificate", text)


@case
def plain_port_is_no_tls(stage):
    """TLS on a plain port: a 400 or the end, and the server lives"""
    server = stage.serve()
    got = raw(stage, b"\x16\x03\x01\x00\xa5\x01" + bytes(164))
    true(got == b"" or got.startswith(b"HTTP/1.1 400"), f"{got!r}")
    equal(stage.ask("/").status, 200)
    server.alive()


@case
def first_bytes_that_are_nothing(stage):
    """garbage, an SSL 2 hello, other protocols: 400 or an alert, then the end"""
    server = serve(stage)
    for data in (SSL2_HELLO, b"SSH-2.0-OpenSSH_9.2\r\n", b"\0" * 300, b"\xff" * 300,
                 b"\x80\x80\x01\x03\x01" + bytes(200), b"EHLO stage.test\r\n\r\n",
                 b"\x05\x01\x00", b"\x15\x03\x01\x00\x02\x01\x00", b"PRI * HTTP/2.0\r\n\r\nSM\r\n"):
        got = raw(stage, data, finish=True)
        true(got == b"" or got.startswith(b"HTTP/1."), f"{data[:20]!r}: {got[:60]!r}")
    for data in (b"\x16\x02\x00\x00\x05", b"\x16\x16\x16\x16\x16"):
        got = raw(stage, data + bytes(20), finish=True)
        true(got[:1] in (b"", b"H", b"\x15"), f"{data!r}: {got[:60]!r}")
    for data in (b"\x16\x03\x01\x00\x04\x02\x00\x00\x00", b"\x16\x03\x01\xff\xff" + bytes(300),
                 b"\x16\x03\x01\x00\x00", b"\x16\x03\x01\x00\x04\x01\xff\xff\xff",
                 b"\x16\x03\x01\x00\x09\x01\x00\x00\x05\x03\x03aaa",
                 b"\x16\x03\x01\x00\x04\x01\x00\x00\x00"):
        got = raw(stage, data, finish=True)
        true(got == b"" or (got[:2], got[5:6]) == (b"\x15\x03", b"\x02"), f"{data[:20]!r}: {got!r}")
    equal(ask(stage).status, 200)
    server.alive()


@case
def old_hellos(stage):
    """a hello of SSL 3, TLS 1.0 or 1.1 is answered with the alert protocol_version, exactly"""
    serve(stage)
    for version in (0x0300, 0x0301, 0x0302):
        hello = struct.pack(">H32sB", version, b"r" * 32, 0) + b"\x00\x04\x00\x2f\x00\x35\x01\x00"
        message = b"\x01" + len(hello).to_bytes(3, "big") + hello
        record = b"\x16" + struct.pack(">HH", version, len(message)) + message
        equal(raw(stage, record), PROTOCOL_VERSION, hex(version))
        equal(raw(stage, record[:5], finish=True), b"", "half of it")
    equal(ask(stage).status, 200)


@case
def tls_to_a_port_of_two_kinds(stage):
    """a plain vhost that shares the port of a TLS one has no handshake of its own to show"""
    stage.file("plain/index.html", "the plain one")
    stage.serve([vhost(stage), stage.vhost([stage.mount("/", f"file://{stage.root}/plain")],
                                           name="plain.test")])
    equal(ask(stage).status, 200)
    using = settings(check=False)
    with SecureWire(stage.port, "plain.test", using) as link:
        link.send(b"GET / HTTP/1.1\r\nHost: plain.test\r\nConnection: close\r\n\r\n")
        answer = link.response()
        within(answer.status, {200, 421})
    text = s_client(stage, sni="plain.test")
    matches("Server certificate", text)


@case
def a_client_that_only_closes(stage):
    """connections that are opened and closed, or half closed, leave nothing behind"""
    server = serve(stage)
    equal(ask(stage).status, 200)
    for number in range(50):
        link = socket.create_connection(("127.0.0.1", stage.port), 10)
        if number % 2:
            link.settimeout(PATIENCE_SECS)
            link.shutdown(socket.SHUT_WR)
            equal(link.recv(10), b"", "nothing is sent")
        link.close()
    equal(ask(stage).status, 200)
    server.alive()
