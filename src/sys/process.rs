//! Processes: their numbers, how they end, what they weigh, and becoming another program.

use std::ffi::{CStr, OsStr, OsString};
use std::fmt;
use std::io::{self, Read as _};
use std::os::fd::{AsRawFd as _, BorrowedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

pub use super::trust::{Distrust, is_trusted};

use super::spawn::Image;

/// What the kernel appends to the name of a program whose file has been replaced or removed.
const DELETED: &[u8] = b" (deleted)";

/// Bytes that are read of a file about a process: `smaps_rollup` has less than 1 KiB.
const ACCOUNT_BYTES_MAX: usize = 2048;

/// The number of one process: always positive, so that no call takes it for a group or for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pid(i32);

impl Pid {
    /// `None` for what names no single process: 0 and negative numbers.
    #[must_use]
    pub const fn new(number: i32) -> Option<Self> {
        if number > 0 { Some(Self(number)) } else { None }
    }

    /// This process.
    #[must_use]
    pub fn own() -> Self {
        // SAFETY: takes nothing and never fails.
        Self(unsafe { libc::getpid() })
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> i32 {
        self.0
    }
}

impl fmt::Display for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How a process came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// By itself, with this exit code.
    Exited(u8),
    /// By this signal.
    Killed(i32),
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Exited(code) => write!(f, "exit code {code}"),
            Self::Killed(signal) => match signal_name(signal) {
                Some(name) => write!(f, "signal {signal} ({name})"),
                None => write!(f, "signal {signal}"),
            },
        }
    }
}

/// A word for what a signal means to the one that it ends: signal(7).
fn signal_name(number: i32) -> Option<&'static str> {
    Some(match number {
        libc::SIGHUP => "hangup",
        libc::SIGINT => "interrupted",
        libc::SIGQUIT => "quit",
        libc::SIGILL => "illegal instruction",
        libc::SIGTRAP => "trap",
        libc::SIGABRT => "aborted",
        libc::SIGBUS => "bus error",
        libc::SIGFPE => "arithmetic error",
        libc::SIGKILL => "killed",
        libc::SIGSEGV => "segmentation fault",
        libc::SIGPIPE => "broken pipe",
        libc::SIGALRM => "alarm",
        libc::SIGTERM => "terminated",
        libc::SIGXCPU => "processor time used up",
        libc::SIGXFSZ => "file too large",
        libc::SIGSYS => "bad system call",
        _ => return None,
    })
}

/// One child that has ended, whichever; `None` when none has, or when there are no children. One
/// SIGCHLD may stand for several: call it until it returns `None`.
#[must_use]
pub fn reap() -> Option<(Pid, Ended)> {
    loop {
        let mut status = 0;
        // SAFETY: `status` outlives the call.
        let pid = unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG) };
        if pid < 0 && io::Error::last_os_error().kind() == io::ErrorKind::Interrupted {
            continue;
        }
        return Some((Pid::new(pid)?, ended(status)));
    }
}

/// What a wait status says.
fn ended(status: i32) -> Ended {
    if libc::WIFSIGNALED(status) {
        return Ended::Killed(libc::WTERMSIG(status));
    }
    // An exit status has eight bits.
    Ended::Exited(u8::try_from(libc::WEXITSTATUS(status)).unwrap_or(u8::MAX))
}

/// Sends a signal by its number (signal(7)); 0 only asks whether the process is there. The number
/// of a child stays its own until it has been [`reap`]ed.
///
/// # Errors
/// ESRCH when there is no such process, EPERM when it is not ours to signal.
pub fn kill(pid: Pid, signal: i32) -> io::Result<()> {
    // SAFETY: takes no pointers.
    if unsafe { libc::kill(pid.0, signal) } == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Lives on when the process that started this one ends, see
/// [`super::spawn::Spawn::dies_with_parent`].
pub fn outlive_parent() {
    // SAFETY: takes no pointers. It fails for numbers that are no signal, which 0 may be.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, 0 as libc::c_ulong) };
}

/// The name of a process (`/proc/PID/comm`) that has not ended. One that its parent has not waited
/// for yet has ended.
#[must_use]
pub fn name(pid: u32) -> Option<String> {
    let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    let stat = String::from_utf8_lossy(&stat);
    // `1 (name) S …`; the name may have anything in it.
    let (before, after) = stat.rsplit_once(')')?;
    let (_, name) = before.split_once('(')?;
    let ended = after.trim_start().starts_with(['Z', 'X']);
    (!ended).then(|| name.escape_debug().to_string())
}

/// SIGTERM, for [`kill`].
pub const TERMINATE: i32 = libc::SIGTERM;
/// SIGKILL, for [`kill`].
pub const KILL: i32 = libc::SIGKILL;

/// Memory of a process, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Memory {
    /// Nobody else's, and written to: what would be free again if the process ended.
    pub private_dirty_bytes: u64,
    /// Nobody else's, but as it is in a file.
    pub private_clean_bytes: u64,
    /// All that is in RAM, shared parts included.
    pub resident_bytes: u64,
    /// It is told from `statm`: pages of files are not told from each other.
    pub is_estimate: bool,
}

