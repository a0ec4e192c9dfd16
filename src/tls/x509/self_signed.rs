//! Making a certificate that signs itself.
//!
//! P-256 and SHA-256, one fixed shape (RFC 5280), for a server and not for an authority: clients
//! that trust the certificate itself take it as it is.

use core::fmt;
use core::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest;
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use zeroize::Zeroizing;

use super::certificate::{Certificate, Name, sha256_fingerprint};
use super::certificate_finding::CLOCK_PLAUSIBLE_SECS;
use super::der::{self, BOOLEAN, INTEGER, OCTET_STRING, OID, SEQUENCE, SET, UTF8_STRING};
use super::time::{self, DAY_SECS};

/// Most names in a certificate; what comes after them is left out.
pub const NAMES_MAX: usize = 64;
/// Longest DNS name (RFC 1035 section 2.3.4).
const DNS_NAME_BYTES_MAX: usize = 253;
/// Longest common name (RFC 5280 appendix A.1, ub-common-name).
const COMMON_NAME_BYTES_MAX: usize = 64;
/// Common name when the first name is too long for one.
const COMMON_NAME: &str = "kinglet";
/// Bytes of a serial number (RFC 5280 section 4.1.2.2 allows 20).
const SERIAL_BYTES: usize = 16;

/// The validity begins so many days early, for clients whose clocks are behind.
const EARLY_DAYS: i64 = 2;
/// Days from now to the end of the validity.
const VALID_DAYS: i64 = 800;
/// Longest validity in days that Apple's clients accept of a certificate that a user trusts.
const VALID_DAYS_MAX: i64 = 825;
/// Renewed when it is valid for fewer days than this.
const RENEW_DAYS: i64 = 30;
/// Validity where the time is not known: 2000-01-01 to 2049-12-31.
const UNKNOWN_CLOCK_SECS: (i64, i64) = (946_684_800, 2_524_607_999);

const ID_COMMON_NAME: &[u8] = &[0x55, 4, 3];
const ID_SUBJECT_KEY_IDENTIFIER: &[u8] = &[0x55, 0x1d, 0x0e];
const ID_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];
const ID_SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];
const ID_BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
const ID_EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x25];
const ID_SERVER_AUTH: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 1];
const ID_ECDSA_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
const ID_EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
const ID_P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];

/// What a certificate is to say.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// DNS names and addresses; the first is the common name as well. What is neither is left
    /// out, and so is what comes after [`NAMES_MAX`] of them.
    pub names: &'a [&'a str],
    /// Seconds since 1970, as the clock says.
    pub now_secs: u64,
}

/// A certificate and its key.
pub struct Made {
    /// The certificate.
    pub certificate_pem: String,
    /// The private key, PKCS#8.
    pub key_pem: Zeroizing<String>,
    /// The certificate's DER.
    pub certificate_der: Vec<u8>,
    /// Its SHA-256 fingerprint: `AB:CD:…`.
    pub fingerprint: String,
}

/// Why no certificate could be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CannotMake {
    /// The system gave no random bytes.
    NoRandom,
    /// The key to keep is no P-256 key in PKCS#8.
    BadKey,
}

impl fmt::Display for CannotMake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoRandom => "the system gives no random numbers",
            Self::BadKey => "the key that was kept is not an ECDSA P-256 key",
        })
    }
}

impl core::error::Error for CannotMake {}

/// Why a kept certificate should be made again, with the same key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// It cannot be read.
    Unreadable,
    /// It lacks this name.
    NameMissing(String),
    /// It ends soon or has ended, at this time in seconds since 1970.
    Expires(i64),
    /// It begins later than now: the clock was wrong when it was made.
    NotYetValid,
    /// It is valid for longer than clients accept: it was made when the time was not known.
    TooLong,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable => f.write_str("the old one could not be read"),
            Self::NameMissing(name) => write!(f, "the old one is not for \"{name}\""),
            Self::Expires(secs) => write!(f, "the old one ends on {}", time::date_text(*secs)),
            Self::NotYetValid => f.write_str("the old one begins in the future"),
            Self::TooLong => f.write_str("the old one was made before the clock was set"),
        }
    }
}

