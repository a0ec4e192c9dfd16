"""What goes over established TLS connections: big and small, kept, renewed, cut off."""

import concurrent.futures
import hashlib
import os
import signal
import socket
import ssl
import struct

from secure import PAPERS, Client, SecureWire, ask, request, s_client, settings, vhost
from stage import PATIENCE_SECS, Failed, case, equal, eventually, matches, true, within

BIG_BYTES = 100 << 20


def serve(stage, **keys):
    """A TLS vhost with the stage's files."""
    return stage.serve([vhost(stage)], **keys)


def digest(path):
    """SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def curl(stage, *arguments, path="/big.txt"):
    """curl with the root and the name of the stage."""
    return stage.curl("--cacert", PAPERS.authority("root"), "--resolve",
                      f"stage.test:{stage.port}:127.0.0.1", *arguments,
                      f"https://stage.test:{stage.port}{path}")


@case
def tls_big_file(stage):
    """100 MiB, byte for byte, with both versions and every kind of cipher"""
    path = stage.big("docs/big.txt", BIG_BYTES)
    serve(stage)
    out = os.path.join(stage.root, "out")
    curl(stage, "-o", out)
    equal(digest(out), digest(path), "the whole")
    wanted = digest(stage.big("docs/ten.txt", 10 << 20))
    for more in (("--tlsv1.3", "--tls13-ciphers", "TLS_CHACHA20_POLY1305_SHA256"),
                 ("--tlsv1.3", "--tls13-ciphers", "TLS_AES_128_GCM_SHA256"),
                 ("--tls-max", "1.2", "--ciphers", "ECDHE-ECDSA-AES256-GCM-SHA384"),
                 ("--tls-max", "1.2", "--ciphers", "ECDHE-ECDSA-CHACHA20-POLY1305")):
        curl(stage, *more, "-o", out, path="/ten.txt")
        equal(digest(out), wanted, str(more))


@case
def tls_ranges_and_heads(stage):
    """ranges of a big file, HEAD, 304, 416 over TLS are as without"""
    path = stage.big("docs/big.txt", 3_000_001)
    serve(stage)
    with open(path, "rb") as file:
        whole = file.read()
    for first, last in ((0, 0), (16383, 16384), (1_000_000, 2_000_000), (2_999_999, 3_000_000)):
        answer = ask(stage, "/big.txt", f"Range: bytes={first}-{last}")
        equal((answer.status, answer.body == whole[first:last + 1]), (206, True), f"{first}")
    equal(ask(stage, "/big.txt", "Range: bytes=3000001-").status, 416)
    answer = ask(stage, "/big.txt", method="HEAD")
    equal((answer.status, answer.get("content-length")), (200, "3000001"))
    tag = answer.get("etag")
    equal(ask(stage, "/big.txt", f"If-None-Match: {tag}").status, 304)
    equal(ask(stage, "/big.txt").body == whole, True, "the whole file")
    part = stage.file("part", whole[:1_234_567])
    curl(stage, "-C", "-", "-o", part)
    equal(digest(part), digest(path), "the resumed file")


@case
def tls_sizes(stage):
    """files of every size around record and buffer limits, over one kept connection"""
    sizes = [0, 1, 2, *(base + more for base in (1024, 4096, 8192, 16384, 32768, 65536)
                        for more in (-300, -1, 0, 1, 300))]
    for size in sizes:
        stage.big(f"docs/{size}.txt", size)
    serve(stage)
    for version in ("1.2", "1.3"):
        with SecureWire(stage.port, using=settings(versions=version)) as link:
            for size in sizes:
                link.send(request(f"/{size}.txt", close=False))
                answer = link.response()
                with open(os.path.join(stage.docs, f"{size}.txt"), "rb") as file:
                    equal((answer.status, answer.body == file.read()), (200, True), f"{size}")


@case
def tls_many_at_once(stage):
    """sixteen downloads of 8 MiB at a time are all whole"""
    path = stage.big("docs/big.txt", 8 << 20)
    serve(stage)
    with open(path, "rb") as file:
        whole = file.read()
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: ask(stage, "/big.txt").body == whole, range(32)))
    equal(found, [True] * 32)


@case
def tls_pipelining(stage):
    """fifty requests in one record, and one request in fifty records"""
    serve(stage)
    with SecureWire(stage.port) as link:
        link.send(request("/small.txt", close=False) * 50)
        for number in range(50):
            equal(link.response().body, b"abcdefghijklmnopqrstuvwxyz", f"answer {number}")
        for byte in request("/small.txt", close=False):
            link.send(bytes([byte]))
        equal(link.response().status, 200)


@case
def tls_uploads(stage):
    """short bodies are read away and the connection goes on; a long one ends in an answer too"""
    serve(stage)
    for version in ("1.2", "1.3"):
        with SecureWire(stage.port, using=settings(versions=version)) as link:
            for size in (1, 16384, 16385, 60000):
                link.send(request("/small.txt", f"Content-Length: {size}", method="POST",
                                  close=False, body=b"x" * size))
                within(link.response("POST").status, {200, 405})
            link.send(request("/small.txt", "Transfer-Encoding: chunked", method="POST",
                              close=False, body=b"8000\r\n" + b"y" * 0x8000 + b"\r\n0\r\n\r\n"))
            within(link.response("POST").status, {200, 405})
            link.send(request("/small.txt", close=False))
            equal(link.response().body, b"abcdefghijklmnopqrstuvwxyz")
        answer = ask(stage, "/small.txt", f"Content-Length: {1 << 20}", method="POST",
                     body=b"x" * (1 << 20), using=settings(versions=version))
        within(answer.status, {200, 405})
    upload = stage.big("upload", 32 << 20)
    code = curl(stage, "-o", os.devnull, "-w", "%{http_code}", "-T", upload, path="/small.txt")
    within(code, {b"200", b"405"})


@case
def tls_slow_reader(stage):
    """a client that takes nothing is dropped after send-timeout-secs"""
    stage.big("docs/big.txt", 64 << 20)
    server = serve(stage, send_timeout_secs="1")
    ask(stage)
    base = server.sockets()
    with socket.socket() as link:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        link.connect(("127.0.0.1", stage.port))
        link.settimeout(PATIENCE_SECS)
        with settings().wrap_socket(link, server_hostname="stage.test") as secure:
            secure.sendall(request("/big.txt"))
            secure.recv(1)
            eventually(lambda: server.sockets() <= base, "the connection was dropped")
    equal(ask(stage).status, 200)


@case
def tls_slow_head(stage):
    """a head that comes byte by byte, each in a record, is given up after header-timeout-secs"""
    server = serve(stage, timeout_secs="3", header_timeout_secs="2")
    for version in ("1.2", "1.3"):
        with SecureWire(stage.port, using=settings(versions=version)) as link:
            link.send(b"GET / HTTP/1.1\r\nHost: stage.test\r\nX: ")

            def given_up(link=link):
                link.send(b"a")
                return link.ends(0.2)
            eventually(given_up, "the connection is closed")
            equal(link.ragged, False, "close_notify")
            true(link.received in (b"",) or link.received.startswith(b"HTTP/1.1 408"),
                 f"{bytes(link.received[:80])!r}")
    equal(ask(stage).status, 200)
    server.alive()


@case
def tls_keep_alive_ends(stage):
    """an idle connection ends with close_notify after keepalive-timeout"""
    stage.serve([vhost(stage, keepalive_timeout="1")])
    for version in ("1.2", "1.3"):
        with SecureWire(stage.port, using=settings(versions=version)) as link:
            link.send(request(close=False))
            equal(link.response().status, 200)
            true(link.ends(30), "the idle connection is closed")
            equal(link.ragged, False, f"close_notify with TLS {version}")


@case
def tls_end_of_the_server(stage):
    """SIGTERM: downloads are finished, idle connections end with close_notify, and so do those in
    the middle of a handshake"""
    size = 24 << 20
    stage.big("docs/big.txt", size)
    server = serve(stage)
    links = []
    for version in ("1.2", "1.3"):
        busy = SecureWire(stage.port, using=settings(versions=version))
        busy.send(request("/big.txt", close=False))
        while len(busy.received) < 100_000:
            busy.fill()
        idle = SecureWire(stage.port, using=settings(versions=version))
        idle.send(request(close=False))
        equal(idle.response().status, 200)
        links.append((busy, idle))
    half = socket.create_connection(("127.0.0.1", stage.port), PATIENCE_SECS)
    half.sendall(b"\x16\x03\x01\x02\x00\x01")
    server.signal(signal.SIGTERM)
    for busy, idle in links:
        true(idle.ends(PATIENCE_SECS) and not idle.ragged, "close_notify when idle")
        equal(len(busy.response().body), size)
        true(busy.ends(PATIENCE_SECS) and not busy.ragged, "close_notify after the file")
    half.close()
    equal(server.child.wait(PATIENCE_SECS), 0, "exit code")


@case
def tls_threads(stage):
    """with three threads tickets of one are good at the others, and client certificates hold"""
    stage.serve([vhost(stage), vhost(stage, "mutual.test", client_cert_required="1",
                                     host_ssl_ca=PAPERS.authority("root"))], count_threads="3")
    session = os.path.join(stage.root, "session")
    for version in ("-tls1_2", "-tls1_3"):
        s_client(stage, version, "-sess_out", session)
        for _ in range(8):
            text = s_client(stage, version, "-sess_in", session)
            matches("Reused, TLSv1.*home page", text, version)
        for _ in range(4):
            text = s_client(stage, version, "-sess_in", session, sni="mutual.test")
            true("HTTP/1.1" not in text, "got in")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: ask(stage, "/small.txt").status, range(100)))
    equal(set(found), {200})


@case
def tls_key_update(stage):
    """KeyUpdate of the client, asking for ours and not, again and again, also while a file is
    sent"""
    stage.big("docs/big.txt", 8 << 20)
    serve(stage)
    client = Client(stage, "-tls1_3")
    client.see("Post-Handshake New Session Ticket arrived")
    client.say(request("/small.txt", close=False))
    client.see("abcdefghijklmnopqrstuvwxyz")
    for number in range(1, 5):
        for letter in (b"K\n", b"k\n"):
            before = client.text().count("KEYUPDATE")
            client.say(letter)
            eventually(lambda: client.text().count("KEYUPDATE") > before, "it updates")
        client.say(request("/small.txt", close=False))
        client.see("(abcdefghijklmnopqrstuvwxyz.*){%d}" % (number + 1))
    client.say(request("/big.txt", close=False))
    client.see("000000000000002\n")
    client.say(b"K\n")
    eventually(lambda: client.text().count("KEYUPDATE") == 9, "it updates")
    client.see("%015d\n" % 65535)
    client.say(request("/small.txt"))
    text = client.end()
    equal(text.count("HTTP/1.1 200"), 7, "answers")
    true("unexpected eof" not in text, "close_notify came")


@case
def tls_renegotiation(stage):
    """TLS 1.2: a second handshake is refused, and nothing more is answered in it"""
    server = serve(stage)
    client = Client(stage, "-tls1_2")
    client.see("Extended master secret")
    client.say(request("/small.txt", close=False))
    client.see("abcdefghijklmnopqrstuvwxyz")
    client.say(b"R\n")
    client.see("RENEGOTIATING")
    text = client.end()
    matches("no renegotiation|unexpected message|handshake failure", text)
    equal(text.count("HTTP/1.1"), 1, "answers")
    matches("Secure Renegotiation IS supported", text)
    equal(ask(stage).status, 200)
    server.alive()


@case
def tls_close_notify(stage):
    """close_notify comes from the server and is taken from the client, in both versions"""
    server = serve(stage)
    base = eventually(lambda: ask(stage) and server.sockets(), "it serves")
    for version in ("1.2", "1.3"):
        text = s_client(stage, f"-tls{version.replace('.', '_')}")
        matches("home page.*(closed|read:errno=0)", text)
        true("unexpected eof" not in text, version)
        with SecureWire(stage.port, using=settings(versions=version)) as link:
            link.send(request(close=False))
            equal(link.response().status, 200)
            link.sock.setblocking(True)
            link.sock.settimeout(PATIENCE_SECS)
            link.sock.unwrap()  # waits for the server's
    eventually(lambda: server.sockets() <= base, "all connections are gone")


@case
def tls_requests_before_close_notify(stage):
    """requests in front of the client's close_notify are answered, those after it are not"""
    serve(stage)
    for version in ("1.2", "1.3"):
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        using = settings(versions=version)
        inner = using.wrap_bio(incoming, outgoing, server_hostname="stage.test")
        with socket.create_connection(("127.0.0.1", stage.port), PATIENCE_SECS) as link:
            shake(link, inner, incoming, outgoing)
            inner.write(request("/small.txt", close=False))
            try:
                inner.unwrap()
            except ssl.SSLWantReadError:
                pass
            link.sendall(outgoing.read())
            got = b""
            while part := link.recv(65536):
                got += part
            incoming.write(got)
            matches(b"HTTP/1.1 200.*abcdefghijklmnopqrstuvwxyz", inner.read(100_000), version)


