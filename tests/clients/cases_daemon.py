"""Processes, rights, death and restart, signals, systemd's protocol."""

import os
import re
import shutil
import signal
import socket
import subprocess
import time

import processes
import secure
import stage as stages
from load import SLOW_BYTES, Load, Target
from stage import case, equal, eventually, free_port, matches, true

SMALL = b"abcdefghijklmnopqrstuvwxyz"
NOBODY = "65534"


def ids(pid):
    """User ids, group ids, groups, capabilities and no_new_privs of a process."""
    found = processes.status(pid)
    return (found["Uid"].split(), found["Gid"].split(), found["Groups"].split(),
            int(found["CapPrm"], 16), found["NoNewPrivs"])


@case
def daemon_drops_all_rights(stage):
    """the worker serves as nobody without groups, capabilities or a way back; root supervises"""
    server = stage.serve()
    # The port is open before the worker is ready; who answers has given up its rights.
    equal(stage.ask("/small.txt").status, 200)
    worker = processes.worker(server)
    equal(ids(worker), ([NOBODY] * 4, [NOBODY] * 4, [NOBODY], 0, "1"), "worker")
    equal(ids(server.child.pid)[0], ["0"] * 4, "supervisor")
    for task in os.listdir(f"/proc/{worker}/task"):
        equal(ids(f"{worker}/task/{task}")[3], 0, "capabilities of a thread")


@case
def daemon_may_allow_new_privileges(stage):
    """"no-new-privs": "0" leaves the flag alone"""
    server = stage.serve(no_new_privs="0")
    equal(stage.ask("/small.txt").status, 200)
    equal(ids(processes.worker(server))[4], "0", "NoNewPrivs")


@case
def daemon_serves_named_user(stage):
    """username and groupname decide who serves"""
    server = stage.serve(username="www-data", groupname="nogroup")
    equal(stage.ask("/small.txt").status, 200)
    equal(ids(processes.worker(server))[0], ["33"] * 4)
    equal(ids(processes.worker(server))[1], [NOBODY] * 4)


@case
def daemon_serves_below_a_closed_directory(stage):
    """a docroot whose parent only root may enter is served all the same"""
    closed = stage.folder("closed")
    stage.file("closed/www/page.txt", "reached")
    os.chmod(closed, 0o700)
    stage.serve([stage.vhost([stage.mount(origin=f"file://{closed}/www")])])
    answer = stage.ask("/page.txt")
    equal((answer.status, answer.body), (200, b"reached"))
    time_of = os.stat(os.path.join(closed, "www", "page.txt")).st_mtime
    true(time_of > 0, "the file is there")
    equal(stage.ask("/../closed").status in (200, 404), True)


@case
def daemon_follows_a_replaced_directory(stage):
    """a docroot that is replaced is served anew, also while somebody is connected"""
    link = os.path.join(stage.root, "current")
    stage.file("one/page.txt", "one")
    stage.file("two/page.txt", "two")
    os.symlink(os.path.join(stage.root, "one"), link)
    stage.serve([stage.vhost([stage.mount(origin="file://" + link)])])
    equal(stage.ask("/page.txt").body, b"one")
    os.symlink(os.path.join(stage.root, "two"), link + ".new")
    os.rename(link + ".new", link)
    eventually(lambda: stage.ask("/page.txt").body == b"two", "the new directory is served")


@case
def daemon_reads_roots_keys(stage):
    """a key that only root may read is used, and cannot be read by the worker's user"""
    pem, key = secure.PAPERS.leaf("stage.test")
    own = stage.file("tls/key", open(key, "rb").read(), 0o600)
    stage.serve([stage.vhost(host_ssl_cert=pem, host_ssl_key=own)])
    with Target(("127.0.0.1", stage.port), tls=True).connect() as link:
        link.sendall(b"GET /small.txt HTTP/1.1\r\nHost: stage.test\r\nConnection: close\r\n\r\n")
        matches("200", link.recv(100).decode())


