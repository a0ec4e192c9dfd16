//! Slow password hashes, worked out beside the event loop.
//!
//! One thread of low priority per reactor, which exists only while there are jobs. The queue is
//! bounded, in all and for each peer; jobs for the same credential are answered together, since
//! a browser asks for everything on a page at once.

use super::apr1;
use super::secret::Digest;
use crate::sys::crypt::{self, CryptError, HASH_BYTES_MAX, PASSWORD_BYTES_MAX};
use crate::sys::log;
use crate::sys::shortage::Explained;
use core::fmt;
use heapless::Vec as FixedVec;
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Most jobs that wait, run, or have a result that was not taken yet.
pub const JOBS_MAX: usize = 32;
/// Most of them for one peer address (a /64 with IPv6).
pub const JOBS_PER_PEER_MAX: usize = 8;
/// Stack of the thread; the C library's dynamic linker is what needs most of it.
const STACK_BYTES: usize = 256 << 10;

/// Names the credential that a job is about.
#[derive(Clone, Copy)]
pub struct JobKey {
    pub(super) file: u16,
    pub(super) generation: u32,
    pub(super) digest: Digest,
}

impl JobKey {
    /// Number of the credentials file, as given to `Credentials::new`.
    #[must_use]
    pub fn file(&self) -> u16 {
        self.file
    }

    fn is(&self, other: &Self) -> bool {
        self.file == other.file
            && self.generation == other.generation
            && self.digest.is(other.digest)
    }
}

impl fmt::Debug for JobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobKey").field("file", &self.file).finish_non_exhaustive()
    }
}

/// A password and the hash it is to be checked against.
pub struct Job {
    key: JobKey,
    password: FixedVec<u8, PASSWORD_BYTES_MAX>,
    hash: FixedVec<u8, HASH_BYTES_MAX>,
    /// False for the job of a user that does not exist.
    grantable: bool,
}

impl Job {
    /// `None` when password or hash are longer than the C library takes.
    pub(super) fn new(key: JobKey, password: &[u8], hash: &[u8], grantable: bool) -> Option<Self> {
        let password = FixedVec::from_slice(password).ok()?;
        Some(Self { key, password, hash: FixedVec::from_slice(hash).ok()?, grantable })
    }

    /// What names the credential of this job.
    #[must_use]
    pub fn key(&self) -> JobKey {
        self.key
    }

    fn run(&self) -> Result<bool, CryptError> {
        let right = match apr1::verify(&self.password, &self.hash) {
            Some(right) => right,
            None => crypt::verify(&self.password, &self.hash)?,
        };
        Ok(right & self.grantable)
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").field("key", &self.key).finish_non_exhaustive()
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        self.password.iter_mut().for_each(|byte| *byte = 0);
        core::hint::black_box(&self.password);
    }
}

/// What became of a job.
#[derive(Debug, Clone, Copy)]
pub struct Done {
    /// As it was submitted.
    pub ticket: u64,
    /// Whether the password is right.
    pub granted: bool,
    /// Why it could not be checked at all, which grants nothing; for the log.
    pub error: Option<CryptError>,
    /// For `Credentials::remember`, if it was granted.
    pub key: JobKey,
}

/// There are too many jobs, of this peer or in all, or no thread could be started; answer 503.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Busy;

struct Waiting {
    job: Box<Job>,
    ticket: u64,
    peer: IpAddr,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Waiting>,
    /// Peers of the jobs that run now.
    running: Vec<IpAddr>,
    done: VecDeque<(Done, IpAddr)>,
    /// The thread exists and will look at `waiting` again.
    thread: bool,
    closed: bool,
}

impl State {
    fn jobs(&self) -> impl Iterator<Item = &IpAddr> {
        let waiting = self.waiting.iter().map(|waiting| &waiting.peer);
        waiting.chain(&self.running).chain(self.done.iter().map(|(_, peer)| peer))
    }
}

struct Shared {
    state: Mutex<State>,
    wake: Box<dyn Fn() + Send + Sync>,
}

impl Shared {
    /// Nothing in here panics while it holds the lock, so a poisoned state is a sound one.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The queue of one reactor and its thread.
pub struct Verifier {
    shared: Arc<Shared>,
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").finish_non_exhaustive()
    }
}

impl Verifier {
    /// A verifier that calls `wake` from its thread when there are results to take.
    #[must_use]
    pub fn new(wake: impl Fn() + Send + Sync + 'static) -> Self {
        let shared = Shared { state: Mutex::default(), wake: Box::new(wake) };
        Self { shared: Arc::new(shared) }
    }

    /// Queues `job` of the client at `peer` under `ticket`, which comes back with the result.
    ///
    /// # Errors
    /// [`Busy`] when there are too many jobs.
    pub fn submit(&self, job: Box<Job>, ticket: u64, peer: IpAddr) -> Result<(), Busy> {
        let peer = network_of(peer);
        let mut state = self.shared.lock();
        let of_peer = state.jobs().filter(|&&other| other == peer).count();
        if state.jobs().count() >= JOBS_MAX || of_peer >= JOBS_PER_PEER_MAX {
            return Err(Busy);
        }
        if !state.thread {
            let shared = Arc::clone(&self.shared);
            std::thread::Builder::new()
                .name("kinglet-verify".into())
                .stack_size(STACK_BYTES)
                .spawn(move || run(&shared))
                .map_err(|error| {
                    let why = Explained(&error);
                    log::warn(format_args!("the thread that checks passwords cannot start: {why}"));
                    Busy
                })?;
            state.thread = true;
        }
        state.waiting.push_back(Waiting { job, ticket, peer });
        Ok(())
    }

    /// Takes the oldest result.
    #[must_use]
    pub fn take_result(&self) -> Option<Done> {
        self.shared.lock().done.pop_front().map(|(done, _)| done)
    }
}

impl Drop for Verifier {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.closed = true;
        state.waiting.clear();
    }
}

/// The thread: jobs one after the other until none is left.
fn run(shared: &Shared) {
    crypt::lower_priority();
    loop {
        let first = {
            let mut state = shared.lock();
            let Some(first) = state.waiting.pop_front().filter(|_| !state.closed) else {
                state.thread = false;
                return;
            };
            state.running.push(first.peer);
            first
        };
        let result = first.job.run();
        let key = first.job.key;
        let done = |ticket| Done { ticket, granted: result == Ok(true), error: result.err(), key };
        let mut state = shared.lock();
        state.running.clear();
        state.done.push_back((done(first.ticket), first.peer));
        let waiting = core::mem::take(&mut state.waiting);
        for other in waiting {
            if other.job.key.is(&key) {
                state.done.push_back((done(other.ticket), other.peer));
            } else {
                state.waiting.push_back(other);
            }
        }
        let closed = state.closed;
        drop(state);
        if !closed {
            (shared.wake)();
        }
    }
}

/// The address that a peer cannot easily change.
fn network_of(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & (u128::MAX << 64))),
        ip @ IpAddr::V4(_) => ip,
    }
}

#[cfg(test)]
#[path = "verifier_tests.rs"]
mod tests;
