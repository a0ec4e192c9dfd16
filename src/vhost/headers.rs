//! Header lines that are the same for every response, rendered once.

use std::borrow::Cow;

use crate::config::settings::Cache;

/// The Strict-Transport-Security line of `sts`, word for word what lwsws sends (182.5 days).
const STS_LINE: &[u8] = b"Strict-Transport-Security: max-age=15768000 ; includeSubDomains\r\n";

/// Headers that belong to the message itself; a configured one would break the framing.
const RESERVED: [&str; 7] = [
    "connection",
    "content-length",
    "date",
    "keep-alive",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The parts of a header block.
pub(super) struct Parts<'s> {
    /// `headers` of the vhost.
    pub(super) vhost: &'s [(String, String)],
    /// `headers` of the mount.
    pub(super) mount: &'s [(String, String)],
    /// `server-string`.
    pub(super) server: Option<&'s str>,
    /// `sts`.
    pub(super) sts: bool,
}

/// Renders `Name: value\r\n` lines: the vhost's, the mount's, `Server`, STS.
///
/// A mount's header replaces those of the vhost with its name, and a configured `Server` or
/// `Strict-Transport-Security` replaces the one of `server-string` or `sts`.
pub(super) fn render(parts: &Parts<'_>) -> Box<[u8]> {
    let mut block = Vec::new();
    for header in parts.vhost.iter().filter(|(name, _)| !has(parts.mount, name)) {
        line(&mut block, header);
    }
    for header in parts.mount {
        line(&mut block, header);
    }
    let configured = |name| has(parts.vhost, name) || has(parts.mount, name);
    if let Some(server) = parts.server
        && !configured("server")
        && is_value(server)
    {
        block.extend_from_slice(b"Server: ");
        block.extend_from_slice(server.trim().as_bytes());
        block.extend_from_slice(b"\r\n");
    }
    if parts.sts && !configured("strict-transport-security") {
        block.extend_from_slice(STS_LINE);
    }
    block.into_boxed_slice()
}

/// What is wrong with a configured header, if anything; [`render`] leaves such a one out.
pub(super) fn objection((name, value): &(String, String)) -> Option<&'static str> {
    if name.is_empty() || !name.bytes().all(is_token) {
        Some("the name is not an HTTP token")
    } else if !is_value(value) {
        Some("the value holds a control character")
    } else if RESERVED.iter().any(|reserved| name.eq_ignore_ascii_case(reserved)) {
        Some("the server sets this header itself")
    } else {
        None
    }
}

/// The value of Cache-Control in lwsws' words: `no-store` unless there is a max-age and reuse
/// is allowed; nothing at all with `cache-no`.
pub(super) fn cache_control(cache: Cache) -> Option<Cow<'static, str>> {
    if cache.omit {
        return None;
    }
    if cache.max_age_secs == 0 || !cache.reuse {
        return Some(Cow::Borrowed("no-store"));
    }
    let first = if cache.revalidate { "must-revalidate, " } else { "" };
    let who = if cache.intermediaries { "public" } else { "private" };
    Some(Cow::Owned(format!("{first}{who}, max-age={}", cache.max_age_secs)))
}

/// The value of WWW-Authenticate, with the realm as a quoted string (RFC 9110 5.6.4, RFC 7617).
pub(super) fn challenge(realm: Option<&str>) -> Cow<'static, str> {
    let Some(realm) = realm else { return Cow::Borrowed("Basic realm=\"lwsws\"") };
    let escaped = realm.replace('\\', "\\\\").replace('"', "\\\"");
    Cow::Owned(format!("Basic realm=\"{escaped}\""))
}

fn has(headers: &[(String, String)], name: &str) -> bool {
    headers.iter().any(|header| header.0.eq_ignore_ascii_case(name) && objection(header).is_none())
}

fn line(block: &mut Vec<u8>, header: &(String, String)) {
    if objection(header).is_none() {
        block.extend_from_slice(header.0.as_bytes());
        block.extend_from_slice(b": ");
        block.extend_from_slice(header.1.trim().as_bytes());
        block.extend_from_slice(b"\r\n");
    }
}

