//! Listeners by configuration: what they mean on a machine.

use super::*;

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
        (nic("localhost"), "no network interface", "write \"127.0.0.1\" or \"::1\""),
        (nic("*"), "no network interface", "leave \"interface\" out"),
        (nic("0.0.0.0:80"), "no network interface", "the port goes in \"port\""),
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
}
