//! The controlling terminal, and whether it is still there.
//!
//! SIGHUP says that it is gone, and it also asks for a reload. Who has sent the signal does not
//! tell one from the other: shells pass it on to what they have started, and of two signals the
//! second one is lost while the first one waits.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;

use super::signal::{self, Signal};

/// The terminal that a process was started from; none by default.
#[derive(Debug, Clone, Copy, Default)]
pub struct Terminal {
    is_attached: bool,
}

impl Terminal {
    /// Looks at the terminal as it is now, which is to be before SIGHUP is blocked: until then it
    /// ends the process by itself. A terminal that the process is not to end with (`nohup`, which
    /// has SIGHUP ignored) counts as none.
    #[must_use]
    pub fn of_start() -> Self {
        Self { is_attached: !signal::is_ignored(Signal::Hangup) && open().is_ok() }
    }

    /// The terminal of the program before this one, in the same process.
    #[must_use]
    pub const fn taken_over(is_attached: bool) -> Self {
        Self { is_attached }
    }

    /// Whether there was one at the start.
    #[must_use]
    pub const fn is_attached(self) -> bool {
        self.is_attached
    }

    /// Whether there was one at the start that has hung up since.
    #[must_use]
    pub fn has_hung_up(self) -> bool {
        let gone = |error: io::Error| matches!(error.raw_os_error(), Some(libc::ENXIO | libc::EIO));
        self.is_attached && open().is_err_and(gone)
    }
}

/// Opens the controlling terminal (tty(4)): ENXIO when there is none.
fn open() -> io::Result<std::fs::File> {
    OpenOptions::new().read(true).custom_flags(libc::O_NOCTTY | libc::O_NONBLOCK).open("/dev/tty")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_never_there_does_not_hang_up() {
        assert!(!Terminal { is_attached: false }.has_hung_up());
        let now = Terminal::of_start();
        assert!(!now.has_hung_up());
        let attached = Terminal { is_attached: true };
        assert_eq!(attached.has_hung_up(), open().is_err());
    }
}
