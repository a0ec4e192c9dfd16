//! TLS as a transport: every byte arrives, however the wire cuts it, and every end is said.

use rustls::{AlertDescription, Error, HandshakeKind};

use super::client::Client;
use super::content::pattern;
use super::server::{Server, Setting};
use super::tls_client::{Ended, TlsClient, VERSIONS, config, folder, site};

const SIZES: [usize; 9] = [0, 1, 1024, 16_383, 16_384, 24_577, 65_536, 300_000, 3 << 20];

fn files() -> super::server::Folder {
    SIZES
        .iter()
        .fold(folder(), |folder, size| folder.file(&format!("www/{size}.txt"), pattern(*size)))
}

/// A small random number below `below`.
fn dice(state: &mut u64, below: usize) -> usize {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    usize::try_from(*state >> 40).unwrap() % below
}

#[test]
fn files_arrive_whole_however_narrow_the_sockets_are() {
    // Narrow ones are slow, for the kernel's timers decide; so they get fewer bytes.
    for (socket_bytes, sizes) in [(4096, 7), (20_000, 8), (1 << 20, 9)] {
        let setting = Setting { socket_bytes: Some(socket_bytes), ..Setting::default() };
        let server = Server::start_so(files(), &site("", ""), setting);
        std::thread::scope(|scope| {
            for seed in 1..=6_u64 {
                let server = &server;
                scope.spawn(move || {
                    let mut state = seed;
                    let version = VERSIONS[dice(&mut state, 2)];
                    let mut client = TlsClient::connect(server.address, &config(version, None));
                    let narrow = socket2::SockRef::from(&client.stream);
                    narrow.set_recv_buffer_size(16_384 << dice(&mut state, 4)).unwrap();
                    for _ in 0..6 {
                        client.cuts = (0..5).map(|_| 1 + dice(&mut state, 90)).collect();
                        let size = SIZES[dice(&mut state, sizes)];
                        assert!(client.get(&format!("/{size}.txt")) == pattern(size), "{size}");
                    }
                });
            }
        });
    }
}

#[test]
fn a_pool_of_a_few_blocks_is_enough_for_one_at_a_time() {
    let setting = Setting { blocks_max: 16, socket_bytes: Some(4096), ..Setting::default() };
    let server = Server::start_so(files(), &site("", ""), setting);
    for version in VERSIONS {
        let mut client = TlsClient::connect(server.address, &config(version, None));
        for size in [3 << 20, 300_000, 24_577] {
            assert!(client.get(&format!("/{size}.txt")) == pattern(size));
        }
    }
}

#[test]
fn slow_readers_leave_room_for_others() {
    let setting = Setting { blocks_max: 40, socket_bytes: Some(4096), ..Setting::default() };
    let server = Server::start_so(files(), &site("", ""), setting);
    let config = config(VERSIONS[1], None);
    let mut stuck = Vec::new();
    for _ in 0..12 {
        let mut client = TlsClient::connect(server.address, &config);
        socket2::SockRef::from(&client.stream).set_recv_buffer_size(4096).unwrap();
        client.send("GET /3145728.txt HTTP/1.1\r\nHost: router.test\r\n\r\n");
        if client.shake().is_ok() {
            stuck.push(client);
        }
        let mut quick = TlsClient::connect(server.address, &config);
        assert_eq!(quick.get("/1024.txt"), pattern(1024));
    }
    assert!(!stuck.is_empty());
}

#[test]
fn requests_may_come_with_the_last_message_of_the_handshake() {
    let server = files().serve(&site("", ""));
    for version in VERSIONS {
        let config = config(version, None);
        for (round, cut) in [100_000, 1, 700].into_iter().enumerate() {
            let mut client = TlsClient::connect(server.address, &config);
            client.cuts = vec![cut];
            let ask = "GET /300000.txt HTTP/1.1\r\nHost: router.test\r\n\r\n";
            // Three requests that are said as soon as that is allowed.
            std::io::Write::write_all(&mut client.tls.writer(), ask.repeat(3).as_bytes()).unwrap();
            for _ in 0..3 {
                assert!(client.answer().1 == pattern(300_000));
            }
            let kind = if round > 0 { HandshakeKind::Resumed } else { HandshakeKind::Full };
            assert_eq!(client.tls.handshake_kind(), Some(kind));
        }
    }
}

