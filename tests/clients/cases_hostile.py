"""Clients that are slow, many, rude or gone, and files that change under the server."""

import os
import shutil
import socket
import struct
import time

from stage import Failed, case, descriptors, equal, eventually, matches, true, within

REQUEST = b"GET /small.txt HTTP/1.1\r\nHost: stage.test\r\n\r\n"


def drip(stage, head, byte, until):
    """Sends `head`, then a byte now and then; returns what came before the end, or fails."""
    end = time.monotonic() + until
    got = b""
    with socket.create_connection(("127.0.0.1", stage.port), 10) as link:
        link.sendall(head)
        link.settimeout(0.3)
        while time.monotonic() < end:
            try:
                link.send(byte)
                part = link.recv(65536)
                if not part:
                    return got
                got += part
            except TimeoutError:
                pass
            except OSError:
                return got
    raise Failed("a client that sends a byte now and then is served for ever")


@case
def slow_head(stage):
    """one byte now and then: dropped after header-timeout-secs, with 408 or silently"""
    server = stage.serve(timeout_secs="3", header_timeout_secs="2")
    got = drip(stage, b"GET / HTTP/1.1\r\nX: ", b"a", 30)
    true(got == b"" or got.startswith(b"HTTP/1.1 408"), f"{got[:100]!r}")
    equal(stage.ask("/").status, 200)
    server.alive()


@case
def silent_client(stage):
    """a connection that says nothing is closed"""
    stage.serve([stage.vhost(keepalive_timeout="2")], timeout_secs="1", header_timeout_secs="2")
    with stage.connect() as link:
        link.seconds = 30
        answer = link.response()
        true(answer is None or answer.status == 408, "closed or 408")


@case
def half_request(stage):
    """half a request line, then silence: closed or 408"""
    stage.serve(timeout_secs="1", header_timeout_secs="2")
    with stage.connect() as link:
        link.seconds = 30
        link.send(b"GET /sma")
        answer = link.response()
        true(answer is None or answer.status == 408, "closed or 408")


@case
def slow_body(stage):
    """a body of one byte now and then does not hold the connection for ever"""
    stage.serve(timeout_secs="2", header_timeout_secs="2", min_body_rate="1000")
    drip(stage, b"POST /small.txt HTTP/1.1\r\nHost: stage.test\r\nContent-Length: 60000\r\n\r\n",
         b"x", 60)
    equal(stage.ask("/").status, 200)


@case
def slow_chunked_body(stage):
    """the same with chunks"""
    stage.serve(timeout_secs="2", header_timeout_secs="2", min_body_rate="1000")
    drip(stage, b"POST /small.txt HTTP/1.1\r\nHost: stage.test\r\n"
         b"Transfer-Encoding: chunked\r\n\r\nffff\r\n", b"x", 60)
    equal(stage.ask("/").status, 200)


@case
def slow_reader(stage):
    """a client that takes nothing is dropped after send-timeout-secs"""
    stage.big("docs/big.txt", 64 << 20)
    server = stage.serve(send_timeout_secs="1")
    eventually(lambda: server.sockets() <= base_sockets(server), "no connection is left")
    base = server.sockets()
    with socket.socket() as link:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        link.connect(("127.0.0.1", stage.port))
        link.sendall(b"GET /big.txt HTTP/1.1\r\nHost: stage.test\r\n\r\n")
        eventually(lambda: server.sockets() > base, "the connection is there")
        eventually(lambda: server.sockets() <= base, "the connection was dropped")
    equal(stage.ask("/").status, 200)


def base_sockets(server):
    """Sockets of a server without connections, as far as can be told from now."""
    time.sleep(0.1)
    return server.sockets()


@case
def keep_alive_ends(stage):
    """an idle connection is closed after keepalive-timeout"""
    stage.serve([stage.vhost(keepalive_timeout="1")])
    with stage.connect() as link:
        link.send(REQUEST)
        equal(link.response().status, 200)
        true(link.ends(30), "the idle connection is closed")


