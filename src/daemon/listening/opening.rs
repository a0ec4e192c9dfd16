//! Opens TCP listening sockets, as many for an address as there are threads.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{BorrowedFd, OwnedFd};

use crate::config::settings::ListenOn;
use crate::daemon::finding::{Finding, Severity};
use crate::daemon::listening::places::{self, Bind, Interfaces, Wanted};
use crate::daemon::listening::ports;
use crate::daemon::listening::table::{Key, Opening, Wish};
use crate::sys::socket::{self, ListenOptions, PortSharing};

/// A TCP socket that was opened.
#[derive(Debug)]
pub struct Bound {
    /// For whom, and as what.
    pub wish: Wish,
    /// Index among the sockets of its address.
    pub share: u16,
    /// What it is bound to, with the port that port 0 became.
    pub bind: Bind,
    /// The listener.
    pub socket: OwnedFd,
}

/// Everything that `wanted` is to be reached at now: wildcards first, then addresses, then what
/// interfaces have. What is missing on this machine, and addresses of an interface that an entry
/// before has already, go to `report` with the index of their entry.
#[must_use]
pub fn wishes(
    wanted: &[Wanted],
    interfaces: &Interfaces,
    report: &mut dyn FnMut(usize, Finding),
) -> Vec<Wish> {
    let mut found: Vec<(Wish, bool)> = Vec::new();
    for (index, entry) in wanted.iter().enumerate() {
        let Ok(listener) = u16::try_from(index) else { break };
        let is_nic = matches!(entry.on, ListenOn::Nic(_));
        if let ListenOn::Unix(name) = &entry.on {
            found.push((Wish { listener, key: Key::Unix(name.clone()) }, is_nic));
            continue;
        }
        match places::resolve(&entry.on, entry.port, entry.families, interfaces) {
            Ok(binds) => found.extend(
                binds
                    .into_iter()
                    .map(|bind| (Wish { listener, key: Key::tcp(bind, listener) }, is_nic)),
            ),
            Err(finding) => report(index, finding),
        }
    }
    found.sort_by_key(|(wish, is_nic)| {
        let wildcard = wish.key.bind().is_some_and(|bind| bind.address.ip().is_unspecified());
        (!wildcard, *is_nic)
    });
    let mut wishes: Vec<Wish> = Vec::new();
    for (wish, _) in found {
        match wishes.iter().find(|other| other.key == wish.key) {
            None => wishes.push(wish),
            Some(other) if other.listener == wish.listener => {}
            // An interface's address that an entry of its own names is that entry's.
            Some(_) => report(usize::from(wish.listener), taken(&wish.key)),
        }
    }
    wishes
}

fn taken(key: &Key) -> Finding {
    let what = match key {
        Key::Tcp { address, .. } => ports::shown(*address),
        Key::Unix(name) => name.clone(),
    };
    let message = format!(
        "{what} is listened on for the vhosts that name this address: these are not served there"
    );
    Finding::new(Severity::Degraded, message).hint("give all of them the same \"interface\"")
}

/// What [`open`] has done.
#[derive(Debug)]
pub struct Outcome {
    /// The sockets; those before the failure if there is one.
    pub bound: Vec<Bound>,
    /// The address is not on this machine yet: the sockets serve it as soon as it is.
    pub ahead: bool,
    /// Why there are not more.
    pub failure: Option<io::Error>,
}

/// Opens the sockets of one opening. `port` replaces port 0 where the key has sockets already.
/// `in_the_way` are the open sockets whose keys meet this one: they get SO_REUSEPORT, which they
/// need only from now on (see [`PortSharing`]).
pub fn open(
    opening: &Opening,
    port: u16,
    in_the_way: &[BorrowedFd<'_>],
    options: &ListenOptions,
) -> Outcome {
    let mut outcome = Outcome { bound: Vec::new(), ahead: false, failure: None };
    let Some(mut bind) = opening.wish.key.bind() else { return outcome };
    bind.address.set_port(port);
    if opening.beside {
        outcome.failure = in_the_way.iter().find_map(|other| socket::allow_more(other).err());
    }
    for share in opening.shares.clone() {
        if outcome.failure.is_some() {
            break;
        }
        let sharing = match outcome.bound.first().map(|first| socket::allow_more(&first.socket)) {
            None if !opening.beside => PortSharing::Alone,
            None | Some(Ok(())) => PortSharing::Further,
            Some(Err(error)) => {
                outcome.failure = Some(error);
                break;
            }
        };
        let options = ListenOptions { v6_only: bind.v6_only, sharing, ..*options };
        match listen(bind.address, &options) {
            Ok((socket, ahead)) => {
                // Port 0 asks for any; say which one it became.
                bind.address = socket::local_addr(&socket).unwrap_or(bind.address);
                outcome.ahead |= ahead;
                outcome.bound.push(Bound { wish: opening.wish.clone(), share, bind, socket });
            }
            Err(error) => outcome.failure = Some(error),
        }
    }
    outcome
}

/// Listens also on an address that is not there; whether it had to be done that way.
fn listen(address: SocketAddr, options: &ListenOptions) -> io::Result<(OwnedFd, bool)> {
    match socket::listen(address, options) {
        Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable && !options.freebind => {
            let options = ListenOptions { freebind: true, ..*options };
            Ok((socket::listen(address, &options)?, true))
        }
        other => Ok((other?, false)),
    }
}

/// Says that a numeric address is not there, and that it needs nothing more.
#[must_use]
pub fn awaited(bind: Bind) -> Finding {
    let message = format!("the address {} is not on this machine now", bind.address.ip());
    Finding::new(Severity::Degraded, message)
        .hint("it will be served as soon as it is there; list addresses with: ip address")
}

#[cfg(test)]
#[path = "opening_tests.rs"]
mod tests;
