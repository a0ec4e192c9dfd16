//! What the state of a reactor may use, for the memory bound.

use super::limits::{LISTING_BYTES_MAX, LOG_STASH_BLOCKS};
use super::peers::peers_max;
use super::{handshakes, local};
use crate::buf::BLOCK_BYTES;
use crate::origin::cache::FileCache;
use crate::origin::gate::PeerCounts;
use crate::origin::listing;
use crate::reactor::MAILBOX_BYTES;
use crate::vhost::log::BATCH_BYTES;
use crate::vhost::{MountTarget, World};

/// A user of memory: `count` times `each` bytes at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserOfMemory {
    /// What it is.
    pub what: &'static str,
    /// How many.
    pub count: usize,
    /// Bytes of each.
    pub each: usize,
}

/// What the [`Local`](super::Local) of each of `reactors` and the answers of its connections may
/// use, and what all of them share; `connections_max` are those of all reactors.
#[must_use]
pub fn memory(world: &World, connections_max: usize, reactors: usize) -> Vec<UserOfMemory> {
    let reactors = reactors.max(1);
    let user = |what, count, each| UserOfMemory { what, count, each };
    // Divided among the reactors; a cache has at least two.
    let files = (world.limits.open_files_max as usize).div_ceil(reactors).max(2);
    let mut users = vec![
        user("open files", reactors * files, FileCache::bytes(files).div_ceil(files)),
        user("scratch", reactors, local::SCRATCH_BYTES),
        user("mailboxes", reactors, MAILBOX_BYTES),
    ];
    let lists =
        |target: &MountTarget| matches!(target, MountTarget::File(file) if file.directory_listing);
    let mut mounts = world.vhosts.iter().flat_map(|vhost| vhost.mounts.iter());
    if mounts.any(|mount| lists(&mount.target)) {
        // Those that wait, and the one that is worked on.
        let each = LISTING_BYTES_MAX + listing::JOB_BYTES + listing::BYTES_MAX;
        users.push(user("directory listings", reactors, each));
    }
    if !world.log_files.is_empty() {
        // Two for each reactor, and the one that is being written.
        users.push(user("access log", 2 * reactors + 1, BATCH_BYTES));
        users.push(user("unfinished log lines", reactors * LOG_STASH_BLOCKS, BLOCK_BYTES));
    }
    if world.has_tls() {
        users.push(user("waiting for a handshake", connections_max, handshakes::LINE_BYTES));
    }
    let limits = world.limits.ip_limit_connections.iter().chain(&world.limits.ip_limit_requests);
    let tables = limits.count();
    if tables > 0 {
        let table = PeerCounts::bytes(peers_max(connections_max, reactors));
        users.push(user("address counters", tables, table));
    }
    users
}
