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
fn a_mount_whose_directory_is_missing_says_so() {
    let server = Folder::new().file("www/f.txt", "x").serve_www("", "", "");
    assert_eq!(server.status("/f.txt"), 200);
    std::fs::rename(server.folder.at("www"), server.folder.at("gone")).unwrap();
    super::server::until("the directory is gone", || server.status("/f.txt") == 503);
    for target in ["/", "/f.txt", "/d/"] {
        for method in ["GET", "HEAD"] {
            let answer = server.ask(method, target, &[]);
            assert_eq!((answer.status, answer.field("Retry-After")), (503, None), "{target}");
            assert_eq!(method == "HEAD", answer.body.is_empty());
            assert!(answer.body.is_empty() || answer.text().contains("directory of this site"));
        }
    }
    std::fs::rename(server.folder.at("gone"), server.folder.at("www")).unwrap();
    super::server::until("the directory is back", || server.status("/f.txt") == 200);
}

/// What a 404 with the page of `error-document-404` must be, whatever the request says.
fn is_lost_page(answer: &super::client::Answer, method: &str, what: &str) {
    assert_eq!((answer.status, answer.value("Content-Length")), (404, "4"), "{what}");
    assert_eq!(answer.text(), if method == "HEAD" { "" } else { "gone" }, "{what}");
    assert_eq!(answer.field("Content-Type"), Some("text/html; charset=utf-8"), "{what}");
    assert_eq!(answer.field("Cache-Control"), Some("no-store"), "{what}");
    for absent in ["Location", "ETag", "Last-Modified", "Content-Range", "Accept-Ranges"] {
        assert_eq!(answer.field(absent), None, "{what}");
    }
}

#[test]
fn an_error_document_comes_at_once_as_404() {
    let server = Folder::new()
        .file("www/404.html", "gone")
        .file("www/f.zzz", "x")
        .file("www/d/f.txt", "x")
        .file("www/.secret.txt", "x")
        .serve(
            r#"{ "vhosts": [{ "name": "a.test", "port": 80, "error-document-404": "/w/404.html",
            "mounts": [{ "mountpoint": "/w", "origin": "file://DIR/www", "cache-max-age": "60",
            "cache-reuse": "1" }] }] }"#,
        );
    let page = server.get("/w/404.html", &[]);
    assert_eq!((page.status, page.text()), (200, "gone"));
    let tag = page.value("ETag").to_owned();
    for target in
        ["/w/none.html", "/w/none/", "/none", "/", "/w/d/", "/w/d/no.zzz", "/w/.secret.txt"]
    {
        for method in ["GET", "HEAD"] {
            for field in [
                "X: y".to_owned(),
                format!("If-None-Match: {tag}"),
                "If-None-Match: *".to_owned(),
                "If-Match: \"x\"".to_owned(),
                "If-Modified-Since: Sun, 06 Nov 2044 08:49:37 GMT".to_owned(),
                "If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT".to_owned(),
                "Range: bytes=1-2".to_owned(),
                "Range: bytes=100-".to_owned(),
                "Range: bytes=0-0,2-2".to_owned(),
            ] {
                let answer = server.ask(method, target, &[&field]);
                is_lost_page(&answer, method, &format!("{method} {target} {field}"));
            }
        }
    }
    assert_eq!(server.status("/w/f.zzz"), 415);
    assert_eq!(server.ask("POST", "/w/none", &["Content-Length: 0"]).status, 405);
    // The connection goes on.
    let mut client = server.connect();
    client.send(request("GET", "/none", &[]) + &request("GET", "/w/404.html", &[]));
    assert_eq!((client.answer().status, client.answer().status), (404, 200));
    // Without the document itself there is no circle.
    std::fs::remove_file(server.folder.at("www/404.html")).unwrap();
    super::server::until("the document is gone", || server.status("/w/404.html") == 404);
    let short = server.get("/none", &[]);
    assert!(short.status == 404 && short.text().contains("There is no such page"), "{short:?}");
}

#[test]
fn an_error_document_of_any_size_and_coding_arrives_whole() {
    let page = super::content::pattern(200_000);
    let folder = Folder::new().file("www/404.html", &page).file("www/404.html.gz", "zipped");
    let server = folder.serve_www("", r#""error-document-404": "/404.html","#, "");
    let mut client = server.connect();
    for _ in 0..2 {
        client.send(request("GET", "/none", &[]) + &request("HEAD", "/none", &[]));
        let (get, head) = (client.answer(), client.answer_to("HEAD"));
        assert!(get.status == 404 && get.body == page);
        assert_eq!(head.head, get.head);
    }
    let zipped = server.get("/none", &["Accept-Encoding: gzip"]);
    assert_eq!((zipped.status, zipped.text()), (404, "zipped"));
    assert_eq!(zipped.value("Content-Encoding"), "gzip");
    assert_eq!(zipped.value("Vary"), "Accept-Encoding");
}

#[test]
fn an_error_document_is_shown_to_those_that_may_see_it() {
    let config = r#"{ "vhosts": [{ "name": "a.test", "port": 80, "error-document-404": "PAGE",
        "mounts": [{ "mountpoint": "/", "origin": "file://DIR/www", "headers": [{ "X-M": "m" }] },
        { "mountpoint": "/in", "origin": "file://DIR/www", "basic-auth": "DIR/users" },
        { "mountpoint": "/shut", "origin": "file://DIR/www", "deny": "127.0.0.1" },
        { "mountpoint": "/away", "origin": ">https://b.test" }] }] }"#;
    let auth = format!("Authorization: Basic {}", "dTpw");
    for (page, open, inside) in [
        ("/in/404.html", "no such page", "gone"),
        ("/shut/404.html", "no such page", "no such page"),
        ("/away/404.html", "no such page", "no such page"),
        ("/f.zzz", "no such page", "no such page"),
        ("/404.html", "gone", "gone"),
    ] {
        let folder = Folder::new().file("www/404.html", "gone").file("users", "u:p\n");
        let server = folder.file("www/f.zzz", "x").serve(&config.replace("PAGE", page));
        for (target, wanted) in [("/none", open), ("/in/none", inside)] {
            let answer = server.get(target, &[&auth]);
            assert_eq!((answer.status, answer.field("WWW-Authenticate")), (404, None));
            assert!(answer.text().contains(wanted), "{page} {target}: {}", answer.text());
            // The fields of the address that was asked for.
            assert_eq!(answer.field("X-M").is_some(), target == "/none");
        }
        assert_eq!(server.status("/in/none"), 401);
    }
}

#[test]
fn an_error_document_behind_a_sign_is_redirected_to() {
    for (value, location) in
        [(">/404.html?lost", "/404.html?lost"), (">https://b.test/lost", "https://b.test/lost")]
    {
        let vhost = format!("\"error-document-404\": \"{value}\",");
        let server = Folder::new().file("www/404.html", "gone").serve_www("", &vhost, "");
        for method in ["GET", "HEAD"] {
            let answer = server.ask(method, "/none", &["Range: bytes=0-0"]);
            assert_eq!((answer.status, answer.value("Location")), (302, location));
            assert_eq!(answer.value("Content-Length"), "0");
        }
        assert_eq!(server.get("/404.html", &[]).status, 200);
        std::fs::remove_file(server.folder.at("www/404.html")).unwrap();
        // No circle where the page itself is missing.
        let status = if value.contains("b.test") { 302 } else { 404 };
        super::server::until("the page is gone", || server.status("/404.html") == status);
    }
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
