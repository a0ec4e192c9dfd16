"""Who may: basic auth, address lists, limits per address."""

import base64
import hashlib
import os
import re
import subprocess

import processes
from stage import case, equal, eventually, matches, mounts_apart, true, within

# The published bcrypt vector for "U*U"; $2y$ is the corrected algorithm of the same name.
BCRYPT = "$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"


def basic(user, password):
    """An Authorization line."""
    pair = base64.b64encode(f"{user}:{password}".encode()).decode()
    return f"Authorization: Basic {pair}"


def hashed(kind, password):
    """A hash made by openssl."""
    done = subprocess.run(["openssl", "passwd", f"-{kind}", password], capture_output=True,
                          text=True, check=True)
    return done.stdout.strip()


def guarded(stage, lines):
    """A stage whose whole site needs a password."""
    users = stage.file("users", "\n".join(lines) + "\n")
    return stage.serve([stage.vhost([stage.mount(basic_auth=users)])])


@case
def auth_plain(stage):
    """plain lines; only the whole pair counts"""
    guarded(stage, ["testuser:testpass", "myuser:his:pass"])
    answer = stage.ask("/small.txt")
    equal(answer.status, 401)
    matches("needs a user name and a password", answer.body.decode())
    matches(r'^Basic realm="lwsws"', answer.get("www-authenticate"))
    equal(stage.ask("/small.txt", basic("testuser", "testpass")).status, 200)
    equal(stage.ask("/small.txt", basic("myuser", "his:pass")).status, 200)
    for user, password in (("testuser", "x"), ("user", "testpass"), ("stuser", "testpass"),
                           ("testuser", "testpass\nmyuser:his:pass"), ("", ""),
                           ("testuser", ""), ("myuser", "testpass"), ("TESTUSER", "testpass"),
                           ("testuser", "testpass ")):
        equal(stage.ask("/small.txt", basic(user, password)).status, 401, f"{user}:{password}")
    pair = base64.b64encode(b"testuser:testpass").decode()
    equal(stage.ask("/", f"Authorization: bAsIc {pair}").status, 200)


@case
def auth_malformed(stage):
    """anything that is not Basic is refused"""
    guarded(stage, ["testuser:testpass"])
    for value in ("Bearer x", "Basic", "Basic !!!", "Basic dGVzdHVzZXI=", "Basic " + "A" * 3000,
                  "", "Basic dGVzdHVzZXI6dGVzdHBhc3M= x"):
        within(stage.ask("/", "Authorization: " + value).status, {400, 401, 403}, value[:20])


@case
def auth_hashes(stage):
    """htpasswd hashes: SHA, apr1, SHA-256, SHA-512, bcrypt"""
    sha = "{SHA}" + base64.b64encode(hashlib.sha1(b"pw-sha").digest()).decode()
    guarded(stage, [f"sha:{sha}", "apr1:" + hashed("apr1", "pw-apr1"), "five:" + hashed(
        "5", "pw-five"), "six:" + hashed("6", "pw-six"), "bcrypt:" + BCRYPT])
    for user, password in {"sha": "pw-sha", "apr1": "pw-apr1", "five": "pw-five", "six": "pw-six",
                           "bcrypt": "U*U"}.items():
        equal(stage.ask("/small.txt", basic(user, password)).status, 200, user)
        equal(stage.ask("/small.txt", basic(user, password + "x")).status, 401, user)
    equal(stage.ask("/small.txt", basic("sha", sha)).status, 401, "the hash is no password")
    equal(stage.ask("/small.txt", basic("nobody", "x")).status, 401)


@case
def auth_odd_lines(stage):
    """hashes of other kinds are no passwords; -t and the log say what each line is taken for"""
    sha = "{SHA}" + base64.b64encode(hashlib.sha1(b"pw").digest()).decode()
    odd = ["LIfOpbjNaEQYE", "*", "!$6$salt$hash", "_J9..rasmG1gANnusqQA", "$argon2id$v=19$x$y"]
    lines = "".join(f"{text[:2]}:{text}\n" for text in odd)
    users = stage.file("users", "\ufefffirst:one\r\n" + lines +
                       f"c:{sha}:comment\nt:{sha}\t\np:{{PLAIN}}*\n")
    conf = stage.configure([stage.vhost([stage.mount(basic_auth=users)])])
    code, text = stage.run("-t", "-c", conf)
    equal(code, 0, text)
    for line in ("2: taken for a DES hash", "3: a locked entry", "4: a locked entry",
                 "6: a kind of hash that is not known"):
        matches(re.escape(f"{users}:{line}"), text)
    matches("line 1: a password; line 2: a DES hash; line 5: a DES hash of BSDi; lines 7\u20138: "
            "a SHA-1 hash; line 9: a password", text)
    server = stage.spawn("-c", conf).ready(stage.port)
    for text in odd:
        equal(stage.ask("/small.txt", basic(text[:2], text)).status, 401, text)
    for user, password in {"first": "one", "c": "pw", "t": "pw", "p": "*"}.items():
        equal(stage.ask("/small.txt", basic(user, password)).status, 200, user)
    equal(stage.ask("/small.txt", basic("_J", "hello")).status, 200, "BSDi")
    matches("users:3: a locked entry", server.log())


