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
mod policy;
mod provider;
mod records;
pub mod secret_tap;
mod self_signed;
mod session;
mod shown;
mod sniff;
mod suites;
mod tickets;

pub use client_certificate::CLOCK_FLOOR_S;
pub use policy::{Clients, Policy, PolicyFault, Terms};
pub use shown::Shown;
pub use records::{PLAIN_BYTES_MAX, RECORD_BYTES_MAX, Sealer};
pub use session::{Received, Secured, Session};
pub use sniff::{HELLO_BYTES_MAX, Hello, Sniffed, sniff};
pub use suites::{Group, Suite};
pub use tickets::{
    EPOCH_MS, EXPORT_BYTES, TICKET_BYTES_MAX, TicketFault, TicketSecret, Tickets, policy_id,
};
