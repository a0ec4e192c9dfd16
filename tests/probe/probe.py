#!/usr/bin/env python3
"""Asks a server a table of raw HTTP/1.1 requests and compares the answers with the RFCs.

    probe.py --address 127.0.0.1:8080        a server that serves the layout of site_layout.py
    probe.py --serve kinglet:target/release/kinglet
    probe.py --serve nginx | lighttpd        builds the site, starts that server, asks, stops it

    --level must|should   only what the RFCs demand | all (the default)
    --only REGEX          only cases whose name matches
    --least PERCENT       how many of the "should" cases must pass (default 95)
    --list                prints the table and asks nothing
    --build DIR           makes the site below DIR and ends

Exit codes: 0 all "must" cases pass and enough of the others; 1 otherwise; 2 usage.
"""

import argparse
import concurrent.futures
import re
import sys
import tempfile
import time

import case
import cases_framing
import cases_semantics
import cases_syntax
import peers
import site_layout as site
import wire

TOPICS = (cases_syntax, cases_framing, cases_semantics)
FOLLOW = case.request("/10k.txt", "X-Follow: 1")
CLOSE_SECONDS = 3.0


def run_case(row, address, facts):
    """Plays one case; returns (None or what is wrong, the connection)."""
    pieces = row.send(facts) if callable(row.send) else [
        piece(facts) if callable(piece) else piece for piece in row.send]
    methods = row.methods or [first_method(pieces)]
    with wire.Wire(address) as link:
        try:
            return play(row, link, pieces, methods, facts), link
        except wire.Malformed as error:
            return f"malformed: {error}", link
        except TimeoutError as error:
            return f"timed out: {error}", link


def first_method(pieces):
    """The method that decides whether the answer has a body."""
    words = b"".join(pieces).lstrip(b"\r\n").split(b" ", 1)
    return words[0].decode("latin-1") if words else "GET"


def play(row, link, pieces, methods, facts):
    """Sends, reads and judges."""
    for number, piece in enumerate(pieces):
        if number and row.pause:
            time.sleep(row.pause)
        link.send(piece)
    if row.fin:
        link.finish()
    responses = []
    for method in methods:
        answer = link.response(method)
        if answer is None:
            break
        responses.append(answer)
        if not answer.delimited:
            break
    wrong = judge(row, responses, facts)
    if wrong is None:
        wrong = connection(row, link, responses)
    for marker in (site.SECRET, site.SMUGGLED):
        if marker in link.received:
            return f"the answer holds {marker.decode()}"
    return wrong


def judge(row, responses, facts):
    """Status and predicates."""
    status = responses[0].status if responses else 0
    if status not in row.status:
        return f"status {status}, not {sorted(row.status)}"
    if not responses:
        return None
    answers = case.Answers(responses, facts)
    for check in row.checks:
        wrong = check(answers)
        if wrong:
            return wrong
    return None


def connection(row, link, responses):
    """Whether the connection went on or ended as it must."""
    if row.conn is None or not responses:
        return None
    if row.conn == "closed":
        if link.pending:
            return f"bytes after the last answer: {bytes(link.pending[:80])!r}"
        if link.ends(CLOSE_SECONDS) and not link.pending:
            return None
        return "the connection was kept" if not link.pending else "bytes after the last answer"
    if row.fin:
        return None
    link.send(FOLLOW)
    answer = link.response("GET")
    if answer is None:
        return None if row.conn == "sync" else "the connection was closed"
    if answer.status != 200 or answer.body != site.body_of("10k.txt"):
        return f"the next request was answered with {answer.status}: it was misread"
    return None


def gather(address):
    """Plain answers that later cases compare with."""
    facts = {}
    wanted = {"small.txt": case.request(), "pre.txt": case.request("/pre.txt"),
              "pre.gz": case.request("/pre.txt", "Accept-Encoding: gzip")}
    for name, raw in wanted.items():
        with wire.Wire(address) as link:
            link.send(raw)
            facts[name] = link.response()
        if facts[name] is None or facts[name].status != 200:
            sys.exit(f"probe: {name} is not served at {address}: is the site built?")
    return facts


def show(data, limit=700):
    """Bytes for a reader."""
    text = repr(bytes(data[:limit]))[2:-1].replace("\\r\\n", "\\r\\n\n      ")
    more = f" ... {len(data)} bytes" if len(data) > limit else ""
    return "      " + text.rstrip() + more


def report(failures):
    """Prints each failure with what went over the wire."""
    for row, wrong, link in failures:
        print(f"FAIL {row.level} {row.name} (RFC {row.ref}): {wrong}")
        print("    sent\n" + show(link.sent) + "\n    received\n" + show(link.received))


def ask(address, level, only):
    """Runs the chosen cases; returns {level: (passed, all)} and the failures."""
    rows = [r for r in case.CASES if (level == "should" or r.level == "must")
            and (not only or re.search(only, r.name))]
    facts = gather(address)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda row: (row, *run_case(row, address, facts)), rows))
    failures = [(row, wrong, link) for row, wrong, link in outcomes if wrong]
    failed = {id(row) for row, _, _ in failures}
    counts = {}
    for name in ("must", "should"):
        mine = [r for r in rows if r.level == name]
        counts[name] = (sum(id(r) not in failed for r in mine), len(mine))
    return counts, failures


def options(argv):
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--address", metavar="HOST:PORT")
    parser.add_argument("--serve", metavar="SERVER[:PATH]")
    parser.add_argument("--level", choices=("must", "should"), default="should")
    parser.add_argument("--only", metavar="REGEX")
    parser.add_argument("--least", type=float, default=95.0, metavar="PERCENT")
    parser.add_argument("--quiet", action="store_true", help="names of failures only")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--build", metavar="DIR")
    args = parser.parse_args(argv)
    if not (args.list or args.build or bool(args.address) != bool(args.serve)):
        parser.error("give --address or --serve")
    return args


def main(argv):
    """See the text at the top."""
    args = options(argv)
    names = [row.name for row in case.CASES]
    assert len(names) == len(set(names)), sorted({n for n in names if names.count(n) > 1})
    if args.list:
        for row in case.CASES:
            print(f"{row.level:6} RFC {row.ref:14} {row.name}")
        print(f"{len(case.CASES)} cases")
        return 0
    if args.build:
        print(site.build(args.build))
        return 0
    if args.address:
        host, _, port = args.address.rpartition(":")
        counts, failures = ask((host.strip("[]"), int(port)), args.level, args.only)
    else:
        with tempfile.TemporaryDirectory(prefix="probe-") as root:
            with peers.serve(args.serve, root) as address:
                counts, failures = ask(address, args.level, args.only)
    if args.quiet:
        for row, wrong, _ in failures:
            print(f"FAIL {row.level} {row.name}: {wrong}")
    else:
        report(failures)
    shares = {}
    for name, (passed, total) in counts.items():
        shares[name] = 100.0 * passed / total if total else 100.0
        print(f"{name}: {passed} of {total} passed ({shares[name]:.1f} %)")
    return 0 if shares["must"] == 100.0 and shares["should"] >= args.least else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
