//! The first bytes of a connection: is it TLS, and whom does it ask for?

use crate::tls::hello::{Hello, joined};
use crate::tls::record::records::{Front, RECORD_HEAD_BYTES, front};

/// Most bytes of a ClientHello with its record heads; a longer one is refused, however its bytes
/// come. Those with post-quantum key shares and long tickets have 17 KB.
pub const HELLO_BYTES_MAX: usize = 24 * 1024;

/// Content type of handshake records (RFC 8446 section 5.1).
const HANDSHAKE: u8 = 22;

/// Message type of a ClientHello (RFC 8446 section 4).
pub(super) const CLIENT_HELLO: u8 = 1;

/// Bytes in front of a handshake message: its type and its length.
const MESSAGE_HEAD_BYTES: usize = 4;

/// Bytes of the version that follows.
const VERSION_BYTES: usize = 2;

/// `legacy_version` of every hello that can be answered; TLS 1.3 has it too.
const TLS12: u16 = 0x0303;

/// What a connection begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sniffed {
    /// There is not enough of it to tell, or its hello is not complete.
    Short,
    /// A whole ClientHello.
    Hello(Hello),
    /// It begins as TLS, and no hello can come of it. A handshake says what is wrong.
    Malformed,
    /// A ClientHello of more than [`HELLO_BYTES_MAX`] bytes, or one that will have more.
    TooLong,
    /// A whole ClientHello of a client that knows nothing newer than TLS 1.1.
    TooOld,
    /// Something else.
    NotTls,
}

/// Looks at the first bytes of a connection.
#[must_use]
pub fn sniff(bytes: &[u8]) -> Sniffed {
    // What comes behind the longest hello must not count, or it would matter how bytes come.
    let bytes = bytes.get(..HELLO_BYTES_MAX).unwrap_or(bytes);
    match bytes {
        [] | [HANDSHAKE] => Sniffed::Short,
        [HANDSHAKE, 3, ..] => match hello_bytes(bytes) {
            Whole::Partial if bytes.len() < HELLO_BYTES_MAX => Sniffed::Short,
            Whole::Partial | Whole::TooLong => Sniffed::TooLong,
            Whole::Complete { version: Some(version), .. } if version < TLS12 => Sniffed::TooOld,
            Whole::Complete { end, .. } => {
                let message = joined(bytes.get(..end).unwrap_or_default());
                Hello::read(&message).map_or(Sniffed::Malformed, Sniffed::Hello)
            }
            Whole::Never => Sniffed::Malformed,
        },
        _ => Sniffed::NotTls,
    }
}

/// How much of the first handshake message is there.
enum Whole {
    Partial,
    /// It ends with the record that ends at `end`.
    Complete {
        end: usize,
        /// What it calls its version (`legacy_version`, RFC 8446 section 4.1.2), if there is any.
        version: Option<u16>,
    },
    TooLong,
    Never,
}

/// Walks over the records that the first message is spread over.
fn hello_bytes(bytes: &[u8]) -> Whole {
    let (mut at, mut have) = (0, 0);
    let mut head = [0; MESSAGE_HEAD_BYTES + VERSION_BYTES];
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        if rest.first().is_some_and(|kind| *kind != HANDSHAKE) {
            return Whole::Never;
        }
        let end = match front(rest) {
            Front::Record { bytes: record } if record > RECORD_HEAD_BYTES => at + record,
            Front::Short => return Whole::Partial,
            Front::Record { .. } | Front::Refused(_) => return Whole::Never,
        };
        let content = bytes.get(at + RECORD_HEAD_BYTES..end.min(bytes.len())).unwrap_or_default();
        if let Some(missing) = head.get_mut(have..) {
            for (to, from) in missing.iter_mut().zip(content) {
                *to = *from;
            }
        }
        if have + content.len() > 0 && head[0] != CLIENT_HELLO {
            return Whole::Never;
        }
        have += content.len();
        if end > bytes.len() {
            return Whole::Partial;
        }
        let message = usize::from(head[1]) << 16 | usize::from(head[2]) << 8 | usize::from(head[3]);
        if have >= MESSAGE_HEAD_BYTES {
            if message > HELLO_BYTES_MAX {
                return Whole::TooLong;
            }
            if have >= MESSAGE_HEAD_BYTES + message {
                let version = u16::from_be_bytes([head[4], head[5]]);
                let version = (message >= VERSION_BYTES).then_some(version);
                return Whole::Complete { end, version };
            }
        }
        at = end;
    }
}

#[cfg(test)]
#[path = "sniff_tests.rs"]
mod tests;
