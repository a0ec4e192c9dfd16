"""Listening on network interfaces that come, go and change; in network namespaces of their own."""

import os
import re
import signal
import subprocess
import time

import processes
import stage as stages
from stage import Failed, case, equal, eventually, true


class Net:
    """A network namespace with a loopback device."""

    def __init__(self, stage):
        self.name = f"kinglet-{os.getpid()}-{stage.port}"
        self.stage = stage
        self.run("ip", "netns", "add", self.name, inside=False)
        self.ip("link", "set", "lo", "up")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for server in self.stage.servers:
            server.stop()
        self.run("ip", "netns", "del", self.name, inside=False)

    def run(self, *command, inside=True, check=True):
        """Runs a command, in the namespace unless told."""
        if inside:
            # `ip netns exec` would make the mounts of `/` its own, and in a chroot there are none.
            command = ("nsenter", f"--net=/run/netns/{self.name}", *command)
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
        if check and done.returncode:
            raise Failed(f"{command}: {done.stdout}{done.stderr}")
        return done

    def ip(self, *arguments):
        """ip in the namespace."""
        return self.run("ip", *arguments).stdout

    def plug(self, nic):
        """Adds an interface that is up; its other end is here too."""
        self.ip("link", "add", nic, "type", "veth", "peer", "name", f"{nic}x")
        self.ip("link", "set", f"{nic}x", "up")
        self.ip("link", "set", nic, "up")

    def serve(self, *vhosts, **global_keys):
        """Starts kinglet in the namespace; a loopback vhost is always there."""
        always = self.stage.vhost(name="always.test")
        conf = self.stage.configure([always, *vhosts], **global_keys)
        log = os.path.join(self.stage.root, f"server-{len(self.stage.servers)}.log")
        # nsenter becomes kinglet, so that the child is the supervisor itself.
        server = stages.Server(["nsenter", f"--net=/run/netns/{self.name}", stages.KINGLET,
                                "-c", conf], log)
        self.stage.servers.append(server)
        eventually(lambda: self.status("127.0.0.1") == 200 or server.alive(), "loopback answers")
        return server

    def status(self, host, port=None):
        """The status of a request to an address; none if nobody answers."""
        shown = f"[{host}]" if ":" in host else host
        done = self.run("curl", "-s", "-g", "-o", "/dev/null", "-w", "%{http_code}", "-m", "5",
                        f"http://{shown}:{port or self.stage.port}/small.txt", check=False)
        return int(done.stdout) if done.returncode == 0 else None

    def comes(self, host, port=None):
        """Waits until an address answers; prints how long it took."""
        began = time.monotonic()
        eventually(lambda: self.status(host, port) == 200, f"{host} answers; log:\n{self.log()}")
        return time.monotonic() - began

    def goes(self, host, port=None):
        """Waits until nobody listens on an address any more."""
        shown = f"[{host}]" if ":" in host else host
        place = f"{shown}:{port or self.stage.port}"

        def absent():
            listening = self.run("ss", "-Hltn").stdout
            return re.sub(r"%\w+", "", listening).find(place) < 0
        eventually(absent, f"nobody listens on {place}; {self.run('ss', '-Hltn').stdout}")

    def log(self):
        """The log of the server."""
        return self.stage.servers[-1].log()[-2000:]


def cpu_ticks(server):
    """CPU time of all processes of a server, in ticks."""
    total = 0
    for pid in [server.child.pid, *processes.children(server.child.pid)]:
        with open(f"/proc/{pid}/stat", encoding="ascii") as text:
            fields = text.read().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total


@case
def interface_appears(stage):
    """a vhost on an interface that is not there yet listens as soon as its address is"""
    with Net(stage) as net:
        server = net.serve(stage.vhost(interface="eth7"))
        before = cpu_ticks(server)
        net.plug("eth7")
        net.ip("address", "add", "192.0.2.7/24", "dev", "eth7")
        took = net.comes("192.0.2.7")
        print(f"     listening {took * 1e3:.0f} ms after the address came (with curl's own start)")
        equal(net.status("127.0.0.1"), 200, "loopback")
        true(cpu_ticks(server) - before < 100, "no busy loop")


@case
def interface_changes_its_address(stage):
    """another address of the interface is followed; the old one is given up"""
    with Net(stage) as net:
        net.plug("eth7")
        net.ip("address", "add", "192.0.2.7/24", "dev", "eth7")
        server = net.serve(stage.vhost(interface="eth7"))
        worker = processes.worker(server)
        equal(net.status("192.0.2.7"), 200)
        for last in (8, 9, 7, 8):
            net.ip("address", "flush", "dev", "eth7")
            net.ip("address", "add", f"192.0.2.{last}/24", "dev", "eth7")
            net.comes(f"192.0.2.{last}")
        net.goes("192.0.2.7")
        equal(processes.workers(server), [worker], "the same worker all the time")


