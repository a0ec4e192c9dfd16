//! Limits and what happens at each of them: clients that are slow, many, or ask for too much.

use std::io::Write as _;

use super::client::Client;
use super::content::pattern;
use super::server::{Folder, Server, request, until};

/// Bytes of a file that no kernel buffers hold.
const BIG: usize = 32 << 20;

fn site(global: &str) -> Server {
    Folder::new().file("www/f.txt", "file").serve_www(global, "", "")
}

#[test]
fn a_head_that_does_not_come_is_408() {
    let server = site(r#""timeout-secs": 1,"#);
    for part in ["G", "GET /f.txt HTTP/1.1\r\n", "GET /f.txt HTTP/1.1\r\nHost: a.test\r\n"] {
        let mut client = server.connect();
        client.send(part);
        let answer = client.answer();
        assert_eq!((answer.status, answer.value("Connection")), (408, "close"), "{part}");
        client.ends();
    }
    // Behind whole requests, whose answers are complete.
    let mut client = server.connect();
    client.send(request("GET", "/f.txt", &[]) + "GET /f");
    assert_eq!(client.answer().text(), "file");
    assert_eq!(client.answer().status, 408);
    client.ends();
}

/// Progress all the time, and yet not within the time for the whole.
#[test]
fn a_head_that_trickles_is_408() {
    let server = site(r#""header-timeout-secs": 1, "timeout-secs": 3600, "max-head": 16384,"#);
    let mut client = server.connect();
    client.send("GET /f.txt HTTP/1.1\r\nHost: a.test\r\nX: ");
    client.stream.set_nonblocking(true).unwrap();
    let mut sent = 0;
    let mut first = [0];
    until("408", || {
        // Seldom enough that the head stays below its limit.
        if sent < 15_000 && client.stream.write(b"x").is_ok() {
            sent += 1;
            (0..2000).for_each(|_| std::thread::yield_now());
        }
        client.stream.peek(&mut first).is_ok()
    });
    client.stream.set_nonblocking(false).unwrap();
    assert_eq!(client.answer().status, 408);
}

#[test]
fn a_body_that_does_not_come_is_408() {
    let server = site(r#""timeout-secs": 1,"#);
    for fields in ["Content-Length: 10", "Transfer-Encoding: chunked"] {
        let mut client = server.connect();
        client.send(request("POST", "/f.txt", &[fields]) + "1");
        assert_eq!(client.answer().status, 408);
        client.ends();
    }
}

/// A body that is in time by the limit for silence, and not by the rate that is demanded.
#[test]
fn a_body_that_is_too_slow_is_408() {
    let server = site(r#""timeout-secs": 3600, "min-body-rate": 1000000000,"#);
    let mut client = server.connect();
    client.send(request("POST", "/f.txt", &["Content-Length: 60000"]));
    client.send("x".repeat(50_000));
    assert_eq!(client.answer().status, 408);
    client.ends();
}

#[test]
fn a_reader_that_takes_nothing_is_let_go() {
    let server =
        Folder::new().sparse("www/big.bin", BIG).serve_www(r#""send-timeout-secs": 1,"#, "", "");
    for requests in [1, 5000] {
        let target = if requests == 1 { "/big.bin" } else { "/none.bin" };
        let mut client = server.connect();
        let batch = request("GET", target, &[]).repeat(requests);
        let mut writer = client.stream.try_clone().unwrap();
        // Blocks for as long as the server holds on, since it reads no more.
        let sent = writer.write_all(&batch.into_bytes());
        if requests > 1 && sent.is_ok() {
            // All answers fitted into the kernel's buffers; nothing to be seen here.
            continue;
        }
        // Ask about the end of the connection without taking anything: writing fails then.
        until("the server's end", || writer.write(b"x").is_err());
        assert!(client.rest().len() < BIG);
        assert_eq!(server.status("/none.bin"), 404);
    }
}

#[test]
fn a_body_beyond_max_body_is_413() {
    for (global, vhost, mount) in [
        (r#""max-body": 100,"#, "", ""),
        ("", r#""max-body": 100,"#, ""),
        ("", "", r#""max-body": 100,"#),
        (r#""max-body": 5,"#, r#""max-body": 50,"#, r#""max-body": 100,"#),
    ] {
        let server = Folder::new().file("www/f.txt", "file").serve_www(global, vhost, mount);
        for (length, status) in [(101, 413), (100, 405)] {
            let mut client = server.connect();
            client.send(request("POST", "/f.txt", &[&format!("Content-Length: {length}")]));
            if status == 405 {
                client.send("x".repeat(length));
            }
            assert_eq!(client.answer().status, status, "{global}{vhost}{mount} {length}");
        }
        let mut client = server.connect();
        client.send(request("POST", "/f.txt", &["Transfer-Encoding: chunked"]));
        client.send(format!("c8\r\n{}\r\n0\r\n\r\n", "x".repeat(200)));
        assert_eq!(client.answer().status, 413, "{global}{vhost}{mount}");
        // As soon as a chunk announces more, also with the bytes before it; framing is no body.
        for (sent, status) in [("65\r\n", 413), ("1\r\nx\r\n64\r\n", 413)] {
            let mut client = server.connect();
            client.send(request("POST", "/f.txt", &["Transfer-Encoding: chunked"]) + sent);
            assert_eq!(client.answer().status, status, "{sent:?}");
        }
        let mut client = server.connect();
        let small = "1;extension\r\nx\r\n".repeat(100) + "0\r\n\r\n";
        client.send(request("POST", "/f.txt", &["Transfer-Encoding: chunked"]) + &small);
        assert_eq!(client.answer().status, 405, "{global}{vhost}{mount}");
        let mut client = server.connect();
        client.send(request("POST", "/f.txt", &["Content-Length: 101"]));
        assert_eq!(client.answer().value("Connection"), "close");
    }
}

#[test]
fn heads_have_limits_that_keys_set() {
    let server = site(r#""max-head": 1024, "max-headers": 8,"#);
    let long = format!("A: {}", "x".repeat(1024));
    assert_eq!(server.get("/f.txt", &[&long]).status, 431);
    assert_eq!(server.get("/f.txt", &["A: b"; 7]).status, 431);
    assert_eq!(server.get("/f.txt", &["A: b"; 6]).status, 200);
    assert_eq!(server.get(&format!("/{}", "x".repeat(1024)), &[]).status, 414);
}

#[test]
fn an_address_has_no_more_connections_than_ip_limit_wsi() {
    let server = site(r#""ip-limit-wsi": 3,"#);
    let mut clients: Vec<Client> = (0..3).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.send(request("GET", "/f.txt", &[]));
        assert_eq!(client.answer().text(), "file");
    }
    let mut fourth = server.connect();
    fourth.ends();
    clients.pop();
    until("a free place", || {
        let mut client = server.connect();
        let _ =
            client.stream.write_all(request("GET", "/f.txt", &["Connection: close"]).as_bytes());
        client.rest().ends_with(b"file")
    });
    for client in &mut clients {
        client.send(request("GET", "/f.txt", &[]));
        assert_eq!(client.answer().text(), "file");
    }
}

#[test]
fn who_comes_from_a_new_address_gets_a_place_of_a_full_server() {
    let server = site(r#""ip-limit-wsi": 3, "max-connections": 2,"#);
    let mut clients = Vec::new();
    for host in 1..9 {
        let mut client = Client::connect_from([127, 0, 0, host].into(), server.address);
        client.send(request("GET", "/f.txt", &[]));
        assert_eq!(client.answer().text(), "file");
        clients.push(client);
    }
}

#[test]
fn an_address_has_no_more_requests_in_progress_than_ip_limit_ah() {
    let server = Folder::new().sparse("www/big.bin", BIG).file("www/f.txt", "file").serve_www(
        r#""ip-limit-ah": 2,"#,
        "",
        "",
    );
    let mut busy: Vec<Client> = (0..2).map(|_| server.connect()).collect();
    for client in &mut busy {
        client.send(request("GET", "/big.bin", &[]));
        assert!(client.head().starts_with("HTTP/1.1 200 "));
    }
    let refused = server.get("/f.txt", &[]);
    assert_eq!((refused.status, refused.value("Retry-After")), (503, "1"));
    // One download ends well, the other one is given up.
    assert!(busy[0].take(BIG) == vec![0; BIG]);
    busy.truncate(1);
    until("both counted out", || server.status("/f.txt") == 200);
    let mut again: Vec<Client> = (0..2).map(|_| server.connect()).collect();
    for client in &mut again {
        client.send(request("GET", "/big.bin", &[]));
        assert!(client.head().starts_with("HTTP/1.1 200 "));
    }
    assert_eq!(server.status("/f.txt"), 503);
}

#[test]
fn at_max_connections_the_longest_idle_one_goes() {
    let server = site(r#""max-connections": 20,"#);
    let one = request("GET", "/f.txt", &[]);
    let mut clients: Vec<Client> = Vec::new();
    for _ in 0..20 {
        let mut client = server.connect();
        client.send(&one);
        assert_eq!(client.answer().text(), "file");
        clients.push(client);
    }
    // The first one speaks again, so the second one has been silent for longest.
    clients[0].send(&one);
    assert_eq!(clients[0].answer().text(), "file");
    for gone in 1..6 {
        let mut newcomer = server.connect();
        newcomer.send(&one);
        assert_eq!(newcomer.answer().text(), "file");
        clients[gone].ends();
        clients.push(newcomer);
    }
    for client in clients.iter_mut().take(1).chain(&mut [server.connect()]) {
        client.send(&one);
        assert_eq!(client.answer().text(), "file");
    }
}

/// Connections that began a head and hang do not keep others out.
#[test]
fn a_flood_of_half_requests_keeps_nobody_out() {
    let server = site(r#""max-connections": 20,"#);
    let mut flood = Vec::new();
    for n in 0..200 {
        let mut client = server.connect();
        // The server may have ended it already.
        let _ = client.stream.write_all(b"GET /f.txt HTTP/1.1\r\nHost: a.te");
        flood.push(client);
        if n % 20 == 0 {
            assert_eq!(server.get("/f.txt", &[]).text(), "file");
        }
    }
    assert_eq!(server.get("/f.txt", &[]).text(), "file");
}

#[test]
fn downloads_are_not_given_up_for_newcomers() {
    let server = Folder::new().sparse("www/big.bin", BIG).file("www/f.txt", "file").serve_www(
        r#""max-connections": 4,"#,
        "",
        "",
    );
    let mut busy: Vec<Client> = (0..4).map(|_| server.connect()).collect();
    for client in &mut busy {
        client.send(request("GET", "/big.bin", &["Connection: close"]));
        assert!(client.head().starts_with("HTTP/1.1 200 "));
    }
    // Waits until one of them has ended.
    let mut newcomer = server.connect();
    newcomer.send(request("GET", "/f.txt", &[]));
    for client in &mut busy {
        assert!(client.take(BIG) == vec![0; BIG]);
        client.ends();
    }
    assert_eq!(newcomer.answer().text(), "file");
}

#[test]
fn five_hundred_idle_connections_are_all_still_there() {
    let server = site("");
    let one = request("GET", "/f.txt", &[]);
    let mut clients: Vec<Client> = (0..500).map(|_| server.connect()).collect();
    for _ in 0..2 {
        for client in &mut clients {
            client.send(&one);
        }
        for client in &mut clients {
            assert_eq!(client.answer().text(), "file");
        }
    }
}

/// Readers that take nothing hold every block of the pool; others are answered all the same,
/// with files of any size.
#[test]
fn an_exhausted_pool_refuses_nobody() {
    let len = 20_000;
    let folder = Folder::new().file("www/a.bin", pattern(len)).file("www/f.txt", "file");
    let config = super::server::www(r#""send-timeout-secs": 60,"#, "", "");
    let server = Server::start(folder, &config, 16);
    let batch = request("GET", "/a.bin", &[]).repeat(300_000);
    let mut stuck = Vec::new();
    for _ in 0..4 {
        let client = server.connect();
        client.stream.set_nonblocking(true).unwrap();
        let mut rest = batch.as_bytes();
        let mut refused = 0;
        // Until the server reads no more, because its answers are not taken.
        while !rest.is_empty() && refused < 20_000 {
            match (&client.stream).write(rest) {
                Ok(n) => rest = &rest[n..],
                Err(_) => refused += 1,
            }
            std::thread::yield_now();
        }
        stuck.push(client);
    }
    for _ in 0..50 {
        assert_eq!(server.get("/f.txt", &[]).text(), "file");
        let answer = server.get("/a.bin", &[]);
        assert_eq!(answer.status, 200);
        assert!(answer.body == pattern(len));
    }
}
