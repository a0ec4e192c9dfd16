//! Files without a name that live in memory: whole texts, handed from one process to another.

use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};

/// Where a file without a name may be made when the kernel has no `memfd_create`.
const FOLDERS: [&str; 3] = ["/run", "/dev/shm", "/tmp"];

/// `MFD_NOEXEC_SEAL` of memfd_create(2): never to be executed; kernels since 6.3 know it, and some
/// are told to refuse files without it.
const NEVER_EXECUTED: libc::c_uint = 8;

/// Makes an empty file, to be read and written, close-on-exec. `name` is what `/proc` shows: at
/// most 249 bytes, no NUL.
///
/// Kernels before 3.17 have no files in memory, and sandboxes refuse them with errors of their own
/// choice; then it lies in `/run`, `/dev/shm` or `/tmp` and has no name either.
///
/// # Errors
/// What the kernel says; [`io::ErrorKind::InvalidInput`] for a name that is none.
pub fn create(name: &str) -> io::Result<OwnedFd> {
    let name = CString::new(name)?;
    let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
    let made = match in_memory(&name, flags | NEVER_EXECUTED) {
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => in_memory(&name, flags),
        other => other,
    };
    made.or_else(|error| {
        let instead = FOLDERS.iter().find_map(|folder| unnamed(folder).ok());
        instead.ok_or_else(|| nowhere(error))
    })
}

/// Says what has been tried. An error of shortage stays what it is.
fn nowhere(error: io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(libc::EMFILE | libc::ENFILE | libc::ENOMEM) | None => error,
        Some(_) => {
            let [one, two, three] = FOLDERS;
            let tried = format!("nor can one without a name be made in {one}, {two} or {three}");
            let text = format!("a file in memory is refused (memfd_create: {error}), {tried}");
            io::Error::new(error.kind(), text)
        }
    }
}

fn in_memory(name: &CString, flags: libc::c_uint) -> io::Result<OwnedFd> {
    // By number: C libraries that are older than the kernel lack the function.
    // SAFETY: `name` ends with NUL and outlives the call.
    let fd = unsafe { libc::syscall(libc::SYS_memfd_create, name.as_ptr(), flags) };
    match i32::try_from(fd) {
        // SAFETY: the kernel just made this descriptor for us.
        Ok(fd) if fd >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(io::Error::last_os_error()),
    }
}

/// A file that never had a name, on the file system of `folder`.
fn unnamed(folder: &str) -> io::Result<OwnedFd> {
    // The standard library adds O_CLOEXEC.
    let mut options = OpenOptions::new();
    options.read(true).write(true).custom_flags(libc::O_TMPFILE).mode(0o600);
    options.open(folder).map(OwnedFd::from)
}

/// Makes the file immutable for everybody, for good: content, length and the seals themselves. A
/// file that is not in memory has no seals. It comes back open for reading only, so that another
/// user who is given the descriptor cannot write.
///
/// # Errors
/// What the kernel says: EBUSY while somebody has it mapped for writing, EPERM when it has been
/// sealed already or is open for reading only.
pub fn seal(fd: OwnedFd) -> io::Result<OwnedFd> {
    let seals = libc::F_SEAL_SEAL | libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_WRITE;
    // SAFETY: takes no pointers.
    if unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_ADD_SEALS, seals) } == 0 {
        return Ok(fd);
    }
    let error = io::Error::last_os_error();
    // tmpfs gives an unnamed file this one seal, which forbids all others.
    // SAFETY: takes no pointers.
    let has = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GET_SEALS) };
    if has >= 0 && has != libc::F_SEAL_SEAL {
        return Err(error);
    }
    let again = File::open(format!("/proc/self/fd/{}", fd.as_raw_fd()));
    // Without /proc it stays as it is.
    Ok(again.map_or(fd, OwnedFd::from))
}