/// Makes a certificate, with a new key or with `key` (PKCS#8 DER).
///
/// # Errors
/// No random bytes, or a key of another kind.
pub fn make(request: &Request<'_>, key: Option<&[u8]>) -> Result<Made, CannotMake> {
    let random = SystemRandom::new();
    let algorithm = &ECDSA_P256_SHA256_ASN1_SIGNING;
    let pkcs8 = Zeroizing::new(match key {
        Some(key) => key.to_vec(),
        None => EcdsaKeyPair::generate_pkcs8(algorithm, &random)
            .map_err(|_| CannotMake::NoRandom)?
            .as_ref()
            .to_vec(),
    });
    let pair =
        EcdsaKeyPair::from_pkcs8(algorithm, &pkcs8, &random).map_err(|_| CannotMake::BadKey)?;
    let mut serial = [0; SERIAL_BYTES];
    random.fill(&mut serial).map_err(|_| CannotMake::NoRandom)?;
    // Positive, and in its shortest form whatever the other bits are.
    serial[0] = serial[0] & 0x7f | 0x40;

    let body = body(request, &serial, pair.public_key().as_ref());
    let signature = pair.sign(&random, &body).map_err(|_| CannotMake::NoRandom)?;
    let signature = der::bits(signature.as_ref());
    let certificate_der = der::element(SEQUENCE, &[&body, &signature_algorithm(), &signature]);
    Ok(Made {
        certificate_pem: pem("CERTIFICATE", &certificate_der).to_string(),
        key_pem: pem("PRIVATE KEY", &pkcs8),
        fingerprint: sha256_fingerprint(&certificate_der),
        certificate_der,
    })
}

/// The DER of the first PKCS#8 key of a PEM file, for [`make`].
#[must_use]
pub fn key_from_pem(pem: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let key = PrivatePkcs8KeyDer::from_pem_slice(pem).ok()?;
    Some(Zeroizing::new(key.secret_pkcs8_der().to_vec()))
}

/// Whether a kept certificate should be made again. `static_names` are those that do not depend
/// on the network: a new address alone is no reason. Dates are judged only by a clock that was
/// set.
#[must_use]
pub fn needs_renewal(der: &[u8], static_names: &[&str], now_secs: u64) -> Option<Reason> {
    let Ok(certificate) = Certificate::parse(der) else { return Some(Reason::Unreadable) };
    let missing = usable(static_names).into_iter().find(|name| !certificate.covers(name));
    if let Some(name) = missing {
        return Some(Reason::NameMissing(name.to_owned()));
    }
    if now_secs < CLOCK_PLAUSIBLE_SECS {
        return None;
    }
    let now_secs = i64::try_from(now_secs).unwrap_or(i64::MAX);
    let (from, until) = (certificate.not_before_secs(), certificate.not_after_secs());
    if from > now_secs {
        Some(Reason::NotYetValid)
    } else if until < now_secs.saturating_add(RENEW_DAYS * DAY_SECS) {
        Some(Reason::Expires(until))
    } else if until - from > VALID_DAYS_MAX * DAY_SECS {
        Some(Reason::TooLong)
    } else {
        None
    }
}

/// The names that a certificate can have, each once, in their order.
fn usable<'a>(names: &[&'a str]) -> Vec<&'a str> {
    let mut kept: Vec<&str> = Vec::new();
    for name in names {
        let known = kept.iter().any(|known| known.eq_ignore_ascii_case(name));
        if !known && kept.len() < NAMES_MAX && alt_name(name).is_some() {
            kept.push(name);
        }
    }
    kept
}

/// An address or a DNS name, perhaps with `*` as its first label; `None` for anything else.
fn alt_name(name: &str) -> Option<Name<'_>> {
    if let Ok(address) = name.parse::<IpAddr>() {
        return Some(Name::Address(address));
    }
    let labels = name.strip_prefix("*.").unwrap_or(name);
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    (name.len() <= DNS_NAME_BYTES_MAX && labels.split('.').all(is_label)).then_some(Name::Dns(name))
}

/// TBSCertificate (RFC 5280 section 4.1).
fn body(request: &Request<'_>, serial: &[u8], public_key: &[u8]) -> Vec<u8> {
    let names = usable(request.names);
    let name = common_name(&names);
    let (from, until) = validity(request.now_secs);
    let validity = der::element(SEQUENCE, &[&time::write(from), &time::write(until)]);
    let version_3 = der::element(der::tagged_around(0), &[&[INTEGER, 1, 2]]);
    let key_kind = der::element(
        SEQUENCE,
        &[&der::element(OID, &[ID_EC_PUBLIC_KEY]), &der::element(OID, &[ID_P256])],
    );
    der::element(
        SEQUENCE,
        &[
            &version_3,
            &der::element(INTEGER, &[serial]),
            &signature_algorithm(),
            &name,
            &validity,
            &name,
            &der::element(SEQUENCE, &[&key_kind, &der::bits(public_key)]),
            &der::element(der::tagged_around(3), &[&extensions(&names, public_key)]),
        ],
    )
}

