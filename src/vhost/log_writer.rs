//! The writer's end of the access log: the thread that writes, and what it shares.

use std::fs::File;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread;
use std::time::Duration;

use crate::config::settings::LogFormat;
use crate::sys::shortage::Explained;

use super::log_files::{FileTarget, HandedTarget, LogTarget, Owner};
use super::log_line::lost_note;
use super::log_sink::{Batch, Sink};
use super::world::{Fault, LogFile, LogId};

/// Stack of the writer thread; it calls nothing deep.
const STACK_BYTES: usize = 64 << 10;

/// Where the writer thread says what went wrong; called from that thread.
pub type Report = fn(&str);

/// All access logs of the process.
///
/// Its thread has the signal mask of whoever makes the first hand-over: a reactor, whose signals
/// are already blocked.
#[derive(Debug, Clone, Default)]
pub struct Logs {
    shared: Option<Arc<Shared>>,
}

impl Logs {
    /// Opens every file once: appending, made with mode 0600 and given to `owner` if it is
    /// new. Call it before privileges are dropped. A file that cannot be opened is a fault;
    /// it is tried again at times, and its lines are counted as lost.
    #[must_use]
    pub fn open(files: &[LogFile], owner: Option<Owner>, report: Report) -> (Self, Vec<Fault>) {
        let mut faults = Vec::new();
        let targets = files.iter().map(|file| {
            let (target, opened) = FileTarget::open(file, owner);
            if let Err(error) = opened {
                let message = format!("access log {} cannot be opened: {error}", file.path);
                faults.push(Fault { place: file.place, message });
            }
            (Box::new(target) as Box<dyn LogTarget>, file.format)
        });
        let logs = Self::with_targets(targets.collect(), report);
        (logs, faults)
    }

    /// Logs whose files another process opens: `handed` has those that are there already, by
    /// [`LogId`]. Until a file comes, the lines for it are counted as lost.
    #[must_use]
    pub fn handed(files: &[LogFile], mut handed: Vec<Option<File>>, report: Report) -> Self {
        handed.resize_with(files.len(), || None);
        let targets = files.iter().zip(handed).map(|(file, handed)| {
            let target = HandedTarget::new(&file.path, handed);
            (Box::new(target) as Box<dyn LogTarget>, file.format)
        });
        Self::with_targets(targets.collect(), report)
    }

    /// Logs that go to `targets`, numbered by [`LogId`].
    #[must_use]
    pub fn with_targets(targets: Vec<(Box<dyn LogTarget>, LogFormat)>, report: Report) -> Self {
        if targets.is_empty() {
            return Self::default();
        }
        let formats = targets.iter().map(|&(_, format)| format).collect();
        let outlets = targets.into_iter().map(|(target, format)| Outlet {
            target,
            format,
            lost: 0,
            within_line: false,
            failing: false,
        });
        let writer = Writer { outlets: outlets.collect(), scratch: Batch::new(), report };
        let state = State { writer: Some(writer), ..State::default() };
        let shared = Shared {
            state: Mutex::new(state),
            wake: Condvar::new(),
            taken: Condvar::new(),
            formats,
        };
        Self { shared: Some(Arc::new(shared)) }
    }

    /// A sink for one reactor; call it at start. Without logs it holds no memory.
    #[must_use]
    pub fn sink(&self) -> Sink {
        let Some(shared) = &self.shared else { return Sink::none() };
        let mut state = shared.lock();
        state.mailboxes.push(Batch::new());
        Sink::new(Arc::clone(shared), state.mailboxes.len() - 1, shared.formats.len())
    }

    /// Makes the writer open every path again, after the lines that it already has.
    pub fn reopen(&self) {
        if let Some(shared) = &self.shared {
            let mut state = shared.lock();
            state.reopen = true;
            shared.wake_writer(&mut state);
        }
    }

    /// Makes the writer go on with another file for a log: no line is cut, and none is lost. A
    /// number that no log has is ignored.
    pub fn replace(&self, log: LogId, file: File) {
        let Some(shared) = &self.shared else { return };
        if usize::from(log.0) >= shared.formats.len() {
            return;
        }
        let mut state = shared.lock();
        if let Some(writer) = &mut state.writer {
            return writer.replace(log, file);
        }
        state.files.retain(|(other, _)| *other != log);
        state.files.push((log, file));
        shared.wake_writer(&mut state);
    }

