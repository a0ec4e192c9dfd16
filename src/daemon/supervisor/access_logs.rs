//! The access logs of all generations. The supervisor opens them with its own rights, and opens
//! them again when log rotation asks for it; workers write.

use std::fs::{File, OpenOptions, Permissions};
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::Path;
use std::sync::Arc;

use super::sockets::kept::{pack_fd, unpack_fd};
use crate::daemon::packing::{Malformed, Pack as _, Unpacker};
use crate::daemon::plan::PlannedLog;
use crate::sys::{open, stream, user};

/// Mode of a log file that is made, as with lwsws.
const FILE_MODE: u32 = 0o600;

/// Mode of one that root makes, which the group of its directory may read.
const SHARED_MODE: u32 = 0o640;

/// A log file by its path.
#[derive(Debug)]
struct AccessLog {
    path: String,
    file: Option<Arc<OwnedFd>>,
    /// The file was found by the path when that was last tried.
    is_current: bool,
}

impl AccessLog {
    /// Opens it by its path. Where that fails, the file that was open, if any, goes on.
    fn open(&mut self) -> io::Result<()> {
        let opened = open_file(&self.path);
        self.is_current = opened.is_ok();
        self.file = Some(shared(opened?));
        Ok(())
    }
}

/// All log files that some generation writes to.
#[derive(Debug, Default)]
pub(super) struct AccessLogs {
    logs: Vec<AccessLog>,
}

impl AccessLogs {
    /// Opens what is not open by its path. What cannot be opened goes to `report` and is tried
    /// again with the next [`open_missing`](Self::open_missing) and [`reopen`](Self::reopen).
    pub(super) fn open(
        &mut self,
        wanted: &[PlannedLog],
        report: &mut dyn FnMut(&PlannedLog, io::Error),
    ) {
        for planned in wanted {
            if self.logs.iter().all(|log| log.path != planned.path) {
                let path = planned.path.clone();
                self.logs.push(AccessLog { path, file: None, is_current: false });
            }
            let mut missing = self.logs.iter_mut().filter(|log| !log.is_current);
            if let Some(log) = missing.find(|log| log.path == planned.path)
                && let Err(error) = log.open()
            {
                report(planned, error);
            }
        }
    }

    /// Whether one that is wanted is not open, or not by its path.
    #[must_use]
    pub(super) fn lacks_any(&self) -> bool {
        self.logs.iter().any(|log| !log.is_current)
    }

    /// Opens what is not open, as far as that is possible now; the paths of those that are open
    /// from now on.
    pub(super) fn open_missing(&mut self) -> Vec<String> {
        let missing = self.logs.iter_mut().filter(|log| !log.is_current);
        missing.filter_map(|log| log.open().ok().map(|()| log.path.clone())).collect()
    }

    /// Opens all by their paths anew. Where that fails, `report` hears of it, and the file that
    /// was open, if any, goes on.
    pub(super) fn reopen(&mut self, report: &mut dyn FnMut(&str, io::Error)) {
        for log in &mut self.logs {
            if let Err(error) = log.open() {
                report(&log.path, error);
            }
        }
    }

    /// The file that this path named when it was last opened.
    #[must_use]
    pub(super) fn fd(&self, path: &str) -> Option<&Arc<OwnedFd>> {
        let log = self.logs.iter().find(|log| log.path == path)?;
        log.file.as_ref()
    }

    /// Closes those that `is_used` does not want.
    pub(super) fn keep(&mut self, is_used: &dyn Fn(&str) -> bool) {
        self.logs.retain(|log| is_used(&log.path));
    }
}

