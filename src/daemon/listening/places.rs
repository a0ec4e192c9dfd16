//! From what a configuration says to listen on, to the TCP addresses of this machine that it means
//! now.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::config::nearest::nearest;
use crate::config::settings::{Families, ListenOn};
use crate::daemon::finding::{Finding, Severity};
use crate::sys::ifaddr::{self, NicAddress};
use crate::sys::socket;
use crate::vhost::{Listener, World};

/// One address to bind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bind {
    /// Address and port, with the scope of a link-local address.
    pub address: SocketAddr,
    /// An IPv6 wildcard that leaves IPv4 alone.
    pub v6_only: bool,
}

/// The network interfaces at one moment.
#[derive(Debug, Clone, Default)]
pub struct Interfaces {
    /// Every address of this machine.
    pub addresses: Vec<NicAddress>,
    /// Every interface, also those without an address.
    pub names: Vec<String>,
    /// Whether the kernel has IPv6.
    pub has_v6: bool,
}

impl Interfaces {
    /// Asks the kernel; what it does not answer stays empty.
    #[must_use]
    pub fn read() -> Self {
        Self::try_read().unwrap_or_else(|_| Self::unlisted())
    }

    /// Asks the kernel.
    ///
    /// # Errors
    /// What getifaddrs(3) says.
    pub fn try_read() -> io::Result<Self> {
        let addresses = ifaddr::addresses()?;
        Ok(Self { addresses, names: ifaddr::nic_names()?, ..Self::unlisted() })
    }

    fn unlisted() -> Self {
        Self { addresses: Vec::new(), names: Vec::new(), has_v6: socket::has_v6() }
    }

    /// What `wanted` needs to know: listing the interfaces of a machine takes longer than the
    /// rest of a start, and most servers name none.
    #[must_use]
    pub fn for_listeners<'a>(wanted: impl IntoIterator<Item = &'a Wanted>) -> Self {
        if wanted.into_iter().any(Wanted::follows_interface) {
            return Self::read();
        }
        Self::unlisted()
    }
}

/// The addresses to bind for a listener. An address that is not on this machine yet is among them
/// (binding it fails); `Err` is a finding without a place when there is nothing to bind.
/// Unix sockets are none of this.
pub fn resolve(
    on: &ListenOn,
    port: u16,
    families: Families,
    interfaces: &Interfaces,
) -> Result<Vec<Bind>, Finding> {
    let wants_v4 = families != Families::V6Only;
    let wants_v6 = families != Families::V4Only;
    match on {
        ListenOn::Any => any(port, families, interfaces.has_v6),
        ListenOn::Address(address, _) if address.is_unspecified() => {
            let families = match (address.is_ipv4(), families) {
                (true, _) => Families::V4Only,
                (false, Families::V4Only) => Families::V6Only,
                (false, other) => other,
            };
            any(port, families, interfaces.has_v6)
        }
        ListenOn::Address(address, scope) => {
            let address = address.to_canonical();
            let scope_id = match scope {
                Some(name) => ifaddr::nic_index(name).ok_or_else(|| no_nic(name, interfaces))?,
                None => scope_of(address, interfaces),
            };
            let address = ifaddr::with_scope(address, port, scope_id);
            Ok(vec![Bind { address, v6_only: address.is_ipv6() }])
        }
        ListenOn::Nic(name) => {
            let of_family = |entry: &&NicAddress| {
                if entry.address.is_ipv4() { wants_v4 } else { wants_v6 }
            };
            let own = interfaces.addresses.iter().filter(|entry| entry.nic == *name);
            let binds: Vec<Bind> = own
                .filter(of_family)
                .map(|entry| Bind {
                    address: entry.socket_addr(port),
                    v6_only: entry.address.is_ipv6(),
                })
                .collect();
            if !binds.is_empty() {
                return Ok(binds);
            }
            Err(if interfaces.names.contains(name) {
                no_address(name)
            } else {
                no_nic(name, interfaces)
            })
        }
        ListenOn::Unix(_) => Ok(Vec::new()),
    }
}

