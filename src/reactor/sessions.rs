//! TLS lanes: ciphertext on one side, the queues that roles see on the other.
//!
//! A session's ciphertext waits in the pool between two turns: part of a record that came in, and
//! sealed bytes that the socket has not taken, which cannot be made a second time. Within a
//! turn it passes through two queues that all lanes share.

use super::entry::{BrokeOff, Lane};
use super::seal::{say_farewell, seal};
use super::wire::{self, Came};
use crate::buf::{Buf, Chain, CloseReason, End, Pool, Tail};
use crate::sys::arena::Arena;
use crate::sys::{heap, log};
use crate::tls::{Failure, RECORD_BYTES_MAX, Received, Secured, Session};

/// Bytes of the queue for received ciphertext: one whole record behind part of another.
const INPUT_BYTES: usize = 2 * RECORD_BYTES_MAX;

/// Bytes that must be free in the pool for something to wait there that could leave.
const POSTPONED_MIN: usize = 64 * 1024;

/// Bytes of the queue for sealed records: four of them in one write.
const OUTPUT_BYTES: usize = 4 * RECORD_BYTES_MAX;

/// Bytes of a tail that are sealed in one turn before others get theirs.
pub(super) const SEALED_TURN_BYTES: usize = 256 * 1024;

/// Bytes that all TLS lanes of a reactor share; for the memory budget.
pub const SHARED_BYTES: usize = INPUT_BYTES + OUTPUT_BYTES;

/// Where a lane's session is; one more than its place, so that a lane without one costs nothing.
pub(super) type Place = Option<std::num::NonZeroU16>;

/// A session and the ciphertext that waits beside it.
#[derive(Debug)]
struct Secure {
    session: Session,
    /// Received bytes that are not opened yet.
    input: Chain,
    /// Sealed bytes that the socket has not taken.
    output: Chain,
    /// A whole record, or the end behind it, is here and can be taken without another event.
    ready: bool,
    /// Bytes of room that it needs in `rx`.
    room_bytes: usize,
    /// The socket's end has been read.
    wire_ended: bool,
    /// close_notify has been sealed.
    farewell: bool,
    /// The end of a handshake and a request have come together: what the handshake has to say
    /// can leave with the answer, in one write, instead of before it.
    postponed: bool,
}

/// Every session of a reactor.
#[derive(Debug)]
pub(super) struct Sessions {
    all: Arena<Secure>,
    input: Buf,
    output: Buf,
    /// What the last handshake of this turn has found out.
    pub(super) secured: Option<Secured>,
}

/// Bytes of an established session between two turns; for the memory budget.
#[must_use]
pub const fn session_bytes() -> usize {
    size_of::<Secure>()
}

/// What a call has moved.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Moved {
    /// Bytes of `tx` and tail that were sealed.
    pub(super) sealed: usize,
    /// Bytes of the tail among them.
    pub(super) tail: usize,
    /// Bytes that the socket took.
    pub(super) sent: usize,
}

impl Sessions {
    /// Room for `sessions_max` sessions; nothing is touched before it is used.
    pub(super) fn new(sessions_max: usize) -> Self {
        let bytes = |bytes| if sessions_max > 0 { bytes } else { 0 };
        Self {
            all: Arena::new(sessions_max),
            input: Buf::with_capacity(bytes(INPUT_BYTES)),
            output: Buf::with_capacity(bytes(OUTPUT_BYTES)),
            secured: None,
        }
    }

    /// Whether another session would have no place.
    pub(super) fn is_full(&self) -> bool {
        self.all.len() == self.all.capacity()
    }

    /// Gives a lane a session.
    ///
    /// # Errors
    /// When there is no place for one.
    pub(super) fn start(&mut self, lane: &mut Lane, session: Session) -> Result<(), CloseReason> {
        if lane.session.is_some() {
            return Err(CloseReason::TlsFailed);
        }
        let secure = Secure {
            session,
            input: Chain::EMPTY,
            output: Chain::EMPTY,
            ready: false,
            room_bytes: 0,
            wire_ended: false,
            farewell: false,
            postponed: false,
        };
        let place = self.all.insert(secure).map_err(|_| CloseReason::TlsFull)?;
        let place = u16::try_from(place + 1).ok().and_then(std::num::NonZeroU16::new);
        lane.session = place;
        Ok(())
    }

