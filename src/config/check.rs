//! Checks of single values: text in, typed value or a sentence about what is wrong.

use std::net::IpAddr;

use super::settings::{Cidr, ListenOn, Origin, RejectKeyword};

/// Bytes of a text value, after substitution.
pub const TEXT_BYTES_MAX: usize = 8192;
/// Bytes of the name of a network interface (IFNAMSIZ less the final NUL).
const NIC_BYTES_MAX: usize = 15;
/// Bytes of a host name (RFC 1035 section 2.3.4).
const HOST_BYTES_MAX: usize = 253;
/// Bytes of a unix socket's path (`sockaddr_un` less the final NUL).
const SOCKET_PATH_BYTES_MAX: usize = 107;

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

type Checked<T> = Result<T, Fault>;

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

/// The value of a header field (RFC 9110 section 5.5).
pub(crate) fn header_value(text: &str) -> Checked<()> {
    match text.chars().find(|&c| c != '\t' && c.is_control()) {
        Some(c) => Err(Fault::new(format!("must not contain {c:?} in a header value"))
            .hint("a line break there would let the value forge other headers")),
        None => Ok(()),
    }
}

/// The name of a header field: a token (RFC 9110 section 5.6.2).
pub(crate) fn header_name(name: &str) -> Checked<()> {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if !name.is_empty() && name.bytes().all(token) {
        return Ok(());
    }
    let fault = Fault::new(format!("has {name:?}, which is no name of a header field"));
    Err(match name.strip_suffix(':') {
        Some(bare) => fault.hint(format!("leave the colon out: \"{bare}\"")),
        None => fault.hint("letters, digits and - are allowed, among a few others"),
    })
}

/// Header fields that the server itself must control, because they frame the message.
pub(crate) fn is_framing_header(name: &str) -> bool {
    const NAMES: [&str; 9] = [
        "connection",
        "content-length",
        "date",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    NAMES.iter().any(|n| name.eq_ignore_ascii_case(n))
}

/// A host name as it is compared with `Host`, or `*.` and a name.
pub(crate) fn host_name(name: &str) -> Checked<()> {
    if name.is_empty() || name.len() > HOST_BYTES_MAX {
        return Err(Fault::new(format!("must have 1 to {HOST_BYTES_MAX} bytes")));
    }
    if name.contains("://") || name.contains('/') {
        return Err(Fault::new(format!("must be a host name, not {name:?}"))
            .hint("write it without scheme and path: \"example.com\""));
    }
    let plain = name.strip_prefix("*.").unwrap_or(name);
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b) || b >= 0x80;
    let address = plain.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
    if address || (!plain.is_empty() && plain.bytes().all(allowed)) {
        return Ok(());
    }
    let fault = Fault::new(format!("must be a host name, not {name:?}"));
    Err(match plain.rsplit_once(':') {
        Some((host, digits)) if digits.bytes().all(|b| b.is_ascii_digit()) => {
            fault.hint(format!("the port goes into \"port\": \"name\": \"{host}\""))
        }
        _ => fault,
    })
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

/// A suffix such as `.zip` (or `*`) in lower case.
pub(crate) fn suffix(text: &str) -> Checked<String> {
    let ok = text == "*"
        || (text.len() > 1
            && text.starts_with('.')
            && !text.contains(['/', ' '])
            && line(text).is_ok());
    if ok {
        return Ok(text.to_ascii_lowercase());
    }
    let fault = Fault::new(format!("has {text:?}, which is no suffix"));
    Err(if text.is_empty() || text.starts_with('.') || text.contains(['/', ' ']) {
        fault.hint("write a dot and the letters after it: \".zip\"")
    } else {
        fault.hint(format!("write the dot too: \".{}\"", text.trim_start_matches('*')))
    })
}

/// A media type, or nothing for none.
pub(crate) fn media_type(text: &str) -> Checked<()> {
    header_value(text)?;
    let bare = text.split(';').next().unwrap_or_default().trim();
    let parts = bare.split_once('/');
    let ok = parts.is_some_and(|(a, b)| header_name(a).is_ok() && header_name(b).is_ok());
    if text.is_empty() || ok {
        Ok(())
    } else {
        Err(Fault::new(format!("has {text:?}, which is no media type"))
            .hint("for example \"application/zip\""))
    }
}

/// The name of an environment variable.
pub(crate) fn variable_name(name: &str) -> Checked<()> {
    if name.is_empty() || name.contains('=') || line(name).is_err() {
        return Err(Fault::new(format!("has {name:?}, which is no name of a variable")));
    }
    Ok(())
}

/// An address or `address/bits`; the flag says that bits of the host part were set.
pub(crate) fn cidr(text: &str) -> Checked<(Cidr, bool)> {
    let fault = || {
        Fault::new(format!("has {text:?}, which is no address block"))
            .hint("for example \"192.168.1.0/24\", \"10.1.2.3\" or \"fe80::/10\"")
    };
    let (address, bits) = match text.trim().split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (text.trim(), None),
    };
    let address: IpAddr = address.trim_matches(['[', ']']).parse().map_err(|_| fault())?;
    let width = if address.is_ipv4() { 32 } else { 128 };
    let mut bits = match bits {
        None => width,
        Some(bits) => {
            let digits = !bits.is_empty() && bits.bytes().all(|b| b.is_ascii_digit());
            let bits = bits.parse::<u8>().ok().filter(|_| digits);
            bits.filter(|&b| b <= width).ok_or_else(fault)?
        }
    };
    let mut address = address;
    if address.to_canonical() != address && bits >= 96 {
        address = address.to_canonical();
        bits -= 96;
    }
    let network = match address {
        IpAddr::V4(ip) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            IpAddr::V4((ip.to_bits() & mask).into())
        }
        IpAddr::V6(ip) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
            IpAddr::V6((ip.to_bits() & mask).into())
        }
    };
    Ok((Cidr { network, prefix_bits: bits }, network != address))
}

