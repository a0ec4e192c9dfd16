//! Request heads: bytes to a checked [`Head`], or the reason for refusing them (RFC 9112).
//!
//! The bytes are split by httparse; what it lets pass and RFC 9112 does not (bare line feeds,
//! any number of empty lines in front) is refused here. The answer does not depend on how the
//! bytes were cut: a refusal comes as soon as the bytes seen so far cannot become a request.

use core::mem::MaybeUninit;

use httparse::{EMPTY_HEADER, Error, Header, Status as Split};

use super::fields::{Field, Fields};
use super::framing::Framing;
use super::host::{Host, HostError};
use super::limits::{BLANK_LINES_MAX, HEADERS_MAX, HeadLimits};
use super::method::Method;
use super::refusal::bad;
use super::status::Status;
use super::target::{Form, Target};
use super::token;
use super::unfinished::{Unfinished, is_crlf, long_line, request_line};

pub use super::refusal::Refusal;
pub use super::version::Version;

/// Scratch for the header lines of one head; lives on the stack of the caller. Making one
/// costs nothing: no byte of it is cleared.
#[derive(Debug)]
pub struct HeaderTable<'b> {
    slots: [MaybeUninit<Header<'b>>; HEADERS_MAX],
    /// Used for minor versions above 1 only, which httparse does not split.
    spare: Option<[Header<'b>; HEADERS_MAX]>,
}

impl HeaderTable<'_> {
    /// An empty table.
    #[inline(always)]
    #[must_use]
    pub const fn new() -> Self {
        Self { slots: [const { MaybeUninit::uninit() }; HEADERS_MAX], spare: None }
    }
}

impl Default for HeaderTable<'_> {
    fn default() -> Self {
        Self::new()
    }
}

/// What the bytes seen so far are.
#[derive(Debug)]
pub enum Parsed<'b> {
    /// The beginning of a head; more bytes are needed.
    Partial,
    /// A whole head.
    Complete(Head<'b>),
    /// Nothing that is served.
    Refused(Refusal),
}

/// A request head. Everything borrows from the bytes that it was parsed from.
#[derive(Debug, Clone, Copy)]
pub struct Head<'b> {
    /// The method.
    pub method: Method,
    /// The method as written, a token of at most
    /// [`METHOD_BYTES_MAX`](super::limits::METHOD_BYTES_MAX) bytes.
    pub method_text: &'b str,
    /// The request target as written, visible ASCII.
    pub target_text: &'b str,
    /// The request target, split.
    pub target: Target<'b>,
    /// The version.
    pub version: Version,
    /// All header lines in order; values are trimmed.
    pub headers: &'b [Header<'b>],
    /// The fields that the server knows.
    pub fields: Fields<'b>,
    /// The authority: of the target when it has one, else of the Host field.
    pub host: Option<Host<'b>>,
    /// How the body is framed.
    pub framing: Framing,
    /// Whether the client wants the connection kept (RFC 9112 section 9.3).
    pub keep_alive: bool,
    /// Whether the client waits for `100 Continue` before it sends the body.
    pub expect_continue: bool,
    /// Bytes that the head takes, skipped empty lines included.
    pub bytes: usize,
}

