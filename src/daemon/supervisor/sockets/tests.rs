//! The table under changing plans.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd as _, OwnedFd};

use super::fixture::{adopted, free_port, interfaces, plan, prepared, started};
use super::*;
use crate::daemon::finding::Severity;
use crate::daemon::listening::places::Interfaces;
use crate::daemon::plan::Quick;
use crate::sys::ifaddr::NicAddress;
use crate::sys::socket::{self, AcceptError, ListenOptions, PortSharing};

fn handed(list: &[(u32, u16, u16)]) -> Vec<Handed> {
    let one = |(socket, listener, share): &(u32, u16, u16)| Handed {
        socket: *socket,
        listener: *listener,
        share: *share,
    };
    list.iter().map(one).collect()
}

fn local(table: &Table, number: u32) -> SocketAddr {
    socket::local_addr(&table.fd(number).unwrap()).unwrap()
}

/// Whether a connection that was just made waits at a socket.
fn accepts(table: &Table, number: u32) -> bool {
    match socket::accept(&table.fd(number).unwrap()) {
        Ok(_) => true,
        Err(AcceptError::WouldBlock) => false,
        Err(error) => panic!("{error:?}"),
    }
}

#[test]
fn what_is_wanted_again_keeps_its_very_socket() {
    let (mut table, port) = started(1, &["127.0.0.1", "::1"]);
    assert_eq!(table.handed(), handed(&[(0, 0, 0), (1, 1, 0)]));
    // A client that is not accepted yet.
    let _client = TcpStream::connect(("127.0.0.1", port)).unwrap();
    // The listeners change places.
    let new = prepared(&mut table, &plan(1, &[("::1", port), ("127.0.0.1", port)]));
    assert!(new.removed.is_empty());
    assert_eq!(new.for_worker, handed(&[(1, 0, 0), (0, 1, 0)]));
    table.adopt(new);
    assert_eq!(table.handed(), handed(&[(0, 1, 0), (1, 0, 0)]));
    assert!(accepts(&table, 0));
}

