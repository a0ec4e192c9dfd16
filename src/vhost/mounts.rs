//! From a URL path to a mount.

use core::cmp::Ordering;
use core::ops::Index;

use super::world::{Mount, MountId};

/// The mounts of a vhost, sorted so that those below a mountpoint follow it.
#[derive(Debug, Default)]
pub struct MountTable {
    mounts: Box<[Mount]>,
    /// For each mount the next one before it that takes its mountpoint; 0 also for none, since
    /// the first mount has nothing before it.
    above: Box<[u16]>,
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
        // Equal mountpoints are met from the last to the first: that is the first one written.
        mounts.reverse();
        mounts.sort_by(|a, b| order(a.prefix.as_bytes(), b.prefix.as_bytes()));
        let mut above = Vec::with_capacity(mounts.len());
        for (at, mount) in mounts.iter().enumerate() {
            let before = at.checked_sub(1);
            let found = before.and_then(|at| up(&mounts, &above, at, mount.prefix.as_bytes()));
            above.push(found.map_or(0, |hit| hit.id.0));
        }
        Self { mounts: mounts.into(), above: above.into() }
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

    /// The longest mountpoint that `path` lies under. Whatever takes the path stands before the
    /// path's place in the order, and takes all that stands between.
    pub(super) fn find<'p>(&self, path: &'p [u8]) -> Option<MountMatch<'_, 'p>> {
        let before = |mount: &Mount| order(mount.prefix.as_bytes(), path).is_le();
        let at = self.mounts.partition_point(before).checked_sub(1)?;
        up(&self.mounts, &self.above, at, path)
    }
}

/// The first mount that takes `path`, from the one at `at` upwards.
fn up<'w, 'p>(
    mounts: &'w [Mount],
    above: &[u16],
    mut at: usize,
    path: &'p [u8],
) -> Option<MountMatch<'w, 'p>> {
    loop {
        let mount = mounts.get(at)?;
        if let Some(rest) = rest_behind(mount, path) {
            return Some(MountMatch { id: MountId(u16::try_from(at).ok()?), mount, rest });
        }
        at = Some(usize::from(*above.get(at)?)).filter(|&next| next < at)?;
    }
}

/// By bytes, a slash before all others: so what lies below a mountpoint comes next to it.
fn order(a: &[u8], b: &[u8]) -> Ordering {
    let rank = |byte: u8| if byte == b'/' { 0 } else { byte };
    match a.iter().zip(b).find(|(a, b)| a != b) {
        Some((&a, &b)) => rank(a).cmp(&rank(b)),
        None => a.len().cmp(&b.len()),
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

    /// However many mounts there are: the same as looking at every one of them.
    #[test]
    fn every_path_finds_what_a_search_of_all_mounts_finds() {
        let names = ["a", "b", "ab", "a.b", "a-b"];
        let mut prefixes = vec![String::from("/")];
        for depth in 0..3 {
            let above: Vec<String> =
                prefixes.iter().filter(|p| p.matches('/').count() >= depth).cloned().collect();
            for one in above {
                prefixes.extend(names.map(|name| format!("{}/{name}", one.trim_end_matches('/'))));
            }
        }
        prefixes.sort_unstable();
        prefixes.dedup();
        let some = |n: u32| n.wrapping_mul(2_654_435_761) >> 30 != 0;
        let mounts = || {
            let some = (0_u32..).zip(&prefixes).filter(|&(n, _)| some(n));
            some.map(|(n, prefix)| mount(prefix, n % 5 == 0, "m")).collect::<Vec<Mount>>()
        };
        let (mounts, table) = (mounts(), MountTable::new(mounts()));
        assert!(mounts.len() > 100);
        let mut found = 0;
        for path in
            prefixes.iter().flat_map(|p| ["", "/", "/a", "x"].map(|end| format!("{p}{end}")))
        {
            let fits = |mount: &&Mount| {
                let rest = path.strip_prefix(&*mount.prefix);
                let below = rest
                    .is_some_and(|r| r.is_empty() || r.starts_with('/') || &*mount.prefix == "/");
                below && (!mount.exact_match || rest == Some(""))
            };
            let want = mounts.iter().filter(fits).max_by_key(|mount| mount.prefix.len());
            let got = table.find(path.as_bytes()).map(|hit| &*hit.mount.prefix);
            assert_eq!(got, want.map(|mount| &*mount.prefix), "{path}");
            found += usize::from(got.is_some());
        }
        assert!(found > 300);
    }
}
