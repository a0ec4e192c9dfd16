//! How many TLS handshakes may go on at a time, and who waits for that.
//!
//! A handshake costs more memory and more time than anything else that a stranger can ask for.
//! When there are as many as there may be, newcomers wait in line. While somebody waits, the
//! handshake whose client has been silent for longest is given up once that is [`STALL_MS`], so
//! that clients which begin and never go on can not keep everybody else out.

use std::collections::VecDeque;

use crate::reactor::Note;

/// Silence of a client that ends its handshake while somebody waits in line.
pub(super) const STALL_MS: u64 = 500;

/// A connection of this reactor at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Party {
    slot: u16,
    serial: u64,
    /// When its client was heard of last.
    heard_ms: u64,
}

/// Whether a handshake may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entered {
    /// At once.
    Begin(u64),
    /// After a [`Note::Answer`] with this serial number.
    Wait(u64),
}

/// The handshakes of one reactor.
#[derive(Debug)]
pub(super) struct Handshakes {
    running: Vec<Party>,
    line: VecDeque<Party>,
    notes: VecDeque<(u16, Note)>,
    max: usize,
    serial: u64,
}

impl Handshakes {
    /// At most `max` at a time, of at most `connections_max` connections.
    pub(super) fn new(max: usize, connections_max: usize) -> Self {
        let max = max.max(1).min(connections_max.max(1));
        Self {
            running: Vec::with_capacity(max),
            line: VecDeque::new(),
            notes: VecDeque::new(),
            max,
            serial: 0,
        }
    }

    /// Asks for a place for the connection in `slot`.
    pub(super) fn enter(&mut self, slot: u16, now_ms: u64) -> Entered {
        self.serial += 1;
        let party = Party { slot, serial: self.serial, heard_ms: now_ms };
        if self.running.len() < self.max && self.line.is_empty() {
            self.running.push(party);
            Entered::Begin(self.serial)
        } else {
            self.line.push_back(party);
            Entered::Wait(self.serial)
        }
    }

    /// The client of a handshake was heard of.
    pub(super) fn heard(&mut self, serial: u64, now_ms: u64) {
        if let Some(party) = self.running.iter_mut().find(|party| party.serial == serial) {
            party.heard_ms = now_ms;
        }
    }

    /// Gives a place back, in line or not; the next one in line gets it.
    pub(super) fn leave(&mut self, serial: u64, now_ms: u64) {
        match self.running.iter().position(|party| party.serial == serial) {
            Some(at) => {
                self.running.swap_remove(at);
            }
            None => self.line.retain(|party| party.serial != serial),
        }
        while self.running.len() < self.max
            && let Some(mut next) = self.line.pop_front()
        {
            next.heard_ms = now_ms;
            self.running.push(next);
            self.note(next, true);
        }
    }

    /// When [`Handshakes::service`] has something to do.
    pub(super) fn due_ms(&self) -> Option<u64> {
        self.line.front()?;
        self.running.iter().map(|party| party.heard_ms + STALL_MS).min()
    }

    /// Gives up the handshakes whose clients have been silent for too long.
    pub(super) fn service(&mut self, now_ms: u64) {
        if self.line.is_empty() {
            return;
        }
        let mut wanted = self.line.len();
        let stalled = |party: &Party| party.heard_ms + STALL_MS <= now_ms;
        while wanted > 0
            && let Some(at) = self.running.iter().position(stalled)
        {
            // Its place is free when it has gone; it is not asked twice until then.
            let party = self.running[at];
            self.running[at].heard_ms = now_ms;
            self.note(party, false);
            wanted -= 1;
        }
    }

    /// What is to be told to a connection.
    pub(super) fn take_note(&mut self) -> Option<(u16, Note)> {
        self.notes.pop_front()
    }

    fn note(&mut self, party: Party, granted: bool) {
        self.notes.push_back((party.slot, Note::Answer { serial: party.serial, granted }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(serial: u64, granted: bool) -> Note {
        Note::Answer { serial, granted }
    }

    #[test]
    fn as_many_as_may_begin_at_once_and_the_rest_in_order() {
        let mut handshakes = Handshakes::new(2, 100);
        assert_eq!(handshakes.enter(10, 0), Entered::Begin(1));
        assert_eq!(handshakes.enter(11, 0), Entered::Begin(2));
        assert_eq!(handshakes.enter(12, 0), Entered::Wait(3));
        assert_eq!(handshakes.enter(13, 0), Entered::Wait(4));
        assert_eq!(handshakes.take_note(), None);
        handshakes.leave(1, 5);
        assert_eq!(handshakes.take_note(), Some((12, answer(3, true))));
        assert_eq!(handshakes.take_note(), None);
        handshakes.leave(2, 6);
        assert_eq!(handshakes.take_note(), Some((13, answer(4, true))));
        handshakes.leave(3, 7);
        handshakes.leave(4, 8);
        assert_eq!(handshakes.enter(14, 9), Entered::Begin(5));
    }

    #[test]
    fn nobody_overtakes_the_line() {
        let mut handshakes = Handshakes::new(1, 100);
        assert_eq!(handshakes.enter(1, 0), Entered::Begin(1));
        assert_eq!(handshakes.enter(2, 0), Entered::Wait(2));
        handshakes.leave(2, 1);
        assert_eq!(handshakes.take_note(), None);
        assert_eq!(handshakes.enter(3, 2), Entered::Wait(3));
        handshakes.leave(1, 3);
        assert_eq!(handshakes.take_note(), Some((3, answer(3, true))));
        assert_eq!(handshakes.enter(4, 4), Entered::Wait(4));
    }

    #[test]
    fn a_silent_client_is_given_up_only_while_somebody_waits() {
        let mut handshakes = Handshakes::new(2, 100);
        handshakes.enter(1, 0);
        handshakes.enter(2, 0);
        assert_eq!(handshakes.due_ms(), None);
        handshakes.service(10_000);
        assert_eq!(handshakes.take_note(), None);
        handshakes.enter(3, 10_000);
        handshakes.heard(2, 9_900);
        assert_eq!(handshakes.due_ms(), Some(STALL_MS));
        handshakes.service(10_000);
        assert_eq!(handshakes.take_note(), Some((1, answer(1, false))));
        assert_eq!(handshakes.take_note(), None);
        // Told once; it has not gone yet.
        handshakes.service(10_001);
        assert_eq!(handshakes.take_note(), None);
        handshakes.leave(1, 10_002);
        assert_eq!(handshakes.take_note(), Some((3, answer(3, true))));
        assert_eq!(handshakes.due_ms(), None);
    }
}
