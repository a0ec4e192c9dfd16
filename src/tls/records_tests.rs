//! Tests of heads, of taking a session over, and of what a session shows of itself.

use ring::aead::{AES_128_GCM, AES_256_GCM, CHACHA20_POLY1305};

use super::super::opener::Opened;
use super::*;
use crate::buf::Buf;

#[path = "../../tests/tls/forge.rs"]
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
            assert!(keys.adopt(cipher, &secret));
        }
        keys
    });
    Records::start(version, cipher, rx, tx, version == Version::Tls13)
}

#[test]
fn what_one_side_seals_the_other_opens() {
    for (version, cipher) in KINDS {
        let (mut server, mut client) = session(version, cipher);
        let mut wire = Buf::with_capacity(40_000);
        for round in 0..3_usize {
            for plain in [&b"x"[..], &[round as u8; 1000], &[7; PLAIN_BYTES_MAX]] {
                for (from, to) in [(&mut server, 0), (&mut client, 1)] {
                    let _ = to;
                    let mut sealer = from.sealer();
                    let overhead = sealer.overhead();
                    wire.clear();
                    sealer.seal(plain, &mut wire).unwrap();
                    assert_eq!(wire.len(), plain.len() + overhead);
                    assert_eq!(front(wire.filled()), Front::Record { bytes: wire.len() });
                }
            }
        }
        drop((server, client));
        let (mut server, mut client) = session(version, cipher);
        wire.clear();
        server.sealer().seal(b"hello", &mut wire).unwrap();
        let mut record = wire.filled().to_vec();
        assert_eq!(client.opener().open(&mut record), Opened::Data(b"hello"));
    }
}
