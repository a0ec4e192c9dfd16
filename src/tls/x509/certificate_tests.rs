//! Tests of the certificate reader; `tests/tls/expected` holds what OpenSSL says.

use super::*;
use crate::tls::fixtures::{certificates, fixture};
use crate::tls::x509::der::{self, element};

const FILES: &[(&str, &[u8])] = &[
    ("authority.pem", fixture!("authority.pem")),
    ("client.pem", fixture!("client.pem")),
    ("ed25519.pem", fixture!("ed25519.pem")),
    ("expired.pem", fixture!("expired.pem")),
    ("future.pem", fixture!("future.pem")),
    ("middle.pem", fixture!("middle.pem")),
    ("names.pem", fixture!("names.pem")),
    ("p256-both.pem", fixture!("p256-both.pem")),
    ("p256-chain.pem", fixture!("p256-chain.pem")),
    ("p256-gap.pem", fixture!("p256-gap.pem")),
    ("p256-wrong-order.pem", fixture!("p256-wrong-order.pem")),
    ("p256.pem", fixture!("p256.pem")),
    ("p384.pem", fixture!("p384.pem")),
    ("p521.pem", fixture!("p521.pem")),
    ("root.pem", fixture!("root.pem")),
    ("rsa.pem", fixture!("rsa.pem")),
    ("rsa1024.pem", fixture!("rsa1024.pem")),
    ("self.pem", fixture!("self.pem")),
    ("sha1.pem", fixture!("sha1.pem")),
    ("version1.pem", fixture!("version1.pem")),
];

fn first(pem: &[u8]) -> Vec<u8> {
    certificates(pem)[0].to_vec()
}

#[test]
fn it_reads_what_openssl_reads() {
    let expected = core::str::from_utf8(fixture!("expected")).unwrap();
    let mut lines = 0;
    for line in expected.lines() {
        let (file, fact) = line.split_once(' ').unwrap();
        let (key, value) = fact.split_once('=').unwrap();
        let der = first(FILES.iter().find(|(name, _)| *name == file).unwrap().1);
        let certificate = Certificate::parse(&der).unwrap();
        let found = match key {
            "fingerprint" => sha256_fingerprint(&der),
            "serial" => certificate.serial_hex(),
            "subject" => certificate.subject(),
            "notBefore" => certificate.not_before_secs().to_string(),
            "notAfter" => certificate.not_after_secs().to_string(),
            other => panic!("{other}"),
        };
        assert_eq!(found, value, "{file} {key}");
        lines += 1;
    }
    assert_eq!(lines, FILES.len() * 5);
}

#[test]
fn names_are_dns_names_and_addresses() {
    let der = first(fixture!("names.pem"));
    let certificate = Certificate::parse(&der).unwrap();
    let names: Vec<Name<'_>> = certificate.names().collect();
    let expected = [
        Name::Dns("Names.Test"),
        Name::Dns("*.wild.test"),
        Name::Dns("*.lan"),
        Name::Address("192.0.2.7".parse().unwrap()),
        Name::Address("2001:db8::7".parse().unwrap()),
    ];
    assert_eq!(names, expected);
    let yes = [
        "names.test",
        "NAMES.TEST",
        "names.test.",
        "a.wild.test",
        "A.Wild.Test",
        "*.wild.test",
        "*.lan",
        "192.0.2.7",
        "2001:db8::7",
        "[2001:db8:0::7]",
    ];
    for name in yes {
        assert!(certificate.covers(name), "{name}");
    }
    let no = [
        "",
        ".",
        "ames.test",
        "x.names.test",
        "wild.test",
        ".wild.test",
        "a.b.wild.test",
        "a.lan",
        "*.names.test",
        "#odd=name",
        "192.0.2.8",
        "2001:db8::8",
        "a@b.test",
        "*",
        "a.wild.test..",
    ];
    for name in no {
        assert!(!certificate.covers(name), "{name}");
    }
    // Without the extension the common name does not step in.
    let old = first(fixture!("version1.pem"));
    let old = Certificate::parse(&old).unwrap();
    assert_eq!((old.names().count(), old.covers("old.test")), (0, false));
}

