//! Making a plan: the whole configuration is read and checked, by the code that would serve it.

use std::fs::File;
use std::io::{self, Write as _};

use super::{Excerpt, Plan, PlannedListener, PlannedLog, Quick, Scheme, fingerprint, snapshot};
use crate::config::settings::SourceFile;
use crate::daemon::certificates::self_signed;
use crate::daemon::check::budget::Sizes;
use crate::daemon::check::identity;
use crate::daemon::check::machine::{self, Actors};
use crate::daemon::check::survey::{Survey, budget, sizes};
use crate::daemon::check::unix_sockets;
use crate::daemon::command::args::{Args, Source};
use crate::daemon::command::{exit, print, quick};
use crate::daemon::finding::{Finding, Severity};
use crate::daemon::listening::places::Wanted;
use crate::daemon::supervisor::resume::STATE_VERSION;
use crate::sys::{fd, limits, log};
use crate::vhost::{Listener, World};

/// Descriptor that the plan is written to.
const PLAN_FD: i32 = 3;
/// Descriptor that the snapshot is written to.
const SNAPSHOT_FD: i32 = 4;

/// A plan and what it was made of.
pub(in crate::daemon) struct Made {
    /// The plan.
    pub plan: Plan,
    /// The files that were read; none in quick mode.
    pub files: Vec<SourceFile>,
}

/// `--plan`: writes plan and snapshot into the descriptors that wait for them; the exit code.
pub(in crate::daemon) fn run(args: &Args) -> u8 {
    let made = match make(args) {
        Ok(made) => made,
        Err(code) => return code,
    };
    let written = write(PLAN_FD, &made.plan.encode())
        .and_then(|()| write(SNAPSHOT_FD, &snapshot::encode(&made.files)));
    match written {
        Ok(()) => exit::OK,
        Err(error) => {
            print::err(&format!("kinglet: the plan can not be handed over: {error}"));
            exit::RUNTIME
        }
    }
}

fn write(number: i32, bytes: &[u8]) -> io::Result<()> {
    File::from(fd::inherited(number)?).write_all(bytes)
}

/// Reads, checks and plans; everything that there is to say is printed.
///
/// # Errors
/// The exit code.
pub(in crate::daemon) fn make(args: &Args) -> Result<Made, u8> {
    let mut survey = Survey::read(args, false, quick::port(args))?;
    let identity = survey.identity(args)?;
    let world = survey.world();
    let global = &survey.settings.global;
    // As the worker will, so that both come to the same sizes.
    let limit = limits::set_descriptors(global.rlimit_nofile).err().map(|error| {
        let message = format!("the limit of descriptors stays as it is: {error}");
        Finding::new(Severity::Degraded, message)
    });
    let sizes = sizes(&survey, &world);
    let short = sizes.shortcomings(&survey.settings.global);
    let actors = Actors { server: &identity, starter: &identity::starter() };
    let Survey { settings, report } = &mut survey;
    machine::files(settings, actors, &mut |finding| report.push(finding.into()));
    limit.into_iter().chain(short).for_each(|finding| report.push(finding.into()));
    if log::enabled(log::Level::Warn) {
        survey.print();
    }
    let self_signed = self_signed::prepare(&survey.settings, args);
    let fingerprint = fingerprint::of(args, &survey.settings, &identity, self_signed.as_deref());
    let plan = Plan { fingerprint, ..plan(args, &survey, &world, &sizes) };
    Ok(Made { plan, files: survey.settings.files })
}

fn plan(args: &Args, survey: &Survey, world: &World, sizes: &Sizes) -> Plan {
    let budget = budget(world, sizes);
    let (files, global) = (&survey.settings.files, &survey.settings.global);
    Plan {
        program_version: env!("CARGO_PKG_VERSION").to_owned(),
        state_version: STATE_VERSION,
        fingerprint: [0; 20],
        threads: u16::try_from(sizes.threads).unwrap_or(u16::MAX),
        speaks_tls: world.has_tls(),
        shutdown_ms: world.limits.shutdown_ms,
        drain_ms: u64::from(global.drain_secs) * 1000,
        generations_max: global.generations_max,
        descriptors: limits::descriptors().map_or(1024, |limit| limit.soft),
        quick: planned_quick(args),
        budget_text: budget.to_string(),
        memory_bytes_max: budget.bytes(),
        logs: world
            .log_files
            .iter()
            .map(|log| PlannedLog {
                path: log.path.to_string(),
                source: Excerpt::of(log.place, files),
            })
            .collect(),
        listeners: world.listeners.iter().map(|of| listener(of, world, files)).collect(),
    }
}

fn planned_quick(args: &Args) -> Option<Quick> {
    let Source::Quick(source) = &args.source else { return None };
    let tries = if source.port.is_some() { 1 } else { quick::PORT_TRIES };
    Some(Quick { tries, directory: source.directory.display().to_string() })
}

fn listener(listener: &Listener, world: &World, files: &[SourceFile]) -> PlannedListener {
    let vhosts = listener.vhosts.iter().filter_map(|id| world.vhosts.get(usize::from(id.0)));
    PlannedListener {
        wanted: Wanted::from(listener),
        // Unknown owners were errors before.
        unix: unix_sockets::of_listener(listener, &mut |_| {}),
        scheme: if listener.tls.is_some() { Scheme::Https } else { Scheme::Http },
        vhosts: vhosts.map(|vhost| &*vhost.name).collect::<Vec<_>>().join(", "),
        source: Excerpt::of(listener.place, files),
    }
}
