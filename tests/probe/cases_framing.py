"""Content-Length, Transfer-Encoding, chunks, Expect, persistence, pipelining (RFC 9112 6 to 9)."""

from case import NO_BODY, bodies, full, must, on, request, should, statuses
import site_layout as site

INNER = b"GET /smuggled.txt HTTP/1.1\r\nHost: probe.test\r\n\r\n"
POSTED = {200, 403, 404, 405, 411, 413, 501}
CLOSE = {200, 400, 403, 404, 405, 411, 413, 431, 501, 0}


def post(*fields, body=b"", **more):
    """A POST of small.txt."""
    return request("/small.txt", *fields, method="POST", body=body, **more)


def content_length():
    """RFC 9112 sections 6.2 and 6.3, RFC 9110 section 8.6."""
    bad = {"word": "abc", "negative": "-1", "plus": "+5", "space-inside": "5 5", "suffix": "5x",
           "hex": "0x5", "point": "5.0", "exponent": "1e1", "list-differs": "5, 6",
           "list-differs-tight": "5,6", "semicolon": "5;", "quoted": '"5"', "underscore": "1_0",
           "20-digits": "99999999999999999999", "2^64+5": "18446744073709551621",
           "2^63": "9223372036854775808", "40-digits": "9" * 40, "colon": "5:", "minus-zero": "-0",
           "fullwidth": "\xef\xbc\x95", "trailing-comma-text": "5,x"}
    big = {"20-digits", "2^64+5", "2^63", "40-digits"}
    for name, value in bad.items():
        allowed = {400, 413} if name in big else {400}
        raw = value.encode("latin-1")
        must("length/post-" + name, "9112 6.3", post(b"Content-Length: " + raw, body=b"hello"),
             allowed, conn="closed")
        must("length/get-" + name, "9112 6.3",
             request("/small.txt", b"Content-Length: " + raw, body=INNER), allowed, conn="closed")
    must("length/bare-cr", "9112 2.2", post(b"Content-Length: 5\r", body=b"hello"),
         POSTED | {400, 0})
    for name, raw in {"vt": b"\x0b5", "nul": b"5\x00", "nbsp": b"\xa05"}.items():
        must("length/byte-" + name, "9112 6.3", post(b"Content-Length: " + raw, body=b"hello"),
             {400, 0}, conn="closed")
    must("length/empty", "9112 6.3", post("Content-Length:", body=INNER), {400, 411},
         conn="closed")
    must("length/twice-differs", "9112 6.3",
         post("Content-Length: 5", "Content-Length: 6", body=b"hello!"), {400}, conn="closed")
    must("length/twice-0-n", "9112 6.3",
         post("Content-Length: 0", f"Content-Length: {len(INNER)}", body=INNER), {400},
         conn="closed")
    must("length/twice-apart-case", "9112 6.3",
         post("Content-Length: 5", "X: y", "content-LENGTH: 0", body=b"hello"), {400},
         conn="closed")
    must("length/twice-same", "9112 6.3",
         post("Content-Length: 5", "Content-Length: 5", body=b"hello"), POSTED | {400})
    must("length/list-same", "9112 6.3", post("Content-Length: 5, 5", body=b"hello"),
         POSTED | {400})
    must("length/leading-zeros", "9110 8.6", post("Content-Length: 0005", body=b"hello"),
         POSTED | {400})
    must("length/tabs-around", "9110 5.5", post("Content-Length: \t5 \t", body=b"hello"), POSTED)
    must("length/name-case", "9110 5.1", post("cOnTeNt-LeNgTh: 5", body=b"hello"), POSTED)
    must("length/zero", "9112 6.3", post("Content-Length: 0"), POSTED)
    must("length/body-is-a-request", "9112 6.3",
         post(f"Content-Length: {len(INNER)}", body=INNER), POSTED)
    must("length/body-later", "9112 6.3",
         [post(f"Content-Length: {len(INNER)}"), INNER], POSTED, pause=0.05)
    must("length/get-with-body", "9110 9.3.1",
         request("/small.txt", f"Content-Length: {len(INNER)}", body=INNER), {200, 400, 413},
         checks=[full()])
    must("length/get-with-body-later", "9110 9.3.1",
         [request("/small.txt", f"Content-Length: {len(INNER)}"), INNER], {200, 400, 413},
         pause=0.05, checks=[full()])
    must("length/head-with-body", "9110 9.3.2",
         request("/small.txt", "Content-Length: 5", method="HEAD", body=b"hello"), {200, 400, 413},
         checks=[NO_BODY])
    must("length/get-zero", "9110 8.6", request("/small.txt", "Content-Length: 0"), {200},
         conn="kept", checks=[full()])
    must("length/1.0-post", "9112 6.3", post("Content-Length: 5", body=b"hello", version="1.0"),
         POSTED | {400}, conn="closed")
    must("length/cut-body", "9112 8", post("Content-Length: 50", body=b"hello"), POSTED | {400, 0},
         fin=True, conn="closed")
    must("length/1-MiB-body", "9112 6.3",
         post("Content-Length: 1048576", body=bytes(1 << 20)), POSTED)
    must("length/prefix-name", "9110 5.1",
         request("/small.txt", "Content-Lengt: 5", "X-Content-Length: 7"), {200}, conn="kept",
         checks=[full()])


