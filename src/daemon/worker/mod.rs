//! A worker: it serves, with no more rights than that needs.
//!
//! A supervisor starts it with a channel and hands over the configuration that was planned, the
//! listening sockets and the logs. It builds everything, gives up root's rights, starts its
//! threads, and only then reads from the network.

pub(super) mod channel;
pub(super) mod handover;
pub(super) mod rights;
pub(super) mod start;
pub(super) mod threads;

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use self::handover::{Handover, Refusal};
use crate::daemon::command::args::Args;
use crate::daemon::command::{exit, print};
use crate::daemon::orders::Report;
use crate::sys::ring_log::RingLog;
use crate::sys::signal::{self, Signal};
use crate::sys::{fd, log, passing};

/// Descriptor of the channel to the supervisor.
const CHANNEL_FD: i32 = 3;
/// Descriptor of the ring that the last lines of the log are kept in; it may be missing.
const RING_FD: i32 = 4;

/// Signals that are meant for the supervisor, which has them too when they are sent to all
/// processes of a name, a terminal or a service; it tells its workers what to do.
const IGNORED: [Signal; 5] =
    [Signal::Interrupt, Signal::Terminate, Signal::Hangup, Signal::User1, Signal::User2];

/// What a worker is started with.
pub(super) struct Inherited {
    channel: io::Result<OwnedFd>,
}

impl Inherited {
    /// Takes over the descriptors; before anything is opened, which might get their numbers.
    pub(super) fn take() -> Self {
        if let Ok(ring) = fd::inherited(RING_FD).and_then(RingLog::attach) {
            log::use_ring(ring);
        }
        Self { channel: fd::inherited(CHANNEL_FD) }
    }
}

/// `--worker`: the exit code.
pub(super) fn run(args: &Args, inherited: Inherited) -> u8 {
    let set_up = inherited.channel.and_then(|channel| {
        signal::ignore(&IGNORED)?;
        signal::survive_writes()?;
        Ok((channel.try_clone()?, channel))
    });
    let (reports, channel) = match set_up {
        Ok(set_up) => set_up,
        Err(error) => {
            print::err(&format!("kinglet: a worker needs a supervisor: {error}"));
            return exit::RUNTIME;
        }
    };
    match Handover::receive(&channel) {
        Ok(handover) => match start::serve(args, channel, handover) {
            Ok(code) => code,
            Err(code) => fail(reports.as_fd(), code),
        },
        // Whoever wanted it has changed its mind, or is no more.
        Err(Refusal::Unwanted) => exit::OK,
        Err(refusal) => {
            print::err(&format!("kinglet: the handover to a worker failed: {refusal}"));
            fail(reports.as_fd(), exit::RUNTIME)
        }
    }
}

/// Says that it will not serve; the exit code.
fn fail(channel: BorrowedFd<'_>, code: u8) -> u8 {
    // The exit code says the same.
    let _ = passing::send(channel, &Report::Failed { code }.encode(), None);
    code
}
