//! Tests of the text of the index page.

use super::*;
use crate::origin::listing::ENTRIES_MAX;

fn row(name: &[u8], is_directory: bool) -> Row {
    Row {
        name: name.into(),
        is_directory,
        is_refused: false,
        size: 1536,
        mtime_secs: 1_700_000_000,
    }
}

/// The page of a directory that has no other rows.
fn text(url_path: &[u8], rows: &[Row]) -> String {
    let page = Page { view: &View::default(), rows, first: 0, total: rows.len() };
    String::from_utf8(render(url_path, &page).into()).unwrap()
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
    let page = text(b"/<b>/\"x\"/", &rows);
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
    let page = text(b"/", &[row(b"a", false)]);
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>\n"));
    assert!(!page.contains("<script") && !page.contains("http:") && !page.contains("https:"));
    assert!(page.contains("prefers-color-scheme") && !page.contains("href=\"../\""));
    assert!(page.contains("1.5 KiB") && page.contains("2023-11-14 22:13"));
    let page = text(b"/a/b/", &[]);
    assert!(page.contains("<a href=\"/\">/</a><a href=\"/a/\">a/</a><a href=\"/a/b/\">b/</a>"));
    assert!(page.contains("href=\"../\"") && page.contains("nothing to show"));
}

#[test]
fn the_longest_page_keeps_its_bound() {
    let many: Vec<Row> = (0..ENTRIES_MAX).map(|n| row(format!("{n}").as_bytes(), false)).collect();
    assert!(!text(b"/", &many).contains(" of "));
    // The bytes that take most room.
    for byte in [b'\'', b'"', b'\xff'] {
        let name = [byte; 255];
        let mut out = Vec::new();
        push_row(&mut out, &Row { size: u64::MAX, ..row(&name, false) });
        assert!(out.len() <= row_bytes_max(&name), "{}", out.len());
        out.clear();
        push_row(&mut out, &row(&name, true));
        assert!(out.len() <= row_bytes_max(&name), "{}", out.len());
    }
    let rows: Vec<Row> = (0..ROWS_BYTES_MAX / row_bytes_max(&[0; 255]))
        .map(|_| Row { name: [b'"'; 255].into(), ..row(b"", false) })
        .collect();
    for path in [b"/\"\"".repeat(1365), [&b"/"[..], &[b'"'; 4093]].concat()] {
        let path = [&path[..], b"/"].concat();
        let page = Page { view: &View::default(), rows: &rows, first: 9, total: 999_999 };
        let page = render(&path, &page);
        assert!(page.len() <= BYTES_MAX, "{}", page.len());
        assert!(page.ends_with(b"</html>\n"));
    }
}

#[test]
fn what_is_refused_is_not_shown() {
    let hidden = Row { is_refused: true, ..row(b"hidden.txt", false) };
    let page = text(b"/", &[row(b"a.txt", false), hidden.clone()]);
    assert!(
        page.contains("a.txt") && !page.contains("hidden") && !page.contains("nothing to show")
    );
    assert!(text(b"/", &[hidden]).contains("nothing to show"));
}

#[test]
fn pages_lead_to_their_neighbours_in_the_same_order() {
    let rows = [row(b"a & b.txt", false), row(b"sub \xff", true)];
    let part = |query: &str, first, total| {
        let view = View::of(Some(query.as_bytes()));
        let page = Page { view: &view, rows: &rows, first, total };
        let text = String::from_utf8(render(b"/", &page).into()).unwrap();
        let pages: Vec<_> = text.match_indices("<p>").map(|(at, _)| &text[at..]).collect();
        let lines: Vec<_> = pages.iter().map(|page| page.lines().next().unwrap()).collect();
        // At the top and at the bottom.
        assert!(lines.is_empty() || lines.len() == 2 && lines[0] == lines[1], "{lines:?}");
        lines.first().map(ToString::to_string).unwrap_or_default()
    };
    assert_eq!(part("", 0, 2), "");
    let next =
        " <a rel=\"next\" href=\"?sort=name&amp;order=asc&amp;after=sub%20%FF/\">Next page</a>";
    assert_eq!(part("", 0, 3), format!("<p>1\u{2013}2 of 3{next}</p>"));
    let previous = " <a rel=\"prev\" href=\"?sort=size&amp;order=desc&amp;at=1536&amp;\
                    before=a%20%26%20b.txt\">Previous page</a>";
    let query = "sort=size&order=desc&after=x&at=7";
    assert_eq!(part(query, 998, 1000), format!("<p>999\u{2013}1,000 of 1,000{previous}</p>"));
    let line = part("sort=time&before=x", 1_233_999, 12_345_678);
    assert!(line.contains("1,234,000\u{2013}1,234,001 of 12,345,678 <a"), "{line}");
    assert!(
        line.contains("&amp;at=1700000000&amp;before=") && line.contains("after=sub"),
        "{line}"
    );
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
        let view = View::of(Some(query.as_bytes()));
        let page = Page { view: &view, rows: &[], first: 0, total: 0 };
        let page = String::from_utf8(render(b"/", &page).into()).unwrap();
        for link in links {
            assert!(page.contains(&format!("<a href=\"?sort={link}\">")), "{query}: {page}");
        }
        let state = if view.descends { "descending" } else { "ascending" };
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
