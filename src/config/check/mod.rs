//! Checks of single values: text in, typed value or a sentence about what is wrong.

mod header;
mod idna;
mod mount;
mod network;

use super::settings::RejectKeyword;

pub use header::MEDIA_TYPE_BYTES_MAX;
pub(crate) use header::{charset, header_name, header_value, is_framing_header, media_type};
pub(crate) use mount::{error_document, is_reachable, mountpoint, origin};
pub(crate) use network::{cidr, host_name, interface, near_host_name, socket_owner, socket_path};

/// Bytes of a text value, after substitution.
pub const TEXT_BYTES_MAX: usize = 8192;

/// What is wrong with a value, as the end of the sentence `"key" …`, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl Fault {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// The value, or what is wrong with it.
pub(crate) type Checked<T> = Result<T, Fault>;

/// On or off as lwsws reads it, but anything else is a fault instead of off.
pub(crate) fn boolean(text: &str) -> Checked<bool> {
    let word = text.trim();
    let is = |list: &[&str]| list.iter().any(|w| word.eq_ignore_ascii_case(w));
    let digits = word.strip_prefix('-').unwrap_or(word);
    if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(digits.bytes().any(|b| b != b'0'));
    }
    if is(&["on", "yes", "true"]) {
        Ok(true)
    } else if is(&["off", "no", "false"]) {
        Ok(false)
    } else {
        Err(Fault::new(format!("must be on or off, not {text:?}"))
            .hint("write \"1\", \"on\", \"yes\" or true; or \"0\", \"off\", \"no\" or false"))
    }
}

/// A whole number within limits, in decimal.
pub(crate) fn integer(text: &str, min: u64, max: u64, unit: &str) -> Checked<u64> {
    let word = text.trim();
    let of = if unit.is_empty() { String::new() } else { format!(" ({unit})") };
    let fault =
        || Fault::new(format!("must be a whole number from {min} to {max}{of}, not {text:?}"));
    if word.is_empty() || !word.bytes().all(|b| b.is_ascii_digit()) {
        return Err(fault());
    }
    match word.parse::<u64>() {
        Ok(n) if n >= min && n <= max => Ok(n),
        _ => Err(fault()),
    }
}

/// Bytes, with an optional suffix k, M or G (powers of 1024).
pub(crate) fn size(text: &str, min: u64, max: u64) -> Checked<u64> {
    let word = text.trim();
    let (digits, shift) = match word.as_bytes().last() {
        Some(b'k' | b'K') => (word.get(..word.len() - 1), 10),
        Some(b'm' | b'M') => (word.get(..word.len() - 1), 20),
        Some(b'g' | b'G') => (word.get(..word.len() - 1), 30),
        _ => (Some(word), 0),
    };
    let digits = digits.unwrap_or_default().trim_end();
    let number = Some(digits)
        .filter(|d| !d.is_empty() && d.bytes().all(|b| b.is_ascii_digit()))
        .and_then(|d| d.parse::<u64>().ok())
        .and_then(|n| n.checked_mul(1 << shift));
    match number {
        Some(n) if n >= min && n <= max => Ok(n),
        _ => {
            Err(Fault::new(format!("must be a number of bytes from {min} to {max}, not {text:?}"))
                .hint("a suffix k, M or G multiplies by 1024, 1024² or 1024³: \"64k\""))
        }
    }
}

/// Text without control characters.
pub(crate) fn line(text: &str) -> Checked<()> {
    match text.chars().find(|c| c.is_control()) {
        Some(c) => Err(Fault::new(format!("must not contain the control character {c:?}"))),
        None => Ok(()),
    }
}

/// A path in the file system.
pub(crate) fn path(text: &str) -> Checked<()> {
    line(text)?;
    if text.trim().is_empty() {
        return Err(Fault::new("must not be empty").hint("leave the key out instead"));
    }
    Ok(())
}

/// The path of a URL.
pub(crate) fn url_path(text: &str) -> Checked<()> {
    line(text)?;
    if !text.starts_with('/') || text.starts_with("//") {
        return Err(Fault::new(format!("must be a path that begins with one '/', not {text:?}")));
    }
    if !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(Fault::new("must not contain spaces or characters beyond ASCII")
            .hint("write them percent-encoded: %20"));
    }
    Ok(())
}

