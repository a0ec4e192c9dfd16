"""What a case of the probe is, and the predicates that its answer must satisfy.

A case sends bytes and states what the RFCs allow as an answer:

    status   the accepted statuses; 0 stands for a connection that ends without a response
    conn     "kept": a next request on the connection must be answered
             "closed": the server must end the connection
             "sync": either of the two, but a next request must never be misread (the default)
             None: not looked at (for requests that are left incomplete)
    checks   functions of `Answers` that return None or a sentence about what is wrong

Whatever a case says, no answer may contain the markers of `site.SECRET` and `site.SMUGGLED`.
"""

import re

import site_layout as site

CASES = []
HOST = b"Host: probe.test\r\n"


class Case:
    """One row of the table."""

    def __init__(self, name, level, ref, send, status, **more):
        self.name = name
        self.level = level
        self.ref = ref
        self.send = [send] if isinstance(send, (bytes, bytearray)) or callable(send) else send
        self.status = set(status)
        self.conn = more.pop("conn", "sync")
        self.checks = more.pop("checks", ())
        self.methods = more.pop("methods", None)
        self.fin = more.pop("fin", False)
        self.pause = more.pop("pause", 0.0)
        if more:
            raise TypeError(f"{name}: unknown keys {sorted(more)}")


class Answers:
    """What came back: the responses in order, and the facts of the files asked for."""

    def __init__(self, responses, facts):
        self.responses = responses
        self.facts = facts

    @property
    def first(self):
        """The first final response."""
        return self.responses[0]


def must(name, ref, send, status, **more):
    """Adds a case that a conforming server has no choice in."""
    CASES.append(Case(name, "must", ref, send, status, **more))


def should(name, ref, send, status, **more):
    """Adds a case that the RFCs (or plain prudence) recommend."""
    CASES.append(Case(name, "should", ref, send, status, **more))


def request(target="/small.txt", *fields, method="GET", version="1.1", host=True, body=b""):
    """The bytes of a request; `fields` are whole lines without their CRLF."""
    raw = [x if isinstance(x, bytes) else x.encode("latin-1") for x in (method, target)]
    lines = [raw[0] + b" " + raw[1] + b" HTTP/" + version.encode()]
    if host:
        lines.append(b"Host: probe.test")
    lines += [f if isinstance(f, bytes) else f.encode("latin-1") for f in fields]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


# --- predicates -------------------------------------------------------------------------------


def body_is(data):
    """The first response's body is `data`."""
    def check(answers):
        got = answers.first.body
        return None if got == data else f"body of {len(got)} bytes is not the expected {len(data)}"
    return check


def on(status, check):
    """Applies `check` only when the first response has that status."""
    allowed = {status} if isinstance(status, int) else set(status)
    return lambda answers: check(answers) if answers.first.status in allowed else None


def full(name="small.txt"):
    """A 200 carries the whole file."""
    return on(200, body_is(site.body_of(name)))


def has(name, pattern=None):
    """The first response has the field (and its value matches)."""
    def check(answers):
        value = answers.first.get(name)
        if value is None:
            return f"{name} is missing"
        if pattern is not None and not re.fullmatch(pattern, value):
            return f"{name}: {value!r} does not match {pattern!r}"
        return None
    return check


def lacks(name):
    """The first response does not have the field."""
    def check(answers):
        value = answers.first.get(name)
        return None if value is None else f"unexpected {name}: {value!r}"
    return check


def same(name):
    """The field equals that of a plain GET of the file that the case is about."""
    def check(answers):
        want = answers.facts["small.txt"].get(name)
        got = answers.first.get(name)
        return None if got == want else f"{name}: {got!r}, a plain GET has {want!r}"
    return check


def content_range(first, last, size):
    """A 206's Content-Range and body are those of the range of small.txt."""
    def check(answers):
        want = f"bytes {first}-{last}/{size}"
        got = answers.first.get("content-range")
        if got != want:
            return f"Content-Range: {got!r}, not {want!r}"
        data = site.SMALL[first:last + 1]
        if answers.first.body != data:
            return f"body {answers.first.body!r}, not {data!r}"
        return None
    return on(206, check)


def multipart(*ranges):
    """A multipart 206 holds exactly these ranges of small.txt, or one that covers them."""
    def check(answers):
        answer = answers.first
        kind = re.fullmatch(
            r'multipart/byteranges; *boundary="?([0-9A-Za-z\'()+_,./:=? -]{1,70})"?',
            answer.get("content-type", ""), re.I)
        if not kind:
            return covering(answer, ranges)
        if answer.get("content-range"):
            return "Content-Range in the head of a multipart response (RFC 9110 14.6)"
        return parts(answer.body, kind.group(1).encode(), ranges)
    return on(206, check)


def covering(answer, ranges):
    """A single part is right only when the ranges touch each other."""
    span = re.fullmatch(r"bytes (\d+)-(\d+)/26", answer.get("content-range", ""))
    if not span:
        return f"neither multipart nor Content-Range: {answer.get('content-type')!r}"
    first, last = int(span.group(1)), int(span.group(2))
    if answer.body != site.SMALL[first:last + 1]:
        return "the body is not the range it says"
    outside = [r for r in ranges if r[0] < first or r[1] > last]
    return f"ranges {outside} are not in the answer" if outside else None


def parts(body, boundary, ranges):
    """Parses multipart/byteranges (RFC 2046 5.1.1) and compares it."""
    pieces = (b"\r\n" + body).split(b"\r\n--" + boundary)
    if not pieces[-1].startswith(b"--"):
        return "no closing delimiter"
    got = []
    for piece in pieces[1:-1]:
        head, blank, data = piece.partition(b"\r\n\r\n")
        span = re.search(rb"(?i)\r\ncontent-range: *bytes (\d+)-(\d+)/26", head)
        if not blank or not span:
            return f"a part without Content-Range: {piece!r}"
        first, last = int(span.group(1)), int(span.group(2))
        if data != site.SMALL[first:last + 1]:
            return f"part {first}-{last} has the wrong bytes {data!r}"
        got.append((first, last))
    missing = [r for r in ranges if not any(g[0] <= r[0] and r[1] <= g[1] for g in got)]
    return f"ranges {missing} are not in {got}" if missing else None


def statuses(*wanted):
    """Every response of a pipeline, in order; a set lists alternatives."""
    def check(answers):
        got = [answer.status for answer in answers.responses]
        fits = len(got) == len(wanted) and all(
            g in w if isinstance(w, (set, tuple)) else g == w for g, w in zip(got, wanted))
        return None if fits else f"statuses {got}, not {list(wanted)}"
    return check


def bodies(*names):
    """The bodies of a pipeline's responses are those files, in order; None = not compared."""
    def check(answers):
        for at, name in enumerate(names):
            if at >= len(answers.responses):
                return f"response {at + 1} is missing"
            if name is not None and answers.responses[at].body != site.body_of(name):
                return f"response {at + 1} is not {name}"
        return None
    return check


NO_BODY = body_is(b"")
ALLOW_GET = on(405, lambda answers: None if "get" in answers.first.tokens("allow")
               else "405 without an Allow that lists GET (RFC 9110 15.5.6)")
DELIMITED = lambda answers: (  # noqa: E731
    None if answers.first.delimited else "the body is not delimited by a length or chunks")
