//! From a Host name to a vhost, for one listener.
//!
//! Names are kept in lower case, sorted by length and then by bytes, so that a lookup is a
//! binary search that mostly compares lengths.

use core::cmp::Ordering;

use super::world::VhostId;

/// Longest host name that can match anything (RFC 1035 2.3.4, plus a trailing dot).
const HOST_BYTES_MAX: usize = 254;

/// The names of a listener's vhosts.
#[derive(Debug, Default)]
pub(super) struct NameTable {
    exact: Box<[(Box<[u8]>, VhostId)]>,
    /// `*.example.org` as `.example.org`.
    wild: Box<[(Box<[u8]>, VhostId)]>,
}

impl NameTable {
    /// Takes names in the order of the configuration; of equal ones the first counts.
    pub(super) fn new<'n>(names: impl Iterator<Item = (&'n str, VhostId)>) -> Self {
        let mut exact = Vec::new();
        let mut wild = Vec::new();
        for (name, id) in names {
            let name = plain(name.as_bytes());
            match name.strip_prefix(b"*") {
                Some(suffix) if suffix.len() > 1 && suffix.first() == Some(&b'.') => {
                    wild.push((suffix.to_ascii_lowercase().into_boxed_slice(), id));
                }
                _ => exact.push((name.to_ascii_lowercase().into_boxed_slice(), id)),
            }
        }
        Self { exact: sorted(exact), wild: sorted(wild) }
    }

    /// The vhost that `host` names, if any.
    pub(super) fn find(&self, host: &[u8]) -> Option<VhostId> {
        let host = plain(host);
        if host.is_empty() || host.len() > HOST_BYTES_MAX {
            return None;
        }
        if let Some(id) = look_up(&self.exact, host) {
            return Some(id);
        }
        // The first dot gives the longest suffix. A dot in front of everything has no label.
        let dots = || (1..host.len()).filter(|&at| host.get(at) == Some(&b'.'));
        if !self.wild.is_empty()
            && let Some(id) = dots().find_map(|at| look_up(&self.wild, host.get(at..)?))
        {
            return Some(id);
        }
        dots().find_map(|at| look_up(&self.exact, host.get(at + 1..)?))
    }
}

/// Whether `host` names the vhost that is called `name`; see [`super::Vhost::is_named`].
pub(super) fn names_vhost(name: &[u8], host: &[u8]) -> bool {
    let (name, host) = (plain(name), plain(host));
    if host.is_empty() || name.is_empty() || host.len() > HOST_BYTES_MAX {
        return false;
    }
    if host.eq_ignore_ascii_case(name) {
        return true;
    }
    let parent = name.strip_prefix(b"*.").unwrap_or(name);
    host.len()
        .checked_sub(parent.len() + 1)
        .filter(|&label| label > 0)
        .and_then(|label| host.split_at_checked(label))
        .and_then(|(_, rest)| rest.strip_prefix(b"."))
        .is_some_and(|rest| !parent.is_empty() && rest.eq_ignore_ascii_case(parent))
}

/// Without one trailing dot and without the brackets of an IPv6 address.
fn plain(name: &[u8]) -> &[u8] {
    let name = name.strip_suffix(b".").unwrap_or(name);
    name.strip_prefix(b"[").and_then(|inner| inner.strip_suffix(b"]")).unwrap_or(name)
}

fn sorted(mut names: Vec<(Box<[u8]>, VhostId)>) -> Box<[(Box<[u8]>, VhostId)]> {
    // Both steps keep the first of equal names.
    names.sort_by(|(a, _), (b, _)| compare(a, b));
    names.dedup_by(|(later, _), (first, _)| later == first);
    names.into_boxed_slice()
}

fn look_up(names: &[(Box<[u8]>, VhostId)], wanted: &[u8]) -> Option<VhostId> {
    let at = names.binary_search_by(|(name, _)| compare(name, wanted)).ok()?;
    names.get(at).map(|&(_, id)| id)
}

