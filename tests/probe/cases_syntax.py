"""Request line, version, Host, field syntax (RFC 9112 sections 2 to 5)."""

from case import (ALLOW_GET, HOST, NO_BODY, bodies, body_is, full, has, must, on, request, should,
                  statuses)
import site_layout as site

REJECT = {400, 0}
OK = full()


def line(text, rest=HOST):
    """A head whose request line is exactly `text`."""
    raw = text if isinstance(text, bytes) else text.encode("latin-1")
    return raw + b"\r\n" + rest + b"\r\n"


def request_line():
    """RFC 9112 section 3."""
    must("line/plain", "9112 3", request(), {200}, conn="kept", checks=[OK])
    should("line/crlf-before", "9112 2.2", b"\r\n" + request(), {200}, checks=[OK])
    must("line/two-crlf-before", "9112 2.2", b"\r\n\r\n" + request(), {200, 400, 0}, checks=[OK])
    must("line/lf-before", "9112 2.2", b"\n" + request(), {200, 400, 0}, checks=[OK])
    for name, text in {
        "space-before": " GET /small.txt HTTP/1.1", "two-spaces": "GET  /small.txt HTTP/1.1",
        "tab": "GET\t/small.txt HTTP/1.1", "space-after": "GET /small.txt HTTP/1.1 ",
        "two-spaces-version": "GET /small.txt  HTTP/1.1", "tab-version": "GET /small.txt\tHTTP/1.1",
        "vt": "GET\x0b/small.txt HTTP/1.1", "ff": "GET /small.txt\x0cHTTP/1.1",
        "bare-cr": "GET /small.txt\rHTTP/1.1",
    }.items():
        must("line/ws-" + name, "9112 3", line(text), {200, 400, 0, 404, 501}, checks=[OK])
    for name, text in {
        "space-in-target": "GET /small.txt x HTTP/1.1", "no-target": "GET HTTP/1.1",
        "only-method": "GET", "nothing-sensible": "hello there general", "nul-target":
        "GET /small\x00.txt HTTP/1.1", "ctl-target": "GET /small\x01.txt HTTP/1.1",
        "bel-target": "GET /small.txt\x07 HTTP/1.1", "response-line": "HTTP/1.1 200 OK",
        "cr-in-target": "GET /sm\rall.txt HTTP/1.1", "extra-word": "GET /small.txt HTTP/1.1 x",
    }.items():
        must("line/not-served-" + name, "9112 3", line(text), {400, 404, 405, 501, 505, 301, 0})
        should("line/400-" + name, "9112 3", line(text), {400, 301}, conn="closed")
    must("line/del-target", "9112 3.2", line("GET /small.txt\x7f HTTP/1.1"), {400, 404, 0})
    must("line/high-target", "9112 3.2", line("GET /sm\xe4ll.txt HTTP/1.1"), {400, 404, 0})
    should("line/http09-400", "9112 3", b"GET /small.txt\r\n\r\n", {400, 505}, conn="closed")
    must("line/tls-hello", "9112 2.2", b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + bytes(60),
         {400, 0}, conn="closed", fin=True)
    must("line/binary", "9112 2.2", bytes(range(128, 256)) + b"\r\n\r\n", REJECT, conn="closed")
    must("line/h2-preface", "9113 3.4", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
         {400, 405, 501, 505, 0}, conn="closed")
    must("line/fin-at-once", "9112 9", b"", {400, 408, 0}, fin=True, conn="closed")
    must("line/cut-head", "9112 8", b"GET /small.txt HTTP/1.1\r\nHost: pro", {400, 408, 0},
         fin=True, conn="closed")
    must("line/cut-line", "9112 8", b"GET /smal", {400, 408, 0}, fin=True, conn="closed")
    must("line/fin-after-request", "9112 9.6", request(), {200}, fin=True, checks=[OK],
         conn="closed")


