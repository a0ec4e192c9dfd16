//! A request head means the same however its bytes are cut and whatever follows it, and what
//! is accepted keeps its promises.

use kinglet::http::fields::Field;
use kinglet::http::framing::Framing;
use kinglet::http::glimpse::Glimpse;
use kinglet::http::head::{Head, HeaderTable, Parsed, Version, parse};
use kinglet::http::limits::{BLANK_LINES_MAX, HeadLimits, METHOD_BYTES_MAX};
use kinglet::http::target::Form;

/// The first byte of the input chooses among these.
const LIMITS: [HeadLimits; 3] = [
    HeadLimits { head_bytes: 8192, target_bytes: 8000, headers: 100 },
    HeadLimits { head_bytes: 200, target_bytes: 40, headers: 4 },
    HeadLimits { head_bytes: 64, target_bytes: 100, headers: 128 },
];

/// Checks one input: a byte for the limits, then the bytes of a connection.
pub(crate) fn check(input: &[u8]) {
    let Some((choice, bytes)) = input.split_first() else { return };
    let limits = &LIMITS[usize::from(*choice) % LIMITS.len()];
    let whole = answer(bytes, limits);
    let mut grown = None;
    // Every cut for short inputs; for long ones only the cuts near the front and every 7th.
    for end in (0..=bytes.len()).filter(|&end| end < 600 || end % 7 == 0 || end == bytes.len()) {
        grown = answer(&bytes[..end], limits);
        if grown.is_some() {
            break;
        }
    }
    assert_eq!(grown, whole, "the answer depends on the cut");
    if whole.is_none() {
        assert!(bytes.len() < limits.head_bytes, "nothing was said at the limit");
    }
}

/// The answer in a form that does not borrow; none for a partial head.
fn answer(bytes: &[u8], limits: &HeadLimits) -> Option<String> {
    let mut table = HeaderTable::new();
    match parse(bytes, limits, &mut table) {
        Parsed::Partial => None,
        Parsed::Refused(refusal) => Some(refusal.status.code().to_string()),
        Parsed::Complete(head) => {
            promises(bytes, &head, limits);
            Some(format!("{head:?}"))
        }
    }
}

fn promises(bytes: &[u8], head: &Head<'_>, limits: &HeadLimits) {
    let text = &bytes[..head.bytes];
    assert!(head.bytes <= limits.head_bytes && head.headers.len() <= limits.headers);
    assert!(head.target_text.len() <= limits.target_bytes);
    assert!((1..=METHOD_BYTES_MAX).contains(&head.method_text.len()));
    assert!(head.target_text.bytes().all(|b| b.is_ascii_graphic()));
    let target = [head.target.path, head.target.query.unwrap_or(b"")];
    assert!(target.iter().all(|part| !part.contains(&b'#')));
    let seen = Glimpse::of(bytes);
    assert_eq!(
        (seen.method, seen.target),
        (head.method_text.as_bytes(), head.target_text.as_bytes())
    );
    assert_eq!(seen.user_agent, head.fields.get(Field::UserAgent));
    assert!(text.ends_with(b"\r\n\r\n"));
    let feeds = text.iter().filter(|&&b| b == b'\n').count();
    let pairs = text.windows(2).filter(|two| *two == b"\r\n").count();
    let returns = text.iter().filter(|&&b| b == b'\r').count();
    assert_eq!((feeds, returns), (pairs, pairs), "bare line ends");
    let lines = head.headers.len() + 2;
    assert!((lines..=lines + BLANK_LINES_MAX).contains(&pairs), "folded or lost lines");
    for header in head.headers {
        assert!(!header.name.is_empty() && !header.name.contains([' ', '\t', ':']));
        assert!(header.value.iter().all(|&b| b == b'\t' || (b >= b' ' && b != 0x7f)));
        assert_eq!(header.value.trim_ascii(), header.value);
    }
    let count =
        |name: &str| head.headers.iter().filter(|h| h.name.eq_ignore_ascii_case(name)).count();
    let (lengths, codings) = (count("content-length"), count("transfer-encoding"));
    match head.framing {
        Framing::None => assert_eq!((lengths, codings), (0, 0)),
        Framing::Length(_) => assert_eq!((lengths, codings), (1, 0)),
        Framing::Chunked => {
            assert_eq!((lengths, codings), (0, 1));
            assert_eq!(head.version, Version::Http11);
        }
    }
    let needed = usize::from(head.version == Version::Http11);
    assert!((needed..=1).contains(&count("host")));
    match head.target.form {
        Form::Origin | Form::Absolute => assert!(head.target.path.starts_with(b"/")),
        Form::Asterisk => assert_eq!(head.target.path, b"*"),
        Form::Authority => assert!(head.host.is_some_and(|host| host.port.is_some())),
    }
    if let Some(host) = head.host {
        assert!(!host.name.is_empty() && !host.text.contains(&b'@') && !host.text.contains(&b'/'));
    }
    assert!(!head.expect_continue || !head.framing.is_empty());
}