    /// Hands the bytes that a lane has received in the clear to its new session.
    pub(super) fn take_over(
        &mut self,
        lane: &mut Lane,
        end: &mut End,
        pool: &mut Pool,
    ) -> Result<(), CloseReason> {
        let Some(secure) = find(&mut self.all, lane) else { return Ok(()) };
        secure.input = pool.store(end.rx.filled()).ok_or(CloseReason::Evicted)?;
        secure.ready = true;
        secure.wire_ended = std::mem::take(&mut end.eof);
        lane.is_unread = true;
        lane.holds_unopened = true;
        end.rx.consume(end.rx.len());
        Ok(())
    }

    /// Ends a lane's session and frees what waits beside it.
    pub(super) fn end(&mut self, lane: &mut Lane, pool: &mut Pool) {
        let Some(place) = lane.session.take() else { return };
        if let Some(mut secure) = self.all.remove(usize::from(place.get()) - 1) {
            pool.release(&mut secure.input);
            pool.release(&mut secure.output);
        }
    }

    /// Gives back the memory of a burst of sessions.
    pub(super) fn trim(&mut self) {
        if self.all.capacity() > 0 {
            self.all.trim();
            heap::give_back();
        }
    }

    /// Reads once, at most `keep` bytes, and opens what has become whole; whether the role may have
    /// been waiting for it.
    pub(super) fn read(
        &mut self,
        lane: &mut Lane,
        end: &mut End,
        pool: &mut Pool,
        keep: usize,
    ) -> Result<bool, CloseReason> {
        let Some(secure) = find(&mut self.all, lane) else { return Ok(false) };
        let (input, output) = (&mut self.input, &mut self.output);
        input.clear();
        output.clear();
        pool.load(&mut secure.input, input);
        pool.load(&mut secure.output, output);
        let came = read_wire(secure, lane, end, input, keep);
        let before = end.rx.len();
        take_records(secure, lane, end, input, output, &mut self.secured);
        let opened = end.rx.len() > before;
        // It waits in the pool: when there is little left of that, it had better leave.
        secure.postponed = opened
            && self.secured.is_some()
            && !output.is_empty()
            && pool.free_bytes() > POSTPONED_MIN;
        let stored = match secure.postponed {
            true => hold(secure, lane, end, output, pool),
            false => send(secure, lane, end, output, pool).1,
        };
        secure.input = pool.store(input.filled()).ok_or(CloseReason::Evicted)?;
        lane.is_unread = secure.ready;
        lane.holds_unopened = !secure.input.is_empty();
        stored?;
        end.came_in |= came || opened;
        // What the session owes now is sealed by the flush that follows every step.
        Ok(came || opened || end.eof || end.failed || secure.session.owes())
    }

    /// Seals what the role has to say, at most `limit` bytes ahead of the socket and `tail_left`
    /// bytes of the tail, and offers it.
    pub(super) fn write(
        &mut self,
        lane: &mut Lane,
        (end, tail): (&mut End, &mut Tail),
        pool: &mut Pool,
        (limit, tail_left): (usize, usize),
    ) -> Result<Moved, CloseReason> {
        let Some(secure) = find(&mut self.all, lane) else { return Ok(Moved::default()) };
        self.output.clear();
        pool.load(&mut secure.output, &mut self.output);
        let limit = limit.min(OUTPUT_BYTES);
        let mut moved = Moved::default();
        loop {
            let budget = (limit, tail_left - moved.tail);
            let (sealed, of_tail, able) = {
                let ends = (&mut secure.session, &mut secure.farewell);
                seal(ends, (end, tail), &mut self.output, budget)
            };
            moved.sealed += sealed;
            moved.tail += of_tail;
            // The step that answers is still to come; the flush after it finds this done.
            if std::mem::take(&mut secure.postponed) && sealed == 0 {
                hold(secure, lane, end, &mut self.output, pool)?;
                return Ok(moved);
            }
            let (sent, stored) = send(secure, lane, end, &mut self.output, pool);
            moved.sent += sent;
            stored?;
            able?;
            if sealed + sent == 0 || !lane.writable || end.failed {
                return Ok(moved);
            }
        }
    }

