//! Tests of the index page.

use super::*;
use crate::http::encoding::Accepted;
use crate::origin::file::{Ask, Outcome, answer};
use crate::sys::walk::Rules;
use crate::vhost::mime::MimeTable;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

fn row(name: &[u8], is_directory: bool) -> Row {
    Row { name: name.into(), is_directory, size: 1536, mtime_secs: 1_700_000_000 }
}

fn text(url_path: &[u8], rows: &[Row], cut: bool) -> String {
    String::from_utf8(render(url_path, rows, cut, Order::default()).into()).unwrap()
}

#[test]
fn hostile_names_stay_in_their_place() {
    let names: [&[u8]; 9] = [
        b"<script>alert(1)</script>",
        b"a\" onmouseover=\"x",
        b"a' b",
        b"line\nbreak\r\n",
        b"bad\xff\xfeutf8",
        b"javascript:alert(1)",
        b"q?x=1&y#f%41",
        b"..\\evil",
        "\u{202e}gnp.exe \u{7f}\u{85}".as_bytes(),
    ];
    let rows: Vec<Row> = names.iter().map(|name| row(name, false)).collect();
    let page = text(b"/<b>/\"x\"/", &rows, false);
    for bad in ["<script", "<b>", "onmouseover=\"", "href=\"javascript:", "\r", "x=1&y"] {
        assert!(!page.contains(bad), "{bad}");
    }
    assert!(!page.chars().any(|c| c.is_control() && c != '\n'));
    for good in [
        "href=\"%3Cscript%3Ealert%281%29%3C/script%3E\"",
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "href=\"a%22%20onmouseover%3D%22x\"",
        "href=\"bad%FF%FEutf8\"><bdi>bad\u{fffd}\u{fffd}utf8</bdi>",
        "href=\"javascript%3Aalert%281%29\"",
        "href=\"q%3Fx%3D1%26y%23f%2541\"",
        "line\u{fffd}break\u{fffd}\u{fffd}",
        "<a href=\"/%3Cb%3E/%22x%22/\">&quot;x&quot;/</a>",
    ] {
        assert!(page.contains(good), "{good}");
    }
    // Every line of the table is one line of the page.
    assert_eq!(page.lines().filter(|line| line.starts_with("<tr><td>")).count(), 10);
}

#[test]
fn the_page_needs_nothing_else() {
    let page = text(b"/", &[row(b"a", false)], false);
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>\n"));
    assert!(!page.contains("<script") && !page.contains("http:") && !page.contains("https:"));
    assert!(page.contains("prefers-color-scheme") && !page.contains("href=\"../\""));
    assert!(page.contains("1.5 KiB") && page.contains("2023-11-14 22:13"));
    let page = text(b"/a/b/", &[], false);
    assert!(page.contains("<a href=\"/\">/</a><a href=\"/a/\">a/</a><a href=\"/a/b/\">b/</a>"));
    assert!(page.contains("href=\"../\"") && page.contains("empty"));
}

#[test]
fn the_page_is_bounded_and_says_so() {
    let many: Vec<Row> = (0..ENTRIES_MAX).map(|n| row(format!("{n}").as_bytes(), false)).collect();
    assert!(!text(b"/", &many, false).contains("there are more"));
    assert!(text(b"/", &many, true).contains("Only 2000 entries are shown"));
    let long: Vec<Row> = (0..ENTRIES_MAX).map(|_| row(&[b'<'; 255], true)).collect();
    let page = render(b"/", &long, false, Order::default());
    assert!(page.len() <= BYTES_MAX && page.len() > BYTES_MAX - 5000);
    let page = String::from_utf8(page.into()).unwrap();
    assert!(page.contains("there are more") && page.ends_with("</html>\n"));
}

#[test]
fn rows_are_sorted_as_the_query_says() {
    let row = |name: &[u8], is_directory, size, mtime_secs| Row {
        name: name.into(),
        is_directory,
        size,
        mtime_secs,
    };
    let rows = [
        row(b"b", false, 5, 50),
        row(b"A", false, 9, 10),
        row(b"a", false, 5, 30),
        row(b"z", true, 1, 20),
        row(b"C", false, 0, 40),
        row(b"Y", true, 7, 60),
    ];
    for (query, wanted) in [
        (None, "YzAabC"),
        (Some("sort=name"), "YzAabC"),
        (Some("sort=name&order=desc"), "zYCbaA"),
        (Some("sort=size"), "YzCabA"),
        (Some("order=desc&sort=size"), "YzAabC"),
        (Some("sort=time"), "zYAaCb"),
        (Some("x&sort=time&order=desc&y=z"), "YzbCaA"),
        (Some("sort=nothing&order=desc"), "zYCbaA"),
        (Some("sort=time%20&order=ascending"), "YzAabC"),
        (Some("SORT=size"), "YzAabC"),
        (Some(""), "YzAabC"),
        (Some("&&=&sort"), "YzAabC"),
    ] {
        let mut rows = rows.clone();
        Order::of(query.map(str::as_bytes)).sort(&mut rows);
        let names: String = rows.iter().map(|row| row.name[0] as char).collect();
        assert_eq!(names, wanted, "{query:?}");
    }
}

