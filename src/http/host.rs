//! The authority of a request: `uri-host [ ":" port ]` (RFC 9110 section 7.2, RFC 3986 section
//! 3.2). User information is an attack, never a host (RFC 9110 section 4.2.4).

use core::net::Ipv6Addr;

use super::token::{decimal, hex_value, is_reg_name};

/// A host and its port, as they were written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Host<'b> {
    /// The name; an IPv6 literal keeps its brackets. Compare it without regard to case.
    pub name: &'b [u8],
    /// The port, if one was written.
    pub port: Option<u16>,
    /// Name and port as written: safe to repeat in a URL.
    pub text: &'b [u8],
}

/// Why something is not a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostError {
    /// Nothing is there, or only a port.
    Empty,
    /// A byte, bracket or percent sign where none may be.
    Malformed,
    /// The port is not a number up to 65535.
    Port,
}

impl<'b> Host<'b> {
    /// Reads `host`, `host:`, `host:port` or the same with a bracketed address.
    ///
    /// # Errors
    /// [`HostError`] when it is none of these.
    pub fn parse(text: &'b [u8]) -> Result<Self, HostError> {
        let name_len = match text.first() {
            None => return Err(HostError::Empty),
            Some(b'[') => literal_len(text)?,
            Some(_) => reg_name_len(text)?,
        };
        let (name, rest) = text.split_at_checked(name_len).ok_or(HostError::Malformed)?;
        let port = match rest {
            [] | [b':'] => None,
            [b':', digits @ ..] => {
                let port = decimal(digits).and_then(|n| u16::try_from(n).ok());
                Some(port.ok_or(HostError::Port)?)
            }
            _ => return Err(HostError::Malformed),
        };
        if name.is_empty() {
            return Err(HostError::Empty);
        }
        Ok(Self { name, port, text })
    }

    /// Whether this is the name `name`, in any case. Ports are not looked at.
    #[must_use]
    pub fn is(&self, name: &[u8]) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }
}

/// Bytes of the registered name (or IPv4 address) that `text` begins with.
fn reg_name_len(text: &[u8]) -> Result<usize, HostError> {
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        if is_reg_name(byte) {
            at += 1;
        } else if byte == b':' {
            break;
        } else if byte == b'%' {
            let digit = |n: usize| text.get(at + n).copied().and_then(hex_value);
            digit(1).zip(digit(2)).ok_or(HostError::Malformed)?;
            at += 3;
        } else {
            return Err(HostError::Malformed);
        }
    }
    Ok(at)
}

/// Bytes of the bracketed address that `text` begins with. No zone (RFC 9110 has none) and no
/// form of a future version: nothing could be reached by them.
fn literal_len(text: &[u8]) -> Result<usize, HostError> {
    let close = memchr::memchr(b']', text).ok_or(HostError::Malformed)?;
    let inner = text.get(1..close).unwrap_or_default();
    let address = core::str::from_utf8(inner).ok().and_then(|s| s.parse::<Ipv6Addr>().ok());
    address.map(|_| close + 1).ok_or(HostError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_hosts() {
        let cases: [(&str, &str, Option<u16>); 11] = [
            ("a", "a", None),
            ("Example.COM", "Example.COM", None),
            ("example.com:80", "example.com", Some(80)),
            ("example.com:", "example.com", None),
            ("example.com.", "example.com.", None),
            ("under_score-dash~", "under_score-dash~", None),
            ("192.0.2.1:65535", "192.0.2.1", Some(65535)),
            ("[::1]", "[::1]", None),
            ("[2001:db8::1]:8080", "[2001:db8::1]", Some(8080)),
            ("[::ffff:192.0.2.1]:", "[::ffff:192.0.2.1]", None),
            ("a%2Db:00080", "a%2Db", Some(80)),
        ];
        for (text, name, port) in cases {
            let host = Host::parse(text.as_bytes()).unwrap();
            assert_eq!((host.name, host.port), (name.as_bytes(), port), "{text}");
            assert_eq!(host.text, text.as_bytes());
        }
        assert!(Host::parse(b"Example.COM").unwrap().is(b"example.com"));
    }

    #[test]
    fn bad_hosts() {
        use HostError::{Empty, Malformed, Port};
        let cases = [
            ("", Empty),
            (":80", Empty),
            (":", Empty),
            ("a b", Malformed),
            ("user@a", Malformed),
            ("user:pw@a", Port),
            ("a/b", Malformed),
            ("a?b", Malformed),
            ("a#b", Malformed),
            ("a\\b", Malformed),
            ("a%zz", Malformed),
            ("a%2", Malformed),
            ("a\"", Malformed),
            ("\u{e9}", Malformed),
            ("a:b", Port),
            ("a:80:80", Port),
            ("a:65536", Port),
            ("a:-1", Port),
            ("a:+1", Port),
            ("[::1", Malformed),
            ("[::1]a", Malformed),
            ("[fe80::1%25eth0]", Malformed),
            ("[g::1]", Malformed),
            ("::1", Port),
        ];
        for (text, error) in cases {
            assert_eq!(Host::parse(text.as_bytes()), Err(error), "{text}");
        }
        // A comma is a legal byte of a name; a joined "a, b" still fails for its space.
        assert!(Host::parse(b"a,b").is_ok());
        assert_eq!(Host::parse(b"a, b"), Err(Malformed));
    }
}
