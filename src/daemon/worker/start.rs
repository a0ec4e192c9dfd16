//! From what was handed over to a worker that serves.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};

use zeroize::Zeroizing;

use super::channel::{Channel, Homes, ORDERS, Parts};
use super::handover::{Handed, Handover};
use super::rights;
use super::threads::{self, Crew};
use crate::config::settings::ListenOn;
use crate::conn::Site;
use crate::daemon::certificates::load;
use crate::daemon::check::descriptors::CONNECTIONS_MIN;
use crate::daemon::check::survey::{self, Survey};
use crate::daemon::command::args::Args;
use crate::daemon::command::{exit, print};
use crate::daemon::orders::{Report, TicketBytes};
use crate::daemon::plan::snapshot::{self, SNAPSHOT_BYTES_MAX};
use crate::reactor::{ListenerId, Listening};
use crate::sys::log::Target;
use crate::sys::shortage::Explained;
use crate::sys::{clock, detach, heap, limits, log, memory_file, passing, process};
use crate::tls::TicketSecret;
use crate::vhost::World;
use crate::vhost::certificate_files::PemFiles;
use crate::vhost::log::Logs;

/// Builds what serves, gives up root's rights, and serves until the end; the exit code.
///
/// # Errors
/// The exit code when it does not come to serving; everything has been printed.
pub(super) fn serve(args: &Args, channel: OwnedFd, handover: Handover) -> Result<u8, u8> {
    let Handover { snapshot, port, tickets, logs, sockets } = handover;
    let (mut survey, pem) = read(args, snapshot, port)?;
    let world = survey.untold(Survey::world);
    let identity = survey.untold(|survey| survey.identity(args))?;
    if world.has_tls() {
        heap::keep_small();
    }
    let global = &survey.settings.global;
    let no_new_privs = global.no_new_privs;
    if let Err(error) = limits::set_descriptors(global.rlimit_nofile) {
        log::warn(format_args!("the limit of descriptors stays as it is: {error}"));
    }
    let sizes = survey::sizes(&survey, &world);
    let memory_bytes_max = survey::budget(&world, &sizes).bytes();
    let shared = ticket_secret(tickets);
    let mut certificates = load::load(&mut survey, args, &identity, (&pem, shared));
    drop(pem);
    let teller = channel.try_clone().map_err(|error| failed(format_args!("{error}")))?;
    certificates.heard_by(Box::new(move |vhost| {
        // A supervisor that takes nothing now judges the next reload by what was there before.
        let _ = passing::send(teller.as_fd(), &Report::Certified { vhost: vhost.0 }.encode(), None);
    }));
    if log::enabled(log::Level::Warn) {
        survey.print();
    }
    let reactors = u16::try_from(sizes.threads).unwrap_or(u16::MAX);
    let is_unix = world.listeners.iter().map(|one| matches!(one.on, ListenOn::Unix(_)));
    let homes = Homes::new(reactors, is_unix);
    let (listeners, elsewhere) = settle(sockets, &homes, reactors)?;
    let logs = handed_logs(&world, logs);
    let shutdown_ms = world.limits.shutdown_ms;
    let site = Site::new(world).with_tls(certificates, sizes.handshakes_max);
    // From here on the channel tells that the supervisor has gone, and connections may end.
    process::outlive_parent();
    let held = rights::give_up(&identity, no_new_privs, &site)
        .map_err(|error| failed(format_args!("root's rights cannot be given up: {error}")))?;
    // The text of the configuration is of no use any more.
    drop(survey);
    heap::give_back();
    let watches = vec![(ORDERS, channel.as_raw_fd())];
    let reports = channel.try_clone().map_err(|error| not_set_up(&error))?;
    // Where descriptors are short, directories must not get what connections need: one that is not
    // open now is opened when somebody asks for it.
    let kept: Vec<OwnedFd> = (0..CONNECTIONS_MIN).map_while(|_| channel.try_clone().ok()).collect();
    let connections_max = u32::try_from(sizes.connections_max).unwrap_or(u32::MAX);
    // The world outlives everything; a new configuration comes with a new process.
    let site: &'static Site = Box::leak(Box::new(site));
    let crew = Crew { site, sizes, logs: logs.clone(), held, listeners, watches };
    let parts = Parts { fd: channel, logs, homes, elsewhere, shutdown_ms };
    // Whoever has started a program in the background does not wait for its standard error.
    let leaves_stderr = args.daemonize && args.log_target != Target::Stderr;
    let ready = move || {
        drop(kept);
        let ready = Report::Ready { memory_bytes_max, connections_max };
        // A supervisor that has gone is noticed by the reactor.
        let _ = passing::send(reports.as_fd(), &ready.encode(), None);
        if leaves_stderr && let Err(error) = detach::leave_stderr() {
            log::warn(format_args!("standard error cannot be left: {error}"));
        }
    };
    threads::run(crew, |post| Box::new(Channel::new(parts, post)), ready)
        .map_err(|error| not_set_up(&error))
}