/// `interface` of a vhost that does not listen on a unix socket.
pub(crate) fn interface(text: &str) -> Checked<ListenOn> {
    line(text)?;
    let text = text.trim();
    let (bare, scope) = match text.split_once('%') {
        Some((bare, scope)) => (bare, Some(scope)),
        None => (text, None),
    };
    let bare = bare.strip_prefix('[').and_then(|b| b.strip_suffix(']')).unwrap_or(bare);
    match (bare.parse::<IpAddr>(), scope) {
        (Ok(IpAddr::V6(ip)), Some(scope)) if is_nic(scope) => {
            return Ok(ListenOn::Address(IpAddr::V6(ip), Some(scope.to_owned())));
        }
        (Ok(ip), None) => return Ok(ListenOn::Address(ip, None)),
        _ => {}
    }
    if text.starts_with(['/', '@']) {
        return Err(Fault::new(format!(
            "names a unix socket, {text:?}, but \"unix-socket\" is off"
        ))
        .hint("add \"unix-socket\": \"1\""));
    }
    if is_nic(text) {
        return Ok(ListenOn::Nic(text.to_owned()));
    }
    Err(Fault::new(format!("must be an address or the name of an interface, not {text:?}"))
        .hint("for example \"127.0.0.1\", \"fe80::1%eth0\" or \"eth0\""))
}

fn is_nic(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_graphic() && b != b'/' && b != b'%';
    !name.is_empty() && name.len() <= NIC_BYTES_MAX && name.bytes().all(allowed)
}

/// `interface` of a vhost that listens on a unix socket.
pub(crate) fn socket_path(text: &str) -> Checked<ListenOn> {
    path(text)?;
    if text.len() > SOCKET_PATH_BYTES_MAX {
        return Err(Fault::new(format!(
            "has {} bytes; the path of a unix socket has {SOCKET_PATH_BYTES_MAX} at most",
            text.len()
        )));
    }
    if text == "@" {
        return Err(Fault::new("must name the socket after the '@'"));
    }
    Ok(ListenOn::Unix(text.to_owned()))
}

/// `user:group` or `user:group:mode`.
pub(crate) fn socket_owner(text: &str) -> Checked<()> {
    line(text)?;
    let mut parts = text.split(':');
    let (user, group, mode) = (parts.next(), parts.next(), parts.next());
    let named = [user, group].iter().all(|p| p.is_some_and(|p| !p.trim().is_empty()));
    let octal = |m: &str| {
        (3..=4).contains(&m.len()) && u32::from_str_radix(m, 8).is_ok_and(|mode| mode <= 0o777)
    };
    if named && mode.is_none_or(octal) && parts.next().is_none() {
        return Ok(());
    }
    Err(Fault::new(format!("must be user:group or user:group:mode, not {text:?}"))
        .hint("for example \"www-data:www-data\" or \"root:adm:0660\""))
}

