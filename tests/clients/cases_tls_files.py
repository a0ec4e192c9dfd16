"""Certificates and keys that cannot be used, and that come right later."""

import os
import shutil
import signal

import processes
from secure import (PAPERS, ask, certificate, fingerprint, openssl, read, refusal, settings, vhost)
from stage import case, equal, eventually, matches, true

STANDS_IN = "a self-signed certificate stands in until this is fixed"


def papers(stage, name, **more):
    """Copies of a certificate and its key on the stage; returns their paths."""
    pem, key = PAPERS.leaf(name, **more)
    return (stage.file(f"tls/{name}.pem", read(pem)), stage.file(f"tls/{name}.key", read(key)))


def serve(stage, vhosts):
    """A server that keeps its own certificate on the stage."""
    return stage.serve(vhosts, state_dir=stage.folder("state", 0o755))


def comes_right(stage, name, pem):
    """Waits until new connections show the certificate of a file."""
    wanted = fingerprint(pem)
    eventually(lambda: certificate(stage, name) == wanted, f"{name} shows its own certificate")
    equal(ask(stage, sni=name).status, 200, name)


def spoil_missing(pem, _key):
    """No certificate."""
    os.unlink(pem)


def spoil_missing_key(_pem, key):
    """No key."""
    os.unlink(key)


def spoil_mismatch(_pem, key):
    """The key of another certificate."""
    shutil.copy(PAPERS.leaf("other.test")[1], key)


def spoil_garbage(pem, _key):
    """No PEM at all."""
    with open(pem, "wb") as out:
        out.write(b"\0\xffgarbage\n" * 100)


def spoil_base64(pem, _key):
    """PEM whose content is damaged."""
    text = read(pem)
    with open(pem, "w", encoding="ascii") as out:
        out.write(text[:200] + "****" + text[204:])


