//! Tails: the piece of a file that follows a client's queue.

use std::io;
use std::os::fd::AsFd;

use super::entry::Lane;
use crate::buf::{Buf, Ends, LaneId, Tail};
use crate::sys::fd;
use crate::sys::open::read_at;
use crate::tls::{NotSealed, Sealer};

/// Bytes that a single call sends.
const CALL_BYTES: usize = 1 << 20;

/// Sends what the descriptor takes of the tail, at most `budget` bytes; how many it took.
pub(super) fn send(lane: &mut Lane, ends: &mut Ends, budget: usize) -> usize {
    let Tail::File { file, offset, left } = &mut ends.tail else { return 0 };
    let mut sent = 0;
    while *left > 0 && sent < budget {
        let ask = usize::try_from(*left).unwrap_or(usize::MAX);
        let ask = ask.min(CALL_BYTES).min(budget - sent);
        match fd::send_file(lane.fd(), file.as_fd(), *offset, ask) {
            // The file has become shorter than what was promised to the peer.
            Ok(0) => {
                ends.tail = Tail::Broken;
                return sent;
            }
            Ok(n) => {
                sent += n;
                *offset += n as u64;
                *left -= n as u64;
                if n < ask {
                    // Either the socket is full or the file ends here; asking again tells.
                    continue;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                lane.writable = false;
                return sent;
            }
            Err(_) => {
                ends[LaneId::Client].failed = true;
                return sent;
            }
        }
    }
    if *left == 0 {
        ends.tail = Tail::None;
    }
    sent
}

/// Bytes of the tail that are left to send.
pub(super) fn left(tail: &Tail) -> usize {
    match tail {
        Tail::File { left, .. } => usize::try_from(*left).unwrap_or(usize::MAX),
        Tail::None | Tail::Broken => 0,
    }
}

/// Reads at most `bytes` of the tail straight into a record at the end of `output`, where it is
/// sealed; how many it were.
///
/// # Errors
/// When there is no record; the tail has not changed.
pub(super) fn seal(
    tail: &mut Tail,
    sealer: &mut Sealer<'_>,
    output: &mut Buf,
    bytes: usize,
) -> Result<usize, NotSealed> {
    let bytes = bytes.min(left(tail));
    let Tail::File { file, offset, left } = tail else { return Ok(0) };
    match sealer.seal_with(bytes, output, |room| read_at(file.as_fd(), room, *offset))? {
        Ok(0) | Err(_) => {
            *tail = Tail::Broken;
            Ok(0)
        }
        Ok(n) => {
            *offset += n as u64;
            *left = left.saturating_sub(n as u64);
            if *left == 0 {
                *tail = Tail::None;
            }
            Ok(n)
        }
    }
}
