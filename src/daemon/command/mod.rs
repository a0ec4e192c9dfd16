//! The command line: options, help, what is printed, and quick mode.

pub(super) mod args;
pub(super) mod exit;
pub(super) mod help;
mod options;
pub(super) mod print;
pub(super) mod quick;
