//! The table on its way to the program that takes the place of this one in the same process.

use std::net::SocketAddr;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use super::unix::SocketFile;
use super::{Duty, Origin, Socket, Table};
use crate::daemon::listening::table::Key;
use crate::daemon::packing::{Malformed, Pack as _, Unpacker};
use crate::daemon::plan::UnixAccess;
use crate::sys::unix_listener::Inode;

/// Changes with the format.
const VERSION: u8 = 1;

impl Table {
    /// Everything but the descriptors.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut to = Vec::new();
        to.u8(VERSION);
        to.u32(self.next_number);
        put_optional(&mut to, self.quick_port, |to, port| to.u16(port));
        to.length(self.sockets.len());
        for socket in &self.sockets {
            put_socket(&mut to, socket);
        }
        to
    }

    /// The descriptors, in the order of [`Table::encode`].
    pub fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.sockets.iter().map(|socket| socket.fd.as_fd())
    }

    /// The table of the program before, with its descriptors. Sockets have the same numbers and go
    /// on serving its plan until another one is adopted.
    ///
    /// # Errors
    /// When it was encoded otherwise, or the descriptors are not as many as the sockets.
    pub fn decode(bytes: &[u8], descriptors: Vec<OwnedFd>) -> Result<Self, Malformed> {
        let mut from = Unpacker::new(bytes);
        if from.u8()? != VERSION {
            return Err(Malformed::Version);
        }
        let next_number = from.u32()?;
        let quick_port = optional(&mut from, Unpacker::u16)?;
        let mut descriptors = descriptors.into_iter();
        let sockets = from.list(|from| {
            let fd = descriptors.next().ok_or(Malformed::Truncated)?;
            take_socket(from, fd, next_number)
        })?;
        from.end()?;
        match descriptors.next() {
            Some(_) => Err(Malformed::Trailing),
            None => Ok(Self { sockets, next_number, quick_port }),
        }
    }
}

fn put_socket(to: &mut Vec<u8>, socket: &Socket) {
    let Socket { number, key, share, fd: _, local, file, origin, duty, is_hushed } = socket;
    to.u32(*number);
    to.u16(*share);
    match key {
        Key::Tcp { address, v6_only, listener } => {
            to.u8(0);
            to.text(&address.to_string());
            to.flag(*v6_only);
            put_optional(to, *listener, |to, listener| to.u16(listener));
        }
        Key::Unix(name) => {
            to.u8(1);
            to.text(name);
        }
    }
    put_optional(to, *local, |to, local| to.text(&local.to_string()));
    put_optional(to, file.as_ref(), put_file);
    to.flag(*origin == Origin::Inherited);
    match duty {
        Duty::Serves(listener) => {
            to.u8(0);
            to.u16(*listener);
        }
        Duty::Leaves => to.u8(1),
        Duty::Spare { told } => to.u8(if *told { 3 } else { 2 }),
    }
    to.flag(*is_hushed);
}

fn put_file(to: &mut Vec<u8>, file: &SocketFile) {
    to.text(&file.path);
    to.u64(file.inode.dev);
    to.u64(file.inode.ino);
    to.u32(file.access.mode);
    put_optional(to, file.access.owner, |to, (uid, gid)| {
        to.u32(uid);
        to.u32(gid);
    });
}

fn put_optional<T>(to: &mut Vec<u8>, value: Option<T>, put: impl FnOnce(&mut Vec<u8>, T)) {
    to.flag(value.is_some());
    if let Some(value) = value {
        put(to, value);
    }
}

fn take_socket(from: &mut Unpacker<'_>, fd: OwnedFd, end: u32) -> Result<Socket, Malformed> {
    let number = from.u32()?;
    if number >= end {
        return Err(Malformed::Value);
    }
    Ok(Socket {
        number,
        share: from.u16()?,
        key: match from.u8()? {
            0 => Key::Tcp {
                address: take_address(from)?,
                v6_only: from.flag()?,
                listener: optional(from, Unpacker::u16)?,
            },
            1 => Key::Unix(from.text()?),
            _ => return Err(Malformed::Value),
        },
        local: optional(from, take_address)?,
        file: optional(from, take_file)?,
        origin: if from.flag()? { Origin::Inherited } else { Origin::Opened },
        duty: match from.u8()? {
            0 => Duty::Serves(from.u16()?),
            1 => Duty::Leaves,
            2 => Duty::Spare { told: false },
            3 => Duty::Spare { told: true },
            _ => return Err(Malformed::Value),
        },
        is_hushed: from.flag()?,
        fd,
    })
}

