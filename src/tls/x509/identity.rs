//! A certificate chain and its private key, from PEM.

use std::sync::Arc;

use rustls::SignatureAlgorithm;
use rustls::pki_types::CertificateDer;
use rustls::sign::{CertifiedKey, SigningKey};

use super::certificate::{Certificate, sha256_fingerprint};
use super::der::Reader;
use super::identity_fault::IdentityFault;
use super::pem::{self, Kind, Section};
use super::private_key::{self, KeyFault};

/// Most bytes of a PEM file.
pub const PEM_BYTES_MAX: usize = 256 << 10;
/// Most certificates of a chain.
pub const CHAIN_MAX: usize = 10;
/// Private keys that a file may hold; the one that fits the certificate is taken.
const KEYS_MAX: usize = 4;

/// What a server shows and proves to be: certificates, the server's own first, and the private
/// key of the first.
#[derive(Debug, Clone)]
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: Arc<dyn SigningKey>,
}

impl Identity {
    /// Reads the certificates of one file and the key of another. They may be the same file, and
    /// what else is in them is skipped; an empty `key_pem` means that the key is in `chain_pem`.
    ///
    /// The dates are not looked at: a board may not know the time.
    ///
    /// # Errors
    /// No certificate, no key that can be used, or a key of another certificate.
    pub fn from_pem(chain_pem: &[u8], key_pem: &[u8]) -> Result<Self, IdentityFault> {
        let chain = certificates(chain_pem)?;
        let key_pem = if key_pem.is_empty() { chain_pem } else { key_pem };
        let key = fitting_key(&chain, key_pem)?;
        Ok(Self { chain, key })
    }

    /// The certificates, the server's own first; there is at least one.
    #[must_use]
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    /// The server's own certificate.
    #[must_use]
    pub fn leaf(&self) -> Option<Certificate<'_>> {
        Certificate::parse(self.chain.first()?).ok()
    }

    /// The SHA-256 fingerprint of the server's own certificate: `AB:CD:…`.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.chain.first().map(|der| sha256_fingerprint(der)).unwrap_or_default()
    }

    /// Whether the key is an RSA key.
    #[must_use]
    pub fn has_rsa_key(&self) -> bool {
        self.key.algorithm() == SignatureAlgorithm::RSA
    }

    /// The form that rustls takes.
    #[must_use]
    pub fn certified(&self) -> Arc<CertifiedKey> {
        Arc::new(CertifiedKey::new(self.chain.clone(), Arc::clone(&self.key)))
    }

    /// Adds issuers that the chain lacks, in their order, from `others`; a certificate that is its
    /// own issuer is never added, because a client has it or does not trust it. Says how many
    /// were added.
    pub fn complete_with(&mut self, others: &[CertificateDer<'_>]) -> usize {
        let before = self.chain.len();
        while self.chain.len() < CHAIN_MAX {
            let Some(last) = self.chain.last().and_then(|der| Certificate::parse(der).ok()) else {
                break;
            };
            let issuer = others.iter().find(|der| {
                !self.chain.iter().any(|known| known.as_ref() == der.as_ref())
                    && Certificate::parse(der).is_ok_and(|it| {
                        it.subject_raw() == last.issuer_raw() && !it.is_self_signed()
                    })
            });
            match issuer {
                Some(issuer) if !last.is_self_signed() => {
                    self.chain.push(issuer.clone().into_owned());
                }
                _ => break,
            }
        }
        self.chain.len() - before
    }
}

/// The certificates of a PEM file, each of which can be read.
pub(super) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, IdentityFault> {
    if pem.len() > PEM_BYTES_MAX {
        return Err(IdentityFault::TooLarge);
    }
    let mut chain = Vec::new();
    for section in pem::sections(pem) {
        let at = chain.len();
        let Some(read) = certificate(&section) else { continue };
        let (der, _) = read.map_err(|why| IdentityFault::BadCertificate(at, why))?;
        if at == CHAIN_MAX {
            return Err(IdentityFault::TooMany);
        }
        chain.push(der);
    }
    if chain.is_empty() {
        return Err(IdentityFault::NoCertificate { binary: is_der(pem) });
    }
    Ok(chain)
}

/// The certificate of a section and what stands behind it; none in other sections.
///
/// # Errors
/// Why it cannot be read.
#[allow(clippy::type_complexity)]
pub(super) fn certificate(
    section: &Section<'_>,
) -> Option<Result<(CertificateDer<'static>, Vec<u8>), &'static str>> {
    if !matches!(section.kind, Kind::Certificate | Kind::Trusted) {
        return None;
    }
    let read = || {
        let mut der = section.der().ok_or("its PEM text is damaged")?.to_vec();
        let bytes = match section.kind {
            Kind::Trusted => Reader::new(&der).any().map_err(|why| why.0)?.whole.len(),
            _ => der.len(),
        };
        let behind = der.split_off(bytes);
        Certificate::parse(&der).map_err(|why| why.0)?;
        Ok((CertificateDer::from(der), behind))
    };
    Some(read())
}

/// The private key of a PEM file that belongs to the first certificate of `chain`.
fn fitting_key(
    chain: &[CertificateDer<'_>],
    pem: &[u8],
) -> Result<Arc<dyn SigningKey>, IdentityFault> {
    if pem.len() > PEM_BYTES_MAX {
        return Err(IdentityFault::TooLarge);
    }
    let mut fault = None;
    let mut keys = 0;
    for section in pem::sections(pem) {
        let loaded = match section.kind {
            Kind::Key(kind) => match section.der() {
                Some(der) => private_key::load(kind, &der),
                None => Err(KeyFault::Bad),
            },
            Kind::EncryptedKey => Err(KeyFault::Encrypted),
            Kind::OtherKey(kind) => Err(KeyFault::Unsupported(kind)),
            _ => continue,
        };
        keys += 1;
        if keys > KEYS_MAX {
            break;
        }
        match loaded {
            Ok(key) => match certificate_of(chain, &*key) {
                Some(0) => return Ok(key),
                other => fault = Some(IdentityFault::KeyMismatch { fits: other }),
            },
            Err(why) => fault = fault.or_else(|| Some(why.into())),
        }
    }
    Err(fault.unwrap_or_else(|| IdentityFault::NoKey { binary: is_der(pem) }))
}

/// Which certificate of the chain has this key's public half.
fn certificate_of(chain: &[CertificateDer<'_>], key: &dyn SigningKey) -> Option<usize> {
    let public = key.public_key()?;
    chain.iter().position(|der| {
        Certificate::parse(der).is_ok_and(|it| it.public_key_raw() == public.as_ref())
    })
}

/// Whether a file begins as DER does instead of PEM.
fn is_der(bytes: &[u8]) -> bool {
    matches!(bytes, [0x30, 0x81..=0x84, ..])
}

#[cfg(test)]
#[path = "identity_tests.rs"]
mod tests;
