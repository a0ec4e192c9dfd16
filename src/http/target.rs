//! Request targets in their four forms (RFC 9112 section 3.2).

use super::host::Host;
use super::method::Method;

/// In which form a request target was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `/path?query`
    Origin,
    /// `http://host/path?query`; its authority overrides the Host field.
    Absolute,
    /// `host:port`, with CONNECT only.
    Authority,
    /// `*`, with OPTIONS only.
    Asterisk,
}

/// What a request asks for. Bytes are as they were sent: nothing is decoded yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target<'b> {
    /// The form.
    pub form: Form,
    /// The path: begins with `/`, but is `*` in asterisk form and empty in authority form.
    pub path: &'b [u8],
    /// What follows the first `?`, without it.
    pub query: Option<&'b [u8]>,
}

impl<'b> Target<'b> {
    /// Reads a target, and the authority that absolute and authority form bring along.
    ///
    /// Bytes that are not visible ASCII are refused. Those that RFC 3986 would want escaped (`|`,
    /// `{`, `"` and so on) are let through because browsers send them, and a fragment is taken off.
    ///
    /// # Errors
    /// A sentence for the log; the answer is 400.
    pub fn parse(text: &'b [u8], method: Method) -> Result<(Self, Option<Host<'b>>), &'static str> {
        // Without an early end, so that the compiler can look at many bytes at once.
        const BAD: u8 = 1;
        const HASH: u8 = 2;
        let kinds = text.iter().fold(0, |kinds, &b| {
            let bad = BAD * u8::from(!(0x21..0x7f).contains(&b));
            kinds | bad | (HASH * u8::from(b == b'#'))
        });
        if kinds & BAD != 0 {
            return Err("invalid byte in the request target");
        }
        if method == Method::Connect {
            return authority_form(text);
        }
        let text = if kinds & HASH == 0 { text } else { without_fragment(text) };
        match text.first() {
            Some(b'/') => Ok((Self::split(Form::Origin, text), None)),
            Some(b'*') if text.len() == 1 && method == Method::Options => Ok((ASTERISK, None)),
            Some(b'*') => Err("asterisk form is for OPTIONS only"),
            _ => absolute_form(text, method),
        }
    }

    fn split(form: Form, text: &'b [u8]) -> Self {
        match memchr::memchr(b'?', text).and_then(|at| text.split_at_checked(at)) {
            Some((path, query)) => Self { form, path, query: query.get(1..) },
            None => Self { form, path: text, query: None },
        }
    }
}

/// A fragment is for the client alone; those that send it mean what stands before it.
fn without_fragment(text: &[u8]) -> &[u8] {
    text.split(|&b| b == b'#').next().unwrap_or_default()
}

const ASTERISK: Target<'static> = Target { form: Form::Asterisk, path: b"*", query: None };

fn authority_form(text: &[u8]) -> Result<(Target<'_>, Option<Host<'_>>), &'static str> {
    let host = Host::parse(text).map_err(|_| "invalid authority in the request target")?;
    if host.port.is_none() {
        return Err("CONNECT needs a port");
    }
    Ok((Target { form: Form::Authority, path: b"", query: None }, Some(host)))
}

fn absolute_form(
    text: &[u8],
    method: Method,
) -> Result<(Target<'_>, Option<Host<'_>>), &'static str> {
    let rest = after_scheme(text).ok_or("the request target is neither a path nor an http URL")?;
    let end = rest.iter().position(|b| matches!(b, b'/' | b'?')).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, b""));
    let host = Host::parse(authority).map_err(|_| "invalid authority in the request target")?;
    let target = match path.first() {
        Some(b'/') => Target::split(Form::Absolute, path),
        // "http://host" with OPTIONS means the server as a whole (RFC 9112 section 3.2.4).
        None if method == Method::Options => ASTERISK,
        None => Target { form: Form::Absolute, path: b"/", query: None },
        Some(_) => Target { form: Form::Absolute, path: b"/", query: path.get(1..) },
    };
    Ok((target, Some(host)))
}

fn after_scheme(text: &[u8]) -> Option<&[u8]> {
    [b"http://".as_slice(), b"https://"].into_iter().find_map(|scheme| {
        let (start, rest) = text.split_at_checked(scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then_some(rest)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, method: Method) -> String {
        match Target::parse(text.as_bytes(), method) {
            Err(_) => "refused".into(),
            Ok((target, host)) => format!(
                "{:?} {} {} {}",
                target.form,
                String::from_utf8_lossy(target.path),
                target.query.map_or_else(|| "-".into(), String::from_utf8_lossy),
                host.map_or_else(|| "-".into(), |h| String::from_utf8_lossy(h.text)),
            ),
        }
    }

    #[test]
    fn four_forms() {
        use Method::{Connect, Get, Options};
        let cases = [
            ("/", Get, "Origin / - -"),
            ("/a?b?c", Get, "Origin /a b?c -"),
            ("/a?", Get, "Origin /a  -"),
            ("//a", Get, "Origin //a - -"),
            ("/|{}\"^`", Get, "Origin /|{}\"^` - -"),
            ("*", Options, "Asterisk * - -"),
            ("*", Get, "refused"),
            ("*a", Options, "refused"),
            ("HTTP://h:1/a?b", Get, "Absolute /a b h:1"),
            ("https://h", Get, "Absolute / - h"),
            ("http://h?q", Get, "Absolute / q h"),
            ("http://[::1]:80/", Get, "Absolute / - [::1]:80"),
            ("http://h", Options, "Asterisk * - h"),
            ("http://h/", Options, "Absolute / - h"),
            ("http:///a", Get, "refused"),
            ("http://u@h/", Get, "refused"),
            ("http://h:x/", Get, "refused"),
            ("ftp://h/", Get, "refused"),
            ("http:/h", Get, "refused"),
            ("h:80", Get, "refused"),
            ("a", Get, "refused"),
            ("", Get, "refused"),
            ("/a#b", Get, "Origin /a - -"),
            ("/a?b#c?d", Get, "Origin /a b -"),
            ("/a#b?c#d", Get, "Origin /a - -"),
            ("/#/../x", Get, "Origin / - -"),
            ("http://h#@i/", Get, "Absolute / - h"),
            ("http://h?q#f", Get, "Absolute / q h"),
            ("*#", Options, "Asterisk * - -"),
            ("#a", Get, "refused"),
            ("/a#\u{7f}", Get, "refused"),
            ("/\u{e9}", Get, "refused"),
            ("/a\u{7f}", Get, "refused"),
            ("h:443", Connect, "Authority  - h:443"),
            ("[::1]:443", Connect, "Authority  - [::1]:443"),
            ("h", Connect, "refused"),
            ("h:", Connect, "refused"),
            ("h:443#a", Connect, "refused"),
            ("/", Connect, "refused"),
            ("http://h:1/", Connect, "refused"),
        ];
        for (text, method, wanted) in cases {
            assert_eq!(shown(text, method), wanted, "{text} {method:?}");
        }
    }
}
