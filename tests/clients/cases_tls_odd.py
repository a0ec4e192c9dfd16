"""Hellos that other servers put up with: odd names, long ones, wishes for short records."""

import os
import socket
import struct
import threading

from secure import PAPERS, s_client, vhost
from stage import case, equal, matches, true

NAMES = ("[::1]", "stage.test:443", "-stage.test", "m\u00fcller.test", "a b", "under..score", ".")
VERSIONS = ("-tls1_2", "-tls1_3")


@case
def odd_server_names(stage):
    """a server name that is no name gets the first vhost, in both versions, resumed too"""
    stage.serve([vhost(stage), vhost(stage, "second.test")])
    for name in NAMES:
        for version in VERSIONS:
            text = s_client(stage, version, sni=name, host="stage.test")
            matches("subject=CN = stage.test-.*HTTP/1.1 200.*home page", text,
                    f"{name} {version}")
    for version in VERSIONS:
        kept = os.path.join(stage.root, "session" + version)
        s_client(stage, version, "-sess_out", kept, sni=NAMES[0], host="stage.test")
        text = s_client(stage, version, "-sess_in", kept, sni=NAMES[0], host="stage.test")
        matches("Reused, TLSv.*HTTP/1.1 200", text, version)
    # A key share that nobody here has, so that there is a second hello.
    text = s_client(stage, "-tls1_3", "-groups", "P-521:X25519", sni=NAMES[0], host="stage.test")
    matches("HTTP/1.1 200.*home page", text, "asked again")
    matches("subject=CN = second.test-", s_client(stage, sni="second.test"))


@case
def odd_server_names_with_certificates(stage):
    """the same where clients show certificates: what they sign is what they have sent"""
    stage.serve([vhost(stage, host_ssl_ca=PAPERS.authority("root"), client_cert_required="1")])
    for kind in ("p256", "rsa"):
        pem, key = PAPERS.leaf("ann", kind, usage="clientAuth")
        for version in VERSIONS:
            text = s_client(stage, version, "-cert", pem, "-key", key, sni=NAMES[0],
                            host="stage.test")
            matches("HTTP/1.1 200.*home page", text, f"{kind} {version}")
        text = s_client(stage, "-tls1_3", "-groups", "P-521:X25519", "-cert", pem, "-key", key,
                        sni=NAMES[0], host="stage.test")
        matches("HTTP/1.1 200.*home page", text, f"{kind}, asked again")


def record_lengths(stage, path, *arguments):
    """Lengths of all records that come for a page, as a relay sees them."""
    lengths = []
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]

    def pass_on():
        near, _ = listener.accept()
        far = socket.create_connection(("127.0.0.1", stage.port))
        back = threading.Thread(target=count, args=(far, near), daemon=True)
        back.start()
        while data := near.recv(65536):
            far.sendall(data)
        back.join(10)

    def count(far, near):
        pending = b""
        while data := far.recv(65536):
            near.sendall(data)
            pending += data
            while len(pending) >= 5:
                size = struct.unpack(">H", pending[3:5])[0]
                if len(pending) < 5 + size:
                    break
                lengths.append(size)
                pending = pending[5 + size:]
        near.shutdown(socket.SHUT_WR)

    worker = threading.Thread(target=pass_on, daemon=True)
    worker.start()
    text = s_client(stage, *arguments, path=path, port=port)
    matches("HTTP/1.1 200", text)
    worker.join(10)
    listener.close()
    return lengths


@case
def short_records_for_small_clients(stage):
    """max_fragment_length: no record is longer, in the handshake and after it"""
    stage.big("docs/big.txt", 100_000)
    stage.serve([vhost(stage, leaf=PAPERS.leaf("stage.test", "rsa", issuer="middle"))])
    for version in VERSIONS:
        # The head of a sealed record may add 24 bytes.
        for wish, most in ((("-maxfraglen", "512"), 512), (("-maxfraglen", "2048"), 2048)):
            lengths = record_lengths(stage, "/big.txt", version, *wish)
            true(max(lengths) <= most + 24, f"{version} {wish}: {max(lengths)}")
        true(max(record_lengths(stage, "/big.txt", version)) > 16_000, "without a wish")


def hello(total):
    """A ClientHello of TLS 1.3 for which there is an answer, whose records have `total` bytes."""
    def extension(kind, body):
        return struct.pack(">HH", kind, len(body)) + body

    fixed = b"".join((extension(43, b"\x02\x03\x04"), extension(10, b"\0\x04\0\x1d\0\x17"),
                      extension(13, b"\0\x06\x04\x03\x08\x04\x04\x01"),
                      extension(51, b"\0\x24\0\x1d\0\x20" + b"\x09" * 32)))
    heads = 5 * -(-total // (16_384 + 5))
    padding = total - heads - 4 - 2 - 32 - 1 - 4 - 2 - 2 - len(fixed) - 4
    extensions = fixed + extension(21, bytes(padding))
    body = (b"\x03\x03" + b"\x07" * 32 + b"\0" + b"\0\x02\x13\x01" + b"\x01\0"
            + struct.pack(">H", len(extensions)) + extensions)
    message = b"\x01" + struct.pack(">I", len(body))[1:] + body
    pieces = [message[at:at + 16_384] for at in range(0, len(message), 16_384)]
    made = b"".join(b"\x16\x03\x01" + struct.pack(">H", len(one)) + one for one in pieces)
    equal(len(made), total, "the hello's length")
    return made


@case
def long_hellos(stage):
    """a hello of 24 KiB is answered and a longer one is refused, however their bytes are cut"""
    stage.serve([vhost(stage)])
    for total, answered in ((17_000, True), (20_000, True), (24 * 1024, True),
                            (24 * 1024 + 1, False), (33_000, False)):
        data = hello(total)
        for cut in (len(data), 1000, 1400):
            with socket.create_connection(("127.0.0.1", stage.port), 10) as link:
                link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                try:
                    for at in range(0, len(data), cut):
                        link.sendall(data[at:at + cut])
                    got = link.recv(7)
                except ConnectionError:
                    got = b""
            what = f"{total} bytes, {cut} at a time: {got!r}"
            if answered:
                equal(got[:1], b"\x16", what)
            else:
                true(got in (b"", b"\x15\x03\x03\0\x02\x02\x16"), what)


@case
def lists_of_which_nothing_is_left(stage):
    """ciphers, tls13-ciphers and ecdh-curve without anything that there is: all are used, said
    loudly at the start"""
    server = stage.serve([vhost(stage, ciphers="AES256-SHA:RC4", tls13_ciphers="NOTHING",
                                ecdh_curve="P-521"),
                          vhost(stage, "none.test", ssl_option_set="671088640")])
    for version in VERSIONS:
        for name in ("stage.test", "none.test"):
            matches("HTTP/1.1 200.*home page", s_client(stage, version, sni=name), name)
    for what in ('"ciphers" leaves no suite of TLS 1.2: all are used',
                 '"tls13-ciphers" leaves no suite of TLS 1.3: all are used',
                 '"ecdh-curve" leaves no curve: all are used',
                 "turns off both TLS 1.2 and TLS 1.3: both are spoken"):
        true(what in server.log(), what)
