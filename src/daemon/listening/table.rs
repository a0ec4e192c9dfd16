//! Which listening sockets stay, come and go when listeners change. Keys only, no system calls.
//!
//! Closing a listening socket resets the handshakes that have begun on it, so as many as possible
//! stay:
//! - An address that is still wanted keeps its sockets, also those that fewer threads do not need.
//! - An address that another listener's wildcard takes over stays beside that wildcard as one more
//!   socket of its listener: the kernel prefers it, so it would get connections until its end.
//! - What nobody wants any more leaves. New sockets stand beside it by then, and the kernel gives
//!   them what comes from now on, because they are more specific or of the very family.
//!
//! In one case the kernel prefers what leaves: an IPv6-only wildcard beside a dual-stack one of
//! the same port. [`Fate::Leaves`] tells it by `hides`.

use std::net::{IpAddr, SocketAddr};
use std::ops::Range;

use crate::daemon::listening::places::Bind;

/// What a listening socket stands for. Two sockets of one key differ by their share alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// A TCP address.
    Tcp {
        /// Address and port as they are wanted, with the scope of a link-local one.
        address: SocketAddr,
        /// An IPv6 wildcard that leaves IPv4 alone; true for every other IPv6 address, false for
        /// IPv4.
        v6_only: bool,
        /// The listener, when any port will do (port 0): each has one of its own.
        listener: Option<u16>,
    },
    /// A unix socket: its path, or an abstract name that begins with `@`.
    Unix(String),
}

impl Key {
    /// The key of an address that `listener` wants.
    #[must_use]
    pub fn tcp(bind: Bind, listener: u16) -> Self {
        let Bind { address, v6_only } = bind;
        let v6_only = address.is_ipv6() && (v6_only || !address.ip().is_unspecified());
        Self::Tcp { address, v6_only, listener: (address.port() == 0).then_some(listener) }
    }

    /// The address and port to bind; none for a unix socket.
    #[must_use]
    pub fn bind(&self) -> Option<Bind> {
        match *self {
            Self::Tcp { address, v6_only, .. } => Some(Bind { address, v6_only }),
            Self::Unix(_) => None,
        }
    }

    /// Whether it is a wildcard for both families.
    fn is_dual(&self) -> bool {
        let dual = |bind: Bind| !bind.v6_only && bind.address.is_ipv6();
        self.bind().is_some_and(dual)
    }

    /// Whether the kernel lets only sockets with SO_REUSEPORT have both (`inet_csk_get_port`).
    #[must_use]
    pub fn meets(&self, other: &Self) -> bool {
        let (Some(one), Some(two)) = (self.bind(), other.bind()) else { return self == other };
        if one.address.port() != two.address.port() || one.address.port() == 0 {
            return self == other;
        }
        let any = one.address.ip().is_unspecified() || two.address.ip().is_unspecified();
        match (one.address, two.address) {
            (SocketAddr::V6(_), SocketAddr::V4(_)) => self.is_dual(),
            (SocketAddr::V4(_), SocketAddr::V6(_)) => other.is_dual(),
            (SocketAddr::V4(_), SocketAddr::V4(_)) => any || one.address == two.address,
            (SocketAddr::V6(a), SocketAddr::V6(b)) => any || a == b,
        }
    }

    /// Whether a listener on `self`, a wildcard, is meant for everything that arrives at `other`.
    fn covers(&self, other: &Self) -> bool {
        let (Some(wide), Some(narrow)) = (self.bind(), other.bind()) else { return false };
        wide.address.ip().is_unspecified()
            && wide.address.port() == narrow.address.port()
            && wide.address.port() != 0
            && (self.is_dual() || (!other.is_dual() && same_family(wide, narrow)))
    }
}

fn same_family(one: Bind, two: Bind) -> bool {
    one.address.is_ipv4() == two.address.is_ipv4()
}

