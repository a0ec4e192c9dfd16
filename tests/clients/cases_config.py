"""-t and -T on good and broken configurations."""

import json
import os
import re
import subprocess

import stage as stages
from stage import case, equal, free_port, matches, true


def check(stage, vhost_text, *more, conf='{ "global": {} }\n'):
    """Runs -t on a configuration given as text."""
    stage.file("conf/conf", conf)
    stage.file("conf/conf.d/site", vhost_text)
    return stage.run("-t", "-c", os.path.join(stage.root, "conf"), *more)


def good(stage, extra=""):
    """The text of a working vhost."""
    return f"""# a comment with "quotes" and {{braces}}
{{
  "vhosts": [{{
    "name": "localhost",
    "port": {stage.port},   # a bare number
    {extra}
    "mounts": [{{ "mountpoint": "/", "origin": "file://{stage.docs}", "default": "index.html" }}]
  }}]
}}
"""


@case
def config_parts_that_cannot_be_served(stage):
    """a raw vhost, an archive and an odd name cost nobody else anything"""
    conf = stage.configure([
        stage.vhost([stage.mount(), stage.mount("/zip", origin="file:///srv/site.zip")],
                    name="my site (1)"),
        stage.vhost([], name="raw", port=str(free_port()), onlyraw="1",
                    ws_protocols=[{"raw-test": {"raw": "1"}}])])
    code, text = stage.run("-t", "-c", conf)
    equal(code, 0)
    matches("degraded: raw protocols", text)
    stage.spawn("-c", conf).ready(stage.port)
    equal(stage.ask("/small.txt", host="anything.test").status, 200)
    answer = stage.ask("/zip/a.txt")
    equal((answer.status, answer.all("retry-after")), (501, []))


@case
def check_good(stage):
    """a good configuration: exit 0"""
    code, text = check(stage, good(stage))
    equal(code, 0, text)


@case
def check_syntax(stage):
    """a missing comma: exit 78 with file, line, column, the line and a caret"""
    code, text = check(stage, '{\n  "vhosts": [{\n    "name": "a"\n    "port": "80"\n  }]\n}\n')
    equal(code, 78, text)
    matches(r"conf\.d/site:[34]:\d+", text)
    matches(r'"name": "a"', text)
    true("^" in text, text)


@case
def check_all_errors(stage):
    """every error of every file in one run"""
    stage.file("conf/conf.d/zeta", '{ "vhosts": [{ "name": "z", "port": "99999", "mounts": [] }] }')
    code, text = check(stage, good(stage).replace("file://", "flie://"))
    equal(code, 78, text)
    matches(r"conf\.d/site:\d+:\d+", text)
    matches(r"conf\.d/zeta:1:\d+", text)
    matches("99999", text)
    matches("flie", text)


@case
def check_unknown_key(stage):
    """a typing mistake is a warning with the key that was meant; --strict makes it an error"""
    text = good(stage, '"acess-log": "/tmp/x",')
    code, out = check(stage, text)
    equal(code, 0, out)
    matches(r"acess-log", out)
    matches(r"access-log", out)
    code, out = check(stage, text, "--strict")
    equal(code, 78, out)


@case
def check_values(stage):
    """numbers that do not fit are errors, never wrapped"""
    for port in ('"99999"', "-1", '"abc"', '"80x"', "65536", '""'):
        code, text = check(stage, good(stage).replace(str(stage.port), port, 1))
        equal(code, 78, f"port {port}: {text}")


