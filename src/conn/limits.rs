//! The limits of connections that no key sets, each with its reason.

/// A request body that nobody wants is read up to this length, so that the connection can be
/// kept; a longer one ends it.
pub const DRAIN_BYTES_MAX: u64 = 64 * 1024;

/// Longest lingering close.
pub const LINGER_MS: u64 = 2_000;

/// Most bytes read in a lingering close.
pub const LINGER_BYTES_MAX: u64 = 1 << 20;

/// Largest piece of a file that is copied behind its head to leave in the same write; sending
/// it from the file would cost two more calls and a packet of its own for the head.
pub const INLINE_BYTES_MAX: u64 = 24 * 1024;

/// Directory listings that wait to be sent at the same time; each is one bounded allocation.
pub const LISTINGS_MAX: usize = 4;

/// Blocks for begun log lines of answers that are still being sent. When there is none the
/// line is written at once, with the bytes that were to be sent.
pub const LOG_STASH_BLOCKS: usize = 64;

/// How long a request waits for its password to be checked.
pub const CHECK_MS: u64 = 30_000;

/// What a request body may fall behind `min-body-rate`.
pub const BODY_GRACE_MS: u64 = 10_000;

/// Seconds after which a client refused for want of room may come again.
pub const RETRY_AFTER: &[u8] = b"1";
