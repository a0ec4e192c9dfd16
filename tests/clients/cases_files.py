"""Files and file systems: how bytes leave them, and for how long they are held."""

import errno
import os
import shutil
import subprocess
import sys

import processes
import secure
import stage as stages
from stage import Failed, case, equal, eventually, true

REFUSE = os.path.join(stages.HERE, "refuse.py")
MIB = 1 << 20


def held(server, below):
    """What the one that serves holds open below a directory."""
    pid, names = server.serving_pid(), []
    for entry in os.listdir(f"/proc/{pid}/fd"):
        try:
            names.append(os.readlink(f"/proc/{pid}/fd/{entry}"))
        except OSError:
            pass
    return [name for name in names if name.startswith(below)]


def get(link, path, *fields):
    """One request on a connection that stays open; the response."""
    head = "\r\n".join([f"GET {path} HTTP/1.1", "Host: stage.test", *fields])
    link.send(head.encode() + b"\r\n\r\n")
    return link.response()


def fetch(link, path, wanted, *fields):
    """A body, which must be whole."""
    true(get(link, path, *fields).body == wanted, f"{path} {fields}: another body")


@case
def files_without_sendfile(stage):
    """where the kernel does not send files by itself they are read and written, ranges too"""
    with open(stage.big("docs/big.bin", 3 * MIB + 17), "rb") as file:
        big = file.read()
    with open(stage.big("docs/medium.bin", 40_000), "rb") as file:
        medium = file.read()
    conf = stage.configure()
    for number in (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM, errno.EACCES):
        log = os.path.join(stage.root, f"server-{number}.log")
        command = [sys.executable, REFUSE, str(number), stages.KINGLET, "-c", conf]
        server = stages.Server(command, log)
        stage.servers.append(server)
        server.ready(stage.port)
        with stage.connect() as link:
            fetch(link, "/big.bin", big)
            fetch(link, "/medium.bin", medium)
            fetch(link, "/big.bin", big[100_000:1_100_000], "Range: bytes=100000-1099999")
            parts = get(link, "/big.bin", "Range: bytes=1-70000, 2000000-2100000")
            equal(parts.status, 206)
            true(big[1:70_001] in parts.body and big[2_000_000:2_100_001] in parts.body, "parts")
            fetch(link, "/small.txt", b"abcdefghijklmnopqrstuvwxyz")
        # A reader that is slow to begin with: what it does not take waits.
        with stage.connect() as link:
            link.send(b"GET /big.bin HTTP/1.1\r\nHost: stage.test\r\n\r\n"
                      b"GET /small.txt HTTP/1.1\r\nHost: stage.test\r\n\r\n")
            true(link.response().body == big, "the first of two")
            equal(link.response().body, b"abcdefghijklmnopqrstuvwxyz")
        # A client that goes away is no fault of the file.
        with stage.connect() as link:
            link.send(b"GET /big.bin HTTP/1.1\r\nHost: stage.test\r\n\r\n")
        equal(stage.ask("/small.txt").status, 200)
        true("cannot be read" not in server.log(), server.log())
        server.stop()


@case
def files_over_tls_without_sendfile(stage):
    """with TLS nothing changes"""
    with open(stage.big("docs/big.bin", MIB), "rb") as file:
        big = file.read()
    conf = stage.configure([secure.vhost(stage)])
    log = os.path.join(stage.root, "server.log")
    command = [sys.executable, REFUSE, str(errno.ENOSYS), stages.KINGLET, "-c", conf]
    stage.servers.append(stages.Server(command, log))
    stage.servers[-1].ready(stage.port)
    true(secure.ask(stage, "/big.bin").body == big, "another body")


@case
def files_deleted_are_let_go(stage):
    """deleted files and directories are let go while a connection is open and busy"""
    stage.big("docs/gone.bin", 2 * MIB)
    other = stage.folder("other")
    stage.big("other/gone.bin", 2 * MIB)
    server = stage.serve([stage.vhost([stage.mount(), stage.mount("/o", "file://" + other)])])
    with stage.connect() as link:
        equal(get(link, "/gone.bin").status, 200)
        equal(get(link, "/o/gone.bin").status, 200)
        equal(len(held(server, other)), 2, "a file and its directory")
        os.unlink(os.path.join(stage.docs, "gone.bin"))
        shutil.rmtree(other)

        def none_left():
            equal(get(link, "/small.txt").status, 200)
            return not [name for name in held(server, stage.root) if "(deleted)" in name]
        eventually(none_left, "nothing that has been deleted is held")
        equal(get(link, "/gone.bin").status, 404)
        equal(get(link, "/o/gone.bin").status, 503)
        stage.file("other/gone.bin", "again")
        eventually(lambda: get(link, "/o/gone.bin").body == b"again", "it is there again")


@case
def files_of_an_idle_mount_are_let_go(stage):
    """a file system can be unmounted while a connection is open and busy elsewhere; an idle
    connection wakes nobody once all is let go"""
    stick = stage.folder("stick")
    conf = stage.configure([stage.vhost([stage.mount(), stage.mount("/s", "file://" + stick)])])
    server = stages.Server(
        [*stages.mounts_apart(), "sh", "-ec",
         'mount -t tmpfs tmpfs "$1"; chmod 755 "$1"; head -c 2000000 /dev/zero >"$1/big.bin"; '
         'exec "$2" -c "$3"', "sh", stick, stages.KINGLET, conf],
        os.path.join(stage.root, "server.log"))
    stage.servers.append(server)
    server.ready(stage.port)

    def inside(*command):
        """Runs a command where the file system is mounted; whether it worked."""
        enter = ["nsenter", f"--target={server.child.pid}", "--mount", "--root", *command]
        return subprocess.run(enter, capture_output=True, check=False, timeout=30).returncode == 0
    with stage.connect() as link:
        equal(len(get(link, "/s/big.bin").body), 2_000_000)
        true(not inside("umount", stick), "it is held while it is used")

        def unmounted():
            equal(get(link, "/small.txt").status, 200)
            return inside("umount", stick)
        eventually(unmounted, "it can be unmounted")
        equal(get(link, "/s/big.bin").status, 404)
        if not inside("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", stick):
            raise Failed("it cannot be mounted again")
        inside("sh", "-c", f"echo again >{stick}/big.bin")
        eventually(lambda: get(link, "/s/big.bin").body == b"again\n", "the next one is served")
        eventually(lambda: not held(server, stick) + held(server, stage.docs), "all is let go")
        pid = server.serving_pid()

        def asleep():
            before = processes.switches(pid)
            stages.time.sleep(2)
            return processes.switches(pid) == before
        eventually(asleep, "nobody wakes up for an idle connection")
