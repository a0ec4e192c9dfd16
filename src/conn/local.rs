//! What the connections of one reactor share: caches, counters, the clock, the logs.

use mio::Waker;

use super::handshakes::Handshakes;
use super::limits::{HEAD_BYTES_MAX, LOG_STASH_BLOCKS};
use super::site::Site;
use crate::buf::{Buf, Pool};
use crate::http::basic;
use crate::http::date::DateCache;
use crate::origin::cache::FileCache;
use crate::origin::credentials::{self, Credentials};
use crate::origin::gate::PeerCounts;
use crate::origin::verifier::Verifier;
use crate::reactor::{Command, Note};
use crate::sys::log;
use crate::sys::signal::{Signal, Signals};
use crate::sys::{clock, pages};
use crate::vhost::log::{LINE_BYTES_MAX, LogClock, Logs, Sink};

/// The number under which the signal descriptor is watched.
pub const SIGNALS: u16 = 0;

/// Bytes of a decoded path; as many as a request head can have.
const PATH_BYTES: usize = HEAD_BYTES_MAX;

/// Bytes of an error page, with the longest text that `reject-service-keywords` may give.
const PAGE_BYTES: usize = 8 * 1024;

/// Bytes of a Location: three for each byte of a path and a query, and the configured part.
const LOCATION_BYTES: usize = 32 * 1024;

/// Bytes of all scratch, for the memory bound.
pub(super) const SCRATCH_BYTES: usize = PATH_BYTES + PAGE_BYTES + LOCATION_BYTES;

/// When the last connection has gone, the files that were open for it are closed after this.
const FORGET_FILES_MS: u64 = 12_000;

/// See the module's page.
#[derive(Debug)]
pub struct Local {
    pub(super) files: FileCache,
    pub(super) date: DateCache,
    wall_at_ms: u64,
    /// A decoded path; borrowed for the time of one answer.
    pub(super) path: Box<[u8]>,
    pub(super) page: Buf,
    pub(super) location: Buf,
    pub(super) pair: Box<basic::Scratch>,
    /// Length of the user's name at the front of `pair`, once it was let in.
    pub(super) user_bytes: Option<usize>,
    pub(super) auth: Box<[Credentials]>,
    pub(super) verifier: Verifier,
    pub(super) serial: u64,
    pub(super) handshakes: Handshakes,
    pub(super) peers: Option<PeerCounts>,
    pub(super) peers_asking: Option<PeerCounts>,
    pub(super) log: Sink,
    pub(super) log_clock: LogClock,
    pub(super) log_line: Buf,
    pub(super) log_stash: Pool,
    pub(super) listing_bytes: usize,
    pub(super) connections: usize,
    forget_files_at_ms: Option<u64>,
    logs: Option<Logs>,
    signals: Option<Signals>,
    shutdown_ms: u64,
    draining: bool,
}

impl Local {
    /// The state of a reactor with at most `connections_max` connections. `logs` and `signals`
    /// belong to one reactor of the process.
    #[must_use]
    pub fn new(
        site: &Site,
        connections_max: usize,
        waker: Waker,
        logs: Option<Logs>,
        signals: Option<Signals>,
    ) -> Self {
        let limits = &site.world.limits;
        let wall_secs = clock::wall_secs();
        let count = |limit: Option<u32>| limit.map(|n| PeerCounts::new(n, connections_max));
        let auth = site.world.auth_files.iter().zip(0..);
        let stash = if logs.is_some() { LOG_STASH_BLOCKS } else { 0 };
        let wake = move || {
            // A full pipe has woken the loop already.
            let _ = waker.wake();
        };
        let mut local = Self {
            files: FileCache::new(limits.open_files_max as usize, site.roots()),
            date: DateCache::new(wall_secs),
            wall_at_ms: 0,
            path: vec![0; PATH_BYTES].into(),
            page: Buf::with_capacity(PAGE_BYTES),
            location: Buf::with_capacity(LOCATION_BYTES),
            pair: Box::new([0; size_of::<basic::Scratch>()]),
            user_bytes: None,
            auth: auth
                .map(|(file, id)| Credentials::new(id, file.path.as_ref().as_ref()))
                .collect(),
            verifier: Verifier::new(wake),
            serial: 0,
            handshakes: Handshakes::new(site.handshakes_max, connections_max),
            peers: count(limits.ip_limit_connections),
            peers_asking: count(limits.ip_limit_requests),
            log: logs.as_ref().map_or_else(Sink::none, Logs::sink),
            log_clock: LogClock::new(wall_secs.cast_signed()),
            log_line: Buf::with_capacity(if stash > 0 { LINE_BYTES_MAX } else { 0 }),
            log_stash: Pool::new(stash),
            listing_bytes: 0,
            connections: 0,
            forget_files_at_ms: None,
            logs,
            signals,
            shutdown_ms: limits.shutdown_ms,
            draining: false,
        };
        let now_ms = clock::monotonic_ms();
        for number in 0..local.auth.len() {
            local.refresh_auth(number, now_ms);
        }
        local
    }

