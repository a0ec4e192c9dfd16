//! Opening files below a directory without ever leaving it.
//!
//! A path is walked from the directory's descriptor one component at a time, no step follows a
//! symbolic link, and what is asked about a file is asked of the descriptor that will be served:
//! there is no moment between a check and a use. Where the kernel has `openat2` (5.6), one call
//! answers for paths without symbolic links, which saves two calls per directory of the path (a
//! walk three deep takes 1.8 times as long); whatever it refuses is judged by the walker, so
//! that both say the same on every kernel.

use super::log;
use super::open::{DIRECTORY, LOOK, READ, open_at, open_at2, open_last, read_link};
use super::shortage::Explained;
use super::stat::{Kind, Stat};
use core::ffi::CStr;
use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// Longest path below a root, in bytes, also after symbolic links were put in.
pub const PATH_BYTES_MAX: usize = 4095;

/// Most symbolic links and `..` in their targets that one walk resolves.
pub const TURNS_MAX: usize = 40;

/// Set once the kernel has said that it does not know `openat2`.
static OPENAT2_MISSING: AtomicBool = AtomicBool::new(false);

/// What a walk may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rules {
    /// Symbolic links may lead anywhere (`follow-symlinks`).
    pub follow_symlinks: bool,
    /// Names that begin with a dot are served (`dotfiles`).
    pub dotfiles: bool,
}

/// Why a file was not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenError {
    /// No such file, or none that these rules admit to.
    NotFound,
    /// No permission, not a regular file, or a symbolic link that leaves the root.
    Forbidden,
    /// Out of descriptors or memory; later may work.
    Busy,
    /// The file system failed with this error number.
    Failed(i32),
}

/// A descriptor for reading and what it is: a regular file or a directory.
#[derive(Debug)]
pub struct Opened {
    /// The descriptor. A directory that may be searched but not read is an `O_PATH` one.
    pub fd: OwnedFd,
    /// Its metadata.
    pub stat: Stat,
}

/// A directory whose files may be opened.
#[derive(Debug)]
pub struct Root {
    fd: Option<OwnedFd>,
    path: CString,
}

impl Root {
    /// Remembers the directory at `path` without opening it yet.
    ///
    /// # Errors
    /// When the path has a NUL in it.
    pub fn new(path: &Path) -> io::Result<Self> {
        let mut bytes = path.as_os_str().as_bytes();
        while bytes.len() > 1 && bytes.ends_with(b"/") {
            bytes = &bytes[..bytes.len() - 1];
        }
        let path = CString::new(bytes).map_err(|_| io::ErrorKind::InvalidInput)?;
        Ok(Self { fd: None, path })
    }

