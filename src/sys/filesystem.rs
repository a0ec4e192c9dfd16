//! What kind of file system a path is on.

use std::ffi::CString;
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

const TMPFS_MAGIC: u32 = 0x0102_1994;
const RAMFS_MAGIC: u32 = 0x8584_58f6;

/// Whether what is written there is gone after a restart, because it is in memory.
///
/// # Errors
/// What the kernel says.
pub fn is_in_memory(path: &Path) -> io::Result<bool> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let mut found = MaybeUninit::<libc::statfs>::uninit();
    // SAFETY: `path` ends with NUL and the kernel writes one structure.
    if unsafe { libc::statfs(path.as_ptr(), found.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call succeeded, so the structure is filled.
    let found = unsafe { found.assume_init() };
    // Magic numbers have 32 bits; the field is wider, and signed, on some targets.
    Ok([TMPFS_MAGIC, RAMFS_MAGIC].contains(&(found.f_type as u32)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_and_others_are_told_apart() {
        assert!(!is_in_memory(Path::new("/proc")).unwrap());
        assert!(is_in_memory(Path::new("/no/such/path")).is_err());
        let mounts = std::fs::read_to_string("/proc/mounts").unwrap();
        for mount in mounts.lines() {
            let mut fields = mount.split(' ').skip(1);
            let (path, kind) = (fields.next().unwrap(), fields.next().unwrap());
            if let (Ok(found), "tmpfs") = (is_in_memory(Path::new(path)), kind) {
                assert!(found, "{mount}");
            }
        }
    }
}
