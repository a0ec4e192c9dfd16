//! Waiting for a few descriptors at once: poll(2), for loops that watch too few to need epoll.

use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsRawFd as _, BorrowedFd};

/// One descriptor, what is waited for, and what [`wait`] found out. It is the kernel's own
/// structure, so that waiting copies nothing.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Watch<'fd> {
    raw: libc::pollfd,
    fd: PhantomData<BorrowedFd<'fd>>,
}

impl<'fd> Watch<'fd> {
    /// Watches for what is asked for; errors and hang-ups are always reported.
    #[must_use]
    pub fn new(fd: BorrowedFd<'fd>, readable: bool, writable: bool) -> Self {
        let events = if readable { libc::POLLIN } else { 0 };
        let events = if writable { events | libc::POLLOUT } else { events };
        Self { raw: libc::pollfd { fd: fd.as_raw_fd(), events, revents: 0 }, fd: PhantomData }
    }

    /// Watches for something to read.
    #[must_use]
    pub fn readable(fd: BorrowedFd<'fd>) -> Self {
        Self::new(fd, true, false)
    }

    /// Whether there is something to read: bytes, a connection, the end, or an error.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        self.raw.revents & (libc::POLLIN | libc::POLLHUP | libc::POLLERR) != 0
    }

    /// Whether there is room to write, or an error to be told.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        self.raw.revents & (libc::POLLOUT | libc::POLLERR) != 0
    }

    /// Whether the other end has gone or the descriptor has an error. There may be something to
    /// read still.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.raw.revents & (libc::POLLHUP | libc::POLLERR) != 0
    }
}

impl std::fmt::Debug for Watch<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch")
            .field("fd", &self.raw.fd)
            .field("events", &self.raw.events)
            .field("revents", &self.raw.revents)
            .finish()
    }
}

/// Waits until something is ready or the time is over (`None`: however long it takes); returns how
/// many of the watches have something to say. A signal ends the wait with 0.
///
/// # Errors
/// What the kernel says; every watch says no then.
pub fn wait(watches: &mut [Watch<'_>], timeout_ms: Option<u64>) -> io::Result<usize> {
    let timeout = match timeout_ms {
        Some(ms) => libc::c_int::try_from(ms).unwrap_or(libc::c_int::MAX),
        None => -1,
    };
    let count = watches.len() as libc::nfds_t;
    // SAFETY: Watch is transparent over pollfd, and the slice has `count` of them.
    let ready = unsafe { libc::poll(watches.as_mut_ptr().cast(), count, timeout) };
    if let Ok(ready) = usize::try_from(ready) {
        return Ok(ready);
    }
    // The results are as they were before the call.
    watches.iter_mut().for_each(|watch| watch.raw.revents = 0);
    let error = io::Error::last_os_error();
    if error.kind() == io::ErrorKind::Interrupted { Ok(0) } else { Err(error) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};
    use std::os::fd::AsFd as _;
    use std::os::unix::net::UnixStream;

    #[test]
    fn each_watch_says_what_is_ready() {
        let (near, mut far) = UnixStream::pair().unwrap();
        let (quiet, _other) = UnixStream::pair().unwrap();
        let watched = || [Watch::readable(quiet.as_fd()), Watch::readable(near.as_fd())];
        let mut watches = watched();
        assert_eq!(wait(&mut watches, Some(0)).unwrap(), 0);
        assert!(watches.iter().all(|w| !w.is_readable() && !w.is_writable() && !w.is_closed()));
        far.write_all(b"x").unwrap();
        assert_eq!(wait(&mut watches, None).unwrap(), 1);
        assert!(watches[1].is_readable() && !watches[1].is_writable());
        assert!(!watches[0].is_readable() && !watches[1].is_closed());
        // The same watches do again.
        (&near).read_exact(&mut [0]).unwrap();
        assert_eq!(wait(&mut watches, Some(0)).unwrap(), 0);
        assert!(!watches[1].is_readable());
        drop(far);
        assert_eq!(wait(&mut watches, None).unwrap(), 1);
        assert!(watches[1].is_readable() && watches[1].is_closed());
    }

    #[test]
    fn room_to_write_is_reported_when_it_is_asked_for() {
        let (near, _far) = UnixStream::pair().unwrap();
        let mut both =
            [Watch::new(near.as_fd(), true, true), Watch::new(near.as_fd(), true, false)];
        assert_eq!(wait(&mut both, Some(u64::MAX)).unwrap(), 1);
        assert!(both[0].is_writable() && !both[0].is_readable() && !both[1].is_writable());
    }

    #[test]
    fn a_pipe_that_nobody_reads_is_closed() {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut watches = [Watch::new(writer.as_fd(), false, false)];
        assert_eq!(wait(&mut watches, None).unwrap(), 1);
        assert!(watches[0].is_closed());
    }

    #[test]
    fn a_signal_ends_the_wait() {
        super::super::alone::run("sys::poll::tests::child_is_interrupted");
    }

    #[test]
    #[ignore = "sets an alarm; run by a_signal_ends_the_wait"]
    fn child_is_interrupted() {
        extern "C" fn nothing(_signal: libc::c_int) {}
        let (near, _far) = UnixStream::pair().unwrap();
        let thread = std::thread::spawn(move || {
            let handler = nothing as extern "C" fn(libc::c_int);
            // SAFETY: the handler does nothing, so it may run anywhere.
            unsafe { libc::signal(libc::SIGUSR1, handler as libc::sighandler_t) };
            // A signal that comes again and again, so that one falls into the wait.
            // As a number, for musl has a pointer, which stays in its thread.
            // SAFETY: takes no pointers.
            let own = unsafe { libc::pthread_self() } as usize;
            let done = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
            let stop = std::sync::Arc::clone(&done);
            let sender = std::thread::spawn(move || {
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    // SAFETY: the thread lives until this one is joined.
                    unsafe { libc::pthread_kill(own as libc::pthread_t, libc::SIGUSR1) };
                    std::thread::yield_now();
                }
            });
            let found = wait(&mut [Watch::readable(near.as_fd())], None).unwrap();
            done.store(true, std::sync::atomic::Ordering::Relaxed);
            sender.join().unwrap();
            found
        });
        assert_eq!(thread.join().unwrap(), 0);
    }
}