    /// Opens the directory at `path`.
    ///
    /// # Errors
    /// When it is no directory or may not be reached.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut root = Self::new(path)?;
        root.reopen()?;
        Ok(root)
    }

    /// Opens the path again, in case another directory stands there now. Allocates nothing.
    ///
    /// # Errors
    /// As [`Root::open`]; a directory that was held stays open.
    pub fn reopen(&mut self) -> io::Result<()> {
        self.fd = Some(open_at(libc::AT_FDCWD, &self.path, DIRECTORY)?);
        Ok(())
    }

    /// The same directory once more, by a descriptor of its own.
    ///
    /// # Errors
    /// When there is no descriptor left.
    pub fn try_clone(&self) -> io::Result<Self> {
        let fd = self.fd.as_ref().map(OwnedFd::try_clone).transpose()?;
        Ok(Self { fd, path: self.path.clone() })
    }

    /// Lets go of the directory, so that its file system can be unmounted.
    pub fn close(&mut self) {
        self.fd = None;
    }

    /// Whether a directory is held.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.fd.is_some()
    }

    fn raw_fd(&self) -> Result<RawFd, OpenError> {
        self.fd.as_ref().map(AsRawFd::as_raw_fd).ok_or(OpenError::NotFound)
    }

    /// Opens the file or directory at `path`, which begins with `/` and is decoded and
    /// normalised; a trailing `/` asks for a directory. A closed root has no files.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open_file(&self, path: &[u8], rules: Rules) -> Result<Opened, OpenError> {
        self.open_with(path, rules, READ, true)
    }

    /// What `path` leads to, without opening it for reading. Never answers a link.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn stat(&self, path: &[u8], rules: Rules) -> Result<Stat, OpenError> {
        self.open_with(path, rules, LOOK, true).map(|opened| opened.stat)
    }

    /// `fast` allows `openat2`; tests run without it too.
    fn open_with(
        &self,
        path: &[u8],
        rules: Rules,
        flags: i32,
        fast: bool,
    ) -> Result<Opened, OpenError> {
        let mut text = Text::relative(path, rules.dotfiles)?;
        let opened = if rules.follow_symlinks {
            self.open_anywhere(&text, flags)?
        } else {
            match if fast { self.open_plain(&text, flags) } else { None } {
                Some(answer) => answer?,
                None => self.walk(&mut text, flags)?,
            }
        };
        match opened.stat.kind {
            Kind::Regular | Kind::Directory => Ok(opened),
            Kind::Link | Kind::Other => Err(OpenError::Forbidden),
        }
    }

    /// One call that succeeds only when no symbolic link is met; `None` leaves it to the walker.
    fn open_plain(&self, text: &Text, flags: i32) -> Option<Result<Opened, OpenError>> {
        if OPENAT2_MISSING.load(Ordering::Relaxed) {
            return None;
        }
        let (name, dir) = (text.whole()?, self.raw_fd().ok()?);
        match open_at2(dir, name, flags) {
            Ok(fd) => Some(opened(fd)),
            Err(e) => match e.raw_os_error() {
                Some(libc::ENOENT) => Some(Err(OpenError::NotFound)),
                Some(libc::ENOSYS) => {
                    OPENAT2_MISSING.store(true, Ordering::Relaxed);
                    None
                }
                _ => None,
            },
        }
    }

    /// The kernel's own resolution, which may leave the root by a symbolic link.
    fn open_anywhere(&self, text: &Text, flags: i32) -> Result<Opened, OpenError> {
        let name = text.whole().ok_or(OpenError::NotFound)?;
        opened(open_last(self.raw_fd()?, name, flags).map_err(|e| error_of(&e))?)
    }

    fn walk(&self, text: &mut Text, flags: i32) -> Result<Opened, OpenError> {
        for _ in 0..=TURNS_MAX {
            if let Some(opened) = self.pass(text, flags)? {
                return Ok(opened);
            }
        }
        Err(OpenError::NotFound)
    }

    /// Walks `text` up to its first symbolic link or `..`, which it resolves in the text so that
    /// the next pass begins again at the root: `None`. What stands before such a place are
    /// directories that were walked, hence taking the text's last component off is the parent.
    fn pass(&self, text: &mut Text, flags: i32) -> Result<Option<Opened>, OpenError> {
        let root = self.raw_fd()?;
        let mut held: Option<OwnedFd> = None;
        let mut at = 0;
        while let Some((start, end)) = text.component(at) {
            let dir = held.as_ref().map_or(root, AsRawFd::as_raw_fd);
            if &text.bytes[start..end] == b".." {
                text.drop_with_parent(start, end)?;
                return Ok(None);
            }
            let last = text.component(end).is_none();
            let wanted = if last { flags } else { DIRECTORY } | libc::O_NOFOLLOW;
            let name = Name::new(&text.bytes[start..end]).ok_or(OpenError::NotFound)?;
            match open_last(dir, name.as_c_str(), wanted) {
                Ok(fd) if last => {
                    let opened = opened(fd)?;
                    if opened.stat.kind != Kind::Link {
                        return text.agrees(&opened).map(|()| Some(opened));
                    }
                }
                Ok(fd) => {
                    held = Some(fd);
                    at = end;
                    continue;
                }
                Err(e) if matches!(e.raw_os_error(), Some(libc::ELOOP | libc::ENOTDIR)) => {}
                Err(e) => return Err(error_of(&e)),
            }
            text.follow(dir, (start, end), self.path.as_bytes())?;
            return Ok(None);
        }
        let dir = held.as_ref().map_or(root, AsRawFd::as_raw_fd);
        opened(open_last(dir, c".", flags).map_err(|e| error_of(&e))?).map(Some)
    }
}

/// The path that is still to be walked, relative to the root.
struct Text {
    bytes: [u8; PATH_BYTES_MAX + 1],
    len: usize,
}

impl Text {
    /// Checks a request's path and makes it relative.
    fn relative(path: &[u8], dotfiles: bool) -> Result<Self, OpenError> {
        let rest = path.strip_prefix(b"/").ok_or(OpenError::NotFound)?;
        if rest.len() > PATH_BYTES_MAX || rest.contains(&0) {
            return Err(OpenError::NotFound);
        }
        for (depth, name) in rest.split(|&b| b == b'/').enumerate() {
            let well_known = depth == 0 && name == b".well-known";
            let hidden = name.first() == Some(&b'.') && !dotfiles && !well_known;
            if hidden || name == b"." || name == b".." {
                return Err(OpenError::NotFound);
            }
        }
        let rest = if rest.is_empty() { b"." } else { rest };
        let mut text = Self { bytes: [0; PATH_BYTES_MAX + 1], len: rest.len() };
        text.bytes[..rest.len()].copy_from_slice(rest);
        Ok(text)
    }