def version():
    """RFC 9112 section 2.3, RFC 9110 sections 2.5 and 6.2."""
    for text in ("HTTP/2.0", "HTTP/3.0", "HTTP/9.9", "HTTP/0.9", "HTTP/2.1"):
        must("version/" + text, "9110 15.6.6", line("GET /small.txt " + text), {400, 505, 0})
        should("version/505-" + text, "9110 15.6.6", line("GET /small.txt " + text), {400, 505})
    for text in ("HTTP/1", "HTTP/1.", "HTTP/.1", "http/1.1", "Http/1.1", "HTTP/1.1.1", "HTP/1.1",
                 "HTTP1.1", "HTTP 1.1", "HTTP/1,1", "HTTP/1.1x", "HTTP/11.1", "HTTPS/1.1",
                 "HTTP/-1.1", "HTTP/+1.1", "HTTP/1.+1", "HTTP/x.y", "HTTP/", "HTTP/1 .1"):
        must("version/" + text, "9112 2.3", line("GET /small.txt " + text), {400, 505, 0})
    for text in ("HTTP/01.1", "HTTP/1.01", "HTTP/1.10", "HTTP/1.1000000000001"):
        must("version/" + text, "9112 2.3", line("GET /small.txt " + text), {200, 400, 505, 0})
    should("version/1.2-is-1.1", "9110 2.5", line("GET /small.txt HTTP/1.2"), {200}, checks=[OK])
    must("version/1.2-answer", "9110 6.2", line("GET /small.txt HTTP/1.2"), {200, 505, 400},
         checks=[lambda a: None if a.first.version in ("HTTP/1.1", "HTTP/1.0")
                 else a.first.version])
    must("version/1.0-no-host", "9112 3.2", request(version="1.0", host=False), {200},
         conn="closed", checks=[OK])
    must("version/1.0-host", "9112 9.3", request(version="1.0"), {200}, conn="closed", checks=[OK])
    must("version/1.0-head", "9110 9.3.2", request(version="1.0", method="HEAD"), {200},
         conn="closed", checks=[NO_BODY])
    must("version/1.0-not-chunked", "9112 6.1", request("/noindex/", version="1.0"),
         {200, 403, 404}, conn="closed", checks=[lambda a: "Transfer-Encoding to an HTTP/1.0 client"
                                                if a.first.get("transfer-encoding") else None])


def host():
    """RFC 9112 section 3.2, RFC 9110 section 7.2."""
    bare = b"GET /small.txt HTTP/1.1\r\n"
    ref = "9112 3.2"
    must("host/missing", ref, bare + b"\r\n", {400})
    must("host/missing-head", ref, b"HEAD /small.txt HTTP/1.1\r\n\r\n", {400}, checks=[NO_BODY])
    must("host/missing-others", ref, bare + b"User-Agent: x\r\nAccept: */*\r\n\r\n", {400})
    must("host/twice", ref, bare + HOST + HOST + b"\r\n", {400})
    must("host/twice-different", ref, bare + HOST + b"Host: other.test\r\n\r\n", {400})
    must("host/twice-case", ref, bare + HOST + b"HOST: probe.test\r\n\r\n", {400})
    must("host/twice-apart", ref, bare + HOST + b"Accept: */*\r\nhost: other.test\r\n\r\n", {400})
    must("host/twice-one-empty", ref, bare + HOST + b"Host:\r\n\r\n", {400})
    must("host/twice-in-1.0", ref, b"GET /small.txt HTTP/1.0\r\n" + HOST + HOST + b"\r\n", {400})
    must("host/empty", ref, bare + b"Host:\r\n\r\n", {200, 400})
    must("host/empty-space", ref, bare + b"Host: \r\n\r\n", {200, 400})
    for value in ("probe.test", "PROBE.TEST", "Probe.Test", "probe.test:80", "probe.test:8080",
                  "127.0.0.1", "127.0.0.1:7681", "[::1]", "[::1]:80", "[2001:db8::1]:8080",
                  "unknown.test", "a-b.test", "x.y.z.probe.test", "localhost", "xn--bcher-kva.test",
                  "a"):
        must("host/ok-" + value, ref, bare + b"Host: " + value.encode() + b"\r\n\r\n", {200},
             checks=[OK])
    for value in ("probe.test.", "probe.test:", "a_b.test", "a~b", "p%72obe.test", "[v1.x]",
                  "[::ffff:1.2.3.4]", "a!b", "probe.test:65536", "probe.test:000080", "-a.test",
                  "[fe80::1%25eth0]", "a..b"):
        must("host/may-" + value, ref, bare + b"Host: " + value.encode() + b"\r\n\r\n",
             {200, 400, 421})
    for value in ("a b", "probe.test/", "/", "a/b", "user@probe.test", "a?b", "a#b", "a\\b",
                  "probe.test:80:80", "probe.test:x", "probe.test:-1", "[::1", "::1]", "[]",
                  "[::g]",
                  "[::1]x", "http://probe.test", "probe.test, other.test", "<a>", "a%zz",
                  "[::1]:x"):
        hard = value in ("a b", "probe.test/", "/", "a/b", "a?b", "a#b", "probe.test:x", "[::1",
                         "http://probe.test", "probe.test, other.test", "user@probe.test", "[::1]x")
        level = must if hard else should
        level("host/bad-" + value, ref, bare + b"Host: " + value.encode() + b"\r\n\r\n", {400})
    must("host/comma", ref, bare + b"Host: a,b\r\n\r\n", {200, 400})
    for name, value in {"nul": b"a\x00b", "ctl": b"a\x01b", "tab": b"a\tb", "del": b"a\x7fb",
                        "high": b"a\xe4b", "cr": b"a\rb"}.items():
        must("host/bytes-" + name, ref, bare + b"Host: " + value + b"\r\n\r\n", REJECT)
    for name, field in {"no-space": b"Host:probe.test", "spaces": b"Host: \t probe.test \t ",
                        "name-case": b"hOsT: probe.test"}.items():
        must("host/ows-" + name, "9112 5", bare + field + b"\r\n\r\n", {200}, checks=[OK])
    must("host/long", ref, bare + b"Host: " + b"a" * 300 + b".test\r\n\r\n", {200, 400, 404, 421})
    must("host/last", ref, bare + b"Accept: */*\r\nX: y\r\n" + HOST + b"\r\n", {200}, checks=[OK])
    must("host/prefix", ref, bare + b"X-Host: other.test\r\nHos: x\r\n" + HOST + b"\r\n", {200},
         checks=[OK])


