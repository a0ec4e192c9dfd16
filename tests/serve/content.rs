//! Files as content: types, validators, preconditions, ranges, compressed copies, every size.

use super::client::Answer;
use super::server::{Folder, Server, until};

/// Long ago: validators are strong.
const OLD: u64 = 1_600_000_000;
const OLD_DATE: &str = "Sun, 13 Sep 2020 12:26:40 GMT";

/// Bytes without a short period.
pub(crate) fn pattern(len: usize) -> Vec<u8> {
    let period: Vec<u8> = (0..251 * 13).map(|n| (n % 251 + n / 251) as u8).collect();
    let mut bytes = period.repeat(len / period.len() + 1);
    bytes.truncate(len);
    bytes
}

/// One file of `len` bytes, served.
fn with_file(len: usize) -> (Server, Vec<u8>) {
    let bytes = pattern(len);
    let folder = Folder::new().file("www/f.bin", &bytes);
    folder.age("www/f.bin", OLD);
    (folder.serve_www("", "", ""), bytes)
}

#[test]
fn files_of_every_size_arrive_whole() {
    // Around the sizes at which the way of sending changes.
    let sizes = [0, 1, 4095, 4096, 4097, 24 * 1024 - 1, 24 * 1024, 24 * 1024 + 1, 300_000, 3 << 20];
    let server = sizes
        .iter()
        .fold(Folder::new(), |f, len| f.file(&format!("www/{len}.bin"), pattern(*len)))
        .serve_www("", "", "");
    let mut client = server.connect();
    for len in sizes {
        let head = super::server::request("HEAD", &format!("/{len}.bin"), &[]);
        let get = super::server::request("GET", &format!("/{len}.bin"), &[]);
        client.send(head + &get);
        let head = client.answer_to("HEAD");
        let answer = client.answer();
        assert_eq!(head.value("Content-Length"), len.to_string());
        assert_eq!(head.head, answer.head, "{len}");
        assert!(answer.body == pattern(len), "{len}");
    }
}

#[test]
fn types_follow_the_suffix() {
    let mut folder = Folder::new();
    for name in ["a.html", "a.HTM", "a.js", "a.woff", "a.tar.gz", "a.own", "a.zzz", "bare", "a.no"]
    {
        folder = folder.file(&format!("www/{name}"), "x");
    }
    let types = r#""extra-mimetypes": { ".own": "text/x-own", ".js": "text/x-js", ".no": "" },"#;
    let server = folder.serve_www("", "", types);
    for (target, status, media) in [
        ("/a.html", 200, Some("text/html; charset=utf-8")),
        ("/a.HTM", 200, Some("text/html; charset=utf-8")),
        ("/a.js", 200, Some("text/x-js; charset=utf-8")),
        ("/a.woff", 200, Some("application/font-woff")),
        ("/a.tar.gz", 200, Some("application/gzip")),
        ("/a.own", 200, Some("text/x-own; charset=utf-8")),
        ("/a.no", 200, None),
    ] {
        let answer = server.get(target, &[]);
        assert_eq!((answer.status, answer.field("Content-Type")), (status, media), "{target}");
    }
    for target in ["/a.zzz", "/bare"] {
        let answer = server.get(target, &[]);
        assert_eq!(answer.status, 415, "{target}");
        assert!(answer.text().contains("extra-mimetypes"));
    }
    assert_eq!(server.status("/none.zzz"), 404);
    let any = Folder::new().file("www/bare", "x").serve_www(
        "",
        "",
        r#""extra-mimetypes": { "*": "text/x-any" },"#,
    );
    assert_eq!(any.get("/bare", &[]).value("Content-Type"), "text/x-any; charset=utf-8");
}

