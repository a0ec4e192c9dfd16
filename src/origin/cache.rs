//! The open-file cache of one reactor.
//!
//! An entry is a file by the path it was asked for: descriptor or content, metadata, header lines.
//! It is trusted for less than a second; then the path is walked again and everything is read
//! anew, so that no change stays unseen for longer. Small content, its length and its validators
//! are of one moment, and using them asks the kernel nothing. A descriptor leads to bytes that may
//! change at any time: each use looks at its metadata, and makes the entry anew when they have
//! changed. Nothing allocates after construction. What does not exist is not remembered.
//!
//! The directories of the mounts are held here too. Each is opened again by its path once a
//! second while it is used, so that one that was replaced, or made again after it was deleted,
//! is found; entries are trusted no longer than the directory they were found in.
//!
//! What is not used is let go a few seconds later, and what has been deleted sooner, so that
//! its space is free and file systems can be unmounted, whatever else is served meanwhile. The
//! timer for that, [`FileCache::due_ms`], exists only while there is something to let go.

mod trim;

use super::cache_key::Key;
use super::lines::Lines;
use super::sibling::Siblings;
use crate::http::encoding::Coding;
use crate::sys::stat::Stat;
use crate::sys::walk::Root;
use crate::vhost::mime::Media;
use heapless::Vec as FixedVec;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

/// How long an entry is believed, in milliseconds.
pub const TRUST_MS: u64 = 999;
/// After this time without a use, [`FileCache::trim`] lets an entry go.
pub const IDLE_MS: u64 = 4_000;
/// How often entries are looked at while there are some and files are asked for. Without requests
/// the next look waits until something is idle.
pub const TRIM_MS: u64 = 1_000;
/// Longest path of an entry; files with longer ones are opened for each request.
pub const KEY_BYTES_MAX: usize = 240;
/// Largest file that is kept as content instead of as a descriptor: one page.
pub const CONTENT_BYTES_MAX: usize = 4096;
/// Most entries; their numbers have 16 bits.
pub const ENTRIES_MAX: usize = 32_000;

/// The entry that belongs to no key; also the end of a chain.
const SCRATCH: u16 = 0;

/// What is known about a file once it has been opened.
#[derive(Debug)]
pub(super) struct Loaded {
    /// Its metadata.
    pub(super) stat: Stat,
    /// Last-Modified in seconds since 1970.
    pub(super) modified_secs: u64,
    /// Header lines about it.
    pub(super) lines: Lines,
    /// Its type.
    pub(super) media: Media,
    /// Precompressed copies beside it.
    pub(super) siblings: Siblings,
    /// The descriptor, unless the content is kept.
    pub(super) fd: Option<OwnedFd>,
}

/// One file.
#[derive(Debug)]
pub(super) struct Entry {
    hash: u32,
    /// Next entry of the same chain, or of the free list.
    next: u16,
    mount: u16,
    coding: Coding,
    /// Used since the hand came by.
    used: bool,
    path: FixedVec<u8, KEY_BYTES_MAX>,
    expires_ms: u64,
    /// What was found; `None` in a free entry.
    pub(super) loaded: Option<Loaded>,
}

impl Entry {
    const FREE: Self = Self {
        hash: 0,
        next: SCRATCH,
        mount: 0,
        coding: Coding::Identity,
        used: false,
        path: FixedVec::new(),
        expires_ms: 0,
        loaded: None,
    };
}

#[derive(Debug)]
struct RootSlot {
    root: Option<Root>,
    /// When the path was tried last; `None` before the first time.
    tried_ms: Option<u64>,
}

/// See the module's description.
#[derive(Debug)]
pub struct FileCache {
    /// Grows up to its capacity and never beyond, so that unused entries are untouched memory.
    entries: Vec<Entry>,
    entries_max: usize,
    /// A page for each entry, untouched until it has small content.
    content: Box<[u8]>,
    content_offset: usize,
    content_touched: bool,
    /// First entry of each chain; a power of two of them.
    heads: Box<[u16]>,
    free: u16,
    hand: usize,
    roots: Box<[RootSlot]>,
    /// When to look for what can be let go.
    trim_at_ms: Option<u64>,
    /// A directory was looked at since the last trim, which happens every second of use.
    is_used: bool,
    /// `max-open-files` is 0: nothing is believed twice, and everything is let go at once.
    keeps_nothing: bool,
}

