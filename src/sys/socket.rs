//! TCP listeners, and the connections that listeners of any kind accept.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

use super::peer::PeerAddr;

/// Connections that may wait to be accepted; the kernel caps it at `net.core.somaxconn`.
pub const BACKLOG: i32 = 1024;
/// Silence after which the kernel asks whether the peer still lives.
const KEEPALIVE_IDLE_SECS: u64 = 120;
/// Time between two such questions.
const KEEPALIVE_INTERVAL_SECS: u64 = 30;
/// Questions without an answer until the connection counts as dead.
const KEEPALIVE_PROBES: u32 = 4;
/// How long sent bytes may stay unacknowledged. Not shorter than the keep-alive rounds in all:
/// the kernel lets this limit end a silent connection after the first question already.
const USER_TIMEOUT_MS: u64 =
    (KEEPALIVE_IDLE_SECS + KEEPALIVE_INTERVAL_SECS * KEEPALIVE_PROBES as u64) * 1000;

/// Whether other listeners may have the same port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PortSharing {
    /// No: a busy port is an error.
    #[default]
    Alone,
    /// Busy is an error here too, but [`PortSharing::Further`] listeners of this user may follow.
    First,
    /// Binds beside a `First` one, or one that [`allow_more`] was called for. On a more specific
    /// address it gets what comes to that address: Linux gives a connection to the listener whose
    /// address fits best. On the very same address the kernel shares out connections among all
    /// listeners there by a hash of both ends; each has a queue of its own, so what one of them
    /// does not accept is not accepted by the others.
    Further,
}

/// What a listener is made with, beside its address.
#[derive(Debug, Clone, Copy)]
pub struct ListenOptions {
    /// An IPv6 socket that takes no IPv4 connections; means nothing for IPv4.
    pub v6_only: bool,
    /// The address need not be on this machine yet (IP_FREEBIND, ip(7)): the listener works as
    /// soon as it is, and again whenever it comes back.
    pub freebind: bool,
    /// Whether other listeners may have the same port.
    pub sharing: PortSharing,
    /// Connections that may wait to be accepted.
    pub backlog: i32,
    /// SO_SNDBUF in bytes (the kernel doubles it); none leaves the kernel's own sizing.
    pub send_buffer_bytes: Option<usize>,
    /// SO_RCVBUF in bytes (the kernel doubles it); none leaves the kernel's own sizing.
    pub receive_buffer_bytes: Option<usize>,
}

impl Default for ListenOptions {
    fn default() -> Self {
        Self {
            v6_only: false,
            freebind: false,
            sharing: PortSharing::Alone,
            backlog: BACKLOG,
            send_buffer_bytes: None,
            receive_buffer_bytes: None,
        }
    }
}

/// Opens a TCP listener: non-blocking, close-on-exec, alone on its address (a busy address is
/// [`io::ErrorKind::AddrInUse`]), an address in TIME-WAIT is no obstacle. TCP_NODELAY, keep-alive,
/// TCP_USER_TIMEOUT and buffer sizes are set here: Linux hands them on to what it accepts.
pub fn listen(address: SocketAddr, options: &ListenOptions) -> io::Result<OwnedFd> {
    // socket2 sets close-on-exec at creation.
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(options.v6_only)?;
    }
    match address {
        SocketAddr::V4(_) if options.freebind => socket.set_freebind_v4(true)?,
        SocketAddr::V6(_) if options.freebind => socket.set_freebind_v6(true)?,
        _ => {}
    }
    // Before listen: the receive buffer decides the window scale of the handshake.
    if let Some(bytes) = options.receive_buffer_bytes {
        socket.set_recv_buffer_size(bytes)?;
    }
    if let Some(bytes) = options.send_buffer_bytes {
        socket.set_send_buffer_size(bytes)?;
    }
    tune(&socket)?;
    if options.sharing == PortSharing::Further {
        socket.set_reuse_port(true)?;
    }
    socket.bind(&address.into())?;
    if options.sharing == PortSharing::First {
        // Only after bind, so that a stranger's listener with the same option is still noticed.
        socket.set_reuse_port(true)?;
    }
    socket.listen(options.backlog)?;
    Ok(socket.into())
}

/// Lets [`PortSharing::Further`] listeners of this user bind beside a listener that was made
/// alone: to share out one address among more threads than before (SO_REUSEPORT, socket(7)).
pub fn allow_more(listener: &impl AsFd) -> io::Result<()> {
    SockRef::from(listener).set_reuse_port(true)
}

/// Sets TCP_NODELAY, keep-alive and TCP_USER_TIMEOUT. [`listen`] does it already and accepted
/// sockets inherit it; sockets that were made otherwise need the call.
pub fn tune(socket: &impl AsFd) -> io::Result<()> {
    let socket = SockRef::from(socket);
    socket.set_tcp_nodelay(true)?;
    let keepalive = TcpKeepalive::new()
        .with_time(Duration::from_secs(KEEPALIVE_IDLE_SECS))
        .with_interval(Duration::from_secs(KEEPALIVE_INTERVAL_SECS))
        .with_retries(KEEPALIVE_PROBES);
    socket.set_tcp_keepalive(&keepalive)?;
    socket.set_tcp_user_timeout(Some(Duration::from_millis(USER_TIMEOUT_MS)))
}

