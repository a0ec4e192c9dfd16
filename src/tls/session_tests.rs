//! Sessions against rustls clients, in memory: whole, byte by byte, in pieces, and with clients
//! that do not behave.

use std::io::{Read as _, Write as _};
use std::sync::Arc;

use rustls::{
    ClientConfig, ClientConnection, HandshakeKind, NamedGroup, SupportedProtocolVersion, version,
};

use super::*;
use crate::tls::{Clients, Terms};

#[cfg(test)]
#[path = "session_peer_tests.rs"]
mod peer;
use peer::{Wish, connect, policy, policy_of, roots, said, terms, told};

const VERSIONS: [&SupportedProtocolVersion; 2] = [&version::TLS12, &version::TLS13];

/// A session with the queues that a transport gives it.
struct Server {
    session: Session,
    input: Vec<u8>,
    plain: Buf,
    out: Buf,
    secured: Option<Secured>,
    /// What ended it.
    end: Option<Received>,
}

impl Server {
    fn new(policy: &Policy) -> Self {
        Self {
            session: Session::new(policy).unwrap(),
            input: Vec::new(),
            plain: Buf::with_capacity(64 * 1024),
            out: Buf::with_capacity(64 * 1024),
            secured: None,
            end: None,
        }
    }

    /// Receives `bytes` and goes on as far as that goes.
    fn receive(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
        while self.end.is_none() {
            let (used, received) =
                self.session.receive(&mut self.input, &mut self.plain, &mut self.out);
            self.input.drain(..used);
            match received {
                Received::More => return,
                Received::Secured(secured) => self.secured = Some(secured),
                Received::Full { .. } => panic!("there is room"),
                end @ (Received::Closed | Received::Failed(_)) => self.end = Some(end),
            }
        }
    }

    fn said(&mut self) -> Vec<u8> {
        let bytes = self.out.filled().to_vec();
        self.out.clear();
        bytes
    }
}

/// Shakes hands, `cut` bytes at a time; the client says `first` as soon as it may.
fn shake(
    config: &Arc<ClientConfig>,
    policy: &Policy,
    cut: usize,
    first: &[u8],
) -> (ClientConnection, Server) {
    let (mut client, mut server) = (connect(config), Server::new(policy));
    let mut asked = false;
    loop {
        if !client.is_handshaking() && !asked {
            asked = true;
            client.writer().write_all(first).unwrap();
        }
        let flight = said(&mut client);
        for piece in flight.chunks(cut) {
            server.receive(piece);
            assert!(server.end.is_none(), "{:?}", server.end);
        }
        let answer = server.said();
        told(&mut client, &answer).unwrap();
        if flight.is_empty() && answer.is_empty() && asked {
            return (client, server);
        }
    }
}

fn read(client: &mut ClientConnection) -> Vec<u8> {
    let mut bytes = vec![0; 65536];
    let n = client.reader().read(&mut bytes).unwrap();
    bytes.truncate(n);
    bytes
}

#[test]
fn sessions_are_established_however_their_bytes_are_cut() {
    for version in VERSIONS {
        for certificate in [false, true] {
            let clients =
                if certificate { Clients::Certified(roots()) } else { Clients::Anonymous };
            let policy = policy(clients);
            for cut in [1, 2, 5, 6, 63, 700, 100_000] {
                let config = Wish { certificate, ..Wish::of(version) }.client();
                let (mut client, mut server) = shake(&config, &policy, cut, b"first");
                assert_eq!(server.plain.filled(), b"first");
                assert!(server.input.is_empty());
                let secured = server.secured.take().unwrap();
                assert_eq!(secured.client_subject.is_some(), certificate);
                assert!(!secured.is_resumed);
                server.session.sealer().unwrap().seal(b"answer", &mut server.out).unwrap();
                told(&mut client, &server.said()).unwrap();
                assert_eq!(read(&mut client), b"answer");
                client.send_close_notify();
                server.receive(&said(&mut client));
                assert!(matches!(server.end, Some(Received::Closed)));
            }
        }
    }
}

#[test]
fn messages_in_many_small_records_are_joined_across_calls() {
    for version in VERSIONS {
        for certificate in [false, true] {
            let clients =
                if certificate { Clients::Certified(roots()) } else { Clients::Anonymous };
            let policy = policy(clients);
            // Each record of 32 bytes carries a part of a message.
            for cut in [1, 37, 40, 111, 100_000] {
                let wish = Wish { certificate, fragment: Some(32), ..Wish::of(version) };
                let (_, server) =
                    shake(&wish.client(), &policy, cut, b"a request in two records....");
                assert_eq!(server.plain.filled(), b"a request in two records....");
            }
        }
    }
}

