//! How the supervisor does what the state machine wants.

use std::collections::VecDeque;
use std::io;
use std::os::fd::AsFd as _;
use std::rc::Rc;

use super::announce;
use super::channel::Channel;
use super::generations::State;
use super::happenings::{
    Action, Basis, Ended, Event, Generation, Notice, Outcome, Planned as Found, RUNTIME,
};
use super::planner::{Left, Planned, Planner};
use super::shell::Shell;
use super::worker::{Extra, Figures, Worker};
use crate::daemon::command::{exit, print};
use crate::daemon::finding::{Finding, Severity};
use crate::daemon::listening::places::{Interfaces, Wanted};
use crate::daemon::orders::{Order, TicketBytes};
use crate::daemon::plan::{Excerpt, Plan};
use crate::sys::log::{self, Level, Target};
use crate::sys::shortage::Explained;
use crate::sys::{clock, heap, limits};
use crate::tls::TicketSecret;

type Events = VecDeque<Event>;

impl Shell<'_> {
    /// Does one thing.
    pub(super) fn perform(&mut self, action: Action, events: &mut Events) {
        match action {
            Action::StartPlanner => self.start_planner(events),
            Action::KillPlanner => {
                if let Some(planner) = &self.planner {
                    planner.kill();
                }
            }
            Action::OpenSockets => self.open_sockets(events),
            Action::StartWorker(generation, basis) => self.start_worker(generation, basis, events),
            Action::Adopt => self.adopt(),
            Action::Forget => self.forget(events),
            Action::Retire(generation, drain_ms) => self.retire(generation, drain_ms, events),
            Action::CloseRemoved => self.close_removed(events),
            Action::Stop(generation, within_ms) => {
                self.order(generation, &Order::Stop { within_ms }, events);
            }
            Action::Ping(generation, number) => {
                self.order(generation, &Order::Ping { number }, events);
            }
            Action::Kill(generation) => {
                if let Some(worker) = self.worker(generation) {
                    worker.kill();
                }
            }
            Action::Alive => self.service.alive(),
            Action::Started => self.started(),
            Action::Reloaded(outcome) => self.reloaded(outcome, events),
            Action::Say(notice) => {
                self.voice.say(notice.level(), &notice.to_string());
                if notice == Notice::Stopping {
                    self.service.stopping();
                    self.table.close_all();
                }
            }
            Action::Exit(code) => self.exit = Some(code),
        }
    }

    fn start_planner(&mut self, events: &mut Events) {
        if self.good.is_some() {
            self.service.reloading();
            self.voice.begin();
            self.commands.begin_reload();
        }
        let started = self.children.check().and_then(|()| {
            Planner::start(&self.children, self.good.as_ref())
                .map_err(|error| not_started("reads the configuration", &error))
        });
        match started {
            Ok(planner) => self.planner = Some(planner),
            Err(text) => {
                self.complain(&text);
                events.push_back(Event::Planned(Err(RUNTIME)));
            }
        }
    }

    /// Says that something failed: as a message of the program while it starts.
    fn complain(&mut self, text: &str) {
        if self.good.is_some() {
            self.voice.say(Level::Error, text);
        } else {
            print::err(&format!("kinglet: {text}"));
        }
    }

    /// What the planner has found.
    pub(super) fn planned(&mut self, planner: Planner, ended: Ended) -> Event {
        let Left { result, words } = planner.end(ended);
        let level = if result.is_ok() { Level::Warn } else { Level::Error };
        self.voice.pass_on(level, &words);
        match result {
            Ok(planned) => {
                let plan = &planned.plan;
                let same = self.good.as_ref().map(|good| good.plan.fingerprint);
                if same == Some(plan.fingerprint) {
                    return Event::Planned(Ok(Found::Same));
                }
                if let Err(code) = self.keeps_identities(&planned) {
                    return Event::Planned(Err(code));
                }
                let terms = planned.terms();
                self.new = Some((planned, None));
                Event::Planned(Ok(Found::New(terms)))
            }
            Err((code, text)) => {
                if let Some(text) = text.filter(|_| !self.machine.is_ending()) {
                    self.complain(&text);
                }
                Event::Planned(Err(code))
            }
        }
    }

    /// Whether every vhost that shows a good certificate goes on doing so under a new plan. At a
    /// start something has to stand in for what is missing; here there is what is served now.
    ///
    /// # Errors
    /// The exit code; what is lost has been said.
    fn keeps_identities(&mut self, new: &Planned) -> Result<(), u8> {
        let Some(good) = &self.good else { return Ok(()) };
        let mut lost = new.plan.lost_identities(&good.plan).peekable();
        if lost.peek().is_none() {
            return Ok(());
        }
        for name in lost {
            let message =
                format!("the vhost {name} would lose its good certificate: nothing is reloaded");
            let finding = Finding::new(Severity::Error, message)
                .hint("put its files right and reload, or set \"host-ssl-cert\": \"self-signed\"");
            self.voice.report(&finding, &Excerpt::default());
        }
        Err(exit::CONFIG)
    }

    fn open_sockets(&mut self, events: &mut Events) {
        let Some((planned, place)) = &mut self.new else {
            return events.push_back(Event::Sockets(Err(RUNTIME)));
        };
        let plan = &planned.plan;
        // The planner has said so if that is not allowed.
        let _ = limits::raise_descriptors(plan.descriptors);
        let wanted: Vec<Wanted> = plan.listeners.iter().map(|one| one.wanted.clone()).collect();
        let mut prepared = self.table.prepare(plan, &Interfaces::for_listeners(&wanted));
        for (finding, source) in prepared.findings.drain(..) {
            self.voice.report(&finding, &source);
        }
        if plan.listeners.is_empty() {
            let finding = Finding::new(Severity::Error, "there is nothing to listen on");
            self.voice.report(&finding, &Excerpt::default());
        }
        events.push_back(if prepared.fatal || plan.listeners.is_empty() {
            self.table.abandon(prepared);
            Event::Sockets(Err(RUNTIME))
        } else {
            let removes = !prepared.removed.is_empty();
            *place = Some(prepared);
            Event::Sockets(Ok(removes))
        });
    }

    fn start_worker(&mut self, generation: Generation, basis: Basis, events: &mut Events) {
        let planned = match basis {
            Basis::New => self.new.as_ref().map(|(planned, _)| planned.clone()),
            Basis::Good => self.good.clone(),
        };
        let Some(planned) = planned else {
            return events.push_back(Event::Ended(generation, Ended::NotStarted));
        };
        self.open_logs(&planned.plan);
        self.table.revive();
        let tickets = self.tickets(&planned.plan);
        let mut worker = match self.spawn(generation, &planned.plan) {
            Ok(worker) => worker,
            Err(error) => {
                self.complain(&not_started("serves", &error));
                return events.push_back(Event::Ended(generation, Ended::NotStarted));
            }
        };
        let prepared = match (basis, &self.new) {
            (Basis::New, Some((_, prepared))) => prepared.as_ref(),
            _ => None,
        };
        let sockets = match prepared {
            Some(prepared) => prepared.for_worker.clone(),
            None => self.table.handed(),
        };
        let port = match prepared {
            Some(prepared) => prepared.quick_port,
            None => self.table.quick_port(),
        };
        let fd = |number| {
            let fd = self.table.fd(number);
            fd.or_else(|| prepared.and_then(|prepared| prepared.fd(number))).cloned()
        };
        let extra = Extra { port, tickets };
        let handed = worker.hand_over(&planned, &sockets, &fd, &self.logs, extra);
        lost(handed, generation, events);
        self.workers.push(worker);
    }

    fn spawn(&self, generation: Generation, plan: &Rc<Plan>) -> io::Result<Worker> {
        let (channel, end) = Channel::pair()?;
        let ring = log::ring().and_then(|ring| ring.descriptor());
        let pid = self.children.start_worker(plan.speaks_tls, end.as_fd(), ring)?;
        Ok(Worker {
            generation,
            pid,
            begun_ms: clock::monotonic_ms(),
            channel,
            plan: Rc::clone(plan),
            sockets: Vec::new(),
            figures: Figures::default(),
        })
    }

    pub(super) fn open_logs(&mut self, plan: &Plan) {
        let voice = &mut self.voice;
        self.logs.open(&plan.logs, &mut |planned, error| {
            let why = Explained(&error);
            let message = format!("the access log {} cannot be opened: {why}", planned.path);
            voice.report(&Finding::new(Severity::Degraded, message), &planned.source);
        });
    }

    /// What session tickets are made from now, the same for all workers; made when it is first
    /// needed.
    fn tickets(&mut self, plan: &Plan) -> Option<TicketBytes> {
        if !plan.speaks_tls {
            return None;
        }
        let now_ms = clock::monotonic_ms();
        if self.tickets.is_none() {
            match TicketSecret::new(now_ms) {
                Ok(secret) => self.tickets = Some(secret),
                Err(fault) => self.voice.say(Level::Warn, &fault.to_string()),
            }
        }
        let secret = self.tickets.as_mut()?;
        secret.advance(now_ms);
        Some(TicketBytes(secret.export()))
    }

    fn adopt(&mut self) {
        let Some((planned, prepared)) = self.new.take() else { return };
        self.closing_late = false;
        let before = std::mem::take(&mut self.served);
        if let Some(prepared) = prepared {
            self.served.clone_from(&prepared.served);
            self.table.adopt(prepared);
        }
        self.watcher.watch_for(&planned.plan, clock::monotonic_ms());
        if self.good.replace(planned).is_some()
            && let Some(good) = &self.good
        {
            for line in announce::lines(&good.plan, &self.served, &before) {
                log::notice(format_args!("{line}"));
            }
            for line in announce::farewells(&self.served, &before) {
                log::notice(format_args!("{line}"));
            }
        }
    }

    fn forget(&mut self, events: &mut Events) {
        if let Some((_, Some(prepared))) = self.new.take() {
            self.table.abandon(prepared);
        }
        self.forget_logs();
        if self.closing_late {
            self.close_removed(events);
        }
    }

    pub(super) fn order(&mut self, generation: Generation, order: &Order, events: &mut Events) {
        if let Some(worker) = self.worker(generation) {
            let sent = worker.channel.send(order, None);
            lost(sent, generation, events);
        }
    }

    /// Hands the listening over: what the successor listens on as well is left to it at once.
    fn retire(&mut self, generation: Generation, drain_ms: u64, events: &mut Events) {
        self.order(generation, &Order::Retire { drain_ms }, events);
        let handed = self.table.handed();
        if let Some(worker) = self.worker(generation) {
            let sent = worker.unlisten(&|number| handed.iter().any(|one| one.socket == number));
            lost(sent, generation, events);
        }
    }

    /// Closes what nobody listens on any more, in all generations and here.
    fn close_removed(&mut self, events: &mut Events) {
        let prepared = self.new.as_ref().and_then(|(_, prepared)| prepared.as_ref());
        let mut leaving = self.table.leaving();
        let all = leaving.len();
        // One that the plan under way wants again stays until it is clear what becomes of that.
        if let Some(prepared) = prepared {
            leaving.retain(|number| prepared.for_worker.iter().all(|one| one.socket != *number));
        }
        self.closing_late = leaving.len() < all;
        let states: Vec<_> =
            self.workers.iter().map(|worker| self.state(worker.generation)).collect();
        for (worker, state) in self.workers.iter_mut().zip(states) {
            if matches!(state, Some(State::Retiring | State::Stopping)) {
                let sent = worker.unlisten(&|_| true);
                lost(sent, worker.generation, events);
            }
        }
        self.table.close(&leaving);
    }

    fn started(&mut self) {
        self.voice.start();
        if let Some(good) = &self.good {
            let plan = &good.plan;
            match &plan.quick {
                Some(quick) => {
                    let _ = print::out(&announce::banner(plan, &quick.directory, &self.served));
                }
                None => announce::log_start(plan, &self.served),
            }
        }
        self.service.ready();
        let keep_stderr = self.args.log_target == Target::Stderr;
        let Some(detached) = self.detached.take() else { return };
        // No file system is to be kept from being unmounted. All paths are absolute.
        if let Err(error) = std::env::set_current_dir("/") {
            log::warn(format_args!("the working directory cannot be left: {error}"));
        }
        if let Err(error) = detached.ready(keep_stderr) {
            log::warn(format_args!("standard error cannot be left: {error}"));
        }
    }

    fn reloaded(&mut self, outcome: Outcome, events: &mut Events) {
        self.service.ready();
        if outcome == Outcome::Unchanged {
            self.retry_all(events);
        }
        let told = self.voice.end();
        self.commands.end_reload(outcome, &told);
        self.forget_logs();
        // What a plan has left behind is not needed before the next one.
        heap::give_back();
    }
}

/// The process that does `what` could not be started.
pub(super) fn not_started(what: &str, error: &io::Error) -> String {
    format!("the process that {what} cannot be started: {}", Explained(error))
}

/// A worker that cannot be told anything is of no use.
pub(super) fn lost(sent: io::Result<()>, generation: Generation, events: &mut Events) {
    if let Err(error) = sent {
        let why = Explained(&error);
        log::error(format_args!("worker {generation} cannot be given its orders: {why}"));
        events.push_back(Event::Broken(generation));
    }
}