@case
def daemon_restarts_a_killed_worker(stage):
    """kill -9 of the worker under load: served again at once, the log says why"""
    server = stage.serve()
    plain = Target(("127.0.0.1", stage.port))
    load = Load().add("fresh", plain, "/small.txt", SMALL, 0, 3)
    took = []
    with load:
        for _ in range(5):
            eventually(lambda: load.total() > 0, "answers")
            old = processes.worker(server)
            began = time.monotonic()
            os.kill(old, signal.SIGKILL)

            def again():
                try:
                    return stage.ask("/small.txt").status == 200
                except Exception:  # the old worker took this one with it
                    return False
            eventually(again, "served again")
            took.append(time.monotonic() - began)
            processes.replaced(server, old)
    print(f"     kill -9 of the worker: served again after {[f'{s * 1e3:.0f} ms' for s in took]}")
    refused = [what for what in load.failed if "refused" in what]
    equal(refused, [], "the sockets stay open")
    matches("signal 9", server.log(), "the log")


@case
def daemon_backs_off_from_a_worker_that_dies_at_once(stage):
    """a worker that dies again and again is started again and again, with pauses"""
    server = stage.serve()
    for _ in range(6):
        old = eventually(lambda: processes.workers(server), "a worker")[-1]
        os.kill(old, signal.SIGKILL)
        processes.gone(old)
    matches(r"\d+ ms", server.log(), "the log names the pause")
    eventually(lambda: processes.workers(server), "a worker")
    eventually(lambda: stage.ask("/small.txt").status == 200, "served again")
    server.alive()


@case
def daemon_ends_with_its_supervisor(stage):
    """kill -9 of the supervisor: the worker finishes and ends, a new server can start"""
    big = open(stage.big("docs/big.txt", SLOW_BYTES), "rb").read()
    conf = stage.configure(shutdown_secs="20")
    server = stage.spawn("-c", conf).ready(stage.port)
    worker = processes.worker(server)
    slow = Target(("127.0.0.1", stage.port))
    load = Load().add("slow", slow, "/big.txt", big)
    with load:
        eventually(lambda: load.begun["slow"], "a download has begun")
        server.signal(signal.SIGKILL)
        server.child.wait(30)
        load.stopping.set()
    equal(dict(load.failed), {}, "downloads under way")
    processes.gone(worker)
    next_one = stage.spawn("-c", conf).ready(stage.port)
    equal(stage.ask("/small.txt").status, 200)
    next_one.alive()
    stage.servers.remove(server)


@case
def daemon_stops_after_what_runs(stage):
    """SIGTERM lets a download finish; nothing is left"""
    big = open(stage.big("docs/big.txt", SLOW_BYTES), "rb").read()
    server = stage.serve(shutdown_secs="30")
    worker = processes.worker(server)
    load = Load().add("slow", Target(("127.0.0.1", stage.port)), "/big.txt", big)
    with load:
        eventually(lambda: load.begun["slow"], "a download has begun")
        load.stopping.set()
        server.signal(signal.SIGTERM)
    equal(dict(load.failed), {}, "the download")
    equal(server.child.wait(30), 0, "exit code")
    processes.nothing_left([worker])


@case
def daemon_stops_at_once_when_told_twice(stage):
    """a second SIGTERM ends everything at once"""
    stage.big("docs/big.txt", 64 << 20)
    server = stage.serve(shutdown_secs="600")
    worker = processes.worker(server)
    with Target(("127.0.0.1", stage.port)).connect(receive_bytes=4096) as link:
        link.sendall(b"GET /big.txt HTTP/1.1\r\nHost: stage.test\r\n\r\n")
        link.recv(1000)
        server.signal(signal.SIGTERM)
        eventually(lambda: "stopping" in server.log(), "the log says that it stops")
        true(processes.alive(worker), "the worker waits for the download")
        server.signal(signal.SIGTERM)
        equal(server.child.wait(30), 0, "exit code")
    processes.nothing_left([worker])


@case
def daemon_worker_and_stray_signals(stage):
    """signals to the worker itself, as killall sends them, do no harm"""
    server = stage.serve()
    worker = processes.worker(server)
    equal(stage.ask("/small.txt").status, 200)
    for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGINT, signal.SIGTERM):
        os.kill(worker, number)
    equal(stage.ask("/small.txt").status, 200)
    equal(processes.workers(server), [worker], "workers")


