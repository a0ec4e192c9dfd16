//! Request bodies: which of the bytes that come are the body, and where it ends.

use super::chunked::ChunkDecoder;
use super::framing::Framing;

pub use super::chunked::{BodyError, Step};

/// Reads one body. Small enough to live in a connection's slot.
#[derive(Debug, Clone, Copy)]
pub struct BodyReader(Inner);

#[derive(Debug, Clone, Copy)]
enum Inner {
    Length(u64),
    Chunked(ChunkDecoder),
}

const _: () = assert!(size_of::<BodyReader>() <= 32, "a body reader must stay small");

impl BodyReader {
    /// A reader for a body that is framed like this.
    #[must_use]
    pub fn new(framing: Framing) -> Self {
        Self(match framing {
            Framing::None => Inner::Length(0),
            Framing::Length(length) => Inner::Length(length),
            Framing::Chunked => Inner::Chunked(ChunkDecoder::new()),
        })
    }

    /// Whether the body has ended.
    #[must_use]
    pub fn is_done(&self) -> bool {
        match &self.0 {
            Inner::Length(left) => *left == 0,
            Inner::Chunked(decoder) => decoder.is_done(),
        }
    }

    /// Bytes that are still to come, when that is known.
    #[must_use]
    pub fn left(&self) -> Option<u64> {
        match &self.0 {
            Inner::Length(left) => Some(*left),
            Inner::Chunked(_) => None,
        }
    }

    /// Reads on in `input`, up to the end of the next run of body bytes. Call it again with the
    /// rest until it uses nothing or is done; how the input is cut makes no difference.
    ///
    /// # Errors
    /// [`BodyError`] for a malformed body; there is no way to go on.
    pub fn read(&mut self, input: &[u8]) -> Result<Step, BodyError> {
        match &mut self.0 {
            Inner::Length(left) => {
                let n = usize::try_from(*left).map_or(input.len(), |left| left.min(input.len()));
                *left -= n as u64;
                Ok(Step { used: n, data: 0..n, done: *left == 0 })
            }
            Inner::Chunked(decoder) => decoder.read(input),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_body_is_done_at_once() {
        for framing in [Framing::None, Framing::Length(0)] {
            let mut reader = BodyReader::new(framing);
            assert!(reader.is_done());
            assert_eq!(reader.read(b"GET /").unwrap(), Step { used: 0, data: 0..0, done: true });
        }
    }

    #[test]
    fn a_length_ends_where_it_ends() {
        let mut reader = BodyReader::new(Framing::Length(5));
        assert_eq!(reader.read(b"").unwrap(), Step { used: 0, data: 0..0, done: false });
        assert_eq!(reader.read(b"abc").unwrap(), Step { used: 3, data: 0..3, done: false });
        assert_eq!(reader.left(), Some(2));
        assert_eq!(reader.read(b"deGET").unwrap(), Step { used: 2, data: 0..2, done: true });
        assert!(reader.is_done());
    }

    #[test]
    fn lengths_beyond_the_address_space() {
        let mut reader = BodyReader::new(Framing::Length(u64::MAX));
        assert_eq!(reader.read(b"abc").unwrap().used, 3);
        assert_eq!(reader.left(), Some(u64::MAX - 3));
    }
}
