//! The framing of `multipart/byteranges` bodies (RFC 9110 section 14.6), with lengths that are
//! known before the first byte is written.

use crate::buf::{Buf, Full};

use super::range::ByteRange;
use super::respond::ContentRange;

/// Bytes of a boundary.
pub const BOUNDARY_BYTES: usize = 20;

/// What separates the parts of one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Boundary([u8; BOUNDARY_BYTES]);

impl Boundary {
    /// A boundary made of `seed`, which should differ from answer to answer. A file could only
    /// contain it by knowing the seed, and readers go by the lengths anyway.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut text = *b"kb__________________";
        let mut rest = seed;
        for byte in text.iter_mut().skip(2) {
            *byte = b"0123456789abcdef".get((rest & 15) as usize).copied().unwrap_or(b'0');
            rest >>= 4;
        }
        Self(text)
    }

    /// The boundary as it stands in the Content-Type field.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        &self.0
    }

    /// The value of the Content-Type field of the whole answer.
    #[must_use]
    pub fn content_type(&self) -> [u8; 31 + BOUNDARY_BYTES] {
        let mut value = *b"multipart/byteranges; boundary=\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
        for (to, from) in value.iter_mut().skip(31).zip(self.0) {
            *to = from;
        }
        value
    }

    /// Writes what stands before the bytes of a part.
    ///
    /// # Errors
    /// [`Full`] when it does not fit; nothing was written then.
    pub fn write_part(
        &self,
        out: &mut Buf,
        content_type: &[u8],
        range: ByteRange,
        size: u64,
    ) -> Result<(), Full> {
        let before = out.len();
        let value = ContentRange::new(range, size);
        let written = self.part(content_type, value.text()).iter().try_for_each(|p| out.put(p));
        written.inspect_err(|_| out.truncate(before))
    }

    /// Writes what stands after the last part.
    ///
    /// # Errors
    /// [`Full`] when it does not fit; nothing was written then.
    pub fn write_end(&self, out: &mut Buf) -> Result<(), Full> {
        let before = out.len();
        let written = self.end().iter().try_for_each(|piece| out.put(piece));
        written.inspect_err(|_| out.truncate(before))
    }

    /// Bytes of the whole body: every part with what stands before it, and the end. `None` when
    /// that is more than a `u64` can say.
    #[must_use]
    pub fn body_len(&self, content_type: &[u8], ranges: &[ByteRange], size: u64) -> Option<u64> {
        let lengths = |pieces: &[&[u8]]| pieces.iter().map(|p| p.len() as u64).sum::<u64>();
        ranges.iter().try_fold(lengths(&self.end()), |sum, range| {
            let value = ContentRange::new(*range, size);
            sum.checked_add(lengths(&self.part(content_type, value.text())))?
                .checked_add(range.len())
        })
    }

    fn part<'a>(&'a self, content_type: &'a [u8], content_range: &'a [u8]) -> [&'a [u8]; 7] {
        [
            b"\r\n--",
            &self.0,
            b"\r\nContent-Type: ",
            content_type,
            b"\r\nContent-Range: ",
            content_range,
            b"\r\n\r\n",
        ]
    }

    fn end(&self) -> [&[u8]; 3] {
        [b"\r\n--", &self.0, b"--\r\n"]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_is_what_is_written() {
        let boundary = Boundary::new(0x1234_5678_9abc_def0);
        let ranges = [ByteRange { first: 0, last: 1 }, ByteRange { first: 8, last: 9 }];
        let mut out = Buf::with_capacity(512);
        for range in ranges {
            boundary.write_part(&mut out, b"text/plain", range, 10).unwrap();
            out.put(b"xy").unwrap();
        }
        boundary.write_end(&mut out).unwrap();
        assert_eq!(boundary.body_len(b"text/plain", &ranges, 10), Some(out.len() as u64));
        let wanted = "\r\n--kb0fedcba98765432100\r\nContent-Type: text/plain\r\n\
                      Content-Range: bytes 0-1/10\r\n\r\nxy\
                      \r\n--kb0fedcba98765432100\r\nContent-Type: text/plain\r\n\
                      Content-Range: bytes 8-9/10\r\n\r\nxy\
                      \r\n--kb0fedcba98765432100--\r\n";
        assert_eq!(core::str::from_utf8(out.filled()).unwrap(), wanted);
        assert_eq!(
            core::str::from_utf8(&boundary.content_type()).unwrap(),
            "multipart/byteranges; boundary=kb0fedcba98765432100"
        );
    }

    #[test]
    fn parts_are_written_whole_or_not_at_all() {
        let boundary = Boundary::new(7);
        let mut out = Buf::with_capacity(40);
        out.put(b"a").unwrap();
        let range = ByteRange { first: 0, last: 1 };
        assert_eq!(boundary.write_part(&mut out, b"text/plain", range, 10), Err(Full));
        assert_eq!(out.filled(), b"a");
        let huge = ByteRange { first: 0, last: u64::MAX - 1 };
        assert_eq!(boundary.body_len(b"a/b", &[huge], u64::MAX), None);
    }
}
