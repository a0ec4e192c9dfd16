//! Would some user be able to open a path? Judged from owner and mode bits, without becoming
//! that user.
//!
//! Limits: access control lists, security modules, read-only mounts and network file systems
//! that map users are not seen, so the answer can be wrong either way; a check that matters for
//! safety must be the open itself. The walk sees what the calling process may see: what that is
//! refused is reported as [`Refusal::Unknown`].

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fmt;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

/// Symbolic links that a path may pass through, as many as the kernel allows.
const LINKS_MAX: u32 = 40;

/// Who wants to open something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// User id; 0 may do everything.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// Supplementary groups.
    pub groups: Vec<u32>,
}

impl Subject {
    /// Whether the mode bits give all of `want`.
    #[must_use]
    pub fn may(&self, metadata: &Metadata, want: Want) -> bool {
        self.may_with(metadata, metadata.mode(), want)
    }

    /// Whether the bits of `mode` would give all of `want`, if they were the file's.
    #[must_use]
    pub fn may_with(&self, metadata: &Metadata, mode: u32, want: Want) -> bool {
        if self.uid == 0 {
            return true;
        }
        // Only one class counts: an owner without the bit is refused even if the group has it.
        let shift = if metadata.uid() == self.uid {
            6
        } else if metadata.gid() == self.gid || self.groups.contains(&metadata.gid()) {
            3
        } else {
            0
        };
        (mode >> shift) & want.bits() == want.bits()
    }
}

/// What is to be done at the end of the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// Nothing but that the path leads there.
    Reach,
    /// Read a file, or list a directory.
    Read,
    /// Write to a file.
    Write,
    /// Reach the entries of a directory.
    Search,
    /// List a directory and reach its entries.
    List,
    /// Make entries in a directory.
    Create,
}

impl Want {
    const fn bits(self) -> u32 {
        match self {
            Self::Reach => 0,
            Self::Read => 0o4,
            Self::Write => 0o2,
            Self::Search => 0o1,
            Self::List => 0o5,
            Self::Create => 0o3,
        }
    }
}

/// Why a path would not open, and where on the way.
#[derive(Debug)]
pub enum Refusal {
    /// Nothing is there; the first part that is missing.
    Missing(PathBuf),
    /// A directory on the way is none.
    NotDirectory(PathBuf),
    /// The user may not search this directory on the way.
    Unsearchable(PathBuf),
    /// The path is there and the user may not do what is wanted.
    Forbidden(PathBuf),
    /// Too many symbolic links.
    Loop(PathBuf),
    /// The calling process could not look.
    Unknown(PathBuf, io::Error),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(at) => write!(f, "{} does not exist", at.display()),
            Self::NotDirectory(at) => write!(f, "{} is not a directory", at.display()),
            Self::Unsearchable(at) => write!(f, "{} may not be searched", at.display()),
            Self::Forbidden(at) => write!(f, "{} may not be opened", at.display()),
            Self::Loop(at) => write!(f, "{} leads through too many symbolic links", at.display()),
            Self::Unknown(at, error) => write!(f, "{} cannot be examined: {error}", at.display()),
        }
    }
}

/// Walks `path` as the kernel would for `subject` and says what is at its end. A relative path
/// starts at the current directory, which is taken as reachable.
pub fn check(path: &Path, subject: &Subject, want: Want) -> Result<Metadata, Refusal> {
    let mut at = PathBuf::from(if path.is_absolute() { "/" } else { "." });
    let mut left = VecDeque::new();
    push_front(&mut left, path);
    let mut links = 0;
    let mut here = examine(&at)?;
    while let Some(name) = left.pop_front() {
        if !here.is_dir() {
            return Err(Refusal::NotDirectory(at));
        }
        if !subject.may(&here, Want::Search) {
            return Err(Refusal::Unsearchable(at));
        }
        let next = at.join(&name);
        let found = examine(&next)?;
        if found.file_type().is_symlink() {
            links += 1;
            if links > LINKS_MAX {
                return Err(Refusal::Loop(next));
            }
            let target =
                std::fs::read_link(&next).map_err(|error| Refusal::Unknown(next, error))?;
            if target.is_absolute() {
                at = PathBuf::from("/");
                here = examine(&at)?;
            }
            push_front(&mut left, &target);
        } else {
            at = next;
            here = found;
        }
    }
    if subject.may(&here, want) { Ok(here) } else { Err(Refusal::Forbidden(at)) }
}

