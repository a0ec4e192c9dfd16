//! The words that floors answer each other with.

use core::fmt;

/// What a source says when it is pulled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pull {
    /// Bytes moved; there may be more.
    Moved,
    /// Nothing to move until something else happens.
    Pending,
    /// The source is exhausted.
    End,
    /// The source cannot go on; a promised length will not be met.
    Broken,
}

/// Why a connection ends. Each has a sentence for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// The peer closed its side and nothing was left to do.
    PeerClosed,
    /// The peer reset the connection or a write failed.
    PeerFailed,
    /// The TLS session failed: a bad handshake, a bad record, an alert.
    TlsFailed,
    /// The TLS handshake was not finished within its limits.
    HandshakeTimeout,
    /// There are as many TLS sessions as there may be.
    TlsFull,
    /// The exchange is over and its connection was not to be kept.
    Finished,
    /// The keep-alive time passed without another request.
    IdleTimeout,
    /// The head or the body did not arrive within its limits.
    HeadTimeout,
    /// The peer did not take what we sent within `send-timeout-secs`.
    SendTimeout,
    /// The time for a lingering close has passed.
    LingerTimeout,
    /// Another connection needed the slot or its buffers.
    Evicted,
    /// The peer's address has too many connections.
    AddressLimit,
    /// A source could not deliver the length it had promised.
    SourceBroken,
    /// The server is stopping.
    Shutdown,
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PeerClosed => "the peer closed the connection",
            Self::PeerFailed => "the connection failed",
            Self::TlsFailed => "the TLS session failed",
            Self::HandshakeTimeout => "the TLS handshake was not finished in time",
            Self::TlsFull => "there are too many TLS sessions",
            Self::Finished => "the exchange is finished",
            Self::IdleTimeout => "no further request within the keep-alive time",
            Self::HeadTimeout => "the request did not arrive in time",
            Self::SendTimeout => "the peer did not take the response in time",
            Self::LingerTimeout => "the lingering close ran out of time",
            Self::Evicted => "the connection made room for another one",
            Self::AddressLimit => "too many connections from this address",
            Self::SourceBroken => "the source ended before its promised length",
            Self::Shutdown => "the server is stopping",
        })
    }
}
