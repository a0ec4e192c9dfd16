"""A relay in front of a server, which cuts or spoils what a TLS client sends."""

import random
import socket
import struct
import threading
import time

from stage import PATIENCE_SECS

HANDSHAKE = 22
CHANGE_CIPHER_SPEC = 20


def unread(port, peer):
    """Bytes that the server of a port has not read yet from the client with port `peer`, asked of
    the kernel (sock_diag(7)): that is quick however many connections there are."""
    ends = struct.pack(">HH4s12x4s12xI8s", port, peer, b"\x7f\0\0\1", b"\x7f\0\0\1", 0, b"\xff" * 8)
    question = struct.pack("=BBBxI", socket.AF_INET, socket.IPPROTO_TCP, 0, 0xFFFF) + ends
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, 4) as link:
        link.sendto(struct.pack("=IHHII", 16 + len(question), 20, 1, 1, 0) + question, (0, 0))
        answer = link.recv(1024)
    kind = struct.unpack_from("=H", answer, 4)[0]
    return struct.unpack_from("=I", answer, 72)[0] if kind == 20 else 0


class Relay:
    """Passes one connection on to the server. Each record of the client goes through `cut`, which
    returns the pieces to send; the next piece waits until the server has read the last one."""

    def __init__(self, stage, cut):
        self.cut = cut
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.target = stage.port
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        """Serves one connection."""
        client, _ = self.listener.accept()
        self.listener.close()
        try:
            server = socket.create_connection(("127.0.0.1", self.target), 10)
        except OSError:
            client.close()
            return
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        back = threading.Thread(target=self.back, args=(server, client), daemon=True)
        back.start()
        try:
            self.forth(client, server)
            server.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        back.join(PATIENCE_SECS)
        server.close()
        client.close()

    def forth(self, client, server):
        """Client to server, piece by piece."""
        waiting = b""
        peer = server.getsockname()[1]
        while part := client.recv(65536):
            waiting += part
            while len(waiting) >= 5:
                end = 5 + int.from_bytes(waiting[3:5], "big")
                if len(waiting) < end:
                    break
                record, waiting = waiting[:end], waiting[end:]
                for piece in self.cut(record):
                    server.sendall(piece)
                    end = time.monotonic() + PATIENCE_SECS
                    while unread(self.target, peer) and time.monotonic() < end:
                        time.sleep(0.0005)

    @staticmethod
    def back(server, client):
        """Server to client."""
        try:
            while part := server.recv(65536):
                client.sendall(part)
            client.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def every_byte(record):
    """One byte at a time."""
    return [record[at:at + 1] for at in range(len(record))]


def smaller(size):
    """Cuts handshake records that are not encrypted into records of `size` bytes."""
    clear = True

    def cut(record):
        nonlocal clear
        clear = clear and record[0] != CHANGE_CIPHER_SPEC
        if not clear or record[0] != HANDSHAKE:
            return [record]
        parts = [record[at:at + size] for at in range(5, len(record), size)]
        return [record[:3] + len(part).to_bytes(2, "big") + part for part in parts]
    return cut


def mutilate(seed):
    """Spoils one record in two, in a way that the seed decides."""
    dice = random.Random(seed)

    def cut(record):
        what = dice.randrange(8)
        if what == 0:
            at = dice.randrange(len(record))
            return [record[:at] + bytes([dice.randrange(256)]) + record[at + 1:]]
        if what == 1:
            return [record, record]
        if what == 2:
            at = dice.randrange(5, len(record) + 1)
            return [record[:3] + (at - 5).to_bytes(2, "big") + record[5:at]]
        if what == 3 and dice.randrange(3) == 0:
            return []
        return [record]
    return cut
