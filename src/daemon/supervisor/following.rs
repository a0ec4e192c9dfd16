//! Sockets that follow interfaces: what the watcher has found out becomes orders to the workers.

use std::collections::VecDeque;
use std::rc::Rc;

use super::generations::State;
use super::happenings::Event;
use super::perform::lost;
use super::shell::Shell;
use crate::sys::clock;
use crate::sys::log::Level;

impl Shell<'_> {
    /// Whether sockets may follow interfaces now. While a plan is under way they wait: that plan
    /// was made for the addresses of its time.
    pub(super) fn may_follow(&self) -> bool {
        self.new.is_none() && !self.machine.is_ending()
    }

    /// Opens and closes sockets as addresses come and go.
    pub(super) fn follow_interfaces(&mut self, events: &mut VecDeque<Event>) {
        let Some(good) = self.good.as_ref().filter(|_| self.may_follow()) else { return };
        let plan = Rc::clone(&good.plan);
        let now_ms = clock::monotonic_ms();
        let voice = &mut self.voice;
        let mut say = |level: Level, text: &str| voice.say(level, text);
        let followed = self.watcher.wake(&plan, &mut self.table, now_ms, &mut say);
        let Some(followed) = followed else { return };
        let states: Vec<_> =
            self.workers.iter().map(|worker| self.state(worker.generation)).collect();
        for (worker, state) in self.workers.iter_mut().zip(states) {
            let sent = worker.unlisten(&|number| followed.unlisten.contains(&number));
            lost(sent, worker.generation, events);
            let current = matches!(state, Some(State::Starting | State::Serving));
            for handed in followed.listen.iter().filter(|_| current) {
                let sent = worker.listen(*handed, self.table.fd(handed.socket));
                lost(sent, worker.generation, events);
            }
        }
        self.served = self.table.served();
    }
}
