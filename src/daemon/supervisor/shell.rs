//! What the supervisor has: children, sockets, logs.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use super::access_logs::AccessLogs;
use super::children::Children;
use super::commands::Commands;
use super::generations::{Generations, State};
use super::happenings::{Event, Generation};
use super::interfaces::Watcher;
use super::perform::lost;
use super::planner::{Planned, Planner};
use super::service::Service;
use super::sockets::{Prepared, Served, Table};
use super::succession::Succession;
use super::voice::Voice;
use super::worker::Worker;
use crate::daemon::command::args::Args;
use crate::daemon::control::server::Server;
use crate::sys::detach::Detached;
use crate::sys::log::{self, Level};
use crate::sys::pid_file::PidFile;
use crate::sys::ring_log::RingLog;
use crate::sys::shortage::Explained;
use crate::sys::terminal::Terminal;
use crate::sys::{clock, notify};
use crate::tls::TicketSecret;

/// All that the supervisor has.
pub(in crate::daemon) struct Shell<'a> {
    pub(super) args: &'a Args,
    pub(super) machine: Generations,
    pub(super) children: Children,
    pub(super) planner: Option<Planner>,
    /// The plan that is under way, and its sockets.
    pub(super) new: Option<(Planned, Option<Prepared>)>,
    /// The plan that is served.
    pub(super) good: Option<Planned>,
    pub(super) workers: Vec<Worker>,
    pub(super) table: Table,
    pub(super) watcher: Watcher,
    /// Where the good plan is served.
    pub(super) served: Vec<(u16, Served)>,
    pub(super) logs: AccessLogs,
    /// When what is missing is tried again.
    pub(super) retry_ms: Option<u64>,
    /// What the tickets of all workers are made from.
    pub(super) tickets: Option<TicketSecret>,
    pub(super) service: Service,
    pub(super) voice: Voice,
    pub(super) commands: Commands,
    /// Since when it is there, monotonic milliseconds.
    pub(super) begun_ms: u64,
    pub(super) detached: Option<Detached>,
    pub(super) pid_file: Option<PidFile>,
    pub(super) terminal: Terminal,
    /// Sockets that leave are still wanted by the plan that is under way.
    pub(super) closing_late: bool,
    pub(super) succession: Succession,
    pub(super) exit: Option<u8>,
}

/// What a start needs before anything else.
#[derive(Default)]
pub(super) struct Beginnings {
    /// Sockets that whoever started the program has opened for it.
    pub(super) inherited: Vec<OwnedFd>,
    /// Whoever waits for a program that goes to the background.
    pub(super) detached: Option<Detached>,
    /// Where the program was started.
    pub(super) terminal: Terminal,
    /// The file of the program that this one takes the place of.
    pub(super) pid_file: Option<PidFile>,
    /// Its socket for commands.
    pub(super) control: Option<OwnedFd>,
}

impl Beginnings {
    /// Takes what was handed over, and goes to the background if that is wanted.
    ///
    /// # Errors
    /// What to tell the user.
    pub(super) fn new(args: &Args) -> Result<Self, String> {
        let inherited = notify::inherited().into_iter().map(|(fd, _)| fd).collect();
        let detached = args.daemonize.then(crate::sys::detach::begin).transpose();
        let detached = detached.map_err(|error| format!("cannot go to the background: {error}"))?;
        let terminal = Terminal::of_start();
        Ok(Self { inherited, detached, terminal, ..Self::default() })
    }
}

