//! The reactor: its parts, and the loop that turns them.

use std::io;
use std::os::fd::RawFd;
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Interest, Poll};

use super::accept::{Listeners, Listening, Pause};
use super::command::{Command, Ending};
use super::entry::Entry;
use super::idle::IdleOrders;
use super::inbox::Inbox;
use super::mailbox::{Arrival, LETTERS_MAX, Letter, Mailbox, Post};
use super::order::Order;
use super::parting::Partings;
use super::role::{Local, Role};
use super::sessions::Sessions;
use super::token::{SLOTS_MAX, Token};
use super::wheel::Wheel;
use crate::buf::{Ends, Pool};
use crate::sys::arena::Arena;
use crate::sys::clock;

/// Events taken from epoll at once.
const EVENTS_MAX: usize = 256;

/// Commands that one watch gives in one turn of the loop.
const COMMANDS_MAX: usize = 256;

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

impl Limits {
    /// The part of reactor number `own` of `reactors`: the sums are what is divided. Each has at
    /// least one slot, whatever there is; queues are not divided.
    #[must_use]
    pub fn share(self, own: u16, reactors: u16) -> Self {
        let part = |all| share(all, own, reactors);
        Self {
            connections_max: part(self.connections_max).max(1),
            blocks_max: part(self.blocks_max),
            sessions_max: part(self.sessions_max),
            ..self
        }
    }
}

/// The part of reactor number `own` of `reactors` in something of which there are `all`.
#[must_use]
pub fn share(all: usize, own: u16, reactors: u16) -> usize {
    let (own, reactors) = (usize::from(own), usize::from(reactors.max(1)));
    all / reactors + usize::from(own < all % reactors)
}

/// What a reactor is made of.
pub struct Start<R: Role> {
    /// Sizes.
    pub limits: Limits,
    /// What never changes.
    pub world: &'static R::World,
    /// Listening sockets; at most 1000, with those that come later.
    pub listeners: Vec<Listening>,
    /// Descriptors that [`Local::watched`] wants to hear of, and what it calls them; they outlive
    /// the reactor.
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
    pub(super) listeners: Listeners,
    pub(super) pause: Option<Pause>,
    /// Accepted just before the pause for want of a slot.
    pub(super) waiting: Option<Arrival>,
    pub(super) inbox: Inbox,
    /// The mailbox may hold letters.
    mail: bool,
    /// The mailbox may hold connections.
    pub(super) arrivals: bool,
    /// Connections accepted since the start.
    pub(super) accepted: u64,
    /// Watches that may have more commands.
    watches_due: Vec<u16>,
    pub(super) world: &'static R::World,
    pub(super) local: R::Local,
    pub(super) now_ms: u64,
    pub(super) ending: Option<Ending>,
    pub(super) trim_at_ms: Option<u64>,
    pub(super) closes: usize,
}

impl<R: Role> Reactor<R> {
    /// Maps the memory and registers listeners and watches. `local` may keep the post, which
    /// makes the loop look for notes and carries letters to other reactors.
    ///
    /// # Errors
    /// When the kernel refuses a registration, or there are too many listeners.
    pub fn new(
        start: Start<R>,
        mailbox: Mailbox,
        local: impl FnOnce(Post) -> R::Local,
    ) -> io::Result<Self> {
        let Mailbox { poll, inbox } = mailbox;
        let local = local(inbox.post.clone());
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
            listeners: Listeners::default(),
            pause: None,
            waiting: None,
            inbox,
            mail: true,
            arrivals: true,
            accepted: 0,
            watches_due: Vec::with_capacity(start.watches.len()),
            world: start.world,
            local,
            now_ms,
            ending: None,
            trim_at_ms: None,
            closes: 0,
        };
        for listening in start.listeners {
            reactor.listen(listening)?;
        }
        for (watch, fd) in start.watches {
            reactor.watch(fd, Token::Watch(watch))?;
        }
        reactor.publish_room();
        Ok(reactor)
    }

    pub(super) fn watch(&self, fd: RawFd, token: Token) -> io::Result<()> {
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

    /// Serves until a command has ended it: [`Command::Stop`] at once, the others when all is
    /// done, here and in the other reactors.
    ///
    /// # Errors
    /// When waiting for events fails, which is a fault of the program.
    pub fn run(&mut self) -> io::Result<()> {
        let ended = self.serve();
        if ended.is_err() {
            // A server that lacks a part is not to look whole: whoever started it tries again.
            self.inbox.tell_others(Ending::Stop);
        }
        self.inbox.close();
        self.close_all();
        ended
    }

    fn serve(&mut self) -> io::Result<()> {
        while !self.finished() {
            self.turn_loop()?;
        }
        Ok(())
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
        self.ask_watches();
        if self.mail {
            self.read_mail();
        }
        self.end_retirement();
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
        let more = self.mail || !self.watches_due.is_empty();
        if more || self.runs.len() > 0 || self.may_accept() {
            return Some(0);
        }
        let ends = [
            self.wheel.next_ms(),
            self.local.due_ms(),
            self.trim_at_ms,
            self.ending.and_then(Ending::due_ms),
            self.partings.due_ms(),
            self.pause.and_then(Pause::until_ms),
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
            Token::Listener(place) => self.listeners.mark(place),
            Token::Watch(watch) if !self.watches_due.contains(&watch) => {
                self.watches_due.push(watch);
            }
            Token::Watch(_) => {}
            Token::Mailbox => {
                self.mail = true;
                self.arrivals = true;
            }
        }
    }

    /// Takes the commands of the watches that were readable.
    fn ask_watches(&mut self) {
        let mut index = 0;
        while let Some(&watch) = self.watches_due.get(index) {
            match self.commands_of(watch) {
                true => index += 1,
                false => drop(self.watches_due.swap_remove(index)),
            }
        }
    }

    /// Takes the commands of a watch; whether there may be more.
    fn commands_of(&mut self, watch: u16) -> bool {
        for _ in 0..COMMANDS_MAX {
            match self.local.watched(watch) {
                Command::Continue => return false,
                command => self.command(command),
            }
        }
        true
    }

    /// Takes the notes and letters that are there; connections wait until there is a place.
    fn read_mail(&mut self) {
        self.mail = false;
        while let Some((slot, note)) = self.local.take_note() {
            self.drive(slot, Some(note), false);
        }
        for _ in 0..LETTERS_MAX {
            match self.inbox.take() {
                Some(letter) => self.open(letter),
                None => return,
            }
        }
        self.mail = true;
    }

    fn open(&mut self, letter: Letter) {
        let own = self.inbox.post.own();
        let (origin, letter) = match letter {
            Letter::Command(command) => return self.obey(command),
            // These have a queue of their own.
            Letter::Connection(_) => return,
            Letter::Ping { origin, .. } => (origin, letter),
            Letter::Count { mut sums, origin } => {
                let connections = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
                sums.connections = sums.connections.saturating_add(connections);
                sums.accepted = sums.accepted.wrapping_add(self.accepted);
                self.local.count(&mut sums);
                (origin, Letter::Count { sums, origin })
            }
        };
        if origin == own {
            self.local.came_round(letter);
        } else {
            // A reactor that has let its mailbox fill does not answer, and so it shows.
            let _ = self.inbox.post.around(letter);
        }
    }
}
