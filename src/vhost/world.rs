//! The types of the world; `build.rs` makes them, the floors above only read them.

use std::borrow::Cow;
use std::net::IpAddr;

use crate::config::settings::{Families, ListenOn, Located, LogFormat, NonTls, Place, UnixPerms};
use crate::sys::walk::Rules;

use super::mounts::{MountMatch, MountTable};
use super::names::{NameTable, names_vhost};
use super::rules::{AddressRules, Keywords};

/// Number of a [`Listener`] in [`World::listeners`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListenerId(pub u16);

/// Number of a [`Vhost`] in [`World::vhosts`]; the order of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VhostId(pub u16);

/// Number of a [`Mount`] within its vhost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MountId(pub u16);

/// Number of a credentials file in [`World::auth_files`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuthId(pub u16);

/// Number of an access log in [`World::log_files`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogId(pub u16);

/// Something that degrades the service without stopping it; said loudly at start and by `-t`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where the cause was written.
    pub place: Place,
    /// What is wrong and what happens instead.
    pub message: String,
}

/// Everything that requests are answered from.
#[derive(Debug, Default)]
pub struct World {
    /// Virtual hosts in the order of the configuration.
    pub vhosts: Box<[Vhost]>,
    /// One entry for each thing to listen on, in the order of their first vhosts.
    pub listeners: Box<[Listener]>,
    /// `reject-service-keywords`.
    pub keywords: Keywords,
    /// The distinct `basic-auth` files.
    pub auth_files: Box<[AuthFile]>,
    /// The distinct `access-log` files.
    pub log_files: Box<[LogFile]>,
    /// Numbers that hold for the whole server.
    pub limits: Limits,
}

impl World {
    /// The vhost that serves `host` on `listener`.
    ///
    /// `host` is the name part of Host or of the target, without port; empty when there was
    /// none. Upper case and one trailing dot do not count. First an exact name, then the
    /// longest `*.` name, then the longest vhost name that `host` is a subdomain of, then the
    /// first vhost of the listener.
    #[must_use]
    pub fn vhost(&self, listener: ListenerId, host: &[u8]) -> (VhostId, &Vhost) {
        let id = self.listeners[usize::from(listener.0)].vhost_id(host);
        (id, &self.vhosts[usize::from(id.0)])
    }

    /// The vhost that a TLS hello without a name asks for: a client that was given an address
    /// names nobody (RFC 6066 section 3), and means the vhost that is called as the address
    /// which it has reached, `local`. Else the first vhost of the listener.
    #[must_use]
    pub fn vhost_at(&self, listener: ListenerId, local: Option<IpAddr>) -> VhostId {
        let name = local.map(|address| address.to_canonical().to_string()).unwrap_or_default();
        self.listeners[usize::from(listener.0)].vhost_id(name.as_bytes())
    }

    /// Whether any listener speaks TLS.
    #[must_use]
    pub fn has_tls(&self) -> bool {
        self.listeners.iter().any(|listener| listener.tls.is_some())
    }

    /// Whether connections to `listener` are expected to begin with a TLS handshake.
    #[must_use]
    pub fn speaks_tls(&self, listener: ListenerId) -> bool {
        self.listeners[usize::from(listener.0)].tls.is_some()
    }

    /// The vhost whose certificate and rules a handshake for `vhost` on `listener` follows: its
    /// own if it has some, else those of the listener's first TLS vhost.
    #[must_use]
    pub fn tls_vhost(&self, listener: ListenerId, vhost: VhostId) -> Option<VhostId> {
        let own = self.vhosts.get(usize::from(vhost.0)).filter(|own| own.tls).map(|_| vhost);
        own.or_else(|| self.listeners[usize::from(listener.0)].tls)
    }

    /// The vhost that a request for `host` reaches on a connection whose TLS hello has chosen
    /// `hello`: always that one. A name that no vhost has stays where it is.
    ///
    /// # Errors
    /// The vhost of the hello, when `host` names another one: such a request must not get there
    /// (RFC 9110 section 7.4), least of all past a rule about client certificates.
    pub fn vhost_behind(
        &self,
        listener: ListenerId,
        hello: VhostId,
        host: &[u8],
    ) -> Result<(VhostId, &Vhost), (VhostId, &Vhost)> {
        let of_hello = (hello, &self.vhosts[usize::from(hello.0)]);
        match self.listeners[usize::from(listener.0)].named_id(host) {
            Some(id) if id != hello => Err(of_hello),
            _ => Ok(of_hello),
        }
    }

