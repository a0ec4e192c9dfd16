//! The log: levelled lines on standard error.
//!
//! Safe from every thread. A line is put together on the caller's stack and written under a lock
//! that is never held while anything waits: a pipe, socket or terminal that takes no more makes
//! the line a lost one, which is counted and told with the next that goes out. Nothing allocates
//! after the first line. Control characters are escaped, so that what clients send cannot forge
//! lines or steer a terminal.
//!
//! Repetitions of a message are written three times in ten seconds and counted after that;
//! messages of every kind together are bounded to 50 a second after a burst of 200, unless
//! `info` or `debug` was asked for.
//!
//! Three shapes: for journald a syslog priority and the text (the journal has its own clock), at
//! a terminal time of day and text, elsewhere date, time, zone and text.

use std::fmt::{self, Write as _};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

pub use super::level::Level;
pub use super::log_target::Target;
use super::throttle::{Throttle, Verdict};
use crate::sys::stderr::Stderr;
use crate::sys::{clock, tz};

/// Longest line in bytes, with its end; longer ones are cut. A pipe takes it in one piece.
pub const LINE_BYTES_MAX: usize = 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Journal,
    Terminal,
    Plain,
}

#[derive(Debug)]
struct Output {
    stderr: Stderr,
    shape: Shape,
}

static LEVEL: AtomicU8 = AtomicU8::new(Level::Notice as u8);
static OUTPUT: OnceLock<Output> = OnceLock::new();
static THROTTLE: Mutex<Throttle> = Mutex::new(Throttle::new());

/// Sets the level and where lines go, and looks at standard error. Best called before privileges
/// are given up and before other threads start; without it the level is `notice`.
pub fn init(level: Level, _target: Target) {
    LEVEL.store(level as u8, Ordering::Relaxed);
    OUTPUT.get_or_init(open);
    // Lets the C library read the time zone now.
    let _ = tz::local_time(clock::wall_secs());
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
    if !enabled(level) {
        return;
    }
    let output = OUTPUT.get_or_init(open);
    let mut line = Line::new();
    line.head(output.shape, level, clock::wall_secs());
    let head_bytes = line.len;
    // A Line takes everything; an error can only come from the message's own Display.
    let _ = line.write_fmt(message);
    let bounded = !enabled(Level::Info);
    let hash = fnv(level as u8, line.text(head_bytes));
    let mut throttle = THROTTLE.lock().unwrap_or_else(PoisonError::into_inner);
    if bounded {
        match throttle.admit(hash, clock::monotonic_ms()) {
            Verdict::Write { suppressed: 0 } => {}
            Verdict::Write { suppressed } => {
                let _ = write!(line, " ({suppressed} more like it)");
            }
            Verdict::Suppress => return,
        }
    }
    tell_lost(output, &mut throttle);
    if !output.stderr.write(line.finish()) {
        throttle.lose(1);
    }
}

/// Tells how many lines were not written; for the end of the program.
pub fn flush() {
    let output = OUTPUT.get_or_init(open);
    let mut throttle = THROTTLE.lock().unwrap_or_else(PoisonError::into_inner);
    throttle.give_up();
    tell_lost(output, &mut throttle);
}

fn tell_lost(output: &Output, throttle: &mut Throttle) {
    let lost = throttle.take_lost();
    if lost == 0 {
        return;
    }
    let mut line = Line::new();
    line.head(output.shape, Level::Warn, clock::wall_secs());
    let _ = write!(line, "{lost} log lines were not written");
    if !output.stderr.write(line.finish()) {
        throttle.lose(lost);
    }
}

