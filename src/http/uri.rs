//! Paths: percent-decoding with dot segments resolved, and percent-encoding (RFC 3986).

use crate::buf::{Buf, Full};

use super::token::{hex_value, is_path_literal};

/// Why a path is refused; the answer is 400.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UriError {
    /// The path does not begin with `/`.
    NotAbsolute,
    /// A percent sign without two hexadecimal digits.
    Percent,
    /// A control byte (also NUL), encoded or not: no file that is to be served has one in its
    /// name, and logs and header fields are better off without.
    Control,
    /// The result does not fit the caller's buffer.
    TooLong,
}

impl core::fmt::Display for UriError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::NotAbsolute => "the path does not begin with a slash",
            Self::Percent => "malformed percent-encoding in the path",
            Self::Control => "control byte in the path",
            Self::TooLong => "the path is too long",
        })
    }
}

/// Decodes `path` (no query) once and resolves `.`, `..` and repeated slashes, into `out`; as
/// many bytes as `path` has always suffice.
///
/// The result begins with `/`, has no empty, `.` or `..` segment and no control byte. `..` at
/// the root stays there (RFC 3986 section 5.2.4). An encoded slash is a slash and an encoded
/// dot a dot: what is compared with mounts is what the file system would see. A slash at the
/// end is kept, and `/a/.` is `/a/`. Bytes above 127 pass, in UTF-8 or not.
///
/// # Errors
/// [`UriError`]; `out` then holds nothing of use.
pub fn normalise<'o>(path: &[u8], out: &'o mut [u8]) -> Result<&'o [u8], UriError> {
    let Some((b'/', mut rest)) = path.split_first() else { return Err(UriError::NotAbsolute) };
    let mut path = Resolved { out, len: 0, segment: 0 };
    path.push(b'/')?;
    path.segment = 1;
    while let Some((&first, tail)) = rest.split_first() {
        let mut byte = first;
        rest = tail;
        if byte == b'%' {
            let [high, low, tail @ ..] = tail else { return Err(UriError::Percent) };
            let digits = hex_value(*high).zip(hex_value(*low)).ok_or(UriError::Percent)?;
            byte = digits.0 << 4 | digits.1;
            rest = tail;
        }
        if byte.is_ascii_control() {
            return Err(UriError::Control);
        }
        if byte == b'/' { path.end_segment()? } else { path.push(byte)? }
    }
    path.resolve_dots();
    let Resolved { out, len, .. } = path;
    out.get(..len).ok_or(UriError::TooLong)
}

/// A path under construction: always `/`, then whole segments each with its `/`, then the
/// segment that is being read, which starts at `segment`.
struct Resolved<'o> {
    out: &'o mut [u8],
    len: usize,
    segment: usize,
}

impl Resolved<'_> {
    fn push(&mut self, byte: u8) -> Result<(), UriError> {
        *self.out.get_mut(self.len).ok_or(UriError::TooLong)? = byte;
        self.len += 1;
        Ok(())
    }

    fn end_segment(&mut self) -> Result<(), UriError> {
        if !self.resolve_dots() && self.len > self.segment {
            self.push(b'/')?;
        }
        self.segment = self.len;
        Ok(())
    }

    /// Takes back a segment that is `.` or `..`, the latter with the one before it.
    fn resolve_dots(&mut self) -> bool {
        match self.out.get(self.segment..self.len) {
            Some(b".") => self.len = self.segment,
            Some(b"..") => {
                let parents = self.out.get(..self.segment - 1).unwrap_or_default();
                self.len = memchr::memrchr(b'/', parents).map_or(1, |slash| slash + 1);
            }
            _ => return false,
        }
        true
    }
}

