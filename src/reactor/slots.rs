//! A slot's life: admitted, driven, settled, evicted, closed.

use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use mio::Interest;
use mio::unix::SourceFd;

use super::entry::{Entry, Runs, Timers};
use super::idle::List;
use super::role::{Cx, Note, Role};
use super::run::Reactor;
use super::token::{GENERATION_MASK, Token};
use super::turn::{Ended, Turn};
use crate::buf::{CloseReason, LaneId};
use crate::sys::pages;

/// Blocks that a turn finds free, as long as there is somebody to evict.
const FREE_BLOCKS_MIN: usize = 16;

/// Below this many free blocks a slow reader is closed for the others.
const BLOCKS_LEFT_MIN: usize = 4;

/// How long after the last close of a burst its memory is given back.
const TRIM_MS: u64 = 300;

/// Closes that make a burst.
const TRIM_CLOSES_MIN: usize = 64;

const INTEREST: Interest = Interest::READABLE.add(Interest::WRITABLE);

impl<R: Role> Reactor<R> {
    /// Gives a new connection a slot; there is a free one.
    pub(super) fn admit(&mut self, role: R, socket: OwnedFd) {
        let fd = socket.as_raw_fd();
        let entry = Entry::new(role, socket);
        let place = match self.entries.insert(entry) {
            Ok(place) => place,
            Err(entry) => {
                return entry.role.closed(CloseReason::Evicted, &mut self.cx(u16::MAX, fd));
            }
        };
        self.publish_room();
        let slot = u16::try_from(place).unwrap_or(u16::MAX);
        let token = Token::Slot { slot, generation: self.generations[place], lane: LaneId::Client };
        match self.poll.registry().register(&mut SourceFd(&fd), token.pack(), INTEREST) {
            Ok(()) if self.is_stopping() => self.tell_drain(slot),
            Ok(()) => self.settle(slot),
            Err(_) => self.close(slot, CloseReason::Evicted),
        }
    }

    /// One turn of a slot, and what follows from how it ended.
    pub(super) fn drive(&mut self, slot: u16, note: Option<Note>, again: bool) {
        if self.pool.free_blocks() < FREE_BLOCKS_MIN.min(self.pool.blocks() / 4) {
            self.evict_holder(slot);
        }
        let place = usize::from(slot);
        let ending = (self.is_draining(), self.is_stopping());
        let Some(entry) = self.entries.get_mut(place) else { return };
        let client = entry.client_fd();
        let (generation, registry) = (self.generations[place], self.poll.registry());
        let mut register = |lane: LaneId, fd: &OwnedFd| {
            let token = Token::Slot { slot, generation, lane };
            registry.register(&mut SourceFd(&fd.as_raw_fd()), token.pack(), INTEREST)
        };
        let cx = Cx::new(self.world, &mut self.local, self.now_ms, slot, ending, client);
        let shared = (&mut self.ends, &mut self.pool, &mut self.sessions);
        match Turn::new(entry, shared, cx, &mut register).run(note, again) {
            Ended::Closed(why) => self.close(slot, why),
            Ended::Parked => self.settle(slot),
            Ended::Runnable => {
                self.runs.push(&mut Runs(&mut self.entries), slot);
                self.settle(slot);
            }
        }
    }

    /// Sets the timer and the idle order after a turn.
    fn settle(&mut self, slot: u16) {
        let Some(entry) = self.entries.get_mut(usize::from(slot)) else { return };
        let deadline = entry.role.deadline();
        // Bytes that have not left are an answer that somebody still wants.
        let evictable = entry.role.evictable() && !entry.has_output();
        let list = List::of(evictable, entry.keeps_blocks());
        self.idle.settle(&mut self.entries, slot, list, self.now_ms);
        let mut timers = Timers(&mut self.entries);
        match deadline {
            Some(deadline) => self.wheel.arm(&mut timers, slot, deadline.at_ms),
            None => self.wheel.disarm(&mut timers, slot),
        }
    }

    /// Ends a slot's tenant.
    pub(super) fn close(&mut self, slot: u16, why: CloseReason) {
        let place = usize::from(slot);
        if !self.entries.contains(place) {
            return;
        }
        self.runs.remove(&mut Runs(&mut self.entries), slot);
        self.wheel.disarm(&mut Timers(&mut self.entries), slot);
        self.idle.remove(&mut self.entries, slot);
        let Some(mut entry) = self.entries.remove(place) else { return };
        self.publish_room();
        for (_, lane) in entry.lanes.iter() {
            self.pool.release(&mut lane.rx);
            self.pool.release(&mut lane.tx);
            self.sessions.end(lane, &mut self.pool);
        }
        self.generations[place] = (self.generations[place] + 1) & GENERATION_MASK;
        let client = entry.client_fd();
        let Entry { role, lanes, .. } = entry;
        if let Some(socket) = lanes.into_parting() {
            let _ = self.poll.registry().deregister(&mut SourceFd(&client));
            self.partings.add(socket, self.now_ms);
        }
        role.closed(why, &mut self.cx(slot, client));
        self.closes += 1;
        if self.closes >= TRIM_CLOSES_MIN {
            self.trim_at_ms = Some(self.now_ms + TRIM_MS);
        }
    }