#[test]
fn kinds_are_told_apart() {
    for (pem, ca, own) in [
        (fixture!("p256.pem"), false, false),
        (fixture!("middle.pem"), true, false),
        (fixture!("root.pem"), true, true),
        (fixture!("self.pem"), false, true),
        (fixture!("version1.pem"), false, false),
    ] {
        let der = first(pem);
        let certificate = Certificate::parse(&der).unwrap();
        assert_eq!((certificate.is_ca(), certificate.is_self_signed()), (ca, own));
    }
    for (pem, weak) in [(fixture!("sha1.pem"), true), (fixture!("rsa.pem"), false)] {
        assert_eq!(Certificate::parse(&first(pem)).unwrap().has_weak_signature(), weak);
    }
    for (pem, bits) in [
        (fixture!("rsa.pem"), Some(2048)),
        (fixture!("rsa1024.pem"), Some(1024)),
        (fixture!("p384.pem"), None),
    ] {
        assert_eq!(Certificate::parse(&first(pem)).unwrap().rsa_bits(), bits);
    }
    let chain = certificates(fixture!("p256-chain.pem"));
    let [leaf, middle] = [&chain[0], &chain[1]].map(|der| Certificate::parse(der).unwrap());
    assert_eq!(leaf.validity_text(), "2024-01-01 to 2095-01-01");
    assert_eq!(leaf.issuer_raw(), middle.subject_raw());
    assert_eq!(leaf.issuer(), "CN=Test Middle,O=Kinglet Tests");
    assert_eq!(middle.organization().as_deref(), Some("Kinglet Tests"));
    assert_eq!(leaf.organization(), None);
}

#[test]
fn a_certificate_is_read_whole_or_not_at_all() {
    for (file, pem) in FILES {
        let der = first(pem);
        for end in 0..der.len() {
            assert!(Certificate::parse(&der[..end]).is_err(), "{file} {end}");
        }
        let longer = [&der[..], &[0]].concat();
        assert!(Certificate::parse(&longer).is_err(), "{file}");
    }
}

#[test]
fn broken_bytes_never_panic() {
    for (_, pem) in FILES {
        let der = first(pem);
        for at in 0..der.len() {
            for flip in [1, 0x20, 0x80, 0xff] {
                let mut broken = der.clone();
                broken[at] ^= flip;
                let Ok(it) = Certificate::parse(&broken) else { continue };
                assert!(it.subject().is_ascii() && it.issuer().is_ascii());
                let _ = (it.names().count(), it.covers("a.b"), it.serial_hex(), it.rsa_bits());
            }
        }
    }
}

#[test]
fn serial_numbers_are_bounded() {
    let of = |serial: &[u8]| {
        let der = first(fixture!("p256.pem"));
        let old = element(der::INTEGER, &[&[0x1a, 0x03]]);
        let mut outer = Reader::new(&der);
        let mut parts = outer.enter(SEQUENCE).unwrap();
        let body = parts.take(SEQUENCE).unwrap();
        let inner = body.value;
        let at = inner.windows(old.len()).position(|bytes| bytes == old).unwrap();
        let serial = element(der::INTEGER, &[serial]);
        let body = element(SEQUENCE, &[&inner[..at], &serial, &inner[at + old.len()..]]);
        let (algorithm, signature) = (parts.any().unwrap(), parts.any().unwrap());
        let der = element(SEQUENCE, &[&body, algorithm.whole, signature.whole]);
        Certificate::parse(&der).map(|certificate| certificate.serial_hex())
    };
    assert_eq!(of(&[0]).as_deref(), Ok("00"));
    assert_eq!(of(&[0, 0x80, 1]).as_deref(), Ok("8001"));
    assert_eq!(of(&[1; 64]), Ok("01".repeat(64)));
    assert!(of(&[1; 65]).is_err() && of(&[]).is_err());
}