/// Parses the head at the front of `bytes`; what follows it is not looked at.
///
/// RFC 9112 sections 2 to 5; the limits are those of [`HeadLimits`], and at most
/// `limits.head_bytes` bytes are ever read, so a head that does not end there is refused.
pub fn parse<'b>(
    bytes: &'b [u8],
    limits: &HeadLimits,
    table: &'b mut HeaderTable<'b>,
) -> Parsed<'b> {
    let seen = bytes.get(..limits.head_bytes).unwrap_or(bytes);
    let blank = match blank_bytes(seen) {
        Ok(blank) => blank,
        Err(refusal) => return Parsed::Refused(refusal),
    };
    let lines = seen.get(blank..).unwrap_or_default();
    let end = Unfinished { lines, limits, at_limit: seen.len() >= limits.head_bytes };
    let HeaderTable { slots, spare } = table;
    let slots = slots.get_mut(..limits.headers.min(HEADERS_MAX)).unwrap_or_default();
    let mut request = httparse::Request::new(&mut []);
    let split = match request.parse_with_uninit_headers(lines, slots) {
        Ok(Split::Complete(len)) => {
            let method = request.method.unwrap_or_default();
            let target = request.path.unwrap_or_default();
            let minor = request.version.unwrap_or_default();
            let version = if minor == 0 { Version::Http10 } else { Version::Http11 };
            Lines { lines, len, method, target, version, headers: request.headers }
        }
        Ok(Split::Partial) => return end.partial().map_or(Parsed::Partial, Parsed::Refused),
        Err(Error::Version) if later_minor(lines).is_some() => {
            match split_later_minor(lines, spare, limits) {
                Ok(Split::Complete(split)) => split,
                Ok(Split::Partial) => {
                    return end.partial().map_or(Parsed::Partial, Parsed::Refused);
                }
                Err(error) => return Parsed::Refused(end.refusal(error)),
            }
        }
        Err(error) => return Parsed::Refused(end.refusal(error)),
    };
    match split.check(limits, blank) {
        Ok(head) => Parsed::Complete(head),
        Err(refusal) => Parsed::Refused(refusal),
    }
}

/// Bytes of the empty lines in front of the request line (RFC 9112 section 2.2).
fn blank_bytes(bytes: &[u8]) -> Result<usize, Refusal> {
    let mut blank = 0;
    loop {
        match bytes.get(blank..).unwrap_or_default() {
            [b'\r', b'\n', ..] if blank < 2 * BLANK_LINES_MAX => blank += 2,
            [] | [b'\r'] => return Ok(blank),
            [b'\r' | b'\n', ..] => return Err(bad("empty lines in front of the request")),
            _ => return Ok(blank),
        }
    }
}

/// What follows a version of `HTTP/1.2` to `HTTP/1.9`. Called when httparse has accepted method
/// and target but not the version.
fn later_minor(lines: &[u8]) -> Option<&[u8]> {
    let (_, _, rest) = request_line(lines)?;
    match rest.strip_prefix(b"HTTP/1.")? {
        [b'2'..=b'9', rest @ ..] => Some(rest),
        _ => None,
    }
}

/// Splits a head of a later minor version, which is to be served as 1.1 (RFC 9110 section 2.5).
fn split_later_minor<'b>(
    lines: &'b [u8],
    spare: &'b mut Option<[Header<'b>; HEADERS_MAX]>,
    limits: &HeadLimits,
) -> httparse::Result<Lines<'b>> {
    let (method, target, _) = request_line(lines).ok_or(Error::Token)?;
    let rest = match later_minor(lines).ok_or(Error::Version)? {
        [] | [b'\r'] => return Ok(Split::Partial),
        [b'\r', b'\n', rest @ ..] => rest,
        _ => return Err(Error::NewLine),
    };
    let slots = spare.insert([EMPTY_HEADER; HEADERS_MAX]);
    let slots = slots.get_mut(..limits.headers.min(HEADERS_MAX)).unwrap_or_default();
    match httparse::parse_headers(rest, slots)? {
        Split::Partial => Ok(Split::Partial),
        Split::Complete((len, headers)) => Ok(Split::Complete(Lines {
            lines,
            len: lines.len() - rest.len() + len,
            method: core::str::from_utf8(method).map_err(|_| Error::Token)?,
            target: core::str::from_utf8(target).map_err(|_| Error::Token)?,
            version: Version::Http11,
            headers,
        })),
    }
}

/// A head as httparse splits it.
struct Lines<'b> {
    /// The bytes from the request line on.
    lines: &'b [u8],
    len: usize,
    method: &'b str,
    target: &'b str,
    version: Version,
    headers: &'b [Header<'b>],
}

