//! One turn of one slot: load, then flush, fill and step until nothing moves, then store.

use std::io;
use std::os::fd::OwnedFd;

use super::entry::Entry;
use super::plain;
use super::role::{Cx, Note, Role, SlotIo, Step};
use super::sessions::{SEALED_TURN_BYTES, Sessions};
use crate::buf::{BLOCK_BYTES, CloseReason, Ends, LaneId, Pool, Tail};
use crate::sys::fd;

/// Steps of a turn; a slot with more to do goes onto the run queue.
const STEPS_MAX: usize = 16;

/// Bytes that a tail sends in one turn before others get theirs.
const TAIL_TURN_BYTES: usize = 1 << 20;

/// A queue of a slot may keep one part in this many of the free blocks.
const SHARE: usize = 4;

/// Room that a turn has for reading or writing even when the pool is exhausted. What the
/// descriptor does not take then cannot be kept, and the connection is evicted.
const ROOM_BYTES_MIN: usize = 2 * BLOCK_BYTES;

/// How a turn ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// Every lane would block, or the role waits for a note.
    Parked,
    /// The budget is spent; some lane is still ready.
    Runnable,
    /// The slot's tenant has gone.
    Closed(CloseReason),
}

/// The parts of the reactor that a turn works with.
pub(super) struct Turn<'a, R: Role> {
    pub(super) entry: &'a mut Entry<R>,
    pub(super) ends: &'a mut Ends,
    pub(super) pool: &'a mut Pool,
    pub(super) sessions: &'a mut Sessions,
    pub(super) cx: Cx<'a, R>,
    pub(super) register: &'a mut dyn FnMut(LaneId, &OwnedFd) -> io::Result<()>,
    pub(super) tail_left: usize,
    pub(super) sealed_left: usize,
    pub(super) steps_left: usize,
    /// Why the slot cannot go on, whatever its role thinks.
    pub(super) fault: Option<CloseReason>,
}

