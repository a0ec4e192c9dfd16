//! Opening records: from what came over the wire to plaintext, in place.
//!
//! Whatever the peer does wrong ends the session. Why a record could not be opened is never
//! told apart.

use ring::aead;

use super::alert::Alert;
use super::key_schedule::NONCE_BYTES;
use super::records::{
    Debt, EMPTY_RECORDS_MAX, EXPLICIT_NONCE_BYTES, Front, Inbound, Joined, KEY_UPDATE_BYTES,
    KEY_UPDATES_MAX, PLAIN_BYTES_MAX, RECORD_HEAD_BYTES, Records, TAG_BYTES, TYPE_ALERT,
    TYPE_CHANGE_CIPHER_SPEC, TYPE_DATA, TYPE_HANDSHAKE, Version, front,
};

/// `client_hello`, with which a TLS 1.2 client asks for another handshake.
const CLIENT_HELLO: u8 = 1;
/// `key_update` (RFC 8446 section 4.6.3).
const KEY_UPDATE: u8 = 24;
/// The level of an alert that need not end the session.
const LEVEL_WARNING: u8 = 1;
/// The level of an alert that ends the session.
const LEVEL_FATAL: u8 = 2;
/// `user_canceled`, the one alert of TLS 1.3 that is a warning (RFC 8446 section 6.1).
const USER_CANCELED: u8 = 90;

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opened<'i> {
    /// Plaintext, inside the bytes that were handed in; never empty.
    Data(&'i [u8]),
    /// The record is dealt with: an empty one, a key update, a warning.
    Nothing,
    /// The peer has sent `close_notify`: nothing more is opened, sealing goes on.
    Closed,
    /// The peer has sent a fatal alert: close without a word.
    Failed,
    /// Seal this alert, then close.
    Refused(Alert),
}

/// Opens the records of one turn.
#[derive(Debug)]
pub struct Opener<'r> {
    records: &'r mut Records,
    key: Option<aead::LessSafeKey>,
}

/// The content of an opened record.
struct Content<'i> {
    kind: u8,
    bytes: &'i [u8],
}

impl<'r> Opener<'r> {
    pub(super) fn new(records: &'r mut Records) -> Self {
        let key = records.rx.aead(records.cipher);
        Self { records, key }
    }