/// Shorter names first; `stored` is in lower case, `wanted` in any.
fn compare(stored: &[u8], wanted: &[u8]) -> Ordering {
    stored.len().cmp(&wanted.len()).then_with(|| {
        stored.iter().copied().cmp(wanted.iter().map(|byte| byte.to_ascii_lowercase()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(names: &[&str]) -> NameTable {
        let ids = (0_u16..).map(VhostId);
        NameTable::new(names.iter().copied().zip(ids))
    }

    #[test]
    fn hosts_find_their_vhosts() {
        let names = [
            "localhost",        // 0
            "other.test",       // 1
            "*.wild.test",      // 2
            "*.deep.wild.test", // 3
            "a.wild.test",      // 4
            "Upper.Test.",      // 5
            "other.test",       // 6, never reached
            "::1",              // 7
            "x.under.test",     // 8
            "under.test",       // 9
        ];
        let table = table(&names);
        let cases: &[(&str, Option<u16>)] = &[
            ("localhost", Some(0)),
            ("LOCALHOST", Some(0)),
            ("localhost.", Some(0)),
            ("localhost..", None),
            ("other.test", Some(1)),
            ("OTHER.TEST", Some(1)),
            ("x.other.test", Some(1)),
            ("y.x.other.test", Some(1)),
            ("X.Other.Test.", Some(1)),
            // A prefix of a name or a name without its label boundary is another host.
            ("o", None),
            ("other", None),
            ("other.tes", None),
            ("other.test.evil", None),
            ("another.test", None),
            ("test", None),
            (".other.test", None),
            ("wild.test", None),
            ("b.wild.test", Some(2)),
            ("c.b.wild.test", Some(2)),
            ("b.deep.wild.test", Some(3)),
            ("deep.wild.test", Some(2)),
            ("a.wild.test", Some(4)),
            // `*.` names come before the implicit subdomain match.
            ("b.a.wild.test", Some(2)),
            (".wild.test", None),
            ("upper.test", Some(5)),
            ("[::1]", Some(7)),
            ("y.x.under.test", Some(8)),
            ("y.under.test", Some(9)),
            ("", None),
            (".", None),
            ("..", None),
            ("*.wild.test", Some(2)),
        ];
        for &(host, want) in cases {
            assert_eq!(table.find(host.as_bytes()), want.map(VhostId), "{host}");
        }
    }

    #[test]
    fn an_endless_host_matches_nothing() {
        let table = table(&["a", "b.test"]);
        let mut host = b"x.".repeat(5000);
        host.extend_from_slice(b"b.test");
        assert_eq!(table.find(&host), None);
        assert_eq!(table.find(&[0xff; 100]), None);
    }

    #[test]
    fn thousands_of_names_are_all_found() {
        let names: Vec<String> = (0..5000).map(|n| format!("site{n}.example.test")).collect();
        let refs: Vec<&str> = names.iter().map(String::as_str).collect();
        let table = table(&refs);
        for (n, name) in names.iter().enumerate() {
            assert_eq!(table.find(name.as_bytes()), Some(VhostId(u16::try_from(n).unwrap())));
        }
        assert_eq!(table.find(b"site5000.example.test"), None);
    }

    #[test]
    fn a_vhost_knows_its_own_names() {
        for (name, host, want) in [
            ("Other.test", "other.TEST.", true),
            ("other.test", "x.other.test", true),
            ("other.test", "xother.test", false),
            ("other.test", ".other.test", false),
            ("other.test", "o", false),
            ("*.wild.test", "a.wild.test", true),
            ("*.wild.test", "wild.test", false),
            ("::1", "[::1]", true),
            ("", "", false),
            ("", "x.", false),
            ("*.", "x.", false),
        ] {
            assert_eq!(names_vhost(name.as_bytes(), host.as_bytes()), want, "{name} {host}");
        }
    }
}
