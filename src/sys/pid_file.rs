//! The file that tells the number of the running process.
//!
//! It is locked (fcntl(2), `F_SETLK`) for as long as its process lives, also when that becomes
//! another program. The lock and not the number says whether the file is in use: after a restart
//! of the machine the number may be that of any process. A lock for writing can only be had by a
//! process that may write to the file, so that others cannot keep a server from starting.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::process::Pid;

/// Everybody may read it.
const MODE: u32 = 0o644;
/// Bytes that are read of it: a number and a line feed, and room for a longer one to be wrong.
const CONTENT_BYTES_MAX: u64 = 32;

/// The file of this process; dropped, it is removed.
#[derive(Debug)]
pub struct PidFile {
    path: PathBuf,
    pid: Pid,
    /// Holds the lock.
    file: File,
}

impl PidFile {
    /// Writes this process's number. A file that another process left behind is replaced, by one
    /// rename.
    ///
    /// # Errors
    /// [`io::ErrorKind::AddrInUse`] when a living process has it locked,
    /// [`io::ErrorKind::AlreadyExists`] when there is something that is no regular file (a
    /// symbolic link is not followed) or has no number in it, else what the kernel says.
    pub fn create(path: &Path) -> io::Result<Self> {
        let pid = Pid::own();
        match open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
            Ok(file) => {
                if is_locked(&file) {
                    return Err(io::ErrorKind::AddrInUse.into());
                }
                number_in(file)?;
            }
        }
        let interim = interim_of(path, pid);
        // What a process of the same number left behind when it was interrupted.
        let _ = fs::remove_file(&interim);
        let written = write(&interim, pid).and_then(|file| {
            fs::rename(&interim, path)?;
            Ok(Self { path: path.to_path_buf(), pid, file })
        });
        if written.is_err() {
            let _ = fs::remove_file(&interim);
        }
        written
    }

    /// The file that the program before this one, in the same process, has created and kept open.
    #[must_use]
    pub fn taken_over(path: &Path, file: OwnedFd) -> Self {
        Self { path: path.to_path_buf(), pid: Pid::own(), file: file.into() }
    }
}

impl AsFd for PidFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // A copy in a forked child is not the one that has to, and another process may have
        // written its own number since.
        let number = || open(&self.path).and_then(number_in);
        if Pid::own() == self.pid && number().is_ok_and(|pid| pid == self.pid) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A name in the same folder, so that rename works.
fn interim_of(path: &Path, pid: Pid) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(format!(".{pid}"));
    name.into()
}

/// The lock comes first: at its place the file is never without it.
fn write(path: &Path, pid: Pid) -> io::Result<File> {
    // Never through a link: create_new fails on anything that is there.
    let mut file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(path)?;
    // Whatever the umask is.
    file.set_permissions(Permissions::from_mode(MODE))?;
    let mut lock = whole_file(libc::F_WRLCK);
    // SAFETY: `lock` lives through the call. A file system without locks is no reason to fail.
    unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLK, &raw mut lock) };
    file.write_all(format!("{pid}\n").as_bytes())?;
    Ok(file)
}

/// A lock of this kind on all of a file.
fn whole_file(kind: libc::c_int) -> libc::flock {
    // SAFETY: all bytes zero is a valid flock: from the beginning to the end.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = kind as _;
    lock
}

/// Whether another process has the file locked for writing.
fn is_locked(file: &File) -> bool {
    let mut lock = whole_file(libc::F_RDLCK);
    // SAFETY: `lock` lives through the call and is writable.
    let asked = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GETLK, &raw mut lock) };
    asked == 0 && i32::from(lock.l_type) != libc::F_UNLCK
}

/// Opens what must be a regular file.
fn open(path: &Path) -> io::Result<File> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY;
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        // What O_NOFOLLOW says to a link, and open(2) to a socket.
        Err(error) if matches!(error.raw_os_error(), Some(libc::ELOOP | libc::ENXIO)) => {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        other => other?,
    };
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::ErrorKind::AlreadyExists.into()) }
}