def transfer_encoding():
    """RFC 9112 sections 6.1 and 6.3, and the smuggling classes of section 11.2."""
    body = b"5\r\nhello\r\n0\r\n\r\n"
    te = "Transfer-Encoding: "
    for name, value in {"plain": "chunked", "upper": "CHUNKED", "mixed": "Chunked", "ows":
                        " \t chunked \t"}.items():
        must("te/ok-" + name, "9112 6.1", post(te + value, body=body), POSTED)
    must("te/get-chunked", "9112 6.3", request("/small.txt", te + "chunked", body=body),
         {200, 400, 413, 501}, checks=[full()])
    must("te/get-chunked-inner", "9112 6.3",
         request("/small.txt", te + "chunked",
                 body=b"%x\r\n%s\r\n0\r\n\r\n" % (len(INNER), INNER)),
         {200, 400, 413, 501}, checks=[full()])
    for name, value in {"identity": "identity", "gzip": "gzip", "gzip-chunked": "gzip, chunked",
                        "chunked-gzip": "chunked, gzip", "chunked-identity": "chunked, identity",
                        "identity-chunked": "identity, chunked", "twice": "chunked, chunked",
                        "xchunked": "xchunked", "chunkedx": "chunkedx", "quoted": '"chunked"',
                        "single-quoted": "'chunked'", "space-inside": "chu nked", "param":
                        "chunked;q=1", "semicolon": "chunked;", "word-after": "chunked x", "cow":
                        "cow", "chunk": "chunk", "colon": ": chunked", "eq": "=chunked"}.items():
        allowed = {400, 501}
        if name == "param":
            allowed = {400, 501} | POSTED
        must("te/bad-" + name, "9112 6.3", post(te + value, body=body), allowed, conn="closed")
        must("te/bad-get-" + name, "9112 6.3", request("/small.txt", te + value, body=body),
             allowed | {200} if name == "param" else allowed, conn="closed" if name != "param"
             else "sync")
    for name, raw in {"vt-before": b"\x0bchunked", "nul": b"chunked\x00", "ff": b"\x0cchunked",
                      "nbsp": b"\xa0chunked", "high": b"chunked\xff"}.items():
        must("te/byte-" + name, "9112 6.3", post(te.encode() + raw, body=body), {400, 501, 0},
             conn="closed")
    for name, value in {"comma-before": ",chunked", "comma-after": "chunked,", "commas":
                        " , chunked , "}.items():
        must("te/list-" + name, "9110 5.6.1", post(te + value, body=body), POSTED | {400})
    must("te/empty", "9112 6.3", post(te, body=b""), POSTED | {400})
    must("te/two-lines-same", "9112 6.1", post(te + "chunked", te + "chunked", body=body),
         POSTED | {400})
    must("te/two-lines-identity", "9112 6.1", post(te + "identity", te + "chunked", body=body),
         {400, 501}, conn="closed")
    must("te/two-lines-cow-last", "9112 6.3", post(te + "chunked", te + "cow", body=body),
         {400, 501}, conn="closed")
    must("te/folded", "9112 5.2", post("Transfer-Encoding:\r\n chunked", body=body), POSTED | {400})
    for name, field in {"space-colon": "Transfer-Encoding : chunked", "tab-colon":
                        "Transfer-Encoding\t: chunked"}.items():
        must("te/" + name, "9112 5.1", post(field, "Content-Length: 15", body=body), {400})
    smuggle = b"0\r\n\r\n" + INNER
    must("te/cl-and-te", "9112 6.3", post("Content-Length: 5", te + "chunked", body=body),
         POSTED | {400}, conn="closed")
    must("te/cl-te", "9112 6.3",
         post(f"Content-Length: {len(smuggle)}", te + "chunked", body=smuggle), POSTED | {400},
         conn="closed")
    must("te/te-cl", "9112 6.3", post(te + "chunked", "Content-Length: 4",
                                      body=b"%x\r\n%s\r\n0\r\n\r\n" % (len(INNER), INNER)),
         POSTED | {400}, conn="closed")
    must("te/get-cl-te", "9112 6.3",
         request("/small.txt", f"Content-Length: {len(smuggle)}", te + "chunked", body=smuggle),
         {200, 400}, conn="closed", checks=[full()])
    must("te/cl0-te", "9112 6.3", post("Content-Length: 0", te + "chunked", body=body),
         POSTED | {400}, conn="closed")
    must("te/cl-bad-te", "9112 6.3",
         post(f"Content-Length: {len(INNER)}", te + "xchunked", body=INNER), {400, 501},
         conn="closed")
    must("te/underscore-name", "9112 5.1",
         post("Transfer_Encoding: chunked", f"Content-Length: {len(INNER)}", body=INNER),
         POSTED | {400})
    must("te/x-name", "9112 5.1", post("X-Transfer-Encoding: chunked", "Content-Length: 5",
                                       body=b"hello"), POSTED)
    must("te/1.0", "9112 6.1", post(te + "chunked", "Connection: keep-alive", body=body,
                                    version="1.0"), POSTED | {400, 505}, conn="closed")
    must("te/1.0-cl", "9112 6.1",
         post(te + "chunked", "Content-Length: 15", "Connection: keep-alive", body=body,
              version="1.0"), POSTED | {400, 505}, conn="closed")
    should("te/501-unknown", "9112 6.1", post(te + "cow, chunked", body=body), {501},
           conn="closed")
    must("te/te-field-is-other", "9110 10.1.4", request("/small.txt", "TE: trailers",
                                                        "Connection: TE"), {200}, checks=[full()])
    must("te/chunked-name-prefix", "9112 6.1",
         request("/small.txt", "Transfer-Encodin: chunked"), {200}, conn="kept", checks=[full()])


