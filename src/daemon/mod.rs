//! The process: command line, checks, start, signals, stop.

mod certificates;
mod check;
mod command;
mod control;
mod finding;
pub mod listening;
mod look;
mod one_process;
pub mod orders;
mod packing;
pub mod plan;
pub mod supervisor;
mod worker;

use std::ffi::OsString;
use std::process::ExitCode;

use self::certificates::self_signed;
use self::certificates::state_dir::Surroundings;
use self::command::args::{self, Action};
use self::command::{completions, exit, help, manual, print};
use self::control::client;
use crate::config;
use crate::sys::log;

#[doc(hidden)]
pub use self::control::packet::{answer_part_again, request_again};
/// The heap of static builds.
pub use crate::sys::zeroed::Heap;

/// Runs the program; the return value is its exit code.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut args = match args::parse(args) {
        Ok(args) => args,
        Err(error) => {
            print::err(&format!("{error}\n"));
            return ExitCode::from(exit::USAGE);
        }
    };
    args.state_default.get_or_insert_with(|| Surroundings::now().state_dir().unwrap_or_default());
    let inherited = (args.action == Action::Worker).then(worker::Inherited::take);
    let served = (args.action == Action::Plan).then(plan::make::served).flatten();
    log::init(args.level, args.log_target);
    let code = match &args.action {
        Action::Serve => supervisor::run::run(&args),
        Action::OneProcess => one_process::serve(&args),
        Action::Plan => plan::make::run(&args, served),
        Action::Worker => inherited.map_or(exit::USAGE, |own| worker::run(&args, own)),
        Action::Resume(state) => supervisor::run::resume(&args, *state),
        Action::Control(control) => client::run(*control, &args),
        Action::Manual(page) => print::out(&manual::page(*page)),
        Action::Completions(shell) => print::out(&completions::script(*shell)),
        Action::Check { strict } => look::check(&args, *strict),
        Action::Dump => look::dump(&args),
        Action::HelpShort => print::out(&help::short()),
        Action::HelpLong => print::out(&help::long()),
        Action::Version => print::out(help::version()),
        Action::SelfSigned => self_signed::run(&args),
        Action::Schema => print::out(&config::schema()),
        Action::Explain(key) => match config::explain(key) {
            Ok(text) => print::out(&text),
            Err(text) => {
                print::err(&text);
                exit::USAGE
            }
        },
    };
    log::flush();
    ExitCode::from(code)
}
