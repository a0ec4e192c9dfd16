//! `allow-non-tls` and what goes with it: clients without TLS on a TLS port.

use super::super::diagnose::{Diagnostic, Report};
use super::super::draft::TlsDraft;
use super::super::finish::kept_on;
use super::super::settings::{Later, NonTls, Place};
use super::on;

/// What a vhost says about clients that speak plain HTTP, with the places of what is on.
#[derive(Debug)]
pub(in crate::config) struct PlainHttp {
    /// `allow-non-tls`
    allow: Option<Place>,
    /// `redirect-http`
    redirect: Option<Place>,
    /// `allow-http-on-https`
    serve: Option<Place>,
    /// Something else than HTTP is to get these clients.
    raw: bool,
}

impl PlainHttp {
    pub(super) fn new(draft: &TlsDraft, later: &[Later]) -> Self {
        Self {
            allow: on(draft.allow_non_tls.as_ref()),
            redirect: on(draft.redirect_http.as_ref()),
            serve: on(draft.allow_http_on_https.as_ref()),
            raw: kept_on(later, "fallback-listen-accept")
                .or_else(|| kept_on(later, "apply-listen-accept"))
                .is_some(),
        }
    }

    /// What it comes to. Where both are asked for, serving wins, as in lwsws.
    pub(super) const fn meaning(&self, is_tls: bool) -> NonTls {
        match (is_tls && self.allow.is_some(), self.redirect, self.serve) {
            (true, _, Some(_)) => NonTls::Serve,
            (true, Some(_), None) => NonTls::Redirect,
            _ => NonTls::Refuse,
        }
    }

    /// Reports what has no effect, and what would let clients in that must not.
    pub(super) fn check(&self, is_tls: bool, client_cert: Option<Place>, report: &mut Report) {
        let Self { allow, redirect, serve, raw } = *self;
        let named =
            [("allow-non-tls", allow), ("redirect-http", redirect), ("allow-http-on-https", serve)];
        if !is_tls {
            if let Some((name, place)) = named.into_iter().find(|(_, place)| place.is_some()) {
                let message = format!("\"{name}\" has no effect on a vhost without TLS");
                let hint = "every client of this port speaks plain HTTP anyway";
                report.push(Diagnostic::warning(place, message).hint(hint));
            }
            return;
        }
        let Some(allow) = allow else {
            for (name, place) in named.into_iter().filter(|(_, place)| place.is_some()) {
                let message = format!("\"{name}\" has no effect without \"allow-non-tls\"");
                let hint = "add \"allow-non-tls\": \"1\"";
                report.push(Diagnostic::warning(place, message).hint(hint));
            }
            return;
        };
        match (redirect, serve) {
            (None, None) if !raw => {
                let message = "\"allow-non-tls\" does not say what clients without TLS get";
                let hint = "add \"redirect-http\": \"1\" to send them to https, or \
                            \"allow-http-on-https\": \"1\" to serve them; now they are told that \
                            this port speaks TLS";
                report.push(Diagnostic::note(allow, message).hint(hint));
            }
            (Some(redirect), Some(serve)) => {
                let message = "\"redirect-http\" has no effect beside \"allow-http-on-https\"";
                let warning = Diagnostic::warning(redirect, message).hint("remove one of them");
                report.push(warning.related(serve, "plain HTTP is served, not redirected"));
            }
            _ => {}
        }
        if let (Some(serve), Some(client)) = (serve, client_cert) {
            let message = "\"allow-http-on-https\" would let clients in without a certificate";
            let error = Diagnostic::error(serve, message)
                .hint("remove it, or write \"redirect-http\": \"1\" instead");
            report.push(error.related(client, "a certificate is required here"));
        }
    }
}
