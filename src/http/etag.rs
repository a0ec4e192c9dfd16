//! Entity tags (RFC 9110 section 8.8.3): reading, lists, and the two ways to compare.

use super::token::trim;

/// An entity tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntityTag<'a> {
    /// Whether it is marked `W/`.
    pub weak: bool,
    /// What is between the quotes.
    pub opaque: &'a [u8],
}

impl<'a> EntityTag<'a> {
    /// Reads exactly one entity tag.
    #[must_use]
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let (tag, rest) = Self::front(text)?;
        rest.is_empty().then_some(tag)
    }

    /// The entity tag that `text` begins with, and what follows it.
    fn front(text: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (weak, quoted) = match text.strip_prefix(b"W/") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let inner = quoted.strip_prefix(b"\"")?;
        let end = inner.iter().position(|&b| !is_etagc(b))?;
        let (opaque, rest) = inner.split_at_checked(end)?;
        Some((Self { weak, opaque }, rest.strip_prefix(b"\"")?))
    }

    /// Strong comparison: the same bytes, and neither is weak.
    #[must_use]
    pub fn strong_eq(&self, other: &EntityTag<'_>) -> bool {
        !self.weak && !other.weak && self.opaque == other.opaque
    }

    /// Weak comparison: the same bytes.
    #[must_use]
    pub fn weak_eq(&self, other: &EntityTag<'_>) -> bool {
        self.opaque == other.opaque
    }
}

/// Any byte that a field value can hold but the quote. RFC 9110 has no space here; other servers
/// send tags with spaces, and one of those must not hide the tags that follow it in a list.
fn is_etagc(byte: u8) -> bool {
    byte != b'"' && (byte >= 0x20 || byte == b'\t') && byte != 0x7f
}

/// Walks over the tags of one field line. It stops at the first thing that is no entity tag:
/// what follows cannot be told apart from garbage, and then nothing matches.
#[derive(Debug, Clone)]
pub struct EntityTags<'a>(&'a [u8]);

impl<'a> EntityTags<'a> {
    /// The tags of `line`, a comma-separated list.
    #[must_use]
    pub fn new(line: &'a [u8]) -> Self {
        Self(line)
    }
}

impl<'a> Iterator for EntityTags<'a> {
    type Item = EntityTag<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut line = trim(self.0);
        while let Some(rest) = line.strip_prefix(b",") {
            line = trim(rest);
        }
        self.0 = b"";
        let (tag, rest) = EntityTag::front(line)?;
        let rest = trim(rest);
        if rest.is_empty() || rest.starts_with(b",") {
            self.0 = rest;
            return Some(tag);
        }
        None
    }
}

/// Whether a list over several lines is `*` or has a tag that `same` accepts.
pub(super) fn list_matches<'a>(
    lines: impl Iterator<Item = &'a [u8]>,
    mut same: impl FnMut(&EntityTag<'a>) -> bool,
) -> bool {
    let mut lines = lines;
    lines.any(|line| trim(line) == b"*" || EntityTags::new(line).any(|tag| same(&tag)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_tag() {
        let strong = |opaque| Some(EntityTag { weak: false, opaque });
        let cases: [(&[u8], Option<EntityTag<'_>>); 14] = [
            (b"\"\"", strong(b"")),
            (b"\"a\x7fb\"", None),
            (b"\"a,b\"", strong(b"a,b")),
            (b"\"\xff\"", strong(b"\xff")),
            (b"W/\"a\"", Some(EntityTag { weak: true, opaque: b"a" })),
            (b"w/\"a\"", None),
            (b"W/a", None),
            (b"a", None),
            (b"\"a", None),
            (b"\"a\"b", None),
            (b"\"a\\\"b\"", None),
            (b"*", None),
            (b"", None),
            (b"'a'", None),
        ];
        for (text, wanted) in cases {
            assert_eq!(EntityTag::parse(text), wanted, "{text:?}");
        }
    }

    #[test]
    fn comparisons_of_rfc_9110() {
        let weak = EntityTag { weak: true, opaque: b"1" };
        let strong = EntityTag { weak: false, opaque: b"1" };
        let other = EntityTag { weak: true, opaque: b"2" };
        assert_eq!((weak.strong_eq(&weak), weak.weak_eq(&weak)), (false, true));
        assert_eq!((weak.strong_eq(&other), weak.weak_eq(&other)), (false, false));
        assert_eq!((weak.strong_eq(&strong), weak.weak_eq(&strong)), (false, true));
        assert_eq!((strong.strong_eq(&strong), strong.weak_eq(&strong)), (true, true));
    }

    #[test]
    fn lists() {
        let tags = |line: &'static [u8]| -> Vec<&[u8]> {
            EntityTags::new(line).map(|tag| tag.opaque).collect()
        };
        assert_eq!(tags(b"\"a\", W/\"b\",\"c,d\""), [b"a".as_slice(), b"b", b"c,d"]);
        assert_eq!(tags(b" , ,\"a\" ,, \"b\" ,"), [b"a".as_slice(), b"b"]);
        assert_eq!(tags(b"\"a\" \"b\""), Vec::<&[u8]>::new());
        assert_eq!(tags(b"\"a\", b, \"c\""), [b"a".as_slice()]);
        assert_eq!(tags(b""), Vec::<&[u8]>::new());
    }

    #[test]
    fn lists_over_lines() {
        let has = |lines: &[&'static [u8]], wanted: &[u8]| {
            list_matches(lines.iter().copied(), |tag| tag.opaque == wanted)
        };
        assert!(has(&[b"\"a\"", b"\"b\""], b"b"));
        assert!(has(&[b"\"a\"", b" * "], b"b"));
        assert!(!has(&[b"\"*\""], b"b"));
        assert!(!has(&[], b"b"));
    }
}
