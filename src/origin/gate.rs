//! What is asked before any source: how much one client may have, and what files allow.

use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;

/// `Allow` of files: GET, HEAD, and OPTIONS, which the connection answers itself.
pub const FILE_METHODS: &str = "GET, HEAD, OPTIONS";

/// What [`PeerCounts::enter`] says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// Counted; [`PeerCounts::leave`] must follow.
    Admitted,
    /// The peer has as many as it may; nothing was counted.
    LimitReached,
    /// There are too many different peers; nothing was counted. Can not happen when the table
    /// was made for as many peers as there are connections.
    TableFull,
}

/// How many connections, or requests in progress, each peer has: `ip-limit-wsi`,
/// `ip-limit-ah`. One table for each limit and reactor; nothing is allocated after
/// [`PeerCounts::new`].
///
/// IPv4 peers are told apart by address, IPv6 peers by /64, since one customer has all of that.
/// Hashes are keyed at random, so that a peer cannot choose addresses that meet.
#[derive(Debug)]
pub struct PeerCounts {
    limit: u32,
    /// Open addressing with linear probing; a slot whose count is 0 is free.
    slots: Box<[Slot]>,
    peers: usize,
    peers_max: usize,
    hasher: RandomState,
}

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    key: u64,
    count: u32,
}

impl PeerCounts {
    /// A table for `peers_max` different peers that may have `limit` each.
    #[must_use]
    pub fn new(limit: u32, peers_max: usize) -> Self {
        Self {
            limit,
            slots: vec![Slot::default(); Self::slots(peers_max)].into(),
            peers: 0,
            peers_max,
            hasher: RandomState::new(),
        }
    }

    /// A third more than needed, and a power of two, keeps the probes short.
    fn slots(peers_max: usize) -> usize {
        peers_max.saturating_add(peers_max / 3 + 1).next_power_of_two()
    }

    /// Bytes of the table for `peers_max` peers.
    #[must_use]
    pub fn bytes(peers_max: usize) -> usize {
        Self::slots(peers_max) * size_of::<Slot>()
    }

    /// Counts one more for `peer`, if it may have it.
    pub fn enter(&mut self, peer: IpAddr) -> Entry {
        let key = key(peer);
        let (peers, peers_max, limit) = (self.peers, self.peers_max, self.limit);
        let at = self.position(key);
        let Some(slot) = self.slots.get_mut(at) else { return Entry::TableFull };
        if slot.count >= limit {
            return Entry::LimitReached;
        }
        if slot.count == 0 {
            if peers >= peers_max {
                return Entry::TableFull;
            }
            slot.key = key;
            self.peers = peers + 1;
        }
        slot.count += 1;
        Entry::Admitted
    }

    /// Counts one less for `peer`; for one that has none nothing happens.
    pub fn leave(&mut self, peer: IpAddr) {
        let at = self.position(key(peer));
        let Some(slot) = self.slots.get_mut(at) else { return };
        match slot.count {
            0 => {}
            1 => {
                slot.count = 0;
                self.peers -= 1;
                self.close_gap(at);
            }
            _ => slot.count -= 1,
        }
    }

    /// Whether `peer` has as many as it may.
    #[must_use]
    pub fn is_at_limit(&self, peer: IpAddr) -> bool {
        self.count(peer) >= self.limit
    }

    /// How many `peer` has.
    #[must_use]
    pub fn count(&self, peer: IpAddr) -> u32 {
        self.slots.get(self.position(key(peer))).map_or(0, |slot| slot.count)
    }

    /// Different peers that have any.
    #[must_use]
    pub fn peers(&self) -> usize {
        self.peers
    }

    /// Where `key` is, or the free slot where it would go. There is always a free one.
    fn position(&self, key: u64) -> usize {
        let mut at = self.home(key);
        while self.slots.get(at).is_some_and(|slot| slot.count > 0 && slot.key != key) {
            at = self.next(at);
        }
        at
    }

    /// Moves followers back over the slot `gap` that became free, so that their probes still
    /// find them.
    fn close_gap(&mut self, mut gap: usize) {
        let mut at = self.next(gap);
        while let Some(&slot) = self.slots.get(at).filter(|slot| slot.count > 0) {
            let distance = |from: usize| at.wrapping_sub(from) & (self.slots.len() - 1);
            if distance(self.home(slot.key)) >= distance(gap) {
                self.slots.swap(at, gap);
                gap = at;
            }
            at = self.next(at);
        }
    }

