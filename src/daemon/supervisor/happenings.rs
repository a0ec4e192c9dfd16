//! The words of the state machine: what happens to it, and what it wants done.

use std::fmt;

use crate::sys::log::Level;
use crate::sys::process;

/// One worker process, counted from 1 over the life of the supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Generation(pub u32);

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// By itself, with this exit code.
    Code(u8),
    /// By this signal.
    Signal(i32),
    /// It could not be started at all.
    NotStarted,
}

impl From<process::Ended> for Ended {
    fn from(ended: process::Ended) -> Self {
        match ended {
            process::Ended::Exited(code) => Self::Code(code),
            process::Ended::Killed(signal) => Self::Signal(signal),
        }
    }
}

impl Ended {
    /// The exit code that stands for it.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Code(code) => code,
            Self::Signal(_) | Self::NotStarted => RUNTIME,
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Code(code) => write!(f, "ended with {}", process::Ended::Exited(code)),
            Self::Signal(signal) => write!(f, "was ended by {}", process::Ended::Killed(signal)),
            Self::NotStarted => f.write_str("could not be started"),
        }
    }
}

/// Exit code of what failed while running.
pub const RUNTIME: u8 = 1;

/// What a plan says about the life of generations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// How long a stop may take; milliseconds.
    pub shutdown_ms: u64,
    /// How long a retired generation may go on; milliseconds, 0 = no limit.
    pub drain_ms: u64,
    /// How many generations may live at once.
    pub generations_max: u16,
}

/// What a planner that succeeded has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Planned {
    /// Everything is as it was.
    Same,
    /// Something has changed, or there was nothing before.
    New(Terms),
}

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The program begins.
    Start,
    /// The planner is gone, with a plan or with an exit code.
    Planned(Result<Planned, u8>),
    /// The sockets of the new plan are open (and whether old ones fall away), or not.
    Sockets(Result<bool, u8>),
    /// A worker serves.
    Ready(Generation),
    /// A worker has said that it cannot serve, and ends with this code.
    Failed(Generation, u8),
    /// A worker is gone.
    Ended(Generation, Ended),
    /// A worker has sent what no worker sends, or takes no orders.
    Broken(Generation),
    /// A worker has closed its channel.
    Closed(Generation),
    /// A worker answered a ping.
    Pong(Generation, u32),
    /// The configuration is to be read again.
    ReloadWanted,
    /// Everything is to end.
    StopWanted,
    /// Time has passed.
    Tick,
}

/// Which plan a worker is started from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// The newest one, that nobody has served from yet.
    New,
    /// The last one that was good.
    Good,
}

/// How a reload went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A new generation serves.
    Done,
    /// Nothing has changed, nothing was done.
    Unchanged,
    /// The old generation stays; the exit code says why.
    Kept(u8),
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Start the planner; [`Event::Planned`] follows.
    StartPlanner,
    /// SIGKILL to the planner; [`Event::Planned`] follows.
    KillPlanner,
    /// Open what the new plan listens on; [`Event::Sockets`] follows.
    OpenSockets,
    /// Start a worker; [`Event::Ended`] follows some day.
    StartWorker(Generation, Basis),
    /// The new plan is the good one from now on.
    Adopt,
    /// Forget the new plan and close what was opened for it alone.
    Forget,
    /// The generation leaves the listening to its successor.
    Retire(Generation, u64),
    /// Close what the good plan does not listen on any more, everywhere.
    CloseRemoved,
    /// End within so many milliseconds.
    Stop(Generation, u64),
    /// SIGKILL; [`Event::Ended`] follows.
    Kill(Generation),
    /// Ask for a sign of life.
    Ping(Generation, u32),
    /// The serving worker lives: tell whoever watches.
    Alive,
    /// The first worker serves.
    Started,
    /// The reload that was asked for is over.
    Reloaded(Outcome),
    /// Write to the log.
    Say(Notice),
    /// All children are gone: exit.
    Exit(u8),
}

