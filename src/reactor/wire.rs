//! The descriptor's side of a lane: what a call reads into a queue or takes from one, and what it
//! says about the next call. Plain lanes and sessions differ only in which queue that is.

use std::io;

use super::entry::Lane;
use crate::buf::Buf;
use crate::sys::fd;

/// What reading came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Came {
    /// Bytes.
    Bytes,
    /// The end.
    End,
    /// The connection has failed.
    Failure,
    /// Nothing.
    Nothing,
}

/// Reads once into the room of `queue`, at most `keep` bytes.
pub(super) fn receive(lane: &mut Lane, queue: &mut Buf, keep: usize) -> Came {
    let room = queue.room();
    let ask = room.len().min(keep);
    if ask == 0 {
        return Came::Nothing;
    }
    let read = fd::read(lane.fd(), &mut room[..ask]);
    lane.readable = false;
    match read {
        Ok(0) => Came::End,
        Ok(bytes) => {
            queue.commit(bytes);
            // A short read has drained the descriptor, and the next byte will be an edge; but
            // an end that was announced before will not be announced again.
            lane.readable = bytes == ask || lane.hung_up;
            Came::Bytes
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Came::Nothing,
        Err(_) => Came::Failure,
    }
}

/// Writes what the descriptor takes of `queue` at once; how much it took. `is_last`: a client's
/// socket, whose sending side is shut as soon as all of `queue` has left.
///
/// # Errors
/// The connection has failed.
pub(super) fn offer(lane: &mut Lane, queue: &mut Buf, is_last: bool) -> io::Result<usize> {
    let write = if is_last { fd::write_last } else { fd::write };
    match write(lane.fd(), queue.filled()) {
        Ok(bytes) => {
            lane.writable = bytes == queue.len();
            queue.consume(bytes);
            Ok(bytes)
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            lane.writable = false;
            Ok(0)
        }
        Err(error) => Err(error),
    }
}
