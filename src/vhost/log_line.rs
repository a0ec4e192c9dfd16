//! A log line as text: pure, bounded, one line whatever a client sent.
//!
//! Combined: `peer - user [time] "METHOD target HTTP/1.1" status bytes "referer" "agent"`, to the
//! letter as Apache's `%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i"`: what was not sent
//! is `-`, so is a body without bytes, and in the fields that a client fills quotes and
//! backslashes have a backslash in front, controls and non-ASCII bytes become `\n` or `\xhh`. A
//! space in the name of a user is escaped too, which Apache leaves to readers of the log.
//! Lwsws: the same shape with `""` for a missing referer or agent, and head and body counted.
//! JSON: one object a line, ASCII only; a non-ASCII byte is written `\\xhh` there, because JSON
//! cannot hold bytes.

use core::fmt::Write as _;

use crate::buf::{Buf, Full};
use crate::config::settings::LogFormat;
use crate::sys::peer::PeerAddr;

use super::log_time::Stamp;

/// Longest line with its newline: a head of 8 KiB fits with every byte escaped. A longer one has
/// its longest fields cut, and [`CUT_MARK`] where they were.
pub const LINE_BYTES_MAX: usize = 34 * 1024;

/// What stands at the end of a field that was cut.
pub const CUT_MARK: &str = "...";

/// What a line spends beside the fields below: addresses, time, numbers, punctuation, keys.
const FRAME_BYTES: usize = 384;
/// What the short fields may take each.
const SHORT_BYTES_MAX: usize = 64;
/// What user and vhost name may take each.
const NAME_BYTES_MAX: usize = 256;
/// What target, referer and agent have together.
const LONG_BYTES: usize = LINE_BYTES_MAX - FRAME_BYTES - 2 * SHORT_BYTES_MAX - 2 * NAME_BYTES_MAX;

/// What is known when a request head has been read.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'a> {
    /// Who asked.
    pub peer: Option<PeerAddr>,
    /// Authenticated user.
    pub user: Option<&'a [u8]>,
    /// Name of the vhost; only JSON shows it.
    pub vhost: &'a [u8],
    /// Method as sent; empty, like the target, when there was no readable request line, which
    /// is then logged as `-`.
    pub method: &'a [u8],
    /// Request target as sent, with its query.
    pub target: &'a [u8],
    /// `HTTP/1.1` and so on.
    pub version: &'a [u8],
    /// `Referer`.
    pub referer: Option<&'a [u8]>,
    /// `User-Agent`.
    pub user_agent: Option<&'a [u8]>,
    /// Bytes of the answer's head.
    pub head_bytes: u32,
}

/// What [`complete`] must know of a begun line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Begun {
    /// Bytes before the status.
    split: u16,
    /// Bytes of both parts.
    len: u16,
    /// Format of the line.
    format: LogFormat,
    /// Bytes that were sent and that the line does not count.
    uncounted: u32,
}

impl Begun {
    /// Bytes that [`begin`] appended.
    #[must_use]
    pub fn len(&self) -> usize {
        usize::from(self.len)
    }

