//! How the reactors of a process reach each other: a bounded mailbox each.
//!
//! To serve with N threads:
//!
//! 1. [`Mailbox::open`]`(N)` makes N mailboxes, before any thread.
//! 2. Each of N threads makes its reactor with [`Reactor::new`](super::Reactor::new) from its
//!    mailbox, its [`Limits::share`](super::Limits::share) of the limits, and the listening sockets
//!    of its own; then calls `run`. The first one, in the main thread, has the watches.
//! 3. What a watch of any of them answers with [`Command::Retire`], [`Command::Drain`] or
//!    [`Command::Stop`] reaches all. [`Command::Listen`] and [`Command::Unlisten`] concern the
//!    reactor that obeys them; for another one they are posted: [`Post::to`].
//! 4. `run` returns in every thread when all reactors are done, or it is time.
//!
//! Each reactor has memory of its own: what [`Limits`](super::Limits) says,
//! [`MAILBOX_BYTES`](super::MAILBOX_BYTES) for its mailbox,
//! [`SHARED_BYTES`](super::SHARED_BYTES) for sessions if it speaks TLS, and its
//! [`Local`](super::Local). Descriptors beside listeners and slots: an epoll instance, an eventfd,
//! up to [`ARRIVALS_MAX`] connections in its mailbox and one that waits.
//!
//! Nothing here is touched by a request. Room is published when connections come and go.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mio::{Poll, Waker};

use super::accept::ListenerId;
use super::command::{Command, Ending};
use super::inbox::Inbox;
use super::token::{LISTENERS_MAX, Token};
use crate::sys::peer::PeerAddr;

/// Most reactors of a process.
pub const REACTORS_MAX: u16 = 256;

/// Letters that wait in one mailbox, connections aside: one for each listener that it may have to
/// begin or to end, and some for what else there is.
pub const LETTERS_MAX: usize = LISTENERS_MAX + 64;

/// Connections that wait in one mailbox.
pub const ARRIVALS_MAX: usize = 64;

/// Bytes of a mailbox.
pub const BYTES: usize =
    size_of::<Berth>() + LETTERS_MAX * size_of::<Letter>() + ARRIVALS_MAX * size_of::<Arrival>();

/// What a reactor is told.
#[derive(Debug)]
pub enum Letter {
    /// What to do.
    Command(Command),
    /// A connection that another reactor has accepted and has no room for.
    Connection(Arrival),
    /// Goes once round all reactors, and then to [`Local::came_round`](super::Local::came_round)
    /// of the one it came from; so none of them hangs.
    Ping {
        /// Whose answer it is.
        number: u32,
        /// The reactor that has sent it.
        origin: u16,
    },
    /// Goes round like a ping, and each reactor adds what it has.
    Count {
        /// The sums so far.
        sums: Counts,
        /// The reactor that has sent it.
        origin: u16,
    },
}

/// A connection on its way to a slot.
#[derive(Debug)]
pub struct Arrival {
    /// Where it came in.
    pub listener: ListenerId,
    /// Its socket, which nobody watches.
    pub fd: OwnedFd,
    /// Its other end.
    pub peer: PeerAddr,
    /// Reactors that had no room for it.
    pub hops: u16,
}

/// What reactors have done.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Connections at this moment.
    pub connections: u32,
    /// Connections accepted since the start.
    pub accepted: u64,
    /// Requests answered since the start.
    pub requests: u64,
}

/// What waits in a mailbox.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) ending: Option<Ending>,
    pub(super) letters: VecDeque<Letter>,
    pub(super) arrivals: VecDeque<Arrival>,
    /// The reactor has nothing left to do.
    pub(super) rests: bool,
    pub(super) closed: bool,
}

impl Kept {
    fn put(&mut self, letter: Letter) -> Result<(), Letter> {
        if let Letter::Command(command) = &letter
            && let Some(ending) = command.ending()
        {
            self.put_ending(ending);
            return Ok(());
        }
        match letter {
            Letter::Connection(arrival) if self.arrivals.len() < ARRIVALS_MAX => {
                self.arrivals.push_back(arrival);
                Ok(())
            }
            Letter::Connection(_) => Err(letter),
            letter if self.letters.len() < LETTERS_MAX => {
                self.letters.push_back(letter);
                Ok(())
            }
            letter => Err(letter),
        }
    }

    pub(super) fn put_ending(&mut self, ending: Ending) {
        if ending.replaces(self.ending) {
            self.ending = Some(ending);
        }
    }
}

/// A counter that shares its cache line with nothing.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(super) struct Apart(pub(super) AtomicU32);

/// What others see of a reactor.
#[derive(Debug)]
pub(super) struct Berth {
    /// Free slots, as of the last connection that came or went.
    pub(super) free: Apart,
    /// It does not accept until there is room somewhere.
    pub(super) paused: AtomicBool,
    waker: Waker,
    kept: Mutex<Kept>,
}

