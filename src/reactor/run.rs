//! The reactor: its parts, and the loop that turns them.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Interest, Poll, Waker};

use super::accept::{Listener, ListenerId, Newcomer, Pause};
use super::entry::Entry;
use super::idle::IdleOrders;
use super::order::Order;
use super::parting::Partings;
use super::role::{Command, Local, Note, Role};
use super::sessions::Sessions;
use super::token::{LISTENERS_MAX, SLOTS_MAX, Token};
use super::wheel::Wheel;
use crate::buf::{CloseReason, Ends, Pool};
use crate::sys::arena::Arena;
use crate::sys::clock;

/// Events taken from epoll at once.
const EVENTS_MAX: usize = 256;

/// What the reactor's memory is sized by.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Slots; at most [`SLOTS_MAX`].
    pub connections_max: usize,
    /// Blocks of the pool.
    pub blocks_max: usize,
    /// TLS sessions; none is ever wanted when this is 0.
    pub sessions_max: usize,
    /// Bytes of each lane's receiving queue.
    pub rx_bytes: usize,
    /// Bytes of each lane's sending queue.
    pub tx_bytes: usize,
}

/// What a reactor is made of.
pub struct Start<R: Role> {
    /// Sizes.
    pub limits: Limits,
    /// What never changes.
    pub world: &'static R::World,
    /// Listening sockets and the numbers that the world knows them by.
    pub listeners: Vec<(ListenerId, OwnedFd)>,
    /// Descriptors that [`Local::watched`] wants to hear of; they outlive the reactor.
    pub watches: Vec<(u16, RawFd)>,
}

/// An event loop of one thread.
pub struct Reactor<R: Role> {
    pub(super) poll: Poll,
    events: mio::Events,
    pub(super) entries: Arena<Entry<R>>,
    /// The tenants' generations, kept apart so that they survive their slots.
    pub(super) generations: Box<[u16]>,
    pub(super) ends: Ends,
    pub(super) pool: Pool,
    pub(super) sessions: Sessions,
    pub(super) wheel: Wheel,
    pub(super) runs: Order,
    pub(super) partings: Partings,
    pub(super) idle: IdleOrders,
    pub(super) listeners: Vec<Listener>,
    pub(super) pause: Option<Pause>,
    /// Accepted just before the pause for want of a slot.
    pub(super) waiting: Option<Newcomer<R>>,
    pub(super) world: &'static R::World,
    pub(super) local: R::Local,
    pub(super) now_ms: u64,
    pub(super) drain_until_ms: Option<u64>,
    stopped: bool,
    pub(super) trim_at_ms: Option<u64>,
    pub(super) closes: usize,
}

