//! Making a plan: the whole configuration is read and checked, by the code that would serve it.

use std::fs::File;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::path::Path;

use zeroize::Zeroizing;

use super::snapshot::{Identity, PEM_ALL_BYTES_MAX, PemFile, SNAPSHOT_BYTES_MAX};
use super::{
    Excerpt, Plan, PlannedIdentity, PlannedListener, PlannedLog, Quick, Scheme, fingerprint,
    snapshot,
};
use crate::config::settings::{ListenOn, Settings, SourceFile, Vhost};
use crate::daemon::certificates::self_signed;
use crate::daemon::check::budget::Sizes;
use crate::daemon::check::identity;
use crate::daemon::check::machine::{self, Actors};
use crate::daemon::check::survey::{Survey, budget, sizes};
use crate::daemon::check::{tls, unix_sockets};
use crate::daemon::command::args::{Args, Source};
use crate::daemon::command::{exit, print, quick};
use crate::daemon::finding::{Finding, Severity};
use crate::daemon::listening::places::Wanted;
use crate::daemon::supervisor::resume::STATE_VERSION;
use crate::sys::log::Target;
use crate::sys::{fd, filesystem, limits, log, memory_file, signal, stream};
use crate::vhost::certificate_files::{self, PemFiles};
use crate::vhost::world::LogFile;
use crate::vhost::{Listener, World};

/// Descriptor that the plan is written to.
const PLAN_FD: i32 = 3;
/// Descriptor that the snapshot is written to.
const SNAPSHOT_FD: i32 = 4;
/// Descriptor of the snapshot that is served from; not open at a start.
const SERVED_FD: i32 = 5;

/// Standard error.
const STDERR_FD: i32 = 2;
/// Where lines go that nobody can read.
const NOWHERE: &str = "/dev/null";

/// A plan and what it was made of.
pub(in crate::daemon) struct Made {
    /// The plan.
    pub plan: Plan,
    /// The files that were read; none in quick mode.
    pub files: Vec<SourceFile>,
    /// Certificates and keys, those of vhosts that can show them.
    pub pem: Vec<PemFile>,
    /// Who serves.
    pub identity: Identity,
}

/// Takes over the snapshot that is served from, if there is one; before anything is opened, which
/// might get its number.
pub(in crate::daemon) fn served() -> Option<OwnedFd> {
    fd::inherited(SERVED_FD).ok()
}

/// `--plan`: writes plan and snapshot into the descriptors that wait for them; the exit code.
pub(in crate::daemon) fn run(args: &Args, served: Option<OwnedFd>) -> u8 {
    if let Err(error) = signal::survive_writes() {
        log::warn(format_args!("SIGXFSZ cannot be ignored: {error}"));
    }
    let known = served.and_then(|served| in_memory(&served));
    let made = match make(args, known.as_ref().map(|known| known.as_slice())) {
        Ok(made) => made,
        Err(code) => return code,
    };
    // Private keys are not to get onto a disk; without them here they are read by each worker.
    let file = format!("/proc/self/fd/{SNAPSHOT_FD}");
    let pem = match filesystem::is_in_memory(Path::new(&file)) {
        Ok(true) => made.pem.as_slice(),
        Ok(false) | Err(_) => &[],
    };
    let written = write(PLAN_FD, &made.plan.encode())
        .and_then(|()| write(SNAPSHOT_FD, &snapshot::encode(&made.files, pem, &made.identity)));
    match written {
        Ok(()) => exit::OK,
        Err(error) => {
            print::err(&format!("kinglet: the plan cannot be handed over: {error}"));
            exit::RUNTIME
        }
    }
}

/// The self-signed certificate of a snapshot. Where there is none another one is made.
fn in_memory(served: &OwnedFd) -> Option<Zeroizing<Vec<u8>>> {
    let bytes = Zeroizing::new(memory_file::read_whole(served.as_fd(), SNAPSHOT_BYTES_MAX).ok()?);
    let pem = snapshot::decode(&bytes).ok()?.pem;
    pem.into_iter().find(|(path, _)| path == self_signed::IN_MEMORY).map(|(_, pem)| pem)
}

fn write(number: i32, bytes: &[u8]) -> io::Result<()> {
    File::from(fd::inherited(number)?).write_all(bytes)
}

