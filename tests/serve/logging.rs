//! The access log: one line for every request, with what was really sent.

use super::content::pattern;
use super::server::{Folder, Server, request, until};

fn log_of(server: Server) -> Vec<String> {
    let folder = server.finish();
    lines(&folder, "access.log")
}

fn lines(folder: &Folder, name: &str) -> Vec<String> {
    let text = std::fs::read_to_string(folder.at(name)).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'));
    text.lines().map(str::to_owned).collect()
}

const LOG: &str = r#""access-log": "DIR/access.log","#;

const AGENT: &str = "a\\\"b";

/// A line without its time, which must look like one.
fn without_time(line: &str) -> String {
    let (start, rest) = line.split_once(" [").unwrap();
    let (time, rest) = rest.split_once("] ").unwrap();
    assert_eq!(time.len(), "22/Nov/2026:07:03:09 +0000".len(), "{line}");
    format!("{start} {rest}")
}

#[test]
fn every_answer_has_its_line_with_the_bytes_of_its_body() {
    let server = Folder::new()
        .file("www/f.txt", "file")
        .file("www/large.bin", pattern(100_000))
        .file("www/page/index.html", "page")
        .serve_www("", LOG, "");
    let mut want = Vec::new();
    let fields = ["Referer: http://r.test/\"x\\y", "User-Agent: agent/1 \u{e9}\t."];
    for (method, target) in [
        ("GET", "/f.txt"),
        ("HEAD", "/f.txt"),
        ("GET", "/large.bin?q=%20x&y"),
        ("GET", "/none%22.txt"),
        ("POST", "/f.txt"),
        ("GET", "/page"),
        ("GET", "/page?q#part"),
        ("BREW", "/x"),
    ] {
        let answer = server.ask(method, target, &fields);
        want.push(format!(
            "127.0.0.1 - - \"{method} {target} HTTP/1.1\" {} {} \"http://r.test/\\\"x\\\\y\" \
             \"agent/1 \\xc3\\xa9\\t.\"",
            answer.status,
            body_bytes(answer.body.len())
        ));
    }
    let got: Vec<String> = log_of(server).iter().map(|line| without_time(line)).collect();
    let lower = |lines: &[String]| lines.iter().map(|l| l.to_lowercase()).collect::<Vec<_>>();
    assert_eq!(lower(&got), lower(&want));
}

/// As Apache's `%b`.
fn body_bytes(len: usize) -> String {
    if len == 0 { "-".to_owned() } else { len.to_string() }
}

#[test]
fn the_format_of_lwsws_counts_heads() {
    let log = r#""access-log": "DIR/access.log", "access-log-format": "lwsws","#;
    let server = Folder::new().file("www/f.txt", "file").serve_www("", log, "");
    let mut want = Vec::new();
    for method in ["GET", "HEAD"] {
        let answer = server.ask(method, "/f.txt", &[]);
        let bytes = answer.bytes();
        want.push(format!("127.0.0.1 - - \"{method} /f.txt HTTP/1.1\" 200 {bytes} \"\" \"\""));
    }
    let got: Vec<String> = log_of(server).iter().map(|line| without_time(line)).collect();
    assert_eq!(got, want);
}

/// What was refused before it was a request shows as far as it could be read.
#[test]
fn a_refused_request_has_what_was_there_in_its_line() {
    let server = Folder::new().file("www/f.txt", "file").serve_www("", LOG, "");
    let agent = "User-Agent: a\"b\r\nReferer: r\r\n";
    let long = "x".repeat(9000);
    let cut = "x".repeat(8192 - "GET /".len());
    let mut want = Vec::new();
    for (sent, status, line, referer, seen) in [
        (
            format!("GET bad HTTP/1.1\r\nHost: a\r\n{agent}\r\n"),
            400,
            "GET bad HTTP/1.1",
            "r",
            AGENT,
        ),
        (format!("GET / HTTP/1.1\r\n{agent}\r\n"), 400, "GET / HTTP/1.1", "r", AGENT),
        (format!("GET /f.txt HTTP/3.0\r\n{agent}\r\n"), 505, "GET /f.txt HTTP/3.0", "r", AGENT),
        (format!("GET /a b HTTP/1.1\r\n{agent}\r\n"), 400, "GET /a b HTTP/1.1", "r", AGENT),
        (format!("{long} / HTTP/1.1\r\n"), 501, &format!("{}...", "x".repeat(61)), "-", "-"),
        (format!("GET /{long}"), 414, &format!("GET /{cut}"), "-", "-"),
        (format!("GET / HTTP/1.1\r\n{agent}y: {long}"), 431, "GET / HTTP/1.1", "r", AGENT),
        ("\x16\x03\x01 \"\r\n\r\n".into(), 400, "\\x16\\x03\\x01 \\\"", "-", "-"),
        (
            format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n{agent}\r\nq\r\n"),
            400,
            "POST / HTTP/1.1",
            "r",
            AGENT,
        ),
        ("\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n".into(), 400, "-", "-", "-"),
    ] {
        let mut client = server.connect();
        client.send(sent);
        let answer = client.answer();
        assert_eq!(answer.status, status, "{line:.80}");
        let bytes = body_bytes(answer.body.len());
        want.push(format!("127.0.0.1 - - \"{line}\" {status} {bytes} \"{referer}\" \"{seen}\""));
    }
    let got: Vec<String> = log_of(server).iter().map(|line| without_time(line)).collect();
    assert_eq!(got, want);
}

