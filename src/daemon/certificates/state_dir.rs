//! The directory for what Kinglet makes and must find again.
//!
//! Private keys are in it, so nobody else may be able to put something there or to lead the way
//! somewhere else: not by owning a directory on the way, not by being allowed to write to one,
//! not by a symbolic link in place of a file.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::sys::access::{self, Subject, Want};
use crate::sys::{open, user};

/// Where the system keeps state.
const SYSTEM: &str = "/var/lib/kinglet";
/// The directory's name below that of a user's state.
const NAME: &str = "kinglet";
/// Mode of a directory that is made.
const DIRECTORY_MODE: u32 = 0o700;
/// Mode of a file.
const FILE_MODE: u32 = 0o600;
/// Mode bits: somebody else may read, write or search.
const OTHERS: u32 = 0o077;
/// Mode bit: the group may write.
const GROUP_WRITES: u32 = 0o020;
/// Mode bit: everybody may write.
const ALL_WRITE: u32 = 0o002;
/// Mode bit: entries of the directory belong to who made them.
const STICKY: u32 = 0o1000;

/// What of the process's surroundings decides where state is kept.
#[derive(Debug, Clone, Default)]
pub(in crate::daemon) struct Surroundings {
    /// `STATE_DIRECTORY`: what a service manager has made for this service; the first of several.
    pub service: Option<PathBuf>,
    /// The process is root's.
    pub is_root: bool,
    /// The system's directory is there and belongs to this user.
    pub system_is_ours: bool,
    /// `XDG_STATE_HOME`
    pub state_home: Option<PathBuf>,
    /// `HOME`
    pub home: Option<PathBuf>,
}

impl Surroundings {
    /// Those of this process. To be asked by the process that was started by somebody, and handed
    /// on: the environment of its children lacks these variables.
    pub(in crate::daemon) fn now() -> Self {
        let variable = |name| std::env::var_os(name);
        let absolute = |path: PathBuf| Some(path).filter(|path| path.is_absolute());
        let uid = user::effective_uid();
        let is_mine = |found: Metadata| found.is_dir() && found.uid() == uid;
        Self {
            service: variable("STATE_DIRECTORY")
                .and_then(|list| std::env::split_paths(&list).next())
                .and_then(absolute),
            is_root: uid == 0,
            // With DynamicUser= systemd makes it a link to a directory of that user.
            system_is_ours: fs::metadata(SYSTEM).is_ok_and(is_mine),
            state_home: variable("XDG_STATE_HOME").map(PathBuf::from).and_then(absolute),
            home: variable("HOME").map(PathBuf::from).and_then(absolute),
        }
    }

    /// The service's directory, the system's, or one of the user's; `None` when there is no home.
    pub(in crate::daemon) fn state_dir(&self) -> Option<PathBuf> {
        if let Some(service) = &self.service {
            return Some(service.clone());
        }
        if self.is_root || self.system_is_ours {
            return Some(PathBuf::from(SYSTEM));
        }
        let below_home = || self.home.as_ref().map(|home| home.join(".local/state"));
        Some(self.state_home.clone().or_else(below_home)?.join(NAME))
    }
}

/// A directory that is there and that only we, or root, can change.
#[derive(Debug, Clone)]
pub(in crate::daemon) struct StateDir {
    path: PathBuf,
}

/// What is in a file, and whether others could have read it.
pub(in crate::daemon) struct Content {
    /// The bytes, wiped when they are dropped.
    pub bytes: Zeroizing<Vec<u8>>,
    /// The mode lets others read or write.
    pub is_open: bool,
}

impl StateDir {
    /// Makes the directory if it is missing; one that is there keeps its mode.
    ///
    /// # Errors
    /// What the system says, or who else could change something.
    pub(in crate::daemon) fn open(path: &Path) -> io::Result<Self> {
        let path = std::path::absolute(path)?;
        // What is there already is looked at before anything is made in it.
        let there = existing(&path);
        let mut found = trusted(there)?;
        if there != path {
            DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(&path)?;
            found = trusted(&path)?;
        }
        let path = found;
        if fs::metadata(&path)?.is_dir() {
            Ok(Self { path })
        } else {
            Err(io::ErrorKind::NotADirectory.into())
        }
    }

    /// The path that [`Self::open`] would find or make, without symbolic links.
    ///
    /// # Errors
    /// What the system says.
    pub(in crate::daemon) fn resolve(path: &Path) -> io::Result<PathBuf> {
        let path = std::path::absolute(path)?;
        let there = existing(&path);
        let rest = path.strip_prefix(there).unwrap_or_else(|_| Path::new(""));
        Ok(fs::canonicalize(there)?.join(rest))
    }

