"""Targets, metadata, conditions, ranges, negotiation, redirects (RFC 9110)."""

import email.utils
import gzip
import re

from case import (DELIMITED, NO_BODY, body_is, content_range, full, has, lacks, multipart, must, on,
                  request, same, should)
import site_layout as site

NOT_SERVED = {400, 403, 404, 301, 302, 307, 308}
DATE = (r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-3][0-9] (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|"
        r"Dec) [0-9]{4} [0-2][0-9]:[0-5][0-9]:[0-6][0-9] GMT")
ETAG = r'(W/)?"[\x21\x23-\x7e\x80-\xff]*"'
LATER = "Fri, 05 Mar 2021 05:06:07 GMT"
EARLIER = "Wed, 03 Mar 2021 05:06:07 GMT"


def targets():
    """Section 4.2, RFC 3986: encodings, dot segments; nothing leaves the document root."""
    ref = "3986 2"
    for name, target in site.NAMED.items():
        must("target/named-" + target, ref, request("/" + target), {200},
             checks=[body_is(site.body_of(name))])
    for target in ("/%73mall.txt", "/sm%61ll.txt", "/small%2Etxt", "/small%2etxt",
        "/%73%6D%61%6C%6C"
                   ".txt", "/small.txt?", "/small.txt?a=b", "/small.txt?/../x", "/small.txt?a?b",
                   "/small.txt?%zz", "/small.txt?a=%2e%2e/", "/small.txt?http://x"):
        must("target/same-" + target, ref, request(target), {200}, checks=[full()])
    for target in ("/dir/../small.txt", "/./small.txt", "/dir/sub/../../small.txt",
                   "/dir/./../small.txt", "/dir/%2e%2e/small.txt", "//small.txt",
                   "/dir//../small.txt",
                   "/.//small.txt", "/dir/%2E./small.txt"):
        must("target/dots-" + target, "3986 5.2.4", request(target), {200} | NOT_SERVED,
             checks=[full()])
    for target in ("/percent%41.txt", "/SMALL.TXT", "/small.tx", "/small.txt%20", "/small.txt.",
                   "/small.txt;x", "/missing.txt", "/missing/", "/dir/missing.txt",
                   "/what?.txt", "/small.txt%3Fa", "/%2Fsmall.txtx"):
        must("target/other-" + target, "9110 15.5.5", request(target), NOT_SERVED)
    for target in ("/small.txt/", "/small.txt/x", "/smal%6C.txt%2Fx"):
        should("target/below-file-" + target, "9110 15.5.5", request(target), NOT_SERVED)
    must("target/query-nul", "3986 7.3", request("/small.txt?%00"), {200, 400}, checks=[full()])
    for target in ("/small.txt%00", "/small.txt%00.html", "/%00", "/%00small.txt", "/dir%00/",
                   "/small%00.txt"):
        must("target/nul-" + target, "3986 7.3", request(target), NOT_SERVED)
    for target in ("/%zz", "/%", "/%4", "/small.txt%", "/%u0073mall.txt", "/small%2.txt", "/%%32e",
                   "/%-1", "/%+1"):
        must("target/escape-" + target, "3986 2.1", request(target), NOT_SERVED)
        should("target/400-escape-" + target, "9112 3", request(target), {400, 404})
    must("target/fragment", "9112 3.2", request("/small.txt#x"), {200, 400, 404}, checks=[full()])
    should("target/fragment-served", "9110 4.2.5", request("/small.txt#x"), {200}, checks=[full()])
    must("target/fragment-traversal", "9112 3.2", request("/#/../../secret.txt"),
         {200} | NOT_SERVED)
    ups = ("/../secret.txt", "/../../secret.txt", "/dir/../../secret.txt", "/%2e%2e/secret.txt",
           "/%2E%2E/secret.txt", "/.%2e/secret.txt", "/%2e./secret.txt", "/..%2fsecret.txt",
           "/..%2Fsecret.txt", "/%2e%2e%2fsecret.txt", "/..%5csecret.txt", "/..\\secret.txt",
           "/%2e%2e%5csecret.txt", "/dir/..%2f..%2fsecret.txt", "/dir/%2e%2e/%2e%2e/secret.txt",
           "//../secret.txt", "/./../secret.txt", "/.../secret.txt", "/....//secret.txt",
           "/..;/secret.txt", "/..%00/secret.txt", "/%c0%ae%c0%ae/secret.txt",
           "/%e0%80%ae%e0%80%ae/secret.txt", "/%252e%252e/secret.txt", "/..%252fsecret.txt",
           "/%uff0e%uff0e/secret.txt", "/dir/sub/../../../secret.txt", "/..//secret.txt",
           "/.%00./secret.txt", "/%2e%2e;x/secret.txt", "/../docs/../secret.txt",
           "/dir/.././../secret.txt", "/%2f../secret.txt", "/%2f%2e%2e%2fsecret.txt",
           "/..%c0%afsecret.txt", "/..%ef%bc%8fsecret.txt", "/\\../secret.txt",
           "/..%09/secret.txt", "/.. /secret.txt", "/../" * 40 + "etc/passwd",
           "/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd")
    for target in ups:
        must("target/up-" + target[:60], "3986 7.3", request(target), NOT_SERVED | {500},
             checks=[lambda a: "/etc/passwd was sent" if b"root:" in a.first.body else None])
        should("target/up-no-500-" + target[:60], "9110 15.6.1", request(target), NOT_SERVED)
    must("target/root", "9110 4.2.3", request("/"), {200}, checks=[full("index.html")])
    must("target/dir-slash", "9110 15", request("/dir/"), {200}, checks=[full("dir/index.html")])
    must("target/dir", "9110 15.4", request("/dir"), {200, 301, 302, 307, 308}, checks=[
        on({301, 302, 307, 308}, has("location", r"(http://[^/]+)?/dir/"))])
    should("target/dir-redirects", "9110 15.4.2", request("/dir"), {301, 308},
           checks=[has("location", r"(http://[^/]+)?/dir/")])
    should("target/dir-keeps-query", "9110 15.4.2", request("/dir?a=b&c"), {301, 308},
           checks=[has("location", r"(http://[^/]+)?/dir/\?a=b&c")])
    must("target/dir-split", "9110 5.5", request("/dir?%0d%0aSet-Cookie:x=y"),
         {200, 301, 302, 307, 308, 400, 404}, checks=[lacks("set-cookie")])
    must("target/dir-double-slash", "9110 15.4", request("//dir"),
         {200, 301, 302, 307, 308, 400, 404},
         checks=[on({301, 302, 307, 308}, has("location", r"(http://[^/]+)?/(dir/|/?dir/?)"))])
    must("target/host-as-path", "9110 15.4", request("//evil.test/%2e%2e"),
         {200} | NOT_SERVED, checks=[lambda a: "redirects to another host"
                                     if re.match(r"(http:)?//evil", a.first.get("location", ""))
                                     else None])
    must("target/noindex", "9110 15", request("/noindex/"), {200, 403, 404})
    must("target/sub", "9110 15", request("/dir/sub/page.txt"), {200},
         checks=[full("dir/sub/page.txt")])


