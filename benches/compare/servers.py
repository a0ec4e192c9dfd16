"""The servers with equivalent configurations: one process that serves, no access log; the floor."""

import json
import os
import signal
import socket
import ssl
import subprocess
import time

CONNECTIONS = 4096
IDLE_SECS = 600


def free_ports(count):
    """TCP ports that nothing listens on right now."""
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def site(root):
    """Documents of 1 KiB, 1 MiB and 100 MiB, and a page."""
    docs = os.path.join(root, "docs")
    os.makedirs(docs)
    for name, size in {"1k.txt": 1 << 10, "1m.txt": 1 << 20, "100m.txt": 100 << 20}.items():
        with open(os.path.join(docs, name), "wb") as out:
            block = b"0123456789abcdef" * 4096
            while size > 0:
                out.write(block[:size])
                size -= len(block)
    with open(os.path.join(docs, "index.html"), "w", encoding="utf-8") as out:
        out.write("<!doctype html><title>compare</title>\n")
    for folder, _, names in os.walk(root):
        os.chmod(folder, 0o755)
        for name in names:
            os.chmod(os.path.join(folder, name), 0o644)
    return docs


def certificates(root):
    """{kind: (certificate, key)}: self-signed, for localhost, the same for every server."""
    home = os.path.join(root, "certificates")
    os.makedirs(home)
    made = {}
    for kind, options in {"ecdsa": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
                          "rsa": ["rsa:2048"]}.items():
        made[kind] = pair = (os.path.join(home, kind + ".crt"), os.path.join(home, kind + ".key"))
        subprocess.run(
            ["openssl", "req", "-x509", "-noenc", "-newkey", *options, "-sha256", "-days", "30",
             "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
             "-out", pair[0], "-keyout", pair[1]], check=True, capture_output=True)
    os.chmod(home, 0o755)
    return made


def write(path, text):
    """Writes one configuration file."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as out:
        out.write(text)
    os.chmod(path, 0o644)


def kinglet(root, docs, listeners, binary):
    """lwsws configuration; the limits are those of the others."""
    conf = os.path.join(root, "kinglet")
    write(os.path.join(conf, "conf"), json.dumps(
        {"global": {"max-connections": str(CONNECTIONS), "server-string": "kinglet"}}))
    vhosts = []
    for port, pair in listeners:
        tls = {"host-ssl-cert": pair[0], "host-ssl-key": pair[1]} if pair else {}
        vhosts.append({
            "name": "localhost", "port": str(port), "interface": "127.0.0.1", **tls,
            "keepalive-timeout": str(IDLE_SECS), "mounts": [{
                "mountpoint": "/", "origin": "file://" + docs, "default": "index.html",
                "cache-max-age": "60", "cache-reuse": "1"}]})
    write(os.path.join(conf, "conf.d", "site"), json.dumps({"vhosts": vhosts}))
    return [binary, "-c", conf]


def nginx(root, docs, listeners, binary):
    """One worker, sendfile, open_file_cache, session tickets, no access log, connections kept."""
    user = "user www-data;" if os.getuid() == 0 else ""
    blocks = ""
    for port, pair in listeners:
        ssl_word = "ssl " if pair else ""
        tls = f"""
    ssl_certificate {pair[0]}; ssl_certificate_key {pair[1]};
    ssl_protocols TLSv1.2 TLSv1.3; ssl_session_tickets on;""" if pair else ""
        blocks += f"""
  server {{
    listen 127.0.0.1:{port} {ssl_word}backlog=4096; root {docs};{tls}
  }}"""
    write(os.path.join(root, "nginx.conf"), f"""
{user} worker_processes 1; daemon off; pid {root}/nginx.pid; error_log {root}/nginx.log crit;
worker_rlimit_nofile 10000;
events {{ worker_connections {CONNECTIONS}; }}
http {{
  include /etc/nginx/mime.types; access_log off; sendfile on; tcp_nopush on;
  keepalive_timeout {IDLE_SECS}s; keepalive_requests 1000000000;
  open_file_cache max=64 inactive=60s; open_file_cache_valid 1s; expires 60s;
  client_body_temp_path {root}/t1; proxy_temp_path {root}/t2; fastcgi_temp_path {root}/t3;
  uwsgi_temp_path {root}/t4; scgi_temp_path {root}/t5;{blocks}
}}
""")
    return [binary, "-c", os.path.join(root, "nginx.conf"), "-p", root]


def lighttpd(root, docs, listeners, binary):
    """One process with its stat cache, no access log, connections kept."""
    user = 'server.username = "www-data"' if os.getuid() == 0 else ""
    modules, sockets = '"mod_expire"', ""
    for number, (port, pair) in enumerate(listeners):
        tls = f"""
  ssl.engine = "enable"
  ssl.pemfile = "{pair[0]}"
  ssl.privkey = "{pair[1]}"
  ssl.openssl.ssl-conf-cmd = ("MinProtocol" => "TLSv1.2")""" if pair else ""
        modules = '"mod_expire", "mod_openssl"' if pair else modules
        sockets += f"""
