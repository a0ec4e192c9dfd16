//! What can be said about bytes that are no whole request head: that more are needed, or why
//! no more can help. Written so that the answer is the same however the bytes were cut.

use httparse::Error;

use super::limits::{HeadLimits, METHOD_BYTES_MAX};
use super::refusal::{Refusal, bad};
use super::status::Status;
use super::token;

/// Splits the start of a request line: method, target, and what follows the second space.
pub(super) fn request_line(lines: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let first = memchr::memchr(b' ', lines)?;
    let (method, rest) = lines.split_at_checked(first)?;
    let rest = rest.get(1..)?;
    let second = memchr::memchr(b' ', rest)?;
    let (target, rest) = rest.split_at_checked(second)?;
    Some((method, target, rest.get(1..)?))
}

/// Bytes that are not a whole head, and what can be said about them.
pub(super) struct Unfinished<'a> {
    pub(super) lines: &'a [u8],
    pub(super) limits: &'a HeadLimits,
    pub(super) at_limit: bool,
}

impl Unfinished<'_> {
    /// Why more bytes cannot help; none when they may.
    #[cold]
    pub(super) fn partial(&self) -> Option<Refusal> {
        if let Some(refusal) = self.long_line() {
            return Some(refusal);
        }
        if has_bare_line_feed(self.lines, usize::MAX) {
            return Some(bad("bare line feed"));
        }
        if !self.at_limit {
            return None;
        }
        Some(if memchr::memchr(b'\n', self.lines).is_none() {
            Refusal { status: Status::URI_TOO_LONG, why: "the request line is too long" }
        } else {
            Refusal { status: Status::HEADER_FIELDS_TOO_LARGE, why: "the head is too long" }
        })
    }

    /// The refusal for what httparse could not split.
    #[cold]
    pub(super) fn refusal(&self, error: Error) -> Refusal {
        if let Some(refusal) = self.long_line() {
            return refusal;
        }
        match error {
            Error::Version => self.version(),
            Error::TooManyHeaders => {
                // A line feed before the line that was one too many would have come first.
                if has_bare_line_feed(self.lines, self.limits.headers.saturating_add(2)) {
                    return bad("bare line feed");
                }
                let why = "too many header fields";
                Refusal { status: Status::HEADER_FIELDS_TOO_LARGE, why }
            }
            Error::HeaderName => bad("invalid field name"),
            Error::HeaderValue => bad("invalid field value"),
            Error::NewLine => bad("invalid line end"),
            Error::Token | Error::Status => bad("invalid request line"),
        }
    }

    fn version(&self) -> Refusal {
        let version = request_line(self.lines).map(|(_, _, rest)| rest);
        match version.and_then(|rest| rest.strip_prefix(b"HTTP/")) {
            Some([major, ..]) if major.is_ascii_digit() && *major != b'1' => Refusal {
                status: Status::HTTP_VERSION_NOT_SUPPORTED,
                why: "the major version is not 1",
            },
            _ => bad("invalid version"),
        }
    }

    /// Refuses a method or target that is too long already, as far as it has been seen.
    fn long_line(&self) -> Option<Refusal> {
        let method_len = self.lines.iter().take_while(|&&b| token::is_tchar(b)).count();
        let target = match self.lines.get(method_len..).unwrap_or_default() {
            [b' ', rest @ ..] if method_len > 0 => rest,
            _ => b"",
        };
        let target_len = target.iter().take_while(|b| b.is_ascii_graphic()).count();
        long_line(method_len, target_len, self.limits)
    }
}

pub(super) fn long_line(
    method_len: usize,
    target_len: usize,
    limits: &HeadLimits,
) -> Option<Refusal> {
    if method_len > METHOD_BYTES_MAX {
        Some(Refusal { status: Status::NOT_IMPLEMENTED, why: "the method is too long" })
    } else if target_len > limits.target_bytes {
        Some(Refusal { status: Status::URI_TOO_LONG, why: "the request target is too long" })
    } else {
        None
    }
}

/// Whether one of the first `lines_max` lines ends without a carriage return.
fn has_bare_line_feed(lines: &[u8], lines_max: usize) -> bool {
    memchr::memchr_iter(b'\n', lines).take(lines_max).any(|at| !is_crlf(lines, at))
}

/// Whether the line feed at `at` follows a carriage return.
pub(super) fn is_crlf(lines: &[u8], at: usize) -> bool {
    at.checked_sub(1).and_then(|before| lines.get(before)) == Some(&b'\r')
}
