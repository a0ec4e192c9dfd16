//! Seals records of any content with known keys: what an honest peer sends, and what it never
//! would. It shares no code with the record layer that it tests.

use ring::aead::{Aad, Algorithm, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf::{self, HKDF_SHA256, HKDF_SHA384, KeyType, Prk};

/// One direction of a session.
#[derive(Clone)]
pub(crate) struct Forge {
    pub(crate) algorithm: &'static Algorithm,
    pub(crate) tls13: bool,
    pub(crate) key: Vec<u8>,
    pub(crate) iv: [u8; 12],
    pub(crate) seq: u64,
    /// TLS 1.3: the traffic secret.
    pub(crate) secret: Vec<u8>,
}

struct Len(usize);

impl KeyType for Len {
    fn len(&self) -> usize {
        self.0
    }
}

/// HKDF-Expand-Label(secret, label, "", bytes).
pub(crate) fn expand(secret: &[u8], label: &str, bytes: usize) -> Vec<u8> {
    let hash: hkdf::Algorithm = if secret.len() == 48 { HKDF_SHA384 } else { HKDF_SHA256 };
    let mut info = vec![(bytes >> 8) as u8, bytes as u8, 6 + label.len() as u8];
    info.extend(b"tls13 ");
    info.extend(label.bytes());
    info.push(0);
    let mut out = vec![0; bytes];
    let info = [&info[..]];
    Prk::new_less_safe(hash, secret).expand(&info, Len(bytes)).unwrap().fill(&mut out).unwrap();
    out
}

impl Forge {
    /// A TLS 1.3 direction with what follows from its traffic secret.
    pub(crate) fn tls13(algorithm: &'static Algorithm, secret: &[u8]) -> Self {
        Self {
            algorithm,
            tls13: true,
            key: expand(secret, "key", algorithm.key_len()),
            iv: expand(secret, "iv", 12).try_into().unwrap(),
            seq: 0,
            secret: secret.to_vec(),
        }
    }

    /// Moves to the next keys of TLS 1.3.
    pub(crate) fn renew(&mut self) {
        *self =
            Self::tls13(self.algorithm, &expand(&self.secret, "traffic upd", self.secret.len()));
    }

    /// A record of `kind` with `content`; TLS 1.3 gets `padding` zeros behind it.
    pub(crate) fn record(&mut self, kind: u8, content: &[u8], padding: usize) -> Vec<u8> {
        self.record_with_head(if self.tls13 { 23 } else { kind }, 3, kind, content, padding)
    }

    /// The same with any outer type and minor version.
    pub(crate) fn record_with_head(
        &mut self,
        outer: u8,
        minor: u8,
        kind: u8,
        content: &[u8],
        padding: usize,
    ) -> Vec<u8> {
        let mut nonce = self.iv;
        for at in 0..8 {
            nonce[4 + at] ^= (self.seq >> (56 - 8 * at)) as u8;
        }
        let explicit = !self.tls13 && self.algorithm != &ring::aead::CHACHA20_POLY1305;
        let mut inner = content.to_vec();
        if self.tls13 {
            inner.push(kind);
            inner.resize(inner.len() + padding, 0);
        }
        let bytes = inner.len() + 16 + if explicit { 8 } else { 0 };
        let mut record = vec![outer, 3, minor, (bytes >> 8) as u8, bytes as u8];
        let aad = if self.tls13 {
            record.clone()
        } else {
            let mut aad = self.seq.to_be_bytes().to_vec();
            aad.extend([outer, 3, minor, (inner.len() >> 8) as u8, inner.len() as u8]);
            aad
        };
        if explicit {
            record.extend(&nonce[4..]);
        }
        let key = LessSafeKey::new(UnboundKey::new(self.algorithm, &self.key).unwrap());
        let nonce = Nonce::assume_unique_for_key(nonce);
        key.seal_in_place_append_tag(nonce, Aad::from(aad), &mut inner).unwrap();
        record.extend(inner);
        self.seq = self.seq.wrapping_add(1);
        record
    }
}
