//! Keys of a vhost.

use std::net::IpAddr;

use super::super::check::socket_owner;
use super::super::draft::located;
use super::super::settings::{Families, ListenOn, LogFormat, Typed};
use super::{
    Feature, Key, Kind, Level, PairRule, Slot, YEAR_SECS, blocks, flag, number, pairs, text, tls,
};

const SECS: Kind = Kind::Int { min: 0, max: YEAR_SECS, unit: "seconds" };

const fn key(name: &'static str, kind: Kind, doc: &'static str) -> Key {
    Key::new(Level::Vhost, name, kind, doc)
}

/// A key about connections to upstreams.
const fn upstream(name: &'static str, kind: Kind, doc: &'static str) -> Key {
    key(name, kind, doc).later(Feature::Proxy)
}

/// The interface as the configuration says it.
fn interface_text(listen_on: &ListenOn) -> Option<Typed> {
    let shown = match listen_on {
        ListenOn::Any => return None,
        ListenOn::Address(IpAddr::V6(ip), Some(scope)) => format!("{ip}%{scope}"),
        ListenOn::Address(ip, _) => ip.to_string(),
        ListenOn::Nic(name) | ListenOn::Unix(name) => name.clone(),
    };
    Some(Typed::Text(shown))
}

/// The keys.
pub(super) static KEYS: &[Key] = &[
    key(
        "name",
        Kind::HostName,
        "Host name that this vhost answers for; `*.` matches subdomains; `müller.lan` is kept as \
         `xn--mller-kva.lan`, which clients ask for.",
    )
    .or("default")
        .eg(r#""example.com""#)
        .slot(Slot::Vhost(
            |d, v, at| d.vhost.name = located(v.text(), at),
            |h| text(&h.name.value),
        )),
    key(
        "aliases",
        Kind::HostNames,
        "More host names that this vhost answers for, as in \"name\"; certificates that Kinglet \
         makes itself are good for them too.",
    )
    .eg(r#"["www.example.com"]"#)
    .ours()
    .slot(Slot::Vhost(
        |d, v, at| {
            let names = v.text();
            let names = names.split_whitespace().map(|name| located(name.to_owned(), at));
            d.vhost.aliases.extend(names);
        },
        |h| {
            let names: Vec<&str> = h.aliases.iter().map(|name| name.value.as_str()).collect();
            text(&names.join(" ")).filter(|_| !names.is_empty())
        },
    )),
    key(
        "port",
        Kind::Int { min: 0, max: 65_535, unit: "" },
        "TCP port to listen on; required, except on a unix socket.",
    )
    .eg(r#""80""#)
    .slot(Slot::Vhost(
        |d, v, at| d.port = Some(located(v.u16(), at)),
        |h| number(Some(h.port.value).filter(|&p| p > 0)?),
    )),
    key(
        "interface",
        Kind::Interface,
        "Address or network interface to listen on; with \"unix-socket\" a path, or `@` and an abstract name.",
    )
    .or("every address")
    .protects()
        .eg(r#""127.0.0.1""#)
    .slot(Slot::Vhost(
        |d, v, at| d.interface = v.some_text().map(|t| located(t, at)),
        |h| interface_text(&h.listen_on.value),
    )),
    key("unix-socket", Kind::Bool, "Listen on the unix socket that \"interface\" names.")
        .or("off")
        .eg(r#""1""#)
        .slot(Slot::Vhost(
            |d, v, at| d.unix_socket = Some(located(v.on(), at)),
            |h| flag(matches!(h.listen_on.value, ListenOn::Unix(_))),
        )),
    key(
        "unix-socket-perms",
        Kind::SocketOwner,
        "Owner of the socket: `user:group`, and with a third part its mode: `user:group:0666`. \
         Names or numbers; `user::0600` has the user's group.",
    )
    .or("the user who starts the server, with mode 0600; 0660 with a group")
    .eg(r#""www-data:www-data""#)
    .slot(Slot::Vhost(
        |d, v, at| {
            let perms = socket_owner(&v.text()).ok();
            d.vhost.unix_access = perms.map(|perms| located(perms, at));
        },
        |h| Some(Typed::Text(h.unix_access.as_ref()?.value.text())),
    )),
    key("mounts", Kind::Objects(Level::Mount), "What is served at which paths.")
        .eg(r#"[{ "mountpoint": "/", "origin": "file:///var/www" }]"#),
    key(
        "keepalive-timeout",
        SECS,
        "Time that a connection may stay idle between requests; 0 counts as the default.",
    )
    .also(&["keeplive-timeout", "keepalive_timeout"])
    .or("60")
    .eg(r#""60""#)
    .slot(Slot::Vhost(
        |d, v, _| d.vhost.keepalive_timeout_secs = v.u32_or(60),
        |h| number(h.keepalive_timeout_secs),
    )),
    key(
        "sts",
        Kind::Bool,
        "Send `Strict-Transport-Security` with every response: for half a year browsers reach \
         this host and all of its subdomains by https alone.",
    )
        .or("off")
        .eg(r#""1""#)
        .slot(Slot::Vhost(|d, v, _| d.vhost.sts = v.on(), |h| flag(h.sts))),
    key(
        "headers",
        Kind::Pairs(PairRule::Header),
        "Header fields that every response of this vhost gets.",
    )
    .eg(r#"[{ "X-Content-Type-Options": "nosniff" }]"#)
    .slot(Slot::Vhost(|d, v, _| d.vhost.headers.extend(v.pairs()), |h| pairs(&h.headers))),
    key(
        "access-log",
        Kind::Path,
        "File that gets a line for every request. A new one belongs to the user who starts the server, with \
         mode 0600; started as root also to the group of its directory, with mode 0640.",
    )
        .or("no log")
        .eg(r#""/var/log/kinglet/access.log""#)
        .slot(Slot::Vhost(
            |d, v, at| d.vhost.access_log = v.some_text().map(|t| located(t, at)),
            |h| text(&h.access_log.as_ref()?.value),
        )),
    key(
        "access-log-format",
        Kind::Choice(&["combined", "json", "lwsws"]),
        "Shape of a line: `combined` as Apache writes it (`-` for what was not sent, bytes of the \
         body), `json` for an object with the bytes of head and body, `lwsws` for lwsws' shape \
         (`\"\"` for what was not sent, bytes of head and body).",
    )
    .or("combined")
    .eg(r#""json""#)
    .ours()
    .slot(Slot::Vhost(
        |d, v, _| {
            let word = v.text();
            let named = LogFormat::NAMES.iter().find(|(name, _)| *name == word);
            d.vhost.access_log_format = named.map_or_else(Default::default, |&(_, format)| format);
        },
        |h| {
            let is = |(_, format): &&(_, LogFormat)| *format == h.access_log_format;
            text(LogFormat::NAMES.iter().find(is)?.0)
        },
    )),
    key(
        "error-document-404",
        Kind::ErrorDocument,
        "Path on this vhost of the page for what is not found. It comes with status 404 at the \
         address that was asked for, so its links have to begin with `/`, or the page has \
         `<base href=\"/\">` in its head. With `>` in front, clients are redirected to it instead \
         (302), as with lwsws.",
    )
    .or("a short page")
    .eg(r#""/404.html""#)
    .slot(Slot::Vhost(
        |d, v, at| d.vhost.error_document_404 = v.some_text().map(|t| located(t, at)),
        |h| text(&h.error_document_404.as_ref()?.value),
    )),
    key("allow", Kind::Blocks, "Addresses that may use the vhost; when given, all others may not.")
        .protects()
        .eg(r#"["192.168.1.0/24", "::1"]"#)
        .ours()
        .slot(Slot::Vhost(|d, v, _| d.vhost.allow.extend(v.blocks()), |h| blocks(&h.allow))),
    key("deny", Kind::Blocks, "Addresses that may not use the vhost, whatever \"allow\" says.")
        .protects()
        .eg(r#""203.0.113.0/24""#)
        .ours()
        .slot(Slot::Vhost(|d, v, _| d.vhost.deny.extend(v.blocks()), |h| blocks(&h.deny))),
    key(
        "max-body",
        Kind::Size { min: 0, max: 1 << 50 },
        "Bytes of a request body; more is answered with 413; 0 is no limit.",
    )
    .or("the global one")
    .eg(r#""1M""#)
    .ours()
    .slot(Slot::Vhost(
        |d, v, _| d.vhost.body_bytes_max = Some(v.u64()),
        |h| number(h.body_bytes_max?),
    )),
    key(
        "rate-limit",
        Kind::Int { min: 0, max: 1_000_000, unit: "requests per second" },
        "Requests per second and address; 0 is no limit.",
    )
    .or("no limit")
    .protects()
        .eg(r#""20""#)
    .ours()
    .later(Feature::RateLimit),
    key("noipv6", Kind::Bool, "Do not listen on IPv6.").or("off").eg(r#""on""#).slot(Slot::Vhost(
        |d, v, at| d.noipv6 = Some(located(v.on(), at)),
        |h| flag(h.families == Families::V4Only),
    )),
    key("ipv6only", Kind::Bool, "On: listen on IPv6 alone. Off, written out: on IPv4 alone.")
        .or("both families")
        .eg(r#""on""#)
        .slot(Slot::Vhost(
            |d, v, at| d.ipv6only = Some(located(v.on(), at)),
            |h| flag(Some(h.families == Families::V6Only).filter(|&on| on)?),
        )),
    key(
        "ws-protocols",
        Kind::Protocols,
        "WebSocket protocols of this vhost, each with options; several names are joined by commas.",
    )
    .or("those of the plug-ins")
    .eg(r#"[{ "lws-mirror-protocol": { "status": "ok" } }]"#)
    .later(Feature::WebSocket),
    key(
        "disable-no-protocol-ws-upgrades",
        Kind::Bool,
        "Refuse a WebSocket without a protocol.",
    )
    .or("off")
    .eg(r#""1""#)
    .later(Feature::WebSocket),
    key(
        "strict-host-check",
        Kind::Bool,
        "A WebSocket's `Host` must be this vhost's name and port.",
    )
    .or("off")
    .protects()
        .eg(r#""1""#)
    .later(Feature::WebSocket),
    tls::CERTIFICATE,
    tls::PRIVATE_KEY,
    tls::AUTHORITIES,
    tls::IGNORE_MISSING,
    tls::CLIENTS,
    tls::CIPHERS,
    tls::CIPHERS_13,
    tls::CURVES,
    tls::ALPN,
    tls::OPTIONS_SET,
    tls::OPTIONS_CLEARED,
    tls::ALLOW_NON_TLS,
    tls::REDIRECT_HTTP,
    tls::ALLOW_HTTP,
    upstream(
        "enable-client-ssl",
        Kind::Bool,
        "Upstreams of this vhost may be reached by TLS.",
    )
    .or("off")
    .eg(r#""1""#),
    upstream("client-ssl-cert", Kind::Path, "Certificate to show to upstreams.")
        .eg(r#""/etc/ssl/client.crt""#),
    upstream("client-ssl-key", Kind::Path, "Private key of the certificate for upstreams.")
        .eg(r#""/etc/ssl/private/client.key""#),
    upstream("client-ssl-ca", Kind::Path, "CA that upstreams' certificates must chain to.")
        .or("the system's")
        .eg(r#""/etc/ssl/upstream-ca.crt""#),
    upstream("client-ssl-ciphers", Kind::Text, "Cipher suites of TLS 1.2 towards upstreams.")
        .or("all safe ones")
        .eg(r#""ECDHE-RSA-AES128-GCM-SHA256""#),
    upstream("client-tls13-ciphers", Kind::Text, "Cipher suites of TLS 1.3 towards upstreams.")
        .or("all")
        .eg(r#""TLS_AES_128_GCM_SHA256""#),
    upstream("client-ecdh-curve", Kind::Text, "Curve for the key exchange with upstreams.")
        .eg(r#""prime256v1""#),
    upstream(
        "ssl-client-option-set",
        Kind::Flags,
        "OpenSSL option flags to set towards upstreams.",
    )
    .eg(r#""268435456""#),
    upstream(
        "ssl-client-option-clear",
        Kind::Flags,
        "OpenSSL option flags to clear towards upstreams.",
    )
    .eg(r#""268435456""#),
    key("listen-accept-role", Kind::Text, "Role of connections that are not HTTP.")
        .eg(r#""raw-proxy""#)
        .later(Feature::RawProxy),
    key("listen-accept-protocol", Kind::Text, "Protocol of connections that are not HTTP.")
        .eg(r#""raw-proxy""#)
        .later(Feature::RawProxy),
    key("apply-listen-accept", Kind::Bool, "Every connection gets that role; no HTTP is served.")
        .also(&["onlyraw"])
        .or("off")
        .eg(r#""1""#)
        .later(Feature::RawProxy),
    key("fallback-listen-accept", Kind::Bool, "Connections that cannot be HTTP get that role.")
        .or("off")
        .eg(r#""1""#)
        .later(Feature::RawProxy),
    key("h2-half-closed-long-poll", Kind::Bool, "Long polls on half-closed HTTP/2 streams.")
        .or("off")
        .eg(r#""1""#)
        .later(Feature::Http2),
    key(
        "fo-listen-queue",
        Kind::Int { min: 0, max: 65_535, unit: "" },
        "Queue of TCP Fast Open.",
    )
    .eg(r#""16""#)
    .idle("Fast Open is not used: its data can be replayed"),
    key("dht", Kind::Any, "lwsws' distributed hash table.").eg("{}").idle("there is none here"),
    key("quic-*", Kind::Any, "lwsws' settings for HTTP/3.")
        .eg(r#""1""#)
        .idle("HTTP/3 is not offered"),
];
