//! Any bytes are a certificate or refused; what is read is printable, bounded and consistent.

use kinglet::tls::certificate::{Certificate, Name, SUBJECT_BYTES_MAX, sha256_fingerprint};
use kinglet::tls::self_signed::{Reason, needs_renewal};
use kinglet::tls::{Identity, Roots};

/// 0000-01-01 and 9999-12-31, seconds since 1970.
const SECS: core::ops::Range<i64> = -62_167_219_200..253_402_300_800;

/// Checks one input, as DER and as a PEM file.
pub(crate) fn check(input: &[u8]) {
    as_der(input);
    if let Ok(identity) = Identity::from_pem(input, input) {
        assert!(identity.leaf().is_some(), "an identity without a certificate");
        for finding in identity.findings(&["a.test"], Some(2_000_000_000)) {
            assert!(!finding.to_string().is_empty() && !finding.hint().is_empty());
        }
        identity.chain().iter().for_each(|der| as_der(der));
    }
    if let Ok(roots) = Roots::from_pem(input) {
        assert_eq!(roots.certificates().len(), roots.store().len());
        let _ = roots.looks_public();
    }
}

fn as_der(input: &[u8]) {
    let renewal = needs_renewal(input, &[], 2_000_000_000);
    let Ok(certificate) = Certificate::parse(input) else {
        assert_eq!(renewal, Some(Reason::Unreadable));
        return;
    };
    assert_ne!(renewal, Some(Reason::Unreadable));
    assert_eq!(sha256_fingerprint(input).len(), 95);
    for text in [certificate.subject(), certificate.issuer()] {
        assert!(text.len() <= SUBJECT_BYTES_MAX, "a long subject");
        assert!(text.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{text:?}");
    }
    for secs in [certificate.not_before_secs(), certificate.not_after_secs()] {
        assert!(SECS.contains(&secs), "{secs}");
    }
    let serial = certificate.serial_hex();
    assert!(!serial.is_empty() && serial.len() % 2 == 0 && serial.len() <= 128);
    names(&certificate);
    // It is read whole or not at all.
    for cut in [0, 1, input.len() / 2, input.len() - 1] {
        assert!(Certificate::parse(&input[..cut]).is_err(), "cut at {cut}");
    }
    assert!(Certificate::parse(&[input, &[0]].concat()).is_err(), "something follows");
}

fn names(certificate: &Certificate<'_>) {
    for name in certificate.names() {
        match name {
            Name::Address(address) => assert!(certificate.covers(&address.to_string())),
            Name::Dns(name) => {
                // Those that a client can ask for.
                let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"*-".contains(&byte);
                let asked =
                    name.split('.').all(|label| !label.is_empty() && label.bytes().all(plain));
                let is_address = name.parse::<std::net::IpAddr>().is_ok();
                assert!(!asked || is_address || certificate.covers(name), "{name:?}");
            }
        }
    }
    assert!(!certificate.covers("") && !certificate.covers("."));
}
