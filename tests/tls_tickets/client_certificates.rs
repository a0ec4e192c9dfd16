//! Who gets in where a client certificate is required, and what the clock has to do with it.

use kinglet::tls::{CLOCK_FLOOR_SECS, Terms};
use rustls::{AlertDescription, CertificateError, Error};

use crate::peers::{Pair, VERSIONS, Wish, certified_terms, meet, policy, set_wall_s};

const DAY_S: u64 = 24 * 60 * 60;
/// 2029-06-01.
const IN_2029_S: u64 = 1_875_000_000;

/// How the server judges a client that shows `certificate`.
fn judged(certificate: Option<&'static str>) -> Vec<Result<(), Error>> {
    let policy = policy(&certified_terms());
    assert!(policy.requires_certificate());
    let judge = |version| {
        let wish = Wish { certificate, ..Wish::new(version) };
        meet(&wish.client(), &policy).map(|_| ())
    };
    VERSIONS.into_iter().map(judge).collect()
}

fn is_expired(judged: &Result<(), Error>) -> bool {
    matches!(judged, Err(Error::InvalidCertificate(CertificateError::ExpiredContext { .. })))
}

fn is_early(judged: &Result<(), Error>) -> bool {
    matches!(judged, Err(Error::InvalidCertificate(CertificateError::NotValidYetContext { .. })))
}

#[test]
fn a_good_certificate_opens_and_is_there_to_read() {
    let policy = policy(&certified_terms());
    for version in VERSIONS {
        let client = Wish::new(version).with_certificate("client").client();
        let pair = meet(&client, &policy).unwrap();
        assert_eq!(pair.server.peer_certificates().unwrap().len(), 1);
    }
}

#[test]
fn none_is_refused_and_the_client_hears_why() {
    assert_eq!(judged(None), vec![Err(Error::NoCertificatesPresented); 2]);
    let policy = policy(&certified_terms());
    for version in VERSIONS {
        let mut pair = Pair::new(&Wish::new(version).client(), &policy);
        assert_eq!(pair.run(), Err(Error::NoCertificatesPresented));
        let heard = Error::AlertReceived(AlertDescription::CertificateRequired);
        assert_eq!(pair.step(), Err(heard), "{version:?}");
    }
}

#[test]
fn one_of_a_foreign_authority_is_refused() {
    for result in judged(Some("stranger")) {
        assert_eq!(result, Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)));
    }
}

#[test]
fn one_for_servers_is_refused() {
    for result in judged(Some("server")) {
        let refused = matches!(result, Err(Error::InvalidCertificate(_)));
        assert!(refused, "{result:?}");
    }
}

#[test]
fn an_open_policy_asks_for_none() {
    let policy = policy(&Terms::default());
    assert!(!policy.requires_certificate());
    for version in VERSIONS {
        let client = Wish::new(version).with_certificate("client").client();
        assert!(meet(&client, &policy).unwrap().server.peer_certificates().is_none());
    }
}

#[test]
fn with_a_clock_that_is_set_dates_count() {
    assert!(judged(Some("old")).iter().all(is_expired));
    assert!(judged(Some("brief")).iter().all(is_expired));
    assert!(judged(Some("late")).iter().all(is_early));
    set_wall_s(IN_2029_S);
    assert!(judged(Some("late")).iter().all(Result::is_ok));
    assert!(judged(Some("client")).iter().all(Result::is_ok));
}

#[test]
fn a_clock_at_the_floor_is_believed() {
    set_wall_s(CLOCK_FLOOR_SECS);
    assert!(judged(Some("client")).iter().all(Result::is_ok));
    assert!(judged(Some("brief")).iter().all(Result::is_ok));
    assert!(judged(Some("late")).iter().all(is_early));
}

#[test]
fn a_clock_that_is_not_set_shuts_nobody_out_who_may_be_right() {
    for clock_s in [0, DAY_S, CLOCK_FLOOR_SECS - 1] {
        set_wall_s(clock_s);
        assert!(judged(Some("client")).iter().all(Result::is_ok), "{clock_s}");
        assert!(judged(Some("late")).iter().all(Result::is_ok), "{clock_s}");
        // This is the price: nobody knows whether it is 2027 already.
        assert!(judged(Some("brief")).iter().all(Result::is_ok), "{clock_s}");
    }
}

#[test]
fn a_clock_that_is_not_set_shuts_no_chain_out() {
    // 2028-06-01: the leaf has begun, the authority between it and ours has not.
    set_wall_s(1_843_430_400);
    assert!(judged(Some("deep")).iter().all(Result::is_err));
    set_wall_s(IN_2029_S);
    assert!(judged(Some("deep")).iter().all(Result::is_ok));
    set_wall_s(DAY_S);
    assert!(judged(Some("deep")).iter().all(Result::is_ok));
}

#[test]
fn a_clock_that_is_not_set_still_refuses_what_is_surely_over() {
    for clock_s in [0, DAY_S, CLOCK_FLOOR_SECS - 1] {
        set_wall_s(clock_s);
        assert!(judged(Some("old")).iter().all(is_expired), "{clock_s}");
        for result in judged(Some("stranger")) {
            assert_eq!(result, Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)));
        }
        assert_eq!(judged(None), vec![Err(Error::NoCertificatesPresented); 2]);
    }
}
