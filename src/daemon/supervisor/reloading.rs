//! From one configuration to the next: plan, sockets, room, worker, adoption.

use super::generations::{
    GENERATIONS_MIN, Generations, Living, Phase, STOP_GRACE_MS, State, WINDOW_MS,
};
use super::happenings::{Action, Generation, Notice, Outcome, Planned, RUNTIME, Terms};

/// How much longer than it was told an old generation may take when its place is needed.
pub const ROOM_GRACE_MS: u64 = 1_000;
/// How long an old generation whose place is needed leaves idle connections alone: a client that
/// asks within that time gets an answer, and hears that its connection ends. Never longer than a
/// stop may take.
pub const PARTING_MS: u64 = 2_000;
/// How long a retired worker may take to stop listening before the reload counts as over.
pub const SETTLE_MS_MAX: u64 = 1_000;
/// The ping that follows the order to stop listening; a watchdog's are counted from 1.
pub const SETTLING_PING: u32 = 0;

impl Generations {
    pub(super) fn planned(&mut self, result: Result<Planned, u8>, now_ms: u64) {
        if let Some(ending) = &mut self.ending {
            ending.planner = false;
            return;
        }
        if !matches!(self.phase, Phase::Planning { .. }) {
            return;
        }
        match result {
            Ok(Planned::Same) if self.terms.is_some() => {
                self.phase = Phase::Idle;
                self.actions.push(Action::Forget);
                self.actions.push(Action::Say(Notice::Unchanged));
                self.actions.push(Action::Reloaded(Outcome::Unchanged));
            }
            Ok(Planned::New(terms)) => {
                self.phase = Phase::Opening(terms);
                self.actions.push(Action::OpenSockets);
            }
            Ok(Planned::Same) => self.reload_failed(RUNTIME, now_ms),
            Err(code) => self.reload_failed(code, now_ms),
        }
    }

    pub(super) fn sockets(&mut self, result: Result<bool, u8>, now_ms: u64) {
        let Phase::Opening(terms) = self.phase else { return };
        match result {
            Ok(removes) => self.phase = Phase::Room { terms, removes },
            Err(code) => self.reload_failed(code, now_ms),
        }
    }

    pub(super) fn reload_failed(&mut self, code: u8, now_ms: u64) {
        self.phase = Phase::Idle;
        self.actions.push(Action::Forget);
        if self.terms.is_none() {
            return self.end(code, now_ms);
        }
        self.actions.push(Action::Say(Notice::Kept(code)));
        self.actions.push(Action::Reloaded(Outcome::Kept(code)));
    }

    pub(super) fn ready(&mut self, generation: Generation, now_ms: u64) {
        let Some(living) = self.find(generation) else { return };
        if living.state != State::Starting || living.killed || living.failed.is_some() {
            return;
        }
        living.state = State::Serving;
        living.ready_ms = now_ms;
        living.deadline_ms = None;
        self.restart_ms = None;
        if let Some(watchdog) = &mut self.watchdog {
            watchdog.begin(now_ms);
        }
        match self.phase {
            Phase::Starting { generation: new, terms, removes } if new == generation => {
                self.adopt(generation, terms, removes, now_ms);
            }
            _ => self.actions.push(Action::Say(Notice::Restarted(generation))),
        }
        self.check_watchdog(now_ms);
    }

    /// A new plan is served: all before it retire.
    fn adopt(&mut self, generation: Generation, terms: Terms, removes: bool, now_ms: u64) {
        self.phase = Phase::Idle;
        self.attempts = 0;
        self.actions.push(Action::Adopt);
        let mut served = None;
        for living in &mut self.living {
            let serves = matches!(living.state, State::Starting | State::Serving);
            if living.generation == generation || !serves {
                continue;
            }
            served = Some(living.generation).filter(|_| !living.killed).or(served);
            living.state = State::Retiring;
            let limit_ms = terms.drain_ms.saturating_add(terms.shutdown_ms);
            let limit_ms = limit_ms.saturating_add(STOP_GRACE_MS);
            living.deadline_ms = (terms.drain_ms > 0).then(|| now_ms.saturating_add(limit_ms));
            self.actions.push(Action::Retire(living.generation, terms.drain_ms));
        }
        if removes {
            self.window_ms = Some(now_ms.saturating_add(WINDOW_MS));
        }
        if self.terms.replace(terms).is_none() {
            self.actions.push(Action::Started);
            return;
        }
        let Some(old) = served else { return self.settled(generation) };
        // Whoever comes once the reload is told to be over finds the new configuration.
        self.actions.push(Action::Ping(old, SETTLING_PING));
        let deadline_ms = now_ms.saturating_add(SETTLE_MS_MAX);
        self.phase = Phase::Settling { generation, old, deadline_ms };
    }

    /// Whether `old` is the one that is waited for: it has stopped listening, or is gone.
    pub(super) fn settle(&mut self, gone: Generation) {
        if let Phase::Settling { generation, old, .. } = self.phase
            && old == gone
        {
            self.settled(generation);
        }
    }

    pub(super) fn settled(&mut self, generation: Generation) {
        self.phase = Phase::Idle;
        self.actions.push(Action::Say(Notice::Reloaded(generation)));
        self.actions.push(Action::Reloaded(Outcome::Done));
    }

    /// Whether one more generation may live; if not, the oldest ones are told to end.
    pub(super) fn has_room(&mut self, terms: Terms, now_ms: u64) -> bool {
        let most = terms.generations_max.max(GENERATIONS_MIN);
        let over = (self.living.len() + 1).saturating_sub(usize::from(most));
        let leaves = |living: &&Living| living.killed || living.state == State::Stopping;
        let leaving = self.living.iter().filter(leaves).count();
        let retires = |living: &&mut Living| !living.killed && living.state == State::Retiring;
        let retiring = self.living.iter_mut().filter(retires);
        for living in retiring.take(over.saturating_sub(leaving)) {
            living.state = State::Stopping;
            let parting_ms = PARTING_MS.min(terms.shutdown_ms);
            let limit_ms = parting_ms.saturating_add(terms.shutdown_ms);
            let limit_ms = limit_ms.saturating_add(ROOM_GRACE_MS);
            living.deadline_ms = Some(now_ms.saturating_add(limit_ms));
            self.actions.push(Action::Say(Notice::OneTooMany(living.generation, most)));
            self.actions.push(match parting_ms {
                // As a limit of retirement this would mean that there is none.
                0 => Action::Stop(living.generation, 0),
                // It stops by itself when that is over.
                _ => Action::Retire(living.generation, parting_ms),
            });
        }
        over == 0
    }
}
