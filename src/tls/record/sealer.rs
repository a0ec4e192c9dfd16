//! Sealing records: plaintext goes straight to its place in the queue and is encrypted there.
//!
//! What is owed to the peer is sealed before any data, and keys are renewed before they are used
//! up.

use core::fmt;
use std::io;

use ring::aead;

use super::alert::Alert;
use super::key_schedule::Cipher;
use super::opener::aad_tls12;
use super::records::{
    Debt, EXPLICIT_NONCE_BYTES, Inbound, KEY_UPDATE_BYTES, RECORD_HEAD_BYTES, Records, TAG_BYTES,
    TYPE_ALERT, TYPE_DATA, TYPE_HANDSHAKE, Version,
};
use crate::buf::{Buf, Full};

/// Records that one AES-GCM key may seal (RFC 8446 section 5.5 allows 2^24.5).
const AES_GCM_RECORDS_MAX: u64 = 1 << 24;

/// Records of a key that are kept for what ends its use: a warning, a key update, an alert.
const SPARE_RECORDS: u64 = 4;

/// Bytes of an alert.
const ALERT_BYTES: usize = 2;

/// Most bytes that one record adds to its content.
const RECORD_OVERHEAD_BYTES_MAX: usize = RECORD_HEAD_BYTES + EXPLICIT_NONCE_BYTES + TAG_BYTES;

/// Most bytes that [`Sealer::overhead`] can say.
pub const OVERHEAD_BYTES_MAX: usize = 2 * RECORD_OVERHEAD_BYTES_MAX + KEY_UPDATE_BYTES;

/// Room in which [`Sealer::alert`] and [`Sealer::close_notify`] always succeed.
pub const ALERT_RECORD_BYTES_MAX: usize = RECORD_OVERHEAD_BYTES_MAX + ALERT_BYTES;

/// `key_update` with `update_not_requested` (RFC 8446 section 4.6.3).
const KEY_UPDATE_NOT_REQUESTED: [u8; KEY_UPDATE_BYTES] = [24, 0, 0, 1, 0];

/// `no_renegotiation` as a warning (RFC 5246 section 7.2.2).
const NO_RENEGOTIATION_WARNING: [u8; ALERT_BYTES] = [1, Alert::NoRenegotiation.code()];

/// Why nothing was sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotSealed {
    /// The queue has no room for it; nothing has changed.
    Full,
    /// Nothing more can be sent: the session has ended, or broke, or its key is used up (then a
    /// `close_notify` has been sealed).
    Ended,
    /// More plaintext than one record holds.
    TooLong,
}

impl fmt::Display for NotSealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "no room for the record",
            Self::Ended => "the session has ended",
            Self::TooLong => "too long for one record",
        })
    }
}

impl From<Full> for NotSealed {
    fn from(Full: Full) -> Self {
        Self::Full
    }
}

/// Seals the records of one turn.
#[derive(Debug)]
pub struct Sealer<'r> {
    records: &'r mut Records,
    key: Option<aead::LessSafeKey>,
}

impl<'r> Sealer<'r> {
    pub(super) fn new(records: &'r mut Records) -> Self {
        let key = records.tx.aead(records.cipher);
        Self { records, key }
    }

    /// Bytes that the next record of data adds to its plaintext: its own head, nonce, type and
    /// tag, and a record before it when one is due. At most [`OVERHEAD_BYTES_MAX`].
    #[must_use]
    pub fn overhead(&self) -> usize {
        self.record_overhead() + self.due_bytes()
    }

    /// Most bytes of plaintext in one record: 16,384, or fewer if the client wants it.
    #[must_use]
    pub fn plain_bytes_max(&self) -> usize {
        usize::from(self.records.plain_bytes_max)
    }

    /// Seals `plain` as one record; an empty `plain` makes none.
    ///
    /// # Errors
    /// [`NotSealed`]; the queue is unchanged but for the case that it names.
    pub fn seal(&mut self, plain: &[u8], out: &mut Buf) -> Result<(), NotSealed> {
        if plain.len() > self.plain_bytes_max() {
            return Err(NotSealed::TooLong);
        }
        let copied = self.seal_with(plain.len(), out, |room| {
            let bytes = room.len().min(plain.len());
            let (Some(to), Some(from)) = (room.get_mut(..bytes), plain.get(..bytes)) else {
                return Ok(0);
            };
            to.copy_from_slice(from);
            Ok(bytes)
        })?;
        copied.map(|_| ()).map_err(|_| NotSealed::Ended)
    }