    /// Lets the writer write what it has and end, and waits up to `limit` for it; call it when
    /// every sink has finished. False when lines may be lost.
    pub fn finish(&self, limit: Duration) -> bool {
        let Some(shared) = &self.shared else { return true };
        let mut state = shared.lock();
        state.closing = true;
        if !state.running && state.is_idle() {
            return true;
        }
        shared.wake_writer(&mut state);
        let waited = shared.taken.wait_timeout_while(state, limit, |state| state.running);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        !state.running && state.is_idle()
    }
}

/// What reactors and writer share.
pub(super) struct Shared {
    state: Mutex<State>,
    /// Something to do for the writer.
    wake: Condvar,
    /// The writer has taken a batch, or has ended.
    taken: Condvar,
    formats: Box<[LogFormat]>,
}

impl core::fmt::Debug for Shared {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Shared").field("formats", &self.formats).finish_non_exhaustive()
    }
}

#[derive(Default)]
struct State {
    /// One a sink; empty when the writer is ready for the next batch.
    mailboxes: Vec<Batch>,
    /// Where the writer looks first: behind the one that it took last.
    next: usize,
    /// Here until the thread fetches it.
    writer: Option<Writer>,
    running: bool,
    reopen: bool,
    /// To go on with, one for a log at most.
    files: Vec<(LogId, File)>,
    closing: bool,
}

impl State {
    fn is_idle(&self) -> bool {
        self.mailboxes.iter().all(Batch::is_empty)
    }

    /// A batch that waits. They take turns: a busy reactor does not keep the others' lines back.
    fn waiting(&mut self) -> Option<&mut Batch> {
        let places = self.mailboxes.len();
        let mut in_turn = (self.next..places).chain(0..self.next.min(places));
        let at = in_turn.find(|at| self.mailboxes.get(*at).is_some_and(|one| !one.is_empty()))?;
        self.next = at + 1;
        self.mailboxes.get_mut(at)
    }
}

impl Shared {
    /// The format of a file, for notes in it.
    pub(super) fn format(&self, log: LogId) -> LogFormat {
        self.formats.get(usize::from(log.0)).copied().unwrap_or_default()
    }

    /// Swaps `batch` with the empty one in the mailbox. False when that is still full or
    /// somebody else holds the lock right now.
    pub(super) fn try_hand_over(self: &Arc<Self>, mailbox: usize, batch: &mut Batch) -> bool {
        let mut state = match self.state.try_lock() {
            Ok(state) => state,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return false,
        };
        self.swap(&mut state, mailbox, batch)
    }

    /// Like [`Shared::try_hand_over`], but waits for both up to `limit`.
    pub(super) fn hand_over_within(
        self: &Arc<Self>,
        mailbox: usize,
        batch: &mut Batch,
        limit: Duration,
    ) -> bool {
        let is_full = |state: &mut State| {
            state.mailboxes.get(mailbox).is_some_and(|waiting| !waiting.is_empty())
        };
        let waited = self.taken.wait_timeout_while(self.lock(), limit, is_full);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        self.swap(&mut state, mailbox, batch)
    }

    fn swap(self: &Arc<Self>, state: &mut State, mailbox: usize, batch: &mut Batch) -> bool {
        match state.mailboxes.get_mut(mailbox) {
            Some(waiting) if waiting.is_empty() => core::mem::swap(waiting, batch),
            _ => return false,
        }
        self.wake_writer(state);
        true
    }

