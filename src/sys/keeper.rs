//! A process that keeps the starter's rights, to read a few files for one that has given them up.
//!
//! It is forked before the rights are given up, knows its files by number, and does nothing but
//! read them whole when it is asked over a socket that only its parent has. It ends when the
//! other end of the socket is closed, so it never outlives its parent.

use std::io::{self, Read as _, Write as _};
use std::net::Shutdown;
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use zeroize::Zeroizing;

use super::content;

/// How long an answer may take; the asking one serves nobody meanwhile.
const PATIENCE: Duration = Duration::from_secs(2);

/// The keeper's number for the socket; what is above is closed.
const SOCKET_FD: i32 = 3;

/// Bytes of a question: the number of a file.
const QUESTION_BYTES: usize = 2;

/// Bytes in front of an answer: an error number, or 0, and the length of the content.
const ANSWER_HEAD_BYTES: usize = 8;

/// The process, seen from the one that has given up its rights.
#[derive(Debug)]
pub struct Keeper {
    socket: Option<UnixStream>,
    paths: Vec<PathBuf>,
    bytes_max: usize,
    child: libc::pid_t,
}

impl Keeper {
    /// Starts the process; it reads regular files of at most `bytes_max` bytes.
    ///
    /// # Errors
    /// When the system has no socket or no process for it.
    pub fn start(paths: Vec<PathBuf>, bytes_max: usize) -> io::Result<Self> {
        let (near, far) = UnixStream::pair()?;
        near.set_read_timeout(Some(PATIENCE))?;
        near.set_write_timeout(Some(PATIENCE))?;
        // SAFETY: the child uses only its own copies, and what it calls is allowed after a fork:
        // glibc and musl keep their heaps usable in it.
        let child = unsafe { libc::fork() };
        match child {
            -1 => Err(io::Error::last_os_error()),
            0 => keep(&far, &paths, bytes_max),
            child => Ok(Self { socket: Some(near), paths, bytes_max, child }),
        }
    }

    /// The content of one of the files.
    ///
    /// # Errors
    /// What the system says, that the file is none of those, or that the process has gone.
    pub fn read(&self, path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
        let number = self.paths.iter().position(|known| known == path);
        let number = number.and_then(|number| u16::try_from(number).ok());
        let (Some(number), Some(socket)) = (number, self.socket.as_ref()) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        self.ask(socket, number).unwrap_or_else(|error| {
            // What comes late would be taken for the answer to the next question.
            let _ = socket.shutdown(Shutdown::Both);
            Err(error)
        })
    }

    /// What the process says, or why it says nothing.
    fn ask(
        &self,
        mut socket: &UnixStream,
        number: u16,
    ) -> io::Result<io::Result<Zeroizing<Vec<u8>>>> {
        socket.write_all(&number.to_ne_bytes())?;
        let mut head = [0; ANSWER_HEAD_BYTES];
        socket.read_exact(&mut head)?;
        let [a, b, c, d, e, f, g, h] = head;
        match i32::from_ne_bytes([a, b, c, d]) {
            0 => {}
            error => return Ok(Err(io::Error::from_raw_os_error(error))),
        }
        let bytes = u32::from_ne_bytes([e, f, g, h]) as usize;
        if bytes > self.bytes_max {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut content = Zeroizing::new(vec![0; bytes]);
        socket.read_exact(&mut content)?;
        Ok(Ok(content))
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.socket = None;
        // SAFETY: a plain call; the child ends because its socket has been closed.
        unsafe { libc::waitpid(self.child, std::ptr::null_mut(), 0) };
    }
}

/// What the process does.
fn keep(socket: &UnixStream, paths: &[PathBuf], bytes_max: usize) -> ! {
    // SAFETY: plain calls of a process that is its own by now. It closes descriptors that its
    // copies of other values own, but those are never dropped: it leaves by `_exit`.
    unsafe {
        for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGUSR1, libc::SIGPIPE] {
            libc::signal(signal, libc::SIG_IGN);
        }
        libc::dup2(socket.as_raw_fd(), SOCKET_FD);
        let above = SOCKET_FD + 1;
        if libc::syscall(libc::SYS_close_range, above, u32::MAX, 0) != 0 {
            let end = i32::try_from(libc::sysconf(libc::_SC_OPEN_MAX)).unwrap_or(1024);
            for fd in above..end {
                libc::close(fd);
            }
        }
    }
    // SAFETY: the descriptor was opened above, and nobody else uses it.
    let mut socket = unsafe { <UnixStream as std::os::fd::FromRawFd>::from_raw_fd(SOCKET_FD) };
    let mut question = [0; QUESTION_BYTES];
    while socket.read_exact(&mut question).is_ok() {
        let path = paths.get(usize::from(u16::from_ne_bytes(question)));
        let content = path.map_or_else(
            || Err(io::Error::from_raw_os_error(libc::ENOENT)),
            |path| content::read(path, bytes_max),
        );
        let (error, content) = match content {
            Ok(content) => (0, content),
            Err(error) => (error.raw_os_error().unwrap_or(libc::EIO), Zeroizing::default()),
        };
        let bytes = u32::try_from(content.len()).unwrap_or(0);
        let head = [error.to_ne_bytes(), bytes.to_ne_bytes()].concat();
        if socket.write_all(&head).and_then(|()| socket.write_all(&content)).is_err() {
            break;
        }
    }
    // SAFETY: ends the process at once, without what the parent wants done at its own end.
    unsafe { libc::_exit(0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_as_they_are_when_asked_for() {
        let folder = std::env::temp_dir().join(format!("kinglet-keeper-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (one, two) = (folder.join("one"), folder.join("two"));
        std::fs::write(&one, "first").unwrap();
        let keeper = Keeper::start(vec![one.clone(), two.clone(), folder.clone()], 100).unwrap();
        assert_eq!(**keeper.read(&one).unwrap(), *b"first");
        assert_eq!(keeper.read(&two).unwrap_err().kind(), io::ErrorKind::NotFound);
        std::fs::write(&two, [7; 100]).unwrap();
        assert_eq!(**keeper.read(&two).unwrap(), [7; 100]);
        std::fs::write(&two, [7; 101]).unwrap();
        assert_eq!(keeper.read(&two).unwrap_err().raw_os_error(), Some(libc::EFBIG));
        assert!(keeper.read(&folder).is_err());
        assert!(keeper.read(Path::new("/etc/hostname")).is_err());
        std::fs::write(&one, "").unwrap();
        assert_eq!(**keeper.read(&one).unwrap(), *b"");
        let child = keeper.child;
        drop(keeper);
        // SAFETY: asks whether the process exists.
        assert_eq!(unsafe { libc::kill(child, 0) }, -1);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
