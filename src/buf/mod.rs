//! Bytes that wait: the fixed queue, the block pool, and the words that floors answer with.
//!
//! Nothing here knows a socket, a protocol or a clock.

mod pool;
mod queue;
mod verdict;

pub use pool::{BLOCK_BYTES, Chain, Pool};
pub use queue::{Buf, Full};
pub use verdict::{CloseReason, Pull};
