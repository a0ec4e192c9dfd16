//! The block pool: where bytes wait between two turns of a connection.
//!
//! All blocks are mapped once and touched only when they are used, the lowest ones first, so
//! that the pages of the upper ones can be given back after a burst.

use super::queue::Buf;

/// Bytes of a block: one page on the boards that this is for.
pub const BLOCK_BYTES: usize = 4096;

/// Most blocks that a pool can have; block numbers have 16 bits.
pub const BLOCKS_MAX: usize = NONE as usize;

const NONE: u16 = u16::MAX;

/// Bytes in the pool that belong together, in order. An empty chain holds no block.
///
/// A chain must be emptied by [`Pool::load`] or [`Pool::release`] before it is forgotten, or
/// its blocks are lost; debug builds notice.
#[derive(Debug, PartialEq, Eq)]
pub struct Chain {
    head: u16,
    len: u32,
}

impl Chain {
    /// A chain of nothing.
    pub const EMPTY: Self = Self { head: NONE, len: 0 };

    /// Bytes in the chain.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        debug_assert!(self.len == 0 || std::thread::panicking(), "a chain leaks its blocks");
    }
}

/// A fixed number of blocks of [`BLOCK_BYTES`].
#[derive(Debug)]
pub struct Pool {
    data: Box<[u8]>,
    /// Where the first block begins, so that blocks are pages.
    offset: usize,
    /// One bit a block, set when it is free.
    free: Box<[u64]>,
    /// The block that follows in its chain.
    next: Box<[u16]>,
    free_count: usize,
    /// One past the highest block used since the last [`Pool::trim`].
    touched: usize,
}

impl Pool {
    /// Maps `blocks` blocks, at most [`BLOCKS_MAX`].
    #[must_use]
    pub fn new(blocks: usize) -> Self {
        let blocks = blocks.min(BLOCKS_MAX);
        let data = vec![0; (blocks + 1) * BLOCK_BYTES].into_boxed_slice();
        let offset = data.as_ptr().align_offset(BLOCK_BYTES).min(BLOCK_BYTES);
        let mut free = vec![0_u64; blocks.div_ceil(64)].into_boxed_slice();
        for (word, bits) in free.iter_mut().enumerate() {
            let here = (blocks - word * 64).min(64);
            *bits = if here == 64 { u64::MAX } else { (1 << here) - 1 };
        }
        let next = vec![0; blocks].into_boxed_slice();
        Self { data, offset, free, next, free_count: blocks, touched: 0 }
    }

    /// Blocks in all.
    #[must_use]
    pub fn blocks(&self) -> usize {
        self.next.len()
    }

    /// Blocks that are free.
    #[must_use]
    pub fn free_blocks(&self) -> usize {
        self.free_count
    }

    /// Bytes that a [`Pool::store`] into an empty chain could take now.
    #[must_use]
    pub fn free_bytes(&self) -> usize {
        self.free_count * BLOCK_BYTES
    }

    /// Stores `bytes` as a new chain, or nothing when there are not enough blocks.
    pub fn store(&mut self, bytes: &[u8]) -> Option<Chain> {
        if bytes.len().div_ceil(BLOCK_BYTES) > self.free_count {
            return None;
        }
        let mut head = NONE;
        // From the back to the front, so that each block knows its follower.
        for piece in bytes.chunks(BLOCK_BYTES).rev() {
            let Some(block) = self.take() else {
                self.release(&mut Chain { head, len: 0 });
                return None;
            };
            let at = self.at(block);
            self.data[at..at + piece.len()].copy_from_slice(piece);
            self.next[usize::from(block)] = head;
            head = block;
        }
        Some(Chain { head, len: u32::try_from(bytes.len()).unwrap_or(u32::MAX) })
    }

    /// Appends the bytes of `chain` to `buf` and frees its blocks; what does not fit is lost,
    /// so the caller makes sure that it fits.
    pub fn load(&mut self, chain: &mut Chain, buf: &mut Buf) {
        debug_assert!(chain.len() <= buf.room_len(), "a chain must fit the queue it is loaded to");
        let mut left = chain.len();
        let mut block = chain.head;
        while left > 0 && block != NONE {
            let here = left.min(BLOCK_BYTES);
            let at = self.at(block);
            buf.push(&self.data[at..at + here]);
            left -= here;
            block = self.next[usize::from(block)];
        }
        self.release(chain);
    }

