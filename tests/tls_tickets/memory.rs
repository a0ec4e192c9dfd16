//! What a policy costs that nobody is connected to.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use kinglet::tls::{Policy, Terms};

use crate::peers::{certified_terms, secret, shown, tickets, wall_s};

/// Bytes of heap that one more policy may take.
const POLICY_BYTES_MAX: isize = 2048;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
}

struct Counting;

fn count(bytes: isize) {
    HELD.set(HELD.get() + bytes);
}

// SAFETY: every call is handed on unchanged to the system's allocator. Growing and zeroed memory
// come through `alloc` and `dealloc` by the trait's own methods.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        // SAFETY: the caller's promises are the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(-layout.size().cast_signed());
        // SAFETY: the caller's promises are the same.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_policy_takes_little_memory() {
    let secret = secret();
    for terms in [Terms::default(), certified_terms()] {
        let shown = shown();
        let before = HELD.get();
        let tickets = tickets(&secret, "a");
        let policy = Policy::new(&terms, shown, Some(tickets), Some(wall_s)).unwrap();
        let held = HELD.get() - before;
        drop(policy);
        assert!(held > 0 && held <= POLICY_BYTES_MAX, "{held} bytes");
    }
}
