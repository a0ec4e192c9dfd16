//! Tests of plans as bytes.

use super::*;

fn excerpt(line: u32) -> Excerpt {
    Excerpt {
        place: format!("/etc/kinglet/conf:{line}:5"),
        lines: format!("    {line} | \"port\": \"80\"\n      |         ^^^^\n"),
    }
}

fn listener(on: ListenOn, families: Families) -> PlannedListener {
    PlannedListener {
        wanted: Wanted { on, port: 8443, families },
        unix: None,
        scheme: Scheme::Https,
        vhosts: "one.test, two.test".to_owned(),
        source: excerpt(12),
    }
}

/// One of everything.
fn full() -> Plan {
    let link_local = ListenOn::Address("fe80::1".parse().unwrap(), Some("eth0".to_owned()));
    let v4 = ListenOn::Address("192.0.2.1".parse().unwrap(), None);
    let unix = listener(ListenOn::Unix("/run/k.sock".to_owned()), Families::Both);
    Plan {
        program_version: "0.1.0".to_owned(),
        state_version: 9,
        fingerprint: [7; 20],
        threads: 4,
        speaks_tls: true,
        shutdown_ms: 10_000,
        drain_ms: 0,
        generations_max: 3,
        descriptors: u64::MAX,
        quick: Some(Quick { tries: 100, directory: "./public".to_owned() }),
        budget_text: "memory: 3 MiB\n".to_owned(),
        memory_bytes_max: 3 << 20,
        identities: vec![
            PlannedIdentity { vhost: 0, name: "one on port 443".to_owned(), is_good: true },
            PlannedIdentity { vhost: 7, name: "two on [::1]:443".to_owned(), is_good: false },
        ],
        logs: vec![
            PlannedLog { path: "/a.log".to_owned(), source: excerpt(3) },
            PlannedLog { path: "/b".to_owned(), source: Excerpt::default() },
        ],
        listeners: vec![
            listener(ListenOn::Any, Families::Both),
            listener(link_local, Families::V6Only),
            listener(v4, Families::V4Only),
            PlannedListener {
                scheme: Scheme::Http,
                ..listener(ListenOn::Nic("eth0".to_owned()), Families::Both)
            },
            PlannedListener {
                unix: Some(UnixAccess { owner: Some((0, 33)), mode: 0o660 }),
                ..unix.clone()
            },
            PlannedListener { unix: Some(UnixAccess { owner: None, mode: 0o600 }), ..unix },
        ],
    }
}

fn empty() -> Plan {
    Plan { quick: None, identities: Vec::new(), logs: Vec::new(), listeners: Vec::new(), ..full() }
}

#[test]
fn plans_come_back_as_they_were() {
    for plan in [full(), empty()] {
        assert_eq!(Plan::decode(&plan.encode()), Ok(plan));
    }
}

#[test]
fn every_cut_is_noticed() {
    let bytes = full().encode();
    for n in 0..bytes.len() {
        assert_eq!(Plan::decode(&bytes[..n]), Err(PlanFault::Truncated), "{n} bytes");
    }
}

#[test]
fn nothing_may_follow() {
    let mut bytes = full().encode();
    bytes.push(0);
    assert_eq!(Plan::decode(&bytes), Err(PlanFault::Trailing));
}

#[test]
fn other_versions_are_refused() {
    let mut bytes = full().encode();
    bytes[7] = 0;
    assert_eq!(Plan::decode(&bytes), Err(PlanFault::Version));
}

#[test]
fn no_threads_and_no_generations_are_refused() {
    for plan in [Plan { threads: 0, ..empty() }, Plan { generations_max: 0, ..empty() }] {
        assert_eq!(Plan::decode(&plan.encode()), Err(PlanFault::Value));
    }
}

/// Whatever a byte becomes: no panic, and what is accepted is written the same again.
#[test]
fn there_is_one_way_to_write_a_plan() {
    let bytes = full().encode();
    for at in 0..bytes.len() {
        for value in [0, 1, 2, 5, 0x7f, 0xff] {
            let mut changed = bytes.clone();
            changed[at] = value;
            if let Ok(plan) = Plan::decode(&changed) {
                assert_eq!(plan.encode(), changed, "byte {at} = {value}");
            }
        }
    }
}
