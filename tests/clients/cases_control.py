"""kinglet status, reload and log, and the socket that they speak to."""

import json
import os
import re
import socket
import subprocess
import threading

import processes
import stage as stages
from stage import case, equal, eventually, matches, true


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
    code, text = stage.run("log", "-c", conf)
    equal(code, 0, text)
    matches(rf"listening on http://127\.0\.0\.1:{stage.port}", text)
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
        clients = [threading.Thread(target=ask) for _ in range(3)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        equal(results, [0, 0, 0], "exit codes")
        equal(stage.ask("/small.txt").get("x-generation"), str(number))
    true(server.child.poll() is None, "the server lives")
