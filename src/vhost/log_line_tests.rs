//! Tests of the lines of the access log.

use super::*;
use crate::sys::peer::Credentials;

fn at(address: &str) -> Option<PeerAddr> {
    Some(PeerAddr::Ip { ip: address.parse().unwrap(), port: 1 })
}

fn unix(uid: u32) -> Option<PeerAddr> {
    Some(PeerAddr::Unix(Credentials { uid, gid: uid, pid: uid }))
}

fn stamp() -> Stamp {
    Stamp::new(1_709_251_199, 3600)
}

fn fields<'a>() -> Fields<'a> {
    Fields {
        peer: at("192.0.2.7"),
        user: None,
        vhost: b"a.test",
        method: b"GET",
        target: b"/x?q=1",
        version: b"HTTP/1.1",
        referer: None,
        user_agent: Some(b"curl/8"),
        head_bytes: 0,
    }
}

fn line(format: LogFormat, fields: &Fields<'_>) -> String {
    let mut out = Buf::with_capacity(LINE_BYTES_MAX);
    out.put(b"before").unwrap();
    let begun = begin(format, fields, &stamp(), &mut out);
    // The six bytes in front are the one thing that may make it too big.
    let begun = begun.unwrap_or_else(|Full| {
        assert_eq!(out.filled(), b"before");
        out.clear();
        out.put(b"before").unwrap();
        out.consume(6);
        begin(format, fields, &stamp(), &mut out).unwrap()
    });
    let skip = out.len() - begun.len();
    let mut whole = [0; LINE_BYTES_MAX];
    let line = &out.filled()[skip..];
    let len = complete(line, begun, 404, u64::MAX, &mut whole).unwrap();
    assert_eq!(complete(line, begun, 404, u64::MAX, &mut whole[..len - 1]), None);
    String::from_utf8(whole[..len].to_vec()).unwrap()
}

#[test]
fn combined_lines_are_those_of_apache() {
    assert_eq!(
        line(LogFormat::Combined, &fields()),
        "192.0.2.7 - - [01/Mar/2024:00:59:59 +0100] \"GET /x?q=1 HTTP/1.1\" 404 \
         18446744073709551615 \"-\" \"curl/8\"\n"
    );
    let odd = Fields {
        peer: None,
        user: Some(b"jo \"x\""),
        target: b"/\xc3\xa9\"\\ \r\n\t\x08\x0b\x0c\x00\x7f",
        referer: Some(b"a b"),
        ..fields()
    };
    assert_eq!(
        line(LogFormat::Combined, &odd),
        "- - jo\\x20\\\"x\\\" [01/Mar/2024:00:59:59 +0100] \
         \"GET /\\xc3\\xa9\\\"\\\\ \\r\\n\\t\\b\\v\\x0c\\x00\\x7f HTTP/1.1\" 404 \
         18446744073709551615 \"a b\" \"curl/8\"\n"
    );
    let none = Fields { method: b"", target: b"", version: b"", ..fields() };
    assert!(line(LogFormat::Combined, &none).contains(" +0100] \"-\" 404 "));
    let mapped = Fields { peer: at("::ffff:192.0.2.7"), ..fields() };
    assert_eq!(line(LogFormat::Combined, &mapped), line(LogFormat::Combined, &fields()));
    let local = Fields { peer: unix(7), ..fields() };
    let start = "unix:uid=7,gid=7,pid=7 - - [01/Mar/2024:";
    assert!(line(LogFormat::Combined, &local).starts_with(start));
}

/// A whole line for an answer of so many bytes, of which the head has 100.
fn of_bytes(format: LogFormat, fields: &Fields<'_>, bytes: u64) -> String {
    let mut out = Buf::with_capacity(LINE_BYTES_MAX);
    let fields = Fields { head_bytes: 100, ..*fields };
    let begun = begin(format, &fields, &stamp(), &mut out).unwrap();
    let mut whole = [0; 512];
    let len = complete(out.filled(), begun, 200, bytes, &mut whole).unwrap();
    String::from_utf8(whole[..len].to_vec()).unwrap()
}

#[test]
fn combined_counts_the_body_and_lwsws_everything() {
    let none = Fields { user: Some(b""), user_agent: Some(b""), ..fields() };
    let start = "192.0.2.7 - \"\" [01/Mar/2024:00:59:59 +0100] \"GET /x?q=1 HTTP/1.1\" 200";
    for (bytes, body, all) in [(100, "-", "100"), (101, "1", "101"), (90, "-", "90")] {
        let line = of_bytes(LogFormat::Combined, &none, bytes);
        assert_eq!(line, format!("{start} {body} \"-\" \"\"\n"));
        let line = of_bytes(LogFormat::Lwsws, &none, bytes);
        assert_eq!(line, format!("{start} {all} \"\" \"\"\n"));
        let line = of_bytes(LogFormat::Json, &none, bytes);
        assert!(line.ends_with(&format!("\"bytes\":{all}}}\n")), "{line}");
    }
}

