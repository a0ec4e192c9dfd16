//! A worker's end of the channel to its supervisor, once it serves.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use crate::conn::Overseer;
use crate::daemon::orders::{Order, PACKET_BYTES_MAX, Report};
use crate::reactor::{Command, Counts, Letter, ListenerId, Listening, Post};
use crate::sys::shortage::Explained;
use crate::sys::{clock, log, passing};
use crate::vhost::LogId;
use crate::vhost::log::Logs;

/// The number under which the channel is watched.
pub(super) const ORDERS: u16 = 0;

/// Which reactor polls which listening socket.
#[derive(Debug)]
pub(in crate::daemon) struct Homes {
    reactors: u16,
    /// By listener: it is a unix socket, of which there is one only.
    is_unix: Box<[bool]>,
}

impl Homes {
    /// For `reactors` reactors, at least one, and listeners that are unix sockets or not.
    pub(in crate::daemon) fn new(reactors: u16, is_unix: impl IntoIterator<Item = bool>) -> Self {
        Self { reactors: reactors.max(1), is_unix: is_unix.into_iter().collect() }
    }

    /// The reactor for a socket; none when there is no such listener. The sockets of an address
    /// go round the reactors, and so do unix sockets.
    pub(super) fn of(&self, listener: u16, share: u16) -> Option<u16> {
        let is_unix = *self.is_unix.get(usize::from(listener))?;
        Some(if is_unix { listener } else { share } % self.reactors)
    }
}

/// See the module's page.
#[derive(Debug)]
pub(super) struct Channel {
    /// Until the supervisor has gone.
    fd: OwnedFd,
    is_open: bool,
    post: Post,
    logs: Logs,
    homes: Homes,
    /// The reactors of the sockets that are listened on, unless they are this one.
    elsewhere: Vec<(u32, u16)>,
    shutdown_ms: u64,
}

/// What a [`Channel`] is made of.
pub(super) struct Parts {
    pub(super) fd: OwnedFd,
    pub(super) logs: Logs,
    pub(super) homes: Homes,
    /// As [`Channel`] has it.
    pub(super) elsewhere: Vec<(u32, u16)>,
    pub(super) shutdown_ms: u64,
}

impl Channel {
    /// For the reactor that `post` belongs to.
    pub(super) fn new(parts: Parts, post: Post) -> Self {
        let Parts { fd, logs, homes, elsewhere, shutdown_ms } = parts;
        Self { fd, is_open: true, post, logs, homes, elsewhere, shutdown_ms }
    }

    /// The next order with what rode on it; none when there is none for now.
    fn next(&mut self) -> Option<(Order, Option<OwnedFd>)> {
        let mut room = [0; PACKET_BYTES_MAX];
        loop {
            match passing::receive(self.fd.as_fd(), &mut room) {
                Ok(Some((n, rider))) => match Order::decode(room.get(..n).unwrap_or_default()) {
                    Ok(order) => return Some((order, rider)),
                    Err(fault) => log::error(format_args!("an order cannot be read: {fault}")),
                },
                // Without a supervisor nobody would ever end this process.
                Ok(None) => {
                    self.is_open = false;
                    log::warn(format_args!("the supervisor has gone: stopping"));
                    return Some((Order::Stop { within_ms: self.shutdown_ms }, None));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                Err(error) => {
                    log::error(format_args!("an order is lost: {}", Explained(&error)));
                    // One that was too long is nobody's. Any other was meant, and the supervisor
                    // believes that it came: another worker will get it.
                    if error.kind() != io::ErrorKind::InvalidData {
                        self.is_open = false;
                        return Some((Order::Stop { within_ms: self.shutdown_ms }, None));
                    }
                }
            }
        }
    }

    fn obey(&mut self, order: Order, rider: Option<OwnedFd>) -> Command {
        match (order, rider) {
            (Order::Listen { socket, listener, share }, Some(fd)) => {
                return self.listen(socket, listener, share, fd);
            }
            (Order::Unlisten { socket }, None) => return self.unlisten(socket),
            (Order::Retire { drain_ms }, None) => {
                let until_ms = (drain_ms > 0).then(|| later(drain_ms));
                return Command::Retire { until_ms };
            }
            (Order::Stop { within_ms }, None) => {
                return Command::Drain { until_ms: later(within_ms) };
            }
            (Order::Log { number }, Some(fd)) => self.logs.replace(LogId(number), File::from(fd)),
            (Order::Ask, None) => {
                let (sums, origin) = (Counts::default(), self.post.own());
                // One that gets no answer asks again.
                let _ = self.post.around(Letter::Count { sums, origin });
            }
            (Order::Ping { number }, None) => {
                let _ = self.post.around(Letter::Ping { number, origin: self.post.own() });
            }
            (order, _) => log::error(format_args!("an order has no place here: {order:?}")),
        }
        Command::Continue
    }

    fn listen(&mut self, socket: u32, listener: u16, share: u16, fd: OwnedFd) -> Command {
        let Some(home) = self.homes.of(listener, share) else {
            log::error(format_args!("there is no listener {listener}"));
            return Command::Continue;
        };
        let command = Command::Listen(Listening { socket, id: ListenerId(listener), fd });
        if home == self.post.own() {
            return command;
        }
        self.elsewhere.push((socket, home));
        self.post_to(home, command);
        Command::Continue
    }

    fn unlisten(&mut self, socket: u32) -> Command {
        let Some(at) = self.elsewhere.iter().position(|(other, _)| *other == socket) else {
            return Command::Unlisten(socket);
        };
        let (_, home) = self.elsewhere.swap_remove(at);
        self.post_to(home, Command::Unlisten(socket));
        Command::Continue
    }

    fn post_to(&self, reactor: u16, command: Command) {
        if let Err(letter) = self.post.to(reactor, Letter::Command(command)) {
            log::error(format_args!("reactor {reactor} takes no orders: {letter:?}"));
        }
    }

    fn report(&self, report: &Report) {
        // The supervisor asks again what it does not learn.
        let _ = passing::send(self.fd.as_fd(), &report.encode(), None);
    }
}

impl Overseer for Channel {
    fn watched(&mut self, _: u16, _: usize) -> Command {
        while self.is_open {
            let Some((order, rider)) = self.next() else { break };
            match self.obey(order, rider) {
                Command::Continue => {}
                command => return command,
            }
        }
        Command::Continue
    }

    fn came_round(&mut self, letter: Letter) {
        match letter {
            Letter::Ping { number, .. } => self.report(&Report::Pong { number }),
            Letter::Count { sums, .. } => self.report(&Report::Stats {
                connections: sums.connections,
                accepted: sums.accepted,
                requests: sums.requests,
            }),
            Letter::Command(_) | Letter::Connection(_) => {}
        }
    }
}

fn later(ms: u64) -> u64 {
    clock::monotonic_ms().saturating_add(ms)
}

#[cfg(test)]
#[path = "channel_tests.rs"]
mod tests;
