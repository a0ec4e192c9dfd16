//! A line of the log in the making, on the stack.

use std::fmt::{self, Write as _};

use super::level::Level;
use super::tz::LocalTime;

/// Longest line in bytes, with its head and its end; longer ones are cut. A pipe takes it in one
/// piece.
pub const LINE_BYTES_MAX: usize = 1024;
/// Room for what stands before the text.
const HEAD_BYTES_MAX: usize = 64;
/// What marks a line that was cut.
const CUT: &[u8] = b"...";
/// Facility of all lines for the system's log: daemon, RFC 3164 section 4.1.1.
const FACILITY_DAEMON: u8 = 3;
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// What a line looks like to its reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// journald: a priority and the text, the journal has its own clock.
    Journal,
    /// A person: time of day.
    Terminal,
    /// A file: date, time, zone.
    Plain,
    /// The lines of several processes in memory: like a file, with the process.
    Ring,
    /// The system's log daemon: RFC 3164 as syslog(3) writes it, without an end of line.
    Syslog,
}

/// A text, the end of its line, and room for a head of any shape before it: one text goes to
/// several readers.
pub(super) struct Line {
    bytes: [u8; LINE_BYTES_MAX],
    end: usize,
    cut: bool,
}

impl Line {
    /// A line without a text.
    pub(super) const fn new() -> Self {
        Self { bytes: [0; LINE_BYTES_MAX], end: HEAD_BYTES_MAX, cut: false }
    }

    /// What was written so far.
    pub(super) fn text(&self) -> &[u8] {
        self.bytes.get(HEAD_BYTES_MAX..self.end).unwrap_or_default()
    }

    /// The whole line for a reader.
    pub(super) fn with_head(
        &mut self,
        shape: Shape,
        level: Level,
        time: &LocalTime,
        pid: u32,
    ) -> &[u8] {
        let mut head = Head { bytes: [0; HEAD_BYTES_MAX], len: 0 };
        let _ = head.write(shape, level, time, pid);
        let start = HEAD_BYTES_MAX - head.len;
        if let (Some(room), Some(bytes)) =
            (self.bytes.get_mut(start..HEAD_BYTES_MAX), head.bytes.get(..head.len))
        {
            room.copy_from_slice(bytes);
        }
        let mut end = self.end;
        let ending: [&[u8]; 2] = [if self.cut { CUT } else { b"" }, b"\n"];
        for piece in ending.iter().take(if shape == Shape::Syslog { 1 } else { 2 }) {
            if let Some(room) = self.bytes.get_mut(end..end + piece.len()) {
                room.copy_from_slice(piece);
                end += piece.len();
            }
        }
        self.bytes.get(start..end).unwrap_or_default()
    }

    /// Appends all of `piece` or nothing; keeps room for the end of the line.
    fn push(&mut self, piece: &[u8]) {
        let end = self.end + piece.len();
        if self.cut || end + CUT.len() + 1 > LINE_BYTES_MAX {
            self.cut = true;
        } else if let Some(room) = self.bytes.get_mut(self.end..end) {
            room.copy_from_slice(piece);
            self.end = end;
        }
    }
}

/// Takes everything; control characters are escaped.
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

/// What stands before the text.
struct Head {
    bytes: [u8; HEAD_BYTES_MAX],
    len: usize,
}

