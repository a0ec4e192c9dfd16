//! An exchange that takes more than its head's turn: the rest of its answer.

use super::logging::Line;
use super::source::Source;
use crate::buf::{CloseReason, End, Pull, Tail};

/// A request whose answer has begun.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) source: Source,
    pub(super) keep_alive: bool,
    /// Every byte of the request was read.
    pub(super) clean: bool,
    pub(super) line: Option<Line>,
    /// Bytes of the answer that were put into the queue or the tail.
    pub(super) planned: u64,
    /// How many of them had not left after the last step.
    pub(super) unsent: u64,
    /// What it holds of [`LISTING_BYTES_MAX`](super::limits::LISTING_BYTES_MAX).
    pub(super) listing_bytes: usize,
    /// It counts for `ip-limit-ah`.
    pub(super) is_counted: bool,
}

impl Exchange {
    /// Moves the answer on as far as it goes; whether all of it has left.
    pub(super) fn advance(
        &mut self,
        client: &mut End,
        tail: &mut Tail,
    ) -> Result<bool, CloseReason> {
        loop {
            let before = client.tx.len();
            let pulled = self.source.pull(&mut client.tx, tail);
            self.planned += (client.tx.len() - before) as u64;
            match pulled {
                Pull::Moved => self.planned += tail_bytes(tail),
                Pull::Pending => break,
                Pull::End => {
                    self.source = Source::Done;
                    break;
                }
                Pull::Broken => return Err(CloseReason::SourceBroken),
            }
        }
        client.last = !self.keep_alive && matches!(self.source, Source::Done);
        self.unsent = client.tx.len() as u64 + tail_bytes(tail);
        Ok(client.tx.is_empty() && tail.is_none() && matches!(self.source, Source::Done))
    }
}

/// Bytes that a tail is to send.
pub(super) fn tail_bytes(tail: &Tail) -> u64 {
    match tail {
        Tail::File { left, .. } => *left,
        Tail::None | Tail::Broken => 0,
    }
}
