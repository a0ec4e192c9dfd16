"""count-threads: all threads serve, and nothing hangs in the socket of one of them."""

import os
import re
import socket
import threading

import processes
from load import SLOW_BYTES, Closed, Load, Target, answer
from stage import Failed, case, equal, eventually, true

SMALL = b"abcdefghijklmnopqrstuvwxyz"


def epolls(pid):
    """Threads' event queues of a process."""
    count = 0
    for entry in os.listdir(f"/proc/{pid}/fd"):
        try:
            count += os.readlink(f"/proc/{pid}/fd/{entry}") == "anon_inode:[eventpoll]"
        except OSError:
            pass
    return count


@case
def threads_answer_2000_connections(stage):
    """count-threads 4: each of 2,000 connections is answered, and all threads have worked"""
    server = stage.serve(count_threads="4")
    equal(stage.ask("/small.txt").status, 200)
    worker = processes.worker(server)
    equal(epolls(worker), 4, "event loops")
    target = Target(("127.0.0.1", stage.port))
    wrong = []

    def ask(count):
        for _ in range(count):
            try:
                with target.connect() as link:
                    link.sendall(Load.request("/small.txt", target, close=True))
                    found = answer(link)
                    if (found.status, found.body) != (200, SMALL):
                        wrong.append(found.status)
            except (OSError, Closed) as error:
                wrong.append(repr(error))
    # All of them come first and speak later: each sits in the socket that it was hashed to.
    links = [target.connect() for _ in range(400)]
    clients = [threading.Thread(target=ask, args=(400,)) for _ in range(4)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    for link in links:
        link.sendall(Load.request("/small.txt", target, close=True))
    for link in links:
        try:
            equal(answer(link).status, 200)
        except (OSError, Closed) as error:
            wrong.append(repr(error))
        link.close()
    equal(wrong, [], "connections without an answer")
    held = held_by_each(stage, worker)
    true(min(held) > 100, f"of 800 connections the event loops hold {held}")


def held_by_each(stage, worker):
    """Opens 800 connections; how many descriptors each event loop then watches."""
    target = Target(("127.0.0.1", stage.port))
    links = [target.connect() for _ in range(800)]
    for link in links:
        link.sendall(Load.request("/small.txt", target))
    for link in links:
        equal(answer(link).status, 200)
    held = []
    for entry in os.listdir(f"/proc/{worker}/fd"):
        try:
            if os.readlink(f"/proc/{worker}/fd/{entry}") != "anon_inode:[eventpoll]":
                continue
            with open(f"/proc/{worker}/fdinfo/{entry}", encoding="ascii") as text:
                held.append(len(re.findall(r"^tfd:", text.read(), re.M)))
        except OSError:
            pass
    for link in links:
        link.close()
    return held


@case
def threads_change_across_reloads(stage):
    """1, 4, 2, 3, 1 threads: nothing refused, reset or lost, also of clients from far away"""
    def configured(number, threads):
        return stage.configure([stage.vhost(headers=[{"x-generation": str(number)}])],
                               count_threads=str(threads), shutdown_secs="20")
    big = open(stage.big("docs/big.txt", SLOW_BYTES), "rb").read()
    conf = configured(0, 1)
    server = stage.spawn("-c", conf).ready(stage.port)
    target = Target(("127.0.0.1", stage.port))
    load = Load()
    load.add("fresh", target, "/small.txt", SMALL, 0, 2)
    load.add("late", target, "/small.txt", SMALL, 0, 6)
    load.add("kept", target, "/small.txt", SMALL, 0.002, 2)
    load.add("slow", target, "/big.txt", big, 0, 2)
    equal(processes.delay_handshakes(server), 1, "listeners")
    most = 1
    with load:
        for number, threads in enumerate((4, 2, 3, 1, 4, 1, 2, 4, 1), 1):
            configured(number, threads)
            processes.reload(server)
            eventually(lambda n=number: load.seen[str(n)] or load.failed, f"generation {number}")
            equal(epolls(processes.workers(server)[-1]), threads, "event loops")
            most = max(most, threads)
            equal(processes.delay_handshakes(server), most, "listeners, of which none is closed")
            if load.failed:
                raise Failed(f"with {threads} threads: {dict(load.failed)}")
    load.check("fresh", "late", "kept", "slow")


@case
def threads_share_address_limits(stage):
    """ip-limit-wsi counts the connections of an address over all threads"""
    server = stage.serve(count_threads="4", ip_limit_wsi="10")
    server.alive()
    target = Target(("127.0.0.1", stage.port))

    def served(link):
        try:
            link.sendall(Load.request("/small.txt", target))
            return answer(link).status == 200
        except (OSError, Closed):
            return False

    def ten():
        links = [target.connect() for _ in range(40)]
        count = sum(served(link) for link in links)
        for link in links:
            link.close()
        return count
    # The connection that waited for the port may still be counted the first time.
    eventually(lambda: ten() == 10, "ten connections of forty are served")


@case
def threads_leave_nobody_in_a_full_one(stage):
    """max-connections busy downloads in all threads but for a few places: who comes is served"""
    stage.big("docs/big.txt", 64 << 20)
    stage.serve(count_threads="4", max_connections="64", send_timeout_secs="600")
    target = Target(("127.0.0.1", stage.port))
    busy = []
    try:
        for _ in range(60):
            link = target.connect(receive_bytes=4096)
            link.sendall(Load.request("/big.txt", target))
            link.recv(100)
            busy.append(link)
        # The kernel hashes these to any of the four; most of those have no place left.
        for _ in range(60):
            with target.connect() as link:
                link.sendall(Load.request("/small.txt", target, close=True))
                equal(answer(link).status, 200)
    finally:
        for link in busy:
            link.close()


@case
def threads_wait_until_there_is_room(stage):
    """all places taken: who comes waits, and is served when one becomes free in any thread"""
    stage.big("docs/big.txt", 64 << 20)
    stage.serve(count_threads="4", max_connections="32", send_timeout_secs="600")
    target = Target(("127.0.0.1", stage.port))
    busy, waiting = [], []
    for _ in range(32):
        link = target.connect(receive_bytes=4096)
        link.sendall(Load.request("/big.txt", target))
        link.recv(100)
        busy.append(link)
    for _ in range(12):
        link = target.connect()
        link.sendall(Load.request("/small.txt", target, close=True))
        waiting.append(link)
    for link in busy[::2]:
        link.close()
    for link in waiting:
        equal(answer(link).status, 200)
        link.close()
    for link in busy[1::2]:
        link.close()
    with socket.create_connection(("127.0.0.1", stage.port), 5):
        pass
