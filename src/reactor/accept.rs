//! Listeners: taking new connections, and pausing when there is no place for them.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use mio::unix::SourceFd;

use super::inbox::is_roomy;
use super::mailbox::Arrival;
use super::role::Role;
use super::run::Reactor;
use super::token::{LISTENERS_MAX, Token};
use crate::sys::log;
use crate::sys::shortage::Explained;
use crate::sys::socket::{self, AcceptError};

/// Connections taken in one turn of the loop.
const ACCEPTS_MAX: usize = 64;

/// How long accepting pauses when the system is out of descriptors or memory.
const PAUSE_MS: u64 = 100;

/// A listener's number, as the world counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListenerId(pub u16);

/// A listening socket to be watched.
#[derive(Debug)]
pub struct Listening {
    /// What [`Command::Unlisten`](super::Command::Unlisten) calls it; of no meaning otherwise.
    pub socket: u32,
    /// What the world calls it. Several sockets may be one listener.
    pub id: ListenerId,
    /// The socket: non-blocking, TCP or unix.
    pub fd: OwnedFd,
}

/// A listening socket that is watched.
#[derive(Debug)]
pub(super) struct Listener {
    of: Listening,
    /// The queue of the kernel may hold connections.
    ready: bool,
    /// It is to go, as soon as its queue is empty or so many more were accepted.
    leaving: Option<i32>,
}

impl Listener {
    /// Whether it was to go and has nothing left to do.
    fn has_left(&self) -> bool {
        self.leaving.is_some_and(|more| more <= 0 || !self.ready)
    }
}

/// The listening sockets. Their places are the numbers of their tokens; a place that was left is
/// taken again, and an event that still names it makes the next one there ask the kernel in vain.
#[derive(Debug, Default)]
pub(super) struct Listeners {
    places: Vec<Option<Listener>>,
    /// Where accepting goes on: behind the listener that got the last slot.
    next: usize,
}

impl Listeners {
    fn iter(&self) -> impl Iterator<Item = &Listener> {
        self.places.iter().flatten()
    }

    fn get_mut(&mut self, place: usize) -> Option<&mut Listener> {
        self.places.get_mut(place)?.as_mut()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// The kernel says that the queue of the listener at `place` holds something.
    pub(super) fn mark(&mut self, place: u16) {
        if let Some(listener) = self.get_mut(usize::from(place)) {
            listener.ready = true;
        }
    }

    /// A free place; none when there are [`LISTENERS_MAX`].
    fn free_place(&mut self) -> Option<u16> {
        let place = match self.places.iter().position(Option::is_none) {
            Some(place) => place,
            None if self.places.len() < LISTENERS_MAX => {
                self.places.push(None);
                self.places.len() - 1
            }
            None => return None,
        };
        u16::try_from(place).ok()
    }

    fn place_of(&self, socket: u32) -> Option<usize> {
        let is_it = |listener: &Listener| listener.of.socket == socket;
        self.places.iter().position(|place| place.as_ref().is_some_and(is_it))
    }
}

/// Why nothing is accepted at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pause {
    /// Every slot is taken by a connection that may not be evicted, in other reactors too.
    Full {
        /// When to ask the other reactors again, if there are any: one of them may have somebody
        /// to evict by then, which they do not say.
        until_ms: Option<u64>,
    },
    /// The system is out of descriptors or memory.
    Starved {
        /// When to try again.
        until_ms: u64,
    },
}

impl Pause {
    /// When to try again at the latest.
    pub(super) const fn until_ms(self) -> Option<u64> {
        match self {
            Self::Full { until_ms } => until_ms,
            Self::Starved { until_ms } => Some(until_ms),
        }
    }
}

impl<R: Role> Reactor<R> {
    /// Listens on one socket more.
    pub(super) fn listen(&mut self, of: Listening) -> io::Result<()> {
        let place = self.listeners.free_place();
        let place = place.ok_or_else(|| io::Error::from(io::ErrorKind::QuotaExceeded))?;
        self.watch(of.fd.as_raw_fd(), Token::Listener(place))?;
        if let Some(free) = self.listeners.places.get_mut(usize::from(place)) {
            *free = Some(Listener { of, ready: true, leaving: None });
        }
        Ok(())
    }

    /// Listens no more on the socket with this number. Nobody else may be left to accept what is
    /// in its queue, so that is done first: as many as the queue may hold, after a pause if there
    /// is one.
    pub(super) fn unlisten(&mut self, socket: u32) {
        let Some(place) = self.listeners.place_of(socket) else { return };
        self.take_queue(place);
        self.leave_if_done(place);
    }

    /// Listens no more. Nobody else may be left to accept what is in the queues, so that is done
    /// first, as far as there is room.
    pub(super) fn unlisten_all(&mut self) {
        for place in 0..self.listeners.places.len() {
            self.take_queue(place);
            self.leave(place);
        }
    }

    /// Accepts what the queue of the listener at `place` holds, which is to go then.
    fn take_queue(&mut self, place: usize) {
        if let Some(listener) = self.listeners.get_mut(place) {
            listener.ready = true;
            listener.leaving = Some(socket::BACKLOG);
        }
        while self.accept_one(place) {}
    }

    fn leave_if_done(&mut self, place: usize) {
        if self.listeners.get_mut(place).is_some_and(|listener| listener.has_left()) {
            self.leave(place);
        }
    }

