//! The table as bytes, for a supervisor that becomes another program: descriptors keep their
//! numbers and stay open meanwhile.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, RawFd};
use std::sync::Arc;

use super::{Duty, Origin, Socket, Table, unix};
use crate::daemon::listening::table::Key;
use crate::daemon::packing::{Malformed, Pack, Unpacker};
use crate::sys::fd;

impl Table {
    /// Adds the table to `to`. All of its descriptors are to be kept open.
    pub(in crate::daemon) fn pack<'a>(&'a self, to: &mut Vec<u8>, keep: &mut Vec<BorrowedFd<'a>>) {
        to.u32(self.next_number);
        to.optional(self.quick_port, Pack::u16);
        to.length(self.sockets.len());
        for socket in &self.sockets {
            socket.pack(to);
            keep.push(socket.fd.as_fd());
        }
    }

    /// Reads what [`pack`](Self::pack) has written, and takes over the descriptors.
    ///
    /// # Errors
    /// [`Malformed`], also for a descriptor that is not open.
    pub(in crate::daemon) fn unpack(from: &mut Unpacker<'_>) -> Result<Self, Malformed> {
        let next_number = from.u32()?;
        let quick_port = from.optional(Unpacker::u16)?;
        Ok(Self { sockets: from.list(Socket::unpack)?, next_number, quick_port })
    }
}

impl Socket {
    fn pack(&self, to: &mut Vec<u8>) {
        to.u32(self.number);
        pack_fd(to, self.fd.as_raw_fd());
        match &self.key {
            Key::Unix(name) => {
                to.u8(0);
                to.text(name);
            }
            Key::Tcp { address, v6_only, listener } => {
                to.u8(1);
                pack_address(to, *address);
                to.flag(*v6_only);
                to.optional(*listener, Pack::u16);
            }
        }
        to.u16(self.share);
        to.optional(self.local, pack_address);
        to.optional(self.file.as_ref(), |to, file| file.pack(to));
        to.flag(self.origin == Origin::Inherited);
        let (duty, listener) = match self.duty {
            Duty::Serves(listener) => (0, listener),
            Duty::Leaves => (1, 0),
            Duty::Spare { told } => (2, u16::from(told)),
        };
        to.u8(duty);
        to.u16(listener);
        to.flag(self.is_hushed);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Result<Self, Malformed> {
        let number = from.u32()?;
        let fd = Arc::new(unpack_fd(from)?);
        let key = match from.u8()? {
            0 => Key::Unix(from.text()?),
            1 => {
                let (address, v6_only) = (unpack_address(from)?, from.flag()?);
                Key::Tcp { address, v6_only, listener: from.optional(Unpacker::u16)? }
            }
            _ => return Err(Malformed::Value),
        };
        let share = from.u16()?;
        let local = from.optional(unpack_address)?;
        let file = from.optional(unix::SocketFile::unpack)?;
        let origin = if from.flag()? { Origin::Inherited } else { Origin::Opened };
        let duty = match (from.u8()?, from.u16()?) {
            (0, listener) => Duty::Serves(listener),
            (1, _) => Duty::Leaves,
            (2, told) => Duty::Spare { told: told != 0 },
            _ => return Err(Malformed::Value),
        };
        Ok(Self { number, key, share, fd, local, file, origin, duty, is_hushed: from.flag()? })
    }
}

/// A descriptor by its number.
pub(in crate::daemon) fn pack_fd(to: &mut Vec<u8>, fd: RawFd) {
    to.bytes(&fd.to_be_bytes());
}

/// Takes over a descriptor by its number.
///
/// # Errors
/// [`Malformed`], also when it is not open.
pub(in crate::daemon) fn unpack_fd(
    from: &mut Unpacker<'_>,
) -> Result<std::os::fd::OwnedFd, Malformed> {
    let number = RawFd::from_be_bytes(from.array()?);
    fd::inherited(number).map_err(|_: io::Error| Malformed::Value)
}

fn pack_address(to: &mut Vec<u8>, address: SocketAddr) {
    let scope = match address {
        SocketAddr::V4(_) => 0,
        SocketAddr::V6(address) => address.scope_id(),
    };
    // The text form of an address with a scope is not read back everywhere.
    to.text(&address.ip().to_string());
    to.u16(address.port());
    to.u32(scope);
}

fn unpack_address(from: &mut Unpacker<'_>) -> Result<SocketAddr, Malformed> {
    let ip = from.text()?.parse().map_err(|_| Malformed::Value)?;
    let (port, scope) = (from.u16()?, from.u32()?);
    let mut address = SocketAddr::new(ip, port);
    if let SocketAddr::V6(address) = &mut address {
        address.set_scope_id(scope);
    }
    Ok(address)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::os::fd::{IntoRawFd as _, OwnedFd};

    fn socket(number: u32, key: Key, duty: Duty, fd: OwnedFd) -> Socket {
        let local = key.bind().map(|bind| bind.address);
        let origin = if number == 1 { Origin::Inherited } else { Origin::Opened };
        Socket {
            number,
            key,
            share: 3,
            fd: Arc::new(fd),
            local,
            file: None,
            origin,
            duty,
            is_hushed: number == 2,
        }
    }

    #[test]
    fn a_table_comes_back_as_it_was() {
        let listener = || OwnedFd::from(TcpListener::bind("127.0.0.1:0").unwrap());
        let tcp = |text: &str, listener| Key::Tcp {
            address: text.parse().unwrap(),
            v6_only: listener == Some(7),
            listener,
        };
        let sockets = vec![
            socket(0, Key::Unix("@name".into()), Duty::Serves(9), listener()),
            socket(1, tcp("127.0.0.1:80", None), Duty::Spare { told: true }, listener()),
            socket(2, tcp("[fe80::1%5]:0", Some(7)), Duty::Leaves, listener()),
        ];
        let table = Table { sockets, next_number: 44, quick_port: Some(7681) };
        let (mut bytes, mut keep) = (Vec::new(), Vec::new());
        table.pack(&mut bytes, &mut keep);
        assert_eq!(keep.len(), 3);
        let shown = format!("{table:?}");
        // The descriptors stay open under their numbers.
        for socket in table.sockets {
            let _ = Arc::into_inner(socket.fd).unwrap().into_raw_fd();
        }
        let mut from = Unpacker::new(&bytes);
        let back = Table::unpack(&mut from).unwrap();
        assert_eq!((format!("{back:?}"), from.end()), (shown, Ok(())));
        drop(back);
        assert_eq!(Table::unpack(&mut Unpacker::new(&bytes)).unwrap_err(), Malformed::Value);
        for length in 0..bytes.len() {
            assert!(Table::unpack(&mut Unpacker::new(&bytes[..length])).is_err());
        }
    }
}
