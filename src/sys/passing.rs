//! Packets between processes of one machine, with a descriptor riding along: unix(7) sockets of
//! the SOCK_SEQPACKET kind, which keep the bounds of what is sent.
//!
//! Every socket made here is non-blocking and close-on-exec.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};
use std::path::Path;
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, Type};

/// How long a place in the queue of a listener is waited for.
const QUEUE_PATIENCE: Duration = Duration::from_secs(5);

/// Connections that may wait to be accepted by [`listen_abstract`]'s socket.
const BACKLOG: i32 = 16;

/// Room for one descriptor's control message, aligned as the kernel wants it.
#[repr(C)]
union Control {
    header: libc::cmsghdr,
    bytes: [u8; CONTROL_BYTES],
}

// SAFETY: only computes a number.
const CONTROL_BYTES: usize = unsafe { libc::CMSG_SPACE(FD_BYTES) } as usize;
const FD_BYTES: libc::c_uint = size_of::<RawFd>() as libc::c_uint;

impl Control {
    fn empty() -> Self {
        Self { bytes: [0; CONTROL_BYTES] }
    }
}

/// Two sockets that are connected to each other.
///
/// # Errors
/// What the kernel says.
pub fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let (one, other) = Socket::pair(Domain::UNIX, Type::SEQPACKET, None)?;
    one.set_nonblocking(true)?;
    other.set_nonblocking(true)?;
    Ok((one.into(), other.into()))
}

/// Sends one packet, whole or not at all. Never waits and never raises SIGPIPE. `rider` arrives
/// as a new descriptor of the receiver's; the sender keeps its own.
///
/// # Errors
/// [`io::ErrorKind::WouldBlock`] when the receiver has too much to read already,
/// [`io::ErrorKind::BrokenPipe`] or [`io::ErrorKind::ConnectionReset`] when it has gone,
/// [`io::ErrorKind::InvalidInput`] for an empty packet, which would look like the end; else what
/// the kernel says.
pub fn send(fd: BorrowedFd<'_>, packet: &[u8], rider: Option<BorrowedFd<'_>>) -> io::Result<()> {
    if packet.is_empty() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut part =
        libc::iovec { iov_base: packet.as_ptr().cast_mut().cast(), iov_len: packet.len() };
    let mut control = Control::empty();
    let mut message = header(&mut part);
    if let Some(rider) = rider {
        put_rider(&mut message, &mut control, rider);
    }
    loop {
        let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
        // SAFETY: all that `message` points to lives through the call, which only reads it.
        let count = unsafe { libc::sendmsg(fd.as_raw_fd(), &raw const message, flags) };
        match usize::try_from(count) {
            Ok(count) if count == packet.len() => return Ok(()),
            Ok(_) => return Err(io::ErrorKind::WriteZero.into()),
            Err(_) => {
                let error = io::Error::last_os_error();
                if error.kind() != io::ErrorKind::Interrupted {
                    return Err(error);
                }
            }
        }
    }
}

/// Makes `control` the control message of `message`: one descriptor.
fn put_rider(message: &mut libc::msghdr, control: &mut Control, rider: BorrowedFd<'_>) {
    message.msg_control = (&raw mut *control).cast();
    message.msg_controllen = CONTROL_BYTES as _;
    // SAFETY: `message` names a control buffer with room for the header and one number, so the
    // first header is inside of it, and so is its data.
    unsafe {
        let first = libc::CMSG_FIRSTHDR(message);
        (*first).cmsg_level = libc::SOL_SOCKET;
        (*first).cmsg_type = libc::SCM_RIGHTS;
        (*first).cmsg_len = libc::CMSG_LEN(FD_BYTES) as _;
        libc::CMSG_DATA(first).cast::<RawFd>().write_unaligned(rider.as_raw_fd());
    }
}

/// A message of one part; no address, no control message.
fn header(part: &mut libc::iovec) -> libc::msghdr {
    // SAFETY: all bytes zero is a valid msghdr; some C libraries have padding in it.
    let mut message: libc::msghdr = unsafe { MaybeUninit::zeroed().assume_init() };
    message.msg_iov = part;
    message.msg_iovlen = 1;
    message
}