@case
def flood_past_max_connections(stage):
    """400 half requests with room for 64: a new request is served, memory stays"""
    server = stage.serve(max_connections="64", header_timeout_secs="60", timeout_secs="60")
    for _ in range(5):
        equal(stage.ask("/small.txt").status, 200)
    before = server.private_kib()
    links = []
    for _ in range(400):
        link = socket.create_connection(("127.0.0.1", stage.port), 10)
        link.sendall(b"GET /small.txt HTTP/1.1\r\nHost: st")
        links.append(link)
    eventually(lambda: served(stage), "a new request is served while full")
    after = server.private_kib()
    true(after < before + 2048, f"memory went from {before} to {after} KiB")
    for link in links:
        link.close()
    eventually(lambda: served(stage), "a request is served afterwards")
    server.alive()


def served(stage):
    """Whether a new connection gets the file."""
    try:
        with socket.create_connection(("127.0.0.1", stage.port), 5) as link:
            link.settimeout(5)
            link.sendall(REQUEST)
            return link.recv(100).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


@case
def flood_of_idle_connections(stage):
    """300 idle kept connections with room for 64: the longest idle make place"""
    server = stage.serve(max_connections="64")
    links = []
    for number in range(300):
        link = socket.create_connection(("127.0.0.1", stage.port), 10)
        link.settimeout(20)
        link.sendall(REQUEST)
        true(link.recv(4096).startswith(b"HTTP/1.1 200"), f"connection {number} is served")
        links.append(link)
    links[-1].sendall(REQUEST)
    true(links[-1].recv(4096).startswith(b"HTTP/1.1 200"), "the newest is still served")
    for link in links:
        link.close()
    server.alive()


@case
def out_of_descriptors_is_said(stage):
    """without descriptors new connections cost idle ones, and the log says so, a few times"""
    server = stage.serve([stage.vhost(keepalive_timeout="600")], rlimit_nofile="64")
    links = [socket.create_connection(("127.0.0.1", stage.port), 20) for _ in range(100)]
    line = "no connection is accepted: Too many open files"
    # They stay until it is told: closed ones make room before the server runs short.
    eventually(lambda: line in server.log(), f"{line!r} in\n{server.log()}")
    for link in links:
        link.close()
    eventually(lambda: stage.ask("/small.txt").status == 200, "served again")
    true(server.log().count(line) <= 3, "it floods the log")


@case
def ten_thousand_idle_connections(stage):
    """10,000 connections are kept, and a new request is served"""
    descriptors(12_000)
    server = stage.serve([stage.vhost(keepalive_timeout="600")], max_connections="10500",
                         rlimit_nofile="12000")
    links = []
    try:
        for _ in range(10_000):
            link = socket.create_connection(("127.0.0.1", stage.port), 20)
            link.settimeout(20)
            link.sendall(REQUEST)
            links.append(link)
        for number, link in enumerate(links):
            true(link.recv(4096).startswith(b"HTTP/1.1 200"), f"connection {number} is served")
        equal(stage.ask("/small.txt").status, 200)
        gone = [number for number, link in enumerate(links) if ended(link)]
        equal(gone, [], "connections that were closed")
        for link in links[::97]:
            link.sendall(REQUEST)
            true(link.recv(4096).startswith(b"HTTP/1.1 200"), "an old connection is served")
    finally:
        for link in links:
            link.close()
    equal(stage.ask("/small.txt").status, 200)
    server.alive()


def ended(link):
    """Whether the server closed a connection that should be idle."""
    link.setblocking(False)
    try:
        return link.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
    finally:
        link.settimeout(20)


@case
def header_floods(stage):
    """endless heads are refused with 431 or 414, and memory stays"""
    server = stage.serve()
    before = server.private_kib()
    for data in (b"GET / HTTP/1.1\r\n" + b"X-A: b\r\n" * 100_000, b"GET / HTTP/1.1\r\nX: " +
                 b"v" * 1_000_000, b"GET /" + b"a" * 1_000_000, b"A" * 1_000_000,
                 b"\r\n" * 200_000, b"GET / HTTP/1.1\r\n" + b"x" * 500_000):
        with stage.connect() as link:
            link.send(data)
            link.finish()
            answer = link.response()
            if answer is not None:
                within(answer.status, {400, 414, 431, 501})
    true(server.private_kib() < before + 1024, "memory stays")
    equal(stage.ask("/").status, 200)


