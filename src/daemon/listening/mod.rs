//! Listening sockets: from what a configuration says to descriptors.

pub mod opening;
pub mod ports;
pub mod table;