def metadata():
    """Sections 6.6, 8: what a 200 says about its file."""
    for name, kind in site.TYPES.items():
        pattern = re.escape(kind) + r"( *;.*)?"
        if kind == "text/javascript":
            pattern = r"(text|application)/javascript( *;.*)?"
        if kind == "text/xml":
            pattern = r"(text|application)/xml( *;.*)?"
        should("meta/type-" + name, "9110 8.3", request("/" + name), {200},
               checks=[has("content-type", pattern), full(name)])
    for name in ("index.html", "small.txt", "empty.txt", "10k.txt", "1m.txt", "pixel.png"):
        size = len(site.body_of(name))
        must("meta/body-" + name, "9110 8.6", request("/" + name), {200}, conn="kept",
             checks=[full(name), DELIMITED])
        should("meta/length-" + name, "9110 8.6", request("/" + name), {200},
               checks=[has("content-length", str(size))])
        must("meta/date-" + name, "9110 6.6.1", request("/" + name), {200},
             checks=[has("date", DATE)])
        should("meta/last-modified-" + name, "9110 8.8.2", request("/" + name), {200},
               checks=[has("last-modified", re.escape(site.LAST_MODIFIED))])
        should("meta/etag-" + name, "9110 8.8.3", request("/" + name), {200},
               checks=[has("etag", ETAG)])
        must("meta/etag-form-" + name, "9110 8.8.3", request("/" + name), {200},
             checks=[lambda a: None if a.first.get("etag") is None else has("etag", ETAG)(a)])
        should("meta/accept-ranges-" + name, "9110 14.3", request("/" + name), {200},
               checks=[has("accept-ranges", "bytes")])
        must("meta/head-like-get-" + name, "9110 9.3.2",
             request("/" + name) + request("/" + name, method="HEAD"), {200},
             methods=["GET", "HEAD"], checks=[head_like_get])
    should("meta/date-is-now", "9110 6.6.1", request(), {200}, checks=[date_is_now])
    must("meta/etag-stable", "9110 8.8.3", request() * 2, {200}, methods=["GET", "GET"], checks=[
        lambda a: None if a.responses[0].get("etag") == a.responses[1].get("etag")
        else "two answers have different entity tags"])
    must("meta/etag-differs", "9110 8.8.3", request("/small.txt") + request("/10k.txt"), {200},
         methods=["GET", "GET"], checks=[
             lambda a: "two files have the same entity tag" if a.responses[0].get("etag") and
             a.responses[0].get("etag") == a.responses[1].get("etag") else None])
    for status, raw in {404: request("/missing.txt"), 400: b"GET /small.txt HTTP/1.1\r\n\r\n",
                        416: request("/small.txt", "Range: bytes=99-"),
                        412: request("/small.txt", 'If-Match: "x"')}.items():
        must(f"meta/date-on-{status}", "9110 6.6.1", raw, {status, 200},
             checks=[on(status, has("date", DATE))])
        must(f"meta/error-delimited-{status}", "9112 6.3", raw, {status, 200},
             checks=[lambda a: None if a.first.delimited or "close" in a.first.tokens("connection")
                     else "an error body without length or Connection: close"])
    should("meta/404-has-text", "9110 15.5", request("/missing.txt"), {404}, checks=[
        has("content-type"), lambda a: None if a.first.body else "an empty error page"])
    must("meta/404-head", "9110 9.3.2", request("/missing.txt", method="HEAD"), {404}, conn="kept",
         checks=[NO_BODY])
    must("meta/404-escapes", "9110 17", request("/%3Cscript%3Ealert(1)%3C/script%3E"), {400, 404},
         checks=[lambda a: "the error page repeats markup unescaped"
                 if b"<script>alert" in a.first.body else None])
    must("meta/reason-no-ctl", "9112 4", request("/missing.txt"), {404})
    for name in ("Date", "Content-Type", "Content-Length", "Last-Modified", "ETag", "Server"):
        must("meta/once-" + name, "9110 5.3", request(), {200}, checks=[
            lambda a, n=name: None if len(a.first.all(n)) <= 1 else f"{n} is there twice"])
    must("meta/no-length-with-te", "9112 6.2", request("/noindex/"), {200, 403, 404})