/// Reads the file from its first byte on, wherever its offset is; the offset stays.
///
/// # Errors
/// EFBIG when it has more than `bytes_max` bytes, [`io::ErrorKind::OutOfMemory`] when there is no
/// memory for it, else what the kernel says.
pub fn read_whole(fd: BorrowedFd<'_>, bytes_max: usize) -> io::Result<Vec<u8>> {
    let file = File::from(fd.try_clone_to_owned()?);
    let bytes = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
    if bytes > bytes_max {
        return Err(io::Error::from_raw_os_error(libc::EFBIG));
    }
    let mut content = Vec::new();
    content.try_reserve_exact(bytes).map_err(|_| io::ErrorKind::OutOfMemory)?;
    content.resize(bytes, 0);
    let mut at = 0;
    while let Some(room) = content.get_mut(at..).filter(|room| !room.is_empty()) {
        match file.read_at(room, at as u64) {
            // Somebody has cut it short meanwhile.
            Ok(0) => break,
            Ok(count) => at += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    content.truncate(at);
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Seek as _, Write as _};
    use std::os::fd::AsFd as _;

    #[test]
    fn what_is_written_is_read_whole_wherever_the_offset_is() {
        let mut file = File::from(create("kinglet-plan").unwrap());
        assert_eq!(read_whole(file.as_fd(), 0).unwrap(), b"");
        file.write_all(b"twelve bytes").unwrap();
        assert_eq!(read_whole(file.as_fd(), 12).unwrap(), b"twelve bytes");
        assert_eq!(file.stream_position().unwrap(), 12);
        let error = read_whole(file.as_fd(), 11).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EFBIG));
    }

    #[test]
    fn a_sealed_file_can_not_be_changed() {
        let mut file = File::from(create("kinglet-plan").unwrap());
        file.write_all(b"fixed").unwrap();
        let mut file = File::from(seal(file.into()).unwrap());
        assert!(file.write_all(b"more").is_err());
        file.rewind().unwrap();
        assert!(file.write_all(b"other").is_err());
        assert!(file.set_len(0).is_err() && file.set_len(100).is_err());
        assert_eq!(read_whole(file.as_fd(), 5).unwrap(), b"fixed");
        assert_eq!(seal(file.into()).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
    }

    #[test]
    fn the_descriptor_is_closed_on_exec() {
        let unnamed = FOLDERS.iter().find_map(|folder| unnamed(folder).ok());
        for fd in [create("one").unwrap(), unnamed.unwrap()] {
            // SAFETY: takes no pointers.
            let flags = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETFD) };
            assert_eq!(flags & libc::FD_CLOEXEC, libc::FD_CLOEXEC);
        }
    }

    #[test]
    fn without_files_in_memory_an_unnamed_one_does() {
        // A tmpfs and a disk say different things about seals.
        let made: Vec<_> = FOLDERS.iter().filter_map(|folder| unnamed(folder).ok()).collect();
        assert!(!made.is_empty());
        for mut file in made.into_iter().map(File::from) {
            file.write_all(b"on a disk").unwrap();
            let mut file = File::from(seal(file.into()).unwrap());
            assert_eq!(read_whole(file.as_fd(), 100).unwrap(), b"on a disk");
            assert!(file.write_all(b"more").is_err() && file.set_len(0).is_err());
            // No folder shows it.
            let place = std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).unwrap();
            assert!(!place.exists(), "{}", place.display());
        }
    }

    #[test]
    fn what_was_tried_is_said() {
        let said = |errno| nowhere(io::Error::from_raw_os_error(errno)).to_string();
        assert!(said(libc::EPERM).contains("memfd_create: Operation not permitted"));
        assert!(said(libc::EPERM).ends_with("made in /run, /dev/shm or /tmp"));
        assert!(said(libc::EMFILE).starts_with("Too many open files"), "it has its own remedy");
    }

    #[test]
    fn a_name_with_nul_is_none() {
        assert_eq!(create("a\0b").unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}
