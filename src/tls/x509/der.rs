//! Reading and writing DER (X.690), as far as certificates need it.
//!
//! Strict: definite lengths in their shortest form, tags of one byte, nothing left over where a
//! structure ends. Values are views into the input; reading allocates nothing.

use core::fmt;

/// BOOLEAN
pub(super) const BOOLEAN: u8 = 0x01;
/// INTEGER
pub(super) const INTEGER: u8 = 0x02;
/// BIT STRING
pub(super) const BIT_STRING: u8 = 0x03;
/// OCTET STRING
pub(super) const OCTET_STRING: u8 = 0x04;
/// OBJECT IDENTIFIER
pub(super) const OID: u8 = 0x06;
/// UTF8String
pub(super) const UTF8_STRING: u8 = 0x0c;
/// UTCTime
pub(super) const UTC_TIME: u8 = 0x17;
/// GeneralizedTime
pub(super) const GENERALIZED_TIME: u8 = 0x18;
/// SEQUENCE, SEQUENCE OF
pub(super) const SEQUENCE: u8 = 0x30;
/// SET, SET OF
pub(super) const SET: u8 = 0x31;

/// The tag of a member `[number]` that holds bytes.
pub(super) const fn tagged(number: u8) -> u8 {
    0x80 | number
}

/// The tag of a member `[number]` that holds elements.
pub(super) const fn tagged_around(number: u8) -> u8 {
    0xa0 | number
}

/// Elements within elements that are read before the input is refused; a certificate has fewer
/// than ten.
const DEPTH_MAX: u8 = 16;

/// The bytes are no DER, or not the structure that was expected; says what was wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed(pub(super) &'static str);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// One tag, length and value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Element<'a> {
    /// The tag.
    pub(super) tag: u8,
    /// The value.
    pub(super) value: &'a [u8],
    /// The element as a whole, with tag and length.
    pub(super) whole: &'a [u8],
    depth: u8,
}

impl<'a> Element<'a> {
    /// Reads the elements inside.
    pub(super) fn inside(&self) -> Result<Reader<'a>, Malformed> {
        if self.depth >= DEPTH_MAX {
            return Err(Malformed("nested too deep"));
        }
        Ok(Reader { rest: self.value, depth: self.depth + 1 })
    }

    /// The bytes of a BIT STRING of whole bytes.
    pub(super) fn whole_bits(&self) -> Result<&'a [u8], Malformed> {
        match self.value {
            [0, bytes @ ..] if self.tag == BIT_STRING => Ok(bytes),
            _ => Err(Malformed("a bit string of whole bytes was expected")),
        }
    }

    /// The value of a BOOLEAN.
    pub(super) fn boolean(&self) -> Result<bool, Malformed> {
        match (self.tag, self.value) {
            (BOOLEAN, [0]) => Ok(false),
            (BOOLEAN, [0xff]) => Ok(true),
            _ => Err(Malformed("a boolean was expected")),
        }
    }
}

/// Reads one element after the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    depth: u8,
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, depth: 0 }
    }

    /// Whether nothing is left.
    pub(super) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Fails unless nothing is left.
    pub(super) const fn end(&self) -> Result<(), Malformed> {
        if self.rest.is_empty() { Ok(()) } else { Err(Malformed("something follows the end")) }
    }

    /// The next element, whatever it is.
    pub(super) fn any(&mut self) -> Result<Element<'a>, Malformed> {
        const CUT: Malformed = Malformed("it ends too early");
        let whole = self.rest;
        let (&tag, after_tag) = whole.split_first().ok_or(CUT)?;
        if tag & 0x1f == 0x1f {
            return Err(Malformed("a tag of several bytes"));
        }
        let (&first, after_first) = after_tag.split_first().ok_or(CUT)?;
        let (len, after_len) = if first < 0x80 {
            (usize::from(first), after_first)
        } else {
            let digits = usize::from(first & 0x7f);
            if !(1..=4).contains(&digits) {
                return Err(Malformed("a length without an end, or of more than four bytes"));
            }
            let (bytes, after) = after_first.split_at_checked(digits).ok_or(CUT)?;
            let len = bytes.iter().fold(0_u32, |sum, &byte| sum << 8 | u32::from(byte));
            if bytes.first() == Some(&0) || len < 0x80 {
                return Err(Malformed("a length that is not in its shortest form"));
            }
            (usize::try_from(len).map_err(|_| CUT)?, after)
        };
        let (value, rest) = after_len.split_at_checked(len).ok_or(CUT)?;
        self.rest = rest;
        // Fits: `rest` is the end of `whole`.
        let (whole, _) = whole.split_at(whole.len() - rest.len());
        Ok(Element { tag, value, whole, depth: self.depth })
    }

    /// The next element, which must have this tag.
    pub(super) fn take(&mut self, tag: u8) -> Result<Element<'a>, Malformed> {
        let element = self.any()?;
        if element.tag == tag { Ok(element) } else { Err(Malformed("an element of another type")) }
    }

    /// The elements inside the next one, which must have this tag.
    pub(super) fn enter(&mut self, tag: u8) -> Result<Self, Malformed> {
        self.take(tag)?.inside()
    }

    /// The next element if it has this tag.
    pub(super) fn optional(&mut self, tag: u8) -> Result<Option<Element<'a>>, Malformed> {
        if self.rest.first() == Some(&tag) { self.take(tag).map(Some) } else { Ok(None) }
    }
}

/// An element of `tag` around the `parts`, one after the other.
pub(super) fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let len = parts.iter().map(|part| part.len()).sum::<usize>();
    let mut out = Vec::with_capacity(len + 6);
    out.push(tag);
    let bytes = len.to_be_bytes();
    match (u8::try_from(len), bytes.iter().position(|&byte| byte != 0)) {
        (Ok(short @ 0..=0x7f), _) => out.push(short),
        (_, first) => {
            let digits = bytes.get(first.unwrap_or(0)..).unwrap_or_default();
            // Fits: a usize has at most eight bytes.
            out.push(0x80 | digits.len() as u8);
            out.extend_from_slice(digits);
        }
    }
    for part in parts {
        out.extend_from_slice(part);
    }
    out
}

/// A BIT STRING of whole bytes.
pub(super) fn bits(bytes: &[u8]) -> Vec<u8> {
    element(BIT_STRING, &[&[0], bytes])
}

#[cfg(test)]
#[path = "der_tests.rs"]
mod tests;