def head_like_get(answers):
    """HEAD has the same fields as GET, apart from Date and connection management."""
    if len(answers.responses) < 2:
        return "no answer to HEAD"
    skip = {"date", "connection", "keep-alive", "transfer-encoding"}
    get, head = ({k: v for k, v in r.fields if k not in skip} for r in answers.responses[:2])
    if "content-length" not in head:
        get.pop("content-length", None)
    return None if get == head else f"GET {sorted(get.items())} but HEAD {sorted(head.items())}"


def date_is_now(answers):
    """Date is within a minute of this machine's clock."""
    stamp = email.utils.parsedate_to_datetime(answers.first.get("date", LATER))
    now = email.utils.localtime()
    off = abs((now - stamp).total_seconds())
    return None if off < 60 else f"Date is {off:.0f} s off"


NOT_MODIFIED = [NO_BODY, has("date"), same("etag"), lacks("transfer-encoding"),
                lambda a: None if a.first.get("content-length") in (None, "26")
                else "304 with a Content-Length that is not the file's (RFC 9110 8.6)",
                lambda a: same("cache-control")(a), lambda a: same("vary")(a),
                lambda a: same("expires")(a) if "expires" in a.facts["small.txt"].fields else None]


def tagged(*fields, target="/small.txt", method="GET"):
    """A request whose fields name the file's tag by {e} and its weak form by {w}."""
    def build(facts):
        tag = facts["small.txt"].get("etag", '"none"')
        opaque = tag[2:] if tag.startswith("W/") else tag
        values = {"e": tag, "w": "W/" + opaque, "o": opaque, "raw": opaque.strip('"'),
                  "lm": facts["small.txt"].get("last-modified", site.LAST_MODIFIED)}
        lines = [f.replace("{{", "\0").format(**values).replace("\0", "{") for f in fields]
        return request(target, *lines, method=method)
    return build


def if_none_match():
    """Section 13.1.2: weak comparison."""
    ref = "9110 13.1.2"
    hits = {"exact": ["If-None-Match: {e}"], "weak": ["If-None-Match: {w}"], "star":
            ["If-None-Match: *"], "list-first": ['If-None-Match: {e}, "b"'], "list-last":
            ['If-None-Match: "a", "b", {e}'], "list-tight": ['If-None-Match: "a",{e},"b"'],
            "list-weak": ['If-None-Match: W/"a", {w}'], "lines":
            ['If-None-Match: "a"', "If-None-Match: {e}"], "comma-in-tag":
            ['If-None-Match: "a,b", {e}'], "empty-members": ["If-None-Match: , ,{e}, "],
                "name-case":
            ["if-NONE-match: {e}"], "ows": ["If-None-Match: \t {e} \t"], "long":
            ["If-None-Match: " + ", ".join(f'"{n}"' for n in range(100)) + ", {e}"], "star-ows":
            ["If-None-Match:*"]}
    hard = {"exact", "weak", "star", "list-first", "list-last", "list-tight", "list-weak", "ows",
            "name-case", "star-ows"}
    for name, lines in hits.items():
        level = must if name in hard else should
        level("inm/hit-" + name, ref, tagged(*lines), {304}, conn="kept", checks=NOT_MODIFIED)
        if name in hard:
            must("inm/head-" + name, ref, tagged(*lines, method="HEAD"), {304}, conn="kept",
                 checks=NOT_MODIFIED)
    misses = {"other": ['If-None-Match: "x"'], "weak-other": ['If-None-Match: W/"x"'], "list":
              ['If-None-Match: "x", "y"'], "lines": ['If-None-Match: "x"', 'If-None-Match: "y"'],
              "empty-tag": ['If-None-Match: ""'], "prefix": ['If-None-Match: "{raw}x"'], "suffix":
              ['If-None-Match: "x{raw}"'], "case-w": ['If-None-Match: w/"x"'], "star-quoted":
              ['If-None-Match: "*"'], "inside": ['If-None-Match: "a, {raw}b"']}
    for name, lines in misses.items():
        must("inm/miss-" + name, ref, tagged(*lines), {200}, conn="kept", checks=[full()])
    for name, lines in {"unquoted": ["If-None-Match: {raw}"], "no-value": ["If-None-Match:"],
                        "half-quoted": ['If-None-Match: "{raw}'], "lower-weak":
                        ["If-None-Match: w/{o}"], "words": ["If-None-Match: x y z"], "star-list":
                        ['If-None-Match: *, "x"'], "space-in-tag":
                        ['If-None-Match: "a b", {e}'], "commas": ["If-None-Match: ,,,"]}.items():
        must("inm/odd-" + name, ref, tagged(*lines), {200, 304, 400, 412}, checks=[full()])
    must("inm/missing", "9110 13.2.1", tagged('If-None-Match: "x"', target="/missing.txt"), {404})
    must("inm/missing-star", "9110 13.2.1", tagged("If-None-Match: *", target="/missing.txt"),
         {404})
    must("inm/redirect", "9110 13.2.1", tagged("If-None-Match: *", target="/moved"),
         {301, 302, 307, 308})


