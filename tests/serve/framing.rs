//! Connections: keeping and ending them, pipelining, bodies, and what must not be smuggled.

use super::client::Client;
use super::content::pattern;
use super::server::{Folder, Server, request};

/// Two files; the second one must never be sent by tests that smuggle a request for it.
fn site() -> Server {
    Folder::new().file("www/f.txt", "file").file("www/evil.txt", "smuggled").serve_www("", "", "")
}

#[test]
fn connections_are_kept_as_version_and_wish_say() {
    let server = site();
    for (version, connection, kept) in [
        ("1.1", "", true),
        ("1.1", "Connection: keep-alive\r\n", true),
        ("1.1", "Connection: close\r\n", false),
        ("1.1", "Connection: x, Close\r\n", false),
        ("1.1", "Connection: keep-alive\r\nConnection: close\r\n", false),
        ("1.0", "", false),
        ("1.0", "Connection: keep-alive\r\n", true),
        ("1.0", "Connection: Keep-Alive, close\r\n", false),
        ("1.9", "", true),
    ] {
        for target in ["/f.txt", "/none.txt"] {
            let mut client = server.connect();
            let one = format!("GET {target} HTTP/{version}\r\nHost: a.test\r\n{connection}\r\n");
            client.send(&one);
            let answer = client.answer();
            let said = answer.field("Connection").map(str::to_ascii_lowercase);
            match (kept, version) {
                (false, _) => assert_eq!(said.as_deref(), Some("close"), "{one}"),
                (true, "1.0") => assert_eq!(said.as_deref(), Some("keep-alive"), "{one}"),
                (true, _) => assert_ne!(said.as_deref(), Some("close"), "{one}"),
            }
            if kept {
                client.send(&one);
                assert_eq!(client.answer().status, answer.status);
                client.shut();
            }
            client.ends();
        }
    }
}

#[test]
fn a_keepalive_timeout_of_0_is_the_default() {
    let vhost = r#""keepalive-timeout": 0,"#;
    let server = Folder::new().file("www/f.txt", "file").serve_www("", vhost, vhost);
    let mut client = server.connect();
    for _ in 0..2 {
        client.send(request("GET", "/f.txt", &[]));
        assert_eq!(client.answer().text(), "file");
    }
}

#[test]
fn an_idle_connection_ends_after_its_time() {
    for spelling in ["keepalive-timeout", "keeplive-timeout", "keepalive_timeout"] {
        let key = format!("\"{spelling}\": 1,");
        let server = Folder::new().file("www/f.txt", "file").serve_www("", &key, "");
        let mut client = server.connect();
        client.send(request("GET", "/f.txt", &[]));
        assert_eq!(client.answer().text(), "file");
        client.ends();
    }
    let own = r#""keepalive-timeout": 1,"#;
    let server = Folder::new().file("www/f.txt", "file").serve_www("", "", own);
    let mut client = server.connect();
    client.send(request("GET", "/f.txt", &[]));
    assert_eq!(client.answer().text(), "file");
    client.ends();
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let mut folder = Folder::new();
    for n in 0..100 {
        folder = folder.file(&format!("www/{n}.txt"), pattern(n * n * 3 + n));
    }
    let server = folder.serve_www("", "", "");
    let batch: String = (0..100).map(|n| request("GET", &format!("/{n}.txt"), &[])).collect();
    let check = |client: &mut Client| {
        for n in 0..100 {
            assert!(client.answer().body == pattern(n * n * 3 + n), "{n}");
        }
    };
    // At once, byte by byte, and kept or not.
    let mut client = server.connect();
    client.send(&batch);
    check(&mut client);
    for byte in batch.bytes() {
        client.send([byte]);
    }
    check(&mut client);
    client.shut();
    client.ends();
}

/// More answers than the kernel's buffers hold, so that the server has to wait for the reader.
#[test]
fn a_client_that_only_writes_at_first_gets_everything_in_order() {
    let server = Folder::new()
        .file("www/a.txt", pattern(20_000))
        .file("www/b.txt", pattern(3000))
        .file("www/c.bin", pattern(100_000))
        .serve_www("", "", "");
    let names = ["a.txt", "b.txt", "none.txt", "c.bin", "a.txt"];
    let one: String = names.iter().map(|name| request("GET", &format!("/{name}"), &[])).collect();
    let batch = one.repeat(120);
    let mut client = server.connect();
    let mut writer = client.stream.try_clone().unwrap();
    let writing = std::thread::spawn(move || {
        std::io::Write::write_all(&mut writer, batch.as_bytes()).unwrap();
        writer.shutdown(std::net::Shutdown::Write).unwrap();
    });
    writing.join().unwrap();
    for _ in 0..120 {
        for (name, len) in names.iter().zip([20_000, 3000, 0, 100_000, 20_000]) {
            let answer = client.answer();
            let status = if len == 0 { 404 } else { 200 };
            assert_eq!(answer.status, status, "{name}");
            assert!(len == 0 || answer.body == pattern(len), "{name}");
        }
    }
    client.ends();
}