impl<'b> Lines<'b> {
    fn check(self, limits: &HeadLimits, blank: usize) -> Result<Head<'b>, Refusal> {
        if let Some(refusal) = long_line(self.method.len(), self.target.len(), limits) {
            return Err(refusal);
        }
        self.check_line_ends()?;
        let method = Method::from_text(self.method.as_bytes());
        let (target, authority) = Target::parse(self.target.as_bytes(), method).map_err(bad)?;
        let fields = Fields::new(self.headers);
        let host = match (host(&fields, self.version, target.form)?, authority) {
            (_, Some(authority)) => Some(authority),
            (host, None) => host,
        };
        if fields.is_repeated(Field::Authorization) {
            return Err(bad("more than one Authorization"));
        }
        let framing = Framing::of_request(&fields, self.version)?;
        let expects = expects_continue(&fields, self.version)?;
        Ok(Head {
            method,
            method_text: self.method,
            target_text: self.target,
            target,
            version: self.version,
            headers: self.headers,
            fields,
            host,
            framing,
            keep_alive: keeps_alive(&fields, self.version),
            expect_continue: expects && !framing.is_empty(),
            bytes: blank + self.len,
        })
    }

    /// httparse takes a bare line feed for a line end. Every line but the last ends just before
    /// a field name, so it is enough to look there and at the end.
    fn check_line_ends(&self) -> Result<(), Refusal> {
        let start = self.lines.as_ptr() as usize;
        let ends = self.headers.iter().map(|h| (h.name.as_ptr() as usize).wrapping_sub(start));
        // The line feeds of the last line with content and of the empty line.
        let last = [self.len.wrapping_sub(2), self.len];
        for end in ends.chain(last) {
            if !is_crlf(self.lines, end.wrapping_sub(1)) {
                return Err(bad("bare line feed"));
            }
        }
        Ok(())
    }
}

/// The Host field: exactly one in HTTP/1.1, at most one in HTTP/1.0, always well-formed
/// (RFC 9112 section 3.2). An empty one is let through only where no authority is needed: an
/// http URL without a host does not exist (RFC 9110 section 4.2.1).
fn host<'b>(
    fields: &Fields<'b>,
    version: Version,
    form: Form,
) -> Result<Option<Host<'b>>, Refusal> {
    if fields.is_repeated(Field::Host) {
        return Err(bad("more than one Host"));
    }
    let Some(value) = fields.get(Field::Host) else {
        let needed = version == Version::Http11;
        return if needed { Err(bad("no Host")) } else { Ok(None) };
    };
    match Host::parse(value) {
        Ok(host) => Ok(Some(host)),
        Err(HostError::Empty) if value.is_empty() && form == Form::Asterisk => Ok(None),
        Err(_) => Err(bad("invalid Host")),
    }
}

/// `100-continue` is the only expectation there is; another one is refused with 417, as RFC 9110
/// section 10.1.1 allows. HTTP/1.0 has no expectations.
fn expects_continue(fields: &Fields<'_>, version: Version) -> Result<bool, Refusal> {
    let mut expects = false;
    if version == Version::Http10 || !fields.has(Field::Expect) {
        return Ok(expects);
    }
    for member in fields.all(Field::Expect).flat_map(token::members) {
        if member.eq_ignore_ascii_case(b"100-continue") {
            expects = true;
        } else if !member.is_empty() {
            return Err(Refusal { status: Status::EXPECTATION_FAILED, why: "unknown expectation" });
        }
    }
    Ok(expects)
}

/// RFC 9112 section 9.3: `close` wins, then the version decides.
fn keeps_alive(fields: &Fields<'_>, version: Version) -> bool {
    let mut keep = version == Version::Http11;
    for line in fields.all(Field::Connection) {
        // What nearly every client sends, without walking over it.
        if line == b"keep-alive" {
            keep = true;
            continue;
        }
        for member in token::members(line) {
            if member.eq_ignore_ascii_case(b"close") {
                return false;
            }
            keep |= member.eq_ignore_ascii_case(b"keep-alive");
        }
    }
    keep
}

#[cfg(test)]
#[path = "head_tests.rs"]
mod tests;