def shake(link, inner, incoming, outgoing):
    """Makes the handshake of `wrap_bio` over a socket."""
    while True:
        try:
            inner.do_handshake()
            link.sendall(outgoing.read())
            return
        except ssl.SSLWantReadError:
            link.sendall(outgoing.read())
            part = link.recv(65536)
            if not part:
                raise Failed("the server ends within the handshake") from None
            incoming.write(part)


@case
def tls_truncation(stage):
    """clients that cut the connection anywhere, with FIN or RST, leave nothing behind"""
    stage.big("docs/big.txt", 4 << 20)
    server = serve(stage)
    ask(stage)
    base = server.sockets()
    texts = (b"", b"GET /sm", request("/big.txt"), request(close=False) * 3,
             request("/small.txt", "Content-Length: 99999", method="POST", body=b"half"))
    for version in ("1.2", "1.3"):
        for reset in (False, True):
            for text in texts:
                link = SecureWire(stage.port, using=settings(versions=version))
                link.sock.setblocking(True)
                if text:
                    link.sock.sendall(text)
                raw = socket.socket(fileno=link.sock.detach())
                if reset:
                    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                else:
                    raw.shutdown(socket.SHUT_WR)
                raw.close()
    eventually(lambda: server.sockets() <= base, "all connections are gone")
    equal(ask(stage).status, 200)
    server.alive()


