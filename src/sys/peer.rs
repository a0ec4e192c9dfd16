//! Who is at the other end of an accepted connection.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::os::fd::{AsFd, AsRawFd};

/// The other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerAddr {
    /// It came over TCP.
    Ip {
        /// The address; an IPv4 address that came in IPv6 form is IPv4 here.
        ip: IpAddr,
        /// The port.
        port: u16,
    },
    /// It came over a unix socket.
    Unix(Credentials),
}

/// What the kernel says about the process that has made a connection over a unix socket, as it was
/// then (`SO_PEERCRED`, unix(7)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Credentials {
    /// Effective user.
    pub uid: u32,
    /// Effective group.
    pub gid: u32,
    /// Process; 0 when it is outside of this process's namespace.
    pub pid: u32,
}

/// What is said of a unix peer whose credentials cannot be had: nobody, as in `chown`'s "leave it
/// as it is".
const NOBODY: Credentials = Credentials { uid: u32::MAX, gid: u32::MAX, pid: 0 };

// Every slot of a reactor has one.
const _: () = assert!(size_of::<PeerAddr>() <= 20, "a peer must stay small");

impl PeerAddr {
    /// The address; none on a unix socket.
    #[must_use]
    pub const fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Ip { ip, .. } => Some(*ip),
            Self::Unix(_) => None,
        }
    }

    /// What stands for the peer where each is to have its share: its address, or for a unix peer
    /// one that no host has (`::/32` is reserved, RFC 4291) with the user's number within its /64.
    #[must_use]
    pub fn sharer(&self) -> IpAddr {
        match self {
            Self::Ip { ip, .. } => *ip,
            Self::Unix(of) => Ipv6Addr::from_bits(u128::from(of.uid) << 64 | 1 << 63).into(),
        }
    }

    /// The other end of a unix socket.
    pub(super) fn of_unix(socket: &impl AsFd) -> Self {
        Self::Unix(credentials(socket).unwrap_or(NOBODY))
    }
}

/// The host field of an access log: the address, or `unix:uid=1000,gid=1000,pid=4242`.
impl fmt::Display for PeerAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip { ip, .. } => write!(f, "{}", ip.to_canonical()),
            Self::Unix(Credentials { uid, gid, pid }) => {
                write!(f, "unix:uid={uid},gid={gid},pid={pid}")
            }
        }
    }
}

/// Who is at the other end of a connected unix socket.
///
/// # Errors
/// Whatever the kernel says, as for a socket of another kind.
pub fn credentials(socket: &impl AsFd) -> io::Result<Credentials> {
    let mut found = libc::ucred { pid: 0, uid: u32::MAX, gid: u32::MAX };
    let mut length = libc::socklen_t::try_from(size_of::<libc::ucred>()).unwrap_or(0);
    // SAFETY: the kernel writes at most `length` bytes to `found`, which is that big.
    let failed = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut found).cast(),
            &raw mut length,
        )
    };
    if failed != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(Credentials { uid: found.uid, gid: found.gid, pid: u32::try_from(found.pid).unwrap_or(0) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

    #[test]
    fn a_unix_peer_is_who_made_the_connection() {
        let (near, _far) = UnixStream::pair().unwrap();
        let own = credentials(&near).unwrap();
        // SAFETY: neither takes anything or can fail.
        let (uid, gid) = unsafe { (libc::geteuid(), libc::getegid()) };
        assert_eq!(own, Credentials { uid, gid, pid: std::process::id() });
        assert_eq!(PeerAddr::of_unix(&near), PeerAddr::Unix(own));
    }

    #[test]
    fn what_is_no_unix_socket_has_no_user() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        // The kernel gives an answer for any socket that it knows a peer of, with these numbers.
        let found = credentials(&socket).unwrap_or(NOBODY);
        assert_eq!((found.uid, found.pid), (NOBODY.uid, 0));
        let file = std::fs::File::open("/dev/null").unwrap();
        assert!(credentials(&file).is_err());
        assert_eq!(PeerAddr::of_unix(&file), PeerAddr::Unix(NOBODY));
    }

    #[test]
    fn peers_are_shown_as_logs_have_them() {
        let mapped = PeerAddr::Ip { ip: "::ffff:192.0.2.7".parse().unwrap(), port: 80 };
        assert_eq!(mapped.to_string(), "192.0.2.7");
        let unix = PeerAddr::Unix(Credentials { uid: 1000, gid: 100, pid: 4242 });
        assert_eq!(unix.to_string(), "unix:uid=1000,gid=100,pid=4242");
        assert_eq!(unix.ip(), None);
    }

    #[test]
    fn users_share_apart_from_each_other_and_from_hosts() {
        let of = |uid| PeerAddr::Unix(Credentials { uid, gid: 0, pid: 1 }).sharer();
        assert_ne!(of(0), of(1));
        assert_eq!(of(7), PeerAddr::Unix(Credentials { uid: 7, gid: 9, pid: 2 }).sharer());
        let IpAddr::V6(zero) = of(0) else { panic!("IPv6") };
        assert!(!zero.is_loopback() && !zero.is_unspecified());
        assert!(zero.to_ipv4_mapped().is_none());
    }
}