    /// Never: a line has its frame.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// Appends everything of a line but status and bytes to `out`, at most [`LINE_BYTES_MAX`].
///
/// # Errors
/// [`Full`]; `out` is then as it was.
pub fn begin(
    format: LogFormat,
    fields: &Fields<'_>,
    stamp: &Stamp,
    out: &mut Buf,
) -> Result<Begun, Full> {
    let start = out.len();
    let text = Text { out };
    let done = match format {
        LogFormat::Combined => combined(text, fields, stamp, b"-"),
        LogFormat::Lwsws => combined(text, fields, stamp, b""),
        LogFormat::Json => json(text, fields, stamp),
    };
    let uncounted = if format == LogFormat::Combined { fields.head_bytes } else { 0 };
    let begun = done.and_then(|split| {
        let narrow = |n: usize| u16::try_from(n - start).map_err(|_| Full);
        Ok(Begun { split: narrow(split)?, len: narrow(out.len())?, format, uncounted })
    });
    if begun.is_err() {
        out.truncate(start);
    }
    begun
}

/// Writes the finished line with its newline: `line` is what [`begin`] appended. `bytes` counts
/// what was sent, head included. Returns the number of bytes written, none when `into` is too
/// small.
pub fn complete(
    line: &[u8],
    begun: Begun,
    status: u16,
    bytes: u64,
    into: &mut [u8],
) -> Option<usize> {
    let (before, after) = line.split_at_checked(usize::from(begun.split))?;
    let before_bytes: &[u8] = if begun.format == LogFormat::Json { b",\"bytes\":" } else { b" " };
    let counted = bytes.saturating_sub(u64::from(begun.uncounted));
    let mut digits = [0; 20];
    let mut at = 0;
    let mut put = |piece: &[u8]| {
        into.get_mut(at..at + piece.len())?.copy_from_slice(piece);
        at += piece.len();
        Some(())
    };
    put(before)?;
    put(decimal(u64::from(status), &mut digits))?;
    put(before_bytes)?;
    match (begun.format, counted) {
        (LogFormat::Combined, 0) => put(b"-")?,
        _ => put(decimal(counted, &mut digits))?,
    }
    put(after)?;
    put(b"\n")?;
    Some(at)
}

/// The line that says how many were lost, newline included: a comment in the combined format
/// (log readers skip `#`), an object in JSON.
pub(super) fn lost_note(format: LogFormat, lines: u32) -> heapless::Vec<u8, 64> {
    let mut note = heapless::Vec::new();
    let mut digits = [0; 20];
    let (before, after): (&[u8], &[u8]) = match format {
        LogFormat::Combined | LogFormat::Lwsws => (b"# ", b" log lines were lost here\n"),
        LogFormat::Json => (b"{\"lost_lines\":", b"}\n"),
    };
    // 64 bytes hold either form.
    let _ = note.extend_from_slice(before);
    let _ = note.extend_from_slice(decimal(u64::from(lines), &mut digits));
    let _ = note.extend_from_slice(after);
    note
}

/// How a field stands in its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    /// Between quotes.
    Quoted,
    /// Between spaces.
    Bare,
    /// In a JSON string.
    Json,
}

/// Most bytes that one byte becomes.
const ESCAPE_BYTES_MAX: usize = 6;

struct Text<'b> {
    out: &'b mut Buf,
}

impl Text<'_> {
    fn raw(&mut self, bytes: &[u8]) -> Result<(), Full> {
        self.out.put(bytes)
    }

    fn address(&mut self, peer: Option<PeerAddr>) -> Result<(), Full> {
        let Some(peer) = peer else { return self.raw(b"-") };
        write!(self.out, "{peer}").map_err(|_| Full)
    }

    /// Escapes `bytes`; over `limit` bytes they are cut between two characters and marked.
    fn field(&mut self, style: Style, bytes: &[u8], limit: usize) -> Result<(), Full> {
        let whole = fits(style, bytes, limit);
        let mut left = if whole { limit } else { limit.saturating_sub(CUT_MARK.len()) };
        // Plain bytes go out in runs; `plain` is where the current one begins.
        let mut plain = 0;
        for (at, &byte) in bytes.iter().enumerate() {
            let is_plain = is_plain(style, byte);
            if is_plain && left > 0 {
                left -= 1;
                continue;
            }
            self.raw(bytes.get(plain..at).unwrap_or_default())?;
            plain = at;
            let (escape, len) = escape(style, byte);
            if is_plain || len > left {
                break;
            }
            self.raw(escape.get(..len).unwrap_or_default())?;
            plain = at + 1;
            left -= len;
        }
        if whole {
            self.raw(bytes.get(plain..).unwrap_or_default())
        } else {
            self.raw(CUT_MARK.as_bytes())
        }
    }
}

/// `absent` stands for a referer or agent that was not sent.
fn combined(
    mut text: Text<'_>,
    fields: &Fields<'_>,
    stamp: &Stamp,
    absent: &'static [u8],
) -> Result<usize, Full> {
    let [referer, user_agent] =
        [fields.referer, fields.user_agent].map(|sent| Some(sent.unwrap_or(absent)));
    let fields = &Fields { referer, user_agent, ..*fields };
    let long = Long::new(Style::Quoted, fields);
    text.address(fields.peer)?;
    text.raw(b" - ")?;
    match fields.user {
        None => text.raw(b"-")?,
        Some(b"") => text.raw(b"\"\"")?,
        Some(user) => text.field(Style::Bare, user, NAME_BYTES_MAX)?,
    }
    text.raw(b" [")?;
    text.raw(stamp.combined())?;
    text.raw(b"] \"")?;
    let line = [
        (fields.method, SHORT_BYTES_MAX),
        (fields.target, long.target),
        (fields.version, SHORT_BYTES_MAX),
    ];
    // As much of the request line as was sent.
    match line.iter().rposition(|(word, _)| !word.is_empty()) {
        None => text.raw(b"-")?,
        Some(last) => {
            for (at, &(word, limit)) in line.iter().enumerate().take(last + 1) {
                text.raw(if at == 0 { b"" } else { b" " })?;
                text.field(Style::Quoted, word, limit)?;
            }
        }
    }
    text.raw(b"\" ")?;
    let split = text.out.len();
    text.raw(b" \"")?;
    text.field(Style::Quoted, fields.referer.unwrap_or_default(), long.referer)?;
    text.raw(b"\" \"")?;
    text.field(Style::Quoted, fields.user_agent.unwrap_or_default(), long.user_agent)?;
    text.raw(b"\"")?;
    Ok(split)
}