def spoil_cut(pem, _key):
    """Half of the file."""
    os.truncate(pem, os.path.getsize(pem) // 2)


def spoil_empty(_pem, key):
    """An empty key."""
    os.truncate(key, 0)


def spoil_directory(pem, _key):
    """A directory."""
    os.unlink(pem)
    os.mkdir(pem)


def spoil_fifo(_pem, key):
    """A FIFO that nobody writes to."""
    os.unlink(key)
    os.mkfifo(key, 0o644)


def spoil_encrypted(_pem, key):
    """A key with a password."""
    openssl("pkey", "-in", key, "-aes128", "-passout", "pass:x", "-out", key + ".new")
    os.chmod(key + ".new", 0o644)
    os.replace(key + ".new", key)


def spoil_swapped(pem, key):
    """Certificate and key the other way round."""
    os.rename(pem, pem + ".old")
    os.rename(key, pem)
    os.rename(pem + ".old", key)


def spoil_long(pem, _key):
    """A file that is longer than any chain."""
    with open(pem, "ab") as out:
        out.write(b"#" * (4 << 20))


WAYS = (spoil_missing, spoil_missing_key, spoil_mismatch, spoil_garbage, spoil_base64, spoil_cut,
        spoil_empty, spoil_directory, spoil_fifo, spoil_encrypted, spoil_swapped, spoil_long)


@case
def wrong_files_and_then_right_ones(stage):
    """every kind of wrong file: a stand-in, a warning that names the file, others untouched; then
    the next connections show the real one"""
    vhosts, spoilt = [vhost(stage)], []
    for number, spoil in enumerate(WAYS):
        name = f"w{number}.test"
        pem, key = papers(stage, name)
        good = (read(pem), read(key))
        spoil(pem, key)
        spoilt.append((name, pem, key, good, spoil.__doc__))
        vhosts.append(vhost(stage, name, (pem, key)))
    server = serve(stage, vhosts)
    equal(ask(stage).status, 200, "the vhost whose files are right")
    log = server.log()
    equal(log.count(STANDS_IN), len(WAYS), "warnings")
    shown = set()
    for name, pem, key, _, what in spoilt:
        true(f"degraded: {pem}" in log or f"degraded: {key}" in log, f"{what} in {log}")
        shown.add(certificate(stage, name))
        equal(ask(stage, sni=name, using=settings(check=False)).status, 200, what)
    own = openssl("x509", "-in", os.path.join(stage.root, "state", "self-signed.crt"), "-noout",
                  "-fingerprint", "-sha256").strip()
    equal(shown, {own}, "the stand-in")
    for name, pem, key, good, _ in spoilt:
        for path, text in zip((pem, key), good):
            if os.path.isdir(path):
                os.rmdir(path)
            # Only root may read them, and the server is nobody by now.
            os.chmod(stage.file("tls/new", text), 0o600)
            os.replace(os.path.join(stage.root, "tls", "new"), path)
    for name, pem, *_ in spoilt:
        comes_right(stage, name, pem)
        matches(f"vhost {name} shows its own certificate now", server.log())
    server.alive()


def children(server):
    """The processes that the one that serves has started."""
    serving = server.serving_pid()
    with open(f"/proc/{serving}/task/{serving}/children", encoding="ascii") as text:
        return text.read().split()


@case
def wrong_files_keep_a_reader(stage):
    """root's rights are kept only while a file is wrong, by a process with nothing open that can
    not outlive its server, not even when that is killed"""
    server = serve(stage, [vhost(stage)])
    equal(ask(stage).status, 200)
    equal(children(server), [], "all is well")
    server.stop()
    pem, key = papers(stage, "late.test")
    good = read(pem)
    os.unlink(pem)
    server = serve(stage, [vhost(stage), vhost(stage, "late.test", (pem, key))])
    # Who does not start as root gives nothing up. A port is open before certificates are read.
    wanted = 1 if os.geteuid() == 0 else 0
    eventually(lambda: len(children(server)) == wanted, "somebody who may still read")
    readers = children(server)
    for reader in readers:
        eventually(lambda one=reader: sorted(os.listdir(f"/proc/{one}/fd")) == list("0123"),
                   "it has nothing open but its socket")
    stage.file("tls/late.test.pem", good, 0o600)
    comes_right(stage, "late.test", pem)
    eventually(lambda: children(server) == [], "nobody keeps rights that nobody needs")
    server.stop()
    os.unlink(pem)
    server = serve(stage, [vhost(stage), vhost(stage, "late.test", (pem, key))])
    equal(ask(stage).status, 200, "it serves")
    readers = children(server)
    equal(len(readers), wanted, "readers")
    server.child.kill()
    server.child.wait()
    for reader in readers:
        # Process 1 is its parent then, and need not wait for it.
        processes.gone(reader)


@case
def wrong_files_dates_do_not_count(stage):
    """an expired certificate is shown all the same, and kinglet -t says so"""
    pem, key = PAPERS.leaf("past.test", expired=True)
    serve(stage, [vhost(stage, "past.test", (pem, key))])
    equal(certificate(stage, "past.test"), fingerprint(pem))
    equal(ask(stage, sni="past.test", using=settings(check=False)).status, 200)
    code, text = stage.run("-t", "-c", os.path.join(stage.root, "conf"))
    matches("(?i)expired|2021", text)
    equal(code, 0, text)


@case
def wrong_files_with_client_certificates(stage):
    """with client-cert-required nothing stands in: closed until the file is right"""
    pem, key = papers(stage, "mutual.test")
    good = read(pem)
    os.unlink(pem)
    server = serve(stage, [vhost(stage), vhost(
        stage, "mutual.test", (pem, key), client_cert_required="1",
        host_ssl_ca=PAPERS.authority("root"))])
    pair = PAPERS.leaf("ann", usage="clientAuth")
    for using in (settings(check=False), settings(check=False, certificate=pair)):
        equal(refusal(stage, "mutual.test", using), "tlsv1_alert_internal_error")
    equal(certificate(stage, "mutual.test"), "", "nothing is shown")
    true(STANDS_IN not in server.log(), "no stand-in")
    equal(ask(stage).status, 200)
    stage.file("tls/mutual.test.pem", good)
    using = settings(certificate=pair)
    eventually(lambda: "answered" in refusal(stage, "mutual.test", using), "it opens")
    equal(refusal(stage, "mutual.test"), "tlsv13_alert_certificate_required")


@case
def wrong_client_authority(stage):
    """host-ssl-ca that cannot be read closes the vhost, until it can"""
    ca = stage.file("tls/ca.pem", "nothing\n")
    serve(stage, [vhost(stage), vhost(stage, "mutual.test", client_cert_required="1",
                                      host_ssl_ca=ca)])
    using = settings(certificate=PAPERS.leaf("ann", usage="clientAuth"))
    equal(refusal(stage, "mutual.test", using), "tlsv1_alert_internal_error")
    equal(ask(stage).status, 200)
    stage.file("tls/ca.pem", read(PAPERS.authority("root")))
    eventually(lambda: "answered" in refusal(stage, "mutual.test", using), "it opens")


@case
def ignore_missing_cert(stage):
    """ignore-missing-cert: handshakes fail and nothing stands in, until the file appears; a file
    that is there and wrong is a fault all the same"""
    pem, key = papers(stage, "late.test")
    good = (read(pem), read(key))
    os.unlink(pem)
    os.unlink(key)
    wrong = papers(stage, "wrong.test")
    spoil_garbage(*wrong)
    server = serve(stage, [vhost(stage), vhost(stage, "late.test", (pem, key),
                                               ignore_missing_cert="1"),
                           vhost(stage, "wrong.test", wrong, ignore_missing_cert="1")])
    got = refusal(stage, "late.test", settings(check=False))
    true("alert" in got, got)
    equal(certificate(stage, "late.test"), "", "nothing is shown")
    true(certificate(stage, "wrong.test"), "a stand-in for the wrong one")
    equal(server.log().count(STANDS_IN), 1, "warnings")
    equal(ask(stage).status, 200)
    stage.file("tls/late.test.pem", good[0])
    stage.file("tls/late.test.key", good[1])
    comes_right(stage, "late.test", pem)


@case
def check_finds_wrong_files(stage):
    """kinglet -t names every file and what is wrong with it, and starts nothing"""
    vhosts, names = [], []
    for number, spoil in enumerate(WAYS):
        pem, key = papers(stage, f"w{number}.test")
        spoil(pem, key)
        vhosts.append(vhost(stage, f"w{number}.test", (pem, key)))
        names.append((pem, key, spoil.__doc__))
    vhosts.append(vhost(stage, "right.test", PAPERS.leaf("right.test")))
    vhosts.append(vhost(stage, "name.test", PAPERS.leaf("right.test")))
    code, text = stage.run("-t", "-c", stage.configure(vhosts, state_dir=stage.folder("state")))
    for pem, key, what in names:
        true(pem in text or key in text, f"{what} in {text}")
    matches("name.test", text)
    equal(code, 0, text)
    equal(os.listdir(os.path.join(stage.root, "state")), [], "what a check leaves behind")


@case
def pem_files_as_people_have_them(stage):
    """a byte order mark, old and trusted labels: the certificate is shown, every CA counts; what
    is skipped is said by -t and at a start"""
    vhosts, wanted = [vhost(stage)], {}
    spellings = {
        "mark": lambda pem: b"\xef\xbb\xbf" + pem,
        "old": lambda pem: pem.replace(b"CERTIFICATE", b"X509 CERTIFICATE"),
        "trusted": lambda pem: openssl("x509", "-trustout", "-addtrust", "clientAuth",
                                       text=pem.decode()).encode(),
        "indented": lambda pem: pem.replace(b"\n", b"\n  ").replace(b"-----B", b"  -----B", 1),
        "dos": lambda pem: pem.replace(b"\n", b"\r\n"),
    }
    root = read(PAPERS.authority("root")).encode()
    for spelling, spell in spellings.items():
        name = f"{spelling}.test"
        pem, key = papers(stage, name)
        wanted[name] = fingerprint(pem)
        stage.file(f"tls/{name}.pem", spell(read(pem).encode()))
        ca = stage.file(f"tls/{spelling}-ca.pem", spell(root))
        vhosts.append(vhost(stage, name, (pem, key), host_ssl_ca=ca, client_cert_required="1"))
    chain = openssl("crl2pkcs7", "-nocrl", "-certfile", PAPERS.authority("middle"))
    mixed = stage.file("tls/mixed.pem", chain.encode() + root)
    vhosts.append(vhost(stage, "mixed.test", host_ssl_ca=mixed, client_cert_required="1"))
    server = serve(stage, vhosts)
    ann = settings(certificate=PAPERS.leaf("ann", usage="clientAuth"))
    for name, print_ in wanted.items():
        # Who shows nothing sees the certificate in TLS 1.3 all the same.
        equal(certificate(stage, name), print_, name)
        equal(ask(stage, sni=name, using=ann).status, 200, name)
    said = f"{mixed}: line 1: the section \"PKCS7\" is skipped"
    true(said in server.log(), server.log())
    code, text = stage.run("-t", "-c", os.path.join(stage.root, "conf"))
    equal(code, 0, text)
    equal(text.count("is skipped"), 1, text)
    true(said in text, text)


def reload(stage, code):
    """What `kinglet reload` prints; its exit code is checked."""
    got, text = stage.run("reload", "-c", os.path.join(stage.root, "conf"))
    equal(got, code, text)
    return text


@case
def reload_keeps_a_good_certificate(stage):
    """files that have gone wrong reject the reload, whatever is wrong with them, and the terminal
    says so; the certificate is shown on, also by a worker that follows one that was killed"""
    vhosts, names = [vhost(stage)], []
    for number, spoil in enumerate(WAYS):
        name = f"w{number}.test"
        pem, key = papers(stage, name)
        vhosts.append(vhost(stage, name, (pem, key)))
        names.append((name, pem, key, fingerprint(pem), (read(pem), read(key)), spoil))
    server = serve(stage, vhosts)
    for name, pem, key, wanted, good, spoil in names:
        equal(certificate(stage, name), wanted)
        spoil(pem, key)
        text = reload(stage, 78)
        true(f"degraded: {pem}" in text or f"degraded: {key}" in text, f"{spoil.__doc__} in {text}")
        matches(rf"error: the vhost {name} on 127\.0\.0\.1:\d+ would lose its good certificate",
                text)
        equal(certificate(stage, name), wanted, spoil.__doc__)
        if spoil in (spoil_missing, spoil_mismatch):
            # Another worker of the same plan has to show what this one did.
            before = processes.worker(server)
            os.kill(before, signal.SIGKILL)
            processes.replaced(server, before)
            eventually(lambda one=name: certificate(stage, one), f"{name} answers")
            equal(certificate(stage, name), wanted, f"{spoil.__doc__} after a worker's death")
        for path, content in zip((pem, key), good):
            if os.path.isdir(path):
                os.rmdir(path)
            os.replace(stage.file("tls/new", content), path)
        matches("nothing has changed", reload(stage, 0))


@case
def reload_keeps_a_certificate_that_came_late(stage):
    """a vhost that was wrong at the start and came right keeps what it shows by then; one that is
    wrong as before rejects nothing, and is told again"""
    late, wrong = papers(stage, "late.test"), papers(stage, "wrong.test")
    spoil_garbage(*wrong)
    good = read(late[1])
    os.unlink(late[1])
    sites = [vhost(stage), vhost(stage, "late.test", late), vhost(stage, "wrong.test", wrong)]
    server = serve(stage, sites)
    stage.file("tls/late.test.key", good)
    comes_right(stage, "late.test", late[0])
    os.truncate(late[1], 0)
    matches("vhost late.test on .* would lose", reload(stage, 78))
    equal(certificate(stage, "late.test"), fingerprint(late[0]))
    server.signal(signal.SIGUSR2)
    eventually(lambda: "the supervisor goes on with" in server.log(), "another supervisor")
    matches("vhost late.test on .* would lose", reload(stage, 78))
    stage.file("tls/late.test.key", good)
    text = reload(stage, 0)
    matches(f"degraded: {wrong[0]}: .*{STANDS_IN}", text)
    true("would lose" not in text, text)
    equal(certificate(stage, "late.test"), fingerprint(late[0]))


@case
def reload_keeps_a_good_authority(stage):
    """host-ssl-ca that has gone wrong rejects the reload; an expired certificate is served, and
    the terminal says that it is expired"""
    ca = stage.file("tls/ca.pem", read(PAPERS.authority("root")))
    pem, key = papers(stage, "old.test")
    serve(stage, [vhost(stage, "mutual.test", client_cert_required="1", host_ssl_ca=ca),
                  vhost(stage, "old.test", (pem, key))])
    using = settings(certificate=PAPERS.leaf("ann", usage="clientAuth"))
    true("answered" in refusal(stage, "mutual.test", using), "it is open")
    stage.file("tls/ca.pem", "nothing\n")
    matches(r"ca\.pem.*mutual\.test on .* would lose", reload(stage, 78))
    true("answered" in refusal(stage, "mutual.test", using), "it stays open")
    stage.file("tls/ca.pem", read(PAPERS.authority("root")))
    expired = PAPERS.leaf("old.test", expired=True)
    for path, source in zip((pem, key), expired):
        os.replace(stage.file("tls/new", read(source)), path)
    matches("(?i)expired|2021", reload(stage, 0))
    equal(certificate(stage, "old.test"), fingerprint(pem))
