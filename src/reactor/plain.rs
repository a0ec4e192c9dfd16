//! Plain lanes: queues that are read from and written to a descriptor as they are.

use std::io;

use super::entry::Lane;
use super::tail;
use crate::buf::{End, Ends, LaneId};
use crate::sys::fd;

/// Writes what the descriptor takes of a plain lane, and of the tail behind it.
pub(super) fn flush(lane: &mut Lane, id: LaneId, ends: &mut Ends, tail_left: &mut usize) -> bool {
    let before = ends[id].tx.len();
    let had_tail = id == LaneId::Client && !ends.tail.is_none();
    if before > 0 {
        write(lane, &mut ends[id]);
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

/// Writes what the descriptor takes at once.
fn write(lane: &mut Lane, end: &mut End) {
    let offered = end.tx.len();
    match fd::write(lane.fd(), end.tx.filled()) {
        Ok(n) => {
            end.tx.consume(n);
            lane.writable = n == offered;
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => lane.writable = false,
        Err(_) => end.failed = true,
    }
}

/// Reads once, at most `keep` bytes; whether bytes or the end came.
pub(super) fn read(lane: &mut Lane, end: &mut End, keep: usize) -> bool {
    let room = end.rx.room();
    if room.is_empty() {
        return false;
    }
    let ask = room.len().min(keep);
    match fd::read(lane.fd(), &mut room[..ask]) {
        Ok(0) => {
            end.eof = true;
            lane.readable = false;
            true
        }
        Ok(n) => {
            end.rx.commit(n);
            end.came_in = true;
            // A short read has drained the descriptor, and the next byte will be an edge; but
            // an end that was announced before will not be announced again.
            lane.readable = n == ask || lane.hung_up;
            true
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            lane.readable = false;
            false
        }
        Err(_) => {
            end.failed = true;
            lane.readable = false;
            true
        }
    }
}