/// Reads, checks and plans; everything that there is to say is printed. `known` is the self-signed
/// certificate that was in memory before.
///
/// # Errors
/// The exit code.
pub(in crate::daemon) fn make(args: &Args, known: Option<&[u8]>) -> Result<Made, u8> {
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
    let pem = PemFiles::default();
    machine::files(settings, actors, &mut |finding| report.push(finding.into()));
    let is_usable = tls::run(settings, &pem, &mut |finding| report.push(finding.into()));
    let found = limit.into_iter().chain(short).chain(left_logs(args, &world));
    found.for_each(|finding| report.push(finding.into()));
    if log::enabled(log::Level::Warn) {
        survey.print();
    }
    let stands_in = is_usable.contains(&false);
    let self_signed = self_signed::prepare(&survey.settings, args, stands_in, known);
    let made = (&pem, self_signed.mark.as_deref());
    let fingerprint = fingerprint::of(args, &survey.settings, &identity, made);
    let identities = identities(&survey.settings, &is_usable);
    let planned = plan(args, &survey, &world, &sizes);
    let plan = Plan { fingerprint, identities, ..planned };
    let mut pem = usable(&survey.settings, &is_usable, &pem);
    pem.extend(self_signed.in_memory);
    Ok(Made { plan, files: survey.settings.files, pem, identity })
}

/// What vhosts show in handshakes; by vhost, whether their files are usable.
fn identities(settings: &Settings, is_usable: &[bool]) -> Vec<PlannedIdentity> {
    let vhosts = (0..=u16::MAX).zip(&settings.vhosts).zip(is_usable);
    let speaks_tls = vhosts.filter(|((_, vhost), _)| vhost.tls.is_some());
    let identity = |((number, vhost), is_good): ((u16, &Vhost), &bool)| {
        let (name, port) = (&vhost.name.value, vhost.port.value);
        let place = match &vhost.listen_on.value {
            ListenOn::Any => format!("port {port}"),
            ListenOn::Address(address, _) => SocketAddr::new(*address, port).to_string(),
            ListenOn::Nic(nic) => format!("{nic}:{port}"),
            ListenOn::Unix(path) => path.clone(),
        };
        PlannedIdentity { vhost: number, name: format!("{name} on {place}"), is_good: *is_good }
    };
    speaks_tls.map(identity).collect()
}

/// The contents of usable files, each once, as far as there is room for them.
fn usable(settings: &Settings, is_usable: &[bool], pem: &PemFiles) -> Vec<PemFile> {
    let tls = settings.vhosts.iter().zip(is_usable).filter(|(_, is_usable)| **is_usable);
    let paths = tls.filter_map(|(vhost, _)| vhost.tls.as_ref()).flat_map(certificate_files::paths);
    let (mut files, mut room): (Vec<PemFile>, _) = (Vec::new(), PEM_ALL_BYTES_MAX);
    for path in paths {
        if files.iter().all(|(other, _)| other != path)
            && let Ok(content) = pem.read(path)
            && let Some(left) = room.checked_sub(content.len())
        {
            files.push((path.to_owned(), content));
            room = left;
        }
    }
    files
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
        identities: Vec::new(),
        quick: planned_quick(args),
        budget_text: budget.to_string(),
        memory_bytes_max: budget.bytes(),
        logs: world
            .log_files
            .iter()
            .map(|log| PlannedLog {
                path: if is_left(args, &log.path) { NOWHERE.into() } else { log.path.to_string() },
                source: Excerpt::of(log.place, files),
            })
            .collect(),
        listeners: world.listeners.iter().map(|of| listener(of, world, files)).collect(),
    }
}

/// Whether `path` is a standard output that a server in the background has left.
fn is_left(args: &Args, path: &str) -> bool {
    let keeps_stderr = args.log_target == Target::Stderr;
    let is_kept = |fd: BorrowedFd<'_>| fd.as_raw_fd() == STDERR_FD && keeps_stderr;
    args.daemonize && stream::named(path).is_some_and(|fd| !is_kept(fd))
}

/// Says which logs would go to a terminal that is not there any more.
fn left_logs(args: &Args, world: &World) -> Vec<Finding> {
    let left = world.log_files.iter().filter(|log| is_left(args, &log.path));
    let finding = |log: &LogFile| {
        let message = format!("a server in the background has no {}: its lines are lost", log.path);
        Finding::new(Severity::Degraded, message)
            .at(log.place)
            .hint("name a file, or start in the foreground, without --daemonize")
    };
    left.map(finding).collect()
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