fn open() -> Output {
    let stderr = Stderr::open();
    let journal = std::env::var("JOURNAL_STREAM").ok();
    let shape = shape(stderr.is_terminal(), stderr.identity(), journal.as_deref());
    Output { stderr, shape }
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

/// A line in the making, on the stack.
struct Line {
    bytes: [u8; LINE_BYTES_MAX],
    len: usize,
    cut: bool,
}

impl Line {
    /// What marks a line that was cut, and ends every line.
    const CUT: &'static [u8] = b"...";

    const fn new() -> Self {
        Self { bytes: [0; LINE_BYTES_MAX], len: 0, cut: false }
    }

    fn head(&mut self, shape: Shape, level: Level, now_secs: u64) {
        let time = tz::local_time(now_secs);
        let (hour, minute, second) = (time.hour, time.minute, time.second);
        let word = level.word();
        let _ = match shape {
            Shape::Journal => write!(self, "<{}>", level.priority()),
            Shape::Terminal => write!(self, "{hour:02}:{minute:02}:{second:02} {word}: "),
            Shape::Plain => {
                let east = time.offset_minutes;
                write!(
                    self,
                    "{:04}-{:02}-{:02} {hour:02}:{minute:02}:{second:02} {}{:02}{:02} {word}: ",
                    time.year,
                    time.month,
                    time.day,
                    if east < 0 { '-' } else { '+' },
                    east.abs() / 60,
                    east.abs() % 60
                )
            }
        };
    }

    fn text(&self, from: usize) -> &[u8] {
        self.bytes.get(from..self.len).unwrap_or_default()
    }

    /// Appends all of `piece` or nothing; keeps room for the end of the line.
    fn push(&mut self, piece: &[u8]) {
        let end = self.len + piece.len();
        if self.cut || end + Self::CUT.len() + 1 > LINE_BYTES_MAX {
            self.cut = true;
        } else if let Some(room) = self.bytes.get_mut(self.len..end) {
            room.copy_from_slice(piece);
            self.len = end;
        }
    }

    fn finish(&mut self) -> &[u8] {
        let end: &[u8] = if self.cut { b"...\n" } else { b"\n" };
        if let Some(room) = self.bytes.get_mut(self.len..self.len + end.len()) {
            room.copy_from_slice(end);
            self.len += end.len();
        }
        self.text(0)
    }
}

impl fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            if character.is_control() {
                for escaped in character.escape_default() {
                    self.push(escaped.encode_utf8(&mut [0; 4]).as_bytes());
                }
            } else {
                self.push(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_the_shape_of_their_reader() {
        let head = |shape| {
            let mut line = Line::new();
            line.head(shape, Level::Warn, 1_000_000_000);
            let _ = line.write_str("text");
            String::from_utf8(line.finish().to_vec()).unwrap()
        };
        assert_eq!(head(Shape::Journal), "<4>text\n");
        let terminal = head(Shape::Terminal);
        assert!(terminal.ends_with(" warning: text\n") && terminal.find(':') == Some(2));
        let plain = head(Shape::Plain);
        assert!(plain.starts_with("2001-09-") && plain.ends_with("00 warning: text\n"), "{plain}");
    }

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
        flush();
    }

    #[test]
    fn repetitions_and_levels() {
        let lines = lines_of("sys::log::tests::child_repeats");
        let count = |end: &str| lines.iter().filter(|line| line.ends_with(end)).count();
        assert_eq!(count(" error: the same 1"), 3, "{lines:?}");
        assert_eq!(count(" notice: another"), 1);
        assert_eq!(count(" warning: 97 log lines were not written"), 1);
        assert_eq!(lines.len(), 5);
    }

    #[test]
    #[ignore = "writes to standard error; run by whoever_asks_for_details_gets_them_all"]
    fn child_details() {
        init(Level::Debug, Target::Stderr);
        (0..500).for_each(|_| debug(format_args!("detail")));
    }

    #[test]
    fn whoever_asks_for_details_gets_them_all() {
        assert_eq!(lines_of("sys::log::tests::child_details").len(), 500);
    }

    #[test]
    fn control_characters_cannot_forge_a_line() {
        let mut line = Line::new();
        let _ = line.write_str("a\r\n\u{1b}[2J\0é\u{85}\t");
        let text = String::from_utf8(line.finish().to_vec()).unwrap();
        assert_eq!(text, "a\\r\\n\\u{1b}[2J\\u{0}é\\u{85}\\t\n");
    }

    #[test]
    fn long_lines_are_cut_between_characters() {
        for extra in 0..4 {
            let mut line = Line::new();
            let _ = line.write_str(&"x".repeat(LINE_BYTES_MAX - 10 + extra));
            let _ = line.write_str(&"€".repeat(1000));
            let text = String::from_utf8(line.finish().to_vec()).unwrap();
            assert!(text.len() <= LINE_BYTES_MAX && text.ends_with("...\n"));
        }
        let mut line = Line::new();
        let _ = line.write_str(&"x".repeat(LINE_BYTES_MAX - 4));
        assert!(!line.cut);
        let _ = line.write_str(" (1 more like it)");
        assert!(line.finish().ends_with(b"x...\n"));
    }
}