impl Berth {
    pub(super) fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn wake(&self) {
        // A counter that is full has woken the loop already.
        let _ = self.waker.wake();
    }
}

#[derive(Debug)]
pub(super) struct Fleet {
    pub(super) berths: Box<[Berth]>,
    /// Reactors that do not rest.
    pub(super) working: AtomicU32,
    /// Reactors that are paused.
    pub(super) paused: AtomicU32,
}

/// A mailbox, for the reactor that it is made for.
#[derive(Debug)]
pub struct Mailbox {
    pub(super) poll: Poll,
    pub(super) inbox: Inbox,
}

impl Mailbox {
    /// The mailboxes of a process with this many reactors; at least one, at most
    /// [`REACTORS_MAX`]. What is posted to a reactor that does not run yet waits for it.
    ///
    /// # Errors
    /// When the kernel refuses an epoll instance or an eventfd.
    pub fn open(reactors: u16) -> io::Result<Vec<Self>> {
        let reactors = reactors.clamp(1, REACTORS_MAX);
        let polls = (0..reactors).map(|_| Poll::new()).collect::<io::Result<Vec<_>>>()?;
        let berths = polls.iter().map(|poll| {
            Ok(Berth {
                free: Apart::default(),
                paused: AtomicBool::new(false),
                waker: Waker::new(poll.registry(), Token::Mailbox.pack())?,
                kept: Mutex::new(Kept {
                    ending: None,
                    letters: VecDeque::with_capacity(LETTERS_MAX),
                    arrivals: VecDeque::with_capacity(ARRIVALS_MAX),
                    rests: false,
                    closed: false,
                }),
            })
        });
        let fleet = Arc::new(Fleet {
            berths: berths.collect::<io::Result<_>>()?,
            working: AtomicU32::new(u32::from(reactors)),
            paused: AtomicU32::new(0),
        });
        let of = |(own, poll)| {
            let post = Post { fleet: Arc::clone(&fleet), own };
            Self { poll, inbox: Inbox::new(post) }
        };
        Ok((0..).zip(polls).map(of).collect())
    }

    /// The mailbox of an only reactor.
    ///
    /// # Errors
    /// When the kernel refuses an epoll instance or an eventfd.
    pub fn alone() -> io::Result<Self> {
        Self::open(1)?.pop().ok_or_else(|| io::Error::from(io::ErrorKind::OutOfMemory))
    }

    /// How others write to this reactor, and how it writes to them.
    #[must_use]
    pub fn post(&self) -> Post {
        self.inbox.post.clone()
    }
}

/// Writes to the reactors of a process, from one of them.
#[derive(Debug, Clone)]
pub struct Post {
    pub(super) fleet: Arc<Fleet>,
    own: u16,
}

impl Post {
    /// The number of the reactor that this belongs to.
    #[must_use]
    pub const fn own(&self) -> u16 {
        self.own
    }

    /// Reactors of the process.
    #[must_use]
    pub fn reactors(&self) -> u16 {
        u16::try_from(self.fleet.berths.len()).unwrap_or(REACTORS_MAX)
    }

    /// Makes the own reactor look for notes.
    pub fn wake(&self) {
        if let Some(own) = self.fleet.berths.get(usize::from(self.own)) {
            own.wake();
        }
    }

    /// Leaves a letter for a reactor, the own one or another.
    ///
    /// # Errors
    /// The letter, when that reactor's mailbox is full, or it has ended, or there is none.
    /// [`Command::Retire`], [`Command::Drain`] and [`Command::Stop`] always have room.
    pub fn to(&self, reactor: u16, letter: Letter) -> Result<(), Letter> {
        let Some(berth) = self.fleet.berths.get(usize::from(reactor)) else { return Err(letter) };
        let mut kept = berth.lock();
        if kept.closed {
            return Err(letter);
        }
        let is_work = matches!(letter, Letter::Connection(_) | Letter::Command(Command::Listen(_)));
        kept.put(letter)?;
        // Before the poster may rest itself: so the last one that rests is the last one.
        if is_work && std::mem::replace(&mut kept.rests, false) {
            self.fleet.working.fetch_add(1, Relaxed);
        }
        drop(kept);
        berth.wake();
        Ok(())
    }

    /// Leaves a letter for the next reactor in the ring: how [`Letter::Ping`] and
    /// [`Letter::Count`] begin, with [`Post::own`] as their origin.
    ///
    /// # Errors
    /// As [`Post::to`].
    pub fn around(&self, letter: Letter) -> Result<(), Letter> {
        self.to(self.after(self.own), letter)
    }

    pub(super) fn after(&self, reactor: u16) -> u16 {
        (reactor + 1) % self.reactors()
    }
}

#[cfg(test)]
#[path = "mailbox_tests.rs"]
mod tests;
