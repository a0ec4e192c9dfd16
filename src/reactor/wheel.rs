//! The timer wheel: one deadline per slot, no tick.
//!
//! Four levels of 64 buckets; a bucket of the lowest level is [`TICK_MS`] wide and those of each
//! further level 64 times wider. The loop sleeps until the earliest deadline of the wheel, not
//! until the next tick, so a wheel whose deadlines are far away wakes nobody. Nodes live in the
//! slots and are linked by number; moving a deadline within its bucket is one store.

/// Width of a bucket of the lowest level; deadlines may fire this much late.
pub(super) const TICK_MS: u64 = 32;

const LEVELS: usize = 4;
const BUCKETS: usize = LEVELS * 64;
/// The bucket that holds what is due and was not yet popped.
const DUE: u16 = BUCKETS as u16;
const NONE: u16 = u16::MAX;

/// A slot's place in the wheel.
#[derive(Debug)]
pub(super) struct Node {
    at_ms: u64,
    prev: u16,
    next: u16,
    bucket: u16,
}

impl Default for Node {
    fn default() -> Self {
        Self { at_ms: 0, prev: NONE, next: NONE, bucket: NONE }
    }
}

/// Where the nodes live.
pub(super) trait Nodes {
    /// The node of slot `id`, which exists as long as it is armed.
    fn node(&mut self, id: u16) -> &mut Node;
}

/// The wheel's heads; see the module's page.
#[derive(Debug)]
pub(super) struct Wheel {
    heads: [u16; BUCKETS + 1],
    /// A lower bound of the deadlines in each bucket.
    soonest_ms: [u64; BUCKETS],
    /// One bit a bucket that is not empty.
    occupied: [u64; LEVELS],
    now_ms: u64,
    /// A lower bound of all deadlines, if it is known.
    next_ms: Option<u64>,
}

impl Wheel {
    /// An empty wheel whose time begins at `now_ms`.
    #[must_use]
    pub(super) fn new(now_ms: u64) -> Self {
        Self {
            heads: [NONE; BUCKETS + 1],
            soonest_ms: [u64::MAX; BUCKETS],
            occupied: [0; LEVELS],
            now_ms,
            next_ms: Some(u64::MAX),
        }
    }

    /// Sets the deadline of slot `id`, replacing the one it had.
    pub(super) fn arm(&mut self, nodes: &mut impl Nodes, id: u16, at_ms: u64) {
        let bucket = self.bucket_for(at_ms);
        let node = nodes.node(id);
        if node.bucket == bucket {
            node.at_ms = at_ms;
        } else {
            self.disarm(nodes, id);
            nodes.node(id).at_ms = at_ms;
            self.link(nodes, id, bucket);
        }
        let soonest = &mut self.soonest_ms[usize::from(bucket)];
        *soonest = at_ms.min(*soonest);
        self.next_ms = self.next_ms.map(|next| next.min(at_ms));
    }

    /// Takes slot `id` out of the wheel.
    pub(super) fn disarm(&mut self, nodes: &mut impl Nodes, id: u16) {
        let node = nodes.node(id);
        if node.bucket == NONE {
            return;
        }
        let (prev, next, bucket) = (node.prev, node.next, node.bucket);
        *node = Node::default();
        if prev == NONE {
            self.heads[usize::from(bucket)] = next;
        } else {
            nodes.node(prev).next = next;
        }
        if next != NONE {
            nodes.node(next).prev = prev;
        }
        if bucket != DUE && self.heads[usize::from(bucket)] == NONE {
            let bucket = usize::from(bucket);
            self.occupied[bucket / 64] &= !(1 << (bucket % 64));
            self.soonest_ms[bucket] = u64::MAX;
            self.next_ms = None;
        }
    }

    /// When the wheel has to be looked at again; no deadline is earlier.
    pub(super) fn next_ms(&mut self) -> Option<u64> {
        if self.heads[usize::from(DUE)] != NONE {
            return Some(self.now_ms);
        }
        let next = match self.next_ms {
            Some(next) => next,
            None => {
                let soonest = bits(self.occupied).map(|bucket| self.soonest_ms[bucket]);
                let next = soonest.min().unwrap_or(u64::MAX);
                self.next_ms = Some(next);
                next
            }
        };
        (next != u64::MAX).then_some(next)
    }

    /// Moves the time on and takes one slot whose deadline has come; call until there is none.
    pub(super) fn pop_due(&mut self, nodes: &mut impl Nodes, now_ms: u64) -> Option<u16> {
        self.now_ms = self.now_ms.max(now_ms);
        if self.heads[usize::from(DUE)] == NONE && self.next_ms().is_some_and(|at| at <= now_ms) {
            self.collect_due(nodes);
        }
        let id = self.heads[usize::from(DUE)];
        if id == NONE {
            return None;
        }
        self.disarm(nodes, id);
        Some(id)
    }

    /// Moves what is due to its own list and the rest of the buckets looked at further down.
    fn collect_due(&mut self, nodes: &mut impl Nodes) {
        for bucket in bits(self.occupied) {
            if self.soonest_ms[bucket] > self.now_ms {
                continue;
            }
            let mut id = self.heads[bucket];
            self.heads[bucket] = NONE;
            self.occupied[bucket / 64] &= !(1 << (bucket % 64));
            self.soonest_ms[bucket] = u64::MAX;
            while id != NONE {
                let node = nodes.node(id);
                let (next, at_ms) = (node.next, node.at_ms);
                let to = if at_ms <= self.now_ms { DUE } else { self.bucket_for(at_ms) };
                self.link(nodes, id, to);
                if to != DUE {
                    let soonest = &mut self.soonest_ms[usize::from(to)];
                    *soonest = at_ms.min(*soonest);
                }
                id = next;
            }
        }
        self.next_ms = None;
    }