fn json(mut text: Text<'_>, fields: &Fields<'_>, stamp: &Stamp) -> Result<usize, Full> {
    let long = Long::new(Style::Json, fields);
    text.raw(b"{\"time\":\"")?;
    text.raw(stamp.iso())?;
    text.raw(b"\",\"peer\":\"")?;
    text.address(fields.peer)?;
    let pieces: [(&[u8], &[u8], usize); 7] = [
        (b"\",\"user\":\"", fields.user.unwrap_or_default(), NAME_BYTES_MAX),
        (b"\",\"vhost\":\"", fields.vhost, NAME_BYTES_MAX),
        (b"\",\"method\":\"", fields.method, SHORT_BYTES_MAX),
        (b"\",\"target\":\"", fields.target, long.target),
        (b"\",\"version\":\"", fields.version, SHORT_BYTES_MAX),
        (b"\",\"referer\":\"", fields.referer.unwrap_or_default(), long.referer),
        (b"\",\"user_agent\":\"", fields.user_agent.unwrap_or_default(), long.user_agent),
    ];
    for (key, value, limit) in pieces {
        text.raw(key)?;
        text.field(Style::Json, value, limit)?;
    }
    text.raw(b"\",\"status\":")?;
    let split = text.out.len();
    text.raw(b"}")?;
    Ok(split)
}

/// What the three long fields may take.
struct Long {
    target: usize,
    referer: usize,
    user_agent: usize,
}

impl Long {
    /// Each has a third; what the shorter ones leave goes to the target, then to the referer,
    /// then to the agent. So nothing is cut while all three fit.
    fn new(style: Style, fields: &Fields<'_>) -> Self {
        let target = escaped_len(style, fields.target);
        let referer = escaped_len(style, fields.referer.unwrap_or_default());
        let user_agent = escaped_len(style, fields.user_agent.unwrap_or_default());
        let third = LONG_BYTES / 3;
        let share = |len: usize| len.min(third);
        let mut spare = LONG_BYTES - share(target) - share(referer) - share(user_agent);
        let mut grant = |len: usize| {
            let more = (len - share(len)).min(spare);
            spare -= more;
            share(len) + more
        };
        Self { target: grant(target), referer: grant(referer), user_agent: grant(user_agent) }
    }
}

fn fits(style: Style, bytes: &[u8], limit: usize) -> bool {
    bytes.len() <= limit / ESCAPE_BYTES_MAX || escaped_len(style, bytes) <= limit
}

fn escaped_len(style: Style, bytes: &[u8]) -> usize {
    bytes.iter().map(|&byte| if is_plain(style, byte) { 1 } else { escape(style, byte).1 }).sum()
}

fn is_plain(style: Style, byte: u8) -> bool {
    matches!(byte, b' '..=b'~')
        && byte != b'"'
        && byte != b'\\'
        && (byte, style) != (b' ', Style::Bare)
}

/// How a byte that is not plain is written: the first bytes of the array, as many as the number
/// says.
fn escape(style: Style, byte: u8) -> ([u8; ESCAPE_BYTES_MAX], usize) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let (high, low) = (HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]);
    let short = |letter| ([b'\\', letter, 0, 0, 0, 0], 2);
    match (style, byte) {
        (_, b'"' | b'\\') => short(byte),
        (Style::Json, 0..=0x7f) => ([b'\\', b'u', b'0', b'0', high, low], 6),
        (Style::Json, _) => ([b'\\', b'\\', b'x', high, low, 0], 5),
        (_, 8) => short(b'b'),
        (_, b'\t') => short(b't'),
        (_, b'\n') => short(b'n'),
        (_, 11) => short(b'v'),
        (_, b'\r') => short(b'r'),
        _ => ([b'\\', b'x', high, low, 0, 0], 4),
    }
}

fn decimal(mut number: u64, digits: &mut [u8; 20]) -> &[u8] {
    let mut first = digits.len();
    for (at, digit) in digits.iter_mut().enumerate().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
        first = at;
        if number == 0 {
            break;
        }
    }
    digits.get(first..).unwrap_or_default()
}

#[cfg(test)]
#[path = "log_line_tests.rs"]
mod tests;
