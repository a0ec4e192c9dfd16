//! The name of a server's control socket: who runs the server, and what it serves.
//!
//! Abstract names belong to the network namespace, which containers may share, and so the path
//! of the configuration alone does not tell two servers apart. What the path stands for does.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use sha1_smol::Sha1;

use crate::daemon::command::args::{Args, Source};

/// What all names begin with.
pub(super) const PREFIX: &str = "kinglet/";
/// Bytes of an abstract name (unix(7)).
const NAME_BYTES_MAX: usize = 107;
/// Digits that stand for a directory's device and inode.
const DIGITS: usize = 6;

/// A name in its parts: `kinglet/UID/DIRROOT/PATH` for a configuration,
/// `kinglet/UID/DIRROOT=PID/PATH` for a directory that is served without one. `DIR` and `ROOT`
/// are digits from device and inode of the directory at PATH, as it was at the start, and of `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    /// Who runs the server.
    pub(super) uid: u32,
    dir: String,
    root: String,
    /// The supervisor in quick mode, where a directory may be served more than once.
    pub(super) quick: Option<u32>,
    /// The absolute path, or `#` and its SHA-1 when it is too long or no text.
    path: String,
}

impl Name {
    /// The name of the server that this process of `uid` is.
    pub(super) fn own(args: &Args, uid: u32) -> Self {
        match &args.source {
            Source::Configured(dir) => Self::of(uid, dir, None),
            Source::Quick(quick) => {
                let dir = fs::canonicalize(&quick.directory);
                let dir = dir.as_deref().unwrap_or(&quick.directory);
                Self::of(uid, dir, Some(std::process::id()))
            }
        }
    }

    /// Links are not followed in the path: a configuration that is replaced by pointing a link at
    /// another directory is still the same server's.
    pub(super) fn of(uid: u32, dir: &Path, quick: Option<u32>) -> Self {
        let path = absolute(dir);
        let text = path.to_str().filter(|text| !text.contains(char::is_control));
        let mut name = Self {
            uid,
            dir: digits(dir),
            root: digits(Path::new("/")),
            quick,
            path: text.unwrap_or_default().to_owned(),
        };
        if text.is_none() || name.to_string().len() > NAME_BYTES_MAX {
            name.path = digest(&path);
        }
        name
    }

    /// Reads a name.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let name = Some(name).filter(|name| !name.contains(char::is_control))?;
        let (uid, rest) = name.strip_prefix(PREFIX)?.split_once('/')?;
        let at = rest.find(['/', '#'])?;
        let (place, path) = rest.split_at_checked(at)?;
        let (place, quick) = match place.split_once('=') {
            Some((place, pid)) => (place, Some(pid.parse().ok()?)),
            None => (place, None),
        };
        let (dir, root) = place.split_at_checked(DIGITS)?;
        Some(Self {
            uid: uid.parse().ok()?,
            dir: dir.to_owned(),
            root: root.to_owned(),
            quick,
            path: path.to_owned(),
        })
    }

    /// The server's path if it may mean `dir`, as this process sees it.
    pub(super) fn path_of(&self, dir: &Path) -> Option<PathBuf> {
        let dir = absolute(dir);
        if self.path.starts_with('#') {
            return (self.path == digest(&dir)).then_some(dir);
        }
        let path = PathBuf::from(&self.path);
        let is_same = || identity(&path).is_some_and(|found| Some(found) == identity(&dir));
        (path == dir || is_same()).then_some(path)
    }

    /// Whether the server with this name, the process `pid`, and this process mean the same
    /// directory by `dir`. `path` is what the server calls it. Both may have another view of the
    /// file system, as in a container, and the directory may have been replaced since the start.
    pub(super) fn means(&self, pid: u32, path: &Path, dir: &Path) -> bool {
        let is_spelled_so = path == absolute(dir);
        let below = path.strip_prefix("/").unwrap_or(path);
        let (here, there) = (identity(dir), identity(&root_of(pid).join(below)));
        let is_same = here == there && (here.is_some() || is_spelled_so);
        self.is_here(pid) && (is_same || is_spelled_so && identity(&root_of(pid)).is_none())
    }

    /// Whether the server with this name, the process `pid`, has the same root directory. That of
    /// a process may be out of sight; then the name has to do.
    pub(super) fn is_here(&self, pid: u32) -> bool {
        let root = Path::new("/");
        // 0: in another container.
        pid != 0
            && match identity(&root_of(pid)) {
                None => self.root == digits(root),
                theirs => theirs == identity(root),
            }
    }

    /// The command line that asks this server, and its process number if that is known.
    pub(super) fn command(&self, command: &str) -> String {
        let path = if self.path.starts_with('#') { "DIR" } else { &self.path };
        match self.quick {
            Some(pid) => format!("kinglet {command} {path} (or {pid}, its process)"),
            None => format!("kinglet {command} -c {path}"),
        }
    }
}

