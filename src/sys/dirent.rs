//! Reading the names in a directory from its descriptor.

use core::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Bytes that one read of a directory may fill.
const BATCH_BYTES: usize = 4096;

/// Where the name begins in the kernel's record: after inode, offset, length and type.
const NAME_AT: usize = 8 + 8 + 2 + 1;

/// Reads the names in a directory, in the order of the file system; `.` and `..` are left out.
///
/// `visit` is called with each name and says whether to go on.
///
/// # Errors
/// What the kernel says; permission is denied for a directory that could only be opened to be
/// searched (`O_PATH`).
pub fn read_names(dir: BorrowedFd<'_>, mut visit: impl FnMut(&CStr) -> bool) -> io::Result<()> {
    // The kernel aligns its records to eight bytes.
    #[repr(align(8))]
    struct Batch([u8; BATCH_BYTES]);
    let mut batch = Batch([0; BATCH_BYTES]);
    loop {
        // SAFETY: the kernel writes at most the number of bytes that we name.
        let filled = unsafe {
            libc::syscall(libc::SYS_getdents64, dir.as_raw_fd(), batch.0.as_mut_ptr(), BATCH_BYTES)
        };
        let filled = usize::try_from(filled).map_err(|_| {
            let error = io::Error::last_os_error();
            let is_path = error.raw_os_error() == Some(libc::EBADF);
            if is_path { io::ErrorKind::PermissionDenied.into() } else { error }
        })?;
        if filled == 0 {
            return Ok(());
        }
        let mut rest = batch.0.get(..filled).unwrap_or_default();
        while let Some((name, after)) = first_record(rest) {
            if name != c"." && name != c".." && !visit(name) {
                return Ok(());
            }
            rest = after;
        }
    }
}

/// Takes the first record off: its name, and what follows.
fn first_record(bytes: &[u8]) -> Option<(&CStr, &[u8])> {
    let len = bytes.get(16..18).and_then(|b| b.try_into().ok()).map(u16::from_ne_bytes)?;
    let (record, rest) = bytes.split_at_checked(usize::from(len))?;
    let name = CStr::from_bytes_until_nul(record.get(NAME_AT..)?).ok()?;
    Some((name, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn a_directory_larger_than_one_batch_is_read_whole() {
        let dir = std::env::temp_dir().join(format!("kinglet-dirent-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let wanted: std::collections::BTreeSet<String> =
            (0..300).map(|n| format!("a-file-with-a-name-{n:04}")).collect();
        for name in &wanted {
            std::fs::write(dir.join(name), b"").unwrap();
        }
        let fd = std::fs::File::open(&dir).unwrap();
        let mut seen = std::collections::BTreeSet::new();
        read_names(fd.as_fd(), |name| seen.insert(name.to_str().unwrap().to_owned())).unwrap();
        assert_eq!(seen, wanted);
        let fd = std::fs::File::open(&dir).unwrap();
        let mut count = 0;
        read_names(fd.as_fd(), |_| {
            count += 1;
            count < 5
        })
        .unwrap();
        assert_eq!(count, 5);
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn records_that_make_no_sense_end_the_batch() {
        assert!(first_record(b"").is_none());
        assert!(first_record(&[0; 17]).is_none());
        assert!(first_record(&[0xff; 64]).is_none());
        assert!(first_record(&[0; 64]).is_none());
    }

    #[test]
    fn a_file_has_no_names() {
        let file = std::fs::File::open("/proc/self/exe").unwrap();
        assert!(read_names(file.as_fd(), |_| true).is_err());
    }
}
