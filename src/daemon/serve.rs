//! Starting the server, and serving until it is told to stop.

use std::net::SocketAddr;
use std::os::fd::AsRawFd;

use crate::conn::{
    Client, LOG_FINISH, Local, Parts, PeerLimits, RX_BYTES, SIGNALS, SignalWatch, Site, TX_BYTES,
};
use crate::daemon::certificates::load;
use crate::daemon::check::budget::{Machine, Sizes, Speech};
use crate::daemon::check::finding::{Finding, Severity};
use crate::daemon::check::identity::{self, Identity};
use crate::daemon::check::machine::{self, Actors};
use crate::daemon::check::survey::{Survey, budget};
use crate::daemon::command::args::{Args, Source};
use crate::daemon::command::exit;
use crate::daemon::command::print;
use crate::daemon::command::quick;
use crate::daemon::listening::ports::{self, Interfaces, Opened, Wanted};
use crate::reactor::{Limits, ListenerId, Listening, Mailbox, Reactor, Start};
use crate::sys::signal::Signals;
use crate::sys::socket::ListenOptions;
use crate::sys::{heap, limits, log, privileges};
use crate::vhost::World;
use crate::vhost::log::{Logs, Owner};

/// Serves what the command line names; the exit code.
pub(super) fn serve(args: &Args) -> u8 {
    match start(args) {
        Ok((mut reactor, logs)) => {
            let ended = reactor.run();
            reactor.into_local().finish();
            logs.finish(LOG_FINISH);
            match ended {
                Ok(()) => exit::OK,
                Err(error) => {
                    log::error(format_args!("waiting for events failed: {error}"));
                    exit::RUNTIME
                }
            }
        }
        Err(code) => code,
    }
}

/// Everything up to the first event. What needs root's rights is opened before they are given
/// up, and nothing is read from the network before that.
fn start(args: &Args) -> Result<(Reactor<Client>, Logs), u8> {
    let (mut survey, world, opened) = listen(args)?;
    let identity = survey.identity(args)?;
    let global = &survey.settings.global;
    if let Err(error) = limits::set_descriptors(global.rlimit_nofile) {
        log::warn(format_args!("the limit of descriptors stays as it is: {error}"));
    }
    let held = opened.len() + world.directories();
    let sizes = Sizes::new(global, Machine::now(), held, Speech::of(&survey.settings));
    let certificates = load::load(&mut survey, args, &identity);
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
    let reactor = build(site, opened, &sizes, logs.clone()).map_err(|error| {
        print::err(&format!("kinglet: the event loop can not be set up: {error}"));
        exit::RUNTIME
    })?;
    give_up_rights(&identity)?;
    Ok((reactor, logs))
}

/// Reads the configuration and opens what it listens on.
fn listen(args: &Args) -> Result<(Survey, World, Vec<Opened>), u8> {
    let Source::Quick(source) = &args.source else {
        let mut survey = Survey::read(args, false, quick::PORT)?;
        let world = survey.world();
        // Only handshakes use the heap in earnest.
        if world.has_tls() {
            heap::keep_small();
        }
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
    if source.tls {
        heap::keep_small();
    }
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

fn build(
    site: Site,
    opened: Vec<Opened>,
    sizes: &Sizes,
    logs: Logs,
) -> std::io::Result<Reactor<Client>> {
    // Before any thread starts, so that all of them leave signals to the descriptor.
    let signals = Signals::new()?;
    let watches = vec![(SIGNALS, signals.as_raw_fd())];
    let listeners = (0..).zip(opened).filter_map(|(socket, opened)| {
        let id = ListenerId(u16::try_from(opened.index).ok()?);
        Some(Listening { socket, id, fd: opened.socket })
    });
    // The world outlives everything; a new configuration comes with a new process.
    let site: &'static Site = Box::leak(Box::new(site));
    let limits = Limits {
        connections_max: sizes.connections_max,
        blocks_max: sizes.blocks_max,
        sessions_max: sizes.sessions_max,
        rx_bytes: RX_BYTES,
        tx_bytes: TX_BYTES,
    };
    let start = Start { limits, world: site, listeners: listeners.collect(), watches };
    let connections_max = sizes.connections_max;
    let peers = PeerLimits::new(&site.world, connections_max);
    let watch = SignalWatch::new(signals, logs.clone(), site.world.limits.shutdown_ms);
    let overseer = Some(Box::new(watch) as Box<_>);
    Reactor::new(start, Mailbox::alone()?, |post| {
        Local::new(site, Parts { connections_max, post, logs, peers, overseer })
    })
}

fn give_up_rights(identity: &Identity) -> Result<(), u8> {
    let done = if identity.must_drop {
        privileges::drop_to(identity.subject.uid, identity.subject.gid)
    } else if identity.subject.uid != 0 {
        privileges::seal()
    } else {
        Ok(())
    };
    done.map_err(|error| {
        print::err(&format!("kinglet: root's rights can not be given up: {error}"));
        exit::RUNTIME
    })
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
    if sizes.connections_max < sizes.connections_wanted {
        log::warn(format_args!(
            "{} connections at once, not {}: there are not more descriptors",
            sizes.connections_max, sizes.connections_wanted
        ));
    }
    log::debug(format_args!("{} files read", survey.settings.files.len()));
}