fn extensions(names: &[&str], public_key: &[u8]) -> Vec<u8> {
    // RFC 7093 section 2, method 1: SHA-256 instead of SHA-1, cut to the same length.
    let hash = digest::digest(&digest::SHA256, public_key);
    let identifier = der::element(OCTET_STRING, &[hash.as_ref().get(..20).unwrap_or_default()]);
    let alt_names: Vec<Vec<u8>> = names
        .iter()
        .filter_map(|name| alt_name(name))
        .map(|name| match name {
            Name::Dns(name) => der::element(der::tagged(2), &[name.as_bytes()]),
            Name::Address(IpAddr::V4(v4)) => der::element(der::tagged(7), &[&v4.octets()]),
            Name::Address(IpAddr::V6(v6)) => der::element(der::tagged(7), &[&v6.octets()]),
        })
        .collect();
    let alt_names = der::element(SEQUENCE, &[&alt_names.concat()]);
    let server_auth = der::element(SEQUENCE, &[&der::element(OID, &[ID_SERVER_AUTH])]);
    // CA is FALSE by default, and DER leaves defaults out.
    let not_ca = der::element(SEQUENCE, &[]);
    // Bit 0, digitalSignature; seven bits are unused.
    let digital_signature = der::element(der::BIT_STRING, &[&[7, 0x80]]);
    der::element(
        SEQUENCE,
        &[
            &extension(ID_BASIC_CONSTRAINTS, true, &not_ca),
            &extension(ID_KEY_USAGE, true, &digital_signature),
            &extension(ID_EXTENDED_KEY_USAGE, false, &server_auth),
            &extension(ID_SUBJECT_ALT_NAME, false, &alt_names),
            &extension(ID_SUBJECT_KEY_IDENTIFIER, false, &identifier),
        ],
    )
}

fn extension(id: &[u8], critical: bool, value: &[u8]) -> Vec<u8> {
    let critical: &[u8] = if critical { &[BOOLEAN, 1, 0xff] } else { &[] };
    let value = der::element(OCTET_STRING, &[value]);
    der::element(SEQUENCE, &[&der::element(OID, &[id]), critical, &value])
}

fn common_name(names: &[&str]) -> Vec<u8> {
    let first = names.first().copied().filter(|name| name.len() <= COMMON_NAME_BYTES_MAX);
    let value = der::element(UTF8_STRING, &[first.unwrap_or(COMMON_NAME).as_bytes()]);
    let pair = der::element(SEQUENCE, &[&der::element(OID, &[ID_COMMON_NAME]), &value]);
    der::element(SEQUENCE, &[&der::element(SET, &[&pair])])
}

fn signature_algorithm() -> Vec<u8> {
    der::element(SEQUENCE, &[&der::element(OID, &[ID_ECDSA_SHA256])])
}

/// First and last second.
fn validity(now_secs: u64) -> (i64, i64) {
    match i64::try_from(now_secs) {
        // The year 9999 is the last that a certificate can name.
        Ok(now) if (CLOCK_PLAUSIBLE_SECS..253_000_000_000).contains(&now_secs) => {
            (now - EARLY_DAYS * DAY_SECS, now + VALID_DAYS * DAY_SECS)
        }
        _ => UNKNOWN_CLOCK_SECS,
    }
}

/// RFC 7468: lines of 64 characters. The text is wiped when it is dropped.
fn pem(label: &str, der: &[u8]) -> Zeroizing<String> {
    let mut out = Zeroizing::new(String::with_capacity(der.len() * 3 / 2 + 100));
    out.push_str(&format!("-----BEGIN {label}-----\n"));
    for line in der.chunks(48) {
        let mut room = Zeroizing::new([0; 64]);
        // Fits: 48 bytes are 64 characters, which are ASCII.
        let len = STANDARD.encode_slice(line, &mut room[..]).unwrap_or(0);
        out.push_str(core::str::from_utf8(room.get(..len).unwrap_or_default()).unwrap_or(""));
        out.push('\n');
    }
    out.push_str(&format!("-----END {label}-----\n"));
    out
}

#[cfg(test)]
#[path = "self_signed_tests.rs"]
mod tests;
