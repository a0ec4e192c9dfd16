//! The life of generations: what follows from what happens. No system calls and no clock.
//!
//! At most one plan is under way, and at most one worker is started from it; beside that, a
//! worker that died is followed by another one from the last good plan. Whoever becomes ready
//! serves, and retires all others.

use super::happenings::{Action, Basis, Event, Generation, Notice, Terms};
use super::watchdog::Watchdog;

/// How long a worker may take until it serves.
pub const READY_MS_MAX: u64 = 30_000;
/// How long the planner may take.
pub const PLAN_MS_MAX: u64 = 60_000;
/// How long sockets that fall away are kept open beside the new generation, so that handshakes
/// under way come to their end: long enough for the round trip of any network, and shorter than
/// the second after which a client asks again that had no answer from a hidden listener
/// (RFC 6298, 2.1).
pub const WINDOW_MS: u64 = 900;
/// How much longer than it was told a generation may take.
pub const STOP_GRACE_MS: u64 = 2_000;
/// A generation and its successor.
pub(super) const GENERATIONS_MIN: u16 = 2;

/// What a living worker is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It reads its configuration.
    Starting,
    /// It accepts connections.
    Serving,
    /// Its successor serves; it ends with its last connection.
    Retiring,
    /// It was told to end.
    Stopping,
}

/// A worker that is not gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Living {
    /// Which.
    pub generation: Generation,
    /// What it is doing.
    pub state: State,
    /// Since when it serves or has served.
    pub ready_ms: u64,
    /// It was sent a SIGKILL.
    pub killed: bool,
    /// When that is due.
    pub(super) deadline_ms: Option<u64>,
    /// The exit code that it has announced.
    pub(super) failed: Option<u8>,
}

/// Where the one plan is that may be under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// None is.
    Idle,
    /// The planner runs.
    Planning { deadline_ms: u64 },
    /// Sockets are being opened.
    Opening(Terms),
    /// An old generation has to go first.
    Room { terms: Terms, removes: bool },
    /// Its worker starts.
    Starting { generation: Generation, terms: Terms, removes: bool },
    /// It serves; `old` has not said yet that it has stopped listening.
    Settling { generation: Generation, old: Generation, deadline_ms: u64 },
}

/// Everything ends: with what code, and whether the planner is still to be waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ending {
    pub(super) code: u8,
    pub(super) planner: bool,
}

/// The state machine.
#[derive(Debug)]
pub struct Generations {
    pub(super) phase: Phase,
    pub(super) living: Vec<Living>,
    /// Of the good plan; none until the first worker serves.
    pub(super) terms: Option<Terms>,
    pub(super) reload_wanted: bool,
    /// When the next worker is to follow one that died.
    pub(super) restart_ms: Option<u64>,
    pub(super) attempts: u32,
    last: u32,
    pub(super) window_ms: Option<u64>,
    pub(super) watchdog: Option<Watchdog>,
    pub(super) ending: Option<Ending>,
    pub(super) actions: Vec<Action>,
}

impl Generations {
    /// Before the start. `watchdog_ms`: how often whoever watches wants to hear something.
    #[must_use]
    pub fn new(watchdog_ms: Option<u64>) -> Self {
        Self {
            phase: Phase::Idle,
            living: Vec::new(),
            terms: None,
            reload_wanted: false,
            restart_ms: None,
            attempts: 0,
            last: 0,
            window_ms: None,
            watchdog: watchdog_ms.map(Watchdog::new),
            ending: None,
            actions: Vec::new(),
        }
    }

    /// As another program has left it: nothing was under way. `counts` as [`counts`](Self::counts).
    #[must_use]
    pub fn resumed(
        terms: Option<Terms>,
        living: Vec<Living>,
        (last, attempts): (u32, u32),
        watchdog_ms: Option<u64>,
        now_ms: u64,
    ) -> Self {
        let mut machine = Self { terms, living, last, attempts, ..Self::new(watchdog_ms) };
        if let Some(watchdog) = &mut machine.watchdog {
            watchdog.begin(now_ms);
        }
        machine
    }

    /// The number of the newest generation, and attempts to start one that died at once.
    #[must_use]
    pub fn counts(&self) -> (u32, u32) {
        (self.last, self.attempts)
    }