#[test]
fn records_are_as_short_as_the_client_wants_them() {
    let lengths = |mut bytes: &[u8]| {
        let mut found = Vec::new();
        while let Front::Record { bytes: record } = front(bytes) {
            found.push(record);
            bytes = &bytes[record..];
        }
        found
    };
    for version in VERSIONS {
        for most in [512, 4096] {
            let policy = policy(Clients::Anonymous).limited(most);
            let config = Wish::of(version).client();
            let (mut client, mut server) = (connect(&config), Server::new(&policy));
            server.receive(&said(&mut client));
            let flight = server.said();
            let longest = lengths(&flight).into_iter().max().unwrap();
            assert!(longest <= most + RECORD_HEAD_BYTES + 1 + TAG_BYTES, "{longest}");
            let (mut client, mut server) = shake(&config, &policy, 9999, b"x");
            let mut sealer = server.session.sealer().unwrap();
            assert_eq!(sealer.plain_bytes_max(), most);
            assert!(sealer.seal(&vec![7; most + 1], &mut server.out).is_err());
            let filled = sealer.seal_with(9000, &mut server.out, |room| Ok(room.len()));
            assert_eq!(filled.unwrap().unwrap(), most);
            told(&mut client, &server.said()).unwrap();
            assert_eq!(read(&mut client).len(), most);
        }
    }
}

#[test]
fn sessions_are_resumed_and_keys_can_be_renewed_after_a_retry() {
    for version in VERSIONS {
        let policy = policy(Clients::Anonymous);
        let config = Wish::of(version).client();
        let (_, server) = shake(&config, &policy, 50, b"x");
        assert!(!server.secured.unwrap().is_resumed);
        for cut in [1, 1000] {
            let (mut client, mut server) = shake(&config, &policy, cut, b"x");
            assert!(server.secured.take().unwrap().is_resumed);
            assert_eq!(client.handshake_kind(), Some(HandshakeKind::Resumed));
            server.session.sealer().unwrap().seal(b"y", &mut server.out).unwrap();
            told(&mut client, &server.said()).unwrap();
            assert_eq!(read(&mut client), b"y");
        }
    }
    // The policy knows no group that the client's first hello has a share for.
    let groups = Some(vec![crate::tls::Group::P384]);
    let policy = policy_of(&Terms { groups, tls12: false, ..terms(Clients::Anonymous) });
    for cut in [1, 9, 100_000] {
        let groups = Some(vec![NamedGroup::X25519, NamedGroup::secp384r1]);
        let config = Wish { groups, ..Wish::of(&version::TLS13) }.client();
        let (mut client, mut server) = shake(&config, &policy, cut, b"x");
        assert_eq!(client.handshake_kind(), Some(HandshakeKind::FullWithHelloRetryRequest));
        client.refresh_traffic_keys().unwrap();
        client.writer().write_all(b"renewed").unwrap();
        server.receive(&said(&mut client));
        assert_eq!(server.plain.filled(), b"xrenewed");
    }
}

/// A record of its own around `content`.
fn record(kind: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    [&[kind, 3, 3, length[0], length[1]], content].concat()
}

/// A TLS 1.2 server that has answered the hello.
fn answered() -> Server {
    let mut server = Server::new(&policy(Clients::Anonymous));
    server.receive(&said(&mut connect(&Wish::of(&version::TLS12).client())));
    assert!(!server.said().is_empty() && server.end.is_none());
    server
}

#[test]
fn a_message_that_another_record_interrupts_ends_the_handshake() {
    for interruption in [record(21, &[1, 0]), record(20, &[1]), record(23, b"data")] {
        for cut in [1, 1000] {
            let mut server = answered();
            let bytes = [record(22, &[16, 0, 0, 33, 32]), interruption.clone()].concat();
            for piece in bytes.chunks(cut) {
                server.receive(piece);
            }
            assert!(matches!(server.end, Some(Received::Failed(_))), "{:?}", server.end);
            // Whatever comes afterwards is not looked at.
            let (used, received) =
                server.session.receive(&mut [1, 2, 3], &mut server.plain, &mut server.out);
            assert_eq!(used, 3);
            assert!(matches!(received, Received::Closed));
        }
    }
}

