//! The plan of a generation: what the supervisor must know of a configuration that it never
//! reads itself. A short-lived process makes it, with the code that is on disk at that moment.

mod codec;
mod fingerprint;
pub(super) mod make;
pub mod snapshot;

use crate::config;
use crate::config::settings::{Place, SourceFile};
use crate::daemon::listening::places::Wanted;
pub use crate::daemon::packing::Malformed as PlanFault;
use crate::sys::unix_listener::UnixAccess;

/// Bytes of an encoded plan that a supervisor accepts: thousands of listeners.
pub const PLAN_BYTES_MAX: usize = 1 << 20;

/// What a generation needs. Times are milliseconds, sizes bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Version of the program that made the plan.
    pub program_version: String,
    /// What kind of state that program can take over when it takes a supervisor's place.
    pub state_version: u8,
    /// SHA-1 of everything that a generation is made of; the same again: a reload does nothing.
    pub fingerprint: [u8; 20],
    /// `count-threads`: reactors, and sockets for each TCP address.
    pub threads: u16,
    /// Some listener speaks TLS.
    pub speaks_tls: bool,
    /// `shutdown-secs`: time to finish exchanges when the server stops.
    pub shutdown_ms: u64,
    /// `drain-secs`: time for connections of a retired generation; 0: no limit.
    pub drain_ms: u64,
    /// `max-generations`: workers at once, at least 1.
    pub generations_max: u16,
    /// RLIMIT_NOFILE that the worker wants.
    pub descriptors: u64,
    /// Quick mode.
    pub quick: Option<Quick>,
    /// Memory bound, as text of several lines.
    pub budget_text: String,
    /// Memory bound.
    pub memory_bytes_max: u64,
    /// What vhosts that speak TLS are to show.
    pub identities: Vec<PlannedIdentity>,
    /// Access logs; the index is [`LogId`](crate::vhost::LogId).
    pub logs: Vec<PlannedLog>,
    /// What to listen on; the index is [`ListenerId`](crate::vhost::ListenerId).
    pub listeners: Vec<PlannedListener>,
}

/// Quick mode: a directory at the first free port of some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quick {
    /// Ports to try, from the listener's on; at least 1.
    pub tries: u16,
    /// The directory, as it was given.
    pub directory: String,
}

/// The certificate of a vhost, and what else it needs for handshakes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedIdentity {
    /// Number of the vhost.
    pub vhost: u16,
    /// Its name and where it listens.
    pub name: String,
    /// Its files can be used.
    pub is_good: bool,
}

impl Plan {
    /// The names of vhosts that `before` has good files for and this plan has not.
    pub fn lost_identities<'p>(&'p self, before: &'p Self) -> impl Iterator<Item = &'p str> {
        let was_good =
            |name: &str| before.identities.iter().any(|one| one.is_good && one.name == name);
        let lost = self.identities.iter().filter(move |one| !one.is_good && was_good(&one.name));
        lost.map(|one| one.name.as_str())
    }
}

/// An access log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedLog {
    /// Where it is.
    pub path: String,
    /// Where the configuration names it.
    pub source: Excerpt,
}

/// Something to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedListener {
    /// What to bind.
    pub wanted: Wanted,
    /// For a unix socket that is a file.
    pub unix: Option<UnixAccess>,
    /// What its URLs begin with.
    pub scheme: Scheme,
    /// Names of its vhosts, for the log.
    pub vhosts: String,
    /// Where the configuration asks for it.
    pub source: Excerpt,
}

/// What a listener's URLs begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// `http`
    Http,
    /// `https`
    Https,
}

impl Scheme {
    /// As in a URL.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// A place of the configuration, ready to be printed by a process that has no configuration: as in
/// `{place}: error: some message`, a line end, `{lines}`. Both are empty when there is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Excerpt {
    /// `file:line:column`.
    pub place: String,
    /// The line of the file and the carets under it, each ended.
    pub lines: String,
}

impl Excerpt {
    /// Of `place` in `files`.
    #[must_use]
    pub fn of(place: Place, files: &[SourceFile]) -> Self {
        let (place, lines) = config::excerpt(place, files);
        Self { place, lines }
    }
}
