"""File and redirect mounts: what a configuration says about paths, types and caches."""

import os
import re

from stage import case, equal, eventually, matches, true, within


@case
def redirect_host_only(stage):
    """an origin without path keeps path and query; 301, 308 for other methods"""
    stage.serve([stage.vhost([stage.mount("/", ">http://target.test")])])
    answer = stage.ask("/a/b?c=d")
    equal(answer.status, 301)
    equal(answer.get("location"), "http://target.test/a/b?c=d")
    equal(stage.ask("/a", "Content-Length: 0", method="POST").status, 308)


@case
def redirect_exact(stage):
    """an origin with a path is used exactly; the older sign means the same"""
    stage.serve([stage.vhost([stage.mount(), stage.mount("/one", ">https://target.test/x?y"),
                              stage.mount("/two", "^http://target.test/z")])])
    answer = stage.ask("/one/more?q")
    equal((answer.status, answer.get("location")), (301, "https://target.test/x?y"))
    equal(stage.ask("/two").get("location"), "http://target.test/z")


@case
def redirect_append_path(stage):
    """append-path appends the rest"""
    stage.serve([stage.vhost([stage.mount(), stage.mount("/old", ">http://target.test/new",
                                                         append_path="1")])])
    equal(stage.ask("/old/page").get("location"), "http://target.test/new/page")


@case
def mount_needs_slash(stage):
    """a mount without its slash redirects to it and keeps the query"""
    stage.file("other/index.html", "other\n")
    stage.serve([stage.vhost([stage.mount(), stage.mount(
        "/other", "file://" + os.path.join(stage.root, "other"))])])
    answer = stage.ask("/other?a=b")
    equal(answer.status, 301)
    matches(r"^(http://stage\.test(:\d+)?)?/other/\?a=b$", answer.get("location"))
    evil = stage.ask("/other", host="evil.example")
    true("evil" not in evil.get("location", ""), "a foreign Host is not reflected")
    equal(stage.ask("/other/").body, b"other\n")


@case
def longest_mount_wins(stage):
    """the longest prefix at a slash; a longer word is another path"""
    for name in ("a", "ab"):
        stage.file(f"{name}/page.txt", name)
    stage.serve([stage.vhost([
        stage.mount(), stage.mount("/a", "file://" + os.path.join(stage.root, "a")),
        stage.mount("/a/b", "file://" + os.path.join(stage.root, "ab"))])])
    equal(stage.ask("/a/page.txt").body, b"a")
    equal(stage.ask("/a/b/page.txt").body, b"ab")
    equal(stage.ask("/ax/page.txt").status, 404)


@case
def default_document(stage):
    """`default` names the page of a directory"""
    stage.file("docs/start.html", "start\n")
    stage.serve([stage.vhost([stage.mount(default="start.html")])])
    equal(stage.ask("/").body, b"start\n")


@case
def media_types(stage):
    """unknown suffixes are 415 unless extra-mimetypes says what they are"""
    for name in ("a.zzz", "a.doc", "a.JPG", "plain"):
        stage.file("docs/" + name, "x")
    stage.serve([stage.vhost([stage.mount(extra_mimetypes={".doc": "text/evil"})])])
    answer = stage.ask("/a.zzz")
    equal(answer.status, 415)
    true(b"extra-mimetypes" in answer.body, "the page names the key that helps")
    equal(stage.ask("/plain").status, 415)
    equal(stage.ask("/a.doc").get("content-type"), "text/evil; charset=utf-8")
    equal(stage.ask("/a.JPG").get("content-type"), "image/jpeg")
    equal(stage.ask("/missing.zzz").status, 404)


@case
def charset(stage):
    """texts are utf-8 unless the mount or the file says otherwise"""
    stage.file("docs/latin.html", "<meta charset='iso-8859-1'>gr\xfcn".encode("latin1"))
    stage.file("docs/a.json", "{}")
    stage.serve([stage.vhost([stage.mount(), stage.mount("/off", charset="off"),
                              stage.mount("/latin", charset="iso-8859-15")])])
    for path, media in {
            "/small.txt": "text/plain; charset=utf-8", "/": "text/html; charset=utf-8",
            "/a.json": "application/json; charset=utf-8", "/latin.html": "text/html",
            "/off/small.txt": "text/plain", "/off/": "text/html", "/off/a.json": "application/json",
            "/latin/small.txt": "text/plain; charset=iso-8859-15", "/latin/latin.html": "text/html",
            "/missing": "text/html; charset=utf-8"}.items():
        equal(stage.ask(path).get("content-type"), media, path)
    code, said = stage.run("-t", "-c", stage.configure(
        [stage.vhost([stage.mount(charset="utf 8")])]))
    equal(code, 78)
    matches('"charset" must be the name of a charset', said)


