//! What listeners are to be reached at, when several mean the same.

use super::*;
use crate::config::settings::Families;
use crate::sys::ifaddr::NicAddress;

fn wanted(on: ListenOn) -> Wanted {
    Wanted { on, port: 80, families: Families::Both }
}

fn nic(name: &str) -> Wanted {
    wanted(ListenOn::Nic(name.to_owned()))
}

#[test]
fn wildcards_come_first_and_an_address_is_had_by_whoever_names_it() {
    let entry = |address: &str| NicAddress {
        nic: "lan0".to_owned(),
        address: address.parse().unwrap(),
        scope_id: 0,
    };
    let interfaces = Interfaces {
        addresses: vec![entry("192.0.2.1"), entry("2001:db8::1")],
        names: vec!["lan0".into()],
        has_v6: true,
    };
    let wanted = [
        nic("lan0"),
        wanted(ListenOn::Address("192.0.2.1".parse().unwrap(), None)),
        wanted(ListenOn::Any),
        nic("lan1"),
        wanted(ListenOn::Unix("@name".into())),
    ];
    let mut findings = Vec::new();
    let wishes = wishes(&wanted, &interfaces, &mut |index, finding| {
        findings.push((index, finding.severity, finding.message));
    });
    let shown = |wish: &Wish| match &wish.key {
        Key::Tcp { address, .. } => (wish.listener, address.to_string()),
        Key::Unix(name) => (wish.listener, name.clone()),
    };
    let shown: Vec<(u16, String)> = wishes.iter().map(shown).collect();
    let expected = [(2, "[::]:80"), (1, "192.0.2.1:80"), (4, "@name"), (0, "[2001:db8::1]:80")];
    assert_eq!(shown, expected.map(|(listener, place)| (listener, place.to_owned())));
    let [missing, taken] = &findings[..] else { panic!("{findings:?}") };
    assert_eq!((missing.0, missing.1), (3, Severity::Degraded));
    assert_eq!((taken.0, taken.1), (0, Severity::Degraded));
    assert!(taken.2.starts_with("port 80 of 192.0.2.1 is listened on"), "{}", taken.2);
}
