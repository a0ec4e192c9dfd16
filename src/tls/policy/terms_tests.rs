//! What belongs to a policy, without handshakes.

use rustls::{CipherSuite, NamedGroup};

use super::*;
use crate::tls::fixtures::fixture;

fn policy(terms: &Terms) -> Policy {
    Policy::new(terms, Shown::new(None), None, None).unwrap()
}

fn suites(terms: &Terms) -> Vec<CipherSuite> {
    let policy = policy(terms);
    policy.config().crypto_provider().cipher_suites.iter().map(|suite| suite.suite()).collect()
}

#[test]
fn every_suite_and_group_is_there_by_default() {
    for fast_aes in [false, true] {
        let terms = Terms { fast_aes, ..Terms::default() };
        assert_eq!(suites(&terms).len(), 9);
        assert!(policy(&terms).config().ignore_client_order);
        let theirs = Terms { server_order: false, ..terms.clone() };
        assert!(!policy(&theirs).config().ignore_client_order);
        let config = policy(&terms);
        let groups: Vec<NamedGroup> =
            config.config().crypto_provider().kx_groups.iter().map(|g| g.name()).collect();
        assert_eq!(groups, [NamedGroup::X25519, NamedGroup::secp256r1, NamedGroup::secp384r1]);
    }
}

#[test]
fn the_cheapest_suite_comes_first() {
    let fast = suites(&Terms::default());
    assert_eq!(fast[0], CipherSuite::TLS13_AES_128_GCM_SHA256);
    assert_eq!(fast[3], CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256);
    assert_eq!(fast[6], CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256);
    let slow = suites(&Terms { fast_aes: false, ..Terms::default() });
    assert_eq!(slow[0], CipherSuite::TLS13_CHACHA20_POLY1305_SHA256);
    assert_eq!(slow[3], CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256);
    assert_eq!(slow[6], CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256);
}

#[test]
fn lists_keep_their_order_and_lose_doubles_and_strangers() {
    let terms = Terms {
        tls13_suites: Some(vec![Suite::Tls13Chacha20, Suite::EcdsaChacha20]),
        tls12_suites: Some(vec![
            Suite::RsaAes256Gcm,
            Suite::Tls13Aes128Gcm,
            Suite::EcdsaAes128Gcm,
            Suite::RsaAes256Gcm,
        ]),
        groups: Some(vec![Group::P384, Group::P256, Group::P384]),
        ..Terms::default()
    };
    let expected = [
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256,
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    ];
    assert_eq!(suites(&terms), expected);
    let made = policy(&terms);
    assert!(made.config().ignore_client_order);
    let groups = &made.config().crypto_provider().kx_groups;
    assert_eq!(groups.len(), 2);
    assert_eq!(groups[0].name(), NamedGroup::secp384r1);
}

#[test]
fn every_suite_has_its_own_name() {
    let tls13 = [Suite::Tls13Aes128Gcm, Suite::Tls13Aes256Gcm, Suite::Tls13Chacha20];
    let tls12 = [
        Suite::EcdsaAes128Gcm,
        Suite::EcdsaAes256Gcm,
        Suite::EcdsaChacha20,
        Suite::RsaAes128Gcm,
        Suite::RsaAes256Gcm,
        Suite::RsaChacha20,
    ];
    let terms = Terms {
        tls13_suites: Some(tls13.into()),
        tls12_suites: Some(tls12.into()),
        ..Terms::default()
    };
    let expected = [
        "TLS13_AES_128_GCM_SHA256",
        "TLS13_AES_256_GCM_SHA384",
        "TLS13_CHACHA20_POLY1305_SHA256",
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    ];
    let found: Vec<String> = suites(&terms).iter().map(|suite| format!("{suite:?}")).collect();
    assert_eq!(found, expected);
}

#[test]
fn the_identity_follows_from_the_terms() {
    let roots = Roots::from_pem(fixture!("root.pem")).unwrap();
    let variants = [
        Terms::default(),
        Terms { tls12: false, ..Terms::default() },
        Terms { tls13: false, ..Terms::default() },
        Terms { server_order: false, ..Terms::default() },
        Terms { tls12_suites: Some(vec![]), ..Terms::default() },
        Terms { tls12_suites: Some(vec![Suite::EcdsaAes128Gcm]), ..Terms::default() },
        Terms { tls12_suites: Some(vec![Suite::EcdsaAes256Gcm]), ..Terms::default() },
        Terms { tls13_suites: Some(vec![Suite::Tls13Aes128Gcm]), ..Terms::default() },
        Terms { groups: Some(vec![Group::P256]), ..Terms::default() },
        Terms { groups: Some(vec![Group::P256, Group::P384]), ..Terms::default() },
        Terms { alpn: vec![b"h2".to_vec()], ..Terms::default() },
        Terms { alpn: vec![b"h2".to_vec(), b"http/1.1".to_vec()], ..Terms::default() },
        Terms { clients: Clients::Certified(roots), ..Terms::default() },
    ];
    let mut known = vec![Terms::default().ticket_identity("other")];
    for variant in &variants {
        let id = variant.ticket_identity("router");
        assert!(!known.contains(&id), "{variant:?}");
        known.push(id);
        assert_eq!(id, variant.clone().ticket_identity("router"));
    }
    let slow = Terms { fast_aes: false, ..Terms::default() };
    assert_eq!(slow.ticket_identity("router"), Terms::default().ticket_identity("router"));
}

#[test]
fn without_a_clock_handed_in_the_systems_is_read() {
    let made = policy(&Terms::default());
    let before = system_s();
    let read = made.config().time_provider.current_time().unwrap().as_secs();
    assert!((before..=system_s()).contains(&read));
    let fixed = Policy::new(&Terms::default(), Shown::new(None), None, Some(|| 7)).unwrap();
    assert_eq!(fixed.config().time_provider.current_time().unwrap().as_secs(), 7);
}

#[test]
fn faults_have_words() {
    use PolicyFault::{NoAuthority, NoGroup, NoSuite, NoVersion, Unusable};
    for fault in [NoVersion, NoSuite, NoGroup, NoAuthority, Unusable] {
        let words = fault.to_string();
        assert!(words.len() > 10 && !words.ends_with('.'), "{words}");
    }
}
