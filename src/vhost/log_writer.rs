//! The writer's end of the access log: the files and the thread that writes to them.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, fchown};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread;
use std::time::{Duration, Instant};

use crate::config::settings::LogFormat;

use super::log_line::lost_note;
use super::log_sink::{Batch, Sink};
use super::world::{Fault, LogFile, LogId};

/// Stack of the writer thread; it calls nothing deep.
const STACK_BYTES: usize = 64 << 10;

/// How long a file that could not be opened is left alone.
const REOPEN_AFTER: Duration = Duration::from_secs(30);

/// Mode of a log file that is made, as with lwsws.
const FILE_MODE: u32 = 0o600;

/// User and group that a log file is given when it is made as root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
}

/// Where the writer thread says what went wrong; called from that thread.
pub type Report = fn(&str);

/// Something that takes log lines; a file, but for tests.
pub trait LogTarget: Send {
    /// Writes some of `bytes`; may block.
    ///
    /// # Errors
    /// As the file says.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Goes on with the file that the path now names.
    ///
    /// # Errors
    /// As opening says; the target then goes on as before.
    fn reopen(&mut self) -> io::Result<()>;

    /// The name for messages.
    fn name(&self) -> &str;
}

/// All access logs of the process.
#[derive(Debug, Clone, Default)]
pub struct AccessLogs {
    shared: Option<Arc<Shared>>,
}

