//! What terms allow is what is agreed on, and nothing else.

use kinglet::tls::{Group, Policy, PolicyFault, Suite, Terms};
use rustls::version::{TLS12, TLS13};
use rustls::{AlertDescription, CipherSuite, Error, NamedGroup};

use crate::peers::{
    Pair, VERSIONS, Wish, certified_terms, groups, kind, meet, policy, shown, suites, wall_s,
};

/// The alert that the client of a refused handshake hears.
fn alert(wish: Wish, terms: &Terms) -> AlertDescription {
    let mut pair = Pair::new(&wish.client(), &policy(terms));
    pair.run().expect_err("nothing in common");
    match pair.step() {
        Err(Error::AlertReceived(alert)) => alert,
        other => panic!("{other:?}"),
    }
}

fn suite(wish: Wish, terms: &Terms) -> CipherSuite {
    let pair = meet(&wish.client(), &policy(terms)).unwrap();
    pair.server.negotiated_cipher_suite().unwrap().suite()
}

#[test]
fn a_version_that_is_off_is_refused() {
    let only12 = Terms { tls13: false, ..Terms::default() };
    let only13 = Terms { tls12: false, ..Terms::default() };
    assert_eq!(alert(Wish::new(&TLS13), &only12), AlertDescription::ProtocolVersion);
    assert_eq!(alert(Wish::new(&TLS12), &only13), AlertDescription::ProtocolVersion);
    kind(&Wish::new(&TLS12).client(), &policy(&only12));
    kind(&Wish::new(&TLS13).client(), &policy(&only13));
    let both = Wish { versions: VERSIONS.to_vec(), ..Wish::new(&TLS13) };
    let pair = meet(&both.clone().client(), &policy(&only12)).unwrap();
    assert_eq!(pair.server.protocol_version(), Some(TLS12.version));
    let pair = meet(&both.client(), &policy(&Terms::default())).unwrap();
    assert_eq!(pair.server.protocol_version(), Some(TLS13.version));
}

#[test]
fn a_version_without_suites_is_off() {
    let terms = Terms { tls12_suites: suites(&[]), ..Terms::default() };
    assert_eq!(alert(Wish::new(&TLS12), &terms), AlertDescription::ProtocolVersion);
    kind(&Wish::new(&TLS13).client(), &policy(&terms));
}

#[test]
fn only_listed_suites_are_used() {
    let terms = Terms {
        tls12_suites: suites(&[Suite::EcdsaChacha20]),
        tls13_suites: suites(&[Suite::Tls13Aes256Gcm]),
        ..Terms::default()
    };
    let chacha = CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256;
    assert_eq!(suite(Wish::new(&TLS12), &terms), chacha);
    assert_eq!(suite(Wish::new(&TLS13), &terms), CipherSuite::TLS13_AES_256_GCM_SHA384);
    let aes = Wish { suites: vec![CipherSuite::TLS13_AES_128_GCM_SHA256], ..Wish::new(&TLS13) };
    assert_eq!(alert(aes, &terms), AlertDescription::HandshakeFailure);
    let rsa_alone = Terms { tls12_suites: suites(&[Suite::RsaAes128Gcm]), ..Terms::default() };
    assert_eq!(alert(Wish::new(&TLS12), &rsa_alone), AlertDescription::HandshakeFailure);
}

#[test]
fn the_order_of_suites_is_whose_it_should_be() {
    let wish = Wish {
        suites: vec![
            CipherSuite::TLS13_AES_256_GCM_SHA384,
            CipherSuite::TLS13_CHACHA20_POLY1305_SHA256,
            CipherSuite::TLS13_AES_128_GCM_SHA256,
        ],
        ..Wish::new(&TLS13)
    };
    let chosen = |terms: Terms| suite(wish.clone(), &terms);
    assert_eq!(chosen(Terms::default()), CipherSuite::TLS13_AES_128_GCM_SHA256);
    let theirs = Terms { server_order: false, ..Terms::default() };
    assert_eq!(chosen(theirs), CipherSuite::TLS13_AES_256_GCM_SHA384);
    let slow = Terms { fast_aes: false, ..Terms::default() };
    assert_eq!(chosen(slow), CipherSuite::TLS13_CHACHA20_POLY1305_SHA256);
    let listed = suites(&[Suite::Tls13Aes128Gcm, Suite::Tls13Chacha20]);
    let listed = Terms { tls13_suites: listed, fast_aes: false, ..Terms::default() };
    assert_eq!(chosen(listed), CipherSuite::TLS13_AES_128_GCM_SHA256);
}

