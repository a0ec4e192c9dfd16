//! Reading what the command line asks to be served, and what follows from it on this machine.

use super::budget::{Budget, Machine, Sizes, Speech};
use super::descriptors::Held;
use super::identity::{self, Identity};
use super::machine::{self, Actors};
use super::{chroot, migration, unix_sockets};
use crate::config::diagnose::{Diagnostic, Report, Severity};
use crate::config::settings::{Settings, SourceFile};
use crate::config::{self, Loaded, Options};
use crate::conn::Client;
use crate::daemon::command::args::{Action, Args, Source};
use crate::daemon::command::exit;
use crate::daemon::command::print;
use crate::daemon::command::quick;
use crate::daemon::finding::Finding;
use crate::daemon::listening::places::Interfaces;
use crate::reactor::entry_bytes;
use crate::sys::{limits, log};
use crate::vhost::World;

/// What the command line asks to be served, and what there is to say about it.
pub(in crate::daemon) struct Survey {
    pub(in crate::daemon) settings: Settings,
    pub(in crate::daemon) report: Report,
}

impl Survey {
    /// Reads the configuration, or makes the one of quick mode for `port`.
    ///
    /// # Errors
    /// The exit code; everything has been printed.
    pub(in crate::daemon) fn read(args: &Args, strict: bool, port: u16) -> Result<Self, u8> {
        let mut is_damaged = false;
        let mut survey = match &args.source {
            Source::Quick(source) => match quick::settings(source, port) {
                Ok(settings) => {
                    let mut report = Report::default();
                    if quick::looks_like_configuration(&source.directory) {
                        report.push(quick::served_configuration(&source.directory));
                    }
                    Self { settings, report }
                }
                Err(error) => {
                    let hint = error.hint.map(|hint| format!("\n  {hint}")).unwrap_or_default();
                    print::err(&format!("kinglet: {}{hint}", error.message));
                    return Err(exit::USAGE);
                }
            },
            Source::Configured(dir) => {
                let keep_written = migration::concerns(dir);
                let options = Options { keep_written, ..options(args, strict) };
                let mut loaded: Loaded = config::load(dir, &options);
                is_damaged = loaded.is_damaged;
                for note in config::not_built(&loaded) {
                    loaded.report.push(note);
                }
                Self { settings: loaded.settings, report: loaded.report }
            }
        };
        if survey.report.has_errors() {
            let identity = survey.decide(args);
            let global = &survey.settings.global;
            // The user may be named where the text is damaged.
            let is_clear = !is_damaged || global.username.is_some() || global.uid.is_some();
            let identity = identity.filter(|_| is_clear);
            return Err(survey.refuse(args, identity));
        }
        Ok(survey)
    }

    /// Reads again what was planned: the texts of a snapshot, or quick mode for `port`. What there
    /// is to say about it has been told.
    ///
    /// # Errors
    /// The exit code, when it is wrong all the same; everything has been printed.
    pub(in crate::daemon) fn planned(
        args: &Args,
        files: Vec<SourceFile>,
        port: Option<u16>,
    ) -> Result<Self, u8> {
        if matches!(args.source, Source::Quick(_)) {
            let mut survey = Self::read(args, false, port.unwrap_or_else(|| quick::port(args)))?;
            survey.report = Report::default();
            return Ok(survey);
        }
        let Loaded { settings, report, .. } = config::load_texts(files, &options(args, false));
        let mut survey = Self { settings, report };
        if survey.report.has_errors() {
            survey.print();
            return Err(survey.refusal());
        }
        survey.report = Report::default();
        Ok(survey)
    }

    /// Does something whose findings have been told.
    pub(in crate::daemon) fn untold<T>(&mut self, act: impl FnOnce(&mut Self) -> T) -> T {
        let told = std::mem::take(&mut self.report);
        let done = act(self);
        self.report = told;
        done
    }

    /// Adds what the world could not take over.
    pub(in crate::daemon) fn world(&mut self) -> World {
        let (world, faults) = World::build(&self.settings);
        for fault in faults {
            self.report.push(Diagnostic::degraded(Some(fault.place), fault.message));
        }
        world
    }

