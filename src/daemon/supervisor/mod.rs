//! The supervisor: opens what is listened on, starts workers, and waits.

pub mod channel;
pub mod ending;
pub mod generations;
pub mod happenings;
pub mod reloading;
pub mod watchdog;
