//! What a vhost's TLS is like: certificate, client rule, suites, versions, protocols.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::pki_types::UnixTime;
use rustls::server::{
    NoServerSessionStorage, ProducesTickets, WantsServerCert, WebPkiClientVerifier,
};
use rustls::time_provider::TimeProvider;
use rustls::{ConfigBuilder, RootCertStore, ServerConfig, compress};

use super::client_certificate::ClientCertificates;
use super::provider;
use super::shown::Shown;
use super::tickets::policy_id;
use crate::tls::record::records::{PLAIN_BYTES_MAX, RECORD_HEAD_BYTES};
use crate::tls::secret_tap::SecretTap;
use crate::tls::{Group, Roots, Suite};

/// Tickets that a client gets after a TLS 1.3 handshake. It may use each once, and gets another one
/// when it does; a second one at a time would cost half as much again as the first.
const TLS13_TICKETS: usize = 1;

/// What a vhost wants of TLS.
#[derive(Debug, Clone)]
pub struct Terms {
    /// `ciphers`: TLS 1.2 suites, preferred ones first; none = all
    pub tls12_suites: Option<Vec<Suite>>,
    /// `tls13-ciphers`: TLS 1.3 suites, preferred ones first; none = all
    pub tls13_suites: Option<Vec<Suite>>,
    /// `ecdh-curve`: groups that may be used; none = all. Among them the client's order counts.
    pub groups: Option<Vec<Group>>,
    /// TLS 1.2 may be spoken.
    pub tls12: bool,
    /// TLS 1.3 may be spoken.
    pub tls13: bool,
    /// Our order of suites counts, not the client's.
    pub server_order: bool,
    /// Protocols, preferred ones first. Where it is not empty a client that names only others is
    /// refused (`no_application_protocol`, RFC 7301 section 3.2), unless
    /// [`Policy::for_offer`] is asked first; one that names none is not.
    pub alpn: Vec<Vec<u8>>,
    /// Who may connect.
    pub clients: Clients,
    /// The processor has AES instructions; without them ChaCha20 comes first.
    pub fast_aes: bool,
}

/// Who may connect.
#[derive(Debug, Clone)]
pub enum Clients {
    /// Everybody; no certificate is asked for.
    Anonymous,
    /// Only who shows a certificate that chains to one of these authorities.
    Certified(Roots),
}

/// Why there can be no such policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyFault {
    /// Both versions are switched off.
    NoVersion,
    /// No suite is left in any version that may be spoken.
    NoSuite,
    /// No group is left.
    NoGroup,
    /// Client certificates are required, and there is no authority to check them with.
    NoAuthority,
    /// rustls refuses the combination.
    Unusable,
}

impl fmt::Display for PolicyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoVersion => "both TLS 1.2 and TLS 1.3 are switched off",
            Self::NoSuite => "no cipher suite is left for the TLS versions that are on",
            Self::NoGroup => "no key exchange group is left",
            Self::NoAuthority => "client certificates are required, but there is no CA for them",
            Self::Unusable => "this combination of suites and groups cannot be used",
        })
    }
}

impl std::error::Error for PolicyFault {}

impl Default for Terms {
    /// Everything is allowed, the cheapest comes first, nobody has to show a certificate, and no
    /// protocol is named.
    fn default() -> Self {
        Self {
            tls12_suites: None,
            tls13_suites: None,
            groups: None,
            tls12: true,
            tls13: true,
            server_order: true,
            alpn: Vec::new(),
            clients: Clients::Anonymous,
            fast_aes: true,
        }
    }
}

impl Terms {
    /// The identity of these terms for the vhost `name`, which the keys of its
    /// [tickets](crate::tls::Tickets) hang on: a ticket is good only where everything that was
    /// agreed on when it was made is still the same. `fast_aes` is of the machine and does not
    /// count.
    #[must_use]
    pub fn ticket_identity(&self, name: &str) -> [u8; 32] {
        let (certified, authorities) = match &self.clients {
            Clients::Anonymous => (0, Vec::new()),
            Clients::Certified(roots) => (1, authority_bytes(&roots.store())),
        };
        let rules = [
            u8::from(self.tls12),
            u8::from(self.tls13),
            u8::from(self.server_order),
            u8::from(self.tls12_suites.is_some()),
            u8::from(self.tls13_suites.is_some()),
            u8::from(self.groups.is_some()),
            certified,
        ];
        let tls12: Vec<u8> = self.tls12_suites.iter().flatten().map(|s| *s as u8).collect();
        let tls13: Vec<u8> = self.tls13_suites.iter().flatten().map(|s| *s as u8).collect();
        let groups: Vec<u8> = self.groups.iter().flatten().map(|g| *g as u8).collect();
        let mut parts: Vec<&[u8]> =
            vec![name.as_bytes(), &rules, &tls12, &tls13, &groups, &authorities];
        parts.extend(self.alpn.iter().map(Vec::as_slice));
        policy_id(&parts)
    }
}

fn authority_bytes(roots: &RootCertStore) -> Vec<u8> {
    let mut keys: Vec<&[u8]> =
        roots.roots.iter().map(|anchor| anchor.subject_public_key_info.as_ref()).collect();
    keys.sort_unstable();
    policy_id(&keys).to_vec()
}

