//! Addresses that come and go: which sockets are opened and closed between reloads.
//!
//! The kernel says that something has changed (rtnetlink(7)), then the addresses are read anew and
//! compared. Nothing is watched unless a listener names an interface or an address of one link, or
//! wants IPv6 before the kernel has it, and without changes nobody wakes up. Numeric addresses need
//! none of this: they are bound before they are there.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};

use crate::daemon::finding::Finding;
use crate::daemon::listening::places::{Interfaces, Wanted};
use crate::daemon::plan::{Excerpt, Plan};
use crate::daemon::supervisor::sockets::{Followed, Table};
use crate::sys::log::{self, Level};
use crate::sys::netlink::AddressEvents;
use crate::sys::socket;

/// How often addresses are read where the kernel's notices cannot be had.
pub const POLL_MS: u64 = 5_000;
/// Time until an address that could not be had is tried again.
pub const RETRY_MS: u64 = 1_000;
/// How often that is done without news from the kernel.
pub const RETRIES_MAX: u32 = 10;
/// Addresses are not read more often than that, whatever an interface does.
pub const GAP_MS: u64 = 100;

/// Where news come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    /// Nothing depends on interfaces.
    None,
    Kernel,
    /// Nobody tells.
    Polling,
}

/// When addresses are read. Times are milliseconds of any clock that never goes back.
#[derive(Debug)]
struct Schedule {
    source: Source,
    /// The next time.
    due: Option<u64>,
    /// The last time.
    last: Option<u64>,
    retries: u32,
}

impl Schedule {
    const fn new() -> Self {
        Self { source: Source::None, due: None, last: None, retries: 0 }
    }

    /// A plan has been taken: whatever came while it was prepared is looked at now.
    fn start(&mut self, source: Source, now: u64) {
        self.source = source;
        self.retries = 0;
        self.due = (source != Source::None).then_some(now);
    }

    /// The kernel tells of a change.
    fn changed(&mut self, now: u64) {
        self.retries = 0;
        let earliest = self.last.map_or(now, |last| last.saturating_add(GAP_MS));
        self.due = Some(earliest.max(now));
    }

    /// Whether to read now.
    fn is_due(&self, now: u64) -> bool {
        self.due.is_some_and(|due| due <= now)
    }

    /// Addresses were read. `again`: something that is missing may be there soon.
    fn done(&mut self, again: bool, now: u64) {
        self.last = Some(now);
        self.due = (self.source == Source::Polling).then(|| now.saturating_add(POLL_MS));
        if again && self.retries < RETRIES_MAX {
            self.retries += 1;
            self.due = Some(now.saturating_add(RETRY_MS));
        }
    }
}

/// Watches interfaces for the current plan.
#[derive(Debug)]
pub struct Watcher {
    events: Option<AddressEvents>,
    schedule: Schedule,
    /// What could not be done when that was last tried; none: not tried under this plan.
    told: Option<Vec<String>>,
}

impl Default for Watcher {
    fn default() -> Self {
        Self::new()
    }
}