@case
def auth_file_changes(stage):
    """a changed file is read again"""
    guarded(stage, ["a:b"])
    equal(stage.ask("/", basic("a", "b")).status, 200)
    stage.file("users", "c:dddd\n")
    eventually(lambda: stage.ask("/", basic("c", "dddd")).status == 200, "the new user is known")
    equal(stage.ask("/", basic("a", "b")).status, 401)


@case
def auth_scope(stage):
    """only the mount that says so is protected"""
    users = stage.file("users", "a:b\n")
    stage.serve([stage.vhost([stage.mount(), stage.mount("/in", basic_auth=users)])])
    equal(stage.ask("/small.txt").status, 200)
    equal(stage.ask("/in/small.txt").status, 401)
    equal(stage.ask("/in/missing.txt").status, 401)
    equal(stage.ask("/in/small.txt", basic("a", "b")).status, 200)
    equal(stage.ask("/./in/small.txt").status, 401)
    equal(stage.ask("//in/small.txt").status, 401)
    equal(stage.ask("/%69n/small.txt").status, 401)


@case
def auth_file_missing(stage):
    """without its file a mount lets nobody in"""
    stage.serve([stage.vhost([stage.mount(), stage.mount("/in", basic_auth=stage.root + "/no")])])
    within(stage.ask("/in/small.txt", basic("a", "b")).status, {401, 403, 503})
    equal(stage.ask("/small.txt").status, 200)


@case
def auth_curl(stage):
    """curl -u"""
    guarded(stage, ["testuser:testpass"])
    equal(stage.curl("-u", "testuser:testpass", stage.url("/small.txt")),
          b"abcdefghijklmnopqrstuvwxyz")
    stage.curl("-f", "-u", "testuser:wrong", stage.url("/small.txt"), code=22)


@case
def allow_and_deny(stage):
    """address lists of vhosts and mounts"""
    stage.serve([stage.vhost([
        stage.mount(), stage.mount("/denied", deny=["127.0.0.0/8"]),
        stage.mount("/elsewhere", allow=["192.0.2.0/24", "2001:db8::/32"]),
        stage.mount("/local", allow=["127.0.0.1"])])])
    for path, status in {"/": 200, "/denied/small.txt": 403, "/elsewhere/small.txt": 403,
                         "/local/small.txt": 200}.items():
        equal(stage.ask(path).status, status, path)


@case
def deny_vhost(stage):
    """a vhost that denies this address answers 403 or not at all"""
    stage.serve([stage.vhost(deny=["127.0.0.1"])])
    with stage.connect() as link:
        link.send(b"GET / HTTP/1.1\r\nHost: stage.test\r\n\r\n")
        answer = link.response()
    true(answer is None or answer.status == 403, f"{answer and answer.status}")


@case
def limit_of_connections_per_address(stage):
    """ip-limit-wsi: the connection above the limit is refused, later ones are served"""
    server = stage.serve(ip_limit_wsi="3")
    eventually(lambda: served(stage), "the first connection is gone")
    links = [stage.connect() for _ in range(3)]
    for link in links:
        link.send(b"GET /small.txt HTTP/1.1\r\nHost: stage.test\r\n\r\n")
        equal(link.response().status, 200)
    true(not served(stage), "a fourth connection is refused")
    for link in links:
        link.sock.close()
    eventually(lambda: served(stage), "a place is free again")
    server.alive()


def served(stage):
    """Whether a new connection gets its page."""
    try:
        with stage.connect() as link:
            link.send(b"GET /small.txt HTTP/1.1\r\nHost: stage.test\r\nConnection: close\r\n\r\n")
            answer = link.response()
            return answer is not None and answer.status == 200
    except OSError:
        return False


@case
def max_body(stage):
    """a body above max-body is refused"""
    stage.serve([stage.vhost([stage.mount(), stage.mount("/tight", max_body="10")])])
    answer = stage.ask("/tight/small.txt", "Content-Length: 1000", method="POST", body=b"x" * 1000)
    within(answer.status, {405, 413})
    answer = stage.ask("/tight/small.txt", "Content-Length: 1000", body=b"x" * 1000)
    within(answer.status, {200, 413})
    equal(stage.ask("/small.txt").status, 200)


