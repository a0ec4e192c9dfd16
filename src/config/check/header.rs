//! Checks of header fields and media types.

use super::{Checked, Fault};

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

#[cfg(test)]
mod tests {
    use super::*;

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
}