    fn link(&mut self, nodes: &mut impl Nodes, id: u16, bucket: u16) {
        let head = self.heads[usize::from(bucket)];
        let node = nodes.node(id);
        node.bucket = bucket;
        node.prev = NONE;
        node.next = head;
        if head != NONE {
            nodes.node(head).prev = id;
        }
        self.heads[usize::from(bucket)] = id;
        if bucket != DUE {
            self.occupied[usize::from(bucket) / 64] |= 1 << (bucket % 64);
        }
    }

    /// The bucket for a deadline; one beyond the last level's reach is looked at again there.
    fn bucket_for(&self, at_ms: u64) -> u16 {
        let now_tick = self.now_ms / TICK_MS;
        let tick = at_ms.max(self.now_ms) / TICK_MS;
        let mut level = 0;
        while level + 1 < LEVELS && tick - now_tick >= 64 << (6 * level) {
            level += 1;
        }
        let reach = (64_u64 << (6 * level)) - 1;
        let tick = tick.min(now_tick + reach);
        let bucket = level as u64 * 64 + ((tick >> (6 * level)) & 63);
        u16::try_from(bucket).unwrap_or(0)
    }
}

/// Numbers of the set bits.
fn bits(mut words: [u64; LEVELS]) -> impl Iterator<Item = usize> {
    let mut word = 0;
    std::iter::from_fn(move || {
        while word < LEVELS {
            if words[word] != 0 {
                let bit = words[word].trailing_zeros() as usize;
                words[word] &= words[word] - 1;
                return Some(word * 64 + bit);
            }
            word += 1;
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Nodes for Vec<Node> {
        fn node(&mut self, id: u16) -> &mut Node {
            &mut self[usize::from(id)]
        }
    }

    fn nodes(n: usize) -> Vec<Node> {
        (0..n).map(|_| Node::default()).collect()
    }

    fn pop_all(wheel: &mut Wheel, nodes: &mut Vec<Node>, now_ms: u64) -> Vec<u16> {
        let mut ids: Vec<u16> = std::iter::from_fn(|| wheel.pop_due(nodes, now_ms)).collect();
        ids.sort_unstable();
        ids
    }

    #[test]
    fn an_empty_wheel_never_wakes() {
        assert_eq!(Wheel::new(77).next_ms(), None);
    }

    #[test]
    fn the_next_wake_is_the_earliest_deadline_itself() {
        let (mut wheel, mut n) = (Wheel::new(1_000_000), nodes(4));
        wheel.arm(&mut n, 0, 1_060_000);
        wheel.arm(&mut n, 1, 1_005_001);
        wheel.arm(&mut n, 2, 9_000_000);
        assert_eq!(wheel.next_ms(), Some(1_005_001));
        wheel.disarm(&mut n, 1);
        assert_eq!(wheel.next_ms(), Some(1_060_000));
        assert_eq!(pop_all(&mut wheel, &mut n, 1_059_999), vec![]);
        assert_eq!(pop_all(&mut wheel, &mut n, 1_060_000), vec![0]);
        assert_eq!(wheel.next_ms(), Some(9_000_000));
    }

    #[test]
    fn a_deadline_beyond_all_levels_still_comes() {
        let (mut wheel, mut n) = (Wheel::new(5), nodes(1));
        let at = 5 + TICK_MS * (64 << 18) * 3;
        wheel.arm(&mut n, 0, at);
        let mut wakes = 0;
        while let Some(next) = wheel.next_ms() {
            wakes += 1;
            if wheel.pop_due(&mut n, next) == Some(0) {
                assert!(next >= at);
                break;
            }
        }
        assert!((1..10).contains(&wakes));
    }

    #[test]
    fn every_deadline_fires_once_and_never_early() {
        // A small multiplicative generator; the test is the same in every run.
        let mut seed = 12345_u64;
        let mut random = move |below: u64| {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (seed >> 33) % below
        };
        let (mut wheel, mut n) = (Wheel::new(0), nodes(300));
        let mut want = vec![None; 300];
        let mut now = 0;
        for _ in 0..20_000 {
            let id = random(300) as usize;
            match random(4) {
                0 => {
                    wheel.disarm(&mut n, id as u16);
                    want[id] = None;
                }
                1 | 2 => {
                    let at = now + random(200_000) * random(2) + random(3_000);
                    wheel.arm(&mut n, id as u16, at);
                    want[id] = Some(at);
                }
                _ => {
                    now += random(2_000);
                    let due: Vec<u16> = (0..300)
                        .filter(|&i| want[i as usize].is_some_and(|at| at <= now))
                        .collect();
                    assert_eq!(pop_all(&mut wheel, &mut n, now), due);
                    for id in due {
                        want[usize::from(id)] = None;
                    }
                }
            }
            let earliest = want.iter().flatten().min().copied();
            assert!(wheel.next_ms() <= earliest || earliest.is_none(), "would wake too late");
            assert_eq!(wheel.next_ms().is_none(), earliest.is_none());
        }
    }
}