@case
def media_type_star(stage):
    """"*" serves any file, without a type when it is empty"""
    stage.file("docs/a.zzz", "x")
    stage.serve([stage.vhost([stage.mount(extra_mimetypes={"*": ""})])])
    answer = stage.ask("/a.zzz")
    equal((answer.status, answer.get("content-type")), (200, None))


@case
def cache_control(stage):
    """the words of lwsws for each combination of cache keys"""
    table = {
        "none": ({}, "no-store"),
        "age": ({"cache_max_age": "60"}, "no-store"),
        "reuse": ({"cache_max_age": "60", "cache_reuse": "1"}, "private, max-age=60"),
        "check": ({"cache_max_age": "60", "cache_reuse": "1", "cache_revalidate": "1"},
                  "must-revalidate, private, max-age=60"),
        "all": ({"cache_max_age": "7", "cache_reuse": "1", "cache_revalidate": "1",
                 "cache_intermediaries": "1"}, "must-revalidate, public, max-age=7"),
        "no": ({"cache_no": "1", "cache_max_age": "7", "cache_reuse": "1"}, None),
    }
    mounts = [stage.mount("/" + name, **keys) for name, (keys, _) in table.items()]
    stage.serve([stage.vhost(mounts)])
    for name, (_, wanted) in table.items():
        equal(stage.ask(f"/{name}/small.txt").get("cache-control"), wanted, name)


@case
def dotfiles(stage):
    """hidden files are refused unless the mount says dotfiles; /.well-known/ is served"""
    stage.file("docs/.secret.txt", "hidden")
    stage.file("docs/.git/config.txt", "hidden")
    stage.file("docs/.well-known/token.txt", "token")
    stage.serve([stage.vhost([stage.mount(), stage.mount("/open", dotfiles="1")])])
    within(stage.ask("/.secret.txt").status, {403, 404})
    within(stage.ask("/.git/config.txt").status, {403, 404})
    within(stage.ask("/%2esecret.txt").status, {403, 404})
    equal(stage.ask("/.well-known/token.txt").body, b"token")
    equal(stage.ask("/open/.secret.txt").body, b"hidden")


@case
def symbolic_links(stage):
    """links out of the origin are refused unless the mount says follow-symlinks"""
    stage.file("outside/secret.txt", "outside")
    os.symlink(os.path.join(stage.root, "outside", "secret.txt"),
               os.path.join(stage.docs, "link.txt"))
    os.symlink("../outside", os.path.join(stage.docs, "linkdir"))
    stage.serve([stage.vhost([stage.mount(), stage.mount("/open", follow_symlinks="1")])])
    within(stage.ask("/link.txt").status, {403, 404})
    within(stage.ask("/linkdir/secret.txt").status, {403, 404})
    equal(stage.ask("/open/link.txt").body, b"outside")


@case
def only_regular_files(stage):
    """a FIFO or a socket in the document root blocks nobody"""
    os.mkfifo(os.path.join(stage.docs, "pipe.txt"), 0o666)
    os.mkfifo(os.path.join(stage.docs, "small.txt.gz"), 0o666)
    stage.serve()
    within(stage.ask("/pipe.txt").status, {403, 404})
    equal(stage.ask("/small.txt", "Accept-Encoding: gzip").body, b"abcdefghijklmnopqrstuvwxyz")
    equal(stage.ask("/").status, 200)


@case
def listing_of_many_files(stage):
    """100,000 files are listed page by page, in each order, within the bound that is printed"""
    folder = stage.folder("docs/many")
    for number in range(100_000):
        os.close(os.open(f"{folder}/f{number:06}.txt", os.O_CREAT | os.O_WRONLY))
    stage.serve([stage.vhost([stage.mount(directory_listing="1")])])
    server = stage.servers[0]
    equal(stage.ask("/small.txt").status, 200)
    before = server.private_kib()
    for query, first in {"": 0, "?sort=name&order=desc": 99_999, "?sort=size": 0}.items():
        page = stage.ask("/many/" + query).body.decode()
        matches("1\u2013500 of 100,000", page)
        matches(f'href="f{first:06}.txt"', page)
    for number in range(3):
        query = re.search('rel="next" href="([^"]*)"', page)[1].replace("&amp;", "&")
        page = stage.ask("/many/" + query).body.decode()
        matches(f"{(number + 1) * 500 + 1:,}\u2013{(number + 2) * 500:,} of 100,000", page)
    grown = server.private_kib() - before
    true(grown < 1024, f"it has grown by {grown} KiB")


