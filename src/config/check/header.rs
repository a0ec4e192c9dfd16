//! Checks of header fields and media types.

use super::{Checked, Fault, boolean};

/// Bytes of a charset's name; the longest registered ones have 45.
const CHARSET_BYTES_MAX: usize = 64;
/// Bytes of a media type with its parameters.
pub const MEDIA_TYPE_BYTES_MAX: usize = 128;

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
    let fault = Fault::new(format!("has {name:?}, which is not the name of a header field"));
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
    if text.len() > MEDIA_TYPE_BYTES_MAX {
        let fault = format!("has a media type of {} bytes", text.len());
        return Err(Fault::new(fault).hint(format!("it may have {MEDIA_TYPE_BYTES_MAX}")));
    }
    let bare = text.split(';').next().unwrap_or_default().trim();
    let parts = bare.split_once('/');
    let ok = parts.is_some_and(|(a, b)| header_name(a).is_ok() && header_name(b).is_ok());
    if text.is_empty() || ok {
        Ok(())
    } else {
        Err(Fault::new(format!("has {text:?}, which is not a media type"))
            .hint("for example \"application/zip\""))
    }
}

/// The name of a charset (RFC 9110 section 8.3.2), `off` for none.
pub(crate) fn charset(text: &str) -> Checked<String> {
    let name = text.trim();
    let is_off = name.is_empty() || boolean(name) == Ok(false);
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-_.:+".contains(c);
    if is_off {
        Ok("off".to_owned())
    } else if name.len() <= CHARSET_BYTES_MAX
        && name.contains(char::is_alphabetic)
        && name.chars().all(is_name)
    {
        Ok(name.to_owned())
    } else {
        Err(Fault::new(format!("must be the name of a charset, not {text:?}"))
            .hint("for example \"utf-8\" or \"iso-8859-1\"; \"off\" says nothing about it"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charsets() {
        for (text, want) in
            [("utf-8", "utf-8"), (" ISO-8859-1 ", "ISO-8859-1"), ("", "off"), ("0", "off")]
        {
            assert_eq!(charset(text).as_deref(), Ok(want));
        }
        for bad in ["utf 8", "utf-8;x", "\"utf-8\"", "1", "x\ry", &"x".repeat(65)] {
            assert!(charset(bad).is_err(), "{bad}");
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
}
