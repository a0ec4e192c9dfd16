//! A normalised path stays below the root, is its own normal form, and survives encoding.

use kinglet::buf::Buf;
use kinglet::http::uri::{UriError, normalise, write_encoded};

/// Checks one input: a path as it stands in a request line, or anything else.
pub(crate) fn check(input: &[u8]) {
    let mut room = vec![0; input.len()];
    let path = match normalise(input, &mut room) {
        Ok(path) => path,
        Err(error) => {
            assert_ne!(error, UriError::TooLong, "the room is always enough");
            assert_eq!(error == UriError::NotAbsolute, !input.starts_with(b"/"));
            return;
        }
    };
    assert!(path.starts_with(b"/") && path.len() <= input.len());
    assert!(!path.iter().any(u8::is_ascii_control));
    let segments: Vec<&[u8]> = path[1..].split(|&b| b == b'/').collect();
    let (last, inner) = segments.split_last().expect("split gives at least one");
    assert!(inner.iter().all(|s| !s.is_empty() && *s != b"." && *s != b".."));
    assert!(*last != b"." && *last != b"..");
    assert_eq!(path, naive(input), "the naive reader disagrees");
    // Too little room is noticed, never overrun.
    for less in 0..path.len().min(8) {
        assert_eq!(normalise(input, &mut vec![0; less]), Err(UriError::TooLong));
    }
    let mut encoded = Buf::with_capacity(3 * path.len() + 3);
    assert_eq!(write_encoded(path, &mut encoded), Ok(()));
    let text = encoded.filled();
    assert!(text.is_ascii() && !text.starts_with(b"//") && !text.contains(&b'?'));
    assert_eq!(normalise(text, &mut vec![0; text.len()]), Ok(path));
    // Whatever is encoded cannot name another host or add a field line.
    let mut raw = Buf::with_capacity(3 * input.len() + 3);
    assert_eq!(write_encoded(input, &mut raw), Ok(()));
    assert!(!raw.filled().starts_with(b"//"));
    assert!(raw.filled().iter().all(u8::is_ascii_graphic));
}

/// Decodes into a list of segments and joins them; only for paths that were accepted.
fn naive(input: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::new();
    let mut bytes = input.iter();
    while let Some(&byte) = bytes.next() {
        if byte == b'%' {
            let digits = [bytes.next(), bytes.next()].map(|d| char::from(*d.expect("checked")));
            let text: String = digits.iter().collect();
            decoded.push(u8::from_str_radix(&text, 16).expect("checked"));
        } else {
            decoded.push(byte);
        }
    }
    let mut segments: Vec<&[u8]> = Vec::new();
    let mut slash = false;
    for segment in decoded.split(|&b| b == b'/').skip(1) {
        slash = segment.is_empty() || segment == b"." || segment == b"..";
        if segment == b".." {
            segments.pop();
        } else if !slash {
            segments.push(segment);
        }
    }
    let mut path = b"/".to_vec();
    path.extend_from_slice(&segments.join(&b'/'));
    if slash && !segments.is_empty() {
        path.push(b'/');
    }
    path
}