def absolute_form():
    """RFC 9112 section 3.2.2: the target's authority replaces Host."""
    ref = "9112 3.2.2"
    for target in ("http://probe.test/small.txt", "http://PROBE.test/small.txt",
                   "HTTP://probe.test/small.txt", "http://probe.test:80/small.txt",
                   "http://other.test/small.txt", "http://[::1]/small.txt",
                   "http://127.0.0.1:7681/small.txt?q=1"):
        must("absolute/" + target, ref, request(target), {200}, checks=[OK])
    must("absolute/host-differs", ref,
         b"GET http://probe.test/small.txt HTTP/1.1\r\nHost: other.test\r\n\r\n", {200},
         checks=[OK])
    must("absolute/no-host", "9112 3.2", b"GET http://probe.test/small.txt HTTP/1.1\r\n\r\n", {400})
    must("absolute/two-hosts", "9112 3.2",
         b"GET http://probe.test/small.txt HTTP/1.1\r\n" + HOST + HOST + b"\r\n", {400})
    must("absolute/1.0", ref, request("http://probe.test/small.txt", version="1.0", host=False),
         {200}, conn="closed", checks=[OK])
    should("absolute/no-path", "9110 4.2.3", request("http://probe.test"), {200, 301})
    should("absolute/query-no-path", "9110 4.2.3", request("http://probe.test?a=b"), {200, 301})
    should("absolute/empty-authority", "9110 4.2.1", request("http:///small.txt"), {400})
    must("absolute/userinfo", "9110 4.2.4", request("http://u:p@probe.test/small.txt"),
         {200, 400, 421})
    must("absolute/https", "9110 7.4", request("https://probe.test/small.txt"),
         {200, 301, 302, 307, 308, 400, 403, 404, 421})
    should("absolute/other-scheme", "9110 7.4", request("ftp://probe.test/small.txt"),
           {400, 403, 404, 421, 501})
    must("absolute/bad-port", ref, request("http://probe.test:x/small.txt"), {400, 404})
    must("absolute/head", ref, request("http://probe.test/small.txt", method="HEAD"), {200},
         checks=[NO_BODY])
    must("absolute/traversal", ref, request("http://probe.test/../secret.txt"),
         {400, 403, 404, 301})


