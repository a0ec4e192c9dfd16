//! Whether only root can change what a program file says.

use std::fmt;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Bits of a mode: others than the owner may write.
const OTHERS_WRITE: u32 = 0o022;
/// Bit of a directory's mode: what is in it can be renamed and removed by its owner alone.
const STICKY: u32 = 0o1000;

/// Why a file is not to be executed with root's rights.
#[derive(Debug)]
pub enum Distrust {
    /// It cannot be looked at.
    Unreadable(PathBuf, io::Error),
    /// The file, or a directory on the way to it, belongs to this user.
    Owner(PathBuf, u32),
    /// The file, or a directory on the way to it, has this mode: more than its owner may write.
    Writable(PathBuf, u32),
}

impl fmt::Display for Distrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Owner(path, uid) => {
                write!(f, "{} belongs to user {uid}, not to root", path.display())
            }
            Self::Writable(path, mode) => {
                let mode = mode & 0o7777;
                write!(f, "{} (mode {mode:04o}) can be changed by others", path.display())
            }
        }
    }
}

impl std::error::Error for Distrust {}

/// Whether the file behind `path` and every directory on the way to it belong to root (or to the
/// user that this process runs as) and can be written by nobody else. A directory with the sticky
/// bit may be anybody's to write in, `/tmp` for example: what is in it is still its owner's.
///
/// # Errors
/// The first reason found, from the file up to the root.
pub fn is_trusted(path: &Path) -> Result<(), Distrust> {
    // SAFETY: takes nothing and never fails.
    let own = unsafe { libc::geteuid() };
    let unreadable = |path: &Path, error| Distrust::Unreadable(path.to_path_buf(), error);
    // Symbolic links are followed once, here; no directory on the way can put another one there.
    let real = path.canonicalize().map_err(|error| unreadable(path, error))?;
    for part in real.ancestors() {
        let metadata = part.symlink_metadata().map_err(|error| unreadable(part, error))?;
        let sticky = metadata.is_dir() && metadata.mode() & STICKY != 0;
        if metadata.uid() != 0 && metadata.uid() != own {
            return Err(Distrust::Owner(part.to_path_buf(), metadata.uid()));
        }
        if metadata.mode() & OTHERS_WRITE != 0 && !sticky {
            return Err(Distrust::Writable(part.to_path_buf(), metadata.mode()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt as _, chown};

    #[test]
    fn only_what_nobody_else_can_change_is_trusted() {
        let folder = std::env::temp_dir().join(format!("kinglet-trust-{}", std::process::id()));
        let inner = folder.join("bin");
        fs::create_dir_all(&inner).unwrap();
        let file = inner.join("program");
        fs::write(&file, "").unwrap();
        let set = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode));
        for path in [&folder, &inner, &file] {
            set(path, 0o755).unwrap();
        }
        is_trusted(&file).unwrap();
        for path in [&folder, &inner, &file] {
            for mode in [0o775, 0o757] {
                set(path, mode).unwrap();
                let found = is_trusted(&file).unwrap_err();
                assert!(matches!(&found, Distrust::Writable(p, _) if p == path), "{found}");
            }
            set(path, 0o755).unwrap();
        }
        set(&inner, 0o1777).unwrap();
        is_trusted(&file).unwrap();
        // The same bit of a file means nothing.
        set(&file, 0o1777).unwrap();
        let found = is_trusted(&file).unwrap_err().to_string();
        assert_eq!(found, format!("{} (mode 1777) can be changed by others", file.display()));
        set(&file, 0o755).unwrap();
        // SAFETY: takes nothing.
        if unsafe { libc::geteuid() } == 0 {
            chown(&inner, Some(1234), None).unwrap();
            let found = is_trusted(&file).unwrap_err().to_string();
            assert_eq!(found, format!("{} belongs to user 1234, not to root", inner.display()));
        }
        let gone = is_trusted(&folder.join("gone")).unwrap_err();
        assert!(matches!(gone, Distrust::Unreadable(..)));
        fs::remove_dir_all(&folder).unwrap();
    }
}
