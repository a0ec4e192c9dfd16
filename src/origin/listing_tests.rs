//! Tests of listings, from real directories.

use super::*;
use crate::http::encoding::Accepted;
use crate::origin::file::{Outcome, answer};
use crate::sys::walk::Rules;
use crate::vhost::mime::MimeTable;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

/// A document root with a directory `sub`.
struct Site {
    dir: PathBuf,
    cache: FileCache,
    mount: FileMount,
}

impl Site {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("kinglet-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(dir.join("www/sub")).unwrap();
        let cache = FileCache::new(4, [dir.join("www").as_path()]);
        let mount = FileMount {
            id: 0,
            default_document: "index.html".into(),
            rules: Rules::default(),
            mime: MimeTable::new(&[], Some("utf-8")),
            directory_listing: true,
        };
        Self { dir, cache, mount }
    }

    fn sub(&self) -> PathBuf {
        self.dir.join("www/sub")
    }

    /// The page that a query asks for, and how many portions it took.
    fn list(&mut self, query: &str) -> (String, usize) {
        let ask = Ask { path: b"/sub/", accept: Accepted::IDENTITY, now_ms: 0, wall_secs: 0 };
        let Outcome::Listing(fd) = answer(&mut self.cache, &self.mount, &ask) else { panic!() };
        let mut job = Job::new(fd, View::of(Some(query.as_bytes())));
        let mut portions = 1;
        while !job.advance(&mut self.cache, &self.mount, &ask).unwrap() {
            portions += 1;
            assert!(job.selection.rows.len() <= KEPT_MAX);
        }
        (String::from_utf8(job.page(b"/m/sub/").into()).unwrap(), portions)
    }

