//! Tests of listeners and of what they accept, over real sockets.

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
    assert_eq!(peer, PeerAddr::Ip { ip: own.ip(), port: own.port() });
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
    assert_eq!(peer.ip(), Some(v4.ip()));
    let v6 = SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), port);
    let (_client, _socket, peer) = connected(&listener, v6);
    assert_eq!(peer.ip(), Some(v6.ip()));
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

#[test]
fn listeners_on_one_address_share_out_its_connections() {
    let first = listen(V4, &ListenOptions::default()).unwrap();
    let address = local_addr(&first).unwrap();
    let further = ListenOptions { sharing: PortSharing::Further, ..ListenOptions::default() };
    assert!(listen(address, &further).is_err(), "the first one has not allowed it");
    allow_more(&first).unwrap();
    let second = listen(address, &further).unwrap();
    let third = listen(address, &further).unwrap();
    let clients: Vec<_> = (0..200).map(|_| TcpStream::connect(address).unwrap()).collect();
    let taken = [&first, &second, &third].map(|listener| {
        let mut taken = 0;
        while accept(listener).is_ok() {
            taken += 1;
        }
        taken
    });
    // 200 connections that all miss one of three: less than once in 10^34 runs.
    assert!(taken.iter().all(|n| *n > 0), "{taken:?}");
    assert_eq!(taken.iter().sum::<usize>(), clients.len());
    // A stranger who does not ask is refused as before.
    assert!(listen(address, &ListenOptions::default()).is_err());
}

#[test]
fn a_unix_listener_tells_who_has_come() {
    let path = std::env::temp_dir().join(format!("kinglet-accept-{}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    listener.set_nonblocking(true).unwrap();
    assert!(matches!(accept(&listener), Err(AcceptError::WouldBlock)));
    let client = std::os::unix::net::UnixStream::connect(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let (socket, peer) = accept(&listener).map_err(io::Error::from).unwrap();
    let own = super::super::peer::credentials(&client).unwrap();
    assert_eq!(peer, PeerAddr::Unix(own));
    assert_eq!(own.pid, std::process::id());
    assert_ne!(flag(&socket, libc::F_GETFL) & libc::O_NONBLOCK, 0);
    assert_ne!(flag(&socket, libc::F_GETFD) & libc::FD_CLOEXEC, 0);
    assert!(local_addr(&socket).is_err());
}