@case
def directory_listing(stage):
    """directory-listing shows names, escaped; without it there is none"""
    stage.file("docs/list/a & <b>.txt", "x")
    stage.file("docs/list/.hidden.txt", "x")
    stage.folder("docs/list/sub")
    stage.serve([stage.vhost([stage.mount(), stage.mount("/open", directory_listing="1")])])
    for _ in range(3):
        equal(stage.ask("/list/").status, 404)
        equal(stage.ask("/list/none/").status, 404)
    said = f'{stage.docs}/list/ has no index.html and "directory-listing" is off'
    eventually(lambda: said in stage.servers[0].log(), "the log says what is missing")
    stage.folder("docs/other")
    equal(stage.ask("/other/").status, 404)
    equal(stage.servers[0].log().count("directory-listing"), 2, stage.servers[0].log())
    closed = stage.folder("docs/closed", 0o311)
    for method in ("GET", "HEAD"):
        equal(stage.ask("/open/closed/", method=method).status, 403, method)
    eventually(lambda: f"{closed}/ cannot be listed: permission denied" in stage.servers[0].log(),
               "the log says why")
    os.chmod(closed, 0o755)
    # What the server may not read, and what the mount refuses, is not shown.
    for name, mode in {"locked.txt": 0o600, "a.unknown": 0o644, "new\nline.txt": 0o644}.items():
        stage.file("docs/list/" + name, "x", mode=mode)
    stage.folder("docs/list/shut", 0o700)
    stage.folder("docs/list/searched", 0o711)
    stage.folder("docs/list/page", 0o711)
    stage.file("docs/list/page/index.html", "own page")
    os.symlink("/etc/passwd", stage.docs + "/list/link.txt")
    names = re.findall('<td><a[^>]* href="([^"]*)"', stage.ask("/open/list/").body.decode())
    equal(names, ["../", "page/", "sub/", "a%20%26%20%3Cb%3E.txt"])
    for name in names:
        equal(stage.ask("/open/list/" + name).status, 200, name)
    answer = stage.ask("/open/list/")
    equal(answer.status, 200)
    page = answer.body.decode()
    true("&lt;b&gt;" in page and "<b>.txt" not in page, "names are escaped")
    true(".hidden" not in page, "hidden files are not listed")
    matches(r'href="[^"]*sub/"', page)
    matches(r'href="[^"]*a%20(&amp;|%26)%20%3[Cc]b%3[Ee]\.txt"', page)


@case
def exact_match(stage):
    """exact-match takes only the mountpoint itself"""
    stage.serve([stage.vhost([stage.mount(), stage.mount(
        "/just", ">http://target.test/here", exact_match="1")])])
    equal(stage.ask("/just").status, 301)
    equal(stage.ask("/just/more").status, 404)


@case
def empty_and_unreadable(stage):
    """a file that may not be read is 403 or 404, never 500"""
    stage.file("docs/locked.txt", "x", 0o000)
    stage.serve()
    within(stage.ask("/locked.txt").status, {403, 404})


@case
def data_directory(stage):
    """_lws_ddir_ is what --data-dir says"""
    stage.file("share/pages/page.txt", "from the data directory")
    conf = stage.configure([stage.vhost([stage.mount("/", "file://_lws_ddir_/pages")])])
    stage.spawn("-c", conf, "--data-dir", os.path.join(stage.root, "share")).ready(stage.port)
    equal(stage.ask("/page.txt").body, b"from the data directory")


@case
def quickstart(stage):
    """examples/quickstart serves its pages (on another port)"""
    root = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
    for name in ("conf", "conf.d/site"):
        with open(os.path.join(root, "examples/quickstart", name), encoding="utf-8") as text:
            stage.file("quick/" + name, text.read().replace('"7681"', f'"{stage.port}"'))
    for folder, _, names in os.walk(os.path.join(root, "examples/quickstart/www")):
        for name in names:
            path = os.path.join(folder, name)
            below = os.path.relpath(path, os.path.join(root, "examples"))
            with open(path, "rb") as file:
                copy = stage.file("share/" + below, file.read())
            os.utime(copy, (1700000000, 1700000000))
    stage.spawn("-c", os.path.join(stage.root, "quick"), "--data-dir",
                os.path.join(stage.root, "share")).ready(stage.port)
    for path in ("/", "/guide/", "/facts.js", "/kinglet.svg"):
        equal(stage.ask(path, host="localhost").status, 200, path)
    answer = stage.ask("/style.css", "Accept-Encoding: gzip", host="localhost")
    equal(answer.get("content-encoding"), "gzip")
    equal(stage.ask("/elsewhere", host="localhost").status, 301)