#[test]
fn nothing_comes_of_garbage_but_an_alert() {
    for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[22, 4, 0, 0, 0], &[23, 3, 3, 255, 255]] {
        for cut in [1, 1000] {
            let mut server = answered();
            for piece in garbage.chunks(cut) {
                server.receive(piece);
            }
            assert!(matches!(server.end, Some(Received::Failed(_))), "{:?}", server.end);
            let alert = server.said();
            assert_eq!((alert.len(), alert[0], alert[5]), (7, 21, 2));
        }
    }
}

#[test]
fn who_gives_up_is_told_nothing() {
    let mut server = answered();
    server.receive(&record(21, &[2, 48]));
    let Some(Received::Failed(failure)) = &server.end else { panic!("{:?}", server.end) };
    assert!(failure.is_of_peer(), "{failure}");
    assert_eq!(server.said(), []);
}

#[test]
fn a_handshake_message_has_a_longest_length() {
    let mut server = answered();
    // A message of 60 KiB in records of 1 KiB.
    server.receive(&record(22, &[16, 0, 0xf0, 0]));
    let mut kept = 0;
    while server.end.is_none() {
        server.receive(&record(22, &[0; 1024]));
        kept = kept.max(server.input.len());
    }
    assert!(matches!(server.end, Some(Received::Failed(Failure::Refused(Alert::RecordOverflow)))));
    assert!(kept <= HANDSHAKE_BYTES_MAX + 1029);
    assert!(kept > HANDSHAKE_BYTES_MAX - 1029);
    assert_eq!(server.said(), [21, 3, 3, 0, 2, 2, 22]);
}

#[test]
fn early_data_is_skipped() {
    let policy = policy(Clients::Anonymous);
    // Tickets of a server that takes early data, for a client that turns to one that does not.
    let mut generous = rustls::ServerConfig::clone(policy.config());
    generous.max_early_data_size = 8192;
    generous.ticketer = Arc::new(NoTickets);
    generous.session_storage = rustls::server::ServerSessionMemoryCache::new(8);
    let config = Wish::of(&version::TLS13).client();
    let mut client = connect(&config);
    let mut first = rustls::ServerConnection::new(Arc::new(generous)).unwrap();
    for _ in 0..4 {
        let bytes = said(&mut client);
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            first.read_tls(&mut rest).unwrap();
            first.process_new_packets().unwrap();
        }
        let mut answer = Vec::new();
        while first.wants_write() {
            first.write_tls(&mut answer).unwrap();
        }
        told(&mut client, &answer).unwrap();
    }
    let mut eager = connect(&config);
    eager.early_data().expect("early data").write_all(b"too early").unwrap();
    let mut server = Server::new(&policy);
    let mut done = false;
    while !done {
        let bytes = said(&mut eager);
        for byte in bytes.chunks(1) {
            server.receive(byte);
        }
        assert!(server.end.is_none(), "{:?}", server.end);
        let answer = server.said();
        told(&mut eager, &answer).unwrap();
        done = answer.is_empty() && bytes.is_empty();
    }
    assert!(!eager.is_early_data_accepted());
    eager.writer().write_all(b"in time").unwrap();
    server.receive(&said(&mut eager));
    assert_eq!(server.plain.filled(), b"in time");
}

/// No stateless tickets.
#[derive(Debug)]
struct NoTickets;

impl rustls::server::ProducesTickets for NoTickets {
    fn enabled(&self) -> bool {
        false
    }
    fn lifetime(&self) -> u32 {
        0
    }
    fn encrypt(&self, _: &[u8]) -> Option<Vec<u8>> {
        None
    }
    fn decrypt(&self, _: &[u8]) -> Option<Vec<u8>> {
        None
    }
}

#[test]
fn a_record_waits_for_room() {
    let policy = policy(Clients::Anonymous);
    let (mut client, mut server) = shake(&Wish::of(&version::TLS13).client(), &policy, 99, b"");
    client.writer().write_all(&[7; 5000]).unwrap();
    client.send_close_notify();
    let mut input = said(&mut client);
    server.plain = Buf::with_capacity(5004);
    server.plain.put(b"full").unwrap();
    let full = server.session.receive(&mut input, &mut server.plain, &mut server.out);
    assert!(matches!(full, (0, Received::Full { room_bytes: 5001 })), "{full:?}");
    server.plain.clear();
    let (used, received) = server.session.receive(&mut input, &mut server.plain, &mut server.out);
    assert!(matches!(received, Received::Closed));
    assert_eq!((used, server.plain.len()), (input.len(), 5000));
}
