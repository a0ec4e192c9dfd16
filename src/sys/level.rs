//! Levels of the log, by name and by lwsws' bits.

/// How much a line matters; the log has a level and writes what matters as much or more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    /// Only as a level of the log: no lines at all.
    Silent = 0,
    /// Something does not work.
    Error = 1,
    /// Something is not as it should be.
    Warn = 2,
    /// What an administrator wants to see: start, stop, reload.
    Notice = 3,
    /// What helps to follow the work.
    Info = 4,
    /// What helps to find a fault.
    Debug = 5,
}

impl Level {
    /// Names for `--debug`, in rising order.
    pub const NAMES: [&'static str; 6] = ["silent", "error", "warn", "notice", "info", "debug"];

    /// Reads a name, or lwsws' sum of bits (1 error, 2 warning, 4 notice, 8 info, 16 debug and
    /// finer ones above, 1024 "user", which says nothing here), decimal or `0x` hexadecimal. The
    /// highest bit wins: these levels include the ones below.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        const USER: u32 = 1024;
        let number = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
            Some(digits) => u32::from_str_radix(digits, 16).ok(),
            None => text.parse::<u32>().ok(),
        };
        if let Some(bits) = number {
            return Some(match bits & !USER {
                0 if bits == 0 => Self::Silent,
                0 | 4..=7 => Self::Notice,
                1 => Self::Error,
                2 | 3 => Self::Warn,
                8..=15 => Self::Info,
                _ => Self::Debug,
            });
        }
        Some(match text.to_ascii_lowercase().as_str() {
            "silent" | "none" | "off" => Self::Silent,
            "error" | "err" => Self::Error,
            "warn" | "warning" => Self::Warn,
            "notice" => Self::Notice,
            "info" => Self::Info,
            "debug" => Self::Debug,
            _ => return None,
        })
    }

    /// Its name, which [`Level::parse`] reads.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Silent => "silent",
            Self::Warn => "warn",
            other => other.word(),
        }
    }

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Silent => "",
            Self::Error => "error",
            Self::Warn => "warning",
            Self::Notice => "notice",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }

    /// Priority of RFC 5424, which journald reads between angle brackets.
    pub(super) const fn priority(self) -> u8 {
        match self {
            Self::Silent | Self::Error => 3,
            Self::Warn => 4,
            Self::Notice => 5,
            Self::Info => 6,
            Self::Debug => 7,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for (at, name) in Level::NAMES.iter().enumerate() {
            let level = Level::parse(name).unwrap();
            assert_eq!((level as usize, level.name()), (at, *name));
        }
    }

    #[test]
    fn levels_are_names_or_bits() {
        for (text, expected) in [
            ("0", Some(Level::Silent)),
            ("1", Some(Level::Error)),
            ("2", Some(Level::Warn)),
            ("3", Some(Level::Warn)),
            ("7", Some(Level::Notice)),
            ("1031", Some(Level::Notice)),
            ("1024", Some(Level::Notice)),
            ("15", Some(Level::Info)),
            ("0xf", Some(Level::Info)),
            ("31", Some(Level::Debug)),
            ("65535", Some(Level::Debug)),
            ("4294967295", Some(Level::Debug)),
            ("error", Some(Level::Error)),
            ("WARNING", Some(Level::Warn)),
            ("notice", Some(Level::Notice)),
            ("debug", Some(Level::Debug)),
            ("off", Some(Level::Silent)),
            ("", None),
            ("4294967296", None),
            ("-1", None),
            ("verbose", None),
        ] {
            assert_eq!(Level::parse(text), expected, "{text:?}");
        }
        for name in Level::NAMES {
            assert!(Level::parse(name).is_some());
        }
    }
}
