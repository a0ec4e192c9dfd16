//! Tails: the piece of a file that follows a client's queue.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use super::entry::Lane;
use super::wire;
use crate::buf::{Buf, End, Ends, Tail};
use crate::sys::fd;
use crate::sys::open::read_at;
use crate::tls::{NotSealed, Sealer};

/// Bytes that a single call sends.
const CALL_BYTES: usize = 1 << 20;

/// Sends what the descriptor takes of the tail, at most `budget` bytes; how many it took.
///
/// Not every file can be sent by the kernel: some file systems have no way for it, some sandboxes
/// refuse the call. Whatever it fails with, reading and writing tell whether it is the file or the
/// connection that has failed, or neither.
pub(super) fn send(lane: &mut Lane, ends: &mut Ends, budget: usize) -> usize {
    let (client, tail) = ends.client();
    let Tail::File { file, offset, left, is_copied } = tail else { return 0 };
    let mut sent = 0;
    while *left > 0 && sent < budget && lane.writable && !client.failed {
        let ask = usize::try_from(*left).unwrap_or(usize::MAX);
        let ask = ask.min(CALL_BYTES).min(budget - sent);
        let moved = match *is_copied {
            true => copy(lane, client, file.as_fd(), *offset, ask),
            false => fd::send_file(lane.fd(), file.as_fd(), *offset, ask),
        };
        match moved {
            // After fewer bytes than asked for the socket is full, or the file ends here; asking
            // again tells.
            Ok(n) if n > 0 => {
                sent += n;
                *offset += n as u64;
                *left -= n as u64;
            }
            Err(error) if !*is_copied => match error.kind() {
                io::ErrorKind::WouldBlock => lane.writable = false,
                _ => *is_copied = true,
            },
            // The file has become shorter than what was promised to the peer, or cannot be read.
            Ok(_) | Err(_) => {
                *tail = Tail::Broken;
                return sent;
            }
        }
    }
    if *left == 0 {
        *tail = Tail::None;
    }
    sent
}

/// Reads a piece of the tail into the empty queue before it, and writes what the descriptor takes;
/// how much was read.
///
/// # Errors
/// When the file cannot be read.
fn copy(
    lane: &mut Lane,
    client: &mut End,
    file: BorrowedFd<'_>,
    offset: u64,
    ask: usize,
) -> io::Result<usize> {
    let room = client.tx.room();
    let ask = ask.min(room.len());
    let read = read_at(file, &mut room[..ask], offset)?;
    client.tx.commit(read);
    if read > 0 {
        client.failed |= wire::offer(lane, &mut client.tx, false).is_err();
    }
    Ok(read)
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
    let Tail::File { file, offset, left, .. } = tail else { return Ok(0) };
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
