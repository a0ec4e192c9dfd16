//! How many descriptors a server needs, against how many it may have.

use crate::config::settings::Global;
use crate::daemon::finding::{Finding, Report, Severity};
use crate::sys::access::Subject;
use crate::sys::limits;

/// Descriptors that are not connections: standard streams, epoll, signals, files on their way out.
/// Listeners, directories, logs and the file cache come on top.
const DESCRIPTORS_SPARE: u64 = 96;

/// Connections that are planned for however few descriptors there are.
pub(in crate::daemon) const CONNECTIONS_MIN: u64 = 16;

/// Descriptors of a reactor: an epoll instance and an eventfd.
const REACTOR_DESCRIPTORS: u64 = 2;

/// What to do about too few descriptors.
pub(super) const REMEDY: &str =
    "raise \"rlimit-nofile\", LimitNOFILE= of the service, or ulimit -n";

/// Descriptors that are open as long as the server is.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::daemon) struct Held {
    /// Of each reactor: listeners, and the directories that are served.
    pub of_each: usize,
    /// Of all together: access logs.
    pub of_all: usize,
}

/// Descriptors that the server needs beside those of its connections. Open files are shared out.
pub(in crate::daemon) fn beside(global: &Global, held: Held) -> u64 {
    let threads = u64::from(global.count_threads.max(1));
    let each = held.of_each as u64 + REACTOR_DESCRIPTORS;
    let together = held.of_all as u64 + u64::from(global.open_files_max);
    DESCRIPTORS_SPARE + threads * each + together
}

/// RLIMIT_NOFILE against what the configuration promises.
pub(super) fn check(global: &Global, held: Held, starter: &Subject, add: &mut Report<'_>) {
    let Ok(limit) = limits::descriptors() else { return };
    let mut hard = limit.hard;
    match global.rlimit_nofile {
        Some(wanted) if wanted > hard && starter.uid != 0 => {
            let message = format!("rlimit-nofile {wanted} is more than the {hard} allowed here");
            add(Finding::new(Severity::Degraded, message)
                .hint("raise it from outside: LimitNOFILE= of systemd, or ulimit -Hn"));
        }
        Some(wanted) => hard = wanted,
        None => {}
    }
    let Some(connections) = global.connections_max else { return };
    let needed = u64::from(connections) + beside(global, held);
    if needed > hard {
        let message = format!(
            "max-connections {connections} needs {needed} file descriptors and {hard} are allowed"
        );
        add(Finding::new(Severity::Warning, message).hint(REMEDY));
    }
}
