//! Private keys: loading them, and saying why one cannot be used.

use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::SectionKind;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer};
use rustls::sign::SigningKey;
use std::sync::Arc;

use super::der::{INTEGER, Malformed, OCTET_STRING, OID, Reader, SEQUENCE, tagged_around};
use super::identity_fault::IdentityFault;

/// Why a private key cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyFault {
    /// It is damaged.
    Bad,
    /// It needs a password.
    Encrypted,
    /// It is a key of a kind that is not supported; says which.
    Unsupported(&'static str),
}

impl From<KeyFault> for IdentityFault {
    fn from(fault: KeyFault) -> Self {
        match fault {
            KeyFault::Bad => Self::BadKey,
            KeyFault::Encrypted => Self::EncryptedKey,
            KeyFault::Unsupported(kind) => Self::UnsupportedKey(kind),
        }
    }
}

/// Loads an RSA, ECDSA P-256 or P-384, or Ed25519 key from the DER of a PEM section.
pub(super) fn load(section: SectionKind, der: &[u8]) -> Result<Arc<dyn SigningKey>, KeyFault> {
    let key = match section {
        SectionKind::PrivateKey => PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(der)),
        SectionKind::RsaPrivateKey => PrivateKeyDer::Pkcs1(PrivatePkcs1KeyDer::from(der)),
        SectionKind::EcPrivateKey => PrivateKeyDer::Sec1(PrivateSec1KeyDer::from(der)),
        _ => return Err(KeyFault::Bad),
    };
    any_supported_type(&key).map_err(|_| {
        let kind = match section {
            SectionKind::PrivateKey => pkcs8_kind(der),
            SectionKind::RsaPrivateKey => rsa_kind(der),
            _ => sec1_kind(der),
        };
        match kind {
            Ok(Kind::Unsupported(name)) => KeyFault::Unsupported(name),
            Ok(Kind::Supported) | Err(_) => KeyFault::Bad,
        }
    })
}

/// Whether keys of this kind could be loaded if they were whole.
enum Kind {
    Supported,
    Unsupported(&'static str),
}

const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
const CURVES: &[(&[u8], &str)] = &[
    (&[0x2b, 0x81, 0x04, 0x00, 0x23], "an ECDSA P-521 key"),
    (&[0x2b, 0x81, 0x04, 0x00, 0x0a], "an ECDSA secp256k1 key"),
];
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
const ALGORITHMS: &[(&[u8], &str)] = &[
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a], "an RSA-PSS key"),
    (&[0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x01], "a DSA key"),
    (&[0x2b, 0x65, 0x71], "an Ed448 key"),
    (&[0x2b, 0x65, 0x6e], "an X25519 key"),
];

const OTHER_KIND: &str = "a key of an unknown kind";

/// PrivateKeyInfo (RFC 5208).
fn pkcs8_kind(der: &[u8]) -> Result<Kind, Malformed> {
    let mut info = Reader::new(der).enter(SEQUENCE)?;
    info.take(INTEGER)?;
    let mut algorithm = info.enter(SEQUENCE)?;
    let key = info.take(OCTET_STRING)?.value;
    match algorithm.take(OID)?.value {
        RSA => rsa_kind(key),
        EC => curve_kind(algorithm),
        ED25519 => Ok(Kind::Supported),
        other => Ok(Kind::Unsupported(named(ALGORITHMS, other, OTHER_KIND))),
    }
}

/// What the algorithm of a SubjectPublicKeyInfo is, when no signature can be checked with it.
pub(super) fn unsupported_public(info: &[u8]) -> Option<&'static str> {
    let mut algorithm = Reader::new(info).enter(SEQUENCE).ok()?.enter(SEQUENCE).ok()?;
    let kind = match algorithm.take(OID).ok()?.value {
        RSA | ED25519 => Kind::Supported,
        EC => curve_kind(algorithm).ok()?,
        other => Kind::Unsupported(named(ALGORITHMS, other, OTHER_KIND)),
    };
    match kind {
        Kind::Unsupported(name) => Some(name),
        Kind::Supported => None,
    }
}

/// ECPrivateKey (RFC 5915).
fn sec1_kind(der: &[u8]) -> Result<Kind, Malformed> {
    let mut key = Reader::new(der).enter(SEQUENCE)?;
    key.take(INTEGER)?;
    key.take(OCTET_STRING)?;
    curve_kind(key.enter(tagged_around(0))?)
}

fn curve_kind(mut parameters: Reader<'_>) -> Result<Kind, Malformed> {
    const OTHER: &str = "an ECDSA key of another curve than P-256 and P-384";
    match parameters.any()? {
        curve if curve.tag != OID => Ok(Kind::Unsupported(OTHER)),
        curve if [P256, P384].contains(&curve.value) => Ok(Kind::Supported),
        curve => Ok(Kind::Unsupported(named(CURVES, curve.value, OTHER))),
    }
}