impl AccessLogs {
    /// Opens every file once: appending, made with mode 0600 and given to `owner` if it is
    /// new. Call it before privileges are dropped. A file that can not be opened is a fault;
    /// it is tried again at times, and its lines are counted as lost.
    #[must_use]
    pub fn open(files: &[LogFile], owner: Option<Owner>, report: Report) -> (Self, Vec<Fault>) {
        let mut faults = Vec::new();
        let targets = files.iter().map(|file| {
            let path = PathBuf::from(&*file.path);
            let opened = open_file(&path, owner).map_err(|error| {
                let message = format!("access log {} can not be opened: {error}", file.path);
                faults.push(Fault { place: file.place, message });
            });
            let target = FileTarget {
                name: file.path.clone(),
                path,
                file: opened.ok(),
                tried: Instant::now(),
            };
            (Box::new(target) as Box<dyn LogTarget>, file.format)
        });
        let logs = Self::with_targets(targets.collect(), report);
        (logs, faults)
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
    /// Here until the thread fetches it.
    writer: Option<Writer>,
    running: bool,
    reopen: bool,
    closing: bool,
}

impl State {
    fn is_idle(&self) -> bool {
        self.mailboxes.iter().all(Batch::is_empty)
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

    /// A thread that can not be started is tried again at the next hand-over.
    fn wake_writer(self: &Arc<Self>, state: &mut State) {
        if state.running {
            self.wake.notify_one();
            return;
        }
        let shared = Arc::clone(self);
        let thread = thread::Builder::new().name("access-log".to_owned()).stack_size(STACK_BYTES);
        state.running = state.writer.is_some() && thread.spawn(move || shared.run()).is_ok();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The writer thread. It never holds the lock while it writes.
    fn run(&self) {
        let mut state = self.lock();
        let Some(mut writer) = state.writer.take() else { return };
        loop {
            let full = state.mailboxes.iter_mut().find(|waiting| !waiting.is_empty());
            if let Some(waiting) = full {
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

    fn reopen(&mut self) {
        for outlet in &mut self.outlets {
            match outlet.target.reopen() {
                Ok(()) => (outlet.within_line, outlet.failing) = (false, false),
                Err(error) => (self.report)(&format!(
                    "access log {} can not be reopened, the old file stays in use: {error}",
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
            report(&format!("access log {} can not be written: {error}", self.target.name()));
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

/// A log file by its path.
struct FileTarget {
    name: Box<str>,
    path: PathBuf,
    file: Option<File>,
    /// When it was last tried to open it.
    tried: Instant,
}

impl LogTarget for FileTarget {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.file.is_none() {
            if self.tried.elapsed() < REOPEN_AFTER {
                return Err(io::ErrorKind::NotFound.into());
            }
            self.reopen()?;
        }
        self.file.as_mut().map_or_else(|| Err(io::ErrorKind::NotFound.into()), |f| f.write(bytes))
    }

    fn reopen(&mut self) -> io::Result<()> {
        self.tried = Instant::now();
        self.file = Some(open_file(&self.path, None)?);
        Ok(())
    }

    fn name(&self) -> &str {
        &self.name
    }
}

/// Opens for reading too, as lwsws does: opening a FIFO that way does not wait for a reader.
/// The owner is set only on a file that this call made; an existing one keeps its own.
fn open_file(path: &Path, owner: Option<Owner>) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).mode(FILE_MODE);
    let file = match options.clone().create_new(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return options.create(true).open(path);
        }
        other => other?,
    };
    if let Some(owner) = owner {
        fchown(&file, Some(owner.uid), Some(owner.gid))?;
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buf::Buf;
    use crate::vhost::log::{Fields, Stamp, begin};
    use std::os::unix::fs::PermissionsExt as _;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::sync::mpsc::{Receiver, Sender, channel};

    const LONG: Duration = Duration::from_secs(60);

    fn quiet(_: &str) {}

    /// Appends `GET target` and gives back the line that is to appear.
    fn append(sink: &mut Sink, log: u16, target: &str) -> String {
        let fields = Fields {
            peer: None,
            user: None,
            vhost: b"",
            method: b"GET",
            target: target.as_bytes(),
            version: b"HTTP/1.1",
            referer: None,
            user_agent: None,
        };
        let format = LogFormat::Combined;
        let mut line = Buf::with_capacity(4096);
        let begun = begin(format, &fields, &Stamp::new(0, 0), &mut line).unwrap();
        sink.append(0, LogId(log), format, line.filled(), begun, 200, 5);
        format!("- - - [01/Jan/1970:00:00:00 +0000] \"GET {target} HTTP/1.1\" 200 5 \"\" \"\"\n")
    }

    /// Tells `entered` of each write and waits for `gate` before it takes it. A message says
    /// how many bytes to take; without a sender all of them.
    struct Gated {
        entered: Sender<()>,
        gate: Receiver<io::Result<usize>>,
        written: Arc<Mutex<Vec<u8>>>,
    }

    struct Control {
        entered: Receiver<()>,
        gate: Sender<io::Result<usize>>,
        written: Arc<Mutex<Vec<u8>>>,
    }

    fn gated() -> (Box<dyn LogTarget>, Control) {
        let (entered, entered_rx) = channel();
        let (gate, gate_rx) = channel();
        let written = Arc::new(Mutex::new(Vec::new()));
        let target = Gated { entered, gate: gate_rx, written: Arc::clone(&written) };
        (Box::new(target), Control { entered: entered_rx, gate, written })
    }

    impl LogTarget for Gated {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.entered.send(());
            let taken = self.gate.recv().unwrap_or(Ok(usize::MAX))?.min(bytes.len());
            self.written.lock().unwrap().extend_from_slice(&bytes[..taken]);
            Ok(taken)
        }

        fn reopen(&mut self) -> io::Result<()> {
            self.written.lock().unwrap().extend_from_slice(b"<reopened>\n");
            Ok(())
        }

        fn name(&self) -> &str {
            "gated"
        }
    }

    fn text(control: &Control) -> String {
        String::from_utf8(control.written.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn a_slow_writer_costs_lines_but_never_time() {
        let (target, control) = gated();
        let logs = AccessLogs::with_targets(vec![(target, LogFormat::Combined)], quiet);
        let mut sink = logs.sink();
        assert_eq!(sink.next_flush_ms(), None);
        let mut want = append(&mut sink, 0, "/first");
        assert_eq!(sink.next_flush_ms(), Some(super::super::log::FLUSH_AFTER_MS));
        sink.flush(0);
        assert_eq!(sink.next_flush_ms(), None);
        control.entered.recv().unwrap();
        // The writer hangs in its first write; one buffer more is taken, then one is filled.
        want += &append(&mut sink, 0, "/second");
        sink.flush(0);
        assert_eq!(sink.next_flush_ms(), None);
        let mut appended = 0;
        while sink.lost_lines() == 0 {
            let line = append(&mut sink, 0, "/more");
            appended += 1;
            if sink.lost_lines() == 0 {
                want += &line;
            }
        }
        assert!(appended > 500);
        for _ in 0..10 {
            append(&mut sink, 0, "/dropped");
        }
        assert_eq!(sink.lost_lines(), 11);
        assert!(sink.next_flush_ms().is_some());

        drop(control.gate);
        assert!(sink.finish(LONG));
        assert!(logs.finish(LONG));
        want += "# 11 log lines were lost here\n";
        let written = String::from_utf8(control.written.lock().unwrap().clone()).unwrap();
        assert!(written == want, "{} and {} bytes", written.len(), want.len());
        // After the end nothing is taken, and nothing hangs.
        append(&mut sink, 0, "/late");
        sink.flush(0);
        assert!(!sink.finish(Duration::ZERO) || !logs.finish(Duration::ZERO));
    }

    #[test]
    fn a_failing_file_is_told_what_it_lost() {
        static REPORTS: AtomicU32 = AtomicU32::new(0);
        let (target, control) = gated();
        let count = |_: &str| {
            REPORTS.fetch_add(1, Ordering::SeqCst);
        };
        let logs = AccessLogs::with_targets(vec![(target, LogFormat::Combined)], count);
        let mut sink = logs.sink();
        let full = || Err(io::ErrorKind::StorageFull.into());
        let line = append(&mut sink, 0, "/1");
        let second = append(&mut sink, 0, "/2");
        // Half of the second line is written, then the disk is full.
        let broken = append(&mut sink, 0, "/3");
        control.gate.send(Ok(line.len() * 2 + 7)).unwrap();
        control.gate.send(full()).unwrap();
        assert!(sink.finish(LONG));
        let _ = append(&mut sink, 0, "/4");
        control.gate.send(full()).unwrap();
        assert!(sink.finish(LONG));
        let last = append(&mut sink, 0, "/5");
        control.gate.send(Err(io::ErrorKind::Interrupted.into())).unwrap();
        assert!(sink.finish(LONG));
        // A sender in flight would answer the remaining writes with its messages.
        let Control { gate, written, .. } = control;
        drop(gate);
        assert!(logs.finish(LONG));
        let want = format!("{line}{second}{}\n# 2 log lines were lost here\n{last}", &broken[..7]);
        assert_eq!(String::from_utf8(written.lock().unwrap().clone()).unwrap(), want);
        assert_eq!(REPORTS.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn lines_that_wait_go_to_the_old_file_before_a_reopen() {
        let (target, control) = gated();
        let logs = AccessLogs::with_targets(vec![(target, LogFormat::Combined)], quiet);
        let mut sink = logs.sink();
        let first = append(&mut sink, 0, "/first");
        sink.flush(0);
        control.entered.recv().unwrap();
        let second = append(&mut sink, 0, "/second");
        sink.flush(0);
        logs.reopen();
        for _ in 0..2 {
            control.gate.send(Ok(usize::MAX)).unwrap();
        }
        control.entered.recv().unwrap();
        assert!(logs.finish(LONG));
        assert_eq!(text(&control), format!("{first}{second}<reopened>\n"));
    }

    fn directory(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("kinglet-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        path
    }

    fn log_file(path: &Path) -> LogFile {
        LogFile {
            path: path.to_str().unwrap().into(),
            format: LogFormat::Combined,
            place: crate::config::settings::Place { file: 3, start: 1, end: 2 },
        }
    }

    #[test]
    fn files_are_made_appended_to_and_reopened() {
        let directory = directory("log-files");
        let (one, two) = (directory.join("one"), directory.join("two"));
        std::fs::write(&two, "before\n").unwrap();
        let files = [log_file(&one), log_file(&two)];
        let (logs, faults) = AccessLogs::open(&files, None, quiet);
        assert_eq!(faults, []);
        assert_eq!(std::fs::metadata(&one).unwrap().permissions().mode() & 0o777, FILE_MODE);
        let (mut sink, mut other) = (logs.sink(), logs.sink());
        let a = append(&mut sink, 0, "/a");
        let b = append(&mut sink, 1, "/b");
        let c = append(&mut sink, 0, "/c");
        assert!(sink.finish(LONG));
        let d = append(&mut other, 1, "/d");
        assert!(other.finish(LONG));
        // The count of a log that does not exist goes nowhere.
        append(&mut sink, 9, "/x");
        let rotated = directory.join("one.1");
        std::fs::rename(&one, &rotated).unwrap();
        logs.reopen();
        assert!(logs.finish(LONG));
        assert_eq!(std::fs::read_to_string(&rotated).unwrap(), format!("{a}{c}"));
        assert_eq!(std::fs::read_to_string(&one).unwrap(), "");
        let both = std::fs::read_to_string(&two).unwrap();
        assert!(both == format!("before\n{b}{d}") || both == format!("before\n{d}{b}"), "{both}");
        std::fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn a_file_that_is_not_there_is_a_fault_with_its_place() {
        let directory = directory("log-faults");
        let missing = directory.join("no").join("log");
        let (logs, faults) = AccessLogs::open(&[log_file(&missing)], None, quiet);
        assert_eq!(faults.len(), 1);
        assert_eq!(faults[0].place.file, 3);
        let mut sink = logs.sink();
        append(&mut sink, 0, "/a");
        assert!(sink.finish(LONG));
        // A reopen mends it, and what was lost is told.
        std::fs::create_dir(directory.join("no")).unwrap();
        logs.reopen();
        let line = append(&mut sink, 0, "/b");
        assert!(sink.finish(LONG));
        assert!(logs.finish(LONG));
        let written = std::fs::read_to_string(&missing).unwrap();
        let told = format!("# 1 log lines were lost here\n{line}");
        assert!(written == told || written.is_empty(), "{written}");
        std::fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn a_reopen_that_fails_keeps_the_old_file_and_says_so() {
        static REPORTS: AtomicU32 = AtomicU32::new(0);
        let directory = directory("log-reopen");
        let path = directory.join("log");
        let count = |message: &str| {
            assert!(message.contains("the old file stays in use"), "{message}");
            REPORTS.fetch_add(1, Ordering::SeqCst);
        };
        let (logs, faults) = AccessLogs::open(&[log_file(&path)], None, count);
        assert_eq!(faults, []);
        let kept = directory.join("kept");
        std::fs::rename(&path, &kept).unwrap();
        std::fs::create_dir(&path).unwrap();
        let mut sink = logs.sink();
        logs.reopen();
        let line = append(&mut sink, 0, "/a");
        assert!(sink.finish(LONG));
        assert!(logs.finish(LONG));
        assert_eq!(std::fs::read_to_string(&kept).unwrap(), line);
        assert_eq!(REPORTS.load(Ordering::SeqCst), 1);
        std::fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn without_logs_nothing_is_held() {
        let (logs, faults) = AccessLogs::open(&[], None, quiet);
        let mut sink = logs.sink();
        append(&mut sink, 0, "/a");
        sink.flush(0);
        logs.reopen();
        assert!(faults.is_empty() && sink.finish(LONG) && logs.finish(LONG));
        assert_eq!((sink.next_flush_ms(), sink.lost_lines()), (None, 0));
    }
}
