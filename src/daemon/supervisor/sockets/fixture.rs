//! Plans and listeners for tests of the table.

use std::net::TcpListener;

use super::{Handed, Prepared, Table};
use crate::config::settings::{Families, ListenOn};
use crate::daemon::listening::places::{Interfaces, Wanted};
use crate::daemon::plan::{Excerpt, Plan, PlannedListener, Scheme};
use crate::sys::socket;

/// `*` is every address, `[::]only` every IPv6 address, a path or `@name` a unix socket, other
/// words are interfaces.
pub(crate) fn wanted(on: &str, port: u16) -> Wanted {
    let (on, families) = match on {
        "*" => (ListenOn::Any, Families::Both),
        "0.0.0.0" => (ListenOn::Any, Families::V4Only),
        "[::]only" => (ListenOn::Any, Families::V6Only),
        unix if unix.starts_with(['/', '@']) => (ListenOn::Unix(unix.to_owned()), Families::Both),
        other => match other.parse() {
            Ok(address) => (ListenOn::Address(address, None), Families::Both),
            Err(_) => (ListenOn::Nic(other.to_owned()), Families::Both),
        },
    };
    Wanted { on, port, families }
}

pub(crate) fn plan(threads: u16, listeners: &[(&str, u16)]) -> Plan {
    let listener = |(index, (on, port)): (usize, &(&str, u16))| PlannedListener {
        wanted: wanted(on, *port),
        unix: None,
        scheme: Scheme::Http,
        vhosts: String::new(),
        source: Excerpt { place: format!("conf:{index}"), lines: String::new() },
    };
    Plan {
        program_version: String::new(),
        state_version: 0,
        fingerprint: [0; 20],
        threads,
        speaks_tls: false,
        shutdown_ms: 0,
        drain_ms: 0,
        generations_max: 3,
        descriptors: 0,
        quick: None,
        budget_text: String::new(),
        memory_bytes_max: 0,
        identities: Vec::new(),
        logs: Vec::new(),
        listeners: listeners.iter().enumerate().map(listener).collect(),
    }
}

/// A machine that nothing has to be known of.
pub(crate) fn interfaces() -> Interfaces {
    Interfaces { has_v6: socket::has_v6(), ..Interfaces::default() }
}

/// A port that nothing had a moment ago.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("[::]:0").unwrap().local_addr().unwrap().port()
}

/// Prepares a plan, which must be possible.
pub(crate) fn prepared(table: &mut Table, plan: &Plan) -> Prepared {
    let prepared = table.prepare(plan, &interfaces());
    assert!(!prepared.fatal, "{:?}", prepared.findings);
    prepared
}

/// Prepares and adopts a plan, which must be possible; what its worker gets.
pub(crate) fn adopted(table: &mut Table, plan: &Plan) -> Vec<Handed> {
    let prepared = prepared(table, plan);
    table.adopt(prepared);
    table.handed()
}

/// A table that has adopted a plan for some free port, and that port. Another program may take
/// the port in between: then it is another one.
pub(crate) fn started(threads: u16, on: &[&str]) -> (Table, u16) {
    loop {
        let port = free_port();
        let listeners: Vec<(&str, u16)> = on.iter().map(|on| (*on, port)).collect();
        let mut table = Table::new();
        let prepared = table.prepare(&plan(threads, &listeners), &interfaces());
        if !prepared.fatal {
            table.adopt(prepared);
            return (table, port);
        }
        table.abandon(prepared);
    }
}
