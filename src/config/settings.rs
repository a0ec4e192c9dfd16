//! The typed settings that the rest of the program works with.
//!
//! Everything here has passed the *text* checks: numbers fit, schemes are known, required keys
//! are there. Faults of the environment (a missing directory, say) are found later, by those
//! who open things; the [`Place`]s let them point into the configuration.

mod global;
mod tls;
mod unix;
mod written;

use std::net::IpAddr;

pub use super::cidr::Cidr;
pub use crate::tls::{Group, Suite};
pub use global::{Global, RejectKeyword};
pub use tls::{CertificateSource, NonTls, Tls};
pub use unix::UnixPerms;
pub use written::{Given, Written};

/// A piece of a configuration file: `file` indexes [`Settings::files`], offsets are bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// Index into [`Settings::files`].
    pub file: u16,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

/// A value and where it was written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Where it was written.
    pub place: Place,
}

/// A configuration file as it was read, for diagnostics.
#[derive(Debug, Clone, Default)]
pub struct SourceFile {
    /// Path as it is to be printed.
    pub path: String,
    /// The whole text, unchanged.
    pub text: Vec<u8>,
}

/// Everything that the configuration directory says.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Server-wide settings.
    pub global: Global,
    /// Virtual hosts in the order of the files.
    pub vhosts: Vec<Vhost>,
    /// The files that were read, in order.
    pub files: Vec<SourceFile>,
    /// Which keys were written; empty unless asked for.
    pub written: Written,
}

/// Where a vhost listens (`interface`, `unix-socket`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ListenOn {
    /// No `interface`: every address.
    #[default]
    Any,
    /// A numeric address, with the scope id or name of a link-local one after `%`.
    Address(IpAddr, Option<String>),
    /// A network interface by name.
    Nic(String),
    /// A unix socket's path, or an abstract name that begins with `@`.
    Unix(String),
}

/// Address families of a vhost's listener (`noipv6`, `ipv6only`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Families {
    /// IPv4 and IPv6.
    #[default]
    Both,
    /// `noipv6` on, or `ipv6only` "off".
    V4Only,
    /// `ipv6only` on.
    V6Only,
}

/// One entry of `vhosts`.
#[derive(Debug, Clone)]
pub struct Vhost {
    /// `name`, as written
    pub name: Located<String>,
    /// `aliases`, as written
    pub aliases: Vec<Located<String>>,
    /// `port`; 0 only for unix sockets
    pub port: Located<u16>,
    /// `interface`, `unix-socket`
    pub listen_on: Located<ListenOn>,
    /// `unix-socket-perms`; only beside [`ListenOn::Unix`] with a path
    pub unix_access: Option<Located<UnixPerms>>,
    /// `noipv6`, `ipv6only`
    pub families: Families,
    /// `keeplive-timeout`, `keepalive-timeout`, `keepalive_timeout` (60 s)
    pub keepalive_timeout_secs: u32,
    /// `sts`
    pub sts: bool,
    /// `headers`, in the order they were written
    pub headers: Vec<(String, String)>,
    /// `access-log`: file path
    pub access_log: Option<Located<String>>,
    /// `access-log-format`
    pub access_log_format: LogFormat,
    /// `error-document-404`: a URL path on this vhost, or `>` and where to redirect
    pub error_document_404: Option<Located<String>>,
    /// `allow`
    pub allow: Vec<Cidr>,
    /// `deny`
    pub deny: Vec<Cidr>,
    /// `max-body`; none = the global one
    pub body_bytes_max: Option<u64>,
    /// `mounts`
    pub mounts: Vec<Mount>,
    /// Its listener speaks TLS: it has a certificate, or one that shares the listener has.
    pub over_tls: bool,
    /// The vhost's own TLS: a certificate was named. None on a plain vhost, and on one that only
    /// shares its listener with a TLS vhost.
    pub tls: Option<Tls>,
    /// `allow-non-tls` with `redirect-http` or `allow-http-on-https`
    pub non_tls: NonTls,
    /// Where the vhost asks to serve a raw protocol instead of HTTP (`apply-listen-accept`).
    pub wants_raw: Option<Place>,
    /// Keys of capabilities that are not built yet, checked but without effect.
    pub later: Vec<Later>,
}

impl Default for Vhost {
    fn default() -> Self {
        Self {
            name: Located { value: "default".to_owned(), place: Place::default() },
            aliases: Vec::new(),
            port: Located::default(),
            listen_on: Located::default(),
            unix_access: None,
            families: Families::Both,
            keepalive_timeout_secs: 60,
            sts: false,
            headers: Vec::new(),
            access_log: None,
            access_log_format: LogFormat::Combined,
            error_document_404: None,
            allow: Vec::new(),
            deny: Vec::new(),
            body_bytes_max: None,
            mounts: Vec::new(),
            over_tls: false,
            tls: None,
            non_tls: NonTls::Refuse,
            wants_raw: None,
            later: Vec::new(),
        }
    }
}

impl Vhost {
    /// `name` and `aliases`.
    pub fn names(&self) -> impl Iterator<Item = &Located<String>> {
        std::iter::once(&self.name).chain(&self.aliases)
    }
}

