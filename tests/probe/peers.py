"""Starts a server on a free port with the probe's site: kinglet, nginx or lighttpd."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import time

import site_layout as site


def free_port():
    """A TCP port that nothing listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def write(path, text):
    """Writes a text file that everyone can read."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as out:
        out.write(text)
    os.chmod(path, 0o644)


def kinglet(root, docs, port, path):
    """An lwsws configuration directory and the command that serves it."""
    conf = os.path.join(root, "kinglet")
    write(os.path.join(conf, "conf"), '{ "global": { "timeout-secs": "20" } }\n')
    vhost = {"name": "probe.test", "port": str(port), "interface": "127.0.0.1", "mounts": [
        {"mountpoint": "/", "origin": "file://" + docs, "default": "index.html"},
        {"mountpoint": "/moved", "origin": ">http://target.example/new"}]}
    write(os.path.join(conf, "conf.d", "probe"), json.dumps({"vhosts": [vhost]}, indent=1))
    return [path or "target/release/kinglet", "-c", conf]


def nginx(root, docs, port, path):
    """An equivalent nginx configuration."""
    user = "user root;" if os.getuid() == 0 else ""
    write(os.path.join(root, "nginx.conf"), f"""
{user} worker_processes 1; daemon off; pid {root}/nginx.pid; error_log {root}/nginx.log;
events {{ worker_connections 512; }}
http {{
  include /etc/nginx/mime.types; default_type application/octet-stream; access_log off;
  client_body_temp_path {root}/t1; proxy_temp_path {root}/t2; fastcgi_temp_path {root}/t3;
  uwsgi_temp_path {root}/t4; scgi_temp_path {root}/t5; keepalive_requests 1000;
  sendfile on; gzip_static on; gzip_vary on; if_modified_since before;
  server_tokens off; absolute_redirect off;
  client_max_body_size 64m; max_ranges 16;
  server {{ listen 127.0.0.1:{port}; server_name probe.test; root {docs}; index index.html;
    location = /moved {{ return 301 http://target.example/new; }} }}
}}
""")
    return [path or shutil.which("nginx") or "/usr/sbin/nginx", "-c",
            os.path.join(root, "nginx.conf"), "-p", root]


def lighttpd(root, docs, port, path):
    """An equivalent lighttpd configuration."""
    write(os.path.join(root, "lighttpd.conf"), f"""
server.modules = ("mod_redirect", "mod_deflate")
server.document-root = "{docs}"
server.port = {port}
server.bind = "127.0.0.1"
server.errorlog = "{root}/lighttpd.log"
server.max-keep-alive-requests = 1000
server.feature-flags = ("server.h2proto" => "disable", "server.h2c" => "disable")
index-file.names = ("index.html")
include_shell "/usr/share/lighttpd/create-mime.conf.pl"
deflate.mimetypes = ("text/plain")
deflate.allowed-encodings = ("gzip")
deflate.min-compress-size = 1000
url.redirect = ("^/moved($|\\?)" => "http://target.example/new")
""")
    return [path or shutil.which("lighttpd") or "/usr/sbin/lighttpd", "-D", "-f",
            os.path.join(root, "lighttpd.conf")]


STARTERS = {"kinglet": kinglet, "nginx": nginx, "lighttpd": lighttpd}


@contextlib.contextmanager
def serve(what, root):
    """Builds the site below `root`, runs the server and yields its (host, port)."""
    name, _, path = what.partition(":")
    if name not in STARTERS:
        raise SystemExit(f"probe: unknown server {name!r}: one of {sorted(STARTERS)}")
    os.chmod(root, 0o755)
    docs = site.build(root)
    time.sleep(3.5)  # a server may call the validators of files that just changed weak
    port = free_port()
    command = STARTERS[name](root, docs, port, path)
    with open(os.path.join(root, "server.log"), "wb") as log:
        child = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            wait_for(child, port, log.name)
            yield ("127.0.0.1", port)
            if child.poll() is not None:
                raise SystemExit(f"probe: {name} ended by itself with {child.returncode}")
        finally:
            child.terminate()
            try:
                child.wait(15)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def wait_for(child, port, log):
    """Returns when the port answers; ends the program when the server does not start."""
    for _ in range(500):
        if child.poll() is not None:
            break
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        time.sleep(0.02)
    with open(log, encoding="utf-8", errors="replace") as text:
        raise SystemExit("probe: the server did not start:\n" + text.read())
