//! What a process has one of its reactors do beside serving: watch its signals, follow orders.

use crate::reactor::{Command, Letter};
use crate::sys::clock;
use crate::sys::log;
use crate::sys::signal::{Signal, Signals};
use crate::sys::terminal::Terminal;
use crate::vhost::log::Logs;

/// The number under which [`SignalWatch`] expects its descriptor to be watched.
pub const SIGNALS: u16 = 0;

/// Watches descriptors for a reactor, in its thread.
pub trait Overseer: Send {
    /// The descriptor registered as `watch` was readable; called until it answers
    /// [`Command::Continue`], which says that nothing is left to be read from it for now.
    /// `connections` are those of this reactor.
    fn watched(&mut self, watch: u16, connections: usize) -> Command;

    /// A [`Letter::Ping`] or [`Letter::Count`] has come back that was sent from this reactor.
    fn came_round(&mut self, _: Letter) {}
}

/// Lets signals end the process: the first INT or TERM is a drain, the second one a stop, and so is
/// a HUP when the terminal of the process is gone. USR1
/// makes the logs open their files again.
#[derive(Debug)]
pub struct SignalWatch {
    /// Where they are read.
    pub signals: Signals,
    /// What USR1 is for.
    pub logs: Logs,
    /// How long a drain may take.
    pub shutdown_ms: u64,
    /// There was a first one.
    pub draining: bool,
    /// The process ends with it.
    pub terminal: Terminal,
}

impl SignalWatch {
    /// Ready for the first signal.
    #[must_use]
    pub fn new(signals: Signals, logs: Logs, shutdown_ms: u64) -> Self {
        Self { signals, logs, shutdown_ms, draining: false, terminal: Terminal::default() }
    }

    fn obey(&mut self, signal: Signal, connections: usize) -> Command {
        match signal {
            // A shell may pass on what the kernel has sent as well.
            Signal::Hangup if self.terminal.has_hung_up() && self.draining => {}
            Signal::Hangup if self.terminal.has_hung_up() => {
                log::notice(format_args!("the terminal is closed"));
                return self.obey(Signal::Terminate, connections);
            }
            Signal::Interrupt | Signal::Terminate if self.draining => return Command::Stop,
            Signal::Interrupt | Signal::Terminate => {
                self.draining = true;
                let secs = self.shutdown_ms / 1000;
                log::notice(format_args!(
                    "stopping; open connections: {connections}, which may take {secs} s to finish"
                ));
                return Command::Drain { until_ms: clock::monotonic_ms() + self.shutdown_ms };
            }
            Signal::User1 => self.logs.reopen(),
            Signal::Hangup => log::warn(format_args!(
                "SIGHUP: one process cannot reload; start it again, or with a supervisor"
            )),
            // Not watched by a server of one process.
            Signal::User2 | Signal::Child => {}
        }
        Command::Continue
    }
}

impl Overseer for SignalWatch {
    fn watched(&mut self, _: u16, connections: usize) -> Command {
        while let Ok(Some(signal)) = self.signals.read() {
            match self.obey(signal, connections) {
                Command::Continue => {}
                other => return other,
            }
        }
        Command::Continue
    }
}