fn any(port: u16, families: Families, has_v6: bool) -> Result<Vec<Bind>, Finding> {
    let v4 = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port);
    let v6 = SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port);
    match families {
        Families::V4Only => Ok(vec![Bind { address: v4, v6_only: false }]),
        Families::Both if !has_v6 => Ok(vec![Bind { address: v4, v6_only: false }]),
        Families::V6Only if !has_v6 => {
            let message = format!("no IPv6 on this machine: nothing listens on port {port}");
            Err(Finding::new(Severity::Degraded, message).hint("remove \"ipv6only\""))
        }
        Families::Both => Ok(vec![Bind { address: v6, v6_only: false }]),
        Families::V6Only => Ok(vec![Bind { address: v6, v6_only: true }]),
    }
}

/// A link-local address without a scope gets that of the interface that has it.
fn scope_of(address: IpAddr, interfaces: &Interfaces) -> u32 {
    let owner = interfaces.addresses.iter().find(|entry| entry.address == address);
    owner.map_or(0, |entry| entry.scope_id)
}

fn no_nic(name: &str, interfaces: &Interfaces) -> Finding {
    let finding =
        Finding::new(Severity::Degraded, format!("there is no network interface \"{name}\" now"));
    let is_address = |text: &str| text.parse::<SocketAddr>().is_ok();
    match nearest(name, interfaces.names.iter().map(String::as_str)) {
        _ if name == "localhost" => finding.hint("write \"127.0.0.1\" or \"::1\""),
        _ if name == "*" => finding.hint("leave \"interface\" out to listen on every address"),
        _ if is_address(name) => finding.hint("the port goes in \"port\""),
        Some(near) => finding.hint(format!("did you mean \"{near}\"?")),
        None => finding.hint(format!("this machine has {}", interfaces.names.join(", "))),
    }
}

fn no_address(name: &str) -> Finding {
    let message = format!("the network interface \"{name}\" has no address to listen on now");
    Finding::new(Severity::Degraded, message)
        .hint(format!("look at it with: ip address show dev {name}"))
}

/// Something to listen on, as the world groups its vhosts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Where.
    pub on: ListenOn,
    /// TCP port.
    pub port: u16,
    /// Families.
    pub families: Families,
}

impl Wanted {
    /// Whether what it means changes with the interfaces of the machine: it names one, or its
    /// address is one of a single link.
    #[must_use]
    pub fn follows_interface(&self) -> bool {
        match &self.on {
            ListenOn::Nic(_) => true,
            ListenOn::Address(IpAddr::V6(address), scope) => {
                address.is_unicast_link_local() || scope.is_some()
            }
            ListenOn::Address(IpAddr::V4(_), _) | ListenOn::Any | ListenOn::Unix(_) => false,
        }
    }
}

impl Wanted {
    /// Whether it is a wildcard that means less than it says as long as the kernel has no IPv6,
    /// which comes with its first addresses.
    #[must_use]
    pub fn lacks_v6(&self, has_v6: bool) -> bool {
        let is_wildcard = match &self.on {
            ListenOn::Any => true,
            ListenOn::Address(address, _) => address.is_ipv6() && address.is_unspecified(),
            ListenOn::Nic(_) | ListenOn::Unix(_) => false,
        };
        is_wildcard && !has_v6 && self.families != Families::V4Only
    }
}

impl From<&Listener> for Wanted {
    fn from(listener: &Listener) -> Self {
        Self { on: listener.on.clone(), port: listener.port, families: listener.families }
    }
}

/// Whether some listener of `world` has an address on this machine now.
pub fn can_listen(world: &World) -> bool {
    let wanted: Vec<Wanted> = world.listeners.iter().map(Wanted::from).collect();
    let interfaces = Interfaces::for_listeners(&wanted);
    wanted.iter().any(|wanted| {
        let binds = resolve(&wanted.on, wanted.port, wanted.families, &interfaces);
        binds.is_ok_and(|binds| !binds.is_empty())
    })
}

#[cfg(test)]
#[path = "places_tests.rs"]
mod tests;