def if_modified_since():
    """Section 13.1.3."""
    ref = "9110 13.1.3"
    hits = {"equal": "{lm}", "later": LATER, "rfc850": "Thursday, 04-Mar-21 05:06:07 GMT",
            "asctime": "Thu Mar  4 05:06:07 2021", "asctime-later": "Fri Mar  5 05:06:07 2021"}
    for name, value in hits.items():
        must("ims/hit-" + name, ref, tagged("If-Modified-Since: " + value), {304}, conn="kept",
             checks=NOT_MODIFIED)
    must("ims/head-equal", ref, tagged("If-Modified-Since: {lm}", method="HEAD"), {304},
         conn="kept", checks=NOT_MODIFIED)
    for name, value in {"earlier": EARLIER, "second-earlier": "Thu, 04 Mar 2021 05:06:06 GMT",
                        "1994": "Sun, 06 Nov 1994 08:49:37 GMT", "rfc850-earlier":
                        "Sunday, 06-Nov-94 08:49:37 GMT", "asctime-earlier":
                        "Sun Nov  6 08:49:37 1994",
                            "1970": "Thu, 01 Jan 1970 00:00:00 GMT"}.items():
        must("ims/miss-" + name, ref, tagged("If-Modified-Since: " + value), {200}, checks=[full()])
    for name, value in {"word": "yesterday", "iso": "2030-03-05T05:06:07Z", "epoch": "1914834367",
                        "empty": "", "month": "Fri, 05 Foo 2021 05:06:07 GMT", "day-32":
                        "Fri, 32 Mar 2021 05:06:07 GMT", "hour-25": "Fri, 05 Mar 2021 25:06:07 GMT",
                        "day-0": "Fri, 00 Mar 2030 05:06:07 GMT", "cut": "Fri, 05 Mar 2021",
                        "feb-30": "Sat, 30 Feb 2030 05:06:07 GMT"}.items():
        level = must if name in ("word", "epoch", "empty", "month") else should
        level("ims/invalid-" + name, ref, tagged("If-Modified-Since: " + value), {200},
              checks=[full()])
    for name, value in {"future": "Fri, 05 Mar 2100 05:06:07 GMT", "wrong-weekday":
                        "Mon, 05 Mar 2021 05:06:07 GMT", "lower": "fri, 05 mar 2021 05:06:07 gmt",
                        "one-digit-day": "Fri, 5 Mar 2021 05:06:07 GMT", "utc":
                        "Fri, 05 Mar 2021 05:06:07 UTC", "offset":
                        "Fri, 05 Mar 2021 05:06:07 +0000", "leap": "Fri, 05 Mar 2021 05:06:60 GMT",
                        "trailing": "Fri, 05 Mar 2021 05:06:07 GMT; length=26", "no-gmt":
                        "Fri, 05 Mar 2021 05:06:07"}.items():
        must("ims/odd-" + name, ref, tagged("If-Modified-Since: " + value), {200, 304},
             checks=[full()])
    should("ims/two-lines", ref, tagged("If-Modified-Since: {lm}", "If-Modified-Since: " + LATER),
           {200, 400}, checks=[full()])
    must("ims/post", ref, tagged("If-Modified-Since: {lm}", "Content-Length: 0", method="POST"),
         {200, 400, 403, 404, 405, 411, 501}, checks=[full()])
    must("ims/missing", "9110 13.2.1", tagged("If-Modified-Since: " + LATER,
                                              target="/missing.txt"), {404})


def if_match():
    """Sections 13.1.1 and 13.1.4: strong comparison, 412."""
    ref = "9110 13.1.1"
    for name, lines in {"exact": ["If-Match: {e}"], "star": ["If-Match: *"], "list":
                        ['If-Match: "x", {e}'], "list-tight": ['If-Match: "x",{e},"y"'], "lines":
                        ['If-Match: "x"', "If-Match: {e}"]}.items():
        strong = [full()]
        must("im/hit-" + name, ref, tagged(*lines), {200}, checks=strong)
    for name, lines in {"other": ['If-Match: "x"'], "list": ['If-Match: "x", "y"'], "weak":
                        ["If-Match: {w}"], "prefix": ['If-Match: "{raw}x"'], "weak-other":
                        ['If-Match: W/"x"'], "star-quoted": ['If-Match: "*"'], "lines":
                        ['If-Match: "x"', 'If-Match: "y"']}.items():
        must("im/miss-" + name, ref, tagged(*lines), {412}, conn="sync")
        if name in ("other", "weak"):
            must("im/head-miss-" + name, ref, tagged(*lines, method="HEAD"), {412},
                 checks=[NO_BODY])
    must("im/missing", "9110 13.2.1", tagged('If-Match: "x"', target="/missing.txt"), {404, 412})
    must("im/missing-star", "9110 13.2.1", tagged("If-Match: *", target="/missing.txt"), {404, 412})
    must("im/redirect", "9110 13.2.1", tagged('If-Match: "x"', target="/moved"),
         {301, 302, 307, 308})
    ref = "9110 13.1.4"
    for name, value in {"equal": "{lm}", "later": LATER, "word": "yesterday", "empty": "", "rfc850":
                        "Thursday, 04-Mar-21 05:06:07 GMT", "asctime":
                        "Thu Mar  4 05:06:07 2021"}.items():
        must("ius/pass-" + name, ref, tagged("If-Unmodified-Since: " + value), {200},
             checks=[full()])
    for name, value in {"earlier": EARLIER, "1994": "Sun, 06 Nov 1994 08:49:37 GMT", "second":
                        "Thu, 04 Mar 2021 05:06:06 GMT", "rfc850":
                        "Sunday, 06-Nov-94 08:49:37 GMT", "asctime":
                        "Sun Nov  6 08:49:37 1994"}.items():
        must("ius/fail-" + name, ref, tagged("If-Unmodified-Since: " + value), {412})
    must("ius/head-fail", ref, tagged("If-Unmodified-Since: " + EARLIER, method="HEAD"), {412},
         checks=[NO_BODY])