/// One vhost's rules for handshakes. Cheap to clone; the same for all threads.
#[derive(Debug, Clone)]
pub struct Policy {
    config: Arc<ServerConfig>,
    /// The same without ALPN, where it has some.
    without_alpn: Option<Arc<ServerConfig>>,
    certified: bool,
}

impl Policy {
    /// A policy with the given terms that shows what is in `shown`.
    ///
    /// `tickets` makes resumption possible; their keys must belong to these terms alone. Where
    /// client certificates are required it is ignored: a ticket would stand for a certificate
    /// that nobody looks at again. `now` is the wall clock in seconds since 1970, used to judge
    /// client certificates; without it the system's is read.
    ///
    /// # Errors
    /// When the terms leave nothing to agree on.
    pub fn new(
        terms: &Terms,
        shown: Arc<Shown>,
        tickets: Option<Arc<dyn ProducesTickets>>,
        now: Option<fn() -> u64>,
    ) -> Result<Self, PolicyFault> {
        let certified = matches!(terms.clients, Clients::Certified(_));
        let mut config = builder(terms, now)?.with_cert_resolver(shown);
        config.ignore_client_order = terms.server_order;
        config.alpn_protocols.clone_from(&terms.alpn);
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.max_early_data_size = 0;
        config.send_half_rtt_data = false;
        config.enable_secret_extraction = true;
        config.key_log = Arc::new(SecretTap);
        config.cert_compressors = Vec::new();
        config.cert_decompressors = Vec::new();
        config.cert_compression_cache = Arc::new(compress::CompressionCache::Disabled);
        config.send_tls13_tickets = 0;
        if let (Some(tickets), false) = (tickets, certified) {
            config.ticketer = tickets;
            config.send_tls13_tickets = TLS13_TICKETS;
        }
        let without_alpn = (!config.alpn_protocols.is_empty()).then(|| {
            let mut without = config.clone();
            without.alpn_protocols = Vec::new();
            Arc::new(without)
        });
        Ok(Self { config: Arc::new(config), without_alpn, certified })
    }

    /// What rustls is given for a connection.
    #[must_use]
    pub fn config(&self) -> &Arc<ServerConfig> {
        &self.config
    }

    /// The policy for a client that offers these protocols: itself, or the same without ALPN where
    /// they have none in common. The handshake then goes on with no protocol agreed on, as with
    /// lwsws, and is not refused.
    #[must_use]
    pub fn for_offer<'a>(&self, offered: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let ours = &self.config.alpn_protocols;
        let mut offered = offered.into_iter().peekable();
        let none_offered = offered.peek().is_none();
        match &self.without_alpn {
            Some(without)
                if !none_offered && !offered.any(|name| ours.iter().any(|o| o == name)) =>
            {
                Self { config: Arc::clone(without), ..self.clone() }
            }
            _ => self.clone(),
        }
    }

    /// The same with at most so many bytes of plaintext in a record, as a client wants it (RFC 6066
    /// section 4).
    #[must_use]
    pub fn limited(&self, plain_bytes_max: usize) -> Self {
        let mut config = ServerConfig::clone(&self.config);
        config.max_fragment_size = Some(RECORD_HEAD_BYTES + plain_bytes_max);
        Self { config: Arc::new(config), ..self.clone() }
    }

    /// Most bytes of plaintext in a record.
    #[must_use]
    pub fn plain_bytes_max(&self) -> usize {
        let with_head = self.config.max_fragment_size;
        with_head.map_or(PLAIN_BYTES_MAX, |bytes| bytes.saturating_sub(RECORD_HEAD_BYTES))
    }

    /// Whether a client must show a certificate.
    #[must_use]
    pub fn requires_certificate(&self) -> bool {
        self.certified
    }
}

fn builder(
    terms: &Terms,
    now: Option<fn() -> u64>,
) -> Result<ConfigBuilder<ServerConfig, WantsServerCert>, PolicyFault> {
    let provider = Arc::new(provider::provider(terms)?);
    let versions = provider::versions(&provider);
    let clock = WallClock { now: now.unwrap_or(system_s) };
    let builder = ServerConfig::builder_with_details(Arc::clone(&provider), Arc::new(clock))
        .with_protocol_versions(&versions)
        .map_err(|_| PolicyFault::Unusable)?;
    let Clients::Certified(roots) = &terms.clients else {
        return Ok(builder.with_no_client_auth());
    };
    let algorithms = provider.signature_verification_algorithms;
    let chain = WebPkiClientVerifier::builder_with_provider(roots.store(), provider)
        .build()
        .map_err(|_| PolicyFault::NoAuthority)?;
    Ok(builder.with_client_cert_verifier(ClientCertificates::new(chain, roots.clone(), algorithms)))
}

/// The system's wall clock in seconds since 1970; 0 when it is before that, where rustls' own
/// would panic.
fn system_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// The wall clock as it was handed in.
#[derive(Debug)]
struct WallClock {
    now: fn() -> u64,
}

impl TimeProvider for WallClock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs((self.now)())))
    }
}

#[cfg(test)]
#[path = "terms_tests.rs"]
mod tests;
