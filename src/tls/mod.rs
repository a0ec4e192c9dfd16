//! TLS: handshakes by rustls, established records by our own record layer.
//!
//! Nothing here sees a socket, a file or a clock: bytes go in, bytes and decisions come out, and
//! time comes as a number or as a function that is handed in. Only this folder names rustls and
//! ring.
//!
//! ```text
//! sniff ──▶ (vhost) ──▶ policy ──▶ session: handshake ──▶ session: record
//!                         ▲
//!                       x509
//! ```

mod failure;
#[cfg(test)]
mod fixtures;
mod hello;
mod policy;
mod record;
pub mod secret_tap;
mod session;
mod sniff;
mod x509;

pub use failure::Failure;
pub use hello::Hello;
pub use policy::client_certificate::CLOCK_FLOOR_SECS;
pub use policy::lists::{
    LeftOut, Parsed, Why, group_words, parse_groups, parse_tls12, parse_tls13, tls12_words,
};
pub use policy::shown::{Certified, Shown};
pub use policy::suites::{Group, Suite};
pub use policy::terms::{Clients, Policy, PolicyFault, Terms};
pub use policy::tickets::{
    EPOCH_MS, EXPORT_BYTES, TICKET_BYTES_MAX, TicketFault, TicketSecret, Tickets, policy_id,
};
pub use record::alert::Alert;
pub use record::key_schedule::{SECRET_BYTES_MAX, TrafficSecrets};
pub use record::opener::{Opened, Opener};
pub use record::records::{
    Front, PLAIN_BYTES_MAX, RECORD_BYTES_MAX, RECORD_HEAD_BYTES, Records, Unsupported, front,
};
pub use record::sealer::{ALERT_RECORD_BYTES_MAX, NotSealed, OVERHEAD_BYTES_MAX, Sealer};
pub use session::{Received, Secured, Session};
pub use sniff::{HELLO_BYTES_MAX, Sniffed, sniff};
pub use x509::certificate_finding::{CLOCK_PLAUSIBLE_SECS, CertificateFinding};
pub use x509::identity::{CHAIN_MAX, Identity, PEM_BYTES_MAX};
pub use x509::identity_fault::IdentityFault;
pub use x509::pem::{Skipped, skipped};
pub use x509::roots::{Roots, RootsFault};
pub use x509::{certificate, self_signed};
