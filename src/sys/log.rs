//! The log: levelled lines on standard error or to the system's log daemon, and the last ones in
//! memory.
//!
//! Safe from every thread. A line is put together on the caller's stack and written under a lock
//! that is never held while anything waits: a pipe, socket, terminal or daemon that takes no more
//! makes the line a lost one, which is counted and told with the next that goes out. Nothing
//! allocates after the first line. Control characters are escaped, so that what clients send
//! cannot forge lines or steer a terminal.
//!
//! Repetitions of a message are written three times in ten seconds and counted after that;
//! messages of every kind together are bounded to 50 a second after a burst of 200. With `info` or
//! `debug` that holds only for what strangers can cause ([`write_bounded`]).
//!
//! A line's head is what its reader wants: a priority for journald, which has its own clock, the
//! time of day at a terminal, date, time and zone elsewhere, RFC 3164 for the log daemon.

use std::fmt::{self, Write as _};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

pub use super::level::Level;
pub use super::log_line::LINE_BYTES_MAX;
use super::log_line::{Line, Shape};
pub use super::log_target::Target;
use super::ring_log::RingLog;
use super::syslog::Syslog;
use super::throttle::{Throttle, Verdict};
use crate::sys::stderr::Stderr;
use crate::sys::tz::LocalTime;
use crate::sys::{clock, tz};

/// How lines get out.
#[derive(Debug)]
enum Output {
    Stderr(Stderr, Shape),
    Syslog(Mutex<Syslog>),
    Nowhere,
}

static LEVEL: AtomicU8 = AtomicU8::new(Level::Notice as u8);
static OUTPUT: OnceLock<Output> = OnceLock::new();
static RING: OnceLock<RingLog> = OnceLock::new();
static THROTTLE: Mutex<Throttle> = Mutex::new(Throttle::new());

/// Sets the level and where lines go, and opens that. Best called before privileges are given up
/// and before other threads start; without it the level is `notice` and the target standard error.
pub fn init(level: Level, target: Target) {
    LEVEL.store(level as u8, Ordering::Relaxed);
    OUTPUT.get_or_init(|| open(target));
    // Lets the C library read the time zone now.
    let _ = tz::local_time(clock::wall_secs());
}

/// From now on every line also goes to this ring. A second ring is dropped.
pub fn use_ring(ring: RingLog) {
    let _ = RING.set(ring);
}

/// The ring, if there is one.
#[must_use]
pub fn ring() -> Option<&'static RingLog> {
    RING.get()
}

/// Whether lines of this level are written. Ask before computing something for a line.
#[must_use]
pub fn enabled(level: Level) -> bool {
    level as u8 <= LEVEL.load(Ordering::Relaxed) && level != Level::Silent
}

/// Something does not work: `log::error(format_args!("…"))`.
pub fn error(message: fmt::Arguments<'_>) {
    write(Level::Error, message);
}

/// Something is not as it should be.
pub fn warn(message: fmt::Arguments<'_>) {
    write(Level::Warn, message);
}

/// What an administrator wants to see.
pub fn notice(message: fmt::Arguments<'_>) {
    write(Level::Notice, message);
}

/// What helps to follow the work.
pub fn info(message: fmt::Arguments<'_>) {
    write(Level::Info, message);
}

/// What helps to find a fault.
pub fn debug(message: fmt::Arguments<'_>) {
    write(Level::Debug, message);
}

/// Writes a line if the level of the log allows it.
pub fn write(level: Level, message: fmt::Arguments<'_>) {
    write_line(level, message, !enabled(Level::Info));
}

/// Writes a line that strangers can cause as often as they like: bounded at every level.
pub fn write_bounded(level: Level, message: fmt::Arguments<'_>) {
    write_line(level, message, true);
}

/// Writes a line of a longer text, such as a list of faults, where lines may be alike: none is
/// left out. The caller knows that the text is bounded, and that it is not written often.
pub fn write_whole(level: Level, message: fmt::Arguments<'_>) {
    write_line(level, message, false);
}

