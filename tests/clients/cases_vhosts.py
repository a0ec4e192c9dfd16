"""Virtual hosts, listeners, headers that a vhost adds."""

import socket

from stage import case, equal, free_port, matches, true


@case
def vhosts_by_host(stage):
    """exact, any case, subdomains at a dot; anything else gets the first vhost"""
    hosts = []
    for name in ("first.test", "other.test"):
        stage.file(f"{name}/index.html", name)
        hosts.append(stage.vhost([stage.mount("/", f"file://{stage.root}/{name}")], name=name))
    stage.serve(hosts)
    table = {"first.test": "first.test", "other.test": "other.test", "OTHER.TEST": "other.test",
             f"other.test:{stage.port}": "other.test", "a.b.other.test": "other.test",
             "unknown.test": "first.test", "o": "first.test", "xother.test": "first.test",
             "other.tes": "first.test", "127.0.0.1": "first.test"}
    for host, wanted in table.items():
        equal(stage.ask("/", host=host).body.decode(), wanted, host)


@case
def vhosts_on_two_ports(stage):
    """each port has its own vhosts"""
    port = free_port()
    stage.file("two/index.html", "two")
    stage.serve([stage.vhost(), stage.vhost([stage.mount("/", f"file://{stage.root}/two")],
                                            port=str(port), name="two.test")])
    matches("home", stage.ask("/", host="two.test").body.decode())
    first, stage.port = stage.port, port
    equal(stage.ask("/", host="stage.test").body, b"two")
    stage.port = first


@case
def headers_of_vhost_and_mount(stage):
    """vhost headers on every answer, mount headers below the mount; server-string"""
    stage.serve([stage.vhost([stage.mount(), stage.mount("/m", headers=[{"X-Mount": "m"}]),
                              stage.mount("/go", ">http://target.test/")],
                             headers=[{"X-One": "1", "X-Two": "a, b"}])],
                server_string="stage v1")
    for path, status in {"/": 200, "/missing.txt": 404, "/go": 301, "/m": 301}.items():
        answer = stage.ask(path)
        equal(answer.status, status, path)
        equal((answer.get("x-one"), answer.get("x-two")), ("1", "a, b"), path)
        equal(answer.get("server"), "stage v1", path)
    equal(stage.ask("/").get("x-mount"), None)
    equal(stage.ask("/m/small.txt").get("x-mount"), "m")
    tag = stage.ask("/small.txt").get("etag")
    equal(stage.ask("/small.txt", f"If-None-Match: {tag}").get("x-one"), "1")


@case
def strict_transport_security(stage):
    """sts sends lwsws' value"""
    stage.serve([stage.vhost(sts="on")])
    for path in ("/", "/missing.txt"):
        equal(stage.ask(path).get("strict-transport-security"),
              "max-age=15768000 ; includeSubDomains", path)


@case
def error_document(stage):
    """error-document-404 answers with a page of the vhost, at once and with status 404"""
    stage.file("docs/lost.html", "<p>lost page</p>")
    stage.serve([stage.vhost(error_document_404="/lost.html")])
    answer = stage.ask("/missing.txt")
    equal((answer.status, answer.get("location")), (404, None))
    equal(answer.body, b"<p>lost page</p>")
    equal(stage.curl(stage.url("/deep/er/none.html")), b"<p>lost page</p>")
    stage.curl("--fail", stage.url("/none"), code=22)
    code = stage.curl("-o", "/dev/null", "-w", "%{http_code}", "-r", "0-3", stage.url("/none"))
    equal(code, b"404", "a range of what is not there")


@case
def error_document_redirect(stage):
    """error-document-404 with > redirects to the page, as lwsws does"""
    stage.file("docs/lost.html", "<p>lost page</p>")
    stage.serve([stage.vhost(error_document_404=">/lost.html")])
    answer = stage.ask("/missing.txt")
    equal((answer.status, answer.get("location")), (302, "/lost.html"))
    equal(stage.curl("-L", stage.url("/missing.txt")), b"<p>lost page</p>")


@case
def error_document_missing(stage):
    """an error document that is missing itself ends in a plain 404"""
    stage.serve([stage.vhost(error_document_404="/nowhere.html")])
    equal(stage.ask("/missing.txt").status, 404)
    equal(stage.ask("/nowhere.html").status, 404)
    equal(stage.ask("/").status, 200)


@case
def reject_service_keywords(stage):
    """a word in User-Agent is answered with the configured status and text"""
    stage.serve(reject_service_keywords=[{"scumbot": "404 Go away"}, {"otherbot": "403 No"}])
    answer = stage.ask("/", "User-Agent: a scumbot/2")
    equal(answer.status, 404)
    matches("Go away", answer.body.decode())
    equal(stage.ask("/", "User-Agent: otherbot").status, 403)
    equal(stage.ask("/", "User-Agent: SCUMBOT").status, 200)
    equal(stage.ask("/", "Referer: scumbot").status, 200)


@case
def interface_by_name_and_address(stage):
    """interface takes a NIC's name or an address"""
    stage.serve([stage.vhost(interface="lo")])
    equal(stage.ask("/").status, 200)
    other = type(stage)()
    try:
        other.serve([other.vhost(interface="127.0.0.2")], address="127.0.0.2")
        equal(other.ask("/", address="127.0.0.2").status, 200)
        true(refused("127.0.0.1", other.port), "127.0.0.1 is not served")
    finally:
        other.end()


def refused(address, port):
    """Whether nothing listens there."""
    try:
        socket.create_connection((address, port), 5).close()
    except ConnectionRefusedError:
        return True
    return False


@case
def ipv6_and_ipv4(stage):
    """both families by default"""
    stage.serve([stage.vhost(interface=None)])
    equal(stage.ask("/", address="::1").status, 200)
    equal(stage.ask("/", address="127.0.0.1").status, 200)


@case
def ipv6_only(stage):
    """ipv6only leaves IPv4 alone"""
    stage.serve([stage.vhost(interface=None, ipv6only="on")], address="::1")
    equal(stage.ask("/", address="::1", host="[::1]").status, 200)
    true(refused("127.0.0.1", stage.port), "IPv4 is not served")


@case
def no_ipv6(stage):
    """noipv6 leaves IPv6 alone"""
    stage.serve([stage.vhost(interface=None, noipv6="on")])
    true(refused("::1", stage.port), "IPv6 is not served")


@case
def interface_ipv6_address(stage):
    """interface takes an IPv6 address"""
    stage.serve([stage.vhost(interface="::1")], address="::1")
    equal(stage.ask("/small.txt", address="::1").body, b"abcdefghijklmnopqrstuvwxyz")
    true(refused("127.0.0.1", stage.port), "IPv4 is not served")


@case
def interface_missing(stage):
    """an interface that does not exist degrades only its vhost"""
    stage.file("two/index.html", "two")
    server = stage.serve([stage.vhost(), stage.vhost(name="gone.test", interface="nosuch0",
                                                     port=str(free_port()))])
    equal(stage.ask("/").status, 200)
    matches("nosuch0", server.log())
