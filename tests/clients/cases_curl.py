"""curl as users run it."""

import gzip
import os
import time

from stage import case, equal, free_port, matches, true


@case
def curl_get(stage):
    """a page and its type"""
    stage.serve()
    equal(stage.curl(stage.url("/small.txt")), b"abcdefghijklmnopqrstuvwxyz")
    out = stage.curl("-o", os.devnull, "-w", "%{http_code} %{content_type}", stage.url("/"))
    matches(r"^200 text/html", out.decode())


@case
def curl_moves_to_another_host(stage):
    """the recipe for http to https: every path and query is kept, with and without a last slash"""
    port = free_port()
    for slash in ("", "/"):
        stage.serve([stage.vhost([stage.mount("/", f">http://127.0.0.1:{port}{slash}")]),
                     stage.vhost(port=str(port), name="new.test")])
        equal(stage.curl("-L", stage.url("/small.txt?a=%20b")), b"abcdefghijklmnopqrstuvwxyz")
        where = stage.curl("-L", "-o", os.devnull, "-w", "%{url_effective}",
                           stage.url("/none/at%20all/?q=1&r=%26"))
        equal(where.decode(), f"http://127.0.0.1:{port}/none/at%20all/?q=1&r=%26")
        stage.servers.pop().stop()
    stage.serve([stage.vhost([stage.mount("/", ">https://[2001:db8::1]:8443/")])])
    equal(stage.ask("/a/b?c").get("location"), "https://[2001:db8::1]:8443/a/b?c")


@case
def curl_keep_alive(stage):
    """four requests over one connection"""
    stage.serve()
    urls = [stage.url("/small.txt")] * 4
    sinks = [part for _ in urls for part in ("-o", os.devnull)]
    out = stage.curl(*sinks, "-w", "%{num_connects}\n", *urls).split()
    equal(out, [b"1", b"0", b"0", b"0"], "connections made by each request")


@case
def curl_http10(stage):
    """HTTP/1.0"""
    stage.serve()
    equal(stage.curl("-0", stage.url("/small.txt")), b"abcdefghijklmnopqrstuvwxyz")


@case
def curl_ranges(stage):
    """one range, a suffix, several"""
    stage.serve()
    equal(stage.curl("-r", "2-5", stage.url("/small.txt")), b"cdef")
    equal(stage.curl("-r", "-3", stage.url("/small.txt")), b"xyz")
    out = stage.curl("-i", "-r", "0-1,24-25", stage.url("/small.txt")).decode()
    matches(r"HTTP/1.1 20[06]", out)
    if "206" in out.split("\r\n")[0]:
        matches(r"multipart/byteranges; *boundary=", out)
        true("\r\nab\r\n" in out and "\r\nyz\r\n" in out, "both parts are there")


@case
def curl_resume(stage):
    """-C - completes a broken download"""
    path = stage.big("docs/big.txt", 3_000_001)
    with open(path, "rb") as file:
        whole = file.read()
    stage.file("part", whole[:1_234_567])
    stage.serve()
    part = os.path.join(stage.root, "part")
    stage.curl("-C", "-", "-o", part, stage.url("/big.txt"))
    with open(part, "rb") as file:
        equal(file.read() == whole, True, "the resumed file is whole")


@case
def curl_if_modified_since(stage):
    """-z with the file's own date answers 304, with an older one 200"""
    path = stage.file("docs/dated.txt", "dated\n")
    old = time.time() - 86400
    os.utime(path, (old, old))
    stage.serve()
    code = ("-o", os.devnull, "-w", "%{http_code}")
    equal(stage.curl("-z", path, *code, stage.url("/dated.txt")), b"304")
    equal(stage.curl("-z", "1 Jan 2001", *code, stage.url("/dated.txt")), b"200")


@case
def curl_etag(stage):
    """--etag-save, then --etag-compare"""
    stage.serve()
    tag = os.path.join(stage.root, "tag")
    stage.curl("--etag-save", tag, "-o", os.devnull, stage.url("/small.txt"))
    code = ("--etag-compare", tag, "-o", os.devnull, "-w", "%{http_code}")
    with open(tag, encoding="latin-1") as file:
        matches(r'^(W/)?"[^"]+"', file.read(), "saved tag")
    if not tag_is_weak(tag):
        equal(stage.curl(*code, stage.url("/small.txt")), b"304")
    stage.file("docs/small.txt", "changed and longer than before: 0123456789")
    time.sleep(1.2)  # what the cache of open files may be late
    equal(stage.curl(*code, stage.url("/small.txt")), b"200")


