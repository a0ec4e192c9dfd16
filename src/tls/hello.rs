//! What matters of a ClientHello before the handshake begins (RFC 8446 section 4.1.2).
//!
//! rustls reads and judges the same bytes afterwards. Nothing that is agreed on hangs on what is
//! read here: it chooses the vhost and what that one offers.

use std::borrow::Cow;

use rustls::pki_types::ServerName;

use crate::tls::record::records::{Front, PLAIN_BYTES_MAX, RECORD_HEAD_BYTES, front};

/// `server_name` (RFC 6066 section 3)
const SERVER_NAME: u16 = 0;
/// `max_fragment_length` (RFC 6066 section 4)
const MAX_FRAGMENT_LENGTH: u16 = 1;
/// `application_layer_protocol_negotiation` (RFC 7301)
const PROTOCOLS: u16 = 16;
/// `record_size_limit` (RFC 8449)
const RECORD_SIZE_LIMIT: u16 = 28;

/// The type that a `server_name` gets which rustls would refuse the hello for: one for private
/// use, which no client sends.
const HIDDEN: u16 = 0xff6b;

/// Fewest bytes in a record that a client may ask for; less would be a way to make us work.
const FRAGMENT_BYTES_MIN: usize = 512;

/// What matters of a ClientHello before the handshake begins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hello {
    /// The server name that it asks for, in lower case (RFC 6066 section 3).
    pub server_name: Option<Box<str>>,
    /// The protocols that it offers, preferred ones first (RFC 7301).
    pub protocols: Vec<Box<[u8]>>,
    /// Most bytes of plaintext in a record that it wants to get, when that is fewer than usual.
    pub fragment_bytes: Option<usize>,
    /// Where in the message the type of a `server_name` stands that is no name.
    pub(super) odd_name_at: Option<usize>,
}

impl Hello {
    /// Reads a whole handshake message; none when it is not built as a hello is.
    pub(super) fn read(message: &[u8]) -> Option<Self> {
        let mut rest = message.get(4 + 2 + 32..)?;
        vector(&mut rest, 1)?;
        vector(&mut rest, 2)?;
        vector(&mut rest, 1)?;
        let mut hello = Self::default();
        let mut is_hidden = false;
        let mut extensions = if rest.is_empty() { rest } else { vector(&mut rest, 2)? };
        while !extensions.is_empty() {
            let at = message.len() - rest.len() - extensions.len();
            let kind = number(&mut extensions, 2)?;
            let body = vector(&mut extensions, 2)?;
            match u16::try_from(kind).ok()? {
                SERVER_NAME => hello.take_name(body, at)?,
                PROTOCOLS => hello.protocols = protocols(body)?,
                MAX_FRAGMENT_LENGTH => match body {
                    [code @ 1..=4] => hello.limit(256 << code),
                    _ => return None,
                },
                // One byte of it is the content type.
                RECORD_SIZE_LIMIT => match body {
                    [high, low] => {
                        hello.limit(usize::from(u16::from_be_bytes([*high, *low])).checked_sub(1)?);
                    }
                    _ => return None,
                },
                HIDDEN => is_hidden = true,
                _ => {}
            }
        }
        // Whoever sends that type too is up to something; rustls will say what it thinks of it.
        hello.odd_name_at = hello.odd_name_at.filter(|_| !is_hidden);
        Some(hello)
    }

    /// One host name (RFC 6066 section 3). An address is no name, and is ignored; so is what else
    /// clients write there by mistake.
    fn take_name(&mut self, mut body: &[u8], at: usize) -> Option<()> {
        let mut list = vector(&mut body, 2)?;
        let kind = number(&mut list, 1)?;
        let name = vector(&mut list, 2).unwrap_or_default();
        if !body.is_empty() || (kind == 0 && !list.is_empty()) {
            return None;
        }
        match ServerName::try_from(name) {
            Ok(ServerName::DnsName(name)) if kind == 0 => {
                self.server_name = Some(name.as_ref().to_ascii_lowercase().into());
            }
            Ok(ServerName::IpAddress(_)) if kind == 0 => {}
            _ => self.odd_name_at = Some(at),
        }
        Some(())
    }

    fn limit(&mut self, bytes: usize) {
        if bytes < PLAIN_BYTES_MAX {
            let bytes = bytes.max(FRAGMENT_BYTES_MIN);
            self.fragment_bytes = Some(self.fragment_bytes.map_or(bytes, |least| least.min(bytes)));
        }
    }
}

fn protocols(mut body: &[u8]) -> Option<Vec<Box<[u8]>>> {
    let mut list = vector(&mut body, 2)?;
    let mut found = Vec::new();
    while !list.is_empty() {
        found.push(vector(&mut list, 1)?.into());
    }
    Some(found)
}

/// A number of `bytes` bytes.
fn number(rest: &mut &[u8], bytes: usize) -> Option<usize> {
    let (digits, after) = rest.split_at_checked(bytes)?;
    *rest = after;
    Some(digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit)))
}

/// The content of a vector whose length has `bytes` bytes.
fn vector<'a>(rest: &mut &'a [u8], bytes: usize) -> Option<&'a [u8]> {
    let length = number(rest, bytes)?;
    let (content, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(content)
}

/// The contents of whole records, one after the other: where they begin, and how long they are.
fn contents(bytes: &[u8]) -> impl Iterator<Item = (usize, usize)> + '_ {
    let mut at = 0;
    core::iter::from_fn(move || {
        let Front::Record { bytes: record } = front(bytes.get(at..)?) else { return None };
        let start = at + RECORD_HEAD_BYTES;
        at += record;
        Some((start, record - RECORD_HEAD_BYTES))
    })
}

/// The message in whole records.
pub(super) fn joined(records: &[u8]) -> Cow<'_, [u8]> {
    let content = |(start, bytes)| records.get(start..start + bytes).unwrap_or_default();
    let mut pieces = contents(records).map(content);
    let first = pieces.next().unwrap_or_default();
    match pieces.next() {
        None => Cow::Borrowed(first),
        Some(second) => {
            Cow::Owned([first, second].into_iter().chain(pieces).flatten().copied().collect())
        }
    }
}

/// Changes the type of the extension at `at` of the message into one that rustls does not know.
pub(super) fn hide(records: &mut [u8], at: usize) {
    for (at, byte) in (at..).zip(HIDDEN.to_be_bytes()) {
        let mut left = at;
        let place = contents(records).find_map(|(start, bytes)| {
            let found = (left < bytes).then_some(start + left);
            left = left.saturating_sub(bytes);
            found
        });
        if let Some(place) = place.and_then(|place| records.get_mut(place)) {
            *place = byte;
        }
    }
}
