//! Tests of identities, their faults, and what is found about them.

use super::*;
use crate::tls::fixtures::{NOW_SECS, certificates as read, fixture};
use crate::tls::x509::certificate_finding::CertificateFinding as Finding;

fn fault(chain: &[u8], key: &[u8]) -> IdentityFault {
    Identity::from_pem(chain, key).unwrap_err()
}

fn findings(chain: &[u8], names: &[&str], now_secs: Option<u64>) -> Vec<Finding> {
    Identity::from_pem(chain, fixture!("p256.key")).unwrap().findings(names, now_secs)
}

#[test]
fn every_kind_of_key_in_every_form_is_loaded() {
    let pairs = [
        (fixture!("p256.pem"), fixture!("p256.key")),
        (fixture!("p256.pem"), fixture!("p256-sec1.key")),
        (fixture!("p256-chain.pem"), fixture!("p256.key")),
        (fixture!("p256-both.pem"), fixture!("p256-both.pem")),
        (fixture!("p256-both.pem"), b"".as_slice()),
        (fixture!("p384.pem"), fixture!("p384.key")),
        (fixture!("p384.pem"), fixture!("p384-sec1.key")),
        (fixture!("rsa.pem"), fixture!("rsa.key")),
        (fixture!("rsa.pem"), fixture!("rsa-pkcs1.key")),
        (fixture!("ed25519.pem"), fixture!("ed25519.key")),
    ];
    for (at, (chain, key)) in pairs.into_iter().enumerate() {
        let identity = Identity::from_pem(chain, key).unwrap();
        assert_eq!(identity.chain(), read(chain), "{at}");
        // rustls comes to the same result.
        let certified = identity.certified();
        certified.keys_match().unwrap();
        assert_eq!(certified.cert, identity.chain());
        assert_eq!(identity.findings(&["site.test"], Some(NOW_SECS)), [], "{at}");
        let lines: Vec<u8> = String::from_utf8_lossy(key).replace('\n', "\r\n").into_bytes();
        assert!(Identity::from_pem(chain, &lines).is_ok(), "{at}: CRLF");
    }
    // A certificate without extensions has nothing that a server needs from it.
    assert!(Identity::from_pem(fixture!("version1.pem"), fixture!("p256.key")).is_ok());
    // Among several keys, the one that fits is taken.
    let keys = [fixture!("rsa.key"), fixture!("p521.key"), fixture!("p256.key")].concat();
    assert!(Identity::from_pem(fixture!("p256.pem"), &keys).is_ok());
}

#[test]
fn faults_are_told_apart() {
    let (chain, key) = (fixture!("p256.pem"), fixture!("p256.key"));
    let der = read(chain)[0].to_vec();
    for (fault, expected) in [
        (fault(b"", key), IdentityFault::NoCertificate { binary: false }),
        (fault(key, key), IdentityFault::NoCertificate { binary: false }),
        (fault(&der, key), IdentityFault::NoCertificate { binary: true }),
        (fault(chain, chain), IdentityFault::NoKey { binary: false }),
        (fault(chain, b""), IdentityFault::NoKey { binary: false }),
        (fault(chain, &der), IdentityFault::NoKey { binary: true }),
        (fault(chain, fixture!("rsa-encrypted.key")), IdentityFault::EncryptedKey),
        (fault(chain, fixture!("rsa-encrypted-pkcs1.key")), IdentityFault::EncryptedKey),
        (fault(chain, &key[..100]), IdentityFault::BadKey),
        (fault(chain, fixture!("rsa.key")), IdentityFault::KeyMismatch { fits: None }),
        (
            fault(fixture!("p256-wrong-order.pem"), key),
            IdentityFault::KeyMismatch { fits: Some(1) },
        ),
        (
            fault(fixture!("p521.pem"), fixture!("p521.key")),
            IdentityFault::UnsupportedKey("an ECDSA P-521 key"),
        ),
        (
            fault(fixture!("rsa1024.pem"), fixture!("rsa1024.key")),
            IdentityFault::UnsupportedKey("an RSA key of fewer than 2048 bits"),
        ),
        (fault(&chain.repeat(CHAIN_MAX + 1), key), IdentityFault::TooMany),
        (fault(&vec![b'\n'; PEM_BYTES_MAX + 1], key), IdentityFault::TooLarge),
        (fault(chain, &vec![b'\n'; PEM_BYTES_MAX + 1]), IdentityFault::TooLarge),
    ] {
        assert_eq!(fault, expected);
        assert!(!fault.to_string().is_empty() && !fault.hint().is_empty());
    }
    assert!(Identity::from_pem(&chain.repeat(CHAIN_MAX), key).is_ok());
}

