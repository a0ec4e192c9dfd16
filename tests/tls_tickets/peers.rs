//! Two ends of a TLS connection in memory, with clocks that each test sets for itself.

use std::cell::Cell;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kinglet::tls::secret_tap::{self, Caught};
use kinglet::tls::{
    Clients, Group, Policy, Roots, Shown, Suite, Terms, TicketSecret, Tickets, policy_id,
};
use rustls::client::Resumption;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::time_provider::TimeProvider;
use rustls::{
    CipherSuite, ClientConfig, ClientConnection, Error, HandshakeKind, KeyLog, NamedGroup,
    ServerConnection, SupportedProtocolVersion, version,
};

/// Both versions, for tests that hold for each.
pub(crate) const VERSIONS: [&SupportedProtocolVersion; 2] = [&version::TLS12, &version::TLS13];

/// 2027-06-01, in seconds since 1970.
const WALL_S: u64 = 1_811_808_000;

thread_local! {
    static NOW_MS: Cell<u64> = const { Cell::new(40_000_000_000) };
    static NOW_S: Cell<u64> = const { Cell::new(WALL_S) };
}

/// The monotonic clock of this test.
pub(crate) fn now_ms() -> u64 {
    NOW_MS.get()
}

/// Lets `ms` pass on the monotonic clock.
pub(crate) fn pass_ms(ms: u64) {
    NOW_MS.set(NOW_MS.get() + ms);
}

/// The wall clock of this test.
pub(crate) fn wall_s() -> u64 {
    NOW_S.get()
}

/// Sets the server's wall clock.
pub(crate) fn set_wall_s(seconds: u64) {
    NOW_S.set(seconds);
}

fn fixture(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls/policy");
    std::fs::read(folder.join(format!("{name}.pem"))).unwrap()
}

fn chain(name: &str) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(&fixture(name)).map(Result::unwrap).collect()
}

fn key(name: &str) -> PrivateKeyDer<'static> {
    PrivateKeyDer::from_pem_slice(&fixture(name)).unwrap()
}

/// The authority that signs servers and clients here.
pub(crate) fn authority() -> Roots {
    Roots::from_pem(&fixture("authority")).unwrap()
}

/// A slot that shows the server's certificate.
pub(crate) fn shown() -> Arc<Shown> {
    Shown::new(Some(certified()))
}

pub(crate) fn certified() -> Arc<CertifiedKey> {
    let made = CertifiedKey::from_der(chain("server"), key("server"), &default_provider());
    Arc::new(made.unwrap())
}

/// Only who has a certificate may connect.
pub(crate) fn certified_terms() -> Terms {
    Terms { clients: Clients::Certified(authority()), ..Terms::default() }
}

pub(crate) fn policy(terms: &Terms) -> Policy {
    Policy::new(terms, shown(), None, Some(wall_s)).unwrap()
}

pub(crate) fn policy_with(terms: &Terms, tickets: &Arc<Tickets>) -> Policy {
    let tickets = Arc::clone(tickets);
    Policy::new(terms, shown(), Some(tickets), Some(wall_s)).unwrap()
}

pub(crate) fn secret() -> Arc<Mutex<TicketSecret>> {
    Arc::new(Mutex::new(TicketSecret::new(now_ms()).unwrap()))
}

pub(crate) fn tickets(secret: &Arc<Mutex<TicketSecret>>, name: &str) -> Arc<Tickets> {
    Tickets::new(Arc::clone(secret), policy_id(&[name.as_bytes()]), now_ms)
}

/// A clock for clients: always right.
#[derive(Debug)]
struct ClientClock;

impl TimeProvider for ClientClock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(WALL_S)))
    }
}

/// What a client's key log says.
#[derive(Debug, Default)]
pub(crate) struct Log(Mutex<Vec<(String, Vec<u8>)>>);

impl Log {
    /// The last secret with this label.
    pub(crate) fn secret(&self, label: &str) -> Vec<u8> {
        let lines = self.0.lock().unwrap();
        lines.iter().rev().find(|(known, _)| known == label).unwrap().1.clone()
    }
}

impl KeyLog for Log {
    fn log(&self, label: &str, _random: &[u8], secret: &[u8]) {
        self.0.lock().unwrap().push((label.to_owned(), secret.to_vec()));
    }
}

/// How a client is made.
#[derive(Clone)]
pub(crate) struct Wish {
    pub(crate) versions: Vec<&'static SupportedProtocolVersion>,
    pub(crate) suites: Vec<CipherSuite>,
    pub(crate) groups: Vec<NamedGroup>,
    pub(crate) alpn: Vec<&'static str>,
    pub(crate) certificate: Option<&'static str>,
    pub(crate) log: Arc<Log>,
}

