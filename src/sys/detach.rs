//! Going to the background: a child in a session of its own goes on, and the process that was
//! started waits until it is ready and ends with what the child says.

use std::fs::{File, OpenOptions};
use std::io::{self, PipeReader, PipeWriter, Read as _, Write as _};
use std::os::fd::AsRawFd as _;

/// Exit code of the starter when the child went without a word.
const GONE: u8 = 1;

/// The child's end of it: the one that waits. Dropped without a word, it counts as failed.
#[derive(Debug)]
#[must_use]
pub struct Detached {
    starter: PipeWriter,
}

/// Forks. The child, in a session of its own and with standard input and output at `/dev/null`,
/// returns from here; the process that was started never does. It waits for [`Detached::ready`]
/// or [`Detached::failed`] and ends with that code.
///
/// Only the calling thread goes on in the child: call it before others start.
///
/// # Errors
/// What the kernel says; nothing has changed then, unless the child could not open `/dev/null`:
/// it reports that as an error too, and the starter waits for it to end.
pub fn begin() -> io::Result<Detached> {
    let (reader, starter) = io::pipe()?;
    // SAFETY: the child goes on as this thread. glibc and musl keep their heaps usable in it, and
    // there are no other threads whose locks it could miss.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            drop(reader);
            // SAFETY: takes nothing. A new child leads no group, so it cannot fail.
            unsafe { libc::setsid() };
            let null = null()?;
            point(&null, 0)?;
            point(&null, 1)?;
            Ok(Detached { starter })
        }
        _ => {
            drop(starter);
            let code = outcome(reader);
            // SAFETY: ends the process at once, without what the child wants done at its own end.
            unsafe { libc::_exit(code.into()) }
        }
    }
}

/// What the child says.
fn outcome(mut child: PipeReader) -> u8 {
    let mut code = [GONE];
    if child.read_exact(&mut code).is_err() {
        let _ = writeln!(io::stderr(), "kinglet: the process ended before it was ready");
    }
    let [code] = code;
    code
}

impl Detached {
    /// Ends the starter with code 0. Standard error is at `/dev/null` from here on, unless it is
    /// to be kept.
    ///
    /// # Errors
    /// What the kernel says to `/dev/null`. That the starter has gone is no error.
    pub fn ready(self, keep_stderr: bool) -> io::Result<()> {
        if !keep_stderr {
            leave_stderr()?;
        }
        self.failed(0);
        Ok(())
    }

    /// Ends the starter with this code. The text is on standard error already.
    pub fn failed(mut self, code: u8) {
        let _ = self.starter.write_all(&[code]);
    }
}

/// Points standard error at `/dev/null`.
///
/// # Errors
/// What the kernel says to `/dev/null`.
pub fn leave_stderr() -> io::Result<()> {
    point(&null()?, 2)
}

fn null() -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open("/dev/null")
}

/// Makes `number` a copy of `file`.
fn point(file: &File, number: i32) -> io::Result<()> {
    // SAFETY: takes no pointers; 0, 1 and 2 are nobody's own, so they may be replaced.
    if unsafe { libc::dup2(file.as_raw_fd(), number) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    /// Runs a test that detaches; what the starter said and its code. Standard error reads to
    /// its end, which is when the child has let go of it.
    fn run(name: &str) -> (String, Option<i32>) {
        let output = Command::new("/proc/self/exe")
            .args(["--exact", "--ignored", "--test-threads=1", "--nocapture"])
            .arg(format!("sys::detach::tests::{name}"))
            .stdin(Stdio::piped())
            .output()
            .unwrap();
        (String::from_utf8(output.stderr).unwrap(), output.status.code())
    }

    fn link(fd: i32) -> String {
        let path = std::fs::read_link(format!("/proc/self/fd/{fd}")).unwrap();
        path.into_os_string().into_string().unwrap()
    }

    /// Ends the child without the words of the test's runner.
    fn leave() -> ! {
        // SAFETY: ends the process.
        unsafe { libc::_exit(0) }
    }

    #[test]
    fn the_starter_ends_with_0_when_the_child_is_ready() {
        let (text, code) = run("child_is_ready");
        let lines: Vec<_> = text.lines().collect();
        let expected = ["/dev/null", "/dev/null", "its own session", "kept"];
        assert_eq!((lines, code), (expected.to_vec(), Some(0)));
    }

    #[test]
    #[ignore = "forks; run by the_starter_ends_with_0_when_the_child_is_ready"]
    fn child_is_ready() {
        let detached = begin().unwrap();
        eprintln!("{}\n{}", link(0), link(1));
        // SAFETY: neither call takes a pointer.
        if unsafe { libc::getsid(0) == libc::getpid() } {
            eprintln!("its own session");
        }
        detached.ready(true).unwrap();
        eprintln!("kept");
        leave()
    }

    #[test]
    fn standard_error_is_let_go_of_unless_it_is_kept() {
        let (text, code) = run("child_lets_go");
        assert_eq!((text.as_str(), code), ("", Some(0)));
    }

    #[test]
    #[ignore = "forks; run by standard_error_is_let_go_of_unless_it_is_kept"]
    fn child_lets_go() {
        begin().unwrap().ready(false).unwrap();
        eprintln!("nobody reads this");
        leave()
    }

    #[test]
    fn the_starter_ends_with_the_code_of_a_failure() {
        let (text, code) = run("child_fails");
        assert_eq!((text.as_str(), code), ("", Some(78)));
    }

    #[test]
    #[ignore = "forks; run by the_starter_ends_with_the_code_of_a_failure"]
    fn child_fails() {
        begin().unwrap().failed(78);
        leave()
    }

    #[test]
    fn a_child_that_ends_without_a_word_has_failed() {
        let (text, code) = run("child_says_nothing");
        let expected = "kinglet: the process ended before it was ready\n";
        assert_eq!((text.as_str(), code), (expected, Some(1)));
    }

    #[test]
    #[ignore = "forks; run by a_child_that_ends_without_a_word_has_failed"]
    fn child_says_nothing() {
        let _detached = begin().unwrap();
        leave()
    }
}
