"""Reload: nothing is refused, reset or lost; what is wrong changes nothing."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess

import processes
import secure
import stage as stages
from load import SLOW_BYTES, Load, Target
from stage import Failed, case, equal, eventually, free_port, matches, true

SMALL = b"abcdefghijklmnopqrstuvwxyz"


def numbered(number, **keys):
    """Keys of a vhost whose answers carry a number."""
    return {"headers": [{"x-generation": str(number)}], **keys}


def rewrite(stage, vhosts, **global_keys):
    """Writes the configuration anew in one step, as editors do."""
    return stage.configure(vhosts, **{"shutdown_secs": "20", **global_keys})


def seen(load, number):
    """Waits until an answer with this number has come."""
    eventually(lambda: load.seen[str(number)] > 0 or load.failed, f"answers of {number}")
    if load.failed:
        raise Failed(f"under load: {dict(load.failed)}")


@case
def reload_100_times_under_load(stage):
    """100 reloads: no connection refused or reset, no request failed; plain, TLS, unix, slow"""
    big = stage.big("docs/big.txt", SLOW_BYTES)
    with open(big, "rb") as file:
        big = file.read()
    tls_port = free_port()
    path = os.path.join(stage.folder("run", 0o777), "kinglet.sock")
    cert = secure.PAPERS.leaf("stage.test")

    def vhosts(number):
        keys = numbered(number)
        return [stage.vhost(**keys),
                stage.vhost(**keys, port=str(tls_port), host_ssl_cert=cert[0],
                            host_ssl_key=cert[1]),
                stage.vhost(**keys, interface=path, unix_socket="1", port="0")]

    rewrite(stage, vhosts(0), max_generations="8")
    server = stage.spawn("-c", os.path.join(stage.root, "conf")).ready(stage.port)
    plain, tls = Target(("127.0.0.1", stage.port)), Target(("127.0.0.1", tls_port), tls=True)
    unix = Target(path)
    load = Load()
    load.add("fresh", plain, "/small.txt", SMALL, 0.002, 2)
    load.add("kept", plain, "/small.txt", SMALL, 0.002, 2)
    load.add("late", plain, "/small.txt", SMALL, 0, 2)
    load.add("slow", plain, "/big.txt", big, 0, 2)
    load.add("fresh", tls, "/small.txt", SMALL, 0.01, 1)
    load.add("kept", tls, "/small.txt", SMALL, 0.005, 1)
    load.add("slow", tls, "/big.txt", big, 0, 1)
    load.add("fresh", unix, "/small.txt", SMALL, 0.005, 1)
    load.add("kept", unix, "/small.txt", SMALL, 0.005, 1)
    with load:
        for number in range(1, 101):
            rewrite(stage, vhosts(number), max_generations="8")
            processes.reload(server)
            seen(load, number)
    load.check("fresh", "kept", "late", "slow")
    server.alive()


@case
def reload_with_a_broken_file(stage):
    """20 reloads with a broken file: nothing changes for clients; place and reason are told"""
    rewrite(stage, [stage.vhost(**numbered(1))])
    conf = os.path.join(stage.root, "conf")
    server = stage.spawn("-c", conf).ready(stage.port)
    worker = processes.worker(server)
    plain = Target(("127.0.0.1", stage.port))
    load = Load().add("fresh", plain, "/small.txt", SMALL).add("kept", plain, "/small.txt", SMALL)
    broken = stage.file("conf/conf.d/site", '{ "vhosts": [ { "name": "x", "prot": }\n')
    with load:
        for _ in range(20):
            code, text = stage.run("reload", "-c", conf)
            equal(code, 78, "exit code of reload: " + text)
            matches(re.escape(broken) + r":1:\d+", text, "what reload prints")
    load.check("fresh", "kept")
    equal(set(load.seen), {"1"}, "generations that have answered")
    equal(processes.workers(server), [worker], "workers")
    matches(re.escape(broken) + r":1:\d+", server.log(), "the log")
    rewrite(stage, [stage.vhost(**numbered(2))])
    equal(stage.run("reload", "-c", conf)[0], 0, "exit code of a good reload")
    equal(stage.ask("/small.txt").get("x-generation"), "2")


@case
def reload_of_nothing_new(stage):
    """a reload without any change keeps the worker"""
    conf = stage.configure()
    server = stage.spawn("-c", conf).ready(stage.port)
    worker = processes.worker(server)
    code, text = stage.run("reload", "-c", conf)
    equal(code, 0, text)
    matches("nothing has changed", text)
    equal(processes.workers(server), [worker], "workers")
    rewrite(stage, [stage.vhost(**numbered(1))])
    equal(stage.run("reload", "-c", conf)[0], 0)
    true(processes.workers(server)[-1] != worker, "another worker after a change")


@case
def reload_takes_up_a_new_certificate(stage):
    """a renewed certificate file is shown after SIGHUP"""
    first, second = secure.PAPERS.leaf("stage.test"), secure.PAPERS.leaf("other.test")
    cert, key = (stage.file(f"tls/{name}", open(path, "rb").read())
                 for name, path in zip(("cert", "key"), first))
    stage.configure([stage.vhost(host_ssl_cert=cert, host_ssl_key=key)])
    server = stage.spawn("-c", os.path.join(stage.root, "conf")).ready(stage.port)
    worker = processes.worker(server)

    def shown():
        with Target(("127.0.0.1", stage.port), tls=True).connect() as link:
            return link.getpeercert(True)
    before = eventually(shown, "a certificate is shown")
    for path, new in zip((cert, key), second):
        shutil.copy(new, path + ".new")
        os.rename(path + ".new", path)
    processes.reload(server)
    processes.replaced(server, worker)
    eventually(lambda: shown() != before, "the new certificate is shown")


@case
def reload_takes_up_a_new_binary(stage):
    """a replaced program is what the next generation runs"""
    folder = stage.folder("sbin")
    binary = os.path.join(folder, "kinglet")
    shutil.copy(stages.KINGLET, binary)
    stage.configure()
    log = os.path.join(stage.root, "binary.log")
    server = stages.Server([binary, "-c", os.path.join(stage.root, "conf")], log)
    stage.servers.append(server)
    server.ready(stage.port)
    worker = processes.worker(server)
    shutil.copy(stages.KINGLET, binary + ".new")
    os.rename(binary + ".new", binary)
    processes.reload(server)
    newest = processes.replaced(server, worker)
    equal(os.stat(f"/proc/{newest}/exe").st_ino, os.stat(binary).st_ino, "inode of the program")
    equal(stage.ask("/small.txt").status, 200)


@case
def reload_answers_kept_connections_once_more(stage):
    """the old generation answers a kept-alive connection with Connection: close, then ends"""
    rewrite(stage, [stage.vhost(**numbered(1))])
    server = stage.spawn("-c", os.path.join(stage.root, "conf")).ready(stage.port)
    old = processes.worker(server)
    ask = b"GET /small.txt HTTP/1.1\r\nHost: stage.test\r\n\r\n"
    with stage.connect() as link:
        link.send(ask)
        first = link.response()
        equal((first.status, first.get("connection")), (200, None))
        rewrite(stage, [stage.vhost(**numbered(2))])
        processes.reload(server)
        processes.replaced(server, old)
        eventually(lambda: stage.ask("/small.txt").get("x-generation") == "2", "the new one")
        true(processes.alive(old), "the old worker waits for its connection")
        link.send(ask)
        last = link.response()
        equal((last.status, last.get("connection")), (200, "close"))
        equal(last.get("x-generation"), "1")
    processes.gone(old)
    server.alive()


@case
def reload_limits_generations(stage):
    """max-generations: the oldest generation is told to end for a new one"""
    stage.configure([stage.vhost(**numbered(0))], max_generations="2", shutdown_secs="1")
    server = stage.spawn("-c", os.path.join(stage.root, "conf")).ready(stage.port)
    links = []
    for number in range(1, 5):
        link = stage.connect()
        link.send(b"GET /small.txt HTTP/1.1\r\nHost: stage.test\r\n\r\n")
        equal(link.response().status, 200)
        links.append(link)
        stage.configure([stage.vhost(**numbered(number))], max_generations="2",
                        shutdown_secs="1")
        before = processes.workers(server)[-1]
        processes.reload(server)
        processes.replaced(server, before)
        eventually(lambda n=number: stage.ask("/small.txt").get("x-generation") == str(n),
                   f"generation {number}")
        # A kept-alive connection holds each of the old ones.
        true(len(processes.workers(server)) <= 3, "not more than two, and one that is starting")
    eventually(lambda: len(processes.workers(server)) <= 2, "two generations")
    for link in links:
        link.sock.close()


@case
def reload_drain_secs(stage):
    """drain-secs bounds how long an old generation waits for its connections"""
    stage.configure([stage.vhost(**numbered(1))], drain_secs="1", shutdown_secs="0")
    server = stage.spawn("-c", os.path.join(stage.root, "conf")).ready(stage.port)
    old = processes.worker(server)
    with stage.connect() as link:
        link.send(b"GET /small.txt HTTP/1.1\r\nHost: stage.test\r\n\r\n")
        equal(link.response().status, 200)
        stage.configure([stage.vhost(**numbered(2))], drain_secs="1", shutdown_secs="0")
        processes.reload(server)
        processes.replaced(server, old)
        processes.gone(old)


def moving(stage, steps, extra=None):
    """Reloads through vhosts with different listeners, under load to 127.0.0.1."""
    rewrite(stage, steps[0])
    server = stage.spawn("-c", os.path.join(stage.root, "conf")).ready(stage.port)
    plain = Target(("127.0.0.1", stage.port))
    load = Load()
    load.add("fresh", plain, "/small.txt", SMALL, 0, 2)
    load.add("late", plain, "/small.txt", SMALL, 0, 3)
    load.add("kept", plain, "/small.txt", SMALL, 0.002, 1)
    with load:
        for number, step in enumerate(steps[1:], 1):
            for vhost in step:
                vhost["headers"] = [{"x-generation": str(number)}]
            rewrite(stage, step)
            processes.reload(server)
            seen(load, number)
            if extra:
                extra(number)
    load.check("fresh", "late", "kept")


@case
def reload_moves_between_wildcard_and_address(stage):
    """*:PORT <-> 127.0.0.1:PORT without a gap"""
    wide = lambda: [stage.vhost(interface=None)]  # noqa: E731
    narrow = lambda: [stage.vhost()]  # noqa: E731
    moving(stage, [wide(), narrow(), wide(), narrow(), narrow(), wide(), wide(), narrow()])


@case
def reload_moves_between_families(stage):
    """dual stack <-> IPv4 only without a gap"""
    dual = lambda: [stage.vhost(interface=None)]  # noqa: E731
    four = lambda: [stage.vhost(interface=None, noipv6="1")]  # noqa: E731
    moving(stage, [dual(), four(), dual(), four(), dual()])


@case
def reload_adds_and_removes_ports(stage):
    """a port that is added answers, one that is removed refuses, the others notice nothing"""
    other = free_port()
    one = lambda: [stage.vhost()]  # noqa: E731
    two = lambda: [stage.vhost(), stage.vhost(port=str(other))]  # noqa: E731

    def check(number):
        def state():
            try:
                socket.create_connection(("127.0.0.1", other), 5).close()
                return True
            except OSError:
                return False
        wanted = number % 2 == 1
        eventually(lambda: state() == wanted, f"port {'open' if wanted else 'closed'}")
    moving(stage, [one(), two(), one(), two(), one()], check)


@case
def reload_with_a_busy_port(stage):
    """a port that somebody else has rejects the reload; the old configuration serves on"""
    conf = stage.configure([stage.vhost(**numbered(1))])
    server = stage.spawn("-c", conf).ready(stage.port)
    worker = processes.worker(server)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        stage.configure([stage.vhost(**numbered(2)), stage.vhost(port=str(port))])
        code, text = stage.run("reload", "-c", conf)
        true(code not in (0, None), f"exit {code}")
        matches(str(port), text)
        equal(processes.workers(server), [worker], "workers")
        equal(stage.ask("/small.txt").get("x-generation"), "1")
    equal(stage.run("reload", "-c", conf)[0], 0, "once the port is free")
    equal(stage.ask("/small.txt").get("x-generation"), "2")


def lines(*paths):
    """The targets of requests in access logs."""
    found = []
    for path in paths:
        if os.path.exists(path):
            with open(path, encoding="utf-8") as text:
                found += re.findall(r'"GET (/small\.txt\?\d+) HTTP', text.read())
    return found


@case
def reload_and_rotation_lose_no_line(stage):
    """renamed access logs: after USR1 and HUP every line is in one of the files, once"""
    log = os.path.join(stage.folder("rotate", 0o755), "access.log")

    def configured(number):
        return stage.configure([stage.vhost(**numbered(number), access_log=log)])
    conf = configured(0)
    server = stage.spawn("-c", conf).ready(stage.port)
    asked = 0
    held = stage.connect()
    for number in range(1, 7):
        for _ in range(20):
            asked += 1
            equal(stage.ask(f"/small.txt?{asked}").status, 200)
        # An old generation goes on logging into the same files.
        asked += 1
        held.send(f"GET /small.txt?{asked} HTTP/1.1\r\nHost: stage.test\r\n\r\n".encode())
        last = held.response()
        equal(last.status, 200)
        if last.get("connection") == "close":
            held.sock.close()
            held = stage.connect()
        os.rename(log, f"{log}.{number}")
        if number % 2:
            server.signal(signal.SIGUSR1)
            eventually(lambda: os.path.exists(log), "the log file is there again")
        else:
            configured(number)
            equal(stage.run("reload", "-c", conf)[0], 0)
    held.sock.close()
    server.signal(signal.SIGTERM)
    equal(server.child.wait(30), 0, "exit code")
    found = lines(log, *(f"{log}.{number}" for number in range(1, 7)))
    equal(sorted(found, key=lambda text: int(text.rpartition("?")[2])),
          [f"/small.txt?{n}" for n in range(1, asked + 1)], "logged requests")


@case
def reload_is_for_root_and_the_owner(stage):
    """another user can neither reload nor look"""
    conf = stage.configure()
    stage.spawn("-c", conf).ready(stage.port)
    # Another user need not reach the directory of the sources.
    program = shutil.copy(stages.KINGLET, stage.root)
    for command in ("reload", "status", "log"):
        done = subprocess.run(
            ["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups", program,
             command, "-c", conf], capture_output=True, text=True, check=False, timeout=30)
        equal(done.returncode, 1, f"{command} as another user: {done.stdout}")
        if os.geteuid() == 0:
            matches("only root may ask it", done.stderr)
    code, text = stage.run("status", "--json", "-c", conf)
    equal(code, 0, text)
    json.loads(text)


@case
def reload_tells_of_a_password_file_that_is_gone(stage):
    """a password file that has vanished lets nobody in, and the terminal of the reload says so"""
    users = stage.file("users", "ann:pass\n", 0o644)
    stage.serve([stage.vhost([stage.mount(basic_auth=users)])])
    equal(stage.ask("/").status, 401)
    os.unlink(users)
    stage.configure([stage.vhost([stage.mount(basic_auth=users), stage.mount("/more")])])
    code, text = stage.run("reload", "-c", os.path.join(stage.root, "conf"))
    equal(code, 0, text)
    matches("degraded: .*users does not exist: every request is refused", text)
    equal(stage.ask("/").status, 401)