#[test]
fn headings_sort_the_other_way_round() {
    for (query, links) in [
        ("", ["name&amp;order=desc", "size&amp;order=desc", "time&amp;order=desc"]),
        ("order=desc", ["name&amp;order=asc", "size&amp;order=desc", "time&amp;order=desc"]),
        ("sort=size", ["name&amp;order=asc", "size&amp;order=desc", "time&amp;order=desc"]),
        (
            "sort=size&order=desc",
            ["name&amp;order=asc", "size&amp;order=asc", "time&amp;order=desc"],
        ),
        (
            "sort=time&order=desc",
            ["name&amp;order=asc", "size&amp;order=desc", "time&amp;order=asc"],
        ),
    ] {
        let order = Order::of(Some(query.as_bytes()));
        let page = String::from_utf8(render(b"/", &[], false, order).into()).unwrap();
        for link in links {
            assert!(page.contains(&format!("<a href=\"?sort={link}\">")), "{query}: {page}");
        }
        let state = if order.descends { "descending" } else { "ascending" };
        assert_eq!(page.matches(&format!("aria-sort=\"{state}\"")).count(), 1);
        assert_eq!(page.matches("aria-sort=\"none\"").count(), 2);
    }
}

#[test]
fn sizes_and_times() {
    let size = |bytes| {
        let mut out = Vec::new();
        push_size(&mut out, bytes);
        String::from_utf8(out).unwrap()
    };
    assert_eq!(size(0), "0 B");
    assert_eq!(size(1023), "1023 B");
    assert_eq!(size(1024), "1.0 KiB");
    assert_eq!(size((1 << 20) - 1), "1023.9 KiB");
    assert_eq!(size(5 << 30), "5.0 GiB");
    assert_eq!(size(u64::MAX), "15.9 EiB");
    let time = |secs| {
        let mut out = Vec::new();
        push_time(&mut out, secs);
        String::from_utf8(out).unwrap()
    };
    assert_eq!(time(-5), "1970-01-01 00:00");
    assert_eq!(time(951_782_399), "2000-02-28 23:59");
    assert_eq!(time(951_782_400), "2000-02-29 00:00");
    assert_eq!(time(4_107_542_399), "2100-02-28 23:59");
    assert_eq!(time(4_107_542_400), "2100-03-01 00:00");
    assert_eq!(time(i64::MAX), "9999-12-31 23:59");
}

#[test]
fn a_real_directory_shows_what_it_would_serve() {
    let dir = std::env::temp_dir().join(format!("kinglet-listing-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(dir.join("www/sub/inner")).unwrap();
    let sub = dir.join("www/sub");
    std::fs::write(sub.join("file.txt"), b"x").unwrap();
    std::fs::write(sub.join(".hidden"), b"x").unwrap();
    std::fs::write(sub.join(std::ffi::OsStr::from_bytes(b"raw\xff\n")), b"x").unwrap();
    std::fs::write(dir.join("outside"), b"x").unwrap();
    symlink("file.txt", sub.join("good-link")).unwrap();
    symlink("../../outside", sub.join("bad-link")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(sub.join("socket")).unwrap();
    let mut cache = FileCache::new(4, [dir.join("www").as_path()]);
    let mut mount = FileMount {
        id: 0,
        default_document: "index.html".into(),
        rules: Rules::default(),
        mime: MimeTable::new(&[], Some("utf-8")),
        directory_listing: true,
    };
    let mut list = |mount: &FileMount| {
        let ask = Ask { path: b"/sub/", accept: Accepted::IDENTITY, now_ms: 0, wall_secs: 0 };
        let Outcome::Listing(fd) = answer(&mut cache, mount, &ask) else { panic!() };
        let page = page(&mut cache, mount, fd.as_fd(), b"/sub/", b"/m/sub/", (Order::default(), 0))
            .unwrap();
        String::from_utf8(page.into()).unwrap()
    };
    let page = list(&mount);
    for name in ["inner/", "file.txt", "raw%FF%0A", "good-link"] {
        assert!(page.contains(&format!("href=\"{name}\"")), "{name}");
    }
    for name in ["hidden", "bad-link", "socket", "outside"] {
        assert!(!page.contains(name), "{name}");
    }
    mount.rules = Rules { follow_symlinks: true, dotfiles: true };
    let page = list(&mount);
    assert!(page.contains(".hidden") && page.contains("bad-link") && !page.contains("socket"));
    std::fs::remove_dir_all(&dir).unwrap();
}