/// The event loops, or the threads that turn them; the exit code.
pub(in crate::daemon) fn not_set_up(error: &io::Error) -> u8 {
    failed(format_args!("the event loops cannot be set up: {}", Explained(error)))
}

fn failed(why: std::fmt::Arguments<'_>) -> u8 {
    print::err(&format!("kinglet: {why}"));
    exit::RUNTIME
}

/// The settings that were planned, and the files of certificates and keys.
fn read(
    args: &Args,
    snapshot: Option<OwnedFd>,
    port: Option<u16>,
) -> Result<(Survey, PemFiles), u8> {
    let unreadable =
        |why: String| failed(format_args!("the planned configuration cannot be read: {why}"));
    let snapshot = snapshot.ok_or_else(|| unreadable("it is missing".to_owned()))?;
    let bytes = memory_file::read_whole(snapshot.as_fd(), SNAPSHOT_BYTES_MAX)
        .map(Zeroizing::new)
        .map_err(|error| unreadable(error.to_string()))?;
    let (files, pem) = snapshot::decode(&bytes).map_err(|fault| unreadable(fault.to_string()))?;
    drop(bytes);
    Ok((Survey::planned(args, files, port)?, PemFiles::given(pem)))
}

/// The secret of all generations; one of its own for a worker that was given none.
fn ticket_secret(tickets: Option<TicketBytes>) -> Option<load::Shared> {
    let now_ms = clock::monotonic_ms();
    load::shared(match tickets {
        Some(bytes) => TicketSecret::import(&*bytes.0, now_ms),
        None => TicketSecret::new(now_ms),
    })
}

/// The listening sockets of each reactor, and where those are that the first one does not have.
pub(in crate::daemon) type Settled = (Vec<Vec<Listening>>, Vec<(u32, u16)>);

pub(in crate::daemon) fn settle(
    sockets: Vec<Handed>,
    homes: &Homes,
    reactors: u16,
) -> Result<Settled, u8> {
    let mut listeners: Vec<Vec<Listening>> = (0..reactors).map(|_| Vec::new()).collect();
    let mut elsewhere = Vec::new();
    for Handed { socket, listener, share, fd } in sockets {
        let home = homes.of(listener, share);
        let place = home.and_then(|home| listeners.get_mut(usize::from(home)));
        let (Some(home), Some(place)) = (home, place) else {
            return Err(failed(format_args!(
                "a socket came for listener {listener}: there is none"
            )));
        };
        place.push(Listening { socket, id: ListenerId(listener), fd });
        if home != 0 {
            elsewhere.push((socket, home));
        }
    }
    Ok((listeners, elsewhere))
}

fn handed_logs(world: &World, handed: Vec<(u16, OwnedFd)>) -> Logs {
    let mut files: Vec<Option<File>> = world.log_files.iter().map(|_| None).collect();
    for (number, fd) in handed {
        if let Some(place) = files.get_mut(usize::from(number)) {
            *place = Some(File::from(fd));
        }
    }
    let report = |message: &str| log::warn(format_args!("{message}"));
    Logs::handed(&world.log_files, files, report)
}

#[cfg(test)]
#[path = "start_tests.rs"]
mod tests;