# Shows a process other users and groups than this machine has.
OTHER_USERS = (*mounts_apart(), "sh", "-c",
               'mount --bind "$1" /etc/passwd && mount --bind "$2" /etc/group && shift 2 && '
               'exec "$@"', "sh")


def known_users(stage, members="web"):
    """The user web, who may be in the group photos; returns what starts a process that knows it."""
    users = stage.file("passwd", "root:x:0:0::/:/bin/sh\nweb:x:54321:54321::/:/bin/sh\n"
                                 "nobody:x:65534:65534::/:/bin/sh\n")
    groups = stage.file("group", "root:x:0:\nweb:x:54321:\nother:x:54322:\n"
                                 f"photos:x:54323:{members}\n")
    return (*OTHER_USERS, users, groups)


@case
def groups_of_the_user(stage):
    """what belongs to a group of the user is served, whatever the primary group is; a reload sees
    that the user has left the group, and -t says it too"""
    os.chown(stage.docs, 0, 54323)
    os.chmod(stage.docs, 0o750)
    for keys in ({"username": "web"}, {"uid": "54321"},
                 {"username": "web", "groupname": "other"}):
        conf = stage.configure(**keys)
        by = known_users(stage)
        code, text = stage.run("-t", "-c", conf, by=by)
        equal(code, 0, text)
        matches("0 warnings, 0 degraded", text)
        for role in ((), ("--one-process",)):
            server = stage.spawn("-c", conf, *role, by=by).ready(stage.port)
            equal(stage.ask("/small.txt").status, 200, keys)
            group = "54322" if "groupname" in keys else "54321"
            shown = processes.status(server.serving_pid())
            equal(shown["Groups"].split(), [group, "54323"], keys)
            equal(set(shown["Gid"].split()), {group}, keys)
            if not role:
                known_users(stage, members="")
                code, text = stage.run("-t", "-c", conf, by=by)
                matches("user [a-z]+ may not open ", text)
                matches("usermod -aG photos [a-z]+", text)
                before = processes.worker(server)
                processes.reload(server)
                processes.replaced(server, before)
                eventually(lambda: stage.ask("/small.txt").status == 403, "it is closed")
                known_users(stage)
            server.stop()


@case
def auth_file_of_root(stage):
    """a password file that only root may read lets its users in; -t says when a change counts and
    how it would at once; a reload takes the change, and the advice of -t makes it count at once"""
    users = stage.file("users", "a:b\n", mode=0o640)
    by = known_users(stage)
    vhosts = [stage.vhost([stage.mount(basic_auth=users)])]
    conf = stage.configure(vhosts, username="web", count_threads=2)
    advice = f"chgrp web {users} && chmod 640 {users}"
    code, text = stage.run("-t", "-c", conf, by=by)
    equal(code, 0, text)
    matches("user web may not read .*a change counts from the next reload on", text)
    matches(re.escape(advice), text)

    def status(password):
        return stage.ask("/small.txt", basic("a", password)).status

    server = stage.spawn("-c", conf, "--one-process", by=by).ready(stage.port)
    equal((status("b"), status("x")), (200, 401))
    server.stop()
    server = stage.spawn("-c", conf, by=by).ready(stage.port)
    equal((status("b"), status("x")), (200, 401))
    stage.file("users", "a:changed\n", mode=0o640)
    code, text = stage.run("reload", "-c", conf)
    equal(code, 0, text)
    eventually(lambda: status("changed") == 200, "the reload takes the new password")
    equal(status("b"), 401)
    code, text = stage.run("reload", "-c", conf)
    matches("nothing has changed", text)
    # What -t says about a file that everybody may read leads to one that works.
    os.chmod(users, 0o644)
    code, text = stage.run("-t", "-c", conf, by=by)
    matches("any user of this machine can read .*" + re.escape(advice), text)
    subprocess.run([*by, "sh", "-c", advice], check=True)
    code, text = stage.run("-t", "-c", conf, by=by)
    true("may not read" not in text and "may read" not in text, text)
    stage.file("users", "a:again\n", mode=0o640)
    eventually(lambda: status("again") == 200, "a change counts at once")
    stage.run("reload", "-c", conf)
    # Started as this user the file of root's is closed, and told so.
    os.chown(users, 0, 0)
    user = ("setpriv", "--reuid=54321", "--regid=54321", "--clear-groups")
    code, text = stage.run("-t", "-c", conf, by=(*by, *user))
    matches("user web may not read .*every request is refused", text)
    matches(re.escape(advice), text)
