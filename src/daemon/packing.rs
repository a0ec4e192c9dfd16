//! Bytes that processes of one server hand to each other: numbers big-endian, texts and lists with
//! their length before them, and nothing left over.

use std::fmt;

/// Why bytes cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// They end too early.
    Truncated,
    /// Something follows the end.
    Trailing,
    /// They are of another version of this format.
    Version,
    /// A value is none that there is.
    Value,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truncated => "it ends too early",
            Self::Trailing => "something follows its end",
            Self::Version => "it is of another version",
            Self::Value => "it has an unknown value",
        })
    }
}

impl std::error::Error for Malformed {}

/// Something that bytes can be added to.
pub(super) trait Pack {
    /// Adds all of `bytes`.
    fn bytes(&mut self, bytes: &[u8]);

    fn u8(&mut self, value: u8) {
        self.bytes(&[value]);
    }

    fn u16(&mut self, value: u16) {
        self.bytes(&value.to_be_bytes());
    }

    fn u32(&mut self, value: u32) {
        self.bytes(&value.to_be_bytes());
    }

    fn u64(&mut self, value: u64) {
        self.bytes(&value.to_be_bytes());
    }

    fn flag(&mut self, value: bool) {
        self.u8(u8::from(value));
    }

    /// A length, or the number of entries of a list; what has more is cut by whoever made it.
    fn length(&mut self, value: usize) {
        self.u32(u32::try_from(value).unwrap_or(u32::MAX));
    }

    fn blob(&mut self, value: &[u8]) {
        self.length(value.len());
        self.bytes(value);
    }

    fn text(&mut self, value: &str) {
        self.blob(value.as_bytes());
    }

    /// Whether there is a value, and the value if there is one.
    fn optional<T>(&mut self, value: Option<T>, put: impl FnOnce(&mut Self, T))
    where
        Self: Sized,
    {
        self.flag(value.is_some());
        if let Some(value) = value {
            put(self, value);
        }
    }

    /// A user and a group, if there are any.
    fn owner(&mut self, owner: Option<(u32, u32)>)
    where
        Self: Sized,
    {
        self.optional(owner, |to, (user, group)| {
            to.u32(user);
            to.u32(group);
        });
    }
}

impl Pack for Vec<u8> {
    fn bytes(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// What is left to be read.
pub(super) struct Unpacker<'a> {
    rest: &'a [u8],
}

impl<'a> Unpacker<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn bytes(&mut self, n: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(n).ok_or(Malformed::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(Malformed::Truncated)?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(super) fn u8(&mut self) -> Result<u8, Malformed> {
        self.array().map(u8::from_be_bytes)
    }

    pub(super) fn u16(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, Malformed> {
        self.array().map(u64::from_be_bytes)
    }

    pub(super) fn flag(&mut self) -> Result<bool, Malformed> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Malformed::Value),
        }
    }

    fn length(&mut self) -> Result<usize, Malformed> {
        usize::try_from(self.u32()?).map_err(|_| Malformed::Truncated)
    }

    pub(super) fn blob(&mut self) -> Result<&'a [u8], Malformed> {
        let n = self.length()?;
        self.bytes(n)
    }

    pub(super) fn text(&mut self) -> Result<String, Malformed> {
        let text = std::str::from_utf8(self.blob()?).map_err(|_| Malformed::Value)?;
        Ok(text.to_owned())
    }

    pub(super) fn optional<T>(
        &mut self,
        take: impl FnOnce(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Option<T>, Malformed> {
        if self.flag()? { take(self).map(Some) } else { Ok(None) }
    }

    pub(super) fn owner(&mut self) -> Result<Option<(u32, u32)>, Malformed> {
        self.optional(|from| Ok((from.u32()?, from.u32()?)))
    }

    /// A list. No entry is empty, so that its memory is bounded by the bytes that there are.
    pub(super) fn list<T>(
        &mut self,
        mut entry: impl FnMut(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Vec<T>, Malformed> {
        let n = self.length()?;
        if n > self.rest.len() {
            return Err(Malformed::Truncated);
        }
        let mut list = Vec::new();
        for _ in 0..n {
            list.push(entry(self)?);
        }
        Ok(list)
    }

    pub(super) fn end(&self) -> Result<(), Malformed> {
        if self.rest.is_empty() { Ok(()) } else { Err(Malformed::Trailing) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_packed_comes_out() {
        let mut bytes = Vec::new();
        bytes.u8(1);
        bytes.u16(0x0203);
        bytes.u32(0x0405_0607);
        bytes.u64(u64::MAX - 1);
        bytes.flag(true);
        bytes.text("höher");
        bytes.optional(None, |to, value| to.u8(value));
        bytes.owner(Some((7, 8)));
        assert_eq!(&bytes[..7], [1, 2, 3, 4, 5, 6, 7]);
        let mut from = Unpacker::new(&bytes);
        assert_eq!((from.u8(), from.u16(), from.u32()), (Ok(1), Ok(0x0203), Ok(0x0405_0607)));
        assert_eq!((from.u64(), from.flag()), (Ok(u64::MAX - 1), Ok(true)));
        assert_eq!(from.end(), Err(Malformed::Trailing));
        assert_eq!(from.text().as_deref(), Ok("höher"));
        assert_eq!(from.optional(Unpacker::u8), Ok(None));
        assert_eq!(from.owner(), Ok(Some((7, 8))));
        assert_eq!(from.end(), Ok(()));
        assert_eq!(from.u8(), Err(Malformed::Truncated));
    }

    #[test]
    fn lengths_that_are_not_there_take_no_memory() {
        let mut bytes = vec![0xff; 4];
        bytes.u8(1);
        assert_eq!(Unpacker::new(&bytes).blob(), Err(Malformed::Truncated));
        assert_eq!(Unpacker::new(&bytes).list(|from| from.u8()), Err(Malformed::Truncated));
    }

    #[test]
    fn values_that_there_are_not_are_refused() {
        assert_eq!(Unpacker::new(&[2]).flag(), Err(Malformed::Value));
        assert_eq!(Unpacker::new(&[0, 0, 0, 1, 0xff]).text(), Err(Malformed::Value));
    }
}
