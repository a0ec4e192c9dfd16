//! Keys of a vhost that are about its own TLS.

use super::super::draft::{VhostDraft, located};
use super::super::settings::{CertificateSource, Group, NonTls, Place, Suite, Tls, Typed, Vhost};
use super::super::tls::{options_cleared, options_set};
use super::{Key, Kind, Level, Slot, flag, number, text};

type Set = fn(&mut VhostDraft, Typed, Place);
type Get = fn(&Vhost) -> Option<Typed>;

const fn key(name: &'static str, kind: Kind, doc: &'static str, set: Set, get: Get) -> Key {
    Key::new(Level::Vhost, name, kind, doc).slot(Slot::Vhost(set, get))
}

/// The names of a list of suites.
fn suites(list: Option<&[Suite]>) -> Option<Typed> {
    let names: Vec<&str> = list?.iter().map(|suite| suite.name()).collect();
    text(&names.join(":"))
}

fn groups(list: &[Group]) -> Option<Typed> {
    let names: Vec<&str> = list.iter().filter_map(|g| g.names().first().copied()).collect();
    text(&names.join(":"))
}

/// Whether a vhost with TLS does this with plain HTTP.
fn plain(vhost: &Vhost, is: fn(NonTls) -> bool) -> Option<Typed> {
    flag(is(vhost.non_tls)).filter(|on| vhost.tls.is_some() || on.on())
}

/// Bits that are shown only when there are any.
fn bits(of: fn(&Tls) -> u64, vhost: &Vhost) -> Option<Typed> {
    number(Some(of(vhost.tls.as_ref()?)).filter(|&bits| bits != 0)?)
}

