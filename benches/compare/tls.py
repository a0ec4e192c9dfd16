"""What is measured over TLS, and how: CPU time per operation, memory per connection.

The load comes from tls_load/ (see the text at its top), which offers one version, one cipher
(AES-128-GCM) and X25519, so that every server does the same work. It prepares before the CPU time
is read: tickets are collected and kept connections are open by then. An operation that fails, a
resumption that turns out to be a full handshake, or an idle connection that a server closed ends
the comparison.
"""

import json
import os
import subprocess
import time

import measure

ROOT = os.path.dirname(os.path.dirname(measure.HERE))
IDLE = 1000
BURST = 3000
UPLOAD_BYTES = 16 << 10
CLOSES_AFTER_BODY = {"lighttpd"}  # when the body is for a file; such connections do not stay idle


def example(name):
    """Builds one of our own programs, tls_load or floor, and returns its path."""
    environment = dict(os.environ, CARGO_PROFILE_RELEASE_LTO="false",
                       CARGO_PROFILE_RELEASE_CODEGEN_UNITS="16")
    done = subprocess.run(
        ["cargo", "build", "--release", "--quiet", "--example", name,
         "--message-format=json-render-diagnostics"],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=True)
    for line in done.stdout.splitlines():
        made = json.loads(line)
        if made.get("executable") and made["target"]["name"] == name:
            return made["executable"]
    raise SystemExit(f"compare: cargo did not say where {name} is")


class Load:
    """The load client at work on one server."""

    def __init__(self, binary, server, mode, kind, **more):
        self.what = f"{server.name}: {mode} ({kind})"
        command = [binary, mode, f"127.0.0.1:{server.ports[kind]}"]
        for option, value in more.items():
            command += ["--" + option, str(value)]
        self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.line()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.stdin.close()
        self.child.stdout.close()
        self.child.wait(30)

    def line(self):
        """One line of its output."""
        line = self.child.stdout.readline()
        if not line:
            raise SystemExit(f"compare: {self.what} failed")
        return json.loads(line)

    def step(self, order="go"):
        """Lets it do one step; what it counted."""
        self.child.stdin.write(order.encode() + b"\n")
        self.child.stdin.flush()
        tally = self.line()
        if tally["failed"] or not tally["done"]:
            raise SystemExit(f"compare: {self.what}, {order}: {tally['failed']} of "
                             f"{tally['failed'] + tally['done']} failed: {tally['failure']}")
        return tally


def loads(scale):
    """Name of a load to (unit, factor from seconds, mode, certificate, options)."""
    def count(number):
        return max(int(number * scale), 1)

    request, many = ("µs per request", 1e6), {"threads": 8}
    return {
        "TLS 1.3 handshake + 1 KiB, ECDSA P-256":
            (*request, "handshakes", "ecdsa", {"count": count(400), **many}),
        "TLS 1.3 handshake + 1 KiB, RSA-2048":
            (*request, "handshakes", "rsa", {"count": count(240), **many}),
        "TLS 1.3 resumption + 1 KiB":
            (*request, "resume", "ecdsa", {"count": count(400), **many}),
        "TLS 1.2 resumption + 1 KiB":
            (*request, "resume", "ecdsa", {"count": count(800), "version": "1.2", **many}),
        "1 KiB over TLS, 32 connections":
            (*request, "requests", "ecdsa", {"count": count(16000), "connections": 32}),
        "100 MiB over TLS, AES-128-GCM": ("ms per GiB", 1e3, "requests", "ecdsa", {
            "count": count(3), "connections": 1, "path": "/100m.txt"}),
    }


def cost(binary, server, load):
    """CPU time of the server for one unit of a load."""
    unit, factor, mode, kind, options = load
    with Load(binary, server, mode, kind, **options) as client_at_work:
        before = measure.cpu_seconds(server)
        tally = client_at_work.step()
        spent = measure.cpu_seconds(server) - before
    if tally["unclean"]:
        raise SystemExit(f"compare: {server.name} ended {tally['unclean']} of {tally['done']} "
                         "connections without close_notify")
    wanted = tally["done"] if mode == "resume" else 0
    if tally["resumed"] != wanted:
        raise SystemExit(f"compare: {server.name}: {tally['resumed']} of {tally['done']} "
                         f"handshakes were resumed, not {wanted}")
    units = tally["bytes"] / (1 << 30) if unit == "ms per GiB" else tally["done"]
    return spent / units * factor


def memory(binary, server):
    """Private memory after start, of connections in several states, and after a burst."""
    private = measure.private_dirty_bytes
    facts = {"private dirty KiB after start, TLS": private(server) / 1024}
    base = None
    for connections in (8, IDLE):
        with Load(binary, server, "idle", "ecdsa", connections=connections, threads=1) as links:
            per = measured_states(server, links, base or 0, connections)
            links.step("close")
        if base is None:
            time.sleep(0.5)
            base = private(server)
    facts.update(per)
    with Load(binary, server, "idle", "ecdsa", connections=BURST, threads=16) as links:
        links.step("close")
        time.sleep(1.0)
    after = private(server)
    facts[f"private dirty KiB 1 s after {BURST:,} TLS connections"] = after / 1024
    facts[f"private dirty, 1 s after {BURST:,} TLS connections ÷ before"] = after / base
    return facts


def measured_states(server, links, base, connections):
    """Private memory per connection after each has served some work."""
    name = "private dirty bytes per idle TLS 1.3 connection"
    found = {}
    states = {"": None, ", after an upload of 16 KiB": f"upload {UPLOAD_BYTES}",
              ", after a download of 1 MiB": "fetch /1m.txt"}
    for state, order in states.items():
        if order and order.startswith("upload") and server.name in CLOSES_AFTER_BODY:
            continue
        if order:
            links.step(order)
        time.sleep(0.3)
        found[name + state] = (measure.private_dirty_bytes(server) - base) / connections
    return found