/// Whether the kernel has IPv6 at all.
#[must_use]
pub fn has_v6() -> bool {
    Socket::new(Domain::IPV6, Type::STREAM, None).is_ok()
}

/// The address that a socket is bound to.
pub fn local_addr(socket: &impl AsFd) -> io::Result<SocketAddr> {
    SockRef::from(socket)
        .local_addr()?
        .as_socket()
        .ok_or_else(|| io::Error::from(io::ErrorKind::AddrNotAvailable))
}

/// [`local_addr`] of a descriptor by its number; none when it is no internet socket.
#[must_use]
pub fn local_addr_of(fd: RawFd) -> Option<SocketAddr> {
    if fd < 0 {
        return None;
    }
    // SAFETY: the descriptor is only asked for its name and not kept; a number that is not open
    // gives an error, and one that is somebody else's gives a name that is of no harm.
    let socket = unsafe { BorrowedFd::borrow_raw(fd) };
    local_addr(&socket).ok()
}

/// Why there is no new connection.
#[derive(Debug)]
pub enum AcceptError {
    /// None waits: poll again.
    WouldBlock,
    /// This one is gone; the next one may be fine (ECONNABORTED, EINTR, EPROTO and the network
    /// errors that Linux reports through accept).
    Retry,
    /// The process or the system has no descriptor left (EMFILE, ENFILE): stop polling until one
    /// is closed.
    OutOfDescriptors,
    /// The kernel has no memory for it (ENOBUFS, ENOMEM): pause.
    OutOfMemory,
    /// The listener does not work.
    Fatal(io::Error),
}

impl AcceptError {
    fn from_error(error: io::Error) -> Self {
        match error.raw_os_error() {
            // EWOULDBLOCK is the same number on every Linux.
            Some(libc::EAGAIN) => Self::WouldBlock,
            Some(
                libc::ECONNABORTED
                | libc::EINTR
                | libc::EPROTO
                | libc::ENETDOWN
                | libc::ENOPROTOOPT
                | libc::EHOSTDOWN
                | libc::ENONET
                | libc::EHOSTUNREACH
                | libc::EOPNOTSUPP
                | libc::ENETUNREACH
                | libc::EPERM
                | libc::ETIMEDOUT,
            ) => Self::Retry,
            Some(libc::EMFILE | libc::ENFILE) => Self::OutOfDescriptors,
            Some(libc::ENOBUFS | libc::ENOMEM) => Self::OutOfMemory,
            _ => Self::Fatal(error),
        }
    }
}

impl From<AcceptError> for io::Error {
    fn from(error: AcceptError) -> Self {
        match error {
            AcceptError::WouldBlock => Self::from(io::ErrorKind::WouldBlock),
            AcceptError::Retry => Self::from(io::ErrorKind::ConnectionAborted),
            AcceptError::OutOfDescriptors => Self::from_raw_os_error(libc::EMFILE),
            AcceptError::OutOfMemory => Self::from_raw_os_error(libc::ENOMEM),
            AcceptError::Fatal(error) => error,
        }
    }
}

/// Accepts one connection, non-blocking and close-on-exec, from a TCP or a unix listener. One
/// system call, two for a unix socket; no allocation.
pub fn accept(listener: &impl AsFd) -> Result<(OwnedFd, PeerAddr), AcceptError> {
    // SAFETY: all bytes zero is a valid sockaddr_storage.
    let mut storage: libc::sockaddr_storage = unsafe { std::mem::zeroed() };
    let size = size_of::<libc::sockaddr_storage>();
    let mut length = libc::socklen_t::try_from(size).unwrap_or(0);
    // SAFETY: the kernel writes at most `length` bytes to `storage`, which is that big.
    let fd = unsafe {
        libc::accept4(
            listener.as_fd().as_raw_fd(),
            (&raw mut storage).cast(),
            &raw mut length,
            libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC,
        )
    };
    if fd < 0 {
        return Err(AcceptError::from_error(io::Error::last_os_error()));
    }
    // SAFETY: the kernel just made this descriptor for us.
    let socket = unsafe { OwnedFd::from_raw_fd(fd) };
    let peer = match i32::from(storage.ss_family) {
        libc::AF_UNIX => PeerAddr::of_unix(&socket),
        _ => peer_addr(&storage),
    };
    Ok((socket, peer))
}

/// Reads an address that the kernel filled in; another family than IP is the unspecified one.
fn peer_addr(storage: &libc::sockaddr_storage) -> PeerAddr {
    let pointer: *const libc::sockaddr_storage = storage;
    match i32::from(storage.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says what it is, and storage is bigger and aligned for both.
            let v4 = unsafe { &*pointer.cast::<libc::sockaddr_in>() };
            let ip = Ipv4Addr::from(v4.sin_addr.s_addr.to_ne_bytes());
            PeerAddr::Ip { ip: ip.into(), port: u16::from_be(v4.sin_port) }
        }
        libc::AF_INET6 => {
            // SAFETY: as above.
            let v6 = unsafe { &*pointer.cast::<libc::sockaddr_in6>() };
            let ip = IpAddr::from(v6.sin6_addr.s6_addr).to_canonical();
            PeerAddr::Ip { ip, port: u16::from_be(v6.sin6_port) }
        }
        _ => PeerAddr::Ip { ip: Ipv6Addr::UNSPECIFIED.into(), port: 0 },
    }
}

#[cfg(test)]
#[path = "socket_tests.rs"]
mod tests;
