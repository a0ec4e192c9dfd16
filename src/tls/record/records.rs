//! Records of an established session: what they look like, and the state that opening and
//! sealing share.
//!
//! The record layer of a TLS 1.2 (RFC 5246 section 6, RFC 5288, RFC 7905) or TLS 1.3 (RFC 8446
//! section 5) server session after its handshake. It holds keys and a few counters, no bytes of
//! the connection.

use core::fmt;

use rustls::{ConnectionTrafficSecrets, ExtractedSecrets, ProtocolVersion};
use zeroize::Zeroize;

use super::alert::Alert;
use super::key_schedule::{Cipher, Keys, TrafficSecrets};
use super::opener::Opener;
use super::sealer::Sealer;

/// Bytes before the content of a record: type, version, length.
pub const RECORD_HEAD_BYTES: usize = 5;

/// Most bytes of plaintext in one record (RFC 8446 section 5.1).
pub const PLAIN_BYTES_MAX: usize = 16_384;

/// Most bytes that protection may add to the plaintext (RFC 8446 section 5.2). TLS 1.2 allows
/// 2048, but no suite here adds more than 24.
const EXPANSION_BYTES_MAX: usize = 256;

/// Most bytes of one record, its head included.
pub const RECORD_BYTES_MAX: usize = RECORD_HEAD_BYTES + PLAIN_BYTES_MAX + EXPANSION_BYTES_MAX;

/// Bytes of the tag of every AEAD here.
pub(in crate::tls) const TAG_BYTES: usize = 16;

/// Bytes of the nonce that an AES-GCM record of TLS 1.2 begins with (RFC 5288 section 3).
pub(super) const EXPLICIT_NONCE_BYTES: usize = 8;

/// `change_cipher_spec`, the first of the content types.
pub(super) const TYPE_CHANGE_CIPHER_SPEC: u8 = 20;
/// `alert`
pub(in crate::tls) const TYPE_ALERT: u8 = 21;
/// `handshake`
pub(super) const TYPE_HANDSHAKE: u8 = 22;
/// `application_data`, the last of the content types.
pub(super) const TYPE_DATA: u8 = 23;

/// Bytes of a `KeyUpdate` message (RFC 8446 section 4.6.3).
pub(super) const KEY_UPDATE_BYTES: usize = 5;

/// Empty records that may follow one another; the same as rustls allows.
pub(super) const EMPTY_RECORDS_MAX: u8 = 32;
/// Warnings that a session puts up with.
const WARNINGS_MAX: u8 = 4;
/// Attempts of a TLS 1.2 client to shake hands again that are answered with a warning.
const RENEGOTIATIONS_MAX: u8 = 1;
/// Key updates that may come without data between them.
pub(super) const KEY_UPDATES_MAX: u8 = 32;

/// What stands at the front of received bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Front {
    /// The head is not complete.
    Short,
    /// A record of `bytes` bytes with its head; not all of them need to be here yet.
    Record {
        /// Bytes of the whole record.
        bytes: usize,
    },
    /// This is no record; the alert says what is wrong with it.
    Refused(Alert),
}

/// Looks at the front of received bytes. What is wrong is said as soon as it can be seen.
#[must_use]
pub fn front(bytes: &[u8]) -> Front {
    let mut bytes = bytes.iter().copied();
    match bytes.next() {
        None => return Front::Short,
        Some(TYPE_CHANGE_CIPHER_SPEC..=TYPE_DATA) => {}
        Some(_) => return Front::Refused(Alert::UnexpectedMessage),
    }
    match bytes.next() {
        None => return Front::Short,
        Some(3) => {}
        Some(_) => return Front::Refused(Alert::DecodeError),
    }
    let (Some(_minor), Some(high), Some(low)) = (bytes.next(), bytes.next(), bytes.next()) else {
        return Front::Short;
    };
    let bytes = RECORD_HEAD_BYTES + usize::from(u16::from_be_bytes([high, low]));
    if bytes > RECORD_BYTES_MAX {
        return Front::Refused(Alert::RecordOverflow);
    }
    Front::Record { bytes }
}

/// Sessions that this record layer cannot carry on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsupported {
    /// Neither TLS 1.2 nor TLS 1.3.
    Version,
    /// A cipher that is not AES-GCM or ChaCha20-Poly1305, or a key of the wrong length.
    Cipher,
    /// The traffic secrets are not those that the keys come from.
    Secrets,
}

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Version => "records of this protocol version are not supported",
            Self::Cipher => "records of this cipher are not supported",
            Self::Secrets => "the traffic secrets do not belong to the keys",
        })
    }
}

/// Rules that differ between the versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    Tls12,
    Tls13,
}

/// Whether more can be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Inbound {
    Open,
    /// The peer has sent `close_notify`.
    Closed,
    /// The peer has sent a fatal alert.
    Failed,
    /// The peer has broken a rule.
    Refused(Alert),
}

/// What has to be sealed before other data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Debt {
    None,
    /// TLS 1.3: the peer has asked for new keys.
    KeyUpdate,
    /// TLS 1.2: the peer wants to shake hands again.
    NoRenegotiation,
}

/// The part of a `KeyUpdate` that has come.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Joined {
    pub(super) bytes: [u8; KEY_UPDATE_BYTES],
    pub(super) len: u8,
}

/// What a client may still do before it becomes a nuisance.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    pub(super) empty_records: u8,
    pub(super) warnings: u8,
    pub(super) renegotiations: u8,
    pub(super) key_updates: u8,
}