#[test]
fn texts_have_a_charset_that_their_bytes_do_not_contradict() {
    let texts = ["a.txt", "a.html", "a.css", "a.js", "a.svg", "a.xml", "a.json", "a.md", "a.csv"];
    let folder = |text: &[u8]| {
        texts.iter().fold(Folder::new(), |folder, name| folder.file(&format!("www/{name}"), text))
    };
    for (mount, text, charset) in [
        ("", &b"gr\xc3\xbcn"[..], Some("utf-8")),
        ("", b"gr\xfcn und blau", None),
        ("", b"\xff\xfeg\0r\0", None),
        (r#""charset": "off","#, b"gr\xc3\xbcn", None),
        (r#""charset": "","#, b"gr\xc3\xbcn", None),
        (r#""charset": "iso-8859-1","#, b"gr\xfcn und blau", Some("iso-8859-1")),
    ] {
        let server = folder(text).serve_www("", "", mount);
        for name in texts {
            for method in ["GET", "HEAD"] {
                let answer = server.ask(method, &format!("/{name}"), &["Range: bytes=0-1"]);
                let (_, said) = answer.value("Content-Type").split_once("; charset=").unzip();
                // What is JSON is UTF-8, or it is not.
                let is_json = name == "a.json" && mount.contains("iso");
                let wanted = if is_json { None } else { charset };
                let status = if method == "GET" { 206 } else { 200 };
                assert_eq!((answer.status, said), (status, wanted), "{mount} {name}");
            }
        }
    }
    let server = Folder::new()
        .file("www/packed.txt", "gr\u{fc}n")
        .file("www/packed.txt.gz", b"\x1f\x8b\xff\0")
        .file("www/wide.txt", "\u{fc}".repeat(5000))
        .file("www/meta.html", "<!doctype html><meta charset=\"ISO-8859-15\">")
        .file("www/same.html", "<!doctype html><meta charset=\"UTF-8\">")
        .file("www/decl.xml", "<?xml version=\"1.0\" encoding=\"latin1\"?><a/>")
        .file("www/at.css", "@charset \"latin1\";")
        .file("www/large.html", format!("<meta charset=latin1>{}", " ".repeat(100_000)))
        .serve_www("", "", "");
    for (target, media) in [
        // A compressed copy has the type of its file, not that of its own bytes.
        ("/packed.txt", "text/plain; charset=utf-8"),
        ("/wide.txt", "text/plain; charset=utf-8"),
        ("/meta.html", "text/html"),
        ("/same.html", "text/html; charset=utf-8"),
        ("/decl.xml", "application/xml"),
        ("/at.css", "text/css"),
        ("/large.html", "text/html"),
    ] {
        let answer = server.get(target, &["Accept-Encoding: gzip"]);
        assert_eq!(answer.value("Content-Type"), media, "{target}");
        assert_eq!(answer.field("Content-Encoding").is_some(), target == "/packed.txt");
    }
}

#[test]
fn caching_is_said_in_the_words_of_lwsws() {
    for (mount, said) in [
        ("", Some("no-store")),
        (r#""cache-max-age": 60,"#, Some("no-store")),
        (r#""cache-max-age": 60, "cache-reuse": 1,"#, Some("private, max-age=60")),
        (
            r#""cache-max-age": 60, "cache-reuse": 1, "cache-intermediaries": 1,"#,
            Some("public, max-age=60"),
        ),
        (
            r#""cache-max-age": 5, "cache-reuse": 1, "cache-revalidate": 1,"#,
            Some("must-revalidate, private, max-age=5"),
        ),
        (r#""cache-no": 1,"#, None),
    ] {
        let folder = Folder::new().file("www/f.txt", "x");
        folder.age("www/f.txt", OLD);
        let server = folder.serve_www("", "", mount);
        let answer = server.get("/f.txt", &[]);
        assert_eq!(answer.field("Cache-Control"), said, "{mount}");
        let tag = format!("If-None-Match: {}", answer.value("ETag"));
        let not_modified = server.get("/f.txt", &[&tag]);
        assert_eq!((not_modified.status, not_modified.field("Cache-Control")), (304, said));
    }
}

#[test]
fn preconditions_are_kept() {
    let (server, _) = with_file(10);
    let plain = server.get("/f.bin", &[]);
    let tag = plain.value("ETag").to_owned();
    assert_eq!(plain.value("Last-Modified"), OLD_DATE);
    assert!(tag.starts_with('"') && tag.ends_with('"'), "{tag}");
    let later = "Mon, 14 Sep 2020 12:26:40 GMT";
    let before = "Sat, 12 Sep 2020 12:26:40 GMT";
    for (fields, status) in [
        (vec![format!("If-None-Match: {tag}")], 304),
        (vec![format!("If-None-Match: \"x\", W/{tag}")], 304),
        (vec!["If-None-Match: *".into()], 304),
        (vec!["If-None-Match: \"x\"".into()], 200),
        (vec!["If-None-Match: \"x\"".into(), format!("If-Modified-Since: {later}")], 200),
        (vec![format!("If-Modified-Since: {OLD_DATE}")], 304),
        (vec![format!("If-Modified-Since: {before}")], 200),
        (vec!["If-Modified-Since: yesterday".into()], 200),
        (vec![format!("If-Match: {tag}")], 200),
        (vec![format!("If-Match: W/{tag}")], 412),
        (vec!["If-Match: \"x\"".into()], 412),
        (vec!["If-Match: *".into()], 200),
        (vec![format!("If-Unmodified-Since: {before}")], 412),
        (vec![format!("If-Unmodified-Since: {OLD_DATE}")], 200),
        (vec![format!("If-Match: {tag}"), format!("If-Unmodified-Since: {before}")], 200),
    ] {
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        for method in ["GET", "HEAD"] {
            let answer = server.ask(method, "/f.bin", &fields);
            assert_eq!(answer.status, status, "{method} {fields:?}");
            if status == 304 {
                assert_eq!(answer.value("ETag"), tag);
                assert_eq!(answer.field("Content-Type"), None);
            }
        }
    }
}

#[test]
fn a_young_file_has_a_weak_tag_until_it_is_old() {
    let server = Folder::new().file("www/f.txt", "one").serve_www("", "", "");
    let young = server.get("/f.txt", &[]).value("ETag").to_owned();
    assert!(young.starts_with("W/\""), "{young}");
    let range = ["Range: bytes=0-0".to_owned(), format!("If-Range: {young}")];
    let part = server.get("/f.txt", &[&range[0], &range[1]]);
    assert_eq!(part.status, 200, "a weak tag does not match in If-Range");
    until("a strong tag", || server.get("/f.txt", &[]).value("ETag").starts_with('"'));
}

/// (Range, status, Content-Range, first and end of what is sent)
type Ranged = (&'static str, u16, Option<&'static str>, (usize, usize));

#[test]
fn one_range_is_sent_from_files_of_every_size() {
    let cases: [Ranged; 12] = [
        ("bytes=0-0", 206, Some("bytes 0-0/LEN"), (0, 1)),
        ("bytes=2-5", 206, Some("bytes 2-5/LEN"), (2, 6)),
        ("bytes=5-", 206, None, (5, usize::MAX)),
        ("bytes=-3", 206, None, (usize::MAX - 3, usize::MAX)),
        ("bytes=3-99999999999", 206, None, (3, usize::MAX)),
        ("bytes=-99999999999", 206, None, (0, usize::MAX)),
        ("Bytes=0-0", 206, Some("bytes 0-0/LEN"), (0, 1)),
        ("bytes=99999999-", 416, Some("bytes */LEN"), (0, 0)),
        ("bytes=-0", 416, Some("bytes */LEN"), (0, 0)),
        ("bytes=5-2", 200, None, (0, usize::MAX)),
        ("bytes=abc", 200, None, (0, usize::MAX)),
        ("lines=1-2", 200, None, (0, usize::MAX)),
    ];
    for len in [10, 4096, 5000, 60_000] {
        let (server, bytes) = with_file(len);
        for (range, status, content_range, (first, end)) in cases {
            let field = format!("Range: {range}");
            let answer = server.get("/f.bin", &[&field]);
            assert_eq!(answer.status, status, "{range} of {len}");
            if let Some(said) = content_range {
                assert_eq!(answer.value("Content-Range"), said.replace("LEN", &len.to_string()));
            }
            if status != 416 {
                let place = |n: usize| if n > len { len - (usize::MAX - n) } else { n };
                assert!(answer.body == bytes[place(first)..place(end)], "{range} of {len}");
            }
            // Range means nothing to HEAD (RFC 9110 section 14.2).
            let head = server.ask("HEAD", "/f.bin", &[&field]);
            assert_eq!((head.status, head.field("Content-Range")), (200, None), "{range}");
        }
    }
}

#[test]
fn a_range_holds_only_for_the_representation_it_was_meant_for() {
    let (server, bytes) = with_file(100);
    let tag = server.get("/f.bin", &[]).value("ETag").to_owned();
    for (condition, status) in [
        (tag.clone(), 206),
        (format!("W/{tag}"), 200),
        ("\"x\"".to_owned(), 200),
        (OLD_DATE.to_owned(), 206),
        ("Mon, 14 Sep 2020 12:26:40 GMT".to_owned(), 200),
    ] {
        let answer =
            server.get("/f.bin", &["Range: bytes=10-19", &format!("If-Range: {condition}")]);
        assert_eq!(answer.status, status, "{condition}");
        let want = if status == 206 { &bytes[10..20] } else { &bytes[..] };
        assert_eq!(answer.body, want, "{condition}");
    }
}

/// The parts of a multipart answer: Content-Range and bytes.
fn parts(answer: &Answer) -> Vec<(String, Vec<u8>)> {
    let media = answer.value("Content-Type");
    let boundary = media.strip_prefix("multipart/byteranges; boundary=").unwrap();
    let mark = format!("--{}", boundary.trim_matches('"'));
    let mut rest = &answer.body[..];
    let mut parts = Vec::new();
    let find = |bytes: &[u8], what: &[u8]| bytes.windows(what.len()).position(|w| w == what);
    loop {
        let at = find(rest, mark.as_bytes()).expect("a boundary");
        rest = &rest[at + mark.len()..];
        if rest.starts_with(b"--") {
            assert_eq!(&rest[2..], b"\r\n");
            return parts;
        }
        let end = find(rest, b"\r\n\r\n").unwrap() + 4;
        let head = std::str::from_utf8(&rest[..end]).unwrap();
        assert!(head.contains("Content-Type: application/octet-stream\r\n"), "{head}");
        let range = head.lines().find_map(|line| line.strip_prefix("Content-Range: ")).unwrap();
        rest = &rest[end..];
        let length = find(rest, format!("\r\n{mark}").as_bytes()).unwrap();
        parts.push((range.to_owned(), rest[..length].to_vec()));
    }
}

#[test]
fn several_ranges_are_parts_of_one_answer() {
    let (server, bytes) = with_file(200_000);
    let answer = server.get("/f.bin", &["Range: bytes=0-9,100000-150000,-1"]);
    assert_eq!(answer.status, 206);
    assert_eq!(answer.field("Content-Range"), None);
    let want = [
        ("bytes 0-9/200000", &bytes[..10]),
        ("bytes 100000-150000/200000", &bytes[100_000..150_001]),
        ("bytes 199999-199999/200000", &bytes[199_999..]),
    ];
    let got = parts(&answer);
    assert_eq!(got.len(), 3);
    for ((range, content), (want_range, want_content)) in got.iter().zip(want) {
        assert_eq!(range, want_range);
        assert!(content == want_content, "{range}");
    }
    // Those that cannot be had are left out; overlaps become one; too many are the whole.
    let one = server.get("/f.bin", &["Range: bytes=5-6,300000-"]);
    assert_eq!((one.status, one.value("Content-Range")), (206, "bytes 5-6/200000"));
    let joined = server.get("/f.bin", &["Range: bytes=0-5,3-9"]);
    assert_eq!((joined.status, joined.value("Content-Range")), (206, "bytes 0-9/200000"));
    let many = (0..100).map(|n| format!("{0}-{0}", n * 900)).collect::<Vec<_>>().join(",");
    assert_eq!(server.get("/f.bin", &[&format!("Range: bytes={many}")]).body.len(), 200_000);
    // A small file's come out of the cache.
    let (small, bytes) = with_file(100);
    let answer = small.get("/f.bin", &["Range: bytes=0-0,50-59,-1"]);
    assert_eq!(answer.status, 206);
    let want = [("0-0", 0..1), ("50-59", 50..60), ("99-99", 99..100)];
    let want = want.map(|(range, at)| (format!("bytes {range}/100"), bytes[at].to_vec()));
    assert_eq!(parts(&answer), want);
}

#[test]
fn compressed_copies_are_sent_to_those_who_take_them() {
    let folder = Folder::new()
        .file("www/a.js", "plain")
        .file("www/a.js.gz", "zipped")
        .file("www/a.js.br", "brotli")
        .file("www/b.js", "plain")
        .file("www/b.js.gz", "zipped")
        .file("www/c.js", "plain")
        .file("www/old.js", "plain")
        .file("www/old.js.gz", "stale");
    for name in ["a.js", "a.js.gz", "a.js.br", "b.js", "b.js.gz", "c.js", "old.js"] {
        folder.age(&format!("www/{name}"), OLD);
    }
    folder.age("www/old.js.gz", OLD - 3600);
    let server = folder.serve_www("", "", "");
    for (target, accept, text, coding, varies) in [
        ("/a.js", "gzip, br", "brotli", Some("br"), true),
        ("/a.js", "gzip, br;q=0", "zipped", Some("gzip"), true),
        ("/a.js", "gzip", "zipped", Some("gzip"), true),
        ("/a.js", "identity", "plain", None, true),
        ("/a.js", "gzip;q=0", "plain", None, true),
        ("/b.js", "br", "plain", None, true),
        ("/b.js", "*", "zipped", Some("gzip"), true),
        ("/c.js", "gzip, br", "plain", None, false),
        ("/old.js", "gzip", "plain", None, false),
    ] {
        let answer = server.get(target, &[&format!("Accept-Encoding: {accept}")]);
        assert_eq!((answer.status, answer.text()), (200, text), "{target} {accept}");
        assert_eq!(answer.field("Content-Encoding"), coding, "{target} {accept}");
        assert_eq!(answer.value("Content-Type"), "text/javascript; charset=utf-8");
        let vary = varies.then_some("Accept-Encoding");
        assert_eq!(answer.field("Vary"), vary, "{target} {accept}");
    }
    let tag = |accept: &str| {
        let answer = server.get("/a.js", &[&format!("Accept-Encoding: {accept}")]);
        answer.value("ETag").to_owned()
    };
    assert!(tag("gzip") != tag("br") && tag("br") != tag("identity"));
    let own = format!("If-None-Match: {}", tag("gzip"));
    let not_modified = server.get("/a.js", &["Accept-Encoding: gzip", &own]);
    assert_eq!((not_modified.status, not_modified.value("Vary")), (304, "Accept-Encoding"));
    assert_eq!(server.get("/a.js", &["Accept-Encoding: br", &own]).status, 200);
    let part = server.get("/a.js", &["Accept-Encoding: gzip", "Range: bytes=1-2"]);
    assert_eq!((part.status, part.text()), (206, "ip"));
    assert_eq!(part.value("Content-Encoding"), "gzip");
}
