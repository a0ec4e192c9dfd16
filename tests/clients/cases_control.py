"""kinglet status, reload and log, and the socket that they speak to."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading

import processes
import stage as stages
from stage import PATIENCE_SECS, case, equal, eventually, matches, true


def control_name(stage):
    """The name of the control socket of the stage's configuration."""
    with open("/proc/net/unix", encoding="ascii", errors="replace") as text:
        names = re.findall(r"(@kinglet/\S+)", text.read())
    wanted = os.path.join(stage.root, "conf")
    found = [name for name in names if name.endswith(wanted)]
    return found[0] if found else None


@case
def control_status(stage):
    """`kinglet status` names generations, processes and memory; --json is JSON"""
    conf = stage.configure()
    server = stage.spawn("-c", conf).ready(stage.port)
    worker = processes.worker(server)
    code, text = stage.run("status", "-c", conf)
    equal(code, 0, text)
    matches(str(worker), text)
    matches(str(server.child.pid), text)
    matches(r"KiB|MiB", text)
    code, text = stage.run("status", "--json", "-c", conf)
    equal(code, 0, text)
    found = json.loads(text)
    matches(rf"\b{worker}\b", json.dumps(found))


@case
def control_counts(stage):
    """status counts what was served"""
    conf = stage.configure(count_threads="2")
    stage.spawn("-c", conf).ready(stage.port)
    for _ in range(20):
        equal(stage.ask("/small.txt").status, 200)

    def requests():
        code, text = stage.run("status", "--json", "-c", conf)
        equal(code, 0, text)
        return int(matches(r'"requests":\s*(\d+)', text).group(1))
    eventually(lambda: requests() == 20, "20 requests")


@case
def control_log(stage):
    """`kinglet log` shows what was logged by all processes"""
    conf = stage.configure()
    server = stage.spawn("-c", conf).ready(stage.port)
    # The port answers before the line is written.
    wanted = f"listening on http://127.0.0.1:{stage.port}"
    eventually(lambda: wanted in stage.run("log", "-c", conf)[1], wanted)
    old = processes.worker(server)
    os.kill(old, 9)
    processes.replaced(server, old)
    eventually(lambda: "signal 9" in stage.run("log", "-c", conf)[1], "the death is in the log")


@case
def control_without_a_server(stage):
    """status, reload and log say that nobody runs"""
    conf = stage.configure()
    for command in ("status", "reload", "log"):
        code, text = stage.run(command, "-c", conf)
        equal(code, 1, text)
        matches(re.escape(conf), text)


@case
def control_with_garbage(stage):
    """rubbish, silence and readers that never read do no harm to the control socket"""
    conf = stage.configure()
    server = stage.spawn("-c", conf).ready(stage.port)
    name = eventually(lambda: control_name(stage), "the control socket")
    links = []
    for number in range(40):
        link = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        link.settimeout(10)
        try:
            link.connect("\0" + name[1:])
            if number % 2:
                link.send(os.urandom(1 + number * 97 % 3000))
        except OSError:
            pass
        links.append(link)
    for link in links:
        link.close()
    code, text = stage.run("status", "-c", conf)
    equal(code, 0, text)
    silent = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    silent.connect("\0" + name[1:])
    equal(stage.ask("/small.txt").status, 200)
    stage.configure([stage.vhost(headers=[{"x-generation": "2"}])])
    equal(stage.run("reload", "-c", conf)[0], 0, "reload beside a silent client")
    equal(stage.ask("/small.txt").get("x-generation"), "2")
    silent.close()
    server.alive()