@case
def daemon_detaches(stage):
    """-D --pid-file: returns when it serves; the file names the supervisor and goes with it"""
    conf = stage.configure()
    pid_file = os.path.join(stage.root, "kinglet.pid")
    # Reads its output to the end: nobody in the background may keep that open.
    done = subprocess.run([stages.KINGLET, "-D", "--pid-file", pid_file, "-c", conf],
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False)
    equal(done.returncode, 0, "exit code")
    with open(pid_file, encoding="ascii") as text:
        pid = int(text.read())
    try:
        equal(stage.ask("/small.txt").status, 200, "at once")
        equal(os.getsid(pid), pid, "session")
        workers = processes.children(pid)
        os.kill(pid, signal.SIGTERM)
        processes.gone(pid)
        processes.nothing_left(workers)
        true(not os.path.exists(pid_file), "the pid file is removed")
    finally:
        if processes.alive(pid):
            os.kill(pid, signal.SIGKILL)


@case
def daemon_detaches_over_a_stale_pid_file(stage):
    """-D starts over a pid file whose number has become the starter's own or another kinglet's;
    the file of a server that runs keeps others out, also after SIGUSR2"""
    pid_file = os.path.join(stage.root, "kinglet.pid")
    other = stage.spawn("--port=0", stage.docs)
    eventually(lambda: processes.workers(other), "another kinglet")
    conf = stage.configure()
    start = [stages.KINGLET, "-D", "--pid-file", pid_file, "-c", conf]
    for stale in ("$$", str(other.child.pid), str(processes.worker(other)), str(os.getpid())):
        # $$ is the process that -D leaves, and the parent of the one that goes on.
        script = f'echo {stale} > "$4"; exec "$@"'
        done = subprocess.run(["sh", "-c", script, "sh", *start], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=30, check=False)
        equal(done.returncode, 0, f"{stale}: {done.stderr}")
        with open(pid_file, encoding="ascii") as text:
            pid = int(text.read())
        try:
            true(pid != other.child.pid and stages.KINGLET == processes.executable(pid), stale)
            for _ in range(2):
                code, text = stage.run("-D", "--pid-file", pid_file, "-c", conf)
                equal(code, 1, text)
                matches(re.escape(pid_file), text)
                os.kill(pid, signal.SIGUSR2)
                eventually(lambda: "--resume" in " ".join(processes.arguments(pid)), "SIGUSR2")
            os.kill(pid, signal.SIGTERM)
            processes.gone(pid)
            true(not os.path.exists(pid_file), "the pid file is removed")
        finally:
            if processes.alive(pid):
                os.kill(pid, signal.SIGKILL)


@case
def daemon_detached_start_fails_loudly(stage):
    """-D with a broken configuration: the message and the exit code come from the command"""
    conf = stage.configure()
    stage.file("conf/conf.d/site", "{ nonsense")
    code, text = stage.run("-D", "--pid-file", os.path.join(stage.root, "pid"), "-c", conf)
    equal(code, 78, text)
    matches(r"site:1:\d+", text)


@case
def daemon_failing_start_has_its_code(stage):
    """78 for the configuration, 1 for a busy port whose owner is named; nothing is left"""
    conf = stage.configure()
    stage.file("conf/conf.d/site", "{ nonsense")
    equal(stage.run("-c", conf)[0], 78, "exit code")
    with socket.create_server(("127.0.0.1", stage.port)):
        code, text = stage.run("-c", stage.configure())
        equal(code, 1, text)
        matches(rf"in use by \S*python", text)
        matches(r"site:\d+:\d+", text)


@case
def daemon_second_start_steals_nothing(stage):
    """with count-threads a second server on the same port is refused and gets no connection"""
    server = stage.serve(count_threads="4")
    for _ in range(3):
        code, text = stage.run("-c", os.path.join(stage.root, "conf"))
        equal(code, 1, text)
    load = Load().add("fresh", Target(("127.0.0.1", stage.port)), "/small.txt", SMALL, 0, 4)
    with load:
        eventually(lambda: load.total() > 200 or load.failed, "200 answers")
    load.check("fresh")
    server.alive()


