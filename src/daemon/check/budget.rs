//! What the server may use at most: a sum with a line for each user of memory.
//!
//! Everything here is allocated at start and touched only when it is needed, so the bound is
//! what cannot be exceeded, not what is used.

use std::fmt;

use super::descriptors::{self, CONNECTIONS_MIN, Held};
use crate::buf::{BLOCK_BYTES, LANES};
use crate::config::settings::{Global, Settings};
use crate::conn::{RX_BYTES, TX_BYTES, UserOfMemory};
use crate::daemon::finding::{Finding, Severity};
use crate::reactor::{SHARED_BYTES, SLOTS_MAX, session_bytes};
use crate::tls::certificate::SUBJECT_BYTES_MAX;

/// What the kernel keeps for a connection beside its socket buffers, measured: socket, inode,
/// directory entry, file and epoll item.
const KERNEL_SOCKET_BYTES: u64 = 4403;

/// Memory of the machine for each connection of the default `max-connections`.
const MEMORY_PER_CONNECTION: u64 = 40 * 1024;

/// The default `max-connections` is never below this, nor above [`CONNECTIONS_DEFAULT_MAX`].
const CONNECTIONS_DEFAULT_MIN: u64 = 256;
const CONNECTIONS_DEFAULT_MAX: u64 = 16384;

/// Blocks of the default pool: one for every eight connections, within these bounds.
const BLOCKS_DEFAULT_MIN: usize = 64;
const BLOCKS_DEFAULT_MAX: usize = 1024;

/// The default `max-handshakes`: one for every so many connections, within these bounds.
const HANDSHAKES_PART: usize = 8;
const HANDSHAKES_MIN: usize = 16;
const HANDSHAKES_MAX: usize = 512;

/// What a TLS handshake holds on the heap at most while it waits for its client, measured by
/// tests/tls_handshake_memory.rs.
const OPEN_HANDSHAKE_BYTES: usize = 4 * 1024;

/// The same where a certificate is wanted of a client, whose hello then is kept: up to 24 KiB.
const CERTIFIED_HANDSHAKE_BYTES: usize = 52 * 1024;

/// What the one that is being worked on takes besides at most: a hello of 24 KiB, taken apart.
const HANDSHAKE_PEAK_BYTES: usize = 104 * 1024;

/// Stack of a thread that turns a reactor; the first one has the process's.
pub(in crate::daemon) const STACK_BYTES: usize = 256 << 10;

/// What the machine offers.
#[derive(Debug, Clone, Copy)]
pub(in crate::daemon) struct Machine {
    /// Bytes of memory.
    pub memory_bytes: u64,
    /// Descriptors that the process may have open.
    pub descriptors: u64,
}

/// The sizes that the server is built with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::daemon) struct Sizes {
    /// Connections at once.
    pub connections_max: usize,
    /// Connections that were asked for or are the default for this memory.
    pub connections_wanted: usize,
    /// Reactors, each in a thread; all numbers are those of the whole server.
    pub threads: usize,
    /// Blocks of the pool.
    pub blocks_max: usize,
    /// TLS sessions at once; 0 when nothing speaks TLS.
    pub sessions_max: usize,
    /// TLS handshakes at once.
    pub handshakes_max: usize,
    /// Bytes that each of them may hold.
    pub handshake_bytes: usize,
    /// Bytes that a connection may hold of its client's certificate.
    pub client_bytes: usize,
    /// Descriptors that would be needed beside those that there are.
    pub descriptors_missing: u64,
}

/// What is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::daemon) enum Speech {
    /// No TLS.
    Plain,
    /// TLS, and no client has to show a certificate.
    Tls,
    /// TLS, and some clients have to.
    CertifiedTls,
}

impl Speech {
    /// What some vhost of `settings` speaks.
    #[must_use]
    pub(in crate::daemon) fn of(settings: &Settings) -> Self {
        let mut of_vhosts =
            settings.vhosts.iter().filter_map(|vhost| vhost.tls.as_ref()).peekable();
        if of_vhosts.peek().is_none() {
            Self::Plain
        } else if of_vhosts.any(|tls| tls.client_cert_required.is_some()) {
            Self::CertifiedTls
        } else {
            Self::Tls
        }
    }
}

