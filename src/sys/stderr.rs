//! Standard error as a log writes to it: a line at a time, and never waiting for a reader.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};

/// How lines get out without waiting.
#[derive(Debug)]
enum Way {
    /// A descriptor of our own with O_NONBLOCK: the flag of descriptor 2 itself is shared with
    /// other programs at the same terminal or pipe and must not be changed.
    Reopened(File),
    /// A socket: MSG_DONTWAIT says it for each call.
    Socket,
    /// A regular file, or a pipe or terminal that could not be opened again (then the line goes
    /// out only if poll says that there is room; another writer may still win the race for it).
    Polled,
}

/// Standard error, opened once.
#[derive(Debug)]
pub struct Stderr {
    way: Way,
    terminal: bool,
    /// Device and inode, to be compared with `JOURNAL_STREAM`.
    identity: Option<(u64, u64)>,
}

impl Stderr {
    /// Looks at descriptor 2. Never fails: what cannot be found out leads to the plainest way.
    #[must_use]
    pub fn open() -> Self {
        let terminal = io::IsTerminal::is_terminal(&io::stderr());
        let Ok(metadata) = std::fs::metadata("/proc/self/fd/2") else {
            return Self { way: Way::Polled, terminal, identity: None };
        };
        let kind = metadata.file_type();
        let way = if kind.is_socket() {
            Way::Socket
        } else if kind.is_fifo() || kind.is_char_device() {
            reopen().map_or(Way::Polled, Way::Reopened)
        } else {
            Way::Polled
        };
        Self { way, terminal, identity: Some((metadata.dev(), metadata.ino())) }
    }

    /// Whether a person is likely to read along.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Device and inode of what descriptor 2 is.
    #[must_use]
    pub fn identity(&self) -> Option<(u64, u64)> {
        self.identity
    }

    /// Writes one line in one call; false if it did not go out whole. Waits for nothing but a
    /// regular file's storage. Lines up to 4096 bytes (PIPE_BUF) never mix with others' in a pipe.
    pub fn write(&self, line: &[u8]) -> bool {
        let written = match &self.way {
            Way::Reopened(file) => (&*file).write(line),
            Way::Socket => send(line),
            Way::Polled if has_room() => io::stderr().write(line),
            Way::Polled => return false,
        };
        written.is_ok_and(|count| count == line.len())
    }
}

fn reopen() -> io::Result<File> {
    OpenOptions::new()
        .append(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open("/proc/self/fd/2")
}

fn send(line: &[u8]) -> io::Result<usize> {
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: the kernel reads `line.len()` bytes of `line`.
    let count = unsafe { libc::send(2, line.as_ptr().cast(), line.len(), flags) };
    usize::try_from(count).map_err(|_| io::Error::last_os_error())
}

fn has_room() -> bool {
    let mut poll = libc::pollfd { fd: io::stderr().as_raw_fd(), events: libc::POLLOUT, revents: 0 };
    // SAFETY: one live pollfd is read and written.
    let ready = unsafe { libc::poll(&raw mut poll, 1, 0) };
    ready == 1 && poll.revents & libc::POLLOUT != 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;
    use std::process::{Command, Stdio};

    /// The test runs in a child whose standard error is what we give it. It fills it far beyond
    /// what a pipe or socket holds while nobody reads, so a write that waits would hang.
    fn run_flood(stderr: Stdio) {
        let mut child = Command::new("/proc/self/exe")
            .args(["--exact", "--ignored", "--test-threads=1"])
            .arg("sys::stderr::tests::child_floods")
            .stderr(stderr)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // Only standard output is read.
        let mut text = String::new();
        let mut stdout = child.stdout.take().unwrap();
        io::Read::read_to_string(&mut stdout, &mut text).unwrap();
        assert!(child.wait().unwrap().success() && text.contains("1 passed"), "{text}");
    }

    #[test]
    #[ignore = "floods standard error; run by the tests below"]
    fn child_floods() {
        let stderr = Stderr::open();
        assert!(!stderr.is_terminal());
        let line = [b'x'; 1000];
        let written = (0..10_000).filter(|_| stderr.write(&line)).count();
        assert!(written > 0 && written < 10_000, "{written}");
    }

    #[test]
    fn a_pipe_that_nobody_reads_does_not_block() {
        let (_reader, writer) = io::pipe().unwrap();
        run_flood(writer.into());
    }

    #[test]
    fn a_socket_that_nobody_reads_does_not_block() {
        let (_reader, writer) = UnixStream::pair().unwrap();
        run_flood(std::os::fd::OwnedFd::from(writer).into());
    }

    #[test]
    fn identity_is_that_of_descriptor_two() {
        let found = Stderr::open().identity().unwrap();
        let expected = std::fs::metadata("/proc/self/fd/2").unwrap();
        assert_eq!(found, (expected.dev(), expected.ino()));
    }
}
