//! Precompressed siblings: `name.br` and `name.gz` beside `name`.

use crate::sys::stat::{Kind, Stat};

/// How the bytes of an answer are coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// As they are.
    Identity,
    /// From `name.br`.
    Br,
    /// From `name.gz`.
    Gzip,
}

impl Coding {
    /// Codings that have siblings, the smaller one first.
    pub const PACKED: [Self; 2] = [Self::Br, Self::Gzip];

    /// What stands behind the name of the file.
    #[must_use]
    pub fn suffix(self) -> &'static [u8] {
        match self {
            Self::Identity => b"",
            Self::Br => b".br",
            Self::Gzip => b".gz",
        }
    }

    /// The value of `Content-Encoding`, if there is to be one.
    #[must_use]
    pub fn content_encoding(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Br => Some("br"),
            Self::Gzip => Some("gzip"),
        }
    }

    /// A number that tells codings apart.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Identity => 0,
            Self::Br => 1,
            Self::Gzip => 2,
        }
    }
}

/// What the client takes: weights in thousandths as in `Accept-Encoding`, 0 for "not at all".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accept {
    /// Weight of `br`.
    pub br: u16,
    /// Weight of `gzip`.
    pub gzip: u16,
    /// Weight of `identity`; when it is 0 and nothing else fits, identity is sent all the same.
    pub identity: u16,
}

impl Accept {
    /// A client that did not say anything.
    pub const IDENTITY: Self = Self { br: 0, gzip: 0, identity: 1000 };

    /// The best coding that exists; of equal weights br, then gzip.
    #[must_use]
    pub fn choose(self, siblings: Siblings) -> Coding {
        let mut best = (self.identity, Coding::Identity);
        for (weight, coding) in [(self.gzip, Coding::Gzip), (self.br, Coding::Br)] {
            if weight > 0 && weight >= best.0 && siblings.has(coding) {
                best = (weight, coding);
            }
        }
        best.1
    }
}

/// Which siblings a file has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Siblings(u8);

impl Siblings {
    /// Adds the sibling of `coding`.
    pub fn add(&mut self, coding: Coding) {
        self.0 |= 1 << coding.number();
    }

    /// Whether there is one of `coding`.
    #[must_use]
    pub fn has(self, coding: Coding) -> bool {
        self.0 & (1 << coding.number()) != 0
    }

    /// Whether there is any: then every answer depends on `Accept-Encoding`.
    #[must_use]
    pub fn any(self) -> bool {
        self.0 != 0
    }
}

/// Whether `sibling` may stand for `original`: a regular file that is not older.
#[must_use]
pub fn is_current(sibling: &Stat, original: &Stat) -> bool {
    let time = |stat: &Stat| (stat.mtime_secs, stat.mtime_ns);
    sibling.kind == Kind::Regular && time(sibling) >= time(original)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn siblings(codings: &[Coding]) -> Siblings {
        let mut siblings = Siblings::default();
        for &coding in codings {
            siblings.add(coding);
        }
        siblings
    }

    #[test]
    fn the_best_existing_coding_is_chosen() {
        use Coding::{Br, Gzip, Identity};
        let both = siblings(&[Br, Gzip]);
        let gz = siblings(&[Gzip]);
        let none = siblings(&[]);
        for (br, gzip, identity, there, wanted) in [
            (1000, 1000, 1000, both, Br),
            (500, 1000, 1000, both, Gzip),
            (1000, 1000, 1000, gz, Gzip),
            (1000, 1000, 1000, none, Identity),
            (0, 0, 1000, both, Identity),
            (500, 500, 1000, both, Identity),
            (1, 0, 0, both, Br),
            (0, 0, 0, both, Identity),
            (1000, 0, 0, gz, Identity),
        ] {
            assert_eq!(Accept { br, gzip, identity }.choose(there), wanted);
        }
        assert!(both.any() && !none.any());
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
        assert!(!is_current(&Stat { mtime_ns: 4, ..old }, &old));
        assert!(!is_current(&Stat { kind: Kind::Directory, mtime_secs: 99, ..old }, &old));
    }
}