impl FileCache {
    /// Makes a cache of `entries_max` files (at least two, or none for 0) for the mounts whose
    /// directories are `roots`: the number of a mount is its place there. Directories are opened
    /// when they are asked for.
    #[must_use]
    pub fn new<'p>(entries_max: usize, roots: impl IntoIterator<Item = &'p Path>) -> Self {
        let keeps_nothing = entries_max == 0;
        let entries_max = entries_max.clamp(2, ENTRIES_MAX);
        let mut entries = Vec::with_capacity(entries_max + 1);
        entries.push(Entry::FREE);
        let content = vec![0; content_bytes(entries_max)].into_boxed_slice();
        let content_offset =
            content.as_ptr().align_offset(CONTENT_BYTES_MAX).min(CONTENT_BYTES_MAX);
        let named = |path| RootSlot { root: Root::new(path).ok(), tried_ms: None };
        Self {
            entries,
            entries_max,
            content,
            content_offset,
            content_touched: false,
            heads: vec![0; heads(entries_max)].into_boxed_slice(),
            free: SCRATCH,
            hand: 0,
            roots: roots.into_iter().map(named).collect(),
            trim_at_ms: None,
            is_used: false,
            keeps_nothing,
        }
    }

    /// Goes on with a directory that was opened by somebody with more rights, where the mount has
    /// none: its path cannot be followed from here. It is held as long as that stays so.
    pub fn hold(&mut self, mount: u16, directory: Root) {
        if let Some(slot) = self.roots.get_mut(usize::from(mount)) {
            slot.root = Some(directory);
        }
    }

    /// Bytes that a cache of `entries` files can come to use, without the mounts' directories.
    #[must_use]
    pub fn bytes(entries: usize) -> usize {
        let entries = entries.clamp(2, ENTRIES_MAX);
        (entries + 1) * size_of::<Entry>() + content_bytes(entries) + heads(entries) * 2
    }

    /// The directory of a mount, and until when what is found in it may be believed.
    ///
    /// # Errors
    /// When there is none now; asked again within a second, the path is not tried again.
    pub(super) fn root(&mut self, mount: u16, now_ms: u64) -> io::Result<(&Root, u64)> {
        let slot = self.roots.get_mut(usize::from(mount)).ok_or(io::ErrorKind::NotFound)?;
        let root = slot.root.as_mut().ok_or(io::ErrorKind::NotFound)?;
        let fresh = slot.tried_ms.is_some_and(|at| now_ms < at.saturating_add(TRUST_MS));
        if !fresh {
            slot.tried_ms = Some(now_ms);
            // Whatever the cache takes is found in a directory, so this is where it begins.
            let later_ms = if self.keeps_nothing { 0 } else { TRIM_MS };
            self.trim_at_ms.get_or_insert(now_ms + later_ms);
            self.is_used = true;
            match root.reopen() {
                Err(e) if is_gone(&e) => root.close(),
                // No permission by path (the directory was opened before privileges were
                // dropped), no descriptor left: the one that is held is as good as ever.
                _ => {}
            }
        }
        if !root.is_open() {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok((root, slot.tried_ms.unwrap_or(now_ms).saturating_add(TRUST_MS)))
    }

    /// The entry of `key` if it may be believed at `now_ms`.
    pub(super) fn fresh(&mut self, key: Key<'_>, now_ms: u64) -> Option<u16> {
        let at = self.find(key, key.hash())?;
        let keeps_nothing = self.keeps_nothing;
        let entry = self.entries.get_mut(usize::from(at))?;
        if now_ms >= entry.expires_ms || keeps_nothing {
            return None;
        }
        let Loaded { fd, stat, .. } = entry.loaded.as_ref()?;
        if fd.as_ref().is_some_and(|fd| Stat::of(fd.as_fd()).ok().as_ref() != Some(stat)) {
            return None;
        }
        entry.used = true;
        Some(at)
    }

    fn find(&self, key: Key<'_>, hash: u32) -> Option<u16> {
        let mut at = *self.heads.get(self.bucket(hash))?;
        while at != SCRATCH {
            let entry = self.entries.get(usize::from(at))?;
            if entry.hash == hash
                && entry.mount == key.mount
                && entry.coding == key.coding
                && entry.path == key.path
            {
                return Some(at);
            }
            at = entry.next;
        }
        None
    }

    /// Stores what was loaded for `key`, in its old entry or in one that is free or has not been
    /// used lately (never in `keep`), and says where. A path that is too long goes to the
    /// scratch entry and will not be found again.
    pub(super) fn store(
        &mut self,
        key: Key<'_>,
        loaded: Loaded,
        expires_ms: u64,
        keep: Option<u16>,
    ) -> u16 {
        let hash = key.hash();
        let at = match FixedVec::from_slice(key.path) {
            Ok(path) => self.find(key, hash).unwrap_or_else(|| {
                let at = self.take(keep);
                let bucket = self.bucket(hash);
                let next = core::mem::replace(&mut self.heads[bucket], at);
                let (mount, coding) = (key.mount, key.coding);
                self.entries[usize::from(at)] =
                    Entry { hash, next, mount, coding, path, ..Entry::FREE };
                at
            }),
            Err(_) => SCRATCH,
        };
        let entry = &mut self.entries[usize::from(at)];
        entry.loaded = Some(loaded);
        entry.expires_ms = expires_ms;
        entry.used = true;
        at
    }

    /// What is known about the file in entry `at`.
    pub(super) fn loaded(&self, at: u16) -> Option<&Loaded> {
        self.entries.get(usize::from(at))?.loaded.as_ref()
    }

    /// The page that belongs to entry `at`.
    pub(super) fn content(&self, at: u16) -> &[u8] {
        let from = self.content_offset + usize::from(at) * CONTENT_BYTES_MAX;
        self.content.get(from..from + CONTENT_BYTES_MAX).unwrap_or_default()
    }

    /// Copies small content to the page of entry `at`.
    pub(super) fn set_content(&mut self, at: u16, bytes: &[u8]) {
        let from = self.content_offset + usize::from(at) * CONTENT_BYTES_MAX;
        if let Some(page) = self.content.get_mut(from..from + bytes.len()) {
            page.copy_from_slice(bytes);
            self.content_touched = true;
        }
    }

    /// Forgets what is known about the file of `key`, its siblings included.
    pub(super) fn forget(&mut self, key: Key<'_>) {
        for coding in [Coding::Identity, Coding::Brotli, Coding::Gzip] {
            let key = Key { coding, ..key };
            if let Some(at) = self.find(key, key.hash()) {
                self.remove(at);
            }
        }
    }

    /// Closes every descriptor that entries hold: the process has run out of them.
    pub(super) fn close_files(&mut self) {
        for at in 1..self.entries.len() {
            let holds = |loaded: &Loaded| loaded.fd.is_some();
            if self.entries[at].loaded.as_ref().is_some_and(holds) {
                self.remove(u16::try_from(at).unwrap_or(SCRATCH));
            }
        }
    }

    fn bucket(&self, hash: u32) -> usize {
        hash as usize & (self.heads.len() - 1)
    }

    /// A free entry: a removed one, a new one, or the next one that the hand finds unused.
    fn take(&mut self, keep: Option<u16>) -> u16 {
        if self.free == SCRATCH && self.entries.len() <= self.entries_max {
            self.entries.push(Entry::FREE);
            return u16::try_from(self.entries.len() - 1).unwrap_or(SCRATCH);
        }
        if self.free == SCRATCH {
            let victim = self.sweep(keep);
            self.remove(victim);
        }
        let at = self.free;
        self.free = self.entries[usize::from(at)].next;
        at
    }

    fn sweep(&mut self, keep: Option<u16>) -> u16 {
        loop {
            self.hand = if self.hand + 1 < self.entries.len() { self.hand + 1 } else { 1 };
            let at = u16::try_from(self.hand).unwrap_or(1);
            let entry = &mut self.entries[self.hand];
            if keep != Some(at) && !core::mem::take(&mut entry.used) {
                return at;
            }
        }
    }

    /// Takes entry `at` out of its chain and puts it on the free list.
    fn remove(&mut self, at: u16) {
        let Entry { hash, next, .. } = self.entries[usize::from(at)];
        let bucket = self.bucket(hash);
        if self.heads[bucket] == at {
            self.heads[bucket] = next;
        } else {
            let mut before = self.heads[bucket];
            while before != SCRATCH && self.entries[usize::from(before)].next != at {
                before = self.entries[usize::from(before)].next;
            }
            if before != SCRATCH {
                self.entries[usize::from(before)].next = next;
            }
        }
        self.entries[usize::from(at)] = Entry { next: self.free, ..Entry::FREE };
        self.free = at;
    }
}

fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// One page for each entry and the scratch one, and one to align them.
fn content_bytes(entries: usize) -> usize {
    (entries + 2) * CONTENT_BYTES_MAX
}

fn heads(entries: usize) -> usize {
    (entries * 2).next_power_of_two()
}