    /// Whether [`Self::open`] would find or could make the directory, and `starter` write to it,
    /// as far as that can be seen without making anything: what is there of its path.
    ///
    /// # Errors
    /// As those of [`Self::open`].
    pub(in crate::daemon) fn look(path: &Path, starter: &Subject) -> io::Result<PathBuf> {
        let found = trusted(existing(&std::path::absolute(path)?))?;
        match access::check(&found, starter, Want::Create) {
            Ok(metadata) if metadata.is_dir() => Ok(found),
            Ok(_) => Err(io::ErrorKind::NotADirectory.into()),
            Err(refusal) => Err(refused(refusal.to_string())),
        }
    }

    /// The path of a file in it.
    pub(in crate::daemon) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The directory's path, without symbolic links.
    pub(in crate::daemon) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads a file of at most `limit` bytes; `None` when there is none.
    ///
    /// # Errors
    /// What the system says, something else than a file, a file of somebody else, or one that is
    /// longer.
    pub(in crate::daemon) fn read(&self, name: &str, limit: usize) -> io::Result<Option<Content>> {
        let flags = open::NO_FOLLOW | open::NO_WAIT;
        let opened = OpenOptions::new().read(true).custom_flags(flags).open(self.file(name));
        let file = match opened {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                let is_link = fs::symlink_metadata(self.file(name))
                    .is_ok_and(|found| found.file_type().is_symlink());
                return Err(if is_link { refused("it is a symbolic link") } else { error });
            }
        };
        let found = file.metadata()?;
        if !found.is_file() {
            return Err(refused("it is not a file"));
        }
        if !is_ours(&found) {
            return Err(refused("it belongs to another user"));
        }
        // As long as it can get, so that no copy is left behind by growing.
        let mut bytes = Zeroizing::new(Vec::with_capacity(limit + 1));
        file.take(limit as u64 + 1).read_to_end(&mut bytes)?;
        if bytes.len() > limit {
            return Err(refused("it is too long"));
        }
        Ok(Some(Content { bytes, is_open: found.mode() & OTHERS != 0 }))
    }

    /// Writes a file that only we can read, so that there is the old one or the new one whatever
    /// happens in between.
    ///
    /// # Errors
    /// What the system says.
    pub(in crate::daemon) fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        // The number is this process's: a file of that name is left from one that is gone.
        let temporary = self.file(&format!(".{name}.{}", std::process::id()));
        let _ = fs::remove_file(&temporary);
        let written = self.write_new(&temporary, bytes).and_then(|()| {
            fs::rename(&temporary, self.file(name))?;
            File::open(&self.path)?.sync_all()
        });
        if written.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        written
    }

    fn write_new(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(FILE_MODE)
            .custom_flags(open::NO_FOLLOW)
            .open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    }
}

/// As much of `path` as is there.
fn existing(path: &Path) -> &Path {
    path.ancestors().find(|part| fs::symlink_metadata(part).is_ok()).unwrap_or(path)
}

/// `path` without symbolic links: just what was looked at, whatever a link says later. Fails when
/// somebody else could change it or a directory or link on the way to it.
fn trusted(path: &Path) -> io::Result<PathBuf> {
    for part in path.ancestors() {
        let found = fs::symlink_metadata(part)?;
        if !is_ours(&found) {
            return Err(of_another(part));
        }
    }
    let path = fs::canonicalize(path)?;
    for part in path.ancestors() {
        let found = fs::symlink_metadata(part)?;
        if !is_ours(&found) {
            return Err(of_another(part));
        }
        if others_write(&found) {
            return Err(refused(format!("others may write to {}", part.display())));
        }
    }
    Ok(path)
}

/// Whether root or this process's user owns it.
fn is_ours(found: &Metadata) -> bool {
    [0, user::effective_uid()].contains(&found.uid())
}

/// Whether others may replace what is in a directory. A sticky one lets them only add; our own
/// group is where some systems put each user alone.
fn others_write(found: &Metadata) -> bool {
    let group_is_ours = [0, user::effective_gid()].contains(&found.gid());
    let by_group = found.mode() & GROUP_WRITES != 0 && !group_is_ours;
    let by_all = found.mode() & ALL_WRITE != 0;
    found.mode() & STICKY == 0 && (by_group || by_all)
}

fn of_another(part: &Path) -> io::Error {
    refused(format!("{} belongs to another user", part.display()))
}

fn refused(why: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, why.into())
}

#[cfg(test)]
#[path = "state_dir_tests.rs"]
pub(in crate::daemon) mod tests;