    /// How many directories are served, each from a descriptor.
    #[must_use]
    pub fn directories(&self) -> usize {
        let mounts = self.vhosts.iter().flat_map(|vhost| &vhost.mounts);
        mounts.filter(|mount| matches!(mount.target, MountTarget::File(_))).count()
    }
}

/// What one listening socket (two, for a network interface with both families) is for.
#[derive(Debug)]
pub struct Listener {
    /// Where to listen. `Any` stands also for `0.0.0.0` and `::`.
    pub on: ListenOn,
    /// TCP port; 0 for unix sockets.
    pub port: u16,
    /// Families of the socket; `Both` on `Any` is one dual-stack socket. For an address, its own
    /// family. Without meaning for unix sockets.
    pub families: Families,
    /// The vhosts behind it, in the order of the configuration; never empty.
    pub vhosts: Box<[VhostId]>,
    /// The first vhost with a certificate; some on a listener that speaks TLS.
    pub tls: Option<VhostId>,
    /// Who may connect to a unix socket with a path; none = who starts the server, and for TCP
    /// and abstract names.
    pub access: Option<Located<UnixPerms>>,
    /// The place of the first vhost's `port` or `interface`, for messages.
    pub place: Place,
    pub(super) names: NameTable,
}

impl Listener {
    /// The vhost that gets what no name claims.
    #[must_use]
    pub fn default_vhost(&self) -> VhostId {
        self.vhosts.first().copied().unwrap_or(VhostId(0))
    }

    /// The vhost that `host` names, if any does.
    #[must_use]
    pub fn named_id(&self, host: &[u8]) -> Option<VhostId> {
        self.names.find(host)
    }

    /// See [`World::vhost`].
    #[must_use]
    pub fn vhost_id(&self, host: &[u8]) -> VhostId {
        if self.vhosts.len() == 1 {
            return self.default_vhost();
        }
        self.names.find(host).unwrap_or_else(|| self.default_vhost())
    }
}

/// A virtual host.
#[derive(Debug)]
pub struct Vhost {
    /// `name`, as written.
    pub name: Box<str>,
    /// `aliases`, as written.
    pub aliases: Box<[Box<str>]>,
    /// Configured port; 0 for unix sockets.
    pub port: u16,
    /// `keepalive-timeout`.
    pub keepalive_timeout_ms: u64,
    /// Rendered `Name: value\r\n` lines: `headers`, `Server`, `Strict-Transport-Security`.
    pub headers: Box<[u8]>,
    /// `access-log`.
    pub access_log: Option<LogId>,
    /// `access-log-format`.
    pub log_format: LogFormat,
    /// `error-document-404`.
    pub error_document_404: Option<ErrorDocument>,
    /// `allow` and `deny`.
    pub addresses: AddressRules,
    /// `max-body`; 0 = no limit.
    pub body_bytes_max: u64,
    /// It has a certificate of its own.
    pub tls: bool,
    /// What becomes of plain HTTP on a listener that speaks TLS; never served where clients have
    /// to show a certificate.
    pub non_tls: NonTls,
    /// `mounts`, numbered by [`MountId`].
    pub mounts: MountTable,
}

impl Vhost {
    /// The mount for a decoded, normalised path (`/` first, no dot segments, no `//`).
    #[must_use]
    pub fn mount<'w, 'p>(&'w self, path: &'p [u8]) -> Option<MountMatch<'w, 'p>> {
        self.mounts.find(path)
    }

    /// The fixed header lines of a response under `mount`, or outside of every mount.
    #[must_use]
    pub fn header_block<'w>(&'w self, mount: Option<&'w Mount>) -> &'w [u8] {
        mount.and_then(|mount| mount.headers.as_deref()).unwrap_or(&self.headers)
    }

    /// `name` and `aliases`.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        core::iter::once(&self.name).chain(&self.aliases).map(AsRef::as_ref)
    }

    /// Whether `host` (no port) is a name of this vhost: its own, an alias, one under its `*.`, or
    /// a subdomain. A vhost that is reached only as the listener's first one is not named.
    #[must_use]
    pub fn is_named(&self, host: &[u8]) -> bool {
        self.names().any(|name| names_vhost(name.as_bytes(), host))
    }
}

