//! Opening files below a directory without ever leaving it.
//!
//! A path is walked from the directory's descriptor one component at a time, no step follows a
//! symbolic link, and what is asked about a file is asked of the descriptor that will be served:
//! there is no moment between a check and a use. Where the kernel has `openat2` (5.6), one call
//! answers for paths without symbolic links, which saves two calls per directory of the path (a
//! walk three deep takes 1.8 times as long); whatever it refuses is judged by the walker, so
//! that both say the same on every kernel.

use super::log;
use super::open::{DIRECTORY, LOOK, READ, open_at, open_at2, open_last};
use super::shortage::Explained;
use super::stat::{self, Kind, Stat};
use super::walk_path::{Name, Text};
use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
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
    /// No permission, not a regular file, or a symbolic link that ends outside of the root.
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

    /// Where it is, for messages.
    #[must_use]
    pub fn path(&self) -> impl std::fmt::Display {
        self.path.as_bytes().escape_ascii()
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

    /// Whether a directory is held that has been deleted.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        self.fd.as_ref().is_some_and(|fd| stat::is_deleted(fd.as_fd()))
    }

    fn held(&self) -> Result<BorrowedFd<'_>, OpenError> {
        self.fd.as_ref().map(AsFd::as_fd).ok_or(OpenError::NotFound)
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
        let (name, dir) = (text.whole()?, self.held().ok()?.as_raw_fd());
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
        opened(open_last(self.held()?.as_raw_fd(), name, flags).map_err(|e| error_of(&e))?)
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
    /// the next pass begins again: `None`. What stands before such a place are directories that
    /// were walked, hence taking the text's last component off is the parent.
    ///
    /// A link may lead out of the root and into it again. Nothing outside is opened for reading,
    /// and the way back in is a directory that *is* the root, however it is spelled: from there
    /// on the walk continues at the root's own descriptor.
    fn pass(&self, text: &mut Text, flags: i32) -> Result<Option<Opened>, OpenError> {
        let mut at = Position::new(self.held()?, text.absolute)?;
        let mut next = 0;
        while let Some((start, end)) = text.component(next) {
            let dotdot = &text.bytes[start..end] == b"..";
            if dotdot && let Some(parent) = text.parent(start) {
                text.splice(parent, end, b".")?;
                return Ok(None);
            }
            let last = text.component(end).is_none() && !dotdot;
            let wanted = match (last, at.outside) {
                (false, _) => DIRECTORY,
                (true, false) => flags,
                (true, true) => LOOK,
            };
            let name = Name::new(&text.bytes[start..end]).ok_or(OpenError::NotFound)?;
            match open_last(at.dir(), name.as_c_str(), wanted | libc::O_NOFOLLOW) {
                Ok(fd) if last => {
                    let opened = opened(fd)?;
                    if opened.stat.kind != Kind::Link {
                        if at.outside {
                            at.step(opened.fd, true)?;
                            break;
                        }
                        return text.agrees(&opened).map(|()| Some(opened));
                    }
                }
                Ok(fd) => {
                    at.step(fd, dotdot)?;
                    next = end;
                    continue;
                }
                Err(e) if matches!(e.raw_os_error(), Some(libc::ELOOP | libc::ENOTDIR)) => {}
                Err(e) => return Err(at.fault(error_of(&e))),
            }
            let followed = text.follow(at.dir(), (start, end), self.path.as_bytes());
            return followed.map(|()| None).map_err(|e| at.fault(e));
        }
        if at.outside {
            return Err(OpenError::Forbidden);
        }
        opened(open_last(at.dir(), c".", flags).map_err(|e| error_of(&e))?).map(Some)
    }
}

/// How far a pass has come.
struct Position<'r> {
    root: BorrowedFd<'r>,
    /// The directory that was reached; none is the root.
    held: Option<OwnedFd>,
    outside: bool,
}

impl<'r> Position<'r> {
    /// At the root, or at `/`.
    fn new(root: BorrowedFd<'r>, absolute: bool) -> Result<Self, OpenError> {
        let mut new = Self { root, held: None, outside: false };
        if absolute {
            new.step(open_at(libc::AT_FDCWD, c"/", DIRECTORY).map_err(|e| error_of(&e))?, true)?;
        }
        Ok(new)
    }

    fn dir(&self) -> RawFd {
        self.held.as_ref().map_or(self.root, AsFd::as_fd).as_raw_fd()
    }

    /// Goes on to `fd`; `leaves` says that this is no step down.
    fn step(&mut self, fd: OwnedFd, leaves: bool) -> Result<(), OpenError> {
        let identity = |fd| Stat::of(fd).map(|s| (s.dev, s.ino)).map_err(|e| error_of(&e));
        self.outside |= leaves;
        let returns = self.outside && identity(fd.as_fd())? == identity(self.root)?;
        self.outside &= !returns;
        self.held = (!returns).then_some(fd);
        Ok(())
    }

    /// Clients do not learn what exists outside of the root.
    fn fault(&self, error: OpenError) -> OpenError {
        match error {
            OpenError::NotFound if self.outside => OpenError::Forbidden,
            other => other,
        }
    }
}

fn opened(fd: OwnedFd) -> Result<Opened, OpenError> {
    let stat = Stat::of(fd.as_fd()).map_err(|e| error_of(&e))?;
    Ok(Opened { fd, stat })
}

pub(super) fn error_of(error: &io::Error) -> OpenError {
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
