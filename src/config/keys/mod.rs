//! The one table of keys, a file for each level.
//!
//! Everything that knows a key gets it from here: the reader, "did you mean", the reference
//! `docs/configuration.md`, the JSON Schema, `--explain`, and `-T`. A row says what a key is
//! called, what its values look like, what it does, whether this version does it, what a
//! repetition means, and how its value gets into the settings and out again.

mod global;
mod mount;
mod protocol;
mod tls;
mod vhost;

use super::draft::{MountDraft, VhostDraft};
use super::settings::{Global, Mount, Place, Typed, Vhost};

/// Seconds that any time key accepts at most: a year.
const YEAR_SECS: u64 = 366 * 86_400;

/// Where a key stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// The outermost object of a file.
    Top,
    /// `global`.
    Global,
    /// An entry of `vhosts`.
    Vhost,
    /// An entry of a vhost's `mounts`.
    Mount,
    /// The options of a protocol in `ws-protocols`; any other option is passed on as well.
    Protocol,
}

impl Level {
    /// All levels, outermost first.
    pub const ALL: [Self; 5] = [Self::Top, Self::Global, Self::Vhost, Self::Mount, Self::Protocol];

    /// The keys of this level.
    #[must_use]
    pub fn keys(self) -> &'static [Key] {
        match self {
            Self::Top => TOP,
            Self::Global => global::KEYS,
            Self::Vhost => vhost::KEYS,
            Self::Mount => mount::KEYS,
            Self::Protocol => protocol::KEYS,
        }
    }

    /// The level in a sentence: "in a vhost".
    #[must_use]
    pub const fn phrase(self) -> &'static str {
        match self {
            Self::Top => "at the top of a file",
            Self::Global => "in \"global\"",
            Self::Vhost => "in a vhost",
            Self::Mount => "in a mount",
            Self::Protocol => "in a protocol of \"ws-protocols\"",
        }
    }
}

/// What the values of a key look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// On or off.
    Bool,
    /// A whole number.
    Int {
        /// Least value.
        min: u64,
        /// Greatest value.
        max: u64,
        /// Unit in words, or empty.
        unit: &'static str,
    },
    /// Bytes, with an optional suffix k, M or G.
    Size {
        /// Least value.
        min: u64,
        /// Greatest value.
        max: u64,
    },
    /// A decimal number whose bits are flags.
    Flags,
    /// Text without control characters.
    Text,
    /// The name of a host, or `*.` and a name.
    HostName,
    /// The value of a header field.
    HeaderValue,
    /// A path in the file system.
    Path,
    /// The path of a URL.
    UrlPath,
    /// The path of a URL, or `>` and where to redirect.
    ErrorDocument,
    /// Where a mount begins.
    Mountpoint,
    /// Where a mount's content comes from.
    Origin,
    /// An address, the name of a network interface, or a socket's path.
    Interface,
    /// `user:group` or `user:group:mode`.
    SocketOwner,
    /// The name of a charset, or off.
    Charset,
    /// One of a few words.
    Choice(&'static [&'static str]),
    /// Names and values.
    Pairs(PairRule),
    /// Address blocks.
    Blocks,
    /// Several host names, each as for [`Kind::HostName`].
    HostNames,
    /// Protocols with their options.
    Protocols,
    /// An object with keys of its own.
    Object(Level),
    /// A list of objects with keys of their own.
    Objects(Level),
    /// Anything; it is not looked at.
    Any,
}

impl Kind {
    /// Whether a value is a single text, number or flag.
    #[must_use]
    pub const fn is_single(self) -> bool {
        !matches!(
            self,
            Self::Pairs(_)
                | Self::Blocks
                | Self::HostNames
                | Self::Protocols
                | Self::Object(_)
                | Self::Objects(_)
                | Self::Any
        )
    }
}

/// What the names and values of a [`Kind::Pairs`] key must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PairRule {
    /// Header fields.
    Header,
    /// A suffix such as `.zip` (or `*`) and a media type.
    MediaType,
    /// An environment variable and its value.
    Environment,
    /// A keyword, and a status with a text.
    Keyword,
    /// Any name, any value.
    Free,
}

/// A capability that this version does not have yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feature {
    /// WebSocket and its protocols.
    WebSocket,
    /// `cgi://` origins.
    Cgi,
    /// `http://` and `https://` origins.
    Proxy,
    /// Listeners for something else than HTTP.
    RawProxy,
    /// Plug-ins and `callback://` origins.
    Plugins,
    /// Rate limits.
    RateLimit,
    /// HTTP/2.
    Http2,
    /// `gzip://` origins.
    Zip,
}

impl Feature {
    /// The feature's name in a sentence.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::WebSocket => "WebSocket",
            Self::Cgi => "CGI",
            Self::Proxy => "the reverse proxy",
            Self::RawProxy => "serving raw protocols",
            Self::Plugins => "plug-ins",
            Self::RateLimit => "rate limiting",
            Self::Http2 => "HTTP/2",
            Self::Zip => "origins in archives",
        }
    }
}

/// Whether this version does what a key says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It does.
    Built,
    /// Values are checked; the effect comes with a capability.
    NotYet(Feature),
    /// Accepted for compatibility; the reason why it has no effect.
    NoEffect(&'static str),
}

