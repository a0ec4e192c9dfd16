//! The process: command line, checks, start, signals, stop.

pub mod args;
pub mod budget;
pub mod check;
pub mod drop;
pub mod finding;
pub mod help;
pub mod log;
pub mod nearest;
mod options;
pub mod ports;
pub mod quick;
mod throttle;

/// Runs the program; the return value is its exit code.
pub fn main(_args: impl IntoIterator<Item = std::ffi::OsString>) -> std::process::ExitCode {
    std::process::ExitCode::FAILURE
}
