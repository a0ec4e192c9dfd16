"""The stage that a case plays on: a temporary site, a configuration, a running kinglet."""

import atexit
import glob
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "probe"))

import wire  # noqa: E402  (the probe's client is used here too)


def reachable(program):
    """The program itself, or a copy that other users can reach: cases start it as such, and a
    checkout in the home of root is closed to them."""
    above = program
    while above != "/":
        above = os.path.dirname(above)
        if not os.stat(above).st_mode & 0o001:
            break
    else:
        return program
    if os.geteuid() != 0 or not os.path.exists(program):
        return program
    # Root runs no program from a directory that others may write to.
    folder = tempfile.mkdtemp(prefix="kinglet-clients-", dir="/usr/local")
    atexit.register(shutil.rmtree, folder)
    os.chmod(folder, 0o755)
    return shutil.copy(program, folder)


KINGLET = reachable(os.path.abspath(os.environ.get("KINGLET", os.path.join(
    HERE, "..", "..", "target", "release", "kinglet"))))
PATIENCE_SECS = 20.0
CASES = []


class Failed(Exception):
    """A case did not see what it must see."""


def case(function):
    """Registers a case; its first line of text is its title."""
    CASES.append(function)
    return function


def equal(got, wanted, what="value"):
    """Fails unless both are equal."""
    if got != wanted:
        raise Failed(f"{what}: {got!r}, not {wanted!r}")


def within(got, allowed, what="value"):
    """Fails unless `got` is one of `allowed`."""
    if got not in allowed:
        raise Failed(f"{what}: {got!r}, not one of {sorted(allowed)}")


def matches(pattern, text, what="text"):
    """Fails unless the pattern is found; returns the match."""
    found = re.search(pattern, text or "", re.S)
    if not found:
        raise Failed(f"{what}: no {pattern!r} in {text!r}"[:2000])
    return found


def true(condition, what):
    """Fails with `what` unless the condition holds."""
    if not condition:
        raise Failed(what)


def eventually(condition, what):
    """Waits until the condition holds; how long it took is never judged."""
    end = time.monotonic() + PATIENCE_SECS
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise Failed(f"never came true: {what}")


def mounts_apart():
    """What starts a process with mounts of its own. Where `/` is no mount point, as in a chroot,
    its propagation cannot be changed; who made that root has seen to it."""
    with open("/proc/self/mountinfo", encoding="utf-8") as text:
        is_mount_point = any(line.split()[4] == "/" for line in text)
    return ["unshare", "--mount", "--propagation", "private" if is_mount_point else "unchanged"]


def free_port(address="127.0.0.1"):
    """A TCP port that nothing listens on right now."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe:
        probe.bind((address, 0))
        return probe.getsockname()[1]


def descriptors(count):
    """Lets this process (and what it starts) hold that many descriptors."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, max(hard, count)))


class Server:
    """A kinglet process; `before` is called in it first."""
    announces = False

    def __init__(self, command, log, before=None):
        self.log_path = log
        quiet = ("-d", "--debug", "-D", "--log")
        self.announces = not any(one.startswith(quiet) for one in command)
        with open(log, "wb") as out:
            self.child = subprocess.Popen(command, stdout=out, stderr=out,
                                          stdin=subprocess.DEVNULL, preexec_fn=before)

    def log(self):
        """What it has written so far."""
        with open(self.log_path, encoding="utf-8", errors="replace") as text:
            return text.read()

    def ready(self, port, address="127.0.0.1"):
        """Waits until the port answers and, where the log says it, until it is served: the socket
        is open before there is a worker."""
        def open_port():
            if self.child.poll() is not None:
                raise Failed(f"kinglet ended with {self.child.returncode}:\n{self.log()}")
            try:
                socket.create_connection((address, port), 2).close()
                return True
            except OSError:
                return False
        eventually(open_port, f"port {port} answers; log:\n{self.log()}")
        if self.announces:
            said = "listening on |kinglet serves "
            eventually(lambda: re.search(said, self.log()), "it says where it listens")
        return self

    def alive(self):
        """Fails when the process has ended."""
        if self.child.poll() is not None:
            raise Failed(f"kinglet ended with {self.child.returncode}:\n{self.log()}")

    def serving_pid(self):
        """The process that serves: the newest worker, or itself if it has none."""
        found = glob.glob(f"/proc/{self.child.pid}/task/*/children")
        workers = []
        for path in found:
            try:
                with open(path, encoding="ascii") as text:
                    workers += [int(pid) for pid in text.read().split()]
            except OSError:
                pass
        return max(workers, default=self.child.pid)

    def sockets(self):
        """How many sockets the one that serves holds."""
        count = 0
        for link in glob.glob(f"/proc/{self.serving_pid()}/fd/*"):
            try:
                count += os.readlink(link).startswith("socket:")
            except OSError:
                pass
        return count

    def private_kib(self):
        """Memory that only the process that serves holds, in KiB."""
        with open(f"/proc/{self.serving_pid()}/smaps_rollup", encoding="ascii") as text:
            return int(re.search(r"Private_Dirty:\s+(\d+)", text.read()).group(1))

    def signal(self, number):
        """Sends a signal."""
        self.child.send_signal(number)

    def stop(self):
        """Ends it; fails when it does not end by itself."""
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            self.child.send_signal(signal.SIGTERM)
        try:
            return self.child.wait(PATIENCE_SECS)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
            raise Failed(f"kinglet did not end after SIGTERM:\n{self.log()}") from None


