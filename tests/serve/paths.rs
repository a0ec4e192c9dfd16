//! From a URL path to a file: default documents, listings, and everything that stays closed.

use std::os::unix::fs::symlink;
use std::process::Command;

use super::server::{Folder, Server, until};

const SECRET: &str = "not for visitors";

/// A docroot with everything in it that must not be followed, and a secret beside it.
fn tricky(mount: &str) -> Server {
    let folder = Folder::new()
        .file("secret.txt", SECRET)
        .file("www2/secret.txt", SECRET)
        .file("www/index.html", "home")
        .file("www/in.txt", "inside")
        .file("www/sub/deep.txt", "deep")
        .file("www/.hidden.txt", SECRET)
        .file("www/.git/config.txt", SECRET)
        .file("www/.well-known/x.txt", "known");
    let www = folder.at("www");
    symlink(folder.at("secret.txt"), www.join("out.txt")).unwrap();
    symlink("../secret.txt", www.join("up.txt")).unwrap();
    symlink("in.txt", www.join("ok.txt")).unwrap();
    symlink("../in.txt", www.join("sub/back.txt")).unwrap();
    symlink("..", www.join("parent")).unwrap();
    symlink("loop.txt", www.join("loop.txt")).unwrap();
    symlink("/etc", www.join("etc")).unwrap();
    let made = Command::new("mkfifo").arg(www.join("pipe.txt")).status().unwrap();
    assert!(made.success());
    folder.serve_www("", "", mount)
}

#[test]
fn a_fragment_changes_neither_the_file_nor_a_redirect() {
    let server = tricky("");
    assert_eq!(server.get("/in.txt#part", &[]).body, b"inside");
    assert_eq!(server.get("/in.txt?q#part", &[]).body, b"inside");
    assert_eq!(server.get("/#/../in.txt", &[]).body, b"home");
    let answer = server.get("/sub?q#part", &[]);
    let location = answer.field("location").map(str::to_owned);
    assert_eq!((answer.status, location.as_deref()), (301, Some("http://a.test/sub/?q")));
}

#[test]
fn nothing_outside_of_the_docroot_is_served() {
    let server = tricky("");
    for target in [
        "/../secret.txt",
        "/sub/../../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/%2e%2e%2fsecret.txt",
        "/.%2e/secret.txt",
        "/sub/%2e%2e/%2e%2e/secret.txt",
        "/..%5csecret.txt",
        "/..\\secret.txt",
        "/%252e%252e/secret.txt",
        "/..;/secret.txt",
        "/../www2/secret.txt",
        "/%c0%ae%c0%ae/secret.txt",
        "/....//secret.txt",
        "//secret.txt",
        "/out.txt",
        "/up.txt",
        "/parent/secret.txt",
        "/etc/hosts",
        "/etc/hostname",
        "/loop.txt",
        "/secret.txt%00.txt",
        "http://a.test/../secret.txt",
        "/pipe.txt",
        "/.hidden.txt",
        "/.git/config.txt",
        "/%2ehidden.txt",
        "/sub/..%2f.hidden.txt",
    ] {
        for method in ["GET", "HEAD"] {
            let answer = server.ask(method, target, &[]);
            assert!(matches!(answer.status, 400 | 403 | 404), "{target}: {}", answer.status);
            assert!(!answer.text().contains(SECRET), "{target}");
        }
    }
    for (target, text) in [
        ("/in.txt", "inside"),
        ("/ok.txt", "inside"),
        ("/sub/back.txt", "inside"),
        ("/sub/../in.txt", "inside"),
        ("/../in.txt", "inside"),
        ("/./%69n.txt", "inside"),
        ("//sub//deep.txt", "deep"),
        ("/.well-known/x.txt", "known"),
        ("/in.txt?q=/../x", "inside"),
    ] {
        let answer = server.get(target, &[]);
        assert_eq!((answer.status, answer.text()), (200, text), "{target}");
    }
}

