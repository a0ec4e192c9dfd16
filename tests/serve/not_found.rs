//! What is not there: the page of `error-document-404`, and directories that are missing.

use super::client::Answer;
use super::content::pattern;
use super::server::{Folder, request, until};

#[test]
fn a_mount_whose_directory_is_missing_says_so() {
    let server = Folder::new().file("www/f.txt", "x").serve_www("", "", "");
    assert_eq!(server.status("/f.txt"), 200);
    std::fs::rename(server.folder.at("www"), server.folder.at("gone")).unwrap();
    until("the directory is gone", || server.status("/f.txt") == 503);
    for target in ["/", "/f.txt", "/d/"] {
        for method in ["GET", "HEAD"] {
            let answer = server.ask(method, target, &[]);
            assert_eq!((answer.status, answer.field("Retry-After")), (503, None), "{target}");
            assert_eq!(method == "HEAD", answer.body.is_empty());
            assert!(answer.body.is_empty() || answer.text().contains("directory of this site"));
        }
    }
    std::fs::rename(server.folder.at("gone"), server.folder.at("www")).unwrap();
    until("the directory is back", || server.status("/f.txt") == 200);
}

/// What a 404 with the page of `error-document-404` must be, whatever the request says.
fn is_lost_page(answer: &Answer, method: &str, what: &str) {
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
    until("the document is gone", || server.status("/w/404.html") == 404);
    let short = server.get("/none", &[]);
    assert!(short.status == 404 && short.text().contains("There is no such page"), "{short:?}");
}

#[test]
fn an_error_document_of_any_size_and_coding_arrives_whole() {
    let page = pattern(200_000);
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
        until("the page is gone", || server.status("/404.html") == status);
    }
}