    /// Who will serve, and whether it may do what the configuration asks of it.
    ///
    /// # Errors
    /// The exit code; everything has been printed.
    pub(in crate::daemon) fn identity(&mut self, args: &Args) -> Result<Identity, u8> {
        let identity = self.decide(args);
        match identity.as_ref().filter(|_| !self.report.has_errors()) {
            Some(identity) => Ok(identity.clone()),
            None => Err(self.refuse(args, identity)),
        }
    }

    /// Who will serve, if that is clear; all errors are reported, and notes if there are none.
    fn decide(&mut self, args: &Args) -> Option<Identity> {
        let starter = identity::starter();
        let is_refused = self.report.has_errors();
        let mut add = |finding: Finding| {
            if finding.severity != Severity::Note || !is_refused {
                self.report.push(finding.into());
            }
        };
        let identity = match &args.source {
            Source::Quick(source) => {
                Some(identity::decide_quick(&source.directory, &starter, &mut add))
            }
            Source::Configured(_) => identity::decide(&self.settings.global, &starter, &mut add),
        };
        if let (Source::Configured(_), Some(identity)) = (&args.source, &identity) {
            chroot::check(&self.settings, identity, &mut add);
        }
        unix_sockets::check(&self.settings, &starter, &mut add);
        identity
    }

    /// Prints what is wrong, and what the machine lacks, so that both can be mended at once; the
    /// exit code. Without an `identity` only what root lacks is known.
    fn refuse(&mut self, args: &Args, identity: Option<Identity>) -> u8 {
        let interfaces = match args.action {
            Action::Check { .. } => Some(Interfaces::read()),
            _ => None,
        };
        if matches!(args.action, Action::Check { .. } | Action::Plan | Action::OneProcess) {
            let starter = identity::starter();
            let server = identity.unwrap_or_else(|| identity::kept(&starter));
            let actors = Actors { server: &server, starter: &starter };
            let Self { settings, report } = self;
            let mut add = |finding: Finding| report.push(finding.into());
            machine::lacks(settings, actors, interfaces.as_ref(), &mut add);
        }
        self.print();
        self.refusal()
    }

    /// Prints what there is to say; without notes when the log does not want them.
    pub(in crate::daemon) fn print(&self) {
        if log::enabled(log::Level::Notice) {
            return print::report(&self.report, &self.settings.files);
        }
        let mut report = Report::default();
        let all = self.report.diagnostics().iter();
        all.filter(|one| one.severity != Severity::Note).for_each(|one| report.push(one.clone()));
        print::report(&report, &self.settings.files);
    }

    /// Says that nothing starts; the exit code.
    fn refusal(&self) -> u8 {
        let counts = self.report.counts();
        print::err(&format!("kinglet: the configuration has {}", plural(counts.errors, "error")));
        exit::CONFIG
    }
}

fn options(args: &Args, strict: bool) -> Options {
    let mut options = Options { strict, ..Options::default() };
    if let Some(data_dir) = &args.data_dir {
        options.data_dir.clone_from(data_dir);
    }
    options
}

/// The sizes of a server of this configuration on this machine, now.
pub(in crate::daemon) fn sizes(survey: &Survey, world: &World) -> Sizes {
    let held = Held {
        of_each: world.listeners.len() + world.directories(),
        of_all: world.log_files.len(),
    };
    Sizes::new(&survey.settings.global, Machine::now(), held, Speech::of(&survey.settings))
}

/// The bound of a server of these sizes.
pub(in crate::daemon) fn budget(world: &World, sizes: &Sizes) -> Budget {
    let mut budget = Budget::of_reactors(sizes, entry_bytes::<Client>());
    for line in crate::conn::memory(world, sizes.connections_max, sizes.threads) {
        budget.add(line.into());
    }
    budget
}

impl Machine {
    /// This machine, with as many descriptors as may be had.
    pub(in crate::daemon) fn now() -> Self {
        let descriptors = limits::descriptors().map_or(1024, |limit| limit.hard);
        Self { memory_bytes: limits::memory_bytes(), descriptors }
    }
}

/// A number and what it counts.
pub(in crate::daemon) fn plural(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}