impl AccessLogs {
    /// Adds them to `to`, for a supervisor that becomes another program.
    pub(super) fn pack<'a>(&'a self, to: &mut Vec<u8>, keep: &mut Vec<BorrowedFd<'a>>) {
        to.length(self.logs.len());
        for log in &self.logs {
            to.text(&log.path);
            to.optional(log.file.as_ref(), |to, file| {
                pack_fd(to, file.as_raw_fd());
                keep.push(file.as_fd());
            });
            to.flag(log.is_current);
        }
    }

    /// Reads what [`pack`](Self::pack) has written.
    ///
    /// # Errors
    /// [`Malformed`].
    pub(super) fn unpack(from: &mut Unpacker<'_>) -> Result<Self, Malformed> {
        let logs = from.list(|from| {
            let path = from.text()?;
            let file = from.optional(|from| Ok(Arc::new(unpack_fd(from)?)))?;
            Ok(AccessLog { path, file, is_current: from.flag()? })
        })?;
        Ok(Self { logs })
    }
}

fn shared(file: File) -> Arc<OwnedFd> {
    Arc::new(file.into())
}

/// Opens for reading too, as lwsws does: opening a FIFO that way does not wait for a reader.
/// Group and mode are set only on a file that this call made; an existing one keeps its own.
fn open_file(path: &str) -> io::Result<File> {
    if let Some(opened) = stream::open(path) {
        return opened;
    }
    let mut options = OpenOptions::new();
    options.read(true).append(true).mode(FILE_MODE);
    let file = match options.clone().create_new(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return open_existing(&options, Path::new(path));
        }
        other => other?,
    };
    share(&file, folder(Path::new(path)));
    Ok(file)
}

