//! Response heads, written straight into the queue they leave from (RFC 9112 sections 4 and 5).

use crate::buf::{Buf, Full};

use super::date::{DateCache, imf_fixdate};
use super::range::ByteRange;
use super::status::Status;
use super::version::Version;

/// A response head that is being written. Nothing of it stays when it does not fit.
///
/// ```
/// # use kinglet::{buf::Buf, http::{respond::ResponseHead, status::Status}};
/// let mut out = Buf::with_capacity(256);
/// ResponseHead::start(&mut out, Status::NO_CONTENT).field("Allow", b"GET").finish().unwrap();
/// assert_eq!(out.filled(), b"HTTP/1.1 204 No Content\r\nAllow: GET\r\n\r\n");
/// ```
#[derive(Debug)]
#[must_use = "a head needs its `finish`"]
pub struct ResponseHead<'a> {
    out: &'a mut Buf,
    /// Length of the queue before the head.
    before: usize,
    full: bool,
    /// Where the caller wants to read how long the head has become.
    bytes: Option<&'a mut u32>,
}

impl<'a> ResponseHead<'a> {
    /// Writes the status line. It always says HTTP/1.1, also to clients of HTTP/1.0 (RFC 9110
    /// section 6.2).
    pub fn start(out: &'a mut Buf, status: Status) -> Self {
        let before = out.len();
        let mut head = Self { out, before, full: false, bytes: None };
        match status.line() {
            Some(line) => head.put(line.as_bytes()),
            None => {
                head.put(b"HTTP/1.1 ");
                head.put(decimal(status.code().into(), &mut [0; DECIMAL_BYTES_MAX]));
                head.put(b" ");
                head.put(status.reason().as_bytes());
                head.put(b"\r\n");
            }
        }
        head
    }

    /// [`finish`](Self::finish) writes the bytes of the whole head to `bytes`.
    pub fn measured(&mut self, bytes: &'a mut u32) -> &mut Self {
        self.bytes = Some(bytes);
        self
    }

    /// A field line. Line ends and NUL in the value become spaces, so that no value can add a
    /// line; the name is the caller's, in Title-Case and a token.
    pub fn field(&mut self, name: &str, value: &[u8]) -> &mut Self {
        self.put(name.as_bytes());
        self.put(b": ");
        let mut rest = value;
        while let Some(at) = memchr::memchr3(b'\r', b'\n', 0, rest) {
            self.put(rest.get(..at).unwrap_or_default());
            self.put(b" ");
            rest = rest.get(at + 1..).unwrap_or_default();
        }
        self.put(rest);
        self.put(b"\r\n");
        self
    }

    /// Field lines that were rendered before, each with its line end.
    pub fn lines(&mut self, lines: &[u8]) -> &mut Self {
        debug_assert!(lines.is_empty() || lines.ends_with(b"\r\n"), "whole lines only");
        self.put(lines);
        self
    }

    /// `Content-Length`, in bytes.
    pub fn length(&mut self, bytes: u64) -> &mut Self {
        self.put(b"Content-Length: ");
        self.put(decimal(bytes, &mut [0; DECIMAL_BYTES_MAX]));
        self.put(b"\r\n");
        self
    }

    /// `Transfer-Encoding: chunked`; never to clients of HTTP/1.0.
    pub fn chunked(&mut self) -> &mut Self {
        self.put(b"Transfer-Encoding: chunked\r\n");
        self
    }

    /// `Date`
    pub fn date(&mut self, date: &DateCache) -> &mut Self {
        self.put(date.line());
        self
    }

    /// `Last-Modified`, in seconds since 1970.
    pub fn last_modified(&mut self, unix_secs: u64) -> &mut Self {
        self.put(b"Last-Modified: ");
        self.put(&imf_fixdate(unix_secs));
        self.put(b"\r\n");
        self
    }

    /// `Connection`, where the version's default does not say it already.
    pub fn connection(&mut self, version: Version, keep_alive: bool) -> &mut Self {
        match (keep_alive, version) {
            (false, _) => self.put(b"Connection: close\r\n"),
            (true, Version::Http10) => self.put(b"Connection: keep-alive\r\n"),
            (true, Version::Http11) => {}
        }
        self
    }

    /// `Content-Range` of a 206 with one range, of a representation of `size` bytes.
    pub fn content_range(&mut self, range: ByteRange, size: u64) -> &mut Self {
        self.put(b"Content-Range: ");
        self.put(ContentRange::new(range, size).text());
        self.put(b"\r\n");
        self
    }

    /// `Content-Range` of a 416: only the size.
    pub fn content_range_unsatisfied(&mut self, size: u64) -> &mut Self {
        self.put(b"Content-Range: bytes */");
        self.put(decimal(size, &mut [0; DECIMAL_BYTES_MAX]));
        self.put(b"\r\n");
        self
    }

    /// Writes the empty line.
    ///
    /// # Errors
    /// [`Full`] when the head did not fit; the queue is then as it was before it.
    pub fn finish(&mut self) -> Result<(), Full> {
        self.put(b"\r\n");
        if self.full {
            self.out.truncate(self.before);
            return Err(Full);
        }
        if let Some(bytes) = &mut self.bytes {
            **bytes = u32::try_from(self.out.len() - self.before).unwrap_or(u32::MAX);
        }
        Ok(())
    }