def fields():
    """RFC 9112 section 5, RFC 9110 sections 5.1 and 5.5."""
    ref = "9112 5.1"
    for name, field in {"space": b"X-A : 1", "tab": b"X-A\t: 1", "host": b"Accept : */*",
                        "length": b"Content-Length : 0"}.items():
        must("field/ws-before-colon-" + name, ref, request("/small.txt", field), {400})
    must("field/ws-before-colon-only-host", ref,
         b"GET /small.txt HTTP/1.1\r\nHost : probe.test\r\n\r\n", {400})
    for name, field in {"fold": b"X-A: 1\r\n 2", "fold-tab": b"X-A: 1\r\n\t2",
                        "fold-twice": b"X-A: 1\r\n 2\r\n 3", "fold-empty": b"X-A:\r\n 2",
                        "blank": b"X-A: 1\r\n \r\nX-B: 2"}.items():
        must("field/obs-" + name, "9112 5.2", request("/small.txt", field), {200, 400}, checks=[OK])
        should("field/400-obs-" + name, "9112 5.2", request("/small.txt", field), {400})
    for name, lead in {"space": b" X: y", "tab": b"\tX: y", "blank": b"  "}.items():
        must("field/line-begins-with-" + name, "9112 2.2",
             b"GET /small.txt HTTP/1.1\r\n" + lead + b"\r\n" + HOST + b"\r\n", {200, 400, 0},
             checks=[OK])
    must("field/folded-host-first", "9112 2.2",
         b"GET /small.txt HTTP/1.1\r\n Host: probe.test\r\n\r\n", {400, 0})
    for name, field in {"no-colon": b"Foo", "no-name": b": value", "space": b"X A: b",
                        "at": b"X@A: b", "paren": b"X(A: b", "quote": b"X\"A: b", "slash":
                        b"X/A: b", "bracket": b"X[A: b", "high": b"X\xe4A: b", "comma": b"X,A: b",
                        "semicolon": b"X;A: b", "equals": b"X=A: b", "brace": b"{X}: b"}.items():
        must("field/name-" + name, "9110 5.1", request("/small.txt", field), {200, 400},
                checks=[OK])
        if name in ("no-colon", "no-name", "space", "paren"):
            should("field/400-name-" + name, "9112 2.2", request("/small.txt", field), {400})
    for name, field in {"nul": b"X\x00A: b", "ctl": b"X\x01A: b", "cr": b"X\rA: b"}.items():
        must("field/name-" + name, "9110 5.1", request("/small.txt", field), REJECT)
    for name, field in {"nul": b"X-A: a\x00b", "nul-end": b"X-A: a\x00", "cr": b"X-A: a\rb",
                        "cr-end": b"X-A: a\r", "cr-host": b"X-A: a\rHost: evil.test"}.items():
        must("field/value-" + name, "9110 5.5", request("/small.txt", field), {200, 400, 0},
             checks=[OK])
        should("field/400-value-" + name, "9110 5.5", request("/small.txt", field), {400})
    for name, field in {"bel": b"X-A: a\x07b", "del": b"X-A: a\x7fb",
        "esc": b"X-A: \x1b[31m"}.items():
        must("field/value-" + name, "9110 5.5", request("/small.txt", field), {200, 400},
                checks=[OK])
    should("field/value-obs-text", "9110 5.5", request("/small.txt", b"X-A: caf\xe9 \xff"), {200},
           checks=[OK])
    for name, field in {"empty": b"X-A:", "spaces": b"X-A:     ", "tabs": b"X-A:\t1\t",
                        "colons": b"X-A: a:b:c", "long-name": b"X" * 200 + b": 1", "tchars":
                        b"!#$%&'*+-.^_`|~09: x", "one-letter": b"x: 1", "quoted":
                        b'X-A: "a,b;c\\"d"', "utf8": "X-A: gr\u00fc\u00df".encode(),
                        "underscore": b"X_A: 1", "digit": b"9: 1"}.items():
        must("field/ok-" + name, "9110 5.5", request("/small.txt", field), {200}, checks=[OK])
    many = [b"X-%d: %d" % (n, n) for n in range(60)]
    must("field/sixty", "9110 5.4", request("/small.txt", *many), {200}, checks=[OK])
    must("field/2-KiB-value", "9110 5.4", request("/small.txt", b"X-A: " + b"v" * 2048), {200},
         checks=[OK])
    must("field/repeated", "9110 5.3", request("/small.txt", b"Accept: a/b", b"Accept: c/d"), {200},
         checks=[OK])