    /// Whether nothing is under way but the end of old generations.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        let steady = |living: &Living| living.state != State::Starting && living.failed.is_none();
        self.is_serving()
            && self.phase == Phase::Idle
            && !self.reload_wanted
            && self.restart_ms.is_none()
            && self.window_ms.is_none()
            && self.living.iter().all(steady)
    }

    /// Everybody who is not gone, the oldest first.
    #[must_use]
    pub fn living(&self) -> &[Living] {
        &self.living
    }

    /// Whether it has started and nobody has told it to stop.
    #[must_use]
    pub fn is_serving(&self) -> bool {
        self.terms.is_some() && self.ending.is_none()
    }

    /// The generation that is to follow one that died, while it is not started yet.
    #[must_use]
    pub fn restarting(&self) -> Option<Generation> {
        self.restart_ms.map(|_| Generation(self.last.wrapping_add(1)))
    }

    /// Whether everything ends.
    #[must_use]
    pub fn is_ending(&self) -> bool {
        self.ending.is_some()
    }

    /// Whether a reload is under way.
    #[must_use]
    pub fn is_reloading(&self) -> bool {
        self.phase != Phase::Idle
    }

    /// When a [`Event::Tick`] is due; never, when nothing depends on the time.
    #[must_use]
    pub fn next_ms(&self) -> Option<u64> {
        let phase = match self.phase {
            Phase::Planning { deadline_ms } | Phase::Settling { deadline_ms, .. } => {
                Some(deadline_ms)
            }
            _ => None,
        };
        let restart = self.restart_ms.filter(|_| !self.restart_is_held());
        let watchdog = self.watchdog.and_then(|watchdog| watchdog.next_ms());
        let deadlines = self.living.iter().filter_map(|living| living.deadline_ms);
        deadlines.chain([phase, restart, self.window_ms, watchdog].into_iter().flatten()).min()
    }

    /// What is to be done, in this order, because of what has happened at `now_ms`.
    #[must_use]
    pub fn take(&mut self, event: Event, now_ms: u64) -> Vec<Action> {
        match event {
            Event::StopWanted => self.stop(now_ms),
            Event::Planned(result) => self.planned(result, now_ms),
            Event::Sockets(result) => self.sockets(result, now_ms),
            Event::Ready(generation) => self.ready(generation, now_ms),
            Event::Failed(generation, code) => self.failed(generation, code, now_ms),
            Event::Ended(generation, ended) => self.ended(generation, ended, now_ms),
            Event::Broken(generation) => self.kill(generation, Notice::Broken(generation)),
            Event::Closed(generation) => self.hurry(generation, now_ms),
            Event::Pong(generation, number) => self.pong(generation, number),
            Event::Start | Event::ReloadWanted => self.reload_wanted = true,
            Event::Tick => self.tick(now_ms),
        }
        self.go_on(now_ms);
        std::mem::take(&mut self.actions)
    }

    /// What can be begun now.
    fn go_on(&mut self, now_ms: u64) {
        if self.ending.is_some() {
            return self.finish();
        }
        if self.phase == Phase::Idle && std::mem::take(&mut self.reload_wanted) {
            self.phase = Phase::Planning { deadline_ms: now_ms.saturating_add(PLAN_MS_MAX) };
            self.actions.push(Action::StartPlanner);
        }
        if let Phase::Room { terms, removes } = self.phase
            && self.has_room(terms, now_ms)
        {
            let generation = self.start_worker(Basis::New, now_ms);
            self.phase = Phase::Starting { generation, terms, removes };
        }
        if self.restart_ms.is_some_and(|at| at <= now_ms) && !self.restart_is_held() {
            self.restart_ms = None;
            self.start_worker(Basis::Good, now_ms);
        }
    }

    fn start_worker(&mut self, from: Basis, now_ms: u64) -> Generation {
        self.last = self.last.wrapping_add(1);
        let generation = Generation(self.last);
        self.living.push(Living {
            generation,
            state: State::Starting,
            ready_ms: now_ms,
            killed: false,
            deadline_ms: Some(now_ms.saturating_add(READY_MS_MAX)),
            failed: None,
        });
        self.actions.push(Action::StartWorker(generation, from));
        generation
    }

    /// While a new plan's worker starts in the place of the one that died, its end decides.
    fn restart_is_held(&self) -> bool {
        let most = self.terms.map_or(GENERATIONS_MIN, |terms| terms.generations_max);
        matches!(self.phase, Phase::Starting { .. })
            && self.living.len() >= usize::from(most.max(GENERATIONS_MIN))
    }

    pub(super) fn candidate(&self) -> Option<Generation> {
        match self.phase {
            Phase::Starting { generation, .. } => Some(generation),
            _ => None,
        }
    }

    pub(super) fn find(&mut self, generation: Generation) -> Option<&mut Living> {
        self.living.iter_mut().find(|living| living.generation == generation)
    }
}

#[cfg(test)]
#[path = "generations_tests.rs"]
mod tests;
