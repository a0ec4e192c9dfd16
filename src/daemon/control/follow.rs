//! `kinglet log -f`: prints the log, and what is added to it. The memory of the log is read in
//! this process, so that the server has nothing to do for it.

use std::os::fd::AsFd as _;

use crate::daemon::command::{exit, print};
use crate::sys::poll::{self, Watch};
use crate::sys::process;
use crate::sys::ring_log::RingLog;

/// How often the log is looked at.
const LOOK_MS: u64 = 100;

/// Prints lines until the server with the supervisor `pid` or the reader of the lines has ended;
/// the exit code. A reload changes nothing, nor does SIGUSR2: the process and the log stay.
pub(super) fn follow(log: &RingLog, pid: u32) -> u8 {
    let mut printed = log.position();
    let mut reserved = printed;
    let mut text = log.read();
    loop {
        // One in another container is never seen to end.
        let runs = pid == 0 || process::name(pid).is_some();
        if !text.is_empty() {
            let code = print::out(&String::from_utf8_lossy(&text));
            if code != exit::OK {
                return code;
            }
        }
        if !runs && printed == log.position() {
            print::err("kinglet: the server has ended");
            return exit::OK;
        }
        let stdout = std::io::stdout();
        let mut reader = [Watch::new(stdout.as_fd(), false, false)];
        if poll::wait(&mut reader, Some(LOOK_MS)).is_err() || reader.iter().any(Watch::is_closed) {
            return exit::OK;
        }
        // A line's room is reserved before it is written: what was reserved at the last look is
        // there by now.
        text = log.between(printed, reserved);
        printed = reserved;
        reserved = log.position();
    }
}