/// Appends `path` percent-encoded, fit for a `Location` field. A second slash in front is
/// encoded, since `//x` would name another host.
///
/// # Errors
/// [`Full`] when it does not fit; some of it may have been written.
pub fn write_encoded(path: &[u8], out: &mut Buf) -> Result<(), Full> {
    let mut rest = path;
    if let Some(tail) = path.strip_prefix(b"//") {
        out.put(b"/%2F")?;
        rest = tail;
    }
    while !rest.is_empty() {
        let plain = rest.iter().position(|&b| !is_path_literal(b)).unwrap_or(rest.len());
        let (literal, tail) = rest.split_at(plain);
        out.put(literal)?;
        rest = tail;
        if let Some((&byte, tail)) = rest.split_first() {
            let digit = |n: u8| char::from_digit(n.into(), 16).map_or(b'0', |c| c as u8);
            out.put(&[
                b'%',
                digit(byte >> 4).to_ascii_uppercase(),
                digit(byte & 15).to_ascii_uppercase(),
            ])?;
            rest = tail;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(path: &[u8]) -> Result<Vec<u8>, UriError> {
        let mut out = vec![0; path.len()];
        normalise(path, &mut out).map(<[u8]>::to_vec)
    }

    #[test]
    fn paths_that_resolve() {
        let cases = [
            ("/", "/"),
            ("/a", "/a"),
            ("/a/", "/a/"),
            ("//", "/"),
            ("//a///b//", "/a/b/"),
            ("/.", "/"),
            ("/..", "/"),
            ("/./", "/"),
            ("/../", "/"),
            ("/../../../etc/passwd", "/etc/passwd"),
            ("/a/.", "/a/"),
            ("/a/..", "/"),
            ("/a/b/..", "/a/"),
            ("/a/b/../", "/a/"),
            ("/a/b/../c", "/a/c"),
            ("/a/./b", "/a/b"),
            ("/a//../b", "/b"),
            ("/%2e", "/"),
            ("/%2E%2e/x", "/x"),
            ("/.%2e/x", "/x"),
            ("/a%2f..%2fb", "/b"),
            ("/a/%2e%2e%2f%2e%2e/b", "/b"),
            ("/..%2f..%2fetc", "/etc"),
            ("/%252e%252e/x", "/%2e%2e/x"),
            ("/...", "/..."),
            ("/.a", "/.a"),
            ("/a..", "/a.."),
            ("/..a/b", "/..a/b"),
            ("/a%20b", "/a b"),
            ("/%41", "/A"),
            ("/a%3Fb%23c", "/a?b#c"),
            ("/a\\..\\b", "/a\\..\\b"),
            ("/a+b", "/a+b"),
            ("/a;b=c", "/a;b=c"),
        ];
        for (path, wanted) in cases {
            assert_eq!(normal(path.as_bytes()), Ok(wanted.as_bytes().to_vec()), "{path}");
        }
        assert_eq!(normal(b"/%ff\xfe"), Ok(b"/\xff\xfe".to_vec()));
        assert_eq!(normal(b"/%c0%ae%c0%ae/x"), Ok(b"/\xc0\xae\xc0\xae/x".to_vec()));
    }

    #[test]
    fn paths_that_do_not() {
        let cases = [
            ("", UriError::NotAbsolute),
            ("a", UriError::NotAbsolute),
            ("%2fa", UriError::NotAbsolute),
            ("*", UriError::NotAbsolute),
            ("/%", UriError::Percent),
            ("/%4", UriError::Percent),
            ("/%zz", UriError::Percent),
            ("/%4g", UriError::Percent),
            ("/%+1", UriError::Percent),
            ("/a%00b", UriError::Control),
            ("/a%0d%0ab", UriError::Control),
            ("/a%7f", UriError::Control),
            ("/a\u{1}", UriError::Control),
        ];
        for (path, wanted) in cases {
            assert_eq!(normal(path.as_bytes()), Err(wanted), "{path}");
        }
    }

    #[test]
    fn a_small_buffer_is_an_error_and_a_fitting_one_is_not() {
        let mut out = [0; 2];
        assert_eq!(normalise(b"/ab", &mut out), Err(UriError::TooLong));
        assert_eq!(normalise(b"/a", &mut out), Ok(b"/a".as_slice()));
        assert_eq!(normalise(b"/", &mut []), Err(UriError::TooLong));
        assert_eq!(normalise(b"/a/../b", &mut [0; 5]), Ok(b"/b".as_slice()));
    }

    #[test]
    fn encoding() {
        let cases: [(&[u8], &str); 7] = [
            (b"/", "/"),
            (b"/a b", "/a%20b"),
            (b"/a?b#c%", "/a%3Fb%23c%25"),
            (b"//evil", "/%2Fevil"),
            (b"/\r\nX: y", "/%0D%0AX:%20y"),
            (b"/\xc3\xa9", "/%C3%A9"),
            (b"/a;b=c,d@e:f!", "/a;b=c,d@e:f!"),
        ];
        for (path, wanted) in cases {
            let mut out = Buf::with_capacity(64);
            write_encoded(path, &mut out).unwrap();
            assert_eq!(out.filled(), wanted.as_bytes());
        }
        assert_eq!(write_encoded(b"/  ", &mut Buf::with_capacity(6)), Err(Full));
    }
}
