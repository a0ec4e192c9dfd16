//! Tests of the decision and of the cache behind it, on real directories.

use super::*;
use crate::origin::cache::{KEY_BYTES_MAX, TRUST_MS};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

/// Wall clock of the tests: far behind every file's times but for those that are set.
const WALL: u64 = 4_000_000_000;

struct Site {
    dir: PathBuf,
    cache: FileCache,
    mount: FileMount,
}

impl Site {
    fn new(entries: usize) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("kinglet-file-{}-{n}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(dir.join("www/sub/plain")).unwrap();
        fs::write(dir.join("www/index.html"), b"<p>home").unwrap();
        fs::write(dir.join("www/sub/index.html"), b"<p>sub").unwrap();
        fs::write(dir.join("www/big.txt"), vec![b'x'; 5000]).unwrap();
        let cache = FileCache::new(entries, [dir.join("www").as_path()]);
        let mount = FileMount {
            id: 0,
            default_document: "index.html".into(),
            rules: Rules::default(),
            mime: MimeTable::new(&[], Some("utf-8")),
            directory_listing: false,
        };
        Self { dir, cache, mount }
    }

    fn www(&self, name: &str) -> PathBuf {
        self.dir.join("www").join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.www(name), bytes).unwrap();
    }

    fn outcome(&mut self, path: &str, accept: Accepted, now_ms: u64) -> Outcome<'_> {
        let ask = Ask { path: path.as_bytes(), accept, now_ms, wall_secs: WALL };
        answer(&mut self.cache, &self.mount, &ask)
    }

    /// The body of the file at `path`, or the name of another outcome.
    fn get(&mut self, path: &str, now_ms: u64) -> String {
        body(&self.outcome(path, Accepted::IDENTITY, now_ms))
    }

    /// (body, coding, vary, etag)
    fn coded(&mut self, path: &str, now_ms: u64) -> (String, Option<&'static str>, bool, String) {
        let both = Accepted { brotli: 1000, gzip: 1000, identity: 1000 };
        match self.outcome(path, both, now_ms) {
            Outcome::Found(f) => {
                let text = body(&Outcome::Found(f));
                (text, f.content_encoding, f.vary, tag(&f))
            }
            other => panic!("{other:?}"),
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

fn body(outcome: &Outcome<'_>) -> String {
    match outcome {
        Outcome::Found(Found { body: Body::Content(bytes), size, .. }) => {
            assert_eq!(bytes.len() as u64, *size);
            String::from_utf8_lossy(bytes).into_owned()
        }
        Outcome::Found(Found { body: Body::File(fd), size, .. }) => {
            let mut out = Buf::with_capacity(100_000);
            let read = read_into(*fd, &mut out, 0, 100_000).unwrap();
            assert_eq!(read as u64, *size);
            String::from_utf8_lossy(out.filled()).into_owned()
        }
        other => format!("{other:?}").split('(').next().unwrap().to_owned(),
    }
}

fn set_mtime(path: &Path, secs: u64) {
    let file = fs::File::options().write(true).open(path).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(secs)).unwrap();
}

fn tag(found: &Found<'_>) -> String {
    String::from_utf8(found.lines.etag().to_vec()).unwrap()
}

#[test]
fn every_outcome() {
    let mut site = Site::new(8);
    site.write("README", b"no type");
    site.write(".hidden.html", b"");
    symlink("../..", site.www("out")).unwrap();
    assert_eq!(site.get("/index.html", 0), "<p>home");
    assert_eq!(site.get("/", 0), "<p>home");
    assert_eq!(site.get("/sub/", 0), "<p>sub");
    assert_eq!(site.get("/big.txt", 0).len(), 5000);
    assert_eq!(site.get("/sub", 0), "RedirectToSlash");
    assert_eq!(site.get("/sub/plain", 0), "RedirectToSlash");
    assert_eq!(site.get("/sub/plain/", 0), "NoIndex");
    assert_eq!(site.get("/none.html", 0), "NotFound");
    assert_eq!(site.get("/none", 0), "NotFound");
    assert_eq!(site.get("/none/", 0), "NotFound");
    assert_eq!(site.get("/index.html/", 0), "NotFound");
    assert_eq!(site.get("/.hidden.html", 0), "NotFound");
    assert_eq!(site.get("/README", 0), "UnsupportedMediaType");
    assert_eq!(site.get("/out/etc/passwd", 0), "Forbidden");
    site.mount.directory_listing = true;
    assert_eq!(site.get("/sub/plain/", 0), "Listing");
    assert_eq!(site.get("/sub/", 0), "<p>sub");
    assert_eq!(site.get("/index.html/", 0), "NotFound");
    assert_eq!(site.get("/none/", 0), "NotFound");
    site.mount.mime = MimeTable::new(&[("*".into(), String::new())], Some("utf-8"));
    assert_eq!(site.get("/README", 0), "no type");
    site.mount.default_document = "plain".into();
    assert_eq!(site.get("/sub/", 5000), "Listing");
    site.mount.default_document = "".into();
    assert_eq!(site.get("/", 9000), "Listing");
}

#[test]
fn metadata_of_what_was_found() {
    let mut site = Site::new(8);
    set_mtime(&site.www("index.html"), 1_700_000_000);
    let Outcome::Found(file) = site.outcome("/", Accepted::IDENTITY, 0) else { panic!() };
    assert_eq!(file.size, 7);
    assert_eq!(file.last_modified_secs, 1_700_000_000);
    let about = std::str::from_utf8(file.lines.about()).unwrap();
    assert!(about.ends_with("\r\nLast-Modified: Tue, 14 Nov 2023 22:13:20 GMT\r\n"), "{about}");
    assert_eq!(
        (file.content_type, file.content_encoding),
        (Some("text/html; charset=utf-8"), None)
    );
    assert!(!file.vary && tag(&file).starts_with("\"7-"));
    let by_slash = tag(&file);
    let Outcome::Found(file) = site.outcome("/index.html", Accepted::IDENTITY, 0) else { panic!() };
    assert_eq!(tag(&file), by_slash);
    site.mount.mime = MimeTable::new(&[(".html".into(), String::new())], Some("utf-8"));
    let Outcome::Found(file) = site.outcome("/", Accepted::IDENTITY, 2000) else { panic!() };
    assert_eq!(file.content_type, None);
}

#[test]
fn a_sparse_file_beyond_four_gibibytes() {
    let mut site = Site::new(4);
    let size = (4_u64 << 30) + 7;
    let big = fs::File::create(site.www("big.bin")).unwrap();
    std::os::unix::fs::FileExt::write_at(&big, b"end", size - 3).unwrap();
    let Outcome::Found(file) = site.outcome("/big.bin", Accepted::IDENTITY, 0) else { panic!() };
    assert_eq!(file.size, size);
    let Body::File(fd) = file.body else { panic!() };
    let mut out = Buf::with_capacity(16);
    assert_eq!(read_into(fd, &mut out, size - 3, 2).unwrap(), 2);
    assert_eq!(read_into(fd, &mut out, size - 1, 16).unwrap(), 1);
    assert_eq!(out.filled(), b"end");
    assert_eq!(read_into(fd, &mut out, size, 16).unwrap(), 0);
}

#[test]
fn a_change_is_seen_within_a_second() {
    let mut site = Site::new(8);
    for name in ["/index.html", "/big.txt"] {
        let old = site.get(name, 10_000);
        // In place, with the same length and the same mtime.
        let mtime = fs::metadata(site.www(&name[1..])).unwrap().modified().unwrap();
        let new = "y".repeat(old.len());
        let file = fs::File::options().write(true).open(site.www(&name[1..])).unwrap();
        std::os::unix::fs::FileExt::write_at(&file, new.as_bytes(), 0).unwrap();
        file.set_modified(mtime).unwrap();
        let later = site.get(name, 10_000 + TRUST_MS - 1);
        assert!(later == old || later == new);
        assert_eq!(site.get(name, 10_000 + TRUST_MS), new);
    }
}

#[test]
fn what_a_descriptor_leads_to_is_looked_at_each_time() {
    let mut site = Site::new(8);
    let mut tags = Vec::new();
    for (len, letter) in [(5000, "x"), (6000, "y"), (4097, "z"), (9000, "a"), (100, "b")] {
        site.write("big.txt", letter.repeat(len).as_bytes());
        let (text, _, _, tag) = site.coded("/big.txt", 10);
        assert_eq!(text, letter.repeat(len));
        assert!(!tags.contains(&tag), "{tag}");
        tags.push(tag);
    }
    // So is a compressed copy.
    site.write("page.html", &[b'p'; 9000]);
    for len in [7000, 5000] {
        site.write("page.html.gz", &vec![b'g'; len]);
        assert_eq!(site.coded("/page.html", 20).0.len(), len);
    }
}

#[test]
fn a_file_that_is_replaced_or_deleted_goes_within_a_second() {
    let mut site = Site::new(8);
    assert_eq!(site.get("/index.html", 0), "<p>home");
    site.write("new", b"new one");
    fs::rename(site.www("new"), site.www("index.html")).unwrap();
    assert_eq!(site.get("/index.html", TRUST_MS - 1), "<p>home");
    assert_eq!(site.get("/index.html", TRUST_MS), "new one");
    fs::remove_file(site.www("index.html")).unwrap();
    assert_eq!(site.get("/index.html", TRUST_MS * 2 - 1), "new one");
    assert_eq!(site.get("/index.html", TRUST_MS * 2), "NotFound");
    site.write("index.html", b"back");
    assert_eq!(site.get("/index.html", TRUST_MS * 2), "back");
    fs::remove_file(site.www("index.html")).unwrap();
    fs::create_dir(site.www("index.html")).unwrap();
    assert_eq!(site.get("/index.html", TRUST_MS * 3), "RedirectToSlash");
}

#[test]
fn the_directory_of_the_mount_may_go_and_come_back() {
    let mut site = Site::new(8);
    assert_eq!(site.get("/", 0), "<p>home");
    fs::rename(site.www(""), site.dir.join("gone")).unwrap();
    assert_eq!(site.get("/", TRUST_MS - 1), "<p>home");
    assert_eq!(site.get("/", TRUST_MS), "Unavailable");
    fs::create_dir(site.www("")).unwrap();
    site.write("index.html", b"again");
    // The path is tried once a second.
    assert_eq!(site.get("/", TRUST_MS + 1), "Unavailable");
    assert_eq!(site.get("/", TRUST_MS * 2), "again");
    // Nothing found in the old directory outlives it, whenever it was found.
    fs::rename(site.www(""), site.dir.join("old")).unwrap();
    fs::rename(site.dir.join("gone"), site.www("")).unwrap();
    assert_eq!(site.get("/index.html", TRUST_MS * 3 - 1), "again");
    assert_eq!(site.get("/index.html", TRUST_MS * 3), "<p>home");
}

#[test]
fn a_mount_without_directory_is_unavailable() {
    let mut site = Site::new(8);
    site.mount.id = 1;
    assert_eq!(site.get("/", 0), "Unavailable");
    site.cache = FileCache::new(8, [Path::new("/none/such"), Path::new("/proc/self/exe")]);
    assert_eq!(site.get("/", 0), "Unavailable");
    site.mount.id = 0;
    assert_eq!(site.get("/", 0), "Unavailable");
}

#[test]
fn a_directory_without_an_index_is_told_from_one_that_is_not_there() {
    let mut site = Site::new(8);
    assert_eq!(site.get("/sub/plain/", 0), "NoIndex");
    assert_eq!(site.get("/sub/none/", 0), "NotFound");
    assert_eq!(site.get("/index.html/", 0), "NotFound");
    site.mount.directory_listing = true;
    assert!(matches!(site.outcome("/sub/plain/", Accepted::IDENTITY, 0), Outcome::Listing(_)));
    assert_eq!(site.get("/sub/none/", 0), "NotFound");
}

#[test]
fn siblings_are_served_when_they_are_current() {
    let mut site = Site::new(8);
    let index = site.www("index.html");
    set_mtime(&index, 1_700_000_000);
    assert!(!site.coded("/", 0).2);
    site.write("index.html.gz", b"gz");
    site.write("index.html.br", b"br");
    let (text, coding, vary, br_tag) = site.coded("/", 2000);
    assert_eq!((text.as_str(), coding, vary), ("br", Some("br"), true));
    fs::remove_file(site.www("index.html.br")).unwrap();
    let (text, coding, vary, gz_tag) = site.coded("/index.html", 4000);
    assert_eq!((text.as_str(), coding, vary), ("gz", Some("gzip"), true));
    let Outcome::Found(plain) = site.outcome("/", Accepted::IDENTITY, 4000) else { panic!() };
    assert!(plain.vary && plain.content_encoding.is_none());
    assert!(tag(&plain) != br_tag && tag(&plain) != gz_tag && br_tag != gz_tag);
    let both = Accepted { brotli: 1000, gzip: 1000, identity: 0 };
    let Outcome::Found(gz) = site.outcome("/", both, 4000) else { panic!() };
    assert_eq!(gz.content_type, Some("text/html; charset=utf-8"));
    // Older than the original.
    set_mtime(&site.www("index.html.gz"), 1_699_999_990);
    let (text, coding, vary, _) = site.coded("/", 6000);
    assert_eq!((text.as_str(), coding, vary), ("<p>home", None, false));
}

#[test]
fn a_sibling_needs_a_file_and_is_a_file() {
    let mut site = Site::new(8);
    site.write("only.txt.gz", b"gz");
    assert_eq!(site.get("/only.txt", 0), "NotFound");
    assert_eq!(site.get("/only.txt.gz", 0), "gz");
    fs::create_dir(site.www("index.html.gz")).unwrap();
    assert_eq!(site.coded("/", 0).1, None);
    symlink("/etc/passwd", site.www("index.html.br")).unwrap();
    assert_eq!(site.coded("/", 2000).1, None);
    // Gone while its file is still believed to have it.
    fs::remove_file(site.www("index.html.br")).unwrap();
    site.write("index.html.br", b"br");
    let Outcome::Found(plain) = site.outcome("/", Accepted::IDENTITY, 4000) else { panic!() };
    assert!(plain.vary);
    fs::remove_file(site.www("index.html.br")).unwrap();
    let (text, coding, vary, _) = site.coded("/", 4001);
    assert_eq!((text.as_str(), coding, vary), ("<p>home", None, true));
}

#[test]
fn a_full_cache_gives_up_what_was_not_used() {
    let mut site = Site::new(3);
    for n in 0..20 {
        site.write(&format!("{n}.txt"), format!("small {n}").as_bytes());
        site.write(&format!("{n}.log"), "x".repeat(5000 + n).as_bytes());
    }
    for round in 0..3 {
        for n in 0..20 {
            assert_eq!(site.get(&format!("/{n}.txt"), round), format!("small {n}"));
            assert_eq!(site.get(&format!("/{n}.log"), round).len(), 5000 + n);
            assert_eq!(site.get("/index.html", round), "<p>home");
        }
    }
    // With two entries a sibling must not push out the file it belongs to.
    let mut site = Site::new(0);
    site.write("index.html.gz", b"gz");
    site.write("a.txt", b"a");
    for _ in 0..5 {
        assert_eq!(site.coded("/", 0).0, "gz");
        assert_eq!(site.get("/a.txt", 0), "a");
    }
}

#[test]
fn long_paths_are_served_without_the_cache() {
    let mut site = Site::new(4);
    let dir = format!("{}/{}", "d".repeat(200), "e".repeat(KEY_BYTES_MAX - 200));
    fs::create_dir_all(site.www(&dir)).unwrap();
    site.write(&format!("{dir}/a.txt"), b"one");
    site.write(&format!("{dir}/b.txt"), &[b'b'; 5000]);
    site.write(&format!("{dir}/a.txt.gz"), b"gz");
    assert_eq!(site.get(&format!("/{dir}/a.txt"), 0), "one");
    assert_eq!(site.get(&format!("/{dir}/b.txt"), 0).len(), 5000);
    assert_eq!(site.coded(&format!("/{dir}/a.txt"), 0).0, "one");
    site.write(&format!("{dir}/a.txt"), b"two");
    assert_eq!(site.get(&format!("/{dir}/a.txt"), 0), "two");
    assert_eq!(site.get(&format!("/{}", "x/".repeat(3000)), 0), "NotFound");
}

#[test]
fn descriptors_are_given_up_when_they_run_out() {
    let mut site = Site::new(4);
    assert_eq!(site.get("/big.txt", 0).len(), 5000);
    assert_eq!(site.get("/", 0), "<p>home");
    site.cache.close_files();
    site.write("big.txt", b"now small");
    assert_eq!(site.get("/big.txt", 0), "now small");
    assert_eq!(site.get("/", 0), "<p>home");
}

#[test]
fn empty_files_and_the_largest_content() {
    let mut site = Site::new(4);
    for size in [0, CONTENT_BYTES_MAX - 1, CONTENT_BYTES_MAX, CONTENT_BYTES_MAX + 1] {
        let name = format!("{size}.txt");
        site.write(&name, &vec![b'z'; size]);
        let outcome = site.outcome(&format!("/{name}"), Accepted::IDENTITY, 0);
        assert_eq!(body(&outcome).len(), size);
        let Outcome::Found(file) = outcome else { panic!() };
        let kept = matches!(file.body, Body::Content(_));
        assert_eq!(kept, size <= CONTENT_BYTES_MAX);
    }
}

#[test]
fn the_bound_counts_every_page() {
    assert!(FileCache::bytes(64) > 64 * CONTENT_BYTES_MAX);
    assert!(FileCache::bytes(64) < 64 * (CONTENT_BYTES_MAX + 1100) + 16_384);
    assert_eq!(FileCache::bytes(0), FileCache::bytes(2));
    assert_eq!(FileCache::bytes(usize::MAX), FileCache::bytes(32_000));
}

#[cfg(test)]
#[path = "file_idle_tests.rs"]
mod idle;
