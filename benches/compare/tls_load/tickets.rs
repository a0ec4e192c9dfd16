//! What the load client remembers of earlier sessions: every ticket, used once, oldest first.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustls::NamedGroup;
use rustls::client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::ServerName;

/// Sessions with one server. rustls' own store keeps eight tickets; a load needs as many as it has
/// connections, because some servers give no new ticket when one is used. Nothing is handed out
/// until `release`, so that handshakes are full ones while tickets are collected.
#[derive(Default)]
pub(crate) struct Tickets {
    kept: Mutex<Kept>,
    released: AtomicBool,
}

#[derive(Default)]
struct Kept {
    tls12: Option<Tls12ClientSessionValue>,
    tls13: VecDeque<Tls13ClientSessionValue>,
}

impl Tickets {
    /// How many connections can be resumed with what is here.
    pub(crate) fn count(&self) -> usize {
        let kept = self.kept();
        if kept.tls12.is_some() { usize::MAX } else { kept.tls13.len() }
    }

    /// From now on connections resume.
    pub(crate) fn release(&self) {
        self.released.store(true, Ordering::Relaxed);
    }

    fn released(&self) -> bool {
        self.released.load(Ordering::Relaxed)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Tickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tickets({})", self.count())
    }
}

impl ClientSessionStore for Tickets {
    fn set_kx_hint(&self, _: ServerName<'static>, _: NamedGroup) {}

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        None
    }

    fn set_tls12_session(&self, _: ServerName<'static>, value: Tls12ClientSessionValue) {
        self.kept().tls12 = Some(value);
    }

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        if self.released() { self.kept().tls12.clone() } else { None }
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {
        self.kept().tls12 = None;
    }

    fn insert_tls13_ticket(&self, _: ServerName<'static>, value: Tls13ClientSessionValue) {
        self.kept().tls13.push_back(value);
    }

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        if self.released() { self.kept().tls13.pop_front() } else { None }
    }
}
