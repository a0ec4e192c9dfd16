//! What a connection is to the reactor: a role that moves on, step by step.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{OwnedFd, RawFd};

use super::accept::ListenerId;
use super::command::Command;
use super::entry::Lanes;
use super::mailbox::{Counts, Letter};
use super::sessions::Sessions;
use crate::buf::{CloseReason, Ends, LaneId, Pool};
use crate::sys::peer::PeerAddr;
use crate::sys::socket;
use crate::tls::{Secured, Session};

/// The part that a connection plays. Roles see queues and time, never a descriptor.
pub trait Role: Sized {
    /// What never changes while the reactor runs.
    type World: 'static;
    /// What belongs to one reactor: caches, counters, scratch.
    type Local: Local;
    /// A wish that needs the operating system; carried out by [`Role::apply`].
    type Effect;

    /// Begins with a new connection.
    ///
    /// # Errors
    /// The reason to close it at once.
    fn accept(
        listener: ListenerId,
        peer: PeerAddr,
        cx: &mut Cx<'_, Self>,
    ) -> Result<Self, CloseReason>;

    /// Moves on as far as the queues allow.
    fn step(&mut self, ends: &mut Ends, cx: &mut Cx<'_, Self>, note: Option<Note>) -> Step<Self>;

    /// Carries out an effect of the step before. The only impure method.
    ///
    /// # Errors
    /// The reason to close the connection, when it cannot go on without the effect.
    fn apply(effect: Self::Effect, io: &mut SlotIo<'_>) -> Result<(), CloseReason>;

    /// When the role wants a [`Note::Timeout`], if it goes on waiting as it does now.
    fn deadline(&self) -> Option<Deadline>;

    /// Whether the connection may be closed to make room for another one.
    fn evictable(&self) -> bool;

    /// Whether a connection that has just come is likely to want a TLS session.
    fn wants_session(&self) -> bool {
        false
    }

    /// The connection has ended.
    fn closed(self, why: CloseReason, cx: &mut Cx<'_, Self>);
}

/// The state of one reactor that roles share.
pub trait Local {
    /// When [`Local::service`] is to be called next, in monotonic milliseconds.
    fn due_ms(&self) -> Option<u64>;
    /// Does what has become due.
    fn service(&mut self, now_ms: u64);
    /// The descriptor registered as `watch` was readable; called until it answers
    /// [`Command::Continue`], which says that nothing is left to be read from it for now.
    fn watched(&mut self, watch: u16) -> Command;
    /// How long a drain may take that follows when a retirement has lasted too long, in
    /// milliseconds.
    fn shutdown_ms(&self) -> u64 {
        0
    }
    /// Adds what only this state knows to the reactor's counts.
    fn count(&self, _: &mut Counts) {}
    /// A [`Letter::Ping`] or [`Letter::Count`] has come back that this reactor had sent.
    fn came_round(&mut self, _: Letter) {}
    /// Takes a note that one slot, or [`Local::service`], has left for another one; asked at the
    /// end of each turn of the loop.
    fn take_local_note(&mut self) -> Option<(u16, Note)> {
        None
    }
    /// Takes a note for a slot out of the mailbox, if one was left there.
    fn take_note(&mut self) -> Option<(u16, Note)>;
}

/// What a step may use besides its queues.
pub struct Cx<'a, R: Role> {
    /// What never changes.
    pub world: &'static R::World,
    /// What this reactor's roles share.
    pub local: &'a mut R::Local,
    /// Monotonic milliseconds, the same during a whole turn of the loop.
    pub now_ms: u64,
    /// The slot's number, for tickets of work done elsewhere.
    pub slot: u16,
    /// The server is stopping or will be replaced: an answer that is begun now is the last one of
    /// its connection, and says so.
    pub draining: bool,
    /// The server is stopping: a connection that waits for a request is closed. Without this it
    /// may only be closed after an answer that says so.
    pub stopping: bool,
    /// The client's socket.
    pub client: ClientSocket,
    /// What a TLS handshake has found out that was finished just before this step.
    pub secured: Option<Secured>,
    pub(super) effects: heapless::Vec<R::Effect, EFFECTS_MAX>,
}

/// A client's socket, to be asked about, for the time of one turn.
#[derive(Debug, Clone, Copy)]
pub struct ClientSocket(pub(super) RawFd);

impl ClientSocket {
    /// Our end of the connection; none on a unix socket. A system call.
    #[must_use]
    pub fn local_addr(self) -> Option<SocketAddr> {
        socket::local_addr_of(self.0)
    }
}

/// Most effects of one step.
pub(super) const EFFECTS_MAX: usize = 4;

impl<'a, R: Role> Cx<'a, R> {
    /// What a role is given that is driven without a reactor, as simulations do: the server is
    /// not stopping, and the client has no socket to be asked about.
    pub fn detached(world: &'static R::World, local: &'a mut R::Local, now_ms: u64) -> Self {
        Self::new(world, local, now_ms, 0, (false, false), -1)
    }

    pub(super) fn new(
        world: &'static R::World,
        local: &'a mut R::Local,
        now_ms: u64,
        slot: u16,
        (draining, stopping): (bool, bool),
        client: RawFd,
    ) -> Self {
        let client = ClientSocket(client);
        let effects = heapless::Vec::new();
        Self { world, local, now_ms, slot, draining, stopping, client, secured: None, effects }
    }

    /// Asks for an effect after this step; gives it back when the step has asked for too many.
    ///
    /// # Errors
    /// The effect itself.
    pub fn effect(&mut self, effect: R::Effect) -> Result<(), R::Effect> {
        self.effects.push(effect)
    }
}

/// What a step ended with.
#[derive(Debug)]
pub enum Step<R> {
    /// Nothing more to do until what it waits for has come.
    Wait(Wait),
    /// There is more to do; step again, within the budget.
    Again,
    /// There is more to do, after other connections have had their turn.
    Yield,
    /// The connection plays another role from now on; bytes in the queues belong to it.
    Become(R),
    /// The connection ends now. What `tx` holds is offered to the descriptor once.
    Close(CloseReason),
}

/// What a role waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// More bytes, or the end, in some `rx`.
    Input,
    /// Room in some `tx`; all of it when a tail follows. Nothing is read meanwhile.
    Room,
    /// Either of them.
    Either,
    /// A note. Nothing is read meanwhile.
    Note,
}

impl Wait {
    pub(super) const fn wants_input(self) -> bool {
        matches!(self, Self::Input | Self::Either)
    }