/// Root's own group reads no logs, that of the directory does: `adm` in /var/log/kinglet, as log
/// rotation has it. The user that serves needs no right here, because it gets the open file.
fn share(file: &File, folder: &Path) {
    if user::effective_uid() != 0 {
        return;
    }
    let group = folder.metadata().map(|metadata| metadata.gid());
    // Some file systems, those of SD cards for one, know no owners.
    if group.and_then(|group| fchown(file, None, Some(group))).is_ok() {
        let _ = file.set_permissions(Permissions::from_mode(SHARED_MODE));
    }
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Root follows a link only where root has put it: whoever may write to the directory of a log
/// could else have any file of the system opened for the worker, and written to.
fn open_existing(options: &OpenOptions, path: &Path) -> io::Result<File> {
    let is_root = user::effective_uid() == 0;
    let flags = if is_root { open::NO_FOLLOW } else { 0 };
    match options.clone().custom_flags(flags).open(path) {
        Err(_) if is_root && path.symlink_metadata().is_ok_and(|found| found.is_symlink()) => {
            if !is_roots(path)? {
                return Err(io::Error::other("it is a link that others than root can change"));
            }
            options.open(path)
        }
        other => other,
    }
}

/// Whether this link is root's, and the directory that it is in.
fn is_roots(link: &Path) -> io::Result<bool> {
    let folder = folder(link).metadata()?;
    // Where everybody may write, the sticky bit keeps a link its owner's.
    let is_open = folder.mode() & 0o1002 == 0o0002;
    Ok(link.symlink_metadata()?.uid() == 0 && folder.uid() == 0 && !is_open)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn planned(path: &str) -> PlannedLog {
        PlannedLog { path: path.to_owned(), source: Default::default() }
    }

    fn write(logs: &AccessLogs, path: &str, text: &str) {
        let fd = logs.fd(path).unwrap().try_clone().unwrap();
        File::from(fd).write_all(text.as_bytes()).unwrap();
    }

    #[test]
    fn files_are_opened_once_and_again_when_asked() {
        let dir = std::env::temp_dir().join(format!("kinglet-access-logs-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let path = dir.join("one").display().to_string();
        let missing = dir.join("not/there").display().to_string();
        let mut faults = Vec::new();
        let mut logs = AccessLogs::default();
        let wanted = [planned(&path), planned(&missing)];
        logs.open(&wanted, &mut |log, error| faults.push((log.path.clone(), error.kind())));
        logs.open(&wanted[..1], &mut |_, _| unreachable!("it is open"));
        assert_eq!(faults, [(missing.clone(), io::ErrorKind::NotFound)]);
        assert!(logs.fd(&missing).is_none());
        write(&logs, &path, "before\n");
        let rotated = dir.join("one.1");
        std::fs::rename(&path, &rotated).unwrap();
        write(&logs, &path, "still the old file\n");
        assert!(logs.lacks_any() && logs.open_missing().is_empty());
        std::fs::create_dir(dir.join("not")).unwrap();
        assert_eq!(logs.open_missing(), std::slice::from_ref(&missing));
        assert!(!logs.lacks_any() && logs.open_missing().is_empty());
        logs.reopen(&mut |path, error| unreachable!("{path}: {error}"));
        write(&logs, &path, "after\n");
        assert!(logs.fd(&missing).is_some());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "after\n");
        assert_eq!(std::fs::read_to_string(&rotated).unwrap(), "before\nstill the old file\n");
        // A folder that goes leaves the open file alone.
        std::fs::remove_dir_all(&dir).unwrap();
        let mut faults = 0;
        logs.reopen(&mut |_, _| faults += 1);
        write(&logs, &path, "nobody reads this\n");
        logs.keep(&|used| used == path);
        assert!(faults == 2 && logs.fd(&path).is_some() && logs.fd(&missing).is_none());
        // Until there is one again, which every reload asks for.
        let mut faults = 0;
        logs.open(&wanted[..1], &mut |_, _| faults += 1);
        assert!(faults == 1 && logs.lacks_any() && logs.open_missing().is_empty());
        std::fs::create_dir_all(&dir).unwrap();
        assert_eq!(logs.open_missing(), std::slice::from_ref(&path));
        write(&logs, &path, "again\n");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "again\n");
        assert!(!logs.lacks_any());
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn a_new_file_of_root_belongs_to_the_group_of_its_directory() {
        let dir = std::env::temp_dir().join(format!("kinglet-log-owner-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let is_root = user::effective_uid() == 0;
        let group = if is_root { 4321 } else { dir.metadata().unwrap().gid() };
        std::os::unix::fs::chown(&dir, None, Some(group)).unwrap();
        let path = dir.join("access.log");
        let opened = || open_file(path.to_str().unwrap()).unwrap().metadata().unwrap();
        let made = opened();
        let mode = if is_root { SHARED_MODE } else { FILE_MODE };
        assert_eq!((made.uid(), made.mode() & 0o7777), (user::effective_uid(), mode));
        assert!(made.gid() == group || !is_root);
        // What the administrator says about a file stays.
        std::fs::set_permissions(&path, Permissions::from_mode(0o604)).unwrap();
        assert_eq!(opened().mode() & 0o7777, 0o604);
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn root_follows_only_links_of_root() {
        let dir = std::env::temp_dir().join(format!("kinglet-log-links-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let (target, link) = (dir.join("target"), dir.join("link"));
        std::fs::write(&target, "").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        let opened = || open_file(link.to_str().unwrap());
        assert!(opened().is_ok());
        if user::effective_uid() == 0 {
            std::os::unix::fs::lchown(&link, Some(4321), None).unwrap();
            assert_eq!(opened().unwrap_err().kind(), io::ErrorKind::Other);
            std::os::unix::fs::lchown(&link, Some(0), None).unwrap();
            let mode = |bits| std::fs::set_permissions(&dir, Permissions::from_mode(bits));
            mode(0o777).unwrap();
            assert!(opened().is_err());
            mode(0o1777).unwrap();
            assert!(opened().is_ok());
            mode(0o755).unwrap();
            std::os::unix::fs::chown(&dir, Some(4321), None).unwrap();
            assert!(opened().is_err());
            // A file in the same place is no link.
            std::fs::remove_file(&link).unwrap();
            assert!(opened().is_ok() && opened().is_ok());
        }
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
