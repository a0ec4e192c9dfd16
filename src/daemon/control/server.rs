//! The supervisor's end of the control socket.
//!
//! Nothing here waits, and nothing grows: a client that does not read its answer, says what is no
//! request, or may not ask is dropped.

use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd, RawFd};

use super::holder::Holder;
use super::name::Name;
use super::packet::{self, ANSWER_BYTES_MAX, REQUEST_BYTES};
use crate::daemon::command::action::Control;
use crate::daemon::command::args::Args;
use crate::daemon::command::exit;
use crate::sys::{fd, passing, peer, user};

/// Commands that may wait for their answers at a time. One more hears that the server is busy.
const WAITING_MAX: usize = 64;
/// Connections at a time. Those that have not asked for anything yet make room for new ones.
const CLIENTS_MAX: usize = WAITING_MAX + 16;

/// What a command hears that is one too many.
const BUSY: &str = "the server is busy: too many commands wait for it, try again later\n";

/// Names a client; its number is not used again while the server runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::daemon) struct ClientId(u32);

/// The socket and who is connected.
#[derive(Debug)]
pub(in crate::daemon) struct Server {
    listener: OwnedFd,
    /// A descriptor that is closed to take one client when there is none left: who waits would
    /// else wake the supervisor without end.
    spare: Option<OwnedFd>,
    /// No client can be taken at all.
    is_broken: bool,
    /// The oldest first.
    clients: Vec<Client>,
    /// The number of the next client.
    next: u32,
    /// Who may ask, beside root.
    uid: u32,
}

#[derive(Debug)]
struct Client {
    id: ClientId,
    socket: OwnedFd,
    /// It has said what it wants.
    asked: bool,
    /// Bytes of text that it may still get.
    bytes_left: usize,
}

impl Server {
    /// Listens for commands to the server that `args` ask for.
    ///
    /// # Errors
    /// [`io::ErrorKind::AddrInUse`], with words that say who, when another process has the name;
    /// what else the kernel says.
    pub(in crate::daemon) fn open(args: &Args) -> io::Result<Self> {
        let uid = user::effective_uid();
        Self::listen(&Name::own(args, uid).to_string(), uid)
    }

    pub(super) fn listen(name: &str, uid: u32) -> io::Result<Self> {
        let listener = passing::listen_abstract(name).map_err(|error| match error.kind() {
            io::ErrorKind::AddrInUse => {
                let holder = Holder::of(name).map(|holder| holder.to_string());
                let holder = holder.unwrap_or_else(|| "another process".to_owned());
                io::Error::new(
                    error.kind(),
                    format!("{holder} has the name of the socket, @{name}"),
                )
            }
            _ => error,
        })?;
        Ok(Self::over(listener, uid))
    }

    /// Goes on with the socket of the program before this one, in the same process. Its name was
    /// never free, and clients have waited in it.
    pub(in crate::daemon) fn taken_over(listener: OwnedFd) -> Self {
        Self::over(listener, user::effective_uid())
    }

    fn over(listener: OwnedFd, uid: u32) -> Self {
        let spare = fd::duplicate(&listener).ok();
        Self { listener, spare, is_broken: false, clients: Vec::new(), next: 0, uid }
    }

    /// What to wait for: when one of these can be read, [`Server::handle`] wants to know.
    pub(in crate::daemon) fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let clients = self.clients.iter().map(|client| client.socket.as_fd());
        std::iter::once(self.listener.as_fd()).chain(clients)
    }

    /// Does what is to be done about a descriptor that can be read or has ended; one that is not
    /// (or no longer) of this server is passed over. Returns a request if one came. Answer it
    /// with any number of [`Server::answer`] and one [`Server::finish`], now or later.
    pub(in crate::daemon) fn handle(&mut self, fd: RawFd) -> Option<(ClientId, Control)> {
        if fd == self.listener.as_raw_fd() {
            self.accept();
            return None;
        }
        let at = self.clients.iter().position(|client| client.socket.as_raw_fd() == fd)?;
        let client = self.clients.get_mut(at)?;
        let mut room = [0; REQUEST_BYTES];
        let command = match passing::receive(client.socket.as_fd(), &mut room) {
            Ok(Some((count, None))) if !client.asked => room.get(..count).and_then(packet::command),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
            // It has gone, or says what nobody has to say.
            _ => None,
        };
        let id = client.id;
        client.asked = command.is_some();
        if command.is_none() {
            self.drop_client(id);
        } else if self.clients.iter().filter(|client| client.asked).count() > WAITING_MAX {
            self.answer(id, BUSY.as_bytes());
            self.finish(id, exit::BUSY);
            return None;
        }
        command.map(|command| (id, command))
    }

    /// Sends a client a part of the answer. A client that has gone is no error, one that does
    /// not read is dropped. Of all that it is sent it gets the first [`ANSWER_BYTES_MAX`] bytes.
    pub(in crate::daemon) fn answer(&mut self, id: ClientId, text: &[u8]) {
        let Some(client) = self.clients.iter_mut().find(|client| client.id == id) else { return };
        let text = text.get(..client.bytes_left.min(text.len())).unwrap_or_default();
        client.bytes_left -= text.len();
        let sent = packet::texts(text)
            .try_for_each(|packet| passing::send(client.socket.as_fd(), &packet, None));
        if sent.is_err() {
            self.drop_client(id);
        }
    }

    /// Ends the answer to a client: its command ends with this exit code.
    pub(in crate::daemon) fn finish(&mut self, id: ClientId, exit_code: u8) {
        self.finish_with(id, exit_code, None);
    }

    /// The same; the client gets a descriptor as well.
    pub(in crate::daemon) fn finish_with(
        &mut self,
        id: ClientId,
        exit_code: u8,
        rider: Option<BorrowedFd<'_>>,
    ) {
        if let Some(client) = self.clients.iter().find(|client| client.id == id) {
            let _ = passing::send(client.socket.as_fd(), &packet::end(exit_code), rider);
            self.drop_client(id);
        }
    }

    /// Closes one client's connection without descriptors for it.
    fn turn_away(&mut self) {
        self.spare = None;
        let turned = passing::accept(self.listener.as_fd());
        self.is_broken = turned.is_err_and(|error| error.kind() != io::ErrorKind::WouldBlock);
        self.spare = fd::duplicate(&self.listener).ok();
    }

    /// Whether clients wait that cannot even be turned away: they would wake the supervisor without
    /// end, and so the socket has to be closed.
    pub(in crate::daemon) fn is_broken(&self) -> bool {
        self.is_broken
    }

    fn drop_client(&mut self, id: ClientId) {
        self.clients.retain(|client| client.id != id);
    }

    /// Takes one client that waits, if it may ask and there is room. A client that has not said
    /// anything yet makes room for it.
    fn accept(&mut self) {
        let socket = match passing::accept(self.listener.as_fd()) {
            Ok(socket) => socket,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            Err(_) => return self.turn_away(),
        };
        let allowed =
            peer::credentials(&socket).is_ok_and(|peer| peer.uid == 0 || peer.uid == self.uid);
        if !allowed {
            return;
        }
        if self.clients.len() >= CLIENTS_MAX
            && let Some(silent) = self.clients.iter().position(|client| !client.asked)
        {
            self.clients.remove(silent);
        }
        let id = ClientId(self.next);
        self.next = self.next.wrapping_add(1);
        self.clients.push(Client { id, socket, asked: false, bytes_left: ANSWER_BYTES_MAX });
    }
}

impl AsFd for Server {
    /// The socket that [`Server::taken_over`] goes on with.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;