/// The client ends its side at once and the last answers wait in the server's own queue.
#[test]
fn answers_that_wait_survive_the_end_of_the_clients_side() {
    let len = 20_000;
    let server = Folder::new().file("www/a.txt", pattern(len)).serve_www("", "", "");
    for requests in [150, 151, 152, 300, 301] {
        let mut client = server.connect();
        client.send(request("GET", "/a.txt", &[]).repeat(requests));
        client.shut();
        for n in 0..requests {
            assert!(client.answer().body == pattern(len), "{n} of {requests}");
        }
        client.ends();
    }
}

/// The keep-alive time is for the next request, not for a reader of answers that were asked for.
#[test]
fn a_slow_reader_is_not_idle() {
    let len = 20_000;
    let vhost = r#""keepalive-timeout": 1,"#;
    let server = Folder::new().file("www/a.txt", pattern(len)).serve_www("", vhost, "");
    // One after the other, until one finds the server's queue with something left in it.
    let mut clients: Vec<(usize, Client)> = Vec::new();
    for requests in [150, 200, 300, 600] {
        let mut client = server.connect();
        client.send(request("GET", "/a.txt", &[]).repeat(requests));
        clients.push((requests, client));
    }
    // Another connection's idle time passes meanwhile.
    let mut idle = server.connect();
    idle.send(request("GET", "/a.txt", &[]));
    assert_eq!(idle.answer().status, 200);
    idle.ends();
    for (requests, mut client) in clients {
        for n in 0..requests {
            assert!(client.answer().body == pattern(len), "{n} of {requests}");
        }
    }
}

#[test]
fn bodies_are_read_past() {
    let server = site();
    let get = request("GET", "/f.txt", &[]);
    for body in [
        "Content-Length: 5\r\n\r\nhello".to_owned(),
        "Content-Length: 0\r\n\r\n".to_owned(),
        format!("Content-Length: {}\r\n\r\n{}", 65_536, "x".repeat(65_536)),
        "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(),
        "Transfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\nA\r\n0123456789\r\n0\r\nT: x\r\n\r\n"
            .to_owned(),
        format!("Content-Length: {}\r\n\r\n{get}", get.len()),
    ] {
        for (method, status) in [("POST", 405), ("GET", 200)] {
            let mut client = server.connect();
            client.send(format!("{method} /f.txt HTTP/1.1\r\nHost: a.test\r\n{body}{get}"));
            assert_eq!(client.answer().status, status, "{method} {body:.60}");
            assert_eq!(client.answer().text(), "file", "{method} {body:.60}");
            client.shut();
            client.ends();
        }
    }
}

#[test]
fn a_body_that_is_too_long_to_read_past_ends_the_connection() {
    let server = site();
    let get = request("GET", "/evil.txt", &[]);
    for body in [
        format!("Content-Length: 100000\r\n\r\n{}{get}", "x".repeat(100_000)),
        format!("Transfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n{get}", {
            format!("4000\r\n{}\r\n", "x".repeat(0x4000)).repeat(8)
        }),
    ] {
        let mut client = server.connect();
        client.send(format!("POST /f.txt HTTP/1.1\r\nHost: a.test\r\n{body}"));
        assert_eq!(client.answer().status, 405);
        client.ends();
    }
}

#[test]
fn who_waits_for_100_gets_the_answer_and_the_end() {
    let server = site();
    let mut client = server.connect();
    client.send(request("POST", "/f.txt", &["Content-Length: 5", "Expect: 100-continue"]));
    let answer = client.answer();
    assert_eq!((answer.status, answer.value("Connection")), (405, "close"));
    client.ends();
    let other = server.get("/f.txt", &["Expect: something"]);
    assert_eq!(other.status, 417);
}

