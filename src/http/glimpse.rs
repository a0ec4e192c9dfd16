//! What can be made out of bytes that were refused: for the log, and for the shape of the answer.

use super::fields::Field;
use super::token::trim;

/// Pieces of a request as they were sent, unchecked: any bytes may be in them but line feeds.
/// One that is not there is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Glimpse<'b> {
    /// What stands before the first space of the first line.
    pub method: &'b [u8],
    /// What stands between the first two spaces.
    pub target: &'b [u8],
    /// What stands behind them.
    pub version: &'b [u8],
    /// `Referer`, the first one.
    pub referer: Option<&'b [u8]>,
    /// `User-Agent`, the first one.
    pub user_agent: Option<&'b [u8]>,
}

impl<'b> Glimpse<'b> {
    /// Looks at the lines up to the first empty one.
    #[cold]
    #[must_use]
    pub fn of(bytes: &'b [u8]) -> Self {
        let mut lines = bytes.split(|&byte| byte == b'\n').map(trim_end);
        let first = lines.find(|line| !line.is_empty()).unwrap_or_default();
        let mut words = first.splitn(3, |&byte| byte == b' ');
        let mut word = || words.next().unwrap_or_default();
        let mut seen = Self { method: word(), target: word(), version: word(), ..Self::default() };
        for line in lines.take_while(|line| !line.is_empty()) {
            let mut parts = line.splitn(2, |&byte| byte == b':');
            let (Some(name), Some(value)) = (parts.next(), parts.next()) else { continue };
            let field = match Field::from_name(name) {
                Some(Field::Referer) => &mut seen.referer,
                Some(Field::UserAgent) => &mut seen.user_agent,
                _ => continue,
            };
            field.get_or_insert(trim(value));
        }
        seen
    }
}

fn trim_end(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(bytes: &[u8]) -> String {
        let Glimpse { method, target, version, referer, user_agent } = Glimpse::of(bytes);
        let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
        let field = |value: Option<&[u8]>| value.map_or_else(|| "-".to_owned(), text);
        [text(method), text(target), text(version), field(referer), field(user_agent)].join("|")
    }

    #[test]
    fn what_is_there_is_seen_and_what_is_not_is_empty() {
        for (bytes, wanted) in [
            ("", "|||-|-"),
            ("\r\n\r\n", "|||-|-"),
            ("GET", "GET|||-|-"),
            ("GET /a", "GET|/a||-|-"),
            ("GET /a HTTP/1.1\r\nUser-Agent: x", "GET|/a|HTTP/1.1|-|x"),
            ("\r\nGET /a b HTTP/1.1\r\n\r\n", "GET|/a|b HTTP/1.1|-|-"),
            (
                "GET / HTTP/2.0\nreferer:r \nUSER-AGENT:\t a/1\r\nUser-Agent: b\n",
                "GET|/|HTTP/2.0|r|a/1",
            ),
            ("POST / HTTP/1.1\r\n\r\nUser-Agent: body", "POST|/|HTTP/1.1|-|-"),
            ("GET / HTTP/1.1\r\nx\r\nUser-Agent : no\r\nReferer:\r\n\r\n", "GET|/|HTTP/1.1||-"),
            ("\u{16}\u{3}\u{1} \"", "\\x16\\x03\\x01|\\\"||-|-"),
        ] {
            assert_eq!(shown(bytes.as_bytes()), wanted, "{bytes:?}");
        }
        // However the bytes are cut, and whatever they are.
        let all = b"GET /a HTTP/1.1\r\nReferer: r\r\nUser-Agent: \xff\r\n\r\nbody";
        for cut in 0..all.len() {
            let _ = Glimpse::of(&all[..cut]);
        }
        assert_eq!(shown(all), "GET|/a|HTTP/1.1|r|\\xff");
    }
}
