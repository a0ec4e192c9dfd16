//! Where the server can be reached, for people: lines of the log, or the banner of quick mode.

use super::sockets::Served;
use crate::daemon::command::quick;
use crate::daemon::plan::Plan;
use crate::sys::{ifaddr, log};

/// Logs where `plan` is served and the memory that it takes; what that is made of is for -d info.
pub(in crate::daemon) fn log_start(plan: &Plan, served: &[(u16, Served)]) {
    for line in lines(plan, served, &[]) {
        log::notice(format_args!("{line}"));
    }
    let mut memory = plan.budget_text.lines();
    if let Some(sum) = memory.next() {
        log::notice(format_args!("{sum}"));
    }
    for line in memory {
        log::info(format_args!("{line}"));
    }
}

/// One line for each place that `plan` is served at and that was not served `before`.
#[must_use]
pub(in crate::daemon) fn lines(
    plan: &Plan,
    served: &[(u16, Served)],
    before: &[(u16, Served)],
) -> Vec<String> {
    let new = served.iter().filter(|(_, place)| before.iter().all(|(_, other)| other != place));
    new.map(|(listener, place)| {
        let listener = plan.listeners.get(usize::from(*listener));
        let scheme = listener.map_or("http", |listener| listener.scheme.as_str());
        let names = listener.map_or("", |listener| &listener.vhosts);
        match place {
            Served::Tcp(address) => format!("listening on {scheme}://{address} for {names}"),
            Served::Unix(name) => format!("listening on {name} ({scheme}) for {names}"),
        }
    })
    .collect()
}

/// One line for each place that was served `before` and is not any more.
#[must_use]
pub(super) fn farewells(served: &[(u16, Served)], before: &[(u16, Served)]) -> Vec<String> {
    let old = before.iter().filter(|(_, place)| served.iter().all(|(_, other)| other != place));
    old.map(|(_, place)| match place {
        Served::Tcp(address) => format!("no longer listening on {address}"),
        Served::Unix(name) => format!("no longer listening on {name}"),
    })
    .collect()
}

/// What quick mode prints when it serves.
#[must_use]
pub(in crate::daemon) fn banner(plan: &Plan, directory: &str, served: &[(u16, Served)]) -> String {
    let mut text = format!("kinglet serves {directory}\n\n");
    let outward = ifaddr::outward();
    let mut is_local = true;
    for (listener, place) in served {
        let listener = plan.listeners.get(usize::from(*listener));
        let scheme = listener.map_or("http", |listener| listener.scheme.as_str());
        if let Served::Tcp(address) = place {
            is_local &= address.ip().is_loopback();
            for host in quick::url_hosts(*address, &outward) {
                text.push_str(&format!("    {scheme}://{host}/\n"));
            }
        }
    }
    if is_local {
        text.push_str("\nonly this machine can reach it; --listen '*' opens it to the network\n");
    }
    let memory = plan.budget_text.lines().next().unwrap_or_default();
    format!("{text}\n{memory}\nstop it with Ctrl-C")
}