/// RSAPrivateKey (RFC 8017 appendix A.1.2); ring takes moduli of 2048 to 4096 bits.
fn rsa_kind(der: &[u8]) -> Result<Kind, Malformed> {
    let mut key = Reader::new(der).enter(SEQUENCE)?;
    key.take(INTEGER)?;
    let modulus = key.take(INTEGER)?.value;
    Ok(match modulus.len() {
        ..256 => Kind::Unsupported("an RSA key of fewer than 2048 bits"),
        514.. => Kind::Unsupported("an RSA key of more than 4096 bits"),
        _ => Kind::Supported,
    })
}

fn named(names: &[(&[u8], &'static str)], oid: &[u8], other: &'static str) -> &'static str {
    names.iter().find(|(known, _)| *known == oid).map_or(other, |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::x509::der::element;

    /// PrivateKeyInfo with the key's bytes as they are.
    fn pkcs8(algorithm: &[&[u8]], key: &[u8]) -> Vec<u8> {
        let oids: Vec<Vec<u8>> = algorithm.iter().map(|oid| element(OID, &[oid])).collect();
        let algorithm = element(SEQUENCE, &[&oids.concat()]);
        element(SEQUENCE, &[&[INTEGER, 1, 0], &algorithm, &element(OCTET_STRING, &[key])])
    }

    fn rsa(modulus_bytes: usize) -> Vec<u8> {
        let modulus = element(INTEGER, &[&vec![0x55; modulus_bytes]]);
        element(SEQUENCE, &[&[INTEGER, 1, 0], &modulus])
    }

    fn sec1(curve: &[u8]) -> Vec<u8> {
        let curve = element(tagged_around(0), &[&element(OID, &[curve])]);
        element(SEQUENCE, &[&[INTEGER, 1, 1], &element(OCTET_STRING, &[&[7; 66]]), &curve])
    }

    fn why(section: SectionKind, der: &[u8]) -> Option<&'static str> {
        match load(section, der) {
            Err(KeyFault::Unsupported(kind)) => Some(kind),
            Err(_) => None,
            Ok(_) => panic!("a key of no real bytes was loaded"),
        }
    }

    #[test]
    fn kinds_that_are_not_supported_are_named() {
        let short = Some("an RSA key of fewer than 2048 bits");
        let long = Some("an RSA key of more than 4096 bits");
        let other = "an ECDSA key of another curve than P-256 and P-384";
        for (algorithm, key, expected) in [
            (&[RSA][..], rsa(128), short),
            (&[RSA], rsa(257), None),
            (&[RSA], rsa(1025), long),
            (&[EC, P256], vec![], None),
            (&[EC, CURVES[0].0], vec![], Some("an ECDSA P-521 key")),
            (&[EC, CURVES[1].0], vec![], Some("an ECDSA secp256k1 key")),
            (&[EC, &[1, 2, 3]], vec![], Some(other)),
            (&[EC], vec![], None),
            (&[ED25519], vec![], None),
            (&[ALGORITHMS[0].0], vec![], Some("an RSA-PSS key")),
            (&[ALGORITHMS[1].0], vec![], Some("a DSA key")),
            (&[&[1, 2, 3]], vec![], Some("a key of an unknown kind")),
        ] {
            assert_eq!(why(SectionKind::PrivateKey, &pkcs8(algorithm, &key)), expected);
        }
        assert_eq!(why(SectionKind::RsaPrivateKey, &rsa(128)), short);
        assert_eq!(why(SectionKind::RsaPrivateKey, &rsa(1025)), long);
        assert_eq!(why(SectionKind::RsaPrivateKey, b"junk"), None);
        assert_eq!(why(SectionKind::EcPrivateKey, &sec1(P384)), None);
        assert_eq!(why(SectionKind::EcPrivateKey, &sec1(CURVES[0].0)), Some("an ECDSA P-521 key"));
        assert_eq!(why(SectionKind::Certificate, &rsa(257)), None);
    }

    #[test]
    fn public_keys_are_judged_by_their_algorithm() {
        let info = |algorithm: &[&[u8]]| {
            let oids: Vec<Vec<u8>> = algorithm.iter().map(|oid| element(OID, &[oid])).collect();
            element(SEQUENCE, &[&element(SEQUENCE, &[&oids.concat()])])
        };
        for supported in [&[RSA][..], &[EC, P256], &[EC, P384], &[ED25519], &[]] {
            assert_eq!(unsupported_public(&info(supported)), None);
        }
        let p521 = unsupported_public(&info(&[EC, CURVES[0].0]));
        assert_eq!(p521, Some("an ECDSA P-521 key"));
        assert_eq!(unsupported_public(&info(&[ALGORITHMS[2].0])), Some("an Ed448 key"));
        assert_eq!(unsupported_public(&info(&[&[1, 2, 3]])), Some(OTHER_KIND));
    }

    #[test]
    fn keys_cut_short_are_bad() {
        for whole in [pkcs8(&[EC, CURVES[0].0], b"key"), pkcs8(&[RSA], &rsa(128))] {
            for end in 0..whole.len() {
                assert_eq!(why(SectionKind::PrivateKey, &whole[..end]), None, "{end}");
            }
        }
    }
}