def precedence():
    """Section 13.2.2: the order of evaluation."""
    ref = "9110 13.2.2"
    im, no_im = "If-Match: {e}", 'If-Match: "x"'
    inm, no_inm = "If-None-Match: {e}", 'If-None-Match: "x"'
    ims, no_ims = "If-Modified-Since: {lm}", "If-Modified-Since: " + EARLIER
    ius, no_ius = "If-Unmodified-Since: {lm}", "If-Unmodified-Since: " + EARLIER
    table = {
        "inm-miss-ims-hit": ([no_inm, ims], 200), "inm-hit-ims-miss": ([inm, no_ims], 304),
        "ims-first-inm-miss": ([ims, no_inm], 200), "inm-hit-ims-hit": ([inm, ims], 304),
        "inm-miss-ims-miss": ([no_inm, no_ims], 200), "inm-hit-ims-invalid":
        ([inm, "If-Modified-Since: x"], 304), "im-hit-ius-fail": ([im, no_ius], 200),
        "im-miss-ius-pass": ([no_im, ius], 412), "ius-fail-im-hit": ([no_ius, im], 200),
        "im-star-ius-fail": (["If-Match: *", no_ius], 200), "im-hit-inm-hit": ([im, inm], 304),
        "im-hit-inm-miss": ([im, no_inm], 200), "im-miss-inm-hit": ([no_im, inm], 412),
        "im-miss-inm-miss": ([no_im, no_inm], 412), "ius-pass-inm-hit": ([ius, inm], 304),
        "ius-fail-inm-hit": ([no_ius, inm], 412), "ius-pass-ims-hit": ([ius, ims], 304),
        "ius-fail-ims-hit": ([no_ius, ims], 412), "im-hit-ims-hit": ([im, ims], 304),
        "im-miss-ims-hit": ([no_im, ims], 412), "all-pass": ([im, ius, no_inm, no_ims], 200),
        "all-hit": ([im, ius, inm, ims], 304), "im-hit-ius-fail-inm-hit": ([im, no_ius, inm], 304),
        "im-miss-all-hit": ([no_im, ius, inm, ims], 412), "stars":
        (["If-Match: *", "If-None-Match: *"], 304),
    }
    for name, (lines, status) in table.items():
        checks = NOT_MODIFIED if status == 304 else [full()]
        must("order/" + name, ref, tagged(*lines), {status}, checks=checks)
        must("order/head-" + name, ref, tagged(*lines, method="HEAD"), {status}, checks=[NO_BODY])
    rng = "Range: bytes=0-4"
    part = content_range(0, 4, 26)
    for name, lines, status in (("inm-hit-range", [inm, rng], {304}),
                                ("inm-miss-range", [no_inm, rng], {206, 200}),
                                ("im-miss-range", [no_im, rng], {412}),
                                ("im-hit-range", [im, rng], {206, 200}),
                                ("ims-hit-range", [ims, rng], {304}),
                                ("ius-fail-range", [no_ius, rng], {412}),
                                ("im-miss-if-range", [no_im, rng, "If-Range: {e}"], {412}),
                                ("inm-hit-if-range-miss", [inm, rng, 'If-Range: "x"'], {304}),
                                ("inm-miss-if-range-miss", [no_inm, rng, 'If-Range: "x"'], {200}),
                                ("inm-hit-bad-range", [inm, "Range: bytes=99-"], {304}),
                                ("im-miss-bad-range", [no_im, "Range: bytes=99-"], {412})):
        must("order/" + name, ref, tagged(*lines), status, checks=[part, full()])


