//! How workers end: by themselves, told, too late; what follows one that died; the end of all.

use super::generations::{Ending, Generations, Living, Phase, STOP_GRACE_MS, State};
use super::happenings::{Action, Ended, Generation, Notice, RUNTIME};
use super::reloading::SETTLING_PING;
use super::watchdog::Check;

/// How long a worker that is about to end by itself may take for it.
pub const END_GRACE_MS: u64 = 2_000;
/// A worker that has served so long died of something new: the next one starts at once.
pub const GOOD_LIFE_MS: u64 = 10_000;
/// Pause before each of the first attempts; after those it doubles from one to the next.
pub const PAUSE_MS_MIN: u64 = 100;
/// How many those are: a few deaths in a row need not be for the same reason.
pub const SHORT_PAUSES: u32 = 5;
/// Longest pause before the next attempt.
pub const PAUSE_MS_MAX: u64 = 10_000;

impl Generations {
    pub(super) fn failed(&mut self, generation: Generation, code: u8, now_ms: u64) {
        if let Some(living) = self.find(generation) {
            living.failed = Some(code);
        }
        self.hurry(generation, now_ms);
    }

    /// It ends by itself now, or is killed soon.
    pub(super) fn hurry(&mut self, generation: Generation, now_ms: u64) {
        if let Some(living) = self.find(generation)
            && !living.killed
        {
            let soon = now_ms.saturating_add(END_GRACE_MS);
            living.deadline_ms = Some(living.deadline_ms.map_or(soon, |at| at.min(soon)));
        }
    }

    pub(super) fn ended(&mut self, generation: Generation, ended: Ended, now_ms: u64) {
        let at = self.living.iter().position(|living| living.generation == generation);
        let Some(at) = at else { return };
        let gone = self.living.remove(at);
        if self.ending.is_some() {
            return;
        }
        self.settle(generation);
        if self.candidate() == Some(generation) {
            // Why one could not be started has been said.
            if gone.failed.is_none() && !gone.killed && ended != Ended::NotStarted {
                self.actions.push(Action::Say(Notice::NeverServed(generation, ended)));
            }
            let code = gone.failed.unwrap_or_else(|| ended.code());
            // One that ends well before it served has failed all the same.
            self.reload_failed(if code == 0 { RUNTIME } else { code }, now_ms);
        } else if matches!(gone.state, State::Starting | State::Serving) {
            self.restart(gone, ended, now_ms);
        } else if !gone.killed && ended != Ended::Code(0) {
            self.actions.push(Action::Say(Notice::OldEnded(generation, ended)));
        }
    }

    /// The worker that served, or was to serve again, is gone.
    fn restart(&mut self, gone: Living, ended: Ended, now_ms: u64) {
        if let Some(watchdog) = &mut self.watchdog {
            watchdog.end(now_ms);
        }
        self.check_watchdog(now_ms);
        let served = gone.state == State::Serving;
        let pause_ms = if served && now_ms.saturating_sub(gone.ready_ms) >= GOOD_LIFE_MS {
            self.attempts = 0;
            0
        } else {
            let pause_ms = PAUSE_MS_MIN
                << self.attempts.saturating_add(1).saturating_sub(SHORT_PAUSES).min(16);
            self.attempts = self.attempts.saturating_add(1);
            pause_ms.min(PAUSE_MS_MAX)
        };
        self.restart_ms = Some(now_ms.saturating_add(pause_ms));
        self.actions.push(Action::Say(Notice::Restarting(gone.generation, ended, pause_ms)));
    }

    pub(super) fn pong(&mut self, generation: Generation, number: u32) {
        if number == SETTLING_PING {
            return self.settle(generation);
        }
        let serves = self.find(generation).is_some_and(|living| living.state == State::Serving);
        if let Some(watchdog) = &mut self.watchdog
            && serves
            && watchdog.pong(number)
        {
            self.actions.push(Action::Alive);
        }
    }