$SERVER["socket"] == "127.0.0.1:{port}" {{{tls}
}}""" if number else tls
    write(os.path.join(root, "lighttpd.conf"), f"""
server.modules = ({modules})
server.document-root = "{docs}"
server.port = {listeners[0][0]}
server.bind = "127.0.0.1"
{user}
server.max-connections = {CONNECTIONS}
server.max-fds = 10000
server.listen-backlog = 4096
server.max-keep-alive-requests = 65535
server.max-keep-alive-idle = {IDLE_SECS}
server.network-backend = "sendfile"
index-file.names = ("index.html")
mimetype.assign = (".html" => "text/html", ".txt" => "text/plain")
expire.url = ("/" => "access plus 60 seconds"){sockets}
""")
    return [binary, "-D", "-f", os.path.join(root, "lighttpd.conf")]


def floor(_, docs, listeners, binary):
    """Our own responder: one read and one write from memory for each request."""
    words = [binary, os.path.join(docs, "1k.txt")]
    for port, pair in listeners:
        words += [str(port), *(pair or [])]
    return words


STARTERS = {"kinglet": kinglet, "before": kinglet, "nginx": nginx, "lighttpd": lighttpd,
            "floor": floor}
# Made once: what the client prepares is no part of a server's start.
OFFER = ssl.create_default_context()
OFFER.check_hostname = False
OFFER.verify_mode = ssl.CERT_NONE


class Server:
    """A running server; `pids` are all of its processes.

    With `pairs` of certificates and keys it speaks TLS, on a port of its own (`ports`) for each;
    without it serves plain HTTP on `port`.
    """

    def __init__(self, name, binary, root, docs, pairs=None):
        self.name = name
        ports = free_ports(len(pairs) if pairs else 1)
        self.port = ports[0]
        self.ports = dict(zip(pairs or {}, ports))
        home = os.path.join(root, f"{name}-{self.port}")
        os.makedirs(home)
        os.chmod(home, 0o755)
        listeners = list(zip(ports, pairs.values() if pairs else [None]))
        self.command = STARTERS[name](home, docs, listeners, binary)
        self.log = os.path.join(home, "output")
        self.pid = None

    def start(self):
        """Starts it; returns the seconds from exec to the first byte of an answer."""
        out = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        began = time.perf_counter()
        self.pid = os.posix_spawnp(
            self.command[0], self.command, os.environ,
            file_actions=[(os.POSIX_SPAWN_DUP2, out, 1), (os.POSIX_SPAWN_DUP2, out, 2)])
        os.close(out)
        while True:
            try:
                with self.connect() as link:
                    link.sendall(b"GET /1k.txt HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    if link.recv(16)[:12] == b"HTTP/1.1 200":
                        return time.perf_counter() - began
                    raise SystemExit(f"compare: {self.name} does not serve /1k.txt")
            except ssl.SSLError as error:
                raise SystemExit(f"compare: {self.name} does not speak TLS: {error}") from error
            except (ConnectionRefusedError, ConnectionResetError):
                done, _ = os.waitpid(self.pid, os.WNOHANG)
                if done or time.perf_counter() - began > 15:
                    self.fail()

    def connect(self):
        """A connection to the first port."""
        link = socket.create_connection(("127.0.0.1", self.port), 5)
        if not self.ports:
            return link
        return OFFER.wrap_socket(link, server_hostname="localhost")

    def fail(self):
        """Ends the program with what the server said."""
        with open(self.log, encoding="utf-8", errors="replace") as text:
            raise SystemExit(f"compare: {self.name} did not start:\n{text.read()}")

    def pids(self):
        """The server's process and its children."""
        found, todo = [], [self.pid]
        while todo:
            pid = todo.pop()
            found.append(pid)
            try:
                with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as text:
                    todo += [int(child) for child in text.read().split()]
            except FileNotFoundError:
                pass
        return found

    def stop(self):
        """Ends it."""
        if self.pid is None:
            return
        os.kill(self.pid, signal.SIGTERM)
        for _ in range(100):
            if os.waitpid(self.pid, os.WNOHANG)[0]:
                break
            time.sleep(0.05)
        else:
            for pid in self.pids():
                os.kill(pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        self.pid = None


def version(name, binary):
    """The version that a server says it has."""
    if name == "floor":
        return "floor: benches/compare/floor"
    flag = {"kinglet": "-V", "before": "-V", "nginx": "-v", "lighttpd": "-v"}[name]
    done = subprocess.run([binary, flag], capture_output=True, text=True, check=False)
    text = (done.stdout + done.stderr).strip().splitlines()
    return text[0] if text else "unknown"
