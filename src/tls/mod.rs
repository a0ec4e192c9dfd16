//! TLS: handshakes by rustls, established records by our own record layer.
//!
//! Nothing here sees a socket, a file or a clock: bytes go in, bytes and decisions come out, and
//! time comes as a number or as a function that is handed in. Only this folder names rustls and
//! ring.

mod alert;
mod certificate;
mod der;
mod identity;
mod policy;
mod records;
mod self_signed;
mod session;
mod sniff;
mod suites;
mod tickets;

pub use records::{PLAIN_BYTES_MAX, RECORD_BYTES_MAX, Sealer};
pub use session::{Received, Secured, Session};
pub use sniff::{HELLO_BYTES_MAX, Hello, Sniffed, sniff};
pub use suites::{Group, Suite};
