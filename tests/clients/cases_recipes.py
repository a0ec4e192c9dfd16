"""The recipes of docs/recipes.md, served as they are written, on free ports and below the stage."""

import json
import os
import re
import signal
import subprocess

from stage import HERE, case, equal, eventually, free_port, matches, true

PAGE = os.path.join(HERE, "..", "..", "docs", "recipes.md")
# Directories of the recipes; each lies below the stage here.
DIRECTORIES = ("/srv/", "/etc/kinglet/", "/etc/letsencrypt/", "/var/log/kinglet/")


class Recipe:
    """One section's configuration, written for this stage."""

    def __init__(self, stage, heading):
        self.stage = stage
        with open(PAGE, encoding="utf-8") as text:
            section = text.read().split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
        settings = json.loads(matches(r"```json\n(.*?)\n```\n", section, "section").group(1))
        self.ports = {}
        self.write(settings)

    def moved(self, value):
        """The value with its directories below the stage."""
        if isinstance(value, dict):
            return {key: self.moved(one) for key, one in value.items()}
        if isinstance(value, list):
            return [self.moved(one) for one in value]
        for directory in DIRECTORIES:
            if isinstance(value, str):
                value = value.replace(directory, self.stage.root + directory)
        return value

    def write(self, settings):
        """Writes the configuration, with a free port for each that the recipe names."""
        for vhost in settings["vhosts"]:
            port = vhost["port"]
            self.ports.setdefault(port, free_port())
            vhost["port"] = self.ports[port]
            if vhost.get("interface"):
                vhost["interface"] = "lo"
            else:
                vhost["interface"] = "127.0.0.1"
        self.stage.file("conf/conf.d/recipe", json.dumps(self.moved(settings), indent=1))
        state = self.stage.folder("state")
        self.stage.file("conf/conf", json.dumps({"global": {"state-dir": state}}))
        self.directory = os.path.join(self.stage.root, "conf")

    def serve(self):
        """Starts it; returns the server."""
        server = self.stage.spawn("-c", self.directory)
        for port in self.ports.values():
            server.ready(port)
        return server

    def curl(self, url, *arguments):
        """Head and body of an answer; the URL has the recipe's host and scheme."""
        scheme, host, path = matches(r"^(\w+)://([^/]+)(/.*)$", url).groups()
        port = self.ports["443" if scheme == "https" else "80"]
        connect = f"{host}:{port}:127.0.0.1"
        out = self.stage.curl("-ik", "--resolve", connect, *arguments,
                              f"{scheme}://{host}:{port}{path}")
        return out.decode("utf-8", "replace").replace("\r\n", "\n")


def status(answer):
    """The status of an answer."""
    return int(matches(r"^HTTP/1\.1 (\d+)", answer).group(1))


def location(answer):
    """Where an answer leads to."""
    return matches(r"\n(?i:location): (\S+)\n", answer).group(1)


@case
def recipe_share(stage):
    """photos: the directory is listed and a file of an unknown type is served"""
    recipe = Recipe(stage, "Share a directory")
    stage.file("srv/photos/lake.heif2", "picture")
    recipe.serve()
    matches(r'href="lake\.heif2"', recipe.curl("http://photos.lan/"))
    answer = recipe.curl("http://photos.lan/lake.heif2")
    equal(status(answer), 200)
    true(answer.endswith("\n\npicture"), "the file's content")


@case
def recipe_names(stage):
    """names: aliases answer, the other name leads to the first with path and query"""
    recipe = Recipe(stage, "Two names, one site")
    stage.file("srv/blog/index.html", "the blog\n")
    recipe.serve()
    for name in ("blog.lan", "blog", "journal.lan"):
        true(recipe.curl(f"http://{name}/").endswith("the blog\n"), name)
    answer = recipe.curl("http://www.blog.lan/a/b?c=d")
    equal((status(answer), location(answer)), (301, "http://blog.lan/a/b?c=d"))


