//! PEM files (RFC 7468) with everything that OpenSSL takes, and what in them is not taken.
//!
//! The reader that comes with rustls knows fewer labels than OpenSSL, and passes over a heading
//! behind a byte order mark or a blank without a word.

use core::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::pem::SectionKind;
use zeroize::Zeroizing;

/// Characters of a label that are shown.
const LABEL_CHARS_MAX: usize = 40;

/// What a section is to us.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    /// A certificate.
    Certificate,
    /// A certificate, and behind it what OpenSSL is to trust it for.
    Trusted,
    /// A private key that can be read.
    Key(SectionKind),
    /// A private key that needs a password.
    EncryptedKey,
    /// A private key of a kind that is not supported; says which.
    OtherKey(&'static str),
    /// What tools write beside a key, and what is not needed.
    Parameters,
    /// Anything else.
    Other,
}

const LABELS: [(&str, Kind); 12] = [
    ("CERTIFICATE", Kind::Certificate),
    ("X509 CERTIFICATE", Kind::Certificate),
    ("TRUSTED CERTIFICATE", Kind::Trusted),
    ("PRIVATE KEY", Kind::Key(SectionKind::PrivateKey)),
    ("RSA PRIVATE KEY", Kind::Key(SectionKind::RsaPrivateKey)),
    ("EC PRIVATE KEY", Kind::Key(SectionKind::EcPrivateKey)),
    ("ENCRYPTED PRIVATE KEY", Kind::EncryptedKey),
    ("DSA PRIVATE KEY", Kind::OtherKey("a DSA key")),
    ("OPENSSH PRIVATE KEY", Kind::OtherKey("an OpenSSH key")),
    ("EC PARAMETERS", Kind::Parameters),
    ("DH PARAMETERS", Kind::Parameters),
    ("X9.42 DH PARAMETERS", Kind::Parameters),
];

/// One section of a PEM file.
#[derive(Debug)]
pub(super) struct Section<'p> {
    /// What it is.
    pub(super) kind: Kind,
    label: &'p [u8],
    /// The lines between heading and end.
    lines: Vec<&'p [u8]>,
    /// Its own end follows the lines.
    is_closed: bool,
    /// The line of its heading, counted from 1.
    line: usize,
}

impl Section<'_> {
    /// The bytes in it; none when the text is damaged.
    pub(super) fn der(&self) -> Option<Zeroizing<Vec<u8>>> {
        if !self.is_closed {
            return None;
        }
        // Fields may stand in front of the data, with an empty line behind them (RFC 1421).
        let fields = match self.lines.first() {
            Some(line) if line.contains(&b':') => self.lines.iter().position(|l| l.is_empty())?,
            _ => 0,
        };
        // In one allocation, so that no copy of a key is left behind.
        let mut text = Zeroizing::new(Vec::with_capacity(self.lines.iter().map(|l| l.len()).sum()));
        for line in self.lines.iter().skip(fields) {
            text.extend(line.iter().filter(|byte| !byte.is_ascii_whitespace()));
        }
        let mut der = Zeroizing::new(vec![0; text.len()]);
        let bytes = STANDARD.decode_slice(&*text, &mut der).ok()?;
        der.truncate(bytes);
        Some(der)
    }
}

/// Something in a file that is not taken, though it may have been meant to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    line: usize,
    label: Option<Box<str>>,
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.label {
            Some(label) => write!(f, "line {}: the section \"{label}\" is skipped", self.line),
            None => write!(f, "line {} looks like the heading of a section and is none", self.line),
        }
    }
}

impl Skipped {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self.label.as_deref() {
            Some("X509 CRL") => "certificates that were revoked are taken all the same",
            Some("PKCS7") => "openssl pkcs7 -print_certs -in FILE -out FILE.pem",
            Some(_) => "certificates and private keys are taken, and nothing else",
            None => "a heading has a line of its own: -----BEGIN CERTIFICATE-----",
        }
    }
}

/// What a PEM file holds, in its order.
pub(super) fn sections(pem: &[u8]) -> Vec<Section<'_>> {
    walk(pem).0
}

/// What is not taken of a PEM file. Where nothing is found the file itself is at fault.
#[must_use]
pub fn skipped(pem: &[u8]) -> Vec<Skipped> {
    let (sections, mut skipped) = walk(pem);
    let others = sections.iter().filter(|section| section.kind == Kind::Other);
    skipped.extend(others.map(|section| {
        let text = String::from_utf8_lossy(section.label);
        let shown = text.chars().take(LABEL_CHARS_MAX).flat_map(char::escape_default);
        Skipped { line: section.line, label: Some(shown.collect::<String>().into()) }
    }));
    skipped.sort_by_key(|one| one.line);
    skipped
}

/// The sections, and lines between them that may have been meant as headings.
fn walk(pem: &[u8]) -> (Vec<Section<'_>>, Vec<Skipped>) {
    let pem = pem.strip_prefix(b"\xef\xbb\xbf").unwrap_or(pem);
    let (mut sections, mut stray) = (Vec::<Section<'_>>::new(), Vec::new());
    let mut is_open = false;
    for (at, line) in lines(pem).enumerate() {
        if let Some(label) = marked(line, b"-----BEGIN ") {
            let known = LABELS.iter().find(|(name, _)| name.as_bytes() == label);
            let kind = known.map_or(Kind::Other, |(_, kind)| *kind);
            let (lines, line) = (Vec::new(), at + 1);
            sections.push(Section { kind, label, lines, is_closed: false, line });
            is_open = true;
        } else if let Some(open) = sections.last_mut().filter(|_| is_open) {
            if let Some(label) = marked(line, b"-----END ") {
                open.is_closed = label == open.label;
                is_open = false;
            } else {
                let is_encrypted = line.starts_with(b"Proc-Type:") && line.ends_with(b"ENCRYPTED");
                if is_encrypted && matches!(open.kind, Kind::Key(_)) {
                    open.kind = Kind::EncryptedKey;
                }
                open.lines.push(line);
            }
        } else if line.starts_with(b"-----END ") || has(line, b"BEGIN CERTIFICATE") {
            stray.push(Skipped { line: at + 1, label: None });
        }
    }
    (sections, stray)
}

/// The lines, which end with LF, CRLF, or all of them with CR, without white space around them.
fn lines(pem: &[u8]) -> impl Iterator<Item = &[u8]> {
    let end = if pem.contains(&b'\n') { b'\n' } else { b'\r' };
    pem.split(move |byte| *byte == end).map(<[u8]>::trim_ascii)
}

/// The label of a line that begins as `mark` and ends with dashes.
fn marked<'l>(line: &'l [u8], mark: &[u8]) -> Option<&'l [u8]> {
    let label = line.strip_prefix(mark)?.strip_suffix(b"-----")?;
    Some(label.trim_ascii())
}

fn has(line: &[u8], word: &[u8]) -> bool {
    line.windows(word.len()).any(|part| part == word)
}

#[cfg(test)]
#[path = "pem_tests.rs"]
pub(super) mod tests;
