//! The last lines of the log, in memory that all processes of a server share.
//!
//! Writers reserve their room with one atomic step and copy the line into it; nobody locks and
//! nobody waits. A reader that comes in between sees a line that is half old and half new, which
//! does no harm. Whoever shares the memory may fill it with anything, so a reader takes it for
//! bytes and not for lines: it is bounded, and control characters are taken out. It is sealed
//! against getting shorter, or reading it could end the process (SIGBUS).

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};

use super::memory_file;

/// Bytes of the shared memory: where the next line begins, then the lines.
pub const RING_BYTES: usize = 16 << 10;
/// Bytes of lines.
const ROOM: usize = RING_BYTES - size_of::<u32>();
/// The place of the next line counts on past the end of the room up to here, a multiple of it: so
/// a reader sees how much has been written since it last looked. Twice as much is a number still.
const PERIOD: u32 = u32::MAX / 2 / ROOM as u32 * ROOM as u32;
/// Times that a writer tries to reserve its room.
const TRIES_MAX: usize = 1_000;
/// Stands in for a control character of a reader's copy.
const REPLACED: u8 = b'?';

/// The memory's content. All of it is atomic, because other processes write it at any time.
#[repr(C)]
struct Shared {
    /// Where the next line begins; anything, if somebody is mischievous.
    next: AtomicU32,
    lines: [AtomicU8; ROOM],
}

/// The last lines of the log.
#[derive(Debug)]
pub struct RingLog {
    shared: NonNull<Shared>,
    file: Option<OwnedFd>,
}

// SAFETY: the memory is only used by atomic operations and stays mapped until the value is
// dropped, which needs the only reference.
unsafe impl Send for RingLog {}
// SAFETY: as above.
unsafe impl Sync for RingLog {}

impl RingLog {
    /// New memory without lines. Where the kernel has no files in memory that can be sealed, only
    /// this process can use it.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn create() -> io::Result<Self> {
        match memory_file::create("kinglet-log").and_then(sized) {
            Ok(file) => Self::attach(file),
            Err(_) => Ok(Self { shared: map(None)?, file: None }),
        }
    }

    /// The memory that another process has created and [`RingLog::descriptor`] names.
    ///
    /// # Errors
    /// What the kernel says; [`io::ErrorKind::InvalidData`] when it is not such a memory.
    pub fn attach(file: OwnedFd) -> io::Result<Self> {
        let file = std::fs::File::from(file);
        if file.metadata()?.len() != RING_BYTES as u64 {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let file = OwnedFd::from(file);
        Ok(Self { shared: map(Some(&file))?, file: Some(file) })
    }

    /// What another process needs to attach; none where that cannot be.
    #[must_use]
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.file.as_ref().map(std::os::fd::AsFd::as_fd)
    }

    /// Adds a line, which ends with a line feed. One that does not fit, or that others never let
    /// in, is left out.
    pub fn write(&self, line: &[u8]) {
        let Ok(len) = u32::try_from(line.len()) else { return };
        if line.len() > ROOM {
            return;
        }
        let shared = self.shared();
        let Some(start) = reserve(&shared.next, len) else { return };
        let (before, behind) = shared.lines.split_at(start);
        for (place, byte) in behind.iter().chain(before).zip(line) {
            place.store(*byte, Ordering::Relaxed);
        }
    }

    /// Where the next line begins, for [`RingLog::between`].
    #[must_use]
    pub fn position(&self) -> u32 {
        self.shared().next.load(Ordering::Relaxed) % PERIOD
    }

    /// The lines between two positions, without control characters but line feeds. Those that have
    /// been overwritten since are left out.
    #[must_use]
    pub fn between(&self, from: u32, to: u32) -> Vec<u8> {
        let now = self.position();
        let bytes_since = |at: u32| ((now + (PERIOD - at % PERIOD)) % PERIOD) as usize;
        let (first, last) = (bytes_since(from), bytes_since(to));
        let kept = first.min(ROOM);
        let places = self.shared().lines.iter().cycle().skip(now as usize % ROOM + ROOM - kept);
        let places = places.take(kept.saturating_sub(last));
        let mut bytes: Vec<u8> = places.map(|place| place.load(Ordering::Relaxed)).collect();
        if first > kept {
            cut_first_line(&mut bytes);
        }
        without_control(&mut bytes);
        bytes
    }

    /// All whole lines, the oldest first: at most [`RING_BYTES`]. There are no control characters
    /// in it but line feeds.
    #[must_use]
    pub fn read(&self) -> Vec<u8> {
        let shared = self.shared();
        let next = shared.next.load(Ordering::Relaxed) as usize % ROOM;
        let (newer, older) = shared.lines.split_at(next);
        let places = older.iter().chain(newer);
        let mut bytes: Vec<u8> = Vec::with_capacity(ROOM);
        bytes.extend(places.map(|place| place.load(Ordering::Relaxed)));
        whole_lines(bytes)
    }

    fn shared(&self) -> &Shared {
        // SAFETY: mapped with the size of Shared, aligned to a page, as long as `self` lives;
        // every bit pattern is valid.
        unsafe { self.shared.as_ref() }
    }
}

