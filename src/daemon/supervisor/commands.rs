//! `kinglet status`, `kinglet reload` and `kinglet log`: what is answered, and when.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::os::fd::RawFd;

use super::generations::State;
use super::happenings::{Event, Generation, Outcome, RUNTIME};
use super::shell::Shell;
use super::sockets::Served;
use crate::config::settings::ListenOn;
use crate::daemon::command::action::Control;
use crate::daemon::command::args::Source;
use crate::daemon::control::server::{ClientId, Server};
use crate::daemon::control::status::{self, Counts, LastReload, Status};
use crate::daemon::orders::Order;
use crate::sys::process::{self, Pid};
use crate::sys::{clock, log};

/// How long workers may take to say how they are.
const ASK_MS_MAX: u64 = 1_000;

/// What `log -f` hears where the log is not in memory that others can be given.
const NOT_FOLLOWED: &[u8] = b"the log of this server can be read, but not followed\n";

/// Who waits for what.
#[derive(Debug, Default)]
pub(super) struct Commands {
    pub(super) server: Option<Server>,
    /// The socket could not be had, which has been told.
    pub(super) is_refused: bool,
    /// Wait for the reload that is under way.
    now: Vec<ClientId>,
    /// Wait for the one after it.
    next: Vec<ClientId>,
    /// Wait for workers to say how they are; whether as JSON.
    status: Vec<(ClientId, bool)>,
    /// Workers that have not said so yet.
    asked: Vec<Generation>,
    /// When those that wait are answered in any case.
    pub(super) deadline_ms: Option<u64>,
    /// When the last reload ended, and how.
    last: Option<(u64, bool, String)>,
}

impl Commands {
    /// A planner has been started: it sees what is on disk now.
    pub(super) fn begin_reload(&mut self) {
        self.now.append(&mut self.next);
    }

    /// The reload is over: tells those who wait for it what was said meanwhile.
    pub(super) fn end_reload(&mut self, outcome: Outcome, told: &str) {
        let (code, good) = match outcome {
            Outcome::Done | Outcome::Unchanged => (0, true),
            Outcome::Kept(code) => (code, false),
        };
        let text = match outcome {
            Outcome::Done => "the new configuration is served".to_owned(),
            Outcome::Unchanged => "nothing has changed".to_owned(),
            Outcome::Kept(code) => format!("it failed (code {code}), nothing has changed"),
        };
        self.last = Some((clock::monotonic_ms(), good, text));
        let now = std::mem::take(&mut self.now);
        if let Some(server) = &mut self.server {
            for id in now {
                server.answer(id, told.as_bytes());
                server.finish(id, code);
            }
        }
    }

    /// A worker has said how it is, or is gone.
    pub(super) fn heard(&mut self, generation: Generation) {
        self.asked.retain(|other| *other != generation);
    }

    fn finish(&mut self, id: ClientId, text: &[u8], code: u8) {
        if let Some(server) = &mut self.server {
            server.answer(id, text);
            server.finish(id, code);
        }
    }
}

