//! The C library's heap: keeping it small, and giving back what a burst has left behind.
//!
//! glibc keeps freed memory in three places: at the end of the heap, in pages between pieces that
//! are in use, and in a cache of each thread whose pieces lie anywhere and keep their pages from
//! going back. The first two can be emptied by a call. The third can only be switched off before
//! the program starts. musl gives memory back by itself.

/// Freed bytes at the end of the heap that are given back at once.
#[cfg(target_env = "gnu")]
const TRIM_BYTES: i32 = 16 * 1024;

/// Bytes that the heap grows by beyond what is needed.
#[cfg(target_env = "gnu")]
const PAD_BYTES: i32 = 4 * 1024;

/// Name and value for the environment of a process whose heap is to stay small.
pub const NO_CACHE: (&str, &str) = ("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0");

/// Makes the heap give back early. glibc's cache of freed pieces can only be switched off by
/// whoever starts the process, with [`NO_CACHE`] in its environment.
#[cfg(target_env = "gnu")]
pub fn keep_small() {
    // SAFETY: plain calls; a setting that is not known is refused without harm.
    unsafe {
        libc::mallopt(libc::M_TRIM_THRESHOLD, TRIM_BYTES);
        libc::mallopt(libc::M_TOP_PAD, PAD_BYTES);
    }
}

/// Nothing to do here.
#[cfg(not(target_env = "gnu"))]
pub fn keep_small() {}

/// Gives freed memory back to the system.
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: a plain call that is allowed at any time.
    unsafe {
        libc::malloc_trim(0);
    }
}