@case
def control_many_reloads_at_once(stage):
    """reloads that are asked for at the same time all end with the result"""
    conf = stage.configure()
    server = stage.spawn("-c", conf).ready(stage.port)
    for number in range(1, 4):
        stage.configure([stage.vhost(headers=[{"x-generation": str(number)}])])
        results = []

        def ask():
            done = subprocess.run([stages.KINGLET, "reload", "-c", conf], capture_output=True,
                                  timeout=60, check=False)
            results.append(done.returncode)
        clients = [threading.Thread(target=ask) for _ in range(12)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        equal(results, [0] * 12, "exit codes")
        equal(stage.ask("/small.txt").get("x-generation"), str(number))
    true(server.child.poll() is None, "the server lives")


@case
def control_of_a_server_that_is_busy(stage):
    """a server that takes no more commands: the command says so and ends with 75"""
    conf = stage.configure()
    server = stage.spawn("-c", conf).ready(stage.port)
    name = eventually(lambda: control_name(stage), "the control socket")
    processes.worker(server)
    server.signal(signal.SIGSTOP)
    links = []
    try:
        while True:
            links.append(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
            links[-1].setblocking(False)
            links[-1].connect("\0" + name[1:])
    except BlockingIOError:
        pass
    code, text = stage.run("reload", "-c", conf)
    server.signal(signal.SIGCONT)
    equal(code, 75, text)
    matches("busy", text)
    equal(stage.run("reload", "-c", conf)[0], 0, "afterwards")
    for link in links:
        link.close()


@case
def control_name_that_another_user_holds(stage):
    """the log of the server and its commands say who holds the name; nothing is asked"""
    conf = stage.configure()
    server = stage.spawn("-c", conf).ready(stage.port)
    name = eventually(lambda: control_name(stage), "the control socket")
    equal(server.stop(), 0)
    script = ("import socket, sys\n"
              "link = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n"
              "link.bind('\\0' + sys.argv[1])\n"
              "if sys.argv[2] == 'listen':\n"
              "    link.listen()\n"
              "print('held', flush=True)\n"
              "sys.stdin.read()\n")
    for how in ("listen", "bind"):
        with subprocess.Popen(["setpriv", "--reuid=65534", "--clear-groups", sys.executable, "-c",
                               script, name[1:], how], stdin=subprocess.PIPE, text=True,
                              stdout=subprocess.PIPE) as holder:
            equal(holder.stdout.readline(), "held\n")
            who = rf"process {holder.pid} \(python\S*\) of user 65534"
            server = stage.spawn("-c", conf).ready(stage.port)
            eventually(lambda: re.search(who, server.log()), "the log says who")
            for command in ("status", "reload", "log"):
                code, text = stage.run(command, "-c", conf)
                equal(code, 1, text)
                matches(who, text)
            equal(server.stop(), 0)
            holder.stdin.close()


class Container:
    """A mount namespace, and a process namespace if wanted, in which `spot` is a directory of its
    own; the network is shared. It is there until the end."""

    def __init__(self, stage, number, spot, own_processes):
        self.spot, self.enter, self.port = spot, ["-m", "-r"], stages.free_port()
        flags = []
        if own_processes:
            flags += ["--pid", "--fork", "--kill-child", "--mount-proc"]
            self.enter.append("-p")
        conf = stage.configure([stage.vhost(port=str(self.port))])
        own = stage.folder(f"own-{own_processes}-{number}")
        subprocess.run(["cp", "-r", conf + "/.", own], check=True)
        script = 'mount --bind "$1" "$2" && { "$3" -c "$2" & exec cat; }'
        apart = [*stages.mounts_apart(), *flags]
        self.child = subprocess.Popen([*apart, "sh", "-c", script, "sh", own, spot,
                                       stages.KINGLET], stdin=subprocess.PIPE,
                                      stderr=subprocess.DEVNULL)
        def first():
            found = [self.child.pid, *processes.children(self.child.pid)]
            found = [pid for pid in found if processes.arguments(pid) == ["cat"]]
            return found[0] if found else None
        self.first = eventually(first, "the container")
        self.server = eventually(lambda: processes.children(self.first), "its server")[0]
        eventually(lambda: f":{self.port} " in self.ask("status").stdout, "it serves, and says it")

    def ask(self, word):
        """A command in the container."""
        words = [stages.KINGLET, word, "-c", self.spot]
        return subprocess.run(["nsenter", "-t", str(self.first), *self.enter, *words], text=True,
                              capture_output=True, check=False, timeout=30)

    def stop(self):
        """Stops the server; the container stays."""
        os.kill(self.server, signal.SIGTERM)
        processes.gone(self.server)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if processes.alive(self.server):
            os.kill(self.server, signal.SIGTERM)
            processes.gone(self.server)
        self.child.communicate(timeout=PATIENCE_SECS)


@case
def control_in_containers_that_share_the_network(stage):
    """two configurations at one path: each is asked from its own container, and from no other"""
    spot = stage.folder("spot")
    for own_processes in (False, True):
        with Container(stage, 1, spot, own_processes) as one, \
                Container(stage, 2, spot, own_processes) as other:
            for container in (one, other):
                done = container.ask("status")
                matches(rf":{container.port} ", done.stdout)
                equal(container.ask("reload").returncode, 0, "reload")
            code, text = stage.run("status", "-c", spot)
            equal(code, 1, text)
            one.stop()
            done = one.ask("status")
            equal(done.returncode, 1, done.stdout)
            matches("no kinglet is running for .*another container", done.stderr)
            matches(rf":{other.port} ", other.ask("status").stdout)


@case
def control_while_the_program_is_replaced(stage):
    """commands that meet SIGUSR2 are answered all the same"""
    conf = stage.configure()
    server = stage.spawn("-c", conf).ready(stage.port)
    for number in range(8):
        server.signal(signal.SIGUSR2)
        for command in ("reload", "status", "reload", "log"):
            code, text = stage.run(command, "-c", conf)
            equal(code, 0, f"{command} {number}: {text}")
    matches("the supervisor goes on with", server.log())


@case
def control_of_a_server_of_another_user(stage):
    """root is told as which user to ask; nothing is asked of a process that any user may have"""
    conf = stage.configure()
    user = ("setpriv", "--reuid=54321", "--regid=54321", "--clear-groups")
    server = stage.spawn("-c", conf, by=user).ready(stage.port)
    for command in ("status", "reload", "log"):
        code, text = stage.run(command, "-c", conf)
        equal(code, 1, text)
        matches("is that of user 54321: ask it as that user\n"
                f" +runuser -u 54321 -- kinglet {command}", text)
    equal(stage.run("status", "-c", conf, by=user)[0], 0, "asked by its user")
    os.chown(conf, 54321, 54321)
    equal(stage.run("status", "-c", conf)[0], 0, "asked by root, in a directory of its user")
    server.alive()


class Follower:
    """kinglet log -f"""

    def __init__(self, *words):
        # A shell that runs this in the background has SIGINT ignored, which a program inherits.
        self.child = subprocess.Popen([stages.KINGLET, "log", "-f", *words], text=True,
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                      stdin=subprocess.DEVNULL, preexec_fn=lambda:
                                      signal.signal(signal.SIGINT, signal.SIG_DFL))

    def reads(self, wanted):
        """Reads until there is a line with this in it."""
        for line in self.child.stdout:
            if wanted in line:
                return
        raise stages.Failed(f"{wanted!r} never came: {self.child.stderr.read()}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.kill()
        self.child.communicate()


@case
def control_log_is_followed(stage):
    """log -f: what was and what comes, through reloads and SIGUSR2, until the server ends"""
    conf = stage.configure()
    server = stage.spawn("-c", conf).ready(stage.port)
    worker = processes.worker(server)
    with Follower("-c", conf) as follower, Follower("-c", conf) as idle:
        follower.reads("listening on")
        idle.reads("listening on")
        os.kill(idle.child.pid, signal.SIGSTOP)
        server.signal(signal.SIGHUP)
        follower.reads("nothing has changed")
        os.kill(worker, signal.SIGKILL)
        follower.reads("signal 9")
        server.signal(signal.SIGUSR2)
        follower.reads("goes on with the program")
        # As many lines as make it go round, one at a time.
        for number in range(2, 60):
            stage.configure([stage.vhost(headers=[{"x-generation": str(number)}])])
            equal(stage.run("reload", "-c", conf)[0], 0, "an idle follower holds it up")
            if number % 8 == 0:
                follower.reads("the new configuration is served")
        os.kill(idle.child.pid, signal.SIGCONT)
        equal(server.stop(), 0)
        follower.reads("stopping")
        equal(follower.child.wait(PATIENCE_SECS), 0, "exit code")
        matches("the server has ended", follower.child.stderr.read())
        equal(idle.child.communicate(timeout=PATIENCE_SECS)[0].count("stopping"), 1,
              "the last line, once")


@case
def control_log_follower_that_leaves(stage):
    """log -f ends with Ctrl-C, with its reader, and at once where nothing runs"""
    conf = stage.configure()
    server = stage.spawn("-c", conf).ready(stage.port)
    with Follower("-c", conf) as follower:
        follower.reads("listening on")
        follower.child.send_signal(signal.SIGINT)
        equal(follower.child.wait(PATIENCE_SECS), -signal.SIGINT, "exit code")
        equal(follower.child.stderr.read(), "")
    with Follower("-c", conf) as follower:
        follower.reads("listening on")
        follower.child.stdout.close()
        equal(follower.child.wait(PATIENCE_SECS), 0, "no reader")
        follower.child.stdout = None
    equal(stage.run("status", "-c", conf)[0], 0)
    equal(server.stop(), 0)
    equal(stage.run("log", "-f", "-c", conf)[0], 1, "nothing runs")


@case
def control_of_quick_mode(stage):
    """status, reload and log find a server without a configuration, by its directory or alone"""
    script = """set -e; ip link set lo up; kinglet=$1; cd "$2"
start() { "$kinglet" --port=0 "$1" >"$2" 2>&1 & eval "$2=$!"
    until grep -q '^stop it' "$2"; do kill -0 "$!"; done; }
ask() { echo "--- $*"; code=0; "$kinglet" "$@" 2>&1 || code=$?; echo "code $code"; }
ask status
start docs one
ask status --json; ask reload; ask log; ask status docs; ask status ./docs/; ask status link
ask status other; ask -c docs status
start docs two; ask status; ask status docs; ask status "$two"
start other three; ask reload other; ask status none
kill "$one" "$two" "$three"; wait
ask status
"""
    stage.folder("other")
    os.symlink("docs", os.path.join(stage.root, "link"))
    done = subprocess.run(["unshare", "--net", "sh", "-c", script, "sh", stages.KINGLET,
                           stage.root], capture_output=True, text=True, check=False, timeout=60)
    equal(done.returncode, 0, done.stdout + done.stderr)
    answers = [part.partition("\n")[::2] for part in done.stdout.split("--- ")[1:]]
    none = r"no kinglet is running for /etc/kinglet or /etc/lwsws\ncode 1"
    docs = re.escape(stage.docs)
    good = r"code 0"
    wanted = [none, rf'"config_dir": ?"{docs}"', "nothing has changed.*" + good, good,
              rf"serves {docs} .*" + good, good, good,
              rf"no kinglet is running for .*other\n  kinglet status {docs} \(or \d+.*code 1",
              r"no kinglet is running for .*code 1",
              rf"more than one .*(kinglet status {docs} \(or \d+, its process\)\n *){{2}}code 1",
              rf"more than one .*(kinglet status {docs} \(or \d+, its process\)\n *){{2}}code 1",
              rf"serves {docs} .*" + good, good, "no kinglet is running for .*none.*code 1", none]
    equal(len(answers), len(wanted), done.stdout)
    for (question, answer), pattern in zip(answers, wanted):
        matches(pattern, answer, question)
