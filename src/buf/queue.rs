//! A byte queue of fixed capacity: read at the front, written at the back.

use core::fmt;

/// The queue has no room for what was to be written; nothing was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no room in the queue")
    }
}

/// A fixed queue of bytes. Its storage is allocated once and never grows.
///
/// `filled()` is what waits to be read, `room()` is where new bytes may be written.
#[derive(Debug)]
pub struct Buf {
    data: Box<[u8]>,
    start: usize,
    end: usize,
    limit: usize,
}

impl Buf {
    /// Makes an empty queue of `capacity` bytes.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        // Zeroed pages come straight from the kernel and are not touched until they are used.
        Self { data: vec![0; capacity].into_boxed_slice(), start: 0, end: 0, limit: capacity }
    }

    /// Bytes that fit when no [`Buf::limit_to`] holds.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.data.len()
    }

    /// Bytes that wait to be read.
    #[must_use]
    pub fn filled(&self) -> &[u8] {
        &self.data[self.start..self.end]
    }

    /// Bytes that wait to be read, to be changed where they are.
    pub fn filled_mut(&mut self) -> &mut [u8] {
        &mut self.data[self.start..self.end]
    }

    /// Number of bytes that wait to be read.
    #[must_use]
    pub fn len(&self) -> usize {
        self.end - self.start
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Bytes that may still be pushed.
    #[must_use]
    pub fn room_len(&self) -> usize {
        self.limit.saturating_sub(self.len())
    }

    /// Lowers the capacity to `limit` bytes until [`Buf::clear`]; what is filled stays.
    pub fn limit_to(&mut self, limit: usize) {
        self.limit = limit.min(self.data.len());
    }

    /// The free space behind the filled bytes, contiguous; follow with [`Buf::commit`].
    pub fn room(&mut self) -> &mut [u8] {
        self.compact();
        let end = self.limit.max(self.end);
        &mut self.data[self.end..end]
    }

    /// Declares `n` bytes of [`Buf::room`] as filled.
    ///
    /// # Panics
    /// When `n` is more than the room, which is a bug of the caller.
    pub fn commit(&mut self, n: usize) {
        assert!(n <= self.data.len() - self.end, "commit of more than the room");
        self.end += n;
    }

    /// Appends as much of `bytes` as there is room for and says how much that was.
    pub fn push(&mut self, bytes: &[u8]) -> usize {
        let n = bytes.len().min(self.room_len());
        // `put` cannot fail: `n` fits.
        let _ = self.put(&bytes[..n]);
        n
    }

    /// Appends all of `bytes`, or nothing.
    ///
    /// # Errors
    /// [`Full`] when there is not enough room.
    pub fn put(&mut self, bytes: &[u8]) -> Result<(), Full> {
        if bytes.len() > self.room_len() {
            return Err(Full);
        }
        if bytes.len() > self.data.len() - self.end {
            self.compact();
        }
        self.data[self.end..self.end + bytes.len()].copy_from_slice(bytes);
        self.end += bytes.len();
        Ok(())
    }

    /// Takes `n` bytes from the front.
    ///
    /// # Panics
    /// When fewer than `n` bytes are filled, which is a bug of the caller.
    pub fn consume(&mut self, n: usize) {
        assert!(n <= self.len(), "consume of more than is filled");
        self.start += n;
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
    }

    /// Takes `n` bytes out from behind the first `at` ones.
    ///
    /// # Panics
    /// When fewer than `at + n` bytes are filled, which is a bug of the caller.
    pub fn cut(&mut self, at: usize, n: usize) {
        assert!(at + n <= self.len(), "cut of more than is filled");
        let from = self.start + at;
        self.data.copy_within(from + n..self.end, from);
        self.end -= n;
    }

    /// Cuts the queue back to its first `n` bytes; used to undo a half-written head.
    pub fn truncate(&mut self, n: usize) {
        if n < self.len() {
            self.end = self.start + n;
        }
    }

    /// Forgets everything and lifts a [`Buf::limit_to`].
    pub fn clear(&mut self) {
        self.start = 0;
        self.end = 0;
        self.limit = self.data.len();
    }

    fn compact(&mut self) {
        if self.start > 0 {
            self.data.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
    }
}

/// `write!` into a queue: all or nothing per piece, `fmt::Error` when it is full.
impl fmt::Write for Buf {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        self.put(s.as_bytes()).map_err(|Full| fmt::Error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn put_is_all_or_nothing_and_push_takes_what_fits() {
        let mut buf = Buf::with_capacity(4);
        assert_eq!(buf.put(b"abcde"), Err(Full));
        assert!(buf.is_empty());
        assert_eq!(buf.push(b"abcde"), 4);
        assert_eq!(buf.filled(), b"abcd");
        assert_eq!(buf.room_len(), 0);
    }

    #[test]
    fn consumed_space_is_used_again() {
        let mut buf = Buf::with_capacity(4);
        buf.put(b"abcd").unwrap();
        buf.consume(3);
        buf.put(b"efg").unwrap();
        assert_eq!(buf.filled(), b"defg");
        buf.consume(4);
        assert_eq!(buf.room().len(), 4);
    }

    #[test]
    fn a_limit_lowers_the_room_until_cleared() {
        let mut buf = Buf::with_capacity(8);
        buf.put(b"ab").unwrap();
        buf.limit_to(3);
        assert_eq!(buf.room().len(), 1);
        assert_eq!(buf.push(b"xyz"), 1);
        buf.limit_to(1);
        assert_eq!(buf.room_len(), 0);
        assert_eq!(buf.room().len(), 0);
        buf.clear();
        assert_eq!(buf.room_len(), 8);
    }

    #[test]
    fn a_piece_is_cut_from_the_middle() {
        let mut buf = Buf::with_capacity(8);
        buf.put(b"abcdefgh").unwrap();
        buf.consume(1);
        buf.cut(2, 3);
        assert_eq!(buf.filled(), b"bcgh");
        buf.cut(4, 0);
        buf.cut(0, 4);
        assert!(buf.is_empty());
    }

    #[test]
    fn truncate_undoes_the_newest_bytes() {
        let mut buf = Buf::with_capacity(8);
        buf.put(b"abcdef").unwrap();
        buf.consume(1);
        buf.truncate(2);
        assert_eq!(buf.filled(), b"bc");
    }
}
