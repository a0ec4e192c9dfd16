//! What a role sees of its descriptors: queues and flags, never the descriptor itself.

use std::ops::{Index, IndexMut};
use std::os::fd::OwnedFd;

use super::queue::Buf;

/// The descriptors that one exchange may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LaneId {
    /// The client's connection.
    Client = 0,
    /// An upstream socket, or a child's standard output.
    PeerOut = 1,
    /// A child's standard input.
    PeerIn = 2,
    /// A child's standard error.
    PeerErr = 3,
}

/// Number of lanes of a slot.
pub const LANES: usize = 4;

impl LaneId {
    /// All of them, in the order in which they are filled and flushed.
    pub const ALL: [Self; LANES] = [Self::Client, Self::PeerOut, Self::PeerIn, Self::PeerErr];
}

/// What follows the bytes of the client's `tx`, without passing through it.
#[derive(Debug, Default)]
pub enum Tail {
    /// Nothing.
    #[default]
    None,
    /// A piece of a regular file.
    File {
        /// The file, opened for reading.
        file: OwnedFd,
        /// Next byte to send.
        offset: u64,
        /// Bytes left to send.
        left: u64,
        /// The kernel does not send it by itself: its bytes go through `tx`.
        is_copied: bool,
    },
    /// The file ended before its promised length; the connection cannot be saved.
    Broken,
}

impl Tail {
    /// `left` bytes of `file` from `offset` on.
    #[must_use]
    pub const fn file(file: OwnedFd, offset: u64, left: u64) -> Self {
        Self::File { file, offset, left, is_copied: false }
    }

    /// Whether nothing follows.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }
}

/// One descriptor's queues during a turn.
#[derive(Debug)]
pub struct End {
    /// Bytes that came in; the role consumes them.
    pub rx: Buf,
    /// Bytes that go out; the role pushes them.
    pub tx: Buf,
    /// There is a descriptor.
    pub up: bool,
    /// No more bytes will come in than `rx` holds.
    pub eof: bool,
    /// More bytes, or the end, may be had by reading.
    pub more: bool,
    /// Bytes that have been taken out of `tx`, or of the tail, wait for the descriptor.
    pub held: bool,
    /// Nothing will be pushed after what `tx` and the tail hold: a TLS session says its farewell
    /// in the same write.
    pub last: bool,
    /// The role wants the sending side shut down once `tx` has left.
    pub shut: bool,
    /// Reading or writing failed; the descriptor is of no more use.
    pub failed: bool,
    /// Bytes came in since the role's last step.
    pub came_in: bool,
    /// Bytes, also of a tail, went out since the role's last step.
    pub went_out: bool,
}

impl End {
    /// An end with queues of `rx_bytes` and `tx_bytes`.
    #[must_use]
    pub fn new(rx_bytes: usize, tx_bytes: usize) -> Self {
        Self {
            rx: Buf::with_capacity(rx_bytes),
            tx: Buf::with_capacity(tx_bytes),
            up: false,
            eof: false,
            more: false,
            held: false,
            last: false,
            shut: false,
            failed: false,
            came_in: false,
            went_out: false,
        }
    }

    /// Whether everything that was pushed has been handed to the descriptor.
    #[must_use]
    pub fn has_left(&self) -> bool {
        self.tx.is_empty() && !self.held
    }

    /// Forgets the connection that used the queues before.
    pub fn reset(&mut self) {
        self.rx.clear();
        self.tx.clear();
        self.up = false;
        self.eof = false;
        self.more = false;
        self.held = false;
        self.last = false;
        self.shut = false;
        self.failed = false;
        self.came_in = false;
        self.went_out = false;
    }
}

/// All that a role sees of its descriptors during a turn.
#[derive(Debug)]
pub struct Ends {
    ends: [End; LANES],
    rx_bytes: usize,
    tx_bytes: usize,
    /// What follows the client's `tx`; nothing may be pushed to `tx` while there is something.
    pub tail: Tail,
}

impl Ends {
    /// Queues of `rx_bytes` and `tx_bytes` for the client; the peers' are made by [`Ends::open`].
    #[must_use]
    pub fn new(rx_bytes: usize, tx_bytes: usize) -> Self {
        let ends = LaneId::ALL.map(|lane| match lane {
            LaneId::Client => End::new(rx_bytes, tx_bytes),
            _ => End::new(0, 0),
        });
        Self { ends, rx_bytes, tx_bytes, tail: Tail::None }
    }

    /// Makes the queues of a lane that is used for the first time. They serve every slot from
    /// then on, so this happens once for each lane.
    pub fn open(&mut self, lane: LaneId) {
        let end = &mut self.ends[lane as usize];
        if end.rx.capacity() < self.rx_bytes {
            *end = End::new(self.rx_bytes, self.tx_bytes);
        }
    }
}

impl Ends {
    /// The client's end and what follows its `tx`, to be used side by side.
    pub fn client(&mut self) -> (&mut End, &mut Tail) {
        (&mut self.ends[LaneId::Client as usize], &mut self.tail)
    }
}

impl Index<LaneId> for Ends {
    type Output = End;

    fn index(&self, lane: LaneId) -> &End {
        &self.ends[lane as usize]
    }
}

impl IndexMut<LaneId> for Ends {
    fn index_mut(&mut self, lane: LaneId) -> &mut End {
        &mut self.ends[lane as usize]
    }
}
