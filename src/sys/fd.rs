//! Reading and writing descriptors that never block.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// Reads into `room`; `Ok(0)` is the end.
///
/// # Errors
/// As `read(2)`; interrupted calls are repeated.
pub fn read(fd: BorrowedFd<'_>, room: &mut [u8]) -> io::Result<usize> {
    // SAFETY: `room` is valid for writes of its length for the whole call.
    repeated(|| unsafe { libc::read(fd.as_raw_fd(), room.as_mut_ptr().cast(), room.len()) })
}

/// Writes a prefix of `bytes`. SIGPIPE is ignored in this process.
///
/// # Errors
/// As `write(2)`; interrupted calls are repeated.
pub fn write(fd: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    // SAFETY: `bytes` is valid for reads of its length for the whole call.
    repeated(|| unsafe { libc::write(fd.as_raw_fd(), bytes.as_ptr().cast(), bytes.len()) })
}

/// Writes a prefix of `bytes` to a socket whose sending side is shut next: the kernel waits for
/// that, and puts the last bytes and the FIN into one segment.
///
/// # Errors
/// As `send(2)`; interrupted calls are repeated.
pub fn write_last(fd: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    // SAFETY: `bytes` is valid for reads of its length for the whole call.
    repeated(|| unsafe {
        libc::send(fd.as_raw_fd(), bytes.as_ptr().cast(), bytes.len(), libc::MSG_MORE)
    })
}

/// Sends up to `count` bytes of `file` from `offset` on; `Ok(0)` means that the file ends there.
///
/// # Errors
/// As `sendfile(2)`; interrupted calls are repeated.
pub fn send_file(
    to: BorrowedFd<'_>,
    file: BorrowedFd<'_>,
    offset: u64,
    count: usize,
) -> io::Result<usize> {
    let mut at = libc::off64_t::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: both descriptors are open for the whole call and `at` outlives it.
    repeated(|| unsafe { libc::sendfile64(to.as_raw_fd(), file.as_raw_fd(), &mut at, count) })
}

/// Says that nothing more will be written to a socket.
///
/// # Errors
/// As `shutdown(2)`.
pub fn shut_write(fd: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: a plain call on an open descriptor.
    match unsafe { libc::shutdown(fd.as_raw_fd(), libc::SHUT_WR) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Takes over a descriptor that the process was started with, closed on exec from here on. Once for
/// each number, and only for numbers that nothing else in the process has been given.
///
/// # Errors
/// When it is not open.
pub fn inherited(number: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: plain calls; a number that is not open fails.
    if unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) } == -1 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it is open, and by the caller's word nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// A second descriptor of the same open file, closed on exec.
///
/// # Errors
/// As `fcntl(2)` with `F_DUPFD_CLOEXEC`.
pub fn duplicate(fd: impl AsFd) -> io::Result<OwnedFd> {
    fd.as_fd().try_clone_to_owned()
}

/// What a call that counts bytes comes to; one that was interrupted is repeated.
fn repeated(mut call: impl FnMut() -> isize) -> io::Result<usize> {
    loop {
        if let Ok(n) = usize::try_from(call()) {
            return Ok(n);
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn the_last_bytes_wait_for_the_end_of_the_sending_side() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        // The kernel waits for a fifth of a second at most; a busy machine may take longer once.
        let mut waited = 0;
        for _ in 0..20 {
            let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (server, _) = listener.accept().unwrap();
            assert_eq!(write_last(server.as_fd(), b"bye").unwrap(), 3);
            client.set_nonblocking(true).unwrap();
            waited += u32::from(client.peek(&mut [0]).is_err());
            client.set_nonblocking(false).unwrap();
            shut_write(server.as_fd()).unwrap();
            let mut all = String::new();
            client.read_to_string(&mut all).unwrap();
            assert_eq!(all, "bye");
        }
        assert!(waited > 0);
    }
}
