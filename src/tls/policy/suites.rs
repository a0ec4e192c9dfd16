//! Cipher suites and key exchange groups by the names that OpenSSL and IANA give them.

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

impl Suite {
    /// The suites of TLS 1.2 in the order that OpenSSL gives them.
    pub const TLS12: [Self; 6] = [
        Self::EcdsaAes256Gcm,
        Self::RsaAes256Gcm,
        Self::EcdsaChacha20,
        Self::RsaChacha20,
        Self::EcdsaAes128Gcm,
        Self::RsaAes128Gcm,
    ];
    /// The suites of TLS 1.3 in the order that OpenSSL gives them.
    pub const TLS13: [Self; 3] = [Self::Tls13Aes256Gcm, Self::Tls13Chacha20, Self::Tls13Aes128Gcm];

    /// OpenSSL's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tls13Aes128Gcm => "TLS_AES_128_GCM_SHA256",
            Self::Tls13Aes256Gcm => "TLS_AES_256_GCM_SHA384",
            Self::Tls13Chacha20 => "TLS_CHACHA20_POLY1305_SHA256",
            Self::EcdsaAes128Gcm => "ECDHE-ECDSA-AES128-GCM-SHA256",
            Self::EcdsaAes256Gcm => "ECDHE-ECDSA-AES256-GCM-SHA384",
            Self::EcdsaChacha20 => "ECDHE-ECDSA-CHACHA20-POLY1305",
            Self::RsaAes128Gcm => "ECDHE-RSA-AES128-GCM-SHA256",
            Self::RsaAes256Gcm => "ECDHE-RSA-AES256-GCM-SHA384",
            Self::RsaChacha20 => "ECDHE-RSA-CHACHA20-POLY1305",
        }
    }

    /// The name in IANA's registry, which for TLS 1.3 is also OpenSSL's.
    #[must_use]
    pub const fn iana_name(self) -> &'static str {
        match self {
            Self::EcdsaAes128Gcm => "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
            Self::EcdsaAes256Gcm => "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
            Self::EcdsaChacha20 => "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
            Self::RsaAes128Gcm => "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
            Self::RsaAes256Gcm => "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
            Self::RsaChacha20 => "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
            Self::Tls13Aes128Gcm | Self::Tls13Aes256Gcm | Self::Tls13Chacha20 => self.name(),
        }
    }

    /// Whether it can be used with an RSA key; none for those of TLS 1.3, which any key fits.
    #[must_use]
    pub const fn is_for_rsa(self) -> Option<bool> {
        match self {
            Self::RsaAes128Gcm | Self::RsaAes256Gcm | Self::RsaChacha20 => Some(true),
            Self::EcdsaAes128Gcm | Self::EcdsaAes256Gcm | Self::EcdsaChacha20 => Some(false),
            Self::Tls13Aes128Gcm | Self::Tls13Aes256Gcm | Self::Tls13Chacha20 => None,
        }
    }

    /// Whether `word` is one of its names, in any case.
    pub(super) fn is_called(self, word: &str) -> bool {
        word.eq_ignore_ascii_case(self.name()) || word.eq_ignore_ascii_case(self.iana_name())
    }
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

impl Group {
    /// The groups in the order in which they are preferred.
    pub const ALL: [Self; 3] = [Self::X25519, Self::P256, Self::P384];

    /// OpenSSL's usual name first.
    #[must_use]
    pub const fn names(self) -> &'static [&'static str] {
        match self {
            Self::X25519 => &["X25519"],
            Self::P256 => &["prime256v1", "P-256", "secp256r1"],
            Self::P384 => &["secp384r1", "P-384"],
        }
    }
}
