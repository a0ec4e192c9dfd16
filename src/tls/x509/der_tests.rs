//! Tests of the DER reader and writer.

use super::*;

/// Reads everything, entering what may be entered, and counts the elements.
fn walk(mut reader: Reader<'_>) -> Result<usize, Malformed> {
    let mut count = 0;
    while !reader.is_empty() {
        let element = reader.any()?;
        count += 1;
        if element.tag & 0x20 != 0 {
            count += walk(element.inside()?)?;
        }
    }
    Ok(count)
}

#[test]
fn what_is_written_is_read() {
    for len in [0, 1, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x1_0000] {
        let body = vec![7; len];
        let written = element(OCTET_STRING, &[&body]);
        let mut reader = Reader::new(&written);
        let read = reader.take(OCTET_STRING).unwrap();
        assert_eq!((read.value, read.whole), (&body[..], &written[..]), "{len}");
        assert_eq!(reader.end(), Ok(()));
        for end in [0, 1, 2, 3, written.len() - 1] {
            if let Some(cut) = written.get(..end).filter(|cut| cut.len() < written.len()) {
                assert!(Reader::new(cut).any().is_err(), "{len} {end}");
            }
        }
    }
    assert_eq!(element(SEQUENCE, &[&[1], &[2, 3]]), [0x30, 3, 1, 2, 3]);
    assert_eq!(element(SEQUENCE, &[&[0; 0x80]])[..3], [0x30, 0x81, 0x80]);
    assert_eq!(element(SEQUENCE, &[&[0; 0x100]])[..4], [0x30, 0x82, 1, 0]);
}

#[test]
fn only_the_shortest_form_is_read() {
    let faults: &[&[u8]] = &[
        &[],
        &[0x30],
        &[0x30, 0x80, 0, 0],
        &[0x30, 0x81, 0x7f],
        &[0x30, 0x82, 0, 0x80],
        &[0x30, 0x85, 1, 0, 0, 0, 0],
        &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
        &[0x30, 0xff],
        &[0x1f, 0x81, 0x01, 0],
        &[0x30, 1],
    ];
    for bytes in faults {
        assert!(Reader::new(bytes).any().is_err(), "{bytes:?}");
    }
    let long = [&[4, 0x81, 0x7f][..], &[0; 0x7f]].concat();
    assert!(Reader::new(&long).any().is_err());
}

#[test]
fn types_are_checked_and_nothing_may_follow() {
    let bytes = [2, 1, 5, 1, 1, 0xff];
    let mut reader = Reader::new(&bytes);
    assert!(reader.clone().take(SEQUENCE).is_err());
    assert_eq!(reader.optional(SEQUENCE), Ok(None));
    assert_eq!(reader.optional(INTEGER).unwrap().unwrap().value, [5]);
    assert!(reader.end().is_err());
    assert_eq!(reader.any().unwrap().boolean(), Ok(true));
    assert_eq!(reader.end(), Ok(()));
    for (wrong, bytes) in [(BOOLEAN, &[1, 1, 1][..]), (BOOLEAN, &[1, 0]), (INTEGER, &[2, 1, 0])] {
        assert!(Reader::new(bytes).take(wrong).unwrap().boolean().is_err(), "{bytes:?}");
    }
    for bytes in [&[3, 2, 1, 0xfe][..], &[3, 0], &[4, 2, 0, 1]] {
        assert!(Reader::new(bytes).any().unwrap().whole_bits().is_err(), "{bytes:?}");
    }
    let written = bits(&[1, 2]);
    assert_eq!(Reader::new(&written).any().unwrap().whole_bits(), Ok(&[1, 2][..]));
}

#[test]
fn depth_is_bounded() {
    let mut nested = vec![5, 0];
    for _ in 0..DEPTH_MAX {
        nested = element(SEQUENCE, &[&nested]);
    }
    assert_eq!(walk(Reader::new(&nested)), Ok(usize::from(DEPTH_MAX) + 1));
    let deeper = element(SEQUENCE, &[&nested]);
    assert_eq!(walk(Reader::new(&deeper)), Err(Malformed("nested too deep")));
}

#[test]
fn no_two_or_three_bytes_panic() {
    for first in 0..=255_u8 {
        for second in 0..=255_u8 {
            for third in [0, 1, 0x7f, 0x80, 0xff] {
                let _ = walk(Reader::new(&[first, second, third]));
            }
        }
    }
}
