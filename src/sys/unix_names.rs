//! Abstract names of SOCK_SEQPACKET sockets (unix(7)) in this network namespace.

use std::fs;

/// A socket that is bound to an abstract name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    /// The name, without the NUL before it.
    pub name: String,
    /// Inode number of the socket.
    pub inode: u64,
}

/// All sockets whose abstract name begins with `prefix`, but not the connections of listeners.
/// None where there is no `/proc`.
#[must_use]
pub fn beginning_with(prefix: &str) -> Vec<Bound> {
    let table = fs::read("/proc/self/net/unix").unwrap_or_default();
    let table = String::from_utf8_lossy(&table);
    table.lines().filter_map(parse_line).filter(|found| found.name.starts_with(prefix)).collect()
}

/// Reads `address: references protocol flags type state inode @name`. A name may have blanks.
fn parse_line(line: &str) -> Option<Bound> {
    /// SOCK_SEQPACKET: each type has names of its own.
    const TYPE: &str = "0005";
    /// The state of a socket that is not connected to another one, or about to be.
    const UNCONNECTED: &str = "01";
    let (fields, name) = line.split_once('@')?;
    let mut fields = fields.split_ascii_whitespace().skip(4);
    let is_bound = fields.next()? == TYPE && fields.next()? == UNCONNECTED;
    let inode = fields.next()?.parse().ok()?;
    is_bound.then(|| Bound { name: name.to_owned(), inode })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::passing;

    #[test]
    fn listeners_are_found_and_connections_are_not() {
        let prefix = format!("kinglet-test-names/{}/", std::process::id());
        assert_eq!(beginning_with(&prefix), []);
        let name = format!("{prefix}a b@c");
        let listener = passing::listen_abstract(&name).unwrap();
        let client = passing::connect_abstract(&name, true).unwrap();
        let accepted = passing::accept(std::os::fd::AsFd::as_fd(&listener)).unwrap();
        // This one waits to be accepted.
        let _waiting = passing::connect_abstract(&name, true).unwrap();
        let found = beginning_with(&prefix);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].name, name);
        let owners = crate::sys::port_owner::owners(found[0].inode);
        assert_eq!(owners[0].pid, std::process::id());
        drop((listener, client, accepted));
        assert_eq!(beginning_with(&prefix), []);
    }

    #[test]
    fn other_lines_are_passed_over() {
        for line in [
            "",
            "Num       RefCount Protocol Flags    Type St Inode Path",
            "ffff: 00000002 00000000 00010000 0005 01 123 /run/kinglet",
            "ffff: 00000002 00000000 00010000 0005 01 123",
            "ffff: 00000002 00000000 00010000 0005 01 x @kinglet",
            "ffff: 00000002 00000000 00010000 0005 03 123 @kinglet",
            "ffff: 00000002 00000000 00010000 0001 01 123 @kinglet",
        ] {
            assert_eq!(parse_line(line), None, "{line}");
        }
        let bound = parse_line("ffff: 00000002 00000000 00000000 0005 01 123 @kinglet/0");
        assert_eq!(bound, Some(Bound { name: "kinglet/0".into(), inode: 123 }));
    }
}
