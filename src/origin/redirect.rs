//! Redirects: the status and the Location value, and nothing a client could break out of.
//!
//! Everything that a request contributes is percent-encoded again as it is written, so a
//! Location holds visible ASCII only (RFC 3986, RFC 9110 10.2.2).

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use crate::buf::{Buf, Full};
use crate::http::method::Method;
use crate::http::status::Status;
use crate::http::target::Target;
use crate::vhost::{Redirect, Vhost};

/// The status of a redirect: 301 as lwsws for GET and HEAD; 308 for other methods, which keep
/// their body that way.
#[must_use]
pub fn status(method: Method) -> Status {
    if method.is_retrieval() { Status::MOVED_PERMANENTLY } else { Status::PERMANENT_REDIRECT }
}

/// Writes the Location of a redirect mount. `rest` is the decoded path behind the mountpoint,
/// `query` is raw and without its `?`.
///
/// # Errors
/// [`Full`]; `out` is then as it was.
pub fn write_mount_location(
    out: &mut Buf,
    redirect: &Redirect,
    rest: &[u8],
    query: Option<&[u8]>,
) -> Result<(), Full> {
    all_or_nothing(out, |out| {
        out.put(redirect.target.as_bytes())?;
        if !redirect.appends {
            return Ok(());
        }
        encode(out, rest, Part::Path)?;
        let Some(query) = query else { return Ok(()) };
        let target = &redirect.target;
        if rest.is_empty() && target.matches('/').count() == 2 && !target.contains('?') {
            // Only scheme and host so far: a path belongs between host and query.
            out.put(b"/")?;
        }
        out.put(if target.contains('?') { b"&" } else { b"?" })?;
        encode(out, query, Part::Query)
    })
}

/// How a request reached the server.
#[derive(Debug, Clone, Copy, Default)]
pub struct Reached<'r> {
    /// Whether the answer is to lead to `https`.
    pub https: bool,
    /// Name part of Host, brackets of an IPv6 address included.
    pub host: Option<&'r [u8]>,
    /// Port part of Host.
    pub host_port: Option<u16>,
    /// Our end of the connection; none on a unix socket.
    pub local: Option<SocketAddr>,
}

/// Writes the Location for a directory that was named without its slash:
/// `scheme://host[:port]/path/?query` when Host names the vhost or the local address, and
/// `/path/?query` otherwise. That works through forwarded ports and under names that the
/// configuration does not know, and nobody can be sent elsewhere by a forged Host.
///
/// # Errors
/// [`Full`]; `out` is then as it was.
pub fn write_slash_location(
    out: &mut Buf,
    vhost: &Vhost,
    reached: &Reached<'_>,
    path: &[u8],
    query: Option<&[u8]>,
) -> Result<(), Full> {
    all_or_nothing(out, |out| {
        write_authority(out, vhost, reached)?;
        encode(out, path, Part::Path)?;
        if !path.ends_with(b"/") {
            out.put(b"/")?;
        }
        let Some(query) = query else { return Ok(()) };
        out.put(b"?")?;
        encode(out, query, Part::Query)
    })
}

/// Writes the Location of the same request with `https`: `target`'s path and query as they were
/// sent. Host counts if it names the vhost or the local address; otherwise the vhost's own name
/// if it looks like one that others can look up, or else the local address.
///
/// # Errors
/// [`Full`]; `out` is then as it was.
pub fn write_https_location(
    out: &mut Buf,
    vhost: &Vhost,
    reached: &Reached<'_>,
    target: &Target<'_>,
) -> Result<(), Full> {
    all_or_nothing(out, |out| {
        let before = out.len();
        write_authority(out, vhost, reached)?;
        if out.len() == before {
            write_own_authority(out, vhost, reached)?;
        }
        // An escape stays one.
        encode(out, if target.path.starts_with(b"/") { target.path } else { b"/" }, Part::Query)?;
        let Some(query) = target.query else { return Ok(()) };
        out.put(b"?")?;
        encode(out, query, Part::Query)
    })
}

