//! Lists of suites and groups: what OpenSSL makes of them, and what is said about the rest.

use super::*;

/// The chosen suites in short: E or R for the key, A (AES-256), C (ChaCha20) or a (AES-128).
fn short(list: &str) -> String {
    let letters = |suite: &Suite| match suite {
        Suite::EcdsaAes256Gcm => "EA",
        Suite::RsaAes256Gcm => "RA",
        Suite::EcdsaChacha20 => "EC",
        Suite::RsaChacha20 => "RC",
        Suite::EcdsaAes128Gcm => "Ea",
        Suite::RsaAes128Gcm => "Ra",
        _ => "TLS 1.3",
    };
    parse_tls12(list).chosen.iter().map(letters).collect::<Vec<_>>().join(" ")
}

/// The words that are left out, each with the first letter of the reason.
fn left_out<T>(parsed: &Parsed<'_, T>, list: &str) -> String {
    let shown = |l: &LeftOut<'_>| {
        assert_eq!(list.get(l.range.clone()), Some(l.word), "{list}");
        let why = match l.why {
            Why::NotHere => "not here",
            Why::OtherVersion => "other version",
            Why::Unknown => "unknown",
        };
        format!("{} {why}", l.word)
    };
    parsed.left_out.iter().map(shown).collect::<Vec<_>>().join(", ")
}

/// What `openssl ciphers -s -tls1_2` (3.0) prints of our suites for these lists.
#[test]
fn lists_choose_what_openssl_chooses() {
    for (list, expected) in [
        ("DEFAULT", "EA RA EC RC Ea Ra"),
        ("RSA", ""),
        ("DEFAULT@SECLEVEL=1", "EA RA EC RC Ea Ra"),
        ("HIGH!aRSA", "EA EC Ea"),
        ("ECDHE+AESGCM!aRSA:ALL@STRENGTH", "EA EC Ea"),
        ("EECDH+RSA", ""),
        ("ECDHE+aRSA", "RA RC Ra"),
        ("EECDH+AESGCM:EDH+AESGCM", "EA RA Ea Ra"),
        ("HIGH:!aNULL:!MD5", "EA RA EC RC Ea Ra"),
        ("ECDH+AESGCM:+CHACHA20", "EA RA Ea Ra"),
        ("ALL:@STRENGTH", "EA RA EC RC Ea Ra"),
        ("AES128:ALL:@STRENGTH", "EA RA EC RC Ea Ra"),
        ("AES128:ALL:+AES", "EC RC Ea Ra EA RA"),
        ("AES128+RSA", ""),
        ("SHA256", ""),
        ("SHA384", ""),
        ("FIPS", "EA RA Ea Ra"),
        ("ALL:-AES128:AES128", "EA RA EC RC Ea Ra"),
        ("ECDHE:-ECDSA:ALL", "RA RC Ra EA EC Ea"),
        ("ECDSA:-HIGH:ALL", "EA EC Ea RA RC Ra"),
        ("ALL:-AES128:-ECDSA:ALL", "RA RC EA EC Ea Ra"),
        ("!aRSA:ALL", "EA EC Ea"),
        ("ALL:!aRSA:aRSA", "EA EC Ea"),
        ("ALL:@SECLEVEL=4", "EA RA EC RC"),
        ("@SECLEVEL=2:ALL", "EA RA EC RC Ea Ra"),
        ("TLSv1.2", "EA RA EC RC Ea Ra"),
        ("AES", "EA RA Ea Ra"),
        ("kEECDH+aECDSA+AES128", "Ea"),
        ("CHACHA20:HIGH", "EC RC EA RA Ea Ra"),
        ("ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256", "Ra Ea"),
        ("ALL:!ECDHE-RSA-AES128-GCM-SHA256", "EA RA EC RC Ea"),
        ("ALL:+ECDHE-ECDSA-AES256-GCM-SHA384", "RA EC RC Ea Ra EA"),
        ("", ""),
    ] {
        assert_eq!(short(list), expected, "{list}");
    }
}

#[test]
fn every_separator_and_every_case() {
    let three = "EC Ra EA";
    let names =
        ["ECDHE-ECDSA-CHACHA20-POLY1305", "ecdhe-rsa-aes128-gcm-sha256", "Eecdh+Aecdsa+Aes256"];
    for separator in [":", ",", " ", ";", ", ", " : ", "::"] {
        assert_eq!(short(&names.join(separator)), three, "{separator:?}");
    }
    for suite in Suite::TLS12 {
        for name in [suite.name(), suite.iana_name()] {
            for list in [name.to_owned(), name.to_lowercase(), format!(" {name} : {name},")] {
                let parsed = parse_tls12(&list);
                assert_eq!((parsed.chosen, parsed.left_out.len()), (vec![suite], 0), "{list}");
            }
        }
    }
}

