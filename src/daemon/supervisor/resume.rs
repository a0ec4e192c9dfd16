//! SIGUSR2: the supervisor goes on with the program on disk. Its state goes through a file
//! in memory; sockets, logs and channels stay open under their numbers, and children stay its
//! children.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::fs::FileExt as _;
use std::rc::Rc;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::channel::Channel;
use super::generations::{Generations, Living, State};
use super::happenings::Generation;
use super::planner::Planned;
use super::shell::{Beginnings, Shell};
use super::sockets::Table;
use super::sockets::kept::{pack_fd, unpack_fd};
use super::worker::{Figures, Worker};
use crate::daemon::command::args::Args;
use crate::daemon::command::argv::Role;
use crate::daemon::packing::{Malformed, Pack, Unpacker};
use crate::daemon::plan::{PLAN_BYTES_MAX, Plan};
use crate::sys::log::{self, Level};
use crate::sys::pid_file::PidFile;
use crate::sys::process::{self, Pid};
use crate::sys::ring_log::RingLog;
use crate::sys::terminal::Terminal;
use crate::sys::{clock, fd, memory_file};
use crate::tls::{EXPORT_BYTES, TicketSecret};

/// First byte of a state: both programs may be of different builds. To be changed with anything
/// that is written here.
pub(in crate::daemon) const STATE_VERSION: u8 = 6;
/// Bytes of a state: a plan for each of many generations.
const STATE_BYTES_MAX: usize = 16 * PLAN_BYTES_MAX;

impl Shell<'_> {
    /// Whether nothing is under way that would be lost.
    pub(super) fn can_resume(&self) -> bool {
        let channels = || self.workers.iter().map(|worker| &worker.channel);
        self.planner.is_none()
            && self.new.is_none()
            && self.good.is_some()
            && self.commands.deadline_ms.is_none()
            && self.machine.is_settled()
            && channels().all(|channel| !channel.is_waiting() && !channel.is_closed())
    }

    /// Becomes the program on disk. Comes back only when that fails; everything is as before then.
    pub(super) fn become_successor(&mut self) {
        self.voice.say(Level::Notice, "the supervisor goes on with the program on disk");
        let error = match self.children.check() {
            Ok(()) => match self.try_to_become() {
                Ok(error) | Err(error) => error.to_string(),
            },
            Err(reason) => reason,
        };
        self.stay(&error);
    }

    /// Says that the program is not exchanged, and why.
    pub(super) fn stay(&mut self, why: &str) {
        self.voice.say(Level::Error, &format!("the supervisor keeps its program: {why}"));
    }

    fn try_to_become(&self) -> io::Result<io::Error> {
        let mut bytes = Vec::new();
        let mut keep = Vec::new();
        self.pack(&mut bytes, &mut keep);
        let bytes = self.with_tickets(bytes);
        let state = memory_file::create("kinglet state")?;
        let written = File::from(fd::duplicate(&state)?).write_all(&bytes);
        keep.push(state.as_fd());
        let args = self.args.to_argv(Role::Resume(state.as_raw_fd()));
        let mut env: Vec<(OsString, OsString)> = std::env::vars_os().collect();
        env.extend(self.service.variables());
        let error = written.map(|()| process::replace(self.children.program(), &args, &env, &keep));
        wipe(state);
        error
    }

    /// The state with the secret of tickets at its end. There is room for all of it at once: a
    /// vector that grows leaves copies behind.
    fn with_tickets(&self, state: Vec<u8>) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(state.len() + 1 + EXPORT_BYTES));
        bytes.bytes(&state);
        bytes.flag(self.tickets.is_some());
        if let Some(tickets) = &self.tickets {
            bytes.bytes(&*tickets.export());
        }
        bytes
    }

    fn pack<'a>(&'a self, to: &mut Vec<u8>, keep: &mut Vec<BorrowedFd<'a>>) {
        to.u8(STATE_VERSION);
        to.u64(self.begun_ms);
        to.flag(self.terminal.is_attached());
        let ring = log::ring().and_then(RingLog::descriptor);
        to.optional(ring, |to, ring| {
            pack_fd(to, ring.as_raw_fd());
            keep.push(ring);
        });
        for kept in [
            self.pid_file.as_ref().map(AsFd::as_fd),
            self.commands.server.as_ref().map(AsFd::as_fd),
        ] {
            to.optional(kept, |to, fd| {
                pack_fd(to, fd.as_raw_fd());
                keep.push(fd);
            });
        }
        to.optional(self.good.as_ref(), |to, good| {
            to.blob(&good.plan.encode());
            pack_fd(to, good.snapshot.as_raw_fd());
            keep.push(good.snapshot.as_fd());
        });
        self.table.pack(to, keep);
        self.logs.pack(to, keep);
        let (last, attempts) = self.machine.counts();
        to.u32(last);
        to.u32(attempts);
        let living = self.machine.living().iter().filter_map(|living| {
            let worker = self.workers.iter().find(|one| one.generation == living.generation)?;
            Some((living, worker))
        });
        let living: Vec<_> = living.collect();
        to.length(living.len());
        for (living, worker) in living {
            pack_living(to, living);
            worker.pack(to);
            keep.push(worker.channel.as_fd());
        }
    }
}

impl<'a> Shell<'a> {
    /// Goes on where the program before this one has stopped.
    ///
    /// # Errors
    /// What to tell the user.
    pub(super) fn resume(args: &'a Args, state: RawFd) -> Result<Self, String> {
        let bytes = fd::inherited(state)
            .and_then(|state| {
                let bytes = memory_file::read_whole(state.as_fd(), STATE_BYTES_MAX);
                wipe(state);
                bytes
            })
            .map(Zeroizing::new)
            .map_err(|error| format!("the state of the server cannot be read: {error}"))?;
        let mut from = Unpacker::new(&bytes);
        Self::unpack(args, &mut from)
            .map_err(|fault| format!("the state of the server cannot be understood: {fault}"))?
    }

