//! The same records to a rustls server and to our record layer, in sessions with the same keys:
//! both must find the same in them and answer with the same bytes.
//!
//! The records are made from fixed seeds: honest ones and all sorts of wrong ones. Where we mean
//! to differ from rustls, `DIFFERENCES` says so and why.

use std::io::{Read, Write};

use kinglet::buf::Buf;
use kinglet::tls::{Front, NotSealed, Opened, Records, front};
use ring::aead::{AES_128_GCM, AES_256_GCM, CHACHA20_POLY1305};
use rustls::{
    ClientConnection, ConnectionTrafficSecrets, Error, ExtractedSecrets, ProtocolVersion,
    ServerConnection,
};

#[path = "tls/any_certificate.rs"]
mod any_certificate;
#[path = "tls/forge.rs"]
mod forge;
#[path = "tls/handshake.rs"]
mod handshake;
#[path = "tls/wild_records.rs"]
mod wild_records;

use forge::Forge;
use handshake::{configs, establish, suites};
use wild_records::{Deed, Random, Wild};

/// Sequences of records for each of six suites.
const SEQUENCES: u64 = 400;

/// How a session ended for its server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Closed,
    Failed,
    /// Broken off with this alert; rustls sometimes sends none.
    Refused(Option<u8>),
}

/// Two servers with the same keys.
struct Twins {
    theirs: ServerConnection,
    ours: Records,
    /// Bytes that came and were not opened yet.
    rx: Vec<u8>,
    tx: Buf,
    /// What the servers seal with, to read alerts that are not the same.
    forge: Forge,
    tls13: bool,
}

/// A session of the two servers, and what seals for its client.
fn twins(established: handshake::Established) -> (Twins, Wild) {
    let tls13 = established.version == ProtocolVersion::TLSv1_3;
    let traffic = established.traffic();
    let secrets = established.secrets.clone().unwrap_or_default();
    let client: ClientConnection = established.client;
    let theirs = established.server;
    // The client's secrets are the server's with the directions swapped.
    let own = client.dangerous_extract_secrets().unwrap();
    let forge_of = |(seq, keys): &(u64, ConnectionTrafficSecrets), secret: &[u8]| {
        let (algorithm, key, iv) = match keys {
            ConnectionTrafficSecrets::Aes128Gcm { key, iv } => (&AES_128_GCM, key, iv),
            ConnectionTrafficSecrets::Aes256Gcm { key, iv } => (&AES_256_GCM, key, iv),
            ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } => (&CHACHA20_POLY1305, key, iv),
            _ => panic!("another cipher"),
        };
        Forge {
            algorithm,
            tls13,
            key: key.as_ref().to_vec(),
            iv: iv.as_ref().try_into().unwrap(),
            seq: *seq,
            secret: secret.to_vec(),
        }
    };
    let client = forge_of(&own.tx, &secrets.0);
    let forge = forge_of(&own.rx, &secrets.1);
    let swapped = ExtractedSecrets { tx: own.rx, rx: own.tx };
    let ours = Records::new(swapped, established.version, traffic).unwrap();
    let wild = Wild::new(client, established.client_flight[5..].to_vec());
    (Twins { theirs, ours, rx: Vec::new(), tx: Buf::with_capacity(40_000), forge, tls13 }, wild)
}

impl Twins {
    /// What rustls finds in `bytes`.
    fn tell_theirs(&mut self, mut bytes: &[u8]) -> (Vec<u8>, Option<End>) {
        let mut heard = Vec::new();
        while !bytes.is_empty() {
            let read = self.theirs.read_tls(&mut bytes).unwrap();
            let state = self.theirs.process_new_packets();
            let mut part = [0; 20_000];
            while let Ok(n @ 1..) = self.theirs.reader().read(&mut part) {
                heard.extend(&part[..n]);
            }
            match state {
                Err(Error::AlertReceived(_)) if !self.theirs.wants_write() => {
                    return (heard, Some(End::Failed));
                }
                Err(_) => return (heard, Some(End::Refused(None))),
                Ok(state) if state.peer_has_closed() => return (heard, Some(End::Closed)),
                Ok(_) if read == 0 => break,
                Ok(_) => {}
            }
        }
        (heard, None)
    }

