//! Listeners by configuration: resolved, opened, refused.

use super::*;
use std::net::TcpListener;

fn interfaces() -> Interfaces {
    let entry = |nic: &str, address: &str, scope_id| NicAddress {
        nic: nic.to_owned(),
        address: address.parse().unwrap(),
        scope_id,
    };
    Interfaces {
        addresses: vec![
            entry("lo", "127.0.0.1", 0),
            entry("br-lan", "192.168.1.1", 0),
            entry("br-lan", "fe80::1", 7),
        ],
        names: vec!["lo".into(), "br-lan".into(), "wan".into()],
        has_v6: true,
    }
}

fn resolved(on: ListenOn, families: Families) -> Vec<String> {
    let binds = resolve(&on, 80, families, &interfaces()).unwrap();
    let show = |bind: &Bind| format!("{}{}", bind.address, if bind.v6_only { " only" } else { "" });
    binds.iter().map(show).collect()
}

fn at(address: &str) -> ListenOn {
    ListenOn::Address(address.parse().unwrap(), None)
}

fn nic(name: &str) -> ListenOn {
    ListenOn::Nic(name.to_owned())
}

#[test]
fn families_choose_the_sockets() {
    use Families::{Both, V4Only, V6Only};
    for (on, families, expected) in [
        (ListenOn::Any, Both, &["[::]:80"][..]),
        (ListenOn::Any, V4Only, &["0.0.0.0:80"]),
        (ListenOn::Any, V6Only, &["[::]:80 only"]),
        (at("0.0.0.0"), Both, &["0.0.0.0:80"]),
        (at("::"), Both, &["[::]:80"]),
        (at("::"), V6Only, &["[::]:80 only"]),
        (at("127.0.0.1"), V6Only, &["127.0.0.1:80"]),
        (at("::ffff:127.0.0.1"), Both, &["127.0.0.1:80"]),
        (at("::1"), Both, &["[::1]:80 only"]),
        (at("fe80::1"), Both, &["[fe80::1%7]:80 only"]),
        (at("203.0.113.9"), Both, &["203.0.113.9:80"]),
        (nic("br-lan"), Both, &["192.168.1.1:80", "[fe80::1%7]:80 only"]),
        (nic("br-lan"), V4Only, &["192.168.1.1:80"]),
        (nic("br-lan"), V6Only, &["[fe80::1%7]:80 only"]),
        (ListenOn::Unix("/x".into()), Both, &[]),
    ] {
        assert_eq!(resolved(on.clone(), families), expected, "{on:?} {families:?}");
    }
    let without = Interfaces { has_v6: false, ..interfaces() };
    let binds = resolve(&ListenOn::Any, 80, Both, &without).unwrap();
    assert_eq!(binds[0].address, "0.0.0.0:80".parse().unwrap());
    assert!(resolve(&ListenOn::Any, 80, V6Only, &without).is_err());
}

#[test]
fn what_is_not_there_is_degraded_with_a_suggestion() {
    let finding = |on| resolve(&on, 80, Families::Both, &interfaces()).unwrap_err();
    for (on, message, hint) in [
        (nic("br-lna"), "no network interface \"br-lna\"", "did you mean \"br-lan\"?"),
        (nic("zzzzzz"), "no network interface", "this machine has lo, br-lan, wan"),
        (nic("wan"), "has no address", "ip address show dev wan"),
        (
            ListenOn::Address("fe80::2".parse().unwrap(), Some("no-such-nic".into())),
            "no network interface \"no-such-nic\"",
            "",
        ),
    ] {
        let finding = finding(on);
        assert_eq!(finding.severity, Severity::Degraded);
        assert!(finding.message.contains(message), "{finding:?}");
        assert!(finding.hint.unwrap().contains(hint));
    }
    let away = Bind { address: "203.0.113.9:0".parse().unwrap(), v6_only: false };
    assert_eq!(probe(away).unwrap().severity, Severity::Degraded);
}

#[test]
fn a_port_of_our_own_program_is_fine_for_a_check_and_an_error_for_a_start() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let bind = Bind { address, v6_only: false };
    assert_eq!(probe(bind), None);
    let finding = refused(bind, &io::ErrorKind::AddrInUse.into(), Asker::Start);
    assert_eq!(finding.severity, Severity::Error);
    assert!(finding.message.contains(&format!("(process {})", std::process::id())));
    drop(listener);
}

#[test]
fn refusals_are_explained() {
    let bind = Bind { address: "127.0.0.1:80".parse().unwrap(), v6_only: false };
    for (kind, severity) in [
        (io::ErrorKind::PermissionDenied, Severity::Error),
        (io::ErrorKind::AddrNotAvailable, Severity::Degraded),
        (io::ErrorKind::InvalidInput, Severity::Degraded),
        (io::ErrorKind::Unsupported, Severity::Degraded),
        (io::ErrorKind::OutOfMemory, Severity::Error),
    ] {
        assert_eq!(refused(bind, &kind.into(), Asker::Check).severity, severity, "{kind}");
    }
}

fn wanted(on: ListenOn, port: u16) -> Wanted {
    Wanted { on, port, families: Families::Both }
}

fn open_all(list: &[Wanted]) -> (Vec<Opened>, Vec<(usize, Finding)>) {
    let mut findings = Vec::new();
    let opened = open(list, &ListenOptions::default(), &Interfaces::read(), &mut |index, found| {
        findings.push((index, found));
    });
    (opened, findings)
}

/// A port that nothing had a moment ago.
fn free_port() -> u16 {
    TcpListener::bind("[::]:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn a_wildcard_and_an_address_share_a_port() {
    // Another program may take the port in between: then try another one.
    let (opened, findings) = (0..20)
        .map(|_| {
            let port = free_port();
            open_all(&[
                wanted(nic("lo"), port),
                wanted(at("127.0.0.1"), port),
                wanted(ListenOn::Any, port),
                wanted(nic("no-such-nic"), port),
            ])
        })
        .find(|(_, findings)| findings.len() == 2)
        .unwrap();
    // No such interface; and the address of the interface that is another listener's.
    let found: Vec<_> = findings.iter().map(|(index, found)| (*index, found.severity)).collect();
    assert_eq!(found, [(3, Severity::Degraded), (0, Severity::Degraded)]);
    let indexes: Vec<usize> = opened.iter().map(|opened| opened.index).collect();
    // The wildcard first, then the address, then what of the interface is left: ::1.
    assert_eq!(indexes[..2], [2, 1]);
    assert!(indexes[2..].iter().all(|index| *index == 0));
    assert!(opened[2..].iter().all(|opened| opened.bind.address.is_ipv6()));
}

#[test]
fn a_busy_port_is_reported_and_left_out() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (opened, findings) = open_all(&[wanted(at("127.0.0.1"), port)]);
    assert!(opened.is_empty());
    assert_eq!(findings[0].1.severity, Severity::Error);
    drop(listener);
}