@case
def check_hostile_files(stage):
    """NUL bytes, bad UTF-8, deep nesting, a cut file: an error with a place, no crash"""
    for name, data in {"nul": b'{ "vhosts": "a\0b" }', "utf8": b'{ "vhosts": "\xff" }', "deep":
                       b"[" * 100_000, "deep-objects": b'{"a":' * 50_000, "cut":
                       good(stage).encode()[:150], "junk": b"hello", "second":
                       b'{ "vhosts": [] } { "x": 1 }', "comma": b'{ "vhosts": [1,] }'}.items():
        stage.file("conf/conf", '{ "global": {} }\n')
        stage.file("conf/conf.d/site", data)
        code, text = stage.run("-t", "-c", os.path.join(stage.root, "conf"))
        equal(code, 78, f"{name}: {text[:500]}")
        matches(r"conf\.d/site", text, name)
        true("panicked" not in text, f"{name}: {text[:500]}")
        true(len(text) < 100_000, f"{name}: a short message")


@case
def check_missing_directory(stage):
    """no configuration there: exit 78 and the path"""
    code, text = stage.run("-t", "-c", os.path.join(stage.root, "nowhere"))
    equal(code, 78, text)
    matches("nowhere", text)


@case
def check_degraded(stage):
    """a missing document root is a fault of the environment: said so, served all the same"""
    text = good(stage).replace(stage.docs, stage.root + "/no-docs")
    code, out = check(stage, text)
    equal(code, 0, out)
    matches("degraded", out)
    matches("no-docs", out)


@case
def check_effective(stage):
    """-T prints JSON"""
    stage.file("conf/conf", '{ "global": { "timeout-secs": "7" } }\n')
    stage.file("conf/conf.d/site", good(stage))
    code, text = stage.run("-T", "-c", os.path.join(stage.root, "conf"))
    equal(code, 0, text)
    shown = json.loads(text[text.index("{"):])
    dumped = json.dumps(shown)
    true("localhost" in dumped and str(stage.port) in dumped, dumped)


@case
def config_order(stage):
    """files in the order of their names; names that end in ~ are left out"""
    stage.file("conf/conf", '{ "global": { "server-string": "early" } }\n')
    stage.file("conf/conf.d/site", good(stage))
    stage.file("conf/conf.d/zz", '{ "global": { "server-string": "late" } }\n')
    stage.file("conf/conf.d/zzz~", "not even JSON")
    stage.folder("conf/conf.d/subdir")
    stage.spawn("-c", os.path.join(stage.root, "conf")).ready(stage.port)
    equal(stage.ask("/").get("server"), "late")


@case
def config_broken_does_not_start(stage):
    """a text error starts nothing: exit 78"""
    stage.file("conf/conf", '{ "global": {} }\n')
    stage.file("conf/conf.d/bad", '{ "vhosts": [{ "name": "x" ] }')
    stage.file("conf/conf.d/site", good(stage))
    code, text = stage.run("-c", os.path.join(stage.root, "conf"))
    equal(code, 78, text)
    matches(r"conf\.d/bad:1:\d+", text)


@case
def config_not_built_yet(stage):
    """a scheme that comes later is named at start; the rest is served"""
    mounts = [stage.mount(), stage.mount("/git", "cgi:///usr/lib/git-core/git-http-backend")]
    server = stage.serve([stage.vhost(mounts)])
    equal(stage.ask("/").status, 200)
    matches("cgi", server.log())
    answer = stage.ask("/git/")
    true(answer.status in (404, 501, 503), f"{answer.status}")


