//! The authorities that client certificates must come from.

use core::fmt;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

use super::certificate::{Certificate, Malformed, among_client_uses};
use super::der::{Reader, SEQUENCE, tagged_around};
use super::identity::{PEM_BYTES_MAX, certificate};
use super::pem;
use super::private_key::unsupported_public;

/// More roots than this are taken for a system's bundle of public authorities.
const OWN_ROOTS_MAX: usize = 20;

/// Beginnings of the organisations that run public authorities.
const PUBLIC_ORGANIZATIONS: &[&str] = &[
    "Actalis",
    "Amazon",
    "Asseco",
    "Buypass",
    "COMODO",
    "Certum",
    "D-Trust",
    "DigiCert",
    "Entrust",
    "GlobalSign",
    "GoDaddy",
    "Google Trust",
    "IdenTrust",
    "Digital Signature Trust",
    "Internet Security Research",
    "Let's Encrypt",
    "Microsoft Corporation",
    "QuoVadis",
    "SSL Corp",
    "SSL.com",
    "Sectigo",
    "Starfield",
    "SwissSign",
    "T-Systems",
    "Telekom Security",
    "The USERTRUST",
    "Thawte",
    "VeriSign",
    "ZeroSSL",
];

/// Why a PEM file gives no roots. Certificates are counted from 0 here and from 1 in the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RootsFault {
    /// It is longer than [`PEM_BYTES_MAX`].
    TooLarge,
    /// It holds no certificate.
    NoCertificate,
    /// This certificate cannot be an authority's, or cannot be read.
    BadCertificate(usize),
    /// OpenSSL was told not to trust this certificate for clients.
    NotForClients(usize),
}

impl fmt::Display for RootsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => write!(f, "more than {} KiB", PEM_BYTES_MAX >> 10),
            Self::NoCertificate => f.write_str("there is no certificate in it"),
            Self::BadCertificate(at) => write!(f, "certificate {} cannot be read", at + 1),
            Self::NotForClients(at) => {
                write!(f, "certificate {} says that it is not trusted for clients", at + 1)
            }
        }
    }
}

impl RootsFault {
    /// What to do about it.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::TooLarge => "it must hold the authorities of your clients, and no more",
            Self::NoCertificate => "it must be PEM, with a line -----BEGIN CERTIFICATE-----",
            Self::BadCertificate(_) => "copy it again",
            Self::NotForClients(_) => "openssl x509 -in FILE -addtrust clientAuth -trustout",
        }
    }
}

impl core::error::Error for RootsFault {}

/// Certificates of authorities. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Roots {
    certificates: Arc<[CertificateDer<'static>]>,
    store: Arc<RootCertStore>,
}

impl Roots {
    /// Reads every certificate of a PEM file.
    ///
    /// # Errors
    /// None is there, or one cannot be read: a client of it would be refused for no visible
    /// reason.
    pub fn from_pem(pem: &[u8]) -> Result<Self, RootsFault> {
        if pem.len() > PEM_BYTES_MAX {
            return Err(RootsFault::TooLarge);
        }
        let mut certificates = Vec::new();
        let mut store = RootCertStore::empty();
        for section in pem::sections(pem) {
            let at = certificates.len();
            let bad = RootsFault::BadCertificate(at);
            let Some(read) = certificate(&section) else { continue };
            let (der, trust) = read.map_err(|_| bad)?;
            if !is_for_clients(&trust).ok_or(bad)? {
                return Err(RootsFault::NotForClients(at));
            }
            store.add(der.clone()).map_err(|_| bad)?;
            certificates.push(der);
        }
        if certificates.is_empty() {
            return Err(RootsFault::NoCertificate);
        }
        Ok(Self { certificates: certificates.into(), store: Arc::new(store) })
    }