/// What a process weighs: `/proc/PID/smaps_rollup`. Kernels before 4.14 do not have that, and it is
/// for whoever may trace the process (ptrace(2)): of a worker that has given up root's rights it
/// takes CAP_SYS_PTRACE. Else it is told from `/proc/PID/statm`, which everybody may read and which
/// counts pages that are not shared as dirty.
///
/// # Errors
/// What the kernel says, or [`io::ErrorKind::InvalidData`] when it is not understood.
pub fn memory(pid: Pid) -> io::Result<Memory> {
    let mut room = [0; ACCOUNT_BYTES_MAX];
    let found = match account(pid, "smaps_rollup", &mut room) {
        Ok(text) => from_rollup(text),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied
            ) =>
        {
            from_statm(account(pid, "statm", &mut room)?, super::limits::page_bytes() as u64)
        }
        Err(error) => return Err(error),
    };
    found.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

fn account<'room>(pid: Pid, file: &str, room: &'room mut [u8]) -> io::Result<&'room str> {
    let mut file = std::fs::File::open(format!("/proc/{pid}/{file}"))?;
    let mut filled = 0;
    while let Some(rest) = room.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read(rest) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let text = room.get(..filled).and_then(|text| std::str::from_utf8(text).ok());
    text.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// Lines of the form `Private_Dirty:     123 kB`.
fn from_rollup(text: &str) -> Option<Memory> {
    let bytes = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
        let kilobytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
        kilobytes.checked_mul(1024)
    };
    Some(Memory {
        private_dirty_bytes: bytes("Private_Dirty")?,
        private_clean_bytes: bytes("Private_Clean")?,
        resident_bytes: bytes("Rss")?,
        is_estimate: false,
    })
}

/// Numbers of pages: all, resident, of those shared, …
fn from_statm(text: &str, page_bytes: u64) -> Option<Memory> {
    let mut numbers = text.split_ascii_whitespace().skip(1).map(str::parse::<u64>);
    let (resident, shared) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    Some(Memory {
        private_dirty_bytes: resident.checked_sub(shared)?.checked_mul(page_bytes)?,
        private_clean_bytes: 0,
        resident_bytes: resident.checked_mul(page_bytes)?,
        is_estimate: true,
    })
}

/// The file that this process executes. Ask at the start: after an update the kernel knows only
/// that the file of then is gone.
///
/// # Errors
/// [`io::ErrorKind::NotFound`] when it has been replaced or removed meanwhile, else what the
/// kernel says.
pub fn own_program() -> io::Result<PathBuf> {
    match std::fs::read_link("/proc/self/exe") {
        Ok(path) => still_there(path),
        Err(error) => started_as().ok_or(error),
    }
}

/// The same where `/proc` is not mounted: what execve(2) was given. `None` when there is no such
/// file from here.
fn started_as() -> Option<PathBuf> {
    // SAFETY: reads a number of this process.
    let name = unsafe { libc::getauxval(libc::AT_EXECFN) } as *const libc::c_char;
    if name.is_null() {
        return None;
    }
    // SAFETY: the kernel has put this string, with its NUL, above the stack, where it stays.
    let name = unsafe { CStr::from_ptr(name) };
    std::fs::canonicalize(OsStr::from_bytes(name.to_bytes())).ok()
}

fn still_there(path: PathBuf) -> io::Result<PathBuf> {
    if path.as_os_str().as_bytes().ends_with(DELETED) {
        return Err(io::ErrorKind::NotFound.into());
    }
    Ok(path)
}

/// Becomes another program in this very process: same number, same children. The descriptors
/// `keep` stay open under their numbers, as do 0, 1 and 2; all others are to be close-on-exec,
/// and are with everything made in this folder. Blocked signals stay blocked, and those that came
/// meanwhile wait for the new program.
///
/// `args` begins with the program's own name; `env` is all of its environment.
///
/// Returns only when it did not work; everything is as before then.
#[must_use]
pub fn replace(
    program: &Path,
    args: &[OsString],
    env: &[(OsString, OsString)],
    keep: &[BorrowedFd<'_>],
) -> io::Error {
    let image = match Image::new(program, args, env) {
        Ok(image) => image,
        Err(error) => return error,
    };
    let mut done = keep.iter().map(|fd| set_cloexec(*fd, false));
    if let Some(error) = done.find_map(Result::err) {
        let _ = keep.iter().try_for_each(|fd| set_cloexec(*fd, true));
        return error;
    }
    image.execute();
    let error = io::Error::last_os_error();
    let _ = keep.iter().try_for_each(|fd| set_cloexec(*fd, true));
    error
}

/// Says whether a descriptor is closed when the process becomes another program.
///
/// # Errors
/// What the kernel says.
pub(super) fn set_cloexec(fd: BorrowedFd<'_>, closed: bool) -> io::Result<()> {
    let flags = if closed { libc::FD_CLOEXEC } else { 0 };
    // SAFETY: takes no pointers.
    if unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFD, flags) } == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

#[cfg(test)]
#[path = "process_tests.rs"]
mod tests;