def chunks():
    """RFC 9112 section 7.1."""
    te = "Transfer-Encoding: chunked"
    inner = b"%x\r\n%s\r\n0\r\n\r\n" % (len(INNER), INNER)
    good = {
        "one": b"5\r\nhello\r\n0\r\n\r\n", "empty": b"0\r\n\r\n", "upper": b"A\r\n0123456789\r\n"
        b"0\r\n\r\n", "lower": b"a\r\n0123456789\r\n0\r\n\r\n", "zeros": b"0005\r\nhello\r\n"
        b"000\r\n\r\n", "many": b"1\r\nx\r\n" * 500 + b"0\r\n\r\n", "ext": b"5;a=b\r\nhello\r\n"
        b"0\r\n\r\n", "ext-quoted": b'5;a="b c"\r\nhello\r\n0\r\n\r\n', "ext-bare":
        b"5;a\r\nhello\r\n0;z\r\n\r\n", "exts": b"5;a=1;b=2\r\nhello\r\n0\r\n\r\n", "trailer":
        b"5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n", "trailers": b"0\r\nX-T: 1\r\nX-U: 2\r\n\r\n",
        "request-inside": inner, "20000": b"4e20\r\n" + bytes(20000) + b"\r\n0\r\n\r\n",
        "crlf-inside": b"4\r\n\r\n\r\n\r\n0\r\n\r\n",
    }
    for name, body in good.items():
        must("chunk/ok-" + name, "9112 7.1", post(te, body=body), POSTED)
    soft = {
        "ext-bws": b"5 ; a = b\r\nhello\r\n0\r\n\r\n", "trailer-length":
        b"0\r\nContent-Length: 99\r\n\r\n", "trailer-te": b"0\r\nTransfer-Encoding: x\r\n\r\n",
        "trailer-host": b"0\r\nHost: other\r\n\r\n", "space-after": b"5 \r\nhello\r\n0\r\n\r\n",
        "zeros-300": b"0" * 300 + b"5\r\nhello\r\n0\r\n\r\n", "ext-quoted-crlf":
        b'5;a="\\\r"\r\nhello\r\n0\r\n\r\n',
    }
    for name, body in soft.items():
        must("chunk/may-" + name, "9112 7.1", post(te, body=body), POSTED | {400, 431, 0})
    must("chunk/cut-in-pieces", "9112 7.1",
         [post(te), b"5", b"\r", b"\nhel", b"lo\r", b"\n0", b"\r\n", b"\r\n"], POSTED, pause=0.01)
    bad = {
        "word": b"xyz\r\nhello\r\n0\r\n\r\n", "no-size": b"\r\nhello\r\n0\r\n\r\n", "minus":
        b"-5\r\nhello\r\n0\r\n\r\n", "plus": b"+5\r\nhello\r\n0\r\n\r\n", "0x":
        b"0x5\r\nhello\r\n0\r\n\r\n", "space-before": b" 5\r\nhello\r\n0\r\n\r\n", "underscore":
        b"1_0\r\nhellohellohello!\r\n0\r\n\r\n", "data-long": b"5\r\nhello!!\r\n0\r\n\r\n",
        "data-short": b"7\r\nhello\r\n0\r\n\r\n", "no-crlf": b"5\r\nhello0\r\n\r\n", "overflow-64":
        b"10000000000000005\r\nhello\r\n0\r\n\r\n", "overflow-f": b"F" * 17 + b"\r\nhello\r\n",
        "overflow-40": b"1" + b"0" * 39 + b"5\r\nhello\r\n0\r\n\r\n", "minus-one":
        b"ffffffffffffffff\r\nhello\r\n0\r\n\r\n", "comma": b"5,5\r\nhello\r\n0\r\n\r\n",
            "dot": b"5.0\r\nhello\r\n0\r\n\r\n", "only-ext":
        b";a=b\r\nhello\r\n0\r\n\r\n", "nul-size": b"5\x00\r\nhello\r\n0\r\n\r\n", "cr-end":
        b"5\rhello\r0\r\r", "high-digit": b"\xb5\r\nhello\r\n0\r\n\r\n", "tab-before":
        b"\t5\r\nhello\r\n0\r\n\r\n", "lf-cr": b"5\n\rhello\r\n0\r\n\r\n",
    }
    for name, body in bad.items():
        must("chunk/bad-" + name, "9112 7.1", post(te, body=body + INNER), CLOSE, fin=True,
             conn="closed")
    lenient = {"word-after": b"5 x\r\nhello\r\n0\r\n\r\n", "lf-size": b"5\nhello\r\n0\r\n\r\n",
        "lf-data": b"5\r\nhello\n0\r\n\r\n", "lf-last":
               b"5\r\nhello\r\n0\n\n", "ext-nul": b"5;a=\x00\r\nhello\r\n0\r\n\r\n", "ext-lf":
               b"5;a=\nx\r\nhello\r\n0\r\n\r\n", "ext-cr": b"5;a\rb\r\nhello\r\n0\r\n\r\n",
               "trailer-no-colon": b"0\r\nbad trailer\r\n\r\n", "trailer-folded":
               b"0\r\nX: 1\r\n 2\r\n\r\n", "trailer-space-colon": b"0\r\nX : 1\r\n\r\n"}
    for name, body in lenient.items():
        must("chunk/odd-" + name, "9112 7.1", post(te, body=body), CLOSE | POSTED, fin=True)
    must("chunk/ext-20-KiB", "9112 7.1.1",
         post(te, body=b"5;a=" + b"b" * 20480 + b"\r\nhello\r\n0\r\n\r\n"), CLOSE | POSTED,
         fin=True)
    must("chunk/trailers-100-KiB", "9112 7.1.2",
         post(te, body=b"0\r\n" + b"X-T: yyyyyyyyyyyyyyyyyyyy\r\n" * 4000 + b"\r\n"),
         CLOSE | POSTED, fin=True)
    must("chunk/fin-in-data", "9112 8", post(te, body=b"10\r\nhello"), CLOSE, fin=True,
         conn="closed")
    must("chunk/fin-before-last-crlf", "9112 8", post(te, body=b"5\r\nhello\r\n0\r\n"), CLOSE,
         fin=True, conn="closed")
    must("chunk/zero-then-request", "9112 7.1", post(te, body=b"0\r\n\r\n") + request(),
         POSTED, methods=["POST", "GET"], checks=[
             lambda a: None if len(a.responses) == 1 or a.responses[1].body == site.SMALL
             else "the request after the last chunk is misread"])