@case
def clients_that_vanish(stage):
    """resets in the middle of everything leave nothing behind"""
    stage.big("docs/big.txt", 16 << 20)
    server = stage.serve()
    equal(stage.ask("/").status, 200)
    eventually(lambda: server.sockets() == base_sockets(server), "quiet")
    base = server.sockets()
    for data in (b"", b"GET /", REQUEST, b"GET /big.txt HTTP/1.1\r\nHost: stage.test\r\n\r\n",
                 REQUEST * 50, b"POST / HTTP/1.1\r\nHost: stage.test\r\nContent-Length: 9\r\n\r\n"):
        for _ in range(20):
            link = socket.create_connection(("127.0.0.1", stage.port), 10)
            link.sendall(data)
            link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            link.close()
    eventually(lambda: server.sockets() <= base, "all connections are gone")
    equal(stage.ask("/").status, 200)


@case
def half_close(stage):
    """a client that ends its half after the request gets the whole file"""
    size = 8 << 20
    stage.big("docs/big.txt", size)
    stage.serve()
    with stage.connect() as link:
        link.send(b"GET /big.txt HTTP/1.1\r\nHost: stage.test\r\n\r\n")
        link.finish()
        equal(len(link.response().body), size)


@case
def file_truncated_while_sent(stage):
    """the connection ends early, never with invented bytes; the server lives"""
    path = stage.big("docs/big.txt", 64 << 20)
    server = stage.serve()
    with socket.socket() as link:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)
        link.connect(("127.0.0.1", stage.port))
        link.settimeout(30)
        link.sendall(b"GET /big.txt HTTP/1.1\r\nHost: stage.test\r\n\r\n")
        got = len(link.recv(4096))
        os.truncate(path, 1 << 20)
        try:
            while part := link.recv(1 << 20):
                got += len(part)
        except ConnectionResetError:
            pass
    true(got < 64 << 20, "the rest cannot have been sent")
    equal(stage.ask("/small.txt").status, 200)
    server.alive()


@case
def file_grows_and_changes(stage):
    """a changed file is served anew within a second or so, never half of each"""
    stage.serve()
    equal(stage.ask("/small.txt").body, b"abcdefghijklmnopqrstuvwxyz")
    stage.file("docs/new", "changed")
    os.replace(os.path.join(stage.docs, "new"), os.path.join(stage.docs, "small.txt"))
    eventually(lambda: stage.ask("/small.txt").body == b"changed", "the new file is served")
    os.unlink(os.path.join(stage.docs, "small.txt"))
    eventually(lambda: stage.ask("/small.txt").status == 404, "the deleted file is gone")


@case
def docroot_deleted(stage):
    """without its document root a mount answers 503 and says why, others go on"""
    stage.file("second/page.txt", "second")
    server = stage.serve([stage.vhost([stage.mount(), stage.mount(
        "/second", f"file://{stage.root}/second")])])
    equal(stage.ask("/small.txt").status, 200)
    shutil.rmtree(stage.docs)
    eventually(lambda: stage.ask("/small.txt").status == 503, "the file is gone")
    answer = stage.ask("/")
    equal((answer.status, answer.get("retry-after")), (503, None))
    matches("The directory of this site is not there", answer.body.decode())
    said = f"{stage.docs} cannot be opened: No such file or directory"
    eventually(lambda: said in server.log(), "the log says why")
    for _ in range(10):
        equal(stage.ask("/").status, 503)
    equal(server.log().count(said), 1, "lines in the log")
    equal(stage.ask("/second/page.txt").body, b"second")
    server.alive()


@case
def docroot_comes_later(stage):
    """a document root that is missing at start is served once it is there"""
    late = os.path.join(stage.root, "late")
    stage.serve([stage.vhost([stage.mount(), stage.mount("/late", "file://" + late)])])
    equal(stage.ask("/late/page.txt").status, 503)
    stage.file("late/page.txt", "here now")
    eventually(lambda: stage.ask("/late/page.txt").body == b"here now", "it is served")


@case
def garbage(stage):
    """random bytes never end the server"""
    server = stage.serve()
    state = 12345
    for _ in range(200):
        data = bytearray()
        for _ in range(300):
            state = (state * 1103515245 + 12345) & 0x7FFFFFFF
            data.append(state >> 16 & 0xFF)
        with stage.connect() as link:
            link.send(bytes(data))
            link.finish()
            link.ends(10)
    equal(stage.ask("/").status, 200)
    server.alive()
