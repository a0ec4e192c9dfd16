//! Why certificates or a key cannot be used, in words.

use core::fmt;

use super::identity::{CHAIN_MAX, PEM_BYTES_MAX};

/// Why PEM files give no identity. Certificates are counted from 0 here and from 1 in the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdentityFault {
    /// A file is longer than [`PEM_BYTES_MAX`].
    TooLarge,
    /// More than [`CHAIN_MAX`] certificates.
    TooMany,
    /// The file holds no certificate; `binary` when it looks like DER.
    NoCertificate {
        /// It begins as DER does.
        binary: bool,
    },
    /// This certificate cannot be read; says why.
    BadCertificate(usize, &'static str),
    /// The file holds no private key; `binary` when it looks like DER.
    NoKey {
        /// It begins as DER does.
        binary: bool,
    },
    /// The private key is protected by a password.
    EncryptedKey,
    /// The private key is damaged.
    BadKey,
    /// The private key is of a kind that is not supported; says which.
    UnsupportedKey(&'static str),
    /// The private key is not the first certificate's.
    KeyMismatch {
        /// The certificate of the file that it belongs to.
        fits: Option<usize>,
    },
}

impl fmt::Display for IdentityFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => write!(f, "more than {} KiB", PEM_BYTES_MAX >> 10),
            Self::TooMany => write!(f, "more than {CHAIN_MAX} certificates"),
            Self::NoCertificate { .. } => f.write_str("there is no certificate in it"),
            Self::BadCertificate(at, why) => {
                write!(f, "certificate {} cannot be read: {why}", at + 1)
            }
            Self::NoKey { .. } => f.write_str("there is no private key in it"),
            Self::EncryptedKey => f.write_str("the private key is protected by a password"),
            Self::BadKey => f.write_str("the private key is damaged"),
            Self::UnsupportedKey(kind) => write!(f, "{kind} is not supported"),
            Self::KeyMismatch { fits: None } => {
                f.write_str("the private key does not belong to the certificate")
            }
            Self::KeyMismatch { fits: Some(at) } => {
                write!(f, "the private key belongs to certificate {}, not to the first", at + 1)
            }
        }
    }
}

impl IdentityFault {
    /// Whether the key's file is at fault, rather than the certificate's.
    #[must_use]
    pub const fn is_about_key(&self) -> bool {
        matches!(
            self,
            Self::NoKey { .. }
                | Self::EncryptedKey
                | Self::BadKey
                | Self::UnsupportedKey(_)
                | Self::KeyMismatch { fits: None }
        )
    }

    /// What to do about it.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::TooLarge | Self::TooMany => {
                "it must hold the server's certificate and those of its issuers, and no more"
            }
            Self::NoCertificate { binary: true } => {
                "it looks like DER: openssl x509 -inform der -in FILE -out FILE.pem"
            }
            Self::NoCertificate { binary: false } => {
                "it must be PEM, with a line -----BEGIN CERTIFICATE-----"
            }
            Self::BadCertificate(..) => "copy it again, or ask for it again",
            Self::NoKey { binary: true } => {
                "it looks like DER: openssl pkey -inform der -in FILE -out FILE.pem"
            }
            Self::NoKey { binary: false } => {
                "it must be PEM, with a line -----BEGIN PRIVATE KEY----- or one of its older forms"
            }
            Self::EncryptedKey => {
                "write the key without a password: openssl pkey -in FILE -out FILE.plain"
            }
            Self::BadKey => "copy it again; \"openssl pkey -in FILE -noout\" checks it",
            Self::UnsupportedKey(_) => {
                "use ECDSA P-256 (the fastest), P-384, Ed25519, or RSA with 2048 to 4096 bits"
            }
            Self::KeyMismatch { fits: None } => {
                "use the key that the certificate was requested with"
            }
            Self::KeyMismatch { fits: Some(_) } => {
                "put the server's certificate first, and its issuers after it in their order"
            }
        }
    }
}

impl core::error::Error for IdentityFault {}
