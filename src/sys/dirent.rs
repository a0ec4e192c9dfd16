//! Reading the names in a directory from its descriptor.

use super::stat::Kind;
use core::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Bytes that one read of a directory may fill.
const BATCH_BYTES: usize = 4096;

/// Where the name begins in the kernel's record: after inode, offset, length and type.
const NAME_AT: usize = 8 + 8 + 2 + 1;

/// Where its type is.
const TYPE_AT: usize = NAME_AT - 1;

/// Reads the next names in a directory, at most about 170 of them and in the order of the file
/// system, and says whether there may be more; `.` and `..` are left out.
///
/// `visit` is called with each name, and with its kind where the file system says it here.
///
/// # Errors
/// What the kernel says; permission is denied for a directory that could only be opened to be
/// searched (`O_PATH`).
pub fn read_names(
    dir: BorrowedFd<'_>,
    mut visit: impl FnMut(&CStr, Option<Kind>),
) -> io::Result<bool> {
    // The kernel aligns its records to eight bytes.
    #[repr(align(8))]
    struct Batch([u8; BATCH_BYTES]);
    let mut batch = Batch([0; BATCH_BYTES]);
    // SAFETY: the kernel writes at most the number of bytes that we name.
    let filled = unsafe {
        libc::syscall(libc::SYS_getdents64, dir.as_raw_fd(), batch.0.as_mut_ptr(), BATCH_BYTES)
    };
    let filled = usize::try_from(filled).map_err(|_| {
        let error = io::Error::last_os_error();
        let is_path = error.raw_os_error() == Some(libc::EBADF);
        if is_path { io::ErrorKind::PermissionDenied.into() } else { error }
    })?;
    let mut rest = batch.0.get(..filled).unwrap_or_default();
    while let Some((name, kind, after)) = first_record(rest) {
        if name != c"." && name != c".." {
            visit(name, kind);
        }
        rest = after;
    }
    Ok(filled > 0)
}

/// Takes the first record off: its name, its kind, and what follows.
fn first_record(bytes: &[u8]) -> Option<(&CStr, Option<Kind>, &[u8])> {
    let len = bytes.get(16..18).and_then(|b| b.try_into().ok()).map(u16::from_ne_bytes)?;
    let (record, rest) = bytes.split_at_checked(usize::from(len))?;
    let name = CStr::from_bytes_until_nul(record.get(NAME_AT..)?).ok()?;
    let kind = match *record.get(TYPE_AT)? {
        libc::DT_UNKNOWN => None,
        libc::DT_REG => Some(Kind::Regular),
        libc::DT_DIR => Some(Kind::Directory),
        libc::DT_LNK => Some(Kind::Link),
        _ => Some(Kind::Other),
    };
    Some((name, kind, rest))
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
        std::fs::create_dir(dir.join("sub")).unwrap();
        std::os::unix::fs::symlink("sub", dir.join("link")).unwrap();
        let fd = std::fs::File::open(&dir).unwrap();
        let (mut seen, mut kinds) = (std::collections::BTreeSet::new(), Vec::new());
        let mut batches = 0;
        while read_names(fd.as_fd(), |name, kind| match name.to_str().unwrap() {
            "sub" => kinds.push((kind, Kind::Directory)),
            "link" => kinds.push((kind, Kind::Link)),
            file => {
                kinds.push((kind, Kind::Regular));
                assert!(seen.insert(file.to_owned()));
            }
        })
        .unwrap()
        {
            batches += 1;
        }
        assert_eq!(seen, wanted);
        assert!(batches > 1);
        // Some file systems do not say.
        assert!(kinds.iter().all(|(said, kind)| said.is_none_or(|said| said == *kind)));
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
        assert!(read_names(file.as_fd(), |_, _| {}).is_err());
    }
}
