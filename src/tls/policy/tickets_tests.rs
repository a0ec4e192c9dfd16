//! Tickets and their secret, without handshakes.

use std::cell::Cell;

use ring::hkdf::{HKDF_SHA256, KeyType, Prk};

use super::*;

thread_local! {
    static NOW_MS: Cell<u64> = const { Cell::new(10 * EPOCH_MS) };
}

fn now_ms() -> u64 {
    NOW_MS.get()
}

fn secret() -> TicketSecret {
    TicketSecret::new(now_ms()).unwrap()
}

fn tickets(secret: TicketSecret, id: u8) -> Arc<Tickets> {
    Tickets::new(Arc::new(Mutex::new(secret)), [id; 32], now_ms)
}

fn copy(secret: &TicketSecret) -> TicketSecret {
    TicketSecret::import(&*secret.export(), now_ms()).unwrap()
}

#[test]
fn what_is_sealed_is_opened() {
    let tickets = tickets(secret(), 1);
    assert!(tickets.enabled());
    for bytes in [0, 1, 100, TICKET_BYTES_MAX - OVERHEAD_BYTES] {
        let plain = vec![7; bytes];
        let ticket = tickets.encrypt(&plain).unwrap();
        assert_eq!(ticket.len(), bytes + OVERHEAD_BYTES);
        assert_eq!(tickets.decrypt(&ticket), Some(plain));
    }
}

#[test]
fn the_longest_session_fits() {
    // Version 2, suite 2, secret 1 + 48, extended master secret 1, chain 3, times and age 12,
    // application data 2; protocol and server name with their lengths.
    let session = 2 + 2 + 49 + 1 + 3 + 12 + 2 + (1 + 255) + (2 + 255);
    assert!(session + OVERHEAD_BYTES < TICKET_BYTES_MAX);
}

#[test]
fn what_is_too_long_is_neither_made_nor_looked_at() {
    let tickets = tickets(secret(), 1);
    assert_eq!(tickets.encrypt(&[0; TICKET_BYTES_MAX - OVERHEAD_BYTES + 1]), None);
    let key = tickets.key(|keys| Some(&keys.current)).unwrap();
    let long = key.seal(&[0; TICKET_BYTES_MAX]).unwrap();
    assert!(key.open(&long).is_some(), "only its length is wrong");
    assert_eq!(tickets.decrypt(&long), None);
}

#[test]
fn garbage_opens_nothing() {
    let tickets = tickets(secret(), 1);
    let ticket = tickets.encrypt(b"session").unwrap();
    for bytes in 0..ticket.len() {
        assert_eq!(tickets.decrypt(&ticket[..bytes]), None, "cut at {bytes}");
        for bit in 0..8 {
            let mut bent = ticket.clone();
            bent[bytes] ^= 1 << bit;
            assert_eq!(tickets.decrypt(&bent), None, "byte {bytes} bit {bit}");
        }
    }
    let mut more = ticket.clone();
    more.push(0);
    assert_eq!(tickets.decrypt(&more), None);
    assert_eq!(tickets.decrypt(&[0; TICKET_BYTES_MAX]), None);
    assert_eq!(tickets.decrypt(&ticket), Some(b"session".to_vec()));
}

#[test]
fn two_tickets_of_one_session_differ() {
    let tickets = tickets(secret(), 1);
    let (a, b) = (tickets.encrypt(b"session").unwrap(), tickets.encrypt(b"session").unwrap());
    assert_eq!(a[..NAME_BYTES], b[..NAME_BYTES]);
    assert_ne!(a[NAME_BYTES..][..NONCE_LEN], b[NAME_BYTES..][..NONCE_LEN]);
}

