//! The certificates and keys of tests/tls for the tests beside the code.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

/// A file of tests/tls.
macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tls/", $name)).as_slice()
    };
}
pub(super) use fixture;

/// A moment at which every certificate but the expired and the future one is valid: 2026-01-01.
pub(super) const NOW_SECS: u64 = 1_767_225_600;

/// The certificates of a PEM file.
pub(super) fn certificates(pem: &[u8]) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(pem).map(Result::unwrap).collect()
}
