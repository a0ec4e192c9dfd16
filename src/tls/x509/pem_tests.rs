//! Tests of PEM files as people have them.

use super::*;
use crate::tls::fixtures::{certificates as read, fixture};
use crate::tls::x509::identity::{Identity, certificates};
use crate::tls::x509::identity_fault::IdentityFault;
use crate::tls::x509::roots::{Roots, RootsFault};

fn relabelled(pem: &[u8], label: &str) -> Vec<u8> {
    String::from_utf8_lossy(pem).replace("CERTIFICATE", label).into_bytes()
}

fn words(pem: &[u8]) -> Vec<String> {
    skipped(pem).iter().map(ToString::to_string).collect()
}

/// A section with these bytes in one line.
pub(in crate::tls::x509) fn section(label: &str, der: &[u8]) -> Vec<u8> {
    let mut text = vec![0; der.len() * 2];
    let bytes = STANDARD.encode_slice(der, &mut text).unwrap();
    let text = String::from_utf8_lossy(&text[..bytes]);
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n").into_bytes()
}

/// A certificate as `openssl x509 -trustout` writes it, with these bytes behind it.
fn trusted(pem: &[u8], trust: &[u8]) -> Vec<u8> {
    section("TRUSTED CERTIFICATE", &[&read(pem)[0], trust].concat())
}

#[test]
fn what_openssl_takes_is_taken() {
    let (pem, key) = (fixture!("p256.pem"), fixture!("p256.key"));
    let text = String::from_utf8_lossy(pem);
    let with_mark = |pem: &[u8]| [b"\xef\xbb\xbf", pem].concat();
    let indented = text.replace('\n', "\n    ");
    let fields = text.replacen('\n', "\nComment: made by hand\nAnd: more\n\n", 1);
    for (form, pem) in [
        ("a mark", with_mark(pem)),
        ("the old label", relabelled(pem, "X509 CERTIFICATE")),
        ("with what it is trusted for", trusted(pem, &[0x30, 0])),
        ("a mark before the old label", with_mark(&relabelled(pem, "X509 CERTIFICATE"))),
        ("CRLF", text.replace('\n', "\r\n").into_bytes()),
        ("CR", text.replace('\n', "\r").into_bytes()),
        ("blanks at the ends", text.replace('\n', " \t\n").into_bytes()),
        ("blanks in front", format!("    {indented}").into_bytes()),
        ("fields", fields.into_bytes()),
        ("text around it", format!("Bag Attributes\n  x: y\n{text}more\n").into_bytes()),
    ] {
        let identity = Identity::from_pem(&pem, key).map_err(|fault| format!("{form}: {fault}"));
        assert_eq!(identity.unwrap().chain(), read(fixture!("p256.pem")), "{form}");
        assert_eq!(words(&pem), [""; 0], "{form}");
        let roots = Roots::from_pem(&pem).unwrap();
        assert_eq!(roots.certificates(), read(fixture!("p256.pem")), "{form}");
    }
    assert!(Identity::from_pem(pem, &with_mark(key)).is_ok());
    let bundle = [&with_mark(fixture!("root.pem")), fixture!("middle.pem")].concat();
    assert_eq!(Roots::from_pem(&bundle).unwrap().certificates().len(), 2);
}

