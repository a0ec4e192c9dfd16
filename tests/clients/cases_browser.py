"""Headless Chromium, driven by playwright-core (browser.mjs)."""

import json
import os
import shutil
import subprocess
import zlib

from stage import HERE, Failed, case, equal, matches, true

PAGE = """<!doctype html><meta charset="utf-8"><title>browser</title>
<link rel="stylesheet" href="style.css"><link rel="icon" href="dot.png">
<h1 id="t">plain</h1><img id="i" src="dot.png" alt="dot"><script src="code.js"></script>
<script type="module" src="module.mjs"></script>
"""


def png():
    """A picture of one pixel."""
    def chunk(kind, data):
        body = kind + data
        return len(data).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")
    head = chunk(b"IHDR", b"\0\0\0\1\0\0\0\1\x08\x02\0\0\0")
    data = chunk(b"IDAT", zlib.compress(b"\0\xff\0\0"))
    return b"\x89PNG\r\n\x1a\n" + head + data + chunk(b"IEND", b"")


def browse(script, *arguments):
    """Runs one function of browser.mjs; returns its JSON."""
    environment = dict(os.environ)
    environment.setdefault("NODE_PATH", os.path.join(HERE, "..", "..", "target", "clients-node",
                                                     "node_modules"))
    environment["CHROMIUM"] = shutil.which("chromium") or "/usr/bin/chromium"
    done = subprocess.run(["node", os.path.join(HERE, "browser.mjs"), script, *arguments],
                          capture_output=True, text=True, check=False, timeout=120,
                          env=environment)
    if done.returncode:
        raise Failed(f"browser.mjs {script}: {done.stderr}")
    return json.loads(done.stdout)


@case
def browser_page(stage):
    """a page with style, script, module and picture loads without console errors"""
    stage.file("docs/page.html", PAGE)
    stage.file("docs/style.css", "h1 { color: rgb(1, 2, 3) }")
    stage.file("docs/dot.png", png())
    stage.file("docs/code.js", "document.getElementById('t').textContent = 'scripted';")
    stage.file("docs/module.mjs", "document.title = 'module';")
    stage.serve()
    seen = browse("page", stage.url("/page.html"))
    equal(seen["errors"], [])
    equal((seen["text"], seen["color"], seen["picture"], seen["title"]),
          ("scripted", "rgb(1, 2, 3)", 1, "module"))
    equal(seen["reload"], [], "errors when reloading with validators")


@case
def browser_quickstart(stage):
    """the quickstart's pages load without console errors and show their facts"""
    root = os.path.abspath(os.path.join(HERE, "..", "..", "examples", "quickstart", "www"))
    shutil.copytree(root, stage.docs, dirs_exist_ok=True)
    packed = os.path.join(stage.docs, "style.css.gz")
    os.utime(packed)  # never older than what it was made of
    stage.serve()
    seen = browse("quickstart", stage.url("/"))
    equal(seen["errors"], [])
    true("Content-Encoding" in seen["facts"] and "gzip" in seen["facts"], seen["facts"])
    equal(seen["guide"], "Next steps")


@case
def browser_auth(stage):
    """basic auth: refused without, shown with the password"""
    users = stage.file("users", "ann:secret\n")
    stage.serve([stage.vhost([stage.mount(basic_auth=users)])])
    seen = browse("auth", stage.url("/"), "ann", "secret")
    equal((seen["without"], seen["wrong"], seen["with"]), (401, 401, 200))
    equal(seen["text"], "home page")


@case
def browser_texts(stage):
    """UTF-8 is shown as such in every kind of text, and other charsets by what they declare"""
    word = "grün 日本"
    texts = {"a.txt": word, "a.html": f"<p>{word}", "a.css": f"/* {word} */", "a.js": f"// {word}",
             "a.json": f'"{word}"', "a.xml": f"<a>{word}</a>",
             "a.svg": f'<svg xmlns="http://www.w3.org/2000/svg"><text>{word}</text></svg>'}
    for name, text in texts.items():
        stage.file(f"docs/{name}", text)
    others = {"wide.txt": word.encode("utf-16"),
              "meta.html": "<meta charset=latin1>grün".encode("latin1"),
              "old.xml": "<?xml version='1.0' encoding='latin1'?><a>grün</a>".encode("latin1"),
              "old.txt": "grün und blau".encode("latin1")}
    for name, data in others.items():
        stage.file(f"docs/{name}", data)
    stage.serve()
    seen = browse("texts", *(stage.url("/" + name) for name in [*texts, *others]))
    for name in texts:
        true(word in seen[stage.url("/" + name)], f"{name}: {seen[stage.url('/' + name)]!r}")
    for name in others:
        true("grün" in seen[stage.url("/" + name)], f"{name}: {seen[stage.url('/' + name)]!r}")


@case
def browser_listing(stage):
    """a directory listing renders, its links lead to the files and above, its headings sort it
    without scripts, and a telephone shows its dates"""
    sizes = {"a & b ä #1?.txt": "the odd file", "large.txt": "x" * 5000, "m" * 60 + ".txt": ""}
    for age, (name, text) in enumerate(sizes.items()):
        os.utime(stage.file("docs/list/" + name, text), (1_700_000_000 - age * 86_400,) * 2)
    stage.file("docs/list/sub/deep.txt", "deep")
    stage.serve([stage.vhost([stage.mount(directory_listing="1")])])
    seen = browse("listing", stage.url("/list/"))
    equal(seen["errors"], [])
    equal(seen["file"], "the odd file")
    equal(seen["deep"], "deep")
    equal(seen["above"], "/list/")
    odd, large, long = sizes
    for order, names in {"time": (odd, large, long), "size": (large, odd, long),
                         "again": (long, odd, large), "name": (odd, large, long)}.items():
        equal(seen["sorted"][order], ["../", "sub/", *names], order)
    matches(r"^2023-11-1\d \d\d:\d\d$", seen["date"])
    true(max(seen["ends"]) <= 360, f"cells end at {seen['ends']} of 360 pixels")
    true(seen["name"] >= 100, f"the name has {seen['name']} pixels")


@case
def browser_many_files(stage):
    """a hundred parallel fetches are all whole"""
    for number in range(100):
        stage.file(f"docs/f{number}.txt", f"{number}:" + "x" * (number * 997))
    stage.serve()
    seen = browse("many", stage.url("/"))
    equal(seen["wrong"], [])
