"""Clients that keep a server busy while something happens to it, and count what goes wrong."""

import collections
import socket
import ssl
import threading
import time

from stage import PATIENCE_SECS, Failed

SLOW_BYTES = 3 << 20
SLOW_PARTS = 40


class Target:
    """Where a client connects to: a TCP address or a unix socket, with TLS or without."""

    def __init__(self, address, tls=False, name="stage.test"):
        self.address = address
        self.name = name
        self.context = None
        if tls:
            self.context = ssl.create_default_context()
            self.context.check_hostname = False
            self.context.verify_mode = ssl.CERT_NONE

    def connect(self, receive_bytes=None):
        """A connection; raises OSError."""
        if isinstance(self.address, str):
            link = socket.socket(socket.AF_UNIX)
        else:
            family = socket.AF_INET6 if ":" in self.address[0] else socket.AF_INET
            link = socket.socket(family)
        try:
            link.settimeout(PATIENCE_SECS)
            if receive_bytes:
                link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
            where = self.address
            if isinstance(where, str) and where.startswith("@"):
                where = "\0" + where[1:]
            link.connect(where)
            if self.context:
                link = self.context.wrap_socket(link, server_hostname=self.name)
        except BaseException:
            link.close()
            raise
        return link


class Answer:
    """A response: status, fields in lower case, length of the body, its bytes if asked for."""

    def __init__(self, head):
        lines = head.decode("latin-1").split("\r\n")
        self.status = int(lines[0].split(" ")[1])
        self.fields = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            self.fields[name.strip().lower()] = value.strip()
        self.length = int(self.fields.get("content-length", "0"))
        self.body = b""

    def ends(self):
        """Whether the server has said that it closes after this."""
        return self.fields.get("connection", "").lower() == "close"


class Closed(Exception):
    """The connection ended where it must not."""


def answer(link, pause=None, begun=None):
    """Reads one response; `begun` is called after its head, `pause` between the parts of the
    body."""
    got = b""
    while b"\r\n\r\n" not in got:
        part = link.recv(4096)
        if not part:
            raise Closed("before an answer" if not got else "within a head")
        got += part
    head, _, rest = got.partition(b"\r\n\r\n")
    found = Answer(head)
    if begun:
        begun()
    parts = [rest]
    size = len(rest)
    pauses = 0
    while size < found.length:
        part = link.recv(65536)
        if not part:
            raise Closed(f"after {size} bytes of a body of {found.length}")
        parts.append(part)
        size += len(part)
        if pause and size * SLOW_PARTS > found.length * pauses:
            pauses += 1
            pause()
    found.body = b"".join(parts)
    return found


class Load:
    """Clients in threads. Use as `with load.start(): …`; then `check()`."""

    def __init__(self):
        self.clients = []
        self.threads = []
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.begun = collections.Counter()
        self.done = collections.Counter()
        self.failed = collections.Counter()
        self.seen = collections.Counter()
        self.tag = "x-generation"

    def add(self, kind, target, path, body, delay=0.0, count=1):
        """Adds clients. Kinds: fresh (a connection for each request), kept (one for many), slow
        (downloads of about a second), late (connects, waits, then asks)."""
        run = {"fresh": self.fresh, "kept": self.kept, "slow": self.slow,
               "late": self.late}[kind]
        for _ in range(count):
            self.clients.append((run, kind, target, path, body, delay))
        return self

    def __enter__(self):
        for run, kind, target, path, body, delay in self.clients:
            thread = threading.Thread(target=self.drive, daemon=True,
                                      args=(run, kind, target, path, body, delay))
            thread.start()
            self.threads.append(thread)
        return self

    start = __enter__

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """Lets every client finish what it does."""
        self.stopping.set()
        for thread in self.threads:
            thread.join(2 * PATIENCE_SECS)

    def drive(self, run, kind, target, path, body, delay):
        """Repeats a client until the end, and counts what goes wrong."""
        while not self.stopping.is_set():
            try:
                run(kind, target, path, body, delay)
            except ConnectionRefusedError:
                self.wrong(kind, "refused")
            except ConnectionResetError:
                self.wrong(kind, "reset")
            except FileNotFoundError:
                self.wrong(kind, "no socket")
            except Closed as error:
                self.wrong(kind, f"closed {error}")
            except (OSError, ssl.SSLError, ValueError, IndexError) as error:
                self.wrong(kind, f"{type(error).__name__} {error}")

    def wrong(self, kind, what):
        """Counts a failure."""
        with self.lock:
            self.failed[f"{kind}: {what}"] += 1
        time.sleep(0.01)

    def right(self, kind, found, body):
        """Counts an answer, if it is the right one."""
        with self.lock:
            if found.status == 200 and found.body == body:
                self.done[kind] += 1
                self.seen[found.fields.get(self.tag, "")] += 1
            else:
                self.failed[f"{kind}: status {found.status}, {len(found.body)} bytes"] += 1

    @staticmethod
    def request(path, target, close=False):
        """The bytes of a request."""
        end = "Connection: close\r\n" if close else ""
        return f"GET {path} HTTP/1.1\r\nHost: {target.name}\r\n{end}\r\n".encode()

    def fresh(self, kind, target, path, body, delay):
        """A connection of its own for a request."""
        with target.connect() as link:
            link.sendall(self.request(path, target, close=True))
            self.right(kind, answer(link), body)
        time.sleep(delay)

    def late(self, kind, target, path, body, delay):
        """A connection that says nothing at first, as one from far away."""
        with target.connect() as link:
            time.sleep(0.05)
            link.sendall(self.request(path, target, close=True))
            self.right(kind, answer(link), body)
        time.sleep(delay)

    def kept(self, kind, target, path, body, delay):
        """Many requests on a connection, until the server has said that it ends."""
        with target.connect() as link:
            while not self.stopping.is_set():
                link.sendall(self.request(path, target))
                found = answer(link)
                self.right(kind, found, body)
                if found.ends():
                    return
                time.sleep(delay)

    def slow(self, kind, target, path, body, delay):
        """A download in small parts with pauses."""
        with target.connect(receive_bytes=8192) as link:
            link.sendall(self.request(path, target, close=True))
            self.right(kind, answer(link, lambda: time.sleep(0.8 / SLOW_PARTS),
                                    lambda: self.begun.update([kind])), body)
        time.sleep(delay)

    def check(self, *kinds):
        """Fails if anything went wrong, or if one of the kinds has done nothing."""
        if self.failed:
            raise Failed(f"under load: {dict(self.failed)}; right: {dict(self.done)}")
        idle = [kind for kind in kinds if not self.done[kind]]
        if idle:
            raise Failed(f"no answer at all to: {idle}")

    def total(self):
        """Answers so far."""
        with self.lock:
            return sum(self.done.values())
