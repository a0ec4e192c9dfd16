//! The command line: options, help, what is printed, and quick mode.

pub(super) mod action;
pub(super) mod args;
pub(super) mod argv;
mod draft;
pub(super) mod exit;
pub(super) mod help;
mod listen;
mod options;
pub(super) mod print;
pub(super) mod quick;
mod usage;
