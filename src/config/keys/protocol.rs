//! Options that known protocols of `ws-protocols` take. Others are passed on unseen.

use super::{Feature, Key, Kind, Level, Merge, YEAR_SECS};

const fn key(name: &'static str, kind: Kind, doc: &'static str) -> Key {
    Key::new(Level::Protocol, name, kind, doc).later(Feature::WebSocket)
}

/// The keys.
pub(super) static KEYS: &[Key] = &[
    key("status", Kind::Text, "`ok` turns the protocol on.").eg(r#""ok""#),
    key("default", Kind::Bool, "The protocol for clients that name none.").or("off").eg(r#""1""#),
    key("raw", Kind::Bool, "The protocol for connections that are not HTTP.")
        .or("off")
        .eg(r#""1""#),
    key("basic-auth", Kind::Path, "File with user:password lines that guards the upgrade.")
        .eg(r#""/etc/kinglet/users""#),
    key(
        "update-ms",
        Kind::Int { min: 0, max: YEAR_SECS * 1000, unit: "milliseconds" },
        "lws-server-status: time between two reports.",
    )
    .or("5000")
    .eg(r#""5000""#),
    key("hide-vhosts", Kind::Bool, "lws-server-status: say nothing about vhosts and mounts.")
        .or("off")
        .eg(r#""1""#),
    key(
        "filespath",
        Kind::Path,
        "lws-server-status: a file to read and send along; may be repeated.",
    )
    .also(&["filepath"])
    .merged(Merge::All)
    .eg(r#""/sys/class/thermal/thermal_zone0/temp""#),
    key(
        "onward",
        Kind::Text,
        "raw-proxy: where to go on to, `ipv4:ADDRESS:PORT` or `ipv6:ADDRESS`.",
    )
    .eg(r#""ipv4:127.0.0.1:22""#),
    key("fifo-path", Kind::Path, "raw-test: a FIFO to read.").eg(r#""/tmp/raw-test""#),
    key("auth-path", Kind::Path, "acme: file with the account's key.")
        .eg(r#""/etc/kinglet/acme.jwk""#),
    key("cert-path", Kind::Path, "acme: where the certificate goes.")
        .eg(r#""/etc/kinglet/site.crt""#),
    key("key-path", Kind::Path, "acme: where the private key goes.")
        .eg(r#""/etc/kinglet/site.key""#),
    key("directory-url", Kind::Text, "acme: the provider's directory.")
        .eg(r#""https://acme.example/directory""#),
    key("common-name", Kind::Text, "acme: name in the certificate.").eg(r#""example.com""#),
    key("email", Kind::Text, "acme: address of the account.").eg(r#""admin@example.com""#),
];