impl Wish {
    pub(crate) fn new(version: &'static SupportedProtocolVersion) -> Self {
        Self {
            versions: vec![version],
            suites: Vec::new(),
            groups: Vec::new(),
            alpn: Vec::new(),
            certificate: None,
            log: Arc::default(),
        }
    }

    pub(crate) fn with_certificate(self, name: &'static str) -> Self {
        Self { certificate: Some(name), ..self }
    }

    /// A client with a store of tickets of its own.
    pub(crate) fn client(self) -> Arc<ClientConfig> {
        let mut provider = default_provider();
        if !self.suites.is_empty() {
            let all = std::mem::take(&mut provider.cipher_suites);
            let find = |wanted: &CipherSuite| *all.iter().find(|s| s.suite() == *wanted).unwrap();
            provider.cipher_suites = self.suites.iter().map(find).collect();
        }
        if !self.groups.is_empty() {
            provider.kx_groups.retain(|group| self.groups.contains(&group.name()));
        }
        let provider = Arc::new(provider);
        let builder = ClientConfig::builder_with_details(provider, Arc::new(ClientClock))
            .with_protocol_versions(&self.versions)
            .unwrap()
            .with_root_certificates(authority().store());
        let mut config = match self.certificate {
            Some(name) => builder.with_client_auth_cert(chain(name), key(name)).unwrap(),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = self.alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        config.resumption = Resumption::in_memory_sessions(16);
        config.key_log = self.log;
        Arc::new(config)
    }
}

/// A connection, and what the tap has caught of it.
pub(crate) struct Pair {
    pub(crate) client: ClientConnection,
    pub(crate) server: ServerConnection,
    pub(crate) caught: Option<Caught>,
}

impl Pair {
    pub(crate) fn new(client: &Arc<ClientConfig>, policy: &Policy) -> Self {
        let name = ServerName::try_from("router.test").unwrap();
        Self {
            client: ClientConnection::new(Arc::clone(client), name).unwrap(),
            server: ServerConnection::new(Arc::clone(policy.config())).unwrap(),
            caught: None,
        }
    }

    /// Carries what one side has to say to the other, once each. Whether anything was carried.
    pub(crate) fn step(&mut self) -> Result<bool, Error> {
        let mut flight = Vec::new();
        while self.client.wants_write() {
            self.client.write_tls(&mut flight).unwrap();
        }
        let mut carried = !flight.is_empty();
        let mut rest = flight.as_slice();
        while !rest.is_empty() {
            self.server.read_tls(&mut rest).unwrap();
            secret_tap::begin();
            let judged = self.server.process_new_packets();
            if let Some(caught) = secret_tap::take() {
                assert!(self.caught.is_none(), "secrets come once");
                self.caught = Some(caught);
            }
            judged?;
        }
        flight.clear();
        while self.server.wants_write() {
            self.server.write_tls(&mut flight).unwrap();
        }
        carried |= !flight.is_empty();
        let mut rest = flight.as_slice();
        while !rest.is_empty() {
            self.client.read_tls(&mut rest).unwrap();
            self.client.process_new_packets()?;
        }
        Ok(carried)
    }

    /// Runs until nobody has anything to say; the first error of either side.
    pub(crate) fn run(&mut self) -> Result<(), Error> {
        while self.step()? {}
        assert!(!self.server.is_handshaking() && !self.client.is_handshaking());
        Ok(())
    }

    /// Runs and says how the handshake went, as both sides see it.
    pub(crate) fn kind(&mut self) -> HandshakeKind {
        self.run().unwrap();
        assert_eq!(self.client.handshake_kind(), self.server.handshake_kind());
        self.server.handshake_kind().unwrap()
    }
}

/// A handshake between the two, run to its end.
pub(crate) fn meet(client: &Arc<ClientConfig>, policy: &Policy) -> Result<Pair, Error> {
    let mut pair = Pair::new(client, policy);
    pair.run().map(|()| pair)
}

/// How a handshake between the two goes.
pub(crate) fn kind(client: &Arc<ClientConfig>, policy: &Policy) -> HandshakeKind {
    Pair::new(client, policy).kind()
}

/// A list of suites, as `Terms` have it.
pub(crate) fn suites(listed: &[Suite]) -> Option<Vec<Suite>> {
    Some(listed.to_vec())
}

/// A list of groups, as `Terms` have it.
pub(crate) fn groups(listed: &[Group]) -> Option<Vec<Group>> {
    Some(listed.to_vec())
}
