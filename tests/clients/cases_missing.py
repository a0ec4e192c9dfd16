"""What is missing at the start and comes later: it is taken up by itself, and by any reload."""

import os
import re
import shutil
import signal
import socket
import time

import processes
from cases_log import lines
from load import Target
from cases_unix import get
from stage import Failed, case, equal, eventually, matches, true


def command(stage, name, code=0):
    """What a command to the server prints; its exit code is checked."""
    got, text = stage.run(name, "-c", os.path.join(stage.root, "conf"))
    equal(got, code, text)
    return text


def control_name(server):
    """The abstract name of the socket that commands go to."""
    links = []
    for entry in os.listdir(f"/proc/{server.child.pid}/fd"):
        try:
            links.append(os.readlink(f"/proc/{server.child.pid}/fd/{entry}"))
        except OSError:
            pass
    with open("/proc/net/unix", encoding="utf-8", errors="replace") as table:
        for line in table:
            fields = line.split()
            if f"socket:[{fields[6]}]" in links and fields[-1].startswith("@"):
                return fields[-1][1:]
    raise Failed("the server has no socket for commands")


def on(stage, path, name):
    """A vhost on a unix socket."""
    return stage.vhost(name=name, interface=path, unix_socket="1", port=None)


def asleep(pid):
    """Whether nobody wakes a process for longer than it is between two tries."""
    before = processes.switches(pid)
    time.sleep(6)
    return processes.switches(pid) == before


@case
def missing_control_socket(stage):
    """a name that somebody else had is taken when it is free, also by a reload"""
    name = control_name(stage.serve())
    stage.servers[-1].stop()
    for by_reload in (False, True):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as holder:
            holder.bind("\0" + name)
            holder.listen()
            server = stage.spawn("-c", os.path.join(stage.root, "conf")).ready(stage.port)
            eventually(lambda one=server: "this server takes no commands" in one.log(), "a warning")
        if by_reload:
            processes.reload(server)
        eventually(lambda one=server: "this server takes commands now" in one.log(),
                   f"the socket is open; log: {server.log()}")
        matches("serving", command(stage, "status"))
        equal(server.log().count("this server takes no commands"), 1, "warnings")
        server.stop()


@case
def missing_log_directory(stage):
    """an access log is opened when its directory is there, also by a reload without a change, and
    again when that has been removed and made anew"""
    first, second = (os.path.join(stage.root, name, "access") for name in ("one", "two"))
    server = stage.serve([stage.vhost(access_log=first),
                          stage.vhost(name="two.test", access_log=second)])
    eventually(lambda: all(f"{path} cannot be opened" in server.log()
                           for path in (first, second)), "both are told")
    matches("cannot be opened", command(stage, "reload"))
    stage.folder("one")
    eventually(lambda: f"the access log {first} is open now" in server.log(), server.log())
    stage.ask("/small.txt?first")
    eventually(lambda: "?first" in lines(first, 1)[-1], "a line")
    stage.folder("two")
    text = command(stage, "reload")
    true("cannot be opened" not in text, text)
    stage.ask("/small.txt?second", host="two.test")
    eventually(lambda: "?second" in lines(second, 1)[-1], "a line")
    shutil.rmtree(os.path.dirname(first))
    for _ in range(2):
        matches(f"{first} cannot be opened", command(stage, "reload"))
    stage.folder("one")
    eventually(lambda: server.log().count(f"the access log {first} is open now") == 2, "again")
    stage.ask("/small.txt?third")
    eventually(lambda: "?third" in lines(first, 1)[-1], "a line")
    # Nothing is missing any more, so nobody wakes up to look.
    eventually(lambda: asleep(server.child.pid), "the supervisor sleeps")


@case
def missing_socket_directory(stage):
    """a unix socket is opened when its directory is there, also by a reload without a change,
    which says what is still missing; one that was removed is made again"""
    first, second = (os.path.join(stage.root, name, "sock") for name in ("one", "two"))
    server = stage.serve([stage.vhost(), on(stage, first, "one.test"),
                          on(stage, second, "two.test")])
    text = command(stage, "reload")
    matches(f"there is no directory for {first}", text)
    matches(f"there is no directory for {second}", text)
    matches("its directory is not there", command(stage, "status"))
    stage.folder("one")
    eventually(lambda: get(Target(first)), f"{first} answers; log: {server.log()}")
    matches(f"notice: listening on {re.escape(first)} \\(http\\) for one.test", server.log())
    stage.folder("two")
    text = command(stage, "reload")
    matches(f"listening on {second}", text)
    true("no directory" not in text, text)
    equal(get(Target(second)).status, 200)
    true("not there" not in command(stage, "status"), "everything is open")
    os.unlink(first)
    command(stage, "reload")
    equal(get(Target(first)).status, 200)
    eventually(lambda: asleep(server.child.pid), "the supervisor sleeps")


@case
def missing_things_after_another_program(stage):
    """what is missing is still looked for after SIGUSR2"""
    log, path = (os.path.join(stage.root, "late", name) for name in ("access", "sock"))
    server = stage.serve([stage.vhost(access_log=log), on(stage, path, "one.test")])
    server.signal(signal.SIGUSR2)
    eventually(lambda: "the supervisor goes on with" in server.log(), "another program")
    stage.folder("late")
    eventually(lambda: get(Target(path)), f"{path} answers; log: {server.log()}")
    eventually(lambda: f"the access log {log} is open now" in server.log(), server.log())
