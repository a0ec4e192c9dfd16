//! What a handshake takes from the heap: while it waits for its client, and at its peak.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use kinglet::buf::Buf;
use kinglet::tls::{
    Clients, Policy, RECORD_BYTES_MAX, Received, Roots, Session, Shown, Sniffed, Terms,
    TicketSecret, Tickets, policy_id, sniff,
};
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, ClientConnection, SupportedCipherSuite};

#[path = "tls/any_certificate.rs"]
mod any_certificate;
#[path = "tls/counting.rs"]
mod counting;

use any_certificate::AnyCertificate;
use counting::{HELD, PEAK};

/// Bytes that a handshake may hold while it waits for its client; four of them where clients do
/// not say more than usual, and six where they have to show a certificate. The most is for a hello
/// of 24 KiB where certificates are wanted: rustls keeps it until it has seen one.
const WAITING_BYTES_MAX: isize = 52 * 1024;

/// Bytes that one may take at its peak.
const PEAK_BYTES_MAX: isize = 104 * 1024;

/// When the certificates are valid: 2027-06-01, in seconds since 1970.
const WALL_S: u64 = 1_811_808_000;

fn pem(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/tls/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn chain(name: &str) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(&pem(name)).map(Result::unwrap).collect()
}

fn roots() -> Roots {
    Roots::from_pem(&pem("policy/authority.pem")).unwrap()
}

fn policy(server: &str, clients: Clients) -> Policy {
    let terms = Terms { server_order: false, clients, ..Terms::default() };
    let key = PrivateKeyDer::from_pem_slice(&pem(server)).unwrap();
    let certified = CertifiedKey::from_der(chain(server), key, &default_provider()).unwrap();
    let secret = Arc::new(Mutex::new(TicketSecret::new(0).unwrap()));
    let tickets: Arc<Tickets> = Tickets::new(secret, policy_id(&[b"x"]), || 0);
    Policy::new(&terms, Shown::new(Some(Arc::new(certified))), Some(tickets), Some(|| WALL_S))
        .unwrap()
}

#[derive(Debug)]
struct Clock;

impl rustls::time_provider::TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(WALL_S)))
    }
}

fn client(suite: SupportedCipherSuite, certificates: usize, hello: usize) -> Arc<ClientConfig> {
    let provider = CryptoProvider { cipher_suites: vec![suite], ..default_provider() };
    let algorithms = provider.signature_verification_algorithms;
    let builder = ClientConfig::builder_with_details(Arc::new(provider), Arc::new(Clock))
        .with_protocol_versions(&[suite.version()])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate(algorithms)));
    let mut config = if certificates == 0 {
        builder.with_no_client_auth()
    } else {
        // The one that counts, and others that nobody needs.
        let mut certificate = chain("policy/client.pem");
        while certificate.len() < certificates {
            certificate.extend(chain("policy/authority.pem"));
        }
        let key = PrivateKeyDer::from_pem_slice(&pem("policy/client.pem")).unwrap();
        builder.with_client_auth_cert(certificate, key).unwrap()
    };
    // Names of protocols make a hello as long as a test wants it.
    config.alpn_protocols = (0..hello / 251).map(|_| vec![b'x'; 250]).collect();
    config.resumption = rustls::client::Resumption::in_memory_sessions(4);
    Arc::new(config)
}

/// Most bytes held between two calls, and at any moment, of a session that `config` shakes hands
/// with; and what is held once it is established.
fn measure(policy: &Policy, config: &Arc<ClientConfig>) -> (isize, isize, isize) {
    let name = ServerName::try_from("router.test").unwrap();
    let mut client = ClientConnection::new(Arc::clone(config), name).unwrap();
    let mut input = Vec::with_capacity(2 * RECORD_BYTES_MAX);
    let mut plain = Buf::with_capacity(RECORD_BYTES_MAX);
    let mut out = Buf::with_capacity(4 * RECORD_BYTES_MAX);
    let mut flight = Vec::with_capacity(64 * 1024);
    let (mut waiting, mut peak, mut own) = (0, 0, 0);
    let mut session = None;
    loop {
        flight.clear();
        while client.wants_write() {
            client.write_tls(&mut flight).unwrap();
        }
        input.extend_from_slice(&flight);
        let before = HELD.get();
        PEAK.set(before);
        if session.is_none() {
            assert!(matches!(sniff(&input), Sniffed::Hello(_)));
            session = Some(Session::new(policy).unwrap());
        }
        let mut is_done = false;
        while let Some(session) = &mut session {
            let (used, received) = session.receive(&mut input, &mut plain, &mut out);
            input.drain(..used);
            match received {
                Received::More => break,
                Received::Secured(_) => is_done = true,
                other => panic!("{other:?}"),
            }
        }
        peak = peak.max(PEAK.get() - before + own);
        own += HELD.get() - before;
        if is_done {
            return (waiting, peak, own);
        }
        waiting = waiting.max(own);
        let mut answer = out.filled();
        while !answer.is_empty() {
            client.read_tls(&mut answer).unwrap();
            client.process_new_packets().unwrap();
        }
        out.clear();
    }
}

#[test]
fn handshakes_take_what_the_budget_says() {
    for server in ["records-p256.pem", "records-rsa.pem"] {
        for certificates in [0, 1, 30] {
            let clients =
                if certificates > 0 { Clients::Certified(roots()) } else { Clients::Anonymous };
            let policy = policy(server, clients);
            for suite in default_provider().cipher_suites {
                let is_rsa = format!("{:?}", suite.suite()).contains("_RSA_");
                let is_ecdsa = format!("{:?}", suite.suite()).contains("_ECDSA_");
                if (is_rsa && server.contains("p256")) || (is_ecdsa && server.contains("rsa")) {
                    continue;
                }
                for hello in [0, 23_500] {
                    let config = client(suite, certificates, hello);

                    let (waiting, peak, left) = measure(&policy, &config);
                    let what = format!("{server}, {suite:?}, {certificates}, {hello}");
                    let usual = match (hello, certificates) {
                        (_, 0) => 4 * 1024,
                        (0, _) => 6 * 1024 + 512,
                        _ => WAITING_BYTES_MAX,
                    };
                    assert!(waiting <= usual, "{what}: {waiting} waiting");
                    assert!(peak <= PEAK_BYTES_MAX, "{what}: {peak} peak");
                    assert!(left < 512, "{what}: {left} left");
                }
            }
        }
    }
}