#[test]
fn keys_belong_to_one_policy_and_one_secret() {
    let shared = secret();
    let a = tickets(copy(&shared), 1);
    let same = tickets(copy(&shared), 1);
    let other_policy = tickets(shared, 2);
    let other_secret = tickets(secret(), 1);
    let ticket = a.encrypt(b"session").unwrap();
    assert_eq!(same.decrypt(&ticket), Some(b"session".to_vec()));
    assert_eq!(other_policy.decrypt(&ticket), None);
    assert_eq!(other_secret.decrypt(&ticket), None);
    // Not for the name alone: with the right name the key is still another.
    let mut renamed = other_policy.encrypt(b"session").unwrap();
    renamed[..NAME_BYTES].copy_from_slice(&ticket[..NAME_BYTES]);
    assert_eq!(a.decrypt(&renamed), None);
}

#[test]
fn key_and_name_are_derived_apart() {
    let secret = secret();
    let keys = [(&secret.current, 1), (&secret.previous, 1), (&secret.current, 2)]
        .map(|(secret, id)| TicketKey::new(secret, &[id; 32]));
    for (at, one) in keys.iter().enumerate() {
        assert_ne!(one.name, one.key[..NAME_BYTES]);
        for other in &keys[at + 1..] {
            assert_ne!(*one.key, *other.key);
            assert_ne!(one.name, other.name);
        }
    }
}

#[test]
fn a_ticket_is_opened_in_its_epoch_and_in_the_next() {
    let tickets = tickets(secret(), 1);
    let first = tickets.encrypt(b"session").unwrap();
    NOW_MS.set(11 * EPOCH_MS - 1);
    assert!(tickets.decrypt(&first).is_some());
    NOW_MS.set(11 * EPOCH_MS);
    assert!(tickets.decrypt(&first).is_some());
    let second = tickets.encrypt(b"session").unwrap();
    assert_ne!(first[..NAME_BYTES], second[..NAME_BYTES]);
    NOW_MS.set(12 * EPOCH_MS - 1);
    assert!(tickets.decrypt(&first).is_some());
    NOW_MS.set(12 * EPOCH_MS);
    assert!(tickets.decrypt(&first).is_none());
    assert!(tickets.decrypt(&second).is_some());
    // A clock that goes back brings nothing back.
    NOW_MS.set(10 * EPOCH_MS);
    assert!(tickets.decrypt(&first).is_none());
    assert!(tickets.decrypt(&second).is_some());
    NOW_MS.set(14 * EPOCH_MS);
    assert!(tickets.decrypt(&second).is_none());
}

#[test]
fn keys_are_derived_once_for_a_policy_and_go_with_their_epoch() {
    let shared = Arc::new(Mutex::new(secret()));
    let two = [1, 2].map(|id| Tickets::new(Arc::clone(&shared), [id; 32], now_ms));
    let derived = || shared.lock().unwrap().derived.len();
    for _ in 0..3 {
        for tickets in &two {
            let ticket = tickets.encrypt(b"session").unwrap();
            assert!(tickets.decrypt(&ticket).is_some());
        }
        assert_eq!(derived(), 2);
    }
    // Those of a policy that nobody asks for are not kept beyond their secret.
    NOW_MS.set(11 * EPOCH_MS);
    two[0].encrypt(b"session").unwrap();
    assert_eq!(derived(), 1);
}

#[test]
fn the_lifetime_ends_with_the_next_epoch() {
    let tickets = tickets(secret(), 1);
    assert_eq!(tickets.lifetime(), 12 * 60 * 60);
    NOW_MS.set(10 * EPOCH_MS + 1_500);
    assert_eq!(tickets.lifetime(), 12 * 60 * 60 - 2);
    NOW_MS.set(11 * EPOCH_MS - 1);
    assert_eq!(tickets.lifetime(), 6 * 60 * 60);
}

#[test]
fn an_old_export_steps_to_where_the_others_are() {
    let old = secret();
    let bytes = old.export();
    let tickets = tickets(old, 1);
    for _ in 0..7 {
        NOW_MS.set(now_ms() + EPOCH_MS);
        tickets.encrypt(b"").unwrap();
    }
    let caught_up = TicketSecret::import(&*bytes, now_ms()).unwrap();
    let exported = tickets.secret.lock().unwrap().export();
    assert_eq!(*caught_up.export(), *exported);
    assert_eq!(exported[..4], 17_u32.to_be_bytes());
    assert_ne!(bytes[4..], exported[4..]);
}

