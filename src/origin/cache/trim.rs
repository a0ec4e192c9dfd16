//! Letting go of what is not used, and of what has been deleted.

use super::{CONTENT_BYTES_MAX, Entry, FileCache, IDLE_MS, SCRATCH, TRIM_MS, is_gone};
use crate::sys::stat;
use std::os::fd::AsFd;

impl FileCache {
    /// When [`FileCache::trim`] is due; `None` while there is nothing that it could let go.
    #[must_use]
    pub const fn due_ms(&self) -> Option<u64> {
        self.trim_at_ms
    }

    /// Lets go of files and directories that were not used for [`IDLE_MS`] or have been deleted.
    /// When no file is left, `give_back` gets the pages that held content.
    pub fn trim(&mut self, now_ms: u64, give_back: impl FnOnce(&mut [u8])) {
        // When the first of what is left will be idle.
        let mut next_ms: Option<u64> = None;
        let idle_ms = if self.keeps_nothing { 0 } else { IDLE_MS };
        let mut is_idle = |believed_ms: u64| {
            let at_ms = if idle_ms == 0 { now_ms } else { believed_ms.saturating_add(idle_ms) };
            if now_ms < at_ms {
                next_ms = Some(next_ms.map_or(at_ms, |next_ms| next_ms.min(at_ms)));
            }
            now_ms >= at_ms
        };
        self.entries[usize::from(SCRATCH)] = Entry { next: SCRATCH, ..Entry::FREE };
        for at in 1..self.entries.len() {
            let entry = &self.entries[at];
            let Some(loaded) = &entry.loaded else { continue };
            let is_deleted = loaded.fd.as_ref().is_some_and(|fd| stat::is_deleted(fd.as_fd()));
            if is_deleted || is_idle(entry.expires_ms) {
                self.remove(u16::try_from(at).unwrap_or(SCRATCH));
            }
        }
        for slot in &mut self.roots {
            let Some(root) = slot.root.as_mut().filter(|root| root.is_open()) else { continue };
            if !root.is_deleted() {
                if !slot.tried_ms.is_none_or(&mut is_idle) {
                    continue;
                }
                // Where the path cannot be opened any more, letting go would be for ever.
                if root.reopen().is_err_and(|e| !is_gone(&e)) {
                    continue;
                }
            }
            root.close();
            slot.tried_ms = None;
        }
        let is_used = std::mem::take(&mut self.is_used);
        self.trim_at_ms = next_ms.map(|at_ms| if is_used { now_ms + TRIM_MS } else { at_ms });
        if self.content_touched && self.entries.iter().all(|entry| entry.loaded.is_none()) {
            self.content_touched = false;
            let from = self.content_offset;
            give_back(&mut self.content[from..from + (self.entries_max + 1) * CONTENT_BYTES_MAX]);
        }
    }
}
