//! The process: command line, checks, start, signals, stop.

pub mod budget;

/// Runs the program; the return value is its exit code.
pub fn main(_args: impl IntoIterator<Item = std::ffi::OsString>) -> std::process::ExitCode {
    std::process::ExitCode::FAILURE
}
