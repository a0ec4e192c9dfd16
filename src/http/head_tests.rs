//! Tests of request heads: each case whole, byte by byte, and with bytes behind it.

use super::*;

const LIMITS: HeadLimits = HeadLimits { head_bytes: 300, target_bytes: 100, headers: 5 };

/// What parsing gave, without borrows, so that cuts can be compared.
fn shown(bytes: &[u8], limits: &HeadLimits) -> String {
    let mut table = HeaderTable::new();
    match parse(bytes, limits, &mut table) {
        Parsed::Partial => "partial".into(),
        Parsed::Refused(refusal) => format!("{}", refusal.status.code()),
        Parsed::Complete(head) => format!("{head:?}"),
    }
}

/// The final answer for `bytes`, the same for every way that they can come.
fn answer(bytes: &[u8], limits: &HeadLimits) -> String {
    let whole = shown(bytes, limits);
    let mut grown = String::from("partial");
    for end in 0..=bytes.len() {
        grown = shown(&bytes[..end], limits);
        if grown != "partial" {
            break;
        }
    }
    assert_eq!(grown, whole, "cut: {}", bytes.escape_ascii());
    if whole != "partial" {
        let more = [bytes, b"POST / HTTP/1.1\r\n\n\x00garbage"].concat();
        assert_eq!(shown(&more, limits), whole, "more behind: {}", bytes.escape_ascii());
    }
    whole
}

