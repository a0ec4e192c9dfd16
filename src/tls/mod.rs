//! TLS: handshakes by rustls, established records by our own record layer.
//!
//! Nothing here sees a socket, a file or a clock: bytes go in, bytes and decisions come out, and
//! time comes as a number or as a function that is handed in. Only this folder names rustls and
//! ring.

mod alert;
mod certificate;
mod client_certificate;
mod der;
mod identity;
mod key_schedule;
mod opener;
mod policy;
mod provider;
mod records;
mod sealer;
pub mod secret_tap;
mod self_signed;
mod session;
mod shown;
mod sniff;
mod suites;
mod tickets;

pub use alert::Alert;
pub use client_certificate::CLOCK_FLOOR_S;
pub use key_schedule::{SECRET_BYTES_MAX, TrafficSecrets};
pub use opener::{Opened, Opener};
pub use policy::{Clients, Policy, PolicyFault, Terms};
pub use records::{
    Front, PLAIN_BYTES_MAX, RECORD_BYTES_MAX, RECORD_HEAD_BYTES, Records, Unsupported, front,
};
pub use sealer::{ALERT_RECORD_BYTES_MAX, NotSealed, OVERHEAD_BYTES_MAX, Sealer};
pub use session::{Failure, Received, Secured, Session};
pub use shown::Shown;
pub use sniff::{HELLO_BYTES_MAX, Hello, Sniffed, sniff};
pub use suites::{Group, Suite};
pub use tickets::{
    EPOCH_MS, EXPORT_BYTES, TICKET_BYTES_MAX, TicketFault, TicketSecret, Tickets, policy_id,
};
