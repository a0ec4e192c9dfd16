//! How many TLS handshakes may go on at a time, and who waits for that.
//!
//! A handshake costs more memory and more time than anything else that a stranger can ask for.
//! When there are as many as there may be, newcomers wait in line. While somebody waits, the
//! handshakes are given up whose clients have been silent for [`STALL_MS`], or that take longer
//! than [`HURRY_MS`] in all, so that clients which begin and never get on cannot keep everybody
//! else out.

use std::collections::VecDeque;

use crate::reactor::Note;

/// Silence of a client that ends its handshake while somebody waits in line.
pub(super) const STALL_MS: u64 = 500;

/// Age of a handshake at which it is given up while somebody waits in line, whatever its client
/// says.
pub(super) const HURRY_MS: u64 = 4_000;

/// The serial numbers begin here, so that they are never those of something else that a
/// [`Note::Answer`] tells about.
const SERIALS_FROM: u64 = 1 << 63;

/// What a connection in line may take: the line grows by doubling.
pub(super) const LINE_BYTES: usize = 2 * size_of::<Party>();

/// A connection of this reactor at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Party {
    slot: u16,
    serial: u64,
    /// When its handshake began, or it came into the line.
    began_ms: u64,
    /// When its client was heard of last.
    heard_ms: u64,
    /// It has been told to give up.
    told: bool,
}

impl Party {
    /// When it is to give up for those in line.
    fn due_ms(&self) -> u64 {
        (self.heard_ms + STALL_MS).min(self.began_ms + HURRY_MS)
    }
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
            serial: SERIALS_FROM,
        }
    }

    /// Asks for a place for the connection in `slot`.
    pub(super) fn enter(&mut self, slot: u16, now_ms: u64) -> Entered {
        self.serial += 1;
        let (serial, began_ms, heard_ms) = (self.serial, now_ms, now_ms);
        let party = Party { slot, serial, began_ms, heard_ms, told: false };
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
            None => {
                // The line is in the order of the serial numbers.
                if let Ok(at) = self.line.binary_search_by_key(&serial, |party| party.serial) {
                    self.line.remove(at);
                }
            }
        }
        while self.running.len() < self.max
            && let Some(mut next) = self.line.pop_front()
        {
            next.began_ms = now_ms;
            next.heard_ms = now_ms;
            self.running.push(next);
            let note = Note::Answer { serial: next.serial, granted: true };
            self.notes.push_back((next.slot, note));
        }
    }

    /// When [`Handshakes::service`] has something to do.
    pub(super) fn due_ms(&self) -> Option<u64> {
        self.line.front()?;
        self.running.iter().filter(|party| !party.told).map(Party::due_ms).min()
    }

    /// Gives up the handshakes whose clients have been silent for too long.
    pub(super) fn service(&mut self, now_ms: u64) {
        // The places of those who were told are free when they have gone.
        let told = self.running.iter().filter(|party| party.told).count();
        let wanted = self.line.len().saturating_sub(told);
        let stalled = |party: &&mut Party| !party.told && party.due_ms() <= now_ms;
        for party in self.running.iter_mut().filter(stalled).take(wanted) {
            party.told = true;
            let note = Note::Answer { serial: party.serial, granted: false };
            self.notes.push_back((party.slot, note));
        }
    }

    /// What is to be told to a connection.
    pub(super) fn take_note(&mut self) -> Option<(u16, Note)> {
        self.notes.pop_front()
    }
}

#[cfg(test)]
#[path = "handshakes_tests.rs"]
mod tests;
