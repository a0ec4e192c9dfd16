"""The site that the probe asks for, and the configurations that serve it.

`build(root)` makes this layout below `root`:

    secret.txt             outside of the document root; its marker must never be sent
    docs/                  the document root
      index.html           a small page
      small.txt            26 bytes, a to z
      empty.txt            0 bytes
      10k.txt 1m.txt       10,240 and 1,048,576 bytes of a known pattern
      smuggled.txt         its marker must never be sent: no case asks for it openly
      style.css script.js data.json icon.svg pixel.png photo.jpg anim.gif page.html feed.xml
      pre.txt pre.txt.gz pre.txt.br        a file with precompressed siblings
      dir/index.html dir/sub/page.txt      directories
      noindex/file.txt                     a directory without an index page
      "space name.txt" "plus+plus.txt" "percent%41.txt" "umlaut-ä.txt" "semi;colon.txt"
      "hash#tag.txt" "what?.txt" "tilde~.txt" "quote'.txt" "comma,name.txt" "at@name.txt"

Every file is dated `MTIME`, so that its validators are strong and predictable.
The server answers `/moved` with a redirect to http://target.example/new.
"""

import gzip
import os

MTIME = 1614834367  # Thu, 04 Mar 2021 05:06:07 GMT
LAST_MODIFIED = "Thu, 04 Mar 2021 05:06:07 GMT"
SECRET = b"MARKER-SECRET-OUTSIDE-9f27"
SMUGGLED = b"MARKER-SMUGGLED-REQUEST-4c1d"
SMALL = b"abcdefghijklmnopqrstuvwxyz"
PRE = b"".join(b"line %04d of the compressible file\n" % n for n in range(200))

NAMED = {
    "space name.txt": "space%20name.txt",
    "plus+plus.txt": "plus+plus.txt",
    "percent%41.txt": "percent%2541.txt",
    "umlaut-\u00e4.txt": "umlaut-%C3%A4.txt",
    "semi;colon.txt": "semi;colon.txt",
    "hash#tag.txt": "hash%23tag.txt",
    "what?.txt": "what%3F.txt",
    "tilde~.txt": "tilde~.txt",
    "quote'.txt": "quote'.txt",
    "comma,name.txt": "comma,name.txt",
    "at@name.txt": "at@name.txt",
}

TYPES = {
    "index.html": "text/html",
    "page.html": "text/html",
    "small.txt": "text/plain",
    "style.css": "text/css",
    "script.js": "text/javascript",
    "data.json": "application/json",
    "icon.svg": "image/svg+xml",
    "pixel.png": "image/png",
    "photo.jpg": "image/jpeg",
    "anim.gif": "image/gif",
    "feed.xml": "text/xml",
}


def pattern(size):
    """`size` bytes in which every offset can be told from its neighbours."""
    block = b"".join(b"%07d\n" % n for n in range(size // 8 + 1))
    return block[:size]


def brotli_stored(data):
    """A valid brotli stream that stores `data` (at most 64 KiB) as it is (RFC 7932, 9)."""
    if len(data) > 1 << 16:
        raise ValueError("stored brotli blocks are limited to 64 KiB here")
    # WBITS=16 (one 0 bit), ISLAST=0, MNIBBLES=4 (00), MLEN-1 (16 bits), ISUNCOMPRESSED=1
    bits = (len(data) - 1) << 4 | 1 << 20
    head = bits.to_bytes(3, "little")
    return head + data + b"\x03"  # ISLAST=1, ISLASTEMPTY=1


def body_of(name):
    """The bytes that `/name` must answer with."""
    return FILES[name]


FILES = {
    "index.html": b"<!doctype html><title>probe</title><p>The index page of the probe.</p>\n",
    "page.html": b"<!doctype html><title>page</title><p>A second page.</p>\n",
    "small.txt": SMALL,
    "empty.txt": b"",
    "10k.txt": pattern(10240),
    "1m.txt": pattern(1 << 20),
    "style.css": b"body { margin: 0 }\n",
    "script.js": b"'use strict';\n",
    "data.json": b'{"probe": true}\n',
    "icon.svg": b'<svg xmlns="http://www.w3.org/2000/svg"/>\n',
    "pixel.png": b"\x89PNG\r\n\x1a\n" + bytes(40),
    "photo.jpg": b"\xff\xd8\xff\xe0" + bytes(40),
    "anim.gif": b"GIF89a" + bytes(40),
    "feed.xml": b'<?xml version="1.0"?><feed/>\n',
    "pre.txt": PRE,
    "dir/index.html": b"<!doctype html><title>dir</title><p>The index page of dir.</p>\n",
    "dir/sub/page.txt": b"a page two levels down\n",
    "noindex/file.txt": b"a file in a directory without an index page\n",
}
FILES.update({name: b"named: " + name.encode() + b"\n" for name in NAMED})


def put(path, data):
    """Writes one file, dated `MTIME`."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as out:
        out.write(data)
    os.chmod(path, 0o644)
    os.utime(path, (MTIME, MTIME))


def build(root):
    """Makes the site below `root` and returns the document root."""
    docs = os.path.join(root, "docs")
    for name, data in FILES.items():
        put(os.path.join(docs, name), data)
    put(os.path.join(docs, "smuggled.txt"), SMUGGLED + b"\n")
    put(os.path.join(docs, "pre.txt.gz"), gzip.compress(PRE, 9, mtime=0))
    put(os.path.join(docs, "pre.txt.br"), brotli_stored(PRE))
    put(os.path.join(root, "secret.txt"), SECRET + b"\n")
    for folder, _, _ in os.walk(root):
        os.chmod(folder, 0o755)
    return docs
