//! Digests under a random key, by which passwords are known without being kept.

use std::hash::{BuildHasher, RandomState};

/// A key that lives as long as the process and leaves it by no way.
pub(super) struct Secret([RandomState; 2]);

/// 128 bits that stand for a text.
#[derive(Clone, Copy)]
pub(super) struct Digest([u64; 2]);

impl Secret {
    /// A new key, from the kernel's random numbers.
    #[must_use]
    pub(super) fn new() -> Self {
        Self([RandomState::new(), RandomState::new()])
    }

    /// The digest of `text`: SipHash under both keys.
    #[must_use]
    pub(super) fn digest(&self, text: &[u8]) -> Digest {
        let [a, b] = &self.0;
        Digest([a.hash_one((0_u8, text)), b.hash_one((1_u8, text))])
    }
}

impl Default for Secret {
    fn default() -> Self {
        Self::new()
    }
}

impl Digest {
    /// Whether both are of the same text, in constant time.
    #[must_use]
    pub(super) fn is(self, other: Self) -> bool {
        core::hint::black_box((self.0[0] ^ other.0[0]) | (self.0[1] ^ other.0[1])) == 0
    }

    /// A number to sort and search by. A search takes as long as the number wants, which says
    /// nothing of the text to those who do not have the key.
    #[must_use]
    pub(super) fn order(self) -> u64 {
        self.0[0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_tell_texts_and_keys_apart() {
        let (a, b) = (Secret::new(), Secret::new());
        assert!(a.digest(b"x:y").is(a.digest(b"x:y")));
        assert!(!a.digest(b"x:y").is(a.digest(b"x:z")));
        assert!(!a.digest(b"").is(a.digest(b"\0")));
        assert!(!a.digest(b"x:y").is(b.digest(b"x:y")));
        assert_eq!(a.digest(b"x").order(), a.digest(b"x").order());
    }
}