/// A mountpoint as it is matched: one `/` before each segment, none at the end. The flag says
/// that a leading `/` was missing.
pub(crate) fn mountpoint(text: &str) -> Checked<(String, bool)> {
    line(text)?;
    if let Some(c) = text.chars().find(|&c| c == '?' || c == '#') {
        return Err(Fault::new(format!("must be a path without {c:?}")));
    }
    let mut normal = String::with_capacity(text.len());
    for segment in text.split('/').filter(|s| !s.is_empty()) {
        if segment == "." || segment == ".." {
            return Err(Fault::new(format!("must not contain the segment {segment:?}"))
                .hint("requests are matched after such segments were resolved"));
        }
        normal.push('/');
        normal.push_str(segment);
    }
    if normal.is_empty() {
        normal.push('/');
    }
    Ok((normal, !text.starts_with('/')))
}

/// Schemes of `origin` that come with later capabilities.
const LATER_SCHEMES: [&str; 5] = ["http", "https", "cgi", "callback", "gzip"];
/// What `origin` may begin with, for suggestions.
pub(crate) const SCHEMES: [&str; 10] =
    ["file", "http", "https", "cgi", "callback", "gzip", ">http", ">https", "^http", "^https"];

/// `origin` by its scheme.
pub(crate) fn origin(text: &str) -> Checked<Origin> {
    line(text)?;
    let Some((scheme, rest)) = text.split_once("://") else {
        let fault = Fault::new(format!("has no scheme: {text:?}"));
        return Err(if text.starts_with('/') {
            fault.hint(format!("for a directory write \"file://{text}\""))
        } else {
            fault.hint("for example \"file:///var/www\" or \">https://example.com\"")
        });
    };
    if rest.is_empty() {
        return Err(Fault::new(format!("has nothing after {:?}", format!("{scheme}://"))));
    }
    match scheme {
        "file" => Ok(Origin::File(rest.to_owned())),
        ">http" | ">https" | "^http" | "^https" => redirect(text, rest),
        _ => match LATER_SCHEMES.into_iter().find(|s| *s == scheme) {
            Some(scheme) => Ok(Origin::NotBuilt { scheme, rest: rest.to_owned() }),
            None => {
                let fault = Fault::new(format!("has the unknown scheme {scheme:?}"));
                Err(match super::suggest::nearest(scheme, SCHEMES) {
                    Some(near) => fault.hint(format!("did you mean \"{near}://\"?")),
                    None => fault.hint(format!("known are {}", SCHEMES.join(", "))),
                })
            }
        },
    }
}