#[test]
fn imports_are_judged() {
    let secret = secret();
    let bytes = secret.export();
    assert_eq!(*TicketSecret::import(&*bytes, now_ms()).unwrap().export(), *bytes);
    for length in 0..EXPORT_BYTES {
        let fault = TicketSecret::import(&bytes[..length], now_ms()).unwrap_err();
        assert_eq!(fault, TicketFault::Length, "{length}");
    }
    let mut more = bytes.to_vec();
    more.push(0);
    assert_eq!(TicketSecret::import(&more, now_ms()).unwrap_err(), TicketFault::Length);
    let earlier = now_ms() - EPOCH_MS;
    assert_eq!(TicketSecret::import(&*bytes, earlier).unwrap_err(), TicketFault::Future);
}

#[test]
fn a_long_sleep_costs_a_few_steps_and_ends_all_tickets() {
    for clock_ms in [(11 + u64::from(STEPS_MAX)) * EPOCH_MS, u64::MAX] {
        NOW_MS.set(10 * EPOCH_MS);
        let tickets = tickets(secret(), 1);
        let before = tickets.secret.lock().unwrap().export();
        let ticket = tickets.encrypt(b"session").unwrap();
        NOW_MS.set(clock_ms);
        assert_eq!(tickets.decrypt(&ticket), None);
        let after = tickets.secret.lock().unwrap().export();
        for old in before[4..].chunks(SECRET_BYTES) {
            assert!(after[4..].chunks(SECRET_BYTES).all(|new| new != old));
        }
        let ticket = tickets.encrypt(b"session").unwrap();
        assert_eq!(tickets.decrypt(&ticket), Some(b"session".to_vec()));
        // Who slept as long as we did is still with us.
        let other = tickets_of(TicketSecret::import(&*before, now_ms()).unwrap());
        assert_eq!(other.decrypt(&ticket), Some(b"session".to_vec()));
    }
}

fn tickets_of(secret: TicketSecret) -> Arc<Tickets> {
    tickets(secret, 1)
}

#[test]
fn secrets_differ_and_are_not_shown() {
    let (a, b) = (secret(), secret());
    assert_ne!(*a.current, *b.current);
    assert_ne!(*a.current, *a.previous);
    assert_eq!(format!("{a:?}"), "TicketSecret { epoch: 10, .. }");
    assert_eq!(format!("{:?}", tickets(a, 1)), "Tickets { .. }");
}

#[test]
fn identities_depend_on_every_part_and_on_where_it_ends() {
    let lists: [&[&[u8]]; 9] = [
        &[],
        &[b""],
        &[b"", b""],
        &[b"ab"],
        &[b"a", b"b"],
        &[b"", b"ab"],
        &[b"ab", b""],
        &[b"b", b"a"],
        &[b"abc"],
    ];
    for (at, list) in lists.iter().enumerate() {
        assert_eq!(policy_id(list), policy_id(list));
        for other in &lists[at + 1..] {
            assert_ne!(policy_id(list), policy_id(other), "{list:?} {other:?}");
        }
    }
}

#[test]
fn derivation_is_hkdf() {
    struct Bytes(usize);
    impl KeyType for Bytes {
        fn len(&self) -> usize {
            self.0
        }
    }
    let secret = [9; SECRET_BYTES];
    let info: [&[u8]; 2] = [b"one", b"two"];
    let mut expected = [0; SECRET_BYTES];
    let prk = Prk::new_less_safe(HKDF_SHA256, &secret);
    prk.expand(&info, Bytes(SECRET_BYTES)).unwrap().fill(&mut expected).unwrap();
    assert_eq!(*derived(&secret, &info), expected);
}
