//! The header fields that the server itself reads, found in one pass over the head.

use httparse::Header;

use super::limits::HEADERS_MAX;

const ABSENT: u8 = u8::MAX;
const _: () = assert!(HEADERS_MAX < ABSENT as usize, "a field number must not mean absent");

macro_rules! fields {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// A header field that the server knows by name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Field {
            $(#[doc = concat!("`", $text, "`")] $name,)*
        }

        impl Field {
            /// The name as it is usually written.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            #[cfg(test)]
            const ALL: &[Self] = &[$(Self::$name),*];
        }

        const COUNT: usize = [$(Field::$name),*].len();
    };
}

fields! {
    Accept = "Accept",
    AcceptEncoding = "Accept-Encoding",
    Authorization = "Authorization",
    Connection = "Connection",
    ContentLength = "Content-Length",
    ContentType = "Content-Type",
    Cookie = "Cookie",
    Expect = "Expect",
    Host = "Host",
    IfMatch = "If-Match",
    IfModifiedSince = "If-Modified-Since",
    IfNoneMatch = "If-None-Match",
    IfRange = "If-Range",
    IfUnmodifiedSince = "If-Unmodified-Since",
    Origin = "Origin",
    Range = "Range",
    Referer = "Referer",
    TransferEncoding = "Transfer-Encoding",
    Upgrade = "Upgrade",
    UserAgent = "User-Agent",
}

impl Field {
    /// The field that is called `name` in any case. Length and first letter decide which one it
    /// can be, so that most names need one comparison or none.
    #[must_use]
    pub fn from_name(name: &[u8]) -> Option<Self> {
        let first = name.first()? | 0x20;
        Some(match (name.len(), first) {
            (4, b'h') if is(name, b"Host") => Self::Host,
            (5, b'r') if is(name, b"Range") => Self::Range,
            (6, b'a') if is(name, b"Accept") => Self::Accept,
            (6, b'c') if is(name, b"Cookie") => Self::Cookie,
            (6, b'e') if is(name, b"Expect") => Self::Expect,
            (6, b'o') if is(name, b"Origin") => Self::Origin,
            (7, b'r') if is(name, b"Referer") => Self::Referer,
            (7, b'u') if is(name, b"Upgrade") => Self::Upgrade,
            (8, b'i') if is(name, b"If-Match") => Self::IfMatch,
            (8, b'i') if is(name, b"If-Range") => Self::IfRange,
            (10, b'c') if is(name, b"Connection") => Self::Connection,
            (10, b'u') if is(name, b"User-Agent") => Self::UserAgent,
            (12, b'c') if is(name, b"Content-Type") => Self::ContentType,
            (13, b'a') if is(name, b"Authorization") => Self::Authorization,
            (13, b'i') if is(name, b"If-None-Match") => Self::IfNoneMatch,
            (14, b'c') if is(name, b"Content-Length") => Self::ContentLength,
            (15, b'a') if is(name, b"Accept-Encoding") => Self::AcceptEncoding,
            (17, b'i') if is(name, b"If-Modified-Since") => Self::IfModifiedSince,
            (17, b't') if is(name, b"Transfer-Encoding") => Self::TransferEncoding,
            (19, b'i') if is(name, b"If-Unmodified-Since") => Self::IfUnmodifiedSince,
            _ => return None,
        })
    }

    const fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// Whether `name` is `text` in any case. Most clients write names as they are usually written,
/// and comparing arrays takes a few instructions.
fn is<const N: usize>(name: &[u8], text: &[u8; N]) -> bool {
    let name: Option<&[u8; N]> = name.try_into().ok();
    name.is_some_and(|name| name == text || name.eq_ignore_ascii_case(text))
}

/// Where the known fields stand among the headers of one head.
#[derive(Clone, Copy)]
pub struct Fields<'b> {
    headers: &'b [Header<'b>],
    first: [u8; COUNT],
    repeated: u32,
}

