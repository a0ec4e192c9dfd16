//! The roles: where queues, HTTP, the world and the origins meet.
//!
//! [`Http`] is the role of a client's connection. Its phases:
//!
//! ```text
//! Idle ── first byte ──▶ Head ── complete ──▶ answer ──▶ Exchange ── all sent ──▶ Idle
//!                          │                    │            │
//!                          │ bad, late          │ slow hash  │ not to be kept
//!                          ▼                    ▼            ▼
//!                        Closing ◀──────── Checking       Closing ──▶ Lingering
//! ```
//!
//! `Closing` waits until the answer has left, `Lingering` reads what the client still sends so
//! that no reset overtakes the answer (RFC 9112 section 9.6).

mod answer;
mod body;
mod exchange;
mod files;
mod head;
mod http;
mod limits;
mod local;
mod logging;
mod memory;
mod reply;
mod site;
mod source;

pub use http::Http;
pub use limits::{RX_BYTES, TX_BYTES};
pub use local::{Local, SIGNALS};
pub use memory::{UserOfMemory, memory};
pub use site::Site;
