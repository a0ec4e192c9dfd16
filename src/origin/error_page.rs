//! The bodies of error responses: small, constant but for the status, and never with a word
//! that the client sent.

use std::fmt::Write as _;

use crate::buf::{Buf, Full};

/// Type of every error body.
pub const CONTENT_TYPE: &str = "text/html; charset=utf-8";

/// A body of [`write`] is never longer, for a reason of up to 64 bytes.
pub const BODY_BYTES_MAX: usize = 1024;

/// The link to `/error.css` is what lwsws sends, so that a site's own style goes on working;
/// the style in front of it is for sites that have none.
const HEAD: &str = "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
    <meta name=\"viewport\" content=\"width=device-width\"><title>";
const STYLE: &str = "</title><style>:root{color-scheme:light dark}\
    body{font:1.1em/1.5 system-ui,sans-serif;max-width:32em;margin:18vh auto;padding:0 1em}\
    h1{font-size:3.5em;line-height:1;margin:0}h2{margin:.2em 0;font-size:1.3em}p{opacity:.75}\
    </style><link rel=\"stylesheet\" type=\"text/css\" href=\"/error.css\"/></head><body><h1>";

/// Writes the body for `status` with its `reason` phrase (our own, never one from outside).
///
/// # Errors
/// [`Full`]; `out` is then as it was.
pub fn write(out: &mut Buf, status: u16, reason: &str) -> Result<(), Full> {
    let start = out.len();
    let sentence = sentence(status);
    let done = writeln!(
        out,
        "{HEAD}{status} {reason}{STYLE}{status}</h1><h2>{reason}</h2><p>{sentence}</p></body></html>"
    );
    done.map_err(|_| {
        out.truncate(start);
        Full
    })
}

/// Writes the body for a client that `reject-service-keywords` names: `text` is from the
/// configuration and may hold markup, as with lwsws.
///
/// # Errors
/// [`Full`]; `out` is then as it was.
pub fn write_reject(out: &mut Buf, status: u16, text: &str) -> Result<(), Full> {
    let start = out.len();
    write!(out, "<h1>{status}</h1>{text}").map_err(|_| {
        out.truncate(start);
        Full
    })
}

/// What a person can make of `status`.
#[must_use]
pub fn sentence(status: u16) -> &'static str {
    match status {
        400 => "The request was not understood.",
        401 => "This page asks for a name and a password.",
        403 => "This page is not open to you.",
        404 => "There is no page at this address.",
        405 => "This page does not take this kind of request.",
        408 => "The request took too long to arrive.",
        409 => "The request conflicts with what is there.",
        410 => "The page that was here is gone.",
        411 => "The request must say how long its body is.",
        412 => "The page has changed, or is not what the request expects.",
        413 => "The request is larger than this server takes.",
        414 => "The address of the request is too long.",
        415 => {
            "The server does not know the type of this file; \
                the mount's extra-mimetypes can name it."
        }
        416 => "The file has no such part.",
        417 => "The server can not do what the request expects.",
        421 => "This server does not answer for that name.",
        426 => "This address speaks another protocol.",
        429 => "There were too many requests; please wait a moment.",
        431 => "The header of the request is too large.",
        500 => "Something went wrong in the server.",
        501 => "The server can not do this.",
        502 => "The server behind this one gave no usable answer.",
        503 => "The server is busy; please try again in a moment.",
        504 => "The server behind this one took too long.",
        505 => "The server does not speak this version of HTTP.",
        other => match other / 100 {
            3 => "The page is at another address.",
            4 => "The request can not be answered.",
            5 => "The server can not answer now.",
            _ => "The request was answered.",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_a_page_within_the_bound() {
        for status in 100..=999 {
            let mut out = Buf::with_capacity(BODY_BYTES_MAX);
            write(&mut out, status, &"R".repeat(64)).unwrap();
            let text = core::str::from_utf8(out.filled()).unwrap();
            assert!(text.contains(&format!("<h1>{status}</h1>")));
            assert!(text.contains("rel=\"stylesheet\" type=\"text/css\" href=\"/error.css\""));
            assert!(text.contains(sentence(status)) && text.ends_with("</body></html>\n"));
        }
    }

    #[test]
    fn a_page_is_written_whole_or_not_at_all() {
        let mut whole = Buf::with_capacity(BODY_BYTES_MAX);
        write(&mut whole, 404, "Not Found").unwrap();
        for room in 0..whole.len() {
            let mut out = Buf::with_capacity(room);
            assert_eq!(write(&mut out, 404, "Not Found"), Err(Full));
            assert!(out.is_empty());
        }
    }

    #[test]
    fn rejects_have_the_form_of_lwsws() {
        let mut out = Buf::with_capacity(64);
        write_reject(&mut out, 404, "Go away, bot").unwrap();
        assert_eq!(out.filled(), b"<h1>404</h1>Go away, bot");
        let mut out = Buf::with_capacity(12);
        assert_eq!(write_reject(&mut out, 404, "x"), Err(Full));
        assert!(out.is_empty());
    }
}
