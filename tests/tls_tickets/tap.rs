//! The tap catches the secrets of the connection that is being worked on, and of no other.

use std::sync::Arc;

use kinglet::tls::secret_tap::{self, Caught, SecretTap};
use kinglet::tls::{Group, Terms};
use rustls::version::{TLS12, TLS13};
use rustls::{CipherSuite, ConnectionTrafficSecrets, KeyLog};

use crate::peers::{Log, Pair, Wish, certified_terms, meet, policy};

fn wish(suite: CipherSuite) -> Wish {
    Wish { suites: vec![suite], ..Wish::new(&TLS13) }
}

fn assert_same(caught: Option<&Caught>, log: &Log, bytes: usize) {
    let caught = caught.expect("both secrets");
    assert_eq!(caught.len, bytes);
    assert_eq!(caught.client[..bytes], log.secret("CLIENT_TRAFFIC_SECRET_0"));
    assert_eq!(caught.server[..bytes], log.secret("SERVER_TRAFFIC_SECRET_0"));
    assert!(caught.client[bytes..].iter().chain(&caught.server[bytes..]).all(|b| *b == 0));
}

#[test]
fn the_secrets_are_those_of_the_client() {
    for (suite, bytes) in [
        (CipherSuite::TLS13_AES_128_GCM_SHA256, 32),
        (CipherSuite::TLS13_AES_256_GCM_SHA384, 48),
        (CipherSuite::TLS13_CHACHA20_POLY1305_SHA256, 32),
    ] {
        let wish = wish(suite);
        let log = Arc::clone(&wish.log);
        let pair = meet(&wish.client(), &policy(&Terms::default())).unwrap();
        assert_same(pair.caught.as_ref(), &log, bytes);
    }
}

#[test]
fn also_where_certificates_are_required_and_after_a_retry() {
    let wish = wish(CipherSuite::TLS13_AES_128_GCM_SHA256).with_certificate("client");
    let log = Arc::clone(&wish.log);
    let pair = meet(&wish.client(), &policy(&certified_terms())).unwrap();
    assert_same(pair.caught.as_ref(), &log, 32);

    // The client guesses X25519, and the server has only P-384.
    let wish = self::wish(CipherSuite::TLS13_AES_256_GCM_SHA384);
    let log = Arc::clone(&wish.log);
    let groups = crate::peers::groups(&[Group::P384]);
    let terms = Terms { groups, ..Terms::default() };
    let mut pair = Pair::new(&wish.client(), &policy(&terms));
    assert_eq!(pair.kind(), rustls::HandshakeKind::FullWithHelloRetryRequest);
    assert_same(pair.caught.as_ref(), &log, 48);
}

#[test]
fn connections_that_take_turns_are_not_mixed_up() {
    let policy = policy(&Terms::default());
    let wishes: Vec<Wish> = [
        CipherSuite::TLS13_AES_256_GCM_SHA384,
        CipherSuite::TLS13_AES_128_GCM_SHA256,
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256,
    ]
    .into_iter()
    .map(wish)
    .collect();
    let mut pairs: Vec<Pair> =
        wishes.iter().map(|wish| Pair::new(&wish.clone().client(), &policy)).collect();
    let mut carried = true;
    while carried {
        carried = false;
        for pair in &mut pairs {
            carried |= pair.step().unwrap();
        }
    }
    for ((pair, wish), bytes) in pairs.iter().zip(&wishes).zip([48, 32, 32]) {
        assert_same(pair.caught.as_ref(), &wish.log, bytes);
    }
}

#[test]
fn tls_1_2_has_no_such_secrets() {
    let pair = meet(&Wish::new(&TLS12).client(), &policy(&Terms::default())).unwrap();
    assert!(pair.caught.is_none());
}

#[test]
fn a_tap_that_is_shut_catches_nothing() {
    let log_both = || {
        SecretTap.log("CLIENT_TRAFFIC_SECRET_0", &[], &[1; 32]);
        SecretTap.log("SERVER_TRAFFIC_SECRET_0", &[], &[2; 32]);
    };
    log_both();
    assert!(secret_tap::take().is_none());
    secret_tap::begin();
    log_both();
    secret_tap::begin();
    assert!(secret_tap::take().is_none(), "begin empties");
    secret_tap::begin();
    log_both();
    assert!(secret_tap::take().is_some());
    assert!(secret_tap::take().is_none(), "take empties");
    log_both();
    assert!(secret_tap::take().is_none(), "take shuts");
}

#[test]
fn half_a_pair_a_wrong_length_and_another_thread_count_for_nothing() {
    secret_tap::begin();
    SecretTap.log("CLIENT_TRAFFIC_SECRET_0", &[], &[1; 32]);
    SecretTap.log("SERVER_HANDSHAKE_TRAFFIC_SECRET", &[], &[2; 32]);
    assert!(secret_tap::take().is_none());
    secret_tap::begin();
    SecretTap.log("CLIENT_TRAFFIC_SECRET_0", &[], &[1; 32]);
    SecretTap.log("SERVER_TRAFFIC_SECRET_0", &[], &[2; 64]);
    assert!(secret_tap::take().is_none());
    secret_tap::begin();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            secret_tap::begin();
            SecretTap.log("CLIENT_TRAFFIC_SECRET_0", &[], &[1; 32]);
            SecretTap.log("SERVER_TRAFFIC_SECRET_0", &[], &[2; 32]);
            assert!(secret_tap::take().is_some());
        });
    });
    assert!(secret_tap::take().is_none());
}

#[test]
fn only_the_secrets_that_are_needed_are_asked_for() {
    assert!(SecretTap.will_log("CLIENT_TRAFFIC_SECRET_0"));
    assert!(SecretTap.will_log("SERVER_TRAFFIC_SECRET_0"));
    for label in ["CLIENT_RANDOM", "EXPORTER_SECRET", "CLIENT_HANDSHAKE_TRAFFIC_SECRET"] {
        assert!(!SecretTap.will_log(label));
    }
}

#[test]
fn record_keys_can_be_taken_out_on_both_versions() {
    for version in [&TLS12, &TLS13] {
        let pair = meet(&Wish::new(version).client(), &policy(&Terms::default())).unwrap();
        let ours = pair.server.dangerous_extract_secrets().unwrap();
        assert!(!matches!(ours.tx.1, ConnectionTrafficSecrets::Chacha20Poly1305 { .. }));
    }
}
