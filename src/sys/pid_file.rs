//! The file that tells the number of the running process.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::process::Pid;

/// Everybody may read it.
const MODE: u32 = 0o644;
/// Bytes that are read of it: a number and a line feed, and room for a longer one to be wrong.
const CONTENT_BYTES_MAX: usize = 32;
/// Bytes that are read of `/proc/PID/stat`: number, name and state stand first.
const STAT_BYTES_MAX: usize = 128;

/// The file of this process; dropped, it is removed.
#[derive(Debug)]
pub struct PidFile {
    path: PathBuf,
    pid: Pid,
}

impl PidFile {
    /// Writes this process's number. A file that another process left behind is replaced, by one
    /// rename, as is one that names this very process.
    ///
    /// # Errors
    /// [`io::ErrorKind::AddrInUse`] when it names a living process with this one's name,
    /// [`io::ErrorKind::AlreadyExists`] when there is something that is no regular file (a
    /// symbolic link is not followed) or has no number in it, else what the kernel says.
    pub fn create(path: &Path) -> io::Result<Self> {
        let pid = Pid::own();
        match written_in(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
            Ok(other) if other != pid && name_of(other) == name_of(pid) => {
                return Err(io::ErrorKind::AddrInUse.into());
            }
            Ok(_) => {}
        }
        let interim = interim_of(path, pid);
        // What a process of the same number left behind when it was interrupted.
        let _ = fs::remove_file(&interim);
        let written = write(&interim, pid).and_then(|()| fs::rename(&interim, path));
        if let Err(error) = written {
            let _ = fs::remove_file(&interim);
            return Err(error);
        }
        Ok(Self { path: path.to_path_buf(), pid })
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // A copy in a forked child is not the one that has to, and another process may have
        // written its own number since.
        if Pid::own() == self.pid && written_in(&self.path).is_ok_and(|pid| pid == self.pid) {
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

fn write(path: &Path, pid: Pid) -> io::Result<()> {
    // Never through a link: create_new fails on anything that is there.
    let mut file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(path)?;
    // Whatever the umask is.
    file.set_permissions(Permissions::from_mode(MODE))?;
    file.write_all(format!("{pid}\n").as_bytes())
}

/// The number in a file.
fn written_in(path: &Path) -> io::Result<Pid> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY;
    let opened = OpenOptions::new().read(true).custom_flags(flags).open(path);
    let file = match opened {
        // What O_NOFOLLOW says to a link, and open(2) to a socket.
        Err(error) if matches!(error.raw_os_error(), Some(libc::ELOOP | libc::ENXIO)) => {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        other => other?,
    };
    if !file.metadata()?.is_file() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    let text = beginning(file, CONTENT_BYTES_MAX)?;
    // Empty: its writer was interrupted, or the disk was full.
    let number = if text.trim().is_empty() { i32::MAX } else { text.trim().parse().unwrap_or(0) };
    Pid::new(number).ok_or_else(|| io::ErrorKind::AlreadyExists.into())
}

/// The first bytes of a file, as text.
fn beginning(file: File, bytes_max: usize) -> io::Result<String> {
    let mut bytes = Vec::with_capacity(bytes_max);
    file.take(bytes_max as u64).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The name of a process that is there and has not ended: `/proc/PID/stat`, `1 (name) S …`.
fn name_of(pid: Pid) -> Option<String> {
    let stat = beginning(File::open(format!("/proc/{pid}/stat")).ok()?, STAT_BYTES_MAX).ok()?;
    let (before, after) = stat.rsplit_once(')')?;
    let (_, name) = before.split_once('(')?;
    let ended = after.trim_start().starts_with(['Z', 'X']);
    (!ended).then(|| name.to_string())
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
        // The same process again: it may have become a newer program.
        let again = PidFile::create(&folder.file()).unwrap();
        drop(again);
        assert_eq!(folder.names(), 0);
        drop(held);
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
    fn a_living_process_of_the_same_name_keeps_its_own() {
        let folder = Folder::new("living");
        // This binary waits for its standard input to end.
        let mut other = Command::new(super::super::process::own_program().unwrap())
            .args(["--exact", "--ignored", "--test-threads=1", "--nocapture"])
            .arg("sys::pid_file::tests::child_waits")
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        // It has its own name when it has executed its program: wait for a word of that.
        let mut stdout = other.stdout.take().unwrap();
        stdout.read_exact(&mut [0; 8]).unwrap();
        let pid = Pid::new(other.id().try_into().unwrap()).unwrap();
        fs::write(folder.file(), format!("{pid}\n")).unwrap();
        assert_eq!(name_of(pid), name_of(Pid::own()));
        let refused = PidFile::create(&folder.file()).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AddrInUse);
        // Ended, but not waited for: a zombie is no living process.
        drop(other.stdin.take());
        stdout.read_to_end(&mut Vec::new()).unwrap();
        while name_of(pid).is_some() {
            std::thread::yield_now();
        }
        fs::write(folder.file(), format!("{pid}\n")).unwrap();
        PidFile::create(&folder.file()).unwrap();
        other.wait().unwrap();
    }

    #[test]
    #[ignore = "waits; run by a_living_process_of_the_same_name_keeps_its_own"]
    fn child_waits() {
        io::stdin().read_to_end(&mut Vec::new()).unwrap();
    }

    #[test]
    fn a_stale_one_is_replaced() {
        let folder = Folder::new("stale");
        // A process that is none, one with another name, and a writer that was interrupted.
        for text in ["2147483647\n", "1\n", ""] {
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
