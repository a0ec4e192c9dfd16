//! What `-t` finds out about certificates, keys and authorities.

use std::os::unix::fs::MetadataExt as _;

use crate::config::settings::{CertificateSource, Located, Place, Settings, Tls, Vhost};
use crate::daemon::finding::{Finding, Severity};
use crate::sys::clock;
use crate::tls::Roots;
use crate::vhost::certificate_files::{self, PemFiles, Source, Unusable};

/// Mode bits: others than owner and group may read or write.
const OPEN_TO_OTHERS: u32 = 0o006;

/// Checks `files`, those of every vhost that speaks TLS, and says by vhost whether it can show and
/// demand what it should.
pub(in crate::daemon) fn run(
    settings: &Settings,
    files: &PemFiles,
    add: &mut dyn FnMut(Finding),
) -> Vec<bool> {
    let check = |vhost: &Vhost| vhost.tls.as_ref().is_none_or(|tls| check(vhost, tls, files, add));
    let is_good = settings.vhosts.iter().map(check).collect();
    skipped(settings, files, add);
    is_good
}

/// What of the files is not taken.
fn skipped(settings: &Settings, files: &PemFiles, add: &mut dyn FnMut(Finding)) {
    for tls in settings.vhosts.iter().filter_map(|vhost| vhost.tls.as_ref()) {
        for (path, place, skipped) in certificate_files::skipped(tls, files) {
            let message = format!("{path}: {skipped}");
            add(Finding::new(Severity::Warning, message).at(place).hint(skipped.hint()));
        }
    }
}

/// Whether the files of a vhost can be used.
fn check(vhost: &Vhost, tls: &Tls, files: &PemFiles, add: &mut dyn FnMut(Finding)) -> bool {
    let source = Source::Once(files);
    let mut is_good = true;
    let roots = certificate_files::roots(tls, source).unwrap_or_else(|unusable| {
        is_good = false;
        add(degraded(unusable, tls));
        None
    });
    if let (Some(roots), Some(ca), Some(_)) = (&roots, &tls.ca, tls.client_cert_required) {
        authorities(roots, ca, add);
    }
    if let (CertificateSource::File(path), None) = (&tls.certificate.value, &tls.key) {
        // The text is wrong, and that was told: there is no key to look at.
        let named = Located { value: path.clone(), place: tls.certificate.place };
        if let Err(unusable) = certificate_files::readable(&named, source) {
            add(Finding::new(Severity::Degraded, unusable.why).at(unusable.place));
        }
        return false;
    }
    match certificate_files::identity(tls, roots.as_ref(), source) {
        Ok(None) => suites(tls, false, add),
        Ok(Some(identity)) => {
            suites(tls, identity.has_rsa_key(), add);
            let names: Vec<&str> =
                vhost.names().filter_map(|name| asked_name(&name.value)).collect();
            if let CertificateSource::File(path) = &tls.certificate.value {
                for found in identity.findings(&names, Some(clock::wall_secs())) {
                    let message = format!("{path}: {found}");
                    add(Finding::new(Severity::Warning, message)
                        .at(tls.certificate.place)
                        .hint(found.hint()));
                }
            }
        }
        Err(unusable) => {
            is_good = false;
            let is_certificate = unusable.place == tls.certificate.place;
            add(degraded(unusable, tls));
            // A key that is missing as well is told at once, not after the certificate is mended.
            if let Some(key) = tls.key.as_ref().filter(|_| is_certificate)
                && let Err(unusable) = certificate_files::readable(key, source)
            {
                add(degraded(unusable, tls));
            }
        }
    }
    if let Some(key) = &tls.key {
        secrecy(&key.value, key.place, add);
    }
    is_good
}

/// What is wrong with the authorities of clients.
fn authorities(roots: &Roots, ca: &Located<String>, add: &mut dyn FnMut(Finding)) {
    if roots.looks_public() {
        let message = format!("{} holds public authorities", ca.value);
        add(Finding::new(Severity::Warning, message)
            .at(ca.place)
            .hint("anyone can get a certificate from them: name a CA of your own"));
    }
    if let Some((at, kind)) = roots.unsupported_key() {
        let message =
            format!("{}: certificate {} has {kind}: its clients are refused", ca.value, at + 1);
        add(Finding::new(Severity::Warning, message)
            .at(ca.place)
            .hint("make a CA with ECDSA P-256 or P-384, Ed25519, or RSA of 2048 bits"));
    }
}

