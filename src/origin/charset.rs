//! What the first bytes of a text say about their charset, so that `Content-Type` does not
//! contradict them: browsers believe the field before a declaration.

use memchr::memmem;

/// Bytes that are looked at, as many as HTML gives a declaration (HTML, 4.2.5.4).
pub(super) const LOOK_BYTES: usize = 1024;

/// Whether a text of the type `media`, which begins with `head`, can be sent as `charset`: it has
/// no other byte order mark, declares nothing else, and is UTF-8 where that is promised.
pub(super) fn agrees(head: &[u8], media: &str, charset: &str) -> bool {
    let is_utf8 = is_same(b"utf-8", charset);
    if head.starts_with(b"\xef\xbb\xbf") {
        return is_utf8;
    }
    // UTF-16 and UTF-32, with a mark or without one: no other text has a NUL.
    if head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") || head.contains(&0) {
        return false;
    }
    let declared = if media.starts_with("text/html") {
        of_meta(head)
    } else if media.starts_with("text/css") {
        head.strip_prefix(b"@charset ").and_then(|rest| label(rest))
    } else if media.contains("xml") {
        of_xml(head)
    } else {
        None
    };
    match declared {
        Some(label) => is_same(label, charset),
        // The last character of a long text may go on behind the bytes that are looked at.
        None => {
            let is_cut = head.len() == LOOK_BYTES;
            let is_tail = |error: core::str::Utf8Error| is_cut && error.error_len().is_none();
            !is_utf8 || core::str::from_utf8(head).map_or_else(is_tail, |_| true)
        }
    }
}

/// Labels are the same in upper and lower case; `utf8` is an old one (Encoding, 4.2).
fn is_same(label: &[u8], charset: &str) -> bool {
    let usual = |label: &[u8]| label.eq_ignore_ascii_case(b"utf8");
    label.eq_ignore_ascii_case(charset.as_bytes())
        || (usual(label) && charset.eq_ignore_ascii_case("utf-8"))
}

/// The encoding of an XML declaration (XML 1.0, 2.8).
fn of_xml(head: &[u8]) -> Option<&[u8]> {
    let rest = head.strip_prefix(b"<?xml")?;
    let declaration = rest.get(..memmem::find(rest, b"?>")?)?;
    value(declaration, b"encoding")
}

/// The charset of the first `<meta>` that names one, in `charset` or in `content`; what stands in
/// a comment does not count.
fn of_meta(head: &[u8]) -> Option<&[u8]> {
    let mut rest = head;
    loop {
        rest = rest.get(memchr::memchr(b'<', rest)?..)?;
        if rest.starts_with(b"<!--") {
            rest = rest.get(memmem::find(rest, b"-->")?..)?;
            continue;
        }
        let end = memchr::memchr(b'>', rest).unwrap_or(rest.len());
        let (tag, after) = rest.split_at_checked(end)?;
        let is_meta = tag.get(1..5).is_some_and(|name| name.eq_ignore_ascii_case(b"meta"));
        // A description may say anything.
        let is_text = find(tag, b"content").is_some() && find(tag, b"http-equiv").is_none();
        let is_meta = is_meta && !is_text;
        if let Some(label) = value(tag, b"charset").filter(|_| is_meta) {
            return Some(label);
        }
        rest = after;
    }
}

/// What follows `name` and an equals sign in a tag or declaration.
fn value<'t>(text: &'t [u8], name: &[u8]) -> Option<&'t [u8]> {
    let rest = text.get(find(text, name)? + name.len()..)?;
    label(rest.trim_ascii_start().strip_prefix(b"=")?)
}

/// Where `name` stands in `text`, in upper or lower case.
fn find(text: &[u8], name: &[u8]) -> Option<usize> {
    text.windows(name.len()).position(|here| here.eq_ignore_ascii_case(name))
}

/// A label with or without quotes.
fn label(text: &[u8]) -> Option<&[u8]> {
    let text = text.trim_ascii_start();
    let text = text.strip_prefix(b"\"").or_else(|| text.strip_prefix(b"'")).unwrap_or(text);
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:+".contains(byte);
    let len = text.iter().position(|byte| !is_part(byte)).unwrap_or(text.len());
    text.get(..len).filter(|label| !label.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_declares_itself() {
        for (page, is_utf8) in [
            (&b"<p>plain"[..], true),
            (b"<meta charset=utf-8>", true),
            (b"<META CharSet = 'UTF8' >", true),
            (b"<meta charset=\"iso-8859-1\">\xe9", false),
            (b"<meta http-equiv=Content-Type content=\"text/html; charset=ISO-8859-15\">", false),
            (b"<meta http-equiv=Content-Type content='text/html;charset=utf-8'>", true),
            (b"<!-- <meta charset=latin1> --><meta charset=utf-8>", true),
            (b"<meta name=x><link charset=latin1><p>\xc3\xa9", true),
            (b"<meta name=description content='say charset=latin1'><p>\xc3\xa9", true),
            (b"<meta name=description content=x><meta charset=latin1>", false),
            (b"<meta charset=>", true),
            (b"<meta charset", true),
            (b"<", true),
            (b"<!--", true),
            (b"", true),
            (b"<meta charset=utf-8>\xe9", true),
        ] {
            assert_eq!(agrees(page, "text/html", "utf-8"), is_utf8, "{}", page.escape_ascii());
        }
        assert!(agrees(b"<meta charset=latin1>", "text/html", "Latin1"));
        assert!(!agrees(b"<meta charset=utf-8>", "text/html", "latin1"));
    }

    #[test]
    fn other_texts_declare_themselves() {
        let latin = &b"<?xml version='1.0' encoding='ISO-8859-1'?><a/>"[..];
        for media in ["application/xml", "image/svg+xml", "text/xml"] {
            assert!(!agrees(latin, media, "utf-8") && agrees(latin, media, "iso-8859-1"));
            assert!(agrees(b"<?xml version='1.0' encoding=\"utf-8\"?>", media, "utf-8"));
            assert!(agrees(b"<?xml version='1.0'?><a encoding='x'/>", media, "utf-8"));
            assert!(agrees(b"<svg encoding='x'>", media, "utf-8"));
        }
        assert!(!agrees(b"@charset \"iso-8859-15\";", "text/css", "utf-8"));
        assert!(agrees(b"@charset \"UTF-8\";", "text/css", "utf-8"));
        // Source code that is shown declares nothing.
        assert!(agrees(b"<meta charset=latin1>", "text/plain", "utf-8"));
    }

    #[test]
    fn marks_and_bytes_count_for_every_text() {
        for media in ["text/plain", "text/html", "text/javascript", "application/json"] {
            for utf16 in [&b"\xff\xfe<\0"[..], b"\xfe\xff\0<", b"<\0p\0", b"\0<\0p"] {
                assert!(!agrees(utf16, media, "utf-8") && !agrees(utf16, media, "latin1"));
            }
            assert!(agrees(b"\xef\xbb\xbfx", media, "UTF-8"));
            assert!(!agrees(b"\xef\xbb\xbfx", media, "latin1"));
            assert!(!agrees(b"caf\xe9 au lait", media, "utf-8"));
            assert!(agrees(b"caf\xe9 au lait", media, "iso-8859-1"));
            // The end of the text is within a character, or only the end of what is looked at.
            assert!(!agrees(b"caf\xc3", media, "utf-8"));
            let long = [&[b'a'; LOOK_BYTES - 1][..], b"\xc3"].concat();
            assert!(agrees(&long, media, "utf-8"));
        }
    }
}