class Stage:
    """What a case is given. Everything is removed when it ends."""

    def __init__(self):
        self.root = tempfile.mkdtemp(prefix="kinglet-clients-")
        os.chmod(self.root, 0o755)
        self.docs = self.folder("docs")
        self.logs = self.folder("logs", 0o777)
        self.port = free_port()
        self.servers = []
        self.file("docs/index.html", "<!doctype html><title>home</title><p>home page</p>\n")
        self.file("docs/small.txt", "abcdefghijklmnopqrstuvwxyz")

    def folder(self, name, mode=0o755):
        """Makes a directory below the stage."""
        path = os.path.join(self.root, name)
        os.makedirs(path, exist_ok=True)
        os.chmod(path, mode)
        return path

    def file(self, name, data, mode=0o644):
        """Writes a file below the stage; returns its path."""
        path = os.path.join(self.root, name)
        if not os.path.isdir(os.path.dirname(path)):
            self.folder(os.path.dirname(name))
        with open(path, "wb") as out:
            out.write(data if isinstance(data, bytes) else data.encode())
        os.chmod(path, mode)
        return path

    def big(self, name, size):
        """A file of `size` bytes of a pattern; returns its path."""
        block = b"".join(b"%015d\n" % n for n in range(65536))
        path = self.file(name, b"")
        with open(path, "wb") as out:
            while size > 0:
                out.write(block[:size])
                size -= len(block)
        return path

    def mount(self, mountpoint="/", origin=None, **keys):
        """A mount; underscores in keys stand for dashes."""
        entry = {"mountpoint": mountpoint, "origin": origin or "file://" + self.docs}
        entry.update({key.replace("_", "-"): value for key, value in keys.items()})
        return entry

    def vhost(self, mounts=None, **keys):
        """A vhost on this stage's port."""
        entry = {"name": "stage.test", "port": str(self.port), "interface": "127.0.0.1",
                 "mounts": mounts or [self.mount()]}
        entry.update({key.replace("_", "-"): value for key, value in keys.items()})
        return {key: value for key, value in entry.items() if value is not None}

    def configure(self, vhosts=None, **global_keys):
        """Writes a configuration directory; returns its path."""
        settings = {key.replace("_", "-"): value for key, value in global_keys.items()}
        self.file("conf/conf", json.dumps({"global": settings}, indent=1) + "\n")
        self.file("conf/conf.d/site", json.dumps({"vhosts": vhosts or [self.vhost()]}, indent=1)
                  + "\n")
        return os.path.join(self.root, "conf")

    def run(self, *arguments, by=()):
        """Runs kinglet to its end, by the command `by`; returns (exit code, all it wrote)."""
        done = subprocess.run([*by, KINGLET, *arguments], capture_output=True, text=True,
                              check=False, timeout=PATIENCE_SECS, stdin=subprocess.DEVNULL)
        return done.returncode, done.stdout + done.stderr

    def spawn(self, *arguments, by=()):
        """Starts kinglet with any arguments, by a command that executes it."""
        log = os.path.join(self.root, f"server-{len(self.servers)}.log")
        self.servers.append(Server([*by, KINGLET, *arguments], log))
        return self.servers[-1]

    def serve(self, vhosts=None, address="127.0.0.1", **global_keys):
        """Writes the configuration, starts kinglet and waits until it answers."""
        conf = self.configure(vhosts, **global_keys)
        return self.spawn("-c", conf).ready(self.port, address)

    def url(self, path="/"):
        """An URL of the stage."""
        return f"http://127.0.0.1:{self.port}{path}"

    def connect(self, address="127.0.0.1"):
        """A raw connection."""
        return wire.Wire((address, self.port), PATIENCE_SECS)

    def ask(self, path="/", *fields, method="GET", host="stage.test", body=b"",
            address="127.0.0.1"):
        """One request on a connection of its own; returns the response."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "Connection: close", *fields]
        raw = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body
        with self.connect(address) as link:
            link.send(raw)
            answer = link.response(method)
        if answer is None:
            raise Failed(f"{method} {path}: the connection ended without an answer")
        return answer

    def curl(self, *arguments, code=0):
        """Runs curl; returns its output."""
        done = subprocess.run(["curl", "-sS", "--max-time", "30", *arguments],
                              capture_output=True, check=False, cwd=self.root)
        if done.returncode != code:
            raise Failed(f"curl {arguments}: exit {done.returncode}, not {code}: {done.stderr!r}")
        return done.stdout

    def end(self):
        """Stops what runs and removes the files."""
        try:
            for server in self.servers:
                server.stop()
                text = server.log()
                if "panicked" in text:
                    raise Failed("kinglet panicked:\n" + text)
        finally:
            shutil.rmtree(self.root, ignore_errors=True)
