//! The calls that open files: one name at a time, below a descriptor, never waiting.

use super::log;
use core::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// Reading never waits for a FIFO's writer, never becomes a terminal's owner, never leaks into
/// a child.
pub(super) const READ: i32 =
    libc::O_RDONLY | libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_CLOEXEC | libc::O_LARGEFILE;
/// Flag for opening a file by other ways without waiting for a FIFO's writer.
pub const NO_WAIT: i32 = libc::O_NONBLOCK | libc::O_NOCTTY;
/// Flag for opening a file by other ways, but not through a symbolic link in its place.
pub const NO_FOLLOW: i32 = libc::O_NOFOLLOW;
/// For looking at a file without opening it.
pub(super) const LOOK: i32 = libc::O_PATH | libc::O_CLOEXEC;
/// For a directory on the way to a file.
pub(super) const DIRECTORY: i32 = libc::O_PATH | libc::O_DIRECTORY | libc::O_CLOEXEC;

/// Opens the last component; a directory that may not be read is opened all the same, because
/// what is in it may be readable.
pub(super) fn open_last(dir: RawFd, name: &CStr, flags: i32) -> io::Result<OwnedFd> {
    let result = open_at(dir, name, flags);
    match &result {
        Err(e) if e.raw_os_error() == Some(libc::EACCES) && flags & libc::O_PATH == 0 => {
            open_at(dir, name, DIRECTORY | flags & libc::O_NOFOLLOW).or(result)
        }
        _ => result,
    }
}

/// `openat`, again after a signal.
pub(super) fn open_at(dir: RawFd, name: &CStr, flags: i32) -> io::Result<OwnedFd> {
    loop {
        // SAFETY: `name` ends with NUL; without O_CREAT there is no further argument.
        let fd = unsafe { libc::openat(dir, name.as_ptr(), flags) };
        if fd >= 0 {
            // SAFETY: the kernel has just given us this descriptor; nobody else owns it.
            return Ok(unsafe { OwnedFd::from_raw_fd(fd) });
        }
        let error = io::Error::last_os_error();
        if error.raw_os_error() != Some(libc::EINTR) {
            return Err(error);
        }
    }
}

/// `openat2` that stays beneath `dir` and follows no link.
pub(super) fn open_at2(dir: RawFd, name: &CStr, flags: i32) -> io::Result<OwnedFd> {
    // SAFETY: the structure is plain numbers, for which all zeros is a value.
    let mut how: libc::open_how = unsafe { core::mem::zeroed() };
    how.flags = u64::from(flags.unsigned_abs());
    how.resolve = libc::RESOLVE_BENEATH | libc::RESOLVE_NO_SYMLINKS | libc::RESOLVE_NO_MAGICLINKS;
    loop {
        // SAFETY: `name` ends with NUL and `how` is as long as we say.
        let fd = unsafe {
            libc::syscall(
                libc::SYS_openat2,
                dir,
                name.as_ptr(),
                &raw const how,
                size_of::<libc::open_how>(),
            )
        };
        if fd >= 0 {
            let fd = RawFd::try_from(fd).map_err(|_| io::ErrorKind::InvalidData)?;
            // SAFETY: the kernel has just given us this descriptor; nobody else owns it.
            return Ok(unsafe { OwnedFd::from_raw_fd(fd) });
        }
        let error = io::Error::last_os_error();
        if error.raw_os_error() != Some(libc::EINTR) {
            return Err(error);
        }
    }
}

/// For [`may`]: reading.
pub const MAY_READ: i32 = libc::R_OK;
/// For [`may`]: searching a directory.
pub const MAY_SEARCH: i32 = libc::X_OK;

/// Whether this process may use `name` in the directory `dir` in these ways.
#[must_use]
pub fn may(dir: BorrowedFd<'_>, name: &CStr, ways: i32) -> bool {
    // SAFETY: `name` ends with NUL.
    unsafe { libc::faccessat(dir.as_raw_fd(), name.as_ptr(), ways, 0) == 0 }
}

/// Copies the target of a symbolic link to `target` and says how long it is.
pub(super) fn read_link(dir: RawFd, name: &CStr, target: &mut [u8]) -> io::Result<usize> {
    // SAFETY: `name` ends with NUL; the kernel writes at most `target.len()` bytes.
    let len =
        unsafe { libc::readlinkat(dir, name.as_ptr(), target.as_mut_ptr().cast(), target.len()) };
    usize::try_from(len).map_err(|_| io::Error::last_os_error())
}

/// Reads from `offset` into `room` and says how many bytes; 0 at the end of the file. A disk that
/// fails is an administrator's concern, whatever a client is told: the log says it.
///
/// # Errors
/// What the kernel says; an interrupted read is tried again.
pub fn read_at(fd: BorrowedFd<'_>, room: &mut [u8], offset: u64) -> io::Result<usize> {
    use std::os::unix::fs::FileExt;
    // SAFETY: the descriptor outlives the call and `ManuallyDrop` keeps it from being closed.
    let file = core::mem::ManuallyDrop::new(unsafe { std::fs::File::from_raw_fd(fd.as_raw_fd()) });
    loop {
        match file.read_at(room, offset) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => {
                let name = std::fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd()));
                let name = name.unwrap_or_else(|_| "a file".into());
                log::warn(format_args!("{} cannot be read: {e}", name.display()));
                return Err(e);
            }
            Ok(read) => return Ok(read),
        }
    }
}
