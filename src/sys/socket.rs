//! TCP listeners and the connections that they accept.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

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
    /// Binds beside a `First` one, on a more specific address: Linux gives a connection to the
    /// listener whose address fits best. On one very same address the kernel would share out
    /// connections at random.
    Further,
}

/// What a listener is made with, beside its address.
#[derive(Debug, Clone, Copy)]
pub struct ListenOptions {
    /// An IPv6 socket that takes no IPv4 connections; means nothing for IPv4.
    pub v6_only: bool,
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

/// Who is at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerAddr {
    /// The address; an IPv4 address that came in IPv6 form is IPv4 here.
    pub ip: IpAddr,
    /// The port.
    pub port: u16,
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

/// Accepts one connection, non-blocking and close-on-exec. One system call, no allocation.
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
    Ok((socket, peer_addr(&storage)))
}

/// Reads an address that the kernel filled in; another family than IP is the unspecified one.
fn peer_addr(storage: &libc::sockaddr_storage) -> PeerAddr {
    let pointer: *const libc::sockaddr_storage = storage;
    match i32::from(storage.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says what it is, and storage is bigger and aligned for both.
            let v4 = unsafe { &*pointer.cast::<libc::sockaddr_in>() };
            let ip = Ipv4Addr::from(v4.sin_addr.s_addr.to_ne_bytes());
            PeerAddr { ip: ip.into(), port: u16::from_be(v4.sin_port) }
        }
        libc::AF_INET6 => {
            // SAFETY: as above.
            let v6 = unsafe { &*pointer.cast::<libc::sockaddr_in6>() };
            let ip = IpAddr::from(v6.sin6_addr.s6_addr).to_canonical();
            PeerAddr { ip, port: u16::from_be(v6.sin6_port) }
        }
        _ => PeerAddr { ip: Ipv6Addr::UNSPECIFIED.into(), port: 0 },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpStream;

    const V4: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

    fn flag(fd: &impl AsFd, command: libc::c_int) -> libc::c_int {
        // SAFETY: takes no pointers.
        unsafe { libc::fcntl(fd.as_fd().as_raw_fd(), command) }
    }

    /// Listens once more on an address that was just given up. A process that another test is
    /// starting at this moment may hold a copy of the old socket until it executes its program.
    fn listen_again(address: SocketAddr) -> OwnedFd {
        loop {
            match listen(address, &ListenOptions::default()) {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => std::thread::yield_now(),
                other => return other.unwrap(),
            }
        }
    }

    fn connected(listener: &OwnedFd, to: SocketAddr) -> (TcpStream, OwnedFd, PeerAddr) {
        let client = TcpStream::connect(to).unwrap();
        // On loopback the connection is in the accept queue when connect returns.
        let (socket, peer) = accept(listener).map_err(io::Error::from).unwrap();
        (client, socket, peer)
    }

    #[test]
    fn a_busy_address_is_refused() {
        let first = listen(V4, &ListenOptions::default()).unwrap();
        let address = local_addr(&first).unwrap();
        let error = listen(address, &ListenOptions::default()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        // Also the other way round: everything on the port collides with one address of it.
        let all = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), address.port());
        let error = listen(all, &ListenOptions::default()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        drop(first);
        listen_again(address);
    }

    #[test]
    fn a_specific_address_beside_a_wildcard_gets_its_own_connections() {
        let with = |sharing| ListenOptions { sharing, ..ListenOptions::default() };
        let any = SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), 0);
        let wide = listen(any, &with(PortSharing::First)).unwrap();
        let port = local_addr(&wide).unwrap().port();
        let own = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        assert!(listen(own, &with(PortSharing::Alone)).is_err());
        let narrow = listen(own, &with(PortSharing::Further)).unwrap();
        connected(&narrow, own);
        assert!(matches!(accept(&wide), Err(AcceptError::WouldBlock)));
        let other = SocketAddr::new(IpAddr::from([127, 0, 0, 2]), port);
        connected(&wide, other);
        assert!(matches!(accept(&narrow), Err(AcceptError::WouldBlock)));
        // One that comes from elsewhere and does not ask is refused, and asking first is no way in.
        assert!(listen(any_with(port), &with(PortSharing::Alone)).is_err());
        assert!(listen(any_with(port), &with(PortSharing::First)).is_err());
    }

    fn any_with(port: u16) -> SocketAddr {
        SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port)
    }

    #[test]
    fn a_port_in_time_wait_is_free() {
        let listener = listen(V4, &ListenOptions::default()).unwrap();
        let address = local_addr(&listener).unwrap();
        let (client, socket, _) = connected(&listener, address);
        // The server closes first, so its side keeps the port in TIME-WAIT.
        drop((socket, listener));
        drop(client);
        listen_again(address);
    }

    #[test]
    fn accepted_sockets_are_nonblocking_and_close_on_exec() {
        let listener = listen(V4, &ListenOptions::default()).unwrap();
        assert!(matches!(accept(&listener), Err(AcceptError::WouldBlock)));
        let (client, socket, peer) = connected(&listener, local_addr(&listener).unwrap());
        let own = client.local_addr().unwrap();
        assert_eq!((peer.ip, peer.port), (own.ip(), own.port()));
        for fd in [&listener, &socket] {
            assert_ne!(flag(fd, libc::F_GETFL) & libc::O_NONBLOCK, 0);
            assert_ne!(flag(fd, libc::F_GETFD) & libc::FD_CLOEXEC, 0);
        }
    }

    #[test]
    fn a_dual_stack_listener_takes_both_families() {
        let any = SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), 0);
        let listener = listen(any, &ListenOptions::default()).unwrap();
        let port = local_addr(&listener).unwrap().port();
        let v4 = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        let (_client, _socket, peer) = connected(&listener, v4);
        assert_eq!(peer.ip, v4.ip());
        let v6 = SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), port);
        let (_client, _socket, peer) = connected(&listener, v6);
        assert_eq!(peer.ip, v6.ip());
    }

    #[test]
    fn a_v6_only_listener_leaves_v4_alone() {
        let any = SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), 0);
        let options = ListenOptions { v6_only: true, ..ListenOptions::default() };
        let listener = listen(any, &options).unwrap();
        let port = local_addr(&listener).unwrap().port();
        let v4 = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        assert!(TcpStream::connect(v4).is_err());
        let v6 = SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), port);
        connected(&listener, v6);
    }

    #[test]
    fn accepted_sockets_inherit_what_the_listener_has() {
        let options = ListenOptions {
            send_buffer_bytes: Some(32 << 10),
            receive_buffer_bytes: Some(16 << 10),
            ..ListenOptions::default()
        };
        let listener = listen(V4, &options).unwrap();
        let (_client, socket, _) = connected(&listener, local_addr(&listener).unwrap());
        let socket = SockRef::from(&socket);
        assert!(socket.tcp_nodelay().unwrap());
        assert!(socket.keepalive().unwrap());
        let secs = Duration::from_secs;
        assert_eq!(socket.tcp_keepalive_time().unwrap(), secs(KEEPALIVE_IDLE_SECS));
        assert_eq!(socket.tcp_keepalive_interval().unwrap(), secs(KEEPALIVE_INTERVAL_SECS));
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), KEEPALIVE_PROBES);
        let timeout = Duration::from_millis(USER_TIMEOUT_MS);
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(timeout));
        // The kernel reports twice what was asked for.
        assert_eq!(socket.send_buffer_size().unwrap(), 64 << 10);
        assert_eq!(socket.recv_buffer_size().unwrap(), 32 << 10);
    }

    #[test]
    fn errors_are_told_apart() {
        let of = |number| AcceptError::from_error(io::Error::from_raw_os_error(number));
        assert!(matches!(of(libc::EAGAIN), AcceptError::WouldBlock));
        for number in [libc::ECONNABORTED, libc::EINTR, libc::EPROTO, libc::ENETUNREACH] {
            assert!(matches!(of(number), AcceptError::Retry));
        }
        assert!(matches!(of(libc::EMFILE), AcceptError::OutOfDescriptors));
        assert!(matches!(of(libc::ENFILE), AcceptError::OutOfDescriptors));
        assert!(matches!(of(libc::ENOBUFS), AcceptError::OutOfMemory));
        assert!(matches!(of(libc::ENOMEM), AcceptError::OutOfMemory));
        assert!(matches!(of(libc::EBADF), AcceptError::Fatal(_)));
        assert!(matches!(of(libc::EINVAL), AcceptError::Fatal(_)));
    }

    #[test]
    fn a_socket_that_does_not_listen_is_fatal() {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        assert!(matches!(accept(&socket), Err(AcceptError::Fatal(_))));
    }
}