    /// The certificates in the file's order; at least one.
    #[must_use]
    pub fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.certificates
    }

    /// The form that rustls takes.
    #[must_use]
    pub fn store(&self) -> Arc<RootCertStore> {
        Arc::clone(&self.store)
    }

    /// The first certificate, counted from 0, whose key no signature can be checked with, and what
    /// key it is: who has a certificate of it is refused.
    #[must_use]
    pub fn unsupported_key(&self) -> Option<(usize, &'static str)> {
        self.certificates.iter().enumerate().find_map(|(at, der)| {
            let key = Certificate::parse(der).ok()?.public_key_raw();
            Some((at, unsupported_public(key)?))
        })
    }

    /// Whether these are public authorities: then anybody can get a client certificate that
    /// passes.
    #[must_use]
    pub fn looks_public(&self) -> bool {
        self.certificates.len() > OWN_ROOTS_MAX
            || self.certificates.iter().any(|der| {
                let organization = Certificate::parse(der).ok().and_then(|it| it.organization());
                organization.is_some_and(|name| is_public(&name))
            })
    }
}

/// Whether what stands behind a certificate lets it vouch for clients: nothing, or OpenSSL's
/// `SEQUENCE { trust SEQUENCE OF OID OPTIONAL, reject [0] SEQUENCE OF OID OPTIONAL, … }`. None when
/// it is something else.
fn is_for_clients(trust: &[u8]) -> Option<bool> {
    if trust.is_empty() {
        return Some(true);
    }
    let mut outer = Reader::new(trust);
    let mut trust = outer.enter(SEQUENCE).ok()?;
    outer.end().ok()?;
    let mut names_clients = |tag| -> Result<_, Malformed> {
        trust.optional(tag)?.map(|uses| among_client_uses(uses.inside()?)).transpose()
    };
    let trusted = names_clients(SEQUENCE).ok()?.unwrap_or(true);
    let rejected = names_clients(tagged_around(0)).ok()?.unwrap_or(false);
    Some(trusted && !rejected)
}

fn is_public(organization: &str) -> bool {
    PUBLIC_ORGANIZATIONS.iter().any(|public| {
        organization.get(..public.len()).is_some_and(|start| start.eq_ignore_ascii_case(public))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::fixtures::fixture;

    #[test]
    fn roots_are_read_or_the_fault_is_named() {
        let root = fixture!("root.pem");
        let both = [root, b"text between\n", fixture!("middle.pem")].concat();
        let roots = Roots::from_pem(&both).unwrap();
        assert_eq!((roots.certificates().len(), roots.store().len()), (2, 2));
        assert!(!roots.looks_public());
        let fault = |pem: &[u8]| Roots::from_pem(pem).unwrap_err();
        assert_eq!(fault(b""), RootsFault::NoCertificate);
        assert_eq!(fault(fixture!("root.key")), RootsFault::NoCertificate);
        assert_eq!(roots.unsupported_key(), None);
        let p521 = Roots::from_pem(&[root, fixture!("p521.pem")].concat()).unwrap();
        assert_eq!(p521.unsupported_key(), Some((1, "an ECDSA P-521 key")));
        let damaged = [root, &root[..100], root].concat();
        assert_eq!(fault(&damaged), RootsFault::BadCertificate(1));
        assert_eq!(fault(&vec![b' '; PEM_BYTES_MAX + 1]), RootsFault::TooLarge);
    }

    #[test]
    fn public_authorities_are_recognised() {
        let bundle = fixture!("root.pem").repeat(OWN_ROOTS_MAX);
        assert!(!Roots::from_pem(&bundle).unwrap().looks_public());
        let bundle = fixture!("root.pem").repeat(OWN_ROOTS_MAX + 1);
        assert!(Roots::from_pem(&bundle).unwrap().looks_public());
        for (name, public) in [
            ("Internet Security Research Group", true),
            ("DigiCert Inc", true),
            ("digicert inc", true),
            ("Kinglet Tests", false),
            ("", false),
            ("\u{fc}\u{fc}\u{fc}\u{fc}", false),
        ] {
            assert_eq!(is_public(name), public, "{name}");
        }
    }
}
