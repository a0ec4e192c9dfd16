//! `ip-limit-wsi` and `ip-limit-ah`: what each peer has, in all reactors of the process.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::origin::gate::{Entry, PeerCounts};
use crate::vhost::World;

/// The tables of both limits. One that is not configured takes no memory and no time; peers
/// without an address, on unix sockets, are not counted.
#[derive(Debug, Clone, Default)]
pub struct PeerLimits {
    pub(super) connections: Counted,
    pub(super) requests: Counted,
}

impl PeerLimits {
    /// The tables of a process with at most `connections_max` connections, in all `reactors`
    /// together. Each reactor gets a clone.
    #[must_use]
    pub fn new(world: &World, connections_max: usize, reactors: usize) -> Self {
        let limits = &world.limits;
        let peers_max = peers_max(connections_max, reactors);
        let counted = |limit: Option<u32>| {
            Counted(limit.map(|n| Arc::new(Mutex::new(PeerCounts::new(n, peers_max)))))
        };
        Self {
            connections: counted(limits.ip_limit_connections),
            requests: counted(limits.ip_limit_requests),
        }
    }
}

/// Peers that a table has room for: a reactor counts whoever comes before it closes somebody to
/// make a place.
pub(super) const fn peers_max(connections_max: usize, reactors: usize) -> usize {
    connections_max.saturating_add(reactors)
}

/// One table. Its lock is held for a look-up, never for a system call.
#[derive(Debug, Clone, Default)]
pub(super) struct Counted(Option<Arc<Mutex<PeerCounts>>>);

impl Counted {
    fn lock(&self) -> Option<MutexGuard<'_, PeerCounts>> {
        self.0.as_ref().map(|counts| counts.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Counts one more for `peer`: true when [`Counted::leave`] must follow; false when it has as
    /// many as it may; none when nobody counts.
    pub(super) fn enter(&self, peer: Option<IpAddr>) -> Option<bool> {
        let peer = peer?;
        self.lock().map(|mut counts| counts.enter(peer) == Entry::Admitted)
    }

    /// Counts one less.
    pub(super) fn leave(&self, peer: Option<IpAddr>) {
        if let (Some(mut counts), Some(peer)) = (self.lock(), peer) {
            counts.leave(peer);
        }
    }

    pub(super) fn is_at_limit(&self, peer: Option<IpAddr>) -> bool {
        match (self.lock(), peer) {
            (Some(counts), Some(peer)) => counts.is_at_limit(peer),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_count_together_and_unix_peers_not_at_all() {
        let counted = Counted(Some(Arc::new(Mutex::new(PeerCounts::new(2, 10)))));
        let other = counted.clone();
        let peer = Some([192, 0, 2, 1].into());
        assert_eq!((counted.enter(peer), other.enter(peer)), (Some(true), Some(true)));
        assert!(counted.is_at_limit(peer));
        assert_eq!(counted.enter(peer), Some(false));
        other.leave(peer);
        assert!(!counted.is_at_limit(peer));
        for _ in 0..9 {
            assert_eq!(counted.enter(None), None);
        }
        assert!(!counted.is_at_limit(None));
        assert_eq!(Counted::default().enter(peer), None);
    }
}
