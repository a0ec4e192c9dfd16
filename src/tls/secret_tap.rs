//! Catches the traffic secrets of a TLS 1.3 session as rustls derives them.
//!
//! rustls hands out record keys, which is not enough to follow a KeyUpdate; the secrets behind
//! them pass through its key log. The tap is open only between [`begin`] and [`take`], on the
//! thread that called them: what one call of rustls derives is in the hands of its caller, and of
//! nobody else. Nothing is ever written anywhere.

use std::cell::RefCell;

use rustls::KeyLog;
use zeroize::Zeroize;

use crate::tls::record::key_schedule::{SECRET_BYTES_MAX, TrafficSecrets};

const CLIENT_LABEL: &str = "CLIENT_TRAFFIC_SECRET_0";
const SERVER_LABEL: &str = "SERVER_TRAFFIC_SECRET_0";

/// `client_application_traffic_secret_0` and `server_application_traffic_secret_0` of one
/// connection (RFC 8446 section 7.1). Wiped when dropped.
pub struct Caught {
    /// The client's secret; `len` bytes count.
    pub client: [u8; SECRET_BYTES_MAX],
    /// The server's secret; `len` bytes count.
    pub server: [u8; SECRET_BYTES_MAX],
    /// 32 with SHA-256, 48 with SHA-384.
    pub len: usize,
}

impl Caught {
    /// As the record layer wants them.
    #[must_use]
    pub fn traffic_secrets(&self) -> Option<TrafficSecrets> {
        TrafficSecrets::new(self.client.get(..self.len)?, self.server.get(..self.len)?)
    }
}

impl Drop for Caught {
    fn drop(&mut self) {
        self.client.zeroize();
        self.server.zeroize();
    }
}

/// What one thread has caught. Plain arrays, so that the thread-local needs no destructor.
struct Tap {
    open: bool,
    client: [u8; SECRET_BYTES_MAX],
    client_len: usize,
    server: [u8; SECRET_BYTES_MAX],
    server_len: usize,
}

impl Tap {
    const SHUT: Self = Self {
        open: false,
        client: [0; SECRET_BYTES_MAX],
        client_len: 0,
        server: [0; SECRET_BYTES_MAX],
        server_len: 0,
    };

    /// Most calls of rustls derive nothing, so there is nothing to wipe.
    fn wipe(&mut self) {
        if self.client_len + self.server_len > 0 {
            self.client.zeroize();
            self.server.zeroize();
        }
        self.client_len = 0;
        self.server_len = 0;
    }
}

thread_local! {
    static TAP: RefCell<Tap> = const { RefCell::new(Tap::SHUT) };
}

/// Opens this thread's tap, empty. Call it right before a call of rustls that may finish the
/// server's flight.
pub fn begin() {
    with_tap(|tap| {
        tap.wipe();
        tap.open = true;
    });
}

/// Shuts and empties this thread's tap. Both secrets when both were caught since [`begin`], which
/// happens once per TLS 1.3 connection: in the call that makes the server's `Finished`.
pub fn take() -> Option<Caught> {
    let mut caught = None;
    with_tap(|tap| {
        if tap.open && tap.client_len > 0 && tap.client_len == tap.server_len {
            caught = Some(Caught { client: tap.client, server: tap.server, len: tap.client_len });
        }
        tap.open = false;
        tap.wipe();
    });
    caught
}

fn with_tap(act: impl FnOnce(&mut Tap)) {
    // Nothing in here calls back, so the cell is never borrowed twice.
    let _ = TAP.try_with(|cell| {
        if let Ok(mut tap) = cell.try_borrow_mut() {
            act(&mut tap);
        }
    });
}

/// The key log that fills the tap of the thread it is called on.
#[derive(Debug)]
pub struct SecretTap;

impl KeyLog for SecretTap {
    fn log(&self, label: &str, _client_random: &[u8], secret: &[u8]) {
        with_tap(|tap| {
            if !tap.open {
                return;
            }
            let (kept, kept_len) = match label {
                CLIENT_LABEL => (&mut tap.client, &mut tap.client_len),
                SERVER_LABEL => (&mut tap.server, &mut tap.server_len),
                _ => return,
            };
            if let Some(place) = kept.get_mut(..secret.len()) {
                place.copy_from_slice(secret);
                *kept_len = secret.len();
            }
        });
    }

    fn will_log(&self, label: &str) -> bool {
        label == CLIENT_LABEL || label == SERVER_LABEL
    }
}

#[cfg(test)]
#[path = "secret_tap_tests.rs"]
mod tests;
