//! Policies and rustls clients for the tests of sessions, in memory.

use std::sync::{Arc, Mutex};

use rustls::client::Resumption;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, ClientConnection, NamedGroup, SupportedProtocolVersion};

use crate::tls::fixtures::fixture;
use crate::tls::{Clients, Policy, Roots, Shown, Terms, TicketSecret, Tickets, policy_id};

/// 2027-06-01, when the certificates of the fixtures are valid.
const WALL_S: u64 = 1_811_808_000;

fn chain(pem: &[u8]) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(pem).map(Result::unwrap).collect()
}

pub(super) fn roots() -> Roots {
    Roots::from_pem(fixture!("policy/authority.pem")).unwrap()
}

/// Everything is allowed.
pub(super) fn terms(clients: Clients) -> Terms {
    Terms { server_order: false, clients, ..Terms::default() }
}

pub(super) fn policy_of(terms: &Terms) -> Policy {
    let pem = fixture!("policy/server.pem");
    let key = PrivateKeyDer::from_pem_slice(pem).unwrap();
    let certified = CertifiedKey::from_der(chain(pem), key, &default_provider()).unwrap();
    let secret = Arc::new(Mutex::new(TicketSecret::new(0).unwrap()));
    let tickets: Arc<Tickets> = Tickets::new(secret, policy_id(&[b"x"]), || 0);
    let shown = Shown::new(Some(Arc::new(certified)));
    Policy::new(terms, shown, Some(tickets), Some(|| WALL_S)).unwrap()
}

pub(super) fn policy(clients: Clients) -> Policy {
    policy_of(&terms(clients))
}

#[derive(Debug)]
struct Clock;

impl rustls::time_provider::TimeProvider for Clock {
    fn current_time(&self) -> Option<rustls::pki_types::UnixTime> {
        Some(rustls::pki_types::UnixTime::since_unix_epoch(std::time::Duration::from_secs(WALL_S)))
    }
}

pub(super) struct Wish {
    pub(super) version: &'static SupportedProtocolVersion,
    pub(super) certificate: bool,
    pub(super) groups: Option<Vec<NamedGroup>>,
    pub(super) fragment: Option<usize>,
}

impl Wish {
    pub(super) fn of(version: &'static SupportedProtocolVersion) -> Self {
        Self { version, certificate: false, groups: None, fragment: None }
    }

    pub(super) fn client(self) -> Arc<ClientConfig> {
        let mut provider = default_provider();
        if let Some(groups) = self.groups {
            provider.kx_groups = groups
                .iter()
                .map(|name| *provider.kx_groups.iter().find(|g| g.name() == *name).unwrap())
                .collect();
        }
        let builder = ClientConfig::builder_with_details(Arc::new(provider), Arc::new(Clock))
            .with_protocol_versions(&[self.version])
            .unwrap()
            .with_root_certificates(roots().store());
        let pem = fixture!("policy/client.pem");
        let mut config = if self.certificate {
            let key = PrivateKeyDer::from_pem_slice(pem).unwrap();
            builder.with_client_auth_cert(chain(pem), key).unwrap()
        } else {
            builder.with_no_client_auth()
        };
        config.max_fragment_size = self.fragment;
        config.resumption = Resumption::in_memory_sessions(8);
        config.enable_early_data = true;
        Arc::new(config)
    }
}

pub(super) fn connect(config: &Arc<ClientConfig>) -> ClientConnection {
    let name = ServerName::try_from("router.test").unwrap();
    ClientConnection::new(Arc::clone(config), name).unwrap()
}

pub(super) fn said(client: &mut ClientConnection) -> Vec<u8> {
    let mut bytes = Vec::new();
    while client.wants_write() {
        client.write_tls(&mut bytes).unwrap();
    }
    bytes
}

pub(super) fn told(client: &mut ClientConnection, mut bytes: &[u8]) -> Result<(), rustls::Error> {
    while !bytes.is_empty() {
        client.read_tls(&mut bytes).unwrap();
        client.process_new_packets()?;
    }
    Ok(())
}
