//! One blocking TLS connection to the server under load, and HTTP/1.1 requests on it.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientSessionStore, Resumption};
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::{cipher_suite, default_provider, kx_group};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, HandshakeKind, NamedGroup,
    SignatureScheme, Stream,
};

/// An answer that takes longer counts as failed.
const PATIENCE: Duration = Duration::from_secs(30);
/// Longest answer head.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// Takes every certificate: what is measured is the server, and the certificate is its own.
#[derive(Debug)]
struct AnyCertificate(Vec<SignatureScheme>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.clone()
    }
}

/// What a client offers: one version, one cipher, a share for X25519, so that every server does the
/// same. P-256 is named too, because TLS 1.2 wants it for a P-256 certificate.
pub(crate) fn config(
    version: &str,
    cipher: &str,
    sessions: Option<Arc<dyn ClientSessionStore>>,
) -> Result<Arc<ClientConfig>, String> {
    let versions = match version {
        "1.2" => [&rustls::version::TLS12],
        "1.3" => [&rustls::version::TLS13],
        other => return Err(format!("no version {other}: 1.2 or 1.3")),
    };
    let cipher_suites = match cipher {
        "aes128" => vec![
            cipher_suite::TLS13_AES_128_GCM_SHA256,
            cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
            cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        ],
        "chacha20" => vec![
            cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
            cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
            cipher_suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        ],
        other => return Err(format!("no cipher {other}: aes128 or chacha20")),
    };
    let kx_groups = vec![kx_group::X25519, kx_group::SECP256R1];
    let provider = CryptoProvider { cipher_suites, kx_groups, ..default_provider() };
    let any = AnyCertificate(provider.signature_verification_algorithms.supported_schemes());
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&versions)
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(any))
        .with_no_client_auth();
    config.resumption = sessions.map_or_else(Resumption::disabled, Resumption::store);
    Ok(Arc::new(config))
}

/// Status and body length of an answer that was read to its end.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body_bytes: u64,
}

/// An open connection whose handshake is done.
pub(crate) struct Link {
    tls: ClientConnection,
    tcp: TcpStream,
}

impl Link {
    /// Connects and shakes hands.
    pub(crate) fn open(address: SocketAddr, config: &Arc<ClientConfig>) -> Result<Self, String> {
        let name = ServerName::try_from("localhost").map_err(|error| error.to_string())?;
        let mut tls =
            ClientConnection::new(Arc::clone(config), name).map_err(|error| error.to_string())?;
        let mut tcp = TcpStream::connect(address).map_err(told("connect"))?;
        tcp.set_nodelay(true).map_err(told("connect"))?;
        tcp.set_read_timeout(Some(PATIENCE)).map_err(told("connect"))?;
        tcp.set_write_timeout(Some(PATIENCE)).map_err(told("connect"))?;
        while tls.is_handshaking() {
            tls.complete_io(&mut tcp).map_err(told("handshake"))?;
        }
        match tls.negotiated_key_exchange_group().map(|group| group.name()) {
            None | Some(NamedGroup::X25519) => {}
            Some(other) => return Err(format!("the server chose {other:?}, not X25519")),
        }
        Ok(Self { tls, tcp })
    }

    /// Whether the handshake continued an earlier session.
    pub(crate) fn resumed(&self) -> bool {
        self.tls.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    /// Sends a whole request.
    pub(crate) fn send(&mut self, head: &str, body: &[u8]) -> Result<(), String> {
        let mut stream = Stream::new(&mut self.tls, &mut self.tcp);
        let request = [head.as_bytes(), body].concat();
        stream.write_all(&request).and_then(|()| stream.flush()).map_err(told("send"))
    }

    /// Reads one answer to its end; `block` is where its bytes pass through.
    pub(crate) fn receive(&mut self, block: &mut [u8]) -> Result<Answer, String> {
        let mut head = Vec::new();
        let end = loop {
            let size = self.read(block)?;
            head.extend_from_slice(&block[..size]);
            if let Some(at) = head.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            if head.len() > HEAD_BYTES_MAX {
                return Err("an answer whose head does not end".to_string());
            }
        };
        let text = String::from_utf8_lossy(&head[..end]).to_ascii_lowercase();
        let status = text.split(' ').nth(1).and_then(|word| word.parse().ok());
        let length = text
            .lines()
            .find_map(|line| line.strip_prefix("content-length:"))
            .and_then(|value| value.trim().parse::<u64>().ok());
        let (Some(status), Some(length)) = (status, length) else {
            return Err(format!("an answer without status or length: {text}"));
        };
        let mut got = (head.len() - end) as u64;
        while got < length {
            got += self.read(block)? as u64;
        }
        if got > length {
            return Err(format!("{got} bytes of an answer of {length}"));
        }
        Ok(Answer { status, body_bytes: length })
    }

    /// Waits for the server's end of the connection; true when it said so (close_notify).
    pub(crate) fn ended_cleanly(mut self, block: &mut [u8]) -> Result<bool, String> {
        match Stream::new(&mut self.tls, &mut self.tcp).read(block) {
            Ok(0) => Ok(true),
            Ok(size) => Err(format!("{size} bytes after the answer")),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(told("end")(error)),
        }
    }

    /// Whether the server kept the connection: no end of it, no alert, nothing.
    pub(crate) fn is_kept(&self) -> Result<bool, String> {
        self.tcp.set_nonblocking(true).map_err(told("peek"))?;
        let seen = self.tcp.peek(&mut [0]);
        self.tcp.set_nonblocking(false).map_err(told("peek"))?;
        Ok(matches!(seen, Err(error) if error.kind() == ErrorKind::WouldBlock))
    }

    /// Ends the connection with a close_notify. What the server thinks of it does not matter.
    pub(crate) fn close(mut self) {
        self.tls.send_close_notify();
        let _ = self.tls.write_tls(&mut self.tcp);
    }

    fn read(&mut self, block: &mut [u8]) -> Result<usize, String> {
        match Stream::new(&mut self.tls, &mut self.tcp).read(block) {
            Ok(0) => Err("the server closed the connection".to_string()),
            Ok(size) => Ok(size),
            Err(error) => Err(told("receive")(error)),
        }
    }
}

/// Puts what was going on before an error's own words.
fn told(doing: &'static str) -> impl Fn(io::Error) -> String {
    move |error| format!("{doing}: {error}")
}