def ranges():
    """Section 14."""
    ref = "9110 14.2"
    allow = {200, 206}
    for text, (first, last) in {"0-0": (0, 0), "0-4": (0, 4), "5-": (5, 25), "-5": (21, 25),
                                "25-25": (25, 25), "25-": (25, 25), "0-25": (0, 25), "0-": (0, 25),
                                "0-26": (0, 25), "0-999": (0, 25), "-26": (0, 25), "-27": (0, 25),
                                "-999": (0, 25), "10-12": (10, 12), "-1": (25, 25), "000-004": (0,
                                4),
                                "24-9999999999": (24, 25)}.items():
        raw = request("/small.txt", "Range: bytes=" + text)
        checks = [content_range(first, last, 26), full()]
        must("range/" + text, ref, raw, allow, conn="kept", checks=checks)
        should("range/206-" + text, ref, raw, {206}, conn="kept",
               checks=checks + [has("date", DATE), same("etag"), same("last-modified")])
    for text in ("26-", "26-30", "100-200", "99-", "-0", "26-26", "9999999999-"):
        raw = request("/small.txt", "Range: bytes=" + text)
        must("range/unsatisfiable-" + text, "9110 15.5.17", raw, {200, 416}, checks=[
            full(), on(416, lambda a: None if a.first.get("content-range") in (None, "bytes */26")
                       else f"Content-Range {a.first.get('content-range')!r}")])
        should("range/416-" + text, "9110 15.5.17", raw, {416}, conn="kept",
               checks=[has("content-range", r"bytes \*/26")])
    for text in ("5-2", "abc", "--5", "1", "", "-", "a-b", "0-4x", "1-2-3", "0x0-4", "-5-",
        "1.5-2", "0-4;x", "=0-4", "\"0-4\""):
        must("range/invalid-" + text, "9110 14.1.1", request("/small.txt", "Range: bytes=" + text),
             {200, 400, 416}, checks=[full()])
    for text in ("99999999999999999999-", "-99999999999999999999", "0-99999999999999999999",
                 "18446744073709551616-18446744073709551617", "0-18446744073709551616",
                 "9223372036854775807-", "-9223372036854775808", "1-" + "9" * 100):
        must("range/huge-" + text[:40], "9110 14.1.1",
             request("/small.txt", "Range: bytes=" + text), {200, 206, 400, 416},
             checks=[full(), on(206, lambda a: None if a.first.body and
                                site.SMALL.endswith(a.first.body) else "the wrong bytes")])
    for name, value in {"unit-lines": "lines=0-1", "unit-none": "none=0-1", "unit-xbytes":
                        "xbytes=0-1", "unit-bytesx": "bytesx=0-1", "no-equals": "bytes 0-4",
                        "unit-empty": "=0-4", "unit-items": "items=1-2"}.items():
        must("range/other-" + name, ref, request("/small.txt", "Range: " + value), {200, 400},
             checks=[full()])
    for text in ("0 -4", "0- 4", " 0-4", "0-4 ", "+0-4"):
        must("range/spaces-" + text, "9110 14.1.1",
             request("/small.txt", "Range: bytes=" + text), {200, 206, 400, 416},
             checks=[content_range(0, 4, 26), full()])
    must("range/unit-case", "9110 14.1", request("/small.txt", "Range: BYTES=0-4"), {200, 206},
         checks=[content_range(0, 4, 26), full()])
    must("range/space-equals", ref, request("/small.txt", "Range: bytes = 0-4"),
         {200, 206, 400, 416}, checks=[full()])
    several = {"two": ("0-4,10-14", [(0, 4), (10, 14)]), "ows": ("0-4 , 10-14", [(0, 4), (10, 14)]),
               "suffix": ("0-0,-1", [(0, 0), (25, 25)]), "descending":
               ("10-14,0-4", [(10, 14), (0, 4)]), "three": ("0-1,4-5,8-9", [(0, 1), (4, 5), (8,
               9)]),
               "adjacent": ("0-4,5-9", [(0, 4), (5, 9)]), "overlap": ("0-9,5-14", [(0, 9), (5,
               14)]),
               "same": ("0-4,0-4", [(0, 4)]), "empty-members": (",0-4,,10-14,", [(0, 4), (10, 14)]),
               "one-beyond": ("0-4,99-100", [(0, 4)]), "clamped": ("0-4,20-99", [(0, 4), (20, 25)])}
    for name, (text, wanted) in several.items():
        must("range/several-" + name, ref, request("/small.txt", "Range: bytes=" + text),
             {200, 206, 400, 416} if name in ("overlap", "same", "descending", "empty-members")
             else {200, 206}, conn="sync", checks=[multipart(*wanted), full()])
    must("range/several-all-beyond", "9110 15.5.17",
         request("/small.txt", "Range: bytes=30-40,50-60"), {200, 416}, checks=[full()])
    must("range/several-invalid", ref, request("/small.txt", "Range: bytes=0-4,5-2"),
         {200, 206, 400, 416}, checks=[full()])
    many = ",".join(f"{n}-{n}" for n in range(0, 26, 2)) + ",0-" * 300
    must("range/many", "9110 14.2", request("/small.txt", "Range: bytes=" + many),
         {200, 206, 400, 416}, checks=[full()])
    flood = ",".join("0-" for _ in range(1300))
    must("range/flood-on-1m", "9110 17.15", request("/1m.txt", "Range: bytes=" + flood),
         {200, 206, 400, 416, 431}, checks=[
             lambda a: "the answer is far larger than the file"
             if len(a.first.body) > 4 << 20 else None])
    must("range/two-lines", ref, request("/small.txt", "Range: bytes=0-4", "Range: bytes=5-9"),
         {200, 206, 400, 416}, checks=[full()])
    for method in ("HEAD", "POST"):
        extra = ["Content-Length: 0"] if method == "POST" else []
        must("range/ignored-for-" + method, ref,
             request("/small.txt", "Range: bytes=0-4", *extra, method=method),
             {200} if method == "HEAD" else {200, 400, 403, 404, 405, 411, 501},
             checks=[lacks("content-range")])
    must("range/head-beyond", ref, request("/small.txt", "Range: bytes=99-", method="HEAD"), {200})
    must("range/missing", ref, request("/missing.txt", "Range: bytes=0-4"), {404})
    must("range/redirect", ref, request("/moved", "Range: bytes=0-4"), {301, 302, 307, 308})
    for text in ("0-0", "-5", "0-", "1-"):
        must("range/empty-file-" + text, "9110 14.1.2",
             request("/empty.txt", "Range: bytes=" + text), {200, 416}, checks=[on(200, NO_BODY)])
    big = site.body_of("1m.txt")
    for text, first, last in (("1048570-", 1048570, 1048575), ("524288-786431", 524288, 786431),
                              ("-1", 1048575, 1048575), ("65535-65536", 65535, 65536),
                              ("0-1048575", 0, 1048575), ("4095-8192", 4095, 8192)):
        should("range/1m-" + text, ref, request("/1m.txt", "Range: bytes=" + text), {206},
               conn="kept", checks=[body_is(big[first:last + 1]), has(
                   "content-range", f"bytes {first}-{last}/1048576")])


