//! Where log lines go: files that are opened by path, and opened again on request, or files that
//! another process opens.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, fchown};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::world::LogFile;
use crate::sys::stream;

/// How long a file that could not be opened is left alone.
const REOPEN_AFTER: Duration = Duration::from_secs(30);

/// Mode of a log file that is made, as with lwsws.
pub(super) const FILE_MODE: u32 = 0o600;

/// User and group that a log file is given when it is made as root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
}

/// Something that takes log lines; a file, but for tests.
pub trait LogTarget: Send {
    /// Writes some of `bytes`; may block.
    ///
    /// # Errors
    /// As the file says.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Goes on with the file that the path now names.
    ///
    /// # Errors
    /// As opening says; the target then goes on as before.
    fn reopen(&mut self) -> io::Result<()>;

    /// Goes on with a file that somebody else has opened for appending.
    fn replace(&mut self, file: File);

    /// The name for messages.
    fn name(&self) -> &str;
}

/// A log file by its path.
pub(super) struct FileTarget {
    name: Box<str>,
    path: PathBuf,
    file: Option<File>,
    /// When it was last tried to open it.
    tried: Instant,
}

impl FileTarget {
    /// Opens `file`, or says why not; such a target tries again at times.
    pub(super) fn open(file: &LogFile, owner: Option<Owner>) -> (Self, io::Result<()>) {
        let path = PathBuf::from(&*file.path);
        let (opened, result) = match open_file(&path, owner) {
            Ok(opened) => (Some(opened), Ok(())),
            Err(error) => (None, Err(error)),
        };
        (Self { name: file.path.clone(), path, file: opened, tried: Instant::now() }, result)
    }
}

impl LogTarget for FileTarget {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.file.is_none() {
            if self.tried.elapsed() < REOPEN_AFTER {
                return Err(io::ErrorKind::NotFound.into());
            }
            self.reopen()?;
        }
        self.file.as_mut().map_or_else(|| Err(io::ErrorKind::NotFound.into()), |f| f.write(bytes))
    }

    fn reopen(&mut self) -> io::Result<()> {
        self.tried = Instant::now();
        self.file = Some(open_file(&self.path, None)?);
        Ok(())
    }

    fn replace(&mut self, file: File) {
        self.file = Some(file);
    }

    fn name(&self) -> &str {
        &self.name
    }
}

/// A log file that another process opens, at the start and when it is to be another one. Until
/// there is one, nothing can be written.
pub(super) struct HandedTarget {
    name: Box<str>,
    file: Option<File>,
}

impl HandedTarget {
    pub(super) fn new(name: &str, file: Option<File>) -> Self {
        Self { name: name.into(), file }
    }
}

impl LogTarget for HandedTarget {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.file {
            Some(file) => file.write(bytes),
            None => Err(io::Error::new(io::ErrorKind::NotFound, "it is not open")),
        }
    }

    /// Whoever has opened it does that.
    fn reopen(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn replace(&mut self, file: File) {
        self.file = Some(file);
    }

    fn name(&self) -> &str {
        &self.name
    }
}

/// Opens for reading too, as lwsws does: opening a FIFO that way does not wait for a reader.
/// The owner is set only on a file that this call made; an existing one keeps its own.
fn open_file(path: &Path, owner: Option<Owner>) -> io::Result<File> {
    if let Some(opened) = path.to_str().and_then(stream::open) {
        return opened;
    }
    let mut options = OpenOptions::new();
    options.read(true).append(true).mode(FILE_MODE);
    let file = match options.clone().create_new(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return options.create(true).open(path);
        }
        other => other?,
    };
    if let Some(owner) = owner {
        // Some file systems, those of SD cards for one, know no owners.
        let _ = fchown(&file, Some(owner.uid), Some(owner.gid));
    }
    Ok(file)
}