impl<'a> Shell<'a> {
    /// Everything but children and sockets.
    ///
    /// # Errors
    /// What to tell the user.
    pub(super) fn new(args: &'a Args, beginnings: &mut Beginnings) -> Result<Self, String> {
        let pid_file = match (beginnings.pid_file.take(), &args.pid_file) {
            (None, Some(path)) => Some(write_pid_file(path)?),
            (kept, _) => kept,
        };
        if let Ok(ring) = RingLog::create() {
            log::use_ring(ring);
        }
        let service = Service::from_env();
        let mut table = Table::new();
        for unusable in table.inherit(std::mem::take(&mut beginnings.inherited)) {
            log::warn(format_args!(
                "the inherited descriptor {} is no listening socket",
                unusable.index + 3
            ));
        }
        let mut shell = Self {
            args,
            machine: Generations::new(service.watchdog_ms()),
            children: Children::new(args),
            planner: None,
            new: None,
            good: None,
            workers: Vec::new(),
            table,
            watcher: Watcher::new(),
            served: Vec::new(),
            logs: AccessLogs::default(),
            retry_ms: None,
            tickets: None,
            service,
            voice: Voice::default(),
            commands: Commands::default(),
            begun_ms: clock::monotonic_ms(),
            detached: beginnings.detached.take(),
            pid_file,
            terminal: beginnings.terminal,
            closing_late: false,
            succession: Succession::default(),
            exit: None,
        };
        match beginnings.control.take() {
            Some(control) => shell.commands.server = Some(Server::taken_over(control)),
            None => shell.open_control(),
        }
        Ok(shell)
    }

    /// The end: nobody is left. The exit code.
    pub(super) fn close(mut self, code: u8) -> u8 {
        self.table.close_all();
        if let Some(detached) = self.detached.take() {
            detached.failed(code);
        }
        drop(self.pid_file.take());
        code
    }

    /// No child is to be left behind.
    pub(super) fn kill_all(&self) {
        for worker in &self.workers {
            worker.kill();
        }
        if let Some(planner) = &self.planner {
            planner.kill();
        }
        self.succession.kill();
    }

    pub(super) fn worker(&mut self, generation: Generation) -> Option<&mut Worker> {
        self.workers.iter_mut().find(|worker| worker.generation == generation)
    }

    /// What a generation is doing.
    pub(super) fn state(&self, generation: Generation) -> Option<State> {
        let mut living = self.machine.living().iter();
        living.find(|living| living.generation == generation).map(|living| living.state)
    }

    /// Opens all access logs anew and hands them to everybody who writes to them.
    pub(super) fn reopen_logs(&mut self, events: &mut VecDeque<Event>) {
        let voice = &mut self.voice;
        self.logs.reopen(&mut |path, error| {
            let why = Explained(&error);
            voice.say(Level::Warn, &format!("the access log {path} cannot be opened: {why}"));
        });
        self.send_logs(events);
    }

    /// Hands all logs to those who write to them.
    pub(super) fn send_logs(&mut self, events: &mut VecDeque<Event>) {
        for worker in &mut self.workers {
            lost(worker.send_logs(&self.logs), worker.generation, events);
        }
    }

    /// Closes logs that nobody writes to any more.
    pub(super) fn forget_logs(&mut self) {
        let plans = self.workers.iter().map(|worker| &worker.plan);
        let good = self.good.iter().map(|planned| &planned.plan);
        let new = self.new.iter().map(|(planned, _)| &planned.plan);
        let plans: Vec<_> = plans.chain(good).chain(new).collect();
        self.logs
            .keep(&|path| plans.iter().any(|plan| plan.logs.iter().any(|log| log.path == path)));
    }

    /// Tells the service manager how many there are.
    pub(super) fn tell_status(&mut self) {
        if self.machine.is_serving() {
            let count = self.machine.living().len();
            let plural = if count == 1 { "" } else { "s" };
            match self.machine.restarting() {
                Some(_) => self.service.status("starting another worker"),
                None => self.service.status(&format!("serving, {count} generation{plural}")),
            }
        }
    }
}

fn write_pid_file(path: &Path) -> Result<PidFile, String> {
    let shown = path.display();
    PidFile::create(path).map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!("another server is running: it holds a lock on {shown}")
        }
        io::ErrorKind::AlreadyExists => {
            format!("{shown} is there and holds no process number: it is left alone")
        }
        _ => format!("the file {shown} cannot be written: {error}"),
    })
}

impl fmt::Debug for Shell<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shell").field("machine", &self.machine).finish_non_exhaustive()
    }
}
