//! Signs of life of the serving worker, as asked for by a watchdog.
//!
//! A worker is asked once in every third of the time, and has another third to answer: one that
//! hangs is replaced before whoever watches gives up. While it is replaced the supervisor speaks
//! for itself, but not for ever: a server that cannot start a worker is of no use.

/// How long the supervisor may speak for itself since the last answer of a worker.
pub const SPOKEN_MS_MAX: u64 = 60_000;

/// When to ask, and what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watchdog {
    period_ms: u64,
    next_ms: Option<u64>,
    asked: u32,
    answered: bool,
    /// Nobody serves, or whoever does hangs.
    alone: bool,
    /// How long the supervisor may speak for itself; set when it begins to, until an answer.
    until_ms: Option<u64>,
}

/// What to do at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// It is not time yet.
    Nothing,
    /// Send a ping with this number.
    Ask(u32),
    /// The last ping was not answered: say that somebody sees to it, and do so.
    Dead,
    /// A worker is being replaced: say that somebody sees to it.
    Speak,
}

impl Watchdog {
    /// Whoever watches wants to hear something every `limit_ms`.
    #[must_use]
    pub fn new(limit_ms: u64) -> Self {
        Self {
            period_ms: (limit_ms / 3).max(1),
            next_ms: None,
            asked: 0,
            answered: true,
            alone: false,
            until_ms: None,
        }
    }

    /// A worker serves from now on: it is asked at once.
    pub fn begin(&mut self, now_ms: u64) {
        self.next_ms = Some(now_ms);
        self.answered = true;
        self.alone = false;
    }

    /// Nobody serves, and another worker is to be started.
    pub fn end(&mut self, now_ms: u64) {
        if !self.alone {
            self.alone = true;
            self.next_ms = Some(now_ms);
        }
        let until_ms = now_ms.saturating_add(SPOKEN_MS_MAX);
        self.until_ms = self.until_ms.or(Some(until_ms));
    }

    /// When [`check`](Self::check) is due.
    #[must_use]
    pub fn next_ms(&self) -> Option<u64> {
        self.next_ms
    }

    /// What is to be done now.
    pub fn check(&mut self, now_ms: u64) -> Check {
        if self.next_ms.is_none_or(|next| next > now_ms) {
            return Check::Nothing;
        }
        if !self.alone && !self.answered {
            self.end(now_ms);
            self.next_ms = Some(now_ms.saturating_add(self.period_ms));
            return Check::Dead;
        }
        if self.alone && self.until_ms.is_none_or(|until| until <= now_ms) {
            self.next_ms = None;
            return Check::Nothing;
        }
        self.next_ms = Some(now_ms.saturating_add(self.period_ms));
        if self.alone {
            return Check::Speak;
        }
        self.asked = self.asked.wrapping_add(1).max(1);
        self.answered = false;
        Check::Ask(self.asked)
    }

    /// Whether this answers the last ping, and is the first to do so.
    pub fn pong(&mut self, number: u32) -> bool {
        let fresh = !self.alone && !self.answered && number == self.asked;
        self.answered |= fresh;
        self.until_ms = self.until_ms.filter(|_| !fresh);
        fresh
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_three_times_as_often_and_finds_the_dead() {
        let mut watchdog = Watchdog::new(9_000);
        assert_eq!((watchdog.next_ms(), watchdog.check(1)), (None, Check::Nothing));
        watchdog.begin(100);
        assert_eq!(watchdog.check(100), Check::Ask(1));
        assert_eq!((watchdog.next_ms(), watchdog.check(3_099)), (Some(3_100), Check::Nothing));
        // An answer to nothing, the answer, and the same once more.
        assert!(!watchdog.pong(2) && watchdog.pong(1) && !watchdog.pong(1));
        assert_eq!(watchdog.check(3_100), Check::Ask(2));
        assert!(!watchdog.pong(1));
        assert_eq!(watchdog.check(6_100), Check::Dead);
        assert!(!watchdog.pong(2), "too late");
        assert_eq!(Watchdog::new(0).period_ms, 1);
    }

    #[test]
    fn speaks_for_a_worker_that_is_replaced_but_not_for_ever() {
        let mut watchdog = Watchdog::new(30_000);
        watchdog.begin(0);
        assert_eq!(watchdog.check(0), Check::Ask(1));
        assert_eq!(watchdog.check(10_000), Check::Dead);
        // Its end is told later.
        watchdog.end(10_500);
        assert_eq!((watchdog.next_ms(), watchdog.check(20_000)), (Some(20_000), Check::Speak));
        // One that begins and never answers wins no time.
        watchdog.begin(25_000);
        assert_eq!(watchdog.check(25_000), Check::Ask(2));
        watchdog.end(26_000);
        for now_ms in [26_000, 36_000, 46_000, 56_000, 66_000] {
            assert_eq!(watchdog.check(now_ms), Check::Speak, "{now_ms}");
        }
        assert_eq!(watchdog.check(76_000), Check::Nothing, "after 70_000 it is over");
        watchdog.end(90_000);
        assert_eq!((watchdog.next_ms(), watchdog.check(99_000)), (None, Check::Nothing));
        // One that answers does.
        watchdog.begin(100_000);
        assert!(watchdog.check(100_000) == Check::Ask(3) && watchdog.pong(3));
        watchdog.end(101_000);
        assert_eq!(watchdog.check(101_000), Check::Speak);
    }
}
