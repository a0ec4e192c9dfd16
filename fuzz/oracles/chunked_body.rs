//! A chunked body means the same however it is cut, a second and naive reader agrees on what
//! it is, and what is written is read again.

use kinglet::buf::Buf;
use kinglet::http::body::BodyReader;
use kinglet::http::chunked::{write_chunk, write_last_chunk};
use kinglet::http::framing::Framing;

/// Checks one input: a byte for the size of the cuts, then the bytes of a connection.
pub(crate) fn check(input: &[u8]) {
    let Some((cut, bytes)) = input.split_first() else { return };
    let whole = decode(bytes, bytes.len().max(1));
    for cut in [1, 2, usize::from(*cut).max(1)] {
        assert_eq!(decode(bytes, cut), whole, "cuts of {cut} change the body");
    }
    if let Ok(Read { body, used, done: true }) = &whole {
        let naive = naive(&bytes[..*used]);
        assert_eq!(naive.as_ref(), Some(body), "the naive reader disagrees");
    }
    written(bytes, usize::from(*cut));
}

#[derive(Debug, PartialEq)]
struct Read {
    body: Vec<u8>,
    used: usize,
    done: bool,
}

fn decode(bytes: &[u8], cut: usize) -> Result<Read, String> {
    let mut reader = BodyReader::new(Framing::Chunked);
    let mut read = Read { body: Vec::new(), used: 0, done: false };
    for piece in bytes.chunks(cut) {
        let mut rest = piece;
        while !rest.is_empty() && !read.done {
            let step = reader.read(rest).map_err(|error| error.to_string())?;
            assert!(step.used > 0, "no progress");
            assert!(step.data.start <= step.data.end && step.data.end <= step.used);
            read.body.extend_from_slice(&rest[step.data]);
            read.used += step.used;
            read.done = step.done;
            rest = &rest[step.used..];
        }
    }
    assert_eq!(read.done, reader.is_done());
    assert!(read.done || read.used == bytes.len(), "bytes are left over");
    Ok(read)
}

/// Splits a whole body at its line ends; takes extensions and trailers as they are.
fn naive(mut bytes: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = bytes.windows(2).position(|two| two == b"\r\n")?;
        let line = &bytes[..end];
        let digits = line.iter().take_while(|b| b.is_ascii_hexdigit()).count();
        let size = std::str::from_utf8(&line[..digits]).ok()?;
        let size = usize::from_str_radix(size, 16).ok()?;
        bytes = &bytes[end + 2..];
        if size == 0 {
            return (bytes == b"\r\n" || bytes.ends_with(b"\r\n\r\n")).then_some(body);
        }
        body.extend_from_slice(bytes.get(..size)?);
        bytes = bytes.get(size..)?.strip_prefix(b"\r\n")?;
    }
}

/// Writes `data` in chunks through a queue with `room` bytes and reads it again.
fn written(data: &[u8], room: usize) {
    let mut out = Buf::with_capacity(room + 32);
    let mut wire = Vec::new();
    let mut rest = data;
    while !rest.is_empty() {
        let n = write_chunk(&mut out, rest);
        assert!(n > 0 && out.len() <= room + 32);
        rest = &rest[n..];
        wire.extend_from_slice(out.filled());
        out.clear();
    }
    assert_eq!(write_last_chunk(&mut out), Ok(()));
    wire.extend_from_slice(out.filled());
    let read = decode(&wire, 5);
    assert_eq!(read, Ok(Read { body: data.to_vec(), used: wire.len(), done: true }));
}
