//! Tests of heads, of taking a session over, and of what a session shows of itself.

use ring::aead::{AES_128_GCM, AES_256_GCM, CHACHA20_POLY1305};

use super::super::opener::Opened;
use super::*;
use crate::buf::Buf;

#[path = "../../../tests/tls/forge.rs"]
pub(in crate::tls) mod forge;

use forge::Forge;

/// Every cipher in every version.
pub(in crate::tls) const KINDS: [(Version, Cipher); 6] = [
    (Version::Tls12, Cipher::Aes128Gcm),
    (Version::Tls12, Cipher::Aes256Gcm),
    (Version::Tls12, Cipher::Chacha20Poly1305),
    (Version::Tls13, Cipher::Aes128Gcm),
    (Version::Tls13, Cipher::Aes256Gcm),
    (Version::Tls13, Cipher::Chacha20Poly1305),
];

/// What the client seals with in a session of fixed keys.
pub(in crate::tls) fn client_forge(version: Version, cipher: Cipher) -> Forge {
    direction(version, cipher, 0x5c)
}

/// What the server seals with.
pub(in crate::tls) fn server_forge(version: Version, cipher: Cipher) -> Forge {
    direction(version, cipher, 0x33)
}

fn direction(version: Version, cipher: Cipher, fill: u8) -> Forge {
    let algorithm = match cipher {
        Cipher::Aes128Gcm => &AES_128_GCM,
        Cipher::Aes256Gcm => &AES_256_GCM,
        Cipher::Chacha20Poly1305 => &CHACHA20_POLY1305,
    };
    match version {
        Version::Tls13 => Forge::tls13(algorithm, &vec![fill; cipher.secret_bytes()]),
        Version::Tls12 => Forge {
            algorithm,
            tls13: false,
            key: vec![fill ^ 0x0f; algorithm.key_len()],
            iv: [fill ^ 0xf0; 12],
            seq: 0,
            secret: Vec::new(),
        },
    }
}

/// The server's side of that session, and the client's by the same code.
pub(in crate::tls) fn session(version: Version, cipher: Cipher) -> (Records, Records) {
    let [client, server] = [client_forge(version, cipher), server_forge(version, cipher)];
    (records(version, cipher, &client, &server), records(version, cipher, &server, &client))
}

fn records(version: Version, cipher: Cipher, rx: &Forge, tx: &Forge) -> Records {
    let [rx, tx] = [rx, tx].map(|forge| {
        let mut keys = Keys::new(cipher, forge.seq, &forge.key, &forge.iv).unwrap();
        if version == Version::Tls13 {
            let mut secret = [0; 48];
            secret[..forge.secret.len()].copy_from_slice(&forge.secret);
            assert!(keys.adopt(&secret, cipher));
        }
        keys
    });
    Records::start(version, cipher, rx, tx, version == Version::Tls13)
}

fn extracted(fill: u8) -> ExtractedSecrets {
    let direction = |fill: u8| ConnectionTrafficSecrets::Aes256Gcm {
        key: [fill; 32].into(),
        iv: [fill; 12].into(),
    };
    ExtractedSecrets { tx: (2, direction(fill)), rx: (1, direction(fill + 1)) }
}

/// What stands at the front, asked with every number of bytes up to the whole.
fn front_of(bytes: &[u8]) -> Front {
    let mut answers =
        (0..=bytes.len()).map(|n| front(&bytes[..n])).skip_while(|f| *f == Front::Short);
    let first = answers.next().unwrap_or(Front::Short);
    assert!(answers.all(|later| later == first), "{bytes:?}");
    first
}

#[test]
fn a_head_says_how_long_its_record_is() {
    for kind in 20..=23 {
        for minor in [0, 1, 3, 4, 255] {
            assert_eq!(front_of(&[kind, 3, minor, 0, 0]), Front::Record { bytes: 5 });
            assert_eq!(front_of(&[kind, 3, minor, 0x12, 0x34, 1]), Front::Record { bytes: 0x1239 });
        }
    }
    let [high, low] = (PLAIN_BYTES_MAX as u16 + 256).to_be_bytes();
    let longest = [23, 3, 3, high, low];
    assert_eq!(front_of(&longest), Front::Record { bytes: RECORD_BYTES_MAX });
    assert_eq!(front_of(&[23, 3, 3, high]), Front::Short);
}

