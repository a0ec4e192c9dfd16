//! Standard output and standard error as files by their names.
//!
//! Opening the names would make another file of what they are: without the rights of who started
//! the program, and not at all where it is a socket, as under systemd.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd};

/// Whether `path` is a name of standard output or standard error: which of them.
#[must_use]
pub fn named(path: &str) -> Option<BorrowedFd<'static>> {
    let number = match path {
        "/dev/stdout" => "1",
        "/dev/stderr" => "2",
        _ => path.strip_prefix("/dev/fd/").or_else(|| path.strip_prefix("/proc/self/fd/"))?,
    };
    match number {
        // SAFETY: the standard library opens these at the start if nobody else has, and nothing in
        // this program closes them.
        "1" => Some(unsafe { BorrowedFd::borrow_raw(libc::STDOUT_FILENO) }),
        // SAFETY: as above.
        "2" => Some(unsafe { BorrowedFd::borrow_raw(libc::STDERR_FILENO) }),
        _ => None,
    }
}

/// The file that `path` names, if that is standard output or standard error. A regular one is
/// appended to from now on, by everybody who has it open: each knows only of its own lines.
///
/// # Errors
/// When there is no descriptor left.
#[must_use]
pub fn open(path: &str) -> Option<io::Result<File>> {
    Some(named(path)?.try_clone_to_owned().map(|fd| {
        let file = File::from(fd);
        if file.metadata().is_ok_and(|metadata| metadata.is_file()) {
            append(&file);
        }
        file
    }))
}

fn append(file: &File) {
    let fd = file.as_fd().as_raw_fd();
    // SAFETY: takes no pointers. Where it fails, lines may be written over; none is lost for that.
    unsafe {
        let flags = libc::fcntl(fd, libc::F_GETFL);
        if flags >= 0 {
            libc::fcntl(fd, libc::F_SETFL, flags | libc::O_APPEND);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_their_names_are_known() {
        let number = |path| named(path).map(|fd| fd.as_raw_fd());
        for path in ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
            assert_eq!(number(path), Some(1), "{path}");
        }
        for path in ["/dev/stderr", "/dev/fd/2", "/proc/self/fd/2"] {
            assert_eq!(number(path), Some(2), "{path}");
        }
        for path in ["/dev/fd/0", "/dev/fd/3", "/dev/fd/11", "/dev/null", "stdout", ""] {
            assert_eq!(number(path), None, "{path}");
        }
    }
}
