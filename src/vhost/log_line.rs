//! A log line as text: pure, bounded, one line whatever a client sent.
//!
//! Combined: `peer - user [time] "METHOD target HTTP/1.1" status bytes "referer" "agent"`, as
//! lwsws writes it (a missing referer or agent is `""`). In the fields that a client fills,
//! quotes, backslashes, controls and non-ASCII bytes become `\xHH`.
//! JSON: one object a line, ASCII only; a non-ASCII byte is written `\\xHH` there, because JSON
//! can not hold bytes.

use core::fmt::Write as _;
use std::net::IpAddr;

use crate::buf::{Buf, Full};
use crate::config::settings::LogFormat;

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
    /// Peer address; none on a unix socket.
    pub peer: Option<IpAddr>,
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
        LogFormat::Combined => combined(text, fields, stamp),
        LogFormat::Json => json(text, fields, stamp),
    };
    let begun = done.and_then(|split| {
        let narrow = |n: usize| u16::try_from(n - start).map_err(|_| Full);
        Ok(Begun { split: narrow(split)?, len: narrow(out.len())?, format })
    });
    if begun.is_err() {
        out.truncate(start);
    }
    begun
}

/// Writes the finished line with its newline: `line` is what [`begin`] appended. `bytes` counts
/// what was sent, head included, as lwsws counts. Returns the number of bytes written, none
/// when `into` is too small.
pub fn complete(
    line: &[u8],
    begun: Begun,
    status: u16,
    bytes: u64,
    into: &mut [u8],
) -> Option<usize> {
    let (before, after) = line.split_at_checked(usize::from(begun.split))?;
    let (before_bytes, end): (&[u8], &[u8]) = match begun.format {
        LogFormat::Combined => (b" ", b"\n"),
        LogFormat::Json => (b",\"bytes\":", b"\n"),
    };
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
    put(decimal(bytes, &mut digits))?;
    put(after)?;
    put(end)?;
    Some(at)
}