/// The target of a redirect mount: it goes into a `Location` header.
fn redirect(text: &str, rest: &str) -> Checked<Origin> {
    if rest.starts_with(['/', '?', '#', ':']) {
        return Err(Fault::new("redirects to no host").hint("for example \">https://example.com\""));
    }
    if !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(Fault::new("must not contain spaces or characters beyond ASCII")
            .hint("write them percent-encoded, and a host name in its xn-- form"));
    }
    Ok(Origin::Redirect(text.get(1..).unwrap_or_default().to_owned()))
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
    fn headers_cannot_split_a_response() {
        for bad in ["a\r\nb", "a\nb", "a\rb", "a\0", "a\x7f", "\u{85}"] {
            assert!(header_value(bad).is_err(), "{bad:?}");
        }
        assert!(header_value("a\tb, \u{e9}").is_ok());
        for bad in ["", "a b", "a:", "a\r", "\u{e9}", "a\n:b", "(x)"] {
            assert!(header_name(bad).is_err(), "{bad:?}");
        }
        assert!(header_name("X-Frame-Options").is_ok());
        assert!(is_framing_header("Content-Length") && !is_framing_header("X-Date"));
    }

    #[test]
    fn address_blocks() {
        let show = |t: &str| cidr(t).map(|(c, m)| (c.network.to_string(), c.prefix_bits, m));
        assert_eq!(show("10.0.0.0/8"), Ok(("10.0.0.0".into(), 8, false)));
        assert_eq!(show("10.1.2.3/8"), Ok(("10.0.0.0".into(), 8, true)));
        assert_eq!(show("10.1.2.3"), Ok(("10.1.2.3".into(), 32, false)));
        assert_eq!(show("0.0.0.0/0"), Ok(("0.0.0.0".into(), 0, false)));
        assert_eq!(show("::/0"), Ok(("::".into(), 0, false)));
        assert_eq!(show("fe80::1/10"), Ok(("fe80::".into(), 10, true)));
        assert_eq!(show("::ffff:10.1.0.0/112"), Ok(("10.1.0.0".into(), 16, false)));
        for bad in ["", "10.0.0", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/+8", "x/8"] {
            assert!(cidr(bad).is_err(), "{bad}");
        }
        let block = cidr("192.168.0.0/16").unwrap().0;
        assert!(block.contains("192.168.3.4".parse().unwrap()));
        assert!(!block.contains("192.169.0.1".parse().unwrap()));
    }

    #[test]
    fn mountpoints() {
        let ok = |t: &str| mountpoint(t).unwrap();
        assert_eq!(ok("/"), ("/".into(), false));
        assert_eq!(ok("//a///b//"), ("/a/b".into(), false));
        assert_eq!(ok("a"), ("/a".into(), true));
        assert_eq!(ok(""), ("/".into(), true));
        for bad in ["/a/../b", "/.", "/a?b", "/a#b", "/a\nb"] {
            assert!(mountpoint(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn origins() {
        assert_eq!(origin("file:///a"), Ok(Origin::File("/a".into())));
        for sign in [">", "^"] {
            let got = origin(&format!("{sign}https://x/y"));
            assert_eq!(got, Ok(Origin::Redirect("https://x/y".into())));
        }
        let got = origin("http://+/run/sock:/base").unwrap();
        assert_eq!(got, Origin::NotBuilt { scheme: "http", rest: "+/run/sock:/base".into() });
        for bad in ["", "/var/www", "files:///a", ">http:///x", ">http://a b", "cgi://", "x://y"] {
            assert!(origin(bad).is_err(), "{bad}");
        }
        let hint = origin("fiel:///a").unwrap_err().hint.unwrap();
        assert!(hint.contains("file://"), "{hint}");
        assert!(origin(">http://a\r\nX: y").is_err());
    }

    #[test]
    fn interfaces() {
        assert_eq!(interface("eth0"), Ok(ListenOn::Nic("eth0".into())));
        assert_eq!(interface("::1"), Ok(ListenOn::Address("::1".parse().unwrap(), None)));
        assert_eq!(interface("[::1]"), Ok(ListenOn::Address("::1".parse().unwrap(), None)));
        let scoped = ListenOn::Address("fe80::1".parse().unwrap(), Some("eth0".into()));
        assert_eq!(interface("fe80::1%eth0"), Ok(scoped));
        for bad in ["", "/run/x", "@x", "much-too-long-name", "a b", "127.0.0.1%lo"] {
            assert!(interface(bad).is_err(), "{bad}");
        }
        assert!(socket_path("/run/k.sock").is_ok() && socket_path("@k").is_ok());
        assert!(socket_path("@").is_err() && socket_path(&"x".repeat(108)).is_err());
    }

    #[test]
    fn socket_owners() {
        for ok in ["a:b", "a:b:0660", "a:b:660"] {
            assert!(socket_owner(ok).is_ok(), "{ok}");
        }
        for bad in ["a", "a:", ":b", "a:b:c", "a:b:0999", "a:b:0660:x", "a:b:4777"] {
            assert!(socket_owner(bad).is_err(), "{bad}");
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
        for bad in ["", "*.", "a:80", "http://a", "a b", "a/b", "a*"] {
            assert!(host_name(bad).is_err(), "{bad}");
        }
        assert_eq!(suffix(".ZIP"), Ok(".zip".into()));
        assert!(suffix("zip").unwrap_err().hint.unwrap().contains(".zip"));
        assert!(media_type("text/html; charset=utf-8").is_ok() && media_type("").is_ok());
        assert!(media_type("text").is_err() && media_type("a/b\r\n").is_err());
    }
}
