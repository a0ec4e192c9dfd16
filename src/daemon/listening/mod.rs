//! Listening sockets: from what a configuration says to descriptors.

pub(super) mod ports;