    #[inline(always)]
    fn put(&mut self, bytes: &[u8]) {
        self.full = self.full || self.out.put(bytes).is_err();
    }
}

/// Digits of `u64::MAX`.
pub const DECIMAL_BYTES_MAX: usize = 20;

/// Writes `n` in decimal at the end of `room` and gives the digits.
pub fn decimal(mut n: u64, room: &mut [u8; DECIMAL_BYTES_MAX]) -> &[u8] {
    let mut start = room.len();
    for byte in room.iter_mut().rev() {
        // The remainder is below 10.
        *byte = b'0' + (n % 10) as u8;
        n /= 10;
        start -= 1;
        if n == 0 {
            break;
        }
    }
    room.get(start..).unwrap_or_default()
}

/// The value of a Content-Range field: `bytes FIRST-LAST/SIZE`.
#[derive(Debug, Clone, Copy)]
pub struct ContentRange {
    text: [u8; CONTENT_RANGE_BYTES_MAX],
    len: usize,
}

const CONTENT_RANGE_BYTES_MAX: usize = 6 + 3 * DECIMAL_BYTES_MAX + 2;

impl ContentRange {
    /// The value for `range` of a representation of `size` bytes.
    #[must_use]
    pub fn new(range: ByteRange, size: u64) -> Self {
        let mut value = Self { text: [0; CONTENT_RANGE_BYTES_MAX], len: 0 };
        let mut room = [0; DECIMAL_BYTES_MAX];
        value.push(b"bytes ");
        value.push(decimal(range.first, &mut room));
        value.push(b"-");
        value.push(decimal(range.last, &mut room));
        value.push(b"/");
        value.push(decimal(size, &mut room));
        value
    }

    /// The value.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        self.text.get(..self.len).unwrap_or_default()
    }

    fn push(&mut self, bytes: &[u8]) {
        let end = self.len + bytes.len();
        if let Some(room) = self.text.get_mut(self.len..end) {
            room.copy_from_slice(bytes);
            self.len = end;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(out: &Buf) -> &str {
        core::str::from_utf8(out.filled()).unwrap()
    }

    #[test]
    fn a_whole_head() {
        let mut out = Buf::with_capacity(512);
        out.put(b"before").unwrap();
        let mut bytes = 0;
        ResponseHead::start(&mut out, Status::OK)
            .date(&DateCache::new(784_111_777))
            .lines(b"Server: k\r\n")
            .field("Content-Type", b"text/html")
            .length(1024)
            .last_modified(0)
            .connection(Version::Http11, true)
            .measured(&mut bytes)
            .finish()
            .unwrap();
        assert_eq!(bytes as usize, out.len() - "before".len());
        assert_eq!(
            text(&out),
            "beforeHTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nServer: k\r\n\
             Content-Type: text/html\r\nContent-Length: 1024\r\n\
             Last-Modified: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\n"
        );
    }

    #[test]
    fn what_does_not_fit_leaves_nothing() {
        let whole = {
            let mut out = Buf::with_capacity(256);
            ResponseHead::start(&mut out, Status::OK).length(7).finish().unwrap();
            out.len()
        };
        for room in 0..whole {
            let mut out = Buf::with_capacity(3 + room);
            out.put(b"abc").unwrap();
            let done = ResponseHead::start(&mut out, Status::OK).length(7).finish();
            assert_eq!(done, Err(Full));
            assert_eq!(text(&out), "abc");
        }
    }

    #[test]
    fn no_value_adds_a_line() {
        let mut out = Buf::with_capacity(256);
        let evil = b"/a\r\nSet-Cookie: x\n\0y";
        ResponseHead::start(&mut out, Status::FOUND).field("Location", evil).finish().unwrap();
        assert_eq!(text(&out), "HTTP/1.1 302 Found\r\nLocation: /a  Set-Cookie: x  y\r\n\r\n");
    }

    #[test]
    fn statuses_without_a_name_and_connection() {
        let mut out = Buf::with_capacity(256);
        let odd = Status::from_code(499).unwrap();
        ResponseHead::start(&mut out, odd)
            .connection(Version::Http10, true)
            .connection(Version::Http11, false)
            .chunked()
            .finish()
            .unwrap();
        assert_eq!(
            text(&out),
            "HTTP/1.1 499 Client Error\r\nConnection: keep-alive\r\nConnection: close\r\n\
             Transfer-Encoding: chunked\r\n\r\n"
        );
    }

    #[test]
    fn content_ranges() {
        let mut out = Buf::with_capacity(512);
        let far = ByteRange { first: u64::MAX - 2, last: u64::MAX - 1 };
        ResponseHead::start(&mut out, Status::PARTIAL_CONTENT)
            .content_range(ByteRange { first: 0, last: 9 }, 10)
            .content_range(far, u64::MAX)
            .content_range_unsatisfied(5)
            .finish()
            .unwrap();
        assert_eq!(
            text(&out),
            "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-9/10\r\n\
             Content-Range: bytes 18446744073709551613-18446744073709551614/\
             18446744073709551615\r\nContent-Range: bytes */5\r\n\r\n"
        );
    }

    #[test]
    fn decimals() {
        for n in [0, 9, 10, 99, 100, 4_294_967_296, u64::MAX] {
            assert_eq!(decimal(n, &mut [0; DECIMAL_BYTES_MAX]), n.to_string().as_bytes());
        }
    }
}