/// Receives one packet into `room`: its length, and the descriptor that rode along (close-on-exec).
/// Of several descriptors the first one is kept, and the others are closed. `None`: the other end
/// is closed.
///
/// # Errors
/// [`io::ErrorKind::WouldBlock`] when no packet waits; [`io::ErrorKind::InvalidData`] for one that
/// is longer than `room`, which is lost then with what rode on it; EMFILE when there is no
/// descriptor left for the one that came, the packet is lost too; else what the kernel says.
pub fn receive(
    fd: BorrowedFd<'_>,
    room: &mut [u8],
) -> io::Result<Option<(usize, Option<OwnedFd>)>> {
    let mut part = libc::iovec { iov_base: room.as_mut_ptr().cast(), iov_len: room.len() };
    let mut control = Control::empty();
    let mut message = header(&mut part);
    message.msg_control = (&raw mut control).cast();
    message.msg_controllen = CONTROL_BYTES as _;
    let count = loop {
        let flags = libc::MSG_DONTWAIT | libc::MSG_CMSG_CLOEXEC;
        // SAFETY: all that `message` points to lives through the call and is writable.
        let count = unsafe { libc::recvmsg(fd.as_raw_fd(), &raw mut message, flags) };
        if let Ok(count) = usize::try_from(count) {
            break count;
        }
        let error = io::Error::last_os_error();
        match error.kind() {
            io::ErrorKind::Interrupted => {}
            // It has gone and left something of ours unread.
            io::ErrorKind::ConnectionReset => return Ok(None),
            _ => return Err(error),
        }
    };
    // First of all, so that nothing that came along stays open by mistake.
    let rider = take_rider(&message);
    if message.msg_flags & libc::MSG_TRUNC != 0 {
        return Err(io::ErrorKind::InvalidData.into());
    }
    if message.msg_flags & libc::MSG_CTRUNC != 0 && rider.is_none() {
        return Err(io::Error::from_raw_os_error(libc::EMFILE));
    }
    // An empty packet cannot be told from the end, so it is one.
    Ok((count > 0).then_some((count, rider)))
}

/// Takes all descriptors of a received message; the first is returned, the rest closed.
// The length's type differs from one C library to another.
#[allow(clippy::unnecessary_cast)]
fn take_rider(message: &libc::msghdr) -> Option<OwnedFd> {
    let mut first = None;
    // SAFETY: the kernel has filled in the control buffer and its length, so the headers and
    // their data are inside of it; the descriptors are new and nobody else's.
    unsafe {
        let mut head = libc::CMSG_FIRSTHDR(message);
        while let Some(found) = head.as_ref() {
            if found.cmsg_level == libc::SOL_SOCKET && found.cmsg_type == libc::SCM_RIGHTS {
                let data = libc::CMSG_DATA(head);
                let bytes = (found.cmsg_len as usize).saturating_sub(libc::CMSG_LEN(0) as usize);
                for at in 0..bytes / size_of::<RawFd>() {
                    let fd = data.cast::<RawFd>().add(at).read_unaligned();
                    let fd = OwnedFd::from_raw_fd(fd);
                    if first.is_none() {
                        first = Some(fd);
                    }
                }
            }
            head = libc::CMSG_NXTHDR(message, head);
        }
    }
    first
}

/// Listens at an abstract name (unix(7); at most 107 bytes): it is in no folder, and it is free
/// again when the socket is closed.
///
/// # Errors
/// [`io::ErrorKind::AddrInUse`] when somebody has it, [`io::ErrorKind::InvalidInput`] for a name
/// that is empty or too long, else what the kernel says.
pub fn listen_abstract(name: &str) -> io::Result<OwnedFd> {
    let socket = Socket::new(Domain::UNIX, Type::SEQPACKET, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&abstract_address(name)?)?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Connects to an abstract name. If told to `wait` it waits for a place in the queue there, for
/// five seconds at most, and never for the other side to accept.
///
/// # Errors
/// [`io::ErrorKind::ConnectionRefused`] when nobody listens there, [`io::ErrorKind::WouldBlock`]
/// when the queue is full, else as [`listen_abstract`].
pub fn connect_abstract(name: &str, wait: bool) -> io::Result<OwnedFd> {
    let socket = Socket::new(Domain::UNIX, Type::SEQPACKET, None)?;
    socket.set_nonblocking(!wait)?;
    socket.set_write_timeout(Some(QUEUE_PATIENCE))?;
    socket.connect(&abstract_address(name)?)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// The address of an abstract name: it begins with NUL where a path has its first byte.
pub(super) fn abstract_address(name: &str) -> io::Result<SockAddr> {
    if name.is_empty() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    SockAddr::unix(Path::new(&format!("\0{name}")))
}

/// Accepts one connection.
///
/// # Errors
/// [`io::ErrorKind::WouldBlock`] when none waits, else what the kernel says.
pub fn accept(listener: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    loop {
        let nowhere = std::ptr::null_mut();
        // SAFETY: the address is not asked for.
        let fd =
            unsafe { libc::accept4(listener.as_raw_fd(), nowhere, std::ptr::null_mut(), flags) };
        if fd >= 0 {
            // SAFETY: the kernel just made this descriptor for us.
            return Ok(unsafe { OwnedFd::from_raw_fd(fd) });
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

#[cfg(test)]
#[path = "passing_tests.rs"]
mod tests;
