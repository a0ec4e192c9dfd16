"""Start, signals, stop, quick mode, memory bound."""

import os
import re
import signal
import socket

from stage import case, equal, eventually, free_port, matches, true


@case
def says_where_it_listens(stage):
    """`listening on http://ADDR:PORT` for each listener"""
    server = stage.serve()
    # Its port is open before that is told.
    line = f"listening on http://127.0.0.1:{stage.port}"
    eventually(lambda: line in server.log(), line)


@case
def busy_port(stage):
    """a busy port stops the start and is named"""
    with socket.create_server(("127.0.0.1", stage.port)):
        code, text = stage.run("-c", stage.configure())
    true(code not in (0, None), f"exit {code}")
    matches(str(stage.port), text)


@case
def second_server(stage):
    """a second server on the same configuration does not steal connections"""
    server = stage.serve()
    code, text = stage.run("-c", os.path.join(stage.root, "conf"))
    true(code != 0, f"exit {code}: {text}")
    equal(stage.ask("/").status, 200)
    server.alive()


@case
def terminates_at_once_when_idle(stage):
    """SIGTERM with idle connections: ends with exit code 0"""
    server = stage.serve()
    with stage.connect() as link:
        link.send(b"GET /small.txt HTTP/1.1\r\nHost: stage.test\r\n\r\n")
        equal(link.response().status, 200)
        server.signal(signal.SIGTERM)
        equal(server.child.wait(30), 0, "exit code")


@case
def terminates_after_what_runs(stage):
    """SIGTERM: a download in progress is finished, new connections are refused"""
    size = 48 << 20
    stage.big("docs/big.txt", size)
    server = stage.serve(shutdown_secs="60")
    link = socket.socket()
    link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    link.connect(("127.0.0.1", stage.port))
    link.settimeout(30)
    link.sendall(b"GET /big.txt HTTP/1.1\r\nHost: stage.test\r\n\r\n")
    got = len(link.recv(1000))
    server.signal(signal.SIGTERM)

    def refused():
        try:
            socket.create_connection(("127.0.0.1", stage.port), 5).close()
        except OSError:
            return True
        return False
    eventually(refused, "new connections are refused")
    while part := link.recv(1 << 20):
        got += len(part)
    true(got > size, f"{got} bytes of {size}")
    equal(server.child.wait(30), 0, "exit code")


@case
def interrupt(stage):
    """SIGINT ends it"""
    server = stage.serve()
    server.signal(signal.SIGINT)
    equal(server.child.wait(30), 0, "exit code")


@case
def quick_mode(stage):
    """`kinglet DIR` serves it, lists it and prints the address"""
    stage.file("plain/notes.txt", "notes")
    server = stage.spawn(os.path.join(stage.root, "plain"), "--port", "0")
    found = eventually(lambda: re.search(r"http://127\.0\.0\.1:(\d+)", server.log()),
                       "the address is printed")
    stage.port = int(found.group(1))
    equal(stage.ask("/notes.txt", host=f"127.0.0.1:{stage.port}").body, b"notes")
    page = stage.ask("/", host="127.0.0.1").body.decode()
    matches("notes.txt", page)


@case
def quick_mode_chosen_port(stage):
    """--port takes exactly that port"""
    server = stage.spawn(stage.docs, "--port", str(stage.port)).ready(stage.port)
    matches(f":{stage.port}", server.log())
    equal(stage.ask("/small.txt", host="localhost").status, 200)


@case
def quick_mode_next_port(stage):
    """without --port the next free port is taken"""
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", 7681))
            taken.listen()
        except OSError:
            pass  # somebody else's: as good
        server = stage.spawn(stage.docs)
        found = eventually(lambda: re.search(r"http://127\.0\.0\.1:(\d+)", server.log()),
                           "the address is printed")
        true(int(found.group(1)) != 7681, "another port")
        stage.port = int(found.group(1))
        equal(stage.ask("/small.txt", host="localhost").status, 200)


@case
def quick_mode_no_directory(stage):
    """a directory that is not there is an error"""
    code, text = stage.run(os.path.join(stage.root, "nowhere"), "--port", str(free_port()))
    true(code not in (0, 101), f"exit {code}")
    matches("nowhere", text)


@case
def command_line(stage):
    """-h and -V on standard output with exit code 0; an unknown option is 2"""
    for option in ("-h", "--help", "-V", "--version"):
        code, text = stage.run(option)
        equal(code, 0, option)
        matches("(?i)kinglet", text, option)
    code, text = stage.run("--no-such-option")
    equal(code, 2, text)


@case
def prints_its_memory_bound(stage):
    """the start banner says what it may use"""
    server = stage.serve()
    bound = r"(?i)memory.*\d+ *(KiB|MiB|bytes)|\d+ *(KiB|MiB).*memory"
    # The port answers a moment before it is announced.
    eventually(lambda: re.search(bound, server.log()), "the bound is printed")
