//! `global`: typed settings.

use super::{Later, Located};

/// `global`: server-wide settings. Durations are seconds, sizes are bytes.
#[derive(Debug, Clone)]
pub struct Global {
    /// `username`
    pub username: Option<Located<String>>,
    /// `groupname`
    pub groupname: Option<Located<String>>,
    /// `uid`
    pub uid: Option<u32>,
    /// `gid`
    pub gid: Option<u32>,
    /// `count-threads`, at least 1
    pub count_threads: u16,
    /// `server-string`: value of the `Server` header; none when absent
    pub server_string: Option<String>,
    /// `timeout-secs` (5): no-progress limit
    pub timeout_secs: u32,
    /// `header-timeout-secs` (20): a request head or handshake in all
    pub header_timeout_secs: u32,
    /// `send-timeout-secs` (60): the peer takes nothing of what we send
    pub send_timeout_secs: u32,
    /// `shutdown-secs` (10): time to finish exchanges after SIGTERM
    pub shutdown_secs: u32,
    /// `drain-secs` (0): time that connections of an earlier generation get after a reload;
    /// 0 = no limit
    pub drain_secs: u32,
    /// `max-generations` (3): the serving generation and earlier ones that still have
    /// connections
    pub generations_max: u16,
    /// `no-new-privs` (on): programs that the server starts cannot gain rights
    pub no_new_privs: bool,
    /// `min-body-rate` (256): bytes per second that a request body must average
    pub body_rate_min: u32,
    /// `max-connections`; none = derived from memory and RLIMIT_NOFILE
    pub connections_max: Option<u32>,
    /// `max-buffers`: number of 4 KiB blocks in the pool; none = derived
    pub blocks_max: Option<u32>,
    /// `max-head` (8192): bytes of a request head
    pub head_bytes_max: u32,
    /// `max-headers` (100): header fields in a request head
    pub headers_max: u32,
    /// `max-body` (64 MiB): bytes of a request body; 0 = no limit
    pub body_bytes_max: u64,
    /// `max-open-files` (64): entries of the open-file cache
    pub open_files_max: u32,
    /// `ip-limit-ah`: requests in progress per peer address
    pub ip_limit_ah: Option<u32>,
    /// `ip-limit-wsi`: connections per peer address
    pub ip_limit_wsi: Option<u32>,
    /// `rlimit-nofile`
    pub rlimit_nofile: Option<u64>,
    /// `max-tls-connections`; none = all
    pub tls_connections_max: Option<u32>,
    /// `max-handshakes`: TLS handshakes at once; none = derived
    pub handshakes_max: Option<u32>,
    /// `state-dir`: where self-signed certificates are kept; none = derived
    pub state_dir: Option<Located<String>>,
    /// `default-alpn`, comma-separated, as far as it is spoken; [`Tls::alpn`](super::Tls::alpn) has
    /// it too
    pub default_alpn: Option<Located<String>>,
    /// `reject-service-keywords`
    pub reject_keywords: Vec<RejectKeyword>,
    /// Keys of capabilities that are not built yet, checked but without effect.
    pub later: Vec<Later>,
}

impl Default for Global {
    fn default() -> Self {
        Self {
            username: None,
            groupname: None,
            uid: None,
            gid: None,
            count_threads: 1,
            server_string: None,
            timeout_secs: 5,
            header_timeout_secs: 20,
            send_timeout_secs: 60,
            shutdown_secs: 10,
            drain_secs: 0,
            generations_max: 3,
            no_new_privs: true,
            body_rate_min: 256,
            connections_max: None,
            blocks_max: None,
            head_bytes_max: 8192,
            headers_max: 100,
            body_bytes_max: 64 << 20,
            open_files_max: 64,
            ip_limit_ah: None,
            ip_limit_wsi: None,
            rlimit_nofile: None,
            tls_connections_max: None,
            handshakes_max: None,
            state_dir: None,
            default_alpn: None,
            reject_keywords: Vec::new(),
            later: Vec::new(),
        }
    }
}

/// One entry of `reject-service-keywords`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectKeyword {
    /// Case-sensitive substring of `User-Agent`.
    pub keyword: String,
    /// Status to answer with, 200 to 599.
    pub status: u16,
    /// Text for the body.
    pub text: String,
}