impl Watcher {
    /// One that watches nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { events: None, schedule: Schedule::new(), told: None }
    }

    /// To be called whenever a plan has been adopted; `now_ms` is monotonic here and everywhere.
    pub fn watch_for(&mut self, plan: &Plan, now_ms: u64) {
        self.told = None;
        let has_v6 = socket::has_v6();
        let depends = |wanted: &Wanted| wanted.follows_interface() || wanted.lacks_v6(has_v6);
        if !plan.listeners.iter().any(|listener| depends(&listener.wanted)) {
            self.events = None;
            self.schedule.start(Source::None, now_ms);
            return;
        }
        if self.events.is_none() {
            match AddressEvents::open() {
                Ok(events) => self.events = Some(events),
                Err(error) => tell_polling(&error),
            }
        }
        let source = if self.events.is_some() { Source::Kernel } else { Source::Polling };
        self.schedule.start(source, now_ms);
    }

    /// Has [`Watcher::wake`] look at everything at `now_ms`, whatever the kernel tells.
    pub(super) fn look_at(&mut self, now_ms: u64) {
        self.schedule.due = Some(now_ms);
    }

    /// Has [`Watcher::wake`] tell everything that is missing once more.
    pub(super) fn tell_again(&mut self) {
        self.told = Some(Vec::new());
    }

    /// A descriptor to wait for; [`Watcher::wake`] is to be called when it is readable.
    #[must_use]
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.events.as_ref().map(AddressEvents::as_fd)
    }

    /// When [`Watcher::wake`] is to be called at the latest, if ever.
    #[must_use]
    pub fn due_ms(&self) -> Option<u64> {
        self.schedule.due
    }

    /// Reads what the kernel tells, and brings `table` into line with the addresses of this moment
    /// if that is due. What comes back is to be told to generations: first `unlisten`, to all
    /// that have these sockets, then `listen`, to the one of `plan`, which is the current plan.
    /// `say` hears what has come, gone, or is missing.
    pub fn wake(
        &mut self,
        plan: &Plan,
        table: &mut Table,
        now_ms: u64,
        say: &mut dyn FnMut(Level, &str),
    ) -> Option<Followed> {
        match self.events.as_ref().map(AddressEvents::drain) {
            Some(Ok(true)) => self.schedule.changed(now_ms),
            Some(Ok(false)) | None => {}
            Some(Err(error)) => {
                tell_polling(&error);
                self.events = None;
                self.schedule.start(Source::Polling, now_ms);
            }
        }
        if !self.schedule.is_due(now_ms) {
            return None;
        }
        // A machine that cannot list its addresses has them still.
        let Ok(interfaces) = Interfaces::try_read() else {
            self.schedule.done(true, now_ms);
            return None;
        };
        let followed = table.follow(plan, &interfaces);
        self.schedule.done(followed.again, now_ms);
        if followed.is_busy {
            // Nobody tells when another program ends.
            let later_ms = now_ms.saturating_add(POLL_MS);
            self.schedule.due.get_or_insert(later_ms);
        }
        self.tell(plan, &followed, say);
        Some(followed)
    }

    /// Logs each change once.
    fn tell(&mut self, plan: &Plan, followed: &Followed, say: &mut dyn FnMut(Level, &str)) {
        for (listener, address) in &followed.gone {
            let (_, names) = scheme_and_names(plan, *listener);
            say(Level::Notice, &format!("no longer listening on {address} for {names}"));
        }
        for (listener, address) in &followed.come {
            let (scheme, names) = scheme_and_names(plan, *listener);
            let place = match address.starts_with(['/', '@']) {
                true => format!("{address} ({scheme})"),
                false => format!("{scheme}://{address}"),
            };
            say(Level::Notice, &format!("listening on {place} for {names}"));
        }
        let findings: Vec<String> = followed.findings.iter().map(line).collect();
        // What is found first was found when the plan was prepared.
        if let Some(told) = &self.told {
            for finding in findings.iter().filter(|finding| !told.contains(finding)) {
                say(Level::Warn, finding);
            }
        }
        self.told = Some(findings);
    }
}

fn tell_polling(error: &io::Error) {
    log::warn(format_args!(
        "the kernel does not report changes of interfaces: looking every {} seconds: {error}",
        POLL_MS / 1000
    ));
}

fn scheme_and_names(plan: &Plan, listener: u16) -> (&'static str, &str) {
    let listener = plan.listeners.get(usize::from(listener));
    listener.map_or(("http", ""), |one| (one.scheme.as_str(), one.vhosts.as_str()))
}

fn line((finding, source): &(Finding, Excerpt)) -> String {
    let place = if source.place.is_empty() { "" } else { ": " };
    format!("{}{place}{}", source.place, finding.message)
}

#[cfg(test)]
#[path = "interfaces_network_tests.rs"]
mod network_tests;
#[cfg(test)]
#[path = "interfaces_tests.rs"]
mod tests;