    /// Seals what `fill` writes as one record, without a copy in between.
    ///
    /// `fill` gets `bytes` bytes (never more than [`Sealer::plain_bytes_max`]) and says how many it
    /// has filled; only these are sealed. When it fails or fills none, nothing is sealed and the
    /// queue is unchanged. It is not called for 0 bytes.
    ///
    /// # Errors
    /// [`NotSealed`] when there can be no record; then `fill` was not called.
    pub fn seal_with(
        &mut self,
        bytes: usize,
        out: &mut Buf,
        fill: impl FnOnce(&mut [u8]) -> io::Result<usize>,
    ) -> Result<io::Result<usize>, NotSealed> {
        if !self.records.may_seal_data() {
            return Err(NotSealed::Ended);
        }
        if self.is_used_up() && !self.records.renewable {
            self.close_notify(out)?;
            return Err(NotSealed::Ended);
        }
        let bytes = bytes.min(self.plain_bytes_max());
        if bytes == 0 {
            return Ok(Ok(0));
        }
        let due_bytes = self.due_bytes();
        if out.room_len() < bytes + self.overhead() {
            return Err(NotSealed::Full);
        }
        let start = due_bytes + self.content_start();
        let space = out.room().get_mut(start..start + bytes).ok_or(NotSealed::Full)?;
        let filled = match fill(space) {
            Ok(filled) if filled > 0 => filled.min(bytes),
            nothing => return Ok(nothing),
        };
        let room = out.room().get_mut(..due_bytes + filled + self.record_overhead());
        let (due, data) =
            room.and_then(|room| room.split_at_mut_checked(due_bytes)).ok_or(NotSealed::Full)?;
        self.put_due(due)?;
        self.protect(TYPE_DATA, data)?;
        let sealed_bytes = due.len() + data.len();
        out.commit(sealed_bytes);
        Ok(Ok(filled))
    }

    /// Seals what is owed (see [`Records::owes`]); nothing when that is nothing.
    ///
    /// # Errors
    /// [`NotSealed::Full`] when there is no room for it; it is still owed then.
    pub fn pay(&mut self, out: &mut Buf) -> Result<(), NotSealed> {
        if !self.records.owes() {
            return Ok(());
        }
        let bytes = self.due_bytes();
        if out.room_len() < bytes {
            return Err(NotSealed::Full);
        }
        let room = out.room().get_mut(..bytes).ok_or(NotSealed::Full)?;
        self.put_due(room)?;
        out.commit(bytes);
        Ok(())
    }

    /// Seals `close_notify`: nothing more will be sent. Nothing when the session has ended.
    ///
    /// # Errors
    /// [`NotSealed::Full`] when there is no room for it.
    pub fn close_notify(&mut self, out: &mut Buf) -> Result<(), NotSealed> {
        self.alert(Alert::CloseNotify, out)
    }

    /// Seals the alert that ends the session. Nothing when it has ended already, by either side.
    ///
    /// # Errors
    /// [`NotSealed::Full`] when there is no room for it.
    pub fn alert(&mut self, alert: Alert, out: &mut Buf) -> Result<(), NotSealed> {
        if self.records.ended || self.records.inbound == Inbound::Failed {
            return Ok(());
        }
        let level = if alert == Alert::CloseNotify { 1 } else { 2 };
        let bytes = ALERT_BYTES + self.record_overhead();
        if out.room_len() < bytes {
            return Err(NotSealed::Full);
        }
        let room = out.room().get_mut(..bytes).ok_or(NotSealed::Full)?;
        self.put_record(TYPE_ALERT, &[level, alert.code()], room)?;
        out.commit(bytes);
        self.records.ended = true;
        Ok(())
    }

    /// What must be sealed before data.
    fn due(&self) -> Debt {
        match self.records.debt {
            Debt::None if self.is_used_up() && self.records.renewable => Debt::KeyUpdate,
            debt => debt,
        }
    }

    /// Bytes of the record that must be sealed before data.
    fn due_bytes(&self) -> usize {
        match self.due() {
            Debt::None => 0,
            Debt::KeyUpdate => KEY_UPDATE_BYTES + self.record_overhead(),
            Debt::NoRenegotiation => ALERT_BYTES + self.record_overhead(),
        }
    }

    /// Seals what is due into `room`, which has just its length.
    fn put_due(&mut self, room: &mut [u8]) -> Result<(), NotSealed> {
        match self.due() {
            Debt::None => return Ok(()),
            Debt::NoRenegotiation => {
                self.put_record(TYPE_ALERT, &NO_RENEGOTIATION_WARNING, room)?;
            }
            Debt::KeyUpdate => {
                self.put_record(TYPE_HANDSHAKE, &KEY_UPDATE_NOT_REQUESTED, room)?;
                let cipher = self.records.cipher;
                let renewed = self.records.tx.renew(cipher);
                self.key = renewed.and_then(|()| self.records.tx.aead(cipher));
            }
        }
        self.records.debt = Debt::None;
        Ok(())
    }