@case
def faults_of_text_and_machine_together(stage):
    """a wrong value hides nothing: the faults of the machine come in the same run, from -t, a start
    and a reload, and the server that runs goes on"""
    bad = stage.vhost([stage.mount("/", "file:///no/docs", default="a"),
                       stage.mount("/in", basic_auth="/no/users"),
                       stage.mount("no/../path", "file:///no/other")],
                      port="99999", access_log="/no/logs/access.log",
                      host_ssl_cert="/no/site.crt", host_ssl_key="/no/site.key")
    wanted = ["/no/docs does not exist", "/no/users does not exist", "/no/logs/access.log cannot",
              "/no/other does not exist", "/no/site.crt does not exist",
              "/no/site.key does not exist",
              "\"port\" must be a whole number", "\"mountpoint\" must not"]

    def check(text, what):
        for part in wanted:
            equal(text.count(part), 1, f"{what}: {part} in {text}")
        matches("kinglet: the configuration has 1 error\n", text)

    conf = stage.configure([bad])
    for role in (["-t"], [], ["--one-process"]):
        code, text = stage.run(*role, "-c", conf)
        equal(code, 78, role)
        check(text, role)
    # Syntax errors too; who would serve is not known then, and nothing is said about rights.
    stage.file("conf/conf", '{ "global": { "username": "nobody" "uid": } }')
    os.chmod(stage.docs, 0o700)
    code, text = stage.run("-t", "-c", conf)
    equal(code, 78, text)
    matches("/no/docs does not exist.*missing ','|missing ','.*/no/docs does not exist", text)
    true("may not open" not in text or "user nobody may not open" in text, text)
    os.chmod(stage.docs, 0o755)
    conf = stage.configure()
    server = stage.spawn("-c", conf).ready(stage.port)
    stage.configure([bad])
    code, text = stage.run("reload", "-c", conf)
    equal(code, 78, text)
    check(text, "reload")
    equal(stage.ask("/small.txt").status, 200)
    server.alive()


@case
def check_without_any_configuration(stage):
    """nothing is named and nothing is there: both directories and quick mode are named, exit 78"""
    # Where nothing is configured for certain.
    script = 'mount -t tmpfs none /etc && shift && exec "$@"'
    for words in ([], ["-t"], ["-T"], ["-D"], ["--one-process"]):
        apart = [*stages.mounts_apart(), "sh", "-c", script, "sh", ""]
        done = subprocess.run([*apart, stages.KINGLET, *words], capture_output=True, text=True,
                              check=False, timeout=30, stdin=subprocess.DEVNULL)
        equal(done.returncode, 78, f"{words}: {done.stderr}")
        for wanted in ("/etc/kinglet/conf", "/etc/lwsws/conf", "kinglet DIR", "kinglet -c DIR"):
            true(wanted in done.stderr, f"{words}: no {wanted} in {done.stderr}")
        equal(done.stderr.count("error:"), 1, f"{words}: {done.stderr}")


@case
def check_of_a_file(stage):
    """-c with a file says that a directory is wanted, and which one"""
    conf = stage.configure()
    other = stage.file("page.html", "x")
    for path in (os.path.join(conf, "conf"), os.path.join(conf, "conf.d", "site")):
        for words in ([], ["-t"], ["-T"]):
            code, text = stage.run(*words, "-c", path)
            equal(code, 78, text)
            matches(rf"{path} is a file.*directory.*did you mean -c {conf}\?", text)
    # Named from where it is.
    done = subprocess.run([stages.KINGLET, "-t", "-c", "conf"], capture_output=True, text=True,
                          check=False, timeout=30, cwd=conf)
    equal(done.returncode, 78, done.stderr)
    matches(r"conf is a file.*did you mean -c \.\?", done.stderr)
    code, text = stage.run("-t", "-c", other)
    equal(code, 78, text)
    matches(rf"{other} is a file.*directory that holds", text)
    for command in ("status", "reload", "log"):
        code, text = stage.run(command, "-c", os.path.join(conf, "conf"))
        equal(code, 1, text)
        matches(rf"{conf}/conf is a file.*did you mean -c {conf}\?", text)


@case
def a_closed_configuration_is_one_fault(stage):
    """a directory that the user may not enter is told once, and what helps"""
    conf = stage.configure([stage.vhost()])
    os.chmod(conf, 0o700)
    user = ("setpriv", "--reuid=54321", "--regid=54321", "--clear-groups")
    code, text = stage.run("-t", "-c", conf, by=user)
    equal(code, 78, text)
    equal(text.count("Permission denied"), 1, text)
    matches("start as root, or as a user who may read it", text)
    matches("the configuration has 1 error", text)
    code, text = stage.run("-t", "-c", os.path.join(conf, "none"))
    equal(code, 78, text)
    matches(f"error: there is no {re.escape(conf)}/none\n", text)
