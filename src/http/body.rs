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

    /// Body bytes that are known to come: of a chunked body those of the chunk that has begun.
    #[must_use]
    pub fn left(&self) -> u64 {
        match &self.0 {
            Inner::Length(left) => *left,
            Inner::Chunked(decoder) => decoder.left(),
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
        assert_eq!(reader.left(), 2);
        assert_eq!(reader.read(b"deGET").unwrap(), Step { used: 2, data: 0..2, done: true });
        assert!(reader.is_done());
    }

    #[test]
    fn lengths_beyond_the_address_space() {
        let mut reader = BodyReader::new(Framing::Length(u64::MAX));
        assert_eq!(reader.read(b"abc").unwrap().used, 3);
        assert_eq!(reader.left(), u64::MAX - 3);
    }

    #[test]
    fn a_chunk_says_what_will_come_as_soon_as_its_size_line_has_ended() {
        let mut reader = BodyReader::new(Framing::Chunked);
        for (input, left) in [("ff", 0), ("f;x", 0), ("\r", 0), ("\nabc", 0xffc), ("d", 0xffb)] {
            reader.read(input.as_bytes()).unwrap();
            assert_eq!(reader.left(), left, "{input:?}");
        }
    }
}
