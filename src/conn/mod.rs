//! The roles: where queues, HTTP, the world and the origins meet.
//!
//! [`Client`] is a client's connection: [`Opening`] on a TLS listener until its handshake is done,
//! then [`Http`], whose phases are:
//!
//! ```text
//! Idle ── first byte ──▶ Head ── complete ──▶ answer ──▶ Exchange ── all sent ──▶ Idle
//!                          │                    │            │
//!                          │ bad, late          │ slow hash  │ not to be kept
//!                          ▼                    ▼            ▼
//!                        Closing ◀──────── Checking       Closing ──▶ Lingering
//! ```
//!
//! A request for a long listing is in `Listing`, in place of `Checking`, until its page is made.
//!
//! `Closing` waits until the answer has left, `Lingering` reads what the client still sends so
//! that no reset overtakes the answer (RFC 9112 section 9.6).

mod answer;
mod body;
mod client;
mod deadlines;
mod exchange;
mod faults;
mod files;
mod handshakes;
mod head;
mod http;
mod limits;
mod local;
mod logging;
mod memory;
mod not_found;
mod opening;
mod overseer;
mod peers;
mod reply;
mod security;
mod site;
mod source;

pub use client::{Client, Effect};
pub use http::Http;
pub use limits::{RX_BYTES, TX_BYTES};
pub use local::{LOG_FINISH, Local, Parts, Passwords};
pub use memory::{UserOfMemory, memory};
pub use opening::Opening;
pub use overseer::{Overseer, SIGNALS, SignalWatch};
pub use peers::PeerLimits;
pub use site::Site;
