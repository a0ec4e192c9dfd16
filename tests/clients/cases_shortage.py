"""A system that gives less than usual: sandboxes, missing file systems, limits of a user."""

import ctypes
import errno
import os
import platform
import re
import resource
import shutil
import struct
import subprocess

import processes
import stage as stages
from cases_missing import asleep
from stage import case, equal, eventually, matches, true

# memfd_create(2).
MEMFD_CREATE = {"x86_64": 319, "aarch64": 279, "riscv64": 279}
# accept4(2).
ACCEPT4 = {"x86_64": 288, "aarch64": 242, "riscv64": 242}
# A user that no other process belongs to.
STRANGER = 54_321


def refuse(number, error):
    """Has the kernel answer a system call with an error, in this process and its children: a
    seccomp(2) filter, as sandboxes of containers have them."""
    load, jump_equal, ret = 0x20, 0x15, 0x06
    program = b"".join(struct.pack("HBBI", *one) for one in (
        (load, 0, 0, 0),  # the number of the call
        (jump_equal, 0, 1, number),
        (ret, 0, 0, 0x0005_0000 | error),  # SECCOMP_RET_ERRNO
        (ret, 0, 0, 0x7FFF_0000)))  # SECCOMP_RET_ALLOW
    room = ctypes.create_string_buffer(program)
    filters = ctypes.create_string_buffer(
        struct.pack("HP", len(program) // 8, ctypes.addressof(room)))
    libc = ctypes.CDLL(None, use_errno=True)
    # PR_SET_NO_NEW_PRIVS, then PR_SET_SECCOMP with SECCOMP_MODE_FILTER.
    for call in ((38, 1, 0, 0, 0), (22, 2, ctypes.byref(filters), 0, 0)):
        if libc.prctl(*call) != 0:
            raise OSError(ctypes.get_errno(), "prctl")


def few_processes():
    """No user may have more than one process or thread; root is excepted."""
    resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))


def spawn(stage, *command, before):
    """Starts a program after `before` was called in its process."""
    log = os.path.join(stage.root, f"server-{len(stage.servers)}.log")
    stage.servers.append(stages.Server(command, log, before))
    return stage.servers[-1]


@case
def starts_without_files_in_memory(stage):
    """memfd_create refused with any error: it starts, serves and reloads"""
    number = MEMFD_CREATE[platform.machine()]
    for error in (errno.EPERM, errno.ENOSYS, errno.EACCES, errno.EINVAL):
        conf = stage.configure()
        server = spawn(stage, stages.KINGLET, "-c", conf, before=lambda e=error: refuse(number, e))
        server.ready(stage.port)
        worker = processes.worker(server)
        stage.configure([stage.vhost(name="other.test")])
        equal(stage.run("reload", "-c", conf)[0], 0, f"reload with {errno.errorcode[error]}")
        processes.replaced(server, worker)
        equal(stage.ask().status, 200)
        server.stop()


@case
def sleeps_where_commands_cannot_be_taken(stage):
    """accept4 refused: a command that waits does not keep the supervisor busy; the log says it"""
    conf = stage.configure()
    number = ACCEPT4[platform.machine()]
    server = spawn(stage, stages.KINGLET, "-c", conf, before=lambda: refuse(number, errno.ENFILE))
    eventually(lambda: "listening on" in server.log(), "it has started")
    code, text = stage.run("status", "-c", conf)
    equal(code, 1, text)
    eventually(lambda: "the socket for commands" in server.log(), server.log())
    # It is opened again, for a time that may be better.
    eventually(lambda: "this server takes commands now" in server.log(), server.log())
    eventually(lambda: asleep(server.child.pid), "the supervisor sleeps")


@case
def starts_without_proc(stage):
    """no /proc, as in a bare chroot: it starts, serves and reloads"""
    jail = stage.folder("jail")
    libraries = subprocess.run(["ldd", stages.KINGLET], capture_output=True, text=True, check=True)
    files = re.findall(r"(/\S+) \(0x", libraries.stdout)
    for path in ["/etc/passwd", "/etc/group", *files]:
        os.makedirs(jail + os.path.dirname(path), exist_ok=True)
        shutil.copy(path, jail + path)
    shutil.copy(stages.KINGLET, jail + "/kinglet")
    stage.configure([stage.vhost([stage.mount(origin="file:///docs")])])
    for folder in ("conf", "docs"):
        shutil.copytree(os.path.join(stage.root, folder), os.path.join(jail, folder))
    server = spawn(stage, "/kinglet", "-c", "/conf", before=lambda: os.chroot(jail))
    server.ready(stage.port)
    equal(stage.ask().status, 200)
    worker = processes.worker(server)
    with open(jail + "/conf/conf", "a", encoding="utf-8") as conf:
        conf.write("\n")
    processes.reload(server)
    processes.replaced(server, worker)
    equal(stage.ask().status, 200, "after the reload")


