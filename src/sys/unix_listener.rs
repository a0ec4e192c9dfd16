//! Listeners at unix sockets: a name in a folder, or an abstract one (unix(7)).
//!
//! A name in a folder shows up when everything about the socket is settled: owner, mode, and that
//! it listens. Nothing but a socket that nobody listens at is ever replaced, and nothing but what
//! was made here is ever removed.

use std::ffi::{CString, OsString};
use std::fmt;
use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
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
    /// `@name` is an abstract name, all else a path. `None` for what can not be one: empty, longer
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
    // Also what clients will have to use.
    SockAddr::unix(path)?;
    let stale = is_stale(path)?;
    // The file gets its mode from the socket: there is no moment with another one.
    // SAFETY: takes no pointers.
    if unsafe { libc::fchmod(socket.as_raw_fd(), FIRST_MODE) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let interim = Interim::bind(socket, path)?;
    let file = handle(&interim.path)?;
    let inode = Inode::of(&file.metadata()?);
    grant(&file, access)?;
    socket.listen(backlog)?;
    interim.move_to(path, stale)?;
    Ok(inode)
}

/// Whether a socket that nobody listens at has to be replaced; false when nothing is there.
fn is_stale(path: &Path) -> io::Result<bool> {
    match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
        Ok(metadata) if !metadata.file_type().is_socket() => {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        Ok(_) => {}
    }
    let probe = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    probe.set_nonblocking(true)?;
    match probe.connect(&SockAddr::unix(path)?) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        // It answers; or would, if it were of this kind (EPROTOTYPE) or had room (EAGAIN).
        Ok(()) => Err(io::ErrorKind::AddrInUse.into()),
        Err(error) if matches!(error.raw_os_error(), Some(libc::EPROTOTYPE | libc::EAGAIN)) => {
            Err(io::ErrorKind::AddrInUse.into())
        }
        Err(error) => Err(error),
    }
}

/// A socket's first name, in the same folder; removed unless it has got its real one.
struct Interim {
    path: PathBuf,
    moved: bool,
}

impl Interim {
    fn bind(socket: &Socket, path: &Path) -> io::Result<Self> {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            Some(_) => Path::new("."),
            // The root, which is no socket's name.
            None => return Err(io::ErrorKind::InvalidInput.into()),
        };
        let name = format!(".kinglet-{}", std::process::id());
        // What a process of the same number left behind when it was interrupted. Something else
        // by this name makes bind fail.
        let bound = folder.join(&name);
        if bound.symlink_metadata().is_ok_and(|metadata| metadata.file_type().is_socket()) {
            let _ = fs::remove_file(&bound);
        }
        // Through a descriptor, so that the folder's name may be as long as it likes.
        let flags = libc::O_PATH | libc::O_DIRECTORY;
        let opened = OpenOptions::new().read(true).custom_flags(flags).open(folder)?;
        let short = Path::new("/proc/self/fd").join(opened.as_raw_fd().to_string()).join(&name);
        socket.bind(&SockAddr::unix(short)?)?;
        Ok(Self { path: bound, moved: false })
    }

    /// Gives the socket its name; what is stale is replaced in the same moment.
    fn move_to(mut self, path: &Path, stale: bool) -> io::Result<()> {
        if stale {
            fs::rename(&self.path, path)?;
        } else {
            // Fails on what has come there meanwhile.
            rename_new(&self.path, path)?;
        }
        self.moved = true;
        Ok(())
    }
}

impl Drop for Interim {
    fn drop(&mut self) {
        if !self.moved {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Renames to a name that is free.
fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    let string = |path: &Path| Ok::<_, io::Error>(CString::new(path.as_os_str().as_bytes())?);
    let (old, new) = (string(from)?, string(to)?);
    // SAFETY: both strings end with NUL and outlive the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_renameat2,
            libc::AT_FDCWD,
            old.as_ptr(),
            libc::AT_FDCWD,
            new.as_ptr(),
            libc::RENAME_NOREPLACE,
        )
    };
    if result == 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    match error.raw_os_error() {
        // Kernels before 3.15, and file systems that can not do it: a second name does the same.
        Some(libc::ENOSYS | libc::EINVAL | libc::EPERM) => {
            fs::hard_link(from, to)?;
            fs::remove_file(from)
        }
        _ => Err(error),
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
    let link = OsString::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
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

/// Removes the name of a socket, when it still is the one that was opened as `inode`.
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
