//! A TLS client whose bytes go over the wire just as a test wants them to.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::client::Resumption;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, ClientConnection, RootCertStore, SupportedProtocolVersion, version};

use super::server::{Folder, PATIENCE, WALL_S};

pub(crate) const VERSIONS: [&SupportedProtocolVersion; 2] = [&version::TLS12, &version::TLS13];

pub(crate) fn pem(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tls/policy");
    std::fs::read(format!("{folder}/{name}.pem")).unwrap()
}

fn chain(name: &str) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(&pem(name)).map(Result::unwrap).collect()
}

/// A folder with what the vhost router.test shows.
pub(crate) fn folder() -> Folder {
    Folder::new().file("server.pem", pem("server")).file("authority.pem", pem("authority"))
}

/// A configuration with `DIR/www` as router.test behind TLS; each part is empty or ends with a
/// comma.
pub(crate) fn site(global: &str, vhost: &str) -> String {
    format!(
        r#"{{ "global": {{ {global} "shutdown-secs": 10 }}, "vhosts": [ {{
        "name": "router.test", {vhost} "port": 443, "host-ssl-cert": "DIR/server.pem",
        "host-ssl-key": "DIR/server.pem", "mounts": [ {{ "mountpoint": "/",
        "origin": "file://DIR/www" }} ] }} ] }}"#
    )
}

#[derive(Debug)]
struct Clock;

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(WALL_S)))
    }
}

/// A client's configuration, with a store of tickets of its own.
pub(crate) fn config(
    version: &'static SupportedProtocolVersion,
    certificate: Option<&str>,
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(chain("authority").remove(0)).unwrap();
    let builder = ClientConfig::builder_with_details(Arc::new(default_provider()), Arc::new(Clock))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match certificate {
        Some(name) => {
            let key = PrivateKeyDer::from_pem_slice(&pem(name)).unwrap();
            builder.with_client_auth_cert(chain(name), key).unwrap()
        }
        None => builder.with_no_client_auth(),
    };
    config.resumption = Resumption::in_memory_sessions(8);
    Arc::new(config)
}

/// How a connection has ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Ended {
    /// With close_notify.
    Orderly,
    /// Without a word.
    Silent,
    /// With a reset.
    Reset,
    /// As a TLS error, such as an alert.
    Tls(rustls::Error),
}

pub(crate) struct TlsClient {
    pub(crate) tls: ClientConnection,
    pub(crate) stream: TcpStream,
    /// Sizes of the pieces in which bytes are sent, in turn; empty = whole.
    pub(crate) cuts: Vec<usize>,
}

impl TlsClient {
    pub(crate) fn connect(to: SocketAddr, config: &Arc<ClientConfig>) -> Self {
        let name = ServerName::try_from("router.test").unwrap();
        let stream = TcpStream::connect(to).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        let tls = ClientConnection::new(Arc::clone(config), name).unwrap();
        Self { tls, stream, cuts: Vec::new() }
    }

    /// What there is to say, taken.
    pub(crate) fn said(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        while self.tls.wants_write() {
            self.tls.write_tls(&mut bytes).unwrap();
        }
        bytes
    }

    /// Sends what there is to say, in pieces.
    pub(crate) fn flush(&mut self) -> std::io::Result<()> {
        let bytes = self.said();
        let mut rest = &bytes[..];
        let mut next = 0;
        while !rest.is_empty() {
            let cut = self.cuts.get(next).copied().unwrap_or(usize::MAX);
            next = if self.cuts.is_empty() { 0 } else { (next + 1) % self.cuts.len() };
            let (piece, left) = rest.split_at(cut.clamp(1, rest.len()));
            self.stream.write_all(piece)?;
            rest = left;
        }
        Ok(())
    }

    /// Receives once.
    pub(crate) fn receive(&mut self) -> Result<(), Ended> {
        match self.tls.read_tls(&mut self.stream) {
            Ok(0) => {
                let _ = self.tls.process_new_packets();
                return Err(Ended::Silent);
            }
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return Err(Ended::Reset),
            Err(error) => panic!("nothing more came: {error}"),
        }
        self.tls.process_new_packets().map(|_| ()).map_err(Ended::Tls)
    }

    /// Shakes hands to the end, as far as the client can tell.
    pub(crate) fn shake(&mut self) -> Result<(), Ended> {
        loop {
            self.flush().map_err(|_| Ended::Reset)?;
            if !self.tls.is_handshaking() {
                return Ok(());
            }
            self.receive()?;
        }
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.tls.writer().write_all(bytes.as_ref()).unwrap();
        self.flush().unwrap();
    }

    /// The next `n` bytes.
    pub(crate) fn take(&mut self, n: usize) -> Vec<u8> {
        let mut bytes = vec![0; n];
        let mut at = 0;
        while at < n {
            match self.tls.reader().read(&mut bytes[at..]) {
                Ok(0) => panic!("ended {} bytes early", n - at),
                Ok(more) => at += more,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.flush().unwrap();
                    let received = self.receive();
                    assert_eq!(received, Ok(()), "{} bytes early", n - at);
                }
                Err(error) => panic!("{} bytes early: {error}", n - at),
            }
        }
        bytes
    }

    /// The next answer's head and body.
    pub(crate) fn answer(&mut self) -> (String, Vec<u8>) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.extend(self.take(1));
        }
        let head = String::from_utf8(head).unwrap();
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).unwrap();
        let body = self.take(length.parse().unwrap());
        (head, body)
    }

    pub(crate) fn get(&mut self, target: &str) -> Vec<u8> {
        self.send(format!("GET {target} HTTP/1.1\r\nHost: router.test\r\n\r\n"));
        let (head, body) = self.answer();
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        body
    }

    /// Everything up to the end, and how it ends.
    pub(crate) fn rest(&mut self) -> (Vec<u8>, Ended) {
        let mut bytes = Vec::new();
        loop {
            let mut piece = [0; 16_384];
            match self.tls.reader().read(&mut piece) {
                Ok(0) => return (bytes, Ended::Orderly),
                Ok(n) => bytes.extend_from_slice(&piece[..n]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if let Err(ended) = self.receive() {
                        return (bytes, ended);
                    }
                    let _ = self.flush();
                }
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                    return (bytes, Ended::Silent);
                }
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Ends the sending side without close_notify.
    pub(crate) fn shut(&self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }
}
