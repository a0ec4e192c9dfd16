//! Zeroed memory that costs nothing until it is used, whatever the C library does.
//!
//! Buffers for as many connections as may ever come are allocated once, zeroed, and most of their
//! pages are never touched. glibc and musl leave pages alone that are fresh from the kernel. The
//! C library that zig links instead writes the zeros itself, which makes all of it resident.

use std::alloc::{GlobalAlloc, Layout, System};

use super::limits::page_bytes;

/// Allocations from this size on get their zeros from the kernel.
const LARGE_BYTES: usize = 64 * 1024;

/// The C library's heap, with large zeroed pieces left to the kernel; for `#[global_allocator]`.
#[derive(Debug)]
pub struct Heap;

// SAFETY: every piece comes from `System` and goes back to it with the same layout.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are those of `System`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(start, layout) }
    }

    unsafe fn realloc(&self, start: *mut u8, layout: Layout, new_bytes: usize) -> *mut u8 {
        // SAFETY: as above.
        unsafe { System.realloc(start, layout, new_bytes) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if layout.size() < LARGE_BYTES {
            // SAFETY: as above.
            return unsafe { System.alloc_zeroed(layout) };
        }
        // SAFETY: as above.
        let start = unsafe { System.alloc(layout) };
        if !start.is_null() {
            // SAFETY: the piece is as long as `layout` says and nobody else's yet.
            unsafe { zero(start, layout.size()) };
        }
        start
    }
}

/// Zeroes a piece of the heap: what lies in pages of others by hand, whole pages by dropping them,
/// because those of an anonymous private mapping come back as zeros.
///
/// # Safety
/// `start..start + len` must be memory of the heap that is exclusively the caller's.
unsafe fn zero(start: *mut u8, len: usize) {
    let page = page_bytes();
    let head = start.align_offset(page).min(len);
    let whole = (len - head) / page * page;
    // SAFETY: all ranges lie inside the caller's memory, and the dropped one covers whole pages.
    unsafe {
        start.write_bytes(0, head);
        let pages = start.add(head);
        if whole > 0 && libc::madvise(pages.cast(), whole, libc::MADV_DONTNEED) != 0 {
            pages.write_bytes(0, whole);
        }
        pages.add(whole).write_bytes(0, len - head - whole);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_pieces_are_zero_also_where_they_were_used_before() {
        for bytes in [1, LARGE_BYTES - 1, LARGE_BYTES, LARGE_BYTES + 4097, 1 << 20, (1 << 20) + 1] {
            for align in [1, 16, 8192] {
                let layout = Layout::from_size_align(bytes, align).unwrap();
                for _ in 0..3 {
                    // SAFETY: the layout has a size, and the piece is used within it.
                    unsafe {
                        let start = Heap.alloc_zeroed(layout);
                        assert!(!start.is_null() && start.addr().is_multiple_of(align));
                        let piece = std::slice::from_raw_parts_mut(start, bytes);
                        assert!(piece.iter().all(|byte| *byte == 0), "{bytes} aligned to {align}");
                        piece.fill(0xff);
                        Heap.dealloc(start, layout);
                    }
                }
            }
        }
    }

    #[test]
    fn neighbours_of_a_zeroed_range_stay() {
        let page = page_bytes();
        let mut memory = vec![0xff_u8; 5 * page];
        for (from, to) in [(1, 2), (10, page + 5), (7, 4 * page + 9), (page - 1, 3 * page)] {
            memory.fill(0xff);
            // SAFETY: the range lies inside the vector.
            unsafe { zero(memory.as_mut_ptr().add(from), to - from) };
            let zeros = |at: usize| (from..to).contains(&at);
            assert!(memory.iter().enumerate().all(|(at, byte)| (*byte == 0) == zeros(at)));
        }
    }

    #[test]
    fn pages_that_nobody_uses_are_not_resident() {
        let resident = || {
            let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
            statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * page_bytes()
        };
        let layout = Layout::from_size_align(256 << 20, 16).unwrap();
        let before = resident();
        // SAFETY: the layout has a size, and the piece goes back with it.
        unsafe {
            let start = Heap.alloc_zeroed(layout);
            assert!(!start.is_null());
            assert!(resident() < before + (128 << 20));
            Heap.dealloc(start, layout);
        }
    }
}
