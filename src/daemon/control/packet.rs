//! What goes over the control socket.
//!
//! A request is one packet of [`REQUEST_BYTES`]: `KNGL`, a version, a command, two zeros. The
//! answer is any number of packets with a text, then one with the exit code; the first byte of
//! each says which it is. With the last packet of an answer to `log -f` comes a descriptor: the
//! memory that the log is kept in.

use crate::daemon::command::action::Control;

/// Bytes of a request.
pub(super) const REQUEST_BYTES: usize = 8;
/// Most bytes of an answer's packet.
pub(super) const PACKET_BYTES_MAX: usize = 4096;
/// Most bytes of a whole answer's text; the log has at most 16 KiB.
pub(super) const ANSWER_BYTES_MAX: usize = 64 << 10;

const MAGIC: [u8; 4] = *b"KNGL";
const VERSION: u8 = 1;
const STATUS: u8 = 1;
const STATUS_JSON: u8 = 2;
const RELOAD: u8 = 3;
const LOG: u8 = 4;
const LOG_FOLLOW: u8 = 5;
const TEXT: u8 = b'T';
const END: u8 = b'E';

/// A part of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// Bytes of the text.
    Text(&'a [u8]),
    /// All of it was sent; the exit code of the command.
    End(u8),
}

/// The request for a command.
pub(super) fn request(command: Control) -> [u8; REQUEST_BYTES] {
    let number = match command {
        Control::Status { json: false } => STATUS,
        Control::Status { json: true } => STATUS_JSON,
        Control::Reload => RELOAD,
        Control::Log { follow: false } => LOG,
        Control::Log { follow: true } => LOG_FOLLOW,
    };
    let [m0, m1, m2, m3] = MAGIC;
    [m0, m1, m2, m3, VERSION, number, 0, 0]
}

/// The command of a request; nothing for what is none, or of another version.
pub(super) fn command(packet: &[u8]) -> Option<Control> {
    let found = match *packet.get(5)? {
        STATUS => Control::Status { json: false },
        STATUS_JSON => Control::Status { json: true },
        RELOAD => Control::Reload,
        LOG => Control::Log { follow: false },
        LOG_FOLLOW => Control::Log { follow: true },
        _ => return None,
    };
    (request(found) == packet).then_some(found)
}

/// The packets of a text.
pub(super) fn texts(text: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    text.chunks(PACKET_BYTES_MAX - 1).map(|chunk| {
        let mut packet = Vec::with_capacity(1 + chunk.len());
        packet.push(TEXT);
        packet.extend_from_slice(chunk);
        packet
    })
}

/// The last packet of an answer.
pub(super) const fn end(exit_code: u8) -> [u8; 2] {
    [END, exit_code]
}

/// What a packet of an answer says.
pub(super) fn part(packet: &[u8]) -> Option<Part<'_>> {
    match packet {
        [TEXT, text @ ..] => Some(Part::Text(text)),
        [END, code] => Some(Part::End(*code)),
        _ => None,
    }
}

/// The bytes of a request, read and written again; none when it is no request. For a fuzz target.
#[must_use]
pub fn request_again(packet: &[u8]) -> Option<Vec<u8>> {
    command(packet).map(|found| request(found).to_vec())
}

/// The text that a packet of an answer has or, behind a NUL, the exit code; read, written into
/// packets and read again. None when it is no such packet. For a fuzz target.
#[must_use]
pub fn answer_part_again(packet: &[u8]) -> Option<Vec<u8>> {
    match part(packet)? {
        Part::End(code) => match part(&end(code))? {
            Part::End(again) => Some(vec![0, again]),
            Part::Text(_) => None,
        },
        Part::Text(text) => {
            let mut again = Vec::new();
            for packet in texts(text) {
                let Part::Text(chunk) = part(&packet)? else { return None };
                again.extend_from_slice(chunk);
            }
            Some(again)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_read_back_and_nothing_else_is_one() {
        for wanted in [
            Control::Status { json: false },
            Control::Status { json: true },
            Control::Reload,
            Control::Log { follow: false },
            Control::Log { follow: true },
        ] {
            let packet = request(wanted);
            assert_eq!(command(&packet), Some(wanted));
            for at in 0..REQUEST_BYTES {
                for bit in 0..8 {
                    let mut other = packet;
                    other[at] ^= 1 << bit;
                    assert_ne!(command(&other), Some(wanted));
                    assert!(at == 5 || command(&other).is_none());
                }
                assert_eq!(command(&packet[..at]), None);
            }
            assert_eq!(command(&[&packet[..], &[0]].concat()), None);
        }
        assert_eq!(command(&[]), None);
    }

    #[test]
    fn answers_read_back() {
        for bytes in [0, 1, PACKET_BYTES_MAX - 1, PACKET_BYTES_MAX, 3 * PACKET_BYTES_MAX] {
            let text: Vec<u8> = (0..bytes).map(|at| (at % 251) as u8).collect();
            let mut read = Vec::new();
            for packet in texts(&text) {
                assert!(packet.len() <= PACKET_BYTES_MAX);
                let Some(Part::Text(chunk)) = part(&packet) else { panic!("no text") };
                read.extend_from_slice(chunk);
            }
            assert_eq!(read, text);
        }
        assert_eq!(part(&end(78)), Some(Part::End(78)));
        for wrong in [&b""[..], b"E", b"E12", b"x"] {
            assert_eq!(part(wrong), None);
        }
    }
}
