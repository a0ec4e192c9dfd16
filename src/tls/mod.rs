//! TLS: handshakes by rustls, established records by our own record layer.
//!
//! Nothing here sees a socket, a file or a clock: bytes go in, bytes and decisions come out, and
//! time comes as a number or as a function that is handed in. Only this folder names rustls and
//! ring.

mod alert;
mod certificate;
mod der;
mod identity;
mod lists;
mod policy;
mod records;
mod self_signed;
mod session;
mod sniff;
mod suites;
mod tickets;

pub use lists::{
    LeftOut, Parsed, Why, group_words, parse_groups, parse_tls12, parse_tls13, tls12_words,
};
pub use suites::{Group, Suite};
