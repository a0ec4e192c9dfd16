//! An exchange that takes more than its head's turn: the answer's rest, the request's body.

use super::limits::{BODY_GRACE_MS, DRAIN_BYTES_MAX};
use super::logging::Line;
use super::source::Source;
use crate::buf::{CloseReason, End, Pull, Tail};
use crate::http::body::BodyReader;

/// A request whose answer has begun.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) source: Source,
    pub(super) body: BodyReader,
    /// Bytes of the body, framing included, that were thrown away.
    pub(super) drained: u64,
    pub(super) began_ms: u64,
    pub(super) keep_alive: bool,
    pub(super) line: Option<Line>,
    /// Bytes of the answer that were put into the queue or the tail.
    pub(super) planned: u64,
    /// How many of them had not left after the last step.
    pub(super) unsent: u64,
    /// What it holds of [`LISTING_BYTES_MAX`](super::limits::LISTING_BYTES_MAX).
    pub(super) listing_bytes: usize,
    /// It counts for `ip-limit-ah`.
    pub(super) is_counted: bool,
    /// The answer has left; the body is still coming.
    pub(super) waits_for_body: bool,
}

/// What an exchange waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waits {
    /// The client takes more of the answer.
    Room,
    /// The client sends more of the body.
    Body,
    /// Nothing: it is over.
    Nothing,
}

impl Exchange {
    /// Moves both directions as far as they go.
    pub(super) fn advance(
        &mut self,
        client: &mut End,
        tail: &mut Tail,
    ) -> Result<Waits, CloseReason> {
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
        self.unsent = client.tx.len() as u64 + tail_bytes(tail);
        self.drain(client);
        let sent = client.tx.is_empty() && tail.is_none() && matches!(self.source, Source::Done);
        if !sent {
            return Ok(Waits::Room);
        }
        if self.keep_alive && !self.body.is_done() {
            return Ok(Waits::Body);
        }
        Ok(Waits::Nothing)
    }

    /// Throws the request's body away; what is too long or malformed ends the connection.
    fn drain(&mut self, client: &mut End) {
        if !self.keep_alive || self.body.is_done() {
            return;
        }
        while self.keep_alive && !client.rx.is_empty() {
            match self.body.read(client.rx.filled()) {
                Ok(step) => {
                    client.rx.consume(step.used);
                    self.drained += step.used as u64;
                    self.keep_alive = self.drained <= DRAIN_BYTES_MAX || step.done;
                    if step.done || step.used == 0 {
                        break;
                    }
                }
                Err(_) => self.keep_alive = false,
            }
        }
        // The body can not be completed any more.
        if client.eof && !self.body.is_done() {
            self.keep_alive = false;
        }
    }

    /// When the body has fallen too far behind `rate_min` bytes a second; none without a rate.
    pub(super) fn body_rate_deadline_ms(&self, rate_min: u32) -> Option<u64> {
        let covered_ms = (self.drained * 1000).checked_div(u64::from(rate_min))?;
        Some(self.began_ms + BODY_GRACE_MS + covered_ms)
    }
}

/// Bytes that a tail is to send.
pub(super) fn tail_bytes(tail: &Tail) -> u64 {
    match tail {
        Tail::File { left, .. } => *left,
        Tail::None | Tail::Broken => 0,
    }
}