    /// Whether a lane's session has something for a role with `room` bytes left in `rx`, or the
    /// end, that reading gives without another event.
    pub(super) fn is_ready(&mut self, lane: &Lane, room: usize) -> bool {
        find(&mut self.all, lane).is_some_and(|secure| secure.ready && secure.room_bytes <= room)
    }

    /// Whether a lane's handshake is done, so that bytes of roles can leave.
    pub(super) fn is_established(&mut self, lane: &Lane) -> bool {
        find(&mut self.all, lane).is_some_and(|secure| secure.session.is_established())
    }

    /// Says close_notify, if the socket takes it at once.
    pub(super) fn farewell(&mut self, lane: &mut Lane, end: &mut End, pool: &mut Pool) {
        let Some(secure) = find(&mut self.all, lane) else { return };
        if lane.writable && !end.failed && secure.output.is_empty() && end.tx.is_empty() {
            self.output.clear();
            say_farewell((&mut secure.session, &mut secure.farewell), &mut self.output);
            // The connection ends; what is not taken now is lost.
            let _ = send(secure, lane, end, &mut self.output, pool);
        }
    }
}

fn find<'a>(all: &'a mut Arena<Secure>, lane: &Lane) -> Option<&'a mut Secure> {
    all.get_mut(usize::from(lane.session?.get()) - 1)
}

/// Reads ciphertext; whether bytes or the end came.
fn read_wire(
    secure: &mut Secure,
    lane: &mut Lane,
    end: &mut End,
    input: &mut Buf,
    keep: usize,
) -> bool {
    if !lane.readable || secure.wire_ended {
        return false;
    }
    let came = wire::receive(lane, input, keep);
    secure.wire_ended |= came == Came::End;
    end.failed |= came == Came::Failure;
    came != Came::Nothing
}

/// Opens what is whole, or goes on with the handshake.
fn take_records(
    secure: &mut Secure,
    lane: &mut Lane,
    end: &mut End,
    input: &mut Buf,
    output: &mut Buf,
    secured: &mut Option<Secured>,
) {
    secure.ready = false;
    loop {
        let (used, received) = secure.session.receive(input.filled_mut(), &mut end.rx, output);
        input.consume(used);
        match received {
            Received::Secured(found) => *secured = Some(found),
            Received::More => break,
            Received::Full { room_bytes } => {
                secure.ready = true;
                secure.room_bytes = room_bytes;
                return;
            }
            Received::Closed => {
                input.consume(input.len());
                end.eof = true;
                return;
            }
            Received::Failed(failure) => {
                match &failure {
                    Failure::Client(words) => log::notice(format_args!("TLS: {words}")),
                    _ => log::debug(format_args!("TLS: {failure}")),
                }
                input.consume(input.len());
                end.failed = true;
                let of_peer = failure.is_of_peer();
                lane.broke_off = Some(if of_peer { BrokeOff::Peer } else { BrokeOff::Here });
                return;
            }
        }
    }
    end.eof |= secure.wire_ended;
}

/// Offers `output` to the descriptor and keeps what it does not take; how much it took.
fn send(
    secure: &mut Secure,
    lane: &mut Lane,
    end: &mut End,
    output: &mut Buf,
    pool: &mut Pool,
) -> (usize, Result<(), CloseReason>) {
    let mut sent = 0;
    if !output.is_empty() && lane.writable {
        match wire::offer(lane, output, secure.farewell) {
            Ok(bytes) => sent = bytes,
            Err(_) => end.failed = true,
        }
    }
    end.went_out |= sent > 0;
    (sent, hold(secure, lane, end, output, pool))
}

/// Keeps `output` for later.
fn hold(
    secure: &mut Secure,
    lane: &mut Lane,
    end: &mut End,
    output: &mut Buf,
    pool: &mut Pool,
) -> Result<(), CloseReason> {
    end.held = !output.is_empty();
    lane.holds_sealed = end.held;
    let stored = pool.store(output.filled());
    output.clear();
    secure.output = stored.ok_or(CloseReason::Evicted)?;
    Ok(())
}