#[test]
fn what_is_skipped_is_said() {
    let pem = fixture!("p256.pem");
    let lines = pem.iter().filter(|byte| **byte == b'\n').count();
    let pkcs7 = relabelled(pem, "PKCS7");
    let crl = relabelled(pem, "X509 CRL");
    assert_eq!(
        words(&[pem, &pkcs7, pem].concat()),
        [format!("line {}: the section \"PKCS7\" is skipped", lines + 1),]
    );
    assert_eq!(skipped(&pkcs7)[0].hint(), "openssl pkcs7 -print_certs -in FILE -out FILE.pem");
    assert!(skipped(&crl)[0].hint().contains("revoked"));
    for heading in ["", "-- BEGIN CERTIFICATE --", "\u{2013}\u{2013}BEGIN CERTIFICATE-----"] {
        let text = String::from_utf8_lossy(pem).replacen("-----BEGIN CERTIFICATE-----", heading, 1);
        let found = words(&[pem, text.as_bytes()].concat());
        let at = if heading.is_empty() { 2 * lines } else { lines + 1 };
        let first = format!("line {at} looks like the heading of a section and is none");
        assert_eq!(found[0], first, "{heading}");
    }
    let long = format!("-----BEGIN {}\u{7}-----\n", "\u{e9}".repeat(300));
    assert!(words(long.as_bytes())[0].len() < 400 && words(long.as_bytes())[0].is_ascii());
    // Parameters beside a key are nothing to talk about.
    let parameters = b"-----BEGIN EC PARAMETERS-----\nBggq\n-----END EC PARAMETERS-----\n";
    let key = [parameters, fixture!("p256-sec1.key")].concat();
    assert_eq!(words(&key), [""; 0]);
    assert!(Identity::from_pem(pem, &key).is_ok());
}

#[test]
fn damage_is_a_fault_and_never_skipped() {
    let pem = fixture!("p256.pem");
    let text = String::from_utf8_lossy(pem);
    let no_end = text.replace("-----END CERTIFICATE-----\n", "");
    let other_end = text.replace("END CERTIFICATE", "END X509 CERTIFICATE");
    let behind = trusted(pem, &[0x30]);
    for damaged in [no_end.as_bytes(), other_end.as_bytes()] {
        let both = [damaged, pem].concat();
        assert!(matches!(certificates(&both), Err(IdentityFault::BadCertificate(0, _))));
        assert_eq!(Roots::from_pem(&both).unwrap_err(), RootsFault::BadCertificate(0));
    }
    assert_eq!(Roots::from_pem(&behind).unwrap_err(), RootsFault::BadCertificate(0));
    for (label, name) in [("DSA", "a DSA key"), ("OPENSSH", "an OpenSSH key")] {
        let key =
            String::from_utf8_lossy(fixture!("p256-sec1.key")).replace("EC ", &format!("{label} "));
        let fault = Identity::from_pem(pem, key.as_bytes()).unwrap_err();
        assert_eq!(fault, IdentityFault::UnsupportedKey(name));
    }
}

#[test]
fn what_an_authority_is_trusted_for_counts() {
    const CLIENT: &[u8] = &[6, 8, 0x2b, 6, 1, 5, 5, 7, 3, 2];
    const SERVER: &[u8] = &[6, 8, 0x2b, 6, 1, 5, 5, 7, 3, 1];
    let list = |tag: u8, uses: &[u8]| [&[tag, uses.len() as u8], uses].concat();
    let both = [SERVER, CLIENT].concat();
    for (trust, good) in [
        (vec![], true),
        (list(0x30, CLIENT), true),
        (list(0x30, &both), true),
        (list(0x30, SERVER), false),
        (list(0xa0, SERVER), true),
        (list(0xa0, &both), false),
        ([list(0x30, CLIENT), list(0xa0, CLIENT)].concat(), false),
        (list(0x0c, b"alias"), true),
    ] {
        let found = Roots::from_pem(&trusted(fixture!("root.pem"), &list(0x30, &trust)));
        match good {
            true => assert!(found.is_ok(), "{trust:?}"),
            false => assert_eq!(found.unwrap_err(), RootsFault::NotForClients(0), "{trust:?}"),
        }
    }
}

#[test]
fn any_bytes_are_read_to_their_end() {
    let pem = [fixture!("p256.pem"), fixture!("p256.key")].concat();
    for end in 0..pem.len() {
        let _ = Identity::from_pem(&pem[..end], &pem[end..]);
        let _ = Roots::from_pem(&pem[end..]);
        let _ = skipped(&pem[end..]);
    }
}
