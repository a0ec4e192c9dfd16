//! Starting planners and workers from the program file on disk.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{BorrowedFd, RawFd};
use std::path::{Path, PathBuf};

use crate::daemon::command::args::Args;
use crate::daemon::command::argv::Role;
use crate::sys::log::Level;
use crate::sys::process::{self, Pid};
use crate::sys::signal::Signal;
use crate::sys::spawn::Spawn;
use crate::sys::{log, trust, user};

/// Where a worker finds its channel.
pub(super) const CHANNEL_FD: RawFd = 3;
/// Where a worker finds the ring of log lines.
pub(super) const RING_FD: RawFd = 4;
/// Where a planner finds the file for its plan.
pub(super) const PLAN_FD: RawFd = 3;
/// Where a planner finds the file for its snapshot.
pub(super) const SNAPSHOT_FD: RawFd = 4;
/// Where a planner finds the snapshot that is served from.
const SERVED_FD: RawFd = 5;
/// Standard error.
const STDERR_FD: RawFd = 2;

/// Variables that children inherit; all others are this process's alone.
const INHERITED: [&str; 6] = ["PATH", "TZ", "LANG", "NO_COLOR", "JOURNAL_STREAM", "TERM"];

/// Signals that children have no use for, and that `killall` sends to all alike. Nobody may die of
/// them between the start of the program and the moment when it ignores them itself.
const NOT_FOR_CHILDREN: [Signal; 4] =
    [Signal::Hangup, Signal::Interrupt, Signal::User1, Signal::User2];

/// The program that is running, whatever has become of its file.
const OWN_IMAGE: &str = "/proc/self/exe";

/// glibc: no cache of freed pieces for each thread. Handshakes would fill it and never give back.
#[cfg(target_env = "gnu")]
const TLS_VARIABLE: Option<(&str, &str)> = Some(("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0"));
#[cfg(not(target_env = "gnu"))]
const TLS_VARIABLE: Option<(&str, &str)> = None;

/// What children are started with.
#[derive(Debug)]
pub(super) struct Children {
    program: PathBuf,
    plan: Vec<OsString>,
    /// For a reload.
    plan_again: Vec<OsString>,
    worker: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    as_root: bool,
}

impl Children {
    /// Finds the program file, once: later it may have another content, but never another path.
    #[must_use]
    pub(super) fn new(args: &Args) -> Self {
        Self {
            program: process::own_program().unwrap_or_else(|_| OWN_IMAGE.into()),
            plan: args.to_argv(Role::Plan),
            plan_again: again(args).to_argv(Role::Plan),
            worker: args.to_argv(Role::Worker),
            env: environment(|name| std::env::var_os(name)),
            as_root: user::effective_uid() == 0,
        }
    }

    /// The program file.
    #[must_use]
    pub(super) fn program(&self) -> &Path {
        &self.program
    }

    /// Whether the program file may be run with these rights: root runs nothing that others could
    /// have written.
    ///
    /// # Errors
    /// Why not, as a sentence.
    pub(super) fn check(&self) -> Result<(), String> {
        if !self.as_root || self.program == Path::new(OWN_IMAGE) {
            return Ok(());
        }
        trust::is_trusted(&self.program)
            .map_err(|distrust| format!("the program is not run as root: {distrust}"))
    }

    /// Starts a planner. `served`: the snapshot that is served from. `words`: where its messages
    /// go, if not to this process's standard error; then it is a reload, and notes are left out.
    ///
    /// # Errors
    /// What the kernel says.
    pub(super) fn start_planner(
        &self,
        plan: BorrowedFd<'_>,
        snapshot: BorrowedFd<'_>,
        served: Option<BorrowedFd<'_>>,
        words: Option<BorrowedFd<'_>>,
    ) -> io::Result<Pid> {
        let mut fds = vec![(plan, PLAN_FD), (snapshot, SNAPSHOT_FD)];
        fds.extend(served.map(|served| (served, SERVED_FD)));
        fds.extend(words.map(|words| (words, STDERR_FD)));
        let args = if words.is_some() { &self.plan_again } else { &self.plan };
        self.spawn(&self.program, args, &self.env, &fds, false)
    }

    /// Starts a worker. Root's has a session of its own: once it has given its rights up it must
    /// not be able to type into root's terminal (TIOCSTI). When the program file is gone or not to
    /// be trusted, the program that is running here takes its place.
    ///
    /// # Errors
    /// What the kernel says.
    pub(super) fn start_worker(
        &self,
        speaks_tls: bool,
        channel: BorrowedFd<'_>,
        ring: Option<BorrowedFd<'_>>,
    ) -> io::Result<Pid> {
        let mut env = self.env.clone();
        if speaks_tls && let Some((name, value)) = TLS_VARIABLE {
            env.push((name.into(), value.into()));
        }
        let mut fds = vec![(channel, CHANNEL_FD)];
        fds.extend(ring.map(|ring| (ring, RING_FD)));
        let reason = match self.check() {
            Ok(()) => match self.spawn(&self.program, &self.worker, &env, &fds, self.as_root) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    format!("{} is gone", self.program.display())
                }
                other => return other,
            },
            Err(reason) => reason,
        };
        log::warn(format_args!("{reason}: the worker runs the program of the supervisor"));
        self.spawn(Path::new(OWN_IMAGE), &self.worker, &env, &fds, self.as_root)
    }

    fn spawn(
        &self,
        program: &Path,
        args: &[OsString],
        env: &[(OsString, OsString)],
        fds: &[(BorrowedFd<'_>, RawFd)],
        new_session: bool,
    ) -> io::Result<Pid> {
        let ignored = &NOT_FOR_CHILDREN;
        Spawn { program, args, env, fds, new_session, ignored, dies_with_parent: true }.spawn()
    }
}

/// What a planner is told when the configuration is read again. Whoever asked for that is to see
/// all that is wrong, whatever the log takes; notes have been read at the start.
fn again(args: &Args) -> Args {
    Args { level: Level::Warn, ..args.clone() }
}

/// The environment of children.
fn environment(get: impl Fn(&OsStr) -> Option<OsString>) -> Vec<(OsString, OsString)> {
    let name = INHERITED.iter().map(OsString::from);
    name.filter_map(|name| get(&name).map(|value| (name, value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_see_little_of_the_environment() {
        let all = |name: &OsStr| match name.to_str()? {
            "TZ" => Some("Europe/Vienna".into()),
            "LD_PRELOAD" | "NOTIFY_SOCKET" | "LISTEN_FDS" => Some("x".into()),
            _ => None,
        };
        assert_eq!(environment(all), [("TZ".into(), "Europe/Vienna".into())]);
    }
}
