//! `--one-process`: serving without a supervisor, for debuggers and the like. It plans as the
//! planner does, opens as the supervisor does and serves as a worker does. What needs root's
//! rights is opened first, then they are given up, and only then does anything read from the
//! network.

use std::io;
use std::os::fd::AsRawFd as _;

use crate::config::settings::ListenOn;
use crate::conn::{Overseer, SIGNALS, SignalWatch, Site};
use crate::daemon::certificates::load;
use crate::daemon::check::identity::Identity;
use crate::daemon::check::survey::{self, Survey};
use crate::daemon::command::args::Args;
use crate::daemon::command::{exit, print};
use crate::daemon::finding::{Finding, Severity};
use crate::daemon::listening::places::Interfaces;
use crate::daemon::plan::make::{self, Made};
use crate::daemon::plan::{Excerpt, Plan};
use crate::daemon::supervisor::announce;
use crate::daemon::supervisor::sockets::{Served, Table};
use crate::daemon::supervisor::voice::Voice;
use crate::daemon::worker::channel::Homes;
use crate::daemon::worker::handover::Handed;
use crate::daemon::worker::threads::{self, Crew};
use crate::daemon::worker::{rights, start};
use crate::reactor::{Command, Listening};
use crate::sys::signal::Signals;
use crate::sys::terminal::Terminal;
use crate::sys::{clock, heap, log};
use crate::tls::TicketSecret;
use crate::vhost::World;
use crate::vhost::certificate_files::PemFiles;
use crate::vhost::log::{Logs, Owner};

/// Serves what the command line names; the exit code.
pub(super) fn serve(args: &Args) -> u8 {
    run(args).unwrap_or_else(|code| code)
}

fn run(args: &Args) -> Result<u8, u8> {
    let Made { plan, files, pem } = make::make(args, None)?;
    let sockets = Sockets::open(&plan)?;
    let mut survey = Survey::planned(args, files, sockets.0.quick_port())?;
    let world = survey.untold(Survey::world);
    let identity = survey.untold(|survey| survey.identity(args))?;
    if world.has_tls() {
        heap::keep_small();
    }
    let sizes = survey::sizes(&survey, &world);
    let listeners = sockets.share_out(&world, sizes.threads)?;
    let tickets = load::shared(TicketSecret::new(clock::monotonic_ms()));
    let pem = PemFiles::given(pem);
    let certificates = load::load(&mut survey, args, &identity, (&pem, tickets));
    drop(pem);
    let logs = open_logs(&mut survey, &world, &identity);
    if log::enabled(log::Level::Warn) {
        survey.print();
    }
    let no_new_privs = survey.settings.global.no_new_privs;
    // The text of the configuration is of no use any more.
    drop(survey);
    heap::give_back();
    let shutdown_ms = world.limits.shutdown_ms;
    let terminal = Terminal::of_start();
    // Before any thread starts, so that all of them leave signals to the descriptor.
    let signals = Signals::new().map_err(|error| start::not_set_up(&error))?;
    let watches = vec![(SIGNALS, signals.as_raw_fd())];
    let site = Site::new(world).with_tls(certificates, sizes.handshakes_max);
    let held = rights::give_up(&identity, no_new_privs, &site).map_err(|error| {
        print::err(&format!("kinglet: root's rights cannot be given up: {error}"));
        exit::RUNTIME
    })?;
    // The world outlives everything; a new configuration comes with a new process.
    let site: &'static Site = Box::leak(Box::new(site));
    let served = sockets.0.served();
    let signals = SignalWatch::new(signals, logs.clone(), shutdown_ms);
    let signals = SignalWatch { terminal, ..signals };
    let keeper = Keeper { signals, sockets };
    let crew = Crew { site, sizes, logs, held, listeners, watches };
    threads::run(crew, |_| Box::new(keeper), move || announce(&plan, &served))
        .map_err(|error| start::not_set_up(&error))
}

/// Everything that is listened on. Its end is that of the files of unix sockets, too.
struct Sockets(Table);

impl Sockets {
    /// Opens what `plan` asks for; what there is to say is printed.
    fn open(plan: &Plan) -> Result<Self, u8> {
        let mut table = Table::new();
        let wanted = plan.listeners.iter().map(|listener| &listener.wanted);
        let mut prepared = table.prepare(plan, &Interfaces::for_listeners(wanted));
        let mut voice = Voice::default();
        for (finding, source) in prepared.findings.drain(..) {
            voice.report(&finding, &source);
        }
        // Nothing follows the interfaces here: what is not there now is never served.
        let is_empty = prepared.for_worker.is_empty();
        if prepared.fatal || is_empty {
            if is_empty && !prepared.fatal {
                let finding = Finding::new(Severity::Error, "there is nothing to listen on");
                voice.report(&finding, &Excerpt::default());
            }
            table.abandon(prepared);
            return Err(exit::RUNTIME);
        }
        table.adopt(prepared);
        Ok(Self(table))
    }

    /// Copies of the sockets, for each reactor those that are its own.
    fn share_out(&self, world: &World, reactors: usize) -> Result<Vec<Vec<Listening>>, u8> {
        let reactors = u16::try_from(reactors).unwrap_or(u16::MAX);
        let is_unix = world.listeners.iter().map(|one| matches!(one.on, ListenOn::Unix(_)));
        let homes = Homes::new(reactors, is_unix);
        let copies = self.0.handed().into_iter().filter_map(|one| {
            let fd = self.0.fd(one.socket)?.try_clone();
            Some(fd.map(|fd| Handed {
                socket: one.socket,
                listener: one.listener,
                share: one.share,
                fd,
            }))
        });
        let copies = copies
            .collect::<io::Result<Vec<Handed>>>()
            .map_err(|error| start::not_set_up(&error))?;
        start::settle(copies, &homes, reactors).map(|(listeners, _)| listeners)
    }
}

impl Drop for Sockets {
    fn drop(&mut self) {
        // Whoever has given root's rights up may not remove the file of a unix socket from every
        // directory. One that stays is replaced by the next start.
        self.0.close_all();
    }
}

/// Signals, and the sockets that end with the first one.
struct Keeper {
    signals: SignalWatch,
    sockets: Sockets,
}

impl Overseer for Keeper {
    fn watched(&mut self, watch: u16, connections: usize) -> Command {
        let command = self.signals.watched(watch, connections);
        if !matches!(command, Command::Continue) {
            // The reactors close theirs; clients would wait in the queues of these.
            self.sockets.0.close_all();
        }
        command
    }
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

/// Says where it can be reached and what it may use.
fn announce(plan: &Plan, served: &[(u16, Served)]) {
    if let Some(quick) = &plan.quick {
        let _ = print::out(&announce::banner(plan, &quick.directory, served));
        return;
    }
    announce::log_start(plan, served);
}