@case
def daemon_refuses_a_binary_that_others_may_write(stage):
    """root does not run a program that somebody else may change"""
    conf = stage.configure()
    binary = os.path.join(stage.folder("sbin"), "kinglet")
    shutil.copy(stages.KINGLET, binary)
    for mode, owner in ((0o775, 0), (0o757, 0), (0o755, 65534)):
        os.chown(binary, owner, 0)
        os.chmod(binary, mode)
        done = subprocess.run([binary, "-c", conf], capture_output=True, text=True, check=False,
                              timeout=30)
        true(done.returncode != 0, f"mode {mode:o} of user {owner}: it has started")
        matches(re.escape(binary), done.stderr)


@case
def daemon_in_one_process(stage):
    """--one-process serves without children and ends on SIGTERM"""
    conf = stage.configure()
    server = stage.spawn("--one-process", "-c", conf).ready(stage.port)
    equal(stage.ask("/small.txt").status, 200)
    equal(processes.children(server.child.pid), [], "children")
    equal(ids(server.child.pid)[0], [NOBODY] * 4)
    server.signal(signal.SIGHUP)
    equal(stage.ask("/small.txt").status, 200)
    eventually(lambda: "SIGHUP" in server.log(), "the log says what SIGHUP does not do")
    server.signal(signal.SIGTERM)
    equal(server.child.wait(30), 0, "exit code")


@case
def daemon_reexecutes_itself_under_load(stage):
    """SIGUSR2: the supervisor becomes the program on disk; nobody notices, it goes on working"""
    conf = stage.configure([stage.vhost(headers=[{"x-generation": "1"}])])
    server = stage.spawn("-c", conf).ready(stage.port)
    worker = processes.worker(server)
    plain = Target(("127.0.0.1", stage.port))
    load = Load().add("fresh", plain, "/small.txt", SMALL).add("kept", plain, "/small.txt", SMALL)
    with load:
        for _ in range(5):
            lines = len(server.log().splitlines())
            server.signal(signal.SIGUSR2)
            eventually(lambda: len(server.log().splitlines()) > lines, "a line in the log")
            equal(processes.workers(server), [worker], "workers")
        stage.configure([stage.vhost(headers=[{"x-generation": "2"}])])
        equal(stage.run("reload", "-c", conf)[0], 0, "reload after it")
        eventually(lambda: load.seen["2"] or load.failed, "the new generation")
    load.check("fresh", "kept")
    server.signal(signal.SIGTERM)
    equal(server.child.wait(30), 0, "exit code")


class Systemd:
    """The service manager's end of the notification socket."""

    def __init__(self, stage):
        self.path = os.path.join(stage.root, "notify")
        self.link = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.link.bind(self.path)
        self.link.settimeout(stages.PATIENCE_SECS)
        self.heard = []

    def hear(self, wanted):
        """Reads until a message has this line; returns the message."""
        while True:
            text = self.link.recv(4096).decode()
            self.heard.append(text)
            if re.search(rf"^{wanted}", text, re.M):
                return text

    def spawn(self, stage, *arguments, **environment):
        """Starts kinglet as systemd would."""
        log = os.path.join(stage.root, f"server-{len(stage.servers)}.log")
        environment = {**os.environ, "NOTIFY_SOCKET": self.path, **environment}
        with open(log, "wb") as out:
            child = subprocess.Popen([stages.KINGLET, *arguments], stdout=out, stderr=out,
                                     stdin=subprocess.DEVNULL, env=environment)
        server = stages.Server.__new__(stages.Server)
        server.log_path, server.child = log, child
        stage.servers.append(server)
        return server


