//! Listening sockets: from what a configuration says to descriptors.

pub mod opening;
pub mod places;
pub mod ports;
pub mod table;
