//! What names an entry of the file cache.

use super::sibling;
use crate::http::encoding::Coding;

/// What names an entry.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key<'k> {
    /// Number of the mount.
    pub(super) mount: u16,
    /// Which representation.
    pub(super) coding: Coding,
    /// Path below the mount, as asked.
    pub(super) path: &'k [u8],
}

impl Key<'_> {
    /// Files cannot be created by those who ask for them, so the hash needs no secret.
    pub(super) fn hash(&self) -> u32 {
        let mut state = u64::from(self.mount) << 8 | u64::from(sibling::number(self.coding));
        let mut mix = |word: u64| {
            state = (state ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            state ^= state >> 29;
        };
        let (words, rest) = self.path.as_chunks::<8>();
        words.iter().for_each(|&word| mix(u64::from_le_bytes(word)));
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        mix(u64::from_le_bytes(last));
        mix(self.path.len() as u64);
        (state >> 32) as u32
    }
}
