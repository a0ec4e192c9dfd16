//! Traffic keys: what one direction of a session is protected with, and how TLS 1.3 renews it.
//!
//! A sequence number is never used twice with one key: it only grows, and a key that has used
//! up its numbers gives no more nonces.

use core::fmt;

use ring::{aead, hkdf};
use zeroize::{Zeroize, Zeroizing};

/// Bytes of the longest traffic secret (SHA-384).
pub const SECRET_BYTES_MAX: usize = 48;

/// Bytes of the longest key.
pub(super) const KEY_BYTES_MAX: usize = 32;

/// Bytes of a nonce and of the IV that it is made of.
pub(super) const NONCE_BYTES: usize = aead::NONCE_LEN;

/// How records are protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cipher {
    Aes128Gcm,
    Aes256Gcm,
    Chacha20Poly1305,
}

impl Cipher {
    /// The algorithm in ring.
    pub(super) fn algorithm(self) -> &'static aead::Algorithm {
        match self {
            Self::Aes128Gcm => &aead::AES_128_GCM,
            Self::Aes256Gcm => &aead::AES_256_GCM,
            Self::Chacha20Poly1305 => &aead::CHACHA20_POLY1305,
        }
    }

    /// Bytes of a TLS 1.3 traffic secret: the output of the suite's hash (RFC 8446 appendix B.4).
    pub(super) const fn secret_bytes(self) -> usize {
        match self {
            Self::Aes256Gcm => 48,
            Self::Aes128Gcm | Self::Chacha20Poly1305 => 32,
        }
    }
}

/// The first application traffic secrets of both directions (RFC 8446 section 7.1), from which
/// all later keys follow.
pub struct TrafficSecrets {
    client: [u8; SECRET_BYTES_MAX],
    server: [u8; SECRET_BYTES_MAX],
    bytes: usize,
}

impl TrafficSecrets {
    /// `CLIENT_TRAFFIC_SECRET_0` and `SERVER_TRAFFIC_SECRET_0`, 32 or 48 bytes each and both of
    /// one length; `None` for anything else.
    #[must_use]
    pub fn new(client: &[u8], server: &[u8]) -> Option<Self> {
        if client.len() != server.len() || ![32, SECRET_BYTES_MAX].contains(&client.len()) {
            return None;
        }
        let mut secrets = Self {
            client: [0; SECRET_BYTES_MAX],
            server: [0; SECRET_BYTES_MAX],
            bytes: client.len(),
        };
        secrets.client.get_mut(..client.len())?.copy_from_slice(client);
        secrets.server.get_mut(..server.len())?.copy_from_slice(server);
        Some(secrets)
    }

    /// Bytes of each secret.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// The secret of what the client sends.
    pub(super) const fn client(&self) -> &[u8; SECRET_BYTES_MAX] {
        &self.client
    }

    /// The secret of what the server sends.
    pub(super) const fn server(&self) -> &[u8; SECRET_BYTES_MAX] {
        &self.server
    }
}

impl Drop for TrafficSecrets {
    fn drop(&mut self) {
        self.client.zeroize();
        self.server.zeroize();
    }
}

impl fmt::Debug for TrafficSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrafficSecrets").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

/// What one direction is protected with.
pub(super) struct Keys {
    /// Number of the next record.
    seq: u64,
    /// TLS 1.3: what the next key is derived from.
    secret: [u8; SECRET_BYTES_MAX],
    key: [u8; KEY_BYTES_MAX],
    iv: [u8; NONCE_BYTES],
}

impl Keys {
    /// A key and an IV with the number of their next record; `None` when a length is wrong.
    pub(super) fn new(cipher: Cipher, seq: u64, key: &[u8], iv: &[u8]) -> Option<Self> {
        if key.len() != cipher.algorithm().key_len() || iv.len() != NONCE_BYTES {
            return None;
        }
        let mut keys = Self {
            seq,
            secret: [0; SECRET_BYTES_MAX],
            key: [0; KEY_BYTES_MAX],
            iv: [0; NONCE_BYTES],
        };
        keys.key.get_mut(..key.len())?.copy_from_slice(key);
        keys.iv.copy_from_slice(iv);
        Some(keys)
    }

