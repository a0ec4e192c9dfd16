//! Sockets whose connection has ended with a TLS alert, kept for a moment.
//!
//! A socket that is closed while its peer still sends answers with a reset, and the reset may make
//! the peer's system throw the alert away, which says what was wrong. So the sending side is shut
//! down, and the socket is kept until the peer has had the time to read. Nothing is read from it
//! meanwhile, and it costs no slot.

use std::collections::VecDeque;
use std::os::fd::{AsFd as _, OwnedFd};

use crate::sys::fd;

/// How long a socket is kept.
const PARTING_MS: u64 = 1_000;

/// Sockets that are kept at most; the oldest one goes when there are more.
pub(super) const PARTINGS_MAX: usize = 32;

/// Reads of what has come until then, each of [`READ_BYTES`].
const READS_MAX: usize = 32;
const READ_BYTES: usize = 4096;

/// The sockets, the oldest one first.
#[derive(Debug, Default)]
pub(super) struct Partings {
    waiting: VecDeque<(OwnedFd, u64)>,
}

impl Partings {
    /// Keeps a socket that nobody watches any more.
    pub(super) fn add(&mut self, socket: OwnedFd, now_ms: u64) {
        // Fails only when the connection has gone.
        let _ = fd::shut_write(socket.as_fd());
        if self.waiting.len() >= PARTINGS_MAX
            && let Some((oldest, _)) = self.waiting.pop_front()
        {
            close(&oldest);
        }
        self.waiting.push_back((socket, now_ms + PARTING_MS));
    }

    /// When [`Partings::expire`] has something to do.
    pub(super) fn due_ms(&self) -> Option<u64> {
        self.waiting.front().map(|(_, at_ms)| *at_ms)
    }

    /// Closes the sockets whose time has passed.
    pub(super) fn expire(&mut self, now_ms: u64) {
        while self.due_ms().is_some_and(|at_ms| at_ms <= now_ms)
            && let Some((socket, _)) = self.waiting.pop_front()
        {
            close(&socket);
        }
    }
}

/// Reads away what has come, so that closing does not reset the connection.
fn close(socket: &OwnedFd) {
    let mut bytes = [0; READ_BYTES];
    for _ in 0..READS_MAX {
        if !matches!(fd::read(socket.as_fd(), &mut bytes), Ok(1..)) {
            return;
        }
    }
}