fn write_line(level: Level, message: fmt::Arguments<'_>, bounded: bool) {
    if !enabled(level) {
        return;
    }
    let mut line = Line::new();
    // A Line takes everything; an error can only come from the message's own Display.
    let _ = line.write_fmt(message);
    let mut throttle = THROTTLE.lock().unwrap_or_else(PoisonError::into_inner);
    if bounded {
        match throttle.admit(fnv(level as u8, line.text()), clock::monotonic_ms()) {
            Verdict::Write { suppressed: 0 } => {}
            Verdict::Write { suppressed } => {
                let _ = write!(line, " ({suppressed} more like it)");
            }
            Verdict::Suppress => return,
        }
    }
    tell_lost(&mut throttle);
    if !put(level, &mut line) {
        throttle.lose(1);
    }
}

/// Tells how many lines were not written; for the end of the program.
pub fn flush() {
    let mut throttle = THROTTLE.lock().unwrap_or_else(PoisonError::into_inner);
    throttle.give_up();
    tell_lost(&mut throttle);
}

fn tell_lost(throttle: &mut Throttle) {
    let lost = throttle.take_lost();
    if lost == 0 {
        return;
    }
    let mut line = Line::new();
    let _ = write!(line, "{lost} log lines were not written");
    let stamp = Stamp::now(Level::Warn);
    if stamp.send(&mut line) {
        stamp.keep(&mut line);
    } else {
        // It will be told again, perhaps with more.
        throttle.lose(lost);
    }
}

/// Hands the line to the target and to the ring; false if the target did not take it.
fn put(level: Level, line: &mut Line) -> bool {
    let stamp = Stamp::now(level);
    stamp.keep(line);
    stamp.send(line)
}

/// What the heads of a line are made of.
struct Stamp {
    level: Level,
    time: LocalTime,
    pid: u32,
}

impl Stamp {
    fn now(level: Level) -> Self {
        Self { level, time: tz::local_time(clock::wall_secs()), pid: std::process::id() }
    }

    fn send(&self, line: &mut Line) -> bool {
        match OUTPUT.get_or_init(|| open(Target::Stderr)) {
            Output::Stderr(stderr, shape) => stderr.write(self.on(line, *shape)),
            Output::Syslog(syslog) => {
                let mut syslog = syslog.lock().unwrap_or_else(PoisonError::into_inner);
                syslog.write(self.on(line, Shape::Syslog))
            }
            Output::Nowhere => true,
        }
    }

    fn keep(&self, line: &mut Line) {
        if let Some(ring) = RING.get() {
            ring.write(self.on(line, Shape::Ring));
        }
    }

    fn on<'a>(&self, line: &'a mut Line, shape: Shape) -> &'a [u8] {
        line.with_head(shape, self.level, &self.time, self.pid)
    }
}

fn open(target: Target) -> Output {
    match target {
        Target::None => Output::Nowhere,
        Target::Syslog => Output::Syslog(Mutex::new(Syslog::open())),
        Target::Stderr => {
            let stderr = Stderr::open();
            let journal = std::env::var("JOURNAL_STREAM").ok();
            let shape = shape(stderr.is_terminal(), stderr.identity(), journal.as_deref());
            Output::Stderr(stderr, shape)
        }
    }
}

/// `JOURNAL_STREAM` holds device and inode of the stream to the journal: it is inherited, so only
/// equality says that standard error still goes there.
fn shape(terminal: bool, identity: Option<(u64, u64)>, journal: Option<&str>) -> Shape {
    let named = journal.and_then(|text| {
        let (device, inode) = text.split_once(':')?;
        Some((device.parse().ok()?, inode.parse().ok()?))
    });
    if named.is_some() && named == identity {
        Shape::Journal
    } else if terminal {
        Shape::Terminal
    } else {
        Shape::Plain
    }
}

