//! The validators of a file: `ETag` and `Last-Modified` (RFC 9110, section 8.8).

use crate::sys::stat::Stat;
use core::fmt::Write;
use heapless::String;
use std::time::{Duration, SystemTime};

/// Longest entity tag with its quotes: `W/`, size and hash.
pub(super) const ETAG_BYTES_MAX: usize = 40;
/// Length of an IMF-fixdate.
pub(super) const DATE_BYTES: usize = 29;

/// While a file is this young another write may leave the same times on it, so its tag is weak.
/// Two seconds of the clock are one at least, and a clock tick is a hundredth.
const YOUNG_SECS: i64 = 2;
/// The last second of the year 9999, where an HTTP date ends.
const DATE_SECS_MAX: u64 = 253_402_300_799;

/// Both validators, as they are sent.
#[derive(Debug, Clone)]
pub(super) struct Validators {
    /// The entity tag with its quotes, and `W/` when it is weak.
    pub(super) etag: String<ETAG_BYTES_MAX>,
    /// Last-Modified as seconds since 1970; never in the future, as section 8.8.2.1 wants it.
    pub(super) modified_secs: u64,
    /// The same as an HTTP date.
    pub(super) modified: String<DATE_BYTES>,
}

impl Validators {
    /// The validators of a file whose metadata are `stat`, sent in the coding number `coding`,
    /// when the wall clock says `wall_secs` seconds since 1970.
    #[must_use]
    pub(super) fn of(stat: &Stat, coding: u8, wall_secs: u64) -> Self {
        let wall_secs = wall_secs.min(DATE_SECS_MAX);
        let modified_secs = u64::try_from(stat.mtime_secs).unwrap_or(0).min(wall_secs);
        let date = SystemTime::UNIX_EPOCH + Duration::from_secs(modified_secs);
        let mut modified = String::new();
        // Both texts fit by their definition; what would not fit is left out.
        let _ = write!(modified, "{}", httpdate::HttpDate::from(date));
        let mut etag = String::new();
        let weak = if is_young(stat, wall_secs) { "W/" } else { "" };
        let _ = write!(etag, "{weak}\"{:x}-{:x}\"", stat.size, hash(stat, coding));
        Self { etag, modified_secs, modified }
    }
}

fn is_young(stat: &Stat, wall_secs: u64) -> bool {
    i64::try_from(wall_secs).unwrap_or(i64::MAX).saturating_sub(stat.mtime_secs) < YOUNG_SECS
}

/// The same for the same file state in every thread, process and build, and it does not tell
/// the inode number.
fn hash(stat: &Stat, coding: u8) -> u64 {
    let words = [
        stat.size,
        stat.mtime_secs.cast_unsigned(),
        stat.ctime_secs.cast_unsigned(),
        u64::from(stat.mtime_ns) << 32 | u64::from(stat.ctime_ns),
        stat.ino,
        u64::from(coding),
    ];
    words.into_iter().fold(0, |state: u64, word| {
        // The finaliser of SplitMix64.
        let mut z = (state ^ word).wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::stat::Kind;

    const NOW: u64 = 1_800_000_000;

    fn stat() -> Stat {
        Stat {
            kind: Kind::Regular,
            size: 0x1234,
            mtime_secs: 1_700_000_000,
            mtime_ns: 5,
            ctime_secs: 1_700_000_001,
            ctime_ns: 6,
            ino: 77,
            dev: 1,
        }
    }

    fn etag(stat: &Stat) -> std::string::String {
        Validators::of(stat, 0, NOW).etag.as_str().to_owned()
    }

    #[test]
    fn every_part_of_the_state_changes_the_tag() {
        let old = stat();
        let all = [
            old,
            Stat { size: 0x1235, ..old },
            Stat { mtime_secs: 1_700_000_001, ..old },
            Stat { mtime_ns: 6, ..old },
            Stat { ctime_secs: 1_700_000_000, ..old },
            Stat { ctime_ns: 5, ..old },
            Stat { ino: 78, ..old },
        ];
        let mut tags: Vec<_> = all.iter().map(etag).collect();
        tags.push(Validators::of(&old, 1, NOW).etag.as_str().to_owned());
        let count = tags.len();
        tags.sort();
        tags.dedup();
        assert_eq!(tags.len(), count);
        assert_eq!(etag(&Stat { dev: 2, ..old }), etag(&old));
        assert!(etag(&old).starts_with("\"1234-") && etag(&old).ends_with('"'));
    }

    #[test]
    fn young_and_future_files_have_weak_tags() {
        let now = NOW.cast_signed();
        for (age, weak) in [(-100, true), (0, true), (1, true), (2, false), (100, false)] {
            let stat = Stat { mtime_secs: now - age, ..stat() };
            assert_eq!(etag(&stat).starts_with("W/\""), weak, "{age}");
        }
        // What was read young and has not changed is found unchanged later.
        let young = Validators::of(&stat(), 0, 1_700_000_001).etag;
        let old = Validators::of(&stat(), 0, NOW).etag;
        assert_eq!(young.strip_prefix("W/"), Some(old.as_str()));
    }

    #[test]
    fn dates_stay_in_their_range() {
        let date = |mtime_secs, wall| {
            let v = Validators::of(&Stat { mtime_secs, ..stat() }, 0, wall);
            (v.modified_secs, v.modified.as_str().to_owned())
        };
        let epoch = "Thu, 01 Jan 1970 00:00:00 GMT";
        assert_eq!(date(1_700_000_000, NOW).1, "Tue, 14 Nov 2023 22:13:20 GMT");
        assert_eq!(date(-5, NOW), (0, epoch.to_owned()));
        assert_eq!(date(i64::MIN, 0), (0, epoch.to_owned()));
        assert_eq!(date(NOW.cast_signed() + 9, NOW).0, NOW);
        assert_eq!(date(i64::MAX, u64::MAX).1, "Fri, 31 Dec 9999 23:59:59 GMT");
    }

    #[test]
    fn the_longest_tag_fits() {
        let huge = Stat { size: u64::MAX, mtime_secs: i64::MAX, ..stat() };
        for ino in 0..2000 {
            let v = Validators::of(&Stat { ino, ..huge }, 2, NOW);
            assert!(v.etag.starts_with("W/\"ffffffffffffffff-") && v.etag.ends_with('"'));
        }
    }
}