@case
def outlives_a_log_that_may_not_grow(stage):
    """`ulimit -f`: requests are answered, no worker dies, and the log of the program says why lines
    are lost"""
    path = os.path.join(stage.logs, "access.log")
    conf = stage.configure([stage.vhost(access_log=path)])
    server = spawn(stage, stages.KINGLET, "-c", conf, before=lambda: resource.setrlimit(
        resource.RLIMIT_FSIZE, (65536, 65536))).ready(stage.port)
    worker = processes.worker(server)
    for _ in range(100):
        equal(stage.ask("/", "Referer: " + "r" * 3000).status, 200)
    eventually(lambda: "cannot be written: File too large" in server.log(), server.log())
    equal(os.path.getsize(path), 65536, "bytes of the log")
    equal(stage.ask("/").status, 200)
    equal(processes.worker(server), worker, "the worker")


@case
def says_which_process_cannot_start(stage):
    """no process left for the planner: which one, why, and what to do; exit code 1"""
    program = shutil.copy(stages.KINGLET, stage.root)
    conf = stage.configure()

    def stranger():
        few_processes()
        os.setgroups([])
        os.setgid(STRANGER)
        os.setuid(STRANGER)
    done = subprocess.run([program, "-c", conf], capture_output=True, text=True, check=False,
                          timeout=30, preexec_fn=stranger)
    equal(done.returncode, 1, done.stderr)
    matches("process that reads the configuration cannot be started: Resource temporarily "
            "unavailable .*ulimit -u", done.stderr)


@case
def says_which_thread_cannot_start(stage):
    """no thread left for the access log or for passwords: the log says so, pages are served"""
    hashed = subprocess.run(["openssl", "passwd", "-6", "secret"], capture_output=True, text=True,
                            check=True).stdout.strip()
    users = stage.file("users", f"ann:{hashed}\n")
    conf = stage.configure([stage.vhost(
        [stage.mount(), stage.mount("/in", basic_auth=users)],
        access_log=os.path.join(stage.logs, "access.log"))], username="nobody")
    server = spawn(stage, stages.KINGLET, "-c", conf, before=few_processes).ready(stage.port)
    equal(stage.ask().status, 200)
    equal(stage.ask("/in/", "Authorization: Basic YW5uOnNlY3JldA==").status, 503)
    for what in ("access log cannot be written: its thread", "thread that checks passwords"):
        eventually(lambda text=what: text in server.log(), f"{what}; log:\n{server.log()}")
    matches("its thread cannot .*ulimit -u", server.log())


@case
def serves_many_logs_with_few_descriptors(stage):
    """300 vhosts with addresses and logs of their own under `ulimit -n 800`: served, and the log
    says what is missing; where the limit may be raised it is, and nothing is missing"""
    vhosts = [stage.vhost(name=f"n{number}.test", interface=f"127.0.1.{number}",
                          access_log=os.path.join(stage.logs, f"{number}.log"))
              for number in range(1, 251)]
    vhosts += [stage.vhost(name=f"n{number}.test", interface=f"127.0.2.{number}",
                           access_log=os.path.join(stage.logs, f"more-{number}.log"))
               for number in range(1, 51)]
    conf = stage.configure([stage.vhost(), *vhosts], max_connections=100)
    for hard in (800, 2000):
        server = spawn(stage, stages.KINGLET, "-c", conf, before=lambda most=hard:
                       resource.setrlimit(resource.RLIMIT_NOFILE, (800, most)))
        server.ready(stage.port)
        for last in ("127.0.0.1", "127.0.1.1", "127.0.2.50"):
            equal(stage.ask(address=last).status, 200, last)
        said = re.search(r"\d+ more open files than are allowed .*ulimit -n", server.log(), re.S)
        equal(bool(said), hard == 800, f"files are missing of {hard}")
        server.stop()


@case
def says_that_descriptors_are_missing(stage):
    """fewer descriptors than listeners: the start ends, and says what to raise"""
    vhosts = [stage.vhost(interface=f"127.0.1.{number + 1}") for number in range(100)]
    conf = stage.configure(vhosts)
    server = spawn(stage, stages.KINGLET, "-c", conf, before=lambda: resource.setrlimit(
        resource.RLIMIT_NOFILE, (60, 60)))
    equal(server.child.wait(30), 1, server.log())
    matches("cannot listen on .*Too many open files .*ulimit -n", server.log())
