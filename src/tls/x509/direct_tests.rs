//! Certificates as people make them, and the same with something wrong.

use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use rustls::crypto::ring::default_provider;

use super::*;
use crate::tls::fixtures::{NOW_SECS, certificates, fixture};
use crate::tls::x509::der::{
    BOOLEAN, INTEGER, OCTET_STRING, OID, Reader, UTC_TIME, bits, element, tagged_around,
};
use crate::tls::x509::pem;

const ECDSA_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
const ECDSA_SHA1: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1];
const CLIENT: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 2];
const SERVER: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 1];
const CA: &[u8] = &[0x30, 3, BOOLEAN, 1, 0xff];

fn extension(id: u8, critical: bool, value: &[u8]) -> Vec<u8> {
    let critical: &[u8] = if critical { &[BOOLEAN, 1, 0xff] } else { &[] };
    let value = element(OCTET_STRING, &[value]);
    element(SEQUENCE, &[&element(OID, &[&[0x55, 0x1d, id]]), critical, &value])
}

fn uses(oid: &[u8]) -> Vec<u8> {
    extension(0x25, false, &element(SEQUENCE, &[&element(OID, &[oid])]))
}

/// A certificate for the key of client.pem, signed with root.key.
struct Made {
    extensions: Vec<Vec<u8>>,
    algorithm: &'static [u8],
    until: &'static [u8],
    issuer: &'static [u8],
}

impl Default for Made {
    fn default() -> Self {
        let (algorithm, until) = (ECDSA_SHA256, b"400101000000Z".as_slice());
        Self { extensions: vec![], algorithm, until, issuer: fixture!("root.pem") }
    }
}

impl Made {
    fn der(&self) -> Vec<u8> {
        let (issuer, client) =
            (certificates(self.issuer).remove(0), certificates(fixture!("client.pem")).remove(0));
        let (issuer, client) =
            (Certificate::parse(&issuer).unwrap(), Certificate::parse(&client).unwrap());
        let algorithm = element(SEQUENCE, &[&element(OID, &[self.algorithm])]);
        let dates = [element(UTC_TIME, &[b"200101000000Z"]), element(UTC_TIME, &[self.until])];
        let extensions = element(SEQUENCE, &[&self.extensions.concat()]);
        let (version, extensions) = match self.extensions.is_empty() {
            true => (vec![], vec![]),
            false => (
                element(tagged_around(0), &[&[INTEGER, 1, 2]]),
                element(tagged_around(3), &[&extensions]),
            ),
        };
        let parts: [&[u8]; 8] = [
            &version,
            &[INTEGER, 1, 7],
            &algorithm,
            issuer.subject_raw(),
            &element(SEQUENCE, &[&dates.concat()]),
            client.subject_raw(),
            client.public_key_raw(),
            &extensions,
        ];
        let signed = element(SEQUENCE, &parts);
        let key = pem::sections(fixture!("root.key"))[0].der().unwrap();
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &key, &random).unwrap();
        let signature = key.sign(&random, &signed).unwrap();
        element(SEQUENCE, &[&signed, &algorithm, &bits(signature.as_ref())])
    }
}

fn judged(der: &[u8], roots: &[u8], secs: u64) -> Option<Result<(), CertificateError>> {
    let now = UnixTime::since_unix_epoch(Duration::from_secs(secs));
    let roots = Roots::from_pem(roots).unwrap();
    judge(der, &roots, default_provider().signature_verification_algorithms, now)
}

fn taken(made: &Made, roots: &[u8]) -> bool {
    judged(&made.der(), roots, NOW_SECS) == Some(Ok(()))
}

