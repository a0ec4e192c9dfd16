"""What is measured, and how: kernel counters of the server's processes, never the client's."""

import contextlib
import os
import re
import resource
import signal
import socket
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
# After this time without requests servers have closed what they keep open between requests.
SETTLED_SECS = 7
REQUEST = b"GET /1k.txt HTTP/1.1\r\nHost: localhost\r\n\r\n"


def cpu_seconds(server):
    """CPU time of all threads of the server, user and kernel, from the scheduler (ns exact)."""
    total = 0
    for pid in server.pids():
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as text:
                total += int(text.read().split()[0])
    return total / 1e9


def private_dirty_bytes(server):
    """Memory that only this server holds and that no file backs."""
    total = 0
    for pid in server.pids():
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as text:
            total += 1024 * int(re.search(r"Private_Dirty:\s+(\d+)", text.read()).group(1))
    return total


def wakeups(server):
    """How often the server's threads went to sleep by themselves so far."""
    total = 0
    for pid in server.pids():
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/status", encoding="ascii") as text:
                total += int(re.search(r"\nvoluntary_ctxt_switches:\s+(\d+)", text.read()).group(1))
    return total


def wrk(server, seconds, connections, path, *more):
    """Runs wrk; returns the number of answers."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", *more,
               f"http://127.0.0.1:{server.port}{path}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    errors = re.search(r"Non-2xx.*|Socket errors: connect [^0].*", done.stdout)
    if errors:
        raise SystemExit(f"compare: {server.name}: {errors.group(0)}")
    return int(re.search(r"(\d+) requests in", done.stdout).group(1))


def loads(seconds):
    """Name of a load to (unit, function that returns the number of units done)."""
    lua = os.path.join(HERE, "pipeline.lua")
    return {
        "1 KiB, 32 connections": ("µs per request", 1e6,
                                  lambda s: wrk(s, seconds, 32, "/1k.txt")),
        "1 KiB, 16 requests pipelined": ("µs per request", 1e6,
                                         lambda s: wrk(s, seconds, 32, "/1k.txt", "-s", lua)),
        "1 KiB, a connection per request": ("µs per request", 1e6, lambda s: wrk(
            s, seconds, 32, "/1k.txt", "-H", "Connection: close")),
        "1 MiB, 8 connections": ("µs per request", 1e6,
                                 lambda s: wrk(s, seconds, 8, "/1m.txt")),
        "100 MiB, 1 connection": ("ms per request", 1e3, lambda s: download(s, "/100m.txt", 4)),
    }


def download(server, path, times):
    """Fetches a large file completely, several times, over one connection."""
    buffer = bytearray(1 << 18)
    with socket.create_connection(("127.0.0.1", server.port), 20) as link:
        for _ in range(times):
            link.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            head = b""
            while b"\r\n\r\n" not in head:
                head += link.recv(4096)
            size = int(re.search(rb"(?i)content-length: *(\d+)", head).group(1))
            left = size - (len(head) - head.index(b"\r\n\r\n") - 4)
            while left > 0:
                got = link.recv_into(buffer)
                if not got:
                    raise SystemExit(f"compare: {server.name} cut {path}")
                left -= got
    return times


def cpu_per_unit(server, load, scale):
    """CPU time of the server for one unit of a load."""
    before = cpu_seconds(server)
    units = load(server)
    return (cpu_seconds(server) - before) / units * scale


def system_calls(server, seconds):
    """System calls per 1 KiB request at 32 connections, counted by strace."""
    traced = server.pids()
    command = ["strace", "-f", "-c", "-o", server.log + ".strace"]
    for pid in traced:
        command += ["-p", str(pid)]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as tracer:
        for _ in traced:
            tracer.stderr.readline()
        answers = wrk(server, seconds, 32, "/1k.txt")
        tracer.send_signal(signal.SIGINT)
        tracer.wait(20)
    with open(server.log + ".strace", encoding="ascii") as text:
        rows = [row.split() for row in text if re.match(r"\s*\d", row)]
    calls = {row[-1]: int(row[3]) for row in rows if row[-1] != "total"}
    return sum(calls.values()) / answers, {name: n / answers for name, n in calls.items()}


@contextlib.contextmanager
def one_congestion_control(wanted="cubic"):
    """Sets the congestion control of new sockets, and sets it back; gives the name in force."""
    control = "/proc/sys/net/ipv4/tcp_congestion_control"
    with open(control, encoding="ascii") as text:
        before = text.read().strip()
    with open("/proc/sys/net/ipv4/tcp_available_congestion_control", encoding="ascii") as text:
        change = wanted in text.read().split() and os.geteuid() == 0 and before != wanted

    def put(name):
        with open(control, "w", encoding="ascii") as out:
            out.write(name)
    if change:
        put(wanted)
    try:
        yield wanted if change else before
    finally:
        if change:
            put(before)


def descriptors(count):
    """Makes room for that many sockets of ours."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count + 200:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, count + 200), hard))


def idle(server, count):
    """`count` connections that have had one answer each and are kept."""
    links = []
    for _ in range(count):
        link = socket.create_connection(("127.0.0.1", server.port), 10)
        link.sendall(REQUEST)
        links.append(link)
    for link in links:
        got = b""
        while len(got) < 1024:
            part = link.recv(4096)
            if not part:
                raise SystemExit(f"compare: {server.name} closed an idle connection")
            got += part
    return links


def memory_and_sleep(server, seconds):
    """Memory at start, per idle connection and after a burst; wake-ups while idle."""
    facts = {"private dirty KiB after start": private_dirty_bytes(server) / 1024}
    for link in idle(server, 8):
        link.close()
    time.sleep(0.3)
    base = private_dirty_bytes(server)
    links = idle(server, 1000)
    time.sleep(0.3)
    facts["private dirty bytes per idle connection"] = (private_dirty_bytes(server) - base) / 1000
    close(links)
    time.sleep(SETTLED_SECS)
    facts["wake-ups per second, idle"] = sleepless(server, seconds)
    links = idle(server, 3000)
    time.sleep(SETTLED_SECS)
    facts["wake-ups per second, 3,000 idle connections"] = sleepless(server, seconds)
    close(links)
    time.sleep(1.0)
    facts["private dirty KiB 1 s after 3,000 connections"] = private_dirty_bytes(server) / 1024
    return facts


def close(links):
    """Closes them all."""
    for link in links:
        link.close()


def sleepless(server, seconds):
    """Wake-ups per second over some seconds without any traffic."""
    before = wakeups(server)
    time.sleep(seconds)
    return (wakeups(server) - before) / seconds