fn take_address(from: &mut Unpacker<'_>) -> Result<SocketAddr, Malformed> {
    from.text()?.parse().map_err(|_| Malformed::Value)
}

fn take_file(from: &mut Unpacker<'_>) -> Result<SocketFile, Malformed> {
    Ok(SocketFile {
        path: from.text()?,
        inode: Inode { dev: from.u64()?, ino: from.u64()? },
        access: UnixAccess {
            mode: from.u32()?,
            owner: optional(from, |from| Ok((from.u32()?, from.u32()?)))?,
        },
    })
}

fn optional<'a, T>(
    from: &mut Unpacker<'a>,
    take: impl FnOnce(&mut Unpacker<'a>) -> Result<T, Malformed>,
) -> Result<Option<T>, Malformed> {
    if from.flag()? { take(from).map(Some) } else { Ok(None) }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{adopted, plan, started};
    use super::*;
    use crate::sys::socket;
    use std::net::{TcpListener, TcpStream};

    fn carried(table: &Table) -> (Vec<u8>, Vec<OwnedFd>) {
        let copies = table.descriptors().map(|fd| fd.try_clone_to_owned().unwrap());
        (table.encode(), copies.collect())
    }

    /// A table with everything that there can be.
    fn full() -> (Table, Vec<(&'static str, u16)>, std::path::PathBuf) {
        let (mut table, port) = started(2, &["*"]);
        table.inherit(vec![TcpListener::bind("127.0.0.1:0").unwrap().into()]);
        let path = std::env::temp_dir().join(format!("kinglet-carried-{}", std::process::id()));
        let name: &'static str = path.to_str().unwrap().to_owned().leak();
        let listeners = vec![("[::]only", port), ("127.0.0.1", 0), (name, 0)];
        adopted(&mut table, &plan(2, &listeners));
        table.quick_port = Some(7);
        (table, listeners, path)
    }

    #[test]
    fn a_table_is_the_same_on_the_other_side() {
        let (mut old, listeners, path) = full();
        let (bytes, descriptors) = carried(&old);
        let mut new = Table::decode(&bytes, descriptors).unwrap();
        assert_eq!(new.encode(), bytes);
        assert_eq!((new.handed(), new.leaving()), (old.handed(), old.leaving()));
        assert_eq!((new.leaving().len(), new.handed().len()), (2, 5));
        // The same sockets: what the one is connected to, the other accepts.
        let any = old.handed().into_iter().find(|handed| handed.listener == 1).unwrap().socket;
        let address = socket::local_addr(&old.fd(any).unwrap()).unwrap();
        drop(old.sockets.drain(..));
        let _client = TcpStream::connect(address).unwrap();
        let own = |number: &u32| socket::accept(&new.fd(*number).unwrap()).is_ok();
        assert_eq!([any, any + 1].iter().filter(|number| own(number)).count(), 1);
        let before = new.handed();
        assert_eq!(adopted(&mut new, &plan(2, &listeners)), before);
        assert!(path.exists());
        new.remove_files();
        assert!(!path.exists());
    }

    #[test]
    fn what_is_not_whole_is_refused() {
        let (mut table, _, _) = full();
        table.remove_files();
        let (bytes, _) = carried(&table);
        let decode = |bytes: &[u8], more: bool| {
            let mut descriptors = carried(&table).1;
            if more {
                descriptors.push(TcpListener::bind("127.0.0.1:0").unwrap().into());
            }
            Table::decode(bytes, descriptors).map(drop)
        };
        assert_eq!(decode(&bytes, false), Ok(()));
        assert_eq!(decode(&bytes, true), Err(Malformed::Trailing));
        assert_eq!(Table::decode(&bytes, Vec::new()).map(drop), Err(Malformed::Truncated));
        for end in 0..bytes.len() {
            assert!(decode(&bytes[..end], false).is_err(), "{end}");
        }
        let mut other = bytes;
        other[0] = VERSION + 1;
        assert_eq!(decode(&other, false), Err(Malformed::Version));
        other[0] = VERSION;
        other.push(0);
        assert_eq!(decode(&other, false), Err(Malformed::Trailing));
    }
}
