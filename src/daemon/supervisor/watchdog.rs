//! Signs of life of the serving worker, as asked for by a watchdog.

/// When to ask, and what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watchdog {
    period_ms: u64,
    next_ms: Option<u64>,
    asked: u32,
    answered: bool,
}

/// What to do at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// It is not time yet.
    Nothing,
    /// Send a ping with this number.
    Ask(u32),
    /// The last ping was not answered.
    Dead,
}

impl Watchdog {
    /// Whoever watches wants to hear something every `limit_ms`: it is asked for twice as often.
    #[must_use]
    pub fn new(limit_ms: u64) -> Self {
        Self { period_ms: (limit_ms / 2).max(1), next_ms: None, asked: 0, answered: true }
    }

    /// A worker serves from now on: it is asked at once.
    pub fn begin(&mut self, now_ms: u64) {
        self.next_ms = Some(now_ms);
        self.answered = true;
    }

    /// Nobody serves.
    pub fn end(&mut self) {
        self.next_ms = None;
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
        if !self.answered {
            self.next_ms = None;
            return Check::Dead;
        }
        self.asked = self.asked.wrapping_add(1);
        self.answered = false;
        self.next_ms = Some(now_ms.saturating_add(self.period_ms));
        Check::Ask(self.asked)
    }

    /// Whether this answers the last ping, and is the first to do so.
    pub fn pong(&mut self, number: u32) -> bool {
        let fresh = self.next_ms.is_some() && !self.answered && number == self.asked;
        self.answered |= fresh;
        fresh
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_twice_as_often_and_finds_the_dead() {
        let mut watchdog = Watchdog::new(10_000);
        assert_eq!((watchdog.next_ms(), watchdog.check(1)), (None, Check::Nothing));
        watchdog.begin(100);
        assert_eq!(watchdog.check(100), Check::Ask(1));
        assert_eq!((watchdog.next_ms(), watchdog.check(5_099)), (Some(5_100), Check::Nothing));
        // An answer to nothing, the answer, and the same once more.
        assert!(!watchdog.pong(2) && watchdog.pong(1) && !watchdog.pong(1));
        assert_eq!(watchdog.check(5_100), Check::Ask(2));
        assert!(!watchdog.pong(1));
        assert_eq!(watchdog.check(10_100), Check::Dead);
        assert_eq!((watchdog.next_ms(), watchdog.check(90_000)), (None, Check::Nothing));
        assert!(!watchdog.pong(2), "too late");
        // The next worker starts with a clean slate.
        watchdog.begin(90_000);
        assert_eq!(watchdog.check(90_000), Check::Ask(3));
        watchdog.end();
        assert_eq!(watchdog.check(99_999), Check::Nothing);
        assert_eq!(Watchdog::new(0).period_ms, 1);
    }
}
