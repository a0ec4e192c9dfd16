//! Sockets that come and go with the addresses of interfaces, under one plan.

use super::{Handed, Table};
use crate::daemon::finding::Finding;
use crate::daemon::listening::places::{Interfaces, Wanted};
use crate::daemon::plan::{Excerpt, Plan};

/// What has changed.
#[derive(Debug, Default)]
pub struct Followed {
    /// To be told first, to every generation that has these sockets: the table has closed them,
    /// or they serve another listener now.
    pub unlisten: Vec<u32>,
    /// To be told to the generation of the plan.
    pub listen: Vec<Handed>,
    /// Addresses that are listened on from now on, with the number of the listener.
    pub come: Vec<(u16, String)>,
    /// Addresses that are not listened on any more, with the listener that had them.
    pub gone: Vec<(u16, String)>,
    /// What could not be done. The same thing is found at each call, until it has ended.
    pub findings: Vec<(Finding, Excerpt)>,
    /// An address could not be had that may be there soon.
    pub again: bool,
    /// Another program has the port of an address.
    pub is_busy: bool,
}

impl Table {
    /// Opens and closes what `interfaces` make necessary for `plan`, the current one. Nothing of it
    /// is fatal. Sockets of addresses that are gone are closed at once: what had begun on them
    /// cannot end.
    pub fn follow(&mut self, plan: &Plan, interfaces: &Interfaces) -> Followed {
        let mut wanted: Vec<Wanted> = plan.listeners.iter().map(|one| one.wanted.clone()).collect();
        if let Some(port) = self.quick_port {
            wanted.iter_mut().for_each(|one| one.port = port);
        }
        let before = self.handed();
        let mut prepared = self.attempt(plan, &wanted, interfaces);
        prepared.quick_port = self.quick_port;
        let mut followed = Followed {
            findings: std::mem::take(&mut prepared.findings),
            again: prepared.again,
            is_busy: prepared.busy,
            ..Followed::default()
        };
        let name = |table: &Self, number| table.socket(number).map(super::Socket::shown);
        for handed in &before {
            if prepared.for_worker.contains(handed) {
                continue;
            }
            followed.unlisten.push(handed.socket);
            let moves = prepared.for_worker.iter().any(|now| now.socket == handed.socket);
            if let (false, Some(shown)) = (moves, name(self, handed.socket)) {
                push_once(&mut followed.gone, (handed.listener, shown));
            }
        }
        let removed = prepared.removed.clone();
        self.adopt(prepared);
        for handed in self.handed() {
            if before.contains(&handed) {
                continue;
            }
            followed.listen.push(handed);
            let is_new = before.iter().all(|other| other.socket != handed.socket);
            if let (true, Some(shown)) = (is_new, name(self, handed.socket)) {
                push_once(&mut followed.come, (handed.listener, shown));
            }
        }
        self.close(&removed);
        followed
    }
}

fn push_once(list: &mut Vec<(u16, String)>, entry: (u16, String)) {
    if !list.contains(&entry) {
        list.push(entry);
    }
}
