//! What a slot keeps between two turns.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use super::idle::List;
use super::order::{Linked, Links};
use super::role::Wait;
use super::sessions::Place;
use super::wheel::{Node, Nodes};
use crate::buf::{Chain, LANES, LaneId, Tail};
use crate::sys::arena::Arena;

/// A descriptor of a slot and what waits beside it.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) fd: OwnedFd,
    /// Bytes read that the role has not consumed.
    pub(super) rx: Chain,
    /// Bytes that the descriptor has not taken.
    pub(super) tx: Chain,
    /// Reading may give something; a hint.
    pub(super) readable: bool,
    /// Writing may take something; a hint.
    pub(super) writable: bool,
    /// The peer has ended its side; reading goes on until the end is read.
    pub(super) hung_up: bool,
    pub(super) eof: bool,
    pub(super) failed: bool,
    pub(super) shut: bool,
    /// What turns the bytes on the wire into those of the queues.
    pub(super) session: Place,
    /// The session holds something that reading gives without another event.
    pub(super) is_unread: bool,
    /// The session holds received bytes that are not opened.
    pub(super) holds_unopened: bool,
    /// The session holds bytes that the descriptor has not taken.
    pub(super) holds_sealed: bool,
    /// The role has asked for the shutdown, and bytes are in its way.
    pub(super) shutting: bool,
    /// Who has ended the session before its time.
    pub(super) broke_off: Option<BrokeOff>,
    /// No turn has seen this descriptor yet.
    pub(super) fresh: bool,
}

/// Who has ended a TLS session with a fatal alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BrokeOff {
    /// The peer, which wants to hear no more.
    Peer,
    /// This side; the peer may still be sending, and is to read the alert.
    Here,
}

/// The descriptors of a slot. Few slots have peers, and idle ones never have; so these do not
/// make every slot larger.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    client: Option<Lane>,
    peers: Option<Box<[Option<Lane>; LANES - 1]>>,
}

impl Lanes {
    pub(super) fn get(&mut self, lane: LaneId) -> Option<&mut Lane> {
        match lane {
            LaneId::Client => self.client.as_mut(),
            peer => self.peers.as_mut()?.get_mut(peer as usize - 1)?.as_mut(),
        }
    }

    /// The open lanes. A turn asks for them several times, and mostly there is but the client's.
    pub(super) fn iter(&mut self) -> impl Iterator<Item = (LaneId, &mut Lane)> {
        let client = self.client.as_mut().map(|lane| (LaneId::Client, lane));
        let peers = self.peers.iter_mut().flat_map(|peers| peers.iter_mut().zip(&LaneId::ALL[1..]));
        client.into_iter().chain(peers.filter_map(|(lane, id)| Some((*id, lane.as_mut()?))))
    }

    fn place(&mut self, lane: LaneId) -> &mut Option<Lane> {
        match lane {
            LaneId::Client => &mut self.client,
            peer => &mut self.peers.get_or_insert_default()[peer as usize - 1],
        }
    }

    pub(super) fn open(&mut self, lane: LaneId, fd: OwnedFd) {
        *self.place(lane) = Some(Lane {
            fd,
            rx: Chain::EMPTY,
            tx: Chain::EMPTY,
            readable: false,
            // A fresh descriptor takes bytes; if not, writing says so.
            writable: true,
            hung_up: false,
            eof: false,
            failed: false,
            shut: false,
            shutting: false,
            session: None,
            is_unread: false,
            holds_unopened: false,
            holds_sealed: false,
            broke_off: None,
            fresh: true,
        });
    }

    /// The client's descriptor, if its peer has still to read an alert.
    pub(super) fn into_parting(self) -> Option<OwnedFd> {
        self.client.filter(Lane::is_parting).map(|lane| lane.fd)
    }

    /// Closes a lane whose chains are empty, as they are during a turn.
    pub(super) fn close(&mut self, lane: LaneId) {
        *self.place(lane) = None;
        if self.peers.as_ref().is_some_and(|peers| peers.iter().all(Option::is_none)) {
            self.peers = None;
        }
    }
}