    /// A thread that cannot be started is tried again at the next hand-over.
    fn wake_writer(self: &Arc<Self>, state: &mut State) {
        if state.running {
            self.wake.notify_one();
            return;
        }
        let shared = Arc::clone(self);
        let thread = thread::Builder::new().name("access-log".to_owned()).stack_size(STACK_BYTES);
        let Some(report) = state.writer.as_ref().map(|writer| writer.report) else { return };
        match thread.spawn(move || shared.run()) {
            Ok(_) => state.running = true,
            Err(error) => report(&format!(
                "the access log cannot be written: its thread cannot be started: {}",
                Explained(&error)
            )),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The writer thread. It never holds the lock while it writes.
    fn run(&self) {
        let mut state = self.lock();
        let Some(mut writer) = state.writer.take() else { return };
        loop {
            // Before what waits, which may never end.
            if let Some((log, file)) = state.files.pop() {
                drop(state);
                writer.replace(log, file);
                state = self.lock();
                continue;
            }
            if let Some(waiting) = state.waiting() {
                core::mem::swap(waiting, &mut writer.scratch);
                drop(state);
                self.taken.notify_all();
                writer.write();
                state = self.lock();
            } else if core::mem::take(&mut state.reopen) {
                drop(state);
                writer.reopen();
                state = self.lock();
            } else if state.closing {
                break;
            } else {
                state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
        }
        state.running = false;
        drop(state);
        self.taken.notify_all();
    }
}

/// What the thread works with.
struct Writer {
    outlets: Vec<Outlet>,
    scratch: Batch,
    report: Report,
}

impl Writer {
    fn write(&mut self) {
        for (log, lines) in self.scratch.runs() {
            if let Some(outlet) = self.outlets.get_mut(usize::from(log.0)) {
                outlet.write(lines, self.report);
            }
        }
        self.scratch.clear();
    }

    fn replace(&mut self, log: LogId, file: File) {
        if let Some(outlet) = self.outlets.get_mut(usize::from(log.0)) {
            outlet.target.replace(file);
            (outlet.within_line, outlet.failing) = (false, false);
        }
    }

    fn reopen(&mut self) {
        for outlet in &mut self.outlets {
            match outlet.target.reopen() {
                Ok(()) => (outlet.within_line, outlet.failing) = (false, false),
                Err(error) => (self.report)(&format!(
                    "access log {} cannot be reopened, the old file stays in use: {error}",
                    outlet.target.name()
                )),
            }
        }
    }
}

/// One file and what it still has to be told.
struct Outlet {
    target: Box<dyn LogTarget>,
    format: LogFormat,
    /// Lines that could not be written and are not told yet.
    lost: u32,
    /// Whether the file ends within a line.
    within_line: bool,
    /// Whether the trouble has been reported.
    failing: bool,
}

impl Outlet {
    fn write(&mut self, lines: &[u8], report: Report) {
        let done = self.catch_up().and_then(|()| self.write_all(lines));
        let Err((left, error)) = done else {
            self.failing = false;
            return;
        };
        // Of a failed note nothing of `lines` was written.
        let unwritten = left.unwrap_or(lines.len()).min(lines.len());
        let tail = lines.get(lines.len() - unwritten..).unwrap_or_default();
        let lost = tail.iter().filter(|&&byte| byte == b'\n').count();
        self.lost = self.lost.saturating_add(u32::try_from(lost).unwrap_or(u32::MAX));
        if !self.failing {
            self.failing = true;
            report(&format!("access log {} cannot be written: {error}", self.target.name()));
        }
    }

    /// Ends a broken line and tells what was lost.
    fn catch_up(&mut self) -> Result<(), (Option<usize>, io::Error)> {
        let untold = |(_, error)| (None, error);
        if self.within_line {
            self.write_all(b"\n").map_err(untold)?;
        }
        if self.lost > 0 {
            self.write_all(&lost_note(self.format, self.lost)).map_err(untold)?;
            self.lost = 0;
        }
        Ok(())
    }

    /// Writes everything or says how many bytes are left.
    fn write_all(&mut self, mut bytes: &[u8]) -> Result<(), (Option<usize>, io::Error)> {
        while !bytes.is_empty() {
            let written = match self.target.write(bytes) {
                Ok(0) => return Err((Some(bytes.len()), io::ErrorKind::WriteZero.into())),
                Ok(written) => written.min(bytes.len()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err((Some(bytes.len()), error)),
            };
            self.within_line = bytes.get(written - 1) != Some(&b'\n');
            bytes = bytes.get(written..).unwrap_or_default();
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "log_writer_tests.rs"]
mod tests;
