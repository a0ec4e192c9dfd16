//! A descriptor that says when addresses or interfaces come and go: rtnetlink(7).
//!
//! Nothing is told but that something has changed. Whoever listens reads all addresses anew, which
//! is right however many messages were lost.

use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};

/// Bytes of a message that are looked at; the rest is thrown away.
const LOOKED_AT_BYTES: usize = 64;
/// Bytes of `struct nlmsghdr`.
const HEAD_BYTES: usize = 16;
/// Messages that one call of [`AddressEvents::drain`] reads at most: an interface that comes and
/// goes without end must not keep its caller.
const MESSAGES_MAX: usize = 1024;

/// Notices from the kernel.
#[derive(Debug)]
pub struct AddressEvents {
    fd: OwnedFd,
}

impl AddressEvents {
    /// Opens the descriptor: non-blocking, close-on-exec. It is readable when something has
    /// changed.
    ///
    /// # Errors
    /// What the kernel says; some sandboxes allow no such socket.
    pub fn open() -> io::Result<Self> {
        let kind = libc::SOCK_RAW | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
        // SAFETY: takes no pointers.
        let fd = unsafe { libc::socket(libc::AF_NETLINK, kind, libc::NETLINK_ROUTE) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel just made this descriptor for us.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        let mut address = nowhere();
        let groups = libc::RTMGRP_LINK | libc::RTMGRP_IPV4_IFADDR | libc::RTMGRP_IPV6_IFADDR;
        address.nl_groups = groups.cast_unsigned();
        let length = size_of::<libc::sockaddr_nl>() as libc::socklen_t;
        // SAFETY: `length` bytes of `address` are read.
        let result = unsafe { libc::bind(fd.as_raw_fd(), (&raw const address).cast(), length) };
        if result != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Self { fd })
    }