impl<R: Role> Reactor<R> {
    /// Maps the memory and registers listeners and watches. `local` may keep the waker, which
    /// makes the loop look for notes.
    ///
    /// # Errors
    /// When the kernel refuses an epoll instance or a registration.
    pub fn new(start: Start<R>, local: impl FnOnce(Waker) -> R::Local) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), Token::Mailbox.pack())?;
        let now_ms = clock::monotonic_ms();
        let slots = start.limits.connections_max.clamp(1, SLOTS_MAX);
        let mut reactor = Self {
            poll,
            events: mio::Events::with_capacity(EVENTS_MAX),
            entries: Arena::new(slots),
            generations: vec![0; slots].into_boxed_slice(),
            ends: Ends::new(start.limits.rx_bytes, start.limits.tx_bytes),
            pool: Pool::new(start.limits.blocks_max),
            sessions: Sessions::new(start.limits.sessions_max.min(slots)),
            wheel: Wheel::new(now_ms),
            runs: Order::default(),
            partings: Partings::default(),
            idle: IdleOrders::default(),
            listeners: Vec::new(),
            pause: None,
            waiting: None,
            world: start.world,
            local: local(waker),
            now_ms,
            drain_until_ms: None,
            stopped: false,
            trim_at_ms: None,
            closes: 0,
        };
        for (id, fd) in start.listeners.into_iter().take(LISTENERS_MAX) {
            let number = u16::try_from(reactor.listeners.len()).unwrap_or(u16::MAX);
            reactor.watch(fd.as_raw_fd(), Token::Listener(number))?;
            reactor.listeners.push(Listener { fd, id, ready: true });
        }
        for (watch, fd) in start.watches {
            reactor.watch(fd, Token::Watch(watch))?;
        }
        Ok(reactor)
    }

    fn watch(&self, fd: RawFd, token: Token) -> io::Result<()> {
        self.poll.registry().register(&mut SourceFd(&fd), token.pack(), Interest::READABLE)
    }

    /// Ends the reactor and gives back what its roles shared.
    #[must_use]
    pub fn into_local(self) -> R::Local {
        self.local
    }

    /// Connections at this moment.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.entries.len()
    }

    /// Serves until a watch says [`Command::Stop`], or a drain has ended.
    ///
    /// # Errors
    /// When waiting for events fails, which is a fault of the program.
    pub fn run(&mut self) -> io::Result<()> {
        while !self.finished() {
            self.turn_loop()?;
        }
        self.close_all();
        Ok(())
    }

    fn finished(&self) -> bool {
        let drained = |until_ms| self.entries.is_empty() || self.now_ms >= until_ms;
        self.stopped || self.drain_until_ms.is_some_and(drained)
    }

    /// Waits for events and handles them once.
    fn turn_loop(&mut self) -> io::Result<()> {
        let timeout = self.sleep_ms().map(Duration::from_millis);
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => self.now_ms = clock::monotonic_ms(),
        }
        let events = std::mem::replace(&mut self.events, mio::Events::with_capacity(0));
        for event in &events {
            self.dispatch(event);
        }
        self.events = events;
        self.run_queue();
        self.expire();
        self.partings.expire(self.now_ms);
        self.resume_accepting();
        if self.may_accept() {
            self.accept();
        }
        if self.local.due_ms().is_some_and(|at| at <= self.now_ms) {
            self.local.service(self.now_ms);
        }
        while let Some((slot, note)) = self.local.take_local_note() {
            self.drive(slot, Some(note), false);
        }
        self.trim();
        Ok(())
    }

    /// How long to wait for events; none = for ever.
    fn sleep_ms(&mut self) -> Option<u64> {
        if self.runs.len() > 0 || self.may_accept() {
            return Some(0);
        }
        let starved = match self.pause {
            Some(Pause::Starved { until_ms }) => Some(until_ms),
            _ => None,
        };
        let ends = [
            self.wheel.next_ms(),
            self.local.due_ms(),
            self.trim_at_ms,
            self.drain_until_ms,
            self.partings.due_ms(),
            starved,
        ];
        ends.into_iter().flatten().min().map(|at| at.saturating_sub(self.now_ms))
    }

    fn dispatch(&mut self, event: &mio::event::Event) {
        match Token::unpack(event.token()) {
            Token::Slot { slot, generation, lane } => {
                let place = usize::from(slot);
                if self.generations.get(place) != Some(&generation) {
                    return;
                }
                if self.entries.get_mut(place).is_some_and(|entry| entry.mark(lane, event)) {
                    self.drive(slot, None, false);
                }
            }
            Token::Listener(number) => {
                if let Some(listener) = self.listeners.get_mut(usize::from(number)) {
                    listener.ready = true;
                }
            }
            Token::Watch(watch) => {
                let command = self.local.watched(watch);
                self.obey(command);
            }
            Token::Mailbox => {
                while let Some((slot, note)) = self.local.take_note() {
                    self.drive(slot, Some(note), false);
                }
            }
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Continue => {}
            Command::Stop => self.stopped = true,
            Command::Drain { until_ms } => {
                self.drain_until_ms = Some(until_ms);
                if let Some(newcomer) = self.waiting.take() {
                    let fd = newcomer.fd.as_raw_fd();
                    newcomer.role.closed(CloseReason::Shutdown, &mut self.cx(u16::MAX, fd));
                }
                for listener in self.listeners.drain(..) {
                    // Out of epoll before the close: another process may hold the same socket.
                    let fd = listener.fd.as_raw_fd();
                    let _ = self.poll.registry().deregister(&mut SourceFd(&fd));
                }
                self.tell_all(Note::Drain);
            }
        }
    }
}
