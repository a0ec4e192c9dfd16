//! The certificate that a policy shows: a slot that can be filled and changed while it is used.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// A certificate chain and its key, ready to be shown.
pub type Certified = Arc<CertifiedKey>;

/// A slot with the certificate chain and key that are shown to clients.
///
/// Any thread may change it at any time; handshakes that begin later show the new one. While it is
/// empty every handshake ends with the alert `access_denied`.
pub struct Shown {
    slot: RwLock<Option<Arc<CertifiedKey>>>,
}

impl Shown {
    /// A slot with `certified`, or an empty one.
    #[must_use]
    pub fn new(certified: Option<Arc<CertifiedKey>>) -> Arc<Self> {
        Arc::new(Self { slot: RwLock::new(certified) })
    }

    /// Shows `certified` from now on.
    pub fn set(&self, certified: Arc<CertifiedKey>) {
        *self.slot.write().unwrap_or_else(PoisonError::into_inner) = Some(certified);
    }

    /// What is shown now.
    #[must_use]
    pub fn certified(&self) -> Option<Arc<CertifiedKey>> {
        self.slot.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether nothing can be shown.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slot.read().unwrap_or_else(PoisonError::into_inner).is_none()
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shown").field("empty", &self.is_empty()).finish()
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.certified()
    }
}
