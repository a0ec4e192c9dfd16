//! Bytes that wait: the fixed queue, the block pool, and the words that floors answer with.
//!
//! Nothing here knows a protocol, a clock or a system call.

mod ends;
mod pool;
mod queue;
mod verdict;

pub use ends::{End, Ends, LANES, LaneId, Tail};
pub use pool::{BLOCK_BYTES, BLOCKS_MAX, Chain, Pool};
pub use queue::{Buf, Full};
pub use verdict::{CloseReason, Pull};
