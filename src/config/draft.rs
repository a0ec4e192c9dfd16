//! Settings while they are being read: some keys only make sense together, so that their values
//! wait here until the whole object was seen.

use super::settings::{Located, Mount, Place, Typed, Vhost};

/// A vhost while its keys are being read.
#[derive(Debug, Default)]
pub(crate) struct VhostDraft {
    pub(crate) vhost: Vhost,
    pub(crate) port: Option<Located<u16>>,
    pub(crate) interface: Option<Located<String>>,
    pub(crate) unix_socket: Option<Located<bool>>,
    pub(crate) noipv6: Option<Located<bool>>,
    pub(crate) ipv6only: Option<Located<bool>>,
    pub(crate) tls: TlsDraft,
}

/// The TLS keys of a vhost as they were written.
#[derive(Debug, Default)]
pub(crate) struct TlsDraft {
    /// A value that is missing was reported already, or is within what could not be read.
    pub(crate) excused: bool,
    pub(crate) cert: Option<Located<String>>,
    pub(crate) key: Option<Located<String>>,
    pub(crate) ca: Option<Located<String>>,
    pub(crate) ignore_missing_cert: Option<Located<bool>>,
    pub(crate) client_cert_required: Option<Located<bool>>,
    pub(crate) ciphers: Option<Located<String>>,
    pub(crate) tls13_ciphers: Option<Located<String>>,
    pub(crate) ecdh_curve: Option<Located<String>>,
    /// Empty text means no ALPN; none that the global default counts.
    pub(crate) alpn: Option<Located<String>>,
    pub(crate) options_set: Vec<Located<u64>>,
    pub(crate) options_cleared: Vec<Located<u64>>,
    pub(crate) allow_non_tls: Option<Located<bool>>,
    pub(crate) redirect_http: Option<Located<bool>>,
    pub(crate) allow_http_on_https: Option<Located<bool>>,
}

/// A mount while its keys are being read.
#[derive(Debug, Default)]
pub(crate) struct MountDraft {
    pub(crate) mount: Mount,
    pub(crate) mountpoint: Option<Located<String>>,
    pub(crate) origin: Option<Located<String>>,
}

/// A value with its place.
pub(crate) const fn located<T>(value: T, place: Place) -> Located<T> {
    Located { value, place }
}

impl Typed {
    /// The number, or 0. Kinds with a range guarantee that it fits.
    pub(crate) fn u64(&self) -> u64 {
        match self {
            Self::Number(n) => *n,
            _ => 0,
        }
    }

    /// The number as far as it fits into 32 bits.
    pub(crate) fn u32(&self) -> u32 {
        u32::try_from(self.u64()).unwrap_or(u32::MAX)
    }

    /// The number as far as it fits into 16 bits.
    pub(crate) fn u16(&self) -> u16 {
        u16::try_from(self.u64()).unwrap_or(u16::MAX)
    }

    /// The number, with 0 standing for `default`, as in lwsws.
    pub(crate) fn u32_or(&self, default: u32) -> u32 {
        match self.u32() {
            0 => default,
            n => n,
        }
    }

    /// The number, with 0 standing for none.
    pub(crate) fn some_u32(&self) -> Option<u32> {
        Some(self.u32()).filter(|&n| n > 0)
    }

    /// The flag, or off.
    pub(crate) const fn on(&self) -> bool {
        matches!(self, Self::Flag(true))
    }

    /// The flag and its place.
    pub(crate) const fn flag_at(&self, place: Place) -> Option<Located<bool>> {
        Some(located(self.on(), place))
    }

    /// The text and its place, with blank text standing for none.
    pub(crate) fn text_at(self, place: Place) -> Option<Located<String>> {
        Some(located(self.text(), place)).filter(|text| !text.value.trim().is_empty())
    }

    /// The text, or nothing.
    pub(crate) fn text(self) -> String {
        match self {
            Self::Text(text) => text,
            _ => String::new(),
        }
    }

    /// The text, with the empty one standing for none.
    pub(crate) fn some_text(self) -> Option<String> {
        Some(self.text()).filter(|text| !text.is_empty())
    }

    /// The pairs, or none.
    pub(crate) fn pairs(self) -> Vec<(String, String)> {
        match self {
            Self::Pairs(pairs) => pairs,
            _ => Vec::new(),
        }
    }

    /// The address blocks, or none.
    pub(crate) fn blocks(self) -> Vec<super::settings::Cidr> {
        match self {
            Self::Blocks(blocks) => blocks,
            _ => Vec::new(),
        }
    }

    /// Whether the value asks for nothing, so that a missing capability does not matter.
    pub(crate) fn is_neutral(&self) -> bool {
        match self {
            Self::Flag(on) => !on,
            Self::Number(n) => *n == 0,
            Self::Text(text) => text.is_empty(),
            Self::Texts(list) => list.is_empty(),
            Self::Pairs(pairs) => pairs.is_empty(),
            Self::Blocks(blocks) => blocks.is_empty(),
            Self::Protocols(protocols) => protocols.is_empty(),
        }
    }
}