    /// First component that begins at or after `at`; empty ones and `.` are no components.
    fn component(&self, mut at: usize) -> Option<(usize, usize)> {
        while at < self.len {
            let rest = &self.bytes[at..self.len];
            let end = at + rest.iter().position(|&b| b == b'/').unwrap_or(rest.len());
            if end > at && &self.bytes[at..end] != b"." {
                return Some((at, end));
            }
            at = end + 1;
        }
        None
    }

    /// The whole text as the kernel wants it; the byte behind it is always zero.
    fn whole(&self) -> Option<&CStr> {
        CStr::from_bytes_with_nul(self.bytes.get(..=self.len)?).ok()
    }

    /// A text that ends with `/` must have led to a directory.
    fn agrees(&self, opened: &Opened) -> Result<(), OpenError> {
        let slash = self.len > 0 && self.bytes[self.len - 1] == b'/';
        if slash && opened.stat.kind != Kind::Directory {
            return Err(OpenError::NotFound);
        }
        Ok(())
    }

    /// Takes the `..` at `start..end` and the component before it out of the text.
    fn drop_with_parent(&mut self, start: usize, end: usize) -> Result<(), OpenError> {
        let mut parent = None;
        let mut at = 0;
        while let Some((s, e)) = self.component(at) {
            if s >= start {
                break;
            }
            parent = Some(s);
            at = e;
        }
        // Nothing before it: the link leads out of the root.
        let from = parent.ok_or(OpenError::Forbidden)?;
        self.splice(from, end, b".")
    }

    /// Puts the target of the symbolic link at `start..end` in its place.
    fn follow(
        &mut self,
        dir: RawFd,
        (start, end): (usize, usize),
        root: &[u8],
    ) -> Result<(), OpenError> {
        let name = Name::new(&self.bytes[start..end]).ok_or(OpenError::NotFound)?;
        let mut target = [0; PATH_BYTES_MAX + 1];
        let len = match read_link(dir, name.as_c_str(), &mut target) {
            Ok(len) if len < target.len() => len,
            Ok(_) => return Err(OpenError::NotFound),
            // It is no link (any more), so a component that should be a directory is none.
            Err(e) if e.raw_os_error() == Some(libc::EINVAL) => return Err(OpenError::NotFound),
            Err(e) => return Err(error_of(&e)),
        };
        let target = &target[..len];
        if !target.starts_with(b"/") {
            return self.splice(start, end, target);
        }
        // An absolute target stays inside only when it names the root by its configured path.
        let root = root.strip_suffix(b"/").unwrap_or(root);
        match target.strip_prefix(root) {
            Some(b"") => self.splice(0, end, b"."),
            Some(inside) if inside.starts_with(b"/") => self.splice(0, end, &inside[1..]),
            _ => Err(OpenError::Forbidden),
        }
    }

    fn splice(&mut self, start: usize, end: usize, new: &[u8]) -> Result<(), OpenError> {
        let len = start + new.len() + (self.len - end);
        if len > PATH_BYTES_MAX {
            return Err(OpenError::NotFound);
        }
        self.bytes.copy_within(end..self.len, start + new.len());
        self.bytes[start..start + new.len()].copy_from_slice(new);
        self.bytes[len] = 0;
        self.len = len;
        Ok(())
    }
}

/// One component with its closing NUL; file systems take 255 bytes at most.
struct Name {
    bytes: [u8; 256],
    len: usize,
}

impl Name {
    fn new(name: &[u8]) -> Option<Self> {
        let mut bytes = [0; 256];
        bytes[..255].get_mut(..name.len())?.copy_from_slice(name);
        Some(Self { bytes, len: name.len() })
    }

    fn as_c_str(&self) -> &CStr {
        CStr::from_bytes_with_nul(&self.bytes[..=self.len]).unwrap_or(c"")
    }
}

fn opened(fd: OwnedFd) -> Result<Opened, OpenError> {
    use std::os::fd::AsFd;
    let stat = Stat::of(fd.as_fd()).map_err(|e| error_of(&e))?;
    Ok(Opened { fd, stat })
}

fn error_of(error: &io::Error) -> OpenError {
    match error.raw_os_error().unwrap_or(libc::EIO) {
        libc::ENOENT | libc::ENOTDIR | libc::ENAMETOOLONG | libc::ELOOP | libc::EINVAL => {
            OpenError::NotFound
        }
        // ENXIO and ENODEV: a socket, or a device that nobody drives.
        libc::EACCES | libc::EPERM | libc::ENXIO | libc::ENODEV => OpenError::Forbidden,
        // EAGAIN: another process holds a lease on the file and was told to let go.
        libc::EAGAIN => OpenError::Busy,
        libc::EMFILE | libc::ENFILE | libc::ENOMEM => {
            log::warn(format_args!("a file cannot be opened: {}", Explained(error)));
            OpenError::Busy
        }
        errno => OpenError::Failed(errno),
    }
}

#[cfg(test)]
#[path = "walk_tests.rs"]
mod tests;