/// Writes `https://host[:port]` for whoever does not know our name.
fn write_own_authority(out: &mut Buf, vhost: &Vhost, reached: &Reached<'_>) -> Result<(), Full> {
    let name = vhost.name.as_bytes();
    let is_public = name.contains(&b'.') && !name.contains(&b'*') && names(vhost, name);
    out.put(b"https://")?;
    match reached.local.filter(|_| !is_public).map(|local| local.ip().to_canonical()) {
        Some(IpAddr::V6(ip)) => write!(out, "[{ip}]").map_err(|_| Full)?,
        Some(IpAddr::V4(ip)) => write!(out, "{ip}").map_err(|_| Full)?,
        None => encode(out, name, Part::Host)?,
    }
    match vhost.port {
        0 | 443 => Ok(()),
        port => write!(out, ":{port}").map_err(|_| Full),
    }
}

/// Writes `scheme://host[:port]` if Host is to be trusted. A port that is the scheme's default
/// is left out.
fn write_authority(out: &mut Buf, vhost: &Vhost, reached: &Reached<'_>) -> Result<(), Full> {
    let local_ip = reached.local.map(|local| local.ip().to_canonical());
    let Some(host) = reached.host.filter(|host| names(vhost, host) || is_address(host, local_ip))
    else {
        return Ok(());
    };
    let (scheme, default_port): (&[u8], u16) =
        if reached.https { (b"https://", 443) } else { (b"http://", 80) };
    out.put(scheme)?;
    encode(out, host, Part::Host)?;
    match reached.host_port {
        Some(port) if port != default_port => write!(out, ":{port}").map_err(|_| Full),
        _ => Ok(()),
    }
}

/// A subdomain of the vhost's name is one of its names, and its labels are the client's choice;
/// so only what a host name is made of may be repeated (RFC 1123 2.1, and `_`).
fn names(vhost: &Vhost, host: &[u8]) -> bool {
    let plain = |&byte: &u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let is_v6 = bracketed(host).is_some_and(|inner| inner.parse::<Ipv6Addr>().is_ok());
    (is_v6 || host.iter().all(plain)) && vhost.is_named(host)
}

/// What stands in the brackets of an IPv6 address.
fn bracketed(host: &[u8]) -> Option<&str> {
    core::str::from_utf8(host).ok()?.strip_prefix('[')?.strip_suffix(']')
}

fn is_address(host: &[u8], local: Option<IpAddr>) -> bool {
    let inner = bracketed(host);
    let text = inner.or_else(|| core::str::from_utf8(host).ok());
    let named = text.and_then(|text| text.parse::<IpAddr>().ok());
    // An IPv6 address stands in brackets, an IPv4 one does not.
    named.is_some_and(|named| named.is_ipv6() == inner.is_some())
        && named.map(|named| named.to_canonical()) == local
}

/// Which bytes may stand as they are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// A decoded path: `%` is a byte like others.
    Path,
    /// A raw query: its escapes stay.
    Query,
    /// A host name or a bracketed address.
    Host,
}

impl Part {
    /// RFC 3986 3.2.2, 3.3, 3.4. In a path `/` of an encoded slash cannot be told apart any
    /// more.
    fn admits(self, byte: u8) -> bool {
        let shared = byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte);
        shared
            || match self {
                Self::Path => b"/:@".contains(&byte),
                Self::Query => b"/:@?%".contains(&byte),
                Self::Host => b"[]:".contains(&byte),
            }
    }
}

fn encode(out: &mut Buf, mut bytes: &[u8], part: Part) -> Result<(), Full> {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    while !bytes.is_empty() {
        let plain = bytes.iter().position(|&byte| !part.admits(byte)).unwrap_or(bytes.len());
        let (run, rest) = bytes.split_at(plain);
        out.put(run)?;
        let Some((&byte, rest)) = rest.split_first() else { break };
        out.put(&[b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]])?;
        bytes = rest;
    }
    Ok(())
}