    /// Frees the blocks of `chain`.
    pub fn release(&mut self, chain: &mut Chain) {
        let mut block = chain.head;
        while block != NONE {
            let index = usize::from(block);
            debug_assert!(self.free[index / 64] & (1 << (index % 64)) == 0, "double free");
            self.free[index / 64] |= 1 << (index % 64);
            self.free_count += 1;
            block = self.next[index];
        }
        *chain = {
            chain.len = 0;
            Chain::EMPTY
        };
    }

    /// Hands the memory of free blocks to `give_back`, run by run.
    pub fn trim(&mut self, mut give_back: impl FnMut(&mut [u8])) {
        let mut block = 0;
        while block < self.touched {
            let free = (block..self.touched).take_while(|&b| self.is_free(b)).count();
            if free > 0 {
                let from = self.offset + block * BLOCK_BYTES;
                give_back(&mut self.data[from..from + free * BLOCK_BYTES]);
            }
            if block + free == self.touched {
                self.touched = block;
            }
            block += free + 1;
        }
    }

    fn is_free(&self, block: usize) -> bool {
        self.free[block / 64] & (1 << (block % 64)) != 0
    }

    fn at(&self, block: u16) -> usize {
        self.offset + usize::from(block) * BLOCK_BYTES
    }

    /// Takes the lowest free block.
    fn take(&mut self) -> Option<u16> {
        for (word, bits) in self.free.iter_mut().enumerate() {
            if *bits != 0 {
                let bit = bits.trailing_zeros() as usize;
                *bits &= *bits - 1;
                self.free_count -= 1;
                let block = word * 64 + bit;
                self.touched = self.touched.max(block + 1);
                return u16::try_from(block).ok();
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_loaded_again() {
        let mut pool = Pool::new(5);
        let bytes: Vec<u8> = (0..10_000_u32).map(|n| n as u8).collect();
        let mut chain = pool.store(&bytes).unwrap();
        assert_eq!((chain.len(), pool.free_blocks()), (10_000, 2));
        let mut buf = Buf::with_capacity(12_000);
        buf.put(b"ab").unwrap();
        pool.load(&mut chain, &mut buf);
        assert_eq!(&buf.filled()[2..], &bytes[..]);
        assert_eq!(pool.free_blocks(), 5);
        assert!(chain.is_empty());
    }

    #[test]
    fn too_much_is_refused_whole() {
        let mut pool = Pool::new(2);
        assert!(pool.store(&[0; 2 * BLOCK_BYTES + 1]).is_none());
        assert_eq!(pool.free_blocks(), 2);
        let mut all = pool.store(&[0; 2 * BLOCK_BYTES]).unwrap();
        assert!(pool.store(b"x").is_none());
        pool.release(&mut all);
        assert_eq!(pool.free_bytes(), 2 * BLOCK_BYTES);
    }

    #[test]
    fn nothing_needs_no_block() {
        let mut pool = Pool::new(0);
        assert_eq!(pool.store(b""), Some(Chain::EMPTY));
    }

    #[test]
    fn lowest_blocks_first_and_free_pages_given_back() {
        let mut pool = Pool::new(200);
        let mut chains: Vec<Chain> = (0..150).map(|_| pool.store(b"x").unwrap()).collect();
        for chain in &mut chains[1..] {
            pool.release(chain);
        }
        let mut given = 0;
        pool.trim(|bytes| given += bytes.len());
        assert_eq!(given, 149 * BLOCK_BYTES);
        pool.trim(|_| panic!("nothing was touched since"));
        let mut low = pool.store(b"y").unwrap();
        let mut high = pool.store(b"z").unwrap();
        assert_eq!((low.head, high.head), (1, 2));
        pool.release(&mut low);
        let mut between = 0;
        pool.trim(|bytes| between += bytes.len());
        assert_eq!(between, BLOCK_BYTES);
        pool.release(&mut high);
        pool.release(&mut chains[0]);
    }
}