    /// The names that are links on a page, in their order.
    fn names(&mut self, query: &str) -> Vec<String> {
        links(&self.list(query).0)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

fn links(page: &str) -> Vec<String> {
    let rows = page.lines().filter(|line| line.starts_with("<tr>") && !line.contains("\"../\""));
    rows.map(|row| row.split("href=\"").nth(1).unwrap().split('"').next().unwrap().to_owned())
        .collect()
}

/// Where the page leads to on: the query of the link, and what is said of the rows.
fn page_link(page: &str, rel: &str) -> Option<String> {
    let at = page.find(&format!("rel=\"{rel}\""))?;
    Some(page[at..].split('"').nth(3)?.trim_start_matches('?').replace("&amp;", "&"))
}

fn range(page: &str) -> &str {
    let at = page.find("<p>").unwrap() + 3;
    page[at..].split(" <").next().unwrap()
}

#[test]
fn what_the_mount_would_refuse_is_not_shown() {
    let mut site = Site::new("listing-refused");
    let sub = site.sub();
    fs::create_dir(sub.join("inner")).unwrap();
    for name in
        ["file.txt", ".hidden.txt", "noext", "what.unknown", "line\nbreak.txt", "del\x7f.txt"]
    {
        fs::write(sub.join(name), b"x").unwrap();
    }
    fs::write(sub.join(std::ffi::OsStr::from_bytes(b"raw\xff.txt")), b"x").unwrap();
    fs::write(site.dir.join("outside.txt"), b"x").unwrap();
    symlink("file.txt", sub.join("good-link.txt")).unwrap();
    symlink("file.txt", sub.join("good-link.unknown")).unwrap();
    symlink("inner", sub.join("inner-link")).unwrap();
    symlink("../../outside.txt", sub.join("bad-link.txt")).unwrap();
    symlink("nothing.txt", sub.join("dangling.txt")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(sub.join("socket.txt")).unwrap();
    let shown = ["inner/", "inner-link/", "file.txt", "good-link.txt", "raw%FF.txt"];
    for query in ["", "sort=size", "sort=time&order=desc"] {
        let mut names = site.names(query);
        names.sort_unstable();
        let mut wanted = shown;
        wanted.sort_unstable();
        assert_eq!(names, wanted, "{query}");
        // Every one is found again by its link.
        for name in shown {
            let name = name.replace("%FF", "\u{fffd}");
            let path = [b"/sub/", name.trim_end_matches('/').as_bytes()].concat();
            let ask = Ask { path: &path, accept: Accepted::IDENTITY, now_ms: 0, wall_secs: 0 };
            let found = answer(&mut site.cache, &site.mount, &ask);
            let is_served = matches!(found, Outcome::Found(_) | Outcome::RedirectToSlash);
            assert!(is_served || name.contains('\u{fffd}'), "{name}");
        }
    }
    site.mount.rules = Rules { follow_symlinks: true, dotfiles: true };
    let names = site.names("");
    assert!(names.contains(&".hidden.txt".into()) && names.contains(&"bad-link.txt".into()));
    assert_eq!(names.len(), shown.len() + 2, "{names:?}");
    site.mount.mime = MimeTable::new(&[("*".into(), "application/octet-stream".into())], None);
    assert_eq!(site.names("").len(), shown.len() + 5);
}

#[test]
fn what_is_closed_to_the_server_is_not_shown() {
    let mut site = Site::new("listing-closed");
    let sub = site.sub();
    for (name, mode) in [("open", 0o755), ("closed", 0), ("searched", 0o111), ("document", 0o111)] {
        fs::create_dir(sub.join(name)).unwrap();
        if name == "document" {
            fs::write(sub.join("document/index.html"), "x").unwrap();
        }
        fs::set_permissions(sub.join(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    for (name, mode) in [("open.txt", 0o644), ("closed.txt", 0)] {
        fs::write(sub.join(name), "x").unwrap();
        fs::set_permissions(sub.join(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    // Root may read and search everything.
    let is_root = fs::read(sub.join("closed.txt")).is_ok();
    let names = site.names("");
    let wanted: &[&str] = if is_root {
        &["closed/", "document/", "open/", "searched/", "closed.txt", "open.txt"]
    } else {
        &["document/", "open/", "open.txt"]
    };
    assert_eq!(names, wanted);
    for name in ["closed", "searched", "document"] {
        fs::set_permissions(sub.join(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
}

#[test]
fn all_of_a_large_directory_is_found_page_by_page() {
    const FILES: usize = 3 * ENTRIES_MAX + 7;
    let mut site = Site::new("listing-pages");
    let sub = site.sub();
    for n in 0..FILES {
        let file = fs::File::create(sub.join(format!("f{n:05}.txt"))).unwrap();
        file.set_len((n % 10) as u64).unwrap();
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs((n % 7) as u64);
        file.set_modified(time).unwrap();
    }
    fs::create_dir(sub.join("z")).unwrap();
    for (query, by) in [
        ("", (|n| (0, n)) as fn(usize) -> (usize, usize)),
        ("sort=name&order=desc", |n| (0, FILES - n)),
        ("sort=size", |n| (n % 10, n)),
        ("sort=size&order=desc", |n| (10 - n % 10, n)),
        ("sort=time&order=desc", |n| (7 - n % 7, n)),
    ] {
        let mut order: Vec<usize> = (0..FILES).collect();
        order.sort_by_key(|&n| by(n));
        let files = order.iter().map(|n| format!("f{n:05}.txt"));
        let wanted: Vec<String> = std::iter::once("z/".to_owned()).chain(files).collect();
        let (mut found, mut ranges) = (Vec::new(), Vec::new());
        let (mut page, mut portions) = site.list(query);
        assert!(page_link(&page, "prev").is_none() && portions > 5, "{portions}");
        loop {
            assert_eq!(links(&page), wanted[found.len()..][..links(&page).len()], "{query}");
            found.extend(links(&page));
            ranges.push(range(&page).to_owned());
            let Some(next) = page_link(&page, "next") else { break };
            (page, portions) = site.list(&next);
            assert!(portions > 1);
        }
        assert_eq!(found, wanted, "{query}");
        let wanted_ranges =
            ["1\u{2013}500 of 1,508", "501\u{2013}1,000 of 1,508", "1,001\u{2013}1,500 of 1,508"];
        assert_eq!(ranges[..3], wanted_ranges, "{query}");
        assert_eq!(ranges[3], "1,501\u{2013}1,508 of 1,508");
        // And back.
        let mut back = ranges.len() - 1;
        while let Some(previous) = page_link(&page, "prev") {
            page = site.list(&previous).0;
            back -= 1;
            assert_eq!(range(&page), ranges[back], "{query}");
        }
        assert_eq!(back, 0);
    }
}

#[test]
fn a_page_of_long_names_has_fewer_rows() {
    let mut site = Site::new("listing-long");
    let sub = site.sub();
    for n in 0..400 {
        fs::write(sub.join(format!("{n:0>3}{}.txt", "'".repeat(240))), "").unwrap();
    }
    let (first, _) = site.list("");
    let shown = links(&first).len();
    assert!(shown < 200 && first.len() <= BYTES_MAX, "{shown}");
    assert_eq!(range(&first), format!("1\u{2013}{shown} of 400"));
    let (second, _) = site.list(&page_link(&first, "next").unwrap());
    assert!(links(&second)[0].starts_with(&format!("{shown:0>3}")));
    let (again, _) = site.list(&page_link(&second, "prev").unwrap());
    assert_eq!(again, first);
}

#[test]
fn a_page_stays_at_its_row_when_others_come_and_go() {
    let mut site = Site::new("listing-changes");
    let sub = site.sub();
    for n in 0..ENTRIES_MAX + 2 {
        fs::write(sub.join(format!("f{n:05}.txt")), "").unwrap();
    }
    let next = page_link(&site.list("").0, "next").unwrap();
    fs::write(sub.join("a.txt"), "").unwrap();
    fs::remove_file(sub.join(format!("f{:05}.txt", ENTRIES_MAX - 1))).unwrap();
    assert_eq!(site.names(&next), ["f00500.txt", "f00501.txt"]);
    // Behind the last row there is nothing.
    let (page, _) = site.list("after=zzz.txt");
    assert!(links(&page).is_empty() && range(&page).starts_with("502 of 502"), "{page}");
}

#[test]
fn a_directory_that_may_only_be_searched_has_no_page() {
    let mut site = Site::new("listing-path");
    let root = Root::open(&site.sub()).unwrap();
    let looked = root.stat(b"/", Rules::default());
    assert!(looked.is_ok());
    let ask = Ask { path: b"/sub/", accept: Accepted::IDENTITY, now_ms: 0, wall_secs: 0 };
    let Outcome::Listing(fd) = answer(&mut site.cache, &site.mount, &ask) else { panic!() };
    assert!(probe(fd.as_fd()).is_ok());
    let file = fs::File::open("/proc/self/exe").unwrap();
    assert!(probe(file.as_fd()).is_err());
    assert!(
        Job::new(file.into(), View::default()).advance(&mut site.cache, &site.mount, &ask).is_err()
    );
}