/// What is refused, and that nothing behind it is ever answered.
#[test]
fn nothing_is_smuggled_behind_a_refused_request() {
    let server = site();
    let evil = request("GET", "/evil.txt", &[]);
    let host = "Host: a.test\r\n";
    let long = "x".repeat(20_000);
    let fields = "A: b\r\n".repeat(200);
    let cases = [
        (400, format!("{host}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")),
        (400, format!("{host}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n")),
        (400, format!("{host}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello")),
        (400, format!("{host}Content-Length: 5, 6\r\n\r\nhello")),
        (400, format!("{host}Content-Length: +5\r\n\r\nhello")),
        (400, format!("{host}Content-Length: -1\r\n\r\n")),
        (400, format!("{host}Content-Length: 0x5\r\n\r\nhello")),
        (400, format!("{host}Content-Length: \r\n\r\n")),
        (400, format!("{host}Content-Length: 99999999999999999999\r\n\r\n")),
        (400, format!("{host}Content-Length : 5\r\n\r\nhello")),
        (400, format!("{host}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n")),
        (400, format!("{host}Transfer-Encoding: chunked\r\n x\r\n\r\n0\r\n\r\n")),
        (400, format!("{host}A: b\r\n c\r\n\r\n")),
        (400, format!("{host}A: b\nContent-Length: 5\r\n\r\nhello")),
        (400, format!("{host}A: b\n\r\n")),
        (400, format!("{host}A: b\rc\r\n\r\n")),
        (400, format!("{host}A\0: b\r\n\r\n")),
        (400, format!("{host}: b\r\n\r\n")),
        (400, format!("{host}A b\r\n\r\n")),
        (400, format!("{host}{host}\r\n")),
        (400, "Host: a.test, b.test\r\n\r\n".to_owned()),
        (400, "Host: a/b\r\n\r\n".to_owned()),
        (400, "\r\n".to_owned()),
        (400, " Host: a.test\r\n\r\n".to_owned()),
        (400, format!("{host}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n")),
        (501, format!("{host}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n")),
        (431, format!("{host}A: {long}\r\n\r\n")),
        (431, format!("{host}{fields}\r\n")),
    ];
    for (status, rest) in cases {
        let mut client = server.connect();
        client.send(format!("GET /f.txt HTTP/1.1\r\n{rest}{evil}"));
        let answer = client.answer();
        assert_eq!(answer.status, status, "{rest:.80}");
        assert_eq!(answer.value("Connection"), "close", "{rest:.80}");
        client.ends();
    }
}

#[test]
fn bad_request_lines_end_the_connection() {
    let server = site();
    let evil = request("GET", "/evil.txt", &[]);
    let long = "a".repeat(9000);
    for (status, line) in [
        (400, "GET  /f.txt HTTP/1.1".to_owned()),
        (400, "GET /f.txt".to_owned()),
        (400, "GET /f.txt HTTP/1.1 ".to_owned()),
        (400, "GET /f.txt http/1.1".to_owned()),
        (400, "GET\t/f.txt HTTP/1.1".to_owned()),
        (400, "GET f.txt HTTP/1.1".to_owned()),
        (400, "G(T /f.txt HTTP/1.1".to_owned()),
        (505, "GET /f.txt HTTP/2.0".to_owned()),
        (414, format!("GET /{long} HTTP/1.1")),
        (501, format!("{long} / HTTP/1.1")),
        (400, "\u{16}\u{3}\u{1}".to_owned()),
    ] {
        let mut client = server.connect();
        client.send(format!("{line}\r\nHost: a.test\r\n\r\n{evil}"));
        assert_eq!(client.answer().status, status, "{line:.60}");
        client.ends();
    }
}

/// A body whose chunks are malformed: 400 if it came with its head, else the request was answered
/// already; what follows is never answered.
#[test]
fn nothing_is_smuggled_in_a_malformed_chunked_body() {
    let server = site();
    let evil = request("GET", "/evil.txt", &[]);
    for body in [
        "5\r\nhelloX",
        "5\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "-1\r\n\r\n",
        " 5\r\nhello\r\n0\r\n\r\n",
        "5 \r\nhello\r\n0\r\n\r\n",
        "10000000000000000\r\n",
        "5\r\nhello\r\n0\r\nT : x\r\n\r\n",
        "\r\n0\r\n\r\n",
    ] {
        let mut client = server.connect();
        let head = request("POST", "/f.txt", &["Transfer-Encoding: chunked"]);
        client.send(format!("{head}{body}{evil}"));
        assert_eq!(client.answer().status, 400, "{body:?}");
        client.ends();
        let mut client = server.connect();
        client.send(&head);
        assert_eq!(client.answer().status, 405);
        client.send(format!("{body}{evil}"));
        client.ends();
    }
}