@case
def recipe_password(stage):
    """passwords: the page's openssl line makes a file that lets its user in, and no other"""
    recipe = Recipe(stage, "Ask for a password")
    stage.file("srv/www/index.html", "open\n")
    stage.file("srv/private/index.html", "secret\n")
    with open(PAGE, encoding="utf-8") as text:
        line = matches(r"\n(printf '.*?openssl.*?)\s+#", text.read()).group(1)
    line = line.replace("/etc/kinglet/", stage.folder("etc/kinglet") + "/")
    subprocess.run(["sh", "-c", line.replace("passwd -6", "passwd -6 lovelace")], check=True)
    os.chmod(os.path.join(stage.root, "etc/kinglet/users"), 0o644)
    recipe.serve()
    true(recipe.curl("https://box.lan/").endswith("open\n"), "the open part")
    equal(status(recipe.curl("https://box.lan/private/")), 401)
    equal(status(recipe.curl("https://box.lan/private/", "-u", "ada:byron")), 401)
    true(recipe.curl("https://box.lan/private/", "-u", "ada:lovelace").endswith("secret\n"),
         "the protected part")


@case
def recipe_home_network(stage):
    """home network: an address of the list is served, another gets 403"""
    recipe = Recipe(stage, "Only from the home network")
    stage.file("srv/admin/index.html", "admin\n")
    recipe.serve()
    true(recipe.curl("http://admin.lan/").endswith("admin\n"), "from 127.0.0.1")
    equal(status(recipe.curl("http://admin.lan/", "--interface", "127.0.0.2")), 403)


@case
def recipe_https_at_home(stage):
    """https at home: a certificate for the name, and http on that port leads to https"""
    recipe = Recipe(stage, "https at home")
    stage.file("srv/www/index.html", "home\n")
    recipe.serve()
    true(recipe.curl("https://box.lan/").endswith("home\n"), "over https")
    port = recipe.ports["443"]
    plain = stage.curl("-i", "--resolve", f"box.lan:{port}:127.0.0.1",
                       f"http://box.lan:{port}/a?b").decode().replace("\r\n", "\n")
    equal((status(plain), location(plain)), (301, f"https://box.lan:{port}/a?b"))
    code, text = stage.run("--self-signed", "-c", recipe.directory)
    equal(code, 0)
    matches(r"box\.lan", text, "the names of the certificate")


def shown_certificate(port):
    """The subject of the certificate that a client is shown."""
    hello = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}",
                            "-servername", "blog.example.org"],
                           stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return matches(r"subject=(.*?)\n", hello.stdout.decode()).group(1)


@case
def recipe_lets_encrypt(stage):
    """Let's Encrypt: challenge, redirect, stand-in; the hook's reload shows the new certificate"""
    recipe = Recipe(stage, "https with Let's Encrypt")
    stage.file("srv/blog/index.html", "the blog\n")
    stage.file("srv/acme/.well-known/acme-challenge/token_1", "token_1.thumbprint")
    server = recipe.serve()
    challenge = recipe.curl("http://blog.example.org/.well-known/acme-challenge/token_1")
    equal(status(challenge), 200)
    matches(r"\n(?i:content-type): text/plain", challenge)
    true(challenge.endswith("\n\ntoken_1.thumbprint"), "the challenge's answer")
    answer = recipe.curl("http://blog.example.org/a/b?c=d")
    equal((status(answer), location(answer)), (301, "https://blog.example.org/a/b?c=d"))
    true(recipe.curl("https://blog.example.org/").endswith("the blog\n"), "with the stand-in")
    files = stage.folder("etc/letsencrypt/live/blog.example.org")
    for days in ("30", "60"):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-days", days, "-subj",
                        f"/CN=issued for {days} days", "-addext",
                        "subjectAltName=DNS:blog.example.org",
                        "-keyout", f"{files}/privkey.pem", "-out", f"{files}/fullchain.pem"],
                       check=True, capture_output=True)
        code, text = stage.run("reload", "-c", recipe.directory)
        equal(code, 0, text)
        eventually(lambda days=days: f"{days} days" in shown_certificate(recipe.ports["443"]),
                   f"the certificate of {days} days is shown")
    server.alive()