def tag_is_weak(path):
    """curl 7.88 sends weak tags in a form of its own."""
    with open(path, encoding="latin-1") as file:
        return file.read().startswith("W/")


@case
def curl_head(stage):
    """-I shows the fields of GET"""
    stage.serve()
    head = stage.curl("-I", stage.url("/small.txt")).decode().lower()
    for field in ("content-length: 26", "content-type: text/plain", "last-modified: ", "etag: ",
                  "date: ", "accept-ranges: bytes"):
        true(field in head, f"{field!r} is missing in {head!r}")


@case
def curl_compressed(stage):
    """--compressed gets the .gz sibling and unpacks it"""
    text = b"a line that repeats\n" * 500
    stage.file("docs/lines.txt", text)
    packed = gzip.compress(text)
    stage.file("docs/lines.txt.gz", packed)
    stage.serve()
    out = stage.curl("--compressed", "-D", "heads", "-w", "%{size_download}", "-o", "lines",
                     stage.url("/lines.txt"))
    equal(int(out), len(packed), "bytes on the wire")
    with open(os.path.join(stage.root, "lines"), "rb") as file:
        equal(file.read() == text, True, "unpacked text is whole")
    with open(os.path.join(stage.root, "heads"), encoding="latin-1") as file:
        heads = file.read().lower()
    true("content-encoding: gzip" in heads and "vary: accept-encoding" in heads, heads)
    equal(stage.curl(stage.url("/lines.txt")) == text, True, "plain text for plain clients")


@case
def curl_expect_continue(stage):
    """an upload with Expect: 100-continue is refused before or after its body"""
    stage.serve()
    body = stage.big("upload", 2_000_000)
    out = stage.curl("-o", os.devnull, "-w", "%{http_code}", "-H", "Expect: 100-continue", "-T",
                     body, stage.url("/small.txt"))
    equal(out, b"405")
    with open(os.path.join(stage.docs, "small.txt"), "rb") as file:
        equal(file.read(), b"abcdefghijklmnopqrstuvwxyz", "the file is untouched")


@case
def curl_post(stage):
    """a form sent to a file is refused with Allow"""
    stage.serve()
    out = stage.curl("-i", "-d", "a=b", stage.url("/small.txt")).decode().lower()
    matches(r"^http/1.1 405 .*\r\nallow: [^\r]*get", out)


@case
def curl_chunked_upload(stage):
    """a chunked body is read or refused, and the next request works"""
    stage.serve()
    out = stage.curl("-o", os.devnull, "-w", "%{http_code} ", "-H", "Transfer-Encoding: chunked",
                     "-d", "x" * 5000, stage.url("/small.txt"), "--next", "-sS", "-o", os.devnull,
                     "-w", "%{http_code}", stage.url("/small.txt"))
    equal(out, b"405 200")


@case
def curl_follows_redirect(stage):
    """-L from /sub to /sub/"""
    stage.file("docs/sub/index.html", "sub page\n")
    stage.serve()
    equal(stage.curl("-L", stage.url("/sub")), b"sub page\n")


@case
def curl_path_as_is(stage):
    """dot segments never leave the document root"""
    stage.file("secret.txt", "SECRET")
    stage.serve()
    for path in ("/../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt", "//../secret.txt"):
        out = stage.curl("--path-as-is", stage.url(path))
        true(b"SECRET" not in out, path)


@case
def curl_parallel(stage):
    """eight large files at once are whole"""
    path = stage.big("docs/big.txt", 5_000_000)
    stage.serve()
    with open(path, "rb") as file:
        whole = file.read()
    stage.curl("-Z", "--parallel-max", "8", "-o", "copy#1", stage.url("/big.txt?[1-8]"))
    for number in range(1, 9):
        with open(os.path.join(stage.root, f"copy{number}"), "rb") as file:
            equal(file.read() == whole, True, f"copy {number} is whole")


@case
def curl_file_over_4_gib(stage):
    """a range at the end of a sparse 5 GiB file"""
    path = stage.file("docs/huge.txt", b"")
    with open(path, "r+b") as file:
        file.truncate(5 << 30)
        file.seek((5 << 30) - 4)
        file.write(b"last")
    stage.serve()
    equal(stage.curl("-r", f"{(5 << 30) - 4}-", stage.url("/huge.txt")), b"last")
    head = stage.curl("-I", stage.url("/huge.txt")).decode().lower()
    true(f"content-length: {5 << 30}" in head, head)