    pub(super) const fn wants_room(self) -> bool {
        matches!(self, Self::Room | Self::Either)
    }
}

/// News that do not come through a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Note {
    /// The deadline has come.
    Timeout(Timeout),
    /// Work done elsewhere is finished. A slot's next tenant may get it too, hence the serial.
    Answer {
        /// The ticket's serial number.
        serial: u64,
        /// The result.
        granted: bool,
    },
    /// The server is stopping.
    Drain,
}

/// A point in time and what it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline {
    /// Monotonic milliseconds.
    pub at_ms: u64,
    /// What ends then.
    pub why: Timeout,
}

impl Deadline {
    /// The earlier of two.
    #[must_use]
    pub const fn earlier(self, other: Self) -> Self {
        if other.at_ms < self.at_ms { other } else { self }
    }
}

/// What a deadline is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timeout {
    /// The time for another request.
    Idle,
    /// The time for a TLS handshake, or for the first byte that tells what a client speaks.
    Handshake,
    /// The time for a request head, or its body.
    Head,
    /// The time for a password to be checked.
    Check,
    /// The time for the peer to take something.
    Send,
    /// The time for a lingering close.
    Linger,
}

/// What an effect may do to its slot.
pub struct SlotIo<'a> {
    pub(super) lanes: &'a mut Lanes,
    pub(super) sessions: &'a mut Sessions,
    pub(super) ends: &'a mut Ends,
    pub(super) pool: &'a mut Pool,
    pub(super) register: &'a mut dyn FnMut(LaneId, &OwnedFd) -> io::Result<()>,
}

impl SlotIo<'_> {
    /// Gives the slot a non-blocking descriptor; one that the lane had before is closed.
    ///
    /// # Errors
    /// When the kernel cannot watch one more descriptor; it is closed then.
    pub fn adopt(&mut self, lane: LaneId, fd: OwnedFd) -> io::Result<()> {
        self.close(lane);
        (self.register)(lane, &fd)?;
        self.lanes.open(lane, fd);
        Ok(())
    }

    /// Puts a TLS session between a lane's descriptor and its queues. What `rx` holds is the
    /// first that the session gets.
    ///
    /// # Errors
    /// When there are as many sessions as there may be, or no blocks for what `rx` holds.
    pub fn start_tls(&mut self, lane: LaneId, session: Session) -> Result<(), CloseReason> {
        let Some(of_slot) = self.lanes.get(lane) else { return Ok(()) };
        self.sessions.start(of_slot, session)?;
        self.sessions.take_over(of_slot, &mut self.ends[lane], self.pool)
    }

    /// Closes a lane's descriptor.
    pub fn close(&mut self, lane: LaneId) {
        if let Some(of_slot) = self.lanes.get(lane) {
            self.sessions.end(of_slot, self.pool);
        }
        self.lanes.close(lane);
    }
}
