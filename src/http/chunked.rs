//! The chunked transfer coding (RFC 9112 section 7.1), read strictly and written plainly.
//!
//! Every line ends in CR LF, a size has 1 to 16 hexadecimal digits and nothing around them,
//! extensions and trailers must be well-formed and are thrown away. A lenient reader here is
//! how requests are smuggled past others.

use core::fmt;
use core::ops::Range;

use crate::buf::{Buf, Full};

use super::limits::{CHUNK_EXTENSION_BYTES_MAX, CHUNK_SIZE_DIGITS_MAX, TRAILER_BYTES_MAX};
use super::token::{hex_value, is_field_byte, is_tchar};

/// What one reading of body bytes found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Bytes of the input that are done with, `data` included.
    pub used: usize,
    /// Where in the input the body bytes are; may be empty.
    pub data: Range<usize>,
    /// Whether the body ends here: what follows `used` is the next request.
    pub done: bool,
}

/// Why a body is refused; the answer is 400 and the connection closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyError {
    /// A chunk size that is none.
    ChunkSize,
    /// A malformed chunk extension.
    ChunkExtension,
    /// A carriage return without a line feed.
    LineEnd,
    /// A chunk's data is not followed by a line end.
    ChunkEnd,
    /// A malformed trailer line.
    Trailer,
    /// More extensions or trailers than anybody needs.
    TooMuchFraming,
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ChunkSize => "invalid chunk size",
            Self::ChunkExtension => "invalid chunk extension",
            Self::LineEnd => "invalid line end in the chunked coding",
            Self::ChunkEnd => "chunk longer than its size",
            Self::Trailer => "invalid trailer field",
            Self::TooMuchFraming => "too many chunk extensions or trailers",
        })
    }
}

/// What the next byte is expected to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The first digit of a size.
    SizeStart,
    /// Another digit, an extension or the line's end.
    Size,
    /// Whitespace was seen: a semicolon must come.
    BeforeSemicolon,
    /// The first byte of an extension's name, or whitespace.
    NameStart,
    Name,
    /// Whitespace after a name: `=` or `;`.
    AfterName,
    /// The first byte of an extension's value, or whitespace.
    ValueStart,
    Value,
    Quoted,
    QuotedPair,
    AfterQuoted,
    /// The line feed of the size line.
    SizeLineFeed,
    Data,
    DataReturn,
    DataLineFeed,
    /// The first byte of a trailer line or of the last line.
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerLineFeed,
    /// The very last line feed.
    LastLineFeed,
    Done,
}

/// The decoder's whole memory.
#[derive(Debug, Clone, Copy)]
pub struct ChunkDecoder {
    /// The chunk's size while it is read, then the bytes of it that are left.
    left: u64,
    extension_bytes: u16,
    trailer_bytes: u16,
    digits: u8,
    state: State,
}

impl ChunkDecoder {
    /// A decoder at the start of a body.
    #[must_use]
    pub const fn new() -> Self {
        Self { left: 0, extension_bytes: 0, trailer_bytes: 0, digits: 0, state: State::SizeStart }
    }

    /// Whether the body has ended.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Bytes of the chunk that is being read which have not come.
    #[must_use]
    pub fn left(&self) -> u64 {
        if self.state == State::Data { self.left } else { 0 }
    }

    /// Reads on in `input`: framing bytes, and then at most one run of data.
    ///
    /// # Errors
    /// [`BodyError`]; the connection cannot be used any further.
    pub fn read(&mut self, input: &[u8]) -> Result<Step, BodyError> {
        let mut used = 0;
        for &byte in input {
            if matches!(self.state, State::Data | State::Done) {
                break;
            }
            self.take(byte)?;
            used += 1;
        }
        let mut data = used..used;
        if self.state == State::Data {
            let here = input.len() - used;
            let n = usize::try_from(self.left).map_or(here, |left| left.min(here));
            self.left -= n as u64;
            data.end = used + n;
            if self.left == 0 {
                self.state = State::DataReturn;
            }
        }
        Ok(Step { used: data.end, data, done: self.is_done() })
    }

    fn take(&mut self, byte: u8) -> Result<(), BodyError> {
        self.state = match self.state {
            State::SizeStart | State::Size => self.size(byte)?,
            State::SizeLineFeed => {
                line_feed(byte)?;
                if self.left == 0 { State::TrailerStart } else { State::Data }
            }
            State::DataReturn if byte == b'\r' => State::DataLineFeed,
            State::DataReturn => return Err(BodyError::ChunkEnd),
            State::DataLineFeed => {
                line_feed(byte)?;
                self.digits = 0;
                State::SizeStart
            }
            State::TrailerStart
            | State::TrailerName
            | State::TrailerValue
            | State::TrailerLineFeed
            | State::LastLineFeed => self.trailer(byte)?,
            State::Data | State::Done => self.state,
            _ => self.extension(byte)?,
        };
        Ok(())
    }

