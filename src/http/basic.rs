//! Credentials of the Basic scheme (RFC 7617).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::limits::CREDENTIALS_BYTES_MAX;

/// A user and a password, as bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Credentials<'o> {
    /// What stands before the first colon.
    pub user: &'o [u8],
    /// What follows it.
    pub password: &'o [u8],
}

/// Shows no password.
impl core::fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user.escape_ascii()).finish()
    }
}

/// Room for the credentials of one request.
pub type Scratch = [u8; CREDENTIALS_BYTES_MAX];

/// Decodes the value of an Authorization field into `out`.
///
/// `None` when the scheme is not Basic (in any case), the base64 is not strictly canonical and
/// padded, it does not fit `out`, there is no colon, or a control byte is in it.
#[must_use]
pub fn decode<'o>(value: &[u8], out: &'o mut [u8]) -> Option<Credentials<'o>> {
    let (scheme, rest) = value.split_at_checked(5)?;
    let rest = rest.strip_prefix(b" ")?;
    if !scheme.eq_ignore_ascii_case(b"basic") {
        return None;
    }
    let encoded = rest.trim_ascii_start();
    let len = STANDARD.decode_slice(encoded, out).ok()?;
    let pair: &'o [u8] = out.get(..len)?;
    if pair.iter().any(u8::is_ascii_control) {
        return None;
    }
    let (user, password) = pair.split_at_checked(memchr::memchr(b':', pair)?)?;
    Some(Credentials { user, password: password.get(1..)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(value: &str) -> Option<(Vec<u8>, Vec<u8>)> {
        let mut out: Scratch = [0; CREDENTIALS_BYTES_MAX];
        decode(value.as_bytes(), &mut out).map(|c| (c.user.to_vec(), c.password.to_vec()))
    }

    fn pair(user: &[u8], password: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
        Some((user.to_vec(), password.to_vec()))
    }

    #[test]
    fn good_credentials() {
        let aladdin = pair(b"Aladdin", b"open sesame");
        assert_eq!(shown("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), aladdin);
        assert_eq!(shown("bASIC   QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), aladdin);
        assert_eq!(shown("Basic YTpiOmM="), pair(b"a", b"b:c"));
        assert_eq!(shown("Basic Og=="), pair(b"", b""));
        assert_eq!(shown("Basic dGVzdDoxMjPCow=="), pair(b"test", "123\u{a3}".as_bytes()));
    }

    #[test]
    fn bad_credentials() {
        let cases = [
            "",
            "Basic",
            "Basic ",
            "Basic\tYTpi",
            "BasicYTpi",
            "Bearer YTpi",
            "Basic YTpi YTpi",
            "Basic YTpi=",
            "Basic YTpiOmM",
            "Basic YTpiOmN=",
            "Basic YTp_",
            "Basic YT\npi",
            "Basic YWI=",
            "Basic YToA",
        ];
        for value in cases {
            assert_eq!(shown(value), None, "{value}");
        }
    }

    #[test]
    fn too_long_for_the_buffer() {
        let encoded = STANDARD_TEXT.repeat(CREDENTIALS_BYTES_MAX / 3 + 1);
        assert_eq!(shown(&format!("Basic {encoded}")), None);
        assert_eq!(decode(b"Basic YTpi", &mut [0; 2]), None);
        assert!(decode(b"Basic YTpi", &mut [0; 3]).is_some());
    }

    const STANDARD_TEXT: &str = "YTpi";

    #[test]
    fn passwords_are_not_shown() {
        let mut out: Scratch = [0; CREDENTIALS_BYTES_MAX];
        let credentials = decode(b"Basic YTpiOmM=", &mut out).unwrap();
        assert!(!format!("{credentials:?}").contains("98"));
    }
}