@case
def daemon_tells_systemd(stage):
    """READY, RELOADING with the time, READY, STOPPING; workers do not inherit the socket"""
    manager = Systemd(stage)
    server = manager.spawn(stage, "-c", stage.configure())
    manager.hear("READY=1")
    equal(stage.ask("/small.txt").status, 200, "at READY")
    with open(f"/proc/{processes.worker(server)}/environ", "rb") as text:
        true(b"NOTIFY_SOCKET" not in text.read(), "NOTIFY_SOCKET in the worker")
    stage.configure([stage.vhost(headers=[{"x-generation": "2"}])])
    server.signal(signal.SIGHUP)
    now_us = time.monotonic_ns() // 1000
    text = manager.hear("RELOADING=1")
    told_us = int(matches(r"MONOTONIC_USEC=(\d+)", text).group(1))
    true(now_us - 1_000_000 < told_us, "MONOTONIC_USEC is the time of the reload")
    manager.hear("READY=1")
    equal(stage.ask("/small.txt").get("x-generation"), "2", "at the second READY")
    stage.file("conf/conf.d/site", "{ nonsense")
    server.signal(signal.SIGHUP)
    manager.hear("RELOADING=1")
    manager.hear("READY=1")
    server.signal(signal.SIGTERM)
    manager.hear("STOPPING=1")
    equal(server.child.wait(30), 0, "exit code")


@case
def daemon_feeds_the_watchdog_while_the_worker_lives(stage):
    """WATCHDOG=1 as long as the worker answers; one that hangs is replaced"""
    manager = Systemd(stage)
    server = manager.spawn(stage, "-c", stage.configure(), WATCHDOG_USEC="3000000")
    for _ in range(3):
        manager.hear("WATCHDOG=1")
    worker = processes.worker(server)
    os.kill(worker, signal.SIGSTOP)
    processes.gone(worker)
    processes.replaced(server, worker)
    manager.hear("WATCHDOG=1")
    equal(stage.ask("/small.txt").status, 200)


@case
def daemon_takes_sockets_from_systemd(stage):
    """LISTEN_FDS: inherited sockets are served, also when the port could not be opened"""
    conf = stage.configure()
    with socket.create_server(("127.0.0.1", stage.port)) as given:
        log = os.path.join(stage.root, "activated.log")
        script = 'exec 3<&%d; LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" -c "$1"' % given.fileno()
        with open(log, "wb") as out:
            child = subprocess.Popen(["/bin/bash", "-c", script, stages.KINGLET, conf], stdout=out,
                                     stderr=out, stdin=subprocess.DEVNULL,
                                     pass_fds=[given.fileno()])
        server = stages.Server.__new__(stages.Server)
        server.log_path, server.child = log, child
        stage.servers.append(server)
        server.ready(stage.port)
        equal(stage.ask("/small.txt").status, 200)
        worker = processes.worker(server)
        stage.configure([stage.vhost(headers=[{"x-generation": "2"}])])
        processes.reload(server)
        processes.replaced(server, worker)
        eventually(lambda: stage.ask("/small.txt").get("x-generation") == "2", "after a reload")
        server.signal(signal.SIGTERM)
        equal(server.child.wait(30), 0, "exit code")
        # It was not ours to close: connections wait in it for the next start.
        socket.create_connection(("127.0.0.1", stage.port), 5).close()


@case
def daemon_small_and_asleep(stage):
    """memory of supervisor and worker with TLS within their bounds; no wake-up when idle"""
    tls_port = free_port()
    pem, key = secure.PAPERS.leaf("stage.test")
    server = stage.serve([stage.vhost(), stage.vhost(port=str(tls_port), host_ssl_cert=pem,
                                                     host_ssl_key=key)])
    with Target(("127.0.0.1", tls_port), tls=True).connect() as link:
        link.sendall(b"GET /small.txt HTTP/1.1\r\nHost: stage.test\r\nConnection: close\r\n\r\n")
        matches("200", link.recv(100).decode())
    worker = processes.worker(server)
    both = [server.child.pid, worker]
    os.sync()  # until a fresh binary is on the disk, its pages count as dirty ones
    kib = [processes.memory_kib(pid) for pid in both]
    print(f"     private dirty: supervisor {kib[0]} KiB, worker {kib[1]} KiB")
    if os.environ.get("KINGLET", "release").find("debug") < 0:
        true(kib[0] <= 350, f"supervisor: {kib[0]} KiB")
        true(sum(kib) <= 1126, f"both: {sum(kib)} KiB")
    # What a connection has left behind is put away within 12 s; idle is what comes after.
    last = [0]

    def asleep():
        before = [processes.switches(pid) for pid in both]
        time.sleep(2)
        last[0] = [processes.switches(pid) for pid in both]
        return before == last[0]
    eventually(asleep, f"nobody wakes up: {last[0]}")
