//! Tests of self-signed certificates: read by our reader, verified by webpki, used by rustls.

use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};

use super::*;
use crate::tls::fixtures::{NOW_SECS, fixture};
use crate::tls::x509::identity::Identity;

const NAMES: &[&str] =
    &["router", "router.lan", "localhost", "*.site.test", "*.lan", "a_b.lan", "127.0.0.1", "::1"];

fn made(names: &[&str], now_secs: u64) -> Made {
    make(&Request { names, now_secs }, None).unwrap()
}

fn identity(made: &Made) -> Identity {
    Identity::from_pem(made.certificate_pem.as_bytes(), made.key_pem.as_bytes()).unwrap()
}

fn roots(der: &[u8]) -> Arc<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(der.to_vec())).unwrap();
    Arc::new(roots)
}

/// Whether webpki, trusting `roots`, takes the certificate for `name` at `now_secs`.
fn verified(der: &[u8], roots: Arc<RootCertStore>, name: &str, now_secs: u64) -> bool {
    let provider = Arc::new(default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider).build().unwrap();
    let now = UnixTime::since_unix_epoch(Duration::from_secs(now_secs));
    let name = ServerName::try_from(name).unwrap();
    verifier.verify_server_cert(&CertificateDer::from(der), &[], &name, &[], now).is_ok()
}

#[test]
fn our_reader_reads_what_was_asked_for() {
    let made = made(NAMES, NOW_SECS);
    let certificate = Certificate::parse(&made.certificate_der).unwrap();
    assert_eq!(certificate.subject(), "CN=router");
    assert!(certificate.is_self_signed() && !certificate.is_ca());
    for name in NAMES.iter().chain(&["a.site.test", "[::1]"]) {
        assert!(certificate.covers(name), "{name}");
    }
    assert_eq!(certificate.names().count(), NAMES.len());
    let now = i64::try_from(NOW_SECS).unwrap();
    assert_eq!(certificate.not_before_secs(), now - 2 * DAY_SECS);
    assert_eq!(certificate.not_after_secs(), now + 800 * DAY_SECS);
    assert_eq!(certificate.serial_hex().len(), 2 * SERIAL_BYTES);
    assert_eq!(made.fingerprint, sha256_fingerprint(&made.certificate_der));
    let identity = identity(&made);
    assert_eq!(identity.chain(), [CertificateDer::from(made.certificate_der.clone())]);
    assert_eq!(identity.findings(NAMES, Some(NOW_SECS)), []);
    identity.certified().keys_match().unwrap();
}

#[test]
fn webpki_takes_it_as_its_own_anchor() {
    let first = made(NAMES, NOW_SECS);
    let der = &first.certificate_der;
    for name in ["router", "router.lan", "localhost", "a.site.test", "127.0.0.1", "::1"] {
        assert!(verified(der, roots(der), name, NOW_SECS), "{name}");
    }
    for (name, now_secs) in
        [("other", NOW_SECS), ("127.0.0.2", NOW_SECS), ("router", 0), ("router", NOW_SECS * 2)]
    {
        assert!(!verified(der, roots(der), name, now_secs), "{name}");
    }
    // Another certificate of the same names is no anchor: the signature counts.
    let second = made(NAMES, NOW_SECS);
    assert!(!verified(der, roots(&second.certificate_der), "router", NOW_SECS));
    let at_1970 = made(NAMES, 0);
    let der = &at_1970.certificate_der;
    assert!(verified(der, roots(der), "router", NOW_SECS));
}

#[derive(Debug)]
struct Fixed;

impl TimeProvider for Fixed {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(NOW_SECS)))
    }
}

#[derive(Debug)]
struct Always(Arc<rustls::sign::CertifiedKey>);

impl rustls::server::ResolvesServerCert for Always {
    fn resolve(
        &self,
        _: rustls::server::ClientHello<'_>,
    ) -> Option<Arc<rustls::sign::CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

#[test]
fn a_client_that_trusts_it_shakes_hands() {
    let made = made(NAMES, NOW_SECS);
    for version in rustls::ALL_VERSIONS {
        let provider = Arc::new(default_provider());
        let server = ServerConfig::builder_with_details(Arc::clone(&provider), Arc::new(Fixed))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(Always(identity(&made).certified())));
        let client = ClientConfig::builder_with_details(provider, Arc::new(Fixed))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots(&made.certificate_der))
            .with_no_client_auth();
        let mut server = ServerConnection::new(Arc::new(server)).unwrap();
        let name = ServerName::try_from("router.lan").unwrap();
        let mut client = ClientConnection::new(Arc::new(client), name).unwrap();
        client.writer().write_all(b"hello").unwrap();
        for _ in 0..4 {
            let (mut up, mut down) = (Vec::new(), Vec::new());
            client.write_tls(&mut up).unwrap();
            server.read_tls(&mut up.as_slice()).unwrap();
            server.process_new_packets().unwrap();
            server.write_tls(&mut down).unwrap();
            client.read_tls(&mut down.as_slice()).unwrap();
            client.process_new_packets().unwrap();
        }
        let mut got = [0; 5];
        server.reader().read_exact(&mut got).unwrap();
        assert_eq!(&got, b"hello");
    }
}

