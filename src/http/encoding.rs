//! Content codings by Accept-Encoding (RFC 9110 section 12.5.3), for choosing among a file and
//! its precompressed siblings.

use super::token::{members, trim};

/// A content coding that a representation may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// `br`
    Brotli,
    /// `gzip`
    Gzip,
    /// No coding.
    Identity,
}

impl Coding {
    /// The value of Content-Encoding; none for no coding.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Brotli => Some("br"),
            Self::Gzip => Some("gzip"),
            Self::Identity => None,
        }
    }
}

/// How much a client wants each coding: quality times 1000; 0 is "not at all".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// `br`
    pub brotli: u16,
    /// `gzip` or `x-gzip`
    pub gzip: u16,
    /// `identity`. 1 when it is acceptable only because nothing forbids it.
    pub identity: u16,
}

/// The quality of something that was not asked for and is not forbidden.
const TOLERATED: u16 = 1;

impl Accepted {
    /// A client that said nothing.
    pub const IDENTITY: Self = Self { brotli: 0, gzip: 0, identity: TOLERATED };

    /// Reads the lines of Accept-Encoding. Without any, no coding is wanted: a client that says
    /// nothing may be too simple for one. Malformed members count as absent.
    #[must_use]
    pub fn parse<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Self {
        let (mut brotli, mut gzip, mut identity, mut any) = (None, None, None, None);
        for member in lines.flat_map(members) {
            let mut parts = member.split(|&b| b == b';').map(trim);
            let coding = parts.next().unwrap_or_default();
            let place = match coding {
                _ if coding.eq_ignore_ascii_case(b"br") => &mut brotli,
                _ if coding.eq_ignore_ascii_case(b"gzip") => &mut gzip,
                _ if coding.eq_ignore_ascii_case(b"x-gzip") => &mut gzip,
                _ if coding.eq_ignore_ascii_case(b"identity") => &mut identity,
                b"*" => &mut any,
                _ => continue,
            };
            let weight = match parts.next() {
                None => Some(1000),
                Some(weight) => quality(weight).filter(|_| parts.next().is_none()),
            };
            // The first word counts, so that a repetition cannot widen a refusal.
            *place = place.or(weight);
        }
        let tolerated = if any == Some(0) { 0 } else { TOLERATED };
        Self {
            brotli: brotli.or(any).unwrap_or(0),
            gzip: gzip.or(any).unwrap_or(0),
            identity: identity.unwrap_or(tolerated),
        }
    }

    /// The coding to send when `brotli` and `gzip` siblings exist or not. At the same quality
    /// the smaller one is taken. When nothing is acceptable it is no coding all the same: RFC
    /// 9110 allows it, and it helps more than a 406.
    #[must_use]
    pub fn choose(&self, brotli: bool, gzip: bool) -> Coding {
        let mut best = (Coding::Identity, self.identity);
        for (coding, exists, weight) in
            [(Coding::Gzip, gzip, self.gzip), (Coding::Brotli, brotli, self.brotli)]
        {
            if exists && weight > 0 && weight >= best.1 {
                best = (coding, weight);
            }
        }
        best.0
    }
}

/// `q=0` to `q=1` with at most three decimals, times 1000 (RFC 9110 section 12.4.2).
fn quality(weight: &[u8]) -> Option<u16> {
    let value = match weight {
        [b'q' | b'Q', b'=', value @ ..] => value,
        _ => return None,
    };
    let (whole, decimals) = match value {
        [whole @ (b'0' | b'1')] => (whole, b"".as_slice()),
        [whole @ (b'0' | b'1'), b'.', decimals @ ..] if decimals.len() <= 3 => (whole, decimals),
        _ => return None,
    };
    let mut sum = u16::from(whole - b'0') * 1000;
    for (digit, worth) in decimals.iter().zip([100, 10, 1]) {
        if !digit.is_ascii_digit() {
            return None;
        }
        sum += u16::from(digit - b'0') * worth;
    }
    (sum <= 1000).then_some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(lines: &[&str]) -> &'static str {
        let accepted = Accepted::parse(lines.iter().map(|line| line.as_bytes()));
        accepted.choose(true, true).name().unwrap_or("-")
    }

    #[test]
    fn preferences_when_both_siblings_exist() {
        let cases: [(&[&str], &str); 24] = [
            (&[], "-"),
            (&[""], "-"),
            (&["gzip"], "gzip"),
            (&["GZIP"], "gzip"),
            (&["x-gzip"], "gzip"),
            (&["br"], "br"),
            (&["gzip, deflate, br, zstd"], "br"),
            (&["gzip", "br"], "br"),
            (&["gzip;q=1.0, br;q=0.9"], "gzip"),
            (&["gzip;q=0.001"], "gzip"),
            (&["gzip;q=0"], "-"),
            (&["gzip;q=0.000, br;q=0"], "-"),
            (&["gzip ; q=0.5 , br ; q=0.4"], "gzip"),
            (&["identity, gzip;q=0.5"], "-"),
            (&["identity;q=0.5, gzip;q=0.5"], "gzip"),
            (&["*"], "br"),
            (&["*, br;q=0"], "gzip"),
            (&["*;q=0"], "-"),
            (&["*;q=0, gzip"], "gzip"),
            (&["identity;q=0"], "-"),
            (&["gzip;q=0, gzip"], "-"),
            (&["gzip;q=2"], "-"),
            (&["gzip;q=0.1234"], "-"),
            (&["gzip;level=9"], "-"),
        ];
        for (lines, wanted) in cases {
            assert_eq!(choose(lines), wanted, "{lines:?}");
        }
    }

    #[test]
    fn only_what_exists_is_chosen() {
        let accepted = Accepted::parse([b"br, gzip;q=0.5".as_slice()].into_iter());
        assert_eq!(accepted.choose(false, true), Coding::Gzip);
        assert_eq!(accepted.choose(true, false), Coding::Brotli);
        assert_eq!(accepted.choose(false, false), Coding::Identity);
        assert_eq!(accepted, Accepted { brotli: 1000, gzip: 500, identity: 1 });
    }

    #[test]
    fn qualities() {
        let cases = [
            ("q=1", Some(1000)),
            ("Q=0", Some(0)),
            ("q=1.", Some(1000)),
            ("q=0.25", Some(250)),
            ("q=1.000", Some(1000)),
            ("q=1.001", None),
            ("q=.5", None),
            ("q=", None),
            ("q=-1", None),
            ("q= 1", None),
            ("r=1", None),
        ];
        for (text, wanted) in cases {
            assert_eq!(quality(text.as_bytes()), wanted, "{text}");
        }
    }
}