    /// Takes the secret that later keys are derived from; says whether it is really the one
    /// that the present key comes from. A key update that happened before would go unnoticed
    /// otherwise. The IV tells; to derive the key too would cost a hundredth of a handshake.
    pub(super) fn adopt(&mut self, secret: &[u8; SECRET_BYTES_MAX], cipher: Cipher) -> bool {
        self.secret = *secret;
        let mut iv = [0; NONCE_BYTES];
        let bytes = secret.get(..cipher.secret_bytes()).unwrap_or_default();
        let is_derived = expand_label(bytes, b"iv", &mut iv).is_some();
        is_derived && iv.iter().zip(&self.iv).fold(0, |bits, (a, b)| bits | (a ^ b)) == 0
    }

    /// Takes the secret without a look at it: no side renews only what it sends with before its
    /// peer has done so.
    pub(super) fn follow(&mut self, secret: &[u8; SECRET_BYTES_MAX]) {
        self.secret = *secret;
    }

    /// Number of the next record.
    pub(super) const fn seq(&self) -> u64 {
        self.seq
    }

    /// The key as ring wants it; `None` only when its length were wrong.
    pub(super) fn aead(&self, cipher: Cipher) -> Option<aead::LessSafeKey> {
        let algorithm = cipher.algorithm();
        let key = self.key.get(..algorithm.key_len())?;
        aead::UnboundKey::new(algorithm, key).ok().map(aead::LessSafeKey::new)
    }

    /// The nonce of the next record: the IV xor its number (RFC 8446 section 5.3, RFC 7905
    /// section 2).
    pub(super) fn nonce(&self) -> [u8; NONCE_BYTES] {
        let mut nonce = self.iv;
        for (byte, seq) in nonce.iter_mut().rev().zip(self.seq.to_le_bytes()) {
            *byte ^= seq;
        }
        nonce
    }

    /// The first bytes of the IV: for AES-GCM in TLS 1.2 the implicit part of a nonce (RFC
    /// 5288 section 3).
    pub(super) fn salt(&self) -> [u8; 4] {
        let [a, b, c, d, ..] = self.iv;
        [a, b, c, d]
    }

    /// Counts one record; `None` when the numbers are used up, so that they never wrap.
    pub(super) fn count(&mut self) -> Option<()> {
        self.seq = self.seq.checked_add(1)?;
        Some(())
    }

    /// Moves to the next generation of keys (RFC 8446 section 7.2).
    pub(super) fn renew(&mut self, cipher: Cipher) -> Option<()> {
        let mut next = Zeroizing::new([0; SECRET_BYTES_MAX]);
        let bytes = cipher.secret_bytes();
        expand_label(self.secret.get(..bytes)?, b"traffic upd", next.get_mut(..bytes)?)?;
        self.secret.copy_from_slice(next.as_ref());
        self.derive(cipher)?;
        self.seq = 0;
        Some(())
    }

    /// Key and IV from the secret (RFC 8446 section 7.3).
    fn derive(&mut self, cipher: Cipher) -> Option<()> {
        let secret = self.secret.get(..cipher.secret_bytes())?;
        let key = self.key.get_mut(..cipher.algorithm().key_len())?;
        expand_label(secret, b"key", key)?;
        expand_label(secret, b"iv", &mut self.iv)
    }

    /// Pretends that `seq` records were protected with this key.
    #[cfg(test)]
    pub(super) fn jump(&mut self, seq: u64) {
        self.seq = seq;
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        self.secret.zeroize();
        self.key.zeroize();
        self.iv.zeroize();
    }
}

/// HKDF-Expand-Label without a context (RFC 8446 section 7.1); the length of `secret` says which
/// hash it is.
fn expand_label(secret: &[u8], label: &[u8], out: &mut [u8]) -> Option<()> {
    const PREFIX: &[u8] = b"tls13 ";
    let hash = match secret.len() {
        32 => hkdf::HKDF_SHA256,
        48 => hkdf::HKDF_SHA384,
        _ => return None,
    };
    let out_bytes = u16::try_from(out.len()).ok()?.to_be_bytes();
    let label_bytes = [u8::try_from(PREFIX.len() + label.len()).ok()?];
    let info: [&[u8]; 5] = [&out_bytes, &label_bytes, PREFIX, label, &[0]];
    let prk = hkdf::Prk::new_less_safe(hash, secret);
    prk.expand(&info, OutBytes(out.len())).ok()?.fill(out).ok()
}

/// How many bytes are to be derived.
struct OutBytes(usize);

impl hkdf::KeyType for OutBytes {
    fn len(&self) -> usize {
        self.0
    }
}

#[cfg(test)]
#[path = "key_schedule_tests.rs"]
mod tests;
