//! What stays, comes and goes: every pair of plans from a set of addresses.

use super::*;

const PORT: u16 = 80;

/// `*` is the dual-stack wildcard, `[::]only` the IPv6-only one.
const ALL: [&str; 7] = ["*", "0.0.0.0", "[::]only", "127.0.0.1", "::1", "192.0.2.1", "fe80::1%2"];

fn key(text: &str) -> Key {
    let (address, v6_only) = match text {
        "*" => ("[::]".to_owned(), false),
        "[::]only" => ("[::]".to_owned(), true),
        v6 if v6.contains(':') => (format!("[{v6}]"), false),
        v4 => (v4.to_owned(), false),
    };
    let address = format!("{address}:{PORT}").parse().unwrap();
    Key::tcp(Bind { address, v6_only }, 0)
}

fn held(texts: &[&str], sockets: u16) -> Vec<Held> {
    texts.iter().map(|text| Held { key: key(text), sockets }).collect()
}

/// Each of `texts` for a listener of its own, wildcards first.
fn wishes(texts: &[&str]) -> Vec<Wish> {
    let wish = |(at, text): (usize, &&str)| Wish { listener: at as u16, key: key(text) };
    let mut wishes: Vec<Wish> = texts.iter().enumerate().map(wish).collect();
    wishes.sort_by_key(|wish| !wish.key.bind().unwrap().address.ip().is_unspecified());
    wishes
}

fn planned(old: &[&str], new: &[&str], threads: u16) -> Change {
    change(&held(old, threads), &wishes(new), threads, &|_| true)
}

/// What each address of [`ALL`] that is a single one stands for: a connection to it.
const DESTINATIONS: [&str; 4] = ["127.0.0.1", "::1", "192.0.2.1", "fe80::1%2"];

/// The key that the kernel gives a connection to: the address itself, then the wildcard of its
/// family, then the dual-stack one.
fn receiver<'a>(open: &[&'a str], to: &str) -> Option<&'a str> {
    let wildcard = if to.contains(':') { "[::]only" } else { "0.0.0.0" };
    [to, wildcard, "*"]
        .into_iter()
        .find_map(|wanted| open.iter().find(|open| **open == wanted).copied())
}

#[test]
fn every_socket_that_stays_serves_who_would_get_its_connections_anyway() {
    for old in subsets() {
        for new in subsets() {
            let change = planned(&old, &new, 1);
            for (name, fate) in old.iter().zip(&change.fates) {
                for to in DESTINATIONS {
                    let open: Vec<&str> = new.iter().chain([name]).copied().collect();
                    if receiver(&open, to) != Some(name) {
                        continue;
                    }
                    let heir = receiver(&new, to);
                    let index = heir.and_then(|heir| new.iter().position(|one| *one == heir));
                    match fate.listener() {
                        // It takes nothing from another listener and serves nothing unasked.
                        Some(listener) => {
                            assert_eq!(index, Some(usize::from(listener)), "{old:?} {new:?} {to}");
                        }
                        // What goes and would be missed must not be hidden by its own kind.
                        None => assert!(
                            heir.is_none()
                                || *name == "*" && new.contains(&"[::]only")
                                || receiver(&[name, heir.unwrap()], to) == heir,
                            "{old:?} {new:?} {to}"
                        ),
                    }
                }
            }
        }
    }
}

#[test]
fn everything_wanted_is_open_afterwards_and_nothing_twice() {
    for old in subsets() {
        for new in subsets() {
            for threads in [1, 3] {
                let change = planned(&old, &new, threads);
                let mut after: Vec<(Key, u16)> = Vec::new();
                for (name, fate) in old.iter().zip(&change.fates) {
                    if fate.listener().is_some() {
                        after.extend((0..threads).map(|share| (key(name), share)));
                    }
                }
                for opening in &change.openings {
                    let shares = opening.shares.clone();
                    after.extend(shares.map(|share| (opening.wish.key.clone(), share)));
                }
                for name in &new {
                    let own: Vec<u16> = after
                        .iter()
                        .filter_map(|(other, share)| (*other == key(name)).then_some(*share))
                        .collect();
                    assert_eq!(own, (0..threads).collect::<Vec<_>>(), "{old:?} {new:?}");
                }
            }
        }
    }
}

#[test]
fn what_stands_in_the_way_is_known_before() {
    for old in subsets() {
        for new in subsets() {
            let change = planned(&old, &new, 1);
            let mut open: Vec<Key> = old.iter().map(|name| key(name)).collect();
            for opening in change.openings {
                let own = &opening.wish.key;
                assert_eq!(
                    opening.beside,
                    open.iter().any(|other| other.meets(own)),
                    "{old:?} {new:?} {own:?}"
                );
                open.push(opening.wish.key);
            }
        }
    }
}

/// Every plan of up to three addresses that can be one: dual stack stands beside no wildcard.
fn subsets() -> Vec<Vec<&'static str>> {
    let mut found = vec![Vec::new()];
    for mask in 1_u32..1 << ALL.len() {
        let one: Vec<&str> =
            (0..ALL.len()).filter(|bit| mask & (1 << bit) != 0).map(|bit| ALL[bit]).collect();
        let both = one.contains(&"*") && (one.contains(&"0.0.0.0") || one.contains(&"[::]only"));
        if one.len() <= 3 && !both {
            found.push(one);
        }
    }
    found
}

