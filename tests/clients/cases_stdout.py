"""Access logs on standard output and standard error, whatever these are."""

import os
import signal
import socket
import subprocess
import threading

import processes
import stage as stages
from stage import case, equal, eventually, matches, true

USER = 54321


class Reader(threading.Thread):
    """Reads a descriptor to its end."""

    def __init__(self, descriptor):
        super().__init__(daemon=True)
        self.descriptor, self.text = descriptor, b""
        self.start()

    def run(self):
        while got := os.read(self.descriptor, 65536):
            self.text += got


class Written:
    """What is in a file."""

    def __init__(self, path):
        self.path = path

    @property
    def text(self):
        """All of it."""
        with open(self.path, "rb") as file:
            return file.read()


def start(stage, name, out, user=None):
    """Starts kinglet with standard output and standard error at `out`."""
    if user:
        os.chown(stage.root, user, user)
    conf = stage.configure([stage.vhost(access_log=name)])
    server = stages.Server.__new__(stages.Server)
    server.log_path = stage.file("server.log", "")
    drop = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"] if user else []
    # pylint: disable=consider-using-with
    server.child = subprocess.Popen([*drop, stages.KINGLET, "-c", conf], stdout=out, stderr=out,
                                    stdin=subprocess.DEVNULL)
    stage.servers.append(server)
    return server.ready(stage.port)


def follow(stage, server, reader):
    """Lines come through a rotation, a reload and another program."""
    def comes(what):
        stage.ask(f"/small.txt?{what}")
        eventually(lambda: f"?{what} HTTP/1.1\" 200".encode() in reader.text, f"a line: {what}")
    comes("start")
    server.signal(signal.SIGUSR1)
    comes("rotated")
    before = processes.worker(server)
    stage.configure([stage.vhost([stage.mount(), stage.mount("/more")],
                                 access_log=stage.access_log)])
    processes.reload(server)
    processes.replaced(server, before)
    comes("reloaded")
    server.signal(signal.SIGUSR2)
    eventually(lambda: b"the supervisor becomes" in reader.text, "another program")
    comes("replaced")
    true(b"cannot be opened" not in reader.text, reader.text)
    server.stop()


@case
def stdout_is_a_pipe(stage):
    """a pipe, by every name of standard output and standard error, also for a user"""
    for number, name in enumerate(("/dev/stdout", "/dev/stderr", "/dev/fd/1", "/proc/self/fd/2")):
        ours, theirs = os.pipe()
        stage.access_log = name
        server = start(stage, name, theirs, USER if number % 2 else None)
        os.close(theirs)
        reader = Reader(ours)
        follow(stage, server, reader)
        reader.join(stages.PATIENCE_SECS)
        os.close(ours)


@case
def stdout_is_a_socket(stage):
    """a socket, as journald gives one, also for a user"""
    for name, user in (("/dev/stdout", None), ("/dev/stderr", USER)):
        ours, theirs = socket.socketpair()
        stage.access_log = name
        server = start(stage, name, theirs, user)
        theirs.close()
        reader = Reader(ours.fileno())
        follow(stage, server, reader)
        # Its number is free for others when nobody reads from it any more.
        reader.join(stages.PATIENCE_SECS)
        ours.close()


@case
def stdout_is_a_file(stage):
    """a file that is shared with the log, which is root's while a user serves: neither writes over
    the other's lines"""
    for name, user in (("/dev/stdout", None), ("/dev/stderr", USER)):
        path = stage.file("out", "before\n", 0o600)
        with open(path, "r+b") as out:
            out.seek(0, os.SEEK_END)
            stage.access_log = name
            server = start(stage, name, out, user)
        follow(stage, server, Written(path))
        text = Written(path).text
        true(text.startswith(b"before\n") and b"\0" not in text, text)
        for part in (b"?start", b"?rotated", b"?reloaded", b"?replaced", b"listening on"):
            equal(text.count(part), 1, part)


@case
def stdout_that_nobody_reads(stage):
    """a full pipe blocks nobody: requests are answered, and the lines that were lost are counted"""
    ours, theirs = os.pipe()
    server = start(stage, "/dev/stdout", theirs)
    os.close(theirs)
    line = "x" * 3000
    with stage.connect() as link:
        for _ in range(300):
            link.send(f"GET /small.txt HTTP/1.1\r\nHost: stage.test\r\nReferer: {line}\r\n\r\n"
                      .encode())
            equal(link.response().status, 200)
    reader = Reader(ours)
    eventually(lambda: stage.ask("/small.txt") and b" log lines were lost here" in reader.text,
               "lost lines are counted")
    server.stop()


@case
def stdout_in_the_background(stage):
    """with --daemonize there is neither: the start says so, and requests are answered"""
    for name in ("/dev/stdout", "/dev/stderr"):
        pid_file = os.path.join(stage.root, "pid")
        conf = stage.configure([stage.vhost(access_log=name)])
        code, text = stage.run("-D", "--pid-file", pid_file, "--log", "none", "-d", "warn", "-c",
                               conf)
        equal(code, 0, text)
        matches(f"degraded: in the background there is no {name}: its lines are lost", text)
        equal(stage.ask("/small.txt").status, 200)
        with open(pid_file, encoding="ascii") as number:
            pid = int(number.read())
        os.kill(pid, signal.SIGTERM)
        processes.gone(pid)
    code, text = stage.run("-t", "-c", conf)
    equal((code, name in text), (0, False), text)
