//! Asking a running server: the supervisor's socket, and the commands that use it.
//!
//! Packets of a fixed size in one direction, bounded text in the other, and nobody but root and
//! the server's own user may ask.

pub(super) mod client;
mod find;
mod follow;
mod holder;
mod name;
pub(super) mod packet;
pub(super) mod server;
pub(super) mod status;
mod status_json;