#[test]
fn version_1_from_the_authority_itself_is_taken() {
    let (root, other) = (fixture!("root.pem"), fixture!("middle.pem"));
    assert!(Certificate::parse(&Made::default().der()).unwrap().is_version_1());
    assert!(taken(&Made::default(), root));
    assert!(taken(&Made::default(), &[other, root].concat()));
    assert!(!taken(&Made::default(), other), "another authority");
    let forged = Made { issuer: other, ..Made::default() };
    assert!(!taken(&forged, other), "the authority's name alone");
    assert!(!taken(&Made { algorithm: ECDSA_SHA1, ..Made::default() }, root), "SHA-1");
    let openssl = certificates(fixture!("version1.pem"));
    assert_eq!(judged(&openssl[0], root, 1_800_000_000), Some(Ok(())));
    for at in 0..openssl[0].len() {
        let mut bent = openssl[0].to_vec();
        bent[at] ^= 1;
        assert_eq!(judged(&bent, root, 1_800_000_000), None, "byte {at}");
    }
}

#[test]
fn only_an_authority_issues() {
    // An end entity that is listed vouches for itself and for nothing else.
    let listed = fixture!("client.pem");
    let issuer = Made { issuer: listed, ..Made::default() };
    assert!(!taken(&issuer, listed));
    // The same subject, key and all, with constraints on names.
    let names = extension(0x1e, true, &element(SEQUENCE, &[]));
    let with = |more: &[Vec<u8>]| Made { extensions: more.to_vec(), ..Made::default() };
    assert!(!taken(&with(&[extension(0x13, true, CA), names]), fixture!("root.pem")));
}

#[test]
fn an_authority_that_is_a_client_is_taken_when_its_uses_allow_that() {
    let root = fixture!("root.pem");
    let ca = extension(0x13, true, CA);
    let key_usage = |bits| extension(0x0f, true, &[3, 2, 0, bits]);
    for (more, good) in [
        (vec![], true),
        (vec![key_usage(0x86)], true),
        (vec![key_usage(0x06)], false),
        (vec![uses(CLIENT)], true),
        (vec![uses(SERVER)], false),
        (vec![extension(0x63, false, b"?")], true),
        (vec![extension(0x63, true, b"?")], false),
    ] {
        let made =
            Made { extensions: [vec![ca.clone()], more.clone()].concat(), ..Made::default() };
        assert_eq!(taken(&made, root), good, "{more:02x?}");
    }
    // What webpki judges is left to it.
    assert!(!taken(&Made { extensions: vec![uses(CLIENT)], ..Made::default() }, root));
}

#[test]
fn what_is_listed_itself_is_taken_byte_for_byte() {
    let text = |der: &[u8]| pem::tests::section("CERTIFICATE", der);
    let own = Made { extensions: vec![extension(0x13, true, CA)], ..Made::default() }.der();
    assert_eq!(judged(&own, &text(&own), NOW_SECS), Some(Ok(())));
    let twin = Made { extensions: vec![extension(0x13, false, CA)], ..Made::default() }.der();
    assert_eq!(judged(&twin, &text(&own), NOW_SECS), None);
    let server = Made { extensions: vec![uses(SERVER)], ..Made::default() }.der();
    assert_eq!(judged(&server, &text(&server), NOW_SECS), None);
}

#[test]
fn dates_count_as_ever() {
    let root = fixture!("root.pem");
    let made = Made { until: b"250101000000Z", ..Made::default() }.der();
    let secs = |at| judged(&made, root, at);
    assert_eq!(secs(1_735_689_600), Some(Ok(())));
    assert!(matches!(secs(1_735_689_601), Some(Err(CertificateError::ExpiredContext { .. }))));
    assert_eq!(secs(1_577_836_800), Some(Ok(())));
    assert!(matches!(secs(1_577_836_799), Some(Err(CertificateError::NotValidYetContext { .. }))));
}

#[test]
fn no_bytes_panic() {
    let der = Made::default().der();
    for end in 0..der.len() {
        assert_eq!(judged(&der[..end], fixture!("root.pem"), NOW_SECS), None);
    }
    assert!(!verifies(
        &[],
        default_provider().signature_verification_algorithms.all.iter().copied(),
        b"",
        b""
    ));
    assert!(Reader::new(&der).any().is_ok());
}