    /// Whether no more data may be sealed with the present key.
    fn is_used_up(&self) -> bool {
        let most = match self.records.cipher {
            Cipher::Aes128Gcm | Cipher::Aes256Gcm => AES_GCM_RECORDS_MAX,
            Cipher::Chacha20Poly1305 => u64::MAX,
        };
        self.records.tx.seq() >= most - SPARE_RECORDS
    }

    /// Where the content of a record stands.
    fn content_start(&self) -> usize {
        let explicit = if self.records.has_explicit_nonce() { EXPLICIT_NONCE_BYTES } else { 0 };
        RECORD_HEAD_BYTES + explicit
    }

    /// Bytes that stand behind the content of a record.
    fn trailer_bytes(&self) -> usize {
        match self.records.version {
            Version::Tls12 => TAG_BYTES,
            Version::Tls13 => 1 + TAG_BYTES,
        }
    }

    fn record_overhead(&self) -> usize {
        self.content_start() + self.trailer_bytes()
    }

    /// Seals a short `content` into `room`, which has just the length of its record.
    fn put_record(&mut self, kind: u8, content: &[u8], room: &mut [u8]) -> Result<(), NotSealed> {
        let place = room.iter_mut().skip(self.content_start());
        place.zip(content).for_each(|(to, from)| *to = *from);
        self.protect(kind, room)
    }

    /// Protects the content that stands in its place in `record`. Whatever fails here ends the
    /// session: a nonce that may have been used is not used again.
    fn protect(&mut self, kind: u8, record: &mut [u8]) -> Result<(), NotSealed> {
        let nonce = self.records.tx.nonce();
        let seq = self.records.tx.seq();
        let counted = self.records.tx.count();
        let sealed = counted.and_then(|()| match self.records.version {
            Version::Tls12 => self.protect_tls12(kind, seq, nonce, record),
            Version::Tls13 => self.protect_tls13(kind, nonce, record),
        });
        self.records.ended |= sealed.is_none();
        sealed.ok_or(NotSealed::Ended)
    }

    /// RFC 5246 section 6.2.3.3, RFC 5288 section 3, RFC 7905 section 2.
    fn protect_tls12(
        &self,
        kind: u8,
        seq: u64,
        nonce: [u8; aead::NONCE_LEN],
        record: &mut [u8],
    ) -> Option<()> {
        let (head, body) = record.split_first_chunk_mut::<RECORD_HEAD_BYTES>()?;
        *head = head_of(kind, body.len())?;
        let content = if self.records.has_explicit_nonce() {
            let (explicit, content) = body.split_first_chunk_mut::<EXPLICIT_NONCE_BYTES>()?;
            *explicit = *nonce.last_chunk()?;
            content
        } else {
            body
        };
        let (content, tag) = content.split_last_chunk_mut::<TAG_BYTES>()?;
        let aad = aad_tls12(seq, kind, [3, 3], content.len())?;
        self.encrypt(nonce, &aad, content, tag)
    }

    /// RFC 8446 section 5.2; there is no padding.
    fn protect_tls13(
        &self,
        kind: u8,
        nonce: [u8; aead::NONCE_LEN],
        record: &mut [u8],
    ) -> Option<()> {
        let (head, body) = record.split_first_chunk_mut::<RECORD_HEAD_BYTES>()?;
        *head = head_of(TYPE_DATA, body.len())?;
        let (inner, tag) = body.split_last_chunk_mut::<TAG_BYTES>()?;
        *inner.last_mut()? = kind;
        self.encrypt(nonce, head, inner, tag)
    }

    fn encrypt(
        &self,
        nonce: [u8; aead::NONCE_LEN],
        aad: &[u8],
        content: &mut [u8],
        tag: &mut [u8; TAG_BYTES],
    ) -> Option<()> {
        let nonce = aead::Nonce::assume_unique_for_key(nonce);
        let key = self.key.as_ref()?;
        let made = key.seal_in_place_separate_tag(nonce, aead::Aad::from(aad), content).ok()?;
        *tag = made.as_ref().try_into().ok()?;
        Some(())
    }
}

/// The head of a record; both versions write 3.3 (RFC 8446 section 5.1).
fn head_of(kind: u8, body_bytes: usize) -> Option<[u8; RECORD_HEAD_BYTES]> {
    let [high, low] = u16::try_from(body_bytes).ok()?.to_be_bytes();
    Some([kind, 3, 3, high, low])
}

#[cfg(test)]
#[path = "sealer_tests.rs"]
mod tests;