    /// What we find in them.
    fn tell_ours(&mut self, bytes: &[u8]) -> (Vec<u8>, Option<End>) {
        let mut heard = Vec::new();
        self.rx.extend(bytes);
        let mut opener = self.ours.opener();
        loop {
            let bytes = match front(&self.rx) {
                Front::Record { bytes } if bytes <= self.rx.len() => bytes,
                Front::Short | Front::Record { .. } => return (heard, None),
                Front::Refused(alert) => return (heard, Some(End::Refused(Some(alert.code())))),
            };
            let mut record: Vec<u8> = self.rx.drain(..bytes).collect();
            match opener.open(&mut record) {
                Opened::Data(data) => heard.extend(data),
                Opened::Nothing => {}
                Opened::Closed => return (heard, Some(End::Closed)),
                Opened::Failed => return (heard, Some(End::Failed)),
                Opened::Refused(alert) => {
                    return (heard, Some(End::Refused(Some(alert.code()))));
                }
            }
        }
    }

    /// What rustls wants to send.
    fn their_bytes(&mut self) -> Vec<u8> {
        let mut sent = Vec::new();
        while self.theirs.wants_write() {
            self.theirs.write_tls(&mut sent).unwrap();
        }
        sent
    }

    /// Both servers say something; the bytes must be the same.
    fn answer(&mut self, plain: &[u8], close: bool) {
        assert_eq!(self.theirs.writer().write(plain).unwrap(), plain.len());
        if close {
            self.theirs.send_close_notify();
        }
        let mut sealer = self.ours.sealer();
        sealer.seal(plain, &mut self.tx).unwrap();
        if close {
            sealer.close_notify(&mut self.tx).unwrap();
            assert_eq!(sealer.seal(b"x", &mut self.tx), Err(NotSealed::Ended));
        }
        let theirs = self.their_bytes();
        assert_eq!(self.tx.filled(), theirs);
        self.follow();
    }

    /// TLS 1.2 answers at once.
    fn answer_at_once(&mut self) {
        if !self.tls13 {
            self.ours.sealer().pay(&mut self.tx).unwrap();
            let theirs = self.their_bytes();
            assert_eq!(self.tx.filled(), theirs);
            self.follow();
        }
    }

    /// Keeps the forge in step with what the servers sealed.
    fn follow(&mut self) {
        while let Front::Record { bytes } = front(self.tx.filled()) {
            let record = &self.tx.filled()[..bytes];
            let update = self.forge.clone().record(22, &[24, 0, 0, 1, 0], 0);
            if self.tls13 && record == update {
                self.forge.renew();
            } else {
                self.forge.seq += 1;
            }
            self.tx.consume(bytes);
        }
        assert!(self.tx.is_empty());
    }

    /// Which alert rustls has sent: alone or behind the answer to a key update.
    fn their_alert(&mut self) -> Option<u8> {
        let sent = self.their_bytes();
        if sent.is_empty() {
            return None;
        }
        let code = (0..=255).find(|code| {
            let alone = self.forge.clone().record(21, &[2, *code], 0);
            if alone == sent || !self.tls13 {
                return alone == sent;
            }
            let mut forge = self.forge.clone();
            let update = forge.record(22, &[24, 0, 0, 1, 0], 0);
            forge.renew();
            [update, forge.record(21, &[2, *code], 0)].concat() == sent
        });
        assert!(code.is_some(), "rustls sends something else: {sent:?}");
        code
    }
}

/// Differences from rustls that are meant; every one of them must be met.
const DIFFERENCES: [&str; 9] = [
    "we say why we break off where rustls is silent",
    "what has no place in a session is unexpected (RFC 8446 section 5), not undecodable",
    "cleartext is not tried with a key",
    "a length is checked before the bytes are here, and more strictly",
    "a TLS 1.3 alert is an error whatever its level (RFC 8446 section 6.2)",
    "no handshake message but those that can be taken is waited for",
    "empty records do not make up for a flood of key updates",
    "the head of a TLS 1.3 record is authenticated as it is (RFC 8446 section 5.2)",
    "a TLS 1.2 ClientHello is declined unread",
];

