//! The event loop: slots, lanes, the timer wheel, listeners; generic over the role.
//!
//! ```text
//! epoll ─ token ─ slot ─ Turn: load ─ (flush, fill, step)* ─ store ─ timer, idle order, run queue
//! ```
//!
//! A turn ends in one of three states, and the loop asserts that it does: *parked* (every lane
//! would block, or the role waits for a note), *runnable* (on the run queue, because a budget
//! ended it early and an edge-triggered descriptor will not report again), or *closed*.
//! Which events a lane needs is derived from its queues; no role ever asks for one.

mod accept;
mod command;
mod entry;
mod idle;
mod inbox;
mod mailbox;
mod order;
mod parting;
mod plain;
mod role;
mod run;
mod seal;
mod sessions;
mod slots;
mod tail;
mod token;
mod turn;
mod wheel;
mod wire;

pub use accept::{ListenerId, Listening};
pub use command::Command;
pub use entry::entry_bytes;
pub use mailbox::{
    ARRIVALS_MAX, Arrival, BYTES as MAILBOX_BYTES, Counts, LETTERS_MAX, Letter, Mailbox, Post,
    REACTORS_MAX,
};
pub use role::{ClientSocket, Cx, Deadline, Local, Note, Role, SlotIo, Step, Timeout, Wait};
pub use run::{Limits, Reactor, Start, share};
pub use sessions::{SHARED_BYTES, session_bytes};
pub use token::SLOTS_MAX;
