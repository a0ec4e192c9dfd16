"""A running kinglet seen from outside: its processes, and what they hold."""

import ctypes
import glob
import os
import re
import signal
import socket

from stage import Failed, eventually


def status(pid):
    """/proc/PID/status as a dictionary; empty when the process has gone."""
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as text:
            return dict(line.rstrip("\n").split(":\t", 1) for line in text if ":\t" in line)
    except OSError:
        return {}


def alive(pid):
    """Whether the process exists and is no zombie."""
    found = status(pid)
    return bool(found) and not found["State"].startswith(("Z", "X"))


def arguments(pid):
    """The command line of a process."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as text:
            return text.read().decode(errors="replace").split("\0")[:-1]
    except OSError:
        return []


def children(pid):
    """Living children of a process, oldest first."""
    found = []
    for path in glob.glob(f"/proc/{pid}/task/*/children"):
        try:
            with open(path, encoding="ascii") as text:
                found += [int(child) for child in text.read().split()]
        except OSError:
            pass
    return [child for child in sorted(set(found)) if alive(child)]


def workers(server):
    """Living workers of a server, oldest first."""
    return [pid for pid in children(server.child.pid) if "--worker" in arguments(pid)]


def worker(server):
    """The one worker of a server, once there is exactly one."""
    def one():
        found = workers(server)
        return found[0] if len(found) == 1 else None
    return eventually(one, "there is one worker")


def memory_kib(pid, what="Private_Dirty"):
    """A line of /proc/PID/smaps_rollup."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as text:
        return int(re.search(rf"{what}:\s+(\d+)", text.read()).group(1))


def switches(pid):
    """How often all threads of a process have been woken."""
    count = 0
    for task in glob.glob(f"/proc/{pid}/task/*/status"):
        with open(task, encoding="utf-8", errors="replace") as text:
            count += sum(int(n) for n in re.findall(r"ctxt_switches:\s+(\d+)", text.read()))
    return count


def reload(server):
    """SIGHUP."""
    server.signal(signal.SIGHUP)


def replaced(server, before):
    """Waits until the worker `before` is no longer the newest one; returns the newest."""
    def newest():
        server.alive()
        found = workers(server)
        return found[-1] if found and found[-1] != before else None
    return eventually(newest, f"another worker than {before}; log:\n{server.log()[-1500:]}")


def gone(pid):
    """Waits until a process has ended."""
    eventually(lambda: not alive(pid), f"process {pid} ends")


def nothing_left(pids):
    """Fails if one of the processes lives on."""
    left = [pid for pid in pids if alive(pid)]
    if left:
        raise Failed(f"still there: {[(pid, arguments(pid)) for pid in left]}")


def executable(pid):
    """The file that a process runs."""
    return os.readlink(f"/proc/{pid}/exe")


def copied(pid, number):
    """A copy of another process's descriptor, as a socket; none if it is no TCP listener."""
    # pidfd_getfd(2) has the same number on every architecture.
    libc = ctypes.CDLL(None, use_errno=True)
    handle = os.pidfd_open(pid)
    try:
        copy = libc.syscall(438, handle, number, 0)
    finally:
        os.close(handle)
    if copy < 0:
        return None
    try:
        link = socket.socket(fileno=copy)
    except OSError:
        os.close(copy)
        return None
    tcp = link.family in (socket.AF_INET, socket.AF_INET6) and link.type == socket.SOCK_STREAM
    if tcp and link.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        return link
    link.close()
    return None


def delay_handshakes(server, secs=3):
    """TCP_DEFER_ACCEPT on every listener of a server: a handshake is only done when the client
    has sent something, so that it is under way for as long as one from far away. Returns how
    many listeners there are."""
    count = 0
    for entry in os.listdir(f"/proc/{server.child.pid}/fd"):
        try:
            if not os.readlink(f"/proc/{server.child.pid}/fd/{entry}").startswith("socket:"):
                continue
        except OSError:
            continue
        link = copied(server.child.pid, int(entry))
        if link:
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, secs)
            link.close()
            count += 1
    return count
