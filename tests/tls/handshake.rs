//! Real handshakes of rustls with itself, in memory, of which either end can then be taken over.

use std::sync::{Arc, Mutex};

use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{
    CipherSuite, ClientConfig, ClientConnection, Error, KeyLog, ProtocolVersion, ServerConfig,
    ServerConnection, SupportedCipherSuite,
};

use kinglet::tls::TrafficSecrets;

use crate::any_certificate::AnyCertificate;

/// Both ends of a session whose handshake is complete.
pub(crate) struct Established {
    pub(crate) client: ClientConnection,
    pub(crate) server: ServerConnection,
    pub(crate) version: ProtocolVersion,
    /// TLS 1.3: the traffic secrets of client and server.
    pub(crate) secrets: Option<(Vec<u8>, Vec<u8>)>,
    /// The record that the client began with.
    pub(crate) client_flight: Vec<u8>,
}

impl Established {
    /// The traffic secrets as the record layer takes them.
    pub(crate) fn traffic(&self) -> Option<TrafficSecrets> {
        let (client, server) = self.secrets.as_ref()?;
        Some(TrafficSecrets::new(client, server).unwrap())
    }
}

/// Every suite of the provider.
pub(crate) fn suites() -> Vec<SupportedCipherSuite> {
    default_provider().cipher_suites
}

/// Shakes hands; `log` is where the configurations log to.
pub(crate) fn establish(
    configs: &(Arc<ClientConfig>, Arc<ServerConfig>),
    log: &Secrets,
) -> Established {
    let name = ServerName::try_from("test.example").unwrap();
    let mut client = ClientConnection::new(configs.0.clone(), name).unwrap();
    let mut server = ServerConnection::new(configs.1.clone()).unwrap();
    let mut first = Vec::new();
    while client.is_handshaking() || server.is_handshaking() || server.wants_write() {
        let sent = bytes_of(&mut client);
        if first.is_empty() {
            first.clone_from(&sent);
        }
        give_server(&mut server, &sent).unwrap();
        let mut sent = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut sent).unwrap();
        }
        give_client(&mut client, &sent).unwrap();
    }
    let version = server.protocol_version().unwrap();
    let logged = std::mem::take(&mut *log.0.lock().unwrap());
    let secrets = (version == ProtocolVersion::TLSv1_3).then(|| {
        let find = |label: &str| logged.iter().find(|(l, _)| l == label).unwrap().1.clone();
        (find("CLIENT_TRAFFIC_SECRET_0"), find("SERVER_TRAFFIC_SECRET_0"))
    });
    Established { client, server, version, secrets, client_flight: first }
}

/// What a client wants to send.
pub(crate) fn bytes_of(client: &mut ClientConnection) -> Vec<u8> {
    let mut sent = Vec::new();
    while client.wants_write() {
        client.write_tls(&mut sent).unwrap();
    }
    sent
}

/// Hands bytes to a client.
pub(crate) fn give_client(client: &mut ClientConnection, mut bytes: &[u8]) -> Result<(), Error> {
    while !bytes.is_empty() {
        client.read_tls(&mut bytes).unwrap();
        client.process_new_packets()?;
    }
    Ok(())
}

/// Hands bytes to a server that shakes hands.
pub(crate) fn give_server(server: &mut ServerConnection, mut bytes: &[u8]) -> Result<(), Error> {
    while !bytes.is_empty() {
        server.read_tls(&mut bytes).unwrap();
        server.process_new_packets()?;
    }
    Ok(())
}

/// Configurations that agree on `suite` alone; the server sends `tickets` tickets in TLS 1.3.
pub(crate) fn configs(
    suite: SupportedCipherSuite,
    tickets: usize,
) -> ((Arc<ClientConfig>, Arc<ServerConfig>), Arc<Secrets>) {
    let provider = Arc::new(CryptoProvider { cipher_suites: vec![suite], ..default_provider() });
    let log = Arc::new(Secrets::default());
    let pem: &[u8] = match suite.suite() {
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
        | CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384
        | CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 => {
            include_bytes!("records-rsa.pem")
        }
        _ => include_bytes!("records-p256.pem"),
    };
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_slice(pem).unwrap();
    let mut server = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[suite.version()])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    server.enable_secret_extraction = true;
    server.send_tls13_tickets = tickets;
    server.key_log = log.clone();
    let any = Arc::new(AnyCertificate(provider.signature_verification_algorithms));
    let mut client = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[suite.version()])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(any)
        .with_no_client_auth();
    client.enable_secret_extraction = true;
    client.resumption = rustls::client::Resumption::disabled();
    ((Arc::new(client), Arc::new(server)), log)
}

/// Keeps what a handshake logs.
#[derive(Debug, Default)]
pub(crate) struct Secrets(Mutex<Vec<(String, Vec<u8>)>>);

impl KeyLog for Secrets {
    fn log(&self, label: &str, _: &[u8], secret: &[u8]) {
        self.0.lock().unwrap().push((label.to_string(), secret.to_vec()));
    }
}
