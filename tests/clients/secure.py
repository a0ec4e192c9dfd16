"""Certificates, made with openssl when a case first asks for them, and TLS clients."""

import atexit
import os
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading

from stage import PATIENCE_SECS, Failed, eventually, wire

KEYS = {"p256": ("EC", "-pkeyopt", "ec_paramgen_curve:P-256"),
        "p384": ("EC", "-pkeyopt", "ec_paramgen_curve:P-384"),
        "rsa": ("RSA", "-pkeyopt", "rsa_keygen_bits:2048"), "ed25519": ("ED25519",)}
AUTHORITY = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n"
CA_CONF = """[ca]
default_ca = d
[d]
database = {0}/index
new_certs_dir = {0}
rand_serial = yes
default_md = sha256
policy = p
[p]
commonName = supplied
"""


def openssl(*arguments, text=None):
    """Runs openssl to its end; returns what it printed."""
    done = subprocess.run(["openssl", *arguments], input=text, capture_output=True, text=True,
                          check=False, timeout=60)
    if done.returncode:
        raise Failed(f"openssl {arguments}: {done.stderr}")
    return done.stdout


class Papers:
    """A root, an authority in the middle, a foreign root, and what they have signed."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="kinglet-papers-")
        atexit.register(shutil.rmtree, self.folder, True)
        os.chmod(self.folder, 0o755)
        self.lock = threading.RLock()
        self.known = {}

    def path(self, name):
        """A file of the folder."""
        return os.path.join(self.folder, name)

    def key(self, name, kind):
        """A new private key."""
        path = self.path(name + ".key")
        openssl("genpkey", "-algorithm", *KEYS[kind], "-out", path)
        os.chmod(path, 0o644)
        return path

    def authority(self, name):
        """A root's certificate (`root`, `foreign`) or that of `middle`, which `root` signed."""
        with self.lock:
            if name not in self.known:
                self.known[name] = self.path(name + ".pem")
                self.sign(name, self.key(name, "p256"), AUTHORITY,
                          "root" if name == "middle" else None)
        return self.known[name]

    def sign(self, name, key, extensions, issuer, expired=False):
        """Makes NAME.pem for a key."""
        subject = f"/CN={name}"
        request, rules, pem = (self.path(name + end) for end in (".csr", ".ext", ".pem"))
        openssl("req", "-new", "-key", key, "-subj", subject, "-out", request)
        with open(rules, "w", encoding="ascii") as out:
            out.write(extensions)
        if issuer:
            issued_by = ["-CA", self.authority(issuer), "-CAkey", self.path(issuer + ".key")]
        else:
            issued_by = ["-signkey", key]
        if not expired:
            openssl("x509", "-req", "-in", request, "-days", "90", "-extfile", rules,
                    "-out", pem, *issued_by)
            return pem
        folder = self.path("past-" + name)
        os.mkdir(folder)
        with open(folder + "/index", "w", encoding="ascii"):
            pass
        with open(folder + "/conf", "w", encoding="ascii") as out:
            out.write(CA_CONF.format(folder))
        openssl("ca", "-batch", "-notext", "-config", folder + "/conf", "-in", request,
                "-cert", self.authority(issuer), "-keyfile", self.path(issuer + ".key"),
                "-startdate", "20200101000000Z", "-enddate", "20210101000000Z",
                "-extfile", rules, "-out", pem)
        return pem

    def leaf(self, name, kind="p256", issuer="root", expired=False, usage="serverAuth"):
        """Certificate and key of NAME (`*.` and all); `issuer` none = self-signed. The file holds
        the whole chain."""
        title = f"{name}-{kind}-{issuer}-{expired}-{usage}"
        with self.lock:
            if title not in self.known:
                stem = title.replace("*", "any")
                key = self.key(stem, kind)
                extensions = (f"basicConstraints=CA:FALSE\nsubjectAltName=DNS:{name}\n"
                              f"extendedKeyUsage={usage}\n")
                pem = self.sign(stem, key, extensions, issuer, expired)
                if issuer == "middle":
                    with open(pem, "a", encoding="ascii") as out:
                        out.write(read(self.authority("middle")))
                self.known[title] = (pem, key)
        return self.known[title]


PAPERS = Papers()


def read(path):
    """A text file."""
    with open(path, encoding="ascii") as text:
        return text.read()


def fingerprint(pem_path):
    """SHA-256 of the first certificate of a file."""
    return openssl("x509", "-in", pem_path, "-noout", "-fingerprint", "-sha256").strip()


def vhost(stage, name="stage.test", leaf=None, **keys):
    """A TLS vhost on the stage's port; its certificate is made if none is given."""
    pem, key = leaf or PAPERS.leaf(name)
    return stage.vhost(name=name, host_ssl_cert=pem, host_ssl_key=key, **keys)


def settings(check=True, versions=None, certificate=None, ciphers=None):
    """A client's settings; `versions` is "1.2" or "1.3", `certificate` what `leaf` returned."""
    made = ssl.create_default_context(cafile=PAPERS.authority("root"))
    made.set_alpn_protocols(["http/1.1"])
    if not check:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    if versions:
        only = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[versions]
        made.minimum_version = made.maximum_version = only
    if ciphers:
        made.set_ciphers(ciphers)
    if certificate:
        made.load_cert_chain(*certificate)
    return made


