"""The access log."""

import json
import os
import re
import signal

from cases_access import basic
from stage import case, equal, eventually, matches, true

LINE = re.compile(
    r'127\.0\.0\.1 - (\S+) \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] '
    r'"((?:[^"\\]|\\.)*)" (\d{3}) (\d+|-) "((?:[^"\\]|\\.)*)" "((?:[^"\\]|\\.)*)"\Z')


def lines(path, count):
    """The log's lines, once there are that many."""
    def enough():
        if not os.path.exists(path):
            return None
        with open(path, encoding="utf-8", errors="surrogateescape") as text:
            found = text.read().split("\n")
        return found[:-1] if len(found) > count else None
    return eventually(enough, f"{count} lines in {path}")


def logged(stage, **keys):
    """A stage that writes a log; returns the log's path."""
    path = os.path.join(stage.logs, "access")
    users = stage.file("users", "ann:pass\n")
    stage.serve([stage.vhost([stage.mount(), stage.mount("/in", basic_auth=users)],
                             access_log=path, **keys)])
    return path


@case
def log_combined(stage):
    """Apache combined with user and query"""
    path = logged(stage)
    stage.ask("/small.txt?a=b", "Referer: http://from.test/x", "User-Agent: agent/1")
    stage.ask("/in/small.txt", basic("ann", "pass"))
    stage.ask("/missing.txt")
    found = [LINE.match(line) for line in lines(path, 3)]
    true(all(found), f"lines that do not parse: {lines(path, 3)}")
    user, request, status, _, referer, agent = found[0].groups()
    equal((user, request, status, referer, agent),
          ("-", "GET /small.txt?a=b HTTP/1.1", "200", "http://from.test/x", "agent/1"))
    equal(found[0].group(4), "26", "bytes of the body")
    equal(found[1].group(1), "ann")
    equal(found[2].group(3), "404")
    equal(found[2].group(5, 6), ("-", "-"), "a referer and an agent that were not sent")


@case
def log_no_body(stage):
    """Apache's %b: - for an answer without a body"""
    path = logged(stage)
    tag = stage.ask("/small.txt").get("etag")
    stage.ask("/small.txt", method="HEAD")
    stage.ask("/small.txt", f"If-None-Match: {tag}")
    sizes = [LINE.match(line).group(3, 4) for line in lines(path, 3)]
    equal(sizes, [("200", "26"), ("200", "-"), ("304", "-")])


@case
def log_of_lwsws(stage):
    """access-log-format lwsws: "" for what was not sent, head and body counted"""
    path = logged(stage, access_log_format="lwsws")
    stage.curl("-o", os.devnull, "-A", "", stage.url("/small.txt"))
    size = int(stage.curl("-s", "-A", "", "-o", os.devnull, "-w", "%{size_header}",
                          stage.url("/small.txt"))) + 26
    user, request, status, bytes_, referer, agent = LINE.match(lines(path, 2)[1]).groups()
    equal((user, request, status, int(bytes_), referer, agent),
          ("-", "GET /small.txt HTTP/1.1", "200", size, "", ""))


@case
def log_owner(stage):
    """a new log belongs to the starter and, started as root, to the group of its directory"""
    path = os.path.join(stage.folder("log/kinglet"), "access")
    is_root = os.geteuid() == 0
    if is_root:
        os.chown(os.path.dirname(path), 0, 4)
    stage.serve([stage.vhost(access_log=path)])
    stage.ask("/small.txt")
    lines(path, 1)
    found = os.stat(path)
    equal((found.st_uid, oct(found.st_mode)), (os.geteuid(), "0o100640" if is_root else "0o100600"))
    if is_root:
        equal(found.st_gid, 4, "group")
    os.rename(path, path + ".1")
    stage.servers[0].signal(signal.SIGUSR1)
    wanted = (found.st_uid, found.st_gid, found.st_mode)
    eventually(lambda: os.path.exists(path) and wanted == (
        os.stat(path).st_uid, os.stat(path).st_gid, os.stat(path).st_mode), "the next log is alike")


@case
def log_refusals(stage):
    """why a request was refused stands in the program's log, a few times for many"""
    server = stage.spawn("-d", "info", "-c", stage.configure()).ready(stage.port)
    for _ in range(20):
        with stage.connect() as link:
            link.send(b"GET / HTTP/1.1\r\n\r\n")
            equal(link.response("GET").status, 400)
    stage.ask("/small.txt")
    line = "127.0.0.1: answered with 400: no Host"
    eventually(lambda: line in server.log(), f"{line!r} in\n{server.log()}")
    true(server.log().count(line) <= 3, f"{server.log().count(line)} lines")


@case
def log_escapes(stage):
    """quotes, control bytes and line ends cannot forge a line; nothing is cut"""
    path = logged(stage)
    stage.ask("/small.txt", 'User-Agent: a"b\\c\xe4 \x7f" 200 1 "x')
    stage.ask("/%0a%22x?q=%22", "User-Agent: y")
    long_agent = "long-" * 300
    stage.ask("/small.txt", "User-Agent: " + long_agent, "Referer: r")
    found = lines(path, 3)
    equal(len(found), 3, "number of lines")
    for line in found:
        true(LINE.match(line), f"does not parse: {line[:200]!r}")
        true(not re.search(r"[\x00-\x1f\x7f]", line), f"control bytes in {line[:200]!r}")
    equal(LINE.match(found[2]).group(6), long_agent)


@case
def log_bad_requests(stage):
    """requests that cannot be read are logged too, on one line"""
    path = logged(stage)
    with stage.connect() as link:
        link.send(b"GET /x\x01\"y HTTP/1.1\r\nBad Header\r\n\r\n")
        link.response()
    found = lines(path, 1)
    true(LINE.match(found[0]), f"does not parse: {found[0]!r}")
    equal(LINE.match(found[0]).group(3), "400")


@case
def log_json(stage):
    """one JSON object a line"""
    path = logged(stage, access_log_format="json")
    stage.ask("/small.txt?a=b", 'User-Agent: "quoted"\\ \xe4')
    found = [json.loads(line) for line in lines(path, 1)]
    text = json.dumps(found[0])
    true("/small.txt" in text and "quoted" in text and "200" in text, text)


@case
def log_reopens(stage):
    """SIGUSR1 after a rename: new lines go to a new file"""
    path = logged(stage)
    stage.ask("/small.txt?before")
    lines(path, 1)
    os.rename(path, path + ".1")
    stage.ask("/small.txt?between")
    equal(len(lines(path + ".1", 2)), 2)
    stage.servers[0].signal(signal.SIGUSR1)
    eventually(lambda: os.path.exists(path), "the log is there again")
    stage.ask("/small.txt?after")
    matches(r"\?after", lines(path, 1)[0])
    equal(len(lines(path + ".1", 2)), 2, "the old file has no new line")


@case
def log_every_request(stage):
    """a hundred pipelined requests are a hundred lines"""
    path = logged(stage)
    with stage.connect() as link:
        link.send(b"".join(b"GET /small.txt?%d HTTP/1.1\r\nHost: stage.test\r\n\r\n" % n
                           for n in range(100)))
        for _ in range(100):
            equal(link.response().status, 200)
    found = lines(path, 100)
    equal([int(re.search(r"\?(\d+) ", line).group(1)) for line in found], list(range(100)))


@case
def log_directory_missing(stage):
    """a log that cannot be opened degrades the log, not the vhost"""
    server = stage.serve([stage.vhost(access_log=stage.root + "/no/such/log")])
    equal(stage.ask("/").status, 200)
    matches("/no/such/log", server.log())