/// The records of one established session, seen from the server.
///
/// A session ends in order when both sides have sealed `close_notify`. When [`Opener::open`] has
/// refused something, no data can be sealed any more, only the alert.
pub struct Records {
    /// What the client seals with.
    pub(super) rx: Keys,
    /// What we seal with.
    pub(super) tx: Keys,
    pub(super) cipher: Cipher,
    pub(super) version: Version,
    /// Keys can be renewed: TLS 1.3, and the traffic secrets are known.
    pub(super) renewable: bool,
    pub(super) inbound: Inbound,
    /// We have sealed `close_notify` or a fatal alert, or can seal nothing more.
    pub(super) ended: bool,
    pub(super) debt: Debt,
    pub(super) joined: Joined,
    pub(super) patience: Patience,
    /// Most bytes of plaintext in a record for the client.
    pub(super) plain_bytes_max: u16,
}

/// Thousands of these exist at once on a board with 32 MiB.
const _: () = assert!(size_of::<Records>() <= 256);

impl Records {
    /// Carries on a session whose handshake is complete.
    ///
    /// `secrets` are what rustls extracts on the server side, `traffic` the first application
    /// traffic secrets of TLS 1.3; without them a session ends at the first key update. They are
    /// not looked at in TLS 1.2.
    ///
    /// # Errors
    /// [`Unsupported`] says which part cannot be carried on. It is [`Unsupported::Secrets`] too
    /// when keys were updated before the secrets were extracted.
    pub fn new(
        secrets: ExtractedSecrets,
        version: ProtocolVersion,
        traffic: Option<TrafficSecrets>,
    ) -> Result<Self, Unsupported> {
        let version = match version {
            ProtocolVersion::TLSv1_2 => Version::Tls12,
            ProtocolVersion::TLSv1_3 => Version::Tls13,
            _ => return Err(Unsupported::Version),
        };
        let (cipher, mut rx) = keys(secrets.rx.0, &secrets.rx.1)?;
        let (tx_cipher, mut tx) = keys(secrets.tx.0, &secrets.tx.1)?;
        if cipher != tx_cipher {
            return Err(Unsupported::Cipher);
        }
        let traffic = traffic.filter(|_| version == Version::Tls13);
        if let Some(traffic) = &traffic {
            let right =
                traffic.bytes() == cipher.secret_bytes() && rx.adopt(traffic.client(), cipher);
            tx.follow(traffic.server());
            if !right {
                return Err(Unsupported::Secrets);
            }
        }
        Ok(Self::start(version, cipher, rx, tx, traffic.is_some()))
    }

    /// A session in which nothing has happened yet.
    fn start(version: Version, cipher: Cipher, rx: Keys, tx: Keys, renewable: bool) -> Self {
        Self {
            rx,
            tx,
            cipher,
            version,
            renewable,
            inbound: Inbound::Open,
            ended: false,
            debt: Debt::None,
            joined: Joined::default(),
            patience: Patience {
                empty_records: EMPTY_RECORDS_MAX,
                warnings: WARNINGS_MAX,
                renegotiations: RENEGOTIATIONS_MAX,
                key_updates: KEY_UPDATES_MAX,
            },
            plain_bytes_max: PLAIN_BYTES_MAX as u16,
        }
    }

    /// Seals at most so many bytes of plaintext in a record from now on (RFC 6066 section 4).
    pub fn limit(&mut self, plain_bytes_max: usize) {
        self.plain_bytes_max = plain_bytes_max.clamp(1, PLAIN_BYTES_MAX) as u16;
    }

    /// Makes the receiving key ready, for all records of a turn.
    pub fn opener(&mut self) -> Opener<'_> {
        Opener::new(self)
    }

    /// Makes the sending key ready, for all records of a turn.
    pub fn sealer(&mut self) -> Sealer<'_> {
        Sealer::new(self)
    }

    /// Whether an answer is owed to the peer: [`Sealer::pay`] seals it, and so does whatever
    /// data is sealed next.
    #[must_use]
    pub fn owes(&self) -> bool {
        self.debt != Debt::None && self.may_seal_data()
    }

    /// Whether data may be sealed: neither side has broken off.
    pub(super) fn may_seal_data(&self) -> bool {
        !self.ended && matches!(self.inbound, Inbound::Open | Inbound::Closed)
    }

    /// Whether records carry a part of their nonce.
    pub(super) fn has_explicit_nonce(&self) -> bool {
        self.version == Version::Tls12 && self.cipher != Cipher::Chacha20Poly1305
    }
}

impl Drop for Records {
    fn drop(&mut self) {
        // The keys wipe themselves; this is the only other thing that came out of a record.
        self.joined.bytes.zeroize();
    }
}

impl fmt::Debug for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Records")
            .field("version", &self.version)
            .field("cipher", &self.cipher)
            .field("inbound", &self.inbound)
            .field("ended", &self.ended)
            .field("debt", &self.debt)
            .finish_non_exhaustive()
    }
}

/// The keys of one direction, out of what rustls extracts.
fn keys(seq: u64, secrets: &ConnectionTrafficSecrets) -> Result<(Cipher, Keys), Unsupported> {
    let (cipher, key, iv) = match secrets {
        ConnectionTrafficSecrets::Aes128Gcm { key, iv } => (Cipher::Aes128Gcm, key, iv),
        ConnectionTrafficSecrets::Aes256Gcm { key, iv } => (Cipher::Aes256Gcm, key, iv),
        ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } => {
            (Cipher::Chacha20Poly1305, key, iv)
        }
        _ => return Err(Unsupported::Cipher),
    };
    let keys = Keys::new(cipher, seq, key.as_ref(), iv.as_ref()).ok_or(Unsupported::Cipher)?;
    Ok((cipher, keys))
}

#[cfg(test)]
#[path = "records_tests.rs"]
pub(super) mod tests;