/// A value whose key is known and checked, kept for a capability that is not built yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Later {
    /// The key's usual spelling.
    pub key: &'static str,
    /// Its checked value.
    pub value: Typed,
    /// Where the value was written (the last place, when values add up).
    pub place: Place,
}

/// A checked value; which variant a key has follows from its kind in the key table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Typed {
    /// An on/off key.
    Flag(bool),
    /// A number in the key's unit.
    Number(u64),
    /// Text, a path, a name.
    Text(String),
    /// Several texts of a key that may be repeated.
    Texts(Vec<String>),
    /// Names and values in the order they were written.
    Pairs(Vec<(String, String)>),
    /// Address blocks.
    Blocks(Vec<Cidr>),
    /// `ws-protocols`.
    Protocols(Vec<Protocol>),
}

/// One protocol of `ws-protocols` with its options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Protocol {
    /// The protocol's name.
    pub name: String,
    /// Options as the protocol gets them, in the order they were written.
    pub options: Vec<(String, String)>,
}

/// `access-log-format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// Apache's combined format.
    #[default]
    Combined,
    /// One JSON object a line.
    Json,
    /// As lwsws: `""` for a field that was not sent, and the bytes of head and body.
    Lwsws,
}

impl LogFormat {
    /// Every format by its name.
    pub(super) const NAMES: [(&'static str, Self); 3] =
        [("combined", Self::Combined), ("json", Self::Json), ("lwsws", Self::Lwsws)];
}

/// One entry of `mounts`.
#[derive(Debug, Clone)]
pub struct Mount {
    /// `mountpoint`: begins with `/`, no trailing `/` unless it is `/` itself
    pub mountpoint: Located<String>,
    /// `origin`
    pub origin: Located<Origin>,
    /// `default` (index.html); the spec's `"/"` counts as not given
    pub default_document: String,
    /// `basic-auth`: path of the credentials file
    pub basic_auth: Option<Located<String>>,
    /// `basic-auth-realm`; none = lwsws'
    pub realm: Option<String>,
    /// `cache-max-age` and friends
    pub cache: Cache,
    /// `extra-mimetypes` as (suffix with dot in lower case, type); `"*"` is kept as the suffix `*`
    pub extra_mimetypes: Vec<(String, String)>,
    /// `charset` (utf-8); none for texts that are sent without one
    pub charset: Option<String>,
    /// mount `headers`
    pub headers: Vec<(String, String)>,
    /// mount `keepalive-timeout`; none = the vhost's
    pub keepalive_timeout_secs: Option<u32>,
    /// `exact-match`: only the mountpoint itself matches
    pub exact_match: bool,
    /// `append-path`: a redirect appends the rest of the URL; none = if its origin has no path
    pub append_path: Option<bool>,
    /// `follow-symlinks`
    pub follow_symlinks: bool,
    /// `dotfiles`
    pub dotfiles: bool,
    /// `directory-listing`
    pub directory_listing: bool,
    /// `allow`
    pub allow: Vec<Cidr>,
    /// `deny`
    pub deny: Vec<Cidr>,
    /// `max-body`; none = the vhost's
    pub body_bytes_max: Option<u64>,
    /// Keys of capabilities that are not built yet, checked but without effect.
    pub later: Vec<Later>,
}

impl Vhost {
    /// Whether nothing can be listened on for it, which only a text with errors leads to.
    #[must_use]
    pub fn has_no_port(&self) -> bool {
        self.port.value == 0 && !matches!(self.listen_on.value, ListenOn::Unix(_))
    }
}

impl Default for Mount {
    fn default() -> Self {
        Self {
            mountpoint: Located { value: "/".to_owned(), place: Place::default() },
            origin: Located::default(),
            default_document: "index.html".to_owned(),
            basic_auth: None,
            realm: None,
            cache: Cache::default(),
            extra_mimetypes: Vec::new(),
            charset: Some("utf-8".to_owned()),
            headers: Vec::new(),
            keepalive_timeout_secs: None,
            exact_match: false,
            append_path: None,
            follow_symlinks: false,
            dotfiles: false,
            directory_listing: false,
            allow: Vec::new(),
            deny: Vec::new(),
            body_bytes_max: None,
            later: Vec::new(),
        }
    }
}

/// `cache-*` keys of a mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cache {
    /// `cache-no`: send no Cache-Control at all
    pub omit: bool,
    /// `cache-max-age`, seconds
    pub max_age_secs: u32,
    /// `cache-reuse`
    pub reuse: bool,
    /// `cache-revalidate`
    pub revalidate: bool,
    /// `cache-intermediaries`
    pub intermediaries: bool,
}

/// `origin` of a mount by its scheme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// `file://PATH`: a directory (`_lws_ddir_` already replaced). A path that does not begin
    /// with `/` starts from the working directory, as in lwsws.
    File(String),
    /// `>http://…`, `^https://…` and so on: the whole target without the leading sign.
    Redirect(String),
    /// A scheme that is known and comes later: `cgi`, `http`, `https`, `callback`, `gzip`.
    NotBuilt {
        /// The scheme, without `://`.
        scheme: &'static str,
        /// What followed it.
        rest: String,
    },
}

impl Default for Origin {
    fn default() -> Self {
        Self::File(String::new())
    }
}
