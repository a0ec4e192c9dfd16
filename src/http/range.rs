//! Range requests for bytes (RFC 9110 section 14). Positions are `u64`: files may be larger
//! than the address space.

use heapless::Vec;

use super::limits::{RANGE_SPECS_MAX, RANGES_MAX};
use super::token::{members, trim};

/// A range of bytes, both ends included, inside the representation it was made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteRange {
    /// Position of the first byte.
    pub first: u64,
    /// Position of the last byte.
    pub last: u64,
}

impl ByteRange {
    /// Bytes in the range, at least 1.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a byte range is never empty")]
    pub fn len(self) -> u64 {
        (self.last - self.first).saturating_add(1)
    }
}

/// What a Range field asks of a representation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ranges {
    /// Nothing that is understood or wanted: answer 200 with everything.
    Ignore,
    /// 416
    Unsatisfiable,
    /// 206 with one range.
    One(ByteRange),
    /// 206 with several: ascending, with at least one byte between them.
    Many(Vec<ByteRange, RANGES_MAX>),
}

/// Reads the value of a Range field for a representation of `size` bytes.
///
/// Other units and malformed lists are ignored, as are lists of more than [`RANGE_SPECS_MAX`]
/// specifiers and what still has more than [`RANGES_MAX`] ranges after coalescing (section 14.2
/// allows it: such requests are broken clients or attacks). Ranges that overlap or touch are
/// made one; the rest is sorted (section 15.3.7.2).
#[must_use]
pub fn parse(value: &[u8], size: u64) -> Ranges {
    let Some((unit, set)) =
        memchr::memchr(b'=', value).and_then(|at| Some((value.get(..at)?, value.get(at + 1..)?)))
    else {
        return Ranges::Ignore;
    };
    if !unit.eq_ignore_ascii_case(b"bytes") {
        return Ranges::Ignore;
    }
    let mut found: Vec<ByteRange, RANGE_SPECS_MAX> = Vec::new();
    let mut specs = 0;
    for spec in members(set).filter(|spec| !spec.is_empty()) {
        specs += 1;
        match Spec::parse(spec) {
            Some(spec) if specs <= RANGE_SPECS_MAX => {
                // Room enough: the capacity is the number of specifiers.
                let _ = spec.within(size).map(|range| found.push(range));
            }
            _ => return Ranges::Ignore,
        }
    }
    match (specs, found.is_empty()) {
        (0, _) => Ranges::Ignore,
        // A suffix of nothing is everything, and that cannot be said with Content-Range.
        (_, true) if size == 0 && has_suffix(set) => Ranges::Ignore,
        (_, true) => Ranges::Unsatisfiable,
        (_, false) => coalesce(&mut found),
    }
}

fn has_suffix(set: &[u8]) -> bool {
    members(set).any(|spec| matches!(Spec::parse(spec), Some(Spec::Suffix(n)) if n > 0))
}

fn coalesce(found: &mut [ByteRange]) -> Ranges {
    found.sort_unstable_by_key(|range| range.first);
    let mut ranges: Vec<ByteRange, RANGES_MAX> = Vec::new();
    for range in found.iter() {
        match ranges.last_mut() {
            Some(before) if range.first <= before.last.saturating_add(1) => {
                before.last = before.last.max(range.last);
            }
            _ => {
                if ranges.push(*range).is_err() {
                    return Ranges::Ignore;
                }
            }
        }
    }
    match ranges.as_slice() {
        [one] => Ranges::One(*one),
        _ => Ranges::Many(ranges),
    }
}

/// One member of a range set, as written.
enum Spec {
    /// `first-` and `first-last`
    From(u64, u64),
    /// `-length`
    Suffix(u64),
}

impl Spec {
    fn parse(spec: &[u8]) -> Option<Self> {
        let dash = memchr::memchr(b'-', spec)?;
        let (first, last) = (spec.get(..dash)?, spec.get(dash + 1..)?);
        debug_assert!(trim(spec) == spec, "list members are trimmed");
        match (first, last) {
            (b"", _) => Some(Self::Suffix(position(last)?)),
            (_, b"") => Some(Self::From(position(first)?, u64::MAX)),
            _ => {
                let (first, last) = (position(first)?, position(last)?);
                (first <= last).then_some(Self::From(first, last))
            }
        }
    }

    /// The part of it that exists, if any.
    fn within(&self, size: u64) -> Option<ByteRange> {
        let end = size.checked_sub(1)?;
        match *self {
            Self::From(first, last) if first <= end => {
                Some(ByteRange { first, last: last.min(end) })
            }
            Self::Suffix(length) if length > 0 => {
                Some(ByteRange { first: size.saturating_sub(length), last: end })
            }
            _ => None,
        }
    }
}

