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
use super::settings::{CertificateSource, Families, ListenOn, Located, Place, Tls, Vhost};

pub(super) use options::{options_cleared, options_set};
use plain::PlainHttp;

/// What stands for a certificate that Kinglet makes itself.
const SELF_SIGNED: &str = "self-signed";
/// Where browsers speak TLS from the first byte on.
const HTTPS_PORT: u16 = 443;
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
        let plain = PlainHttp::new(&draft, &vhost.later);
        if let (Some(place), None) = (client, &draft.ca) {
            let message = "\"client-cert-required\" without \"host-ssl-ca\" refuses every client";
            let hint =
                "name the CA of the clients' certificates: \"host-ssl-ca\": \"/etc/ssl/ca.crt\"";
            self.report.push(Diagnostic::warning(place, message).hint(hint));
        }
        let Some(cert) = &draft.cert else {
            self.without_certificate(&draft, client);
            if vhost.port.value == HTTPS_PORT && !matches!(vhost.listen_on.value, ListenOn::Unix(_))
            {
                let message = "port 443 without \"host-ssl-cert\" speaks plain HTTP";
                let hint = "browsers speak https there: name a certificate, or write \
                            \"host-ssl-cert\": \"self-signed\"";
                self.report.push(Diagnostic::warning(vhost.port.place, message).hint(hint));
            }
            return Undecided { default_alpn: false, plain };
        };
        let (certificate, key) = self.certificate(cert, draft.key.as_ref(), draft.excused);
        let versions = self.options(&draft);
        let tls12_suites = self.tls12_suites(&draft, versions.tls12);
        let tls13_suites = self.tls13_suites(&draft, versions.tls13);
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
            server_order: versions.server_order,
            tickets: versions.tickets,
            ca: draft.ca,
        });
        Undecided { default_alpn, plain }
    }

    /// A vhost without a certificate: nothing else about TLS may be asked of it.
    fn without_certificate(&mut self, draft: &TlsDraft, client: Option<Place>) {
        if draft.excused {
            return;
        }
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
        excused: bool,
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
        let meant = nearest(cert.value.trim(), [SELF_SIGNED]).map(|_| {
            "for a certificate that Kinglet makes itself write \"self-signed\"".to_owned()
        });
        if key.is_none() && !excused {
            let message = "\"host-ssl-cert\" without \"host-ssl-key\"";
            let hint = "the key is looked for in the same file; add \"host-ssl-key\" with its file";
            let warning = Diagnostic::warning(cert.place, message).hint(hint);
            self.report.push(warning.maybe_hint(meant));
        } else if meant.is_some() {
            let message = format!("\"host-ssl-cert\" names a file {:?}", cert.value);
            self.report.push(Diagnostic::warning(cert.place, message).maybe_hint(meant));
        }
        (located(CertificateSource::File(cert.value.clone()), cert.place), key.cloned())
    }

    /// Whether each vhost is reached over TLS alone: by its own certificate, or because it shares
    /// its listener with a vhost that has one.
    fn over_tls(&self) -> Vec<bool> {
        let vhosts = &self.settings.vhosts;
        let secure: Vec<&Vhost> = vhosts.iter().filter(|v| v.tls.is_some()).collect();
        let shared = |vhost: &Vhost| secure.iter().any(|other| shares_listener(vhost, other));
        vhosts.iter().map(|vhost| vhost.tls.is_some() || shared(vhost)).collect()
    }

    /// What could not be said before every file was read.
    pub(super) fn decide_tls(&mut self) {
        let default_alpn = self.default_alpn();
        let over_tls = self.over_tls();
        let undecided = std::mem::take(&mut self.undecided);
        let vhosts = self.settings.vhosts.iter_mut();
        for ((vhost, undecided), over_tls) in vhosts.zip(undecided).zip(over_tls) {
            let client = vhost.tls.as_mut().and_then(|tls| {
                if undecided.default_alpn {
                    tls.alpn.clone_from(&default_alpn);
                }
                tls.client_cert_required
            });
            vhost.over_tls = over_tls;
            vhost.non_tls = undecided.plain.meaning(over_tls);
            if !vhost.has_no_port() {
                undecided.plain.check(over_tls, client, &mut self.report);
            }
        }
    }
}

/// Whether every way to `vhost` is also one to `other`.
fn shares_listener(vhost: &Vhost, other: &Vhost) -> bool {
    let ((on, families), (other_on, other_families)) = (listener(vhost), listener(other));
    let port = vhost.port.value == other.port.value || matches!(on, ListenOn::Unix(_));
    let families = [Families::Both, families].contains(&other_families);
    port && on == other_on && families
}

/// What a vhost listens on, in its plainest form, and the families that makes a difference to.
fn listener(vhost: &Vhost) -> (ListenOn, Families) {
    match &vhost.listen_on.value {
        ListenOn::Address(address, _) if address.to_canonical().is_unspecified() => {
            let is_v4 = address.to_canonical().is_ipv4();
            (ListenOn::Any, if is_v4 { Families::V4Only } else { vhost.families })
        }
        on @ (ListenOn::Address(..) | ListenOn::Unix(_)) => (on.clone(), Families::Both),
        on @ (ListenOn::Any | ListenOn::Nic(_)) => (on.clone(), vhost.families),
    }
}
