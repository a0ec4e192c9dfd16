//! The header lines of a file, rendered once for each look at it and copied into every answer.

use super::validator::Validators;
use core::fmt::Write;
use heapless::Vec as FixedVec;

/// Bytes of all lines: a tag, a date, and a media type of at most
/// [`MEDIA_TYPE_BYTES_MAX`](crate::config::MEDIA_TYPE_BYTES_MAX) with a charset.
const LINES_BYTES_MAX: usize = 448;

/// What the lines say beside the validators.
#[derive(Debug, Clone, Copy)]
pub(super) struct Description<'a> {
    /// `Content-Type`, unless the mount wants none.
    pub(super) content_type: Option<&'a str>,
    /// `Content-Encoding` of a precompressed sibling.
    pub(super) content_encoding: Option<&'a str>,
    /// Bytes of the representation.
    pub(super) size: u64,
    /// Whether a sibling exists.
    pub(super) vary: bool,
}

/// Whole lines, each with its end; see the module's description.
#[derive(Debug, Clone, Default)]
pub struct Lines {
    text: FixedVec<u8, LINES_BYTES_MAX>,
    /// Where the value of `ETag` stands.
    etag: (u16, u16),
    /// Ends of the parts, in their order.
    about: u16,
    encoded: u16,
    typed: u16,
}

impl Lines {
    pub(super) fn new(validators: &Validators, said: &Description<'_>) -> Self {
        let mut lines = Self::default();
        lines.put("ETag", &validators.etag);
        let end = lines.end().saturating_sub(2);
        lines.etag = ("ETag: ".len() as u16, end);
        lines.put("Last-Modified", &validators.modified);
        if said.vary {
            lines.put("Vary", &"Accept-Encoding");
        }
        lines.about = lines.end();
        if let Some(coding) = said.content_encoding {
            lines.put("Content-Encoding", &coding);
        }
        lines.put("Accept-Ranges", &"bytes");
        lines.encoded = lines.end();
        if let Some(content_type) = said.content_type {
            lines.put("Content-Type", &content_type);
        }
        lines.typed = lines.end();
        lines.put("Content-Length", &said.size);
        lines
    }

    /// The value of `ETag`.
    #[must_use]
    pub fn etag(&self) -> &[u8] {
        self.part(self.etag.0, self.etag.1)
    }

    /// `ETag`, `Last-Modified`, `Vary`: what a 304 has too (RFC 9110 section 15.4.5).
    #[must_use]
    pub fn about(&self) -> &[u8] {
        self.part(0, self.about)
    }

    /// `Content-Encoding` and `Accept-Ranges`, for a part whose type the caller says.
    #[must_use]
    pub fn of_parts(&self) -> &[u8] {
        self.part(self.about, self.encoded)
    }

    /// The same and `Content-Type`, for a part whose length the caller says.
    #[must_use]
    pub fn of_part(&self) -> &[u8] {
        self.part(self.about, self.typed)
    }

    /// The same and `Content-Length`, for all of the file.
    #[must_use]
    pub fn of_all(&self) -> &[u8] {
        self.part(self.about, self.end())
    }

    fn part(&self, from: u16, to: u16) -> &[u8] {
        self.text.get(usize::from(from)..usize::from(to)).unwrap_or_default()
    }

    fn end(&self) -> u16 {
        u16::try_from(self.text.len()).unwrap_or(u16::MAX)
    }

    /// A line; one that does not fit is left out whole.
    fn put(&mut self, name: &str, value: &dyn core::fmt::Display) {
        let before = self.text.len();
        if write!(self.text, "{name}: {value}\r\n").is_err() {
            self.text.truncate(before);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::MEDIA_TYPE_BYTES_MAX;
    use crate::sys::stat::{Kind, Stat};

    const SAID: Description<'_> = Description {
        content_type: Some("text/css; charset=utf-8"),
        content_encoding: Some("gzip"),
        size: 1234,
        vary: true,
    };

    fn lines(said: &Description<'_>) -> Lines {
        let stat = Stat {
            kind: Kind::Regular,
            size: u64::MAX,
            mtime_secs: 784_111_777,
            mtime_ns: 999_999_999,
            ctime_secs: i64::MAX,
            ctime_ns: 999_999_999,
            ino: u64::MAX,
            dev: 1,
        };
        Lines::new(&Validators::of(&stat, 1, 784_111_777), said)
    }

    fn text(part: &[u8]) -> &str {
        core::str::from_utf8(part).unwrap()
    }

    #[test]
    fn each_answer_has_its_part() {
        let lines = lines(&SAID);
        let about = text(lines.about());
        let tag = about.strip_prefix("ETag: ").unwrap().split("\r\n").next().unwrap();
        assert_eq!(text(lines.etag()), tag);
        assert!(tag.starts_with("W/\"") && tag.ends_with('"'), "{tag}");
        let rest = "\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\nVary: Accept-Encoding\r\n";
        assert!(about.ends_with(rest), "{about}");
        let parts = "Content-Encoding: gzip\r\nAccept-Ranges: bytes\r\n";
        assert_eq!(text(lines.of_parts()), parts);
        let part = format!("{parts}Content-Type: text/css; charset=utf-8\r\n");
        assert_eq!(text(lines.of_part()), part);
        assert_eq!(text(lines.of_all()), part + "Content-Length: 1234\r\n");
    }

    #[test]
    fn what_is_not_said_has_no_line() {
        let said = Description { content_type: None, content_encoding: None, vary: false, ..SAID };
        let lines = lines(&said);
        assert!(text(lines.about()).ends_with("GMT\r\n"));
        assert_eq!(text(lines.of_all()), "Accept-Ranges: bytes\r\nContent-Length: 1234\r\n");
    }

    #[test]
    fn the_longest_lines_fit() {
        let long = format!("{}; charset={}", "t".repeat(MEDIA_TYPE_BYTES_MAX), "c".repeat(64));
        let said = Description { content_type: Some(&long), size: u64::MAX, ..SAID };
        let all = lines(&said);
        assert!(text(all.of_part()).ends_with(&format!("Content-Type: {long}\r\n")));
        assert!(text(all.of_all()).ends_with("Content-Length: 18446744073709551615\r\n"));
    }
}