def expect():
    """RFC 9110 section 10.1.1."""
    ref = "9110 10.1.1"
    ask = "Expect: 100-continue"
    late = [post(ask, "Content-Length: 5"), b"hello"]
    for name, pieces in {"body-later": late, "body-at-once": [b"".join(late)],
                         "case": [post("Expect: 100-CONTINUE", "Content-Length: 5"), b"hello"],
                         "chunked": [post(ask, "Transfer-Encoding: chunked"),
                             b"0\r\n\r\n"]}.items():
        must("expect/" + name, ref, pieces, POSTED, pause=0.1, checks=[
            lambda a: None if set(a.first.interim) <= {100} else f"interim {a.first.interim}"])
    must("expect/refusal-needs-no-body", ref, post(ask, "Content-Length: 5"), POSTED | {417},
         conn=None)
    must("expect/get", ref, request("/small.txt", ask), {200, 400, 417}, checks=[full()])
    must("expect/1.0-no-100", ref, post(ask, "Content-Length: 5", version="1.0", body=b"hello"),
         POSTED | {400}, conn="closed",
         checks=[lambda a: "100 to an HTTP/1.0 client" if a.first.interim else None])
    for name, value in {"unknown": "banana", "list": "100-continue, banana", "empty": "",
                        "param": "100-continue;q=1"}.items():
        must("expect/" + name, ref, post("Expect: " + value, "Content-Length: 5", body=b"hello"),
             POSTED | {400, 417})
    must("expect/get-unknown", ref, request("/small.txt", "Expect: banana"), {200, 400, 417})
    must("expect/get-with-body", ref,
         [request("/small.txt", ask, "Content-Length: 5"), b"hello"], {200, 400, 413, 417},
         pause=0.1, checks=[full()])


