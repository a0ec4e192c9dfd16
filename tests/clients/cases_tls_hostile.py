"""Clients of a TLS port that are slow, many, or break the protocol."""

import concurrent.futures
import os
import random
import socket
import ssl
import threading
import time

from relay import Relay, every_byte, mutilate, smaller
from secure import (PAPERS, SecureWire, ask, idle_ticks, raw, refusal, request, s_client,
                    settings, vhost)
from stage import PATIENCE_SECS, Failed, case, equal, eventually, matches, true


def serve(stage, **keys):
    """A TLS vhost."""
    return stage.serve([vhost(stage)], **keys)


@case
def slow_handshakes_complete(stage):
    """handshake and request of one byte at a time"""
    serve(stage)
    for version in ("1.2", "1.3"):
        answer = ask(stage, using=settings(versions=version), port=Relay(stage, every_byte).port)
        equal(answer.status, 200, version)


@case
def handshakes_in_small_records(stage):
    """messages over many records, each by itself: hello, certificate, key exchange"""
    stage.serve([vhost(stage, host_ssl_ca=PAPERS.authority("root"), client_cert_required="1")])
    pair = PAPERS.leaf("eve", "rsa", issuer="middle", usage="clientAuth")
    for version in ("1.2", "1.3"):
        for size in (1, 3, 50, 600):
            using = settings(versions=version, certificate=pair)
            answer = ask(stage, using=using, port=Relay(stage, smaller(size)).port)
            equal(answer.status, 200, f"TLS {version}, records of {size}")


@case
def handshakes_in_encrypted_fragments(stage):
    """TLS 1.3: certificate and Finished over many encrypted records, each by itself"""
    stage.serve([vhost(stage, host_ssl_ca=PAPERS.authority("root"), client_cert_required="1")])
    pem, key = PAPERS.leaf("eve", "rsa", issuer="middle", usage="clientAuth")
    for cut in (lambda record: [record], every_byte):
        for version in ("-tls1_3", "-tls1_2"):
            text = s_client(stage, version, "-max_send_frag", "512", "-cert", pem, "-cert_chain",
                            PAPERS.authority("middle"), "-key", key, port=Relay(stage, cut).port)
            matches("HTTP/1.1 200", text, version)


@case
def records_of_full_size(stage):
    """records padded to 16 KiB"""
    serve(stage)
    text = s_client(stage, "-tls1_3", "-record_padding", "16384")
    matches("HTTP/1.1 200.*home page", text)


def answer_to(link, data):
    """How the server ends a session after these raw bytes: the alert's name, or what came."""
    link.sock.setblocking(True)
    link.sock.settimeout(PATIENCE_SECS)
    with socket.socket(fileno=os.dup(link.sock.fileno())) as bare:
        bare.sendall(data)
    try:
        return f"data {link.sock.recv(100)!r}"
    except ssl.SSLError as error:
        return (error.reason or str(error)).lower()
    except ConnectionResetError:
        return "reset"


@case
def broken_records_after_the_handshake(stage):
    """garbage, records that are too long, forged or of a wrong kind: the right alert"""
    server = serve(stage)
    table = ((b"GET / HTTP/1.1\r\nHost: stage.test\r\n\r\n", ("unexpected_message", "decode")),
             (b"\x17\x03\x03\x41\x01" + bytes(0x4101), ("record_overflow",)),
             (b"\x17\x03\x03\xff\xff", ("record_overflow",)),
             (b"\x17\x03\x03\x00\x20" + bytes(32), ("bad_record_mac",)),
             (b"\x17\x03\x03\x00\x05" + bytes(5), ("bad_record_mac", "decode_error")),
             (b"\x16\x03\x03\x00\x04\x01\x00\x00\x00", ("unexpected_message", "bad_record_mac")),
             (b"\x17\x03\x03\x00\x00", ("bad_record_mac", "decode_error", "unexpected")))
    for version in ("1.2", "1.3"):
        for data, names in table:
            with SecureWire(stage.port, using=settings(versions=version)) as link:
                link.send(request(close=False))
                equal(link.response().status, 200)
                got = answer_to(link, data)
                true("alert" in got and any(name in got for name in names),
                     f"TLS {version}, {data[:9]!r}: {got}, not {names}")
    equal(ask(stage).status, 200)
    server.alive()


@case
def mutilated_handshakes(stage):
    """handshakes with bytes changed, records lost, twice or cut: refused, and the server lives"""
    server = stage.serve([vhost(stage), vhost(stage, "mutual.test", client_cert_required="1",
                                              host_ssl_ca=PAPERS.authority("root"))])
    pair = PAPERS.leaf("ann", usage="clientAuth")

    def one(seed):
        using = settings(check=False, versions=("1.2", "1.3")[seed % 2], certificate=pair)
        sni = ("stage.test", "mutual.test")[seed // 2 % 2]
        try:
            with SecureWire(Relay(stage, mutilate(seed)).port, sni, using, seconds=0.3) as link:
                link.send(request(host=sni))
                link.response()
        except (OSError, TimeoutError):
            pass
        server.alive()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(320)))
    equal(ask(stage).status, 200)


def hellos():
    """A ClientHello as openssl sends it, for TLS 1.2 and 1.3."""
    made = []
    for version in ("1.2", "1.3"):
        outgoing = ssl.MemoryBIO()
        inner = settings(versions=version).wrap_bio(ssl.MemoryBIO(), outgoing,
                                                    server_hostname="stage.test")
        try:
            inner.do_handshake()
        except ssl.SSLWantReadError:
            made.append(outgoing.read())
    return made