#[test]
fn the_key_is_kept_and_the_rest_is_new() {
    let first = made(&["a.test"], NOW_SECS);
    let key = key_from_pem(first.key_pem.as_bytes()).unwrap();
    let request = Request { names: &["a.test", "b.test"], now_secs: NOW_SECS };
    let second = make(&request, Some(&key)).unwrap();
    assert_eq!(*first.key_pem, *second.key_pem);
    let [one, two] = [&first, &second].map(|made| Certificate::parse(&made.certificate_der));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!(one.public_key_raw(), two.public_key_raw());
    assert_ne!(one.serial_hex(), two.serial_hex());
    assert_ne!(first.fingerprint, second.fingerprint);
    assert!(two.covers("b.test"));
    for wrong in [key_from_pem(fixture!("rsa.key")).unwrap(), Zeroizing::new(b"junk".to_vec())] {
        assert!(matches!(make(&request, Some(&wrong)), Err(CannotMake::BadKey)));
    }
}

#[test]
fn only_pkcs8_keys_are_kept() {
    assert!(key_from_pem(fixture!("p256.key")).is_some());
    for pem in [fixture!("p256-sec1.key"), fixture!("p256.pem"), b"", b"junk"] {
        assert!(key_from_pem(pem).is_none());
    }
}

#[test]
fn names_that_can_not_be_are_left_out() {
    let long = "a".repeat(63);
    let longest = [long.as_str(); 4].join(".");
    let wrong = [
        "",
        ".",
        "a..b",
        "a b",
        "-a",
        "a-",
        "*",
        "*.",
        "a.*.b",
        "a*",
        "\u{fc}.test",
        "a/b",
        "a\nb",
        "[::1]",
        "fe80::1%eth0",
        "a.",
        longest.as_str(),
    ];
    let made_of = |names: &[&str]| {
        let made = made(names, NOW_SECS);
        identity(&made);
        made.certificate_der
    };
    let der = made_of(&wrong);
    let certificate = Certificate::parse(&der).unwrap();
    assert_eq!((certificate.names().count(), certificate.subject().as_str()), (0, "CN=kinglet"));
    // What it cannot have is not missed later.
    assert_eq!(needs_renewal(&der, &wrong, NOW_SECS), None);
    let fits = [long.as_str(); 3].join(".");
    let der = made_of(&[&fits, "A.test", "a.TEST"]);
    let certificate = Certificate::parse(&der).unwrap();
    assert_eq!((certificate.names().count(), certificate.subject().as_str()), (2, "CN=kinglet"));
    let many: Vec<String> = (0..100).map(|n| format!("n{n}.test")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let der = made_of(&many);
    assert_eq!(Certificate::parse(&der).unwrap().names().count(), NAMES_MAX);
    assert_eq!(needs_renewal(&der, &many, NOW_SECS), None);
}

#[test]
fn it_is_renewed_for_a_reason() {
    let der = made(NAMES, NOW_SECS).certificate_der;
    let at = |days: u64| needs_renewal(&der, NAMES, NOW_SECS + days * 86_400);
    assert_eq!(needs_renewal(&der, &["router"], NOW_SECS), None);
    assert_eq!(needs_renewal(&der, &["router", "not a name"], NOW_SECS), None);
    let missing = Some(Reason::NameMissing("new.lan".to_owned()));
    assert_eq!(needs_renewal(&der, &["router", "new.lan"], NOW_SECS), missing);
    assert_eq!(needs_renewal(&der, &["router", "new.lan"], 0), missing);
    let until = i64::try_from(NOW_SECS).unwrap() + 800 * DAY_SECS;
    assert_eq!((at(0), at(770)), (None, None));
    assert_eq!(at(771), Some(Reason::Expires(until)));
    assert_eq!(at(900), Some(Reason::Expires(until)));
    assert_eq!(needs_renewal(&der, NAMES, NOW_SECS - 3 * 86_400), Some(Reason::NotYetValid));
    // A board that does not know the time keeps what it has.
    assert_eq!(needs_renewal(&der, NAMES, 1_000), None);
    assert_eq!(needs_renewal(&der[1..], NAMES, NOW_SECS), Some(Reason::Unreadable));
    assert_eq!(needs_renewal(&[], NAMES, 0), Some(Reason::Unreadable));
}

#[test]
fn a_board_without_a_clock_gets_a_long_validity_until_it_has_one() {
    for now_secs in [0, 86_400, CLOCK_PLAUSIBLE_SECS - 1, u64::MAX] {
        let der = made(NAMES, now_secs).certificate_der;
        let certificate = Certificate::parse(&der).unwrap();
        let validity = (certificate.not_before_secs(), certificate.not_after_secs());
        assert_eq!(validity, UNKNOWN_CLOCK_SECS, "{now_secs}");
        assert_eq!(needs_renewal(&der, NAMES, 86_400), None);
        assert_eq!(needs_renewal(&der, NAMES, NOW_SECS), Some(Reason::TooLong));
    }
    let der = made(NAMES, CLOCK_PLAUSIBLE_SECS).certificate_der;
    assert_eq!(needs_renewal(&der, NAMES, CLOCK_PLAUSIBLE_SECS), None);
    // Past 2050 the other kind of time is written.
    let der = made(NAMES, 2_600_000_000).certificate_der;
    assert_eq!(needs_renewal(&der, NAMES, 2_600_000_000), None);
}
