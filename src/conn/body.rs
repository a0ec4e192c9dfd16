//! A request's body that nobody wants: read away before the request is answered.
//!
//! Reading it first means that a malformed body is answered with 400 and one that does not come
//! with 408, however its bytes were cut on their way; and the connection can be kept.

use super::limits::BODY_GRACE_MS;
use crate::http::body::BodyReader;
use crate::http::framing::Framing;
use crate::http::head::Head;

/// How far a body has been read away.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unwanted {
    reader: BodyReader,
    /// Bytes of it, without framing, of which no more than a few can come for each.
    read: u64,
    bytes_max: u64,
    began_ms: u64,
    /// It is not read at all: too long, or the client waits for leave to send it.
    skipped: bool,
}

/// What a piece of a body came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Read {
    /// All of it is here.
    Whole,
    /// More has to come.
    Part,
    /// It will not be read; the connection ends with the answer.
    Skipped,
    /// It breaks its framing.
    Malformed,
}

impl Unwanted {
    /// The body that `head` announces.
    ///
    /// At most `bytes_max` of it are read: what a mount would refuse for its length is refused
    /// before it comes.
    pub(super) fn new(head: &Head<'_>, now_ms: u64, bytes_max: u64) -> Self {
        let long = matches!(head.framing, Framing::Length(bytes) if bytes > bytes_max);
        // Who waits for 100 (Continue) and gets a final answer may send the body or not, and
        // only the end of the connection tells.
        let skipped = long || head.expect_continue;
        let reader = BodyReader::new(head.framing);
        Self { reader, read: 0, bytes_max, began_ms: now_ms, skipped }
    }

    /// Reads on; how many of `bytes` are the body's.
    pub(super) fn read(&mut self, bytes: &[u8]) -> (usize, Read) {
        let mut used = 0;
        loop {
            if self.skipped || self.bytes() > self.bytes_max {
                return (used, Read::Skipped);
            }
            if self.reader.is_done() {
                return (used, Read::Whole);
            }
            let rest = bytes.get(used..).unwrap_or_default();
            match self.reader.read(rest) {
                Err(_) => return (used, Read::Malformed),
                Ok(step) if step.used == 0 && !step.done => return (used, Read::Part),
                Ok(step) => {
                    used += step.used;
                    self.read += step.data.len() as u64;
                }
            }
        }
    }

    /// Bytes that it has at least: those that were read, and what the current chunk announces.
    pub(super) fn bytes(&self) -> u64 {
        self.read.saturating_add(self.reader.left())
    }

    /// When it has fallen too far behind `rate_min` bytes a second; none without a rate.
    pub(super) fn rate_deadline_ms(&self, rate_min: u32) -> Option<u64> {
        let covered_ms = (self.read * 1000).checked_div(u64::from(rate_min))?;
        Some(self.began_ms + BODY_GRACE_MS + covered_ms)
    }
}
