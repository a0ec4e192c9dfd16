//! `--one-process`: serving without a supervisor, for debuggers and the like. What needs root's
//! rights is opened first, then they are given up, and only then does anything read from the
//! network.

use std::net::SocketAddr;
use std::os::fd::AsRawFd as _;

use crate::conn::{SIGNALS, SignalWatch, Site};
use crate::daemon::certificates::load;
use crate::daemon::check::budget::Sizes;
use crate::daemon::check::identity::{self, Identity};
use crate::daemon::check::machine::{self, Actors};
use crate::daemon::check::survey::{self, Survey, budget};
use crate::daemon::command::args::{Args, Source};
use crate::daemon::command::{exit, print, quick};
use crate::daemon::finding::{Finding, Severity};
use crate::daemon::listening::ports::{self, Interfaces, Opened, Wanted};
use crate::daemon::worker::rights;
use crate::daemon::worker::threads::{self, Crew};
use crate::reactor::{ListenerId, Listening};
use crate::sys::signal::Signals;
use crate::sys::socket::ListenOptions;
use crate::sys::{clock, fd, heap, limits, log};
use crate::tls::TicketSecret;
use crate::vhost::World;
use crate::vhost::log::{Logs, Owner};

/// Serves what the command line names; the exit code.
pub(super) fn serve(args: &Args) -> u8 {
    start(args).unwrap_or_else(|code| code)
}

fn start(args: &Args) -> Result<u8, u8> {
    let (mut survey, world, opened) = listen(args)?;
    let identity = survey.identity(args)?;
    if world.has_tls() {
        heap::keep_small();
    }
    let global = &survey.settings.global;
    if let Err(error) = limits::set_descriptors(global.rlimit_nofile) {
        log::warn(format_args!("the limit of descriptors stays as it is: {error}"));
    }
    let sizes = survey::sizes(&survey, &world);
    let tickets = load::shared(TicketSecret::new(clock::monotonic_ms()));
    let certificates = load::load(&mut survey, args, &identity, tickets);
    let logs = open_logs(&mut survey, &world, &identity);
    let actors = Actors { server: &identity, starter: &identity::starter() };
    let Survey { settings, report } = &mut survey;
    machine::files(settings, actors, &mut |finding| report.push(finding.into()));
    if log::enabled(log::Level::Warn) {
        survey.print();
    }
    if opened.is_empty() {
        print::err("kinglet: there is nothing to listen on");
        return Err(exit::RUNTIME);
    }
    announce(args, &survey, &world, &opened, &sizes);
    let site = Site::new(world).with_tls(certificates, sizes.handshakes_max);
    let no_new_privs = survey.settings.global.no_new_privs;
    // The text of the configuration is of no use any more.
    drop(survey);
    heap::give_back();
    serve_site(site, opened, sizes, logs, (&identity, no_new_privs))
}

/// Gives up root's rights and serves until the end; the exit code.
fn serve_site(
    site: Site,
    opened: Vec<Opened>,
    sizes: Sizes,
    logs: Logs,
    (identity, no_new_privs): (&Identity, bool),
) -> Result<u8, u8> {
    let failed = |error: std::io::Error| {
        print::err(&format!("kinglet: the event loops can not be set up: {error}"));
        exit::RUNTIME
    };
    // Before any thread starts, so that all of them leave signals to the descriptor.
    let signals = Signals::new().map_err(failed)?;
    let watches = vec![(SIGNALS, signals.as_raw_fd())];
    let listeners = share_listeners(opened, sizes.threads).map_err(failed)?;
    let held = match identity.must_drop {
        true => rights::hold_closed(site.roots(), &identity.subject),
        false => Vec::new(),
    };
    rights::give_up(identity, no_new_privs).map_err(|error| {
        print::err(&format!("kinglet: root's rights can not be given up: {error}"));
        exit::RUNTIME
    })?;
    // The world outlives everything; a new configuration comes with a new process.
    let site: &'static Site = Box::leak(Box::new(site));
    let watch = SignalWatch::new(signals, logs.clone(), site.world.limits.shutdown_ms);
    let crew = Crew { site, sizes, logs, held, listeners, watches };
    threads::run(crew, |_| Box::new(watch), || {}).map_err(failed)
}

