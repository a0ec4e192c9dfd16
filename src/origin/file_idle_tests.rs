//! Tests of what the cache lets go of, and when.

use super::*;
use crate::origin::cache::{IDLE_MS, TRIM_MS};

impl Site {
    /// What the kernel says this process holds open below `dir`.
    fn open(&self) -> Vec<String> {
        let links = fs::read_dir("/proc/self/fd").unwrap().flatten();
        let targets = links.filter_map(|link| fs::read_link(link.path()).ok());
        let below = targets.filter_map(|target| {
            Some(target.strip_prefix(&self.dir).ok()?.to_str().unwrap().to_owned())
        });
        below.collect()
    }

    fn open_files(&self) -> usize {
        self.open().iter().filter(|name| name.contains('/')).count()
    }

    fn holds_root(&self) -> bool {
        self.open().iter().any(|name| !name.contains('/'))
    }
}

#[test]
fn what_is_idle_is_let_go() {
    let mut site = Site::new(4);
    assert_eq!(site.cache.due_ms(), None);
    assert_eq!(site.get("/index.html", 0), "<p>home");
    assert_eq!(site.get("/big.txt", 0).len(), 5000);
    assert_eq!(site.cache.due_ms(), Some(TRIM_MS));
    assert_eq!(site.get("/index.html", 2000), "<p>home");
    assert_eq!(site.open_files(), 1);
    // One file is idle, another one is not, nor is the directory.
    site.cache.trim(TRUST_MS + IDLE_MS, |_| panic!("still held"));
    assert_eq!((site.open_files(), site.holds_root()), (0, true));
    assert_eq!(site.cache.due_ms(), Some(TRUST_MS + IDLE_MS + TRIM_MS));
    // Without a request since then, the next time is when something will be idle.
    site.cache.trim(TRUST_MS + IDLE_MS + 1, |_| panic!("still held"));
    assert_eq!(site.cache.due_ms(), Some(2000 + IDLE_MS));
    let mut given = 0;
    site.cache.trim(2000 + TRUST_MS + IDLE_MS, |pages| given = pages.len());
    assert_eq!(given, 5 * CONTENT_BYTES_MAX);
    assert_eq!((site.holds_root(), site.cache.due_ms()), (false, None));
    site.cache.trim(100_000, |_| panic!("given back twice"));
    assert_eq!(site.get("/index.html", 100_000), "<p>home");
    assert_eq!(site.get("/big.txt", 100_000).len(), 5000);
    assert_eq!(site.cache.due_ms(), Some(100_000 + TRIM_MS));
}

#[test]
fn what_has_been_deleted_is_let_go_before_it_is_idle() {
    let mut site = Site::new(4);
    site.write("other.txt", &[b'o'; 5000]);
    site.write("big.txt.gz", &[b'g'; 5000]);
    assert_eq!(site.coded("/big.txt", 0).0.len(), 5000);
    assert_eq!(site.get("/other.txt", 0).len(), 5000);
    assert_eq!(site.open_files(), 3);
    // Asked for again: nothing of it is kept.
    fs::remove_file(site.www("big.txt")).unwrap();
    assert_eq!(site.get("/big.txt", TRUST_MS), "NotFound");
    assert_eq!(site.open_files(), 1);
    // Not asked for again.
    fs::remove_file(site.www("other.txt")).unwrap();
    site.cache.trim(TRIM_MS, |_| ());
    assert_eq!((site.open_files(), site.holds_root()), (0, true));
    fs::remove_dir_all(site.www("")).unwrap();
    site.cache.trim(2 * TRIM_MS, |_| ());
    assert_eq!((site.holds_root(), site.cache.due_ms()), (false, None));
    // Made again, it is found at once.
    fs::create_dir(site.www("")).unwrap();
    site.write("index.html", b"again");
    assert_eq!(site.get("/index.html", 2 * TRIM_MS), "again");
}

#[test]
fn a_cache_without_entries_keeps_nothing() {
    let mut site = Site::new(0);
    for _ in 0..2 {
        assert_eq!(site.get("/index.html", 7), "<p>home");
        assert_eq!(site.get("/big.txt", 7).len(), 5000);
        assert_eq!(site.cache.due_ms(), Some(7));
        site.cache.trim(7, |_| ());
        assert_eq!((site.open(), site.cache.due_ms()), (vec![], None));
    }
    site.write("index.html", b"at once");
    assert_eq!(site.get("/index.html", 7), "at once");
}

#[test]
fn a_directory_that_cannot_be_opened_by_its_path_is_held() {
    let mut site = Site::new(4);
    let held = Root::open(&site.www("")).unwrap();
    fs::rename(site.www(""), site.dir.join("elsewhere")).unwrap();
    // A link to itself stands for a path that this process has no way through.
    symlink(site.dir.join("www"), site.dir.join("www")).unwrap();
    site.cache.hold(0, held);
    assert_eq!(site.get("/index.html", 0), "<p>home");
    site.cache.trim(100_000, |_| ());
    // It does not wake anybody for what it cannot let go.
    assert_eq!((site.holds_root(), site.cache.due_ms()), (true, None));
    assert_eq!(site.get("/index.html", 200_000), "<p>home");
}
