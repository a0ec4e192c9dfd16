//! Tests of the chunked coding: each body whole, byte by byte, and with bytes behind it.

use super::*;
use crate::http::body::BodyReader;
use crate::http::framing::Framing;

/// The body, the bytes used and whether it ended, for input that comes in pieces of `cut`.
fn decode(input: &[u8], cut: usize) -> Result<(Vec<u8>, usize, bool), BodyError> {
    let mut reader = BodyReader::new(Framing::Chunked);
    let mut body = Vec::new();
    let mut used = 0;
    for piece in input.chunks(cut) {
        let mut at = 0;
        while at < piece.len() && !reader.is_done() {
            let step = reader.read(&piece[at..])?;
            body.extend_from_slice(&piece[at..][step.data]);
            at += step.used;
            used += step.used;
        }
    }
    Ok((body, used, reader.is_done()))
}

#[test]
fn good_bodies_in_every_cut() {
    let cases = [
        ("0\r\n\r\n", ""),
        ("5\r\nhello\r\n0\r\n\r\n", "hello"),
        ("1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", "abc"),
        ("A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789"),
        ("0000000000000005\r\nhello\r\n0\r\n\r\n", "hello"),
        ("000\r\n\r\n", ""),
        ("5;a\r\nhello\r\n0;b=c\r\n\r\n", "hello"),
        ("5;a=b;c=\"d;\\\"\\\\ e\"\r\nhello\r\n0\r\n\r\n", "hello"),
        ("5 ; a = b ; c\r\nhello\r\n0\r\n\r\n", "hello"),
        ("5;a=\"x;y\" ;b\r\nhello\r\n0\r\n\r\n", "hello"),
        ("2\r\n\r\n\r\n0\r\n\r\n", "\r\n"),
        ("0\r\nExpires: now\r\nX-A:\r\nX-B:  \r\n\r\n", ""),
    ];
    for (input, wanted) in cases {
        for cut in 1..=input.len() {
            let got = decode(input.as_bytes(), cut);
            assert_eq!(got, Ok((wanted.into(), input.len(), true)), "{input:?} cut {cut}");
        }
        let more = format!("{input}GET / HTTP/1.1\r\n\r\n");
        let (body, used, done) = decode(more.as_bytes(), more.len()).unwrap();
        assert_eq!((body, used, done), (wanted.into(), input.len(), true), "{input:?}");
    }
}

#[test]
fn bad_bodies_in_every_cut() {
    use BodyError::{ChunkEnd, ChunkExtension, ChunkSize, LineEnd, Trailer};
    let cases = [
        ("\r\n", ChunkSize),
        ("\n", ChunkSize),
        (" 5\r\nhello\r\n", ChunkSize),
        ("0x5\r\nhello\r\n", ChunkSize),
        ("+5\r\nhello\r\n", ChunkSize),
        ("-5\r\nhello\r\n", ChunkSize),
        ("5,5\r\nhello\r\n", ChunkSize),
        ("g\r\n", ChunkSize),
        ("00000000000000005\r\nhello\r\n", ChunkSize),
        ("10000000000000000\r\n", ChunkSize),
        ("5\nhello\r\n", ChunkSize),
        ("5\rhello\r\n", LineEnd),
        ("5\r\rhello\r\n", LineEnd),
        ("5 \r\nhello\r\n", ChunkExtension),
        ("5\t\r\nhello\r\n", ChunkExtension),
        ("5 5\r\nhello\r\n", ChunkExtension),
        ("5;\r\nhello\r\n", ChunkExtension),
        ("5;;a\r\nhello\r\n", ChunkExtension),
        ("5;a=\r\nhello\r\n", ChunkExtension),
        ("5;a=b c\r\nhello\r\n", ChunkExtension),
        ("5;a \r\nhello\r\n", ChunkExtension),
        ("5;a\nhello\r\n", ChunkExtension),
        ("5;a=\"b\nc\"\r\nhello\r\n", ChunkExtension),
        ("5;a=\"b\"c\r\nhello\r\n", ChunkExtension),
        ("5;\0=b\r\nhello\r\n", ChunkExtension),
        ("5;a=\"b\\\r\n\"\r\nhello\r\n", ChunkExtension),
        ("5;a=\"b\r;\"\r\nhello\r\n", ChunkExtension),
        ("5;a\rX", LineEnd),
        ("5\r\nhello5\r\n", ChunkEnd),
        ("5\r\nhello\n0\r\n\r\n", ChunkEnd),
        ("5\r\nhello!\r\n", ChunkEnd),
        ("5\r\nhello\r5", LineEnd),
        ("5\r\nhello\r\n\r\n", ChunkSize),
        ("0\r\n\n", Trailer),
        ("0\r\n\rX", Trailer),
        ("0\r\nGET / HTTP/1.1\r\n", Trailer),
        ("0\r\nX : y\r\n\r\n", Trailer),
        ("0\r\n: y\r\n\r\n", Trailer),
        ("0\r\n X: y\r\n\r\n", Trailer),
        ("0\r\nX: y\r\n z\r\n\r\n", Trailer),
        ("0\r\nX: y\n\r\n", Trailer),
        ("0\r\nX: \0\r\n\r\n", Trailer),
        ("0\r\nX: a\rb\r\n\r\n", Trailer),
        ("0\r\nX\r\n\r\n", Trailer),
    ];
    for (input, error) in cases {
        for cut in 1..=input.len() {
            assert_eq!(decode(input.as_bytes(), cut), Err(error), "{input:?} cut {cut}");
        }
    }
}

