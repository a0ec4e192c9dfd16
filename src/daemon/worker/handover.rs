//! The handover: everything that a supervisor gives a worker before it may begin.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use zeroize::Zeroizing;

use crate::daemon::orders::{Malformed, Order, PACKET_BYTES_MAX, TicketBytes};
use crate::sys::poll::{self, Watch};
use crate::sys::shortage::Explained;
use crate::sys::{clock, passing};

/// How long the whole handover may take.
pub(super) const HANDOVER_MS: u64 = 10_000;

/// Listening sockets that a worker takes at the start.
pub(super) const SOCKETS_MAX: usize = 16_384;

/// A listening socket that was handed over.
#[derive(Debug)]
pub(in crate::daemon) struct Handed {
    /// The supervisor's name for it.
    pub(in crate::daemon) socket: u32,
    /// Whose it is.
    pub(in crate::daemon) listener: u16,
    /// Number among the sockets of its address.
    pub(in crate::daemon) share: u16,
    /// The socket.
    pub(in crate::daemon) fd: OwnedFd,
}

/// What was handed over.
#[derive(Debug, Default)]
pub(super) struct Handover {
    /// The configuration.
    pub(super) snapshot: Option<OwnedFd>,
    /// Quick mode: the port.
    pub(super) port: Option<u16>,
    /// What session tickets are made from.
    pub(super) tickets: Option<TicketBytes>,
    /// Access logs by number.
    pub(super) logs: Vec<(u16, OwnedFd)>,
    /// Listening sockets.
    pub(super) sockets: Vec<Handed>,
}

/// Why there is no handover.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The supervisor has gone, or does not want this worker any more.
    Unwanted,
    /// A packet is no order.
    Malformed(Malformed),
    /// An order came that has no place here, or for the second time.
    Order,
    /// A descriptor is missing, or there is one too many.
    Descriptor,
    /// There are more sockets than [`SOCKETS_MAX`].
    Sockets,
    /// It took too long.
    Late,
    /// The channel cannot be read, with this error number.
    Channel(i32),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unwanted => f.write_str("it is not wanted any more"),
            Self::Malformed(fault) => write!(f, "an order cannot be read: {fault}"),
            Self::Order => f.write_str("an order came that has no place there"),
            Self::Descriptor => f.write_str("an order came with the wrong descriptors"),
            Self::Sockets => write!(f, "more than {SOCKETS_MAX} listening sockets came"),
            Self::Late => write!(f, "it was not complete after {HANDOVER_MS} ms"),
            Self::Channel(errno) => {
                let error = io::Error::from_raw_os_error(*errno);
                write!(f, "the channel cannot be read: {}", Explained(&error))
            }
        }
    }
}

/// A packet and what rode on it; none when the other end is closed.
type Packet<'p> = Option<(&'p [u8], Option<OwnedFd>)>;

impl Handover {
    /// Reads orders from `channel` until the one to serve.
    ///
    /// # Errors
    /// [`Refusal`].
    pub(super) fn receive(channel: impl AsFd) -> Result<Self, Refusal> {
        let channel = channel.as_fd();
        let until_ms = clock::monotonic_ms() + HANDOVER_MS;
        let refused = |error: io::Error| match error.raw_os_error() {
            Some(errno) => Refusal::Channel(errno),
            // It is longer than any order.
            None => Refusal::Malformed(Malformed::Trailing),
        };
        let mut handover = Self::default();
        // One of the packets is a secret.
        let mut room = Zeroizing::new([0; PACKET_BYTES_MAX]);
        loop {
            match passing::receive(channel, &mut *room) {
                Ok(received) => {
                    let packet = received.map(|(n, rider)| (room.get(..n).unwrap_or(&[]), rider));
                    if handover.take(packet)? {
                        return Ok(handover);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let left_ms = until_ms.saturating_sub(clock::monotonic_ms());
                    if left_ms == 0 {
                        return Err(Refusal::Late);
                    }
                    poll::wait(&mut [Watch::readable(channel)], Some(left_ms)).map_err(refused)?;
                }
                Err(error) => return Err(refused(error)),
            }
        }
    }

    /// Takes a packet; whether it was the last one.
    fn take(&mut self, packet: Packet<'_>) -> Result<bool, Refusal> {
        let (bytes, rider) = packet.ok_or(Refusal::Unwanted)?;
        let order = Order::decode(bytes).map_err(Refusal::Malformed)?;
        if order.carries_descriptor() != rider.is_some() {
            return Err(Refusal::Descriptor);
        }
        match (order, rider) {
            (Order::Snapshot, Some(fd)) => once(&mut self.snapshot, fd)?,
            (Order::Port(port), _) => once(&mut self.port, port)?,
            (Order::Tickets(bytes), _) => once(&mut self.tickets, bytes)?,
            (Order::Log { number }, Some(fd)) => {
                // The latest one counts: it may have been opened anew meanwhile.
                self.logs.retain(|(other, _)| *other != number);
                self.logs.push((number, fd));
            }
            (Order::Listen { socket, listener, share }, Some(fd)) => {
                if self.sockets.len() >= SOCKETS_MAX {
                    return Err(Refusal::Sockets);
                }
                if self.sockets.iter().any(|other| other.socket == socket) {
                    return Err(Refusal::Order);
                }
                self.sockets.push(Handed { socket, listener, share, fd });
            }
            (Order::Unlisten { socket }, _) => self.sockets.retain(|one| one.socket != socket),
            (Order::Stop { .. } | Order::Retire { .. }, _) => return Err(Refusal::Unwanted),
            (Order::Serve, _) if self.snapshot.is_some() => return Ok(true),
            _ => return Err(Refusal::Order),
        }
        Ok(false)
    }
}

fn once<T>(place: &mut Option<T>, value: T) -> Result<(), Refusal> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(Refusal::Order),
    }
}

#[cfg(test)]
#[path = "handover_tests.rs"]
mod tests;
