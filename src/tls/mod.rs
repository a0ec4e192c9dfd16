//! TLS: handshakes by rustls, established records by our own record layer.
//!
//! Nothing here sees a socket, a file or a clock: bytes go in, bytes and decisions come out, and
//! time comes as a number or as a function that is handed in. Only this folder names rustls and
//! ring.

mod alert;
pub mod certificate;
mod certificate_finding;
mod client_certificate;
mod der;
mod distinguished_name;
#[cfg(test)]
mod fixtures;
mod identity;
mod identity_fault;
mod key_schedule;
mod lists;
mod opener;
mod policy;
mod private_key;
mod provider;
mod records;
mod roots;
mod sealer;
pub mod secret_tap;
pub mod self_signed;
mod session;
mod shown;
mod sniff;
mod suites;
mod tickets;
mod time;

pub use alert::Alert;
pub use certificate_finding::{CLOCK_PLAUSIBLE_SECS, CertificateFinding};
pub use client_certificate::CLOCK_FLOOR_S;
pub use identity::{CHAIN_MAX, Identity, PEM_BYTES_MAX};
pub use identity_fault::IdentityFault;
pub use key_schedule::{SECRET_BYTES_MAX, TrafficSecrets};
pub use lists::{
    LeftOut, Parsed, Why, group_words, parse_groups, parse_tls12, parse_tls13, tls12_words,
};
pub use opener::{Opened, Opener};
pub use policy::{Clients, Policy, PolicyFault, Terms};
pub use records::{
    Front, PLAIN_BYTES_MAX, RECORD_BYTES_MAX, RECORD_HEAD_BYTES, Records, Unsupported, front,
};
pub use roots::{Roots, RootsFault};
pub use sealer::{ALERT_RECORD_BYTES_MAX, NotSealed, OVERHEAD_BYTES_MAX, Sealer};
pub use session::{Failure, Received, Secured, Session};
pub use shown::{Certified, Shown};
pub use sniff::{HELLO_BYTES_MAX, Hello, Sniffed, sniff};
pub use suites::{Group, Suite};
pub use tickets::{
    EPOCH_MS, EXPORT_BYTES, TICKET_BYTES_MAX, TicketFault, TicketSecret, Tickets, policy_id,
};
