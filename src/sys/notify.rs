//! What a service manager and its service say to each other: sd_notify(3), sd_listen_fds(3) and
//! sd_watchdog_enabled(3). There is no library of systemd's in this: it is a datagram socket and
//! a few variables.
//!
//! The variables are taken out of the environment, so that no child believes them to be its own.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{FromRawFd as _, OwnedFd, RawFd};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::process::Pid;

/// How long a message may wait for room in the manager's queue.
const PATIENCE: Duration = Duration::from_millis(250);
/// The first descriptor that is handed over: SD_LISTEN_FDS_START.
const FIRST_FD: RawFd = 3;
/// Descriptors that are taken at most.
const INHERITED_MAX: RawFd = 1024;

/// The service manager, when there is one that listens.
#[derive(Debug)]
pub struct Notify {
    socket: UnixDatagram,
    address: SocketAddr,
    watchdog_us: Option<u64>,
    /// What the variables were.
    variables: Vec<(OsString, OsString)>,
}

impl Notify {
    /// Takes `NOTIFY_SOCKET` (a path, or `@` and an abstract name), `WATCHDOG_USEC` and
    /// `WATCHDOG_PID` out of the environment. `None`: nobody listens. Call it before other
    /// threads start; later the variables stay where they are.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] for an address that is none of those, or what the kernel
    /// says to a new socket.
    pub fn from_env() -> io::Result<Option<Self>> {
        let names = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"];
        let [address, period, pid] = names.map(take);
        let variables = [&address, &period, &pid].into_iter().zip(names);
        let variables = variables
            .filter_map(|(value, name)| Some((OsString::from(name), value.clone()?)))
            .collect();
        let Some(address) = address else { return Ok(None) };
        let address = address_of(&address)?;
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(PATIENCE))?;
        let watchdog_us = watchdog(period.as_deref(), pid.as_deref(), Pid::own());
        Ok(Some(Self { socket, address, watchdog_us, variables }))
    }

    /// Sends lines of the form `NAME=value`: `READY=1`, `STATUS=…`, `STOPPING=1`, `WATCHDOG=1`.
    ///
    /// # Errors
    /// What the kernel says; [`io::ErrorKind::WouldBlock`] when the manager does not read.
    pub fn send(&self, lines: &str) -> io::Result<()> {
        self.socket.send_to_addr(lines.as_bytes(), &self.address).map(drop)
    }

    /// Says that the configuration is being read again, as `Type=notify-reload` wants it. `READY=1`
    /// says that it is over, whatever came of it.
    ///
    /// # Errors
    /// As [`Notify::send`].
    pub fn reloading(&self) -> io::Result<()> {
        self.send(&format!("RELOADING=1\nMONOTONIC_USEC={}", super::clock::monotonic_us()))
    }

    /// Microseconds within which `WATCHDOG=1` must come, again and again; `None` when nobody waits
    /// for it. Half of it is a good interval.
    #[must_use]
    pub fn watchdog_us(&self) -> Option<u64> {
        self.watchdog_us
    }

    /// The variables that were taken, for a program that this process becomes.
    #[must_use]
    pub fn variables(&self) -> &[(OsString, OsString)] {
        &self.variables
    }
}

fn address_of(text: &OsStr) -> io::Result<SocketAddr> {
    match text.as_bytes() {
        [b'/', ..] => SocketAddr::from_pathname(text),
        [b'@', name @ ..] if !name.is_empty() => SocketAddr::from_abstract_name(name),
        _ => Err(io::ErrorKind::InvalidInput.into()),
    }
}

/// The period, if it is meant for this process: no number of a process means any.
fn watchdog(period: Option<&OsStr>, pid: Option<&OsStr>, own: Pid) -> Option<u64> {
    if pid.is_some_and(|pid| number::<i32>(pid) != Some(own.get())) {
        return None;
    }
    period.and_then(number).filter(|us| *us > 0)
}

fn number<N: std::str::FromStr>(text: &OsStr) -> Option<N> {
    text.to_str()?.parse().ok()
}

/// Takes the sockets that the service manager has opened: `LISTEN_PID`, `LISTEN_FDS`,
/// `LISTEN_FDNAMES`. They are made close-on-exec; with each comes the name that its unit gives
/// it, if any. Empty when there are none, when they are another process's, or when they have been
/// taken before.
///
/// Call it first of all, before anything opens a descriptor that could be taken for one of them,
/// and before other threads start.
#[must_use]
pub fn inherited() -> Vec<(OwnedFd, Option<String>)> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    let [pid, count, names] = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"].map(take);
    if TAKEN.swap(true, Ordering::Relaxed) {
        return Vec::new();
    }
    let mut found = Vec::new();
    let names = offered(pid.as_deref(), count.as_deref(), names.as_deref(), Pid::own());
    for (fd, name) in (FIRST_FD..).zip(names) {
        // SAFETY: takes no pointers; a number that is not open gives an error.
        if unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) } == 0 {
            // SAFETY: by the protocol the descriptor is this process's to take, and the flag
            // above makes sure that it is taken once.
            found.push((unsafe { OwnedFd::from_raw_fd(fd) }, name));
        }
    }
    found
}

/// What the three variables offer to the process `own`: a name, or none, for each descriptor.
#[must_use]
pub fn offered(
    pid: Option<&OsStr>,
    count: Option<&OsStr>,
    names: Option<&OsStr>,
    own: Pid,
) -> Vec<Option<String>> {
    let count = handed_over(pid, count, own).unwrap_or(0);
    let names = names.unwrap_or_default().as_bytes();
    let mut names = names.split(|byte| *byte == b':').map(String::from_utf8_lossy);
    (0..count).map(|_| names.next().filter(|name| !name.is_empty()).map(String::from)).collect()
}

/// How many descriptors there are for this process.
fn handed_over(pid: Option<&OsStr>, count: Option<&OsStr>, own: Pid) -> Option<RawFd> {
    if number::<i32>(pid?)? != own.get() {
        return None;
    }
    number::<RawFd>(count?).filter(|count| (1..=INHERITED_MAX).contains(count))
}

/// Takes a variable out of the environment, if that is safe by now.
fn take(name: &str) -> Option<OsString> {
    let value = std::env::var_os(name)?;
    if is_single_threaded() {
        // SAFETY: no other thread is there that could read the environment meanwhile.
        unsafe { std::env::remove_var(name) };
    }
    Some(value)
}

/// Whether this thread is the only one of the process. Without `/proc` it does not count as that.
fn is_single_threaded() -> bool {
    std::fs::read_dir("/proc/self/task").is_ok_and(|threads| threads.count() == 1)
}

#[cfg(test)]
#[path = "notify_tests.rs"]
mod tests;