#[test]
fn what_is_not_wanted_any_more_leaves_until_it_is_closed() {
    let (mut table, port) = started(2, &["127.0.0.1", "::1"]);
    let new = prepared(&mut table, &plan(2, &[("::1", port)]));
    assert_eq!(new.removed, [0, 1]);
    table.adopt(new);
    assert_eq!(table.leaving(), [0, 1]);
    assert_eq!(table.handed(), handed(&[(2, 0, 0), (3, 0, 1)]));
    // Once more: what leaves already is not removed once more.
    assert!(prepared(&mut table, &plan(2, &[("::1", port)])).removed.is_empty());
    TcpStream::connect(("127.0.0.1", port)).unwrap();
    // One of the two is wanted no longer, all others stay whatever is said.
    table.close(&[0, 2, 3]);
    assert_eq!(table.leaving(), [1]);
    assert!(table.fd(0).is_none() && table.fd(2).is_some());
    table.close(&[1]);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[test]
fn what_leaves_comes_back_when_it_is_wanted_again() {
    let (mut table, port) = started(1, &["*"]);
    adopted(&mut table, &plan(1, &[("[::]only", port)]));
    assert_eq!(table.leaving(), [0]);
    assert!(table.socket(0).unwrap().is_hushed);
    adopted(&mut table, &plan(1, &[("*", port)]));
    table.close(&[0]);
    assert!(!table.socket(0).unwrap().is_hushed);
    // The IPv6 wildcard is one of the dual-stack listener now.
    assert_eq!(table.handed(), handed(&[(0, 0, 0), (1, 0, 0)]));
    TcpStream::connect(("127.0.0.1", port)).unwrap();
    assert!(accepts(&table, 0));
}

#[test]
fn a_plan_that_is_not_taken_leaves_nothing_behind() {
    let (mut table, port) = started(1, &["127.0.0.1"]);
    let stranger = TcpListener::bind("[::1]:0").unwrap();
    let busy = stranger.local_addr().unwrap().port();
    let other = free_port();
    let listeners = [("127.0.0.1", other), ("::1", busy), ("127.0.0.1", port)];
    let new = table.prepare(&plan(1, &listeners), &interfaces());
    assert!(new.fatal);
    let (finding, source) = &new.findings[0];
    assert_eq!((finding.severity, &*source.place), (Severity::Error, "conf:1"));
    assert!(finding.message.contains("in use by"), "{finding:?}");
    assert!(TcpStream::connect(("127.0.0.1", other)).is_ok());
    table.abandon(new);
    assert!(TcpStream::connect(("127.0.0.1", other)).is_err());
    assert_eq!(table.handed(), handed(&[(0, 0, 0)]));
    assert!(table.leaving().is_empty());
}

#[test]
fn a_strangers_socket_is_noticed_even_if_it_would_share() {
    let options = ListenOptions { sharing: PortSharing::First, ..ListenOptions::default() };
    let stranger = socket::listen("127.0.0.1:0".parse().unwrap(), &options).unwrap();
    let port = socket::local_addr(&stranger).unwrap().port();
    for on in ["127.0.0.1", "0.0.0.0", "*"] {
        let mut table = Table::new();
        let new = table.prepare(&plan(2, &[(on, port)]), &interfaces());
        assert!(new.fatal, "{on}");
    }
}

#[test]
fn more_threads_share_the_address_and_fewer_keep_all_sockets() {
    let (mut table, port) = started(1, &["127.0.0.1"]);
    let grown = handed(&[(0, 0, 0), (1, 0, 1), (2, 0, 2)]);
    assert_eq!(adopted(&mut table, &plan(3, &[("127.0.0.1", port)])), grown);
    let clients: Vec<_> =
        (0..200).map(|_| TcpStream::connect(("127.0.0.1", port)).unwrap()).collect();
    let accepted: Vec<usize> = (0..3)
        .map(|number| std::iter::from_fn(|| accepts(&table, number).then_some(())).count())
        .collect();
    assert_eq!(accepted.iter().sum::<usize>(), clients.len());
    assert!(accepted.iter().all(|count| *count > 0), "{accepted:?}");
    assert_eq!(adopted(&mut table, &plan(1, &[("127.0.0.1", port)])), grown);
    assert!(table.leaving().is_empty());
}

#[test]
fn any_port_stays_what_it_has_become() {
    let mut table = Table::new();
    let listeners = [("127.0.0.1", 0), ("127.0.0.1", 0)];
    let new = prepared(&mut table, &plan(2, &listeners));
    let served = new.served.clone();
    assert_eq!(served.len(), 2);
    table.adopt(new);
    let ports: Vec<u16> = (0..4).map(|number| local(&table, number).port()).collect();
    assert!(ports[0] == ports[1] && ports[2] == ports[3] && ports[0] != ports[2], "{ports:?}");
    let again = prepared(&mut table, &plan(3, &listeners));
    assert_eq!(again.served, served);
    table.adopt(again);
    assert_eq!(local(&table, 4).port(), ports[0]);
    assert_eq!(table.handed().len(), 6);
}

#[test]
fn quick_mode_takes_the_first_free_port_and_keeps_it() {
    let mut table = Table::new();
    let stranger = TcpListener::bind("[::]:0").unwrap();
    let port = stranger.local_addr().unwrap().port();
    let mut plan = plan(1, &[("*", port)]);
    plan.quick = Some(Quick { tries: 1, directory: String::new() });
    assert!(table.prepare(&plan, &interfaces()).fatal);
    plan.quick = Some(Quick { tries: 100, directory: String::new() });
    let new = prepared(&mut table, &plan);
    let found = new.quick_port.unwrap();
    assert!(found > port && new.findings.is_empty());
    table.adopt(new);
    drop(stranger);
    let again = prepared(&mut table, &plan);
    assert_eq!((again.quick_port, again.removed.len()), (Some(found), 0));
    assert_eq!(again.for_worker, table.handed());
}

#[test]
fn an_address_that_is_not_here_is_bound_ahead_and_said() {
    let mut table = Table::new();
    let new = prepared(&mut table, &plan(1, &[("203.0.113.9", 0), ("2001:db8::9", 0)]));
    assert_eq!(new.for_worker.len(), 2);
    for (finding, _) in &new.findings {
        assert_eq!(finding.severity, Severity::Degraded);
        assert!(finding.message.contains("is not on this machine now"));
    }
    assert_eq!(new.findings.len(), 2);
}

#[test]
fn inherited_sockets_are_used_where_they_are_wanted_and_never_closed() {
    let wanted = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = wanted.local_addr().unwrap().port();
    let spare = TcpListener::bind("127.0.0.1:0").unwrap();
    let spare_port = spare.local_addr().unwrap().port();
    let file = std::fs::File::open("/dev/null").unwrap();
    let descriptors: Vec<OwnedFd> = vec![file.into(), spare.into(), wanted.into()];
    let mut table = Table::new();
    let unusable = table.inherit(descriptors);
    assert_eq!(unusable.iter().map(|one| one.index).collect::<Vec<_>>(), [0]);
    let new = prepared(&mut table, &plan(1, &[("127.0.0.1", port)]));
    assert_eq!(new.for_worker, handed(&[(1, 0, 0)]));
    assert_eq!(new.findings.len(), 1);
    let message = &new.findings[0].0.message;
    assert!(message.contains(&format!("127.0.0.1:{spare_port}")), "{message}");
    table.adopt(new);
    let _client = TcpStream::connect(("127.0.0.1", port)).unwrap();
    assert!(accepts(&table, 1), "it does not block");
    assert!(!accepts(&table, 1), "it does not block");
    // A reload wants the other one: neither is closed, and nothing is said twice.
    let new = prepared(&mut table, &plan(2, &[("127.0.0.1", spare_port)]));
    assert_eq!((new.findings.len(), &new.removed[..]), (0, &[1][..]));
    table.adopt(new);
    table.close(&[1]);
    assert!(table.fd(1).is_some());
    // Threads share an inherited address as well.
    assert_eq!(table.handed(), handed(&[(0, 0, 0), (2, 0, 1)]));
}

/// A machine with loopback addresses on interfaces.
fn machine(addresses: &[(&str, &str)]) -> Interfaces {
    let entry = |(nic, address): &(&str, &str)| NicAddress {
        nic: (*nic).to_owned(),
        address: address.parse().unwrap(),
        scope_id: 0,
    };
    Interfaces {
        addresses: addresses.iter().map(entry).collect(),
        names: vec!["one".to_owned(), "two".to_owned()],
        has_v6: true,
    }
}

fn shown(list: &[(u16, String)], port: u16) -> Vec<String> {
    let without = |text: &String| text.replace(&format!(":{port}"), "");
    list.iter().map(|(listener, text)| format!("{listener} {}", without(text))).collect()
}

#[test]
fn sockets_follow_the_addresses_of_interfaces() {
    let (mut table, port) = started(1, &["::1"]);
    let plan = plan(1, &[("::1", port), ("one", port), ("two", port)]);
    adopted(&mut table, &plan);
    let come = table.follow(&plan, &machine(&[("one", "127.0.0.2"), ("two", "127.0.0.3")]));
    assert_eq!(shown(&come.come, port), ["1 127.0.0.2", "2 127.0.0.3"]);
    assert_eq!(come.listen, handed(&[(1, 1, 0), (2, 2, 0)]));
    assert!(come.unlisten.is_empty() && come.gone.is_empty() && come.findings.is_empty());
    // Nothing has changed.
    let same = table.follow(&plan, &machine(&[("one", "127.0.0.2"), ("two", "127.0.0.3")]));
    assert!(same.listen.is_empty() && same.unlisten.is_empty());
    // One address moves to the other interface, the other one is gone.
    let moved = table.follow(&plan, &machine(&[("two", "127.0.0.2")]));
    assert_eq!(moved.unlisten, [1, 2]);
    assert_eq!(moved.listen, handed(&[(1, 2, 0)]));
    assert_eq!(shown(&moved.gone, port), ["2 127.0.0.3"]);
    assert!(moved.come.is_empty());
    assert_eq!(moved.findings.len(), 1, "an interface without an address");
    assert!(table.fd(2).is_none() && table.leaving().is_empty());
    assert!(TcpStream::connect(("127.0.0.2", port)).is_ok());
    assert!(TcpStream::connect(("127.0.0.3", port)).is_err());
}

#[test]
fn an_interface_beside_a_wildcard_leaves_no_sockets_behind() {
    let (mut table, port) = started(1, &["0.0.0.0"]);
    let plan = plan(1, &[("0.0.0.0", port), ("one", port)]);
    adopted(&mut table, &plan);
    for last in 2..20 {
        let own = format!("127.0.1.{last}");
        let there = table.follow(&plan, &machine(&[("one", &own)]));
        assert_eq!(there.come.len(), 1);
        let new = there.listen.iter().find(|handed| handed.listener == 1).unwrap().socket;
        let _client = TcpStream::connect((&*own, port)).unwrap();
        assert!(accepts(&table, new));
    }
    // Loopback addresses count as always there, so here they stay for the wildcard.
    assert_eq!(table.handed().len(), 19);
    table.follow(&plan, &machine(&[("one", "192.0.2.1")]));
    let gone = table.follow(&plan, &machine(&[("one", "192.0.2.2")]));
    assert_eq!((gone.listen.len(), gone.unlisten.len()), (1, 1));
    assert_eq!(table.handed().len(), 20);
}

#[test]
fn a_port_that_is_busy_later_is_no_reason_to_stop() {
    let (mut table, port) = started(1, &["::1"]);
    let plan = plan(1, &[("::1", port), ("one", port)]);
    adopted(&mut table, &plan);
    let stranger = TcpListener::bind(("127.0.0.2", port));
    let Ok(stranger) = stranger else { return };
    let machine = machine(&[("one", "127.0.0.2")]);
    let refused = table.follow(&plan, &machine);
    assert_eq!((refused.findings.len(), refused.listen.len()), (1, 0));
    drop(stranger);
    assert_eq!(table.follow(&plan, &machine).listen.len(), 1);
    assert!(table.fd(0).unwrap().as_fd().try_clone_to_owned().is_ok());
}

#[test]
fn ipv6_is_taken_up_when_the_kernel_has_it() {
    let port = free_port();
    let mut table = Table::new();
    let plan = plan(1, &[("*", port)]);
    let without = Interfaces { has_v6: false, ..Interfaces::default() };
    let prepared = table.prepare(&plan, &without);
    table.adopt(prepared);
    assert_eq!(table.served(), [(0, Served::Tcp(SocketAddr::from(([0; 4], port))))]);
    let followed = table.follow(&plan, &interfaces());
    let shown = format!("[::]:{port}");
    let come = followed.come.iter().any(|(_, place)| *place == shown);
    assert_eq!(come, interfaces().has_v6, "{followed:?}");
    // What is there stays, for the handshakes that have begun on it.
    assert!(followed.unlisten.is_empty() && followed.gone.is_empty(), "{followed:?}");
}