    fn home(&self, key: u64) -> usize {
        // The low bits are enough: the table is smaller than the hash on every target.
        self.hasher.hash_one(key) as usize & (self.slots.len() - 1)
    }

    fn next(&self, at: usize) -> usize {
        (at + 1) & (self.slots.len() - 1)
    }
}

/// IPv4 as an IPv6 prefix that is reserved (0:ffff:…), IPv6 by its first half.
fn key(peer: IpAddr) -> u64 {
    match peer.to_canonical() {
        IpAddr::V4(address) => 0xffff_0000_0000 | u64::from(address.to_bits()),
        IpAddr::V6(address) => (address.to_bits() >> 64) as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;
    use std::net::{Ipv4Addr, Ipv6Addr};

    fn four(n: u32) -> IpAddr {
        Ipv4Addr::from_bits(n).into()
    }

    #[test]
    fn a_peer_has_no_more_than_its_limit() {
        let mut counts = PeerCounts::new(2, 10);
        let peer = four(7);
        assert_eq!(counts.enter(peer), Entry::Admitted);
        assert_eq!(counts.enter(peer), Entry::Admitted);
        assert_eq!(counts.enter(peer), Entry::LimitReached);
        assert_eq!(counts.enter(four(8)), Entry::Admitted);
        assert_eq!((counts.count(peer), counts.peers()), (2, 2));
        counts.leave(peer);
        assert_eq!(counts.enter(peer), Entry::Admitted);
        for _ in 0..5 {
            counts.leave(peer);
        }
        assert_eq!((counts.count(peer), counts.peers()), (0, 1));
        assert_eq!(PeerCounts::new(0, 10).enter(peer), Entry::LimitReached);
    }

    #[test]
    fn ipv6_peers_are_counted_by_their_network() {
        let mut counts = PeerCounts::new(1, 10);
        let peer = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(counts.enter(peer("2001:db8::1")), Entry::Admitted);
        assert_eq!(counts.enter(peer("2001:db8::ffff:2")), Entry::LimitReached);
        assert_eq!(counts.enter(peer("2001:db8:0:1::1")), Entry::Admitted);
        assert_eq!(counts.enter(peer("192.0.2.1")), Entry::Admitted);
        assert_eq!(counts.enter(peer("::ffff:192.0.2.1")), Entry::LimitReached);
        assert_eq!(counts.enter(peer("::1")), Entry::Admitted);
        assert_eq!(counts.count(Ipv6Addr::LOCALHOST.into()), 1);
    }

    #[test]
    fn a_full_table_refuses_new_peers_only() {
        let mut counts = PeerCounts::new(2, 3);
        for n in 0..3 {
            assert_eq!(counts.enter(four(n)), Entry::Admitted);
        }
        assert_eq!(counts.enter(four(3)), Entry::TableFull);
        assert_eq!(counts.enter(four(0)), Entry::Admitted);
        counts.leave(four(1));
        assert_eq!(counts.enter(four(3)), Entry::Admitted);
        assert_eq!(PeerCounts::new(1, 0).enter(four(0)), Entry::TableFull);
    }

    #[test]
    fn counts_agree_with_a_map_over_many_turns() {
        let mut counts = PeerCounts::new(3, 64);
        let mut map: HashMap<u32, u32> = HashMap::new();
        let mut random = 0x9e37_79b9_u32;
        for _ in 0..100_000 {
            random ^= random << 13;
            random ^= random >> 17;
            random ^= random << 5;
            let n = random >> 8 & 127;
            let known = map.get(&n).copied().unwrap_or(0);
            if random & 1 == 0 {
                let want = match known {
                    3 => Entry::LimitReached,
                    0 if map.len() == 64 => Entry::TableFull,
                    _ => Entry::Admitted,
                };
                assert_eq!(counts.enter(four(n)), want);
                if want == Entry::Admitted {
                    map.insert(n, known + 1);
                }
            } else {
                counts.leave(four(n));
                if known > 1 {
                    map.insert(n, known - 1);
                } else {
                    map.remove(&n);
                }
            }
            assert_eq!(counts.peers(), map.len());
        }
        for n in 0..128 {
            assert_eq!(counts.count(four(n)), map.get(&n).copied().unwrap_or(0));
        }
    }
}
