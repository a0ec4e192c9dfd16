//! The bodies of error responses: small, constant but for the status, and never with a word
//! that the client sent.

use std::fmt::Write as _;

use crate::buf::{Buf, Full};
use crate::http::status::Status;

/// Type of every error body.
pub const CONTENT_TYPE: &str = "text/html; charset=utf-8";

/// The link to `/error.css` is what lwsws sends, so that a site's own style goes on working;
/// the style in front of it is for sites that have none.
const HEAD: &str = "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
    <meta name=\"viewport\" content=\"width=device-width\"><title>";
const STYLE: &str = "</title><style>:root{color-scheme:light dark}\
    body{font:1.1em/1.5 system-ui,sans-serif;max-width:32em;margin:18vh auto;padding:0 1em}\
    h1{font-size:3.5em;line-height:1;margin:0}h2{margin:.2em 0;font-size:1.3em}p{opacity:.75}\
    </style><link rel=\"stylesheet\" type=\"text/css\" href=\"/error.css\"/></head><body><h1>";

/// Writes the body for `status`.
///
/// # Errors
/// [`Full`]; `out` is then as it was.
pub fn write(out: &mut Buf, status: Status) -> Result<(), Full> {
    write_saying(out, status, status.sentence())
}

/// Writes the body for `status` with another sentence than the usual one, which is markup.
///
/// # Errors
/// [`Full`]; `out` is then as it was.
pub fn write_saying(out: &mut Buf, status: Status, sentence: &str) -> Result<(), Full> {
    let start = out.len();
    let (code, reason) = (status.code(), status.reason());
    let done = writeln!(
        out,
        "{HEAD}{code} {reason}{STYLE}{code}</h1><h2>{reason}</h2><p>{sentence}</p></body></html>"
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
pub fn write_rejection(out: &mut Buf, status: Status, text: &str) -> Result<(), Full> {
    let start = out.len();
    write!(out, "<h1>{}</h1>{text}", status.code()).map_err(|_| {
        out.truncate(start);
        Full
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A body is never longer.
    const BODY_BYTES_MAX: usize = 1024;

    #[test]
    fn every_status_has_a_page_within_the_bound() {
        for status in (100..600).filter_map(Status::from_code) {
            let mut out = Buf::with_capacity(BODY_BYTES_MAX);
            write(&mut out, status).unwrap();
            let text = core::str::from_utf8(out.filled()).unwrap();
            assert!(text.contains(&format!("<h1>{}</h1>", status.code())));
            assert!(text.contains("rel=\"stylesheet\" type=\"text/css\" href=\"/error.css\""));
            assert!(text.contains(status.sentence()) && text.ends_with("</body></html>\n"));
        }
    }

    #[test]
    fn an_unknown_type_names_its_key() {
        let mut out = Buf::with_capacity(BODY_BYTES_MAX);
        write(&mut out, Status::UNSUPPORTED_MEDIA_TYPE).unwrap();
        assert!(memchr::memmem::find(out.filled(), b"extra-mimetypes").is_some());
    }

    #[test]
    fn a_page_is_written_whole_or_not_at_all() {
        let mut whole = Buf::with_capacity(BODY_BYTES_MAX);
        write(&mut whole, Status::NOT_FOUND).unwrap();
        for room in 0..whole.len() {
            let mut out = Buf::with_capacity(room);
            assert_eq!(write(&mut out, Status::NOT_FOUND), Err(Full));
            assert!(out.is_empty());
        }
    }

    #[test]
    fn rejects_have_the_form_of_lwsws() {
        let mut out = Buf::with_capacity(64);
        write_rejection(&mut out, Status::NOT_FOUND, "Go away, bot").unwrap();
        assert_eq!(out.filled(), b"<h1>404</h1>Go away, bot");
        let mut out = Buf::with_capacity(12);
        assert_eq!(write_rejection(&mut out, Status::NOT_FOUND, "x"), Err(Full));
        assert!(out.is_empty());
    }
}