#[test]
fn a_mount_may_allow_links_and_dotfiles() {
    let server = tricky(r#""follow-symlinks": "1", "dotfiles": "1","#);
    for target in ["/out.txt", "/up.txt", "/parent/secret.txt", "/.hidden.txt", "/.git/config.txt"]
    {
        assert_eq!(server.get(target, &[]).text(), SECRET, "{target}");
    }
    assert_eq!(server.status("/loop.txt"), 404);
    // Still no file, and nobody waits for its writer.
    assert_eq!(server.status("/pipe.txt"), 403);
    assert_eq!(server.get("/", &[]).text(), "home");
}

#[test]
fn malformed_paths_are_400() {
    let server = tricky("");
    for target in ["/%", "/%2", "/%zz", "/a%00b", "/%0a"] {
        assert_eq!(server.status(target), 400, "{target}");
    }
    assert_eq!(server.status(&format!("/{}", "a".repeat(5000))), 404);
    assert_eq!(server.status(&format!("/{}x", "a/".repeat(2000))), 404);
}

#[test]
fn default_documents() {
    let server = Folder::new()
        .file("www/index.html", "index")
        .file("www/home.txt", "home")
        .file("www/d/index.html/x.txt", "a directory of that name")
        .file("www/e/home.txt", "home of e")
        .serve(
            r#"{ "vhosts": [{ "name": "a.test", "port": 80, "mounts": [
            { "mountpoint": "/", "origin": "file://DIR/www" },
            { "mountpoint": "/m", "origin": "file://DIR/www", "default": "home.txt" }] }] }"#,
        );
    for (target, status, text) in
        [("/", 200, "index"), ("/m/", 200, "home"), ("/m/e/", 200, "home of e")]
    {
        let answer = server.get(target, &[]);
        assert_eq!((answer.status, answer.text()), (status, text), "{target}");
    }
    assert_eq!(server.get("/m/", &[]).value("Content-Type"), "text/plain; charset=utf-8");
    assert_eq!(server.status("/d/"), 404);
    assert_eq!(server.status("/e/"), 404);
    assert_eq!(server.status("/d/index.html"), 301);
    assert_eq!(server.status("/index.html/"), 404);
}

/// What makes a mount list its directories.
const LISTED: &str = r#""directory-listing": "1","#;

#[test]
fn a_directory_is_listed_when_its_mount_says_so() {
    let server = Folder::new()
        .file("www/d/b & <i>.txt", "x")
        .file("www/d/sub/x.txt", "x")
        .file("www/d/unknown.type", "x")
        .file("www/d/.hidden", "x")
        .file("www/has/index.html", "own page")
        .serve_www("", "", LISTED);
    let page = server.get("/d/", &[]);
    assert_eq!((page.status, page.value("Content-Type")), (200, "text/html; charset=utf-8"));
    let text = page.text();
    assert!(text.contains("b%20%26%20%3Ci%3E.txt") && text.contains("b &amp; &lt;i&gt;.txt"));
    assert!(
        text.contains("sub/")
            && !text.contains("hidden")
            && !text.contains("unknown")
            && !text.contains("<i>"),
        "{text}"
    );
    let place = |page: &super::client::Answer, name| page.text().find(name).unwrap();
    for (query, first) in [("", "sub/"), ("?sort=name&order=desc", "sub/"), ("?sort=time", "sub/")]
    {
        let page = server.get(&format!("/d/{query}"), &[]);
        assert_eq!(page.status, 200);
        assert!(place(&page, first) < place(&page, "b%20"), "directories come first");
    }
    let head = server.ask("HEAD", "/d/", &[]);
    // The page would have to be made to know its length.
    assert!(head.status == 200 && head.field("Content-Length").is_none());
    assert_eq!(server.status("/d"), 301);
    assert_eq!(server.get("/has/", &[]).text(), "own page");
    assert_eq!(server.status("/none/"), 404);
    assert_eq!(server.ask("POST", "/d/", &["Content-Length: 0"]).status, 405);
    // Every name is found again through the page's own link.
    assert_eq!(server.get("/d/b%20%26%20%3Ci%3E.txt", &[]).text(), "x");
}

