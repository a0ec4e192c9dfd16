//! Session tickets: stateless, with keys that belong to one policy.
//!
//! A ticket is `name(4) ‖ nonce(12) ‖ ChaCha20-Poly1305(session)`, with name and nonce as
//! associated data. Key and name come from a secret that lives for one epoch and from the identity
//! of the policy: a ticket of one policy is noise to every other, and the same in all threads and
//! processes that have the secret. The name says which of the two secrets in use it is without
//! showing a number that counts up from the start of the board.
//!
//! An epoch lasts six hours. The first ticket after its end makes the next secret out of the
//! present one and wipes what is older than that, so that nobody who takes the memory later can
//! open older tickets. (No timer does it: where nobody shakes hands the last secret stays.) Since
//! epochs are counted on a clock that all processes share, and each secret follows from the one
//! before it, they all step alike without a word between them.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use ring::{digest, hmac};
use rustls::server::ProducesTickets;
use zeroize::{Zeroize, Zeroizing};

/// How long a secret makes tickets; it opens them for as long again.
pub const EPOCH_MS: u64 = 6 * 60 * 60 * 1000;

/// Bytes of the longest ticket that is made or looked at; a session with the longest server name
/// and protocol fits.
pub const TICKET_BYTES_MAX: usize = 1024;

/// Bytes of an exported [`TicketSecret`].
pub const EXPORT_BYTES: usize = 4 + 2 * SECRET_BYTES;

/// Epochs that are stepped through one by one, so that a process that has slept agrees with those
/// that have not; two years and nine months. Who sleeps longer steps once, and differently.
const STEPS_MAX: u32 = 4096;

const SECRET_BYTES: usize = 32;
const NAME_BYTES: usize = 4;
const TAG_BYTES: usize = 16;
const OVERHEAD_BYTES: usize = NAME_BYTES + NONCE_LEN + TAG_BYTES;

const NEXT_LABEL: &[u8] = b"kinglet tickets: next epoch";
const SKIP_LABEL: &[u8] = b"kinglet tickets: epoch after a long sleep";
const KEY_LABEL: &[u8] = b"kinglet tickets: key of a policy";
const NAME_LABEL: &[u8] = b"kinglet tickets: name of a policy's key";
const IDENTITY_LABEL: &[u8] = b"kinglet tickets: policy identity";

/// Why there is no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TicketFault {
    /// The system gives no random numbers.
    NoRandom,
    /// What was to be imported does not have [`EXPORT_BYTES`] bytes.
    Length,
    /// What was to be imported comes from an epoch that has not begun: from another boot.
    Future,
}

impl fmt::Display for TicketFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoRandom => "no random numbers for session tickets",
            Self::Length => "the ticket secret has another length",
            Self::Future => "the ticket secret is from another clock",
        })
    }
}

impl std::error::Error for TicketFault {}

/// What all ticket keys of a server are made from: the secret of this epoch and of the one before.
/// Wiped when dropped.
pub struct TicketSecret {
    epoch: u32,
    current: Zeroizing<[u8; SECRET_BYTES]>,
    previous: Zeroizing<[u8; SECRET_BYTES]>,
    /// What has been derived from these secrets: once for each policy, not for each handshake.
    derived: Vec<PolicyKeys>,
}

/// The keys of one policy.
struct PolicyKeys {
    policy_id: [u8; 32],
    current: TicketKey,
    previous: TicketKey,
}

impl TicketSecret {
    /// A new secret, for the epoch of `now_ms` (monotonic milliseconds).
    ///
    /// # Errors
    /// [`TicketFault::NoRandom`].
    pub fn new(now_ms: u64) -> Result<Self, TicketFault> {
        let random = SystemRandom::new();
        let mut made = Self {
            epoch: epoch_of(now_ms),
            current: Zeroizing::new([0; SECRET_BYTES]),
            previous: Zeroizing::new([0; SECRET_BYTES]),
            derived: Vec::new(),
        };
        random.fill(&mut *made.current).map_err(|_| TicketFault::NoRandom)?;
        random.fill(&mut *made.previous).map_err(|_| TicketFault::NoRandom)?;
        Ok(made)
    }

