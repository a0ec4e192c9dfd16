"""Unix sockets: paths and abstract names, rights, leftovers, peers."""

import os
import re
import signal
import socket
import stat

import processes
import secure
from load import Closed, Load, Target, answer
from stage import Failed, case, equal, eventually, matches, true

SMALL = b"abcdefghijklmnopqrstuvwxyz"


def on(stage, name, **keys):
    """A vhost on a unix socket."""
    return stage.vhost(interface=name, unix_socket="1", port=None, **keys)


def get(target, path="/small.txt"):
    """One request; the answer, or none when nobody answers."""
    try:
        with target.connect() as link:
            link.sendall(Load.request(path, target, close=True))
            return answer(link)
    except (OSError, Closed):
        return None


def start(stage, name, vhosts=None, **keys):
    """Serves on a unix socket (and nothing else, unless told)."""
    conf = stage.configure(vhosts or [on(stage, name, **keys)])
    server = stage.spawn("-c", conf)
    target = Target(name)

    def up():
        server.alive()
        return get(target)
    equal(eventually(up, f"{name} answers; log:\n{server.log()}").body, SMALL)
    return server, target


def path_of(stage):
    """Where the socket is to be."""
    return os.path.join(stage.folder("run"), "kinglet.sock")


@case
def unix_path(stage):
    """HTTP over a socket file: mode 0600, of the user that started; removed at the end"""
    path = path_of(stage)
    server, _ = start(stage, path)
    found = os.stat(path)
    true(stat.S_ISSOCK(found.st_mode), "a socket")
    equal((stat.S_IMODE(found.st_mode), found.st_uid), (0o600, 0), "mode and owner")
    equal(os.listdir(os.path.dirname(path)), ["kinglet.sock"], "files beside it")
    equal(stage.curl("--unix-socket", path, "http://stage.test/small.txt"), SMALL)
    server.signal(signal.SIGTERM)
    equal(server.child.wait(30), 0, "exit code")
    equal(os.listdir(os.path.dirname(path)), [], "files at the end")


@case
def unix_abstract(stage):
    """an abstract name"""
    name = f"@kinglet-test-{os.getpid()}-{stage.port}"
    start(stage, name)
    equal(stage.curl("--abstract-unix-socket", name[1:], "http://stage.test/small.txt"), SMALL)


@case
def unix_over_tls(stage):
    """https over a socket file"""
    path = path_of(stage)
    pem, key = secure.PAPERS.leaf("stage.test")
    stage.configure([on(stage, path, host_ssl_cert=pem, host_ssl_key=key)])
    stage.spawn("-c", os.path.join(stage.root, "conf"))
    equal(eventually(lambda: get(Target(path, tls=True)), "https answers").body, SMALL)
    equal(stage.curl("--unix-socket", path, "--cacert", secure.PAPERS.authority("root"),
                     "https://stage.test/small.txt"), SMALL)


@case
def unix_beside_tcp(stage):
    """the same site on a port and on a socket file"""
    path = path_of(stage)
    start(stage, path, [on(stage, path), stage.vhost()])
    equal(stage.ask("/small.txt").body, SMALL)


@case
def unix_rights(stage):
    """unix-socket-perms: owner and group, 0660, or a mode of one's own"""
    path = path_of(stage)
    for perms, mode, owner in (("www-data:daemon", 0o660, (33, 1)),
                               ("root:www-data:0666", 0o666, (0, 33)),
                               ("33:1:0600", 0o600, (33, 1))):
        server, _ = start(stage, path, unix_socket_perms=perms)
        found = os.stat(path)
        equal(stat.S_IMODE(found.st_mode), mode, "mode with " + perms)
        equal((found.st_uid, found.st_gid), owner, "owner with " + perms)
        server.stop()


@case
def unix_rights_that_are_wrong(stage):
    """unknown users, odd modes and rights of an abstract name are errors with a place"""
    path = path_of(stage)
    for name, perms in ((path, "nobdy:nogroup"), (path, "root:root:999"), (path, "a:b:c:d"),
                        ("@name", "root:root")):
        conf = stage.configure([on(stage, name, unix_socket_perms=perms)])
        code, text = stage.run("-t", "-c", conf)
        equal(code, 78, f"{name} {perms}: {text}")
        matches(r"site:\d+:\d+", text)


@case
def unix_leftover(stage):
    """a socket file that nobody listens on any more is replaced"""
    path = path_of(stage)
    with socket.socket(socket.AF_UNIX) as old:
        old.bind(path)
    start(stage, path)


@case
def unix_file_of_somebody_else(stage):
    """what is no socket is never removed, and a socket that answers is busy"""
    path = stage.file("run/kinglet.sock", "precious")
    code, text = stage.run("-c", stage.configure([on(stage, path)]))
    true(code not in (0, None), f"exit {code}")
    matches(re.escape(path), text)
    equal(open(path, encoding="ascii").read(), "precious", "the file")
    os.unlink(path)
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(path)
        other.listen()
        inode = os.stat(path).st_ino
        code, text = stage.run("-c", stage.configure([on(stage, path)]))
        true(code not in (0, None), f"exit {code}")
        matches(r"in use", text)
        equal(os.stat(path).st_ino, inode, "the other one's socket")


@case
def unix_not_ours_at_the_end(stage):
    """a socket file that somebody has put in our place stays"""
    path = path_of(stage)
    server, _ = start(stage, path)
    os.unlink(path)
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(path)
        server.signal(signal.SIGTERM)
        equal(server.child.wait(30), 0, "exit code")
        true(os.path.exists(path), "the other one's socket")


@case
def unix_over_reloads(stage):
    """reloads keep the socket file; a removed one goes"""
    path, second = path_of(stage), os.path.join(stage.folder("run"), "second.sock")
    server, target = start(stage, path)
    inode = os.stat(path).st_ino
    load = Load().add("fresh", target, "/small.txt", SMALL).add("kept", target, "/small.txt", SMALL)
    with load:
        for number in range(1, 6):
            vhosts = [on(stage, path, headers=[{"x-generation": str(number)}])]
            if number % 2:
                vhosts.append(on(stage, second))
            stage.configure(vhosts)
            processes.reload(server)
            eventually(lambda n=number: load.seen[str(n)] or load.failed, f"generation {number}")
            eventually(lambda n=number: os.path.exists(second) == bool(n % 2), "the second socket")
    load.check("fresh", "kept")
    equal(os.stat(path).st_ino, inode, "inode of the socket file")


@case
def unix_peer_in_the_log(stage):
    """the access log names the credentials of who has asked"""
    path, log = path_of(stage), os.path.join(stage.logs, "access.log")
    server, target = start(stage, path, access_log=log)
    equal(get(target).status, 200)
    # The end at once, which `stop` asks for, does not wait for it.
    eventually(lambda: os.path.getsize(log), "a line in the log")
    server.stop()
    with open(log, encoding="utf-8") as text:
        line = text.read().splitlines()[-1]
    wanted = f"unix:uid={os.getuid()},gid={os.getgid()},pid={os.getpid()} "
    if not line.startswith(wanted):
        raise Failed(f"{line!r} does not begin with {wanted!r}")
