//! Which vhost and which mount answer, and what they put into every answer.

use super::client::Client;
use super::server::{Folder, request};

const TWO_HOSTS: &str = r#"{ "vhosts": [
    { "name": "first.test", "port": 80,
      "mounts": [{ "mountpoint": "/", "origin": "file://DIR/first" }] },
    { "name": "second.test", "port": 80,
      "mounts": [{ "mountpoint": "/", "origin": "file://DIR/second" }] },
    { "name": "*.wild.test", "port": 80,
      "mounts": [{ "mountpoint": "/", "origin": "file://DIR/wild" }] },
    { "name": "first.test", "port": 81,
      "mounts": [{ "mountpoint": "/", "origin": "file://DIR/other" }] } ] }"#;

#[test]
fn the_host_chooses_the_vhost() {
    let server = ["first", "second", "wild", "other"]
        .iter()
        .fold(Folder::new(), |folder, name| folder.file(&format!("{name}/a.txt"), name))
        .serve(TWO_HOSTS);
    for (host, vhost) in [
        ("first.test", "first"),
        ("second.test", "second"),
        ("SECOND.Test:80", "second"),
        ("second.test.", "second"),
        ("x.second.test", "second"),
        ("xsecond.test", "first"),
        ("second", "first"),
        ("s", "first"),
        ("a.wild.test", "wild"),
        ("a.b.wild.test:1", "wild"),
        ("127.0.0.1", "first"),
        ("[::1]:80", "first"),
    ] {
        let answer = server.get("/a.txt", &[&format!("Host: {host}")]);
        assert_eq!((answer.status, answer.text()), (200, vhost), "{host}");
    }
    let absolute = server.get("http://second.test/a.txt", &["Host: first.test"]);
    assert_eq!(absolute.text(), "second");
    let mut old = server.connect();
    old.send("GET /a.txt HTTP/1.0\r\n\r\n");
    assert_eq!(old.answer().text(), "first");
    let other_port = server.ask_at(server.addresses[1], "GET", "/a.txt", &["Host: second.test"]);
    assert_eq!(other_port.text(), "other");
}

/// Clients ask for the A-label, whatever their user types.
#[test]
fn a_name_beyond_ascii_is_found_by_its_a_label() {
    let server = Folder::new().file("first/a.txt", "first").file("second/d/a.txt", "second").serve(
        r#"{ "vhosts": [
            { "name": "first.test", "port": 80,
              "mounts": [{ "mountpoint": "/", "origin": "file://DIR/first" }] },
            { "name": "Müller.lan", "port": 80, "aliases": ["*.bücher.test"],
              "mounts": [{ "mountpoint": "/", "origin": "file://DIR/second" },
                         { "mountpoint": "/to", "origin": ">https://müller.lan" }] } ] }"#,
    );
    for host in ["xn--mller-kva.lan", "XN--MLLER-KVA.lan", "x.xn--bcher-kva.test"] {
        assert_eq!(server.get("/d/a.txt", &[&format!("Host: {host}")]).text(), "second", "{host}");
    }
    let host = "Host: xn--mller-kva.lan";
    let answer = server.get("/d", &[host]);
    assert_eq!(answer.field("location"), Some("http://xn--mller-kva.lan/d/"));
    let answer = server.get("/to/x", &[host]);
    assert_eq!(answer.field("location"), Some("https://xn--mller-kva.lan/x"));
    // In a request a name is ASCII (RFC 3986 section 3.2.2).
    assert_eq!(server.get("/d/a.txt", &["Host: müller.lan"]).status, 400);
}

#[test]
fn the_longest_mountpoint_answers() {
    let names = ["root", "a", "ab", "exact"];
    let server = names
        .iter()
        .fold(Folder::new(), |folder, name| folder.file(&format!("{name}/f.txt"), name))
        .file("exact/index.html", "exactly")
        .serve(
            r#"{ "vhosts": [{ "name": "a.test", "port": 80, "mounts": [
            { "mountpoint": "/", "origin": "file://DIR/root" },
            { "mountpoint": "/a", "origin": "file://DIR/a" },
            { "mountpoint": "/a/b", "origin": "file://DIR/ab" },
            { "mountpoint": "/one", "origin": "file://DIR/exact", "exact-match": "1" },
            { "mountpoint": "/later", "origin": "cgi:///bin/true" } ] }] }"#,
        );
    for (target, status, text) in [
        ("/f.txt", 200, "root"),
        ("/a/f.txt", 200, "a"),
        ("/a/b/f.txt", 200, "ab"),
        ("/a/%62/f.txt", 200, "ab"),
        ("/a/x/../b/f.txt", 200, "ab"),
        ("/a//b///f.txt", 200, "ab"),
        ("/one", 200, "exactly"),
    ] {
        let answer = server.get(target, &[]);
        assert_eq!((answer.status, answer.text()), (status, text), "{target}");
    }
    // Not at a boundary, so the root's, which has no such file.
    assert_eq!(server.status("/ab/f.txt"), 404);
    assert_eq!(server.status("/a/bf.txt"), 404);
    assert_eq!(server.status("/one/f.txt"), 404);
    assert_eq!(server.status("/A/f.txt"), 404);
    assert_eq!(server.status("/later"), 501);
}