    /// Brings the wall clock to the turn that began at `now_ms`.
    pub(super) fn tick(&mut self, now_ms: u64) {
        if self.wall_at_ms != now_ms {
            self.wall_at_ms = now_ms;
            self.date.set(clock::wall_secs());
        }
    }

    /// Reads a credentials file again if it has changed, and says what there is to say.
    pub(super) fn refresh_auth(&mut self, number: usize, now_ms: u64) {
        let wall_secs = self.date.unix_secs();
        let Some(auth) = self.auth.get_mut(number) else { return };
        let event = auth.refresh(now_ms, wall_secs);
        let path = auth.path().display();
        match event {
            None => {}
            Some(credentials::Event::Unreadable(error)) => {
                log::warn(format_args!(
                    "basic-auth file {path} can not be read ({error}); if it is gone nobody gets \
                     in, otherwise what it said before holds"
                ));
            }
            Some(credentials::Event::Loaded { users, malformed }) => {
                log::debug(format_args!("basic-auth file {path}: {users} users"));
                for line in malformed {
                    log::warn(format_args!(
                        "{path}:{line}: neither user:password nor a hash that is known"
                    ));
                }
            }
        }
    }

    /// The name of the user that the request's mount let in, copied into `room`.
    pub(super) fn copy_user<'r>(&self, room: &'r mut basic::Scratch) -> Option<&'r [u8]> {
        let bytes = self.user_bytes?;
        *room = *self.pair;
        room.get(..bytes)
    }

    pub(super) fn connection_came(&mut self) {
        self.connections += 1;
        self.forget_files_at_ms = None;
    }

    pub(super) fn connection_went(&mut self, now_ms: u64) {
        self.connections = self.connections.saturating_sub(1);
        if self.connections == 0 {
            self.forget_files_at_ms = Some(now_ms + FORGET_FILES_MS);
        }
    }

    /// Writes what the log still holds; the server ends.
    pub fn finish(&mut self) {
        if !self.log.finish(LOG_FINISH) {
            log::warn(format_args!("the access log could not be written out in time"));
        }
        if let Some(logs) = self.logs.take() {
            logs.finish(LOG_FINISH);
        }
    }

    fn obey(&mut self, signal: Signal) -> Command {
        match signal {
            Signal::Interrupt | Signal::Terminate if self.draining => Command::Stop,
            Signal::Interrupt | Signal::Terminate => {
                self.draining = true;
                log::notice(format_args!(
                    "stopping: {} connections have {} ms to finish",
                    self.connections, self.shutdown_ms
                ));
                Command::Drain { until_ms: clock::monotonic_ms() + self.shutdown_ms }
            }
            Signal::User1 => {
                if let Some(logs) = &self.logs {
                    logs.reopen();
                }
                Command::Continue
            }
            Signal::Hangup => {
                log::warn(format_args!(
                    "SIGHUP: reload is not built yet; restart to read the configuration again"
                ));
                Command::Continue
            }
            // Not watched by a server of one process.
            Signal::User2 | Signal::Child => Command::Continue,
        }
    }
}

/// How long the end waits for the log's writer.
const LOG_FINISH: std::time::Duration = std::time::Duration::from_millis(500);

impl crate::reactor::Local for Local {
    fn due_ms(&self) -> Option<u64> {
        let ends = [self.log.next_flush_ms(), self.forget_files_at_ms, self.handshakes.due_ms()];
        ends.into_iter().flatten().min()
    }

    fn service(&mut self, now_ms: u64) {
        self.handshakes.service(now_ms);
        if self.log.next_flush_ms().is_some_and(|at| at <= now_ms) {
            self.log.flush(now_ms);
        }
        if self.forget_files_at_ms.is_some_and(|at| at <= now_ms) {
            self.forget_files_at_ms = None;
            self.files.trim(now_ms, pages::give_back);
        }
    }

    fn watched(&mut self, _: u16) -> Command {
        let mut command = Command::Continue;
        while let Some(Ok(Some(signal))) = self.signals.as_ref().map(Signals::read) {
            match self.obey(signal) {
                Command::Continue => {}
                other => command = other,
            }
        }
        command
    }

    fn take_local_note(&mut self) -> Option<(u16, Note)> {
        self.handshakes.take_note()
    }

    fn take_note(&mut self) -> Option<(u16, Note)> {
        let done = self.verifier.take_result()?;
        if let Some(error) = &done.error {
            log::warn(format_args!("a password could not be checked: {error}"));
        }
        if done.granted {
            let file = usize::from(done.key.file());
            if let Some(auth) = self.auth.get_mut(file) {
                auth.remember(done.key, clock::monotonic_ms());
            }
        }
        let slot = (done.ticket & u64::from(u16::MAX)) as u16;
        Some((slot, Note::Answer { serial: done.ticket >> 16, granted: done.granted }))
    }
}
