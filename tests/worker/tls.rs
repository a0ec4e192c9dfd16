//! TLS across workers: keys that only root may read, tickets of one worker in the next.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::time::Duration;

use kinglet::daemon::orders::{Order, Report, TicketBytes};
use kinglet::sys::clock;
use kinglet::tls::TicketSecret;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, ClientConnection, HandshakeKind, RootCertStore, Stream};

use super::worker::{Folder, Worker, socket};
use super::{folder, snapshot_of};

/// 2030-01-01: within the life of the certificates that the tests have.
const CLIENT_SECS: u64 = 1_893_456_000;

#[derive(Debug)]
struct Clock;

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(CLIENT_SECS)))
    }
}

fn pem(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tls/policy");
    fs::read(format!("{folder}/{name}.pem")).unwrap()
}

/// A client that keeps its tickets.
fn client() -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(&pem("authority")).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_details(Arc::new(default_provider()), Arc::new(Clock));
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
}

/// One request; how the handshake went.
fn get(client: &Arc<ClientConfig>, port: u16) -> HandshakeKind {
    let name = ServerName::try_from("router.test").unwrap();
    let mut tls = ClientConnection::new(Arc::clone(client), name).unwrap();
    let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let mut stream = Stream::new(&mut tls, &mut socket);
    let head = b"GET / HTTP/1.1\r\nHost: router.test\r\nConnection: close\r\n\r\n";
    stream.write_all(head).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("hello"), "{answer}");
    tls.handshake_kind().unwrap()
}

fn conf(folder: &Folder) -> String {
    let path = |name: &str| folder.path(name).to_str().unwrap().to_owned();
    format!(
        r#"{{ "vhosts": [{{ "name": "router.test", "port": "9", "host-ssl-cert": "{0}",
            "host-ssl-key": "{0}", "mounts": [{{ "mountpoint": "/", "default": "index.html",
            "origin": "file://{1}" }}] }}] }}"#,
        path("server.pem"),
        path("www")
    )
}

fn serving(text: &str, secret: &TicketSecret, listener: &OwnedFd) -> Worker {
    let worker = Worker::start(&["-c", "/etc/kinglet"]);
    worker.send(&Order::Snapshot, Some(&snapshot_of(text)));
    worker.send(&Order::Tickets(TicketBytes(secret.export())), None);
    worker.send(&Order::Listen { socket: 1, listener: 0, share: 0 }, Some(listener));
    worker.send(&Order::Serve, None);
    // The snapshot has no certificate, so the worker has found one that was not planned.
    assert_eq!(worker.report(), Some(Report::Certified { vhost: 0 }));
    match worker.report() {
        Some(Report::Ready { .. }) => worker,
        other => panic!("{other:?}: {}", worker.end().1),
    }
}

#[test]
fn sessions_of_one_worker_are_resumed_by_the_next() {
    let folder = folder("worker-tls");
    fs::write(folder.path("server.pem"), pem("server")).unwrap();
    fs::set_permissions(folder.path("server.pem"), fs::Permissions::from_mode(0o600)).unwrap();
    let secret = TicketSecret::new(clock::monotonic_ms()).unwrap();
    let (listener, port) = socket();
    let client = client();
    let kind_at = |secret: &TicketSecret| {
        let worker = serving(&conf(&folder), secret, &listener);
        let kind = get(&client, port);
        // What comes meanwhile waits in the socket for the next worker.
        worker.send(&Order::Unlisten { socket: 1 }, None);
        worker.send(&Order::Retire { drain_ms: 0 }, None);
        assert_eq!(worker.end(), (Some(0), String::new()));
        kind
    };
    assert_eq!(kind_at(&secret), HandshakeKind::Full);
    assert_eq!(kind_at(&secret), HandshakeKind::Resumed);
    // With another secret, old tickets are noise.
    let other = TicketSecret::new(clock::monotonic_ms()).unwrap();
    assert_ne!(kind_at(&other), HandshakeKind::Resumed);
}