fn all_or_nothing(
    out: &mut Buf,
    write: impl FnOnce(&mut Buf) -> Result<(), Full>,
) -> Result<(), Full> {
    let start = out.len();
    let done = write(out);
    if done.is_err() {
        out.truncate(start);
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::settings::Origin;
    use crate::vhost::fixture::{mount, settings, vhost};
    use crate::vhost::{MountTarget, World};

    fn world(name: &str, origin: &str, append_path: Option<bool>) -> World {
        let mut mount = mount("/m", Origin::Redirect(origin.to_owned()));
        mount.append_path = append_path;
        World::build(&settings(vec![vhost(name, 80, vec![mount])])).0
    }

    fn mount_location(
        origin: &str,
        append_path: Option<bool>,
        rest: &[u8],
        query: Option<&[u8]>,
    ) -> String {
        let world = world("a.test", origin, append_path);
        let hit = world.vhosts[0].mount(b"/m").unwrap();
        let MountTarget::Redirect(redirect) = &hit.mount.target else { unreachable!() };
        let mut out = Buf::with_capacity(8192);
        write_mount_location(&mut out, redirect, rest, query).unwrap();
        for room in 0..out.len() {
            let mut small = Buf::with_capacity(room);
            assert_eq!(write_mount_location(&mut small, redirect, rest, query), Err(Full));
            assert!(small.is_empty());
        }
        String::from_utf8(out.filled().to_vec()).unwrap()
    }

    #[test]
    fn the_method_is_kept_where_it_matters() {
        for (method, code) in [
            (Method::Get, 301),
            (Method::Head, 301),
            (Method::Post, 308),
            (Method::Options, 308),
            (Method::Other, 308),
        ] {
            assert_eq!(status(method).code(), code, "{method:?}");
        }
    }

    #[test]
    fn mounts_lead_where_their_origin_says() {
        for (origin, append, rest, query, want) in [
            ("http://x.test", None, "", None, "http://x.test"),
            ("http://x.test", None, "/", None, "http://x.test/"),
            ("http://x.test:81", None, "/a/b", Some("c=d"), "http://x.test:81/a/b?c=d"),
            ("https://x.test", None, "", Some("c=d"), "https://x.test/?c=d"),
            ("https://x.test", None, "/a", Some(""), "https://x.test/a?"),
            ("https://x.test/", None, "/a/b", Some("c=d"), "https://x.test/a/b?c=d"),
            ("https://x.test/", Some(false), "/a/b", Some("c=d"), "https://x.test/"),
            ("https://x.test", Some(false), "/a", Some("c"), "https://x.test"),
            ("https://x.test//", None, "/a", None, "https://x.test//"),
            ("https://x.test/p", None, "/a/b", Some("c=d"), "https://x.test/p"),
            ("https://x.test?p", None, "/a/b", None, "https://x.test?p"),
            ("https://x.test/p", Some(true), "/a/b", Some("c=d"), "https://x.test/p/a/b?c=d"),
            ("https://x.test/p/", Some(true), "/a/b", None, "https://x.test/p/a/b"),
            ("https://x.test/", Some(true), "/a/b", None, "https://x.test/a/b"),
            ("https://x.test/p", Some(true), "", Some("c"), "https://x.test/p?c"),
            ("https://x.test/p?u=", Some(true), "/a", Some("c"), "https://x.test/p?u=/a&c"),
            ("https://x.test?u=", Some(true), "", Some("c"), "https://x.test?u=&c"),
            ("https://x.test/\u{e9} \r\n\"", None, "", None, "https://x.test/%C3%A9%20%0D%0A%22"),
            ("https://x.test/%20#f", None, "", None, "https://x.test/%20#f"),
        ] {
            let query = query.map(str::as_bytes);
            assert_eq!(mount_location(origin, append, rest.as_bytes(), query), want);
        }
    }

    #[test]
    fn nothing_hostile_survives_in_a_location() {
        let rest = b"/a\r\nSet-Cookie: x=1\0\x7f\xff<\"\\%0d?#";
        let query = b"q=\r\n\xc3\xa9 \"<>#%0d%0a\\";
        assert_eq!(
            mount_location("http://x.test", None, rest, Some(query)),
            "http://x.test/a%0D%0ASet-Cookie:%20x=1%00%7F%FF%3C%22%5C%250d%3F%23\
             ?q=%0D%0A%C3%A9%20%22%3C%3E%23%0d%0a%5C"
        );
        let every: Vec<u8> = (0..=255).collect();
        let text = mount_location("http://x.test", None, &every, Some(&every));
        assert!(text.bytes().all(|byte| byte.is_ascii_graphic()));
    }

    fn slash(name: &str, reached: Reached<'_>, path: &str, query: Option<&str>) -> String {
        let world = world(name, "http://x.test", None);
        let mut out = Buf::with_capacity(1024);
        let query = query.map(str::as_bytes);
        write_slash_location(&mut out, &world.vhosts[0], &reached, path.as_bytes(), query).unwrap();
        String::from_utf8(out.filled().to_vec()).unwrap()
    }

    #[test]
    fn only_a_host_of_ours_is_repeated() {
        let plain = Reached { local: "192.0.2.1:8080".parse().ok(), ..Reached::default() };
        let host = |host: &'static str, host_port| Reached {
            host: Some(host.as_bytes()),
            host_port,
            ..plain
        };
        for (name, reached, want) in [
            ("a.test", plain, "/m/"),
            ("a.test", host("A.test", None), "http://A.test/m/"),
            ("a.test", host("a.test", Some(81)), "http://a.test:81/m/"),
            ("a.test", host("a.test", Some(80)), "http://a.test/m/"),
            ("a.test", host("b.a.test", None), "http://b.a.test/m/"),
            ("a.test", host("evil.test", Some(81)), "/m/"),
            ("a.test", host("a.test@evil.test", None), "/m/"),
            ("a.test", host("evil.test/.a.test", None), "/m/"),
            ("a.test", host("evil.test:1.a.test", None), "/m/"),
            ("a.test", host("[evil].a.test", None), "/m/"),
            ("::1", host("[::1]", Some(81)), "http://[::1]:81/m/"),
            ("a.test", host("192.0.2.1", None), "http://192.0.2.1/m/"),
            ("a.test", host("192.0.2.2", None), "/m/"),
            ("a.test", host("[192.0.2.1]", None), "/m/"),
            ("*.a.test", plain, "/m/"),
            ("*.a.test", host("b.a.test", None), "http://b.a.test/m/"),
            ("::1", plain, "/m/"),
            ("a\r\nb", plain, "/m/"),
        ] {
            assert_eq!(slash(name, reached, "/m", None), want, "{name} {reached:?}");
        }
        let six = Reached {
            https: true,
            host: Some(b"[2001:DB8::1]"),
            host_port: Some(443),
            local: "[2001:db8::1]:443".parse().ok(),
        };
        assert_eq!(slash("a.test", six, "/m", None), "https://[2001:DB8::1]/m/");
        let bare = Reached { host: Some(b"2001:db8::1"), ..six };
        assert_eq!(slash("a.test", bare, "/m", None), "/m/");
        let unix = Reached { local: None, ..plain };
        assert_eq!(slash("a.test", unix, "/m", None), "/m/");
        let mapped =
            Reached { local: "[::ffff:192.0.2.1]:80".parse().ok(), ..host("192.0.2.1", None) };
        assert_eq!(slash("a.test", mapped, "/m", None), "http://192.0.2.1/m/");
    }

    #[test]
    fn the_query_is_kept_and_one_slash_is_added() {
        let reached = Reached::default();
        assert_eq!(slash("a", reached, "/m x", Some("b=%20&c")), "/m%20x/?b=%20&c");
        assert_eq!(slash("a", reached, "/m/", Some("")), "/m/?");
    }
}
