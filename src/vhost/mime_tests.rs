//! Tests of media types and their charsets.

use super::*;

fn table(extra: &[(&str, &str)]) -> MimeTable {
    let extra: Vec<_> = extra.iter().map(|&(s, t)| (s.to_owned(), t.to_owned())).collect();
    MimeTable::new(&extra, None)
}

fn text<'t>(table: &'t MimeTable, name: &str) -> Option<Option<&'t str>> {
    table.find(name.as_bytes()).map(|media| table.text(media))
}

#[test]
fn the_canned_table_is_sorted_and_plain() {
    assert!(CANNED.windows(2).all(|w| w[0].suffix < w[1].suffix));
    let longest = CANNED.iter().map(|row| row.suffix.len()).max();
    assert_eq!(longest, Some(SUFFIX_BYTES_MAX));
    for row in CANNED {
        assert!(row.suffix.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()));
        assert_eq!(is_text(&row.text[..row.bare]), row.bare < row.text.len(), "{}", row.suffix);
        assert!(row.text.contains('/') && row.text.bytes().all(|b| (0x20..0x7f).contains(&b)));
    }
}

#[test]
fn the_nineteen_of_lwsws_keep_their_types() {
    let table = table(&[]);
    for (names, wanted) in [
        ("html htm", "text/html"),
        ("js mjs", "text/javascript"),
        ("css", "text/css"),
        ("png", "image/png"),
        ("jpg jpeg", "image/jpeg"),
        ("ico", "image/x-icon"),
        ("gif", "image/gif"),
        ("svg", "image/svg+xml"),
        ("ttf", "application/x-font-ttf"),
        ("otf woff", "application/font-woff"),
        ("woff2", "application/font-woff2"),
        ("gz", "application/gzip"),
        ("txt", "text/plain"),
        ("xml", "application/xml"),
        ("json", "application/json"),
    ] {
        for suffix in names.split(' ') {
            assert_eq!(text(&table, &format!("/a/b.{suffix}")), Some(Some(wanted)));
        }
    }
}

#[test]
fn texts_have_the_charset_of_the_mount() {
    let extra = [(".own", "text/x-own"), (".set", "text/x; charset=latin1"), (".j", "a/b+json")];
    let extra = extra.map(|(suffix, text)| (suffix.to_owned(), text.to_owned()));
    for (charset, wanted) in [
        (Some("utf-8"), "; charset=utf-8"),
        (Some("UTF-8"), "; charset=utf-8"),
        (Some("iso-8859-15"), "; charset=iso-8859-15"),
        (None, ""),
    ] {
        let table = MimeTable::new(&extra, charset);
        let is = |name: &str, media: &str, charset: &str| {
            let wanted = format!("{media}{charset}");
            let got = text(&table, name).unwrap().unwrap();
            assert!(got.eq_ignore_ascii_case(&wanted), "{name}: {got}");
            let media = table.find(name.as_bytes()).unwrap();
            assert_eq!(table.charset(media).is_some(), !charset.is_empty());
            assert!(table.charset(media.bare()).is_none());
        };
        for (suffix, media) in [
            ("txt", "text/plain"),
            ("HTML", "text/html"),
            ("css", "text/css"),
            ("js", "text/javascript"),
            ("md", "text/markdown"),
            ("svg", "image/svg+xml"),
            ("xml", "application/xml"),
            ("own", "text/x-own"),
        ] {
            is(&format!("a.{suffix}"), media, wanted);
        }
        let json = if charset.is_some() { "; charset=utf-8" } else { "" };
        is("a.json", "application/json", json);
        is("a.j", "a/b+json", json);
        is("a.set", "text/x; charset=latin1", "");
        is("a.png", "image/png", "");
        let html = table.find(b"a.html").unwrap();
        assert_eq!(table.text(html.bare()), Some("text/html"));
    }
}

#[test]
fn unknown_suffixes_have_no_type() {
    let table = table(&[]);
    for name in ["", "README", "a.", "a.unknown", "html", "a.htmlx", "a.b/c", "a.html "] {
        assert_eq!(text(&table, name), None, "{name}");
    }
    assert_eq!(text(&table, "A.HTML"), Some(Some("text/html")));
    assert_eq!(text(&table, "a.b.Js"), Some(Some("text/javascript")));
    assert_eq!(text(&table, "site.webmanifest"), Some(Some("application/manifest+json")));
}

#[test]
fn the_mounts_own_types_come_first_the_longest_first() {
    let table = table(&[
        (".html", "text/evil"),
        (".gz", "x/gz"),
        (".tar.gz", "x/targz"),
        (".gz", "x/other"),
        (".Doc", "x/doc"),
    ]);
    assert_eq!(text(&table, "a.html"), Some(Some("text/evil")));
    assert_eq!(text(&table, "a.gz"), Some(Some("x/gz")));
    assert_eq!(text(&table, "a.TAR.GZ"), Some(Some("x/targz")));
    assert_eq!(text(&table, "a.doc"), Some(Some("x/doc")));
    assert_eq!(text(&table, "a.css"), Some(Some("text/css")));
    assert_eq!(text(&table, "a.none"), None);
}

#[test]
fn a_star_takes_the_rest_and_an_empty_type_is_not_sent() {
    let stars = table(&[("*", ""), (".x", ""), (".y", "a/y")]);
    assert_eq!(text(&stars, "a.unknown"), Some(None));
    assert_eq!(text(&stars, "README"), Some(None));
    assert_eq!(text(&stars, "a.x"), Some(None));
    assert_eq!(text(&stars, "a.y"), Some(Some("a/y")));
    assert_eq!(text(&stars, "a.css"), Some(Some("text/css")));
    assert_eq!(text(&table(&[("*", "a/b")]), "x"), Some(Some("a/b")));
}

#[test]
fn only_canned_types_are_known_to_be_packed() {
    let table = table(&[(".png", "image/png")]);
    let is_packed = |name: &str| table.is_packed(table.find(name.as_bytes()).unwrap());
    assert!(is_packed("a.jpg") && is_packed("a.woff2"));
    assert!(!is_packed("a.png") && !is_packed("a.html"));
}
