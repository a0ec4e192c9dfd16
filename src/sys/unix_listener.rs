//! Listeners at unix sockets: a name in a folder, or an abstract one (unix(7)).
//!
//! A name in a folder has the mode 0600 from its first moment, and nobody gets in before it has
//! the owner and the mode that are asked for. It is bound under that very name, so that the kernel
//! tells it to whoever asks who listens there. Nothing but a socket that nobody listens at is ever
//! replaced, and nothing but what was made here is ever removed.

use std::fmt;
use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::{
    FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Socket, Type};

use super::passing::abstract_address;

/// Bytes that a name may have: `sun_path` of unix(7) less the NUL.
pub const NAME_BYTES_MAX: usize = 107;
/// Nobody but root and the owner connects before the socket has the mode that is asked for.
const FIRST_MODE: libc::mode_t = 0o600;

/// Where a unix socket is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum UnixName {
    /// In a folder.
    Path(PathBuf),
    /// In no folder; without the `@` that it is written with. Every user of the machine may
    /// connect.
    Abstract(String),
}

impl UnixName {
    /// `@name` is an abstract name, all else a path. `None` for what cannot be one: empty, longer
    /// than [`NAME_BYTES_MAX`] bytes, or with a NUL.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (name, is_abstract) = match text.strip_prefix('@') {
            Some(name) => (name, true),
            None => (text, false),
        };
        if name.is_empty() || name.len() > NAME_BYTES_MAX || name.contains('\0') {
            return None;
        }
        Some(if is_abstract { Self::Abstract(name.into()) } else { Self::Path(name.into()) })
    }
}

impl fmt::Display for UnixName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => path.display().fmt(f),
            Self::Abstract(name) => write!(f, "@{name}"),
        }
    }
}

/// Who may connect to a socket in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnixAccess {
    /// User and group that it shall belong to; none: those of this process.
    pub owner: Option<(u32, u32)>,
    /// Permission bits; the bit for writing is what lets one connect.
    pub mode: u32,
}

/// Which file it is, whatever its name is by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Inode {
    /// The device it lies on.
    pub dev: u64,
    /// Its number there.
    pub ino: u64,
}

impl Inode {
    fn of(metadata: &Metadata) -> Self {
        Self { dev: metadata.dev(), ino: metadata.ino() }
    }
}

/// Opens a listener of stream sockets: non-blocking, close-on-exec. `access` means nothing to an
/// abstract name. With a path comes the file that it is, for [`remove`] and [`set_access`].
///
/// # Errors
/// [`io::ErrorKind::AddrInUse`] when somebody listens there, [`io::ErrorKind::AlreadyExists`] when
/// the path is something that is no socket, [`io::ErrorKind::InvalidInput`] for a name that is too
/// long; else what the kernel says.
pub fn open(
    name: &UnixName,
    access: &UnixAccess,
    backlog: i32,
) -> io::Result<(OwnedFd, Option<Inode>)> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    match name {
        UnixName::Abstract(name) => {
            socket.bind(&abstract_address(name)?)?;
            socket.listen(backlog)?;
            Ok((socket.into(), None))
        }
        UnixName::Path(path) => {
            let inode = open_path(&socket, path, access, backlog)?;
            Ok((socket.into(), Some(inode)))
        }
    }
}

fn open_path(socket: &Socket, path: &Path, access: &UnixAccess, backlog: i32) -> io::Result<Inode> {
    let address = SockAddr::unix(path)?;
    if let Some(stale) = stale(path, &address)? {
        remove(path, stale)?;
    }
    // The file gets its mode from the socket: there is no moment with another one.
    // SAFETY: takes no pointers.
    if unsafe { libc::fchmod(socket.as_raw_fd(), FIRST_MODE) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // Fails on what has come there meanwhile.
    socket.bind(&address)?;
    let file = handle(path)?;
    let inode = Inode::of(&file.metadata()?);
    // Nobody can connect before it listens.
    if let Err(error) = grant(&file, access).and_then(|()| socket.listen(backlog)) {
        let _ = remove(path, inode);
        return Err(error);
    }
    Ok(inode)
}

/// The socket that nobody listens at and that is to be replaced; `None` when nothing is there.
fn stale(path: &Path, address: &SockAddr) -> io::Result<Option<Inode>> {
    let found = match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
        Ok(metadata) if !metadata.file_type().is_socket() => {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        Ok(metadata) => Inode::of(&metadata),
    };
    let probe = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    probe.set_nonblocking(true)?;
    match probe.connect(address) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        // It answers; or would, if it were of this kind (EPROTOTYPE) or had room (EAGAIN).
        Ok(()) => Err(io::ErrorKind::AddrInUse.into()),
        Err(error) if matches!(error.raw_os_error(), Some(libc::EPROTOTYPE | libc::EAGAIN)) => {
            Err(io::ErrorKind::AddrInUse.into())
        }
        Err(error) => Err(error),
    }
}

/// Holds the very file behind a name, which has to be a socket.
fn handle(path: &Path) -> io::Result<File> {
    let flags = libc::O_PATH | libc::O_NOFOLLOW;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if !file.metadata()?.file_type().is_socket() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    Ok(file)
}

/// Sets owner and mode; the owner first, who may not be one to be trusted with the old mode.
fn grant(file: &File, access: &UnixAccess) -> io::Result<()> {
    if let Some((uid, gid)) = access.owner {
        // SAFETY: the empty name ends with NUL; the descriptor itself is meant.
        let result = unsafe {
            libc::fchownat(file.as_raw_fd(), c"".as_ptr(), uid, gid, libc::AT_EMPTY_PATH)
        };
        if result != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    // fchmod(2) takes no such descriptor; this name leads to the same file.
    let link = format!("/proc/self/fd/{}", file.as_raw_fd());
    fs::set_permissions(link, Permissions::from_mode(access.mode & 0o777))
}

/// Changes who may connect, when `path` still is the socket that was opened as `inode`.
///
/// # Errors
/// [`io::ErrorKind::NotFound`] when it is not, else what the kernel says.
pub fn set_access(path: &Path, inode: Inode, access: &UnixAccess) -> io::Result<()> {
    let file = handle(path)?;
    if Inode::of(&file.metadata()?) != inode {
        return Err(io::ErrorKind::NotFound.into());
    }
    grant(&file, access)
}

/// Removes the name of a socket, when it still is the one that was opened as `inode`. Call it
/// while the socket is open: from then on the file system may give its number to another file.
///
/// # Errors
/// [`io::ErrorKind::NotFound`] when it is not, else what the kernel says.
pub fn remove(path: &Path, inode: Inode) -> io::Result<()> {
    let metadata = path.symlink_metadata()?;
    if !metadata.file_type().is_socket() || Inode::of(&metadata) != inode {
        return Err(io::ErrorKind::NotFound.into());
    }
    fs::remove_file(path)
}

#[cfg(test)]
#[path = "unix_listener_tests.rs"]
mod tests;
