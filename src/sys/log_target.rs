//! Where the log goes.

/// Where the lines of the log go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Target {
    /// Standard error.
    #[default]
    Stderr,
    /// Datagrams to the system's log daemon, as of syslog(3).
    Syslog,
    /// Nowhere; the ring in memory keeps the last ones.
    None,
}

impl Target {
    /// Names for `--log`.
    pub const NAMES: [&'static str; 3] = ["stderr", "syslog", "none"];

    /// Reads a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "stderr" => Self::Stderr,
            "syslog" => Self::Syslog,
            "none" => Self::None,
            _ => return None,
        })
    }

    /// Its name, which [`Target::parse`] reads.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stderr => "stderr",
            Self::Syslog => "syslog",
            Self::None => "none",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for name in Target::NAMES {
            assert_eq!(Target::parse(name).map(Target::name), Some(name));
        }
        assert_eq!(Target::parse(""), None);
        assert_eq!(Target::default().name(), Target::NAMES[0]);
    }
}