#[test]
fn what_is_no_record_is_refused_at_its_first_wrong_byte() {
    for kind in (0..20).chain(24..=255) {
        assert_eq!(front_of(&[kind]), Front::Refused(Alert::UnexpectedMessage));
    }
    assert_eq!(front_of(b"GET / HTTP/1.1\r\n"), Front::Refused(Alert::UnexpectedMessage));
    assert_eq!(front_of(&[22, 2]), Front::Refused(Alert::DecodeError));
    assert_eq!(front_of(&[23, 4, 3, 0, 1, 0]), Front::Refused(Alert::DecodeError));
    let [high, low] = (PLAIN_BYTES_MAX as u16 + 257).to_be_bytes();
    assert_eq!(front_of(&[23, 3, 3, high, low]), Front::Refused(Alert::RecordOverflow));
    assert_eq!(front_of(&[23, 3, 3, 255, 255]), Front::Refused(Alert::RecordOverflow));
}

#[test]
fn what_follows_a_record_does_not_change_its_front() {
    for tail in [&b""[..], b"\0", b"\x17\x03\x03", &[255; 300]] {
        let bytes = [&[21, 3, 3, 0, 2, 9, 9], tail].concat();
        assert_eq!(front_of(&bytes), Front::Record { bytes: 7 });
    }
}

#[test]
fn a_session_goes_on_where_the_handshake_ended() {
    for version in [ProtocolVersion::TLSv1_2, ProtocolVersion::TLSv1_3] {
        let records = Records::new(extracted(7), version, None).unwrap();
        assert_eq!((records.tx.seq(), records.rx.seq()), (2, 1));
        assert_eq!((records.cipher, records.renewable), (Cipher::Aes256Gcm, false));
    }
}

#[test]
fn what_can_not_be_carried_on_is_refused() {
    let make = |secrets, version, traffic| Records::new(secrets, version, traffic).err();
    let other = |secrets: ConnectionTrafficSecrets| ExtractedSecrets {
        tx: (0, secrets),
        rx: extracted(1).rx,
    };
    let version = ProtocolVersion::TLSv1_3;
    assert_eq!(make(extracted(7), ProtocolVersion::TLSv1_1, None), Some(Unsupported::Version));
    let chacha =
        ConnectionTrafficSecrets::Chacha20Poly1305 { key: [0; 32].into(), iv: [0; 12].into() };
    assert_eq!(make(other(chacha), version, None), Some(Unsupported::Cipher));
    let long_key = ConnectionTrafficSecrets::Aes128Gcm { key: [0; 32].into(), iv: [0; 12].into() };
    assert_eq!(make(other(long_key), version, None), Some(Unsupported::Cipher));
    for bytes in [32, 48] {
        let traffic = TrafficSecrets::new(&vec![1; bytes], &vec![2; bytes]);
        assert_eq!(make(extracted(7), version, traffic), Some(Unsupported::Secrets));
    }
    // TLS 1.2 has none, so whatever was logged there is not looked at.
    let traffic = TrafficSecrets::new(&[1; 32], &[2; 32]);
    assert_eq!(make(extracted(7), ProtocolVersion::TLSv1_2, traffic), None);
}

#[test]
fn a_session_shows_no_key_and_is_small() {
    assert!(size_of::<Records>() <= 256);
    let mut records = Records::new(extracted(171), ProtocolVersion::TLSv1_2, None).unwrap();
    let mut shown = format!("{records:?} {records:#?}");
    shown += &format!("{:?} ", records.opener());
    shown += &format!("{:?}", records.sealer());
    for secret in ["171", "172", "ab, ab", "key: [", "iv"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
    assert!(shown.contains("Tls12"));
}

#[test]
fn what_one_side_seals_the_other_opens() {
    for (version, cipher) in KINDS {
        let (mut server, mut client) = session(version, cipher);
        let mut wire = Buf::with_capacity(40_000);
        for round in 0..3_u8 {
            for plain in [&b"x"[..], &[round; 1000], &[7; PLAIN_BYTES_MAX]] {
                pass(&mut server, &mut client, plain, &mut wire);
                pass(&mut client, &mut server, plain, &mut wire);
            }
        }
    }
}

fn pass(from: &mut Records, to: &mut Records, plain: &[u8], wire: &mut Buf) {
    wire.clear();
    let mut sealer = from.sealer();
    let overhead = sealer.overhead();
    sealer.seal(plain, wire).unwrap();
    assert_eq!(wire.len(), plain.len() + overhead);
    assert_eq!(front(wire.filled()), Front::Record { bytes: wire.len() });
    let mut record = wire.filled().to_vec();
    assert_eq!(to.opener().open(&mut record), Opened::Data(plain));
}