fn fnv(level: u8, text: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    text.iter().fold(step(0xcbf2_9ce4_8422_2325, &level), step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_journal_is_recognised_by_its_stream() {
        let identity = Some((64, 1234));
        assert_eq!(shape(false, identity, Some("64:1234")), Shape::Journal);
        assert_eq!(shape(false, identity, Some("64:1235")), Shape::Plain);
        assert_eq!(shape(true, identity, Some("64:1235")), Shape::Terminal);
        assert_eq!(shape(false, None, Some("x")), Shape::Plain);
        assert_eq!(shape(false, None, None), Shape::Plain);
    }

    /// Runs an ignored test of this binary and returns what it wrote to standard error.
    fn lines_of(name: &str) -> Vec<String> {
        let output = std::process::Command::new("/proc/self/exe")
            .args(["--exact", "--ignored", "--nocapture", "--test-threads=1", name])
            .output()
            .unwrap();
        assert!(output.status.success());
        let text = String::from_utf8(output.stderr).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    #[ignore = "writes to standard error; run by repetitions_and_levels"]
    fn child_repeats() {
        init(Level::Notice, Target::Stderr);
        info(format_args!("not written"));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..25).for_each(|_| error(format_args!("the same {}", 1))));
            }
        });
        notice(format_args!("another"));
        (0..9).for_each(|_| write_whole(Level::Error, format_args!("  ^^^")));
        write_whole(Level::Info, format_args!("  ^^^"));
        flush();
    }

    #[test]
    fn repetitions_and_levels() {
        let lines = lines_of("sys::log::tests::child_repeats");
        let count = |end: &str| lines.iter().filter(|line| line.ends_with(end)).count();
        assert_eq!(count(" error: the same 1"), 3, "{lines:?}");
        assert_eq!(count(" notice: another"), 1);
        assert_eq!(count(" warning: 97 log lines were not written"), 1);
        assert_eq!(count(" error:   ^^^"), 9);
        assert_eq!(lines.len(), 14);
    }

    #[test]
    #[ignore = "has a ring and no target; run by the_ring_has_what_the_target_has"]
    fn child_with_a_ring() {
        init(Level::Notice, Target::None);
        notice(format_args!("before there is a ring"));
        use_ring(RingLog::create().unwrap());
        info(format_args!("not written"));
        (0..10).for_each(|_| error(format_args!("the\nsame")));
        flush();
        let text = String::from_utf8(ring().unwrap().read()).unwrap();
        let ends: Vec<&str> = text.lines().map(|line| line.split_at(25).1).collect();
        let pid = std::process::id();
        let same = format!(" [{pid}] error: the\\nsame");
        let lost = format!(" [{pid}] warning: 7 log lines were not written");
        assert_eq!(ends, [same.as_str(), &same, &same, &lost]);
    }

    #[test]
    #[ignore = "its standard error is full; run by a_target_that_takes_nothing_is_told_of_later"]
    fn child_with_a_full_target() {
        init(Level::Notice, Target::Stderr);
        use_ring(RingLog::create().unwrap());
        (0..4).for_each(|number| notice(format_args!("line {number}")));
        flush();
        let text = String::from_utf8(ring().unwrap().read()).unwrap();
        // The ring has them all, and does not say that they are lost.
        let texts: Vec<&str> =
            text.lines().filter_map(|line| line.split("notice: ").nth(1)).collect();
        assert_eq!(texts, ["line 0", "line 1", "line 2", "line 3"]);
        assert_eq!(text.lines().count(), 4);
    }

    #[test]
    fn a_target_that_takes_nothing_is_told_of_later() {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = std::process::Command::new("/proc/self/exe")
            .args(["--exact", "--ignored", "--test-threads=1"])
            .arg("sys::log::tests::child_with_a_full_target")
            .stderr(full)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
    }

    #[test]
    fn the_ring_has_what_the_target_has() {
        assert_eq!(lines_of("sys::log::tests::child_with_a_ring"), [""; 0]);
    }

    #[test]
    #[ignore = "writes to standard error; run by whoever_asks_for_details_gets_them_all"]
    fn child_details() {
        init(Level::Debug, Target::Stderr);
        (0..500).for_each(|_| debug(format_args!("detail")));
        (0..500).for_each(|_| write_bounded(Level::Info, format_args!("stranger")));
    }

    #[test]
    fn whoever_asks_for_details_gets_them_all() {
        let lines = lines_of("sys::log::tests::child_details");
        let count = |end: &str| lines.iter().filter(|line| line.ends_with(end)).count();
        assert_eq!((count(" debug: detail"), count(" info: stranger")), (500, 3));
    }
}
