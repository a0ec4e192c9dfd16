//! The supervisor's loop: waits for signals, children and workers, and does what follows.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, RawFd};

use super::channel::Received;
use super::happenings::{Event, Generation, RUNTIME};
use super::interfaces::Watcher;
use super::perform::lost;
use super::shell::{Beginnings, Shell};
use crate::daemon::command::args::{Args, Source};
use crate::daemon::command::print;
use crate::daemon::control::server::Server;
use crate::daemon::orders::Report;
use crate::sys::log::Level;
use crate::sys::poll::{self, Watch};
use crate::sys::process;
use crate::sys::signal::{Signal, Signals};
use crate::sys::{clock, limits, log};

/// Signals that the supervisor answers to.
const SIGNALS: [Signal; 6] = [
    Signal::Hangup,
    Signal::Interrupt,
    Signal::Terminate,
    Signal::User1,
    Signal::User2,
    Signal::Child,
];
/// Reports of one worker that are read before the others have their turn.
const REPORTS_MAX: usize = 64;

/// Runs the server that `args` ask for until it is told to stop; the exit code.
pub(in crate::daemon) fn run(args: &Args) -> u8 {
    let mut beginnings = match Beginnings::new(args) {
        Ok(beginnings) => beginnings,
        Err(text) => return refuse(&text),
    };
    // Sockets, and copies of them on their way to workers. Children come to their own limit.
    if let Err(error) = limits::set_descriptors(None) {
        log::warn(format_args!("the limit of descriptors stays as it is: {error}"));
    }
    let started = signals().and_then(|signals| Ok((signals, Shell::new(args, &mut beginnings)?)));
    match started {
        Ok((signals, mut shell)) => {
            let code = shell.live(&signals, VecDeque::from([Event::Start]));
            shell.close(code)
        }
        Err(text) => {
            let code = refuse(&text);
            if let Some(detached) = beginnings.detached {
                detached.failed(code);
            }
            code
        }
    }
}

/// Says why nothing is served; the exit code.
fn refuse(text: &str) -> u8 {
    print::err(&format!("kinglet: {text}"));
    RUNTIME
}

/// Goes on as the supervisor that has left its state in the descriptor `state`; the exit code.
pub(in crate::daemon) fn resume(args: &Args, state: RawFd) -> u8 {
    let resumed = Shell::resume(args, state).and_then(|shell| Ok((shell, signals()?)));
    match resumed {
        Ok((mut shell, signals)) => {
            let mut events = VecDeque::new();
            // Children that ended meanwhile are told by a signal that waits, or by nobody.
            shell.reap(&mut events);
            events.push_back(Event::Tick);
            let code = shell.live(&signals, events);
            shell.close(code)
        }
        Err(text) => refuse(&text),
    }
}

fn signals() -> Result<Signals, String> {
    Signals::of(&SIGNALS).map_err(|error| format!("signals cannot be waited for: {error}"))
}

/// What has something to say.
struct Ready {
    signals: bool,
    workers: Vec<Generation>,
    control: Vec<RawFd>,
}

