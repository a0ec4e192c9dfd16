//! Limits of TLS connections, and what happens at each of them.
//!
//! What a client can make a reactor hold, beside its slot and the kernel's socket; all blocks come
//! from the pool, which has a fixed size, and whoever holds some while nothing is served to it is
//! closed first when others need them:
//!
//! | client | holds | for at most |
//! | --- | --- | --- |
//! | says nothing | nothing | `header-timeout-secs` |
//! | half a hello | its bytes, 16 KiB at most, in blocks | `header-timeout-secs` |
//! | a hello, in line | the same, and 40 bytes of the line | `header-timeout-secs` |
//! | shakes hands | one of `max-handshakes` (4 KiB, see | `header-timeout-secs` |
//! | | tests/tls_handshake_memory.rs), 17 KiB in blocks | |
//! | established, idle | a session of some 350 bytes | the keep-alive time |
//! | half a record | the same and 16.3 KiB in blocks | the keep-alive or head time |
//! | reads slowly | what was sealed and what was not: | `send-timeout-secs` |
//! | | a quarter of the free blocks each | |
//! | was sent an alert | nothing but the socket, 32 of them | a second |

use super::client::Client;
use super::content::pattern;
use super::server::{Folder, until};
use super::tls_client::{Ended, TlsClient, VERSIONS, config, folder, site};

fn small() -> Folder {
    folder().file("www/f.txt", pattern(1000)).file("www/big.txt", pattern(8 << 20))
}

#[test]
fn more_sessions_than_there_may_be_cost_the_longest_idle_one_its_place() {
    let server = small().serve(&site(r#""max-tls-connections": 3,"#, ""));
    let config = config(VERSIONS[1], None);
    let mut clients: Vec<TlsClient> = Vec::new();
    for _ in 0..3 {
        let mut client = TlsClient::connect(server.address, &config);
        client.get("/f.txt");
        clients.push(client);
    }
    clients[0].get("/f.txt");
    let mut fourth = TlsClient::connect(server.address, &config);
    assert_eq!(fourth.get("/f.txt"), pattern(1000));
    assert_ne!(clients[1].rest().1, Ended::Reset);
    for n in [0, 2] {
        assert_eq!(clients[n].get("/f.txt"), pattern(1000));
    }
    // Three that are being served have their places; a fourth one has none.
    drop(clients);
    drop(fourth);
    let mut busy: Vec<TlsClient> = Vec::new();
    until("three places", || {
        let mut client = TlsClient::connect(server.address, &config);
        if client.shake().is_ok() {
            let ask = "GET /big.txt HTTP/1.1\r\nHost: router.test\r\n\r\n";
            client.send(ask);
            if client.receive().is_ok() && client.receive().is_ok() {
                busy.push(client);
            }
        }
        busy.len() == 3
    });
    let mut late = TlsClient::connect(server.address, &config);
    assert!(late.shake().is_err());
    for client in &mut busy {
        assert!(client.answer().1 == pattern(8 << 20));
    }
}

#[test]
fn who_never_gets_on_with_the_handshake_does_not_keep_others_out() {
    let server = small().serve(&site(r#""max-handshakes": 2,"#, ""));
    for version in VERSIONS {
        let config = config(version, None);
        // Some in places, some in line, some with half a hello.
        let mut silent: Vec<TlsClient> = Vec::new();
        for n in 0..8 {
            let mut client = TlsClient::connect(server.address, &config);
            let hello = client.said();
            let end = if n % 4 == 3 { hello.len() / 2 } else { hello.len() };
            std::io::Write::write_all(&mut client.stream, &hello[..end]).unwrap();
            silent.push(client);
        }
        // Who goes away while it waits in line leaves it.
        silent.truncate(6);
        let mut good = TlsClient::connect(server.address, &config);
        assert_eq!(good.get("/f.txt"), pattern(1000));
    }
}

#[test]
fn many_at_once_get_through_few_places() {
    let server = small().serve(&site(r#""max-handshakes": 3,"#, ""));
    std::thread::scope(|scope| {
        for n in 0..40 {
            let server = &server;
            scope.spawn(move || {
                let config = config(VERSIONS[n % 2], None);
                for _ in 0..3 {
                    let mut client = TlsClient::connect(server.address, &config);
                    client.cuts = if n % 5 == 0 { vec![40] } else { vec![] };
                    assert_eq!(client.get("/f.txt"), pattern(1000));
                }
            });
        }
    });
}

#[test]
fn a_handshake_that_is_not_finished_in_time_is_ended() {
    let server = small().serve(&site(r#""header-timeout-secs": 1,"#, ""));
    let config = config(VERSIONS[1], None);
    let mut silent = Client::connect(server.address);
    let mut half = TlsClient::connect(server.address, &config);
    let hello = half.said();
    std::io::Write::write_all(&mut half.stream, &hello[..100]).unwrap();
    let mut shaking = TlsClient::connect(server.address, &config);
    shaking.flush().unwrap();
    assert_eq!(half.rest().1, Ended::Silent);
    // It says nothing more: what crosses the end would be answered with a reset.
    let mut flight = Vec::new();
    std::io::Read::read_to_end(&mut shaking.stream, &mut flight).expect("an end, and no reset");
    assert!(!flight.is_empty());
    silent.ends();
}

#[test]
fn hellos_and_records_that_never_end_hold_blocks_only_until_others_need_them() {
    // 24 blocks; each of these would like to keep 4 or 5.
    let server = super::server::Server::start(small(), &site("", ""), 24);
    let config = config(VERSIONS[1], None);
    let mut greedy: Vec<TlsClient> = Vec::new();
    for n in 0..30 {
        let mut client = TlsClient::connect(server.address, &config);
        let bytes = if n % 2 == 0 {
            [&[22, 3, 1, 0x3f, 0xff, 1, 0, 0x3f, 0xf0][..], &[0; 15_000]].concat()
        } else {
            if client.shake().is_err() {
                continue;
            }
            [&[23, 3, 3, 0x40, 0][..], &[0; 15_000]].concat()
        };
        let _ = std::io::Write::write_all(&mut client.stream, &bytes);
        greedy.push(client);
        let mut good = TlsClient::connect(server.address, &config);
        assert_eq!(good.get("/f.txt"), pattern(1000));
    }
}
