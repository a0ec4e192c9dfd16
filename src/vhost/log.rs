//! The access log: lines are rendered by the reactor and written by one thread.
//!
//! 1. At start, still as root, [`Logs::open`] opens every file once.
//! 2. Each reactor has a [`Sink`] with a bounded buffer. A line is begun when the request head
//!    is there ([`begin`], into memory of the caller) and handed over with [`Sink::append`]
//!    when status and bytes are known.
//! 3. A full or old enough buffer is swapped with an empty one under a lock that nobody holds
//!    while writing. When the writer is behind, lines are dropped and counted, and the count
//!    goes into the file as soon as there is room: `# 12 log lines were lost here`, or
//!    `{"lost_lines":12}` in JSON.
//!
//! Nothing here blocks a reactor; the writer thread begins with the first hand-over.

pub use super::log_files::{LogTarget, Owner};
pub use super::log_line::{Begun, CUT_MARK, Fields, LINE_BYTES_MAX, begin, complete};
pub use super::log_sink::{BATCH_BYTES, BUFFER_BYTES, FLUSH_AFTER_MS, Sink};
pub use super::log_time::{LogClock, Stamp};
pub use super::log_writer::{Logs, Report};
