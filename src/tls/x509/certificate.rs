//! What a certificate says: names, validity, subject, fingerprint.
//!
//! A view over DER (RFC 5280). It judges nothing: whether a signature is right is webpki's work.

use core::fmt;
use core::net::IpAddr;

use ring::digest;

pub use super::der::Malformed;
pub use super::distinguished_name::SUBJECT_BYTES_MAX;

use super::der::{
    BIT_STRING, BOOLEAN, INTEGER, OCTET_STRING, OID, Reader, SEQUENCE, tagged, tagged_around,
};
use super::{distinguished_name, time};

/// Most bytes of a serial number; RFC 5280 allows 20.
const SERIAL_BYTES_MAX: usize = 64;

const ID_SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];
const ID_BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
const ID_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];
const ID_EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x25];
/// `digitalSignature`, the first bit of a key usage.
const DIGITAL_SIGNATURE: u8 = 0x80;
/// `id-kp-clientAuth` and `anyExtendedKeyUsage` (RFC 5280 section 4.2.1.12).
const CLIENT_USES: [&[u8]; 2] =
    [&[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02], &[0x55, 0x1d, 0x25, 0x00]];
const ID_RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
/// sha1WithRSAEncryption, ecdsa-with-SHA1, and what is older still (MD5).
const WEAK_SIGNATURES: [&[u8]; 3] = [
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x05],
    &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01],
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x04],
];

/// A certificate that was read.
#[derive(Debug, Clone, Copy)]
pub struct Certificate<'a> {
    /// What the signature is about.
    signed: &'a [u8],
    signature: &'a [u8],
    /// The AlgorithmIdentifier beside the signature; the same stands within what is signed.
    signature_algorithm: &'a [u8],
    is_version_1: bool,
    serial: &'a [u8],
    issuer: &'a [u8],
    not_before_secs: i64,
    not_after_secs: i64,
    subject: &'a [u8],
    public_key: &'a [u8],
    alt_names: Reader<'a>,
    is_ca: bool,
    is_for_clients: bool,
}

/// A subject alternative name (RFC 5280 section 4.2.1.6) that a server can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name<'a> {
    /// A DNS name as it is written, perhaps with `*` as its first label.
    Dns(&'a str),
    /// An address.
    Address(IpAddr),
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => f.write_str(name),
            Self::Address(address) => address.fmt(f),
        }
    }
}

impl<'a> Certificate<'a> {
    /// Reads a certificate of any version.
    ///
    /// # Errors
    /// What is not DER, not a certificate, or is followed by something.
    pub fn parse(der: &'a [u8]) -> Result<Self, Malformed> {
        let mut outer = Reader::new(der);
        let mut certificate = outer.enter(SEQUENCE)?;
        outer.end()?;
        let signed = certificate.take(SEQUENCE)?;
        let mut body = signed.inside()?;
        let signature_algorithm = certificate.take(SEQUENCE)?.value;
        let signature = certificate.take(BIT_STRING)?.whole_bits()?;
        certificate.end()?;

        let version =
            body.optional(tagged_around(0))?.map(|version| version.inside()?.take(INTEGER));
        let is_version_1 = version.transpose()?.is_none_or(|version| version.value == [0]);
        let serial = body.take(INTEGER)?.value;
        if serial.is_empty() || serial.len() > SERIAL_BYTES_MAX {
            return Err(Malformed("a serial number without digits, or with too many"));
        }
        if body.take(SEQUENCE)?.value != signature_algorithm {
            return Err(Malformed("two different signature algorithms"));
        }
        let issuer = body.take(SEQUENCE)?.whole;
        let mut validity = body.enter(SEQUENCE)?;
        let not_before_secs = time::read(&validity.any()?)?;
        let not_after_secs = time::read(&validity.any()?)?;
        validity.end()?;
        let subject = body.take(SEQUENCE)?.whole;
        let public_key = body.take(SEQUENCE)?.whole;
        body.optional(tagged(1))?;
        body.optional(tagged(2))?;
        let extensions = body.optional(tagged_around(3))?;
        body.end()?;

        let mut parsed = Self {
            signed: signed.whole,
            signature,
            signature_algorithm,
            is_version_1,
            serial,
            issuer,
            not_before_secs,
            not_after_secs,
            subject,
            public_key,
            alt_names: Reader::new(&[]),
            is_ca: false,
            is_for_clients: true,
        };
        if let Some(extensions) = extensions {
            let mut wrapped = extensions.inside()?;
            parsed.read_extensions(wrapped.enter(SEQUENCE)?)?;
            wrapped.end()?;
        }
        Ok(parsed)
    }

