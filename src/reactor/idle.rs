//! Who is evicted first: connections that wait for a request, the longest-waiting one first.
//!
//! There are two orders, one for those that hold blocks of the pool and one for those that do
//! not, so that either a slot or blocks can be had without a search.

use super::entry::{Entry, Idles};
use super::order::Order;
use crate::sys::arena::Arena;

/// The two orders.
#[derive(Debug, Default)]
pub(super) struct IdleOrders {
    bare: Order,
    holders: Order,
}

impl IdleOrders {
    /// Puts `slot` at the end of its order, or into none when it may not be evicted.
    pub(super) fn settle<R>(
        &mut self,
        all: &mut Arena<Entry<R>>,
        slot: u16,
        evictable: bool,
        holds_blocks: bool,
        now_ms: u64,
    ) {
        let Some(entry) = all.get_mut(usize::from(slot)) else { return };
        let held = std::mem::replace(&mut entry.holds_blocks, holds_blocks);
        entry.idle_since_ms = now_ms;
        if !evictable || held != holds_blocks {
            self.order(held).remove(&mut Idles(all), slot);
        }
        if evictable {
            self.order(holds_blocks).touch(&mut Idles(all), slot);
        }
    }

    /// Takes `slot` out before it goes.
    pub(super) fn remove<R>(&mut self, all: &mut Arena<Entry<R>>, slot: u16) {
        let Some(entry) = all.get_mut(usize::from(slot)) else { return };
        let held = entry.holds_blocks;
        self.order(held).remove(&mut Idles(all), slot);
    }

    /// The connection that has waited for longest.
    pub(super) fn longest<R>(&self, all: &Arena<Entry<R>>) -> Option<u16> {
        let since = |slot: &u16| all.get(usize::from(*slot)).map(|entry| entry.idle_since_ms);
        [self.bare.first(), self.holders.first()].into_iter().flatten().min_by_key(since)
    }

    /// The connection that has held blocks for longest while it waits.
    pub(super) fn longest_holder(&self) -> Option<u16> {
        self.holders.first()
    }

    fn order(&mut self, holds_blocks: bool) -> &mut Order {
        if holds_blocks { &mut self.holders } else { &mut self.bare }
    }
}