/// Every reactor polls all sockets: there is one for each address.
fn share_listeners(opened: Vec<Opened>, reactors: usize) -> std::io::Result<Vec<Vec<Listening>>> {
    let mut listeners: Vec<Vec<Listening>> = (0..reactors).map(|_| Vec::new()).collect();
    for (socket, opened) in (0..).zip(opened) {
        let Ok(id) = u16::try_from(opened.index).map(ListenerId) else { break };
        for of_reactor in &mut listeners {
            let fd = fd::duplicate(&opened.socket)?;
            of_reactor.push(Listening { socket, id, fd });
        }
    }
    Ok(listeners)
}

/// Reads the configuration and opens what it listens on.
fn listen(args: &Args) -> Result<(Survey, World, Vec<Opened>), u8> {
    let Source::Quick(source) = &args.source else {
        let mut survey = Survey::read(args, false, quick::PORT)?;
        let world = survey.world();
        let (opened, findings) = open_ports(&world);
        let fatal = findings.iter().any(|finding| finding.severity == Severity::Error);
        for finding in findings {
            survey.report.push(finding.into());
        }
        if fatal {
            survey.print();
            return Err(exit::RUNTIME);
        }
        return Ok((survey, world, opened));
    };
    let tried = quick::first_free_port(source.port, |port| {
        let mut survey = match Survey::read(args, false, port) {
            Ok(survey) => survey,
            Err(code) => return Ok(Err(code)),
        };
        let world = survey.world();
        let (opened, findings) = open_ports(&world);
        match findings.into_iter().find(|finding| finding.severity == Severity::Error) {
            Some(finding) if finding.message.contains("in use") => {
                Err(std::io::Error::new(std::io::ErrorKind::AddrInUse, finding.message))
            }
            Some(finding) => Err(std::io::Error::other(finding.message)),
            None => Ok(Ok((survey, world, opened))),
        }
    });
    match tried {
        Ok((_, done)) => done,
        Err(error) => {
            print::err(&format!("kinglet: {error}"));
            Err(exit::RUNTIME)
        }
    }
}

fn open_ports(world: &World) -> (Vec<Opened>, Vec<Finding>) {
    let wanted: Vec<Wanted> = world.listeners.iter().map(Wanted::from).collect();
    let interfaces = &Interfaces::for_listeners(&wanted);
    let mut findings = Vec::new();
    let opened =
        ports::open(&wanted, &ListenOptions::default(), interfaces, &mut |index, finding| {
            let place = world.listeners.get(index).map(|listener| listener.place);
            let finding = Finding { place: finding.place.or(place), ..finding };
            findings.push(finding);
        });
    (opened, findings)
}

fn open_logs(survey: &mut Survey, world: &World, identity: &Identity) -> Logs {
    let owner = Owner { uid: identity.subject.uid, gid: identity.subject.gid };
    let report = |message: &str| log::warn(format_args!("{message}"));
    let (logs, faults) = Logs::open(&world.log_files, identity.must_drop.then_some(owner), report);
    for fault in faults {
        let finding = Finding::new(Severity::Degraded, fault.message).at(fault.place);
        survey.report.push(finding.into());
    }
    logs
}

/// What a listener's URLs begin with.
fn scheme(world: &World, opened: &Opened) -> &'static str {
    let listener = world.listeners.get(opened.index);
    if listener.is_some_and(|listener| listener.tls.is_some()) { "https" } else { "http" }
}

/// Says where it can be reached and what it may use.
fn announce(args: &Args, survey: &Survey, world: &World, opened: &[Opened], sizes: &Sizes) {
    let budget = budget(world, sizes);
    if let Source::Quick(source) = &args.source {
        let mut text = format!("kinglet serves {}\n", source.directory.display());
        for listener in opened {
            let scheme = scheme(world, listener);
            let host = quick::url_host(listener.bind.address);
            text.push_str(&format!("\n    {scheme}://{host}/\n"));
        }
        print::out(&format!("{text}\n{budget}\nstop it with Ctrl-C"));
        return;
    }
    for listener in opened {
        let names = world.listeners.get(listener.index).map(|of| {
            let names = of.vhosts.iter().filter_map(|id| world.vhosts.get(usize::from(id.0)));
            names.map(|vhost| &*vhost.name).collect::<Vec<_>>().join(", ")
        });
        let address: SocketAddr = listener.bind.address;
        log::notice(format_args!(
            "listening on {}://{address} for {}",
            scheme(world, listener),
            names.unwrap_or_default()
        ));
    }
    for line in budget.to_string().lines() {
        log::notice(format_args!("{line}"));
    }
    for finding in sizes.shortcomings(&survey.settings.global) {
        log::warn(format_args!("{}", finding.message));
    }
    log::debug(format_args!("{} files read", survey.settings.files.len()));
}