    /// Tells the other reactors how much room is here.
    pub(super) fn publish_room(&self) {
        if !self.inbox.is_alone() {
            let free = if self.is_stopping() { 0 } else { self.free_slots() };
            self.inbox.publish(free, self.entries.capacity());
        }
    }

    /// Closes the connection that has waited for a request for longest.
    pub(super) fn evict_longest_idle(&mut self) -> bool {
        match self.idle.longest(&self.entries) {
            Some(slot) => {
                self.close(slot, CloseReason::Evicted);
                true
            }
            None => false,
        }
    }

    /// Closes the connection with a TLS session that has waited for a request for longest, if it
    /// is among the first that have.
    pub(super) fn evict_longest_idle_session(&mut self) {
        if let Some(slot) = self.idle.longest_with_session(&mut self.entries) {
            self.close(slot, CloseReason::Evicted);
        }
    }

    /// Since when the connection has waited that would be closed next for a slot.
    pub(super) fn longest_idle_since_ms(&self) -> Option<u64> {
        let slot = self.idle.longest(&self.entries)?;
        self.entries.get(usize::from(slot)).map(|entry| entry.turned_ms)
    }

    /// Frees blocks that another connection than `spared` holds: one that waits for a request, or
    /// when there is none and the pool is nearly empty, the slowest one.
    fn evict_holder(&mut self, spared: u16) {
        let mut slot = self.idle.longest_holder();
        if slot.is_none() && self.pool.free_blocks() < BLOCKS_LEFT_MIN {
            slot = self.idle.slowest();
        }
        if let Some(slot) = slot.filter(|slot| *slot != spared) {
            self.close(slot, CloseReason::Evicted);
        }
    }

    /// Drives every slot that was on the run queue when this began.
    pub(super) fn run_queue(&mut self) {
        for _ in 0..self.runs.len() {
            let Some(slot) = self.runs.pop(&mut Runs(&mut self.entries)) else { return };
            self.drive(slot, None, true);
        }
    }

    /// Tells every slot whose deadline has come.
    pub(super) fn expire(&mut self) {
        while let Some(slot) = self.wheel.pop_due(&mut Timers(&mut self.entries), self.now_ms) {
            let Some(entry) = self.entries.get(usize::from(slot)) else { continue };
            match entry.role.deadline() {
                Some(deadline) if deadline.at_ms <= self.now_ms => {
                    self.drive(slot, Some(Note::Timeout(deadline.why)), false);
                }
                _ => self.settle(slot),
            }
        }
    }

    /// Tells every slot that the server is stopping.
    pub(super) fn drain_all(&mut self) {
        for slot in self.slots() {
            self.tell_drain(slot);
        }
    }

    /// A request that is here already is read first, though epoll may not have told of it yet:
    /// otherwise it would look as if its client waited for nothing.
    fn tell_drain(&mut self, slot: u16) {
        if let Some(entry) = self.entries.get_mut(usize::from(slot)) {
            entry.expect_input();
        }
        self.drive(slot, Some(Note::Drain), false);
    }

    /// Ends every tenant.
    pub(super) fn close_all(&mut self) {
        for slot in self.slots() {
            self.close(slot, CloseReason::Shutdown);
        }
    }

    fn slots(&self) -> Vec<u16> {
        self.entries.places().filter_map(|place| u16::try_from(place).ok()).collect()
    }

    /// Gives the memory of a burst back once it is over.
    pub(super) fn trim(&mut self) {
        if self.trim_at_ms.is_some_and(|at| at <= self.now_ms) {
            self.trim_at_ms = None;
            self.closes = 0;
            self.entries.trim();
            self.sessions.trim();
            self.pool.trim(pages::give_back);
        }
    }

    pub(super) fn cx(&mut self, slot: u16, client: RawFd) -> Cx<'_, R> {
        let ending = (self.is_draining(), self.is_stopping());
        Cx::new(self.world, &mut self.local, self.now_ms, slot, ending, client)
    }
}