    pub(super) fn tick(&mut self, now_ms: u64) {
        let due = |at: &Option<u64>| at.is_some_and(|at| at <= now_ms);
        for at in 0..self.living.len() {
            let Some(living) = self.living.get(at).filter(|living| due(&living.deadline_ms)) else {
                continue;
            };
            let generation = living.generation;
            self.kill(
                generation,
                match living.state {
                    State::Starting => Notice::NotReady(generation),
                    State::Serving | State::Retiring | State::Stopping => Notice::Late(generation),
                },
            );
        }
        if let Phase::Planning { deadline_ms } = self.phase
            && deadline_ms <= now_ms
        {
            // Once is enough: its end is reported in any case.
            self.phase = Phase::Planning { deadline_ms: u64::MAX };
            self.actions.push(Action::Say(Notice::PlannerLate));
            self.actions.push(Action::KillPlanner);
        }
        if let Phase::Settling { generation, deadline_ms, .. } = self.phase
            && deadline_ms <= now_ms
        {
            self.settled(generation);
        }
        if due(&self.window_ms) {
            self.window_ms = None;
            self.actions.push(Action::CloseRemoved);
        }
        self.check_watchdog(now_ms);
    }

    pub(super) fn check_watchdog(&mut self, now_ms: u64) {
        let Some(watchdog) = &mut self.watchdog else { return };
        let serving = self.living.iter().find(|living| living.state == State::Serving);
        let serving = serving.map(|living| living.generation);
        match (watchdog.check(now_ms), serving) {
            (Check::Speak, _) => self.actions.push(Action::Alive),
            (Check::Ask(number), Some(generation)) => {
                self.actions.push(Action::Ping(generation, number));
            }
            (Check::Dead, Some(generation)) => {
                // What follows may take as long as it has taken to find this.
                self.actions.push(Action::Alive);
                self.kill(generation, Notice::Hung(generation));
            }
            (Check::Nothing | Check::Ask(_) | Check::Dead, _) => {}
        }
    }

    pub(super) fn kill(&mut self, generation: Generation, notice: Notice) {
        let Some(living) = self.find(generation).filter(|living| !living.killed) else { return };
        living.killed = true;
        living.deadline_ms = None;
        self.actions.push(Action::Say(notice));
        self.actions.push(Action::Kill(generation));
    }

    /// Asked to end: first in good order, the second time at once.
    pub(super) fn stop(&mut self, now_ms: u64) {
        let again = self.ending.is_some();
        if !again {
            self.actions.push(Action::Say(Notice::Stopping));
            self.end(0, now_ms);
        }
        for living in self.living.iter_mut().filter(|living| again && !living.killed) {
            living.killed = true;
            living.deadline_ms = None;
            self.actions.push(Action::Kill(living.generation));
        }
    }

    /// Ends everything: who has connections may finish, who has none is killed.
    pub(super) fn end(&mut self, code: u8, now_ms: u64) {
        let planner = matches!(self.phase, Phase::Planning { .. });
        if planner {
            self.actions.push(Action::KillPlanner);
        }
        self.phase = Phase::Idle;
        self.restart_ms = None;
        self.window_ms = None;
        self.watchdog = None;
        self.reload_wanted = false;
        self.ending = Some(Ending { code, planner });
        let within_ms = self.terms.map_or(0, |terms| terms.shutdown_ms);
        for living in self.living.iter_mut().filter(|living| !living.killed) {
            if living.state == State::Starting {
                living.killed = true;
                living.deadline_ms = None;
                self.actions.push(Action::Kill(living.generation));
                continue;
            }
            living.state = State::Stopping;
            let latest = now_ms.saturating_add(within_ms).saturating_add(STOP_GRACE_MS);
            living.deadline_ms = Some(living.deadline_ms.map_or(latest, |at| at.min(latest)));
            self.actions.push(Action::Stop(living.generation, within_ms));
        }
    }

    pub(super) fn finish(&mut self) {
        if let Some(Ending { code, planner: false }) = self.ending
            && self.living.is_empty()
        {
            self.actions.push(Action::Exit(code));
        }
    }
}
