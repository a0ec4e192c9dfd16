//! The record layer against rustls: sessions that rustls began are carried on with a rustls
//! client at the other end.

use std::io::{Read, Write};

use kinglet::buf::Buf;
use kinglet::tls::{Alert, Front, Opened, Records, Unsupported, front};
use rustls::{AlertDescription, ClientConnection, Error, ProtocolVersion};

#[path = "tls/any_certificate.rs"]
mod any_certificate;
#[path = "tls/handshake.rs"]
mod handshake;

use handshake::{Established, bytes_of, configs, establish, give_client, suites};

/// A session that our record layer has taken over from a rustls server.
struct Session {
    client: ClientConnection,
    server: Records,
    wire: Buf,
}

fn take_over(established: Established) -> Result<Session, Unsupported> {
    let flight = &established.client_flight;
    assert_eq!(front(flight), Front::Record { bytes: flight.len() });
    let traffic = established.traffic();
    let secrets = established.server.dangerous_extract_secrets().unwrap();
    let server = Records::new(secrets, established.version, traffic)?;
    Ok(Session { client: established.client, server, wire: Buf::with_capacity(20_000) })
}

/// What the server has heard.
#[derive(Debug, Default, PartialEq)]
struct Heard {
    data: Vec<u8>,
    closed: bool,
}

impl Session {
    /// Opens all that the client wants to send.
    fn listen(&mut self) -> Heard {
        let mut bytes = bytes_of(&mut self.client);
        let mut rest = &mut bytes[..];
        let mut heard = Heard::default();
        let mut opener = self.server.opener();
        while let Front::Record { bytes } = front(rest) {
            let (record, behind) = rest.split_at_mut(bytes);
            rest = behind;
            match opener.open(record) {
                Opened::Data(data) => heard.data.extend(data),
                Opened::Nothing => {}
                Opened::Closed => heard.closed = true,
                end => panic!("{end:?}"),
            }
        }
        assert!(rest.is_empty());
        heard
    }

    /// The client says `plain`, the server hears it.
    fn client_says(&mut self, plain: &[u8]) {
        let mut heard = Vec::new();
        let mut rest = plain;
        while !rest.is_empty() {
            let taken = self.client.writer().write(rest).unwrap();
            rest = &rest[taken..];
            heard.extend(self.listen().data);
        }
        assert_eq!(heard, plain);
    }

    /// Gives the client what has been sealed.
    fn deliver(&mut self) -> Result<Vec<u8>, Error> {
        let given = give_client(&mut self.client, self.wire.filled());
        self.wire.clear();
        given?;
        let mut heard = Vec::new();
        let mut part = [0; 4096];
        while let Ok(n @ 1..) = self.client.reader().read(&mut part) {
            heard.extend(&part[..n]);
        }
        Ok(heard)
    }

    /// The server says `plain` in records of up to `chunk` bytes, the client hears it.
    fn server_says(&mut self, plain: &[u8], chunk: usize) {
        let mut heard = Vec::new();
        for part in plain.chunks(chunk) {
            self.server.sealer().seal(part, &mut self.wire).unwrap();
            heard.extend(self.deliver().unwrap());
        }
        assert_eq!(heard, plain);
    }
}

fn sessions() -> Vec<Session> {
    let all: Vec<Session> = suites()
        .into_iter()
        .map(|suite| {
            let (configs, log) = configs(suite, 2);
            take_over(establish(&configs, &log)).unwrap()
        })
        .collect();
    assert_eq!(all.len(), 9);
    all
}

fn noise(bytes: usize) -> Vec<u8> {
    (0..bytes as u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

#[test]
fn data_goes_both_ways_in_every_suite() {
    for mut session in sessions() {
        for bytes in [1, 0, 5, 16_383, 16_384, 16_385, 100_000] {
            session.client_says(&noise(bytes));
            session.server_says(&noise(bytes), 16_384);
        }
        for chunk in [1, 2, 100, 1000] {
            session.server_says(&noise(3 * chunk + 1), chunk);
        }
        session.server.sealer().seal(b"", &mut session.wire).unwrap();
        assert_eq!(session.deliver().unwrap(), b"");
        let mut file = &noise(20_000)[..];
        let sent =
            session.server.sealer().seal_with(20_000, &mut session.wire, |room| file.read(room));
        assert_eq!(sent.unwrap().unwrap(), 16_384);
        assert_eq!(session.deliver().unwrap(), noise(20_000)[..16_384]);
    }
}

#[test]
fn keys_are_updated_at_the_clients_wish() {
    for mut session in sessions() {
        if session.client.protocol_version() != Some(ProtocolVersion::TLSv1_3) {
            continue;
        }
        for round in 1..100 {
            session.client.refresh_traffic_keys().unwrap();
            if round % 3 == 0 {
                session.client.refresh_traffic_keys().unwrap();
            }
            session.client_says(&noise(round));
            assert!(session.server.owes());
            if round % 2 == 0 {
                session.server.sealer().pay(&mut session.wire).unwrap();
                assert!(!session.server.owes());
            }
            session.server_says(&noise(round), 16_384);
            assert!(!session.server.owes());
            session.server_says(&noise(round), 16_384);
        }
    }
}

#[test]
fn each_side_closes_its_own_direction() {
    for mut session in sessions() {
        session.client.writer().write_all(b"last").unwrap();
        session.client.send_close_notify();
        assert_eq!(session.listen(), Heard { data: b"last".to_vec(), closed: true });
        session.server_says(b"still here", 16_384);
        session.server.sealer().close_notify(&mut session.wire).unwrap();
        assert_eq!(session.deliver(), Ok(Vec::new()));
        assert!(session.client.process_new_packets().unwrap().peer_has_closed());
    }
}

#[test]
fn an_alert_reaches_the_client() {
    let alerts = [
        (Alert::UnexpectedMessage, AlertDescription::UnexpectedMessage),
        (Alert::BadRecordMac, AlertDescription::BadRecordMac),
        (Alert::RecordOverflow, AlertDescription::RecordOverflow),
        (Alert::DecodeError, AlertDescription::DecodeError),
        (Alert::IllegalParameter, AlertDescription::IllegalParameter),
        (Alert::InternalError, AlertDescription::InternalError),
    ];
    for (mut session, (alert, description)) in sessions().into_iter().zip(alerts) {
        session.server.sealer().alert(alert, &mut session.wire).unwrap();
        assert_eq!(session.deliver(), Err(Error::AlertReceived(description)));
    }
}

#[test]
fn a_key_update_before_the_takeover_does_not_go_unnoticed() {
    for suite in suites().into_iter().filter(|suite| suite.tls13().is_some()) {
        let (configs, log) = configs(suite, 0);
        let mut established = establish(&configs, &log);
        established.client.refresh_traffic_keys().unwrap();
        let bytes = bytes_of(&mut established.client);
        handshake::give_server(&mut established.server, &bytes).unwrap();
        assert_eq!(take_over(established).err(), Some(Unsupported::Secrets));
    }
}