/// RFC 9110 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// RFC 9110 5.5, with obs-text.
fn is_value(value: &str) -> bool {
    value.bytes().all(|byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn cache_control_has_the_exact_words() {
        let base = Cache { max_age_secs: 60, reuse: true, ..Cache::default() };
        for (cache, want) in [
            (Cache::default(), Some("no-store")),
            (Cache { max_age_secs: 60, ..Cache::default() }, Some("no-store")),
            (Cache { reuse: true, ..Cache::default() }, Some("no-store")),
            (
                Cache { revalidate: true, intermediaries: true, ..Cache::default() },
                Some("no-store"),
            ),
            (base, Some("private, max-age=60")),
            (Cache { intermediaries: true, ..base }, Some("public, max-age=60")),
            (Cache { revalidate: true, ..base }, Some("must-revalidate, private, max-age=60")),
            (
                Cache { revalidate: true, intermediaries: true, ..base },
                Some("must-revalidate, public, max-age=60"),
            ),
            (Cache { max_age_secs: u32::MAX, ..base }, Some("private, max-age=4294967295")),
            (Cache { omit: true, ..base }, None),
        ] {
            assert_eq!(cache_control(cache).as_deref(), want, "{cache:?}");
        }
    }

    #[test]
    fn the_block_holds_everything_in_order() {
        let vhost = pairs(&[("X-Frame-Options", "deny"), ("Link", "<a>"), ("Link", "<b>")]);
        let parts = Parts { vhost: &vhost, mount: &[], server: Some("kinglet"), sts: true };
        assert_eq!(
            core::str::from_utf8(&render(&parts)).unwrap(),
            "X-Frame-Options: deny\r\nLink: <a>\r\nLink: <b>\r\nServer: kinglet\r\n\
             Strict-Transport-Security: max-age=15768000 ; includeSubDomains\r\n"
        );
        assert!(render(&Parts { vhost: &[], mount: &[], server: None, sts: false }).is_empty());
    }

    #[test]
    fn a_realm_is_a_quoted_string() {
        assert_eq!(challenge(None), r#"Basic realm="lwsws""#);
        assert_eq!(challenge(Some("")), r#"Basic realm="""#);
        assert_eq!(challenge(Some(r#"a "b" \ c"#)), r#"Basic realm="a \"b\" \\ c""#);
    }

    #[test]
    fn the_nearer_header_replaces_the_farther_one() {
        let vhost = pairs(&[("X-A", "1"), ("Server", "mine"), ("X-B", "2")]);
        let mount = pairs(&[("x-a", "3"), ("Strict-Transport-Security", "max-age=1")]);
        let parts = Parts { vhost: &vhost, mount: &mount, server: Some("kinglet"), sts: true };
        assert_eq!(
            core::str::from_utf8(&render(&parts)).unwrap(),
            "Server: mine\r\nX-B: 2\r\nx-a: 3\r\nStrict-Transport-Security: max-age=1\r\n"
        );
    }

    #[test]
    fn lines_that_would_break_a_response_are_left_out() {
        let vhost = pairs(&[
            ("X-Bad", "a\r\nSet-Cookie: x"),
            ("X Bad", "a"),
            ("X-Bad:", "a"),
            ("", "a"),
            ("Content-Length", "5"),
            ("TRANSFER-ENCODING", "chunked"),
            ("X-Good", "\ttab and \u{e9} "),
            ("X-Empty", ""),
        ]);
        let parts = Parts { vhost: &vhost, mount: &[], server: Some("a\nb"), sts: false };
        let text = render(&parts);
        assert_eq!(core::str::from_utf8(&text).unwrap(), "X-Good: tab and \u{e9}\r\nX-Empty: \r\n");
        assert_eq!(vhost.iter().filter(|header| objection(header).is_some()).count(), 6);
    }
}