#[test]
fn the_fates_of_single_addresses() {
    use Fate::{Covered, Leaves, Stays};
    let leaves = Leaves { hides: false };
    for (old, new, fate) in [
        ("*", &["*"][..], Stays(0)),
        ("127.0.0.1", &["::1", "127.0.0.1"], Stays(1)),
        ("127.0.0.1", &["*"], Covered(0)),
        ("127.0.0.1", &["0.0.0.0"], Covered(0)),
        ("127.0.0.1", &["[::]only"], leaves),
        ("::1", &["0.0.0.0"], leaves),
        ("::1", &["[::]only"], Covered(0)),
        ("::1", &["*"], Covered(0)),
        ("fe80::1%2", &["*"], Covered(0)),
        ("0.0.0.0", &["*"], Covered(0)),
        ("[::]only", &["*"], Covered(0)),
        ("*", &["0.0.0.0"], leaves),
        ("*", &["[::]only"], Leaves { hides: true }),
        ("*", &["0.0.0.0", "[::]only"], Leaves { hides: true }),
        ("*", &["127.0.0.1", "::1"], leaves),
        ("0.0.0.0", &["127.0.0.1"], leaves),
        ("0.0.0.0", &["[::]only"], leaves),
        ("127.0.0.1", &[], leaves),
    ] {
        assert_eq!(planned(&[old], new, 1).fates, [fate], "{old} {new:?}");
    }
}

#[test]
fn other_ports_have_nothing_to_do_with_it() {
    let other = |text: &str, port| {
        let Key::Tcp { mut address, v6_only, listener } = key(text) else { unreachable!() };
        address.set_port(port);
        Key::Tcp { address, v6_only, listener }
    };
    let wish = Wish { listener: 0, key: other("*", 81) };
    let change = change(&held(&ALL, 1), std::slice::from_ref(&wish), 1, &|_| true);
    assert!(change.fates.iter().all(|fate| *fate == Fate::Leaves { hides: false }));
    assert_eq!(change.openings, [Opening { wish, shares: 0..1, beside: false }]);
}

#[test]
fn any_port_belongs_to_one_listener() {
    let any = |listener| {
        let address = "[::]:0".parse().unwrap();
        Wish { listener, key: Key::tcp(Bind { address, v6_only: false }, listener) }
    };
    let held = [Held { key: any(0).key, sockets: 1 }, Held { key: any(1).key, sockets: 1 }];
    let change = change(&held, &[any(1), any(2)], 1, &|_| true);
    assert_eq!(change.fates, [Fate::Leaves { hides: false }, Fate::Stays(1)]);
    assert_eq!(change.openings, [Opening { wish: any(2), shares: 0..1, beside: false }]);
}

#[test]
fn more_threads_get_further_sockets_and_fewer_close_none() {
    let grown = change(&held(&["*", "127.0.0.1"], 2), &wishes(&["*"]), 4, &|_| true);
    let shares: Vec<_> = grown
        .openings
        .iter()
        .map(|opening| (&opening.wish, opening.shares.clone(), opening.beside))
        .collect();
    let covered = Wish { listener: 0, key: key("127.0.0.1") };
    assert_eq!(shares, [(&wishes(&["*"])[0], 2..4, true), (&covered, 2..4, true)]);
    let fewer = change(&held(&["*", "127.0.0.1"], 4), &wishes(&["*", "127.0.0.1"]), 1, &|_| true);
    assert_eq!(fewer.fates, [Fate::Stays(0), Fate::Stays(1)]);
    assert_eq!(fewer.openings, []);
}

#[test]
fn unix_sockets_have_one_socket_and_are_wanted_by_name() {
    let unix = |name: &str| Key::Unix(name.to_owned());
    let held = [Held { key: unix("/a"), sockets: 1 }, Held { key: unix("/b"), sockets: 1 }];
    let wish = |listener, name| Wish { listener, key: unix(name) };
    let change = change(&held, &[wish(0, "/b"), wish(1, "@c")], 4, &|_| true);
    assert_eq!(change.fates, [Fate::Leaves { hides: false }, Fate::Stays(0)]);
    assert_eq!(change.openings, [Opening { wish: wish(1, "@c"), shares: 0..1, beside: false }]);
}

#[test]
fn an_address_that_is_gone_needs_no_socket_beside_a_wildcard() {
    let gone: IpAddr = "192.0.2.1".parse().unwrap();
    let old = held(&["192.0.2.1", "127.0.0.1", "0.0.0.0"], 1);
    let fates = change(&old, &wishes(&["*"]), 1, &|ip| ip != gone).fates;
    let expected = [Fate::Leaves { hides: false }, Fate::Covered(0), Fate::Covered(0)];
    assert_eq!(fates, expected);
    // Where it is wanted by itself, it stays: it may come back.
    let fates = change(&old, &wishes(&["192.0.2.1", "*"]), 1, &|ip| ip != gone).fates;
    assert_eq!(fates[0], Fate::Stays(0));
}