@case
def interface_goes_and_returns(stage):
    """an interface that is removed and made again is served again"""
    with Net(stage) as net:
        server = net.serve(stage.vhost(interface="eth7"), stage.vhost(interface="eth8"))
        for _ in range(3):
            for nic, host in (("eth7", "192.0.2.7"), ("eth8", "198.51.100.8")):
                net.plug(nic)
                net.ip("address", "add", f"{host}/24", "dev", nic)
            net.comes("192.0.2.7")
            net.comes("198.51.100.8")
            net.ip("link", "del", "eth7")
            net.goes("192.0.2.7")
            equal(net.status("198.51.100.8"), 200, "the other one")
            net.ip("link", "del", "eth8")
            net.goes("198.51.100.8")
        equal(net.status("127.0.0.1"), 200, "loopback")
        server.alive()


@case
def interface_with_ipv6(stage):
    """IPv6 addresses, and link-local ones with their scope, are listened on as they come"""
    with Net(stage) as net:
        server = net.serve(stage.vhost(interface="eth7"))
        net.plug("eth7")
        net.ip("address", "add", "2001:db8::7/64", "dev", "eth7")
        net.comes("2001:db8::7")
        found = re.search(r"inet6 (fe80:[0-9a-f:]+)/", net.ip("address", "show", "dev", "eth7"))
        net.comes(f"{found.group(1)}%eth7")
        before = cpu_ticks(server)
        net.ip("address", "del", "2001:db8::7/64", "dev", "eth7")
        net.goes("2001:db8::7")
        time.sleep(1)
        true(cpu_ticks(server) - before < 50, "no busy loop with a link-local address alone")
        equal(net.status("127.0.0.1"), 200, "loopback")


@case
def interface_with_several_vhosts(stage):
    """two vhosts on two ports of one interface come up at the same time"""
    with Net(stage) as net:
        other = stages.free_port()
        net.serve(stage.vhost(interface="eth7"), stage.vhost(interface="eth7", port=str(other)))
        net.plug("eth7")
        net.ip("address", "add", "192.0.2.7/24", "dev", "eth7")
        net.comes("192.0.2.7")
        net.comes("192.0.2.7", other)


@case
def interface_by_an_address_that_comes_later(stage):
    """a numeric address that is not there yet is served once it is, and again after it was gone"""
    with Net(stage) as net:
        server = net.serve(stage.vhost(interface="192.0.2.9"))
        before = cpu_ticks(server)
        net.plug("eth7")
        for _ in range(2):
            net.ip("address", "add", "192.0.2.9/24", "dev", "eth7")
            net.comes("192.0.2.9")
            net.ip("address", "flush", "dev", "eth7")
        true(cpu_ticks(server) - before < 100, "no busy loop")


@case
def interface_and_reload(stage):
    """an interface that appears after a reload serves the new generation; SIGTERM ends all"""
    with Net(stage) as net:
        server = net.serve(stage.vhost(interface="eth7"))
        worker = processes.worker(server)
        stage.configure([stage.vhost(name="always.test"),
                         stage.vhost(interface="eth7", headers=[{"x-generation": "2"}])])
        processes.reload(server)
        processes.replaced(server, worker)
        net.plug("eth7")
        net.ip("address", "add", "192.0.2.7/24", "dev", "eth7")
        net.comes("192.0.2.7")
        text = net.run("curl", "-si", f"http://192.0.2.7:{stage.port}/small.txt").stdout
        true("x-generation: 2" in text.lower(), text)
        server.signal(signal.SIGTERM)
        equal(server.child.wait(30), 0, "exit code")


@case
def interface_addresses_of_quick_mode(stage):
    """--listen '*' prints the addresses that other machines can use, and those work; without it
    the banner says how to let them in"""
    with Net(stage) as net:
        net.plug("veth0")
        net.ip("addr", "add", "192.0.2.7/24", "dev", "veth0")
        net.ip("addr", "add", "2001:db8::7/64", "dev", "veth0", "nodad")
        net.ip("link", "add", "down0", "type", "veth", "peer", "name", "down0x")
        net.ip("addr", "add", "198.51.100.7/24", "dev", "down0")
        state = stage.folder("state", 0o700)
        for words, scheme, hosts in (
                ([], "http", ["127.0.0.1"]),
                (["--listen", "*"], "http", ["localhost", "192.0.2.7", "[2001:db8::7]"]),
                (["--listen", "0.0.0.0"], "http", ["localhost", "192.0.2.7"]),
                (["--listen", "*", "--tls"], "https", ["localhost", "192.0.2.7",
                                                       "[2001:db8::7]"]),
                (["--listen", "192.0.2.7"], "http", ["192.0.2.7"])):
            log = os.path.join(stage.root, f"server-{len(stage.servers)}.log")
            server = stages.Server(["nsenter", f"--net=/run/netns/{net.name}", stages.KINGLET,
                                    f"--port={stage.port}", "--state-dir", state, *words,
                                    stage.docs], log)
            stage.servers.append(server)
            eventually(lambda: "stop it with" in server.log() or server.alive(), "the banner")
            urls = re.findall(r"^ +(\S+)://(\S+):(\d+)/$", server.log(), re.M)
            equal(sorted(urls), sorted((scheme, host, str(stage.port)) for host in hosts),
                  server.log())
            equal("--listen" in server.log(), not words, server.log())
            for host in hosts:
                seen = net.run("curl", "-sSk", "-o", "/dev/null", "-w", "%{http_code}",
                               f"{scheme}://{host}:{stage.port}/").stdout
                equal(seen, "200", host)
            server.stop()