/// Puts the components of `path` before what is left to walk.
fn push_front(left: &mut VecDeque<OsString>, path: &Path) {
    for component in path.components().rev() {
        match component {
            Component::Normal(name) => left.push_front(name.to_owned()),
            // `at` holds no symbolic links, so the kernel can resolve this one.
            Component::ParentDir => left.push_front("..".into()),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
}

fn examine(path: &Path) -> Result<Metadata, Refusal> {
    std::fs::symlink_metadata(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Refusal::Missing(path.to_owned()),
        io::ErrorKind::NotADirectory => {
            Refusal::NotDirectory(path.parent().unwrap_or(path).to_owned())
        }
        _ => Refusal::Unknown(path.to_owned(), error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::user;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    struct Dir(PathBuf);

    impl Dir {
        fn new(name: &str) -> Self {
            let path =
                std::env::temp_dir().join(format!("kinglet-access-{}-{name}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            fs::create_dir(&path).unwrap();
            mode(&path, 0o755);
            Self(path)
        }
    }

    impl Drop for Dir {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn mode(path: &Path, bits: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(bits)).unwrap();
    }

    /// Somebody who owns nothing here.
    fn stranger() -> Subject {
        Subject { uid: 54_321, gid: 54_321, groups: Vec::new() }
    }

    fn owner() -> Subject {
        Subject { uid: user::effective_uid(), gid: user::effective_gid(), groups: Vec::new() }
    }

    #[test]
    fn mode_bits_of_the_right_class_decide() {
        let dir = Dir::new("class");
        let file = dir.0.join("file");
        fs::write(&file, "x").unwrap();
        let group = Subject { gid: fs::metadata(&file).unwrap().gid(), ..stranger() };
        let supplementary = Subject { groups: vec![group.gid], ..stranger() };
        for (bits, by_group, by_other) in
            [(0o604, false, true), (0o640, true, false), (0o644, true, true), (0o600, false, false)]
        {
            mode(&file, bits);
            assert_eq!(check(&file, &group, Want::Read).is_ok(), by_group, "{bits:o}");
            assert_eq!(check(&file, &supplementary, Want::Read).is_ok(), by_group, "{bits:o}");
            assert_eq!(check(&file, &stranger(), Want::Read).is_ok(), by_other, "{bits:o}");
            assert!(check(&file, &owner(), Want::Read).is_ok());
        }
        assert!(matches!(check(&file, &stranger(), Want::Read), Err(Refusal::Forbidden(_))));
        mode(&file, 0);
        let root = Subject { uid: 0, ..stranger() };
        assert!(check(&file, &root, Want::Write).is_ok());
    }

    #[test]
    fn a_closed_directory_on_the_way_is_named() {
        let dir = Dir::new("way");
        let closed = dir.0.join("closed");
        fs::create_dir(&closed).unwrap();
        let inner = closed.join("inner");
        fs::create_dir(&inner).unwrap();
        mode(&closed, 0o700);
        match check(&inner, &stranger(), Want::Search) {
            Err(Refusal::Unsearchable(at)) => assert_eq!(at, closed),
            other => panic!("{other:?}"),
        }
        mode(&closed, 0o711);
        assert!(check(&inner, &stranger(), Want::Search).unwrap().is_dir());
        // Searching is not listing.
        assert!(check(&closed, &stranger(), Want::Search).is_ok());
        assert!(check(&closed, &stranger(), Want::List).is_err());
        assert!(check(&closed, &stranger(), Want::Create).is_err());
    }

    #[test]
    fn what_is_missing_or_no_directory_is_named() {
        let dir = Dir::new("missing");
        match check(&dir.0.join("no/such"), &owner(), Want::Read) {
            Err(Refusal::Missing(at)) => assert_eq!(at, dir.0.join("no")),
            other => panic!("{other:?}"),
        }
        let file = dir.0.join("file");
        fs::write(&file, "x").unwrap();
        match check(&file.join("below"), &owner(), Want::Read) {
            Err(Refusal::NotDirectory(at)) => assert_eq!(at, file),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn symbolic_links_are_followed_and_counted() {
        let dir = Dir::new("links");
        let real = dir.0.join("real");
        fs::create_dir(&real).unwrap();
        fs::write(real.join("file"), "x").unwrap();
        symlink("real", dir.0.join("relative")).unwrap();
        symlink(&real, dir.0.join("absolute")).unwrap();
        symlink("../real/file", real.join("up")).unwrap();
        for name in ["relative/file", "absolute/file", "real/up", "real/../real/file"] {
            let found = check(&dir.0.join(name), &owner(), Want::Read);
            assert!(found.unwrap().is_file(), "{name}");
        }
        mode(&real, 0o700);
        match check(&dir.0.join("relative/file"), &stranger(), Want::Read) {
            Err(Refusal::Unsearchable(at)) => assert_eq!(at, real),
            other => panic!("{other:?}"),
        }
        symlink("loop", dir.0.join("loop")).unwrap();
        let looped = check(&dir.0.join("loop"), &owner(), Want::Read);
        assert!(matches!(looped, Err(Refusal::Loop(_))));
        symlink("nowhere", dir.0.join("dangling")).unwrap();
        let dangling = check(&dir.0.join("dangling"), &owner(), Want::Read);
        assert!(matches!(dangling, Err(Refusal::Missing(_))));
    }
}