#[test]
fn a_request_that_was_not_whole_in_time_has_its_line() {
    let server = Folder::new().file("www/f.txt", "f").serve_www(r#""timeout-secs": 1,"#, LOG, "");
    for sent in ["POST /f.txt HTTP/1.1\r\nUser-Agent: a\r\n", "GET /f"] {
        let mut client = server.connect();
        client.send(sent);
        assert_eq!(client.answer().status, 408);
    }
    let log = log_of(server);
    assert!(log[0].contains(r#""POST /f.txt HTTP/1.1" 408 "#), "{log:?}");
    assert!(log[0].ends_with(r#" "-" "a""#), "{log:?}");
    assert!(log[1].contains(r#""GET /f" 408 "#), "{log:?}");
}

/// What left in the last moment before the end may be missing from the count.
#[test]
fn a_transfer_that_is_given_up_is_logged_with_what_was_taken() {
    const LAST_MOMENT: usize = 1 << 20;
    let (len, taken) = (64 << 20, 16 << 20);
    let server = Folder::new().sparse("www/big.bin", len).serve_www("", LOG, "");
    let mut client = server.connect();
    client.send(request("GET", "/big.bin", &[]));
    client.head();
    client.take(taken);
    drop(client);
    until("the end of the exchange", || !log_text(&server).is_empty());
    let log = log_of(server);
    assert_eq!(log.len(), 1, "{log:?}");
    let bytes: usize = log[0].split(' ').nth(9).unwrap().parse().unwrap();
    assert!(bytes >= taken - LAST_MOMENT && bytes < len, "{}", log[0]);
}

fn log_text(server: &Server) -> String {
    std::fs::read_to_string(server.folder.at("access.log")).unwrap_or_default()
}

#[test]
fn a_user_who_was_let_in_is_named() {
    let server = Folder::new().file("www/f.txt", "file").file("users", "kim:secret\n").serve_www(
        "",
        LOG,
        r#""basic-auth": "DIR/users","#,
    );
    assert_eq!(server.get("/f.txt", &["Authorization: Basic a2ltOnNlY3JldA=="]).status, 200);
    assert_eq!(server.get("/f.txt", &["Authorization: Basic a2ltOndyb25n"]).status, 401);
    let log = log_of(server);
    assert!(log[0].starts_with("127.0.0.1 - kim ["), "{}", log[0]);
    assert!(log[1].starts_with("127.0.0.1 - - ["), "{}", log[1]);
}

#[test]
fn json_lines_are_objects() {
    let server = Folder::new().file("www/f.txt", "file").serve_www(
        "",
        &format!(r#"{LOG} "access-log-format": "json","#),
        "",
    );
    let fields = ["User-Agent: a\"b\\c\u{e9}", "Referer: x\ty"];
    let answer = server.get("/f.txt?a", &fields);
    let log = log_of(server);
    assert_eq!(log.len(), 1);
    assert!(log[0].starts_with('{') && log[0].ends_with('}') && log[0].is_ascii(), "{}", log[0]);
    for part in ["\"method\":\"GET\"", "\"status\":200", &format!(":{}", answer.bytes())] {
        assert!(log[0].contains(part), "{part} in {}", log[0]);
    }
    assert!(log[0].contains(r#"a\"b\\c"#), "{}", log[0]);
    assert!(!log[0].bytes().any(|byte| byte < b' '));
}

#[test]
fn each_vhost_has_its_own_file_and_pipelined_requests_their_lines() {
    let server = Folder::new().file("www/f.txt", "file").serve(
        r#"{ "vhosts": [
            { "name": "a.test", "port": 80, "access-log": "DIR/a.log",
              "mounts": [{ "mountpoint": "/", "origin": "file://DIR/www" }] },
            { "name": "b.test", "port": 80, "access-log": "DIR/b.log",
              "mounts": [{ "mountpoint": "/", "origin": "file://DIR/www" }] },
            { "name": "c.test", "port": 80,
              "mounts": [{ "mountpoint": "/", "origin": "file://DIR/www" }] } ] }"#,
    );
    let mut client = server.connect();
    let hosts = ["a.test", "b.test", "a.test", "c.test", "b.test", "b.test"];
    for (n, host) in hosts.iter().cycle().take(600).enumerate() {
        client.send(request("GET", &format!("/f.txt?{n}"), &[&format!("Host: {host}")]));
    }
    for _ in 0..600 {
        assert_eq!(client.answer().text(), "file");
    }
    let folder = server.finish();
    for (name, host) in [("a.log", "a.test"), ("b.log", "b.test")] {
        let got: Vec<String> = lines(&folder, name)
            .iter()
            .map(|line| line.split(['?', ' ']).nth(7).unwrap().to_owned())
            .collect();
        let own = hosts.iter().cycle().take(600).enumerate().filter(|(_, h)| **h == host);
        let want: Vec<String> = own.map(|(n, _)| n.to_string()).collect();
        assert_eq!(got, want, "{name}");
    }
}

#[test]
fn a_log_that_was_moved_away_is_opened_again() {
    let server = Folder::new().file("www/f.txt", "file").serve_www("", LOG, "");
    let (now, then) = (server.folder.at("access.log"), server.folder.at("access.log.1"));
    assert_eq!(server.status("/f.txt?first"), 200);
    until("the first line", || log_text(&server).contains("?first"));
    std::fs::rename(&now, &then).unwrap();
    server.signal(libc::SIGUSR1);
    until("a new file", || now.exists());
    assert_eq!(server.status("/f.txt?second"), 200);
    let folder = server.finish();
    let (old, new) = (lines(&folder, "access.log.1"), lines(&folder, "access.log"));
    assert_eq!((old.len(), new.len()), (1, 1));
    assert!(old[0].contains("?first") && new[0].contains("?second"));
}