pub(super) const CERTIFICATE: Key = key(
    "host-ssl-cert",
    Kind::Path,
    "Certificate chain (PEM, as OpenSSL takes it); with \"host-ssl-key\" it turns TLS on. \
     `self-signed`: Kinglet makes a certificate and its key itself and keeps them in \
     \"state-dir\".",
    |d, v, at| d.tls.cert = v.text_at(at),
    |h| match &h.tls.as_ref()?.certificate.value {
        CertificateSource::File(path) => text(path),
        CertificateSource::SelfSigned => text("self-signed"),
    },
)
.protects()
.eg(r#""/etc/ssl/site.crt""#);

pub(super) const PRIVATE_KEY: Key = key(
    "host-ssl-key",
    Kind::Path,
    "Private key of the certificate (PEM).",
    |d, v, at| d.tls.key = v.text_at(at),
    |h| text(&h.tls.as_ref()?.key.as_ref()?.value),
)
.protects()
.eg(r#""/etc/ssl/private/site.key""#);

pub(super) const AUTHORITIES: Key = key(
    "host-ssl-ca",
    Kind::Path,
    "CA for client certificates (PEM); sent as chain where it completes the certificate's.",
    |d, v, at| d.tls.ca = v.text_at(at),
    |h| text(&h.tls.as_ref()?.ca.as_ref()?.value),
)
.protects()
.eg(r#""/etc/ssl/site-ca.crt""#);

pub(super) const IGNORE_MISSING: Key = key(
    "ignore-missing-cert",
    Kind::Bool,
    "Start the vhost though its certificate is not there yet.",
    |d, v, at| d.tls.ignore_missing_cert = v.flag_at(at),
    |h| flag(h.tls.as_ref()?.ignore_missing_cert),
)
.or("off")
.eg(r#""1""#);

pub(super) const CLIENTS: Key = key(
    "client-cert-required",
    Kind::Bool,
    "Only clients with a certificate that chains to \"host-ssl-ca\" get in; the log says why \
     another one was refused.",
    |d, v, at| d.tls.client_cert_required = v.flag_at(at),
    |h| flag(h.tls.as_ref()?.client_cert_required.is_some()),
)
.or("off")
.protects()
.eg(r#""1""#);

pub(super) const CIPHERS: Key = key(
    "ciphers",
    Kind::Text,
    "Cipher suites of TLS 1.2, preferred ones first, in OpenSSL's names and words \
     (`EECDH+AESGCM:!aRSA`). There are ECDHE-ECDSA and ECDHE-RSA, each with AES128-GCM-SHA256, \
     AES256-GCM-SHA384 and CHACHA20-POLY1305; others are left out. A list of which nothing is \
     left does not count.",
    |d, v, at| d.tls.ciphers = v.text_at(at),
    |h| suites(h.tls.as_ref()?.tls12_suites.as_deref()),
)
.or("all, what this processor does fastest first")
.eg(r#""ECDHE-ECDSA-AES256-GCM-SHA384""#);

pub(super) const CIPHERS_13: Key = key(
    "tls13-ciphers",
    Kind::Text,
    "Cipher suites of TLS 1.3, preferred ones first: `TLS_AES_128_GCM_SHA256`, \
     `TLS_AES_256_GCM_SHA384`, `TLS_CHACHA20_POLY1305_SHA256`.",
    |d, v, at| d.tls.tls13_ciphers = v.text_at(at),
    |h| suites(h.tls.as_ref()?.tls13_suites.as_deref()),
)
.or("all, what this processor does fastest first")
.eg(r#""TLS_AES_256_GCM_SHA384""#);

pub(super) const CURVES: Key = key(
    "ecdh-curve",
    Kind::Text,
    "Curves for the key exchange, preferred ones first: `X25519`, `prime256v1` (`P-256`), \
     `secp384r1` (`P-384`).",
    |d, v, at| d.tls.ecdh_curve = v.text_at(at),
    |h| groups(h.tls.as_ref()?.groups.as_ref()?),
)
.or("X25519, prime256v1, secp384r1")
.eg(r#""prime256v1""#);

pub(super) const ALPN: Key = key(
    "alpn",
    Kind::Text,
    "Protocols to offer in TLS, with commas between; of them `http/1.1` is spoken. An empty \
     text: none are offered. A client that wants only others is served without one.",
    |d, v, at| d.tls.alpn = Some(located(v.text(), at)),
    |h| text(&h.tls.as_ref()?.alpn.join(",")),
)
.or("what \"default-alpn\" says")
.eg(r#""http/1.1""#);

pub(super) const OPTIONS_SET: Key = key(
    "ssl-option-set",
    Kind::Flags,
    "OpenSSL option flags to set, as a decimal number: 134217728 turns TLS 1.2 off, 536870912 \
     TLS 1.3, 16384 session tickets.",
    |d, v, at| d.tls.options_set.push(located(v.u64(), at)),
    |h| bits(options_set, h),
)
.eg(r#""536870912""#);

pub(super) const OPTIONS_CLEARED: Key = key(
    "ssl-option-clear",
    Kind::Flags,
    "OpenSSL option flags to clear; they win over those that are set. 4194304 lets the client's \
     order of suites count.",
    |d, v, at| d.tls.options_cleared.push(located(v.u64(), at)),
    |h| bits(options_cleared, h),
)
.eg(r#""536870912""#);

pub(super) const ALLOW_NON_TLS: Key = key(
    "allow-non-tls",
    Kind::Bool,
    "Clients that speak plain HTTP on this TLS port are not only told so: \"redirect-http\" or \
     \"allow-http-on-https\" says what they get.",
    |d, v, at| d.tls.allow_non_tls = v.flag_at(at),
    |h| plain(h, |non_tls| non_tls != NonTls::Refuse),
)
.or("off")
.eg(r#""1""#);

pub(super) const REDIRECT_HTTP: Key = key(
    "redirect-http",
    Kind::Bool,
    "With \"allow-non-tls\": plain HTTP is redirected to https.",
    |d, v, at| d.tls.redirect_http = v.flag_at(at),
    |h| plain(h, |non_tls| non_tls == NonTls::Redirect),
)
.or("off")
.eg(r#""1""#);

pub(super) const ALLOW_HTTP: Key = key(
    "allow-http-on-https",
    Kind::Bool,
    "With \"allow-non-tls\": plain HTTP is served as well.",
    |d, v, at| d.tls.allow_http_on_https = v.flag_at(at),
    |h| plain(h, |non_tls| non_tls == NonTls::Serve),
)
.or("off")
.eg(r#""0""#);
