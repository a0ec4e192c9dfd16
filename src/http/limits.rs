//! The limits of the HTTP core, each with its reason.

/// Most header fields that a [`HeaderTable`](super::head::HeaderTable) can hold; `max-headers`
/// may only lower it. Field numbers have 8 bits and 255 means "absent".
pub const HEADERS_MAX: usize = 128;

/// Header fields that are accepted unless `max-headers` says otherwise.
pub const HEADERS_DEFAULT: usize = 100;

/// Bytes of a request head, request line and final empty line included (`max-head`).
pub const HEAD_BYTES_DEFAULT: usize = 8192;

/// Bytes of a request target. RFC 9112 section 3 asks for request lines of 8,000 bytes.
pub const TARGET_BYTES_DEFAULT: usize = 8000;

/// Bytes of a method; longer ones are nobody's (RFC 9112 section 3: 501).
pub const METHOD_BYTES_MAX: usize = 32;

/// Empty lines that are skipped in front of a request line (RFC 9112 section 2.2).
pub const BLANK_LINES_MAX: usize = 4;

/// Digits of a chunk size: what fits a `u64`.
pub const CHUNK_SIZE_DIGITS_MAX: u8 = 16;

/// Bytes of chunk extensions in a whole body; nobody uses them, some abuse them.
pub const CHUNK_EXTENSION_BYTES_MAX: u16 = 4096;

/// Bytes of a trailer section.
pub const TRAILER_BYTES_MAX: u16 = 4096;

/// Range specifiers that are looked at; a longer list is ignored.
pub const RANGE_SPECS_MAX: usize = 16;

/// Ranges that are sent in one answer, after coalescing.
pub const RANGES_MAX: usize = 4;

/// Bytes of decoded `user:password`.
pub const CREDENTIALS_BYTES_MAX: usize = 512;

/// The limits of a request head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadLimits {
    /// Bytes of the whole head; more is 431, or 414 when the request line has not ended.
    pub head_bytes: usize,
    /// Bytes of the request target; more is 414.
    pub target_bytes: usize,
    /// Header fields, at most [`HEADERS_MAX`]; more is 431.
    pub headers: usize,
}

impl Default for HeadLimits {
    fn default() -> Self {
        Self {
            head_bytes: HEAD_BYTES_DEFAULT,
            target_bytes: TARGET_BYTES_DEFAULT,
            headers: HEADERS_DEFAULT,
        }
    }
}
