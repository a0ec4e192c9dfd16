//! What the kernel says about a file: statx where it exists, fstatat64 on kernels before 4.11.
//!
//! Sizes and times are 64 bits on every target.

use core::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, RawFd};

/// What a name leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    Regular,
    /// A directory.
    Directory,
    /// A symbolic link that was not followed.
    Link,
    /// A device, FIFO or socket.
    Other,
}

/// The part of a file's metadata that tells one state of it from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// What it is.
    pub kind: Kind,
    /// Bytes.
    pub size: u64,
    /// Last change of the content, seconds since 1970 (may be negative).
    pub mtime_secs: i64,
    /// Nanoseconds of the same.
    pub mtime_ns: u32,
    /// Last change of the inode, seconds since 1970.
    pub ctime_secs: i64,
    /// Nanoseconds of the same.
    pub ctime_ns: u32,
    /// Inode number.
    pub ino: u64,
    /// The device it lies on; comparable within one run of the program only.
    pub dev: u64,
}

impl Stat {
    /// Stats an open descriptor, `O_PATH` ones included.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn of(fd: BorrowedFd<'_>) -> io::Result<Self> {
        stat_at(fd.as_raw_fd(), c"", libc::AT_EMPTY_PATH)
    }

    /// Stats `name` in the directory `dir` without following a symbolic link.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn at(dir: BorrowedFd<'_>, name: &CStr) -> io::Result<Self> {
        stat_at(dir.as_raw_fd(), name, libc::AT_SYMLINK_NOFOLLOW)
    }
}

/// Whether no name leads to an open file or directory any more.
#[must_use]
pub fn is_deleted(fd: BorrowedFd<'_>) -> bool {
    use std::os::unix::fs::MetadataExt;
    // SAFETY: the descriptor outlives the call and `ManuallyDrop` keeps it from being closed.
    let file = core::mem::ManuallyDrop::new(unsafe { std::fs::File::from_raw_fd(fd.as_raw_fd()) });
    file.metadata().is_ok_and(|metadata| metadata.nlink() == 0)
}

fn stat_at(dir: RawFd, name: &CStr, flags: i32) -> io::Result<Stat> {
    match statx(dir, name, flags) {
        // Kernels before 4.11 lack the call; some sandboxes refuse it as unknown.
        Err(e) if matches!(e.raw_os_error(), Some(libc::ENOSYS | libc::EPERM)) => {
            fstatat(dir, name, flags)
        }
        other => other,
    }
}

fn statx(dir: RawFd, name: &CStr, flags: i32) -> io::Result<Stat> {
    // SAFETY: the structure is plain numbers, for which all zeros is a value.
    let mut raw: libc::statx = unsafe { core::mem::zeroed() };
    // SAFETY: `name` ends with NUL, `raw` is writable for as many bytes as the kernel writes.
    let result = unsafe {
        libc::syscall(
            libc::SYS_statx,
            dir,
            name.as_ptr(),
            flags,
            libc::STATX_BASIC_STATS,
            &raw mut raw,
        )
    };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(Stat {
        kind: kind_of(u32::from(raw.stx_mode)),
        size: raw.stx_size,
        mtime_secs: raw.stx_mtime.tv_sec,
        mtime_ns: raw.stx_mtime.tv_nsec,
        ctime_secs: raw.stx_ctime.tv_sec,
        ctime_ns: raw.stx_ctime.tv_nsec,
        ino: raw.stx_ino,
        dev: u64::from(raw.stx_dev_major) << 32 | u64::from(raw.stx_dev_minor),
    })
}

// The fields' types differ from target to target, so on some the casts change nothing.
#[allow(clippy::unnecessary_cast, clippy::cast_sign_loss, clippy::cast_possible_truncation)]
fn fstatat(dir: RawFd, name: &CStr, flags: i32) -> io::Result<Stat> {
    // SAFETY: the structure is plain numbers, for which all zeros is a value.
    let mut raw: libc::stat64 = unsafe { core::mem::zeroed() };
    // SAFETY: `name` ends with NUL and `raw` is a writable structure of the right type.
    if unsafe { libc::fstatat64(dir, name.as_ptr(), &raw mut raw, flags) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(Stat {
        kind: kind_of(raw.st_mode as u32),
        size: raw.st_size as u64,
        mtime_secs: raw.st_mtime as i64,
        mtime_ns: raw.st_mtime_nsec as u32,
        ctime_secs: raw.st_ctime as i64,
        ctime_ns: raw.st_ctime_nsec as u32,
        ino: raw.st_ino as u64,
        dev: raw.st_dev as u64,
    })
}

fn kind_of(mode: u32) -> Kind {
    match mode & libc::S_IFMT {
        libc::S_IFREG => Kind::Regular,
        libc::S_IFDIR => Kind::Directory,
        libc::S_IFLNK => Kind::Link,
        _ => Kind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn both_calls_say_the_same() {
        let file = std::fs::File::open("/proc/self/exe").unwrap();
        let new = statx(file.as_raw_fd(), c"", libc::AT_EMPTY_PATH).unwrap();
        let old = fstatat(file.as_raw_fd(), c"", libc::AT_EMPTY_PATH).unwrap();
        assert_eq!(Stat { dev: 0, ..new }, Stat { dev: 0, ..old });
        assert_eq!(new.kind, Kind::Regular);
        assert_eq!(new.size, file.metadata().unwrap().len());
    }

    #[test]
    fn kinds_are_told_apart_and_links_not_followed() {
        let root = std::fs::File::open("/proc/self").unwrap();
        assert_eq!(Stat::of(root.as_fd()).unwrap().kind, Kind::Directory);
        assert_eq!(Stat::at(root.as_fd(), c"exe").unwrap().kind, Kind::Link);
        assert!(Stat::at(root.as_fd(), c"no-such-name").is_err());
        let null = std::fs::File::open("/dev/null").unwrap();
        assert_eq!(Stat::of(null.as_fd()).unwrap().kind, Kind::Other);
    }
}
