//! Which vhosts share a listening socket.
//!
//! Vhosts share one when port and interface are the same. Where vhosts on one port and
//! interface want different families, there is a socket for IPv4 and one for IPv6, and each
//! serves exactly the vhosts that want its family: an IPv4-only vhost is not reached over IPv6
//! through its neighbour. An address has its own family. `0.0.0.0` and `::` mean "every
//! address", as no `interface` does.

use std::net::IpAddr;

use crate::config::settings::{Families, ListenOn, Located, Place, UnixPerms};

use super::world::VhostId;

/// What one vhost asks for.
pub(super) struct Wish {
    pub(super) id: VhostId,
    pub(super) on: ListenOn,
    pub(super) port: u16,
    pub(super) families: Families,
    pub(super) access: Option<Located<UnixPerms>>,
    pub(super) place: Place,
}

/// A listening socket to be.
pub(super) struct Group {
    pub(super) on: ListenOn,
    pub(super) port: u16,
    pub(super) families: Families,
    pub(super) vhosts: Vec<VhostId>,
    /// That of the first vhost that gives one.
    pub(super) access: Option<Located<UnixPerms>>,
    pub(super) place: Place,
}

/// Brings a wish into its plainest form; says when its families had to be ignored.
pub(super) fn normalize(wish: &mut Wish) -> Option<&'static str> {
    let wanted = wish.families;
    let canonical = match &wish.on {
        ListenOn::Address(address, _) => address.to_canonical(),
        ListenOn::Unix(_) => {
            wish.port = 0;
            wish.families = Families::Both;
            return None;
        }
        ListenOn::Any | ListenOn::Nic(_) => return None,
    };
    let (family, refusal) = match canonical {
        // `::` on a dual-stack vhost is the dual-stack wildcard, as the kernel has it.
        IpAddr::V6(address) if address.is_unspecified() && wanted == Families::Both => {
            (Families::Both, None)
        }
        IpAddr::V6(_) if wanted == Families::V4Only => {
            (Families::V6Only, Some("the interface is an IPv6 address, IPv4-only is ignored"))
        }
        IpAddr::V6(_) => (Families::V6Only, None),
        IpAddr::V4(_) if wanted == Families::V6Only => {
            (Families::V4Only, Some("the interface is an IPv4 address, IPv6-only is ignored"))
        }
        IpAddr::V4(_) => (Families::V4Only, None),
    };
    wish.families = family;
    if canonical.is_unspecified() {
        wish.on = ListenOn::Any;
    } else if let ListenOn::Address(address, scope) = &mut wish.on {
        *address = canonical;
        if canonical.is_ipv4() {
            *scope = None;
        }
    }
    refusal
}

/// Groups normalized wishes, in the order of their first vhosts.
pub(super) fn group(wishes: &[Wish]) -> Vec<Group> {
    let mixed = mixed_places(wishes);
    let mut groups: Vec<Group> = Vec::new();
    for wish in wishes {
        let is_mixed = mixed.iter().any(|other| other.port == wish.port && other.on == wish.on);
        match wish.families {
            Families::Both if is_mixed => {
                join(&mut groups, wish, Families::V4Only);
                join(&mut groups, wish, Families::V6Only);
            }
            families => join(&mut groups, wish, families),
        }
    }
    groups
}

/// For each port and interface whose vhosts want different families, its first wish.
fn mixed_places(wishes: &[Wish]) -> Vec<&Wish> {
    let mut places: Vec<(&Wish, bool)> = Vec::new();
    for wish in wishes {
        let same = |(other, _): &&mut (&Wish, bool)| other.port == wish.port && other.on == wish.on;
        match places.iter_mut().find(same) {
            Some((first, mixed)) => *mixed |= first.families != wish.families,
            None => places.push((wish, false)),
        }
    }
    places.into_iter().filter_map(|(wish, mixed)| mixed.then_some(wish)).collect()
}