impl Sizes {
    /// From the configuration and the machine, beside what is `held`. Nothing is set aside for TLS
    /// where it is not spoken.
    #[must_use]
    pub(in crate::daemon) fn new(
        global: &Global,
        machine: Machine,
        held: Held,
        speech: Speech,
    ) -> Self {
        let by_memory = (machine.memory_bytes / MEMORY_PER_CONNECTION)
            .clamp(CONNECTIONS_DEFAULT_MIN, CONNECTIONS_DEFAULT_MAX);
        let wanted = global.connections_max.map_or(by_memory, u64::from);
        let taken = descriptors::beside(global, held);
        let possible = machine.descriptors.saturating_sub(taken).max(CONNECTIONS_MIN);
        let whole = |n: u64| usize::try_from(n).unwrap_or(usize::MAX).clamp(1, SLOTS_MAX);
        let connections_max = whole(wanted.min(possible));
        let blocks_default = (connections_max / 8).clamp(BLOCKS_DEFAULT_MIN, BLOCKS_DEFAULT_MAX);
        let blocks_max = global.blocks_max.map_or(blocks_default, |n| whole(u64::from(n)));
        let sessions_max = global.tls_connections_max.map_or(connections_max, |n| n as usize);
        let by_connections = connections_max / HANDSHAKES_PART;
        let handshakes_max = global
            .handshakes_max
            .map_or_else(|| by_connections.clamp(HANDSHAKES_MIN, HANDSHAKES_MAX), |n| n as usize)
            .clamp(1, connections_max);
        let sessions_max = match speech {
            Speech::Plain => 0,
            Speech::Tls | Speech::CertifiedTls => sessions_max.min(connections_max),
        };
        // A reactor without any of them could not serve what the kernel gives it.
        let shared = match speech {
            Speech::Plain => connections_max.min(blocks_max),
            Speech::Tls | Speech::CertifiedTls => {
                connections_max.min(blocks_max).min(sessions_max).min(handshakes_max)
            }
        };
        Self {
            connections_max,
            connections_wanted: whole(wanted),
            threads: usize::from(global.count_threads).clamp(1, shared.max(1)),
            blocks_max,
            sessions_max,
            handshakes_max,
            handshake_bytes: match speech {
                Speech::Plain => 0,
                Speech::Tls => OPEN_HANDSHAKE_BYTES,
                Speech::CertifiedTls => CERTIFIED_HANDSHAKE_BYTES,
            },
            client_bytes: match speech {
                Speech::Plain | Speech::Tls => 0,
                Speech::CertifiedTls => SUBJECT_BYTES_MAX + size_of::<Box<str>>(),
            },
            descriptors_missing: (taken + CONNECTIONS_MIN).saturating_sub(machine.descriptors),
        }
    }
}

impl Sizes {
    /// What the reactor with this number gets: the sums of all reactors are the whole.
    #[must_use]
    pub(in crate::daemon) fn share(&self, number: usize) -> Share {
        let part = |whole: usize| whole / self.threads + usize::from(number < whole % self.threads);
        Share {
            connections_max: part(self.connections_max),
            blocks_max: part(self.blocks_max),
            sessions_max: part(self.sessions_max),
            handshakes_max: part(self.handshakes_max),
        }
    }
}

impl Sizes {
    /// Says where there is less than was asked for.
    pub(in crate::daemon) fn shortcomings(&self, global: &Global) -> Vec<Finding> {
        let mut found = Vec::new();
        let mut add = |text| found.push(Finding::new(Severity::Degraded, text));
        if self.descriptors_missing > 0 {
            add(format!(
                "{} more open files than are allowed would be needed for all listeners, \
                 directories and logs",
                self.descriptors_missing
            ));
        }
        if self.connections_max < self.connections_wanted {
            add(format!(
                "only {} connections at once instead of {}: no more open files are allowed",
                self.connections_max, self.connections_wanted
            ));
        }
        found.iter_mut().for_each(|one| one.hint = Some(descriptors::REMEDY.to_owned()));
        if self.threads < usize::from(global.count_threads) {
            let text = format!(
                "only {} threads instead of {}: each needs a connection, a buffer and a handshake \
                 of its own",
                self.threads, global.count_threads
            );
            found.push(Finding::new(Severity::Degraded, text));
        }
        found
    }
}

