//! A certificate chain and its private key, from PEM.

use std::sync::Arc;

use rustls::SignatureAlgorithm;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{PemObject as _, SectionKind};
use rustls::sign::{CertifiedKey, SigningKey};
use zeroize::Zeroizing;

use super::certificate::{Certificate, sha256_fingerprint};
use super::identity_fault::IdentityFault;
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
    for section in CertificateDer::pem_slice_iter(pem) {
        let at = chain.len();
        let der =
            section.map_err(|_| IdentityFault::BadCertificate(at, "its PEM text is damaged"))?;
        Certificate::parse(&der).map_err(|why| IdentityFault::BadCertificate(at, why.0))?;
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
    for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(pem) {
        // A damaged section may be a certificate of no concern here.
        let Ok((kind, der)) = section else { continue };
        let der = Zeroizing::new(der);
        if !is_key(kind) {
            continue;
        }
        keys += 1;
        if keys > KEYS_MAX {
            break;
        }
        match private_key::load(kind, &der) {
            Ok(key) => match certificate_of(chain, &*key) {
                Some(0) => return Ok(key),
                other => fault = Some(IdentityFault::KeyMismatch { fits: other }),
            },
            Err(KeyFault::Bad) => fault = fault.or(Some(IdentityFault::BadKey)),
            Err(KeyFault::Unsupported(kind)) => {
                fault = fault.or(Some(IdentityFault::UnsupportedKey(kind)));
            }
        }
    }
    Err(fault.unwrap_or_else(|| no_key(pem)))
}

/// Why no private key was found: it is encrypted, damaged as text, or not there.
fn no_key(pem: &[u8]) -> IdentityFault {
    let has = |word: &[u8]| pem.windows(word.len()).any(|bytes| bytes == word);
    if has(b"-----BEGIN ENCRYPTED PRIVATE KEY-----") || has(b"Proc-Type: 4,ENCRYPTED") {
        IdentityFault::EncryptedKey
    } else if has(b"PRIVATE KEY-----") {
        IdentityFault::BadKey
    } else {
        IdentityFault::NoKey { binary: is_der(pem) }
    }
}

/// Which certificate of the chain has this key's public half.
fn certificate_of(chain: &[CertificateDer<'_>], key: &dyn SigningKey) -> Option<usize> {
    let public = key.public_key()?;
    chain.iter().position(|der| {
        Certificate::parse(der).is_ok_and(|it| it.public_key_raw() == public.as_ref())
    })
}

const fn is_key(kind: SectionKind) -> bool {
    matches!(kind, SectionKind::PrivateKey | SectionKind::RsaPrivateKey | SectionKind::EcPrivateKey)
}

/// Whether a file begins as DER does instead of PEM.
fn is_der(bytes: &[u8]) -> bool {
    matches!(bytes, [0x30, 0x81..=0x84, ..])
}

#[cfg(test)]
#[path = "identity_tests.rs"]
mod tests;
