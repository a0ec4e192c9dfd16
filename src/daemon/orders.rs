//! What a supervisor tells a worker and what the worker answers: one packet each, over a pair of
//! SOCK_SEQPACKET sockets. One descriptor at most rides on a packet.

use std::fmt;

use zeroize::Zeroizing;

pub use crate::daemon::packing::Malformed;
use crate::daemon::packing::{Pack, Unpacker};
use crate::tls::EXPORT_BYTES;

/// Bytes of the longest packet.
pub const PACKET_BYTES_MAX: usize = 512;

/// A packet.
pub type Packet = heapless::Vec<u8, PACKET_BYTES_MAX>;

/// First byte of every packet: both sides may be of different builds of the program.
const VERSION: u8 = 1;

/// The secret of session tickets, as [`TicketSecret::export`](crate::tls::TicketSecret)
/// gives it. Wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct TicketBytes(pub Zeroizing<[u8; EXPORT_BYTES]>);

impl fmt::Debug for TicketBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TicketBytes")
    }
}

/// From the supervisor to a worker. Times are milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// The configuration rides on this packet: a memory file.
    Snapshot,
    /// Quick mode: the port that was found free.
    Port(u16),
    /// What session tickets are made from.
    Tickets(TicketBytes),
    /// An access log rides on this packet, for the first time or opened anew.
    Log {
        /// [`LogId`](crate::vhost::LogId).
        number: u16,
    },
    /// A listening socket rides on this packet.
    Listen {
        /// Names the socket to the worker.
        socket: u32,
        /// [`ListenerId`](crate::vhost::ListenerId).
        listener: u16,
        /// Number among the sockets of its address; says which reactor polls it.
        share: u16,
    },
    /// Poll this socket no longer and close it.
    Unlisten {
        /// As in [`Listen`](Self::Listen).
        socket: u32,
    },
    /// The end of the handover: build, give up root's rights, say [`Report::Ready`].
    Serve,
    /// Answer further requests with `Connection: close`; end with the last connection and socket.
    Retire {
        /// End then in any case; 0: there is no limit.
        drain_ms: u64,
    },
    /// Stop listening, let exchanges end, be gone by then.
    Stop {
        /// Until then.
        within_ms: u64,
    },
    /// Say [`Report::Stats`].
    Ask,
    /// Once round all reactors, then [`Report::Pong`].
    Ping {
        /// Comes back.
        number: u32,
    },
}

/// From a worker to the supervisor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// All reactors run.
    Ready {
        /// Memory bound of the worker, bytes.
        memory_bytes_max: u64,
        /// Connections at once.
        connections_max: u32,
    },
    /// It cannot serve, has said why, and ends with this exit code.
    Failed {
        /// Exit code.
        code: u8,
    },
    /// Answer to [`Order::Ask`].
    Stats {
        /// Connections now.
        connections: u32,
        /// Connections since the worker began.
        accepted: u64,
        /// Requests since the worker began.
        requests: u64,
    },
    /// Answer to [`Order::Ping`].
    Pong {
        /// The number of the ping.
        number: u32,
    },
    /// A vhost shows its own certificate now, which it could not when it was planned.
    Certified {
        /// Number of the vhost.
        vhost: u16,
    },
}

impl Pack for Packet {
    /// The longest order takes a fifth of the room.
    fn bytes(&mut self, bytes: &[u8]) {
        let fitted = self.extend_from_slice(bytes);
        debug_assert!(fitted.is_ok());
    }
}

fn begun(tag: u8) -> Packet {
    let mut packet = Packet::new();
    packet.u8(VERSION);
    packet.u8(tag);
    packet
}

/// The rest of a packet behind its version and tag.
fn opened(packet: &[u8]) -> Result<(u8, Unpacker<'_>), Malformed> {
    let mut from = Unpacker::new(packet);
    if from.u8()? != VERSION {
        return Err(Malformed::Version);
    }
    Ok((from.u8()?, from))
}