    fn leave(&mut self, place: usize) {
        if let Some(listener) = self.listeners.places.get_mut(place).and_then(Option::take) {
            // Out of epoll before the close: another process may hold the same socket.
            let fd = listener.of.fd.as_raw_fd();
            let _ = self.poll.registry().deregister(&mut SourceFd(&fd));
        }
    }

    /// Whether some listener, or the mailbox, may be asked now.
    pub(super) fn may_accept(&self) -> bool {
        self.pause.is_none() && (self.arrivals || self.listeners.iter().any(|one| one.ready))
    }

    /// Lifts a pause whose reason has passed.
    pub(super) fn resume_accepting(&mut self) {
        let Some(pause) = self.pause else { return };
        let is_over = match pause {
            // Or as soon as there is somebody to evict.
            Pause::Full { .. } => {
                is_roomy(self.free_slots(), self.entries.capacity())
                    || self.idle.longest(&self.entries).is_some()
                    || (!self.inbox.is_alone() && !self.inbox.is_paused())
            }
            Pause::Starved { .. } => false,
        };
        if is_over || pause.until_ms().is_some_and(|until_ms| until_ms <= self.now_ms) {
            self.resume();
            if let Some(arrival) = self.waiting.take() {
                self.arrive(arrival);
            }
        }
    }

    pub(super) fn resume(&mut self) {
        self.pause = None;
        self.inbox.resume();
    }

    /// Takes what the mailbox and the listeners' queues hold, within the budget.
    pub(super) fn accept(&mut self) {
        for _ in 0..ACCEPTS_MAX {
            if !self.arrivals || self.pause.is_some() {
                break;
            }
            match self.inbox.take_arrival() {
                Some(arrival) => self.arrive(arrival),
                None => self.arrivals = false,
            }
        }
        let places = self.listeners.places.len();
        for nth in 0..places {
            if self.pause.is_some() {
                break;
            }
            let place = (self.listeners.next + nth) % places;
            for _ in 0..ACCEPTS_MAX {
                if !self.accept_one(place) {
                    break;
                }
            }
            self.leave_if_done(place);
            if self.pause.is_some() {
                self.listeners.next = place + 1;
            }
        }
    }

    /// Accepts a connection; whether there may be another one.
    fn accept_one(&mut self, place: usize) -> bool {
        let Some(listener) = self.listeners.get_mut(place) else { return false };
        if !listener.ready || self.pause.is_some() || listener.has_left() {
            return false;
        }
        if let Some(more) = &mut listener.leaving {
            *more -= 1;
        }
        match socket::accept(&listener.of.fd) {
            Ok((fd, peer)) => {
                let listener = listener.of.id;
                self.accepted += 1;
                self.arrive(Arrival { listener, fd, peer, hops: 0 });
            }
            Err(error) => match error {
                AcceptError::WouldBlock => listener.ready = false,
                // The connection has gone before it was accepted; the next one may be fine.
                AcceptError::Retry => {}
                AcceptError::OutOfDescriptors | AcceptError::OutOfMemory => {
                    let error = error.into();
                    let message = format_args!("no connection is accepted: {}", Explained(&error));
                    log::write_bounded(log::Level::Warn, message);
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
        true
    }

    /// Finds a slot for a connection, here or in another reactor, or keeps it until there is one.
    fn arrive(&mut self, mut arrival: Arrival) {
        let is_full = self.free_slots() == 0;
        if is_full && self.is_stopping() {
            return;
        }
        if is_full {
            match self.find_room(arrival) {
                Some(back) => arrival = back,
                None => return,
            }
        }
        let Arrival { listener, fd, peer, .. } = arrival;
        let mut cx = self.cx(u16::MAX, fd.as_raw_fd());
        // Whoever is refused must not cost anybody a place.
        let Ok(role) = R::accept(listener, peer, &mut cx) else { return };
        if is_full {
            self.evict_longest_idle();
        }
        if role.wants_session() && self.sessions.is_full() {
            self.evict_longest_idle_session();
        }
        self.admit(role, fd);
    }

    /// Gives the connection back when somebody here may be evicted for it.
    fn find_room(&mut self, arrival: Arrival) -> Option<Arrival> {
        // A slot that is free elsewhere costs nobody a connection.
        let Err(arrival) = self.inbox.pass_to_room(arrival) else { return None };
        // Who came in this very turn has not been read from yet and may have sent a request; the
        // next turn tells.
        let (arrival, pause) = match self.longest_idle_since_ms() {
            Some(since_ms) if since_ms < self.now_ms => return Some(arrival),
            Some(_) => (arrival, Pause::Starved { until_ms: self.now_ms + 1 }),
            // Its mailbox is full, or the slots went while the connection was on its way.
            None if self.inbox.has_room_elsewhere() => {
                (arrival, Pause::Starved { until_ms: self.now_ms + 1 })
            }
            None => {
                let Err(arrival) = self.inbox.pass_on(arrival) else { return None };
                self.inbox.pause();
                let retry = (!self.inbox.is_alone()).then(|| self.now_ms + PAUSE_MS);
                (arrival, Pause::Full { until_ms: retry })
            }
        };
        self.waiting = Some(Arrival { hops: 0, ..arrival });
        self.pause = Some(pause);
        None
    }

    pub(super) fn free_slots(&self) -> usize {
        self.entries.capacity() - self.entries.len()
    }
}
