//! Which log lines are worth writing: repetitions and floods are counted instead.

/// Different messages whose repetitions are counted at a time.
const SLOTS: usize = 8;
/// How long identical messages count as repetitions.
const WINDOW_MS: u64 = 10_000;
/// Identical messages that are written in that time.
const WRITTEN_PER_WINDOW: u32 = 3;
/// Lines that may be written at once, whatever they say.
const BURST: u32 = 200;
/// Milliseconds until one more line may be written.
const REFILL_MS: u64 = 20;

#[derive(Debug, Clone, Copy)]
struct Slot {
    hash: u64,
    since_ms: u64,
    written: u32,
    suppressed: u32,
}

/// What is to be done with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Write it, and say how many like it were not written before.
    Write {
        /// Identical messages that were suppressed since the last one was written.
        suppressed: u32,
    },
    /// It was counted.
    Suppress,
}

/// The counts.
#[derive(Debug)]
pub(super) struct Throttle {
    slots: [Slot; SLOTS],
    credit: u32,
    credit_since_ms: u64,
    lost: u32,
}

impl Throttle {
    pub(super) const fn new() -> Self {
        let empty = Slot { hash: 0, since_ms: 0, written: 0, suppressed: 0 };
        Self { slots: [empty; SLOTS], credit: BURST, credit_since_ms: 0, lost: 0 }
    }

    /// Decides about a message whose text has this hash.
    pub(super) fn admit(&mut self, hash: u64, now_ms: u64) -> Verdict {
        let slot = self.slot(hash, now_ms);
        if slot.written >= WRITTEN_PER_WINDOW && now_ms.wrapping_sub(slot.since_ms) < WINDOW_MS {
            slot.suppressed = slot.suppressed.saturating_add(1);
            return Verdict::Suppress;
        }
        if slot.written >= WRITTEN_PER_WINDOW {
            (slot.since_ms, slot.written) = (now_ms, 0);
        }
        slot.written += 1;
        let suppressed = std::mem::take(&mut slot.suppressed);
        if self.spend(now_ms) {
            return Verdict::Write { suppressed };
        }
        self.lost = self.lost.saturating_add(1).saturating_add(suppressed);
        Verdict::Suppress
    }

    /// Counts lines that were decided on and did not go out.
    pub(super) fn lose(&mut self, lines: u32) {
        self.lost = self.lost.saturating_add(lines);
    }

    /// Lines of which nothing was written so far, not even their number; starts again at 0.
    pub(super) fn take_lost(&mut self) -> u32 {
        std::mem::take(&mut self.lost)
    }

    /// Moves what is suppressed into the count of lost lines, for the end of the program.
    pub(super) fn give_up(&mut self) {
        for slot in &mut self.slots {
            self.lost = self.lost.saturating_add(std::mem::take(&mut slot.suppressed));
        }
    }

    /// The slot of this message; the oldest one is given up for a new message.
    fn slot(&mut self, hash: u64, now_ms: u64) -> &mut Slot {
        let known = self.slots.iter().position(|slot| slot.written > 0 && slot.hash == hash);
        let oldest = || {
            let age = |slot: &Slot| if slot.written == 0 { 0 } else { slot.since_ms + 1 };
            self.slots.iter().enumerate().min_by_key(|(_, slot)| age(slot)).map_or(0, |(at, _)| at)
        };
        let at = known.unwrap_or_else(oldest);
        let slot = &mut self.slots[at];
        if known.is_none() {
            self.lost = self.lost.saturating_add(slot.suppressed);
            *slot = Slot { hash, since_ms: now_ms, written: 0, suppressed: 0 };
        }
        slot
    }

    fn spend(&mut self, now_ms: u64) -> bool {
        let earned = now_ms.saturating_sub(self.credit_since_ms) / REFILL_MS;
        let earned = u32::try_from(earned).unwrap_or(u32::MAX);
        self.credit = self.credit.saturating_add(earned).min(BURST);
        self.credit_since_ms += u64::from(earned) * REFILL_MS;
        if self.credit == BURST {
            self.credit_since_ms = self.credit_since_ms.max(now_ms);
        }
        let allowed = self.credit > 0;
        self.credit = self.credit.saturating_sub(1);
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRITE: Verdict = Verdict::Write { suppressed: 0 };

    #[test]
    fn repetitions_are_counted_and_told_later() {
        let mut throttle = Throttle::new();
        for _ in 0..WRITTEN_PER_WINDOW {
            assert_eq!(throttle.admit(1, 1000), WRITE);
        }
        for _ in 0..57 {
            assert_eq!(throttle.admit(1, 1000 + WINDOW_MS - 1), Verdict::Suppress);
        }
        // Another message is not concerned.
        assert_eq!(throttle.admit(2, 1001), WRITE);
        assert_eq!(throttle.admit(1, 1000 + WINDOW_MS), Verdict::Write { suppressed: 57 });
        assert_eq!(throttle.admit(1, 1000 + WINDOW_MS), WRITE);
        assert_eq!(throttle.take_lost(), 0);
    }

    #[test]
    fn a_slot_that_is_given_up_leaves_its_count() {
        let mut throttle = Throttle::new();
        for _ in 0..WRITTEN_PER_WINDOW + 5 {
            throttle.admit(1, 0);
        }
        for hash in 2..2 + SLOTS as u64 {
            assert_eq!(throttle.admit(hash, 1), WRITE);
        }
        assert_eq!(throttle.take_lost(), 5);
        assert_eq!(throttle.take_lost(), 0);
    }

    #[test]
    fn a_flood_of_different_messages_is_bounded() {
        let mut throttle = Throttle::new();
        let written = |throttle: &mut Throttle, from: u64, now_ms| {
            (from..from + 1000).filter(|hash| throttle.admit(*hash, now_ms) == WRITE).count()
        };
        assert_eq!(written(&mut throttle, 1, 5000), BURST as usize);
        assert_eq!(throttle.take_lost(), 1000 - BURST);
        // Ten more lines have been earned since.
        assert_eq!(written(&mut throttle, 10_001, 5000 + 10 * REFILL_MS), 10);
        // After a long pause there is no more than one burst.
        assert_eq!(written(&mut throttle, 20_001, 10_000_000), BURST as usize);
    }

    #[test]
    fn the_end_counts_everything() {
        let mut throttle = Throttle::new();
        for _ in 0..WRITTEN_PER_WINDOW + 2 {
            throttle.admit(1, 0);
        }
        throttle.lose(3);
        throttle.give_up();
        assert_eq!(throttle.take_lost(), 5);
    }
}