    fn read_extensions(&mut self, mut extensions: Reader<'a>) -> Result<(), Malformed> {
        while !extensions.is_empty() {
            let mut extension = extensions.enter(SEQUENCE)?;
            let id = extension.take(OID)?.value;
            let critical = extension.optional(BOOLEAN)?;
            let value = extension.take(OCTET_STRING)?.value;
            extension.end()?;
            let mut value = Reader::new(value);
            if id == ID_SUBJECT_ALT_NAME {
                self.alt_names = value.enter(SEQUENCE)?;
                let mut names = self.alt_names;
                while !names.is_empty() {
                    names.any()?;
                }
            } else if id == ID_BASIC_CONSTRAINTS {
                let flag = value.enter(SEQUENCE)?.optional(BOOLEAN)?;
                self.is_ca = flag.map_or(Ok(false), |flag| flag.boolean())?;
            } else if id == ID_KEY_USAGE {
                self.is_for_clients &= may_sign(value);
            } else if id == ID_EXTENDED_KEY_USAGE {
                self.is_for_clients &= names_clients(value);
            } else {
                self.is_for_clients &= critical.is_none_or(|flag| flag.boolean() == Ok(false));
            }
        }
        Ok(())
    }

    /// Start of the validity, seconds since 1970.
    #[must_use]
    pub const fn not_before_secs(&self) -> i64 {
        self.not_before_secs
    }

    /// Last second of the validity, seconds since 1970.
    #[must_use]
    pub const fn not_after_secs(&self) -> i64 {
        self.not_after_secs
    }

    /// The validity as `2026-07-01 to 2027-07-01`, in UTC.
    #[must_use]
    pub fn validity_text(&self) -> String {
        let [from, until] = [self.not_before_secs, self.not_after_secs].map(time::date_text);
        format!("{from} to {until}")
    }

    /// The subject as text (RFC 4514), printable ASCII of at most [`SUBJECT_BYTES_MAX`] bytes.
    #[must_use]
    pub fn subject(&self) -> String {
        distinguished_name::text(self.subject)
    }

    /// The issuer as text, like [`Self::subject`].
    #[must_use]
    pub fn issuer(&self) -> String {
        distinguished_name::text(self.issuer)
    }

    /// The organisation of the subject (O), if it has one that is text.
    #[must_use]
    pub fn organization(&self) -> Option<String> {
        distinguished_name::organization(self.subject)
    }

    /// The subject's DER.
    #[must_use]
    pub const fn subject_raw(&self) -> &'a [u8] {
        self.subject
    }

    /// The issuer's DER: the same as the subject of the certificate that issued this one.
    #[must_use]
    pub const fn issuer_raw(&self) -> &'a [u8] {
        self.issuer
    }

    /// The SubjectPublicKeyInfo's DER.
    #[must_use]
    pub const fn public_key_raw(&self) -> &'a [u8] {
        self.public_key
    }

    /// The DNS names and addresses of the subjectAltName extension; names of other kinds, and
    /// those that are not ASCII, are left out.
    pub fn names(&self) -> impl Iterator<Item = Name<'a>> + use<'a> {
        let mut rest = self.alt_names;
        core::iter::from_fn(move || if rest.is_empty() { None } else { rest.any().ok() })
            .filter_map(|element| name(element.tag, element.value))
    }

    /// Whether a client that asks for `name` accepts the certificate's names: a DNS name or an
    /// address, in brackets or not. `*` stands for one whole first label before at least two
    /// others (RFC 6125 section 6.4.3); a name that begins with `*.` must be there as it is. The
    /// common name does not count.
    #[must_use]
    pub fn covers(&self, name: &str) -> bool {
        let bare = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
        if let Ok(address) = bare.parse::<IpAddr>() {
            return self.names().any(|known| known == Name::Address(address));
        }
        let name = name.strip_suffix('.').unwrap_or(name);
        self.names().any(|known| match known {
            Name::Dns(known) => dns_covers(known, name),
            Name::Address(_) => false,
        })
    }

    /// Whether issuer and subject are the same. The signature is not checked.
    #[must_use]
    pub fn is_self_signed(&self) -> bool {
        self.issuer == self.subject
    }

    /// Whether it may issue certificates (basicConstraints).
    #[must_use]
    pub const fn is_ca(&self) -> bool {
        self.is_ca
    }

    /// Whether its format is that of X.509 version 1, which has no extensions.
    #[must_use]
    pub const fn is_version_1(&self) -> bool {
        self.is_version_1
    }

    /// Whether nothing in it speaks against a client that shows it: it may be used to sign (RFC
    /// 5280 section 4.2.1.3) and for TLS clients (section 4.2.1.12), and there is no critical
    /// extension that is not understood.
    #[must_use]
    pub const fn is_for_clients(&self) -> bool {
        self.is_for_clients
    }

    /// What is signed, the AlgorithmIdentifier without its tag and length, and the signature.
    #[must_use]
    pub(super) const fn signature(&self) -> (&'a [u8], &'a [u8], &'a [u8]) {
        (self.signed, self.signature_algorithm, self.signature)
    }

    /// Whether its signature rests on SHA-1 or MD5.
    #[must_use]
    pub fn has_weak_signature(&self) -> bool {
        let algorithm = Reader::new(self.signature_algorithm).take(OID);
        algorithm.is_ok_and(|algorithm| WEAK_SIGNATURES.contains(&algorithm.value))
    }

    /// Bits of the modulus of an RSA key; `None` with other keys.
    #[must_use]
    pub fn rsa_bits(&self) -> Option<usize> {
        rsa_bits(self.public_key).ok().flatten()
    }

    /// The serial number in upper-case hexadecimal digits.
    #[must_use]
    pub fn serial_hex(&self) -> String {
        let digits = match self.serial {
            [0, rest @ ..] if !rest.is_empty() => rest,
            all => all,
        };
        digits.iter().map(|byte| format!("{byte:02X}")).collect()
    }
}