#[test]
fn a_bad_certificate_is_counted() {
    let (chain, key) = (fixture!("p256.pem"), fixture!("p256.key"));
    let cut = [chain, &chain[..200]].concat();
    let IdentityFault::BadCertificate(1, _) = fault(&cut, key) else { panic!("not bad") };
    let no_certificate = b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
    let found = fault(&[chain, no_certificate].concat(), key);
    assert!(matches!(found, IdentityFault::BadCertificate(1, _)), "{found:?}");
    assert!(found.to_string().starts_with("certificate 2 cannot be read: "));
    // A key that says PKCS#8 and holds something else.
    let text = String::from_utf8_lossy(chain).replace("CERTIFICATE", "PRIVATE KEY");
    assert_eq!(fault(chain, text.as_bytes()), IdentityFault::BadKey);
    // Damage anywhere in the key is noticed, and never a panic.
    for at in (30..key.len() - 30).step_by(7) {
        let mut broken = key.to_vec();
        broken[at] = if broken[at] == b'A' { b'B' } else { b'A' };
        assert!(Identity::from_pem(chain, &broken).is_err(), "{at}");
    }
}

#[test]
fn dates_are_judged_by_a_clock_that_was_set() {
    let dates = |chain, now_secs| findings(chain, &[], now_secs);
    let (expired, future) = (fixture!("expired.pem"), fixture!("future.pem"));
    assert_eq!(dates(expired, Some(NOW_SECS)), [Finding::Expired(0, 1_577_934_245)]);
    assert_eq!(dates(future, Some(NOW_SECS)), [Finding::NotYetValid(0, 3_755_376_000)]);
    for now_secs in [None, Some(0), Some(1_000_000_000)] {
        assert_eq!((dates(expired, now_secs), dates(future, now_secs)), (vec![], vec![]));
    }
    assert_eq!(dates(future, Some(3_755_376_000)), []);
    assert_eq!(dates(future, Some(3_944_678_400)), []);
    assert_eq!(dates(future, Some(3_944_678_401)), [Finding::Expired(0, 3_944_678_400)]);
    let text = dates(expired, Some(NOW_SECS))[0].to_string();
    assert_eq!(text, "the certificate expired on 2020-01-02");
    let text = dates(future, Some(NOW_SECS))[0].to_string();
    assert_eq!(text, "the certificate is not valid before 2089-01-01");
}

#[test]
fn names_order_and_strength_are_judged() {
    let found = |chain, names| findings(chain, names, Some(NOW_SECS));
    let names = ["site.test", "www.site.test", "other.test", "192.0.2.1"];
    let missing = ["other.test", "192.0.2.1"].map(|name| Finding::NotCovered(name.to_owned()));
    assert_eq!(found(fixture!("p256.pem"), &names), missing);
    assert_eq!(found(fixture!("p256-gap.pem"), &[]), [Finding::OutOfOrder(1)]);
    assert_eq!(found(fixture!("authority.pem"), &[]), [Finding::LeafIsCa]);
    assert_eq!(found(fixture!("sha1.pem"), &[]), [Finding::WeakSignature(0)]);
    assert_eq!(found(fixture!("self.pem"), &["site.test"]), []);
    let leaf = [fixture!("p256.pem"), fixture!("rsa1024.pem")].concat();
    assert_eq!(found(&leaf, &[]), [Finding::OutOfOrder(1), Finding::ShortRsa(1, 1024)]);
    let text = Finding::OutOfOrder(1).to_string();
    assert_eq!(text, "certificate 2 of the chain did not issue certificate 1");
}

#[test]
fn a_chain_is_completed_without_its_root() {
    let identity = || Identity::from_pem(fixture!("p256.pem"), fixture!("p256.key")).unwrap();
    let (middle, root) = (read(fixture!("middle.pem")), read(fixture!("root.pem")));
    let others = [&root[..], &middle[..]].concat();
    let mut completed = identity();
    assert_eq!(completed.complete_with(&others), 1);
    assert_eq!(completed.chain(), read(fixture!("p256-chain.pem")));
    assert_eq!(completed.complete_with(&others), 0);
    assert_eq!(identity().complete_with(&root), 0);
    assert_eq!(identity().complete_with(&[]), 0);
    let other = CertificateDer::from(vec![0x30, 0]);
    assert_eq!(identity().complete_with(&[other]), 0);
    let mut own = Identity::from_pem(fixture!("self.pem"), fixture!("p256.key")).unwrap();
    assert_eq!(own.complete_with(&read(fixture!("p256-chain.pem"))), 0);
}
