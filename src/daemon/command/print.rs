//! Text for the terminal.

use std::io::{IsTerminal, Write};

use super::exit;
use crate::config::diagnose::Report;
use crate::config::settings::SourceFile;

/// Prints to standard output; the exit code says whether that worked.
pub(in crate::daemon) fn out(text: &str) -> u8 {
    let mut out = std::io::stdout().lock();
    let line_end = if text.ends_with('\n') { "" } else { "\n" };
    match out.write_all(text.as_bytes()).and_then(|()| out.write_all(line_end.as_bytes())) {
        Ok(()) => exit::OK,
        // A reader that has seen enough, as in `kinglet --schema | head`.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => exit::OK,
        Err(_) => exit::RUNTIME,
    }
}

/// Prints to standard error; nobody is left to tell when that fails.
pub(in crate::daemon) fn err(text: &str) {
    let line_end = if text.ends_with('\n') { "" } else { "\n" };
    let _ = std::io::stderr().lock().write_all(format!("{text}{line_end}").as_bytes());
}

/// Prints what was found, if anything was.
pub(in crate::daemon) fn report(report: &Report, files: &[SourceFile]) {
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let text = report.render(files, colour);
    if !text.is_empty() {
        err(&text);
    }
}
