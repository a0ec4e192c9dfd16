//! From a URL path to a mount.

use core::ops::Index;

use super::world::{Mount, MountId};

/// The mounts of a vhost, longest mountpoint first, else in the order of the configuration.
#[derive(Debug, Default)]
pub struct MountTable {
    mounts: Box<[Mount]>,
}

/// What a path leads to.
#[derive(Debug, Clone, Copy)]
pub struct MountMatch<'w, 'p> {
    /// The mount's number in its vhost.
    pub id: MountId,
    /// The mount.
    pub mount: &'w Mount,
    /// The path behind the mountpoint: begins with `/`, or is empty when the path is the
    /// mountpoint without a slash (never for the mount `/`).
    pub rest: &'p [u8],
}

impl MountTable {
    /// At most 65536 mounts; the builder sees to it.
    pub(super) fn new(mut mounts: Vec<Mount>) -> Self {
        // A stable sort: of equal mountpoints the first one written is met first.
        mounts.sort_by_key(|mount| core::cmp::Reverse(mount.prefix.len()));
        Self { mounts: mounts.into_boxed_slice() }
    }

    /// All mounts in the order of their numbers.
    pub fn iter(&self) -> core::slice::Iter<'_, Mount> {
        self.mounts.iter()
    }

    /// Number of mounts.
    #[must_use]
    pub fn len(&self) -> usize {
        self.mounts.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.mounts.is_empty()
    }

    /// The longest mountpoint that `path` lies under.
    pub(super) fn find<'p>(&self, path: &'p [u8]) -> Option<MountMatch<'_, 'p>> {
        let fitting = self.mounts.partition_point(|mount| mount.prefix.len() > path.len());
        (fitting..).zip(self.mounts.get(fitting..)?).find_map(|(index, mount)| {
            let rest = rest_behind(mount, path)?;
            Some(MountMatch { id: MountId(u16::try_from(index).ok()?), mount, rest })
        })
    }
}

impl<'w> IntoIterator for &'w MountTable {
    type Item = &'w Mount;
    type IntoIter = core::slice::Iter<'w, Mount>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Index<MountId> for MountTable {
    type Output = Mount;
    fn index(&self, id: MountId) -> &Mount {
        &self.mounts[usize::from(id.0)]
    }
}

fn rest_behind<'p>(mount: &Mount, path: &'p [u8]) -> Option<&'p [u8]> {
    let prefix = mount.prefix.as_bytes();
    if prefix == b"/" {
        let fits = if mount.exact_match { path == b"/" } else { path.first() == Some(&b'/') };
        return fits.then_some(path);
    }
    let rest = path.strip_prefix(prefix)?;
    match rest.first() {
        None => Some(rest),
        Some(b'/') if !mount.exact_match => Some(rest),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::settings::Place;
    use crate::vhost::rules::AddressRules;
    use crate::vhost::world::MountTarget;

    fn mount(prefix: &str, exact_match: bool, scheme: &'static str) -> Mount {
        Mount {
            prefix: prefix.into(),
            target: MountTarget::NotBuilt { scheme },
            auth: None,
            challenge: "".into(),
            cache_control: None,
            headers: None,
            addresses: AddressRules::default(),
            body_bytes_max: 0,
            keepalive_timeout_ms: None,
            exact_match,
            place: Place::default(),
        }
    }

    fn found<'p>(table: &MountTable, path: &'p str) -> Option<(&'static str, &'p str)> {
        table.find(path.as_bytes()).map(|hit| {
            let MountTarget::NotBuilt { scheme } = hit.mount.target else { unreachable!() };
            assert!(core::ptr::eq(hit.mount, &table[hit.id]));
            (scheme, core::str::from_utf8(hit.rest).unwrap())
        })
    }

    #[test]
    fn paths_find_the_longest_mountpoint_at_a_boundary() {
        let table = MountTable::new(vec![
            mount("/", false, "root"),
            mount("/dslash", false, "d"),
            mount("/dslash/deep", false, "deep"),
            mount("/dslash", false, "again"),
            mount("/only", true, "only"),
            mount("/both", true, "exact"),
            mount("/both", false, "below"),
        ]);
        for (path, want) in [
            ("/", Some(("root", "/"))),
            ("/x", Some(("root", "/x"))),
            ("/dslash", Some(("d", ""))),
            ("/dslash/", Some(("d", "/"))),
            ("/dslash/x/y", Some(("d", "/x/y"))),
            ("/dslashx", Some(("root", "/dslashx"))),
            ("/DSLASH", Some(("root", "/DSLASH"))),
            ("/dslas", Some(("root", "/dslas"))),
            ("/dslash/deep", Some(("deep", ""))),
            ("/dslash/deep/a", Some(("deep", "/a"))),
            ("/dslash/deeper", Some(("d", "/deeper"))),
            ("/only", Some(("only", ""))),
            ("/only/", Some(("root", "/only/"))),
            ("/only/x", Some(("root", "/only/x"))),
            ("/both", Some(("exact", ""))),
            ("/both/x", Some(("below", "/x"))),
            ("", None),
            ("*", None),
            ("dslash", None),
        ] {
            assert_eq!(found(&table, path), want, "{path}");
        }
    }

    #[test]
    fn without_a_root_mount_other_paths_find_nothing() {
        let table = MountTable::new(vec![mount("/a", false, "a"), mount("/", true, "home")]);
        assert_eq!(found(&table, "/"), Some(("home", "/")));
        assert_eq!(found(&table, "/b"), None);
        assert_eq!(found(&table, "/a/b"), Some(("a", "/b")));
        assert!(MountTable::default().find(b"/").is_none());
    }
}
