//! What listening sockets say of themselves, and how one is kept from beginning handshakes.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt as _;

use socket2::{Domain, SockFilter, SockRef, Type};

use super::socket::BACKLOG;

/// Where a listening socket listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// TCP.
    Tcp {
        /// Address and port, with the scope of a link-local one.
        address: SocketAddr,
        /// IPV6_V6ONLY; false for IPv4.
        v6_only: bool,
    },
    /// A unix socket: its path, or an abstract name that begins with `@`.
    Unix(String),
}

/// Asks a descriptor where it listens; none when it is no stream socket that listens, or one of
/// another family, or with a name that is no text.
#[must_use]
pub fn place(socket: &impl AsFd) -> Option<Place> {
    let socket = SockRef::from(socket);
    if socket.r#type().ok()? != Type::STREAM || !socket.is_listener().ok()? {
        return None;
    }
    let name = socket.local_addr().ok()?;
    if let Some(address) = name.as_socket() {
        let v6_only = address.is_ipv6() && socket.only_v6().ok()?;
        return Some(Place::Tcp { address, v6_only });
    }
    if name.domain() != Domain::UNIX {
        return None;
    }
    if let Some(path) = name.as_pathname() {
        return Some(Place::Unix(path.to_str()?.to_owned()));
    }
    let name = std::ffi::OsStr::from_bytes(name.as_abstract_namespace()?).to_str()?;
    Some(Place::Unix(format!("@{name}")))
}

/// Makes accepting from it non-blocking, whoever opened it.
pub fn unblock(listener: &impl AsFd) -> io::Result<()> {
    SockRef::from(listener).set_nonblocking(true)
}

/// Listens again on a TCP socket that does not any more: every process that has it can end that for
/// all of them (shutdown(2)). Whether that was so.
pub fn revive(listener: &impl AsFd) -> io::Result<bool> {
    let listener = SockRef::from(listener);
    if listener.is_listener()? {
        return Ok(false);
    }
    listener.listen(BACKLOG)?;
    Ok(true)
}

/// Drops what would begin a handshake on this listener, and lets handshakes go on that have begun:
/// a client asks again after a second and reaches the listener that is there by then. For one
/// that is about to be closed and hides its successor. Accepted sockets inherit the filter; it
/// means nothing to them.
pub fn begin_no_handshakes(listener: &impl AsFd) -> io::Result<()> {
    /// `BPF_LD | BPF_B | BPF_ABS`: a byte, counted from the TCP header.
    const LOAD_BYTE: u16 = 0x30;
    /// `BPF_ALU | BPF_AND | BPF_K`
    const AND: u16 = 0x54;
    /// `BPF_JMP | BPF_JEQ | BPF_K`
    const JUMP_IF_EQUAL: u16 = 0x15;
    /// `BPF_RET | BPF_K`: how many bytes to keep.
    const RETURN: u16 = 0x06;
    /// Where a TCP header has its flags (RFC 9293, 3.1).
    const FLAGS_AT: u32 = 13;
    const SYN: u32 = 0x02;
    const ACK: u32 = 0x10;
    SockRef::from(listener).attach_filter(&[
        SockFilter::new(LOAD_BYTE, 0, 0, FLAGS_AT),
        SockFilter::new(AND, 0, 0, SYN | ACK),
        SockFilter::new(JUMP_IF_EQUAL, 0, 1, SYN),
        SockFilter::new(RETURN, 0, 0, 0),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
    ])
}

/// Undoes [`begin_no_handshakes`].
pub fn begin_handshakes(listener: &impl AsFd) -> io::Result<()> {
    SockRef::from(listener).detach_filter()
}

/// Lets handshakes end only when the client has sent something (TCP_DEFER_ACCEPT, tcp(7)): on
/// loopback they are over at once otherwise.
#[cfg(test)]
pub(crate) fn defer_accept(listener: &impl AsFd) {
    use std::os::fd::AsRawFd as _;
    let secs: libc::c_int = 10;
    // SAFETY: the kernel reads one int.
    let done = unsafe {
        libc::setsockopt(
            listener.as_fd().as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_DEFER_ACCEPT,
            (&raw const secs).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    assert_eq!(done, 0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::socket::{self, ListenOptions};
    use std::net::{TcpListener, TcpStream};
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::net::{SocketAddr as UnixAddr, UnixListener};
    use std::time::Duration;

    #[test]
    fn what_another_process_has_shut_down_listens_again() {
        let options = ListenOptions::default();
        // A port that the kernel has chosen would be another one afterwards. This one may be taken
        // by somebody else in between.
        let (address, listener) = loop {
            let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
            if let Ok(listener) = socket::listen(free, &options) {
                break (free, listener);
            }
        };
        assert!(!revive(&listener).unwrap());
        SockRef::from(&listener).shutdown(std::net::Shutdown::Both).unwrap();
        assert!(TcpStream::connect(address).is_err());
        assert!(revive(&listener).unwrap());
        assert_eq!(place(&listener), Some(Place::Tcp { address, v6_only: false }));
        assert!(TcpStream::connect(address).is_ok());
    }

    #[test]
    fn listeners_say_where_they_are() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        assert_eq!(place(&listener), Some(Place::Tcp { address, v6_only: false }));
        for v6_only in [false, true] {
            let options = ListenOptions { v6_only, ..ListenOptions::default() };
            let listener = socket::listen("[::]:0".parse().unwrap(), &options).unwrap();
            let address = socket::local_addr(&listener).unwrap();
            assert_eq!(place(&listener), Some(Place::Tcp { address, v6_only }));
        }
        let name = format!("kinglet-place-{}", std::process::id());
        let listener =
            UnixListener::bind_addr(&UnixAddr::from_abstract_name(&name).unwrap()).unwrap();
        assert_eq!(place(&listener), Some(Place::Unix(format!("@{name}"))));
    }

    #[test]
    fn what_does_not_listen_has_no_place() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert_eq!(place(&stream), None);
        assert_eq!(place(&std::net::UdpSocket::bind("127.0.0.1:0").unwrap()), None);
        assert_eq!(place(&std::fs::File::open("/dev/null").unwrap()), None);
    }

    #[test]
    fn a_filtered_listener_takes_no_new_clients_until_the_filter_goes() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        begin_no_handshakes(&listener).unwrap();
        let refused = TcpStream::connect_timeout(&address, Duration::from_millis(1));
        assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::TimedOut);
        begin_handshakes(&listener).unwrap();
        TcpStream::connect(address).unwrap();
    }

    #[test]
    fn an_address_that_is_not_here_can_be_bound_ahead() {
        for away in ["203.0.113.9:0", "[2001:db8::9]:0"] {
            let away: SocketAddr = away.parse().unwrap();
            let error = socket::listen(away, &ListenOptions::default()).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AddrNotAvailable);
            let options = ListenOptions { freebind: true, ..ListenOptions::default() };
            let listener = socket::listen(away, &options).unwrap();
            assert_eq!(socket::local_addr(&listener).unwrap().ip(), away.ip());
        }
    }
}