    /// Reads and throws away what waits; true when an address or an interface has changed, or when
    /// so much has that messages were lost. If more waits than is read at once, the descriptor
    /// stays readable.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn drain(&self) -> io::Result<bool> {
        let mut changed = false;
        for _ in 0..MESSAGES_MAX {
            match self.next() {
                Ok(about) => changed |= about,
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => changed = true,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(changed)
    }

    /// Whether the next message is about a change.
    fn next(&self) -> io::Result<bool> {
        let mut room = [0; LOOKED_AT_BYTES];
        let mut from = nowhere();
        let mut length = size_of::<libc::sockaddr_nl>() as libc::socklen_t;
        // SAFETY: the kernel writes at most as much as `room` and `from` have.
        let count = unsafe {
            libc::recvfrom(
                self.fd.as_raw_fd(),
                room.as_mut_ptr().cast(),
                room.len(),
                libc::MSG_DONTWAIT,
                (&raw mut from).cast(),
                &raw mut length,
            )
        };
        let Ok(count) = usize::try_from(count) else {
            return Err(io::Error::last_os_error());
        };
        // Other processes may send too; only the kernel has the number 0.
        Ok(from.nl_pid == 0 && room.get(..count).is_some_and(is_change))
    }
}

impl AsFd for AddressEvents {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn nowhere() -> libc::sockaddr_nl {
    // SAFETY: all bytes zero is a valid sockaddr_nl.
    let mut address: libc::sockaddr_nl = unsafe { std::mem::zeroed() };
    address.nl_family = libc::AF_NETLINK as libc::sa_family_t;
    address
}

/// Whether a message begins with a head of one of the types that tell of a change. Notices come
/// one in a message.
#[must_use]
pub fn is_change(message: &[u8]) -> bool {
    // The length, 4 bytes; then the type, 2 bytes; all in the machine's order.
    let Some([_, _, _, _, a, b, ..]) = message.first_chunk::<HEAD_BYTES>() else {
        return false;
    };
    [libc::RTM_NEWLINK, libc::RTM_DELLINK, libc::RTM_NEWADDR, libc::RTM_DELADDR]
        .contains(&u16::from_ne_bytes([*a, *b]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::poll::{Watch, wait};

    fn is_root() -> bool {
        // SAFETY: takes nothing.
        unsafe { libc::geteuid() == 0 }
    }

    #[test]
    fn nothing_waits_in_the_beginning() {
        let events = AddressEvents::open().unwrap();
        // SAFETY: takes no pointers.
        let flags = unsafe { libc::fcntl(events.as_fd().as_raw_fd(), libc::F_GETFD) };
        assert_eq!(flags & libc::FD_CLOEXEC, libc::FD_CLOEXEC);
        if !is_root() {
            return;
        }
        super::super::alone::run("sys::netlink::tests::child_sees_an_interface_come_and_go");
        super::super::alone::run("sys::netlink::tests::child_survives_a_flood");
    }

    /// A network of this thread's own: only a loopback interface, which is down.
    fn leave_network() {
        // SAFETY: takes no pointers.
        assert_eq!(unsafe { libc::unshare(libc::CLONE_NEWNET) }, 0);
    }

    /// Turns the loopback interface on or off, with which its addresses come and go.
    fn turn_loopback(on: bool) {
        let socket = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
        // SAFETY: all bytes zero is a valid ifreq.
        let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
        request.ifr_name[..2].copy_from_slice(&[b'l' as libc::c_char, b'o' as libc::c_char]);
        request.ifr_ifru.ifru_flags = if on { libc::IFF_UP as libc::c_short } else { 0 };
        // SAFETY: the request is read, and outlives the call.
        let result =
            unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS as _, &raw mut request) };
        assert_eq!(result, 0, "{}", io::Error::last_os_error());
    }

    #[test]
    #[ignore = "has a network of its own; run by nothing_waits_in_the_beginning"]
    fn child_sees_an_interface_come_and_go() {
        leave_network();
        let events = AddressEvents::open().unwrap();
        assert!(!events.drain().unwrap());
        for on in [true, false, true] {
            turn_loopback(on);
            assert_eq!(wait(&mut [Watch::readable(events.as_fd())], None).unwrap(), 1);
            assert!(events.drain().unwrap());
            assert!(!events.drain().unwrap());
        }
    }

    #[test]
    #[ignore = "has a network of its own; run by nothing_waits_in_the_beginning"]
    fn child_survives_a_flood() {
        leave_network();
        let events = AddressEvents::open().unwrap();
        let small: libc::c_int = 1;
        let length = size_of::<libc::c_int>() as libc::socklen_t;
        // SAFETY: `length` bytes of `small` are read.
        let result = unsafe {
            let fd = events.fd.as_raw_fd();
            let pointer = (&raw const small).cast();
            libc::setsockopt(fd, libc::SOL_SOCKET, libc::SO_RCVBUF, pointer, length)
        };
        assert_eq!(result, 0);
        for round in 0..100 {
            turn_loopback(round % 2 == 0);
        }
        // The queue has overflowed, which is an error of the socket once.
        assert_eq!(events.next().unwrap_err().raw_os_error(), Some(libc::ENOBUFS));
        assert!(events.drain().unwrap());
        assert!(!events.drain().unwrap());
        turn_loopback(true);
        assert!(events.drain().unwrap());
    }

    #[test]
    fn only_heads_of_the_right_types_count() {
        let message = |kind: u16| {
            let mut bytes = [0; LOOKED_AT_BYTES];
            bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
            bytes
        };
        for kind in 0..100 {
            let expected = [16, 17, 20, 21].contains(&kind);
            assert_eq!(is_change(&message(kind)), expected, "{kind}");
        }
        assert!(is_change(&message(20)[..HEAD_BYTES]));
        assert!(!is_change(&message(20)[..HEAD_BYTES - 1]));
        assert!(!is_change(b""));
    }

    #[test]
    fn what_other_processes_send_does_not_count() {
        let events = AddressEvents::open().unwrap();
        // SAFETY: all bytes zero is a valid address, and both calls stay inside of it.
        let (own, sent) = unsafe {
            let mut own = nowhere();
            let mut length = size_of::<libc::sockaddr_nl>() as libc::socklen_t;
            let fd = events.fd.as_raw_fd();
            libc::getsockname(fd, (&raw mut own).cast(), &raw mut length);
            own.nl_groups = 0;
            let other = AddressEvents::open().unwrap();
            let mut message = [0; HEAD_BYTES];
            message[..4].copy_from_slice(&(HEAD_BYTES as u32).to_ne_bytes());
            message[4..6].copy_from_slice(&libc::RTM_NEWADDR.to_ne_bytes());
            let sent = libc::sendto(
                other.fd.as_raw_fd(),
                message.as_ptr().cast(),
                message.len(),
                0,
                (&raw const own).cast(),
                length,
            );
            (own, sent)
        };
        assert_ne!(own.nl_pid, 0);
        // The kernel lets only root do so, and may refuse it altogether.
        if sent > 0 {
            assert!(!events.next().unwrap());
        }
    }
}