@case
def tls_file_truncated_while_sent(stage):
    """the file shrinks while it is sent: the end comes without close_notify, so that a client
    cannot take the part for the whole"""
    path = stage.big("docs/big.txt", 64 << 20)
    server = serve(stage)
    with SecureWire(stage.port) as link:
        link.send(request("/big.txt"))
        while len(link.received) < 100_000:
            link.fill()
        os.truncate(path, 1 << 20)
        true(link.ends(30), "it ends")
        true(len(link.received) < 64 << 20, "the rest cannot have been sent")
    equal(ask(stage).status, 200)
    server.alive()


@case
def tls_load_of_short_connections(stage):
    """300 connections with a handshake each, four at a time"""
    serve(stage)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: ask(stage, "/small.txt").status, range(300)))
    equal(set(found), {200})


def data_segments_in(sock):
    """How many segments with data have come (tcpi_data_segs_in of Linux)."""
    return struct.unpack_from("=I", sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192),
                              152)[0]


@case
def tickets_leave_with_the_answer(stage):
    """the ticket of TLS 1.3 and the answer are one segment when the request came with the end of
    the handshake; without a request the ticket comes at once"""
    serve(stage)
    for asked in (True, False):
        inward, outward = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = settings(versions="1.3").wrap_bio(inward, outward, server_hostname="stage.test")
        with socket.create_connection(("127.0.0.1", stage.port), 10) as link:
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

            def take():
                inward.write(link.recv(65536))
            while True:
                try:
                    client.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    if outward.pending:
                        link.sendall(outward.read())
                    take()
            before = data_segments_in(link)
            if asked:
                client.write(request(close=False))
            link.sendall(outward.read())
            got = b""
            while b"home page" not in got and not (client.session.has_ticket and not asked):
                take()
                try:
                    got += client.read(65536)
                except ssl.SSLWantReadError:
                    pass
            true(client.session.has_ticket, "a ticket")
            equal(data_segments_in(link) - before, 1, f"segments, asked: {asked}")
