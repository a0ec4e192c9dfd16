//! Why a session ended before its time.

use std::fmt;

use crate::tls::policy::refusal::{self, NONE_SHOWN};
use crate::tls::record::alert::Alert;

/// Why a session ended before its time.
#[derive(Debug)]
pub enum Failure {
    /// The handshake was refused.
    Handshake(rustls::Error),
    /// The client's certificate was refused, or it has shown none; says what to do.
    Client(Box<str>),
    /// A record was refused with this alert.
    Refused(Alert),
    /// The peer has sent a fatal alert.
    Alerted,
    /// A sending key is worn out and TLS 1.2 has no way to renew it.
    Exhausted,
}

impl Failure {
    /// What a handshake ended with.
    pub(super) fn of_handshake(error: rustls::Error) -> Self {
        let words = match &error {
            rustls::Error::NoCertificatesPresented => Some(NONE_SHOWN.into()),
            _ => refusal::take(),
        };
        words.map_or(Self::Handshake(error), Self::Client)
    }

    /// Whether the client has ended it with an alert, and wants to hear no more.
    #[must_use]
    pub fn is_of_peer(&self) -> bool {
        matches!(self, Self::Alerted | Self::Handshake(rustls::Error::AlertReceived(_)))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Handshake(error) => write!(f, "the handshake failed: {error}"),
            Self::Client(words) => f.write_str(words),
            Self::Refused(alert) => write!(f, "a record was refused: {alert:?}"),
            Self::Alerted => f.write_str("the client gave up with an alert"),
            Self::Exhausted => f.write_str("the session has reached the limit of its keys"),
        }
    }
}