def persistence():
    """RFC 9112 section 9."""
    ref = "9112 9.3"
    says_close = on({200, 404}, lambda a: None if "close" in a.first.tokens("connection")
                    else "no Connection: close in the answer (RFC 9112 9.6)")
    must("keep/default", ref, request(), {200}, conn="kept", checks=[full()])
    for name, value in {"keep-alive": "keep-alive", "other": "x", "closed": "closed", "closex":
                        "closex", "xclose": "x-close", "te": "TE", "empty": ""}.items():
        should("keep/not-close-" + name, ref, request("/small.txt", "Connection: " + value), {200},
             conn="kept", checks=[full()])
    for name, value in {"plain": "close", "case": "Close", "upper": "CLOSE", "first": "close, TE",
                        "last": "TE, close", "middle": "a, close, b", "tight": "TE,close", "both":
                        "keep-alive, close", "comma": ", close", "trailing": "close ,", "tab":
                        "\tclose\t"}.items():
        must("keep/close-" + name, "9112 9.6", request("/small.txt", "Connection: " + value), {200},
             conn="closed", checks=[full()])
        should("keep/says-close-" + name, "9112 9.6",
               request("/small.txt", "Connection: " + value), {200}, conn="closed",
               checks=[says_close])
    must("keep/close-two-lines", "9112 9.6",
         request("/small.txt", "Connection: TE", "Connection: close"), {200}, conn="closed")
    must("keep/close-head", "9112 9.6", request("/small.txt", "Connection: close", method="HEAD"),
         {200}, conn="closed", checks=[NO_BODY])
    must("keep/close-404", "9112 9.6", request("/missing.txt", "Connection: close"), {404},
         conn="closed")
    must("keep/1.0-default", ref, request(version="1.0"), {200}, conn="closed", checks=[full()])
    must("keep/1.0-keep-alive", ref, request("/small.txt", "Connection: keep-alive",
                                             version="1.0"), {200}, checks=[full()])
    should("keep/1.0-keep-alive-honoured", ref,
           request("/small.txt", "Connection: Keep-Alive", version="1.0"), {200}, conn="kept",
           checks=[lambda a: None if "keep-alive" in a.first.tokens("connection")
                   else "kept without saying so to an HTTP/1.0 client"])
    must("keep/1.0-both", ref, request("/small.txt", "Connection: keep-alive, close",
                                       version="1.0"), {200}, conn="closed")
    must("keep/1.0-other", ref, request("/small.txt", "Connection: foo", version="1.0"), {200},
         conn="closed")
    for name, raw in {"404": request("/missing.txt"), "301": request("/dir"),
                      "206": request("/small.txt", "Range: bytes=0-1"), "416":
                      request("/small.txt", "Range: bytes=99-"), "head": request(method="HEAD"),
                      "redirect": request("/moved"), "empty": request("/empty.txt"), "1m":
                      request("/1m.txt")}.items():
        should("keep/after-" + name, ref, raw, {200, 206, 301, 302, 307, 308, 404, 416},
               conn="kept", methods=["HEAD" if name == "head" else "GET"])
    should("keep/after-304", ref, lambda f: request("/small.txt", "If-None-Match: *"), {304},
           conn="kept")
    should("keep/after-412", ref, request("/small.txt", 'If-Match: "x"'), {412}, conn="kept")
    should("keep/after-body", ref, post("Content-Length: 5", body=b"hello"), {403, 404, 405, 501},
           conn="kept")
    must("keep/connection-host", "9110 7.6.1", request("/small.txt", "Connection: Host"),
         {200, 400})
    must("keep/upgrade-h2c", "9110 7.8",
         request("/small.txt", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c",
                 "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"), {200}, checks=[full()])
    must("keep/upgrade-unknown", "9110 7.8",
         request("/small.txt", "Connection: upgrade", "Upgrade: foo/2"), {200}, checks=[full()])


