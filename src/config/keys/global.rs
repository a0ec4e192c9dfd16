//! Keys of `global`.

use super::super::check::parse_keyword;
use super::super::draft::located;
use super::{
    Feature, Key, Kind, Level, Merge, PairRule, Slot, YEAR_SECS, flag, number, pairs, text,
};

const SECS: Kind = Kind::Int { min: 0, max: YEAR_SECS, unit: "seconds" };
const ID: Kind = Kind::Int { min: 0, max: 0xffff_fffe, unit: "" };

const fn key(name: &'static str, kind: Kind, doc: &'static str) -> Key {
    Key::new(Level::Global, name, kind, doc)
}

const fn count(min: u64, max: u64) -> Kind {
    Kind::Int { min, max, unit: "" }
}

/// The keys.
pub(super) static KEYS: &[Key] = &[
    key("username", Kind::Text, "User to serve as after a start as root, with all of its groups; \"root\" stays root.")
        .or("nobody, when started as root")
        .eg(r#""www-data""#)
        .slot(Slot::Global(
            |g, v, at| g.username = v.some_text().map(|t| located(t, at)),
            |g| text(&g.username.as_ref()?.value),
        )),
    key(
        "groupname",
        Kind::Text,
        "Group to serve as after a start as root, in place of the user's own; the further groups \
         of the user stay.",
    )
    .or("the user's group")
    .eg(r#""www-data""#)
    .slot(Slot::Global(
        |g, v, at| g.groupname = v.some_text().map(|t| located(t, at)),
        |g| text(&g.groupname.as_ref()?.value),
    )),
    key("uid", ID, "User to serve as, by number; \"username\" counts when both are given.")
        .eg(r#""33""#)
        .slot(Slot::Global(|g, v, _| g.uid = Some(v.u32()), |g| number(g.uid?))),
    key("gid", ID, "Group to serve as, by number; \"groupname\" counts when both are given.")
        .eg(r#""33""#)
        .slot(Slot::Global(|g, v, _| g.gid = Some(v.u32()), |g| number(g.gid?))),
    key("count-threads", count(0, 64), "Number of threads that serve; 0 counts as 1.")
        .or("1")
        .eg(r#""2""#)
        .slot(Slot::Global(
            |g, v, _| g.count_threads = v.u16().max(1),
            |g| number(g.count_threads),
        )),
    key("init-ssl", Kind::Bool, "Whether TLS may be used.")
        .eg(r#""yes""#)
        .idle("a certificate turns TLS on"),
    key("server-string", Kind::HeaderValue, "Value of the `Server` header of every response.")
        .or("no such header")
        .eg(r#""kinglet""#)
        .slot(Slot::Global(
            |g, v, _| g.server_string = v.some_text(),
            |g| text(g.server_string.as_ref()?),
        )),
    key("ws-pingpong-secs", SECS, "Idle time after which a WebSocket peer is pinged; 0 is never.")
        .or("0")
        .eg(r#""200""#)
        .later(Feature::WebSocket),
    key(
        "timeout-secs",
        SECS,
        "Time without any progress after which an exchange is given up: head, body, upstream; 0 counts as the default.",
    )
    .or("5")
    .eg(r#""5""#)
    .slot(Slot::Global(|g, v, _| g.timeout_secs = v.u32_or(5), |g| number(g.timeout_secs))),
    key(
        "header-timeout-secs",
        SECS,
        "Time that a whole request head or TLS handshake may take; 0 counts as the default.",
    )
    .or("20")
    .eg(r#""20""#)
    .ours()
    .slot(Slot::Global(
        |g, v, _| g.header_timeout_secs = v.u32_or(20),
        |g| number(g.header_timeout_secs),
    )),
    key(
        "send-timeout-secs",
        SECS,
        "Time in which a client must take something of what is sent to it; 0 counts as the default.",
    )
    .or("60")
    .eg(r#""60""#)
    .ours()
    .slot(Slot::Global(
        |g, v, _| g.send_timeout_secs = v.u32_or(60),
        |g| number(g.send_timeout_secs),
    )),
    key("proxy-timeout-secs", SECS, "Time in which an upstream must answer with a head.")
        .or("60")
        .eg(r#""60""#)
        .ours()
        .later(Feature::Proxy),
    key("shutdown-secs", SECS, "Time for exchanges to end after SIGTERM; 0 is none.")
        .or("10")
        .eg(r#""10""#)
        .ours()
        .slot(Slot::Global(|g, v, _| g.shutdown_secs = v.u32(), |g| number(g.shutdown_secs))),
    key(
        "drain-secs",
        SECS,
        "Time that connections of an earlier generation get after a reload; 0 is without limit.",
    )
    .or("0")
    .eg(r#""3600""#)
    .ours()
    .slot(Slot::Global(|g, v, _| g.drain_secs = v.u32(), |g| number(g.drain_secs))),
    key(
        "max-generations",
        count(1, 64),
        "Generations at the same time: the one that serves, and earlier ones that reloads left \
         with connections. The oldest one gives way.",
    )
    .or("3")
    .eg(r#""3""#)
    .ours()
    .slot(Slot::Global(|g, v, _| g.generations_max = v.u16(), |g| number(g.generations_max))),
    key(
        "no-new-privs",
        Kind::Bool,
        "Programs that the server starts (CGI) cannot gain rights by set-uid or file \
         capabilities; lwsws lets them.",
    )
    .or("on")
    .eg(r#""0""#)
    .ours()
    .slot(Slot::Global(|g, v, _| g.no_new_privs = v.on(), |g| flag(g.no_new_privs))),
    key(
        "min-body-rate",
        Kind::Size { min: 0, max: 1 << 30 },
        "Bytes per second that a request body must average; 0 is no limit.",
    )
    .or("256")
    .eg(r#""256""#)
    .ours()
    .slot(Slot::Global(|g, v, _| g.body_rate_min = v.u32(), |g| number(g.body_rate_min))),
    key(
        "max-connections",
        count(1, 1_000_000),
        "Client connections at the same time. At the limit the longest idle one gives way.",
    )
    .or("from memory and the limit of open files")
    .eg(r#""500""#)
    .ours()
    .slot(Slot::Global(
        |g, v, _| g.connections_max = v.some_u32(),
        |g| number(g.connections_max?),
    )),
    key(
        "max-buffers",
        count(8, 1_000_000),
        "Blocks of 4 KiB for bytes on their way; only used ones take memory.",
    )
    .or("from max-connections")
    .eg(r#""256""#)
    .ours()
    .slot(Slot::Global(|g, v, _| g.blocks_max = v.some_u32(), |g| number(g.blocks_max?))),
    key(
        "max-head",
        Kind::Size { min: 1024, max: 16 << 10 },
        "Bytes of a request head; more is answered with 431, a long target with 414.",
    )
    .or("8192")
    .eg(r#""8k""#)
    .ours()
    .slot(Slot::Global(|g, v, _| g.head_bytes_max = v.u32(), |g| number(g.head_bytes_max))),
    key("max-headers", count(8, 128), "Header fields of a request; more is answered with 431.")
        .or("100")
        .eg(r#""100""#)
        .ours()
        .slot(Slot::Global(|g, v, _| g.headers_max = v.u32(), |g| number(g.headers_max))),
    key(
        "max-body",
        Kind::Size { min: 0, max: 1 << 50 },
        "Bytes of a request body; more is answered with 413; 0 is no limit.",
    )
    .or("64M")
    .eg(r#""16M""#)
    .ours()
    .slot(Slot::Global(|g, v, _| g.body_bytes_max = v.u64(), |g| number(g.body_bytes_max))),
    key("max-open-files", count(0, 65_536), "Files that are kept open for the next request.")
        .or("64")
        .eg(r#""64""#)
        .ours()
        .slot(Slot::Global(|g, v, _| g.open_files_max = v.u32(), |g| number(g.open_files_max))),
    key(
        "reject-service-keywords",
        Kind::Pairs(PairRule::Keyword),
        "Words that, within a `User-Agent`, have the request answered with a status and a text.",
    )
    .protects()
        .eg(r#"[{ "badbot": "403 no robots" }]"#)
    .slot(Slot::Global(
        |g, v, _| {
            let keywords = v.pairs().into_iter().filter_map(|(k, v)| parse_keyword(&k, &v));
            g.reject_keywords.extend(keywords);
        },
        |g| {
            let line = |k: &super::super::settings::RejectKeyword| {
                (k.keyword.clone(), format!("{} {}", k.status, k.text).trim_end().to_owned())
            };
            pairs(&g.reject_keywords.iter().map(line).collect::<Vec<_>>())
        },
    )),
    key("ip-limit-ah", count(0, 1_000_000), "Requests in progress per address; 0 is no limit.")
        .or("no limit")
        .protects()
        .eg(r#""8""#)
        .slot(Slot::Global(|g, v, _| g.ip_limit_ah = v.some_u32(), |g| number(g.ip_limit_ah?))),
    key("ip-limit-wsi", count(0, 1_000_000), "Connections per address; 0 is no limit.")
        .or("no limit")
        .protects()
        .eg(r#""32""#)
        .slot(Slot::Global(|g, v, _| g.ip_limit_wsi = v.some_u32(), |g| number(g.ip_limit_wsi?))),
    key("rlimit-nofile", count(0, 1 << 30), "Limit of open files to ask the system for.")
        .or("the inherited one")
        .eg(r#""4096""#)
        .slot(Slot::Global(
            |g, v, _| g.rlimit_nofile = Some(v.u64()).filter(|&n| n > 0),
            |g| number(g.rlimit_nofile?),
        )),
    key("default-alpn", Kind::Text, "Protocols to offer in TLS where a vhost has no \"alpn\".")
        .or("http/1.1")
        .eg(r#""http/1.1""#)
        .slot(Slot::Global(
            |g, v, at| g.default_alpn = Some(located(v.text(), at)),
            |g| text(&g.default_alpn.as_ref()?.value),
        )),
    key(
        "max-tls-connections",
        count(1, 1_000_000),
        "Connections with TLS at the same time, of those that \"max-connections\" counts.",
    )
    .or("as many as \"max-connections\"")
    .eg(r#""200""#)
    .ours()
    .slot(Slot::Global(
        |g, v, _| g.tls_connections_max = v.some_u32(),
        |g| number(g.tls_connections_max?),
    )),
    key(
        "max-handshakes",
        count(1, 100_000),
        "TLS handshakes in progress at the same time; further clients wait in line.",
    )
    .or("from \"max-connections\"")
    .eg(r#""32""#)
    .ours()
    .slot(Slot::Global(
        |g, v, _| g.handshakes_max = v.some_u32(),
        |g| number(g.handshakes_max?),
    )),
    key(
        "state-dir",
        Kind::Path,
        "Directory for what Kinglet makes and must find again: self-signed certificates and their keys.",
    )
    .or(
        "what a service manager names in STATE_DIRECTORY, else /var/lib/kinglet; as a user \
         ~/.local/state/kinglet",
    )
    .eg(r#""/etc/kinglet/state""#)
    .ours()
    .slot(Slot::Global(
        |g, v, at| g.state_dir = v.text_at(at),
        |g| text(&g.state_dir.as_ref()?.value),
    )),
    key("plugin-dir", Kind::Path, "A directory with plug-ins; may be repeated.")
        .merged(Merge::All)
        .eg(r#""/usr/local/share/kinglet/plugins""#)
        .later(Feature::Plugins),
    key("trusted-proxies", Kind::Blocks, "Peers whose `X-Forwarded-*` headers are believed.")
        .eg(r#"["127.0.0.1", "10.0.0.0/8"]"#)
        .ours()
        .later(Feature::Proxy),
    key("interface", Kind::Text, "Has no meaning here: a vhost has its own \"interface\".")
        .eg(r#""lo""#)
        .idle("lwsws reads it and does not use it either"),
    key("count-async-threads", count(0, 1024), "Helper threads of lwsws.")
        .eg(r#""1""#)
        .idle("helpers are started as needed"),
    key("cpd-bypass", Kind::Bool, "Skips lwsws' search for captive portals.")
        .eg(r#""1""#)
        .idle("there is no such search"),
    key("allow-early-data", Kind::Bool, "Early data of TLS 1.3.")
        .eg(r#""0""#)
        .idle("early data can be replayed and is never accepted"),
    key("quic-*", Kind::Any, "lwsws' settings for HTTP/3.")
        .eg(r#""1""#)
        .idle("HTTP/3 is not offered"),
];
