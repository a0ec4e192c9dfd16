//! Checks of values about the network: addresses, interfaces, sockets, host names.

use std::net::IpAddr;

use super::super::settings::{Cidr, ListenOn, UnixPerms};
use super::{Checked, Fault, idna, line, path};

/// Bytes of the name of a network interface (IFNAMSIZ less the final NUL).
const NIC_BYTES_MAX: usize = 15;
/// Bytes of a host name (RFC 1035 section 2.3.4).
const HOST_BYTES_MAX: usize = 253;
/// Bytes of a unix socket's path (`sockaddr_un` less the final NUL).
const SOCKET_PATH_BYTES_MAX: usize = 107;

/// A host name as it is compared with `Host`, or `*.` and a name: in ASCII.
pub(crate) fn host_name(text: &str) -> Checked<String> {
    let name = idna::to_ascii(text)?;
    let name = &*name;
    if name.is_empty() || name.len() > HOST_BYTES_MAX {
        return Err(Fault::new(format!("must have 1 to {HOST_BYTES_MAX} bytes")));
    }
    if name.contains("://") || name.contains('/') {
        return Err(Fault::new(format!("must be a host name, not {text:?}"))
            .hint("write it without scheme and path: \"example.com\""));
    }
    let plain = name.strip_prefix("*.").unwrap_or(name);
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    let address = plain.trim_matches(['[', ']']).parse::<IpAddr>();
    if let Ok(IpAddr::V6(ip)) = address {
        // As clients write it in Host.
        return Ok(format!("[{ip}]"));
    }
    if address.is_ok() || (!plain.is_empty() && plain.bytes().all(allowed)) {
        return Ok(name.to_owned());
    }
    let fault = Fault::new(format!("must be a host name, not {text:?}"));
    Err(match text.rsplit_once(':') {
        Some((host, digits)) if digits.bytes().all(|b| b.is_ascii_digit()) => {
            fault.hint(format!("the port goes in \"port\"; write \"{host}\" here"))
        }
        _ if text == "*" => fault.hint("the first vhost of a port serves every other name"),
        // The text has a space or a comma, or it would be a name.
        _ if text.bytes().all(|b| allowed(b) || b" ,".contains(&b)) => {
            fault.hint("further names go in \"aliases\"")
        }
        _ => fault,
    })
}

/// What is left of a text that is no host name: no scheme, path and port, and `-` for each
/// character that no name has. lwsws serves such a vhost to clients that ask for another name.
pub(crate) fn near_host_name(text: &str) -> String {
    let host = text.rsplit("://").next().unwrap_or_default().split('/').next().unwrap_or_default();
    let host = match host.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => host,
    };
    let fits = |c: char| if c.is_ascii_alphanumeric() || "-._~".contains(c) { c } else { '-' };
    let name = host_name(host).unwrap_or_else(|_| host.chars().map(fits).collect());
    if name.is_empty() { "default".to_owned() } else { name.chars().take(HOST_BYTES_MAX).collect() }
}

/// An address or `address/bits`; the flag says that bits of the host part were set.
pub(crate) fn cidr(text: &str) -> Checked<(Cidr, bool)> {
    let fault = || {
        Fault::new(format!("has {text:?}, which is not an address block"))
            .hint("for example \"192.168.1.0/24\", \"10.1.2.3\" or \"fe80::/10\"")
    };
    let (address, bits) = match text.trim().split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (text.trim(), None),
    };
    let address: IpAddr = address.trim_matches(['[', ']']).parse().map_err(|_| fault())?;
    let width = if address.is_ipv4() { 32 } else { 128 };
    let mut bits = match bits {
        None => width,
        Some(bits) => {
            let digits = !bits.is_empty() && bits.bytes().all(|b| b.is_ascii_digit());
            let bits = bits.parse::<u8>().ok().filter(|_| digits);
            bits.filter(|&b| b <= width).ok_or_else(fault)?
        }
    };
    let mut address = address;
    if address.to_canonical() != address && bits >= 96 {
        address = address.to_canonical();
        bits -= 96;
    }
    let network = match address {
        IpAddr::V4(ip) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            IpAddr::V4((ip.to_bits() & mask).into())
        }
        IpAddr::V6(ip) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
            IpAddr::V6((ip.to_bits() & mask).into())
        }
    };
    Ok((Cidr { network, prefix_bits: bits }, network != address))
}

/// `interface` of a vhost that does not listen on a unix socket.
pub(crate) fn interface(text: &str) -> Checked<ListenOn> {
    line(text)?;
    let text = text.trim();
    let (bare, scope) = match text.split_once('%') {
        Some((bare, scope)) => (bare, Some(scope)),
        None => (text, None),
    };
    let bare = bare.strip_prefix('[').and_then(|b| b.strip_suffix(']')).unwrap_or(bare);
    match (bare.parse::<IpAddr>(), scope) {
        (Ok(IpAddr::V6(ip)), Some(scope)) if is_nic(scope) => {
            return Ok(ListenOn::Address(IpAddr::V6(ip), Some(scope.to_owned())));
        }
        (Ok(ip), None) => return Ok(ListenOn::Address(ip, None)),
        _ => {}
    }
    if text.starts_with(['/', '@']) {
        return Err(Fault::new(format!(
            "names a unix socket, {text:?}, but \"unix-socket\" is off"
        ))
        .hint("add \"unix-socket\": \"1\""));
    }
    if text.contains('.') && text.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return Err(Fault::new(format!("is not an address: {text:?}"))
            .hint("an IPv4 address has four numbers from 0 to 255"));
    }
    if is_nic(text) {
        return Ok(ListenOn::Nic(text.to_owned()));
    }
    Err(Fault::new(format!("must be an address or the name of an interface, not {text:?}"))
        .hint("for example \"127.0.0.1\", \"fe80::1%eth0\" or \"eth0\""))
}

