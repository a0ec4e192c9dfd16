//! Sealing what a role has to say: its queue, the tail behind it, the farewell.

use super::tail;
use crate::buf::{Buf, CloseReason, End, Tail};
use crate::tls::{NotSealed, Session};

/// Seals records behind what waits in `output`, up to `limit` bytes of them and `tail_left` bytes
/// of the tail; how many bytes of `tx` and tail, and of the tail, and whether more can be sealed.
pub(super) fn seal(
    (session, farewell): (&mut Session, &mut bool),
    (end, tail): (&mut End, &mut Tail),
    output: &mut Buf,
    (limit, tail_left): (usize, usize),
) -> (usize, usize, Result<(), CloseReason>) {
    let (mut sealed, mut of_tail) = (0, 0);
    let ended = Err(CloseReason::TlsFailed);
    let ending = (end.shut || end.last) && !*farewell;
    if end.tx.is_empty() && tail.is_none() && !session.owes() && !ending {
        return (0, 0, Ok(()));
    }
    if let Some(mut sealer) = session.sealer() {
        let room = (limit, sealer.overhead(), sealer.plain_bytes_max());
        // Answers of the record layer itself go first; without room for them they go next time.
        let _ = sealer.pay(output);
        while !end.tx.is_empty() {
            let Some(bytes) = record_bytes(end.tx.len(), output, room) else { break };
            let piece = end.tx.filled().get(..bytes).unwrap_or_default();
            match sealer.seal(piece, output) {
                Ok(()) => {}
                Err(NotSealed::Full) => break,
                Err(NotSealed::Ended | NotSealed::TooLong) => return (sealed, 0, ended),
            }
            end.tx.consume(bytes);
            sealed += bytes;
        }
        while end.tx.is_empty() && of_tail < tail_left {
            let left = tail::left(tail).min(tail_left - of_tail);
            let Some(bytes) = record_bytes(left, output, room) else { break };
            match tail::seal(tail, &mut sealer, output, bytes) {
                Ok(0) | Err(NotSealed::Full) => break,
                Ok(bytes) => of_tail += bytes,
                Err(NotSealed::Ended | NotSealed::TooLong) => {
                    return (sealed + of_tail, of_tail, ended);
                }
            }
        }
    }
    if ending && end.tx.is_empty() && tail.is_none() {
        say_farewell((session, farewell), output);
    }
    (sealed + of_tail, of_tail, Ok(()))
}

/// Plaintext bytes of the next record of `left` bytes, if there is to be one now. A short one that
/// is not the last one waits until there is room for more.
fn record_bytes(
    left: usize,
    output: &Buf,
    (limit, overhead, plain_bytes_max): (usize, usize, usize),
) -> Option<usize> {
    let whole = left.min(plain_bytes_max);
    let room = limit.checked_sub(output.len() + overhead).filter(|room| *room > 0)?;
    (room >= whole || output.is_empty()).then_some(whole.min(room)).filter(|bytes| *bytes > 0)
}

/// Seals close_notify, once.
pub(super) fn say_farewell((session, farewell): (&mut Session, &mut bool), output: &mut Buf) {
    if *farewell {
        return;
    }
    *farewell = match session.sealer() {
        Some(mut sealer) => sealer.close_notify(output).is_ok(),
        None => true,
    };
}
