//! Alerts: what one side tells the other before a connection ends (RFC 8446 section 6).

/// A description of an alert that we send or receive; every one but `CloseNotify` and
/// `NoRenegotiation` is fatal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alert {
    /// Nothing more will be sent.
    CloseNotify,
    /// A message that must not come here.
    UnexpectedMessage,
    /// A record that cannot be opened.
    BadRecordMac,
    /// A record that is too long.
    RecordOverflow,
    /// A message that cannot be read.
    DecodeError,
    /// A field with a value that must not be.
    IllegalParameter,
    /// Something went wrong on this side.
    InternalError,
    /// TLS 1.2: a second handshake is not made.
    NoRenegotiation,
}

impl Alert {
    /// The number on the wire.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::CloseNotify => 0,
            Self::UnexpectedMessage => 10,
            Self::BadRecordMac => 20,
            Self::RecordOverflow => 22,
            Self::IllegalParameter => 47,
            Self::DecodeError => 50,
            Self::InternalError => 80,
            Self::NoRenegotiation => 100,
        }
    }
}