    /// Opens `record`, which is exactly one whole record (see [`front`]), in place.
    ///
    /// After `Closed`, `Failed` or `Refused` every further record gets the same answer unread.
    pub fn open<'i>(&mut self, record: &'i mut [u8]) -> Opened<'i> {
        match self.records.inbound {
            Inbound::Open => {}
            Inbound::Closed => return Opened::Closed,
            Inbound::Failed => return Opened::Failed,
            Inbound::Refused(alert) => return Opened::Refused(alert),
        }
        let opened = self.unprotect(record).and_then(|content| self.take(content));
        match opened {
            Ok(opened) => opened,
            Err(alert) => {
                self.records.inbound = Inbound::Refused(alert);
                Opened::Refused(alert)
            }
        }
    }

    /// Checks and removes the protection of a record.
    fn unprotect<'i>(&mut self, record: &'i mut [u8]) -> Result<Content<'i>, Alert> {
        match front(record) {
            Front::Record { bytes } if bytes == record.len() => {}
            Front::Refused(alert) => return Err(alert),
            Front::Record { .. } | Front::Short => return Err(Alert::DecodeError),
        }
        let Some((head, body)) = record.split_first_chunk_mut::<RECORD_HEAD_BYTES>() else {
            return Err(Alert::DecodeError);
        };
        let content = match self.records.version {
            Version::Tls12 => self.unprotect_tls12(*head, body)?,
            Version::Tls13 => self.unprotect_tls13(*head, body)?,
        };
        self.records.rx.count().ok_or(Alert::InternalError)?;
        Ok(content)
    }

    /// RFC 5246 section 6.2.3.3, RFC 5288 section 3, RFC 7905 section 2.
    fn unprotect_tls12<'i>(
        &self,
        head: [u8; RECORD_HEAD_BYTES],
        body: &'i mut [u8],
    ) -> Result<Content<'i>, Alert> {
        let [kind, major, minor, ..] = head;
        if kind == TYPE_CHANGE_CIPHER_SPEC {
            return Err(Alert::UnexpectedMessage);
        }
        let (nonce, sealed) = if self.records.has_explicit_nonce() {
            let (explicit, sealed) =
                body.split_first_chunk_mut::<EXPLICIT_NONCE_BYTES>().ok_or(Alert::BadRecordMac)?;
            let mut nonce = [0; NONCE_BYTES];
            let whole = self.records.rx.salt().into_iter().chain(*explicit);
            nonce.iter_mut().zip(whole).for_each(|(byte, given)| *byte = given);
            (nonce, sealed)
        } else {
            (self.records.rx.nonce(), body)
        };
        let plain_bytes = sealed.len().checked_sub(TAG_BYTES).ok_or(Alert::BadRecordMac)?;
        let aad = aad_tls12(self.records.rx.seq(), kind, [major, minor], plain_bytes)
            .ok_or(Alert::BadRecordMac)?;
        let bytes = self.decrypt(nonce, &aad, sealed)?;
        if bytes.len() > PLAIN_BYTES_MAX {
            return Err(Alert::RecordOverflow);
        }
        Ok(Content { kind, bytes })
    }

    /// RFC 8446 sections 5.2 and 5.4. Only `application_data` is protected, and nothing but
    /// protected records may come after the handshake.
    fn unprotect_tls13<'i>(
        &self,
        head: [u8; RECORD_HEAD_BYTES],
        body: &'i mut [u8],
    ) -> Result<Content<'i>, Alert> {
        if head.first() != Some(&TYPE_DATA) {
            return Err(Alert::UnexpectedMessage);
        }
        let inner = self.decrypt(self.records.rx.nonce(), &head, body)?;
        if inner.len() > PLAIN_BYTES_MAX + 1 {
            return Err(Alert::RecordOverflow);
        }
        // Zeros at the end are padding; the type stands before them.
        let end = inner.iter().rposition(|byte| *byte != 0).ok_or(Alert::UnexpectedMessage)?;
        let kind = inner.get(end).copied().ok_or(Alert::UnexpectedMessage)?;
        let bytes = inner.get(..end).ok_or(Alert::UnexpectedMessage)?;
        Ok(Content { kind, bytes })
    }

    fn decrypt<'i>(
        &self,
        nonce: [u8; NONCE_BYTES],
        aad: &[u8],
        sealed: &'i mut [u8],
    ) -> Result<&'i [u8], Alert> {
        let key = self.key.as_ref().ok_or(Alert::InternalError)?;
        let nonce = aead::Nonce::assume_unique_for_key(nonce);
        match key.open_in_place(nonce, aead::Aad::from(aad), sealed) {
            Ok(plain) => Ok(plain),
            Err(ring::error::Unspecified) => Err(Alert::BadRecordMac),
        }
    }

    /// Does what the content asks for.
    fn take<'i>(&mut self, content: Content<'i>) -> Result<Opened<'i>, Alert> {
        // RFC 8446 section 5.1: a message in pieces is not interrupted.
        if self.records.joined.len > 0 && content.kind != TYPE_HANDSHAKE {
            return Err(Alert::UnexpectedMessage);
        }
        match (content.kind, content.bytes) {
            (TYPE_DATA, []) => self.take_empty(),
            // RFC 8446 section 5.4, RFC 5246 section 6.2.1: only data may be empty.
            (_, []) => Err(Alert::UnexpectedMessage),
            (TYPE_DATA, bytes) => {
                self.records.patience.empty_records = EMPTY_RECORDS_MAX;
                self.records.patience.key_updates = KEY_UPDATES_MAX;
                Ok(Opened::Data(bytes))
            }
            (TYPE_ALERT, bytes) => self.take_alert(bytes),
            (TYPE_HANDSHAKE, bytes) => {
                self.records.patience.empty_records = EMPTY_RECORDS_MAX;
                match self.records.version {
                    Version::Tls12 => self.take_renegotiation(bytes),
                    Version::Tls13 => self.take_handshake_tls13(bytes),
                }
            }
            _ => Err(Alert::UnexpectedMessage),
        }
    }

    fn take_empty<'i>(&mut self) -> Result<Opened<'i>, Alert> {
        spend(&mut self.records.patience.empty_records)?;
        Ok(Opened::Nothing)
    }

    /// RFC 8446 section 6, RFC 5246 section 7.2.
    fn take_alert<'i>(&mut self, bytes: &[u8]) -> Result<Opened<'i>, Alert> {
        let &[level, code] = bytes else { return Err(Alert::DecodeError) };
        if ![LEVEL_WARNING, LEVEL_FATAL].contains(&level) {
            return Err(Alert::IllegalParameter);
        }
        if code == Alert::CloseNotify.code() {
            self.records.inbound = Inbound::Closed;
            return Ok(Opened::Closed);
        }
        let warning = level == LEVEL_WARNING
            && (self.records.version == Version::Tls12 || code == USER_CANCELED);
        if warning {
            spend(&mut self.records.patience.warnings)?;
            self.records.patience.empty_records = EMPTY_RECORDS_MAX;
            return Ok(Opened::Nothing);
        }
        self.records.inbound = Inbound::Failed;
        Ok(Opened::Failed)
    }

    /// TLS 1.2: the only handshake message that may come is a `ClientHello`, whole and alone in
    /// its record. It is not read; the answer is always no (RFC 5246 section 7.2.2).
    fn take_renegotiation<'i>(&mut self, bytes: &[u8]) -> Result<Opened<'i>, Alert> {
        let Some((&[CLIENT_HELLO, a, b, c], body)) = bytes.split_first_chunk() else {
            return Err(Alert::UnexpectedMessage);
        };
        if usize::try_from(u32::from_be_bytes([0, a, b, c])) != Ok(body.len()) {
            return Err(Alert::UnexpectedMessage);
        }
        spend(&mut self.records.patience.renegotiations)?;
        self.records.debt = Debt::NoRenegotiation;
        Ok(Opened::Nothing)
    }

    /// TLS 1.3: the only handshake message that may come is a `KeyUpdate`; it may be in pieces,
    /// but must end with its record, because the next one has other keys (RFC 8446 section 5.1).
    fn take_handshake_tls13<'i>(&mut self, bytes: &[u8]) -> Result<Opened<'i>, Alert> {
        let joined = &mut self.records.joined;
        let mut rest = bytes.iter().copied();
        for slot in joined.bytes.iter_mut().skip(usize::from(joined.len)) {
            let Some(byte) = rest.next() else { break };
            *slot = byte;
            joined.len += 1;
        }
        let len = usize::from(joined.len);
        let [kind, a, b, c, request] = joined.bytes;
        if kind != KEY_UPDATE {
            return Err(Alert::UnexpectedMessage);
        }
        if len >= KEY_UPDATE_BYTES - 1 && [a, b, c] != [0, 0, 1] {
            return Err(Alert::DecodeError);
        }
        if len < KEY_UPDATE_BYTES {
            return Ok(Opened::Nothing);
        }
        if rest.next().is_some() {
            return Err(Alert::UnexpectedMessage);
        }
        self.records.joined = Joined::default();
        self.take_key_update(request)
    }

    /// RFC 8446 section 4.6.3. One answer serves any number of requests.
    fn take_key_update<'i>(&mut self, request: u8) -> Result<Opened<'i>, Alert> {
        spend(&mut self.records.patience.key_updates)?;
        if request > 1 {
            return Err(Alert::IllegalParameter);
        }
        if !self.records.renewable {
            return Err(Alert::InternalError);
        }
        let cipher = self.records.cipher;
        self.records.rx.renew(cipher).ok_or(Alert::InternalError)?;
        self.key = self.records.rx.aead(cipher);
        if request == 1 {
            self.records.debt = Debt::KeyUpdate;
        }
        Ok(Opened::Nothing)
    }
}

/// One time less that this is put up with.
fn spend(left: &mut u8) -> Result<(), Alert> {
    *left = left.checked_sub(1).ok_or(Alert::UnexpectedMessage)?;
    Ok(())
}

/// The additional data of a TLS 1.2 record (RFC 5246 section 6.2.3.3); `None` when it is longer
/// than a length can say.
pub(super) fn aad_tls12(
    seq: u64,
    kind: u8,
    [major, minor]: [u8; 2],
    plain_bytes: usize,
) -> Option<[u8; 13]> {
    let [a, b, c, d, e, f, g, h] = seq.to_be_bytes();
    let [high, low] = u16::try_from(plain_bytes).ok()?.to_be_bytes();
    Some([a, b, c, d, e, f, g, h, kind, major, minor, high, low])
}

#[cfg(test)]
#[path = "opener_tests.rs"]
mod tests;