#[test]
fn a_long_listing_arrives_page_by_page_and_some_at_once_are_enough() {
    let mut folder = Folder::new();
    for n in 0..1500 {
        folder = folder.file(&format!("www/{n:0100}.txt"), "");
    }
    let server = folder.file("www/unknown.type", "").serve_www("", "", LISTED);
    // More than are made at once, one after the other and side by side.
    let mut clients: Vec<_> = (0..24).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.send("GET /?after=0 HTTP/1.1\r\nHost: a.test\r\n\r\n");
    }
    for client in &mut clients {
        let answer = client.answer();
        match answer.status {
            200 => assert!(answer.text().contains("499.txt") && answer.body.len() > 100_000),
            503 => assert_eq!(answer.value("Retry-After"), "1"),
            other => panic!("{other}"),
        }
    }
    // What was refused can be had later: nothing stays counted, also not for those who left.
    for mut client in clients {
        client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    }
    until("a listing", || server.get("/", &[]).status == 200);
    let mut client = server.connect();
    for _ in 0..30 {
        // Two in one packet: the second one waits for the first.
        client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n".repeat(2));
        let answers = [client.answer(), client.answer()];
        assert_eq!(answers.map(|answer| answer.status), [200, 200]);
    }
    // From page to page by the links, each name once.
    let (mut query, mut names) = (String::new(), Vec::new());
    loop {
        let page = server.get(&format!("/{query}"), &[]);
        let text = page.text();
        let rows = text.lines().filter(|line| line.starts_with("<tr><td><a href"));
        names.extend(rows.map(|row| row.split('"').nth(1).unwrap().to_owned()));
        let Some((_, rest)) = text.split_once("rel=\"next\" href=\"") else { break };
        query = rest.split('"').next().unwrap().replace("&amp;", "&");
    }
    let wanted: Vec<_> = (0..1500).map(|n| format!("{n:0100}.txt")).collect();
    assert_eq!(names, wanted);
}

#[test]
fn a_long_listing_with_a_body_and_a_password_is_one_answer() {
    let mut folder = Folder::new().file("users", "a:b\n");
    for n in 0..3000 {
        folder = folder.file(&format!("www/{n}.txt"), "");
    }
    let keys = r#""directory-listing": "1", "basic-auth": "DIR/users","#;
    let server = folder.serve_www("", "", keys);
    let mut client = server.connect();
    let fields = "Host: a.test\r\nAuthorization: Basic YTpi\r\nContent-Length: 3\r\n";
    client.send(format!(
        "GET /?sort=size HTTP/1.1\r\n{fields}\r\nabcGET /0.txt HTTP/1.1\r\n{fields}\r\nabc"
    ));
    let (page, file) = (client.answer(), client.answer());
    assert!(page.status == 200 && page.text().contains("1\u{2013}500 of 3,000"));
    assert_eq!((file.status, file.body.len()), (200, 0));
}

#[test]
fn a_docroot_may_go_and_come_again() {
    let server = Folder::new().file("www/f.txt", "one").serve_www("", "", "");
    assert_eq!(server.status("/f.txt"), 200);
    std::fs::remove_dir_all(server.folder.at("www")).unwrap();
    until("503 without a docroot", || server.status("/f.txt") == 503);
    server.folder.write("www/f.txt", "two");
    until("the new docroot", || server.get("/f.txt", &[]).body == b"two");
}

#[test]
fn a_docroot_that_comes_later_is_found() {
    let server = Folder::new().serve_www("", "", "");
    let answer = server.get("/f.txt", &[]);
    assert_eq!(answer.status, 503);
    server.folder.write("www/f.txt", "here");
    until("the docroot", || server.get("/f.txt", &[]).body == b"here");
}
