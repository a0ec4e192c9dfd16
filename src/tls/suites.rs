//! Cipher suites, key exchange groups and protocol versions by OpenSSL's names.

/// A cipher suite that can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suite {
    /// `TLS_AES_128_GCM_SHA256`
    Tls13Aes128Gcm,
    /// `TLS_AES_256_GCM_SHA384`
    Tls13Aes256Gcm,
    /// `TLS_CHACHA20_POLY1305_SHA256`
    Tls13Chacha20,
    /// `ECDHE-ECDSA-AES128-GCM-SHA256`
    EcdsaAes128Gcm,
    /// `ECDHE-ECDSA-AES256-GCM-SHA384`
    EcdsaAes256Gcm,
    /// `ECDHE-ECDSA-CHACHA20-POLY1305`
    EcdsaChacha20,
    /// `ECDHE-RSA-AES128-GCM-SHA256`
    RsaAes128Gcm,
    /// `ECDHE-RSA-AES256-GCM-SHA384`
    RsaAes256Gcm,
    /// `ECDHE-RSA-CHACHA20-POLY1305`
    RsaChacha20,
}

/// A key exchange group that can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// `X25519`
    X25519,
    /// `P-256`, `prime256v1`, `secp256r1`
    P256,
    /// `P-384`, `secp384r1`
    P384,
}
