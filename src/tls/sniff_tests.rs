//! First bytes of connections: whole, byte by byte, with trailing data, and wrong in many ways.

use super::*;
use crate::tls::hello::hide;

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&[kind, length[1], length[2], length[3]], body].concat()
}

/// `message` in records of at most `bytes`.
fn records(message: &[u8], bytes: usize) -> Vec<u8> {
    let record = |piece: &[u8]| {
        let length = u16::try_from(piece.len()).unwrap().to_be_bytes();
        [&[22, 3, 1, length[0], length[1]], piece].concat()
    };
    message.chunks(bytes).flat_map(record).collect()
}

fn extension(kind: u16, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    [&kind.to_be_bytes(), &length[..], body].concat()
}

/// The body of a `server_name` extension with one name.
fn names(kind: u8, name: &[u8]) -> Vec<u8> {
    let length = u16::try_from(name.len()).unwrap().to_be_bytes();
    let entry = [&[kind, length[0], length[1]], name].concat();
    let length = u16::try_from(entry.len()).unwrap().to_be_bytes();
    [&length[..], &entry].concat()
}

/// A hello with these extensions besides the ones that every hello has.
fn hello(extensions: &[Vec<u8>]) -> Vec<u8> {
    let usual =
        [extension(10, &[0, 2, 0, 29]), extension(13, &[0, 4, 4, 3, 8, 4]), extension(11, &[1, 0])];
    let all: Vec<u8> = usual.iter().chain(extensions).flatten().copied().collect();
    let length = u16::try_from(all.len()).unwrap().to_be_bytes();
    let head = [&[3, 3][..], &[7; 32], &[0, 0, 2, 0xc0, 0x2b, 1, 0], &length].concat();
    message(1, &[head, all].concat())
}

fn named(name: &[u8]) -> Vec<u8> {
    records(&hello(&[extension(0, &names(0, name))]), 16_384)
}