/// Whether the chosen suites of TLS 1.2 leave one for the certificate's key.
fn suites(tls: &Tls, has_rsa_key: bool, add: &mut dyn FnMut(Finding)) {
    let Some(chosen) = tls.tls12_suites.as_ref().filter(|_| tls.tls12) else { return };
    if chosen.iter().any(|suite| suite.is_for_rsa() == Some(has_rsa_key)) {
        return;
    }
    let kind = if has_rsa_key { "RSA" } else { "ECDSA" };
    let refused =
        if tls.tls13 { "clients without TLS 1.3 are refused" } else { "every client is refused" };
    let message = format!("\"ciphers\" has no suite for the certificate's {kind} key: {refused}");
    add(Finding::new(Severity::Warning, message)
        .at(tls.certificate.place)
        .hint(format!("add one: \"ECDHE-{kind}-AES128-GCM-SHA256\"")));
}

/// The name that clients look for in the certificate: not that of a vhost which answers for
/// whatever no other one has.
fn asked_name(name: &str) -> Option<&str> {
    (name != "default").then_some(name.trim_matches(['[', ']']))
}

/// A file that keeps a vhost from showing its own certificate, and what happens instead.
fn degraded(unusable: Unusable, tls: &Tls) -> Finding {
    let message = format!("{}: {}", unusable.why, unusable.instead(tls));
    let finding = Finding::new(Severity::Degraded, message).at(unusable.place);
    match unusable.hint {
        Some(hint) => finding.hint(hint),
        None => finding,
    }
}

/// Who else can read a private key.
fn secrecy(path: &str, place: Place, add: &mut dyn FnMut(Finding)) {
    let Ok(metadata) = std::fs::metadata(path) else { return };
    if metadata.is_file() && metadata.mode() & OPEN_TO_OTHERS != 0 {
        let message = format!("any user of this machine can read the private key {path}");
        add(Finding::new(Severity::Warning, message)
            .at(place)
            .hint(format!("chmod 600 {path}: it is read before root's rights are given up")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::settings::SourceFile;
    use crate::config::{self, Options};

    /// What is found about a vhost with the certificate `stem` of tests/tls and these keys.
    fn found(stem: &str, keys: &str) -> Vec<String> {
        let file = format!("{}/tests/tls/{stem}", env!("CARGO_MANIFEST_DIR"));
        let text = format!(
            r#"{{ "vhosts": [{{ "port": 443, "host-ssl-cert": "{file}.pem",
            "host-ssl-key": "{file}.key" {keys} }}] }}"#
        );
        let file = SourceFile { path: "conf".to_owned(), text: text.into_bytes() };
        let settings = config::load_texts(vec![file], &Options::default()).settings;
        let mut found = Vec::new();
        run(&settings, &PemFiles::default(), &mut |finding| found.push(finding.message));
        found.retain(|message| message.contains("suite"));
        found
    }

    #[test]
    fn suites_that_do_not_fit_the_key_are_told() {
        let no_13 = r#", "ssl-option-set": "536870912""#;
        let no_12 = r#", "ssl-option-set": "134217728""#;
        for (stem, own, other) in
            [("rsa", "aRSA", "ECDSA"), ("p256", "ECDSA", "aRSA"), ("ed25519", "ECDSA", "aRSA")]
        {
            assert!(found(stem, "").is_empty());
            assert!(found(stem, &format!(r#", "ciphers": "{own}""#)).is_empty());
            let keys = format!(r#", "ciphers": "{other}""#);
            let ends = |keys: &str, end: &str| {
                let found = found(stem, keys);
                assert!(found.len() == 1 && found[0].ends_with(end), "{found:?}");
            };
            ends(&keys, "clients without TLS 1.3 are refused");
            ends(&format!("{keys}{no_13}"), "every client is refused");
            assert!(found(stem, &format!("{keys}{no_12}")).is_empty());
        }
    }
}
