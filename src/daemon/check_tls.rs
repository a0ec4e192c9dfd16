//! What `-t` finds out about certificates, keys and authorities.

use std::os::unix::fs::MetadataExt as _;

use super::finding::{Finding, Severity};
use crate::config::settings::{CertificateSource, Place, Settings, Tls, Vhost};
use crate::sys::clock;
use crate::vhost::certificate_files::{self, Unusable};

/// Mode bits: others than owner and group may read or write.
const OPEN_TO_OTHERS: u32 = 0o006;

/// Checks the files of every vhost that speaks TLS.
pub(super) fn run(settings: &Settings, add: &mut dyn FnMut(Finding)) {
    for vhost in &settings.vhosts {
        if let Some(tls) = &vhost.tls {
            check(vhost, tls, add);
        }
    }
}

fn check(vhost: &Vhost, tls: &Tls, add: &mut dyn FnMut(Finding)) {
    let roots = match certificate_files::roots(tls) {
        Ok(roots) => roots,
        Err(unusable) => {
            add(degraded(unusable, tls));
            None
        }
    };
    if let (Some(roots), Some(ca), Some(_)) = (&roots, &tls.ca, tls.client_cert_required)
        && roots.looks_public()
    {
        let message = format!("{} holds public authorities", ca.value);
        add(Finding::new(Severity::Warning, message)
            .at(ca.place)
            .hint("anybody can get a certificate of theirs: name a CA of your own"));
    }
    match certificate_files::identity(tls, roots.as_ref()) {
        Ok(None) => {}
        Ok(Some(identity)) => {
            let names: Vec<&str> = asked_name(&vhost.name.value).into_iter().collect();
            let CertificateSource::File(path) = &tls.certificate.value else { return };
            for found in identity.findings(&names, Some(clock::wall_secs())) {
                let message = format!("{path}: {found}");
                add(Finding::new(Severity::Warning, message)
                    .at(tls.certificate.place)
                    .hint(found.hint()));
            }
        }
        Err(unusable) => add(degraded(unusable, tls)),
    }
    if let Some(key) = &tls.key {
        secrecy(&key.value, key.place, add);
    }
}

/// The name that clients look for in the certificate: not that of a vhost which answers for
/// whatever no other one has.
fn asked_name(name: &str) -> Option<&str> {
    (name != "default").then_some(name)
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
        let message = format!("everybody on this machine can read the private key {path}");
        add(Finding::new(Severity::Warning, message)
            .at(place)
            .hint(format!("chmod 600 {path}: it is read before root's rights are given up")));
    }
}
