//! The open listening sockets of the server. They belong to the supervisor and outlive workers:
//! each generation gets descriptors of the same sockets.
//!
//! A new plan is [prepared](Table::prepare) first, which opens what is missing and touches nothing
//! that is there; then it is [adopted](Table::adopt) or [abandoned](Table::abandon). Sockets
//! that no plan wants any more are *leaving* until the supervisor [closes](Table::close) them.

#[cfg(test)]
pub(crate) mod fixture;
mod following;
mod inherited;
pub(in crate::daemon) mod kept;
mod prepared;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod transition_tests;
mod unix;
#[cfg(test)]
mod unix_tests;

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use crate::daemon::listening::table::{Held, Key};
use crate::sys::unix_listener::UnixAccess;
use crate::sys::{listener, log};

pub use self::following::Followed;
pub use self::inherited::Unusable;
pub use self::prepared::{Prepared, Served};

/// Who made a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// This program.
    Opened,
    /// Whoever started it (`LISTEN_FDS`, sd_listen_fds(3)): it keeps the socket as well.
    Inherited,
}

/// What a socket is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Duty {
    /// A listener of the current plan.
    Serves(u16),
    /// Nothing more: it ends the handshakes that have begun.
    Leaves,
    /// Nothing: it is inherited and nobody wants it. `told`: that was said.
    Spare { told: bool },
}

/// A listening socket.
#[derive(Debug)]
struct Socket {
    /// Never used again for another one.
    number: u32,
    key: Key,
    /// Index among the sockets of its key.
    share: u16,
    fd: Arc<OwnedFd>,
    /// What TCP is bound to, with its real port.
    local: Option<SocketAddr>,
    /// The file of a unix socket that has one.
    file: Option<unix::SocketFile>,
    origin: Origin,
    duty: Duty,
    /// It begins no handshakes, see [`listener::begin_no_handshakes`].
    is_hushed: bool,
}

/// A socket as a worker gets to know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Handed {
    /// Number of the socket.
    pub socket: u32,
    /// Listener of the plan that it serves.
    pub listener: u16,
    /// Index within its address: the reactor is this modulo the threads.
    pub share: u16,
}

/// All open listening sockets.
#[derive(Debug, Default)]
pub struct Table {
    sockets: Vec<Socket>,
    next_number: u32,
    /// The port that quick mode has found.
    quick_port: Option<u16>,
}

impl Table {
    /// A table without sockets.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Descriptor of a socket; none when there is no such number any more.
    #[must_use]
    pub fn fd(&self, number: u32) -> Option<&Arc<OwnedFd>> {
        self.socket(number).map(|socket| &socket.fd)
    }

    /// Listens again where a worker has ended that. A worker that was taken over can do so to all
    /// others; its successor is to serve nevertheless.
    pub fn revive(&self) {
        for socket in self.sockets.iter().filter(|socket| socket.local.is_some()) {
            match listener::revive(&socket.fd) {
                Ok(false) => {}
                Ok(true) => log::warn(format_args!("{} listens again", socket.shown())),
                Err(error) => {
                    log::error(format_args!("{} does not listen: {error}", socket.shown()));
                }
            }
        }
    }

    /// What a worker of the current plan has to get.
    #[must_use]
    pub fn handed(&self) -> Vec<Handed> {
        self.sockets.iter().filter_map(Socket::handed).collect()
    }

    /// Quick mode: the port that was found.
    #[must_use]
    pub fn quick_port(&self) -> Option<u16> {
        self.quick_port
    }

    /// Where the current plan is served: the number of the listener, and the place; each once.
    #[must_use]
    pub fn served(&self) -> Vec<(u16, Served)> {
        let mut served: Vec<(u16, Served)> = Vec::new();
        for socket in &self.sockets {
            let Some(handed) = socket.handed() else { continue };
            let place = match (&socket.key, socket.local) {
                (Key::Unix(name), _) => Served::Unix(name.clone()),
                (Key::Tcp { .. }, Some(address)) => Served::Tcp(address),
                (Key::Tcp { address, .. }, None) => Served::Tcp(*address),
            };
            if !served.iter().any(|(_, other)| *other == place) {
                served.push((handed.listener, place));
            }
        }
        served
    }

    /// Numbers of the sockets that no plan wants any more and that are still open.
    #[must_use]
    pub fn leaving(&self) -> Vec<u32> {
        let leaving = self.sockets.iter().filter(|socket| socket.duty == Duty::Leaves);
        leaving.map(|socket| socket.number).collect()
    }

