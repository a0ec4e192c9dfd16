//! Plain lanes: queues that are read from and written to a descriptor as they are.

use super::entry::Lane;
use super::tail;
use super::wire::{self, Came};
use crate::buf::{End, Ends, LaneId};

/// Writes what the descriptor takes of a plain lane, and of the tail behind it.
pub(super) fn flush(lane: &mut Lane, id: LaneId, ends: &mut Ends, tail_left: &mut usize) -> bool {
    let before = ends[id].tx.len();
    let had_tail = id == LaneId::Client && !ends.tail.is_none();
    if before > 0 {
        let end = &mut ends[id];
        let is_last = end.last && !had_tail;
        end.failed |= wire::offer(lane, &mut end.tx, is_last).is_err();
    }
    let mut tail_sent = 0;
    if had_tail && lane.writable && ends[id].tx.is_empty() {
        tail_sent = tail::send(lane, ends, *tail_left);
        *tail_left -= tail_sent;
    }
    let end = &mut ends[id];
    let moved = end.tx.len() < before || tail_sent > 0;
    end.went_out |= moved;
    moved
}

/// Reads once, at most `keep` bytes; whether bytes or the end came.
pub(super) fn read(lane: &mut Lane, end: &mut End, keep: usize) -> bool {
    let came = wire::receive(lane, &mut end.rx, keep);
    end.came_in |= came == Came::Bytes;
    end.eof |= came == Came::End;
    end.failed |= came == Came::Failure;
    came != Came::Nothing
}