class SecureWire(wire.Wire):
    """`Wire` within TLS. `ragged`: the stream ended without close_notify."""

    def __init__(self, port, sni="stage.test", using=None, seconds=PATIENCE_SECS):
        super().__init__(("127.0.0.1", port), seconds)
        self.ragged = False
        using = using or settings()
        using.check_hostname = using.check_hostname and sni is not None
        self.sock = using.wrap_socket(self.sock, server_hostname=sni,
                                      suppress_ragged_eofs=False)
        self.sock.setblocking(False)

    def _wait(self, events, seconds):
        if events & wire.select.POLLIN and self.sock.pending():
            return wire.select.POLLIN
        return super()._wait(events, seconds)

    def send(self, data):
        """Sends everything, and goes on reading."""
        self.sent += data
        view = memoryview(data)
        while view and not self.eof:
            try:
                view = view[self.sock.send(view[:65536]):]
                continue
            except ssl.SSLWantWriteError:
                pass
            except OSError:
                return
            events = self._wait(wire.select.POLLIN | wire.select.POLLOUT, self.seconds)
            if not events:
                raise TimeoutError("the server takes nothing")
            if events & wire.select.POLLIN:
                self._read_some()

    def _read_some(self):
        try:
            data = self.sock.recv(262144)
        except ssl.SSLWantReadError:
            return
        except ssl.SSLEOFError:
            self.ragged, data = True, b""
        except OSError:
            self.ragged, data = True, b""
        self.eof = not data
        self.received += data
        self.pending += data


def request(path="/", *fields, host="stage.test", method="GET", body=b"", close=True):
    """The bytes of a request."""
    fields = [*fields, "Connection: close"] if close else fields
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *fields]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def ask(stage, path="/", *fields, sni="stage.test", host=None, using=None, port=None, **more):
    """One request on a connection of its own; the connection must end with close_notify."""
    with SecureWire(port or stage.port, sni, using) as link:
        link.send(request(path, *fields, host=host or sni or "stage.test", **more))
        answer = link.response(more.get("method", "GET"))
        if answer is None:
            raise Failed(f"{path}: the connection ended without an answer")
        if not link.ends(PATIENCE_SECS) or link.ragged:
            raise Failed(f"{path}: no close_notify at the end")
        return answer


def refusal(stage, sni="stage.test", using=None, port=None):
    """How a connection is refused: the alert's name as OpenSSL has it, or what happened. In TLS
    1.3 the client sees it only when it reads."""
    try:
        with SecureWire(port or stage.port, sni, using) as link:
            link.sock.settimeout(PATIENCE_SECS)
            link.sock.sendall(request(host=sni or "stage.test"))
            return f"answered {link.sock.recv(100)!r}"
    except ssl.SSLError as error:
        return (error.reason or str(error)).lower()
    except OSError as error:
        return type(error).__name__


def certificate(stage, sni="stage.test", port=None):
    """The fingerprint of what the server shows for a name, like `fingerprint`; "" when the
    handshake fails."""
    try:
        with SecureWire(port or stage.port, sni, settings(check=False)) as link:
            der = link.sock.getpeercert(True)
    except OSError:
        return ""
    return openssl("x509", "-noout", "-fingerprint", "-sha256",
                   text=ssl.DER_cert_to_PEM_cert(der)).strip()


class Client:
    """`openssl s_client` that one can talk to."""

    def __init__(self, stage, *arguments, port=None, sni="stage.test"):
        name = ("-servername", sni) if sni else ("-noservername",)
        self.child = subprocess.Popen(
            ["stdbuf", "-o0", "openssl", "s_client", "-connect", f"127.0.0.1:{port or stage.port}",
             "-CAfile", PAPERS.authority("root"), *name, *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0)
        self.got = b""
        self.reader = threading.Thread(target=self.listen, daemon=True)
        self.reader.start()

    def listen(self):
        """Collects what it prints."""
        while part := self.child.stdout.read(65536):
            self.got += part

    def text(self):
        """What it has printed so far."""
        return self.got.decode("latin-1")

    def say(self, data):
        """Types something."""
        try:
            self.child.stdin.write(data)
        except BrokenPipeError:
            pass

    def see(self, pattern):
        """Waits until it has printed that."""
        try:
            return eventually(lambda: re.search(pattern, self.text(), re.S), pattern)
        except Failed:
            raise Failed(f"s_client never prints {pattern!r}: {self.text()[-1500:]}") from None

    def end(self):
        """Waits until it has ended by itself; returns everything that it printed."""
        try:
            self.child.wait(PATIENCE_SECS)
        except subprocess.TimeoutExpired:
            self.child.kill()
            raise Failed(f"s_client does not end: {self.text()[-1500:]}") from None
        finally:
            self.child.stdin.close()
        self.reader.join(PATIENCE_SECS)
        self.child.stdout.close()
        return self.text()


def s_client(stage, *arguments, port=None, sni="stage.test", host=None, path="/"):
    """Fetches a page with openssl s_client; returns everything that it printed."""
    client = Client(stage, "-ign_eof", *arguments, port=port, sni=sni)
    client.say(request(path, host=host or sni or "stage.test"))
    return client.end()


def idle_ticks(server):
    """Clock ticks of CPU that a server has used."""
    with open(f"/proc/{server.child.pid}/stat", encoding="ascii") as text:
        fields = text.read().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def raw(stage, data, finish=False, port=None):
    """Sends bytes as they are; returns what came until the server ended the connection."""
    got = b""
    with socket.create_connection(("127.0.0.1", port or stage.port), 10) as link:
        link.settimeout(PATIENCE_SECS)
        try:
            link.sendall(data)
            if finish:
                link.shutdown(socket.SHUT_WR)
            while part := link.recv(65536):
                got += part
        except ConnectionError:
            pass
    return got