    /// The secret as bytes, for another process of this server: epoch (4 bytes, big-endian), this
    /// epoch's secret, the one before. Whoever has it can open every ticket of the last hours and
    /// of the future.
    #[must_use]
    pub fn export(&self) -> Zeroizing<[u8; EXPORT_BYTES]> {
        let mut bytes = Zeroizing::new([0; EXPORT_BYTES]);
        let (epoch, secrets) = bytes.split_at_mut(4);
        let (current, previous) = secrets.split_at_mut(SECRET_BYTES);
        epoch.copy_from_slice(&self.epoch.to_be_bytes());
        current.copy_from_slice(&*self.current);
        previous.copy_from_slice(&*self.previous);
        bytes
    }

    /// Takes over what [`export`](Self::export) gave; `now_ms` is the same clock.
    ///
    /// # Errors
    /// [`TicketFault::Length`] and [`TicketFault::Future`].
    pub fn import(bytes: &[u8], now_ms: u64) -> Result<Self, TicketFault> {
        let (epoch, secrets) = bytes.split_first_chunk::<4>().ok_or(TicketFault::Length)?;
        let (current, previous) =
            secrets.split_first_chunk::<SECRET_BYTES>().ok_or(TicketFault::Length)?;
        let previous =
            <&[u8; SECRET_BYTES]>::try_from(previous).map_err(|_| TicketFault::Length)?;
        let epoch = u32::from_be_bytes(*epoch);
        if epoch > epoch_of(now_ms) {
            return Err(TicketFault::Future);
        }
        let mut taken = Self {
            epoch,
            current: Zeroizing::new(*current),
            previous: Zeroizing::new(*previous),
            derived: Vec::new(),
        };
        taken.advance(now_ms);
        Ok(taken)
    }

    /// Steps to the epoch of `now_ms`: what is older than the epoch before that is wiped. A clock
    /// that goes back changes nothing. Every use does this; it is for whoever only keeps a secret.
    pub fn advance(&mut self, now_ms: u64) {
        let epoch = epoch_of(now_ms);
        let steps = epoch.saturating_sub(self.epoch);
        if steps > STEPS_MAX {
            self.step(&[SKIP_LABEL, &epoch.to_be_bytes()]);
            self.step(&[NEXT_LABEL]);
        } else {
            for _ in 0..steps {
                self.step(&[NEXT_LABEL]);
            }
        }
        self.epoch = self.epoch.max(epoch);
    }

    fn step(&mut self, label: &[&[u8]]) {
        let next = derived(&self.current, label);
        self.derived.clear();
        self.previous.zeroize();
        std::mem::swap(&mut self.previous, &mut self.current);
        *self.current = *next;
    }

    /// The keys of a policy in this epoch.
    fn keys(&mut self, policy_id: &[u8; 32]) -> Option<&PolicyKeys> {
        if !self.derived.iter().any(|known| known.policy_id == *policy_id) {
            let [current, previous] =
                [&self.current, &self.previous].map(|secret| TicketKey::new(secret, policy_id));
            self.derived.push(PolicyKeys { policy_id: *policy_id, current, previous });
        }
        self.derived.iter().find(|known| known.policy_id == *policy_id)
    }
}

impl fmt::Debug for TicketSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TicketSecret").field("epoch", &self.epoch).finish_non_exhaustive()
    }
}

/// The tickets of one policy.
pub struct Tickets {
    secret: Arc<Mutex<TicketSecret>>,
    policy_id: [u8; 32],
    now_ms: fn() -> u64,
}

impl Tickets {
    /// Tickets for the policy with this identity ([`policy_id`]). `now_ms` is a monotonic clock in
    /// milliseconds, the same in all processes that share the secret.
    #[must_use]
    pub fn new(
        secret: Arc<Mutex<TicketSecret>>,
        policy_id: [u8; 32],
        now_ms: fn() -> u64,
    ) -> Arc<Self> {
        Arc::new(Self { secret, policy_id, now_ms })
    }

    /// The key that `choose` takes of this epoch's and that of the one before it.
    fn key(
        &self,
        choose: impl for<'k> FnOnce(&'k PolicyKeys) -> Option<&'k TicketKey>,
    ) -> Option<TicketKey> {
        let mut secret = self.secret.lock().unwrap_or_else(PoisonError::into_inner);
        secret.advance((self.now_ms)());
        secret.keys(&self.policy_id).and_then(choose).cloned()
    }
}

