//! TLS: handshakes by rustls, established records by our own record layer.
//!
//! Nothing here sees a socket, a file or a clock: bytes go in, bytes and decisions come out, and
//! time comes as a number or as a function that is handed in. Only this folder names rustls and
//! ring.

mod alert;
mod certificate;
mod der;
mod identity;
mod key_schedule;
mod opener;
mod policy;
mod records;
mod sealer;
mod self_signed;
mod session;
mod sniff;
mod suites;
mod tickets;

pub use alert::Alert;
pub use key_schedule::{SECRET_BYTES_MAX, TrafficSecrets};
pub use opener::{Opened, Opener};
pub use records::{
    Front, PLAIN_BYTES_MAX, RECORD_BYTES_MAX, RECORD_HEAD_BYTES, Records, Unsupported, front,
};
pub use sealer::{ALERT_RECORD_BYTES_MAX, NotSealed, OVERHEAD_BYTES_MAX, Sealer};
pub use suites::{Group, Suite};
