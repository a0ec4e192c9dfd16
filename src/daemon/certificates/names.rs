//! Names and addresses that a self-signed certificate is for.

use std::net::IpAddr;

use crate::config::settings::Settings;
use crate::sys::{hostname, ifaddr};

/// Endings that home routers give to the names of the machines around them.
const LOCAL_ENDINGS: [&str; 2] = ["lan", "local"];

/// What the certificate is for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Names {
    /// Names that stay: one that is missing is a reason to renew.
    pub(super) fixed: Vec<String>,
    /// Addresses of this moment: in a certificate that is made, and no reason to make one.
    pub(super) passing: Vec<String>,
}

impl Names {
    /// Those of this machine and of the vhosts that speak TLS.
    pub(super) fn now(settings: &Settings) -> Self {
        let host = hostname::hostname();
        let vhosts = settings.vhosts.iter().filter(|vhost| vhost.tls.is_some());
        let vhosts: Vec<&str> =
            vhosts.flat_map(|vhost| vhost.names()).map(|name| name.value.as_str()).collect();
        let addresses = ifaddr::addresses().unwrap_or_default();
        let addresses: Vec<IpAddr> = addresses.into_iter().map(|entry| entry.address).collect();
        Self::of(host.as_deref(), &vhosts, &addresses)
    }

    /// The host's name, alone and with the endings of home networks, the vhosts' names and the
    /// loopback; then the addresses that others can reach without naming an interface.
    pub(super) fn of(host: Option<&str>, vhosts: &[&str], addresses: &[IpAddr]) -> Self {
        let mut fixed: Vec<String> = Vec::new();
        if let Some(host) = host {
            fixed.push(host.to_owned());
            let short = host.split_once('.').map_or(host, |(short, _)| short);
            if !short.eq_ignore_ascii_case("localhost") {
                fixed.extend(LOCAL_ENDINGS.map(|ending| format!("{short}.{ending}")));
            }
        }
        fixed.push("localhost".to_owned());
        let named = vhosts.iter().filter(|name| **name != "default");
        let bare = |name: &&str| name.trim_end_matches('.').trim_matches(['[', ']']).to_owned();
        fixed.extend(named.map(bare));
        fixed.extend(["127.0.0.1", "::1"].map(str::to_owned));
        let reachable = addresses.iter().filter(|address| match address {
            IpAddr::V4(v4) => !v4.is_loopback(),
            IpAddr::V6(v6) => !v6.is_loopback() && !v6.is_unicast_link_local(),
        });
        Self { fixed, passing: reachable.map(IpAddr::to_string).collect() }
    }

    pub(super) fn all(&self) -> Vec<&str> {
        self.fixed.iter().chain(&self.passing).map(String::as_str).collect()
    }
}