fn root_of(pid: u32) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}/root"))
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { uid, dir, root, quick, path } = self;
        write!(f, "{PREFIX}{uid}/{dir}{root}")?;
        quick.map_or(Ok(()), |pid| write!(f, "={pid}"))?;
        f.write_str(path)
    }
}

/// Device and inode of what is there now.
fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path).ok().map(|found| (found.dev(), found.ino()))
}

fn digits(path: &Path) -> String {
    let mut digits = Sha1::from(format!("{:?}", identity(path))).digest().to_string();
    digits.truncate(DIGITS);
    digits
}

/// A path begins with a slash: this cannot be one.
fn digest(path: &Path) -> String {
    format!("#{}", Sha1::from(path.as_os_str().as_bytes()).digest())
}

/// The path without what makes no difference: dots, double slashes, one at the end.
fn absolute(dir: &Path) -> PathBuf {
    let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    dir.components().filter(|part| *part != Component::CurDir).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;

    fn name(uid: u32, dir: &str) -> String {
        Name::of(uid, Path::new(dir), None).to_string()
    }

    #[test]
    fn spellings_of_a_path_have_one_name() {
        let first = name(0, "/usr/bin");
        assert!(first.starts_with(PREFIX) && first.ends_with("/usr/bin"), "{first}");
        for dir in ["/usr/bin/", "/usr//bin", "/usr/./bin/."] {
            assert_eq!(name(0, dir), first);
        }
        let here = std::env::current_dir().unwrap();
        assert_eq!(name(7, "x"), name(7, here.join("x").to_str().unwrap()));
        assert_ne!(name(7, "/x"), name(8, "/x"));
    }

    #[test]
    fn the_same_path_of_another_directory_is_another_name() {
        let dir = std::env::temp_dir().join(format!("kinglet-name-{}", std::process::id()));
        let (one, other) = (dir.join("one"), dir.join("other"));
        fs::create_dir_all(&one).unwrap();
        let first = Name::of(0, &one, None);
        // The inode of one that is removed may be used again at once.
        fs::rename(&one, &other).unwrap();
        fs::create_dir(&one).unwrap();
        let second = Name::of(0, &one, None);
        assert!(first != second && first.path == second.path, "{first} {second}");
        // Both mean what is at that path now.
        let own = std::process::id();
        assert!(first.means(own, &one, &one) && second.means(own, &one, &one));
        assert!(!first.means(own, &one, &other) && !first.means(0, &one, &one));
        fs::remove_dir_all(&dir).unwrap();
        assert!(first.means(own, &one, &one) && !first.means(own, &one, &other), "it is gone");
    }

    #[test]
    fn names_read_back() {
        let long = format!("/{}", "a".repeat(NAME_BYTES_MAX));
        let odd = Path::new(OsStr::from_bytes(b"/\xff"));
        for dir in
            [Path::new("/srv/a b#=c"), Path::new("/"), Path::new("/\n"), Path::new(&long), odd]
        {
            for quick in [None, Some(4711)] {
                let name = Name::of(u32::MAX, dir, quick);
                let text = name.to_string();
                assert!(text.len() <= NAME_BYTES_MAX && !text.contains(char::is_control));
                assert_eq!(name.path_of(dir).as_deref(), Some(dir));
                assert_eq!(Name::parse(&text), Some(name));
            }
        }
        let fits = format!("/{}", "a".repeat(NAME_BYTES_MAX - name(0, "/").len()));
        assert!(name(0, &fits).ends_with(&fits) && name(10, &fits).contains('#'));
        let hashed = Name::of(10, Path::new(&fits), None);
        assert_eq!(hashed.path_of(Path::new("/other")), None);
        for wrong in ["", "kinglet/", "kinglet/0/x", "kinglet/0/abc/x", "kinglet/x/abcdefabcdef/x"]
        {
            assert_eq!(Name::parse(wrong), None, "{wrong}");
        }
    }
}