/// What is shown for what is not found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorDocument {
    /// Path of the page on this vhost, decoded and normalised; empty for a page elsewhere.
    pub path: Box<[u8]>,
    /// Where clients are redirected instead of getting the page at once.
    pub location: Option<Box<str>>,
}

/// A mount: a URL prefix and what answers under it.
#[derive(Debug)]
pub struct Mount {
    /// `mountpoint`: begins with `/`; no trailing `/` unless it is `/` itself.
    pub prefix: Box<str>,
    /// `origin`.
    pub target: MountTarget,
    /// `basic-auth`.
    pub auth: Option<AuthId>,
    /// Value of `WWW-Authenticate`.
    pub challenge: Cow<'static, str>,
    /// The `Cache-Control` line of files; none with `cache-no`.
    pub cache_control: Option<Box<str>>,
    /// The whole header block when the mount has `headers` of its own (they replace those of
    /// the vhost with the same name); none = the vhost's. See [`Vhost::header_block`].
    pub headers: Option<Box<[u8]>>,
    /// `allow` and `deny`; they come on top of the vhost's.
    pub addresses: AddressRules,
    /// `max-body`; 0 = no limit.
    pub body_bytes_max: u64,
    /// `keepalive-timeout`; none = the vhost's.
    pub keepalive_timeout_ms: Option<u64>,
    /// `exact-match`: only the mountpoint itself matches.
    pub exact_match: bool,
    /// Where `origin` was written.
    pub place: Place,
}

/// `origin` of a mount.
#[derive(Debug)]
pub enum MountTarget {
    /// `file://`
    File(FileMount),
    /// `>http://`, `^https://` and so on.
    Redirect(Redirect),
    /// A known scheme that is not built yet.
    NotBuilt {
        /// The scheme without `://`.
        scheme: &'static str,
    },
}

/// A directory to serve, as configured; `origin::file` opens it.
#[derive(Debug)]
pub struct FileMount {
    /// Path of the directory.
    pub root: Box<str>,
    /// `default`.
    pub default_document: Box<str>,
    /// `extra-mimetypes` as (suffix with its dot in lower case or `*`, type).
    pub extra_mimetypes: Box<[(String, String)]>,
    /// `charset`; none = none is said.
    pub charset: Option<Box<str>>,
    pub(super) rules: Rules,
    /// `directory-listing`
    pub directory_listing: bool,
}

impl FileMount {
    /// `follow-symlinks` and `dotfiles`.
    #[must_use]
    pub fn rules(&self) -> Rules {
        self.rules
    }
}

/// Where a redirect mount leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// The origin, already safe to send: visible ASCII only. Without a trailing `/` if
    /// something is appended.
    pub target: Box<str>,
    /// Whether the path behind the mountpoint and the query follow it.
    pub appends: bool,
}

/// A `basic-auth` file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthFile {
    /// Path as written.
    pub path: Box<str>,
    /// Where it was written first.
    pub place: Place,
}

/// An `access-log` file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFile {
    /// Path as written.
    pub path: Box<str>,
    /// Format of the first vhost that uses it; notes about lost lines follow it.
    pub format: LogFormat,
    /// Where it was written first.
    pub place: Place,
}

/// Numbers of `global`, in the units of the floors above; 0 = no limit only where it says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// `count-threads`
    pub threads: u16,
    /// `timeout-secs`
    pub timeout_ms: u64,
    /// `header-timeout-secs`
    pub header_timeout_ms: u64,
    /// `send-timeout-secs`
    pub send_timeout_ms: u64,
    /// `shutdown-secs`
    pub shutdown_ms: u64,
    /// `min-body-rate`, bytes per second; 0 = none demanded
    pub body_rate_min: u32,
    /// `max-connections`; none = derived
    pub connections_max: Option<u32>,
    /// `max-buffers`; none = derived
    pub blocks_max: Option<u32>,
    /// `max-head`
    pub head_bytes_max: u32,
    /// `max-headers`
    pub headers_max: u32,
    /// `max-open-files`
    pub open_files_max: u32,
    /// `ip-limit-ah`: requests in progress per peer
    pub ip_limit_requests: Option<u32>,
    /// `ip-limit-wsi`: connections per peer
    pub ip_limit_connections: Option<u32>,
}
