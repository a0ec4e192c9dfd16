//! The limits of connections that no key sets, each with its reason.

/// Bytes of each lane's receiving queue: a pipelined batch, or a piece of a body.
pub const RX_BYTES: usize = 32 * 1024;

/// Bytes of each lane's sending queue: a batch of answers that leaves in one write.
pub const TX_BYTES: usize = 32 * 1024;

/// Most bytes of a request head, whatever `max-head` says: it must fit into a queue.
pub(super) const HEAD_BYTES_MAX: usize = RX_BYTES / 2;

/// A request body that nobody wants is read up to this length, so that the connection can be
/// kept; a longer one ends it.
pub(super) const DRAIN_BYTES_MAX: u64 = 64 * 1024;

/// Longest lingering close. It holds no block and may be evicted, so it can be generous: a
/// client that is still sending when it is refused sees the refusal only after that.
pub(super) const LINGER_MS: u64 = 30_000;

/// Longest silence in a lingering close, and all of one after a time limit.
pub(super) const LINGER_SILENT_MS: u64 = 2_000;

/// How long a connection that has just come when the server stops may take to send its request.
pub(super) const LATECOMER_MS: u64 = 500;

/// Answers of one connection before others have their turn.
pub(super) const ANSWERS_MAX: usize = 64;

/// Largest piece of a file that is copied behind its head to leave in the same write; sending
/// it from the file would cost two more calls and a packet of its own for the head.
pub(super) const INLINE_BYTES_MAX: u64 = 24 * 1024;

/// Bytes of directory listings that are being made, or wait to be sent, at the same time.
pub(super) const LISTING_BYTES_MAX: usize = 2 << 20;

/// Blocks for begun log lines of answers that are still being sent. When there is none the
/// line is written at once, with the bytes that were to be sent.
pub(super) const LOG_STASH_BLOCKS: usize = 64;

/// How long a request waits for its password to be checked, or for a directory to be read.
pub(super) const CHECK_MS: u64 = 30_000;

/// What a request body may fall behind `min-body-rate`.
pub(super) const BODY_GRACE_MS: u64 = 10_000;

/// Seconds after which a client refused for want of room may come again.
pub(super) const RETRY_AFTER: &[u8] = b"1";

/// A fatal alert, internal_error, as a record of its own (RFC 8446 section 6): the answer to the
/// hello for a vhost that has no certificate to show.
pub(super) const ALERT_INTERNAL_ERROR: [u8; 7] = [21, 3, 3, 0, 2, 2, 80];

/// The same with protocol_version: the answer to a client that knows TLS 1.1 at most.
pub(super) const ALERT_PROTOCOL_VERSION: [u8; 7] = [21, 3, 3, 0, 2, 2, 70];

/// The same with record_overflow: the answer to a hello that is too long.
pub(super) const ALERT_RECORD_OVERFLOW: [u8; 7] = [21, 3, 3, 0, 2, 2, 22];