/// What a listener wants to be reached at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// Its number.
    pub listener: u16,
    /// Where.
    pub key: Key,
}

/// What becomes of the sockets of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// They stay, for the listener that wants their very key.
    Stays(u16),
    /// They stay beside the wildcard of this listener.
    Covered(u16),
    /// They go, once their handshakes are done.
    Leaves {
        /// While they are open, a new socket that stands beside them gets nothing.
        hides: bool,
    },
}

impl Fate {
    /// The listener that goes on with them.
    #[must_use]
    pub fn listener(self) -> Option<u16> {
        match self {
            Self::Stays(listener) | Self::Covered(listener) => Some(listener),
            Self::Leaves { .. } => None,
        }
    }
}

/// Sockets to open for one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// For whom and where.
    pub wish: Wish,
    /// Their shares.
    pub shares: Range<u16>,
    /// Something that is open by then stands in the way: the first one of these needs
    /// SO_REUSEPORT, too. Otherwise it binds alone, so that a stranger's socket is noticed.
    pub beside: bool,
}

/// What has to be done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Change {
    /// For each of the keys that are held.
    pub fates: Vec<Fate>,
    /// In the order to open them.
    pub openings: Vec<Opening>,
}

/// Sockets that are open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Their key; each stands here once.
    pub key: Key,
    /// How many there are.
    pub sockets: u16,
}

/// Compares what is `held` with the wishes, each key of which stands there once, wildcards first.
/// Every TCP address gets a socket for each of `threads`; a unix socket has one. `is_here` says
/// whether an address is on this machine: one that is gone needs no socket beside a wildcard.
#[must_use]
pub fn change(
    held: &[Held],
    wishes: &[Wish],
    threads: u16,
    is_here: &dyn Fn(IpAddr) -> bool,
) -> Change {
    let fate = |held: &Held| fate(&held.key, wishes, is_here);
    let fates: Vec<Fate> = held.iter().map(fate).collect();
    let mut openings: Vec<Opening> = Vec::new();
    for wish in wishes {
        let open = held.iter().find(|held| held.key == wish.key).map_or(0, |held| held.sockets);
        let beside = held.iter().any(|held| held.key.meets(&wish.key))
            || openings.iter().any(|before| before.wish.key.meets(&wish.key));
        push(&mut openings, Opening { wish: wish.clone(), shares: open..threads, beside });
    }
    for (held, fate) in held.iter().zip(&fates) {
        if let Fate::Covered(listener) = *fate {
            let wish = Wish { listener, key: held.key.clone() };
            push(&mut openings, Opening { wish, shares: held.sockets..threads, beside: true });
        }
    }
    Change { fates, openings }
}

fn push(openings: &mut Vec<Opening>, mut opening: Opening) {
    if matches!(opening.wish.key, Key::Unix(_)) {
        opening.shares.end = 1;
    }
    if !opening.shares.is_empty() {
        openings.push(opening);
    }
}

fn fate(key: &Key, wishes: &[Wish], is_here: &dyn Fn(IpAddr) -> bool) -> Fate {
    if let Some(wish) = wishes.iter().find(|wish| wish.key == *key) {
        return Fate::Stays(wish.listener);
    }
    // Of two wildcards the kernel prefers the one of the very family.
    let covering = wishes.iter().filter(|wish| wish.key.covers(key));
    let here = key.bind().is_some_and(|bind| {
        let ip = bind.address.ip();
        ip.is_unspecified() || is_here(ip)
    });
    match covering.min_by_key(|wish| wish.key.is_dual()) {
        Some(wish) if here => Fate::Covered(wish.listener),
        _ => {
            let hides = key.is_dual()
                && wishes.iter().any(|wish| {
                    let wildcard =
                        |bind: Bind| bind.address.is_ipv6() && bind.address.ip().is_unspecified();
                    wish.key.bind().is_some_and(wildcard) && wish.key.meets(key)
                });
            Fate::Leaves { hides }
        }
    }
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