fn asked(bytes: &[u8]) -> Option<String> {
    match sniff(bytes) {
        Sniffed::Hello(hello) => hello.server_name.map(String::from),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_hello_is_short_until_it_is_whole() {
    let protocols = extension(16, b"\0\x0c\x02h2\x08http/1.1");
    let whole = hello(&[extension(0, &names(0, b"A.Test")), protocols]);
    for size in [1, 2, 3, 4, 5, 50, 16_384] {
        let bytes = records(&whole, size);
        for end in 0..bytes.len() {
            assert_eq!(sniff(&bytes[..end]), Sniffed::Short, "{end} of {}", bytes.len());
        }
        let expected = Sniffed::Hello(Hello {
            server_name: Some("a.test".into()),
            protocols: vec![b"h2".as_slice().into(), b"http/1.1".as_slice().into()],
            ..Hello::default()
        });
        assert_eq!(sniff(&bytes), expected);
        for trailing in [&b"\x16"[..], &records(&[2], 1), b"GET / HTTP/1.1\r\n\r\n", &[0; 40_000]] {
            assert_eq!(sniff(&[&bytes, trailing].concat()), expected);
        }
    }
}

#[test]
fn names_are_taken_as_the_handshake_takes_them() {
    assert_eq!(asked(&named(b"Router.LAN")), Some("router.lan".into()));
    assert_eq!(asked(&records(&hello(&[]), 99)), None);
    // An address is no name (RFC 6066 section 3), and is ignored.
    assert_eq!(asked(&named(b"192.168.1.1")), None);
    assert_eq!(asked(&named(b"xn--bcher-kva.test")), Some("xn--bcher-kva.test".into()));
    let long = [&[b'a'; 63][..], b".", &[b'b'; 63], b".", &[b'c'; 63], b".", &[b'd'; 61]].concat();
    assert_eq!(long.len(), 253);
    assert_eq!(asked(&named(&long)), Some(String::from_utf8(long).unwrap()));
}

#[test]
fn what_is_no_name_is_never_taken_for_one() {
    let strange: [&[u8]; 9] =
        [b"", b".", b"a\0.test", b"a.test\0", b"a b", b"\xff\xfe", b"a..b", b"::1", &[b'a'; 255]];
    for name in strange {
        match sniff(&named(name)) {
            Sniffed::Malformed => {}
            Sniffed::Hello(hello) => assert_eq!(hello.server_name, None, "{}", name.escape_ascii()),
            other => panic!("{}: {other:?}", name.escape_ascii()),
        }
    }
}

#[test]
fn a_name_that_is_none_is_found_and_hidden_wherever_records_end() {
    let before = extension(0x1234, &[7; 50]);
    for name in [&b"[::1]"[..], b"host:443", b"-a.test", b"m\xc3\xbcller.test", b"a b", b"", b"."] {
        let whole = hello(&[before.clone(), extension(0, &names(0, name))]);
        let other = hello(&[before.clone(), extension(0xff6b, &names(0, name))]);
        for size in [1, 2, 3, 7, 100, 16_384] {
            let mut bytes = records(&whole, size);
            let Sniffed::Hello(found) = sniff(&bytes) else { panic!("{}", name.escape_ascii()) };
            assert_eq!(found.server_name, None);
            hide(&mut bytes, found.odd_name_at.unwrap());
            assert_eq!(bytes, records(&other, size), "{} {size}", name.escape_ascii());
        }
    }
    for name in [&b"a.test"[..], b"192.168.1.1", b"::1"] {
        let Sniffed::Hello(found) = sniff(&named(name)) else { panic!() };
        assert_eq!(found.odd_name_at, None, "{}", name.escape_ascii());
    }
    let both = hello(&[extension(0, &names(0, b"[::1]")), extension(0xff6b, &[])]);
    let Sniffed::Hello(found) = sniff(&records(&both, 16_384)) else { panic!() };
    assert_eq!(found.odd_name_at, None);
}

#[test]
fn wishes_for_short_records_are_read() {
    let wish = |extensions: &[Vec<u8>]| match sniff(&records(&hello(extensions), 16_384)) {
        Sniffed::Hello(hello) => Some(hello.fragment_bytes),
        _ => None,
    };
    assert_eq!(wish(&[]), Some(None));
    for (code, bytes) in [(1, 512), (2, 1024), (3, 2048), (4, 4096)] {
        assert_eq!(wish(&[extension(1, &[code])]), Some(Some(bytes)));
    }
    for body in [&[][..], &[0], &[5], &[1, 1]] {
        assert_eq!(wish(&[extension(1, body)]), None, "{body:?}");
    }
    // One byte of RFC 8449's limit is the content type.
    let limit = |bytes: u16| extension(28, &bytes.to_be_bytes());
    assert_eq!(wish(&[limit(1025)]), Some(Some(1024)));
    assert_eq!(wish(&[limit(16_385)]), Some(None));
    assert_eq!(wish(&[limit(64)]), Some(Some(512)), "not as few as it likes");
    assert_eq!(wish(&[limit(0)]), None);
    assert_eq!(wish(&[extension(1, &[2]), limit(601)]), Some(Some(600)));
}

#[test]
fn what_can_not_become_a_hello_is_said_at_once() {
    let wrong: [&[u8]; 5] = [
        // Another message, an empty record, a record that is too long, another type of record.
        &[22, 3, 1, 0, 4, 2],
        &[22, 3, 1, 0, 0],
        &[22, 3, 1, 0xff, 0xff],
        &[22, 3, 1, 0, 1, 1, 21],
        &[22, 3, 1, 0, 1, 1, 22, 2],
    ];
    for bytes in wrong {
        assert_eq!(sniff(bytes), Sniffed::Malformed, "{bytes:?}");
        assert_eq!(sniff(&bytes[..bytes.len() - 1]), Sniffed::Short, "{bytes:?}");
    }
    for bytes in
        [&b"GET / "[..], b"\n", &[22, 4], &[22, 2, 0], &[21, 3, 3], &[0x80, 0x2e, 1], b"\0"]
    {
        assert_eq!(sniff(bytes), Sniffed::NotTls, "{bytes:?}");
    }
}

#[test]
fn the_longest_hello_is_taken_and_nothing_longer() {
    let spare = HELLO_BYTES_MAX - 2 * 5 - hello(&[extension(21, &[])]).len();
    let padded = |more| records(&hello(&[extension(21, &vec![0; spare + more])]), 16_384);
    assert_eq!(padded(0).len(), HELLO_BYTES_MAX);
    assert!(matches!(sniff(&padded(0)), Sniffed::Hello(_)));
    assert!(matches!(sniff(&[padded(0), vec![7; 9000]].concat()), Sniffed::Hello(_)));
    assert_eq!(sniff(&padded(0)[..HELLO_BYTES_MAX - 1]), Sniffed::Short);
    // The heads of many records count too.
    let crumbs = records(&hello(&[extension(21, &[0; 12_000])]), 4);
    assert!(crumbs.len() > HELLO_BYTES_MAX);
    for long in [padded(1), padded(9000), crumbs] {
        assert_eq!(sniff(&long), Sniffed::TooLong, "at once");
        let mut refused_at = long.len();
        for end in (0..long.len()).rev() {
            match sniff(&long[..end]) {
                Sniffed::TooLong => refused_at = end,
                Sniffed::Short => assert!(end < refused_at, "after {end}"),
                other => panic!("after {end}: {other:?}"),
            }
        }
        assert!(refused_at <= HELLO_BYTES_MAX);
    }
    // What says that it will be longer is refused at once.
    for length in [[0, 0x60, 1], [0xff; 3]] {
        let begun = [&[22, 3, 1, 0, 4, 1][..], &length].concat();
        assert_eq!(sniff(&begun), Sniffed::TooLong, "{length:?}");
        assert_eq!(sniff(&begun[..begun.len() - 1]), Sniffed::Short, "{length:?}");
    }
}

#[test]
fn what_is_too_old_is_told_apart() {
    for version in [0x0000u16, 0x0002, 0x0300, 0x0301, 0x0302] {
        let fields = [&version.to_be_bytes()[..], &[7; 32], &[0, 0, 2, 0, 47, 1, 0]].concat();
        let old = message(1, &fields);
        for size in [1, 5, 16_384] {
            let bytes = records(&old, size);
            for end in 0..bytes.len() {
                assert_eq!(sniff(&bytes[..end]), Sniffed::Short, "{version:#x}, {end} bytes");
            }
            assert_eq!(sniff(&bytes), Sniffed::TooOld, "{version:#x}");
            assert_eq!(sniff(&[&bytes[..], b"\x16"].concat()), Sniffed::TooOld, "{version:#x}");
        }
    }
    // Without a version a hello is malformed and not old.
    for body in [&[][..], &[3]] {
        assert_eq!(sniff(&records(&message(1, body), 100)), Sniffed::Malformed, "{body:?}");
    }
}