    fn size(&mut self, byte: u8) -> Result<State, BodyError> {
        if let Some(digit) = hex_value(byte) {
            self.digits = self.digits.saturating_add(1);
            if self.digits > CHUNK_SIZE_DIGITS_MAX {
                return Err(BodyError::ChunkSize);
            }
            self.left = self.left << 4 | u64::from(digit);
            return Ok(State::Size);
        }
        match byte {
            _ if self.state == State::SizeStart => Err(BodyError::ChunkSize),
            b'\r' => Ok(State::SizeLineFeed),
            b';' | b' ' | b'\t' => self.extension(byte),
            _ => Err(BodyError::ChunkSize),
        }
    }

    /// `*( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] )`
    fn extension(&mut self, byte: u8) -> Result<State, BodyError> {
        self.extension_bytes = self.extension_bytes.saturating_add(1);
        if self.extension_bytes > CHUNK_EXTENSION_BYTES_MAX {
            return Err(BodyError::TooMuchFraming);
        }
        let space = matches!(byte, b' ' | b'\t');
        Ok(match (self.state, byte) {
            (State::Size, b';') | (State::BeforeSemicolon, b';') => State::NameStart,
            (State::Size | State::BeforeSemicolon, _) if space => State::BeforeSemicolon,
            (State::NameStart, _) if space => State::NameStart,
            (State::NameStart | State::Name, _) if is_tchar(byte) => State::Name,
            (State::Name | State::AfterName, b'=') => State::ValueStart,
            (State::Name | State::AfterName, b';') => State::NameStart,
            (State::Name | State::AfterName, _) if space => State::AfterName,
            (State::ValueStart, _) if space => State::ValueStart,
            (State::ValueStart, b'"') => State::Quoted,
            (State::ValueStart | State::Value, _) if is_tchar(byte) => State::Value,
            (State::Quoted, b'"') => State::AfterQuoted,
            (State::Quoted, b'\\') => State::QuotedPair,
            (State::Quoted | State::QuotedPair, _) if is_field_byte(byte) => State::Quoted,
            (State::Value | State::AfterQuoted, b';') => State::NameStart,
            (State::Value | State::AfterQuoted, _) if space => State::BeforeSemicolon,
            (State::Name | State::Value | State::AfterQuoted, b'\r') => State::SizeLineFeed,
            _ => return Err(BodyError::ChunkExtension),
        })
    }

    fn trailer(&mut self, byte: u8) -> Result<State, BodyError> {
        self.trailer_bytes = self.trailer_bytes.saturating_add(1);
        if self.trailer_bytes > TRAILER_BYTES_MAX {
            return Err(BodyError::TooMuchFraming);
        }
        Ok(match (self.state, byte) {
            (State::TrailerStart, b'\r') => State::LastLineFeed,
            (State::TrailerStart | State::TrailerName, _) if is_tchar(byte) => State::TrailerName,
            (State::TrailerName, b':') => State::TrailerValue,
            (State::TrailerValue, b'\r') => State::TrailerLineFeed,
            (State::TrailerValue, _) if is_field_byte(byte) => State::TrailerValue,
            (State::TrailerLineFeed, b'\n') => State::TrailerStart,
            (State::LastLineFeed, b'\n') => State::Done,
            _ => return Err(BodyError::Trailer),
        })
    }
}

impl Default for ChunkDecoder {
    fn default() -> Self {
        Self::new()
    }
}

fn line_feed(byte: u8) -> Result<(), BodyError> {
    if byte == b'\n' { Ok(()) } else { Err(BodyError::LineEnd) }
}

/// Most bytes that a chunk adds to its data: the size in hexadecimal digits and two line ends.
pub const CHUNK_OVERHEAD_BYTES_MAX: usize = 2 * size_of::<usize>() + 4;

/// Writes as much of `data` as there is room for as one chunk, and says how much that was. No
/// data is no chunk: an empty one would end the body.
pub fn write_chunk(out: &mut Buf, data: &[u8]) -> usize {
    let n = data.len().min(out.room_len().saturating_sub(CHUNK_OVERHEAD_BYTES_MAX));
    let Some(data) = data.get(..n).filter(|data| !data.is_empty()) else { return 0 };
    let start = out.len();
    let mut line = [0; CHUNK_OVERHEAD_BYTES_MAX];
    let written = [size_line(n, &mut line), data, b"\r\n"].iter().all(|p| out.put(p).is_ok());
    if written {
        return n;
    }
    out.truncate(start);
    0
}

/// Writes the last chunk, without trailers.
///
/// # Errors
/// [`Full`] when it does not fit; nothing was written.
pub fn write_last_chunk(out: &mut Buf) -> Result<(), Full> {
    out.put(b"0\r\n\r\n")
}

/// The size line of a chunk of `n` bytes, at the end of `line`.
fn size_line(mut n: usize, line: &mut [u8; CHUNK_OVERHEAD_BYTES_MAX]) -> &[u8] {
    let mut start = line.len() - 2;
    for (at, byte) in line.iter_mut().enumerate().rev() {
        if at >= start {
            *byte = if at == start { b'\r' } else { b'\n' };
            continue;
        }
        *byte = b"0123456789abcdef".get(n & 15).copied().unwrap_or(b'0');
        n >>= 4;
        if n == 0 {
            start = at;
            break;
        }
    }
    line.get(start..).unwrap_or_default()
}

#[cfg(test)]
#[path = "chunked_tests.rs"]
mod tests;