#[test]
fn a_path_without_a_mount_is_404() {
    let server = Folder::new().file("www/f.txt", "x").serve(
        r#"{ "vhosts": [{ "name": "a.test", "port": 80, "mounts": [
            { "mountpoint": "/only", "origin": "file://DIR/www" }] }] }"#,
    );
    assert_eq!(server.status("/"), 404);
    assert_eq!(server.status("/only/f.txt"), 200);
}

#[test]
fn methods_are_answered_by_what_is_there() {
    let server = Folder::new().file("www/f.txt", "x").serve_www("", "", "");
    for (method, target, status, allow) in [
        ("HEAD", "/f.txt", 200, None),
        ("OPTIONS", "/f.txt", 204, Some("GET, HEAD, OPTIONS")),
        ("OPTIONS", "*", 204, Some("GET, HEAD, OPTIONS")),
        ("POST", "/f.txt", 405, Some("GET, HEAD, OPTIONS")),
        ("PUT", "/new.txt", 405, Some("GET, HEAD, OPTIONS")),
        ("DELETE", "/f.txt", 405, Some("GET, HEAD, OPTIONS")),
        ("TRACE", "/f.txt", 405, Some("GET, HEAD, OPTIONS")),
        ("CONNECT", "a.test:80", 405, Some("GET, HEAD, OPTIONS")),
        ("get", "/f.txt", 501, None),
        ("BREW", "/f.txt", 501, None),
    ] {
        let answer = server.ask(method, target, &[]);
        assert_eq!((answer.status, answer.field("Allow")), (status, allow), "{method}");
    }
    assert!(server.folder.at("www/f.txt").exists());
}

const REDIRECTS: &str = r#"{ "vhosts": [{ "name": "a.test", "port": 80, "mounts": [
    { "mountpoint": "/", "origin": ">https://new.test" },
    { "mountpoint": "/exact", "origin": "^http://new.test/there" },
    { "mountpoint": "/slash", "origin": ">https://new.test:8443/" },
    { "mountpoint": "/six", "origin": ">https://[2001:db8::1]:8443/" },
    { "mountpoint": "/off", "origin": ">https://new.test", "append-path": "off" },
    { "mountpoint": "/front", "origin": ">https://new.test/", "append-path": "off" },
    { "mountpoint": "/append", "origin": ">http://new.test/base", "append-path": "1" } ] }] }"#;

#[test]
fn redirect_mounts_lead_away() {
    let server = Folder::new().serve(REDIRECTS);
    for (method, target, status, location) in [
        ("GET", "/", 301, "https://new.test/"),
        ("GET", "/x/y?a=b&c", 301, "https://new.test/x/y?a=b&c"),
        ("HEAD", "/x", 301, "https://new.test/x"),
        ("POST", "/x", 308, "https://new.test/x"),
        ("GET", "/exact/x?q", 301, "http://new.test/there"),
        ("GET", "/slash/x/y?a=b&c", 301, "https://new.test:8443/x/y?a=b&c"),
        ("GET", "/slash/", 301, "https://new.test:8443/"),
        ("GET", "/slash", 301, "https://new.test:8443"),
        ("GET", "/slash?q", 301, "https://new.test:8443/?q"),
        ("GET", "/six/a%20b?q", 301, "https://[2001:db8::1]:8443/a%20b?q"),
        ("GET", "/off/x?q", 301, "https://new.test"),
        ("GET", "/front/x?q", 301, "https://new.test/"),
        ("GET", "/append/x?q", 301, "http://new.test/base/x?q"),
        ("GET", "/a%20%3f", 301, "https://new.test/a%20%3F"),
        ("GET", "/%22%3Cx", 301, "https://new.test/%22%3Cx"),
    ] {
        let answer = server.ask(method, target, &["Content-Length: 0"]);
        assert_eq!(answer.status, status, "{method} {target}");
        assert_eq!(answer.value("Location"), location, "{method} {target}");
        assert!(answer.body.is_empty());
    }
    let split = server.get("/a%0d%0aSet-Cookie:x", &[]);
    assert_eq!((split.status, split.field("Location")), (400, None));
}

#[test]
fn a_directory_without_its_slash_leads_to_it() {
    let server = Folder::new().file("www/d/index.html", "in d").file("m/index.html", "m").serve(
        r#"{ "vhosts": [{ "name": "a.test", "port": 80, "mounts": [
            { "mountpoint": "/", "origin": "file://DIR/www" },
            { "mountpoint": "/m", "origin": "file://DIR/m" }] }] }"#,
    );
    // Whoever forges a name is led by path alone, and nobody else with him.
    let local = format!("http://{}", server.address);
    for (target, host, location) in [
        ("/d", "a.test", "http://a.test/d/".to_owned()),
        ("/d?x=1", "a.test", "http://a.test/d/?x=1".to_owned()),
        ("/m", "a.test:8080", "http://a.test:8080/m/".to_owned()),
        ("/d", "www.a.test", "http://www.a.test/d/".to_owned()),
        ("/m", "evil.test", "/m/".to_owned()),
        ("/d", "evil.test:99", "/d/".to_owned()),
        ("/d", "a.test.evil.test", "/d/".to_owned()),
        ("/d", &server.address.to_string(), format!("{local}/d/")),
        ("//d", "evil.test", "/d/".to_owned()),
        ("/d", "127.0.0.2", "/d/".to_owned()),
        ("/d", "[::1]", "/d/".to_owned()),
    ] {
        let answer = server.get(target, &[&format!("Host: {host}")]);
        assert_eq!((answer.status, answer.value("Location")), (301, &*location), "{host}{target}");
    }
    assert_eq!(server.get("/d/", &[]).text(), "in d");
    assert_eq!(server.get("/m/", &[]).text(), "m");
    assert_eq!(server.ask("POST", "/m", &["Content-Length: 0"]).status, 308);
}

