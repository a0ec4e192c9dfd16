//! Differences of TLS.

use super::{Case, Difference, Rule, difference};
use crate::config::keys::Level;
use crate::config::settings::Vhost;

pub(super) const RULES: &[Rule] = &[certificate, client_certificate, curve, misdirected];

/// The first vhost that has a certificate and that `is` so.
fn with_certificate<'a>(case: &Case<'a>, is: impl Fn(&Vhost) -> bool) -> Option<&'a Vhost> {
    case.vhost(|vhost| vhost.tls.is_some() && is(vhost))
}

fn certificate(case: &Case<'_>) -> Option<Difference> {
    let tls = with_certificate(case, |_| true)?.tls.as_ref()?;
    let place = tls.certificate.place;
    let text = match case.settings.written.find(Level::Global, "init-ssl").map(|given| given.on) {
        Some(Some(true)) => {
            "a certificate alone turns TLS on; \"init-ssl\" is not needed and has no say"
        }
        _ => {
            "a certificate turns TLS on; lwsws served plain HTTP on this port, because \
             \"init-ssl\" is not on"
        }
    };
    Some(difference(place, text))
}

fn client_certificate(case: &Case<'_>) -> Option<Difference> {
    let asks =
        |vhost: &Vhost| vhost.tls.as_ref().is_some_and(|tls| tls.client_cert_required.is_some());
    let place = with_certificate(case, asks)?.tls.as_ref()?.client_cert_required?;
    let text = "clients must have a certificate of the CA in \"host-ssl-ca\"; lwsws let them in \
                with any certificate";
    Some(difference(place, text))
}

fn curve(case: &Case<'_>) -> Option<Difference> {
    with_certificate(case, |vhost| vhost.tls.as_ref().is_some_and(|tls| tls.groups.is_some()))?;
    let given = case.settings.written.find(Level::Vhost, "ecdh-curve")?;
    let text = "\"ecdh-curve\" counts; in lwsws it had no effect with today's OpenSSL";
    Some(difference(given.place, text))
}

fn misdirected(case: &Case<'_>) -> Option<Difference> {
    let vhosts = &case.settings.vhosts;
    let second = vhosts.iter().enumerate().find(|(at, vhost)| {
        let shares = |other: &Vhost| {
            other.over_tls
                && other.port.value == vhost.port.value
                && other.listen_on.value == vhost.listen_on.value
        };
        vhost.over_tls && vhosts.iter().take(*at).any(shares)
    })?;
    let text = "a request whose Host is another vhost than that of its TLS connection is \
                answered with 421; lwsws served it";
    Some(difference(second.1.name.place, text))
}
