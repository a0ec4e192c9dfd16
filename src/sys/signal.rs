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
    /// SIGUSR2: become the program that is on the disk now.
    User2,
    /// SIGCHLD: a child has ended. One signal may stand for several children.
    Child,
}

/// All of them.
const ALL: [Signal; 6] = [
    Signal::Hangup,
    Signal::Interrupt,
    Signal::Terminate,
    Signal::User1,
    Signal::User2,
    Signal::Child,
];

/// What a server of one process answers to.
const ONE_PROCESS: [Signal; 4] =
    [Signal::Hangup, Signal::Interrupt, Signal::Terminate, Signal::User1];

/// Lets signals do nothing from here on, in this process and in the programs it becomes; children
/// made by [`super::spawn`] start afresh. Ignoring [`Signal::Child`] would throw away how children
/// end.
///
/// # Errors
/// What the kernel says.
pub fn ignore(signals: &[Signal]) -> io::Result<()> {
    signals.iter().try_for_each(|signal| dispose(number_of(*signal), libc::SIG_IGN))
}

/// Makes writes fail that would end the process: to a pipe without a reader (SIGPIPE), and to a log
/// that may not grow any more (SIGXFSZ, `ulimit -f`).
///
/// # Errors
/// What the kernel says.
pub fn survive_writes() -> io::Result<()> {
    [libc::SIGPIPE, libc::SIGXFSZ].iter().try_for_each(|number| dispose(*number, libc::SIG_IGN))
}

/// Whether the signal is ignored, as the program that started this one may have left it.
#[must_use]
pub fn is_ignored(signal: Signal) -> bool {
    // SAFETY: all bytes zero is a valid sigaction.
    let mut found: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: `found` lives through the call; nothing is changed.
    let asked = unsafe { libc::sigaction(number_of(signal), std::ptr::null(), &raw mut found) };
    asked == 0 && found.sa_sigaction == libc::SIG_IGN
}

/// The numbers differ from one kind of processor to another.
pub(super) fn number_of(signal: Signal) -> libc::c_int {
    match signal {
        Signal::Hangup => libc::SIGHUP,
        Signal::Interrupt => libc::SIGINT,
        Signal::Terminate => libc::SIGTERM,
        Signal::User1 => libc::SIGUSR1,
        Signal::User2 => libc::SIGUSR2,
        Signal::Child => libc::SIGCHLD,
    }
}

fn dispose(number: libc::c_int, how: libc::sighandler_t) -> io::Result<()> {
    // SAFETY: takes no pointers: `how` is one of the two constants.
    if unsafe { libc::signal(number, how) } == libc::SIG_ERR {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Blocked signals and the descriptor that reports them.
#[derive(Debug)]
pub struct Signals {
    fd: OwnedFd,
}

impl Signals {
    /// Watches what a server of one process answers to: [`Signals::of`] SIGHUP, SIGINT, SIGTERM
    /// and SIGUSR1.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn new() -> io::Result<Self> {
        Self::of(&ONE_PROCESS)
    }

    /// Blocks the signals in the calling thread and opens their descriptor (non-blocking,
    /// close-on-exec). Call it before other threads start: they inherit the mask, and a thread
    /// without it would die of the signal. From here on [`survive_writes`].
    ///
    /// # Errors
    /// What the kernel says.
    pub fn of(signals: &[Signal]) -> io::Result<Self> {
        let set = set_of(signals);
        survive_writes()?;
        if signals.contains(&Signal::Child) {
            // Whoever started this program may have had it ignored: no child would be reported.
            dispose(libc::SIGCHLD, libc::SIG_DFL)?;
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
            let known = ALL.iter().find(|signal| {
                u32::try_from(number_of(**signal)).is_ok_and(|number| number == info.ssi_signo)
            });
            if let Some(signal) = known {
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

fn set_of(signals: &[Signal]) -> libc::sigset_t {
    // SAFETY: all bytes zero is a valid set, and sigemptyset makes it the empty one.
    let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: `set` is live; the numbers are valid, so neither call can fail.
    unsafe {
        libc::sigemptyset(&raw mut set);
        for signal in signals {
            libc::sigaddset(&raw mut set, number_of(*signal));
        }
    }
    set
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::CommandExt as _;
    use std::process::Command;

    fn block_all() -> io::Result<()> {
        let set = set_of(&ALL);
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
        unsafe { command.pre_exec(block_all) };
        let output = command.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
    }

    /// Sends a signal to this very process, where it is blocked in all threads.
    fn send_to_self(signal: Signal) {
        // SAFETY: takes no pointers.
        assert_eq!(unsafe { libc::kill(libc::getpid(), number_of(signal)) }, 0);
    }

    fn assert_arrive(signals: &Signals, wanted: &[Signal]) {
        assert_eq!(signals.read().unwrap(), None);
        for signal in wanted {
            send_to_self(*signal);
            assert_eq!(signals.read().unwrap(), Some(*signal));
            assert_eq!(signals.read().unwrap(), None);
        }
        // These do nothing.
        for number in [libc::SIGPIPE, libc::SIGXFSZ] {
            // SAFETY: takes no pointers.
            assert_eq!(unsafe { libc::raise(number) }, 0);
        }
        assert_eq!(signals.read().unwrap(), None);
    }

    #[test]
    fn signals_arrive_in_a_process_of_its_own() {
        run_alone("sys::signal::tests::child_reads");
        run_alone("sys::signal::tests::child_reads_all");
    }

    #[test]
    #[ignore = "sends signals to its process; run by signals_arrive_in_a_process_of_its_own"]
    fn child_reads() {
        let signals = Signals::new().unwrap();
        assert_arrive(&signals, &ONE_PROCESS);
        // What is not watched stays where it is.
        send_to_self(Signal::User2);
        assert_eq!(signals.read().unwrap(), None);
    }

    #[test]
    #[ignore = "sends signals to its process; run by signals_arrive_in_a_process_of_its_own"]
    fn child_reads_all() {
        // SAFETY: takes no pointers.
        unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
        let signals = Signals::of(&ALL).unwrap();
        assert_arrive(&signals, &ALL);
        let mut child = Command::new("/bin/true").spawn().unwrap();
        assert!(child.wait().unwrap().success(), "its end must not be thrown away");
        assert_eq!(signals.read().unwrap(), Some(Signal::Child));
    }

    #[test]
    fn ignored_signals_do_nothing() {
        super::super::alone::run("sys::signal::tests::child_ignores");
    }

    #[test]
    #[ignore = "sends signals to its process; run by ignored_signals_do_nothing"]
    fn child_ignores() {
        let ignored = [Signal::Hangup, Signal::Interrupt, Signal::User1, Signal::User2];
        assert!(!is_ignored(Signal::User1));
        ignore(&ignored).unwrap();
        assert!(ignored.into_iter().all(is_ignored) && !is_ignored(Signal::Terminate));
        ignored.into_iter().for_each(send_to_self);
        // Other signals still do what they do.
        // SAFETY: takes no pointers.
        assert_eq!(unsafe { libc::signal(libc::SIGTERM, libc::SIG_DFL) }, libc::SIG_DFL);
    }
}
