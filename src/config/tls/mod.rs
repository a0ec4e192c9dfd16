//! Rules about the TLS keys of a vhost: which certificate, for whom, and what depends on there
//! being one.

mod alpn;
mod lists;
mod options;
mod plain;

use super::diagnose::Diagnostic;
use super::draft::{TlsDraft, located};
use super::nearest::nearest;
use super::read::Reader;
use super::settings::{CertificateSource, Located, Place, Tls, Vhost};

pub(super) use options::{options_cleared, options_set};
use plain::PlainHttp;

/// What stands for a certificate that Kinglet makes itself.
const SELF_SIGNED: &str = "self-signed";
/// What TLS needs, for hints.
const NEEDED: &str = "TLS needs \"host-ssl-cert\" and \"host-ssl-key\", or \"host-ssl-cert\": \
                      \"self-signed\"";

/// What can only be said about a vhost once every file was read.
#[derive(Debug)]
pub(super) struct Undecided {
    /// The vhost has TLS and no `alpn` of its own.
    default_alpn: bool,
    /// What it says about clients without TLS.
    plain: PlainHttp,
}

/// Where a flag is on.
fn on(flag: Option<&Located<bool>>) -> Option<Place> {
    flag.filter(|f| f.value).map(|f| f.place)
}

impl Reader<'_> {
    /// Checks what a vhost says about TLS and puts it into the vhost.
    pub(super) fn tls(&mut self, vhost: &mut Vhost, draft: TlsDraft) -> Undecided {
        let client = on(draft.client_cert_required.as_ref());
        let place = |text: &Option<Located<String>>| text.as_ref().map(|t| t.place);
        vhost.wants_tls = place(&draft.cert).or(place(&draft.key)).or(client);
        let plain = PlainHttp::new(&draft, &vhost.later);
        if let (Some(place), None) = (client, &draft.ca) {
            let message = "\"client-cert-required\" without \"host-ssl-ca\" refuses every client";
            let hint =
                "name the CA of the clients' certificates: \"host-ssl-ca\": \"/etc/ssl/ca.crt\"";
            self.report.push(Diagnostic::warning(place, message).hint(hint));
        }
        let Some(cert) = &draft.cert else {
            self.without_certificate(&draft, client);
            return Undecided { default_alpn: false, plain };
        };
        let (certificate, key) = self.certificate(cert, draft.key.as_ref());
        let versions = self.options(&draft);
        let tls12_suites = self.tls12_suites(&draft, versions.tls12);
        let tls13_suites = self.tls13_suites(&draft, versions.tls13);
        let listed = tls12_suites.is_some() || tls13_suites.is_some();
        let alpn = draft.alpn.as_ref().map(|list| self.alpn("alpn", list));
        let default_alpn = alpn.is_none();
        vhost.tls = Some(Tls {
            certificate,
            key,
            groups: self.groups(&draft),
            alpn: alpn.unwrap_or_default(),
            ignore_missing_cert: on(draft.ignore_missing_cert.as_ref()).is_some(),
            client_cert_required: client,
            tls12_suites,
            tls13_suites,
            tls12: versions.tls12,
            tls13: versions.tls13,
            server_order: versions.server_order.unwrap_or(listed),
            tickets: versions.tickets,
            ca: draft.ca,
        });
        Undecided { default_alpn, plain }
    }

    /// A vhost without a certificate: nothing else about TLS may be asked of it.
    fn without_certificate(&mut self, draft: &TlsDraft, client: Option<Place>) {
        if let Some(key) = &draft.key {
            let message = "\"host-ssl-key\" without \"host-ssl-cert\"";
            let hint = "add \"host-ssl-cert\" with the certificate of this key";
            self.report.push(Diagnostic::error(key.place, message).hint(hint));
            return;
        }
        if let Some(place) = client {
            let message = "\"client-cert-required\" without \"host-ssl-cert\"";
            self.report.push(Diagnostic::error(place, message).hint(NEEDED));
            return;
        }
        let text = |t: &Option<Located<String>>| t.as_ref().map(|t| t.place);
        let flags = |list: &[Located<u64>]| list.first().map(|f| f.place);
        let given = [
            ("host-ssl-ca", text(&draft.ca)),
            ("ignore-missing-cert", on(draft.ignore_missing_cert.as_ref())),
            ("ciphers", text(&draft.ciphers)),
            ("tls13-ciphers", text(&draft.tls13_ciphers)),
            ("ecdh-curve", text(&draft.ecdh_curve)),
            ("alpn", text(&draft.alpn)),
            ("ssl-option-set", flags(&draft.options_set)),
            ("ssl-option-clear", flags(&draft.options_cleared)),
        ];
        for (name, place) in given {
            if let Some(place) = place {
                let message = format!("\"{name}\" has no effect without \"host-ssl-cert\"");
                self.report.push(Diagnostic::warning(place, message).hint(NEEDED));
            }
        }
    }

    /// Where the certificate and its key come from.
    fn certificate(
        &mut self,
        cert: &Located<String>,
        key: Option<&Located<String>>,
    ) -> (Located<CertificateSource>, Option<Located<String>>) {
        if cert.value.trim().eq_ignore_ascii_case(SELF_SIGNED) {
            if let Some(key) = key {
                let message = "\"host-ssl-key\" is not used with a self-signed certificate";
                let hint = "Kinglet makes and keeps its own key: remove this one, or name the \
                            file of its certificate";
                let warning = Diagnostic::warning(key.place, message).hint(hint);
                self.report.push(warning.related(cert.place, "the certificate"));
            }
            return (located(CertificateSource::SelfSigned, cert.place), None);
        }
        if nearest(cert.value.trim(), [SELF_SIGNED]).is_some() {
            let message = format!("\"host-ssl-cert\" names the file {:?}", cert.value);
            let hint = "for a certificate that Kinglet makes itself write \"self-signed\"";
            self.report.push(Diagnostic::warning(cert.place, message).hint(hint));
        }
        if key.is_none() {
            let message = "\"host-ssl-cert\" without \"host-ssl-key\"";
            let hint = "add \"host-ssl-key\" with the file of its private key (it may be the same \
                        file)";
            self.report.push(Diagnostic::error(cert.place, message).hint(hint));
        }
        (located(CertificateSource::File(cert.value.clone()), cert.place), key.cloned())
    }

    /// What could not be said before every file was read.
    pub(super) fn decide(&mut self) {
        let default_alpn = self.default_alpn();
        for (index, undecided) in std::mem::take(&mut self.undecided).into_iter().enumerate() {
            let Some(vhost) = self.settings.vhosts.get_mut(index) else { continue };
            if let Some(tls) = vhost.tls.as_mut().filter(|_| undecided.default_alpn) {
                tls.alpn.clone_from(&default_alpn);
            }
            vhost.non_tls = undecided.plain.meaning(vhost.wants_tls.is_some());
            let client = vhost.tls.as_ref().and_then(|tls| tls.client_cert_required);
            let is_tls = vhost.wants_tls.is_some();
            undecided.plain.check(is_tls, client, &mut self.report);
        }
    }
}