/// `keyword` and `404 Some text` as an entry of `reject-service-keywords`.
pub(crate) fn parse_keyword(keyword: &str, answer: &str) -> Option<RejectKeyword> {
    let answer = answer.trim();
    let digits = answer.bytes().take_while(u8::is_ascii_digit).count();
    let status = answer.get(..digits)?.parse::<u16>().ok()?;
    let rest = answer.get(digits..)?;
    let separate = rest.is_empty() || rest.starts_with(' ');
    (separate && (200..=599).contains(&status) && !keyword.is_empty()).then(|| RejectKeyword {
        keyword: keyword.to_owned(),
        status,
        text: rest.trim().to_owned(),
    })
}

/// A suffix such as `.zip` (or `*`) in lower case. lwsws does without the dot, so that may be
/// missing.
pub(crate) fn suffix(text: &str) -> Checked<String> {
    let bare = text.trim_start_matches('*').trim_start_matches('.');
    if text == "*" {
        Ok(text.to_owned())
    } else if bare.is_empty() || bare.contains(['/', ' ', '*']) || line(bare).is_err() {
        Err(Fault::new(format!("has {text:?}, which is not a suffix"))
            .hint("write a dot and the letters after it: \".zip\""))
    } else {
        Ok(format!(".{}", bare.to_ascii_lowercase()))
    }
}

/// The name of an environment variable.
pub(crate) fn variable_name(name: &str) -> Checked<()> {
    if name.is_empty() || name.contains('=') || line(name).is_err() {
        return Err(Fault::new(format!("has {name:?}, which is not the name of a variable")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn booleans() {
        for yes in ["1", "on", "YES", "true", "2", "-1", "010", " on "] {
            assert_eq!(boolean(yes), Ok(true), "{yes}");
        }
        for no in ["0", "off", "No", "false", "00", "-0"] {
            assert_eq!(boolean(no), Ok(false), "{no}");
        }
        for bad in ["", "y", "1x", "enable", "-", "1.5"] {
            assert!(boolean(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn integers_never_wrap() {
        assert_eq!(integer("65535", 0, 65_535, ""), Ok(65_535));
        assert_eq!(integer(" 7 ", 0, 65_535, ""), Ok(7));
        for bad in ["65536", "99999", "-1", "+1", "", "1e3", "0x10", "99999999999999999999999"] {
            assert!(integer(bad, 0, 65_535, "").is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes() {
        assert_eq!(size("4096", 0, u64::MAX), Ok(4096));
        assert_eq!(size("8k", 0, u64::MAX), Ok(8192));
        assert_eq!(size("64 M", 0, u64::MAX), Ok(64 << 20));
        assert_eq!(size("2G", 0, u64::MAX), Ok(2 << 30));
        for bad in ["", "k", "8kk", "-1", "99999999999G", "1.5M", "8T"] {
            assert!(size(bad, 0, u64::MAX).is_err(), "{bad}");
        }
    }

    #[test]
    fn keywords_and_names() {
        let got = parse_keyword("bot", "404 Not Found").unwrap();
        assert_eq!((got.status, got.text.as_str()), (404, "Not Found"));
        assert_eq!(parse_keyword("bot", "403").unwrap().text, "");
        for (k, v) in [("bot", "x"), ("bot", "99"), ("bot", "600 x"), ("", "403"), ("b", "403x")] {
            assert!(parse_keyword(k, v).is_none(), "{k} {v}");
        }
        for ok in ["default", "example.com", "*.example.com", "127.0.0.1", "[::1]", "a_b"] {
            assert!(host_name(ok).is_ok(), "{ok}");
        }
        for address in ["::1", "[::1]", "0:0::1", "[0:0:0:0:0:0:0:1]"] {
            assert_eq!(host_name(address), Ok("[::1]".into()), "{address}");
        }
        for bad in ["", "*.", "a:80", "http://a", "a b", "a/b", "a*"] {
            assert!(host_name(bad).is_err(), "{bad}");
        }
        assert_eq!(suffix(".ZIP"), Ok(".zip".into()));
        assert_eq!(suffix("zip"), Ok(".zip".into()));
        assert_eq!(suffix("*.tar.gz"), Ok(".tar.gz".into()));
        assert!(suffix("").is_err() && suffix(".").is_err() && suffix("a/b").is_err());
        assert!(media_type("text/html; charset=utf-8").is_ok() && media_type("").is_ok());
        assert!(media_type("text").is_err() && media_type("a/b\r\n").is_err());
    }
}