/// The part of [`Sizes`] that one reactor has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::daemon) struct Share {
    /// Connections at once.
    pub connections_max: usize,
    /// Blocks of the pool.
    pub blocks_max: usize,
    /// TLS sessions at once.
    pub sessions_max: usize,
    /// TLS handshakes at once.
    pub handshakes_max: usize,
}

/// One user of memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::daemon) struct Line {
    /// What it is.
    pub what: &'static str,
    /// How many.
    pub count: u64,
    /// Bytes of each.
    pub each: u64,
}

impl Line {
    /// A line of `count` times `each` bytes.
    #[must_use]
    pub(in crate::daemon) fn new(what: &'static str, count: usize, each: usize) -> Self {
        Self { what, count: count as u64, each: each as u64 }
    }

    /// Bytes in all.
    #[must_use]
    pub(in crate::daemon) fn bytes(&self) -> u64 {
        self.count * self.each
    }
}

impl From<UserOfMemory> for Line {
    fn from(user: UserOfMemory) -> Self {
        Self::new(user.what, user.count, user.each)
    }
}

/// The bound, line by line.
#[derive(Debug, Clone, Default)]
pub(in crate::daemon) struct Budget {
    lines: Vec<Line>,
    kernel_bytes: u64,
}

impl Budget {
    /// What the reactors map, for slots of `entry_bytes`.
    #[must_use]
    pub(in crate::daemon) fn of_reactors(sizes: &Sizes, entry_bytes: usize) -> Self {
        let mut lines = vec![
            Line::new("connections", sizes.connections_max, entry_bytes + size_of::<u16>()),
            Line::new("buffers", sizes.blocks_max, BLOCK_BYTES + size_of::<u16>()),
            Line::new("input and output", sizes.threads * LANES, RX_BYTES + TX_BYTES),
        ];
        if sizes.threads > 1 {
            lines.push(Line::new("stacks of threads", sizes.threads - 1, STACK_BYTES));
        }
        if sizes.sessions_max > 0 {
            lines.extend([
                Line::new("TLS sessions", sizes.sessions_max, session_bytes()),
                Line::new("TLS handshakes", sizes.handshakes_max, sizes.handshake_bytes),
                Line::new("TLS handshake at work", sizes.threads, HANDSHAKE_PEAK_BYTES),
                Line::new("TLS input and output", sizes.threads, SHARED_BYTES),
            ]);
        }
        if sizes.client_bytes > 0 {
            lines.push(Line::new("names in certificates", sizes.sessions_max, sizes.client_bytes));
        }
        Self { lines, kernel_bytes: KERNEL_SOCKET_BYTES * sizes.connections_max as u64 }
    }

    /// Adds a user.
    pub(in crate::daemon) fn add(&mut self, line: Line) {
        self.lines.push(line);
    }

    /// Bytes in all.
    #[must_use]
    pub(in crate::daemon) fn bytes(&self) -> u64 {
        self.lines.iter().map(Line::bytes).sum()
    }
}

/// A number of bytes for people.
#[derive(Debug, Clone, Copy)]
pub(in crate::daemon) struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = |unit: u64| (self.0 * 10).div_ceil(unit);
        match self.0 {
            0..10240 => write!(f, "{} B", self.0),
            10240..10_485_760 => write!(f, "{} KiB", self.0.div_ceil(1024)),
            _ => write!(f, "{}.{} MiB", tenths(1 << 20) / 10, tenths(1 << 20) % 10),
        }
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (own, kernel) = (Bytes(self.bytes()), Bytes(self.kernel_bytes));
        let sockets = self.kernel_bytes / KERNEL_SOCKET_BYTES;
        write!(f, "memory: at most {own} of its own; with {sockets} connections the kernel ")?;
        write!(f, "takes {kernel} more, and what their socket buffers hold")?;
        for line in &self.lines {
            let all = Bytes(line.bytes()).to_string();
            let each = Bytes(line.each);
            write!(f, "\n  {:<24} {:>10}   {} x {each}", line.what, all, line.count)?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "budget_tests.rs"]
mod tests;
