//! A client's connection, whatever role it plays at the moment.

use super::http::Http;
use super::local::Local;
use super::opening::Opening;
use super::security::Security;
use super::site::Site;
use crate::buf::{CloseReason, Ends, LaneId};
use crate::reactor::{self, Deadline, Note, Role, SlotIo, Step};
use crate::sys::peer::PeerAddr;
use crate::tls::Session;
use crate::vhost::ListenerId;

/// What a client's connection is at the moment.
#[derive(Debug)]
pub enum Client {
    /// It has come to a TLS listener, and its handshake is not done.
    Opening(Opening),
    /// It speaks HTTP/1.
    Http(Http),
}

/// What a step of a client's connection may use.
pub(super) type Cx<'a> = reactor::Cx<'a, Client>;

/// What a role asks the reactor for.
#[derive(Debug)]
pub enum Effect {
    /// Hand what the client has sent, and all that follows, to this session.
    StartTls(Box<Session>),
}

impl Client {
    fn peer(&self) -> PeerAddr {
        match self {
            Self::Opening(opening) => opening.peer,
            Self::Http(http) => http.peer,
        }
    }
}

impl Role for Client {
    type World = Site;
    type Local = Local;
    type Effect = Effect;

    fn accept(
        listener: reactor::ListenerId,
        peer: PeerAddr,
        cx: &mut Cx<'_>,
    ) -> Result<Self, CloseReason> {
        if cx.local.peers.connections.enter(peer.ip()) == Some(false) {
            return Err(CloseReason::AddressLimit);
        }
        cx.local.connection_came();
        let listener = ListenerId(listener.0);
        Ok(if cx.world.world.speaks_tls(listener) {
            Self::Opening(Opening::new(peer, listener, cx))
        } else {
            Self::Http(Http::new(peer, listener, Security::Plain, cx))
        })
    }

    fn step(&mut self, ends: &mut Ends, cx: &mut Cx<'_>, note: Option<Note>) -> Step<Self> {
        match self {
            Self::Opening(opening) => opening.step(ends, cx, note),
            Self::Http(http) => http.step(ends, cx, note),
        }
    }

    fn apply(effect: Effect, io: &mut SlotIo<'_>) -> Result<(), CloseReason> {
        match effect {
            Effect::StartTls(session) => io.start_tls(LaneId::Client, *session),
        }
    }

    fn deadline(&self) -> Option<Deadline> {
        Some(match self {
            Self::Opening(opening) => opening.deadline(),
            Self::Http(http) => http.deadline(),
        })
    }

    fn evictable(&self) -> bool {
        match self {
            Self::Opening(_) => true,
            Self::Http(http) => http.evictable(),
        }
    }

    fn wants_session(&self) -> bool {
        matches!(self, Self::Opening(_))
    }

    fn closed(self, _: CloseReason, cx: &mut Cx<'_>) {
        let peer = self.peer();
        match self {
            Self::Opening(opening) => opening.closed(cx),
            Self::Http(http) => http.closed(cx),
        }
        cx.local.peers.connections.leave(peer.ip());
        cx.local.connection_went();
    }
}