fn with_head<T>(text: &str, look: impl FnOnce(&Head<'_>) -> T) -> T {
    answer(text.as_bytes(), &LIMITS);
    let mut table = HeaderTable::new();
    match parse(text.as_bytes(), &LIMITS, &mut table) {
        Parsed::Complete(head) => look(&head),
        other => panic!("{text:?} gave {other:?}"),
    }
}

fn refused(cases: &[(&str, &str)]) {
    for (text, wanted) in cases {
        let got = answer(text.as_bytes(), &LIMITS);
        assert_eq!(&got, wanted, "{text:?}");
    }
}

#[test]
fn a_plain_get() {
    let text = "GET /a/b?c=d HTTP/1.1\r\nHost: Example.com:8080\r\nUser-Agent: x y\r\n\
                X-Empty:\r\nAccept-Encoding:\t gzip \t\r\n\r\n";
    with_head(text, |head| {
        assert_eq!((head.method, head.method_text), (Method::Get, "GET"));
        assert_eq!(head.target_text, "/a/b?c=d");
        assert_eq!((head.target.form, head.target.path), (Form::Origin, b"/a/b".as_slice()));
        assert_eq!(head.target.query, Some(b"c=d".as_slice()));
        assert_eq!(head.version, Version::Http11);
        assert_eq!(head.host.unwrap().port, Some(8080));
        assert!(head.host.unwrap().is(b"example.com"));
        assert_eq!(head.fields.get(Field::UserAgent), Some(b"x y".as_slice()));
        assert_eq!(head.fields.get(Field::AcceptEncoding), Some(b"gzip".as_slice()));
        assert_eq!(head.headers.len(), 4);
        assert_eq!((head.headers[2].name, head.headers[2].value), ("X-Empty", b"".as_slice()));
        assert_eq!((head.framing, head.keep_alive), (Framing::None, true));
        assert!(!head.expect_continue);
        assert_eq!(head.bytes, text.len());
    });
}

#[test]
fn empty_lines_in_front_are_skipped_up_to_a_number() {
    for blank in 0..=BLANK_LINES_MAX {
        let text = format!("{}GET / HTTP/1.1\r\nHost: a\r\n\r\n", "\r\n".repeat(blank));
        with_head(&text, |head| assert_eq!(head.bytes, text.len()));
    }
    let many = format!("{}GET / HTTP/1.1\r\nHost: a\r\n\r\n", "\r\n".repeat(BLANK_LINES_MAX + 1));
    refused(&[
        (&many, "400"),
        ("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
        ("\r\n\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
        ("\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
        (" \r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
        ("", "partial"),
        ("\r", "partial"),
        ("\r\n", "partial"),
    ]);
}

#[test]
fn request_lines_that_are_none() {
    refused(&[
        ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
        ("GET /  HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
        ("GET / HTTP/1.1 \r\nHost: a\r\n\r\n", "400"),
        ("GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
        (" GET / HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
        ("GET /\r\nHost: a\r\n\r\n", "400"),
        ("GET / \r\nHost: a\r\n\r\n", "400"),
        ("GET\r\n\r\n", "400"),
        ("GET HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
        ("/ HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
        ("G@T / HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
        ("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
        ("GET /a\0b HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
        ("GET /\u{e9} HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
        ("GET / HTTP/1.1\rX\r\nHost: a\r\n\r\n", "400"),
        ("\u{16}\u{3}\u{1}\u{2}", "400"),
    ]);
}

#[test]
fn versions() {
    refused(&[
        ("GET / http/1.1\r\nHost: a\r\n\r\n", "400"),
        ("GET / HTTP/1\r\nHost: a\r\n\r\n", "400"),
        ("GET / HTTP/1.\r\nHost: a\r\n\r\n", "400"),
        ("GET / HTTP/1.x\r\nHost: a\r\n\r\n", "400"),
        ("GET / HTTP/1.10\r\nHost: a\r\n\r\n", "400"),
        ("GET / HTTP/1.20\r\nHost: a\r\n\r\n", "400"),
        ("GET / HTTP/1.2\nHost: a\r\n\r\n", "400"),
        ("GET / HTTP/11\r\nHost: a\r\n\r\n", "400"),
        ("GET / HTTPS/1.1\r\nHost: a\r\n\r\n", "400"),
        ("GET / HTTP 1.1\r\nHost: a\r\n\r\n", "400"),
        ("GET / HTTP/x.1\r\nHost: a\r\n\r\n", "400"),
        ("GET / HTTP/0.9\r\nHost: a\r\n\r\n", "505"),
        ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", "505"),
        ("GET / HTTP/2\r\nHost: a\r\n\r\n", "505"),
        ("GET / HTTP/3.7\r\nHost: a\r\n\r\n", "505"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505"),
    ]);
    for minor in 1..=9 {
        let text = format!("GET /a HTTP/1.{minor}\r\nHost: a\r\nX: y\r\n\r\n");
        with_head(&text, |head| {
            assert_eq!((head.version, head.keep_alive), (Version::Http11, true));
            assert_eq!((head.bytes, head.headers.len()), (text.len(), 2));
            assert_eq!(head.target.path, b"/a");
        });
    }
    with_head("GET / HTTP/1.0\r\n\r\n", |head| {
        assert_eq!((head.version, head.host), (Version::Http10, None));
        assert!(!head.keep_alive);
    });
    refused(&[
        ("GET / HTTP/1.2\r\n\r\n", "400"),
        ("GET / HTTP/1.2\r\nHost: a\n\r\n", "400"),
        ("GET / HTTP/1.2\r\nHost : a\r\n\r\n", "400"),
        ("GET / HTTP/1.2\r\nHost: a\r\n", "partial"),
        ("G@T / HTTP/1.2\r\nHost: a\r\n\r\n", "400"),
    ]);
}

#[test]
fn field_lines_that_are_none() {
    let cases = [
        "Host: a\nX: y\r\n\r\n",
        "Host: a\r\nX: y\n\r\n",
        "Host: a\r\n\n",
        "\nHost: a\r\n\r\n",
        "Host: a\rX: y\r\n\r\n",
        "Host: a\r\nX: y\r z\r\n\r\n",
        "Host: a\r\nX: y\r\n z\r\n\r\n",
        "Host: a\r\nX: y\r\n\tz\r\n\r\n",
        " Host: a\r\n\r\n",
        "\tX: y\r\nHost: a\r\n\r\n",
        " \r\nHost: a\r\n\r\n",
        "Host : a\r\n\r\n",
        "Host\t: a\r\n\r\n",
        "Host: a\r\n: y\r\n\r\n",
        "Host: a\r\nX\r\n\r\n",
        "Host: a\r\nX y: z\r\n\r\n",
        "Host: a\r\nX(y): z\r\n\r\n",
        "Host: a\r\n\u{e9}: z\r\n\r\n",
        "Host: a\r\nX: \0\r\n\r\n",
        "Host: a\r\nX: y\u{1}\r\n\r\n",
        "Host: a\r\nX: y\u{b}z\r\n\r\n",
        "Host: a\r\nX: \u{7f}\r\n\r\n",
        "Host: a\r\n\0X: y\r\n\r\n",
        "Host: a\r\n\rX: y\r\n\r\n",
        "Host: a\r\nX:\n\r\n",
        "Host: a\r\nX: \n\r\n",
        "Host: a\r\nX:\n y\r\n\r\n",
    ];
    for fields in cases {
        refused(&[(&format!("GET / HTTP/1.1\r\n{fields}"), "400")]);
    }
    with_head("GET / HTTP/1.1\r\nHost: a\r\nX: \u{e9}\ty\r\n\r\n", |head| {
        assert_eq!(head.headers[1].value, "\u{e9}\ty".as_bytes());
    });
}

#[test]
fn hosts() {
    refused(&[
        ("GET / HTTP/1.1\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n", "400"),
        ("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", "400"),
        ("GET / HTTP/1.0\r\nHost: a b\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost:\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: :80\r\n\r\n", "400"),
        ("OPTIONS * HTTP/1.1\r\nHost: :80\r\n\r\n", "400"),
        ("GET http://a/ HTTP/1.1\r\n\r\n", "400"),
        ("GET http://a/ HTTP/1.1\r\nHost: b c\r\n\r\n", "400"),
        ("GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
        ("GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
    ]);
    let overridden = "GET http://a:81/x?y HTTP/1.1\r\nHost: b\r\n\r\n";
    with_head(overridden, |head| {
        assert_eq!(head.host.unwrap().text, b"a:81");
        assert_eq!((head.target.form, head.target.path), (Form::Absolute, b"/x".as_slice()));
    });
    with_head("OPTIONS * HTTP/1.1\r\nHost:\r\n\r\n", |head| assert_eq!(head.host, None));
    with_head("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", |head| {
        assert_eq!(head.host.unwrap().name, b"[::1]");
    });
    with_head("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", |head| {
        assert_eq!((head.method, head.target.form), (Method::Connect, Form::Authority));
    });
}

#[test]
fn targets_and_methods() {
    refused(&[
        ("GET * HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
        ("GET a HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
        ("GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
        ("CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
        ("CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
        ("AVERYLONGMETHODTHATNOBODYEVERHEARDOF / HTTP/1.1\r\nHost: a\r\n\r\n", "501"),
        ("AVERYLONGMETHODTHATNOBODYEVERHEARDOF", "501"),
    ]);
    with_head("PROPFIND / HTTP/1.1\r\nHost: a\r\n\r\n", |head| {
        assert_eq!((head.method, head.method_text), (Method::Other, "PROPFIND"));
    });
}

#[test]
fn too_long_and_too_many() {
    let target = format!("/{}", "a".repeat(LIMITS.target_bytes));
    let field = format!("X: {}\r\n", "y".repeat(250));
    let many = "X: y\r\n".repeat(LIMITS.headers);
    refused(&[
        (&format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"), "414"),
        (&format!("GET {target}"), "414"),
        (&format!("GET {target}\u{1} HTTP/1.1\r\nHost: a\r\n\r\n"), "414"),
        (&format!("GET / HTTP/1.1\r\n{field}{field}Host: a\r\n\r\n"), "431"),
        (&format!("GET / HTTP/1.1\r\n{field}{field}"), "431"),
        (&format!("GET / HTTP/1.1\r\n{field}{field}\n\0"), "431"),
        (&format!("GET / HTTP/1.2\r\n{field}{field}"), "431"),
        (&format!("GET / HTTP/1.1\r\n{many}Host: a\r\n\r\n"), "431"),
        (&format!("GET / HTTP/1.2\r\n{many}Host: a\r\n\r\n"), "431"),
        (&format!("GET / HTTP/1.1\r\n{many}Host: a\r\nX: \n\r\n"), "431"),
        (&format!("GET / HTTP/1.1\r\nX: y\n{many}Host: a\r\n\r\n"), "400"),
        (&format!("GET / HTTP/1.1\r\n{many}Host: a\r\n"), "431"),
    ]);
    let fits = format!("GET {} HTTP/1.1\r\nHost: a\r\n\r\n", &target[1..].replacen('a', "/", 1));
    with_head(&fits, |head| assert_eq!(head.target_text.len(), LIMITS.target_bytes));
    let enough = format!("GET / HTTP/1.1\r\n{}Host: a\r\n\r\n", &many[6..]);
    with_head(&enough, |head| assert_eq!(head.headers.len(), LIMITS.headers));
    let bare = "GET / HTTP/1.1\r\nHost: a\r\n\r\n".len();
    for (head_bytes, wanted) in [(bare, true), (bare - 1, false), (0, false)] {
        let limits = HeadLimits { head_bytes, ..LIMITS };
        let got = answer(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", &limits);
        assert_eq!(got.starts_with("Head"), wanted, "{head_bytes} {got}");
    }
    let short = HeadLimits { head_bytes: 20, ..LIMITS };
    assert_eq!(answer(b"GET /aaaaaaaaaaaaaaaaaaaa HTTP/1.1\r\n", &short), "414");
}

#[test]
fn smuggling_classes() {
    let te = "Transfer-Encoding: chunked\r\n";
    let cases = [
        ("content length twice", "Content-Length: 5\r\nContent-Length: 5\r\n", "400"),
        ("two content lengths", "Content-Length: 5\r\nContent-Length: 6\r\n", "400"),
        ("content length list", "Content-Length: 5, 5\r\n", "400"),
        ("signed content length", "Content-Length: +5\r\n", "400"),
        ("content length too large", "Content-Length: 18446744073709551616\r\n", "400"),
        ("empty content length", "Content-Length:\r\n", "400"),
        ("CL.TE", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "400"),
        ("TE.CL", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "400"),
        ("TE.TE", "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n", "400"),
        ("TE.TE reversed", "Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n", "501"),
        ("TE chunked twice", "Transfer-Encoding: chunked, chunked\r\n", "400"),
        ("TE with a space", "Transfer-Encoding : chunked\r\n", "400"),
        ("TE with a vertical tab", "Transfer-Encoding: \u{b}chunked\r\n", "400"),
        ("TE folded", "Transfer-Encoding:\r\n chunked\r\n", "400"),
        ("TE behind a bare LF", "X: y\nTransfer-Encoding: chunked\r\n", "400"),
        ("TE behind a bare CR", "X: y\rTransfer-Encoding: chunked\r\n", "400"),
        ("TE identity", "Transfer-Encoding: identity\r\n", "400"),
        ("TE unknown", "Transfer-Encoding: cow\r\n", "501"),
        ("TE quoted", "Transfer-Encoding: \"chunked\"\r\n", "400"),
        ("TE compressed first", "Transfer-Encoding: gzip, chunked\r\n", "501"),
    ];
    for (name, lines, wanted) in cases {
        let text = format!("POST / HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
        assert_eq!(answer(text.as_bytes(), &LIMITS), wanted, "{name}");
    }
    refused(&[(&format!("POST / HTTP/1.0\r\n{te}\r\n"), "400")]);
    with_head(&format!("POST / HTTP/1.1\r\nHost: a\r\n{te}\r\n"), |head| {
        assert_eq!(head.framing, Framing::Chunked);
    });
    with_head("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", |head| {
        assert_eq!(head.framing, Framing::Length(5));
    });
}

#[test]
fn expectations() {
    let expect = |version: &str, lines: &str| {
        let text = format!("POST / HTTP/{version}\r\nHost: a\r\n{lines}\r\n");
        with_head(&text, |head| head.expect_continue)
    };
    assert!(expect("1.1", "Content-Length: 1\r\nExpect: 100-Continue\r\n"));
    assert!(expect("1.1", "Transfer-Encoding: chunked\r\nExpect: 100-continue,\r\n"));
    assert!(!expect("1.1", "Expect: 100-continue\r\n"));
    assert!(!expect("1.1", "Content-Length: 0\r\nExpect: 100-continue\r\n"));
    assert!(!expect("1.0", "Content-Length: 1\r\nExpect: 100-continue\r\n"));
    assert!(!expect("1.0", "Content-Length: 1\r\nExpect: more\r\n"));
    assert!(!expect("1.1", "Content-Length: 1\r\nExpect:\r\n"));
    refused(&[
        ("POST / HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\n\r\n", "417"),
        ("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue, x\r\n\r\n", "417"),
        ("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nExpect: x\r\n\r\n", "417"),
    ]);
}

#[test]
fn keeping_the_connection() {
    let cases = [
        ("1.1", "", true),
        ("1.1", "Connection: close\r\n", false),
        ("1.1", "Connection: Close\r\n", false),
        ("1.1", "Connection: keep-alive\r\n", true),
        ("1.1", "Connection: Upgrade, close\r\n", false),
        ("1.1", "Connection: x\r\nConnection: close\r\n", false),
        ("1.1", "Connection: keep-alive, close\r\n", false),
        ("1.1", "Connection: closed\r\n", true),
        ("1.1", "X-Connection: close\r\n", true),
        ("1.0", "", false),
        ("1.0", "Connection: keep-alive\r\n", true),
        ("1.0", "Connection: Keep-Alive, x\r\n", true),
        ("1.0", "Connection: x\r\nConnection: keep-alive\r\n", true),
        ("1.0", "Connection: keep-alive\r\nConnection: close\r\n", false),
        ("1.0", "Proxy-Connection: keep-alive\r\n", false),
    ];
    for (version, lines, wanted) in cases {
        let text = format!("GET / HTTP/{version}\r\nHost: a\r\n{lines}\r\n");
        assert_eq!(with_head(&text, |head| head.keep_alive), wanted, "{text:?}");
    }
}

#[test]
fn credentials_stand_once() {
    let twice = "Authorization: Basic YTpi\r\nAuthorization: Basic YTpj\r\n";
    refused(&[(&format!("GET / HTTP/1.1\r\nHost: a\r\n{twice}\r\n"), "400")]);
}

#[test]
fn an_upgrade_to_http_2_is_not_heeded() {
    let lines = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n";
    with_head(&format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n"), |head| {
        assert_eq!((head.keep_alive, head.framing), (true, Framing::None));
    });
}

#[test]
fn pipelined_requests_are_taken_one_by_one() {
    let one = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n";
    let both = format!("{one}GET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut table = HeaderTable::new();
    let Parsed::Complete(head) = parse(both.as_bytes(), &LIMITS, &mut table) else { panic!() };
    assert_eq!((head.bytes, head.target_text), (one.len(), "/1"));
    let mut table = HeaderTable::new();
    let Parsed::Complete(head) = parse(&both.as_bytes()[one.len()..], &LIMITS, &mut table) else {
        panic!()
    };
    assert_eq!(head.target_text, "/2");
}
