//! What could not be had when it was wanted: the socket for commands, access logs, unix sockets.
//!
//! Nobody tells when that changes. So it is tried again at each reload, and every few seconds in
//! between; there is no timer unless something is missing.

use std::collections::VecDeque;

use super::happenings::Event;
use super::shell::Shell;
use crate::config::settings::ListenOn;
use crate::sys::clock;
use crate::sys::log::Level;

/// How often it is tried.
pub(super) const RETRY_MS: u64 = 5_000;

impl Shell<'_> {
    /// Sets the timer, or does without.
    pub(super) fn watch_missing(&mut self) {
        let is_lacking = !self.machine.is_ending()
            && (self.commands.is_refused || self.logs.lacks_any() || self.lacks_unix_socket());
        let next_ms = || clock::monotonic_ms().saturating_add(RETRY_MS);
        self.retry_ms = is_lacking.then(|| self.retry_ms.unwrap_or_else(next_ms));
    }

    /// Whether a unix socket of the good plan is not open.
    fn lacks_unix_socket(&self) -> bool {
        let listeners = self.good.iter().flat_map(|good| &good.plan.listeners);
        let is_served = |number| self.served.iter().any(|(of, _)| *of == number);
        (0..=u16::MAX).zip(listeners).any(|(number, listener)| {
            matches!(listener.wanted.on, ListenOn::Unix(_)) && !is_served(number)
        })
    }

    /// Tries again what is due; what is still missing has been told.
    pub(super) fn retry_missing(&mut self, events: &mut VecDeque<Event>) {
        let now_ms = clock::monotonic_ms();
        if self.retry_ms.take_if(|at_ms| *at_ms <= now_ms).is_none() {
            return;
        }
        if self.commands.is_refused {
            self.open_control();
        }
        self.take_up_logs(events);
        if self.lacks_unix_socket() {
            self.watcher.look_at(now_ms);
        }
    }

    /// Tries everything again, for somebody who wants to hear what is missing: a reload that has
    /// found nothing new.
    pub(super) fn retry_all(&mut self, events: &mut VecDeque<Event>) {
        if self.commands.is_refused {
            self.open_control();
        }
        self.take_up_logs(events);
        if let Some(plan) = self.good.as_ref().map(|good| std::rc::Rc::clone(&good.plan)) {
            self.open_logs(&plan);
        }
        self.watcher.tell_again();
        self.watcher.look_at(clock::monotonic_ms());
        self.follow_interfaces(events);
    }

    /// Opens logs that are not open, and hands them to those who write to them.
    fn take_up_logs(&mut self, events: &mut VecDeque<Event>) {
        let opened = self.logs.open_missing();
        if opened.is_empty() {
            return;
        }
        for path in opened {
            self.voice.say(Level::Notice, &format!("the access log {path} is open now"));
        }
        self.send_logs(events);
    }
}