fn is_nic(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_graphic() && b != b'/' && b != b'%';
    !name.is_empty() && name.len() <= NIC_BYTES_MAX && name.bytes().all(allowed)
}

/// `interface` of a vhost that listens on a unix socket.
pub(crate) fn socket_path(text: &str) -> Checked<ListenOn> {
    path(text)?;
    if text.len() > SOCKET_PATH_BYTES_MAX {
        return Err(Fault::new(format!(
            "has {} bytes; the path of a unix socket has {SOCKET_PATH_BYTES_MAX} at most",
            text.len()
        )));
    }
    if text == "@" {
        return Err(Fault::new("must name the socket after the '@'"));
    }
    Ok(ListenOn::Unix(text.to_owned()))
}

/// `user:group` or `user:group:mode`; only with a mode the group may be left empty.
pub(crate) fn socket_owner(text: &str) -> Checked<UnixPerms> {
    line(text)?;
    let shape = || {
        Fault::new(format!("must be user:group or user:group:mode, not {text:?}"))
            .hint("for example \"www-data:www-data\" or \"root:adm:0660\"")
    };
    let mut parts = text.split(':').map(str::trim);
    let (user, group, mode) = (parts.next(), parts.next(), parts.next());
    let user = user.filter(|user| !user.is_empty()).ok_or_else(shape)?;
    let group = group.ok_or_else(shape)?;
    if parts.next().is_some() || (group.is_empty() && mode.is_none()) {
        return Err(shape());
    }
    let mode = mode.map(socket_mode).transpose()?;
    let group = Some(group.to_owned()).filter(|group| !group.is_empty());
    Ok(UnixPerms { user: user.to_owned(), group, mode })
}

/// Permission bits in octal, with or without a leading 0.
fn socket_mode(digits: &str) -> Checked<u32> {
    let mode = u32::from_str_radix(digits, 8).ok().filter(|&mode| mode <= 0o777);
    let octal = (3..=4).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    mode.filter(|_| octal).ok_or_else(|| {
        Fault::new(format!("must have an octal mode from 000 to 0777, not {digits:?}"))
            .hint("0600 lets the owner connect, 0660 its group too, 0666 every user")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_blocks() {
        let show = |t: &str| cidr(t).map(|(c, m)| (c.network.to_string(), c.prefix_bits, m));
        assert_eq!(show("10.0.0.0/8"), Ok(("10.0.0.0".into(), 8, false)));
        assert_eq!(show("10.1.2.3/8"), Ok(("10.0.0.0".into(), 8, true)));
        assert_eq!(show("10.1.2.3"), Ok(("10.1.2.3".into(), 32, false)));
        assert_eq!(show("0.0.0.0/0"), Ok(("0.0.0.0".into(), 0, false)));
        assert_eq!(show("::/0"), Ok(("::".into(), 0, false)));
        assert_eq!(show("fe80::1/10"), Ok(("fe80::".into(), 10, true)));
        assert_eq!(show("::ffff:10.1.0.0/112"), Ok(("10.1.0.0".into(), 16, false)));
        for bad in ["", "10.0.0", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/+8", "x/8"] {
            assert!(cidr(bad).is_err(), "{bad}");
        }
        let block = cidr("192.168.0.0/16").unwrap().0;
        assert!(block.contains("192.168.3.4".parse().unwrap()));
        assert!(!block.contains("192.169.0.1".parse().unwrap()));
    }

    #[test]
    fn interfaces() {
        assert_eq!(interface("eth0"), Ok(ListenOn::Nic("eth0".into())));
        assert_eq!(interface("::1"), Ok(ListenOn::Address("::1".parse().unwrap(), None)));
        assert_eq!(interface("[::1]"), Ok(ListenOn::Address("::1".parse().unwrap(), None)));
        let scoped = ListenOn::Address("fe80::1".parse().unwrap(), Some("eth0".into()));
        assert_eq!(interface("fe80::1%eth0"), Ok(scoped));
        for bad in ["", "/run/x", "@x", "much-too-long-name", "a b", "127.0.0.1%lo"] {
            assert!(interface(bad).is_err(), "{bad}");
        }
        assert!(socket_path("/run/k.sock").is_ok() && socket_path("@k").is_ok());
        assert!(socket_path("@").is_err() && socket_path(&"x".repeat(108)).is_err());
    }

    #[test]
    fn socket_owners() {
        let got = |t: &str| socket_owner(t).map(|p| (p.user.clone(), p.mode_bits(), p.text()));
        let want = |u: &str, mode, t: &str| Ok((u.to_owned(), mode, t.to_owned()));
        assert_eq!(got("a:b"), want("a", 0o660, "a:b"));
        assert_eq!(got(" a : b "), want("a", 0o660, "a:b"));
        assert_eq!(got("a:b:0666"), want("a", 0o666, "a:b:0666"));
        assert_eq!(got("33:33:660"), want("33", 0o660, "33:33:0660"));
        assert_eq!(got("a::0600"), want("a", 0o600, "a::0600"));
        assert_eq!(got("a::000"), want("a", 0, "a::0000"));
        for bad in ["", ":", "a", "a:", ":b", "a:b:0660:x", "::0600", "a:b\n"] {
            let fault = socket_owner(bad).unwrap_err();
            assert!(!fault.message.contains("octal"), "{bad} {fault:?}");
        }
        for bad in ["a:b:", "a:b:c", "a:b:0999", "a:b:4777", "a:b:66", "a:b:00660", "a:b:+66"] {
            assert!(socket_owner(bad).unwrap_err().message.contains("octal"), "{bad}");
        }
    }
}