#[test]
fn unfinished_bodies_wait() {
    let whole = b"5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n";
    for end in 0..whole.len() {
        let (_, used, done) = decode(&whole[..end], end.max(1)).unwrap();
        assert_eq!((used, done), (end, false));
    }
}

#[test]
fn the_largest_size_is_read_without_overflow() {
    let (body, _, done) = decode(b"ffffffffffffffff\r\nabc", 4).unwrap();
    assert_eq!((body.as_slice(), done), (b"abc".as_slice(), false));
}

#[test]
fn framing_is_bounded() {
    let long = format!("5;{}\r\n", "a".repeat(usize::from(CHUNK_EXTENSION_BYTES_MAX)));
    assert_eq!(decode(long.as_bytes(), 7), Err(BodyError::TooMuchFraming));
    let many = "1;abcdefg\r\nx\r\n".repeat(usize::from(CHUNK_EXTENSION_BYTES_MAX) / 8 + 1);
    assert_eq!(decode(many.as_bytes(), 999), Err(BodyError::TooMuchFraming));
    let trailers = format!("0\r\n{}", "X: y\r\n".repeat(usize::from(TRAILER_BYTES_MAX)));
    assert_eq!(decode(trailers.as_bytes(), 999), Err(BodyError::TooMuchFraming));
}

#[test]
fn what_is_written_is_read_again() {
    for size in [1, 9, 15, 16, 17, 255, 256, 4095, 4096, 70_000] {
        let data = vec![b'x'; size];
        let mut out = Buf::with_capacity(size + 64);
        assert_eq!(write_chunk(&mut out, &data), size);
        assert!(out.filled().starts_with(format!("{size:x}\r\n").as_bytes()));
        assert_eq!(write_chunk(&mut out, b""), 0);
        write_last_chunk(&mut out).unwrap();
        let (body, used, done) = decode(out.filled(), 1000).unwrap();
        assert_eq!((body.len(), used, done), (size, out.len(), true));
    }
}

#[test]
fn a_chunk_takes_what_there_is_room_for() {
    let mut out = Buf::with_capacity(CHUNK_OVERHEAD_BYTES_MAX + 3);
    assert_eq!(write_chunk(&mut out, b"abcdef"), 3);
    assert_eq!(out.filled(), b"3\r\nabc\r\n");
    let mut small = Buf::with_capacity(CHUNK_OVERHEAD_BYTES_MAX);
    assert_eq!(write_chunk(&mut small, b"abc"), 0);
    assert!(small.is_empty());
    assert_eq!(write_last_chunk(&mut Buf::with_capacity(4)), Err(Full));
}
