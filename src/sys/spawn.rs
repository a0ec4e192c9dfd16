//! Starting a program as a child process, with exactly the descriptors that it is to have.

use std::ffi::{CString, OsStr, OsString};
use std::io::{self, Read as _};
use std::os::fd::{AsRawFd as _, BorrowedFd, RawFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use super::process::Pid;
use super::signal::{Signal, number_of};

/// The first descriptor that a child does not have anyway.
const FIRST_OWN_FD: RawFd = 3;
/// Where kernels without close_range(2) (before 5.11) stop looking for descriptors that this
/// program was started with: those have low numbers.
const LOW_FDS: RawFd = 1024;
/// Exit code of a child that could not execute its program; nobody sees it.
const NOT_EXECUTED: i32 = 127;

/// A program with its arguments and environment, as execve(2) wants them.
pub(super) struct Image {
    program: CString,
    args: Pointers,
    env: Pointers,
}

/// Strings and a list of pointers to them that ends with null.
struct Pointers {
    /// What the pointers point to: heap blocks, which stay where they are.
    _strings: Vec<CString>,
    list: Vec<*const libc::c_char>,
}

impl Pointers {
    fn new(strings: Vec<CString>) -> Self {
        let mut list: Vec<_> = strings.iter().map(|string| string.as_ptr()).collect();
        list.push(std::ptr::null());
        Self { _strings: strings, list }
    }
}

impl Image {
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] when something has a NUL in it.
    pub(super) fn new(
        program: &Path,
        args: &[OsString],
        env: &[(OsString, OsString)],
    ) -> io::Result<Self> {
        let string = |text: &OsStr| Ok(CString::new(text.as_bytes())?);
        let args: io::Result<Vec<_>> = args.iter().map(|arg| string(arg)).collect();
        let env: io::Result<Vec<_>> = env
            .iter()
            .map(|(name, value)| {
                let mut text = name.clone();
                text.push("=");
                text.push(value);
                string(&text)
            })
            .collect();
        Ok(Self {
            program: string(program.as_os_str())?,
            args: Pointers::new(args?),
            env: Pointers::new(env?),
        })
    }

    /// Becomes the program; returns only when that fails, with the reason in `errno`.
    pub(super) fn execute(&self) {
        // SAFETY: the string and both lists end as they must and outlive the call.
        unsafe {
            libc::execve(self.program.as_ptr(), self.args.list.as_ptr(), self.env.list.as_ptr())
        };
    }
}

/// A child process to be.
#[derive(Debug, Clone, Copy)]
pub struct Spawn<'a> {
    /// The file; it is not searched for.
    pub program: &'a Path,
    /// The arguments, with the program's own name first.
    pub args: &'a [OsString],
    /// The whole environment.
    pub env: &'a [(OsString, OsString)],
    /// Descriptors and their numbers in the child. What is not among them is closed there, but
    /// for 0, 1 and 2, which are this process's own unless they are among the numbers. A number
    /// that comes twice is the last one's.
    pub fds: &'a [(BorrowedFd<'a>, RawFd)],
    /// Whether it leads a session of its own, away from the terminal; else it stays in this
    /// process's group.
    pub new_session: bool,
    /// Signals that the program begins with as ignored: it would die of them until it has said so
    /// itself.
    pub ignored: &'a [Signal],
    /// Whether it is killed when this process ends, until [`super::process::outlive_parent`] or a
    /// change of user. It is to be started by a thread that lasts as long as the process.
    pub dies_with_parent: bool,
}

impl Spawn<'_> {
    /// Starts it. The program begins with no signal blocked, and none but those of `ignored`
    /// ignored, whatever holds here.
    ///
    /// # Errors
    /// What the kernel says to any step, the execution of the program included (no child is left
    /// then); [`io::ErrorKind::InvalidInput`] for a NUL in a string or a negative number.
    pub fn spawn(&self) -> io::Result<Pid> {
        let image = Image::new(self.program, self.args, self.env)?;
        if self.fds.iter().any(|(_, target)| *target < 0) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let (mut failure, failed) = io::pipe()?;
        let mut child = Child {
            image: &image,
            // Above all numbers that are taken, so that no move overwrites a source.
            above: self.fds.iter().map(|(_, target)| *target).fold(FIRST_OWN_FD, RawFd::max) + 1,
            moves: self.fds.iter().map(|(fd, target)| (fd.as_raw_fd(), *target)).collect(),
            failure: failed.as_raw_fd(),
            signals: libc::SIGRTMAX(),
            new_session: self.new_session,
            ignored: self.ignored,
            dies_with: self.dies_with_parent.then(|| Pid::own().get()),
        };
        // SAFETY: the child makes only calls that are allowed after a fork in a program with
        // several threads (signal-safety(7)), and leaves by execve or _exit. It does not
        // allocate: all that it needs has been prepared.
        match unsafe { libc::fork() } {
            -1 => Err(io::Error::last_os_error()),
            0 => child.run(),
            pid => {
                drop(failed);
                let mut number = [0; 4];
                // Nothing comes when the program runs: the pipe is closed on exec.
                match failure.read_exact(&mut number) {
                    Err(_) => Pid::new(pid).ok_or_else(|| io::ErrorKind::InvalidData.into()),
                    Ok(()) => {
                        wait_for(pid);
                        Err(io::Error::from_raw_os_error(i32::from_ne_bytes(number)))
                    }
                }
            }
        }
    }
}

