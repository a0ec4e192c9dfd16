//! Keys of a mount.

use super::super::draft::located;
use super::super::settings::{Origin, Typed};
use super::{
    Feature, Key, Kind, Level, Merge, PairRule, Slot, YEAR_SECS, blocks, flag, number, pairs, text,
};

const SECS: Kind = Kind::Int { min: 0, max: YEAR_SECS, unit: "seconds" };

const fn key(name: &'static str, kind: Kind, doc: &'static str) -> Key {
    Key::new(Level::Mount, name, kind, doc)
}

/// The origin as the configuration says it.
fn origin_text(origin: &Origin) -> String {
    match origin {
        Origin::File(path) => format!("file://{path}"),
        Origin::Redirect(target) => format!(">{target}"),
        Origin::NotBuilt { scheme, rest } => format!("{scheme}://{rest}"),
    }
}

/// The keys.
pub(super) static KEYS: &[Key] = &[
    key("mountpoint", Kind::Mountpoint, "Path where the mount begins; the longest one that fits counts.")
        .eg(r#""/docs""#)
        .slot(Slot::Mount(
            |d, v, at| d.mountpoint = Some(located(v.text(), at)),
            |m| text(&m.mountpoint.value),
        )),
    key(
        "origin",
        Kind::Origin,
        "Where the content comes from: `file://` a directory, `>http://` or `>https://` (also \
         with `^`) a redirect (to a host alone, `>https://example.com/`, it keeps path and query; \
         see `append-path`), `http://` or `https://` a proxied server, `cgi://` a \
         program, `callback://` a protocol.",
    )
    .merged(Merge::First)
    .eg(r#""file:///var/www""#)
    .slot(Slot::Mount(
        |d, v, at| d.origin = Some(located(v.text(), at)),
        |m| Some(Typed::Text(origin_text(&m.origin.value))),
    )),
    key("default", Kind::Text, "File that answers for a directory; \"/\" counts as not given.")
        .or("index.html")
        .eg(r#""index.html""#)
        .slot(Slot::Mount(
            |d, v, _| {
                let name = v.text();
                let name = name.trim_matches('/');
                if !name.is_empty() {
                    name.clone_into(&mut d.mount.default_document);
                }
            },
            |m| text(&m.default_document),
        )),
    key(
        "basic-auth",
        Kind::Path,
        "File with user:password lines; then only these users get in. The password may be a hash of \
         htpasswd or crypt; -t says what each line is taken for. A change counts at once; of a \
         file that only root may read it counts from the next reload on.",
    )
    .or("everybody")
    .protects()
    .eg(r#""/etc/kinglet/users""#)
    .slot(Slot::Mount(
        |d, v, at| d.mount.basic_auth = v.some_text().map(|t| located(t, at)),
        |m| text(&m.basic_auth.as_ref()?.value),
    )),
    key(
        "basic-auth-realm",
        Kind::HeaderValue,
        "What the mount calls itself when it asks for a password; browsers keep passwords by it.",
    )
    .or("lwsws")
    .eg(r#""Family photos""#)
    .ours()
    .slot(Slot::Mount(|d, v, _| d.mount.realm = v.some_text(), |m| text(m.realm.as_ref()?))),
    key("cache-max-age", SECS, "Time that a client may keep what it got, if \"cache-reuse\" is on.")
        .or("0")
        .eg(r#""3600""#)
        .slot(Slot::Mount(
            |d, v, _| d.mount.cache.max_age_secs = v.u32(),
            |m| number(m.cache.max_age_secs),
        )),
    key("cache-reuse", Kind::Bool, "Clients may keep what they got at all.")
        .or("off")
        .eg(r#""1""#)
        .slot(Slot::Mount(|d, v, _| d.mount.cache.reuse = v.on(), |m| flag(m.cache.reuse))),
    key("cache-revalidate", Kind::Bool, "Clients must ask before they use what they kept.")
        .or("off")
        .eg(r#""1""#)
        .slot(Slot::Mount(
            |d, v, _| d.mount.cache.revalidate = v.on(),
            |m| flag(m.cache.revalidate),
        )),
    key("cache-intermediaries", Kind::Bool, "Shared caches may keep it too.")
        .or("off")
        .eg(r#""1""#)
        .slot(Slot::Mount(
            |d, v, _| d.mount.cache.intermediaries = v.on(),
            |m| flag(m.cache.intermediaries),
        )),
    key("cache-no", Kind::Bool, "Send no `Cache-Control` at all.")
        .or("off")
        .eg(r#""1""#)
        .slot(Slot::Mount(|d, v, _| d.mount.cache.omit = v.on(), |m| flag(m.cache.omit))),
    key(
        "extra-mimetypes",
        Kind::Pairs(PairRule::MediaType),
        "Media types by suffix, beside the known ones; `\"*\": \"\"` serves any file, without a type.",
    )
    .eg(r#"{ ".zip": "application/zip" }"#)
    .slot(Slot::Mount(
        |d, v, _| d.mount.extra_mimetypes.extend(v.pairs()),
        |m| pairs(&m.extra_mimetypes),
    )),
    key(
        "charset",
        Kind::Charset,
        "Charset that `Content-Type` gives texts (`text/*`, XML, SVG, JSON), unless the file says \
         another one (a byte order mark, `<meta charset>`, `@charset`, `encoding=`) or its first \
         1024 bytes are no UTF-8. JSON is always utf-8. Off: none.",
    )
    .or("utf-8")
    .eg(r#""iso-8859-1""#)
    .ours()
    .slot(Slot::Mount(
        |d, v, _| d.mount.charset = v.some_text().filter(|name| name != "off"),
        |m| text(m.charset.as_deref().unwrap_or("off")),
    )),
    key(
        "headers",
        Kind::Pairs(PairRule::Header),
        "Header fields that every response of this mount gets.",
    )
    .eg(r#"[{ "X-Robots-Tag": "noindex" }]"#)
    .slot(Slot::Mount(|d, v, _| d.mount.headers.extend(v.pairs()), |m| pairs(&m.headers))),
    key(
        "keepalive-timeout",
        SECS,
        "Idle time of a connection after an answer of this mount; 0 counts as not given.",
    )
    .also(&["keeplive-timeout", "keepalive_timeout"])
    .or("the vhost's")
    .eg(r#""10""#)
    .slot(Slot::Mount(
        |d, v, _| d.mount.keepalive_timeout_secs = v.some_u32(),
        |m| number(m.keepalive_timeout_secs?),
    )),
    key("exact-match", Kind::Bool, "Only the mountpoint itself, nothing below it.")
        .or("off")
        .eg(r#""1""#)
        .slot(Slot::Mount(|d, v, _| d.mount.exact_match = v.on(), |m| flag(m.exact_match))),
    key(
        "append-path",
        Kind::Bool,
        "A redirect appends what follows the mountpoint, and the query. Off: every address leads \
         exactly to the origin.",
    )
    .or("on for an origin without a path, such as `>https://example.com` or \
         `>https://example.com/`, else off")
    .eg(r#""1""#)
    .slot(Slot::Mount(|d, v, _| d.mount.append_path = Some(v.on()), |m| flag(m.append_path?))),
    key("follow-symlinks", Kind::Bool, "Serve symbolic links that lead out of the origin.")
        .or("off")
        .eg(r#""1""#)
        .ours()
        .slot(Slot::Mount(
            |d, v, _| d.mount.follow_symlinks = v.on(),
            |m| flag(m.follow_symlinks),
        )),
    key("dotfiles", Kind::Bool, "Serve names that begin with a dot (`/.well-known/` always is).")
        .or("off")
        .eg(r#""1""#)
        .ours()
        .slot(Slot::Mount(|d, v, _| d.mount.dotfiles = v.on(), |m| flag(m.dotfiles))),
    key(
        "directory-listing",
        Kind::Bool,
        "List a directory that has no default file, 500 entries on a page; the headings sort it by \
         name, size or time. What the mount would refuse is not listed: types that are not known, \
         hidden or closed files, links that leave.",
    )
        .or("off")
        .eg(r#""1""#)
        .ours()
        .slot(Slot::Mount(
            |d, v, _| d.mount.directory_listing = v.on(),
            |m| flag(m.directory_listing),
        )),
    key("allow", Kind::Blocks, "Addresses that may use the mount; when given, all others may not.")
        .protects()
        .eg(r#"["192.168.1.0/24", "::1"]"#)
        .ours()
        .slot(Slot::Mount(|d, v, _| d.mount.allow.extend(v.blocks()), |m| blocks(&m.allow))),
    key("deny", Kind::Blocks, "Addresses that may not use the mount, whatever \"allow\" says.")
        .protects()
        .eg(r#""203.0.113.0/24""#)
        .ours()
        .slot(Slot::Mount(|d, v, _| d.mount.deny.extend(v.blocks()), |m| blocks(&m.deny))),
    key(
        "max-body",
        Kind::Size { min: 0, max: 1 << 50 },
        "Bytes of a request body; more is answered with 413; 0 is no limit.",
    )
    .or("the vhost's")
    .eg(r#""100M""#)
    .ours()
    .slot(Slot::Mount(
        |d, v, _| d.mount.body_bytes_max = Some(v.u64()),
        |m| number(m.body_bytes_max?),
    )),
    key(
        "rate-limit",
        Kind::Int { min: 0, max: 1_000_000, unit: "requests per second" },
        "Requests per second and address; 0 is no limit.",
    )
    .or("the vhost's")
    .protects()
        .eg(r#""2""#)
    .ours()
    .later(Feature::RateLimit),
    key("cgi-timeout", SECS, "Time without any progress after which a program is given up.")
        .or("5")
        .eg(r#""30""#)
        .later(Feature::Cgi),
    key("cgi-max-secs", SECS, "Time that a program may run in all; 0 is no limit.")
        .or("0")
        .eg(r#""300""#)
        .ours()
        .later(Feature::Cgi),
    key("cgi-env", Kind::Pairs(PairRule::Environment), "Environment variables for the program.")
        .eg(r#"[{ "GIT_PROJECT_ROOT": "/srv/git" }]"#)
        .later(Feature::Cgi),
    key("cgi-chroot", Kind::Path, "Root directory for the program.")
        .protects()
        .eg(r#""/srv/jail""#)
        .later(Feature::Cgi),
    key("cgi-chdir", Kind::Path, "Working directory for the program.")
        .eg(r#""/tmp""#)
        .later(Feature::Cgi),
    key("pmo", Kind::Pairs(PairRule::Free), "Options that the mount's protocol gets.")
        .eg(r#"[{ "colour": "blue" }]"#)
        .later(Feature::Plugins),
    key("interpret", Kind::Pairs(PairRule::Free), "Protocols that rewrite files, by suffix.")
        .eg(r#"{ ".shtml": "my-protocol" }"#)
        .later(Feature::Plugins),
    key("interceptor-path", Kind::UrlPath, "Path that requests are sent to until a protocol lets them pass.")
        .protects()
        .eg(r#""/captcha""#)
        .later(Feature::Plugins),
    key("no-ws-upgrades", Kind::Bool, "Refuse WebSocket below this mount.")
        .or("off")
        .eg(r#""1""#)
        .later(Feature::WebSocket),
    key("protocol", Kind::Text, "A protocol's name.")
        .eg(r#""http-only""#)
        .idle("lwsws reads it and does not use it either"),
    key("auth-mask", Kind::Any, "A number.")
        .eg(r#""0""#)
        .idle("lwsws reads it and does not use it either"),
];
