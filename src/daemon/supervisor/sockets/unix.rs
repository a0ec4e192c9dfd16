//! Unix sockets of the table, and their files.

use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use crate::daemon::finding::{Finding, Severity};
use crate::daemon::packing::{Malformed, Pack as _, Unpacker};
use crate::sys::shortage::Explained;
use crate::sys::socket::BACKLOG;
use crate::sys::unix_listener::{self, Inode, NAME_BYTES_MAX, UnixAccess, UnixName};

/// Who may use a socket when the plan does not say it.
const CLOSED: UnixAccess = UnixAccess { owner: None, mode: 0o600 };

/// The file of a unix socket that this program has made.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    inode: Inode,
    access: UnixAccess,
}

impl SocketFile {
    /// Removes it, unless something else has its name by now.
    pub(super) fn remove(self) {
        // Whoever took its name or its folder away did what was to be done.
        let _ = unix_listener::remove(&self.path, self.inode);
    }

    /// Whether clients still find it by its name.
    pub(super) fn is_there(&self) -> bool {
        self.path
            .symlink_metadata()
            .is_ok_and(|metadata| Inode { dev: metadata.dev(), ino: metadata.ino() } == self.inode)
    }

    /// Changes who may use it, if that is not so yet.
    pub(super) fn grant(&mut self, access: UnixAccess) -> io::Result<()> {
        if access != self.access {
            unix_listener::set_access(&self.path, self.inode, &access)?;
            self.access = access;
        }
        Ok(())
    }
}

impl SocketFile {
    /// Adds it to `to`.
    pub(super) fn pack(&self, to: &mut Vec<u8>) {
        to.blob(self.path.as_os_str().as_bytes());
        to.u64(self.inode.dev);
        to.u64(self.inode.ino);
        to.owner(self.access.owner);
        to.u32(self.access.mode);
    }

    /// Reads what [`pack`](Self::pack) has written.
    pub(super) fn unpack(from: &mut Unpacker<'_>) -> Result<Self, Malformed> {
        let path = PathBuf::from(OsStr::from_bytes(from.blob()?));
        let inode = Inode { dev: from.u64()?, ino: from.u64()? };
        let access = UnixAccess { owner: from.owner()?, mode: from.u32()? };
        Ok(Self { path, inode, access })
    }
}

/// Listens at a path or an abstract `@name`; the file is none for the latter.
pub(super) fn open(
    name: &str,
    access: Option<UnixAccess>,
) -> Result<(OwnedFd, Option<SocketFile>), Finding> {
    let Some(parsed) = UnixName::parse(name) else {
        return Err(refused(name, &io::ErrorKind::InvalidInput.into()));
    };
    let access = access.unwrap_or(CLOSED);
    let (fd, inode) =
        unix_listener::open(&parsed, &access, BACKLOG).map_err(|error| refused(name, &error))?;
    let file = match (parsed, inode) {
        (UnixName::Path(path), Some(inode)) => Some(SocketFile { path, inode, access }),
        _ => None,
    };
    Ok((fd, file))
}

/// Says why one cannot listen there.
fn refused(name: &str, error: &io::Error) -> Finding {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            Finding::new(Severity::Error, format!("{name} is in use by another program"))
                .hint(format!("find it with: ss -lxp src \"{name}\""))
        }
        io::ErrorKind::AlreadyExists => {
            Finding::new(Severity::Error, format!("{name} exists and is not a socket"))
                .hint("remove it, or choose another path")
        }
        io::ErrorKind::InvalidInput => {
            let message = format!("{name} is no name for a socket");
            Finding::new(Severity::Error, message)
                .hint(format!("it may have 1 to {NAME_BYTES_MAX} bytes"))
        }
        io::ErrorKind::NotFound => {
            Finding::new(Severity::Degraded, format!("there is no directory for {name}"))
                .hint("make it, or let the init system make it: RuntimeDirectory= of systemd")
        }
        _ => {
            let why = Explained(error);
            Finding::new(Severity::Error, format!("cannot listen on {name}: {why}"))
        }
    }
}
