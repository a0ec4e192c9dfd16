//! Checks of where a mount is and where its content comes from.

use super::super::nearest;
use super::super::settings::Origin;
use super::{Checked, Fault, idna, line, url_path};
use crate::http::uri;

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
const SCHEMES: [&str; 10] =
    ["file", "http", "https", "cgi", "callback", "gzip", ">http", ">https", "^http", "^https"];

/// `origin` by its scheme.
pub(crate) fn origin(text: &str) -> Checked<Origin> {
    line(text)?;
    let Some((scheme, rest)) = text.split_once("://") else {
        let fault = Fault::new(format!("has no scheme: {text:?}"));
        return Err(if text.starts_with('/') {
            fault.hint(format!("for a directory write \"file://{text}\""))
        } else {
            fault
                .hint("for example \"file:///var/www\", or for a redirect \">https://example.com\"")
        });
    };
    if rest.is_empty() {
        return Err(Fault::new(format!("has nothing after {:?}", format!("{scheme}://"))));
    }
    match scheme {
        "file" if is_zip(rest) => Ok(Origin::NotBuilt { scheme: "file", rest: rest.to_owned() }),
        "file" => Ok(Origin::File(rest.to_owned())),
        ">http" | ">https" | "^http" | "^https" => redirect(text, rest),
        _ => match LATER_SCHEMES.into_iter().find(|s| *s == scheme) {
            Some(scheme) => Ok(Origin::NotBuilt { scheme, rest: rest.to_owned() }),
            None => {
                let fault = Fault::new(format!("has the unknown scheme {scheme:?}"));
                Err(match nearest::nearest(scheme, SCHEMES) {
                    Some(near) => fault.hint(format!("did you mean \"{near}://\"?")),
                    None => fault.hint(format!("known are {}", SCHEMES.join(", "))),
                })
            }
        },
    }
}

/// Whether a path leads to an archive or into one, which lwsws serves the files of.
fn is_zip(path: &str) -> bool {
    path.split('/').any(|name| name.len() > 4 && name.to_ascii_lowercase().ends_with(".zip"))
}

/// The target of a redirect mount: it goes into a `Location` header.
fn redirect(text: &str, rest: &str) -> Checked<Origin> {
    let host = rest.split(['/', '?', '#', ':']).next().unwrap_or_default();
    if host.is_empty() || host.contains(' ') {
        return Err(Fault::new("redirects to no host").hint("for example \">https://example.com\""));
    }
    let scheme = text.len() - rest.len();
    let mut target = text.get(1..scheme).unwrap_or_default().to_owned();
    target.push_str(&idna::to_ascii(host)?);
    idna::percent_encode(rest.get(host.len()..).unwrap_or_default(), &mut target);
    Ok(Origin::Redirect(target))
}

/// Whether the URL of a redirect has a host and a port that a browser can ask: variables of other
/// servers (`$host`, `{host}`) are neither.
pub(crate) fn is_reachable(url: &str) -> bool {
    let (_, rest) = url.split_once("://").unwrap_or_default();
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let authority = authority.rsplit('@').next().unwrap_or_default();
    let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => (address, port.strip_prefix(':').unwrap_or(port)),
        None => authority.split_once(':').unwrap_or((authority, "")),
    };
    let is_address = authority.starts_with('[');
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let is_host = match is_address {
        true => host.parse::<std::net::Ipv6Addr>().is_ok(),
        false => !host.is_empty() && host.bytes().all(is_part),
    };
    is_host && (port.is_empty() || port.parse::<u16>().is_ok_and(|port| port > 0))
}

/// `error-document-404`: a path of the vhost, or `>` and a path or URL to redirect to.
pub(crate) fn error_document(text: &str) -> Checked<String> {
    let is_url = |text: &str| text.starts_with("http://") || text.starts_with("https://");
    if is_url(text) {
        let fault = Fault::new("must be a path on this vhost, not a URL");
        return Err(fault.hint(format!("to redirect to it write \">{text}\"")));
    }
    let target = text.strip_prefix('>').unwrap_or(text);
    if is_url(target) {
        return Ok(match origin(text)? {
            Origin::Redirect(url) => format!(">{url}"),
            _ => text.to_owned(),
        });
    }
    url_path(target)?;
    let path = target.split(['?', '#']).next().unwrap_or_default();
    match uri::normalise(path.as_bytes(), &mut vec![0; path.len()]) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(Fault::new(format!("is not usable: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn redirects_lead_to_a_host() {
        for good in [
            "http://x",
            "https://me@a.lan/",
            "https://a-b.x_y.test:8443/$1?{x}",
            "https://[::1]",
            "https://[::1]:8443/",
        ] {
            assert!(is_reachable(good), "{good}");
        }
        for bad in [
            "https://blog.lan$request_uri",
            "https://$host/",
            "https://%{HTTP_HOST}",
            "https://{host}{uri}",
            "https://a.lan:99999",
            "https://a.lan:https/",
            "https://[::1/",
            "https://[::g]/",
            "https://",
        ] {
            assert!(!is_reachable(bad), "{bad}");
        }
    }

    #[test]
    fn error_documents() {
        for ok in ["/404.html", "/a%20b", "/a?b", ">/404.html", ">https://x.test/lost", ">http://x"]
        {
            assert_eq!(error_document(ok), Ok(ok.to_owned()), "{ok}");
        }
        for bad in
            ["", ">", "404.html", ">404.html", "//x", ">//x", "/%zz", "/%00", ">http://", "/\n"]
        {
            assert!(error_document(bad).is_err(), "{bad}");
        }
        // A redirect has the host that clients ask for, and a path that may stand in a header.
        let got = error_document(">https://müller.lan/ü x");
        assert_eq!(got, Ok(">https://xn--mller-kva.lan/%C3%BC%20x".to_owned()));
        let hint = error_document("https://x.test/").unwrap_err().hint.unwrap();
        assert!(hint.contains("\">https://x.test/\""), "{hint}");
    }

    #[test]
    fn origins() {
        assert_eq!(origin("file:///a"), Ok(Origin::File("/a".into())));
        for sign in [">", "^"] {
            let got = origin(&format!("{sign}https://x/y"));
            assert_eq!(got, Ok(Origin::Redirect("https://x/y".into())));
        }
        let got = origin(">https://Müller.lan:8443/grün?a b");
        let want = "https://xn--mller-kva.lan:8443/gr%C3%BCn?a%20b";
        assert_eq!(got, Ok(Origin::Redirect(want.into())));
        for zip in ["/srv/a.zip", "/srv/A.ZIP/dir/"] {
            let got = origin(&format!("file://{zip}"));
            assert_eq!(got, Ok(Origin::NotBuilt { scheme: "file", rest: zip.into() }));
        }
        assert_eq!(origin("file:///a.zipped/.zip"), Ok(Origin::File("/a.zipped/.zip".into())));
        let got = origin("http://+/run/sock:/base").unwrap();
        assert_eq!(got, Origin::NotBuilt { scheme: "http", rest: "+/run/sock:/base".into() });
        for bad in ["", "/var/www", "files:///a", ">http:///x", ">http://a b", "cgi://", "x://y"] {
            assert!(origin(bad).is_err(), "{bad}");
        }
        let hint = origin("fiel:///a").unwrap_err().hint.unwrap();
        assert!(hint.contains("file://"), "{hint}");
        assert!(origin(">http://a\r\nX: y").is_err());
    }
}