def if_range():
    """Section 13.1.5."""
    ref = "9110 13.1.5"
    rng = "Range: bytes=0-4"
    part = [content_range(0, 4, 26), full()]
    must("if-range/tag", ref, tagged(rng, "If-Range: {e}"), {200, 206}, checks=part)
    should("if-range/tag-206", ref, tagged(rng, "If-Range: {e}"), {206}, checks=part)
    must("if-range/date", ref, tagged(rng, "If-Range: {lm}"), {200, 206}, checks=part)
    should("if-range/date-206", ref, tagged(rng, "If-Range: {lm}"), {206}, checks=part)
    for name, value in {"other": '"x"', "weak": "{w}", "weak-other": 'W/"x"', "prefix": '"{raw}x"',
                        "date-earlier": EARLIER, "date-later": LATER, "word": "yesterday"}.items():
        must("if-range/false-" + name, ref, tagged(rng, "If-Range: " + value), {200},
             checks=[full(), lacks("content-range")])
    for name, value in {"list": '"x", {e}', "star": "*", "unquoted": "{raw}", "empty": ""}.items():
        must("if-range/odd-" + name, ref, tagged(rng, "If-Range: " + value), {200, 206, 400},
             checks=part)
    must("if-range/no-range", ref, tagged("If-Range: {e}"), {200}, checks=[full()])
    must("if-range/no-range-other", ref, tagged('If-Range: "x"'), {200}, checks=[full()])
    must("if-range/true-beyond", ref, tagged("Range: bytes=99-", "If-Range: {e}"), {200, 416},
         checks=[full()])
    must("if-range/false-beyond", ref, tagged("Range: bytes=99-", 'If-Range: "x"'), {200},
         checks=[full()])
    must("if-range/head", ref, tagged(rng, "If-Range: {e}", method="HEAD"), {200})
    must("if-range/false-several", ref, tagged("Range: bytes=0-1,4-5", 'If-Range: "x"'), {200},
         checks=[full()])


def negotiation():
    """Sections 12.5.3 and 12.5.5: precompressed siblings."""
    ref = "9110 12.5.3"
    forbid = {
        "none": (None, {"identity", "gzip", "br"}), "empty": ("", {"identity"}), "gzip":
        ("gzip", {"gzip", "identity"}), "br": ("br", {"br", "identity"}), "both":
        ("gzip, br", {"gzip", "br", "identity"}), "deflate": ("deflate", {"identity", "deflate"}),
        "gzip-q0": ("gzip;q=0", {"identity"}), "gzip-q0.0": ("gzip;q=0.0", {"identity"}),
        "gzip-q0.000": ("gzip; q=0.000", {"identity"}), "br-q0-gzip":
        ("br;q=0, gzip", {"gzip", "identity"}), "gzip-q0-br": ("gzip;q=0, br", {"br", "identity"}),
        "star": ("*", {"gzip", "br", "identity", "deflate"}), "star-not-gzip":
        ("gzip;q=0, *", {"br", "identity", "deflate", "compress"}), "star-q0":
        ("gzip, *;q=0", {"gzip", "identity", 406}), "identity": ("identity", {"identity"}),
            "identity-q1":
        ("identity;q=1, gzip;q=0", {"identity"}), "case": ("GZIP", {"gzip", "identity"}), "x-gzip":
        ("x-gzip", {"gzip", "x-gzip", "identity"}), "gzipx": ("gzipx", {"identity"}), "xgzip":
        ("notgzip", {"identity"}), "spaces": (" gzip ; q=0 , br ; q=0 ", {"identity"}), "q-case":
        ("gzip;Q=0", {"identity"}), "browser": ("gzip, deflate, br, zstd",
                                                {"gzip", "br", "deflate", "identity", "zstd"}),
        "tiny-q": ("gzip;q=0.001", {"gzip", "identity"}), "commas": (", gzip ,", {"gzip",
                                                                              "identity"}),
        "last-wins": ("identity;q=0.5, gzip;q=1.0", {"gzip", "identity"}), "nothing-left":
        ("*;q=0", {406, "identity"}), "identity-q0": ("identity;q=0, gzip", {"gzip", "identity",
        406}),
    }
    for name, (value, allowed) in forbid.items():
        lines = [] if value is None else ["Accept-Encoding: " + value]
        status = {200} | ({406} if 406 in allowed else set())
        must("coding/" + name, ref, request("/pre.txt", *lines), status,
             checks=[on(200, coding_in(allowed))])
        must("coding/head-" + name, ref, request("/pre.txt", *lines, method="HEAD"), status,
             checks=[on(200, coding_in(allowed, head=True))])
    for value in ("gzip, *;q=0", "identity;q=0, gzip"):
        should("coding/identity-refused-" + value, ref,
               request("/pre.txt", "Accept-Encoding: " + value), {200, 406},
               checks=[on(200, coding_in({"gzip"}))])
    two_lines = ["Accept-Encoding: br;q=0", "Accept-Encoding: gzip"]
    must("coding/two-lines", "9110 5.3", request("/pre.txt", *two_lines), {200},
         checks=[coding_in({"gzip", "identity"})])
    should("coding/gzip-used", ref, request("/pre.txt", "Accept-Encoding: gzip"), {200},
           checks=[has("content-encoding", "gzip")])
    should("coding/prefers-q", ref, request("/pre.txt", "Accept-Encoding: br;q=0.1, gzip;q=1"),
           {200}, checks=[lambda a: "br with q=0.1 instead of gzip" if
                          a.first.get("content-encoding") == "br" else None])
    vary = lambda a: (None if {"accept-encoding", "*"} & set(a.first.tokens("vary"))  # noqa: E731
                      else "a negotiated resource without Vary: Accept-Encoding")
    for name, lines in {"gzip": ["Accept-Encoding: gzip"], "identity": [], "q0":
                        ["Accept-Encoding: gzip;q=0"], "br": ["Accept-Encoding: br"]}.items():
        should("coding/vary-" + name, "9110 12.5.5", request("/pre.txt", *lines), {200},
               checks=[vary])
        should("coding/vary-head-" + name, "9110 12.5.5", request("/pre.txt", *lines,
                                                                  method="HEAD"), {200},
               checks=[vary])
    should("coding/type-of-gzip", "9110 8.3", request("/pre.txt", "Accept-Encoding: gzip"), {200},
           checks=[has("content-type", "text/plain( *;.*)?")])
    must("coding/tags-differ", "9110 8.8.3.3",
         request("/pre.txt", "Accept-Encoding: gzip") + request("/pre.txt"), {200},
         methods=["GET", "GET"], checks=[tags_differ])
    must("coding/range-of-gzip", "9110 14.2", request("/pre.txt", "Accept-Encoding: gzip",
                                                      "Range: bytes=0-9"), {200, 206},
         checks=[range_of_coding])
    must("coding/304-of-gzip", "9110 13.1.2", coded_tag("gzip", "gzip"), {200, 304},
         checks=[on(304, NO_BODY), on(200, coding_in({"gzip", "identity"}))])
    should("coding/304-of-gzip-hit", "9110 13.1.2", coded_tag("gzip", "gzip"), {304},
           checks=[NO_BODY, vary])
    must("coding/gzip-tag-for-identity", "9110 13.1.2", coded_tag("gzip", "identity"), {200, 304},
         checks=[lambda a: "304 for a strong tag of another representation" if
                 a.first.status == 304 and not a.facts["pre.gz"].get("etag", "W/").startswith("W/")
                 and a.facts["pre.gz"].get("content-encoding") else None])
    must("coding/plain-file", ref, request("/small.txt", "Accept-Encoding: gzip, br"), {200},
         checks=[lambda a: None if a.first.get("content-encoding") or
                 a.first.body == site.SMALL else "the wrong body"])
    must("coding/sibling-itself", "9110 8.4", request("/pre.txt.gz"), {200, 403, 404, 415},
         checks=[on(200, lambda a: None if gzip.decompress(a.first.body) == site.PRE
                    or a.first.get("content-encoding") else "the wrong body")])


