//! The actions that only look: `-t` and `-T`.

use super::certificates::self_signed;
use super::check::machine::{self, Actors};
use super::check::survey::{Survey, budget, plural, sizes};
use super::check::{identity, migration};
use super::command::args::{Args, Source};
use super::command::{exit, print, quick};
use super::listening::places::{self, Interfaces};
use crate::config::diagnose::Diagnostic;
use crate::config::settings::ListenOn;
use crate::vhost::{Listener, World};

/// `-t`
pub(super) fn check(args: &Args, strict: bool) -> u8 {
    let mut survey = match Survey::read(args, strict, quick::PORT) {
        Ok(survey) => survey,
        Err(code) => return code,
    };
    let identity = match survey.identity(args) {
        Ok(identity) => identity,
        Err(code) => return code,
    };
    let world = survey.world();
    let starter = identity::starter();
    let actors = Actors { server: &identity, starter: &starter };
    let Survey { settings, report } = &mut survey;
    machine::run(settings, actors, &Interfaces::read(), &mut |finding| report.push(finding.into()));
    let kept = self_signed::check(settings, args, &starter);
    kept.into_iter().for_each(|finding| report.push(finding.into()));
    if let Some(nothing) = nothing_to_listen_on(&world) {
        survey.report.push(nothing);
    }
    survey.print();
    if let Source::Configured(dir) = &args.source
        && migration::concerns(dir)
    {
        print::out(&migration::page(&survey.settings, &identity));
    }
    let counts = survey.report.counts();
    let sizes = sizes(&survey, &world);
    print::out(&budget(&world, &sizes).to_string());
    let words = format!(
        "{}, {}, {} degraded",
        plural(counts.errors, "error"),
        plural(counts.warnings, "warning"),
        counts.degraded
    );
    if counts.errors > 0 || (strict && counts.warnings > 0) {
        print::err(&format!("kinglet: the configuration cannot be used: {words}"));
        return exit::CONFIG;
    }
    print::out(&format!("kinglet: the configuration is good: {words}"))
}

/// What there is to say when no client could reach the server now.
fn nothing_to_listen_on(world: &World) -> Option<Diagnostic> {
    let is_unix = |listener: &Listener| matches!(listener.on, ListenOn::Unix(_));
    if world.listeners.is_empty() {
        let message = "there is nothing to listen on: the server would not start";
        return Some(Diagnostic::error(None, message));
    }
    let later = !places::can_listen(world) && !world.listeners.iter().any(is_unix);
    let message = "nothing can be listened on now: the server waits until an address is there";
    later.then(|| Diagnostic::degraded(None, message))
}

/// `-T`
pub(super) fn dump(args: &Args) -> u8 {
    match Survey::read(args, false, quick::PORT) {
        Ok(survey) => {
            survey.print();
            print::out(&survey.settings.effective_json())
        }
        Err(code) => code,
    }
}
