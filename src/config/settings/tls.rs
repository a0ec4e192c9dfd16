//! TLS of a vhost: typed settings.

use super::{Group, Located, Place, Suite};

/// TLS of a vhost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// `host-ssl-cert`
    pub certificate: Located<CertificateSource>,
    /// `host-ssl-key`; none with a self-signed certificate
    pub key: Option<Located<String>>,
    /// `host-ssl-ca`: PEM file
    pub ca: Option<Located<String>>,
    /// `ignore-missing-cert`
    pub ignore_missing_cert: bool,
    /// `client-cert-required`, where it is on
    pub client_cert_required: Option<Place>,
    /// `ciphers`: of TLS 1.2, preferred ones first; none = all
    pub tls12_suites: Option<Vec<Suite>>,
    /// `tls13-ciphers`; none = all
    pub tls13_suites: Option<Vec<Suite>>,
    /// `ecdh-curve`, preferred ones first; none = all
    pub groups: Option<Vec<Group>>,
    /// `alpn` (or `default-alpn`) as far as it is spoken here; empty = no ALPN
    pub alpn: Vec<String>,
    /// `ssl-option-set` and `-clear`: TLS 1.2 may be spoken
    pub tls12: bool,
    /// TLS 1.3 may be spoken
    pub tls13: bool,
    /// Our order of suites counts, not the client's: `SSL_OP_CIPHER_SERVER_PREFERENCE`, unless it
    /// is cleared
    pub server_order: bool,
    /// Not `SSL_OP_NO_TICKET`
    pub tickets: bool,
}

impl Tls {
    /// TLS with this certificate and everything else as it is without any key.
    #[must_use]
    pub fn new(certificate: Located<CertificateSource>) -> Self {
        Self {
            certificate,
            key: None,
            ca: None,
            ignore_missing_cert: false,
            client_cert_required: None,
            tls12_suites: None,
            tls13_suites: None,
            groups: None,
            alpn: vec!["http/1.1".to_owned()],
            tls12: true,
            tls13: true,
            server_order: true,
            tickets: true,
        }
    }
}

/// `host-ssl-cert`
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateSource {
    /// A PEM file.
    File(String),
    /// `self-signed`: made and kept by Kinglet.
    SelfSigned,
}

/// What a TLS listener does with a client of this vhost that speaks plain HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NonTls {
    /// Says that this port speaks TLS.
    #[default]
    Refuse,
    /// `allow-non-tls` and `redirect-http`: sends it to https.
    Redirect,
    /// `allow-non-tls` and `allow-http-on-https`: serves it.
    Serve,
}