/// The line that says how many were lost, newline included: a comment in the combined format
/// (log readers skip `#`), an object in JSON.
pub(super) fn lost_note(format: LogFormat, lines: u32) -> heapless::Vec<u8, 64> {
    let mut note = heapless::Vec::new();
    let mut digits = [0; 20];
    let (before, after): (&[u8], &[u8]) = match format {
        LogFormat::Combined => (b"# ", b" log lines were lost here\n"),
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

    fn address(&mut self, peer: Option<IpAddr>) -> Result<(), Full> {
        let Some(peer) = peer else { return self.raw(b"-") };
        write!(self.out, "{}", peer.to_canonical()).map_err(|_| Full)
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

fn combined(mut text: Text<'_>, fields: &Fields<'_>, stamp: &Stamp) -> Result<usize, Full> {
    let long = Long::new(Style::Quoted, fields);
    text.address(fields.peer)?;
    text.raw(b" - ")?;
    match fields.user {
        Some(user) if !user.is_empty() => text.field(Style::Bare, user, NAME_BYTES_MAX)?,
        _ => text.raw(b"-")?,
    }
    text.raw(b" [")?;
    text.raw(stamp.combined())?;
    text.raw(b"] \"")?;
    if fields.method.is_empty() && fields.target.is_empty() {
        text.raw(b"-")?;
    } else {
        text.field(Style::Quoted, fields.method, SHORT_BYTES_MAX)?;
        text.raw(b" ")?;
        text.field(Style::Quoted, fields.target, long.target)?;
        text.raw(b" ")?;
        text.field(Style::Quoted, fields.version, SHORT_BYTES_MAX)?;
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
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let (high, low) = (HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]);
    match (style, byte) {
        (Style::Quoted | Style::Bare, _) => ([b'\\', b'x', high, low, 0, 0], 4),
        (Style::Json, b'"' | b'\\') => ([b'\\', byte, 0, 0, 0, 0], 2),
        (Style::Json, 0..=0x7f) => ([b'\\', b'u', b'0', b'0', high, low], 6),
        (Style::Json, _) => ([b'\\', b'\\', b'x', high, low, 0], 5),
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
mod tests {
    use super::*;

    fn stamp() -> Stamp {
        Stamp::new(1_709_251_199, 3600)
    }

    fn fields<'a>() -> Fields<'a> {
        Fields {
            peer: Some([192, 0, 2, 7].into()),
            user: None,
            vhost: b"a.test",
            method: b"GET",
            target: b"/x?q=1",
            version: b"HTTP/1.1",
            referer: None,
            user_agent: Some(b"curl/8"),
        }
    }

    fn line(format: LogFormat, fields: &Fields<'_>) -> String {
        let mut out = Buf::with_capacity(LINE_BYTES_MAX);
        out.put(b"before").unwrap();
        let begun = begin(format, fields, &stamp(), &mut out);
        // The six bytes in front are the one thing that may make it too big.
        let begun = begun.unwrap_or_else(|Full| {
            assert_eq!(out.filled(), b"before");
            out.clear();
            out.put(b"before").unwrap();
            out.consume(6);
            begin(format, fields, &stamp(), &mut out).unwrap()
        });
        let skip = out.len() - begun.len();
        let mut whole = [0; LINE_BYTES_MAX];
        let line = &out.filled()[skip..];
        let len = complete(line, begun, 404, u64::MAX, &mut whole).unwrap();
        assert_eq!(complete(line, begun, 404, u64::MAX, &mut whole[..len - 1]), None);
        String::from_utf8(whole[..len].to_vec()).unwrap()
    }

    #[test]
    fn combined_lines_have_the_shape_of_lwsws() {
        assert_eq!(
            line(LogFormat::Combined, &fields()),
            "192.0.2.7 - - [01/Mar/2024:00:59:59 +0100] \"GET /x?q=1 HTTP/1.1\" 404 \
             18446744073709551615 \"\" \"curl/8\"\n"
        );
        let odd = Fields {
            peer: None,
            user: Some(b"jo \"x\""),
            target: b"/\xc3\xa9\"\\ \r\n\x00\x7f",
            referer: Some(b"a b"),
            ..fields()
        };
        assert_eq!(
            line(LogFormat::Combined, &odd),
            "- - jo\\x20\\x22x\\x22 [01/Mar/2024:00:59:59 +0100] \
             \"GET /\\xC3\\xA9\\x22\\x5C \\x0D\\x0A\\x00\\x7F HTTP/1.1\" 404 \
             18446744073709551615 \"a b\" \"curl/8\"\n"
        );
        let none = Fields { method: b"", target: b"", version: b"", ..fields() };
        assert!(line(LogFormat::Combined, &none).contains(" +0100] \"-\" 404 "));
        let mapped = Fields { peer: "::ffff:192.0.2.7".parse().ok(), ..fields() };
        assert_eq!(line(LogFormat::Combined, &mapped), line(LogFormat::Combined, &fields()));
    }

    #[test]
    fn json_lines_are_objects() {
        assert_eq!(
            line(LogFormat::Json, &Fields { target: b"/\"\\\x01\xe9", ..fields() }),
            "{\"time\":\"2024-03-01T00:59:59+01:00\",\"peer\":\"192.0.2.7\",\"user\":\"\",\
             \"vhost\":\"a.test\",\"method\":\"GET\",\"target\":\"/\\\"\\\\\\u0001\\\\xE9\",\
             \"version\":\"HTTP/1.1\",\"referer\":\"\",\"user_agent\":\"curl/8\",\
             \"status\":404,\"bytes\":18446744073709551615}\n"
        );
    }

    #[test]
    fn long_fields_are_cut_only_over_the_bound() {
        let long = b"x".repeat(LONG_BYTES - 6);
        let fits = Fields { target: &long, ..fields() };
        assert!(line(LogFormat::Combined, &fits).contains(&"x".repeat(LONG_BYTES - 6)));

        let long = b"x".repeat(LONG_BYTES - 5);
        let cut = Fields { target: &long, ..fields() };
        let text = line(LogFormat::Combined, &cut);
        assert!(text.contains("xxx... HTTP/1.1\" 404 "), "{text}");
        assert!(text.ends_with(" \"\" \"curl/8\"\n"));

        let quotes = b"\"".repeat(100_000);
        let all = Fields {
            user: Some(&quotes),
            vhost: &quotes,
            method: &quotes,
            target: &quotes,
            version: &quotes,
            referer: Some(&quotes),
            user_agent: Some(&quotes),
            peer: "1111:2222:3333:4444:5555:6666:7777:8888".parse().ok(),
        };
        for format in [LogFormat::Combined, LogFormat::Json] {
            let text = line(format, &all);
            assert!(text.len() <= LINE_BYTES_MAX, "{}", text.len());
            assert!(text.matches("...").count() >= 6);
        }
    }

    #[test]
    fn a_full_queue_is_left_as_it_was() {
        for room in 0..77 {
            let mut out = Buf::with_capacity(room);
            assert_eq!(begin(LogFormat::Combined, &fields(), &stamp(), &mut out), Err(Full));
            assert!(out.is_empty());
        }
    }

    /// A seeded generator (xorshift), so that a failure can be had again.
    struct Random(u32);

    impl Random {
        fn next(&mut self) -> u32 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 17;
            self.0 ^= self.0 << 5;
            self.0
        }

        fn bytes(&mut self) -> Vec<u8> {
            let len = match self.next() % 4 {
                0 => 0,
                1 => self.next() % 16,
                2 => self.next() % 300,
                _ => self.next() % 6000,
            };
            let hostile = b"\"\\\r\n\0 \x7f\xff\x1b{}[]x";
            let plain = self.next().is_multiple_of(2);
            (0..len)
                .map(|_| match self.next() {
                    n if plain || n % 2 == 0 => b' ' + (n >> 8) as u8 % 95,
                    n => hostile[(n >> 8) as usize % hostile.len()],
                })
                .collect()
        }
    }

    #[test]
    fn hostile_fields_never_break_a_line() {
        let mut random = Random(0x1234_5678);
        for round in 0..1500 {
            let parts: Vec<Vec<u8>> = (0..7).map(|_| random.bytes()).collect();
            let fields = Fields {
                peer: Some([192, 0, 2, 7].into()),
                user: Some(&parts[0]),
                vhost: &parts[1],
                method: &parts[2],
                target: &parts[3],
                version: &parts[4],
                referer: Some(&parts[5]),
                user_agent: Some(&parts[6]),
            };
            let text = line(LogFormat::Combined, &fields);
            assert!(text.len() <= LINE_BYTES_MAX, "{round}");
            assert_eq!(text.find('\n'), Some(text.len() - 1), "{round}");
            assert_eq!(text.matches('"').count(), 6, "{round}: {text}");
            assert!(text.trim_end().bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{round}");
            let user = text.split(' ').nth(3);
            assert_eq!(user, Some("[01/Mar/2024:00:59:59"), "{round}: {text}");

            let text = line(LogFormat::Json, &fields);
            assert!(text.len() <= LINE_BYTES_MAX, "{round}");
            assert_eq!(text.find('\n'), Some(text.len() - 1), "{round}");
            assert_json(text.trim_end());
        }
    }

    /// Strings alternate with the rest; inside of them only whole escapes, outside none.
    fn assert_json(text: &str) {
        let mut in_string = false;
        let mut quotes = 0;
        let mut bytes = text.bytes();
        while let Some(byte) = bytes.next() {
            match byte {
                b'"' => {
                    in_string = !in_string;
                    quotes += 1;
                }
                b'\\' => match bytes.next() {
                    Some(b'"' | b'\\') if in_string => {}
                    Some(b'u') if in_string => {
                        assert!((0..4).all(|_| bytes.next().unwrap().is_ascii_hexdigit()));
                    }
                    other => panic!("escape {other:?} in {text}"),
                },
                b' '..=b'~' => {}
                other => panic!("byte {other} in {text}"),
            }
        }
        assert_eq!((in_string, quotes), (false, 2 * (9 + 9 + 2)), "{text}");
    }

    #[test]
    fn notes_about_lost_lines_follow_the_format() {
        assert_eq!(
            lost_note(LogFormat::Combined, u32::MAX).as_slice(),
            b"# 4294967295 log lines were lost here\n"
        );
        assert_eq!(lost_note(LogFormat::Json, 0).as_slice(), b"{\"lost_lines\":0}\n");
    }
}