def coding_in(allowed, head=False):
    """The coding is an allowed one and the body decodes to the file."""
    def check(answers):
        answer = answers.first
        coding = answer.get("content-encoding", "identity").lower()
        if coding not in allowed:
            return f"Content-Encoding {coding!r} is not acceptable"
        if head or coding in ("deflate", "zstd", "compress"):
            return None
        decode = {"gzip": gzip.decompress, "x-gzip": gzip.decompress,
                  "br": lambda data: data[3:-1], "identity": lambda data: data}[coding]
        return None if decode(answer.body) == site.PRE else "the body does not decode to the file"
    return check


def tags_differ(answers):
    """Two representations have two strong tags."""
    if len(answers.responses) < 2:
        return "no second answer"
    coded, plain = (r.get("etag") for r in answers.responses[:2])
    if not answers.responses[0].get("content-encoding") or coded is None:
        return None
    if coded.startswith("W/") or coded != plain:
        return None
    return "the same strong tag for gzip and identity"


def range_of_coding(answers):
    """A range counts the bytes of the chosen representation."""
    answer = answers.first
    if answer.status == 200:
        return coding_in({"gzip", "identity"})(answers)
    coded = answer.get("content-encoding") == "gzip"
    whole = answers.facts["pre.gz"].body if coded else site.PRE
    return None if answer.body == whole[:10] else "not the first bytes of that representation"


def coded_tag(coding, asked):
    """A request for `asked` that shows the tag of the `coding` representation."""
    def build(facts):
        tag = facts["pre.gz" if coding == "gzip" else "pre.txt"].get("etag", '"none"')
        return request("/pre.txt", "Accept-Encoding: " + asked, "If-None-Match: " + tag)
    return build


def redirects():
    """Section 15.4: the mount /moved."""
    moved = {301, 302, 307, 308}
    place = has("location", r"http://target\.example/new.*")
    for name, raw in {"get": request("/moved"), "query": request("/moved?a=b"), "1.0":
                      request("/moved", version="1.0")}.items():
        must("redirect/" + name, "9110 15.4", raw, moved, checks=[place])
    must("redirect/head", "9110 15.4", request("/moved", method="HEAD"), moved,
         checks=[place, NO_BODY])
    must("redirect/post", "9110 15.4", request("/moved", "Content-Length: 5", method="POST",
                                               body=b"hello"), moved | {405}, checks=[
        on(moved, place)])
    must("redirect/date", "9110 6.6.1", request("/moved"), moved, checks=[has("date", DATE)])
    must("redirect/no-splitting", "9110 5.5", request("/moved?%0d%0aX-Evil:1"), moved | {400},
         checks=[lacks("x-evil")])
    must("redirect/prefix-is-not-it", "9110 4.2", request("/movedx"), {404})


for topic in (targets, metadata, if_none_match, if_modified_since, if_match, precedence, ranges,
              if_range, negotiation, redirects):
    topic()