#[test]
fn without_aes_instructions_chacha_comes_first_in_tls_1_2() {
    let slow = Terms { fast_aes: false, ..Terms::default() };
    let chacha = CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256;
    assert_eq!(suite(Wish::new(&TLS12), &slow), chacha);
    let fast = Terms::default();
    let aes = CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256;
    assert_eq!(suite(Wish::new(&TLS12), &fast), aes);
}

#[test]
fn only_listed_groups_are_used() {
    let terms = Terms { groups: groups(&[Group::P384, Group::P256]), ..Terms::default() };
    for version in VERSIONS {
        let x25519 = Wish { groups: vec![NamedGroup::X25519], ..Wish::new(version) };
        assert_eq!(alert(x25519, &terms), AlertDescription::HandshakeFailure);
        let pair = meet(&Wish::new(version).client(), &policy(&terms)).unwrap();
        let group = pair.server.negotiated_key_exchange_group().unwrap().name();
        assert_eq!(group, NamedGroup::secp256r1, "the client's order");
        let pair = meet(&Wish::new(version).client(), &policy(&Terms::default())).unwrap();
        let group = pair.server.negotiated_key_exchange_group().unwrap().name();
        assert_eq!(group, NamedGroup::X25519);
    }
}

#[test]
fn protocols_are_chosen_in_our_order() {
    let alpn = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let terms = Terms { alpn, ..Terms::default() };
    for version in VERSIONS {
        let chosen = |alpn: Vec<&'static str>| {
            let wish = Wish { alpn, ..Wish::new(version) };
            let pair = meet(&wish.client(), &policy(&terms)).unwrap();
            pair.server.alpn_protocol().map(<[u8]>::to_vec)
        };
        assert_eq!(chosen(vec!["http/1.1", "h2"]), Some(b"h2".to_vec()));
        assert_eq!(chosen(vec!["x", "http/1.1"]), Some(b"http/1.1".to_vec()));
        assert_eq!(chosen(vec![]), None);
        let foreign = Wish { alpn: vec!["imap"], ..Wish::new(version) };
        assert_eq!(alert(foreign.clone(), &terms), AlertDescription::NoApplicationProtocol);
        let pair = meet(&foreign.client(), &policy(&Terms::default())).unwrap();
        assert_eq!(pair.server.alpn_protocol(), None);
    }
}

#[test]
fn a_foreign_protocol_is_no_reason_to_refuse_where_the_offer_is_asked_for() {
    let alpn = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    for terms in [Terms::default(), certified_terms()] {
        let policy = policy(&Terms { alpn: alpn.clone(), ..terms });
        for version in VERSIONS {
            let chosen = |alpn: Vec<&'static str>| {
                let bent = policy.for_offer(alpn.iter().map(|name| name.as_bytes()));
                assert_eq!(bent.requires_certificate(), policy.requires_certificate());
                let wish = Wish { alpn, ..Wish::new(version).with_certificate("client") };
                let pair = meet(&wish.client(), &bent).unwrap();
                let shown = pair.server.peer_certificates().is_some();
                assert_eq!(shown, policy.requires_certificate());
                pair.server.alpn_protocol().map(<[u8]>::to_vec)
            };
            assert_eq!(chosen(vec!["imap"]), None);
            assert_eq!(chosen(vec!["imap", "http/1.1"]), Some(b"http/1.1".to_vec()));
            assert_eq!(chosen(vec![]), None);
        }
    }
}

#[test]
fn nothing_left_is_a_fault() {
    let fault = |terms: Terms| Policy::new(&terms, shown(), None, Some(wall_s)).err();
    let none = Terms { tls12: false, tls13: false, ..Terms::default() };
    assert_eq!(fault(none), Some(PolicyFault::NoVersion));
    let empty = suites(&[]);
    let none = Terms { tls12: false, tls13_suites: empty.clone(), ..Terms::default() };
    assert_eq!(fault(none), Some(PolicyFault::NoSuite));
    let none = Terms { tls12_suites: empty.clone(), tls13_suites: empty, ..Terms::default() };
    assert_eq!(fault(none), Some(PolicyFault::NoSuite));
    let none = Terms { groups: groups(&[]), ..Terms::default() };
    assert_eq!(fault(none), Some(PolicyFault::NoGroup));
}

#[test]
fn early_and_half_early_data_are_off() {
    let policy = policy(&Terms::default());
    assert_eq!(policy.config().max_early_data_size, 0);
    assert!(!policy.config().send_half_rtt_data);
    assert!(policy.config().enable_secret_extraction);
}
