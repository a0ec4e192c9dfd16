//! Lists of slots, linked by number through their entries: the run queue and the idle order.

/// A slot's links in one list.
#[derive(Debug)]
pub(super) struct Links {
    prev: u16,
    next: u16,
    listed: bool,
}

impl Default for Links {
    fn default() -> Self {
        Self { prev: NONE, next: NONE, listed: false }
    }
}

const NONE: u16 = u16::MAX;

/// Where the links of one list live.
pub(super) trait Linked {
    /// The links of slot `id`.
    fn links(&mut self, id: u16) -> &mut Links;
}

/// A queue of slots without memory of its own; each slot is in it at most once.
#[derive(Debug)]
pub(super) struct Order {
    first: u16,
    last: u16,
    len: usize,
}

impl Default for Order {
    fn default() -> Self {
        Self { first: NONE, last: NONE, len: 0 }
    }
}

impl Order {
    /// Number of slots in the list.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Appends slot `id`, unless it is in the list.
    pub(super) fn push(&mut self, all: &mut impl Linked, id: u16) {
        let last = self.last;
        let links = all.links(id);
        if links.listed {
            return;
        }
        *links = Links { prev: last, next: NONE, listed: true };
        if last == NONE {
            self.first = id;
        } else {
            all.links(last).next = id;
        }
        self.last = id;
        self.len += 1;
    }

    /// Takes slot `id` out, if it is in the list.
    pub(super) fn remove(&mut self, all: &mut impl Linked, id: u16) {
        let links = all.links(id);
        if !links.listed {
            return;
        }
        let (prev, next) = (links.prev, links.next);
        *links = Links::default();
        if prev == NONE {
            self.first = next;
        } else {
            all.links(prev).next = next;
        }
        if next == NONE {
            self.last = prev;
        } else {
            all.links(next).prev = prev;
        }
        self.len -= 1;
    }

    /// Moves slot `id` to the end, whether it was in the list or not.
    pub(super) fn touch(&mut self, all: &mut impl Linked, id: u16) {
        if self.last != id {
            self.remove(all, id);
            self.push(all, id);
        }
    }

    /// The slot that has been in the list for longest.
    pub(super) fn first(&self) -> Option<u16> {
        (self.first != NONE).then_some(self.first)
    }

    /// The one behind `id`, which is in the order.
    pub(super) fn after(&self, all: &mut impl Linked, id: u16) -> Option<u16> {
        Some(all.links(id).next).filter(|next| *next != NONE)
    }

    /// Takes the slot that has been in the list for longest.
    pub(super) fn pop(&mut self, all: &mut impl Linked) -> Option<u16> {
        let id = self.first()?;
        self.remove(all, id);
        Some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Linked for Vec<Links> {
        fn links(&mut self, id: u16) -> &mut Links {
            &mut self[usize::from(id)]
        }
    }

    #[test]
    fn slots_come_out_in_the_order_in_which_they_were_last_touched() {
        let mut all: Vec<Links> = (0..5).map(|_| Links::default()).collect();
        let mut order = Order::default();
        for id in 0..5 {
            order.push(&mut all, id);
        }
        order.push(&mut all, 0);
        order.touch(&mut all, 1);
        order.touch(&mut all, 4);
        order.remove(&mut all, 2);
        order.remove(&mut all, 2);
        assert_eq!(order.len(), 4);
        let out: Vec<u16> = std::iter::from_fn(|| order.pop(&mut all)).collect();
        assert_eq!(out, [0, 3, 1, 4]);
        assert_eq!(order.len(), 0);
        order.touch(&mut all, 3);
        assert_eq!(order.first(), Some(3));
    }
}