fn join(groups: &mut Vec<Group>, wish: &Wish, families: Families) {
    let same = |group: &&mut Group| {
        group.port == wish.port && group.families == families && group.on == wish.on
    };
    if let Some(group) = groups.iter_mut().find(same) {
        group.vhosts.push(wish.id);
        if group.access.is_none() {
            group.access.clone_from(&wish.access);
        }
        return;
    }
    groups.push(Group {
        on: wish.on.clone(),
        port: wish.port,
        families,
        vhosts: vec![wish.id],
        access: wish.access.clone(),
        place: wish.place,
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use Families::{Both, V4Only, V6Only};

    fn wish(id: u16, on: &str, port: u16, families: Families) -> Wish {
        let on = match on {
            "" => ListenOn::Any,
            path if path.starts_with('/') => ListenOn::Unix(path.to_owned()),
            other => other.parse().map_or_else(
                |_| ListenOn::Nic(other.to_owned()),
                |address| ListenOn::Address(address, None),
            ),
        };
        Wish { id: VhostId(id), on, port, families, access: None, place: Place::default() }
    }

    fn plan(mut wishes: Vec<Wish>) -> Vec<String> {
        wishes.iter_mut().for_each(|wish| {
            normalize(wish);
        });
        let show = |group: Group| {
            let ids: Vec<u16> = group.vhosts.iter().map(|id| id.0).collect();
            let on = match group.on {
                ListenOn::Any => "any".to_owned(),
                ListenOn::Address(address, _) => address.to_string(),
                ListenOn::Nic(name) | ListenOn::Unix(name) => name,
            };
            format!("{on} {} {:?} {ids:?}", group.port, group.families)
        };
        group(&wishes).into_iter().map(show).collect()
    }

    #[test]
    fn the_same_port_and_interface_is_one_socket() {
        assert_eq!(
            plan(vec![
                wish(0, "", 80, Both),
                wish(1, "", 81, Both),
                wish(2, "", 80, Both),
                wish(3, "/run/a", 9, V4Only),
                wish(4, "/run/a", 0, Both),
            ]),
            ["any 80 Both [0, 2]", "any 81 Both [1]", "/run/a 0 Both [3, 4]"]
        );
    }

    #[test]
    fn mixed_families_split_by_family() {
        assert_eq!(
            plan(vec![wish(0, "", 80, Both), wish(1, "", 80, V4Only)]),
            ["any 80 V4Only [0, 1]", "any 80 V6Only [0]"]
        );
        assert_eq!(
            plan(vec![wish(0, "", 80, V6Only), wish(1, "", 80, Both), wish(2, "", 80, V4Only)]),
            ["any 80 V6Only [0, 1]", "any 80 V4Only [1, 2]"]
        );
        assert_eq!(
            plan(vec![wish(0, "", 80, V4Only), wish(1, "", 80, V6Only)]),
            ["any 80 V4Only [0]", "any 80 V6Only [1]"]
        );
    }

    #[test]
    fn addresses_have_their_own_family() {
        assert_eq!(
            plan(vec![
                wish(0, "127.0.0.1", 80, Both),
                wish(1, "::ffff:127.0.0.1", 80, V4Only),
                wish(2, "127.0.0.1", 80, V6Only),
                wish(3, "::1", 80, Both),
            ]),
            ["127.0.0.1 80 V4Only [0, 1, 2]", "::1 80 V6Only [3]"]
        );
        assert!(normalize(&mut wish(0, "127.0.0.1", 80, V6Only)).is_some());
        assert!(normalize(&mut wish(0, "::1", 80, V4Only)).is_some());
        assert!(normalize(&mut wish(0, "::1", 80, V6Only)).is_none());
    }

    #[test]
    fn unspecified_addresses_are_the_wildcard() {
        assert_eq!(
            plan(vec![wish(0, "0.0.0.0", 80, Both), wish(1, "", 80, V4Only)]),
            ["any 80 V4Only [0, 1]"]
        );
        assert_eq!(
            plan(vec![wish(0, "::", 80, Both), wish(1, "", 80, Both)]),
            ["any 80 Both [0, 1]"]
        );
        assert_eq!(plan(vec![wish(0, "::", 80, V6Only)]), ["any 80 V6Only [0]"]);
    }
}