impl Shell<'_> {
    /// Opens the socket for commands; without it there are signals.
    pub(super) fn open_control(&mut self) {
        match Server::open(self.args) {
            Ok(server) => {
                self.commands.server = Some(server);
                if std::mem::take(&mut self.commands.is_refused) {
                    log::notice(format_args!("this server takes commands now"));
                }
            }
            Err(_) if self.commands.is_refused => {}
            Err(error) => {
                self.commands.is_refused = true;
                log::warn(format_args!(
                    "this server takes no commands (status, reload, log): {error}"
                ));
            }
        }
    }

    /// Does what is to be done about a descriptor of the control socket.
    pub(super) fn control(&mut self, fd: RawFd, events: &mut VecDeque<Event>) {
        let Some(server) = &mut self.commands.server else { return };
        let Some((id, command)) = server.handle(fd) else {
            if server.is_broken() {
                self.commands.server = None;
                self.commands.is_refused = true;
                log::warn(format_args!("the socket for commands takes none and is closed for now"));
            }
            return;
        };
        match command {
            Control::Reload if self.machine.is_ending() => {
                self.commands.finish(id, b"the server is stopping\n", RUNTIME);
            }
            Control::Reload => {
                self.commands.next.push(id);
                self.reopen_logs(events);
                events.push_back(Event::ReloadWanted);
            }
            Control::Status { json } => self.ask(id, json, events),
            Control::Log { follow } => {
                let ring = log::ring().filter(|_| follow).and_then(|ring| ring.descriptor());
                if ring.is_some() {
                    // The command reads it by itself: a slow one holds up nobody.
                    return server.finish_with(id, 0, ring);
                }
                let mut lines = log::ring().map(|ring| ring.read()).unwrap_or_default();
                if follow {
                    lines.extend_from_slice(NOT_FOLLOWED);
                }
                self.commands.finish(id, &lines, if follow { RUNTIME } else { 0 });
            }
        }
    }

    fn ask(&mut self, id: ClientId, json: bool, events: &mut VecDeque<Event>) {
        self.commands.status.push((id, json));
        if self.commands.deadline_ms.is_some() {
            return;
        }
        let ready = self.machine.living().iter().filter(|living| living.state != State::Starting);
        self.commands.asked = ready.map(|living| living.generation).collect();
        for generation in self.commands.asked.clone() {
            self.order(generation, &Order::Ask, events);
        }
        self.commands.deadline_ms = Some(clock::monotonic_ms().saturating_add(ASK_MS_MAX));
    }

    /// Answers those who want to know how everybody is, when everybody has said so.
    pub(super) fn answer_status(&mut self) {
        let Some(deadline_ms) = self.commands.deadline_ms else { return };
        if !self.commands.asked.is_empty() && clock::monotonic_ms() < deadline_ms {
            return;
        }
        self.commands.deadline_ms = None;
        let status = self.status();
        for (id, json) in std::mem::take(&mut self.commands.status) {
            self.commands.finish(id, status.answer(json).as_bytes(), 0);
        }
    }

    fn status(&self) -> Status {
        let now_ms = clock::monotonic_ms();
        let age_secs = |since_ms: u64| now_ms.saturating_sub(since_ms) / 1_000;
        let dir = match &self.args.source {
            Source::Configured(dir) => dir,
            Source::Quick(quick) => &quick.directory,
        };
        let last = self.commands.last.as_ref();
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            age_secs: age_secs(self.begun_ms),
            config_dir: dir.display().to_string(),
            memory: memory(Pid::own()),
            generations: self.generations(&age_secs),
            listeners: self.listeners(),
            listeners_left_out: 0,
            last_reload: last.map(|(ended_ms, good, outcome)| LastReload {
                age_secs: age_secs(*ended_ms),
                good: *good,
                outcome: outcome.clone(),
            }),
        }
    }

    fn generations(&self, age_secs: &dyn Fn(u64) -> u64) -> Vec<status::Generation> {
        let mut generations = Vec::new();
        for living in self.machine.living() {
            let worker = self.workers.iter().find(|one| one.generation == living.generation);
            let Some(worker) = worker else { continue };
            let figures = worker.figures;
            generations.push(status::Generation {
                number: living.generation.0,
                pid: u32::try_from(worker.pid.get()).ok(),
                state: match living.state {
                    State::Starting => status::State::Starting,
                    State::Serving => status::State::Serving,
                    State::Retiring => status::State::Draining,
                    State::Stopping => status::State::Stopping,
                },
                age_secs: age_secs(worker.begun_ms),
                counts: figures.has_counted.then_some(Counts {
                    connections: figures.connections,
                    accepted: figures.accepted,
                    requests: figures.requests,
                }),
                memory: memory(worker.pid),
                memory_bytes_max: figures.memory_bytes_max,
            });
        }
        if let Some(generation) = self.machine.restarting() {
            generations.push(status::Generation {
                number: generation.0,
                pid: None,
                state: status::State::Restarting,
                age_secs: 0,
                counts: None,
                memory: None,
                memory_bytes_max: 0,
            });
        }
        generations
    }

    /// All addresses; a listener that has none waits for its own.
    fn listeners(&self) -> Vec<status::Listener> {
        let Some(good) = &self.good else { return Vec::new() };
        let mut listeners = Vec::new();
        for (number, planned) in (0..=u16::MAX).zip(&good.plan.listeners) {
            let scheme = planned.scheme.as_str();
            let vhosts = planned.vhosts.clone();
            let places: Vec<_> = self.served.iter().filter(|(of, _)| *of == number).collect();
            for (_, place) in &places {
                let url = match place {
                    Served::Tcp(address) => format!("{scheme}://{address}"),
                    Served::Unix(name) => format!("{scheme}+unix:{name}"),
                };
                listeners.push(status::Listener { url, vhosts: vhosts.clone(), waits_for: None });
            }
            if places.is_empty() {
                let url = match &planned.wanted.on {
                    ListenOn::Any => format!("{scheme}://*:{}", planned.wanted.port),
                    ListenOn::Nic(name) => format!("{scheme}://{name}:{}", planned.wanted.port),
                    ListenOn::Address(address, _) => {
                        format!("{scheme}://{}", SocketAddr::new(*address, planned.wanted.port))
                    }
                    ListenOn::Unix(name) => format!("{scheme}+unix:{name}"),
                };
                let waits_for = match &planned.wanted.on {
                    ListenOn::Unix(_) => "its directory is not there, or it cannot be opened",
                    _ => "it is not on this machine now",
                };
                let waits_for = Some(waits_for.to_owned());
                listeners.push(status::Listener { url, vhosts, waits_for });
            }
        }
        listeners
    }
}

fn memory(pid: Pid) -> Option<status::Memory> {
    let memory = process::memory(pid).ok()?;
    let bytes = memory.private_dirty_bytes.saturating_add(memory.private_clean_bytes);
    Some(status::Memory { bytes, is_estimate: memory.is_estimate })
}