/// What a repetition of a key means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merge {
    /// The last one counts.
    Last,
    /// The first one counts.
    First,
    /// All count.
    All,
    /// The bits of all are joined.
    Or,
}

/// How a value gets into the settings and out again.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Slot {
    /// Not at all: it has no effect, or the reader descends into it.
    None,
    /// Kept aside for a capability that is not built yet.
    Later,
    Global(fn(&mut Global, Typed, Place), fn(&Global) -> Option<Typed>),
    Vhost(fn(&mut VhostDraft, Typed, Place), fn(&Vhost) -> Option<Typed>),
    Mount(fn(&mut MountDraft, Typed, Place), fn(&Mount) -> Option<Typed>),
}

/// A row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Usual spelling. A final `*` stands for any ending.
    pub name: &'static str,
    /// Other spellings.
    pub aliases: &'static [&'static str],
    /// Where it stands.
    pub level: Level,
    /// What its values look like.
    pub kind: Kind,
    /// Value when it is not given, in words; empty for none.
    pub default: &'static str,
    /// What it does, in a sentence.
    pub doc: &'static str,
    /// An example value as JSON.
    pub example: &'static str,
    /// Whether this version does it.
    pub status: Status,
    /// What a repetition means.
    pub merge: Merge,
    /// Kinglet's own: lwsws does not know it.
    pub ours: bool,
    /// Without it something is open to more clients: a misspelled one is an error.
    pub protects: bool,
    /// How its value gets into the settings.
    pub(crate) slot: Slot,
}

impl Key {
    const fn new(level: Level, name: &'static str, kind: Kind, doc: &'static str) -> Self {
        let merge = match kind {
            Kind::Pairs(_) | Kind::Blocks | Kind::HostNames | Kind::Protocols => Merge::All,
            Kind::Object(_) | Kind::Objects(_) => Merge::All,
            Kind::Flags => Merge::Or,
            _ => Merge::Last,
        };
        Self {
            name,
            aliases: &[],
            level,
            kind,
            default: "",
            doc,
            example: "",
            status: Status::Built,
            merge,
            ours: false,
            protects: false,
            slot: Slot::None,
        }
    }

    const fn or(mut self, default: &'static str) -> Self {
        self.default = default;
        self
    }

    const fn eg(mut self, example: &'static str) -> Self {
        self.example = example;
        self
    }

    const fn also(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    const fn merged(mut self, merge: Merge) -> Self {
        self.merge = merge;
        self
    }

    const fn ours(mut self) -> Self {
        self.ours = true;
        self
    }

    const fn protects(mut self) -> Self {
        self.protects = true;
        self
    }

    const fn later(mut self, feature: Feature) -> Self {
        self.status = Status::NotYet(feature);
        self.slot = Slot::Later;
        self
    }

    const fn idle(mut self, reason: &'static str) -> Self {
        self.status = Status::NoEffect(reason);
        self
    }

    const fn slot(mut self, slot: Slot) -> Self {
        self.slot = slot;
        self
    }

    /// Whether `name` is a spelling of this key.
    #[must_use]
    pub fn is_called(&self, name: &str) -> bool {
        match self.name.strip_suffix('*') {
            Some(prefix) => name.starts_with(prefix),
            None => self.name == name || self.aliases.contains(&name),
        }
    }
}

/// The key of `level` that `name` is a spelling of.
#[must_use]
pub fn find(level: Level, name: &str) -> Option<&'static Key> {
    level.keys().iter().find(|key| key.is_called(name))
}

/// Every key of every level.
pub fn all() -> impl Iterator<Item = &'static Key> {
    Level::ALL.into_iter().flat_map(|level| level.keys().iter())
}

static TOP: &[Key] = &[
    Key::new(
        Level::Top,
        "global",
        Kind::Object(Level::Global),
        "Settings of the whole server. May be in any file; of a key given twice the last counts.",
    )
    .eg(r#"{ "server-string": "kinglet" }"#),
    Key::new(
        Level::Top,
        "vhosts",
        Kind::Objects(Level::Vhost),
        "The virtual hosts. Every file may add some; the first on a port answers for names that no other one has.",
    )
    .eg(r#"[{ "name": "localhost", "port": "7681" }]"#),
    Key::new(
        Level::Top,
        "$schema",
        Kind::Text,
        "Where an editor finds the JSON Schema (`kinglet --schema` prints it).",
    )
    .eg(r#""kinglet.schema.json""#)
    .idle("it is for editors")
    .ours(),
];

/// A number for `-T`.
fn number(n: impl Into<u64>) -> Option<Typed> {
    Some(Typed::Number(n.into()))
}

fn flag(on: bool) -> Option<Typed> {
    Some(Typed::Flag(on))
}

fn text(text: &str) -> Option<Typed> {
    Some(Typed::Text(text.to_owned()))
}

fn pairs(pairs: &[(String, String)]) -> Option<Typed> {
    (!pairs.is_empty()).then(|| Typed::Pairs(pairs.to_vec()))
}

fn blocks(blocks: &[super::settings::Cidr]) -> Option<Typed> {
    (!blocks.is_empty()).then(|| Typed::Blocks(blocks.to_vec()))
}