/// The number in a file.
fn number_in(file: File) -> io::Result<Pid> {
    let mut bytes = Vec::new();
    file.take(CONTENT_BYTES_MAX).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    // Empty: its writer was interrupted, or the disk was full.
    let number = if text.trim().is_empty() { i32::MAX } else { text.trim().parse().unwrap_or(0) };
    Pid::new(number).ok_or_else(|| io::ErrorKind::AlreadyExists.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt as _, symlink};
    use std::process::Command;

    /// A folder of its own for a test.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let name = format!("kinglet-pid-{name}-{}", std::process::id());
            let folder = std::env::temp_dir().join(name);
            fs::create_dir_all(&folder).unwrap();
            Self(folder)
        }

        fn file(&self) -> PathBuf {
            self.0.join("kinglet.pid")
        }

        fn names(&self) -> usize {
            fs::read_dir(&self.0).unwrap().count()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn own_line() -> String {
        format!("{}\n", std::process::id())
    }

    #[test]
    fn it_is_there_for_as_long_as_it_is_held() {
        let folder = Folder::new("held");
        let held = PidFile::create(&folder.file()).unwrap();
        assert_eq!(fs::read_to_string(folder.file()).unwrap(), own_line());
        assert_eq!(fs::metadata(folder.file()).unwrap().mode() & 0o7777, MODE);
        assert_eq!(folder.names(), 1);
        // The same process may have become a newer program.
        let kept = held.as_fd().try_clone_to_owned().unwrap();
        std::mem::forget(held);
        drop(PidFile::taken_over(&folder.file(), kept));
        assert_eq!(folder.names(), 0);
    }

    #[test]
    fn one_that_another_process_has_written_is_left_alone() {
        let folder = Folder::new("other");
        let held = PidFile::create(&folder.file()).unwrap();
        fs::write(folder.file(), "1\n").unwrap();
        drop(held);
        assert_eq!(fs::read_to_string(folder.file()).unwrap(), "1\n");
    }

    #[test]
    fn a_living_process_keeps_its_own_whatever_the_number_is() {
        let folder = Folder::new("living");
        let mut other = Command::new(super::super::process::own_program().unwrap())
            .args(["--exact", "--ignored", "--test-threads=1", "--nocapture"])
            .arg("sys::pid_file::tests::child_holds")
            .env("KINGLET_PID_FILE", folder.file())
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = io::BufRead::lines(io::BufReader::new(other.stdout.take().unwrap()));
        assert!(lines.any(|line| line.unwrap().contains("it is held")));
        let refused = || PidFile::create(&folder.file()).unwrap_err().kind();
        assert_eq!(refused(), io::ErrorKind::AddrInUse);
        // Also when somebody has written something else into it.
        fs::write(folder.file(), "2147483647\n").unwrap();
        assert_eq!(refused(), io::ErrorKind::AddrInUse);
        drop(other.stdin.take());
        assert!(other.wait().unwrap().success());
        PidFile::create(&folder.file()).unwrap();
    }

    #[test]
    #[ignore = "waits; run by a_living_process_keeps_its_own_whatever_the_number_is"]
    fn child_holds() {
        let path = std::env::var_os("KINGLET_PID_FILE").unwrap();
        let _held = PidFile::create(Path::new(&path)).unwrap();
        println!("it is held");
        io::stdin().read_to_end(&mut Vec::new()).unwrap();
    }

    #[test]
    fn a_stale_one_is_replaced() {
        let folder = Folder::new("stale");
        // A process that is none, another program, our parent, ourselves, and a writer that was
        // interrupted.
        let parent = format!("{}\n", std::os::unix::process::parent_id());
        for text in ["2147483647\n", "1\n", &parent, &own_line(), ""] {
            fs::write(folder.file(), text).unwrap();
            let held = PidFile::create(&folder.file()).unwrap();
            assert_eq!(fs::read_to_string(folder.file()).unwrap(), own_line());
            drop(held);
        }
    }

    #[test]
    fn what_is_no_pid_file_is_not_touched() {
        let folder = Folder::new("strange");
        let refused = || PidFile::create(&folder.file()).unwrap_err().kind();
        for text in ["hello\n", "0\n", "-5\n", "99999999999999\n"] {
            fs::write(folder.file(), text).unwrap();
            assert_eq!(refused(), io::ErrorKind::AlreadyExists, "{text}");
            assert_eq!(fs::read_to_string(folder.file()).unwrap(), text);
        }
        fs::remove_file(folder.file()).unwrap();
        symlink("/etc/passwd", folder.file()).unwrap();
        assert_eq!(refused(), io::ErrorKind::AlreadyExists);
        fs::remove_file(folder.file()).unwrap();
        fs::create_dir(folder.file()).unwrap();
        assert_eq!(refused(), io::ErrorKind::AlreadyExists);
        assert_eq!(folder.names(), 1);
        let nowhere = PidFile::create(&folder.0.join("none/pid")).unwrap_err();
        assert_eq!(nowhere.kind(), io::ErrorKind::NotFound);
    }
}
