"""A server in a terminal, and what becomes of it when that is closed."""

import os
import pty
import signal
import subprocess

import processes
import stage as stages
from stage import Failed, case, equal, eventually, true


class Terminal:
    """A program with a terminal of its own, as a session of a terminal emulator or of ssh has."""

    def __init__(self, *command):
        self.master, slave = pty.openpty()
        os.set_blocking(self.master, False)
        self.child = subprocess.Popen(["setsid", "--ctty", *command], stdin=slave, stdout=slave,
                                      stderr=slave)
        os.close(slave)
        self.shown = b""

    def text(self):
        """What it has shown so far."""
        try:
            while more := os.read(self.master, 4096):
                self.shown += more
        except OSError:  # nothing more now, or for ever
            pass
        return self.shown.decode(errors="replace")

    def waits_for(self, wanted):
        """Waits until the terminal has shown this."""
        eventually(lambda: wanted in self.text(), f"{wanted!r} in {self.shown!r}")

    def type(self, line):
        """Types a line."""
        os.write(self.master, line.encode() + b"\n")

    def close(self):
        """Closes the window."""
        if self.master is not None:
            os.close(self.master)
            self.master = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        left = [self.child.pid, *processes.children(self.child.pid)]
        left += [pid for found in left[1:] for pid in processes.children(found)]
        self.close()
        for pid in left:
            if processes.alive(pid):
                os.kill(pid, signal.SIGKILL)
        self.child.wait()


def ready(stage, terminal):
    """Waits until the server answers."""
    def answers():
        terminal.text()
        try:
            return stage.ask("/small.txt").status == 200
        except OSError:
            return False
    try:
        eventually(answers, "it serves")
    except Failed as error:
        raise Failed(f"{error}: {terminal.text()}") from None


def quick(stage):
    """Words that serve the stage's files without a configuration."""
    return [stages.KINGLET, f"--port={stage.port}", stage.docs]


def configured(stage):
    """Words that serve the stage's configuration."""
    return [stages.KINGLET, "-c", stage.configure()]


@case
def terminal_that_is_closed_ends_the_server(stage):
    """in quick mode, with a configuration and as one process: nothing is left, also after USR2"""
    single = [stages.KINGLET, "--one-process", "-c", stage.configure()]
    for words, before in ((quick(stage), None), (configured(stage), None), (single, None),
                          (configured(stage), signal.SIGUSR2)):
        with Terminal(*words) as terminal:
            ready(stage, terminal)
            pid = terminal.child.pid
            if before:
                os.kill(pid, before)
                eventually(lambda: "--resume" in " ".join(processes.arguments(pid)), "SIGUSR2")
            workers = processes.children(pid)
            terminal.close()
            equal(terminal.child.wait(stages.PATIENCE_SECS), 0, f"exit code of {words}")
            for worker in workers:
                processes.gone(worker)


@case
def terminal_with_a_shell_that_is_closed(stage):
    """what a shell has started ends with the terminal, in the foreground and in the background"""
    for words in (quick(stage), configured(stage)):
        for behind in ("", " &"):
            with Terminal("bash", "--norc", "-i") as terminal:
                terminal.type(" ".join(words) + behind)
                ready(stage, terminal)
                found = processes.children(terminal.child.pid)
                equal(len(found), 1, "the server")
                workers = processes.children(found[0])
                terminal.close()
                for pid in [*found, *workers]:
                    processes.gone(pid)


@case
def terminal_that_stays_and_hup(stage):
    """kill -HUP: a configuration is read again, quick mode ends; Ctrl-C ends both"""
    with Terminal(*configured(stage)) as terminal:
        ready(stage, terminal)
        os.kill(terminal.child.pid, signal.SIGHUP)
        terminal.waits_for("nothing has changed")
        equal(stage.ask("/small.txt").status, 200)
        os.write(terminal.master, b"\x03")
        equal(terminal.child.wait(stages.PATIENCE_SECS), 0, "exit code")
    with Terminal(*quick(stage)) as terminal:
        ready(stage, terminal)
        os.kill(terminal.child.pid, signal.SIGHUP)
        equal(terminal.child.wait(stages.PATIENCE_SECS), 0, "exit code")


@case
def terminal_that_is_left_on_purpose(stage):
    """nohup and -D outlive the terminal; without one HUP is a reload, in quick mode too"""
    conf = stage.configure()
    # nohup would put what is written to a terminal into a file where the test runs.
    script = 'exec nohup "$@" >/dev/null 2>&1'
    with Terminal("sh", "-c", script, "sh", stages.KINGLET, "-c", conf) as terminal:
        ready(stage, terminal)
        pid = terminal.child.pid
        terminal.close()
        # Two reloads later the hang-up is over for certain.
        for _ in range(2):
            equal(stage.run("reload", "-c", conf)[0], 0, "reload")
        equal(stage.ask("/small.txt").status, 200)
        os.kill(pid, signal.SIGTERM)
        equal(terminal.child.wait(stages.PATIENCE_SECS), 0, "exit code")
    pid_file = os.path.join(stage.root, "pid")
    with Terminal(stages.KINGLET, "-D", "--pid-file", pid_file, "-c", conf) as terminal:
        equal(terminal.child.wait(stages.PATIENCE_SECS), 0, "exit code")
        terminal.close()
        with open(pid_file, encoding="ascii") as text:
            pid = int(text.read())
        for _ in range(2):
            equal(stage.run("reload", "-c", conf)[0], 0, "reload")
        true(processes.alive(pid), "it lives")
        os.kill(pid, signal.SIGTERM)
        processes.gone(pid)
    server = subprocess.Popen(quick(stage), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                              stdout=subprocess.DEVNULL, start_new_session=True, text=True)
    with server:
        eventually(lambda: stage.run("status", stage.docs)[0] == 0, "it runs")
        server.send_signal(signal.SIGHUP)
        true(any("nothing has changed" in line for line in server.stderr), "the reload")
        equal(stage.ask("/small.txt").status, 200)
        server.terminate()