def line_ends():
    """RFC 9112 section 2.2: CRLF; a single LF may be accepted, a bare CR must not."""
    ref = "9112 2.2"
    whole = b"GET /small.txt HTTP/1.1\nHost: probe.test\n\n"
    either = {200, 400, 0}
    must("line-end/lf-everywhere", ref, whole, either, checks=[OK])
    must("line-end/lf-request-line", ref, b"GET /small.txt HTTP/1.1\n" + HOST + b"\r\n", either,
         checks=[OK])
    must("line-end/lf-field", ref, b"GET /small.txt HTTP/1.1\r\nX: y\n" + HOST + b"\r\n", either,
         checks=[OK])
    must("line-end/lf-final", ref, b"GET /small.txt HTTP/1.1\r\n" + HOST + b"\n", either,
         checks=[OK])
    must("line-end/cr-everywhere", ref, b"GET /small.txt HTTP/1.1\rHost: probe.test\r\r", REJECT,
         fin=True)
    must("line-end/lfcr", ref, b"GET /small.txt HTTP/1.1\n\rHost: probe.test\n\r\n\r", REJECT,
         fin=True)
    must("line-end/crcrlf", ref, b"GET /small.txt HTTP/1.1\r\r\n" + HOST + b"\r\n", either,
         checks=[OK])
    must("line-end/crcrlf-final", ref, b"GET /small.txt HTTP/1.1\r\n" + HOST + b"\r\r\n", either,
         fin=True, checks=[OK])


def sizes():
    """RFC 9112 section 3, RFC 6585 section 5: limits have statuses."""
    target = "/" + "a" * (8000 - len("GET / HTTP/1.1"))
    should("size/request-line-8000", "9112 3", request(target), {404})
    query = "/small.txt?" + "q" * 7000
    should("size/query-7000", "9112 3", request(query), {200}, checks=[OK])
    for size in (40_000, 70_000, 200_000):
        must(f"size/target-{size}", "9112 3", request("/" + "a" * size), {414, 431}, conn="closed")
        should(f"size/414-target-{size}", "9112 3", request("/" + "a" * size), {414})
    must("size/query-100000", "9112 3", request("/small.txt?" + "q" * 100_000), {414, 431},
         conn="closed")
    for size in (70_000, 300_000):
        must(f"size/field-{size}", "6585 5", request("/small.txt", b"X-A: " + b"v" * size),
             {400, 413, 431, 0}, conn="closed")
        should(f"size/431-field-{size}", "6585 5", request("/small.txt", b"X-A: " + b"v" * size),
               {431}, conn="closed")
    must("size/name-70000", "6585 5", request("/small.txt", b"X" * 70_000 + b": v"),
         {400, 413, 431, 0}, conn="closed")
    flood = [b"X-%05d: value" % n for n in range(5000)]
    must("size/5000-fields", "6585 5", request("/small.txt", *flood), {400, 413, 431, 0},
         conn="closed")
    should("size/431-5000-fields", "6585 5", request("/small.txt", *flood), {431}, conn="closed")
    must("size/method-10000", "9112 3", request(method="G" * 10_000),
         {400, 405, 414, 431, 501, 0})
    must("size/unended-line", "9112 3", b"GET /" + b"a" * 300_000, {400, 414, 431, 0},
         conn="closed", fin=True)


def segments():
    """A message is the same however TCP cuts it."""
    whole = request("/small.txt", "X-A: b")
    must("cut/each-byte", "9112 2.2", [bytes([b]) for b in whole], {200}, conn="kept", checks=[OK])
    at = whole.index(b"\r\n\r\n")
    for name, cut in {"in-crlf": at + 1, "before-last-lf": len(whole) - 1, "in-method": 2,
                      "after-method": 4, "in-host": whole.index(b"probe") + 2,
                      "before-colon": whole.index(b":")}.items():
        must("cut/" + name, "9112 2.2", [whole[:cut], whole[cut:]], {200}, conn="kept", checks=[OK],
             pause=0.02)
    two = whole + request("/10k.txt")
    for cut in (1, len(whole) - 1, len(whole), len(whole) + 1, len(two) - 1):
        must(f"cut/two-at-{cut}", "9112 9.3.2", [two[:cut], two[cut:]], {200}, conn="kept",
             pause=0.02, methods=["GET", "GET"], checks=[bodies("small.txt", "10k.txt")])


