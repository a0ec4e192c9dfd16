//! The supervisor: opens what is listened on, starts workers, and waits.

pub mod interfaces;
pub mod sockets;