@case
def recipe_http_to_https(stage):
    """http to https: path and query are kept"""
    recipe = Recipe(stage, "From http to https")
    stage.file("srv/blog/a/b.html", "deep\n")
    recipe.serve()
    answer = recipe.curl("http://blog.lan/a/b.html?c=d")
    equal((status(answer), location(answer)), (301, "https://blog.lan/a/b.html?c=d"))
    equal(location(recipe.curl("http://blog.lan/")), "https://blog.lan/")
    true(recipe.curl("https://blog.lan/a/b.html?c=d").endswith("deep\n"), "the page itself")


@case
def recipe_404_page(stage):
    """404 page: its content comes at the asked address, with 404"""
    recipe = Recipe(stage, "A 404 page of your own")
    stage.file("srv/blog/index.html", "the blog\n")
    stage.file("srv/blog/404.html", "nothing here\n")
    recipe.serve()
    answer = recipe.curl("http://blog.lan/deep/er/none.html")
    equal(status(answer), 404)
    true(answer.endswith("\n\nnothing here\n"), "the page")


@case
def recipe_caching(stage):
    """caching: files below /static may be kept for a day, a compressed copy is sent"""
    recipe = Recipe(stage, "Let browsers keep files")
    style = stage.file("srv/blog/static/style.css", "p { color: green }\n" * 50)
    stage.file("srv/blog/index.html", "the blog\n")
    subprocess.run(["gzip", "-k9", style], check=True)
    recipe.serve()
    answer = recipe.curl("http://blog.lan/static/style.css", "--compressed")
    matches(r"\n(?i:content-encoding): gzip\n", answer)
    matches(r"\n(?i:cache-control): [^\n]*max-age=86400", answer)
    true(answer.endswith("p { color: green }\n"), "the content")
    true("max-age=86400" not in recipe.curl("http://blog.lan/"), "only below /static")


@case
def recipe_headers(stage):
    """headers: each answer has them, errors too"""
    recipe = Recipe(stage, "Headers for every answer")
    stage.file("srv/blog/index.html", "the blog\n")
    recipe.serve()
    for path in ("/", "/none"):
        matches(r"\n(?i:x-content-type-options): nosniff\n", recipe.curl("http://blog.lan" + path))


@case
def recipe_logs(stage):
    """logs: renamed, then USR1: the next line is in the new file"""
    recipe = Recipe(stage, "Logs that do not grow")
    stage.file("srv/blog/index.html", "the blog\n")
    log = os.path.join(stage.folder("var/log/kinglet", 0o777), "blog.log")
    server = recipe.serve()

    def has(path, what):
        with open(path, encoding="utf-8") as text:
            return what in text.read()
    recipe.curl("http://blog.lan/?before")
    eventually(lambda: has(log, "/?before"), "the first line")
    os.rename(log, log + ".1")
    server.signal(signal.SIGUSR1)
    eventually(lambda: os.path.exists(log), "a new file")
    recipe.curl("http://blog.lan/?after")
    eventually(lambda: has(log, "/?after") or has(log + ".1", "/?after"), "the second line")
    eventually(lambda: recipe.curl("http://blog.lan/?later") and has(log, "/?later"),
               "a line in the new file")


@case
def recipe_memory(stage):
    """memory: -t prints both sums, and the limits of the recipe count"""
    recipe = Recipe(stage, "On a board with little memory")
    stage.folder("srv/www")
    with open(os.path.join(recipe.directory, "conf.d", "recipe"), encoding="utf-8") as text:
        equal(json.load(text)["global"]["max-connections"], "200")
    code, text = stage.run("-t", "-c", recipe.directory)
    equal(code, 0)
    true(re.search(r"connections +\d+ KiB +200 x", text), text)
    true(re.search(r"kernel.* MiB|kernel.* KiB", text), text)