/// `1*DIGIT`, where what does not fit is as far away as can be.
fn position(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(
        digits.iter().fold(0_u64, |sum, digit| {
            sum.saturating_mul(10).saturating_add(u64::from(digit - b'0'))
        }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(value: &str, size: u64) -> String {
        let one = |r: &ByteRange| format!("{}-{}", r.first, r.last);
        match parse(value.as_bytes(), size) {
            Ranges::Ignore => "ignore".into(),
            Ranges::Unsatisfiable => "416".into(),
            Ranges::One(range) => one(&range),
            Ranges::Many(ranges) => {
                let all: std::vec::Vec<String> = ranges.iter().map(one).collect();
                format!("many {}", all.join(" "))
            }
        }
    }

    #[test]
    fn one_range() {
        let cases = [
            ("bytes=0-0", "0-0"),
            ("bytes=0-", "0-99"),
            ("bytes=99-", "99-99"),
            ("bytes=100-", "416"),
            ("bytes=10-19", "10-19"),
            ("bytes=10-1000", "10-99"),
            ("bytes=-1", "99-99"),
            ("bytes=-100", "0-99"),
            ("bytes=-1000", "0-99"),
            ("bytes=-0", "416"),
            ("BYTES=0-1", "0-1"),
            ("bytes= 0-1 ", "0-1"),
            ("bytes=0-1,", "0-1"),
            ("bytes=0-18446744073709551615", "0-99"),
            ("bytes=0-99999999999999999999999", "0-99"),
            ("bytes=99999999999999999999999-", "416"),
            ("bytes=-99999999999999999999999", "0-99"),
            ("bytes=00000-00001", "0-1"),
            ("bytes=5-4", "ignore"),
            ("bytes=", "ignore"),
            ("bytes=,", "ignore"),
            ("bytes", "ignore"),
            ("", "ignore"),
            ("bytes=-", "ignore"),
            ("bytes=a-b", "ignore"),
            ("bytes=1", "ignore"),
            ("bytes=0 -1", "ignore"),
            ("bytes=0--1", "ignore"),
            ("bytes=+0-1", "ignore"),
            ("bytes=0x0-1", "ignore"),
            ("bytes =0-1", "ignore"),
            ("bytes:0-1", "ignore"),
            ("lines=0-1", "ignore"),
            ("bytes=0-1;2-3", "ignore"),
        ];
        for (value, wanted) in cases {
            assert_eq!(shown(value, 100), wanted, "{value}");
        }
    }

    #[test]
    fn several_ranges() {
        let cases = [
            ("bytes=0-1,4-5", "many 0-1 4-5"),
            ("bytes=4-5, 0-1", "many 0-1 4-5"),
            ("bytes=0-1,2-3", "0-3"),
            ("bytes=0-10,5-20", "0-20"),
            ("bytes=0-,0-,0-,0-", "0-99"),
            ("bytes=0-50,10-20", "0-50"),
            ("bytes=0-1,200-300", "0-1"),
            ("bytes=200-300,400-", "416"),
            ("bytes=0-0,-1", "many 0-0 99-99"),
            ("bytes=0-0,2-2,4-4,6-6", "many 0-0 2-2 4-4 6-6"),
            ("bytes=0-0,2-2,4-4,6-6,8-8", "ignore"),
            ("bytes=0-0,2-1", "ignore"),
            ("bytes=0-0,x", "ignore"),
            ("bytes=0-0,,4-4", "many 0-0 4-4"),
        ];
        for (value, wanted) in cases {
            assert_eq!(shown(value, 100), wanted, "{value}");
        }
        let sixteen = format!("bytes={}", "1-2,".repeat(16));
        assert_eq!(shown(&sixteen, 100), "1-2");
        let seventeen = format!("bytes={}", "1-2,".repeat(17));
        assert_eq!(shown(&seventeen, 100), "ignore");
    }

    #[test]
    fn sizes_at_the_edges() {
        assert_eq!(shown("bytes=0-", 0), "416");
        assert_eq!(shown("bytes=0-0", 0), "416");
        assert_eq!(shown("bytes=-5", 0), "ignore");
        assert_eq!(shown("bytes=-0", 0), "416");
        assert_eq!(shown("bytes=0-", u64::MAX), format!("0-{}", u64::MAX - 1));
        assert_eq!(shown("bytes=4294967296-4294967297", 1 << 33), "4294967296-4294967297");
        let all = ByteRange { first: 0, last: u64::MAX };
        assert_eq!(all.len(), u64::MAX);
        assert_eq!(ByteRange { first: 4, last: 4 }.len(), 1);
    }
}