#[test]
fn headers_are_in_every_answer() {
    let server = Folder::new().file("www/f.txt", "x").serve(
        r#"{ "global": { "server-string": "kinglet-test" }, "vhosts": [{ "name": "a.test",
            "port": 80, "sts": "on", "headers": [{ "X-A": "1" }, { "X-B": "vhost" }], "mounts": [
            { "mountpoint": "/", "origin": "file://DIR/www" },
            { "mountpoint": "/m", "origin": "file://DIR/www", "headers": [{ "X-B": "mount" }] },
            { "mountpoint": "/r", "origin": ">http://x.test" }] }] }"#,
    );
    for (method, target, status, b) in [
        ("GET", "/f.txt", 200, "vhost"),
        ("HEAD", "/f.txt", 200, "vhost"),
        ("GET", "/m/f.txt", 200, "mount"),
        ("GET", "/none.txt", 404, "vhost"),
        ("GET", "/m/none.txt", 404, "mount"),
        ("GET", "/r", 301, "vhost"),
        ("POST", "/f.txt", 405, "vhost"),
        ("GET", "bad", 400, "vhost"),
    ] {
        let answer = server.ask(method, target, &[]);
        assert_eq!(answer.status, status, "{method} {target}");
        assert_eq!(answer.value("X-A"), "1", "{target}");
        assert_eq!(answer.value("X-B"), b, "{target}");
        assert_eq!(answer.value("Server"), "kinglet-test", "{target}");
        let sts = "max-age=15768000 ; includeSubDomains";
        assert_eq!(answer.value("Strict-Transport-Security"), sts, "{target}");
    }
}

#[test]
fn without_a_server_string_there_is_no_server_field() {
    let server = Folder::new().file("www/f.txt", "x").serve_www("", "", "");
    let answer = server.get("/f.txt", &[]);
    assert_eq!(answer.field("Server"), None);
    assert_eq!(answer.field("Strict-Transport-Security"), None);
}

#[test]
fn service_is_refused_by_keyword() {
    let server = Folder::new().file("www/f.txt", "x").serve_www(
        r#""reject-service-keywords": [{ "BadBot": "404 Go away" }, { "curl": "403 No" }],"#,
        "",
        "",
    );
    let answer = server.get("/f.txt", &["User-Agent: Mozilla BadBot/1.0"]);
    assert_eq!((answer.status, answer.text()), (404, "<h1>404</h1>Go away"));
    let head = server.ask("HEAD", "/f.txt", &["User-Agent: curl/8"]);
    assert_eq!((head.status, head.value("Content-Length")), (403, "14"));
    assert_eq!(server.get("/f.txt", &["User-Agent: badbot"]).status, 200);
    // The refusal is the last answer.
    let mut client = Client::connect(server.address);
    let bad = request("GET", "/f.txt", &["User-Agent: BadBot"]);
    client.send(bad + &request("GET", "/f.txt", &[]));
    assert_eq!(client.answer().status, 404);
    client.ends();
}

#[test]
fn addresses_are_allowed_and_denied() {
    let server = Folder::new().file("www/f.txt", "x").serve(
        r#"{ "vhosts": [
            { "name": "denied.test", "port": 80, "deny": ["127.0.0.0/8"], "mounts": [
                { "mountpoint": "/", "origin": "file://DIR/www" }] },
            { "name": "allowed.test", "port": 80, "allow": ["127.0.0.1"], "mounts": [
                { "mountpoint": "/", "origin": "file://DIR/www" },
                { "mountpoint": "/m", "origin": "file://DIR/www", "deny": ["127.0.0.1"] }] },
            { "name": "others.test", "port": 80, "allow": ["192.0.2.0/24"], "mounts": [
                { "mountpoint": "/", "origin": "file://DIR/www" },
                { "mountpoint": "/r", "origin": ">http://x.test" }] } ] }"#,
    );
    for (host, target, status) in [
        ("denied.test", "/f.txt", 403),
        ("allowed.test", "/f.txt", 200),
        ("allowed.test", "/m/f.txt", 403),
        ("others.test", "/f.txt", 403),
        ("others.test", "/r", 403),
    ] {
        assert_eq!(server.get(target, &[&format!("Host: {host}")]).status, status, "{host}");
    }
}
