//! Listeners: taking new connections, and pausing when there is no place for them.

use std::os::fd::{AsRawFd, OwnedFd};

use super::role::Role;
use super::run::Reactor;
use crate::sys::log;
use crate::sys::socket::{self, AcceptError};

/// Connections taken in one turn of the loop.
const ACCEPTS_MAX: usize = 64;

/// How long accepting pauses when the system is out of descriptors or memory.
const PAUSE_MS: u64 = 100;

/// A listener's number, as the world counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListenerId(pub u16);

/// A listening socket.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) fd: OwnedFd,
    pub(super) id: ListenerId,
    /// The queue of the kernel may hold connections.
    pub(super) ready: bool,
}

/// A connection that has its role and no slot yet.
#[derive(Debug)]
pub(super) struct Newcomer<R> {
    pub(super) role: R,
    pub(super) fd: OwnedFd,
}

/// Why nothing is accepted at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pause {
    /// Every slot is taken by a connection that may not be evicted.
    Full,
    /// The system is out of descriptors or memory.
    Starved {
        /// When to try again.
        until_ms: u64,
    },
}

impl<R: Role> Reactor<R> {
    /// Whether some listener may be asked now.
    pub(super) fn may_accept(&self) -> bool {
        self.pause.is_none() && self.listeners.iter().any(|listener| listener.ready)
    }

    /// Lifts a pause whose reason has passed.
    pub(super) fn resume_accepting(&mut self) {
        let over = match self.pause {
            None => return,
            // Below nine tenths, so that a full server does not pause at every connection, or
            // as soon as there is somebody to evict.
            Some(Pause::Full) => {
                self.entries.len() * 10 < self.entries.capacity() * 9
                    || self.idle.longest(&self.entries).is_some()
            }
            Some(Pause::Starved { until_ms }) => self.now_ms >= until_ms,
        };
        if over {
            self.pause = None;
            if let Some(newcomer) = self.waiting.take() {
                self.place(newcomer);
            }
        }
    }

    /// Takes what the listeners' queues hold, within the budget.
    pub(super) fn accept(&mut self) {
        for index in 0..self.listeners.len() {
            for _ in 0..ACCEPTS_MAX {
                if !self.listeners[index].ready || self.pause.is_some() {
                    break;
                }
                self.accept_one(index);
            }
        }
    }

    fn accept_one(&mut self, index: usize) {
        let listener = &mut self.listeners[index];
        match socket::accept(&listener.fd) {
            Ok((fd, peer)) => {
                let id = listener.id;
                let mut cx = self.cx(u16::MAX, fd.as_raw_fd());
                // Whoever is refused must not cost anybody a place.
                if let Ok(role) = R::accept(id, peer, &mut cx) {
                    self.place(Newcomer { role, fd });
                }
            }
            Err(error) => match error {
                AcceptError::WouldBlock => listener.ready = false,
                // The connection has gone before it was accepted; the next one may be fine.
                AcceptError::Retry => {}
                AcceptError::OutOfDescriptors | AcceptError::OutOfMemory => {
                    // An idle connection is worth less than a new one.
                    if !self.evict_longest_idle() {
                        self.pause = Some(Pause::Starved { until_ms: self.now_ms + PAUSE_MS });
                    }
                }
                AcceptError::Fatal(error) => {
                    listener.ready = false;
                    log::error(format_args!("a listener does not work any more: {error}"));
                }
            },
        }
    }

    /// Finds a slot for a connection, or keeps it until there is one.
    fn place(&mut self, newcomer: Newcomer<R>) {
        // Only now is it known that somebody needs a slot. Who came in this very turn has not been
        // read from yet and may have sent a request; the next turn tells.
        if self.entries.len() == self.entries.capacity() {
            match self.longest_idle_since_ms() {
                Some(since_ms) if since_ms < self.now_ms => {
                    self.evict_longest_idle();
                }
                idle => {
                    self.waiting = Some(newcomer);
                    self.pause = Some(match idle {
                        Some(_) => Pause::Starved { until_ms: self.now_ms + 1 },
                        None => Pause::Full,
                    });
                    return;
                }
            }
        }
        if newcomer.role.wants_session() && self.sessions.is_full() {
            self.evict_longest_idle_session();
        }
        self.admit(newcomer);
    }
}