#[test]
fn what_is_left_out_has_its_place_and_its_reason() {
    for (list, expected) in [
        ("DHE-RSA-AES256-GCM-SHA384", "DHE-RSA-AES256-GCM-SHA384 not here"),
        ("ALL,AES256-SHA", "AES256-SHA not here"),
        ("ECDHE-RSA-AES256-SHA384", "ECDHE-RSA-AES256-SHA384 not here"),
        ("ECDHE-ECDSA-ARIA256-GCM-SHA384", "ECDHE-ECDSA-ARIA256-GCM-SHA384 not here"),
        ("TLS_RSA_WITH_AES_128_CBC_SHA", "TLS_RSA_WITH_AES_128_CBC_SHA not here"),
        ("ALL:RC4:MEDIUM", "RC4 not here, MEDIUM not here"),
        ("EDH+AESGCM", "EDH+AESGCM not here"),
        ("AES128+CHACHA20", "AES128+CHACHA20 not here"),
        ("TLS_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256 other version"),
        ("HIHG:!aNULL", "HIHG unknown"),
        ("ALL:EECDH+AESGMC", "AESGMC unknown"),
        ("ECDHE-RSA-AES128-GCM-SHA384", "ECDHE-RSA-AES128-GCM-SHA384 unknown"),
        ("!aNUL:ALL", "aNUL unknown"),
        ("@STRENTH", "@STRENTH unknown"),
        ("@SECLEVEL=x @SECLEVEL=6 @", "@SECLEVEL=x unknown, @SECLEVEL=6 unknown, @ unknown"),
        ("!:-:+", "! unknown, - unknown, + unknown"),
        ("\u{e9}:ALL", "\u{e9} unknown"),
        ("ALL:!\u{1f600}", "\u{1f600} unknown"),
        ("ALL:!RC4:-DES-CBC3-SHA:!DHE-RSA-AES128-SHA:+RSA:!PSK+SHA", ""),
    ] {
        assert_eq!(left_out(&parse_tls12(list), list), expected, "{list}");
    }
}

#[test]
fn suites_of_tls13() {
    use Suite::{Tls13Aes128Gcm, Tls13Aes256Gcm, Tls13Chacha20};
    let list = "tls_chacha20_poly1305_sha256:TLS_AES_128_GCM_SHA256 TLS_CHACHA20_POLY1305_SHA256";
    let parsed = parse_tls13(list);
    assert_eq!(parsed.chosen, [Tls13Chacha20, Tls13Aes128Gcm]);
    assert!(parsed.left_out.is_empty());
    let list = "TLS_AES_128_CCM_8_SHA256:ECDHE-RSA-AES128-GCM-SHA256,HIGH,TLS_AES_256_GCM_SHA384,\
                TLS_AES_256_GCM_SHA256,RC4";
    let parsed = parse_tls13(list);
    assert_eq!(parsed.chosen, [Tls13Aes256Gcm]);
    let expected = "TLS_AES_128_CCM_8_SHA256 not here, ECDHE-RSA-AES128-GCM-SHA256 other version, \
                    HIGH unknown, TLS_AES_256_GCM_SHA256 unknown, RC4 unknown";
    assert_eq!(left_out(&parsed, list), expected);
}

#[test]
fn groups() {
    let list = "secp256r1:x25519:P-256:SECP384R1";
    let parsed = parse_groups(list);
    assert_eq!(parsed.chosen, [Group::P256, Group::X25519, Group::P384]);
    assert!(parsed.left_out.is_empty());
    let list = "X25519MLKEM768:X25519:P-521:p265,X448 ffdhe2048";
    let parsed = parse_groups(list);
    assert_eq!(parsed.chosen, [Group::X25519]);
    let expected = "X25519MLKEM768 not here, P-521 not here, p265 unknown, X448 not here, \
                    ffdhe2048 not here";
    assert_eq!(left_out(&parsed, list), expected);
    for group in Group::ALL {
        for name in group.names() {
            assert_eq!(parse_groups(name).chosen, [group], "{name}");
        }
    }
}

#[test]
fn suggestions_are_words_that_are_understood() {
    for word in tls12_words() {
        assert!(selected(word) != Err(Why::Unknown), "{word}");
    }
    assert_eq!(tls12_words().filter(|w| *w == "HIGH").count(), 1);
    assert!(group_words().all(|word| !parse_groups(word).chosen.is_empty()));
}
