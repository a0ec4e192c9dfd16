//! How long the body of a request is (RFC 9112 section 6). Where two readers could disagree,
//! the request is refused: this is where request smuggling is stopped.

use super::fields::{Field, Fields};
use super::refusal::{Refusal, bad};
use super::status::Status;
use super::token;
use super::version::Version;

/// The framing of a request body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// No body and no field that speaks of one.
    None,
    /// `Content-Length`, in bytes; may be 0.
    Length(u64),
    /// `Transfer-Encoding: chunked`
    Chunked,
}

impl Framing {
    /// Whether no body bytes follow the head.
    #[must_use]
    pub fn is_empty(self) -> bool {
        matches!(self, Self::None | Self::Length(0))
    }

    /// Decides the framing of a request.
    ///
    /// # Errors
    /// 400 for anything ambiguous or malformed, 501 for a transfer coding that is not known.
    pub fn of_request(fields: &Fields<'_>, version: Version) -> Result<Self, Refusal> {
        let chunked = fields.has(Field::TransferEncoding);
        let Some(length) = fields.get(Field::ContentLength) else {
            return if chunked { transfer_coding(fields, version) } else { Ok(Self::None) };
        };
        if chunked {
            return Err(bad("both Content-Length and Transfer-Encoding"));
        }
        if fields.is_repeated(Field::ContentLength) {
            return Err(bad("more than one Content-Length"));
        }
        token::decimal(length).map(Self::Length).ok_or_else(|| bad("invalid Content-Length"))
    }
}

/// Only `chunked` alone is taken. A list without `chunked` at its end has no known length and
/// must be a 400 (RFC 9112 section 6.3); for a coding that nobody registered, 501 says more.
fn transfer_coding(fields: &Fields<'_>, version: Version) -> Result<Framing, Refusal> {
    if version == Version::Http10 {
        return Err(bad("Transfer-Encoding in HTTP/1.0"));
    }
    let mut chunked = false;
    let mut others = 0_u8;
    let mut unknown = false;
    for member in fields.all(Field::TransferEncoding).flat_map(token::members) {
        if chunked {
            return Err(bad("a transfer coding follows chunked"));
        }
        let mut parts = member.split(|&b| b == b';').map(token::trim);
        let coding = parts.next().unwrap_or_default();
        if !token::is_token(coding) {
            return Err(bad("invalid Transfer-Encoding"));
        }
        if coding.eq_ignore_ascii_case(b"chunked") {
            if parts.next().is_some() {
                return Err(bad("chunked has no parameters"));
            }
            chunked = true;
        } else {
            unknown |= !is_registered(coding);
            others = others.saturating_add(1);
        }
    }
    match (chunked, others) {
        (true, 0) => Ok(Framing::Chunked),
        (false, _) if !unknown => Err(bad("the last transfer coding is not chunked")),
        _ => Err(Refusal { status: Status::NOT_IMPLEMENTED, why: "unknown transfer coding" }),
    }
}

fn is_registered(coding: &[u8]) -> bool {
    [b"gzip".as_slice(), b"x-gzip", b"deflate", b"compress", b"x-compress", b"identity"]
        .iter()
        .any(|known| coding.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use httparse::Header;

    use super::*;

    /// `framing` or the refusal's status, for `name: value` lines.
    fn of(lines: &[(&str, &str)], version: Version) -> Result<Framing, u16> {
        let headers: Vec<Header<'_>> =
            lines.iter().map(|&(name, value)| Header { name, value: value.as_bytes() }).collect();
        Framing::of_request(&Fields::new(&headers), version).map_err(|r| r.status.code())
    }

    #[test]
    fn content_length() {
        let cases = [
            ("0", Ok(Framing::Length(0))),
            ("5", Ok(Framing::Length(5))),
            ("0005", Ok(Framing::Length(5))),
            ("18446744073709551615", Ok(Framing::Length(u64::MAX))),
            ("18446744073709551616", Err(400)),
            ("99999999999999999999999999", Err(400)),
            ("", Err(400)),
            ("+5", Err(400)),
            ("-5", Err(400)),
            ("5,5", Err(400)),
            ("5, 5", Err(400)),
            ("5 5", Err(400)),
            ("0x5", Err(400)),
            ("5.0", Err(400)),
            ("5;", Err(400)),
            ("five", Err(400)),
        ];
        for (value, wanted) in cases {
            assert_eq!(of(&[("Content-Length", value)], Version::Http11), wanted, "{value}");
        }
        let twice = [("Content-Length", "5"), ("content-length", "5")];
        assert_eq!(of(&twice, Version::Http11), Err(400));
        assert_eq!(of(&[], Version::Http11), Ok(Framing::None));
    }

    #[test]
    fn transfer_encoding() {
        let cases = [
            ("chunked", Ok(Framing::Chunked)),
            ("CHUNKED", Ok(Framing::Chunked)),
            ("chunked, chunked", Err(400)),
            ("chunked, gzip", Err(400)),
            ("chunked;a=b", Err(400)),
            ("chunked,", Err(400)),
            (",chunked", Err(400)),
            ("", Err(400)),
            ("chun ked", Err(400)),
            ("\"chunked\"", Err(400)),
            ("gzip", Err(400)),
            ("identity", Err(400)),
            ("gzip, chunked", Err(501)),
            ("xchunked", Err(501)),
            ("chunked1", Err(501)),
            ("brand-new;q=1, chunked", Err(501)),
        ];
        for (value, wanted) in cases {
            assert_eq!(of(&[("Transfer-Encoding", value)], Version::Http11), wanted, "{value}");
        }
        assert_eq!(of(&[("Transfer-Encoding", "chunked")], Version::Http10), Err(400));
    }

    #[test]
    fn smuggling_by_two_lines() {
        let te = ("Transfer-Encoding", "chunked");
        let cases: [&[(&str, &str)]; 4] = [
            &[te, te],
            &[te, ("Content-Length", "5")],
            &[("Content-Length", "5"), te],
            &[te, ("transfer-encoding", "identity")],
        ];
        for lines in cases {
            assert_eq!(of(lines, Version::Http11), Err(400), "{lines:?}");
        }
    }
}