impl Head {
    fn write(&mut self, shape: Shape, level: Level, time: &LocalTime, pid: u32) -> fmt::Result {
        let LocalTime { year, month, day, hour, minute, second, offset_minutes: east } = *time;
        let word = level.word();
        match shape {
            Shape::Journal => write!(self, "<{}>", level.priority()),
            Shape::Terminal => write!(self, "{hour:02}:{minute:02}:{second:02} {word}: "),
            Shape::Syslog => {
                let priority = FACILITY_DAEMON * 8 + level.priority();
                let month = MONTHS.get(usize::from(month.wrapping_sub(1))).unwrap_or(&"Jan");
                write!(
                    self,
                    "<{priority}>{month} {day:2} {hour:02}:{minute:02}:{second:02} kinglet[{pid}]: "
                )
            }
            Shape::Plain | Shape::Ring => {
                write!(
                    self,
                    "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} \
                     {}{:02}{:02} ",
                    if east < 0 { '-' } else { '+' },
                    east.abs() / 60,
                    east.abs() % 60
                )?;
                if shape == Shape::Ring {
                    write!(self, "[{pid}] ")?;
                }
                write!(self, "{word}: ")
            }
        }
    }
}

impl fmt::Write for Head {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.bytes.get_mut(self.len..self.len + text.len()).ok_or(fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.len += text.len();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time() -> LocalTime {
        LocalTime {
            year: 2001,
            month: 9,
            day: 9,
            hour: 3,
            minute: 46,
            second: 40,
            offset_minutes: -90,
        }
    }

    fn whole(line: &mut Line, shape: Shape) -> String {
        let bytes = line.with_head(shape, Level::Warn, &time(), 7);
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[test]
    fn one_text_has_the_shape_of_each_reader() {
        let mut line = Line::new();
        let _ = line.write_str("text");
        for (shape, expected) in [
            (Shape::Ring, "2001-09-09 03:46:40 -0130 [7] warning: text\n"),
            (Shape::Journal, "<4>text\n"),
            (Shape::Syslog, "<28>Sep  9 03:46:40 kinglet[7]: text"),
            (Shape::Terminal, "03:46:40 warning: text\n"),
            (Shape::Plain, "2001-09-09 03:46:40 -0130 warning: text\n"),
            (Shape::Ring, "2001-09-09 03:46:40 -0130 [7] warning: text\n"),
        ] {
            assert_eq!(whole(&mut line, shape), expected);
        }
        assert_eq!(line.text(), b"text");
    }

    #[test]
    fn the_longest_head_fits() {
        let time = LocalTime { year: i32::MIN, month: 12, day: 31, ..time() };
        let mut line = Line::new();
        for shape in [Shape::Ring, Shape::Plain, Shape::Syslog] {
            let bytes = line.with_head(shape, Level::Warn, &time, u32::MAX).to_vec();
            let text = String::from_utf8(bytes).unwrap();
            assert!(text.trim_end().ends_with(':'), "{text}");
        }
        // Nor does a month that is none do harm.
        let none = LocalTime { month: 0, ..time };
        assert!(line.with_head(Shape::Syslog, Level::Warn, &none, 1).starts_with(b"<28>Jan 31"));
    }

    #[test]
    fn control_characters_cannot_forge_a_line() {
        let mut line = Line::new();
        let _ = line.write_str("a\r\n\u{1b}[2J\0é\u{85}\t");
        assert_eq!(whole(&mut line, Shape::Journal), "<4>a\\r\\n\\u{1b}[2J\\u{0}é\\u{85}\\t\n");
    }

    #[test]
    fn long_lines_are_cut_between_characters() {
        for extra in 0..4 {
            let mut line = Line::new();
            let _ = line.write_str(&"x".repeat(LINE_BYTES_MAX - 70 + extra));
            let _ = line.write_str(&"€".repeat(1000));
            for shape in [Shape::Ring, Shape::Journal, Shape::Terminal] {
                let text = whole(&mut line, shape);
                assert!(text.len() <= LINE_BYTES_MAX && text.ends_with("...\n"));
            }
            assert!(whole(&mut line, Shape::Syslog).ends_with("..."));
        }
        let mut line = Line::new();
        let _ = line.write_str(&"x".repeat(LINE_BYTES_MAX - HEAD_BYTES_MAX - 4));
        assert!(!line.cut);
        let _ = line.write_str(" (1 more like it)");
        assert!(whole(&mut line, Shape::Plain).ends_with("x...\n"));
    }
}