def methods():
    """RFC 9110 sections 9 and 15.5.6."""
    ref = "9110 9.1"
    names = ("small.txt", "index.html", "empty.txt", "10k.txt", "1m.txt", "dir/", "noindex/",
             "missing.txt", "dir", "moved")
    for name in names:
        must("method/HEAD-" + name, "9110 9.3.2", request("/" + name, method="HEAD"),
             {200, 301, 302, 307, 308, 403, 404}, conn="kept", checks=[NO_BODY])
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        must("method/" + method, "9110 15.5.6",
             request(method=method, body=b"") if method == "DELETE" else
             request("/small.txt", "Content-Length: 0", method=method),
             {200, 204, 400, 403, 404, 405, 411, 501}, checks=[ALLOW_GET])
        should("method/405-" + method, "9110 15.5.6",
               request("/small.txt", "Content-Length: 0", method=method), {405, 501}, conn="kept",
               checks=[on(405, has("allow"))])
    must("method/POST-body", "9110 15.5.6",
         request("/small.txt", "Content-Length: 5", method="POST", body=b"hello"), {200, 403, 404,
         405},
         checks=[ALLOW_GET])
    must("method/POST-no-length", "9112 6.3", request(method="POST"),
         {200, 400, 403, 404, 405, 411, 501}, checks=[ALLOW_GET])
    must("method/DELETE-keeps-file", "9110 9.3.5",
         request("/dir/sub/page.txt", method="DELETE") + request("/dir/sub/page.txt"),
         {403, 404, 405, 501}, methods=["DELETE", "GET"],
         checks=[ALLOW_GET, lambda a: "the file is gone" if len(a.responses) > 1
                 and a.responses[1].status != 200 else None])
    for method in ("FOO", "PROPFIND", "MKCOL", "LINK", "X" * 40, "M-SEARCH", "GETX", "HEADS", "G"):
        must("method/unknown-" + method, ref, request(method=method), {400, 403, 405, 501, 0})
    for method in ("FOO", "PROPFIND"):
        should("method/501-" + method, "9110 15.6.2", request(method=method), {405, 501},
               checks=[ALLOW_GET])
    for method in ("get", "Get", "head", "gET"):
        must("method/case-" + method, ref, request(method=method), {400, 405, 501, 0},
             methods=["GET"])
    for method in ("GE T", "G@T", "GE(T", "G\xc3T", "GET,", "\"GET\"", "G/T", ""):
        must("method/bad-" + repr(method), "9110 5.6.2", request(method=method),
             {400, 405, 501, 505, 0})
    for method in ("G\x00T", "G\x7fT", "GET\x0b"):
        must("method/ctl-" + repr(method), "9110 5.6.2", request(method=method), {400, 405, 501, 0})
    must("method/OPTIONS", "9110 9.3.7", request(method="OPTIONS"), {200, 204, 403, 404, 405, 501},
         checks=[ALLOW_GET])
    should("method/OPTIONS-answers", "9110 9.3.7", request(method="OPTIONS"), {200, 204},
           conn="kept", checks=[has("allow")])
    should("method/OPTIONS-star", "9112 3.2.4", request("*", method="OPTIONS"), {200, 204},
           conn="kept")
    must("method/OPTIONS-star-1.0", "9112 3.2.4", request("*", method="OPTIONS", version="1.0"),
         {200, 204, 400, 403, 404, 405, 501}, conn="closed")
    must("method/OPTIONS-missing", "9110 9.3.7", request("/missing.txt", method="OPTIONS"),
         {200, 204, 403, 404, 405, 501})
    for method in ("GET", "HEAD", "POST"):
        should("method/star-with-" + method, "9112 3.2.4", request("*", method=method),
               {400, 404, 405})
    must("method/TRACE", "9110 9.3.8", request("/small.txt", "Cookie: a=b", method="TRACE"),
         {200, 400, 403, 404, 405, 501}, checks=[
             ALLOW_GET, lambda a: "TRACE reflects Cookie" if b"a=b" in a.first.body else None,
             on(200, has("content-type", "message/http.*"))])
    for target in ("probe.test:80", "/small.txt", "probe.test", "/", "http://probe.test/"):
        must("method/CONNECT-" + target, "9110 9.3.6", request(target, method="CONNECT"),
             {400, 403, 404, 405, 501, 0}, methods=["GET"])
    must("method/authority-form-GET", "9112 3.2.3", request("probe.test:80"), {400, 404})
    must("method/relative-target", "9112 3.2", request("small.txt"), {400, 404})
    must("method/query-only-target", "9112 3.2", request("?small.txt"), {400, 404})
    must("method/HEAD-then-GET", "9110 9.3.2", request(method="HEAD") + request(), {200},
         methods=["HEAD", "GET"], conn="kept", checks=[statuses(200, 200),
                                                       lambda a: None if a.responses[1].body ==
                                                       site.SMALL else "GET after HEAD is wrong"])
    must("method/HEAD-body-length", "9110 8.6", request("/10k.txt", method="HEAD"), {200},
         checks=[lambda a: None if a.first.get("content-length") in (None, "10240")
                 else "Content-Length of HEAD is not that of GET", body_is(b"")])


for topic in (request_line, version, host, absolute_form, fields, line_ends, sizes, segments,
              methods):
    topic()
