//! Who is closed first when a slot or blocks are needed.
//!
//! Three orders, each with the slot first whose last turn is longest ago: connections that wait
//! for a request and hold no block of the pool, those that wait and hold some, and those that are
//! in an exchange and hold some because their peer is slow. So either a slot or blocks can be had
//! without a search.

use super::entry::{Entry, Idles};
use super::order::Order;
use crate::buf::LaneId;
use crate::sys::arena::Arena;

/// Connections that are looked at for one with a TLS session. Only `max-tls-connections` makes
/// this matter: by default there are as many sessions as slots.
const SCAN_MAX: usize = 64;

/// One of the orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum List {
    /// Waits for a request, holds no block.
    Bare,
    /// Waits for a request, holds blocks.
    Holder,
    /// Is in an exchange, holds blocks.
    Slow,
}

impl List {
    /// Where a slot belongs.
    pub(super) const fn of(evictable: bool, holds_blocks: bool) -> Option<Self> {
        match (evictable, holds_blocks) {
            (true, false) => Some(Self::Bare),
            (true, true) => Some(Self::Holder),
            (false, true) => Some(Self::Slow),
            (false, false) => None,
        }
    }
}

/// The orders.
#[derive(Debug, Default)]
pub(super) struct IdleOrders {
    bare: Order,
    holders: Order,
    slow: Order,
}

impl IdleOrders {
    /// Puts `slot` at the end of `list`, or into none.
    pub(super) fn settle<R>(
        &mut self,
        all: &mut Arena<Entry<R>>,
        slot: u16,
        list: Option<List>,
        now_ms: u64,
    ) {
        let Some(entry) = all.get_mut(usize::from(slot)) else { return };
        let before = std::mem::replace(&mut entry.listed, list);
        entry.turned_ms = now_ms;
        if let Some(before) = before.filter(|before| Some(*before) != list) {
            self.order(before).remove(&mut Idles(all), slot);
        }
        if let Some(list) = list {
            self.order(list).touch(&mut Idles(all), slot);
        }
    }

    /// Takes `slot` out before it goes.
    pub(super) fn remove<R>(&mut self, all: &mut Arena<Entry<R>>, slot: u16) {
        let Some(entry) = all.get_mut(usize::from(slot)) else { return };
        if let Some(list) = entry.listed.take() {
            self.order(list).remove(&mut Idles(all), slot);
        }
    }

    /// The connection that has waited for a request for longest.
    pub(super) fn longest<R>(&self, all: &Arena<Entry<R>>) -> Option<u16> {
        let since = |slot: &u16| all.get(usize::from(*slot)).map(|entry| entry.turned_ms);
        [self.bare.first(), self.holders.first()].into_iter().flatten().min_by_key(since)
    }

    /// The connection with a TLS session that has waited for a request for longest, as far as it
    /// is among the first [`SCAN_MAX`] of its order.
    pub(super) fn longest_with_session<R>(&self, all: &mut Arena<Entry<R>>) -> Option<u16> {
        for order in [&self.bare, &self.holders] {
            let mut next = order.first();
            for _ in 0..SCAN_MAX {
                let Some(slot) = next else { break };
                let entry = all.get_mut(usize::from(slot))?;
                if entry.lanes.get(LaneId::Client).is_some_and(|lane| lane.session.is_some()) {
                    return Some(slot);
                }
                next = order.after(&mut Idles(all), slot);
            }
        }
        None
    }

    /// The connection that has held blocks for longest while it waits for a request.
    pub(super) fn longest_holder(&self) -> Option<u16> {
        self.holders.first()
    }

    /// The connection that has held blocks for longest without a turn, within an exchange.
    pub(super) fn slowest(&self) -> Option<u16> {
        self.slow.first()
    }

    fn order(&mut self, list: List) -> &mut Order {
        match list {
            List::Bare => &mut self.bare,
            List::Holder => &mut self.holders,
            List::Slow => &mut self.slow,
        }
    }
}
