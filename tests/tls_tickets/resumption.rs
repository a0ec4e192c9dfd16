//! Where a ticket resumes, and where it must not.

use std::sync::{Arc, Mutex};

use kinglet::tls::{Clients, EPOCH_MS, Policy, Shown, Terms, TicketSecret, Tickets};
use rustls::HandshakeKind::{Full, Resumed};
use rustls::{AlertDescription, Error};

use crate::peers::{
    Pair, VERSIONS, Wish, authority, certified, certified_terms, kind, meet, now_ms, pass_ms,
    policy, policy_with, secret, tickets, wall_s,
};

#[test]
fn a_ticket_resumes_within_its_policy() {
    for version in VERSIONS {
        let policy = policy_with(&Terms::default(), &tickets(&secret(), "a"));
        let client = Wish::new(version).client();
        assert_eq!(kind(&client, &policy), Full);
        assert_eq!(kind(&client, &policy), Resumed);
        assert_eq!(kind(&client, &policy.clone()), Resumed);
    }
}

#[test]
fn one_ticket_comes_with_tls_1_3_and_another_with_each_use() {
    let policy = policy_with(&Terms::default(), &tickets(&secret(), "a"));
    let client = Wish::new(&rustls::version::TLS13).client();
    for kind in [Full, Resumed, Resumed] {
        let met = meet(&client, &policy).unwrap();
        assert_eq!(met.client.tls13_tickets_received(), 1);
        assert_eq!(met.client.handshake_kind(), Some(kind));
    }
}

#[test]
fn without_tickets_nothing_resumes() {
    for version in VERSIONS {
        let policy = policy(&Terms::default());
        let client = Wish::new(version).client();
        let first = meet(&client, &policy).unwrap();
        assert_eq!(first.client.tls13_tickets_received(), 0);
        assert_eq!(kind(&client, &policy), Full);
    }
}

#[test]
fn a_ticket_resumes_in_another_generation_and_in_another_process() {
    for version in VERSIONS {
        let here = secret();
        let client = Wish::new(version).client();
        assert_eq!(kind(&client, &policy_with(&Terms::default(), &tickets(&here, "a"))), Full);
        assert_eq!(kind(&client, &policy_with(&Terms::default(), &tickets(&here, "a"))), Resumed);

        let bytes = here.lock().unwrap().export();
        let there = Arc::new(Mutex::new(TicketSecret::import(&*bytes, now_ms()).unwrap()));
        let there = policy_with(&Terms::default(), &tickets(&there, "a"));
        assert_eq!(kind(&client, &there), Resumed);
        assert_eq!(kind(&client, &policy_with(&Terms::default(), &tickets(&secret(), "a"))), Full);
    }
}

#[test]
fn a_ticket_lives_for_one_step_of_the_epoch() {
    for version in VERSIONS {
        let policy = policy_with(&Terms::default(), &tickets(&secret(), "a"));
        let client = Wish::new(version).client();
        assert_eq!(kind(&client, &policy), Full);
        pass_ms(EPOCH_MS);
        assert_eq!(kind(&client, &policy), Resumed);
        pass_ms(2 * EPOCH_MS);
        assert_eq!(kind(&client, &policy), Full);
        assert_eq!(kind(&client, &policy), Resumed);
    }
}

#[test]
fn processes_step_alike() {
    for version in VERSIONS {
        let here = secret();
        let bytes = here.lock().unwrap().export();
        let there = Arc::new(Mutex::new(TicketSecret::import(&*bytes, now_ms()).unwrap()));
        let here = policy_with(&Terms::default(), &tickets(&here, "a"));
        let there = policy_with(&Terms::default(), &tickets(&there, "a"));
        let client = Wish::new(version).client();
        pass_ms(EPOCH_MS);
        assert_eq!(kind(&client, &here), Full);
        pass_ms(EPOCH_MS);
        assert_eq!(kind(&client, &there), Resumed);
    }
}

#[test]
fn a_ticket_is_noise_to_another_policy() {
    for version in VERSIONS {
        let secret = secret();
        let a = policy_with(&Terms::default(), &tickets(&secret, "a"));
        let b = policy_with(&Terms::default(), &tickets(&secret, "b"));
        let client = Wish::new(version).client();
        assert_eq!(kind(&client, &a), Full);
        assert_eq!(kind(&client, &b), Full);
        assert_eq!(kind(&client, &b), Resumed);
    }
}

#[test]
fn an_open_ticket_opens_no_policy_that_requires_a_certificate() {
    for version in VERSIONS {
        // The worst case: both have the same keys. A policy that requires certificates must not
        // even look at tickets.
        let shared = tickets(&secret(), "router.test");
        let open = policy_with(&Terms::default(), &shared);
        let closed = policy_with(&certified_terms(), &shared);
        let client = Wish::new(version).client();
        assert_eq!(kind(&client, &open), Full);
        assert_eq!(kind(&client, &open), Resumed);
        let refused = meet(&client, &closed).err();
        assert_eq!(refused, Some(Error::NoCertificatesPresented), "{version:?}");
        // A client shows a ticket of TLS 1.3 only once, and this was its only one.
        let after = if *version == rustls::version::TLS13 { Full } else { Resumed };
        assert_eq!(kind(&client, &open), after, "the policy itself is as open as before");
        assert_eq!(kind(&client, &open), Resumed);
    }
}

#[test]
fn a_policy_that_requires_a_certificate_gives_no_tickets() {
    for version in VERSIONS {
        let shared = tickets(&secret(), "router.test");
        let closed = policy_with(&certified_terms(), &shared);
        assert!(!closed.config().ticketer.enabled());
        let client = Wish::new(version).with_certificate("client").client();
        assert_eq!(meet(&client, &closed).unwrap().client.tls13_tickets_received(), 0);
        assert_eq!(kind(&client, &closed), Full);
    }
}

#[test]
fn the_identity_of_terms_keeps_their_tickets_apart() {
    for version in VERSIONS {
        let secret = secret();
        let keys = |name: &str, terms: &Terms| {
            let id = terms.ticket_identity(name);
            policy_with(terms, &Tickets::new(Arc::clone(&secret), id, now_ms))
        };
        let client = Wish::new(version).client();
        let spoken = Terms { alpn: vec![b"http/1.1".to_vec()], ..Terms::default() };
        assert_eq!(kind(&client, &keys("a", &Terms::default())), Full);
        assert_eq!(kind(&client, &keys("a", &spoken)), Full);
        assert_eq!(kind(&client, &keys("b", &spoken)), Full);
        assert_eq!(kind(&client, &keys("b", &spoken)), Resumed);
    }
    let certified = Clients::Certified(authority());
    let certified = Terms { clients: certified, ..Terms::default() };
    assert_ne!(certified.ticket_identity("a"), Terms::default().ticket_identity("a"));
}

#[test]
fn a_slot_that_is_empty_denies_access_and_can_be_filled_later() {
    let shown = Shown::new(None);
    assert!(shown.is_empty());
    let policy = Policy::new(&Terms::default(), Arc::clone(&shown), None, Some(wall_s)).unwrap();
    for version in VERSIONS {
        let client = Wish::new(version).client();
        let mut pair = Pair::new(&client, &policy);
        assert!(pair.run().is_err());
        assert_eq!(pair.step().err(), Some(Error::AlertReceived(AlertDescription::AccessDenied)));
    }
    let filled = certified();
    std::thread::scope(|scope| {
        scope.spawn(|| shown.set(Arc::clone(&filled)));
    });
    assert!(!shown.is_empty());
    for version in VERSIONS {
        assert_eq!(kind(&Wish::new(version).client(), &policy), Full);
    }
}
