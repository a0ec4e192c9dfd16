//! How a connection is protected, as far as requests have to know it.

use crate::config::settings::NonTls;
use crate::vhost::{Vhost, VhostId};

/// How a client's connection came about.
#[derive(Debug)]
pub(super) enum Security {
    /// A listener without TLS.
    Plain,
    /// Plain HTTP on a listener that speaks TLS.
    Clear,
    /// TLS.
    Tls {
        /// Whom the client asked for in its hello.
        vhost: VhostId,
        /// The subject of its certificate, where one is required: boxed twice, since few
        /// connections have one and all have room for it.
        client: Option<Box<Box<str>>>,
    },
}

impl Security {
    /// Whether what is said cannot be overheard.
    pub(super) const fn is_secure(&self) -> bool {
        matches!(self, Self::Tls { .. })
    }

    /// The vhost that the hello chose.
    pub(super) const fn hello_vhost(&self) -> Option<VhostId> {
        match self {
            Self::Tls { vhost, .. } => Some(*vhost),
            Self::Plain | Self::Clear => None,
        }
    }

    /// The subject of the client's certificate.
    pub(super) fn client_subject(&self) -> Option<&str> {
        match self {
            Self::Tls { client, .. } => client.as_ref().map(|subject| &***subject),
            Self::Plain | Self::Clear => None,
        }
    }

    /// What stands between a request for `vhost` and its answer; none when nothing does.
    pub(super) fn objection(&self, vhost: &Vhost) -> Option<NonTls> {
        match self {
            Self::Clear => Some(vhost.non_tls).filter(|rule| *rule != NonTls::Serve),
            Self::Plain | Self::Tls { .. } => None,
        }
    }
}
