//! Handshakes of real TLS clients with policies, in memory: which tickets resume where, who is let
//! in, and what is agreed on.

#[path = "tls_tickets/client_certificates.rs"]
mod client_certificates;
#[path = "tls/counting.rs"]
mod counting;
#[path = "tls_tickets/memory.rs"]
mod memory;
#[path = "tls_tickets/peers.rs"]
mod peers;
#[path = "tls_tickets/resumption.rs"]
mod resumption;
#[path = "tls_tickets/tap.rs"]
mod tap;
#[path = "tls_tickets/terms.rs"]
mod terms;
