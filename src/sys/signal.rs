//! Signals as a descriptor that the event loop polls.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// The signals that the daemon answers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGHUP: read the configuration again.
    Hangup,
    /// SIGINT: stop, asked for at the terminal.
    Interrupt,
    /// SIGTERM: stop.
    Terminate,
    /// SIGUSR1: open the log files again.
    User1,
}

const WATCHED: [(libc::c_int, Signal); 4] = [
    (libc::SIGHUP, Signal::Hangup),
    (libc::SIGINT, Signal::Interrupt),
    (libc::SIGTERM, Signal::Terminate),
    (libc::SIGUSR1, Signal::User1),
];

/// Blocked signals and the descriptor that reports them.
#[derive(Debug)]
pub struct Signals {
    fd: OwnedFd,
}

impl Signals {
    /// Blocks the signals in the calling thread and opens their descriptor (non-blocking,
    /// close-on-exec). Call it before other threads start: they inherit the mask, and a thread
    /// without it would die of the signal. SIGPIPE is ignored from here on.
    pub fn new() -> io::Result<Self> {
        let set = watched_set();
        // SAFETY: takes no pointers.
        if unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) } == libc::SIG_ERR {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: `set` lives through the call; the old mask is not asked for.
        let error =
            unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) };
        if error != 0 {
            return Err(io::Error::from_raw_os_error(error));
        }
        // SAFETY: `set` lives through the call.
        let fd =
            unsafe { libc::signalfd(-1, &raw const set, libc::SFD_NONBLOCK | libc::SFD_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel just made this descriptor for us.
        Ok(Self { fd: unsafe { OwnedFd::from_raw_fd(fd) } })
    }

    /// The next pending signal; `None` when there is none. With edge-triggered polling, call it
    /// until it returns `None`.
    pub fn read(&self) -> io::Result<Option<Signal>> {
        loop {
            // SAFETY: all bytes zero is a valid signalfd_siginfo.
            let mut info: libc::signalfd_siginfo = unsafe { std::mem::zeroed() };
            let size = size_of::<libc::signalfd_siginfo>();
            // SAFETY: `info` has `size` writable bytes.
            let count = unsafe { libc::read(self.fd.as_raw_fd(), (&raw mut info).cast(), size) };
            if count < 0 {
                let error = io::Error::last_os_error();
                match error.kind() {
                    io::ErrorKind::WouldBlock => return Ok(None),
                    io::ErrorKind::Interrupted => continue,
                    _ => return Err(error),
                }
            }
            if usize::try_from(count) != Ok(size) {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
            }
            let known = WATCHED.iter().find(|(number, _)| {
                u32::try_from(*number).is_ok_and(|number| number == info.ssi_signo)
            });
            if let Some((_, signal)) = known {
                return Ok(Some(*signal));
            }
        }
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl AsRawFd for Signals {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

fn watched_set() -> libc::sigset_t {
    // SAFETY: all bytes zero is a valid set, and sigemptyset makes it the empty one.
    let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: `set` is live; the numbers are valid, so neither call can fail.
    unsafe {
        libc::sigemptyset(&raw mut set);
        for (number, _) in WATCHED {
            libc::sigaddset(&raw mut set, number);
        }
    }
    set
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::CommandExt as _;
    use std::process::Command;

    fn block_watched() -> io::Result<()> {
        let set = watched_set();
        // SAFETY: `set` lives through the call.
        let error =
            unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) };
        if error == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(error)) }
    }

    /// Runs one ignored test of this binary in a process whose threads all have the signals
    /// blocked from the first instruction on.
    fn run_alone(name: &str) {
        let mut command = Command::new("/proc/self/exe");
        command.args(["--exact", "--ignored", "--test-threads=1", name]);
        // SAFETY: the closure only makes an async-signal-safe call.
        unsafe { command.pre_exec(block_watched) };
        let output = command.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
    }

    #[test]
    fn signals_arrive_in_a_process_of_its_own() {
        run_alone("sys::signal::tests::child_reads");
    }

    #[test]
    #[ignore = "sends signals to its process; run by signals_arrive_in_a_process_of_its_own"]
    fn child_reads() {
        let signals = Signals::new().unwrap();
        assert_eq!(signals.read().unwrap(), None);
        for (number, signal) in WATCHED {
            // SAFETY: sends a signal to this very process, where it is blocked in all threads.
            assert_eq!(unsafe { libc::kill(libc::getpid(), number) }, 0);
            assert_eq!(signals.read().unwrap(), Some(signal));
            assert_eq!(signals.read().unwrap(), None);
        }
        // SIGPIPE does nothing.
        // SAFETY: takes no pointers.
        assert_eq!(unsafe { libc::raise(libc::SIGPIPE) }, 0);
        assert_eq!(signals.read().unwrap(), None);
    }
}
