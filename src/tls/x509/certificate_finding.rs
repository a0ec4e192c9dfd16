//! What is wrong with certificates that can be used all the same.

use core::fmt;

use super::certificate::Certificate;
use super::identity::Identity;
use super::time;

/// A clock that shows less than 2025-01-01 was never set: dates are not judged by it.
pub const CLOCK_PLAUSIBLE_SECS: u64 = 1_735_689_600;

/// Fewest bits of an RSA key that clients still take.
const RSA_BITS_MIN: usize = 2048;

/// Something that clients may object to; it never stops a start. Certificates are counted from
/// 0 here and from 1 in the words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateFinding {
    /// Over since this time, seconds since 1970.
    Expired(usize, i64),
    /// Begins at this time, seconds since 1970.
    NotYetValid(usize, i64),
    /// The server's certificate lacks a name that is asked for.
    NotCovered(String),
    /// This certificate did not issue the one before it.
    OutOfOrder(usize),
    /// The server's certificate is an authority's.
    LeafIsCa,
    /// An RSA key of so many bits.
    ShortRsa(usize, usize),
    /// A signature with SHA-1 or MD5.
    WeakSignature(usize),
}

impl fmt::Display for CertificateFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let which = |at: &usize| match at {
            0 => "the certificate".to_owned(),
            at => format!("certificate {} of the chain", at + 1),
        };
        match self {
            Self::Expired(at, secs) => {
                write!(f, "{} expired on {}", which(at), time::date_text(*secs))
            }
            Self::NotYetValid(at, secs) => {
                write!(f, "{} is not valid before {}", which(at), time::date_text(*secs))
            }
            Self::NotCovered(name) => write!(f, "the certificate is not for \"{name}\""),
            Self::OutOfOrder(at) => {
                write!(f, "certificate {} of the chain did not issue certificate {at}", at + 1)
            }
            Self::LeafIsCa => f.write_str("the certificate is that of an authority (CA:TRUE)"),
            Self::ShortRsa(at, bits) => write!(f, "{} has an RSA key of {bits} bits", which(at)),
            Self::WeakSignature(at) => write!(f, "{} is signed with SHA-1 or MD5", which(at)),
        }
    }
}

impl CertificateFinding {
    /// What to do about it.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Expired(..) => "clients refuse it: renew it",
            Self::NotYetValid(..) => "clients refuse it until then; is the clock right?",
            Self::NotCovered(_) => "clients refuse it: it needs the name as a subjectAltName",
            Self::OutOfOrder(_) => "order: the server's certificate, its issuer, the issuer's",
            Self::LeafIsCa => "some clients refuse it: make one with basicConstraints CA:FALSE",
            Self::ShortRsa(..) => "clients refuse it: use ECDSA P-256, or RSA with 2048 bits",
            Self::WeakSignature(_) => "clients refuse it: have it issued again",
        }
    }
}

impl Identity {
    /// What clients may object to. `names` are those that the vhost answers to; dates are judged
    /// only by a clock that was set.
    #[must_use]
    pub fn findings(&self, names: &[&str], now_secs: Option<u64>) -> Vec<CertificateFinding> {
        let mut found = Vec::new();
        let now_secs = now_secs.filter(|&secs| secs >= CLOCK_PLAUSIBLE_SECS);
        let mut issuer_wanted: Option<&[u8]> = None;
        for (at, der) in self.chain().iter().enumerate() {
            // Every certificate of an identity was read once.
            let Ok(certificate) = Certificate::parse(der) else { continue };
            if issuer_wanted.is_some_and(|wanted| wanted != certificate.subject_raw()) {
                found.push(CertificateFinding::OutOfOrder(at));
            }
            issuer_wanted = Some(certificate.issuer_raw());
            judge(at, &certificate, now_secs, &mut found);
        }
        if let Some(leaf) = self.leaf() {
            if leaf.is_ca() {
                found.push(CertificateFinding::LeafIsCa);
            }
            let missing = names.iter().filter(|name| !leaf.covers(name));
            found.extend(missing.map(|name| CertificateFinding::NotCovered((*name).to_owned())));
        }
        found
    }
}

/// What one certificate has wrong by itself.
fn judge(
    at: usize,
    certificate: &Certificate<'_>,
    now_secs: Option<u64>,
    found: &mut Vec<CertificateFinding>,
) {
    if let Some(now_secs) = now_secs.and_then(|secs| i64::try_from(secs).ok()) {
        let (from, until) = (certificate.not_before_secs(), certificate.not_after_secs());
        if now_secs > until {
            found.push(CertificateFinding::Expired(at, until));
        } else if now_secs < from {
            found.push(CertificateFinding::NotYetValid(at, from));
        }
    }
    if let Some(bits) = certificate.rsa_bits().filter(|&bits| bits < RSA_BITS_MIN) {
        found.push(CertificateFinding::ShortRsa(at, bits));
    }
    // Nobody checks the signature of a certificate that issued itself.
    if certificate.has_weak_signature() && !certificate.is_self_signed() {
        found.push(CertificateFinding::WeakSignature(at));
    }
}
