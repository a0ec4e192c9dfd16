//! The password hashes that are built on MD5: Apache's `$apr1$`, which no C library knows, and
//! its model `$1$`.

use crate::sys::crypt::is_equal;
use md5::Context;

/// Longest salt that counts.
const SALT_BYTES_MAX: usize = 8;
const ROUNDS: usize = 1000;
const DIGITS: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Checks `password` against `hash`, or `None` when the hash is not of these kinds or malformed.
///
/// Takes a fraction of a millisecond on a PC and some milliseconds on a small board.
#[must_use]
pub(super) fn verify(password: &[u8], hash: &[u8]) -> Option<bool> {
    let magic: &[u8] = if hash.starts_with(b"$apr1$") { b"$apr1$" } else { b"$1$" };
    let rest = hash.strip_prefix(magic)?;
    let end = rest.iter().position(|&b| b == b'$').filter(|&n| n <= SALT_BYTES_MAX)?;
    let (salt, text) = (rest.get(..end)?, rest.get(end + 1..)?);
    if text.len() != 22 || !text.iter().all(|b| DIGITS.contains(b)) {
        return None;
    }
    Some(is_equal(&encode(&stretch(password, magic, salt)), text))
}

fn stretch(password: &[u8], magic: &[u8], salt: &[u8]) -> [u8; 16] {
    let inner = digest(&[password, salt, password]);
    let mut outer = Context::new();
    outer.consume(password);
    outer.consume(magic);
    outer.consume(salt);
    for piece in password.chunks(16) {
        outer.consume(inner.get(..piece.len()).unwrap_or_default());
    }
    let mut bits = password.len();
    while bits > 0 {
        // A zero byte for each set bit of the length, the first character for each other one.
        outer.consume(if bits & 1 == 1 { b"\0" } else { password.get(..1).unwrap_or_default() });
        bits >>= 1;
    }
    let mut state = outer.finalize().0;
    for round in 0..ROUNDS {
        let odd = round % 2 == 1;
        let (first, last) = if odd { (password, &state[..]) } else { (&state[..], password) };
        let salt = if round % 3 == 0 { b"" } else { salt };
        let again = if round % 7 == 0 { b"" } else { password };
        state = digest(&[first, salt, again, last]);
    }
    state
}

fn digest(parts: &[&[u8]]) -> [u8; 16] {
    let mut context = Context::new();
    parts.iter().for_each(|part| context.consume(part));
    context.finalize().0
}

/// The digest in the order and the digits of `crypt`: six bits each, the lowest first.
fn encode(digest: &[u8; 16]) -> [u8; 22] {
    const GROUPS: [[usize; 3]; 5] = [[0, 6, 12], [1, 7, 13], [2, 8, 14], [3, 9, 15], [4, 10, 5]];
    let mut text = [0; 22];
    let mut put = |from: usize, count: usize, mut bits: u32| {
        for digit in text.iter_mut().skip(from).take(count) {
            *digit = DIGITS[(bits & 63) as usize];
            bits >>= 6;
        }
    };
    for (n, [a, b, c]) in GROUPS.into_iter().enumerate() {
        let bits = [digest[a], digest[b], digest[c]];
        put(n * 4, 4, u32::from(bits[0]) << 16 | u32::from(bits[1]) << 8 | u32::from(bits[2]));
    }
    put(20, 2, u32::from(digest[11]));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    // Made with `openssl passwd -apr1 -salt abcdefgh` and `-1`.
    const LONG: &str = "pässwörd with spaces and more than sixteen bytes";
    const VECTORS: [(&str, &str); 6] = [
        ("hello", "$apr1$abcdefgh$cy3DSYyOwfhsyu7QOMQzd."),
        ("", "$apr1$abcdefgh$L.PT565ESX4Tp2bqNs7Ie."),
        (LONG, "$apr1$abcdefgh$ZY.ImR.E9JokQyKalB9Rw1"),
        ("hello", "$1$abcdefgh$rwnEbRiN0agqVgZBovWNQ/"),
        ("", "$1$abcdefgh$M55TzYaaccxVGbptZWaxX/"),
        (LONG, "$1$abcdefgh$nao89b6M1gaT8WzcKMMia1"),
    ];

    #[test]
    fn vectors_of_openssl() {
        for (password, hash) in VECTORS {
            assert_eq!(verify(password.as_bytes(), hash.as_bytes()), Some(true), "{hash}");
            assert_eq!(verify(b"other", hash.as_bytes()), Some(false), "{hash}");
        }
    }

    #[test]
    fn the_c_library_agrees_where_it_can() {
        for (password, hash) in &VECTORS[3..] {
            if let Ok(answer) = crate::sys::crypt::verify(password.as_bytes(), hash.as_bytes()) {
                assert!(answer, "{hash}");
            }
        }
    }

    #[test]
    fn malformed_hashes_are_noticed() {
        for hash in [
            "",
            "$apr1$",
            "$apr1$abcdefgh",
            "$apr1$abcdefghi$cy3DSYyOwfhsyu7QOMQzd.",
            "$apr1$abcdefgh$cy3DSYyOwfhsyu7QOMQzd",
            "$apr1$abcdefgh$cy3DSYyOwfhsyu7QOMQz!.",
            "$5$abcdefgh$cy3DSYyOwfhsyu7QOMQzd.",
            "plain",
        ] {
            assert_eq!(verify(b"hello", hash.as_bytes()), None, "{hash}");
        }
    }
}