/// What the log is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// The serving worker is gone; the next one starts in so many milliseconds.
    Restarting(Generation, Ended, u64),
    /// The new one, after a crash, serves.
    Restarted(Generation),
    /// A new configuration is served.
    Reloaded(Generation),
    /// Nothing to reload.
    Unchanged,
    /// The reload came to nothing.
    Kept(u8),
    /// A worker of an old configuration ended as it should not.
    OldEnded(Generation, Ended),
    /// A worker of a new configuration ended before it served, and did not say why.
    NeverServed(Generation, Ended),
    /// No answer within the start time: killed.
    NotReady(Generation),
    /// No sign of life: killed.
    Hung(Generation),
    /// It said something that makes no sense: killed.
    Broken(Generation),
    /// It did not end in time: killed.
    Late(Generation),
    /// It has to go, because so many generations are enough.
    OneTooMany(Generation, u16),
    /// The planner took too long: killed.
    PlannerLate,
    /// Everything ends.
    Stopping,
}

impl Notice {
    /// How much it matters.
    #[must_use]
    pub fn level(self) -> Level {
        match self {
            Self::Restarting(..)
            | Self::Kept(_)
            | Self::NeverServed(..)
            | Self::NotReady(_)
            | Self::Hung(_)
            | Self::Broken(_)
            | Self::PlannerLate => Level::Error,
            Self::OldEnded(..) | Self::Late(_) | Self::OneTooMany(..) => Level::Warn,
            Self::Restarted(_) | Self::Reloaded(_) | Self::Unchanged | Self::Stopping => {
                Level::Notice
            }
        }
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Restarting(generation, ended, 0) => {
                write!(f, "worker {generation} {ended}; another one is started")
            }
            Self::Restarting(generation, ended, after_ms) => {
                write!(f, "worker {generation} {ended}; another one is started in {after_ms} ms")
            }
            Self::Restarted(generation) => write!(f, "worker {generation} serves"),
            Self::Reloaded(generation) => {
                write!(f, "the new configuration is served by worker {generation}")
            }
            Self::Unchanged => f.write_str("nothing has changed, nothing to reload"),
            Self::Kept(code) => {
                write!(f, "the reload failed (code {code}), the configuration stays as it was")
            }
            Self::OldEnded(generation, ended) => {
                write!(f, "worker {generation}, of an older configuration, {ended}")
            }
            Self::NeverServed(generation, ended) => {
                write!(f, "worker {generation} {ended} before it served")
            }
            Self::NotReady(generation) => {
                write!(f, "worker {generation} was not ready in time and is ended")
            }
            Self::Hung(generation) => {
                write!(f, "worker {generation} gives no sign of life and is ended")
            }
            Self::Broken(generation) => {
                write!(
                    f,
                    "worker {generation} and the supervisor do not understand each other: it is ended"
                )
            }
            Self::Late(generation) => {
                write!(f, "worker {generation} did not stop in time and is ended")
            }
            Self::OneTooMany(generation, most) => write!(
                f,
                "worker {generation}, of an older configuration, is stopped: max-generations is \
                 {most}"
            ),
            Self::PlannerLate => f.write_str("reading the configuration took too long"),
            Self::Stopping => f.write_str("stopping"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notices_read_well() {
        for (notice, text) in [
            (
                Notice::Restarting(Generation(3), Ended::Signal(11), 0),
                "worker 3 was ended by signal 11 (segmentation fault); another one is started",
            ),
            (
                Notice::Restarting(Generation(3), Ended::Code(1), 200),
                "worker 3 ended with exit code 1; another one is started in 200 ms",
            ),
            (
                Notice::OldEnded(Generation(1), Ended::Signal(77)),
                "of an older configuration, was ended by signal 77",
            ),
            (Notice::Kept(78), "the reload failed (code 78), the configuration stays as it was"),
        ] {
            assert!(notice.to_string().contains(text), "{notice}");
        }
    }
}