impl fmt::Debug for Tickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tickets").finish_non_exhaustive()
    }
}

impl ProducesTickets for Tickets {
    fn enabled(&self) -> bool {
        true
    }

    /// Seconds until a ticket made now can no longer be opened: six to twelve hours.
    fn lifetime(&self) -> u32 {
        let now_ms = (self.now_ms)();
        let left_ms = 2 * EPOCH_MS - now_ms % EPOCH_MS;
        u32::try_from(left_ms / 1000).unwrap_or(u32::MAX)
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        if plain.len() > TICKET_BYTES_MAX - OVERHEAD_BYTES {
            return None;
        }
        self.key(|keys| Some(&keys.current))?.seal(plain)
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        if ticket.len() > TICKET_BYTES_MAX || ticket.len() < OVERHEAD_BYTES {
            return None;
        }
        let key = self.key(|keys| {
            [&keys.current, &keys.previous].into_iter().find(|key| ticket.starts_with(&key.name))
        });
        key?.open(ticket)
    }
}

/// Key and name of one policy in one epoch.
#[derive(Clone)]
struct TicketKey {
    key: Zeroizing<[u8; SECRET_BYTES]>,
    name: [u8; NAME_BYTES],
}

impl TicketKey {
    fn new(secret: &[u8; SECRET_BYTES], policy_id: &[u8; 32]) -> Self {
        let [a, b, c, d, ..] = *derived(secret, &[NAME_LABEL, policy_id]);
        Self { key: derived(secret, &[KEY_LABEL, policy_id]), name: [a, b, c, d] }
    }

    fn aead(&self) -> Option<LessSafeKey> {
        let key = UnboundKey::new(&CHACHA20_POLY1305, &*self.key).ok()?;
        Some(LessSafeKey::new(key))
    }

    /// A ticket with `plain` in it. The nonce is random: one key makes far fewer than the 2^32
    /// tickets after which two nonces could be alike with a chance of 2^-33.
    fn seal(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).ok()?;
        let mut ticket = Vec::with_capacity(OVERHEAD_BYTES + plain.len());
        ticket.extend_from_slice(&self.name);
        ticket.extend_from_slice(&nonce);
        ticket.extend_from_slice(plain);
        let (head, body) = ticket.split_at_mut_checked(NAME_BYTES + NONCE_LEN)?;
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = self.aead()?.seal_in_place_separate_tag(nonce, Aad::from(&*head), body).ok()?;
        ticket.extend_from_slice(tag.as_ref());
        Some(ticket)
    }

    fn open(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        let (head, body) = ticket.split_at_checked(NAME_BYTES + NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(head.get(NAME_BYTES..)?).ok()?;
        let mut plain = body.to_vec();
        let bytes = self.aead()?.open_in_place(nonce, Aad::from(head), &mut plain).ok()?.len();
        plain.truncate(bytes);
        Some(plain)
    }
}

/// The identity of a policy from the parts that make it: SHA-256 over the parts, each with its
/// length before it, so that no two different lists give the same.
#[must_use]
pub fn policy_id(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = digest::Context::new(&digest::SHA256);
    for part in std::iter::once(&IDENTITY_LABEL).chain(parts) {
        hash.update(&(part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let mut id = [0; 32];
    for (to, from) in id.iter_mut().zip(hash.finish().as_ref()) {
        *to = *from;
    }
    id
}

fn epoch_of(now_ms: u64) -> u32 {
    u32::try_from(now_ms / EPOCH_MS).unwrap_or(u32::MAX)
}

/// HKDF-Expand (RFC 5869 section 2.3) with SHA-256, of one block, from a secret that is uniform
/// already: `HMAC(secret, info ‖ 1)`.
fn derived(secret: &[u8; SECRET_BYTES], info: &[&[u8]]) -> Zeroizing<[u8; SECRET_BYTES]> {
    let mut mac = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, secret));
    for part in info {
        mac.update(part);
    }
    mac.update(&[1]);
    let mut block = Zeroizing::new([0; SECRET_BYTES]);
    for (to, from) in block.iter_mut().zip(mac.sign().as_ref()) {
        *to = *from;
    }
    block
}

#[cfg(test)]
#[path = "tickets_tests.rs"]
mod tests;
