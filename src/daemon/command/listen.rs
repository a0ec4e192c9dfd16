//! Values of `--listen` and `--port`.

use std::net::IpAddr;

use super::usage::UsageError;
use crate::config::settings::ListenOn;

/// Where quick mode listens when nothing is said.
pub(super) fn loopback() -> ListenOn {
    ListenOn::Address(IpAddr::from([127, 0, 0, 1]), None)
}

pub(super) fn parse_port(text: &str) -> Result<u16, UsageError> {
    text.parse().map_err(|_| {
        UsageError::new(format!("'{}' is not a port", text.escape_debug()))
            .hint("a port is a number from 1 to 65535; 0 takes any free one")
    })
}

/// Reads `ADDR`, `ADDR:PORT`, `[ADDR]:PORT` or `:PORT`.
pub(super) fn parse_listen(text: &str) -> Result<(ListenOn, Option<u16>), UsageError> {
    let (host, port) = split_port(text);
    let port = port.map(parse_port).transpose()?;
    let listen_on = match host {
        "localhost" => loopback(),
        "" if port.is_some() => loopback(),
        "*" => ListenOn::Any,
        _ => {
            let (address, scope) = match host.split_once('%') {
                Some((address, scope)) => (address, Some(scope.to_owned())),
                None => (host, None),
            };
            let address = address.parse().map_err(|_| {
                UsageError::new(format!("'{}' is not an address", text.escape_debug()))
                    .hint("for example :8080, 192.168.1.1, 192.168.1.1:8080, [::1]:8080 or *")
            })?;
            ListenOn::Address(address, scope)
        }
    };
    Ok((listen_on, port))
}

/// The value that [`parse_listen`] reads as this, without a port.
pub(super) fn listen_text(listen_on: &ListenOn) -> String {
    match listen_on {
        ListenOn::Any => "*".to_owned(),
        ListenOn::Address(address, None) => address.to_string(),
        ListenOn::Address(address, Some(scope)) => format!("[{address}%{scope}]"),
        // Nothing on a command line becomes one of these.
        ListenOn::Nic(name) | ListenOn::Unix(name) => name.clone(),
    }
}

/// Splits a port off; the colons of a bare IPv6 address are part of it.
fn split_port(text: &str) -> (&str, Option<&str>) {
    if let Some(rest) = text.strip_prefix('[')
        && let Some((host, after)) = rest.split_once(']')
    {
        return match after.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if after.is_empty() => (host, None),
            None => (text, None),
        };
    }
    match text.split_once(':') {
        Some((host, port)) if !port.contains(':') => (host, Some(port)),
        _ => (text, None),
    }
}