impl Order {
    /// Whether a descriptor rides on its packet.
    #[must_use]
    pub const fn carries_descriptor(&self) -> bool {
        matches!(self, Self::Snapshot | Self::Log { .. } | Self::Listen { .. })
    }

    /// As a packet.
    #[must_use]
    pub fn encode(&self) -> Packet {
        let tagged = |tag, put: &dyn Fn(&mut Packet)| {
            let mut packet = begun(tag);
            put(&mut packet);
            packet
        };
        match self {
            Self::Snapshot => begun(1),
            Self::Port(port) => tagged(2, &|to| to.u16(*port)),
            Self::Tickets(tickets) => tagged(3, &|to| to.bytes(&*tickets.0)),
            Self::Log { number } => tagged(4, &|to| to.u16(*number)),
            Self::Listen { socket, listener, share } => tagged(5, &|to| {
                to.u32(*socket);
                to.u16(*listener);
                to.u16(*share);
            }),
            Self::Unlisten { socket } => tagged(6, &|to| to.u32(*socket)),
            Self::Serve => begun(7),
            Self::Retire { drain_ms } => tagged(8, &|to| to.u64(*drain_ms)),
            Self::Stop { within_ms } => tagged(9, &|to| to.u64(*within_ms)),
            Self::Ask => begun(10),
            Self::Ping { number } => tagged(11, &|to| to.u32(*number)),
        }
    }

    /// Reads a packet.
    ///
    /// # Errors
    /// [`Malformed`], whatever is wrong with it.
    pub fn decode(packet: &[u8]) -> Result<Self, Malformed> {
        let (tag, mut from) = opened(packet)?;
        let order = match tag {
            1 => Self::Snapshot,
            2 => Self::Port(from.u16()?),
            3 => Self::Tickets(TicketBytes(Zeroizing::new(from.array()?))),
            4 => Self::Log { number: from.u16()? },
            5 => Self::Listen { socket: from.u32()?, listener: from.u16()?, share: from.u16()? },
            6 => Self::Unlisten { socket: from.u32()? },
            7 => Self::Serve,
            8 => Self::Retire { drain_ms: from.u64()? },
            9 => Self::Stop { within_ms: from.u64()? },
            10 => Self::Ask,
            11 => Self::Ping { number: from.u32()? },
            _ => return Err(Malformed::Value),
        };
        from.end()?;
        Ok(order)
    }
}

impl Report {
    /// As a packet.
    #[must_use]
    pub fn encode(&self) -> Packet {
        match self {
            Self::Ready { memory_bytes_max, connections_max } => {
                let mut packet = begun(1);
                packet.u64(*memory_bytes_max);
                packet.u32(*connections_max);
                packet
            }
            Self::Failed { code } => {
                let mut packet = begun(2);
                packet.u8(*code);
                packet
            }
            Self::Stats { connections, accepted, requests } => {
                let mut packet = begun(3);
                packet.u32(*connections);
                packet.u64(*accepted);
                packet.u64(*requests);
                packet
            }
            Self::Pong { number } => {
                let mut packet = begun(4);
                packet.u32(*number);
                packet
            }
            Self::Certified { vhost } => {
                let mut packet = begun(5);
                packet.u16(*vhost);
                packet
            }
        }
    }

    /// Reads a packet.
    ///
    /// # Errors
    /// [`Malformed`], whatever is wrong with it.
    pub fn decode(packet: &[u8]) -> Result<Self, Malformed> {
        let (tag, mut from) = opened(packet)?;
        let report = match tag {
            1 => Self::Ready { memory_bytes_max: from.u64()?, connections_max: from.u32()? },
            2 => Self::Failed { code: from.u8()? },
            3 => Self::Stats {
                connections: from.u32()?,
                accepted: from.u64()?,
                requests: from.u64()?,
            },
            4 => Self::Pong { number: from.u32()? },
            5 => Self::Certified { vhost: from.u16()? },
            _ => return Err(Malformed::Value),
        };
        from.end()?;
        Ok(report)
    }
}

#[cfg(test)]
#[path = "orders_tests.rs"]
mod tests;