#[test]
fn bodies_of_many_records_are_read_and_the_connection_is_kept() {
    let server = files().serve(&site("", ""));
    for version in VERSIONS {
        let mut client = TlsClient::connect(server.address, &config(version, None));
        let mut state = 3;
        for bytes in [1, 16_384, 60_000] {
            client.cuts = (0..7).map(|_| 1 + dice(&mut state, 20_000)).collect();
            let head = format!(
                "POST /1.txt HTTP/1.1\r\nHost: router.test\r\nContent-Length: {bytes}\r\n\r\n"
            );
            client.send([head.as_bytes(), &pattern(bytes)].concat());
            assert!(client.answer().0.starts_with("HTTP/1.1 405 "));
            assert_eq!(client.get("/1.txt"), pattern(1));
        }
    }
}

#[test]
fn every_orderly_end_is_said() {
    let server = files().serve(&site("", r#""keepalive-timeout": 1,"#));
    let ask = |fields: &str| format!("GET /1024.txt HTTP/1.1\r\nHost: router.test\r\n{fields}\r\n");
    for version in VERSIONS {
        let config = config(version, None);
        let mut finished = TlsClient::connect(server.address, &config);
        finished.send(ask("Connection: close\r\n"));
        finished.answer();
        assert_eq!(finished.rest(), (vec![], Ended::Orderly));
        let mut idle = TlsClient::connect(server.address, &config);
        idle.get("/1024.txt");
        assert_eq!(idle.rest(), (vec![], Ended::Orderly));
        // The client's half is closed first; what it asked for comes all the same.
        let mut halved = TlsClient::connect(server.address, &config);
        halved.shake().unwrap();
        halved.send(ask("") + &ask(""));
        halved.tls.send_close_notify();
        halved.flush().unwrap();
        halved.shut();
        for _ in 0..2 {
            assert!(halved.answer().1 == pattern(1024));
        }
        assert_eq!(halved.rest(), (vec![], Ended::Orderly));
    }
    let mut drained = TlsClient::connect(server.address, &config(VERSIONS[1], None));
    drained.get("/1024.txt");
    let mut shaking = TlsClient::connect(server.address, &config(VERSIONS[1], None));
    shaking.flush().unwrap();
    shaking.receive().unwrap();
    server.signal(libc::SIGTERM);
    assert_eq!(drained.rest(), (vec![], Ended::Orderly));
    shaking.send(ask(""));
    let (head, body) = shaking.answer();
    assert!(head.contains("Connection: close") && body == pattern(1024), "{head}");
    assert_eq!(shaking.rest(), (vec![], Ended::Orderly));
    server.finish();
}

#[test]
fn half_a_request_that_ends_without_a_farewell_has_no_answer() {
    let server = files().serve(&site("", ""));
    for version in VERSIONS {
        let mut client = TlsClient::connect(server.address, &config(version, None));
        client.send("GET /1.txt HTTP/1.1\r\nHost: router");
        client.shut();
        let (bytes, ended) = client.rest();
        assert!(bytes.is_empty(), "{ended:?}");
    }
}

#[test]
fn keys_are_renewed_while_the_connection_is_idle() {
    let server = files().serve(&site("", ""));
    let mut client = TlsClient::connect(server.address, &config(VERSIONS[1], None));
    for _ in 0..20 {
        assert!(client.get("/24577.txt") == pattern(24_577));
        client.tls.refresh_traffic_keys().unwrap();
        client.flush().unwrap();
    }
    for _ in 0..3 {
        client.tls.refresh_traffic_keys().unwrap();
        assert!(client.get("/3145728.txt") == pattern(3 << 20));
    }
}

#[test]
fn an_alert_arrives_though_the_client_goes_on_sending() {
    let vhost = r#""client-cert-required": "1", "host-ssl-ca": "DIR/authority.pem","#;
    let server = files().serve(&site("", vhost));
    let mut good = TlsClient::connect(server.address, &config(VERSIONS[1], Some("client")));
    assert_eq!(good.get("/1.txt"), pattern(1));
    for certificate in [None, Some("stranger")] {
        for _ in 0..10 {
            let mut client = TlsClient::connect(server.address, &config(VERSIONS[1], certificate));
            client.shake().unwrap();
            // A request right behind the handshake, and then more and more.
            for _ in 0..40 {
                std::io::Write::write_all(&mut client.tls.writer(), &[0; 1000]).unwrap();
                client.flush().expect("no reset");
                std::thread::yield_now();
            }
            let (_, ended) = client.rest();
            assert!(matches!(ended, Ended::Tls(Error::AlertReceived(_))), "{ended:?}");
        }
    }
}

/// A client that breaks its session with the very packet that establishes it leaves nothing behind
/// for the next one whose turn it is.
#[test]
fn what_a_handshake_finds_out_is_told_to_no_other_connection() {
    let vhost = r#""client-cert-required": "1", "host-ssl-ca": "DIR/authority.pem","#;
    let server = files().serve(&site("", vhost));
    let config = config(VERSIONS[1], Some("client"));
    let flight = |client: &mut TlsClient| {
        client.flush().unwrap();
        while client.tls.is_handshaking() {
            client.receive().unwrap();
        }
        client.said()
    };
    let mut other = TlsClient::connect(server.address, &config);
    let rest = flight(&mut other);
    let mut broken = TlsClient::connect(server.address, &config);
    let bytes = [flight(&mut broken), [&[23, 3, 3, 0, 30][..], &[0; 30]].concat()].concat();
    std::io::Write::write_all(&mut broken.stream, &bytes).unwrap();
    let (_, ended) = broken.rest();
    assert_eq!(ended, Ended::Tls(Error::AlertReceived(AlertDescription::BadRecordMac)));
    // Who shakes hands may finish that when the server stops, and is answered if the request comes
    // with the last of it; who is done and idle is not waited for.
    std::io::Write::write_all(&mut other.stream, &rest[..1]).unwrap();
    server.signal(libc::SIGTERM);
    let ask = b"GET /1.txt HTTP/1.1\r\nHost: router.test\r\n\r\n";
    std::io::Write::write_all(&mut other.tls.writer(), ask).unwrap();
    let bytes = [&rest[1..], &other.said()[..]].concat();
    std::io::Write::write_all(&mut other.stream, &bytes).unwrap();
    assert_eq!(other.answer().1, pattern(1));
    assert_eq!(other.rest().1, Ended::Orderly);
    server.finish();
}

#[test]
fn a_broken_record_is_answered_with_an_alert_behind_all_answers() {
    let server = files().serve(&site("", ""));
    for version in VERSIONS {
        let mut client = TlsClient::connect(server.address, &config(version, None));
        assert_eq!(client.get("/1.txt"), pattern(1));
        let ask = b"GET /65536.txt HTTP/1.1\r\nHost: router.test\r\n\r\n";
        std::io::Write::write_all(&mut client.tls.writer(), ask).unwrap();
        let mut bytes = client.said();
        bytes.extend_from_slice(&[23, 3, 3, 0, 30]);
        bytes.extend_from_slice(&[9; 30 + 100_000]);
        std::io::Write::write_all(&mut client.stream, &bytes).unwrap();
        let (_, ended) = client.rest();
        let alert = Error::AlertReceived(AlertDescription::BadRecordMac);
        assert_eq!(ended, Ended::Tls(alert));
    }
}

#[test]
fn garbage_behind_a_hello_is_answered_with_an_alert() {
    let server = files().serve(&site("", ""));
    let mut client = TlsClient::connect(server.address, &config(VERSIONS[1], None));
    let mut bytes = client.said();
    bytes.extend_from_slice(&[0x55; 10_000]);
    std::io::Write::write_all(&mut client.stream, &bytes).unwrap();
    let (_, ended) = client.rest();
    assert!(matches!(ended, Ended::Tls(_)), "{ended:?}");
    // No hello at all.
    let mut client = Client::connect(server.address);
    client.send([22, 3, 1, 0, 4, 2, 0, 0, 0]);
    assert_eq!(client.rest()[..5], [21, 3, 3, 0, 2]);
    assert_eq!(TlsClient::connect(server.address, &config(VERSIONS[0], None)).get("/0.txt"), []);
}

#[test]
fn plain_http_is_understood_byte_by_byte() {
    for (rule, status) in [("", 400), (r#""allow-non-tls": "1", "redirect-http": "1","#, 301)] {
        let server = files().serve(&site("", rule));
        for cut in [1, 7, 1000] {
            let mut client = Client::connect(server.address);
            let ask = "GET /1024.txt HTTP/1.1\r\nHost: router.test\r\n\r\n";
            for piece in ask.as_bytes().chunks(cut) {
                client.send(piece);
            }
            assert_eq!(client.answer().status, status);
        }
    }
}
