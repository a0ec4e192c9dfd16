//! Sockets that whoever started the server has opened for it (`LISTEN_FDS`, sd_listen_fds(3)).

use std::os::fd::OwnedFd;
use std::sync::Arc;

use super::{Duty, Origin, Socket, Table};
use crate::daemon::listening::places::Bind;
use crate::daemon::listening::table::Key;
use crate::sys::listener::{self, Place};
use crate::sys::socket;

/// A descriptor that was handed over and is no listening stream socket.
#[derive(Debug)]
pub struct Unusable {
    /// Which one, counted from 0.
    pub index: usize,
}

impl Table {
    /// Takes over descriptors, before the first plan. Plans find them by their addresses; those
    /// that none wants stay open and unused. What cannot be listened on is closed and reported.
    pub fn inherit(&mut self, descriptors: Vec<OwnedFd>) -> Vec<Unusable> {
        let mut unusable = Vec::new();
        for (index, fd) in descriptors.into_iter().enumerate() {
            let Some(place) = listener::place(&fd) else {
                unusable.push(Unusable { index });
                continue;
            };
            let (key, local) = match place {
                // An inherited socket has a port, so no listener counts.
                Place::Tcp { address, v6_only } => {
                    (Key::tcp(Bind { address, v6_only }, 0), Some(address))
                }
                Place::Unix(name) => (Key::Unix(name), None),
            };
            if listener::unblock(&fd).is_err() || (local.is_some() && socket::tune(&fd).is_err()) {
                unusable.push(Unusable { index });
                continue;
            }
            let same = self.sockets.iter().filter(|socket| socket.key == key).count();
            let Ok(share) = u16::try_from(same) else { continue };
            let number = self.number();
            let duty = Duty::Spare { told: false };
            let origin = Origin::Inherited;
            self.sockets.push(Socket {
                number,
                key,
                share,
                fd: Arc::new(fd),
                local,
                file: None,
                origin,
                duty,
                is_hushed: false,
            });
        }
        unusable
    }
}