impl Lane {
    /// Whether the peer may lose an alert that has left, if the descriptor is closed at once.
    pub(super) fn is_parting(&self) -> bool {
        self.broke_off == Some(BrokeOff::Here) && !self.holds_sealed
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// A slot's tenant.
#[derive(Debug)]
pub(super) struct Entry<R> {
    pub(super) role: R,
    pub(super) lanes: Lanes,
    pub(super) tail: Tail,
    pub(super) wait: Wait,
    /// The order that the slot is in.
    pub(super) listed: Option<List>,
    /// When its last turn was.
    pub(super) turned_ms: u64,
    pub(super) timer: Node,
    pub(super) run: Links,
    pub(super) idle: Links,
}

impl<R> Entry<R> {
    pub(super) fn new(role: R, client: OwnedFd) -> Self {
        let mut lanes = Lanes::default();
        lanes.open(LaneId::Client, client);
        Self {
            role,
            lanes,
            tail: Tail::None,
            wait: Wait::Input,
            listed: None,
            turned_ms: 0,
            timer: Node::default(),
            run: Links::default(),
            idle: Links::default(),
        }
    }

    /// The number of the client's descriptor; -1 when there is none.
    pub(super) fn client_fd(&mut self) -> RawFd {
        self.lanes.get(LaneId::Client).map_or(-1, |lane| lane.fd.as_raw_fd())
    }

    /// Whether something has not left yet.
    pub(super) fn has_output(&mut self) -> bool {
        !self.tail.is_none()
            || self.lanes.iter().any(|(_, lane)| lane.tx != Chain::EMPTY || lane.holds_sealed)
    }

    /// Whether bytes of this slot are in the pool.
    pub(super) fn keeps_blocks(&mut self) -> bool {
        let keeps = |lane: &Lane| {
            lane.rx != Chain::EMPTY
                || lane.tx != Chain::EMPTY
                || lane.holds_sealed
                || lane.holds_unopened
        };
        self.lanes.iter().any(|(_, lane)| keeps(lane))
    }

    /// Has the next turn look for input of the client, whatever epoll has said.
    pub(super) fn expect_input(&mut self) {
        if let Some(lane) = self.lanes.get(LaneId::Client) {
            lane.readable = true;
        }
    }

    /// Notes what epoll said about a lane; whether a turn has to follow.
    pub(super) fn mark(&mut self, id: LaneId, event: &mio::event::Event) -> bool {
        let wait = self.wait;
        let tail = id == LaneId::Client && !self.tail.is_none();
        let Some(lane) = self.lanes.get(id) else { return false };
        let failed = event.is_error();
        if event.is_readable() || event.is_read_closed() || failed {
            lane.readable = true;
            lane.hung_up |= event.is_read_closed() || failed;
        }
        if event.is_writable() || failed {
            lane.writable = true;
        }
        let output = lane.writable && (lane.tx != Chain::EMPTY || lane.holds_sealed || tail);
        (lane.readable && wait.wants_input()) || output || failed
    }
}

/// Bytes of a slot whose role is `R`; for the memory budget.
#[must_use]
pub const fn entry_bytes<R>() -> usize {
    size_of::<Entry<R>>()
}

/// The slots' timers.
pub(super) struct Timers<'a, R>(pub(super) &'a mut Arena<Entry<R>>);

impl<R> Nodes for Timers<'_, R> {
    fn node(&mut self, id: u16) -> &mut Node {
        &mut entry(self.0, id).timer
    }
}

/// The slots' places in the run queue.
pub(super) struct Runs<'a, R>(pub(super) &'a mut Arena<Entry<R>>);

impl<R> Linked for Runs<'_, R> {
    fn links(&mut self, id: u16) -> &mut Links {
        &mut entry(self.0, id).run
    }
}

/// The slots' places in the idle order.
pub(super) struct Idles<'a, R>(pub(super) &'a mut Arena<Entry<R>>);

impl<R> Linked for Idles<'_, R> {
    fn links(&mut self, id: u16) -> &mut Links {
        &mut entry(self.0, id).idle
    }
}

/// A slot that some list knows; it is taken out of every list before it goes.
fn entry<R>(all: &mut Arena<Entry<R>>, id: u16) -> &mut Entry<R> {
    match all.get_mut(usize::from(id)) {
        Some(entry) => entry,
        None => unreachable!("slot {id} is in a list and does not exist"),
    }
}