/// Which of them this is.
fn difference(tls13: bool, deed: Deed, ours: Option<End>, theirs: Option<End>) -> Option<usize> {
    use End::{Failed, Refused};
    const UNEXPECTED: Option<End> = Some(Refused(Some(10)));
    const BAD_MAC: Option<End> = Some(Refused(Some(20)));
    const OVERFLOW: Option<End> = Some(Refused(Some(22)));
    const ILLEGAL: Option<End> = Some(Refused(Some(47)));
    const UNDECODABLE: Option<End> = Some(Refused(Some(50)));
    const SILENCE: Option<End> = Some(Refused(None));
    let at = match (deed, ours, theirs) {
        (_, UNEXPECTED, SILENCE) => 0,
        (
            Deed::Clear | Deed::WrongType | Deed::Alert | Deed::Handshake | Deed::Flipped,
            UNEXPECTED,
            UNDECODABLE,
        ) => 1,
        (Deed::Clear | Deed::Flipped, UNEXPECTED, BAD_MAC) => 2,
        (Deed::Clear, BAD_MAC, UNDECODABLE) => 2,
        (Deed::TooLong | Deed::Flipped, OVERFLOW, UNDECODABLE | BAD_MAC | None) => 3,
        (Deed::Alert, Some(Failed), UNDECODABLE) if tls13 => 4,
        (Deed::Handshake | Deed::Hello | Deed::Interleaved, UNEXPECTED, None) => 5,
        (Deed::KeyUpdate, UNEXPECTED, None) if !tls13 => 5,
        (Deed::KeyUpdate, UNEXPECTED, None | ILLEGAL) if tls13 => 6,
        (Deed::Flipped, UNEXPECTED | BAD_MAC, None) if tls13 => 7,
        (Deed::Handshake, None, UNDECODABLE) if !tls13 => 8,
        _ => return None,
    };
    Some(at)
}

/// One sequence; counts the differences that it met.
fn compare(seed: u64, twins: &mut Twins, wild: &mut Wild, met: &mut [usize; DIFFERENCES.len()]) {
    let mut random = Random::new(seed);
    let mut deeds = Vec::new();
    for _ in 0..40 {
        let (deed, bytes) = wild.next(&mut random);
        deeds.push(deed);
        let (our_data, our_end) = twins.tell_ours(&bytes);
        let (their_data, mut their_end) = twins.tell_theirs(&bytes);
        if let Some(End::Refused(alert)) = &mut their_end {
            *alert = twins.their_alert();
        }
        if our_end != their_end {
            let Some(at) = difference(twins.tls13, deed, our_end, their_end) else {
                panic!("{seed}: {deeds:?}: ours {our_end:?}, theirs {their_end:?}");
            };
            met[at] += 1;
            return;
        }
        assert_eq!(our_data, their_data, "{seed}: {deeds:?}");
        match our_end {
            None => {}
            Some(End::Closed) => return twins.answer(b"good bye", true),
            Some(_) => return,
        }
        twins.answer_at_once();
        if random.below(3) > 0 {
            twins.answer(&[7; 20], false);
        }
    }
    twins.answer(b"the end", true);
}

#[test]
fn rustls_finds_the_same_in_the_same_records() {
    let mut met = [0; DIFFERENCES.len()];
    let mut seed = 0;
    // Who signed the handshake makes no difference to records.
    let suites = suites().into_iter().filter(|suite| {
        let name = format!("{:?}", suite.suite());
        !name.contains("_RSA_")
    });
    for suite in suites {
        let (configs, log) = configs(suite, 0);
        for _ in 0..SEQUENCES {
            let (mut twins, mut wild) = twins(establish(&configs, &log));
            compare(seed, &mut twins, &mut wild, &mut met);
            seed += 1;
        }
    }
    assert_eq!(seed, 6 * SEQUENCES);
    for (times, difference) in met.iter().zip(DIFFERENCES) {
        assert!(*times > 0, "never met: {difference}");
    }
}
