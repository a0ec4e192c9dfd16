//! Network interfaces: names, indices and addresses as they are at this moment.

use std::ffi::{CStr, CString};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

/// One address of a network interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NicAddress {
    /// Name of the interface.
    pub nic: String,
    /// The address.
    pub address: IpAddr,
    /// Scope id of a link-local IPv6 address, otherwise 0.
    pub scope_id: u32,
}

impl NicAddress {
    /// The address with a port, scope included.
    #[must_use]
    pub fn socket_addr(&self, port: u16) -> SocketAddr {
        with_scope(self.address, port, self.scope_id)
    }
}

/// An address with a port; `scope_id` counts for link-local IPv6 only.
#[must_use]
pub fn with_scope(address: IpAddr, port: u16, scope_id: u32) -> SocketAddr {
    match address {
        IpAddr::V4(_) => SocketAddr::new(address, port),
        IpAddr::V6(v6) => {
            let scope_id = if v6.is_unicast_link_local() { scope_id } else { 0 };
            SocketAddr::V6(SocketAddrV6::new(v6, port, 0, scope_id))
        }
    }
}

/// All addresses of all interfaces, in the kernel's order.
pub fn addresses() -> io::Result<Vec<NicAddress>> {
    addresses_of(0, 0)
}

/// The addresses under which other machines may reach this one, in the kernel's order: those of
/// interfaces that are up, without loopback. A link-local IPv6 address is none: it takes the name
/// that the other machine has for its own interface.
#[must_use]
pub fn outward() -> Vec<IpAddr> {
    let up = libc::IFF_UP | libc::IFF_RUNNING;
    let list = addresses_of(up | libc::IFF_LOOPBACK, up).unwrap_or_default();
    let local = |address: &IpAddr| matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local());
    list.into_iter().map(|entry| entry.address).filter(|address| !local(address)).collect()
}

/// The addresses of interfaces that have the flags `set` of those in `mask`.
fn addresses_of(mask: libc::c_int, set: libc::c_int) -> io::Result<Vec<NicAddress>> {
    let mut list = Vec::new();
    each(|entry| {
        if entry.ifa_flags & mask as u32 != set as u32 {
            return;
        }
        // SAFETY: getifaddrs gives each entry a name and null or an address of its family.
        if let Some((address, scope_id)) = unsafe { address_of(entry.ifa_addr) } {
            // SAFETY: as above.
            let nic = unsafe { CStr::from_ptr(entry.ifa_name) }.to_string_lossy().into_owned();
            list.push(NicAddress { nic, address, scope_id });
        }
    })?;
    Ok(list)
}

/// Names of all interfaces, also of those without an address, each once.
pub fn nic_names() -> io::Result<Vec<String>> {
    let mut names: Vec<String> = Vec::new();
    each(|entry| {
        // SAFETY: getifaddrs gives each entry a name.
        let name = unsafe { CStr::from_ptr(entry.ifa_name) }.to_string_lossy();
        if !names.iter().any(|known| *known == name) {
            names.push(name.into_owned());
        }
    })?;
    Ok(names)
}

/// Index of the interface called `name`, or of a decimal index itself (the scope of
/// `fe80::1%eth0` and `fe80::1%2`); `None` when there is no such interface.
#[must_use]
pub fn nic_index(name: &str) -> Option<u32> {
    if let Ok(index) = name.parse::<u32>() {
        return (index != 0).then_some(index);
    }
    let name = CString::new(name).ok()?;
    // SAFETY: `name` is a C string that lives through the call.
    let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
    (index != 0).then_some(index)
}

/// Frees the list on every way out.
struct List(*mut libc::ifaddrs);

impl Drop for List {
    fn drop(&mut self) {
        // SAFETY: the list came from getifaddrs and is freed once.
        unsafe { libc::freeifaddrs(self.0) };
    }
}

fn each(mut visit: impl FnMut(&libc::ifaddrs)) -> io::Result<()> {
    let mut head: *mut libc::ifaddrs = std::ptr::null_mut();
    // SAFETY: the call writes one pointer.
    if unsafe { libc::getifaddrs(&raw mut head) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let list = List(head);
    let mut next = list.0;
    // SAFETY: each pointer is null or an entry of the list, which lives until the end.
    while let Some(entry) = unsafe { next.as_ref() } {
        visit(entry);
        next = entry.ifa_next;
    }
    Ok(())
}

/// Reads an IPv4 or IPv6 address; other families are `None`.
///
/// # Safety
/// `pointer` is null or points to a socket address whose size fits its family.
unsafe fn address_of(pointer: *const libc::sockaddr) -> Option<(IpAddr, u32)> {
    // SAFETY: null or a valid address, by the caller's promise.
    let family = i32::from(unsafe { pointer.as_ref() }?.sa_family);
    match family {
        libc::AF_INET => {
            // SAFETY: the family says what it is; the read needs no alignment.
            let v4 = unsafe { pointer.cast::<libc::sockaddr_in>().read_unaligned() };
            Some((Ipv4Addr::from(v4.sin_addr.s_addr.to_ne_bytes()).into(), 0))
        }
        libc::AF_INET6 => {
            // SAFETY: as above.
            let v6 = unsafe { pointer.cast::<libc::sockaddr_in6>().read_unaligned() };
            Some((Ipv6Addr::from(v6.sin6_addr.s6_addr).into(), v6.sin6_scope_id))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_has_its_address_name_and_index() {
        let mut list = addresses().unwrap();
        list.retain(|entry| entry.nic == "lo");
        assert!(list.iter().any(|entry| entry.address == IpAddr::V4(Ipv4Addr::LOCALHOST)));
        assert!(nic_names().unwrap().iter().any(|name| name == "lo"));
        let index = nic_index("lo").unwrap();
        assert_eq!(nic_index(&index.to_string()), Some(index));
        assert_eq!(list[0].socket_addr(80).port(), 80);
    }

    #[test]
    fn loopback_and_link_local_addresses_are_no_way_to_this_machine() {
        let all = addresses().unwrap();
        for address in outward() {
            assert!(!address.is_loopback() && all.iter().any(|entry| entry.address == address));
            let IpAddr::V6(v6) = address else { continue };
            assert!(!v6.is_unicast_link_local());
        }
    }

    #[test]
    fn unknown_interfaces_have_nothing() {
        for name in ["no-such-nic", "", "0", "a\0b"] {
            assert_eq!(nic_index(name), None, "{name:?}");
        }
    }

    #[test]
    fn only_link_local_addresses_have_a_scope() {
        let local = with_scope("fe80::1".parse().unwrap(), 1, 7);
        assert!(matches!(local, SocketAddr::V6(v6) if v6.scope_id() == 7));
        let global = with_scope("2001:db8::1".parse().unwrap(), 1, 7);
        assert!(matches!(global, SocketAddr::V6(v6) if v6.scope_id() == 0));
    }
}