/// The SHA-256 fingerprint of a certificate's DER: `AB:CD:…`.
#[must_use]
pub fn sha256_fingerprint(der: &[u8]) -> String {
    let hash = digest::digest(&digest::SHA256, der);
    let pairs: Vec<String> = hash.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
    pairs.join(":")
}

/// Whether a key usage has the bit for signatures.
fn may_sign(mut usage: Reader<'_>) -> bool {
    let bits = usage.take(BIT_STRING).map(|bits| bits.value);
    matches!(bits, Ok([_, first, ..]) if first & DIGITAL_SIGNATURE != 0)
}

/// Whether clients are among the uses of a key.
fn names_clients(mut usage: Reader<'_>) -> bool {
    usage.enter(SEQUENCE).and_then(among_client_uses) == Ok(true)
}

/// Whether clients are among these uses.
pub(super) fn among_client_uses(mut uses: Reader<'_>) -> Result<bool, Malformed> {
    let mut found = false;
    while !uses.is_empty() {
        found |= CLIENT_USES.contains(&uses.take(OID)?.value);
    }
    Ok(found)
}

fn name(tag: u8, value: &[u8]) -> Option<Name<'_>> {
    const DNS: u8 = tagged(2);
    const ADDRESS: u8 = tagged(7);
    match tag {
        DNS if value.is_ascii() => core::str::from_utf8(value).ok().map(Name::Dns),
        ADDRESS => <[u8; 4]>::try_from(value)
            .map(IpAddr::from)
            .or_else(|_| <[u8; 16]>::try_from(value).map(IpAddr::from))
            .map(Name::Address)
            .ok(),
        _ => None,
    }
}

fn dns_covers(known: &str, name: &str) -> bool {
    if known.eq_ignore_ascii_case(name) {
        return !name.is_empty();
    }
    let (Some(rest), Some((label, name_rest))) = (known.strip_prefix("*."), name.split_once('.'))
    else {
        return false;
    };
    !label.is_empty() && label != "*" && rest.contains('.') && rest.eq_ignore_ascii_case(name_rest)
}

fn rsa_bits(public_key: &[u8]) -> Result<Option<usize>, Malformed> {
    let mut info = Reader::new(public_key).enter(SEQUENCE)?;
    if info.enter(SEQUENCE)?.take(OID)?.value != ID_RSA_ENCRYPTION {
        return Ok(None);
    }
    let key = info.take(BIT_STRING)?.whole_bits()?;
    let modulus = Reader::new(key).enter(SEQUENCE)?.take(INTEGER)?.value;
    let zeros = modulus.iter().take_while(|&&byte| byte == 0).count();
    let top = modulus.get(zeros).map_or(0, |byte| byte.leading_zeros() as usize);
    Ok(Some((modulus.len() - zeros) * 8 - top))
}

#[cfg(test)]
#[path = "certificate_tests.rs"]
mod tests;