    /// Closes those of `numbers` that are leaving; one that a later plan wants again stays.
    pub fn close(&mut self, numbers: &[u32]) {
        let gone =
            |socket: &Socket| socket.duty == Duty::Leaves && numbers.contains(&socket.number);
        self.sockets.retain(|socket| !gone(socket));
    }

    /// The end: closes everything, and removes the files of unix sockets that this program has
    /// made. As long as a copy is open here, clients would go on waiting in its queue.
    pub fn close_all(&mut self) {
        for mut socket in self.sockets.drain(..) {
            socket.remove_file();
        }
    }

    /// Makes `prepared` what is current. Its `removed` leave from now on.
    pub fn adopt(&mut self, prepared: Prepared) {
        for socket in &mut self.sockets {
            let handed = prepared.for_worker.iter().find(|handed| handed.socket == socket.number);
            socket.duty = match (handed, socket.origin) {
                (Some(handed), _) => Duty::Serves(handed.listener),
                (None, Origin::Opened) => {
                    // Whoever comes from now on learns at once that nobody is there.
                    socket.give_up_name();
                    Duty::Leaves
                }
                (None, Origin::Inherited) => Duty::Spare { told: true },
            };
            socket.hush(prepared.hiding.contains(&socket.number));
            let access = prepared.access.iter().find(|(number, _)| *number == socket.number);
            if let Some((_, access)) = access {
                socket.grant(*access);
            }
        }
        self.quick_port = prepared.quick_port;
        self.sockets.extend(prepared.opened);
    }

    /// Closes what was opened for a plan that is not taken.
    pub fn abandon(&mut self, prepared: Prepared) {
        for mut socket in prepared.opened {
            socket.remove_file();
        }
    }

    fn socket(&self, number: u32) -> Option<&Socket> {
        self.sockets.iter().find(|socket| socket.number == number)
    }

    /// Each key with the number of its sockets.
    fn held(&self) -> Vec<Held> {
        let mut held: Vec<Held> = Vec::new();
        for socket in &self.sockets {
            match held.iter_mut().find(|held| held.key == socket.key) {
                Some(held) => held.sockets = held.sockets.max(socket.share.saturating_add(1)),
                None => held.push(Held {
                    key: socket.key.clone(),
                    sockets: socket.share.saturating_add(1),
                }),
            }
        }
        held
    }

    /// Unix sockets whose files are gone cannot be reached any more: they do not count for their
    /// names.
    fn forget_lost_names(&mut self) {
        for socket in &mut self.sockets {
            if socket.file.as_ref().is_some_and(|file| !file.is_there()) {
                socket.give_up_name();
            }
        }
    }

    fn number(&mut self) -> u32 {
        let number = self.next_number;
        // Four thousand million sockets are not opened in the life of a machine.
        self.next_number = self.next_number.wrapping_add(1);
        number
    }
}

impl Socket {
    /// What it is called in messages.
    fn shown(&self) -> String {
        match (&self.key, self.local) {
            (Key::Unix(name), _) => name.clone(),
            (Key::Tcp { .. }, Some(address)) => address.to_string(),
            (Key::Tcp { address, .. }, None) => address.to_string(),
        }
    }

    /// Lets it begin no more handshakes, or begin some again.
    fn hush(&mut self, wanted: bool) {
        if wanted == self.is_hushed {
            return;
        }
        let done = if wanted {
            listener::begin_no_handshakes(&self.fd)
        } else {
            listener::begin_handshakes(&self.fd)
        };
        // Without the filter (a kernel built without it) some handshakes may be lost.
        if done.is_ok() {
            self.is_hushed = wanted;
        }
    }

    /// Sets who may use the file of a unix socket.
    fn grant(&mut self, access: UnixAccess) {
        if let (Some(file), Key::Unix(name)) = (&mut self.file, &self.key)
            && let Err(error) = file.grant(access)
        {
            log::warn(format_args!("owner and mode of {name} stay as they were: {error}"));
        }
    }

    /// Removes the file, if there is one: the name is free for another socket.
    fn give_up_name(&mut self) {
        if self.file.is_some() {
            self.remove_file();
            if let Key::Unix(name) = &mut self.key {
                name.push_str(" (removed)");
            }
        }
    }

    /// Removes the file of a unix socket, if this program has made it.
    fn remove_file(&mut self) {
        if let Some(file) = self.file.take() {
            file.remove();
        }
    }

    fn handed(&self) -> Option<Handed> {
        match self.duty {
            Duty::Serves(listener) => {
                Some(Handed { socket: self.number, listener, share: self.share })
            }
            Duty::Leaves | Duty::Spare { .. } => None,
        }
    }
}