impl Shell<'_> {
    /// Goes on until all is over; the exit code.
    fn live(&mut self, signals: &Signals, mut events: VecDeque<Event>) -> u8 {
        loop {
            while let Some(event) = events.pop_front() {
                let actions = self.machine.take(event, clock::monotonic_ms());
                for action in actions {
                    self.perform(action, &mut events);
                }
            }
            if let Some(code) = self.exit {
                self.succession.kill();
                return code;
            }
            self.succeed();
            self.answer_status();
            self.tell_status();
            self.watch_missing();
            if let Err(error) = self.wait(signals, &mut events) {
                log::error(format_args!("waiting for events failed: {error}"));
                self.kill_all();
                return RUNTIME;
            }
        }
    }

    /// Waits until something happens, and collects what it is.
    fn wait(&mut self, signals: &Signals, events: &mut VecDeque<Event>) -> io::Result<()> {
        let ready = self.poll(signals)?;
        // What workers say comes first: it was said before they ended, and before time ran out.
        for generation in ready.workers {
            self.listen_to(generation, events);
        }
        if ready.signals {
            self.hear(signals, events)?;
        }
        self.retry_missing(events);
        self.follow_interfaces(events);
        for fd in ready.control {
            self.control(fd, events);
        }
        self.succession.expire(clock::monotonic_ms());
        if self.machine.next_ms().is_some_and(|next| next <= clock::monotonic_ms()) {
            events.push_back(Event::Tick);
        }
        Ok(())
    }

    fn poll(&self, signals: &Signals) -> io::Result<Ready> {
        let watcher = Some(&self.watcher).filter(|_| self.may_follow());
        let follow_ms = watcher.and_then(Watcher::due_ms);
        let tried_ms = self.succession.due_ms();
        let waits = [self.machine.next_ms(), self.commands.deadline_ms, follow_ms, tried_ms];
        let next = waits.into_iter().chain([self.retry_ms]);
        let next = next.flatten().min();
        let timeout_ms = next.map(|next| next.saturating_sub(clock::monotonic_ms()));
        let open = || self.workers.iter().filter(|worker| !worker.channel.is_closed());
        let control = || self.commands.server.iter().flat_map(Server::descriptors);
        let mut watches = vec![Watch::readable(signals.as_fd())];
        watches.extend(
            open().map(|worker| {
                Watch::new(worker.channel.as_fd(), true, worker.channel.is_waiting())
            }),
        );
        watches.extend(control().map(Watch::readable));
        watches.extend(watcher.and_then(Watcher::fd).map(Watch::readable));
        poll::wait(&mut watches, timeout_ms)?;
        let mut watches = watches.iter().map(|watch| watch.is_readable() || watch.is_writable());
        let signals = watches.next().unwrap_or(false);
        let workers = open().map(|worker| worker.generation).zip(watches.by_ref());
        let workers =
            workers.filter(|(_, ready)| *ready).map(|(generation, _)| generation).collect();
        let control = control().map(|fd| fd.as_raw_fd()).zip(watches);
        let control = control.filter(|(_, ready)| *ready).map(|(fd, _)| fd).collect();
        Ok(Ready { signals, workers, control })
    }

    /// Reads what a worker says, and sends what waits for it.
    fn listen_to(&mut self, generation: Generation, events: &mut VecDeque<Event>) {
        let worker = self.workers.iter_mut().find(|worker| worker.generation == generation);
        let Some(worker) = worker else { return };
        lost(worker.channel.flush(), generation, events);
        for _ in 0..REPORTS_MAX {
            events.push_back(match worker.channel.receive() {
                Received::Nothing => break,
                Received::Garbage => Event::Broken(generation),
                Received::Closed => Event::Closed(generation),
                Received::Report(Report::Failed { code }) => Event::Failed(generation, code),
                Received::Report(Report::Pong { number }) => Event::Pong(generation, number),
                Received::Report(Report::Ready { memory_bytes_max, connections_max }) => {
                    worker.figures.memory_bytes_max = memory_bytes_max;
                    worker.figures.connections_max = connections_max;
                    Event::Ready(generation)
                }
                Received::Report(Report::Stats { connections, accepted, requests }) => {
                    let figures = &mut worker.figures;
                    (figures.connections, figures.accepted) = (connections, accepted);
                    (figures.requests, figures.has_counted) = (requests, true);
                    self.commands.heard(generation);
                    continue;
                }
                Received::Report(Report::Certified { vhost }) => {
                    let of = worker.plan.fingerprint;
                    let new = self.new.as_mut().map(|(planned, _)| planned);
                    let known = self.good.as_mut().into_iter().chain(new);
                    known
                        .filter(|planned| planned.plan.fingerprint == of)
                        .for_each(|planned| planned.certified(vhost));
                    continue;
                }
            });
        }
    }

    fn hear(&mut self, signals: &Signals, events: &mut VecDeque<Event>) -> io::Result<()> {
        while let Some(signal) = signals.read()? {
            match signal {
                Signal::Hangup if self.ends_with_terminal() => {
                    // A shell may pass on what the kernel has sent as well.
                    if !self.machine.is_ending() {
                        self.voice.say(Level::Notice, "the terminal is closed");
                        events.push_back(Event::StopWanted);
                    }
                }
                Signal::Hangup => {
                    self.reopen_logs(events);
                    events.push_back(Event::ReloadWanted);
                }
                Signal::Interrupt | Signal::Terminate => events.push_back(Event::StopWanted),
                Signal::User1 => self.reopen_logs(events),
                Signal::User2 => self.succession.want(),
                Signal::Child => self.reap(events),
            }
        }
        Ok(())
    }

    /// Whether SIGHUP is the end of a server that was started in a terminal: in quick mode, which
    /// has no configuration to read again, and wherever the terminal is gone.
    fn ends_with_terminal(&self) -> bool {
        let is_quick = matches!(self.args.source, Source::Quick(_));
        (is_quick && self.terminal.is_attached()) || self.terminal.has_hung_up()
    }

    fn reap(&mut self, events: &mut VecDeque<Event>) {
        while let Some((pid, ended)) = process::reap() {
            let ended = ended.into();
            if let Some(planner) = self.planner.take_if(|planner| planner.pid() == pid) {
                events.push_back(self.planned(planner, ended));
                continue;
            }
            if let Some(planner) = self.succession.take(pid) {
                self.tried(planner, ended);
                continue;
            }
            let at = self.workers.iter().position(|worker| worker.pid == pid);
            let Some(generation) = at.and_then(|at| self.workers.get(at)).map(|one| one.generation)
            else {
                continue;
            };
            // Its last words.
            self.listen_to(generation, events);
            self.workers.retain(|worker| worker.generation != generation);
            self.commands.heard(generation);
            self.forget_logs();
            events.push_back(Event::Ended(generation, ended));
        }
    }
}
