//! What an answer's bytes are pulled from, when they do not fit into one turn.

use std::os::fd::{AsFd, OwnedFd};

use crate::buf::{Buf, Pull, Tail};
use crate::http::byteranges::Boundary;
use crate::http::limits::RANGES_MAX;
use crate::http::range::ByteRange;
use crate::sys::fd;

/// The rest of an answer.
#[derive(Debug)]
pub(super) enum Source {
    /// Everything is in the queue, or in the tail behind it.
    Done,
    /// Bytes that were made for this answer.
    Page {
        /// All of them.
        bytes: Box<[u8]>,
        /// How many are in the queue already.
        at: usize,
    },
    /// Several ranges of a file.
    Parts(Box<Parts>),
}

/// Several ranges of a file, as `multipart/byteranges`.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) file: OwnedFd,
    pub(super) ranges: heapless::Vec<ByteRange, RANGES_MAX>,
    pub(super) next: usize,
    pub(super) boundary: Boundary,
    pub(super) content_type: Box<[u8]>,
    pub(super) size: u64,
}

impl Source {
    /// Moves bytes into `tx`, or sets the tail.
    pub(super) fn pull(&mut self, tx: &mut Buf, tail: &mut Tail) -> Pull {
        if !tail.is_none() {
            return Pull::Pending;
        }
        match self {
            Self::Done => Pull::End,
            Self::Page { bytes, at } => {
                *at += tx.push(bytes.get(*at..).unwrap_or_default());
                if *at < bytes.len() { Pull::Pending } else { Pull::End }
            }
            Self::Parts(parts) => parts.pull(tx, tail),
        }
    }
}

impl Parts {
    /// One part each time: its head into the queue, its bytes as the tail.
    fn pull(&mut self, tx: &mut Buf, tail: &mut Tail) -> Pull {
        let Some(range) = self.ranges.get(self.next) else {
            return match self.boundary.write_end(tx) {
                Ok(()) => Pull::End,
                Err(_) => Pull::Pending,
            };
        };
        let part = self.boundary.write_part(tx, &self.content_type, *range, self.size);
        if part.is_err() {
            return Pull::Pending;
        }
        let Ok(file) = fd::duplicate(self.file.as_fd()) else { return Pull::Broken };
        *tail = Tail::file(file, range.first, range.len());
        self.next += 1;
        Pull::Moved
    }
}
