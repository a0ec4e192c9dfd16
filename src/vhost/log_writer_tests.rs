//! Tests of the access log from sink to file.

use super::*;
use crate::buf::Buf;
use crate::vhost::log::{Fields, Stamp, begin};
use crate::vhost::log_files::FILE_MODE;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
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
        head_bytes: 0,
    };
    let format = LogFormat::Combined;
    let mut line = Buf::with_capacity(4096);
    let begun = begin(format, &fields, &Stamp::new(0, 0), &mut line).unwrap();
    sink.append(0, LogId(log), line.filled(), begun, 200, 5);
    format!("- - - [01/Jan/1970:00:00:00 +0000] \"GET {target} HTTP/1.1\" 200 5 \"-\" \"-\"\n")
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

    fn replace(&mut self, _: File) {
        self.written.lock().unwrap().extend_from_slice(b"<replaced>\n");
    }

    fn name(&self) -> &str {
        "gated"
    }
}

fn text(control: &Control) -> String {
    String::from_utf8(control.written.lock().unwrap().clone()).unwrap()
}

#[test]
fn sinks_take_turns() {
    let (target, control) = gated();
    let logs = Logs::with_targets(vec![(target, LogFormat::Combined)], quiet);
    let (mut busy, mut quiet) = (logs.sink(), logs.sink());
    let mut want = append(&mut busy, 0, "/busy/1");
    busy.flush(0);
    control.entered.recv().unwrap();
    // The busy one has its next batch there before the quiet one has anything.
    let second = append(&mut busy, 0, "/busy/2");
    busy.flush(0);
    want += &append(&mut quiet, 0, "/quiet");
    quiet.flush(0);
    want += &second;
    drop(control.gate);
    assert!(busy.finish(LONG) && quiet.finish(LONG) && logs.finish(LONG));
    assert_eq!(String::from_utf8(control.written.lock().unwrap().clone()).unwrap(), want);
}

#[test]
fn a_slow_writer_costs_lines_but_never_time() {
    let (target, control) = gated();
    let logs = Logs::with_targets(vec![(target, LogFormat::Combined)], quiet);
    let mut sink = logs.sink();
    assert_eq!(sink.next_flush_ms(), None);
    let mut want = append(&mut sink, 0, "/first");
    assert_eq!(sink.next_flush_ms(), Some(crate::vhost::log::FLUSH_AFTER_MS));
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
    let logs = Logs::with_targets(vec![(target, LogFormat::Combined)], count);
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
    let logs = Logs::with_targets(vec![(target, LogFormat::Combined)], quiet);
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
    let (logs, faults) = Logs::open(&files, None, quiet);
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
    let (logs, faults) = Logs::open(&[log_file(&missing)], None, quiet);
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
    let (logs, faults) = Logs::open(&[log_file(&path)], None, count);
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
    let (logs, faults) = Logs::open(&[], None, quiet);
    let mut sink = logs.sink();
    append(&mut sink, 0, "/a");
    sink.flush(0);
    logs.reopen();
    assert!(faults.is_empty() && sink.finish(LONG) && logs.finish(LONG));
    assert_eq!((sink.next_flush_ms(), sink.lost_lines()), (None, 0));
}

fn appending(path: &Path) -> File {
    File::options().append(true).create(true).open(path).unwrap()
}

#[test]
fn files_that_are_handed_over_are_written_one_after_the_other() {
    let directory = directory("log-handed");
    let path = |name: &str| directory.join(name);
    let files = [log_file(&path("here")), log_file(&path("late"))];
    let logs = Logs::handed(&files, vec![Some(appending(&path("1")))], quiet);
    let mut sink = logs.sink();
    let a = append(&mut sink, 0, "/a");
    append(&mut sink, 1, "/lost");
    assert!(sink.finish(LONG));
    // Each is the only one from the moment that it comes, and nothing goes to the paths.
    logs.replace(LogId(0), appending(&path("2")));
    logs.replace(LogId(1), appending(&path("3")));
    logs.replace(LogId(9), appending(&path("none")));
    let b = append(&mut sink, 0, "/b");
    let c = append(&mut sink, 1, "/c");
    assert!(sink.finish(LONG));
    assert!(logs.finish(LONG));
    let read = |name: &str| std::fs::read_to_string(path(name)).unwrap();
    let (one, two, three) = (read("1"), read("2"), read("3"));
    assert!(format!("{one}{two}") == format!("{a}{b}") && two.contains(&b), "{one}{two}");
    // What came before the file may have met it, or is told.
    let told = format!("# 1 log lines were lost here\n{c}");
    assert!(three == told || three.ends_with(&c) && three.contains("/lost"), "{three}");
    assert_eq!(read("none"), "");
    assert!(!path("here").exists() && !path("late").exists());
    std::fs::remove_dir_all(&directory).unwrap();
}

#[test]
fn a_replacement_comes_between_batches_and_before_those_that_wait() {
    let (target, control) = gated();
    let logs = Logs::with_targets(vec![(target, LogFormat::Combined)], quiet);
    let mut sink = logs.sink();
    let first = append(&mut sink, 0, "/first");
    sink.flush(0);
    control.entered.recv().unwrap();
    let second = append(&mut sink, 0, "/second");
    sink.flush(0);
    for _ in 0..3 {
        logs.replace(LogId(0), File::open("/dev/null").unwrap());
    }
    // The first batch is taken in two pieces: the line stays whole.
    for taken in [7, usize::MAX, usize::MAX] {
        control.gate.send(Ok(taken)).unwrap();
    }
    assert!(logs.finish(LONG));
    assert_eq!(text(&control), format!("{first}<replaced>\n{second}"));
}

#[test]
fn a_replacement_before_the_first_line_takes_no_thread() {
    let (target, control) = gated();
    let logs = Logs::with_targets(vec![(target, LogFormat::Combined)], quiet);
    logs.replace(LogId(0), File::open("/dev/null").unwrap());
    assert_eq!(text(&control), "<replaced>\n");
    assert!(logs.finish(Duration::ZERO));
}
