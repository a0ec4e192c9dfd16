//! Giving memory back to the system.

/// Lets the system take the whole pages inside `bytes`; they read as anything afterwards.
pub fn give_back(bytes: &mut [u8]) {
    // SAFETY: `bytes` is exclusively borrowed plain memory and every value is a valid `u8`.
    unsafe { give_back_raw(bytes.as_mut_ptr(), bytes.len()) };
}

/// As [`give_back`], for memory that holds no values.
///
/// # Safety
/// `start..start + len` must be memory of the process's own anonymous mappings or heap that is
/// exclusively the caller's, and any content must be acceptable there afterwards.
pub(super) unsafe fn give_back_raw(start: *mut u8, len: usize) {
    let page = super::limits::page_bytes();
    let skip = start.align_offset(page);
    if skip >= len {
        return;
    }
    let whole = (len - skip) / page * page;
    if whole == 0 {
        return;
    }
    // SAFETY: the range lies inside the caller's memory and covers whole pages only. The advice
    // drops their content, which the caller has accepted. Failure leaves them as they are.
    unsafe { libc::madvise(start.add(skip).cast(), whole, libc::MADV_DONTNEED) };
}
