//! What the service manager is told, if there is one.

use std::ffi::OsString;

use crate::sys::log;
use crate::sys::notify::Notify;

/// The service manager.
#[derive(Debug, Default)]
pub(super) struct Service {
    notify: Option<Notify>,
    /// The status that it was told last.
    status: String,
}

impl Service {
    /// Takes what the manager left in the environment.
    #[must_use]
    pub(super) fn from_env() -> Self {
        let notify = Notify::from_env().unwrap_or_else(|error| {
            log::warn(format_args!("the service manager cannot be reached: {error}"));
            None
        });
        Self { notify, status: String::new() }
    }

    /// How often it wants to hear of a living worker; milliseconds.
    #[must_use]
    pub(super) fn watchdog_ms(&self) -> Option<u64> {
        Some(self.notify.as_ref()?.watchdog_us()?.div_ceil(1_000))
    }

    /// What was taken from the environment, for a program that takes this one's place.
    #[must_use]
    pub(super) fn variables(&self) -> Vec<(OsString, OsString)> {
        self.notify.as_ref().map(|notify| notify.variables().to_vec()).unwrap_or_default()
    }

    /// It serves, or the reload is over.
    pub(super) fn ready(&self) {
        self.send("READY=1");
    }

    /// A reload begins.
    pub(super) fn reloading(&self) {
        if let Some(notify) = &self.notify
            && let Err(error) = notify.reloading()
        {
            unheard(&error);
        }
    }

    /// Everything ends.
    pub(super) fn stopping(&self) {
        self.send("STOPPING=1");
    }

    /// The worker that serves is alive.
    pub(super) fn alive(&self) {
        self.send("WATCHDOG=1");
    }

    /// Tells the status, if it is another one than before.
    pub(super) fn status(&mut self, text: &str) {
        if self.notify.is_some() && self.status != text {
            text.clone_into(&mut self.status);
            self.send(&format!("STATUS={text}"));
        }
    }

    fn send(&self, lines: &str) {
        if let Some(notify) = &self.notify
            && let Err(error) = notify.send(lines)
        {
            unheard(&error);
        }
    }
}

fn unheard(error: &std::io::Error) {
    log::warn(format_args!("the service manager does not listen: {error}"));
}
