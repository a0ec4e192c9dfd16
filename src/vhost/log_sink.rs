//! The reactor's end of the access log: a bounded buffer that never waits.

use std::sync::Arc;
use std::time::Duration;

use super::log_line::{Begun, complete, lost_note};
use super::log_writer::Shared;
use super::world::LogId;

/// Bytes of a reactor's buffer. There is another one on the way to the writer, and one that it
/// writes from; each is touched only as far as it was ever filled.
pub const BUFFER_BYTES: usize = 64 << 10;

/// How old the oldest line in a buffer may become.
pub const FLUSH_AFTER_MS: u64 = 1000;

/// When to try again after the writer was busy.
const RETRY_AFTER_MS: u64 = 200;

/// Most changes from one file to another within a buffer.
const RUNS_MAX: usize = 1024;

/// What status, byte count, their punctuation and the newline add to a begun line.
const COMPLETION_BYTES_MAX: usize = 48;

/// What a note about lost lines may take.
const NOTE_BYTES_MAX: usize = 64;

/// Bytes of a buffer with the list of its runs.
pub const BATCH_BYTES: usize = BUFFER_BYTES + RUNS_MAX * size_of::<Run>();

/// Lines for files, in order; those for the same file that follow each other are one run.
#[derive(Debug)]
pub(super) struct Batch {
    bytes: Vec<u8>,
    runs: Vec<Run>,
}

#[derive(Debug)]
struct Run {
    log: LogId,
    len: usize,
}

impl Batch {
    pub(super) fn new() -> Self {
        Self { bytes: Vec::with_capacity(BUFFER_BYTES), runs: Vec::with_capacity(RUNS_MAX) }
    }

    /// No memory at all: for a server without logs.
    const fn none() -> Self {
        Self { bytes: Vec::new(), runs: Vec::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.runs.clear();
    }

    /// The runs in order: file and whole lines.
    pub(super) fn runs(&self) -> impl Iterator<Item = (LogId, &[u8])> {
        let mut rest = self.bytes.as_slice();
        self.runs.iter().map_while(move |run| {
            let (bytes, after) = rest.split_at_checked(run.len)?;
            rest = after;
            Some((run.log, bytes))
        })
    }

    /// Whether [`Batch::add`] has `room` bytes for `log`.
    fn has_room(&self, log: LogId, room: usize) -> bool {
        self.bytes.len() + room <= BUFFER_BYTES && (self.joins(log) || self.runs.len() < RUNS_MAX)
    }

    fn joins(&self, log: LogId) -> bool {
        self.runs.last().is_some_and(|run| run.log == log)
    }

    /// Adds what `write` writes into `room` bytes; false when there is no room for them, or
    /// `write` fails, which leaves the batch as it was.
    fn add(
        &mut self,
        log: LogId,
        room: usize,
        write: impl FnOnce(&mut [u8]) -> Option<usize>,
    ) -> bool {
        if !self.has_room(log, room) {
            return false;
        }
        let (start, joins) = (self.bytes.len(), self.joins(log));
        self.bytes.resize(start + room, 0);
        let len = self.bytes.get_mut(start..).and_then(write).unwrap_or(0).min(room);
        self.bytes.truncate(start + len);
        match self.runs.last_mut() {
            _ if len == 0 => {}
            Some(run) if joins => run.len += len,
            _ => self.runs.push(Run { log, len }),
        }
        len > 0
    }
}

/// One reactor's way to the logs.
#[derive(Debug)]
pub struct Sink {
    shared: Option<Arc<Shared>>,
    mailbox: usize,
    batch: Batch,
    /// Lines dropped and not yet told, by [`LogId`].
    lost: Box<[u32]>,
    lost_total: u32,
    flush_at_ms: Option<u64>,
}

impl Default for Sink {
    fn default() -> Self {
        Self::none()
    }
}

impl Sink {
    /// A sink that takes nothing and holds no memory.
    #[must_use]
    pub fn none() -> Self {
        Self {
            shared: None,
            mailbox: 0,
            batch: Batch::none(),
            lost: Box::default(),
            lost_total: 0,
            flush_at_ms: None,
        }
    }

    pub(super) fn new(shared: Arc<Shared>, mailbox: usize, logs: usize) -> Self {
        Self {
            shared: Some(shared),
            mailbox,
            batch: Batch::new(),
            lost: vec![0; logs].into(),
            ..Self::none()
        }
    }

    /// Completes a begun line with status and bytes sent, and queues it for `log`. When there
    /// is no room it is dropped and counted. `now_ms` is the reactor's monotonic time.
    pub fn append(
        &mut self,
        now_ms: u64,
        log: LogId,
        line: &[u8],
        begun: Begun,
        status: u16,
        bytes: u64,
    ) {
        if self.shared.is_none() {
            return;
        }
        let room = line.len() + COMPLETION_BYTES_MAX;
        if self.batch.bytes.len() + room > BUFFER_BYTES / 2 {
            self.flush(now_ms);
        }
        // The gap before a line is told first, and only together with the line.
        let added = self.batch.has_room(log, NOTE_BYTES_MAX + room) && {
            self.tell_lost(log);
            self.batch.add(log, room, |into| complete(line, begun, status, bytes, into))
        };
        if !added {
            self.lost_total = self.lost_total.saturating_add(1);
            if let Some(lost) = self.lost.get_mut(usize::from(log.0)) {
                *lost = lost.saturating_add(1);
            }
        }
        self.flush_at_ms.get_or_insert_with(|| now_ms.saturating_add(FLUSH_AFTER_MS));
    }

    /// When to call [`Sink::flush`], in the time of [`Sink::append`]; none while nothing waits.
    #[must_use]
    pub fn next_flush_ms(&self) -> Option<u64> {
        self.flush_at_ms
    }

    /// Lines dropped by this sink since its start.
    #[must_use]
    pub fn lost_lines(&self) -> u32 {
        self.lost_total
    }

    /// Hands the buffer to the writer, if it is ready for it; never waits.
    pub fn flush(&mut self, now_ms: u64) {
        let Some(shared) = &self.shared else { return };
        if !self.batch.is_empty() && !shared.try_hand_over(self.mailbox, &mut self.batch) {
            self.flush_at_ms = Some(now_ms.saturating_add(RETRY_AFTER_MS));
            return;
        }
        self.flush_at_ms = None;
        for log in (0..).map(LogId).take(self.lost.len()) {
            self.tell_lost(log);
        }
        if !self.batch.is_empty() {
            self.flush_at_ms = Some(now_ms.saturating_add(RETRY_AFTER_MS));
        }
    }

    /// The last flush, when the server stops: waits up to `limit` for the writer to take the
    /// buffer. False when it did not.
    pub fn finish(&mut self, limit: Duration) -> bool {
        let Some(shared) = self.shared.clone() else { return true };
        for _ in 0..2 {
            // The second round is for the count of lost lines.
            if !self.batch.is_empty()
                && !shared.hand_over_within(self.mailbox, &mut self.batch, limit)
            {
                return false;
            }
            self.flush(0);
        }
        self.flush_at_ms = None;
        self.batch.is_empty()
    }

    fn tell_lost(&mut self, log: LogId) {
        let (Some(lost), Some(shared)) = (self.lost.get_mut(usize::from(log.0)), &self.shared)
        else {
            return;
        };
        if *lost == 0 {
            return;
        }
        let note = lost_note(shared.format(log), *lost);
        let told = self.batch.add(log, note.len(), |into| {
            into.copy_from_slice(&note);
            Some(note.len())
        });
        if told {
            *lost = 0;
        }
    }
}
