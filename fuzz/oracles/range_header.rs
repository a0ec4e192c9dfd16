//! Ranges lie inside the representation, ascend, and do not touch each other.

use kinglet::http::byteranges::Boundary;
use kinglet::http::limits::RANGES_MAX;
use kinglet::http::range::{ByteRange, Ranges, parse};

/// Checks one input: eight bytes for the size, then the value of a Range field.
pub(crate) fn check(input: &[u8]) {
    let Some((size, value)) = input.split_first_chunk::<8>() else { return };
    let size = u64::from_le_bytes(*size);
    for size in [size, size % 1000, size % 7, 0, 1] {
        one_size(value, size);
    }
}

fn one_size(value: &[u8], size: u64) {
    let ranges = parse(value, size);
    let found: &[ByteRange] = match &ranges {
        Ranges::Ignore => return,
        Ranges::Unsatisfiable => &[],
        Ranges::One(range) => std::slice::from_ref(range),
        Ranges::Many(ranges) => {
            assert!((2..=RANGES_MAX).contains(&ranges.len()));
            ranges
        }
    };
    let head = value.get(..6).expect("nothing shorter is a range");
    assert!(head.eq_ignore_ascii_case(b"bytes="));
    for range in found {
        assert!(range.first <= range.last && range.last < size);
        assert!((1..=size).contains(&range.len()));
    }
    for two in found.windows(2) {
        assert!(two[0].last + 1 < two[1].first, "ranges touch");
    }
    let total: u64 = found.iter().map(|range| range.len()).sum();
    assert!(total <= size, "more bytes than there are");
    let body = Boundary::new(size).body_len(b"text/plain", found, size);
    assert!(body.is_none_or(|len| len > total));
}
