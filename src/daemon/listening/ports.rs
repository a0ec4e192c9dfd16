//! Why an address cannot be had.

use std::io;
use std::net::SocketAddr;

use crate::daemon::finding::{Finding, Severity};
use crate::daemon::listening::places::Bind;
use crate::sys::port_owner;
use crate::sys::shortage::Explained;
use crate::sys::socket::{self, ListenOptions};

/// Who wants to know why an address cannot be bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asker {
    /// The start of the server.
    Start,
    /// A check, beside a server that may be running.
    Check,
}

/// Tries to listen on an address and gives it up again; the finding, if any, has no place.
#[must_use]
pub fn probe(bind: Bind) -> Option<Finding> {
    let options = ListenOptions { v6_only: bind.v6_only, ..ListenOptions::default() };
    let error = socket::listen(bind.address, &options).err()?;
    if error.kind() == io::ErrorKind::AddrInUse && is_ours(bind) {
        return None;
    }
    Some(refused(bind, &error, Asker::Check))
}

/// Whether every listener in the way belongs to a running server of this program.
fn is_ours(bind: Bind) -> bool {
    let listeners = port_owner::listening_on(bind.address);
    !listeners.is_empty()
        && listeners.iter().all(|listener| {
            let owners = port_owner::owners(listener.inode);
            !owners.is_empty() && owners.iter().all(|owner| owner.same_program)
        })
}

/// Says why an address could not be bound.
#[must_use]
pub fn refused(bind: Bind, error: &io::Error, asker: Asker) -> Finding {
    let port = bind.address.port();
    let shown = shown(bind.address);
    match error.kind() {
        io::ErrorKind::AddrInUse => busy(bind.address, &shown, asker),
        io::ErrorKind::PermissionDenied => {
            Finding::new(Severity::Error, format!("port {port} may not be used without privilege"))
                .hint(
                    "start as root (the server gives its rights up), use a port from 1024 on, or \
                     grant CAP_NET_BIND_SERVICE",
                )
        }
        io::ErrorKind::AddrNotAvailable => {
            let message = format!("the address {} is not on this machine now", bind.address.ip());
            Finding::new(Severity::Degraded, message).hint("list them with: ip address")
        }
        // A link-local address without a scope, or with one that is gone (ENODEV).
        io::ErrorKind::InvalidInput => {
            let message = format!("the address {} needs its interface", bind.address.ip());
            Finding::new(Severity::Degraded, message)
                .hint(format!("for example \"{}%eth0\"", bind.address.ip()))
        }
        io::ErrorKind::Unsupported => {
            let message = format!("this machine cannot listen on {shown}: {error}");
            Finding::new(Severity::Degraded, message)
        }
        _ => {
            let why = Explained(error);
            Finding::new(Severity::Error, format!("cannot listen on {shown}: {why}"))
        }
    }
}

fn busy(address: SocketAddr, shown: &str, asker: Asker) -> Finding {
    let listeners = port_owner::listening_on(address);
    let owner = listeners.iter().find_map(|listener| {
        let owners = port_owner::owners(listener.inode).into_iter();
        // The first process is the one that opened it; its workers come later.
        owners.min_by_key(|owner| (owner.same_program, owner.pid))
    });
    if let Some(owner) = owner {
        let message = format!("{shown} is in use by {} (process {})", owner.name, owner.pid);
        return Finding::new(Severity::Error, message)
            .hint("stop that program, or choose another port");
    }
    let finding = Finding::new(Severity::Error, format!("{shown} is in use by another program"));
    match asker {
        // It may be our own server, run by another user.
        Asker::Check if !listeners.is_empty() => Finding {
            severity: Severity::Warning,
            message: format!("{shown} is in use, perhaps by the running server"),
            ..finding.hint("check as root to learn by whom")
        },
        _ => finding.hint(format!("find it with: ss -ltnp 'sport = :{}'", address.port())),
    }
}

/// An address as messages name it: the port, and the address unless it is a wildcard.
#[must_use]
pub fn shown(address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        format!("port {}", address.port())
    } else {
        format!("port {} of {}", address.port(), address.ip())
    }
}

#[cfg(test)]
#[path = "ports_tests.rs"]
mod tests;
