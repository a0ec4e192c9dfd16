"""A raw HTTP/1.1 client that shows what was sent and received, byte for byte."""

import re
import select
import socket
import time

STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-9][0-9][0-9])(?: [\t \x21-\x7e\x80-\xff]*)?\Z")
FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*\Z", re.S)


class Malformed(Exception):
    """The server sent something that is not an HTTP/1.1 response."""


class Response:
    """One parsed response; `interim` holds the 1xx statuses that came before it."""

    def __init__(self, status, version, fields):
        self.status = status
        self.version = version
        self.fields = fields
        self.body = b""
        self.interim = []
        self.delimited = True

    def all(self, name):
        """Every value of a field, in order."""
        return [value for key, value in self.fields if key == name.lower()]

    def get(self, name, default=None):
        """The combined value of a field, or `default`."""
        values = self.all(name)
        return ", ".join(values) if values else default

    def tokens(self, name):
        """The members of a list field in lower case."""
        text = self.get(name, "")
        return [part.strip().lower() for part in text.split(",") if part.strip()]


class Wire:
    """One connection. `log` holds everything that went over it."""

    def __init__(self, address, seconds=5.0):
        self.seconds = seconds
        self.sent = bytearray()
        self.received = bytearray()
        self.pending = bytearray()
        self.eof = False
        self.sock = socket.create_connection(address, timeout=seconds)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, data):
        """Sends everything, and goes on reading, so that neither side can block the other."""
        self.sent += data
        view = memoryview(data)
        end = time.monotonic() + self.seconds
        while view and not self.eof and time.monotonic() < end:
            events = self._wait(select.POLLIN | select.POLLOUT, 0.5)
            if events & ~select.POLLOUT:
                self._read_some()
            if events & select.POLLOUT:
                try:
                    view = view[self.sock.send(view[:65536]):]
                except OSError:
                    return

    def finish(self):
        """Ends our half of the connection."""
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def _wait(self, events, seconds):
        poll = select.poll()
        poll.register(self.sock, events)
        found = poll.poll(seconds * 1000)
        return found[0][1] if found else 0

    def _read_some(self):
        try:
            data = self.sock.recv(262144)
        except (ConnectionResetError, BrokenPipeError, ConnectionAbortedError):
            data = b""
        if not data:
            self.eof = True
        self.received += data
        self.pending += data

    def fill(self, until=None):
        """Waits for more bytes; false at the end of the stream, `TimeoutError` when none come."""
        if self.eof:
            return False
        end = until if until is not None else time.monotonic() + self.seconds
        if not self._wait(select.POLLIN, max(0.0, end - time.monotonic())):
            raise TimeoutError("no more bytes within the time limit")
        self._read_some()
        return not self.eof

    def _line(self):
        while True:
            at = self.pending.find(b"\n")
            if at >= 0:
                line = bytes(self.pending[:at + 1])
                del self.pending[:at + 1]
                if not line.endswith(b"\r\n"):
                    raise Malformed(f"a line without CRLF: {line!r}")
                return line[:-2]
            if not self.fill():
                raise Malformed(f"the stream ended inside a head: {bytes(self.pending)!r}")

    def _take(self, count):
        while len(self.pending) < count:
            if not self.fill():
                raise Malformed(f"the stream ended {count - len(self.pending)} bytes too early")
        data = bytes(self.pending[:count])
        del self.pending[:count]
        return data

    def _head(self):
        line = self._line()
        match = STATUS_LINE.match(line)
        if not match:
            raise Malformed(f"not a status line: {line!r}")
        fields = []
        while True:
            text = self._line()
            if not text:
                break
            field = FIELD.match(text)
            if not field or re.search(rb"[\x00-\x08\x0a-\x1f\x7f]", field.group(2)):
                raise Malformed(f"not a field line: {text!r}")
            fields.append((field.group(1).decode().lower(), field.group(2).decode("latin-1")))
        return Response(int(match.group(1)), line[:8].decode(), fields)

    def response(self, method="GET"):
        """The next final response, or None when the stream ended before one began."""
        interim = []
        while True:
            while not self.pending:
                if not self.fill():
                    return None
            answer = self._head()
            if answer.status >= 200 or answer.status == 101:
                break
            if answer.get("content-length") or answer.get("transfer-encoding"):
                raise Malformed("an interim response with framing fields")
            interim.append(answer.status)
        answer.interim = interim
        self._body(answer, method)
        return answer

    def _body(self, answer, method):
        lengths = answer.all("content-length")
        coding = answer.tokens("transfer-encoding")
        if len(lengths) > 1 or (lengths and coding):
            raise Malformed("contradicting framing fields")
        if lengths and not re.fullmatch(r"[0-9]+", lengths[0]):
            raise Malformed(f"Content-Length: {lengths[0]!r}")
        if answer.status == 204 and (lengths or coding):
            raise Malformed("204 with framing fields (RFC 9110 8.6)")
        if method == "HEAD" or answer.status in (204, 304):
            return
        if method == "CONNECT" and 200 <= answer.status < 300:
            return
        if coding:
            if coding != ["chunked"]:
                raise Malformed(f"Transfer-Encoding: {coding}")
            self._chunks(answer)
        elif lengths:
            answer.body = self._take(int(lengths[0]))
        else:
            answer.delimited = False
            while self.fill():
                pass
            answer.body = bytes(self.pending)
            self.pending.clear()

    def _chunks(self, answer):
        body = bytearray()
        while True:
            line = self._line()
            if not re.match(rb"[0-9A-Fa-f]+(?:;.*)?\Z", line):
                raise Malformed(f"not a chunk line: {line!r}")
            size = int(line.split(b";")[0], 16)
            if size == 0:
                break
            body += self._take(size)
            if self._take(2) != b"\r\n":
                raise Malformed("no CRLF after a chunk")
        while self._line():
            pass
        answer.body = bytes(body)

    def ends(self, seconds):
        """Whether the server ends the stream within `seconds` and sends nothing more."""
        end = time.monotonic() + seconds
        try:
            while self.fill(end):
                pass
        except TimeoutError:
            return False
        return True
