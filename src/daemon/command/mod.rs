//! The command line: options, help, manual, completions, what is printed, and quick mode.

pub(super) mod action;
pub(super) mod args;
pub(super) mod argv;
pub(super) mod completions;
mod draft;
pub(super) mod exit;
pub(super) mod help;
mod listen;
pub(super) mod manual;
mod options;
pub(super) mod print;
pub(super) mod quick;
mod topics;
mod usage;