impl<'b> Fields<'b> {
    /// Finds the known fields. At most [`HEADERS_MAX`] headers are looked at.
    #[must_use]
    pub fn new(headers: &'b [Header<'b>]) -> Self {
        let mut fields = Self { headers, first: [ABSENT; COUNT], repeated: 0 };
        for (number, header) in (0..ABSENT).zip(headers) {
            if let Some(field) = Field::from_name(header.name.as_bytes()) {
                fields.note(field, number);
            }
        }
        fields
    }

    fn note(&mut self, field: Field, number: u8) {
        let place = &mut self.first[field as usize];
        if *place == ABSENT {
            *place = number;
        } else {
            self.repeated |= field.bit();
        }
    }

    /// The value of the field's first line.
    #[must_use]
    pub fn get(&self, field: Field) -> Option<&'b [u8]> {
        let number = self.first[field as usize];
        if number == ABSENT {
            return None;
        }
        self.headers.get(usize::from(number)).map(|header| header.value)
    }

    /// The value of a field that may stand only once. A repeated field gives the empty value,
    /// which is valid for none of them, so that readers ignore or refuse it as malformed.
    #[must_use]
    pub fn single(&self, field: Field) -> Option<&'b [u8]> {
        if self.is_repeated(field) { Some(b"") } else { self.get(field) }
    }

    /// The values of all lines of a field, in order; for lists, which may be split over lines.
    pub fn all(&self, field: Field) -> impl Iterator<Item = &'b [u8]> + use<'b> {
        let first = usize::from(self.first[field as usize]);
        let headers: &'b [Header<'b>] = match self.headers.get(first..) {
            Some([]) | None => &[],
            Some([one, ..]) if !self.is_repeated(field) => core::slice::from_ref(one),
            Some(rest) => rest,
        };
        let alone = headers.len() == 1;
        let same = move |h: &&Header<'b>| alone || h.name.eq_ignore_ascii_case(field.name());
        headers.iter().filter(same).map(|header| header.value)
    }

    /// Whether the field stands there at least once.
    #[must_use]
    pub fn has(&self, field: Field) -> bool {
        self.first[field as usize] != ABSENT
    }

    /// Whether the field stands there more than once.
    #[must_use]
    pub fn is_repeated(&self, field: Field) -> bool {
        self.repeated & field.bit() != 0
    }
}

impl core::fmt::Debug for Fields<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.headers).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(name: &'static str, value: &'static str) -> Header<'static> {
        Header { name, value: value.as_bytes() }
    }

    #[test]
    fn names_are_found_in_any_case() {
        for &field in Field::ALL {
            let name = field.name();
            assert_eq!(Field::from_name(name.as_bytes()), Some(field));
            assert_eq!(Field::from_name(name.to_ascii_lowercase().as_bytes()), Some(field));
            assert_eq!(Field::from_name(name.to_ascii_uppercase().as_bytes()), Some(field));
            let other = format!("{}_", &name[..name.len() - 1]);
            assert_eq!(Field::from_name(other.as_bytes()), None, "{other}");
            assert_eq!(Field::from_name(&name.as_bytes()[1..]), None);
        }
        assert_eq!(Field::from_name(b""), None);
    }

    #[test]
    fn lines_of_one_field() {
        let headers = [
            header("host", "h"),
            header("If-None-Match", "\"a\""),
            header("X-Other", "x"),
            header("if-none-match", "\"b\""),
            header("Range", "bytes=0-1"),
        ];
        let fields = Fields::new(&headers);
        let lists: Vec<&[u8]> = fields.all(Field::IfNoneMatch).collect();
        assert_eq!(lists, [b"\"a\"".as_slice(), b"\"b\""]);
        assert_eq!(fields.all(Field::Host).collect::<Vec<_>>(), [b"h"]);
        assert_eq!(fields.all(Field::Cookie).count(), 0);
        assert_eq!(fields.get(Field::IfNoneMatch), Some(b"\"a\"".as_slice()));
        assert_eq!(fields.single(Field::IfNoneMatch), Some(b"".as_slice()));
        assert_eq!(fields.single(Field::Range), Some(b"bytes=0-1".as_slice()));
        assert_eq!(fields.single(Field::IfRange), None);
        assert!(fields.has(Field::Range) && !fields.has(Field::Expect));
    }
}