/// Waits for a child that is about to end.
fn wait_for(pid: libc::pid_t) {
    // SAFETY: the status is not asked for.
    while unsafe { libc::waitpid(pid, std::ptr::null_mut(), 0) } < 0
        && io::Error::last_os_error().kind() == io::ErrorKind::Interrupted
    {}
}

/// What the child has to do between fork and exec.
struct Child<'a> {
    image: &'a Image,
    /// Numbers from here on are nobody's target.
    above: RawFd,
    /// Descriptors and their targets.
    moves: Vec<(RawFd, RawFd)>,
    /// Where the number of an error goes.
    failure: RawFd,
    /// The highest signal.
    signals: i32,
    new_session: bool,
    ignored: &'a [Signal],
    /// The process whose end is this one's.
    dies_with: Option<libc::pid_t>,
}

impl Child<'_> {
    fn run(&mut self) -> ! {
        self.prepare_and_execute();
        let error = io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO).to_ne_bytes();
        // SAFETY: four live bytes are read; the process ends here, and nobody else is in it.
        unsafe {
            libc::write(self.failure, error.as_ptr().cast(), error.len());
            libc::_exit(NOT_EXECUTED)
        }
    }

    /// Returns only when a step failed, with the reason in `errno`.
    fn prepare_and_execute(&mut self) {
        // SAFETY: takes no pointers.
        if self.new_session && unsafe { libc::setsid() } < 0 {
            return;
        }
        for signal in 1..=self.signals {
            // Fails for those that cannot be set, and for the C library's own.
            // SAFETY: takes no pointers; the process has this one thread.
            unsafe { libc::signal(signal, libc::SIG_DFL) };
        }
        for signal in self.ignored {
            // SAFETY: as above.
            unsafe { libc::signal(number_of(*signal), libc::SIG_IGN) };
        }
        if self.dies_with.is_some_and(|parent| !die_with(parent)) || !self.move_descriptors() {
            return;
        }
        // Only now: a signal that comes earlier could meet this program's handlers.
        // SAFETY: all bytes zero is a valid set, which sigemptyset makes the empty one; it
        // outlives the calls.
        unsafe {
            let mut none: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&raw mut none);
            libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
        }
        self.image.execute();
    }

    /// Copies every source out of the targets' way first, then all to their targets.
    fn move_descriptors(&mut self) -> bool {
        close_all_on_exec();
        let above = self.above;
        // SAFETY: takes no pointers; the numbers are this process's own copies.
        let lift = |fd: RawFd| unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, above) };
        let failure = lift(self.failure);
        if failure < 0 {
            return false;
        }
        self.failure = failure;
        for (source, _) in &mut self.moves {
            *source = lift(*source);
            if *source < 0 {
                return false;
            }
        }
        // A copy made by dup2 is not closed on exec.
        // SAFETY: takes no pointers; the targets are free to be overwritten in this process.
        self.moves.iter().all(|(source, target)| unsafe { libc::dup2(*source, *target) } >= 0)
    }
}

/// Has the kernel kill this process when its parent ends; false when that cannot be, or is too
/// late.
fn die_with(parent: libc::pid_t) -> bool {
    // SAFETY: take no pointers; getppid never fails.
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as libc::c_ulong) == 0
            && libc::getppid() == parent
    }
}

/// Also what this program was given without close-on-exec by whoever started it.
fn close_all_on_exec() {
    let first = FIRST_OWN_FD as libc::c_uint;
    let how = libc::CLOSE_RANGE_CLOEXEC;
    // SAFETY: takes no pointers.
    if unsafe { libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, how) } != 0 {
        each_low_on_exec();
    }
}

/// The same, one by one. Numbers that are not open give errors of no interest.
fn each_low_on_exec() {
    for fd in FIRST_OWN_FD..LOW_FDS {
        // SAFETY: takes no pointers.
        unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
}

#[cfg(test)]
#[path = "spawn_tests.rs"]
mod tests;
