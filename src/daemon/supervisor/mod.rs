//! The supervisor: opens what is listened on, starts workers, and waits.

mod access_logs;
pub(super) mod announce;
pub mod channel;
mod children;
mod commands;
pub mod ending;
mod following;
pub mod generations;
pub mod happenings;
pub mod interfaces;
mod missing;
mod perform;
mod planner;
pub mod reloading;
pub(super) mod resume;
pub(super) mod run;
mod service;
mod shell;
pub mod sockets;
mod succession;
pub(super) mod voice;
pub mod watchdog;
mod worker;
