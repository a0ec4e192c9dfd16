//! What the connections of one reactor share: caches, counters, the clock, the logs.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::faults::Told;
use super::handshakes::Handshakes;
use super::limits::{HEAD_BYTES_MAX, LOG_STASH_BLOCKS};
use super::overseer::Overseer;
use super::peers::PeerLimits;
use super::site::Site;
use crate::buf::{Buf, Pool};
use crate::http::basic;
use crate::http::date::DateCache;
use crate::origin::cache::FileCache;
use crate::origin::credentials::{self, Credentials};
use crate::origin::verifier::Verifier;
use crate::reactor::{Command, Counts, Letter, Note, Post, share};
use crate::sys::log;
use crate::sys::walk::Root;
use crate::sys::{clock, pages};
use crate::vhost::log::{LINE_BYTES_MAX, LogClock, Logs, Sink};

/// Bytes of a decoded path; as many as a request head can have.
const PATH_BYTES: usize = HEAD_BYTES_MAX;

/// Bytes of an error page, with the longest text that `reject-service-keywords` may give.
const PAGE_BYTES: usize = 8 * 1024;

/// Bytes of a Location: three for each byte of a path and a query, and the configured part.
const LOCATION_BYTES: usize = 32 * 1024;

/// Bytes of all scratch, for the memory bound.
pub(super) const SCRATCH_BYTES: usize = PATH_BYTES + PAGE_BYTES + LOCATION_BYTES;

/// See the module's page.
pub struct Local {
    pub(super) files: FileCache,
    pub(super) told: Told,
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
    pub(super) peers: PeerLimits,
    pub(super) log: Sink,
    pub(super) log_clock: LogClock,
    pub(super) log_line: Buf,
    pub(super) log_stash: Pool,
    pub(super) listing_bytes: usize,
    pub(super) connections: usize,
    /// Requests answered since the start.
    pub(super) requests: u64,
    overseer: Option<Box<dyn Overseer>>,
    shutdown_ms: u64,
}

/// What [`Local::new`] makes the state of one reactor with.
pub struct Parts {
    /// Connections that this reactor may have.
    pub connections_max: usize,
    /// Which of how many reactors it is.
    pub post: Post,
    /// The process's access logs; the reactor makes a sink of its own.
    pub logs: Logs,
    /// A clone of the process's tables.
    pub peers: PeerLimits,
    /// Who answers for the descriptors that this reactor watches.
    pub overseer: Option<Box<dyn Overseer>>,
    /// What this process may not read itself.
    pub passwords: Passwords,
}

/// Contents of credentials files by number, wiped when all reactors have taken them.
pub type Passwords = Arc<[(u16, Zeroizing<Vec<u8>>)]>;

impl Local {
    /// The state of one reactor. What the process may have in all, files that are kept open and
    /// handshakes, is divided among its reactors.
    #[must_use]
    pub fn new(site: &Site, parts: Parts) -> Self {
        let Parts { connections_max, post, logs, peers, overseer, passwords } = parts;
        let limits = &site.world.limits;
        let part = |all| share(all, post.own(), post.reactors());
        let open_files = part(limits.open_files_max as usize);
        let handshakes = part(site.handshakes_max);
        let wall_secs = clock::wall_secs();
        let auth = site.world.auth_files.iter().zip(0..);
        let has_logs = !site.world.log_files.is_empty();
        let stash = if has_logs { LOG_STASH_BLOCKS } else { 0 };
        let wake = move || post.wake();
        let mut local = Self {
            files: FileCache::new(open_files, site.roots()),
            told: Told::new(site.roots().count()),
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
            handshakes: Handshakes::new(handshakes, connections_max),
            peers,
            log: logs.sink(),
            log_clock: LogClock::new(wall_secs.cast_signed()),
            log_line: Buf::with_capacity(if stash > 0 { LINE_BYTES_MAX } else { 0 }),
            log_stash: Pool::new(stash),
            listing_bytes: 0,
            connections: 0,
            requests: 0,
            overseer,
            shutdown_ms: limits.shutdown_ms,
        };
        for (number, text) in &*passwords {
            let number = usize::from(*number);
            let event = local.auth.get_mut(number).map(|auth| auth.hold(text));
            local.tell_auth(number, event);
        }
        let now_ms = clock::monotonic_ms();
        for number in 0..local.auth.len() {
            local.refresh_auth(number, now_ms);
        }
        local
    }

    /// Holds a directory of a file mount, by its number, that this process has no way to any more.
    pub fn hold(&mut self, number: u16, directory: Root) {
        self.files.hold(number, directory);
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
        self.tell_auth(number, event);
    }

    fn tell_auth(&self, number: usize, event: Option<credentials::Event>) {
        let Some(auth) = self.auth.get(number) else { return };
        let path = auth.path().display();
        match event {
            None => {}
            Some(credentials::Event::Unreadable(error)) => {
                log::warn(format_args!(
                    "basic-auth file {path} cannot be read ({error}); if it is gone nobody gets \
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
    }

    pub(super) fn connection_went(&mut self) {
        self.connections = self.connections.saturating_sub(1);
    }

    /// Hands over what the log still holds; the reactor has ended. [`Logs::finish`] follows when
    /// all of them have.
    pub fn finish(&mut self) {
        if !self.log.finish(LOG_FINISH) {
            log::warn(format_args!("the access log could not be written out in time"));
        }
    }
}

/// How long the end waits for the log's writer.
pub const LOG_FINISH: std::time::Duration = std::time::Duration::from_millis(500);

impl crate::reactor::Local for Local {
    fn due_ms(&self) -> Option<u64> {
        let ends = [self.log.next_flush_ms(), self.files.due_ms(), self.handshakes.due_ms()];
        ends.into_iter().flatten().min()
    }

    fn service(&mut self, now_ms: u64) {
        self.handshakes.service(now_ms);
        if self.log.next_flush_ms().is_some_and(|at| at <= now_ms) {
            self.log.flush(now_ms);
        }
        if self.files.due_ms().is_some_and(|at| at <= now_ms) {
            self.files.trim(now_ms, pages::give_back);
        }
    }

    fn watched(&mut self, watch: u16) -> Command {
        let connections = self.connections;
        match &mut self.overseer {
            Some(overseer) => overseer.watched(watch, connections),
            None => Command::Continue,
        }
    }

    fn shutdown_ms(&self) -> u64 {
        self.shutdown_ms
    }

    fn count(&self, sums: &mut Counts) {
        sums.requests = sums.requests.wrapping_add(self.requests);
    }

    fn came_round(&mut self, letter: Letter) {
        if let Some(overseer) = &mut self.overseer {
            overseer.came_round(letter);
        }
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
