//! What the loop is told to do, and how it ends.

use super::accept::Listening;
use super::role::{Local, Role};
use super::run::Reactor;
use crate::sys::log;

/// What a watched descriptor, or a letter, tells the loop to do.
#[derive(Debug)]
pub enum Command {
    /// Nothing.
    Continue,
    /// Listen on one socket more, in this reactor.
    Listen(Listening),
    /// Take what waits in the queue of the socket with this number, and listen on it no more. A
    /// reactor that has no such socket does nothing.
    Unlisten(u32),
    /// Let every next answer end its connection, and end when no listener and no connection is
    /// left. Connections that wait for a request are left alone. What is listened on goes on being
    /// accepted until it is unlistened.
    Retire {
        /// Monotonic milliseconds from when on it is a [`Command::Drain`] with
        /// [`Local::shutdown_ms`]; none = never.
        until_ms: Option<u64>,
    },
    /// Accept what waits in the queues of the listeners as far as there is room, and no more;
    /// finish what has begun, end when all is done or at this time.
    Drain {
        /// Monotonic milliseconds.
        until_ms: u64,
    },
    /// End now.
    Stop,
}

/// The commands that all reactors of a process follow together. The later one is the stronger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Ending {
    Retire { until_ms: Option<u64> },
    Drain { until_ms: u64 },
    Stop,
}

impl Ending {
    /// Whether this may follow `before`: a weaker one may not, and a drain may only be shortened.
    pub(super) fn replaces(self, before: Option<Self>) -> bool {
        match (before, self) {
            (None, _) | (Some(Self::Retire { .. }), _) => true,
            (Some(Self::Drain { until_ms: old }), Self::Drain { until_ms }) => until_ms < old,
            (Some(before), _) => self > before,
        }
    }

    /// When it comes to an end, or to the next one, by itself.
    pub(super) const fn due_ms(self) -> Option<u64> {
        match self {
            Self::Retire { until_ms } => until_ms,
            Self::Drain { until_ms } => Some(until_ms),
            Self::Stop => None,
        }
    }
}

impl Command {
    /// The command that all reactors follow, if it is one.
    pub(super) const fn ending(&self) -> Option<Ending> {
        match *self {
            Self::Retire { until_ms } => Some(Ending::Retire { until_ms }),
            Self::Drain { until_ms } => Some(Ending::Drain { until_ms }),
            Self::Stop => Some(Ending::Stop),
            Self::Continue | Self::Listen(_) | Self::Unlisten(_) => None,
        }
    }
}

impl From<Ending> for Command {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Retire { until_ms } => Self::Retire { until_ms },
            Ending::Drain { until_ms } => Self::Drain { until_ms },
            Ending::Stop => Self::Stop,
        }
    }
}

impl<R: Role> Reactor<R> {
    /// Follows a command that came to this reactor first; the others get what concerns them.
    pub(super) fn command(&mut self, command: Command) {
        if let Some(ending) = command.ending() {
            self.inbox.tell_others(ending);
        }
        self.obey(command);
    }

    /// Follows a command.
    pub(super) fn obey(&mut self, command: Command) {
        if let Some(ending) = command.ending() {
            return self.end(ending);
        }
        match command {
            // Who has begun to end opens nothing.
            Command::Listen(_) if self.is_stopping() => {}
            Command::Listen(listening) => {
                self.inbox.work();
                if let Err(error) = self.listen(listening) {
                    log::error(format_args!("a listener cannot be watched: {error}"));
                }
            }
            Command::Unlisten(socket) => self.unlisten(socket),
            _ => {}
        }
    }

    /// Whether clients are to hear that their connections end.
    pub(super) const fn is_draining(&self) -> bool {
        self.ending.is_some()
    }

    /// Whether connections that wait for a request are closed.
    pub(super) const fn is_stopping(&self) -> bool {
        matches!(self.ending, Some(Ending::Drain { .. } | Ending::Stop))
    }

    fn end(&mut self, ending: Ending) {
        if !ending.replaces(self.ending) {
            return;
        }
        let was_stopping = self.is_stopping();
        self.ending = Some(ending);
        if matches!(ending, Ending::Drain { .. }) && !was_stopping {
            self.waiting = None;
            self.resume();
            self.publish_room();
            // Who waits for nothing makes room for who still comes.
            self.drain_all();
            self.unlisten_all();
        }
    }

    /// Whether the loop is over. With several reactors it is when all of them are done: until then
    /// each may get orders, and is asked whether it lives.
    pub(super) fn finished(&self) -> bool {
        let Some(ending) = self.ending else { return false };
        match ending {
            Ending::Stop => return true,
            Ending::Drain { until_ms } if self.now_ms >= until_ms => return true,
            Ending::Drain { .. } | Ending::Retire { .. } => {}
        }
        let is_idle = self.entries.is_empty() && self.waiting.is_none() && !self.arrivals;
        let has_left =
            self.is_stopping() || (self.listeners.is_empty() && self.partings.due_ms().is_none());
        is_idle && has_left && self.inbox.rest()
    }

    /// Ends the patience of a retiring reactor when its time has come.
    pub(super) fn end_retirement(&mut self) {
        if let Some(Ending::Retire { until_ms: Some(until_ms) }) = self.ending
            && self.now_ms >= until_ms
        {
            self.end(Ending::Drain { until_ms: self.now_ms + self.local.shutdown_ms() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ending_is_only_followed_by_a_stronger_one() {
        let retire = |until_ms| Ending::Retire { until_ms };
        let drain = |until_ms| Ending::Drain { until_ms };
        for (before, after, replaces) in [
            (None, retire(None), true),
            (None, Ending::Stop, true),
            (Some(retire(None)), retire(Some(7)), true),
            (Some(retire(Some(7))), retire(None), true),
            (Some(retire(Some(u64::MAX))), drain(0), true),
            (Some(drain(7)), retire(None), false),
            (Some(drain(7)), drain(8), false),
            (Some(drain(7)), drain(6), true),
            (Some(drain(7)), Ending::Stop, true),
            (Some(Ending::Stop), drain(6), false),
            (Some(Ending::Stop), retire(None), false),
        ] {
            assert_eq!(after.replaces(before), replaces, "{before:?} {after:?}");
        }
    }
}