def pipelining():
    """RFC 9112 section 9.3.2."""
    ref = "9112 9.3.2"
    for count in (2, 3, 16, 100):
        must(f"pipe/{count}", ref, request() * count, {200}, methods=["GET"] * count, conn="kept",
             checks=[bodies(*["small.txt"] * count)])
    order = ["10k.txt", "small.txt", "empty.txt", "1m.txt", "style.css", "small.txt"]
    must("pipe/order", ref, b"".join(request("/" + n) for n in order), {200},
         methods=["GET"] * len(order), conn="kept", checks=[bodies(*order)])
    must("pipe/mixed", ref, request() + request(method="HEAD") + request("/missing.txt") +
         request("/small.txt", "Range: bytes=0-4") + request("/10k.txt"), {200},
         methods=["GET", "HEAD", "GET", "GET", "GET"], conn="kept",
         checks=[statuses(200, 200, 404, (200, 206), 200),
                 bodies("small.txt", None, None, None, "10k.txt")])
    must("pipe/close-ends", "9112 9.6",
         request() + request("/small.txt", "Connection: close") + request("/smuggled.txt"), {200},
         methods=["GET", "GET"], conn="closed", checks=[statuses(200, 200)])
    must("pipe/1.0-ends", "9112 9.3", request() + request(version="1.0") +
         request("/smuggled.txt"), {200}, methods=["GET", "GET"], conn="closed",
         checks=[statuses(200, 200)])
    must("pipe/bad-ends", "9112 2.2", request() + b"GET / small HTTP/1.1\r\nX : y\r\n\r\n" +
         request("/smuggled.txt"), {200}, methods=["GET", "GET"], conn="closed",
         checks=[lambda a: None if len(a.responses) == 2 and a.responses[1].status in (400, 301)
                 else "the bad request was not refused"])
    must("pipe/after-post", ref, post("Content-Length: 5", body=b"hello") + request(), POSTED,
         methods=["POST", "GET"], checks=[
             lambda a: None if len(a.responses) == 1 or a.responses[1].body == site.SMALL
             else "the request after a body is misread"])
    must("pipe/heads", ref, request(method="HEAD") * 10 + request(), {200},
         methods=["HEAD"] * 10 + ["GET"], conn="kept",
         checks=[bodies(*[None] * 10, "small.txt")])
    must("pipe/crlf-between", "9112 2.2", request() + b"\r\n" + request(), {200},
         methods=["GET", "GET"], checks=[
             lambda a: None if len(a.responses) == 2 and a.responses[1].status in (200, 400)
             else "an empty line between requests is misread"])
    must("pipe/304s", ref, request("/small.txt", "If-None-Match: *") * 5 + request(), {304},
         methods=["GET"] * 6, conn="kept", checks=[statuses(304, 304, 304, 304, 304, 200)])
    must("pipe/large-then-small", ref, request("/1m.txt") + request(), {200},
         methods=["GET", "GET"], conn="kept", checks=[bodies("1m.txt", "small.txt")])
    must("pipe/1.1-then-no-host", "9112 3.2",
         request() + b"GET /small.txt HTTP/1.1\r\n\r\n", {200}, methods=["GET", "GET"],
         checks=[statuses(200, 400)])
    must("pipe/absolute", ref, request("http://probe.test/small.txt") + request("/10k.txt"), {200},
         methods=["GET", "GET"], conn="kept", checks=[bodies("small.txt", "10k.txt")])
    must("pipe/fin", ref, request() * 3, {200}, methods=["GET"] * 3, fin=True, conn="closed",
         checks=[bodies(*["small.txt"] * 3)])


for topic in (content_length, transfer_encoding, chunks, expect, persistence, pipelining):
    topic()