impl<'a, R: Role> Turn<'a, R> {
    pub(super) fn new(
        entry: &'a mut Entry<R>,
        (ends, pool, sessions): (&'a mut Ends, &'a mut Pool, &'a mut Sessions),
        cx: Cx<'a, R>,
        register: &'a mut dyn FnMut(LaneId, &OwnedFd) -> io::Result<()>,
    ) -> Self {
        Self {
            entry,
            ends,
            pool,
            sessions,
            cx,
            register,
            tail_left: TAIL_TURN_BYTES,
            sealed_left: SEALED_TURN_BYTES,
            steps_left: STEPS_MAX,
            fault: None,
        }
    }

    /// Runs the turn. `again` says that the slot comes from the run queue.
    pub(super) fn run(mut self, mut note: Option<Note>, again: bool) -> Ended {
        self.load();
        let mut go_on = again;
        while self.steps_left > 0 {
            self.steps_left -= 1;
            let moved = self.flush() | self.fill();
            if let Some(why) = self.broken() {
                return self.end(why);
            }
            if !(moved || go_on || note.is_some()) {
                return self.rest(false);
            }
            go_on = match self.step(note.take()) {
                Ok(go_on) => go_on,
                Err(why) => {
                    // What the role said last is offered once.
                    self.flush();
                    self.farewell();
                    return self.end(why);
                }
            };
        }
        // The last step's bytes have not been offered to the descriptors yet; if they leave, that
        // may be what the role waits for.
        go_on |= self.flush();
        match self.broken() {
            Some(why) => self.end(why),
            None => self.rest(go_on),
        }
    }

    /// Ends the turn with a slot that goes on, now or later.
    fn rest(mut self, go_on: bool) -> Ended {
        let runnable = go_on || self.runnable();
        match self.store() {
            Ok(()) if runnable => Ended::Runnable,
            Ok(()) => Ended::Parked,
            Err(why) => self.end(why),
        }
    }

    /// Why the slot cannot go on, if it cannot.
    fn broken(&mut self) -> Option<CloseReason> {
        if self.fault.is_some() {
            self.fault
        } else if self.ends[LaneId::Client].failed {
            let lane = self.entry.lanes.get(LaneId::Client);
            let broke_off = lane.is_some_and(|lane| lane.broke_off.is_some());
            Some(if broke_off { CloseReason::TlsFailed } else { CloseReason::PeerFailed })
        } else if matches!(self.ends.tail, Tail::Broken) {
            Some(CloseReason::SourceBroken)
        } else {
            None
        }
    }

    /// One step of the role and its effects; whether another one follows at once.
    fn step(&mut self, note: Option<Note>) -> Result<bool, CloseReason> {
        for (id, lane) in self.entry.lanes.iter() {
            let end = &mut self.ends[id];
            end.more = (lane.readable || lane.is_unread) && !end.eof;
        }
        self.cx.secured = self.sessions.secured.take();
        let step = self.entry.role.step(self.ends, &mut self.cx, note);
        for lane in LaneId::ALL {
            self.ends[lane].came_in = false;
            self.ends[lane].went_out = false;
        }
        self.apply()?;
        match step {
            Step::Wait(wait) => {
                self.entry.wait = wait;
                Ok(false)
            }
            Step::Again => Ok(true),
            Step::Yield => {
                self.steps_left = 0;
                Ok(true)
            }
            Step::Become(role) => {
                self.entry.role = role;
                Ok(true)
            }
            Step::Close(why) => Err(why),
        }
    }

    fn apply(&mut self) -> Result<(), CloseReason> {
        for effect in std::mem::take(&mut self.cx.effects) {
            let mut io = SlotIo {
                lanes: &mut self.entry.lanes,
                sessions: self.sessions,
                ends: self.ends,
                pool: self.pool,
                register: self.register,
            };
            R::apply(effect, &mut io)?;
            for id in LaneId::ALL {
                // A lane that has got another descriptor begins anew.
                let lane = self.entry.lanes.get(id);
                let up = lane.is_some();
                let fresh = lane.is_some_and(|lane| std::mem::take(&mut lane.fresh));
                if fresh || self.ends[id].up != up {
                    self.ends.open(id);
                    self.ends[id].reset();
                    self.ends[id].up = up;
                }
            }
        }
        Ok(())
    }

    /// Tells the peers of TLS sessions that nothing more will come.
    fn farewell(&mut self) {
        for (id, lane) in self.entry.lanes.iter() {
            if lane.session.is_some() {
                self.sessions.farewell(lane, &mut self.ends[id], self.pool);
            }
        }
    }

    /// Ends the turn and the tenant, whose blocks are released when its slot is closed.
    fn end(self, why: CloseReason) -> Ended {
        self.ends.tail = Tail::None;
        Ended::Closed(why)
    }

    /// Brings the slot's queues into the reactor's.
    fn load(&mut self) {
        // A turn that broke off may have left what was found out about another connection.
        self.sessions.secured = None;
        self.ends.tail = std::mem::take(&mut self.entry.tail);
        let mut up = [false; LaneId::ALL.len()];
        for (id, lane) in self.entry.lanes.iter() {
            up[id as usize] = true;
            lane.fresh = false;
            let end = &mut self.ends[id];
            end.reset();
            end.up = true;
            end.eof = lane.eof;
            end.failed = lane.failed;
            end.held = lane.holds_sealed;
            end.shut = lane.shut || lane.shutting;
            if !lane.rx.is_empty() {
                self.pool.load(&mut lane.rx, &mut end.rx);
            }
            if !lane.tx.is_empty() {
                self.pool.load(&mut lane.tx, &mut end.tx);
            }
        }
        for lane in LaneId::ALL {
            if !up[lane as usize] && self.ends[lane].up {
                self.ends[lane].reset();
            }
        }
        self.limit_room();
    }

    /// Leaves no more room in any `tx` than this slot's share of the pool.
    fn limit_room(&mut self) {
        let share = self.share_bytes();
        for (id, _) in self.entry.lanes.iter() {
            self.ends[id].tx.limit_to(share);
        }
    }

    /// What a slot may come to keep in the pool for each queue: a part of what is free, so that
    /// the share shrinks as the pool fills and a few slow peers cannot take all of it.
    fn share_bytes(&self) -> usize {
        (self.pool.free_bytes() / SHARE).max(ROOM_BYTES_MIN)
    }

    /// Moves the queues back to the slot.
    fn store(&mut self) -> Result<(), CloseReason> {
        self.entry.tail = std::mem::take(&mut self.ends.tail);
        for (id, lane) in self.entry.lanes.iter() {
            let end = &mut self.ends[id];
            lane.eof = end.eof;
            lane.failed = end.failed;
            lane.shutting = end.shut;
            for (queue, chain) in [(&mut end.rx, &mut lane.rx), (&mut end.tx, &mut lane.tx)] {
                if !queue.is_empty() {
                    *chain = self.pool.store(queue.filled()).ok_or(CloseReason::Evicted)?;
                }
            }
        }
        Ok(())
    }

    /// Whether some lane could move without another event.
    fn runnable(&mut self) -> bool {
        let wait = self.entry.wait;
        for (id, lane) in self.entry.lanes.iter() {
            let end = &self.ends[id];
            let tail = id == LaneId::Client && !self.ends.tail.is_none();
            // What a session cannot seal yet waits for its handshake, which is input.
            let may_leave = lane.session.is_none() || self.sessions.is_established(lane);
            let waits = may_leave && (!end.tx.is_empty() || tail);
            if lane.writable && !end.failed && (waits || lane.holds_sealed) {
                return true;
            }
            // A queue without room for what comes is the role's to empty.
            let room = end.rx.room_len();
            let unread = match lane.session {
                Some(_) if lane.is_unread => self.sessions.is_ready(lane, room),
                _ => lane.readable && room > 0,
            };
            if unread && wait.wants_input() && !end.eof && !end.failed {
                return true;
            }
        }
        false
    }

    /// Offers every lane's bytes to its descriptor; whether the role may have been waiting for it.
    fn flush(&mut self) -> bool {
        let (mut moved, mut failed) = (false, false);
        let limit = self.share_bytes();
        for (id, lane) in self.entry.lanes.iter() {
            if !lane.writable || self.ends[id].failed {
                continue;
            }
            moved |= if lane.session.is_some() {
                let none = &mut Tail::None;
                let (end, tail) = match id {
                    LaneId::Client => self.ends.client(),
                    _ => (&mut self.ends[id], none),
                };
                let budget = (limit, self.sealed_left);
                match self.sessions.write(lane, (end, tail), self.pool, budget) {
                    Ok(done) => {
                        self.sealed_left -= done.tail;
                        done.sealed + done.sent > 0
                    }
                    Err(why) => {
                        self.fault = Some(why);
                        return true;
                    }
                }
            } else {
                plain::flush(lane, id, self.ends, &mut self.tail_left)
            };
            // The role of a failed peer has to hear of it, whatever it waits for.
            failed |= self.ends[id].failed;
            let tail = id == LaneId::Client && !self.ends.tail.is_none();
            let end = &self.ends[id];
            if end.shut && !lane.shut && end.has_left() && !tail {
                lane.shut = true;
                // Fails only when the connection has gone, which reading will tell.
                let _ = fd::shut_write(lane.fd());
            }
        }
        failed || (moved && self.entry.wait.wants_room())
    }

    /// Reads what the role waits for; whether something came.
    fn fill(&mut self) -> bool {
        if !self.entry.wait.wants_input() {
            return false;
        }
        let keep = self.share_bytes();
        let mut moved = false;
        for (id, lane) in self.entry.lanes.iter() {
            let end = &mut self.ends[id];
            if end.eof || end.failed {
                continue;
            }
            if lane.session.is_some() {
                if !lane.readable && !lane.is_unread {
                    continue;
                }
                match self.sessions.read(lane, end, self.pool, keep) {
                    Ok(came) => moved |= came,
                    Err(why) => {
                        self.fault = Some(why);
                        return true;
                    }
                }
            } else if lane.readable {
                moved |= plain::read(lane, end, keep);
            }
        }
        moved
    }
}