    fn unpack(args: &'a Args, from: &mut Unpacker<'_>) -> Result<Result<Self, String>, Malformed> {
        if from.u8()? != STATE_VERSION {
            return Err(Malformed::Version);
        }
        let begun_ms = from.u64()?;
        let terminal = Terminal::taken_over(from.flag()?);
        if let Some(ring) = from.optional(unpack_fd)?
            && let Ok(ring) = RingLog::attach(ring)
        {
            log::use_ring(ring);
        }
        let (locked, control) = (from.optional(unpack_fd)?, from.optional(unpack_fd)?);
        let pid_file = locked.zip(args.pid_file.as_ref());
        let pid_file = pid_file.map(|(file, path)| PidFile::taken_over(path, file));
        let good = from.optional(unpack_planned)?;
        let table = Table::unpack(from)?;
        let logs = super::access_logs::AccessLogs::unpack(from)?;
        let (last, attempts) = (from.u32()?, from.u32()?);
        let both = from.list(|from| {
            let living = unpack_living(from)?;
            Ok((living, Worker::unpack(from, living.generation)?))
        })?;
        let now_ms = clock::monotonic_ms();
        // A new one is made where this one cannot be used.
        let tickets = from.optional(|from| from.bytes(EXPORT_BYTES))?;
        let tickets = tickets.and_then(|bytes| TicketSecret::import(bytes, now_ms).ok());
        from.end()?;
        let (living, workers) = both.into_iter().unzip();
        let mut beginnings = Beginnings { terminal, pid_file, control, ..Beginnings::default() };
        let mut shell = match Self::new(args, &mut beginnings) {
            Ok(shell) => shell,
            Err(text) => return Ok(Err(text)),
        };
        let terms = good.as_ref().map(Planned::terms);
        let watchdog_ms = shell.service.watchdog_ms();
        shell.machine = Generations::resumed(terms, living, (last, attempts), watchdog_ms, now_ms);
        shell.served = table.served();
        if let Some(good) = &good {
            shell.watcher.watch_for(&good.plan, now_ms);
        }
        (shell.begun_ms, shell.tickets, shell.good) = (begun_ms, tickets, good);
        (shell.table, shell.logs, shell.workers) = (table, logs, workers);
        shell.voice.start();
        shell.service.ready();
        Ok(Ok(shell))
    }
}

/// Overwrites a state before it is closed: it may have been on a disk, and there is a secret in it.
fn wipe(state: OwnedFd) {
    let file = File::from(state);
    let zeros = [0; 4096];
    let mut left = file.metadata().map_or(0, |state| state.len());
    let mut at = 0;
    while left > 0 {
        let now = usize::try_from(left).map_or(zeros.len(), |left| left.min(zeros.len()));
        let Some(Ok(count)) = zeros.get(..now).map(|zeros| file.write_at(zeros, at)) else {
            return;
        };
        at += count as u64;
        left = left.saturating_sub(count.max(1) as u64);
    }
}

fn unpack_planned(from: &mut Unpacker<'_>) -> Result<Planned, Malformed> {
    let plan = Rc::new(Plan::decode(from.blob()?)?);
    Ok(Planned { plan, snapshot: Arc::new(unpack_fd(from)?) })
}

fn pack_living(to: &mut Vec<u8>, living: &Living) {
    to.u32(living.generation.0);
    to.u8(match living.state {
        State::Starting => 0,
        State::Serving => 1,
        State::Retiring => 2,
        State::Stopping => 3,
    });
    to.u64(living.ready_ms);
    to.flag(living.killed);
    to.optional(living.deadline_ms, Pack::u64);
}

fn unpack_living(from: &mut Unpacker<'_>) -> Result<Living, Malformed> {
    let generation = Generation(from.u32()?);
    let state = match from.u8()? {
        0 => State::Starting,
        1 => State::Serving,
        2 => State::Retiring,
        3 => State::Stopping,
        _ => return Err(Malformed::Value),
    };
    let (ready_ms, killed) = (from.u64()?, from.flag()?);
    let deadline_ms = from.optional(Unpacker::u64)?;
    Ok(Living { generation, state, ready_ms, killed, deadline_ms, failed: None })
}

impl Worker {
    fn pack(&self, to: &mut Vec<u8>) {
        to.u32(u32::try_from(self.pid.get()).unwrap_or(0));
        to.u64(self.begun_ms);
        pack_fd(to, self.channel.as_fd().as_raw_fd());
        to.blob(&self.plan.encode());
        to.length(self.sockets.len());
        for socket in &self.sockets {
            to.u32(*socket);
        }
        to.u64(self.figures.memory_bytes_max);
        to.u32(self.figures.connections_max);
    }

    fn unpack(from: &mut Unpacker<'_>, generation: Generation) -> Result<Self, Malformed> {
        let pid = i32::try_from(from.u32()?).ok().and_then(Pid::new).ok_or(Malformed::Value)?;
        let begun_ms = from.u64()?;
        let channel: OwnedFd = unpack_fd(from)?;
        let plan = Rc::new(Plan::decode(from.blob()?)?);
        let sockets = from.list(|from| from.u32())?;
        let figures = Figures {
            memory_bytes_max: from.u64()?,
            connections_max: from.u32()?,
            ..Figures::default()
        };
        let channel = Channel::over(channel);
        Ok(Self { generation, pid, begun_ms, channel, plan, sockets, figures })
    }
}
