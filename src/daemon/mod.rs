//! The process: command line, checks, start, signals, stop.

mod certificates;
mod check;
mod command;
mod control;
pub mod listening;
pub mod orders;
mod packing;
pub mod plan;
mod serve;
pub mod supervisor;

use std::ffi::OsString;
use std::process::ExitCode;

use self::certificates::self_signed;
use self::check::survey;
use self::command::args::{self, Action};
use self::command::{exit, help, print};
use self::control::client;
use crate::config;
use crate::sys::log;

/// The heap of static builds.
pub use crate::sys::zeroed::Heap;

/// Runs the program; the return value is its exit code.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args = match args::parse(args) {
        Ok(args) => args,
        Err(error) => {
            print::err(&format!("{error}\n"));
            return ExitCode::from(exit::USAGE);
        }
    };
    log::init(args.level, args.log_target);
    let code = match &args.action {
        Action::Serve | Action::OneProcess => serve::serve(&args),
        Action::Plan => plan::make::run(&args),
        Action::Worker | Action::Resume(_) => exit::USAGE,
        Action::Control(control) => client::run(*control, &args),
        Action::Manual(_) | Action::Completions(_) => exit::USAGE,
        Action::Check { strict } => survey::check(&args, *strict),
        Action::Dump => survey::dump(&args),
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