#[test]
fn json_lines_are_objects() {
    assert_eq!(
        line(LogFormat::Json, &Fields { target: b"/\"\\\x01\xe9", ..fields() }),
        "{\"time\":\"2024-03-01T00:59:59+01:00\",\"peer\":\"192.0.2.7\",\"user\":\"\",\
         \"vhost\":\"a.test\",\"method\":\"GET\",\"target\":\"/\\\"\\\\\\u0001\\\\xe9\",\
         \"version\":\"HTTP/1.1\",\"referer\":\"\",\"user_agent\":\"curl/8\",\
         \"status\":404,\"bytes\":18446744073709551615}\n"
    );
    let local = line(LogFormat::Json, &Fields { peer: unix(7), ..fields() });
    assert!(local.contains(",\"peer\":\"unix:uid=7,gid=7,pid=7\",\"user\""), "{local}");
}

#[test]
fn long_fields_are_cut_only_over_the_bound() {
    let long = b"x".repeat(LONG_BYTES - 7);
    let fits = Fields { target: &long, ..fields() };
    assert!(line(LogFormat::Combined, &fits).contains(&"x".repeat(LONG_BYTES - 7)));

    let long = b"x".repeat(LONG_BYTES - 6);
    let cut = Fields { target: &long, ..fields() };
    let text = line(LogFormat::Combined, &cut);
    assert!(text.contains("xxx... HTTP/1.1\" 404 "), "{text}");
    assert!(text.ends_with(" \"-\" \"curl/8\"\n"));

    let quotes = b"\"".repeat(100_000);
    let mut all = Fields {
        user: Some(&quotes),
        vhost: &quotes,
        method: &quotes,
        target: &quotes,
        version: &quotes,
        referer: Some(&quotes),
        user_agent: Some(&quotes),
        peer: at("1111:2222:3333:4444:5555:6666:7777:8888"),
        head_bytes: 0,
    };
    for peer in [all.peer, unix(u32::MAX)] {
        all.peer = peer;
        for format in [LogFormat::Combined, LogFormat::Json] {
            let text = line(format, &all);
            assert!(text.len() <= LINE_BYTES_MAX, "{}", text.len());
            assert!(text.matches("...").count() >= 6);
        }
    }
}

#[test]
fn a_full_queue_is_left_as_it_was() {
    for room in 0..77 {
        let mut out = Buf::with_capacity(room);
        assert_eq!(begin(LogFormat::Combined, &fields(), &stamp(), &mut out), Err(Full));
        assert!(out.is_empty());
    }
}

/// A seeded generator (xorshift), so that a failure can be had again.
struct Random(u32);

impl Random {
    fn next(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0
    }

    fn bytes(&mut self) -> Vec<u8> {
        let len = match self.next() % 4 {
            0 => 0,
            1 => self.next() % 16,
            2 => self.next() % 300,
            _ => self.next() % 6000,
        };
        let hostile = b"\"\\\r\n\0 \x7f\xff\x1b{}[]x";
        let plain = self.next().is_multiple_of(2);
        (0..len)
            .map(|_| match self.next() {
                n if plain || n % 2 == 0 => b' ' + (n >> 8) as u8 % 95,
                n => hostile[(n >> 8) as usize % hostile.len()],
            })
            .collect()
    }
}

#[test]
fn hostile_fields_never_break_a_line() {
    let mut random = Random(0x1234_5678);
    for round in 0..1500 {
        let parts: Vec<Vec<u8>> = (0..7).map(|_| random.bytes()).collect();
        let fields = Fields {
            peer: at("192.0.2.7"),
            user: Some(&parts[0]),
            vhost: &parts[1],
            method: &parts[2],
            target: &parts[3],
            version: &parts[4],
            referer: Some(&parts[5]),
            user_agent: Some(&parts[6]),
            head_bytes: 0,
        };
        let text = line(LogFormat::Combined, &fields);
        assert!(text.len() <= LINE_BYTES_MAX, "{round}");
        assert_eq!(text.find('\n'), Some(text.len() - 1), "{round}");
        let bare = text.replace("\\\\", "").replace("\\\"", "");
        // The name of a user that is empty is two more.
        let quotes = if parts[0].is_empty() { 8 } else { 6 };
        assert_eq!(bare.matches('"').count(), quotes, "{round}: {text}");
        assert!(text.trim_end().bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{round}");
        let user = text.split(' ').nth(3);
        assert_eq!(user, Some("[01/Mar/2024:00:59:59"), "{round}: {text}");

        let text = line(LogFormat::Json, &fields);
        assert!(text.len() <= LINE_BYTES_MAX, "{round}");
        assert_eq!(text.find('\n'), Some(text.len() - 1), "{round}");
        assert_json(text.trim_end());
    }
}

/// Strings alternate with the rest; inside of them only whole escapes, outside none.
fn assert_json(text: &str) {
    let mut in_string = false;
    let mut quotes = 0;
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => {
                in_string = !in_string;
                quotes += 1;
            }
            b'\\' => match bytes.next() {
                Some(b'"' | b'\\') if in_string => {}
                Some(b'u') if in_string => {
                    assert!((0..4).all(|_| bytes.next().unwrap().is_ascii_hexdigit()));
                }
                other => panic!("escape {other:?} in {text}"),
            },
            b' '..=b'~' => {}
            other => panic!("byte {other} in {text}"),
        }
    }
    assert_eq!((in_string, quotes), (false, 2 * (9 + 9 + 2)), "{text}");
}

#[test]
fn notes_about_lost_lines_follow_the_format() {
    assert_eq!(
        lost_note(LogFormat::Combined, u32::MAX).as_slice(),
        b"# 4294967295 log lines were lost here\n"
    );
    assert_eq!(lost_note(LogFormat::Json, 0).as_slice(), b"{\"lost_lines\":0}\n");
}