@case
def stalled_handshakes(stage):
    """200 connections that send nothing, half a hello or stop after it, with room for eight
    handshakes: a good client is served long before they run out of time"""
    server = serve(stage, max_handshakes="8", timeout_secs="120", header_timeout_secs="120")
    for _ in range(20):
        ask(stage)
    before, sockets = server.private_kib(), server.sockets()
    twelve, thirteen = hellos()
    links = []
    for number in range(200):
        link = socket.create_connection(("127.0.0.1", stage.port), 10)
        link.sendall((b"", thirteen[:200], thirteen, twelve)[number % 4])
        links.append(link)
    for version in ("1.2", "1.3"):
        equal(ask(stage, using=settings(versions=version)).status, 200, version)
    for link in links:
        link.close()
    settled(server, before, sockets)


def settled(server, before_kib, sockets):
    """Waits until the connections have gone, the memory is back and nothing runs any more."""
    eventually(lambda: server.sockets() <= sockets, "all connections are gone")
    allowed = max(before_kib * 1.1, before_kib + 256)
    try:
        eventually(lambda: server.private_kib() <= allowed, "memory")
    except Failed:
        raise Failed(f"memory went from {before_kib} to {server.private_kib()} KiB") from None

    def quiet():
        ticks = idle_ticks(server)
        time.sleep(1)
        return idle_ticks(server) == ticks
    eventually(quiet, "a second without any work")


@case
def stalled_handshakes_end(stage):
    """those that stall are ended by timeout-secs and header-timeout-secs"""
    server = serve(stage, timeout_secs="1", header_timeout_secs="2")
    ask(stage)
    sockets = server.sockets()
    twelve, thirteen = hellos()
    links = []
    for data in (b"", b"\x16", thirteen[:200], thirteen, twelve, twelve + b"\x16\x03\x03"):
        links.append(socket.create_connection(("127.0.0.1", stage.port), 10))
        links[-1].sendall(data)
    eventually(lambda: server.sockets() <= sockets, "they are dropped")
    for link in links:
        link.close()
    equal(ask(stage).status, 200)


@case
def long_handshake_messages(stage):
    """a message that never ends, or is longer than 24 KiB, is refused and costs no memory"""
    server = serve(stage)
    ask(stage)
    before = server.private_kib()
    links = []
    for number in range(60):
        link = socket.create_connection(("127.0.0.1", stage.port), 10)
        link.settimeout(PATIENCE_SECS)
        length = (0xFFFFFF, 0x6100, 0x5fff)[number % 3]
        try:
            link.sendall(b"\x16\x03\x01\x40\x00\x01" + length.to_bytes(3, "big") + bytes(16380))
            link.sendall((b"\x16\x03\x01\x40\x00" + bytes(16384)) * 4)
        except ConnectionError:
            pass
        links.append(link)
    for link in links:
        eventually(lambda link=link: ended(link), "it is refused")
        link.close()
    equal(ask(stage).status, 200)
    settled(server, before, server.sockets())


def ended(link):
    """Whether the server has closed; what it sends is thrown away."""
    try:
        return link.recv(65536) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


@case
def flood_of_handshakes(stage):
    """300 handshakes at a time with room for four at once: all are served"""
    server = serve(stage, max_handshakes="4")
    for _ in range(20):
        ask(stage)
    before, sockets = server.private_kib(), server.sockets()
    found = []

    def one():
        for _ in range(10):
            found.append(ask(stage, "/small.txt").status)
    threads = [threading.Thread(target=one) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal((len(found), set(found)), (300, {200}))
    settled(server, before, sockets)


@case
def flood_past_max_tls_connections(stage):
    """120 kept connections with room for 32: the newest are served, the longest idle go"""
    server = serve(stage, max_tls_connections="32", max_connections="200")
    for _ in range(40):
        ask(stage)
    before, sockets = server.private_kib(), server.sockets()
    links = []
    for number in range(120):
        link = SecureWire(stage.port)
        link.send(request("/small.txt", close=False))
        answer = link.response()
        equal(answer and answer.status, 200, f"connection {number}")
        links.append(link)
    links[-1].send(request("/small.txt", close=False))
    equal(links[-1].response().status, 200, "the newest, once more")
    true(server.sockets() <= sockets + 33, f"{server.sockets() - sockets} are open")
    for link in links:
        link.sock.close()
    equal(ask(stage).status, 200)
    settled(server, before, sockets)


@case
def all_tls_connections_busy(stage):
    """when every TLS connection is busy a newcomer is refused at once, the others are not
    disturbed, and plain HTTP still gets an answer"""
    size = 24 << 20
    stage.big("docs/big.txt", size)
    serve(stage, max_tls_connections="4", max_connections="100")
    links = []
    for _ in range(4):
        links.append(SecureWire(stage.port))
        links[-1].send(request("/big.txt", close=False))
        while len(links[-1].received) < 100_000:
            links[-1].fill()
    for _ in range(20):
        got = refusal(stage)
        true(not got.startswith("answered"), f"a fifth was let in: {got}")
    equal(stage.ask("/").status, 400, "plain HTTP on the TLS port")
    for link in links:
        equal(len(link.response().body), size)
    equal(ask(stage).status, 200, "one of the four makes place, being idle now")


@case
def garbage_on_a_tls_port(stage):
    """random bytes, with and without a TLS record's head, never end the server"""
    server = serve(stage)
    dice = random.Random(7)
    hello = hellos()[1]
    for number in range(300):
        data = dice.randbytes(dice.randrange(1, 600))
        if number % 3 == 1:
            data = b"\x16\x03\x01" + len(data).to_bytes(2, "big") + data
        elif number % 3 == 2:
            at = dice.randrange(5, len(hello))
            data = hello[:at] + data[:len(hello) - at] + hello[at + len(data):]
        raw(stage, data, finish=True)
    equal(ask(stage).status, 200)
    server.alive()
