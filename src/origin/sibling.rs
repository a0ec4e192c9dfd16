//! Precompressed siblings: `name.br` and `name.gz` beside `name`.

use crate::http::encoding::Coding;
use crate::sys::stat::{Kind, Stat};

/// Codings that have siblings, the smaller one first.
pub const PACKED: [Coding; 2] = [Coding::Brotli, Coding::Gzip];

/// What stands behind the name of a file in this coding.
#[must_use]
pub fn suffix(coding: Coding) -> &'static [u8] {
    match coding {
        Coding::Identity => b"",
        Coding::Brotli => b".br",
        Coding::Gzip => b".gz",
    }
}

/// A number that tells codings apart.
#[must_use]
pub fn number(coding: Coding) -> u8 {
    match coding {
        Coding::Identity => 0,
        Coding::Brotli => 1,
        Coding::Gzip => 2,
    }
}

/// Which siblings a file has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Siblings(u8);

impl Siblings {
    /// Adds the sibling of `coding`.
    pub fn add(&mut self, coding: Coding) {
        self.0 |= 1 << number(coding);
    }

    /// Whether there is one of `coding`.
    #[must_use]
    pub fn has(self, coding: Coding) -> bool {
        self.0 & (1 << number(coding)) != 0
    }

    /// Whether there is any: then every answer depends on `Accept-Encoding`.
    #[must_use]
    pub fn any(self) -> bool {
        self.0 != 0
    }
}

/// How much older a sibling may be: what is unpacked or cloned together is written in any order.
const OLDER_SECS_MAX: i64 = 2;

/// Whether `sibling` may stand for `original`: a regular file that is not older.
#[must_use]
pub fn is_current(sibling: &Stat, original: &Stat) -> bool {
    let oldest = original.mtime_secs.saturating_sub(OLDER_SECS_MAX);
    sibling.kind == Kind::Regular && sibling.mtime_secs >= oldest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn siblings_are_remembered_by_coding() {
        let mut siblings = Siblings::default();
        assert!(!siblings.any());
        siblings.add(Coding::Gzip);
        assert!(siblings.any() && siblings.has(Coding::Gzip) && !siblings.has(Coding::Brotli));
    }

    #[test]
    fn an_older_sibling_is_not_current() {
        let old = Stat {
            kind: Kind::Regular,
            size: 1,
            mtime_secs: 10,
            mtime_ns: 5,
            ctime_secs: 0,
            ctime_ns: 0,
            ino: 1,
            dev: 1,
        };
        assert!(is_current(&old, &old));
        assert!(is_current(&Stat { mtime_secs: 11, mtime_ns: 0, ..old }, &old));
        assert!(is_current(&Stat { mtime_secs: 8, ..old }, &old));
        assert!(!is_current(&Stat { mtime_secs: 7, ..old }, &old));
        assert!(!is_current(&Stat { kind: Kind::Directory, mtime_secs: 99, ..old }, &old));
    }
}
