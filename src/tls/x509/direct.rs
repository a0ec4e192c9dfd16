//! Client certificates that webpki does not take, though they can be judged without a chain.
//!
//! webpki takes end entities of X.509 version 3 with CA:FALSE. People make others:
//!
//! - `openssl x509 -req` without extensions makes version 1,
//! - `openssl req -x509` on the client makes one with CA:TRUE, which is then listed as its own
//!   authority,
//! - an authority's extensions are used for a client's certificate by mistake.
//!
//! Each is taken when a configured authority has signed it itself, or when it is listed itself,
//! byte for byte. That gives away nothing: who has the key of such a certificate was let in by the
//! owner of the list, or by the authority. Dates, signatures and uses count as ever.

use std::time::Duration;

use rustls::CertificateError;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{SignatureVerificationAlgorithm, TrustAnchor, UnixTime};

use super::certificate::Certificate;
use super::der::{BIT_STRING, Reader, SEQUENCE};
use super::roots::Roots;

/// Judges a certificate that webpki has refused; none where the refusal stands.
///
/// # Errors
/// Its time is over, or has not come.
pub(in crate::tls) fn judge(
    der: &[u8],
    roots: &Roots,
    algorithms: WebPkiSupportedAlgorithms,
    now: UnixTime,
) -> Option<Result<(), CertificateError>> {
    let certificate = Certificate::parse(der).ok().filter(Certificate::is_for_clients)?;
    let is_odd = certificate.is_version_1() || certificate.is_ca();
    let is_listed = roots.certificates().iter().any(|known| known.as_ref() == der);
    (is_listed || (is_odd && is_issued(&certificate, roots, algorithms)))
        .then(|| dates(&certificate, now))
}

/// Whether one of the authorities has signed it.
fn is_issued(
    certificate: &Certificate<'_>,
    roots: &Roots,
    algorithms: WebPkiSupportedAlgorithms,
) -> bool {
    let (signed, algorithm, signature) = certificate.signature();
    let fitting = || {
        let of_name = |one: &&&dyn SignatureVerificationAlgorithm| {
            one.signature_alg_id().as_ref() == algorithm
        };
        algorithms.all.iter().filter(of_name).copied()
    };
    let store = roots.store();
    let issued = |(issuer, anchor): (&_, &TrustAnchor<'_>)| {
        Certificate::parse(issuer).is_ok_and(|issuer| {
            issuer.subject_raw() == certificate.issuer_raw()
                && (issuer.is_ca() || issuer.is_version_1())
                // To whom they apply is not worked out here.
                && anchor.name_constraints.is_none()
                && verifies(issuer.public_key_raw(), fitting(), signed, signature)
        })
    };
    roots.certificates().iter().map(AsRef::as_ref).zip(&store.roots).any(issued)
}

/// Whether a signature is that of a SubjectPublicKeyInfo, by one of these algorithms.
pub(in crate::tls) fn verifies(
    public_key_info: &[u8],
    mut algorithms: impl Iterator<Item = &'static dyn SignatureVerificationAlgorithm>,
    message: &[u8],
    signature: &[u8],
) -> bool {
    let read = || {
        let mut info = Reader::new(public_key_info).enter(SEQUENCE)?;
        let algorithm = info.take(SEQUENCE)?.value;
        Ok::<_, super::der::Malformed>((algorithm, info.take(BIT_STRING)?.whole_bits()?))
    };
    read().is_ok_and(|(algorithm, key)| {
        algorithms.any(|one| {
            one.public_key_alg_id().as_ref() == algorithm
                && one.verify_signature(key, message, signature).is_ok()
        })
    })
}

fn dates(certificate: &Certificate<'_>, time: UnixTime) -> Result<(), CertificateError> {
    let at = |secs: i64| {
        UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(secs).unwrap_or(0)))
    };
    let not_before = at(certificate.not_before_secs());
    let not_after = at(certificate.not_after_secs());
    if time < not_before {
        Err(CertificateError::NotValidYetContext { time, not_before })
    } else if time > not_after {
        Err(CertificateError::ExpiredContext { time, not_after })
    } else {
        Ok(())
    }
}

#[cfg(test)]
#[path = "direct_tests.rs"]
mod tests;