impl Drop for RingLog {
    fn drop(&mut self) {
        // SAFETY: mapped by `map` with this length; no reference outlives `self`.
        unsafe { libc::munmap(self.shared.as_ptr().cast(), RING_BYTES) };
    }
}

/// Where the next `len` bytes of lines begin. Others write `next` at any time, and one that does so
/// without end must not keep this process from its work.
fn reserve(next: &AtomicU32, len: u32) -> Option<usize> {
    let mut found = next.load(Ordering::Relaxed);
    for _ in 0..TRIES_MAX {
        let after = (found % PERIOD + len) % PERIOD;
        match next.compare_exchange_weak(found, after, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(start) => return Some(start as usize % ROOM),
            Err(other) => found = other,
        }
    }
    None
}

/// Gives a file in memory its length, for good.
fn sized(file: OwnedFd) -> io::Result<OwnedFd> {
    let file = std::fs::File::from(file);
    file.set_len(RING_BYTES as u64)?;
    let seals = libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_SEAL;
    // SAFETY: takes no pointers.
    if unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, seals) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(file.into())
}

/// Maps the file, or memory that only this process and its forks share.
fn map(file: Option<&OwnedFd>) -> io::Result<NonNull<Shared>> {
    const { assert!(size_of::<Shared>() == RING_BYTES) };
    let (fd, anonymous) = file.map_or((-1, libc::MAP_ANONYMOUS), |file| (file.as_raw_fd(), 0));
    // SAFETY: a new mapping at a place that the kernel chooses.
    let address = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            RING_BYTES,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED | anonymous,
            fd,
            0,
        )
    };
    if address == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    NonNull::new(address.cast()).ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
}

/// What a reader may see of the bytes of a ring, from the oldest one on.
fn whole_lines(mut bytes: Vec<u8>) -> Vec<u8> {
    // Until the ring is full its oldest bytes are zeros. Afterwards the first line is cut.
    if bytes.first().is_some_and(|byte| *byte != 0) {
        cut_first_line(&mut bytes);
    }
    bytes.retain(|byte| *byte != 0);
    without_control(&mut bytes);
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    bytes.truncate(whole);
    bytes
}

/// Takes away what may only be the end of a line.
fn cut_first_line(bytes: &mut Vec<u8>) {
    let cut = bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| at + 1);
    bytes.drain(..cut);
}

/// Replaces control characters but line feeds.
fn without_control(bytes: &mut [u8]) {
    let mut before = 0;
    for byte in bytes {
        let control = *byte < b' ' && *byte != b'\n' || *byte == 0x7f;
        // U+0080 to U+009F, in UTF-8.
        let control_of_two = before == 0xc2 && (0x80..0xa0).contains(byte);
        before = *byte;
        if control || control_of_two {
            *byte = REPLACED;
        }
    }
}

#[cfg(test)]
#[path = "ring_log_tests.rs"]
mod tests;
