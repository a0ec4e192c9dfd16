//! Why a client's certificate was refused, in one sentence for the log.
//!
//! rustls has no way to pass the sentence on: it waits on the thread that called rustls, between
//! that call and [`take`].

use std::cell::RefCell;

use rustls::CertificateError::{
    BadSignature, Expired, ExpiredContext, NotValidYet, NotValidYetContext, Other, UnknownIssuer,
};
use rustls::Error;

use crate::tls::Roots;
use crate::tls::certificate::Certificate;

/// What is said about a client that has shown none.
pub(in crate::tls) const NONE_SHOWN: &str = "a client without a certificate was refused: install one \
     on it that a CA of \"host-ssl-ca\" has issued (a key on P-521 cannot be used)";

/// The issuer is known by its name alone.
const OTHER_KEY: &str = "\"host-ssl-ca\" has a CA of this name with another key, or with one that is \
     not supported (P-521): name the CA that issued it";

thread_local! {
    static WORDS: RefCell<Option<Box<str>>> = const { RefCell::new(None) };
}

/// What was said since the last call.
pub(in crate::tls) fn take() -> Option<Box<str>> {
    WORDS.take()
}

/// Says why `error` was the answer to a certificate.
pub(super) fn say(der: &[u8], roots: &Roots, error: &Error) {
    let words = match Certificate::parse(der) {
        Ok(certificate) => format!(
            "a client certificate was refused: subject \"{}\", issuer \"{}\": {}",
            certificate.subject(),
            certificate.issuer(),
            why(&certificate, roots, error)
        ),
        Err(why) => format!("a client certificate was refused: it cannot be read ({why})"),
    };
    WORDS.set(Some(words.into()));
}

/// What is wrong, and what to do about it.
fn why(certificate: &Certificate<'_>, roots: &Roots, error: &Error) -> String {
    let is_issuer_known = roots.certificates().iter().any(|der| {
        Certificate::parse(der).is_ok_and(|it| it.subject_raw() == certificate.issuer_raw())
    });
    let is_odd = certificate.is_version_1() || certificate.is_ca();
    let words = match error {
        Error::InvalidCertificate(
            Expired | ExpiredContext { .. } | NotValidYet | NotValidYetContext { .. },
        ) => {
            let dates = certificate.validity_text();
            return format!("it is valid from {dates}: issue a new one, or set the clock");
        }
        _ if !certificate.is_for_clients() => {
            "its key usages or a critical extension rule out a client: issue one with \
             extendedKeyUsage=clientAuth"
        }
        _ if certificate.has_weak_signature() => {
            "it is signed with SHA-1 or MD5: issue one with SHA-256"
        }
        _ if !is_issuer_known && certificate.is_self_signed() => {
            "it is its own issuer: add it to \"host-ssl-ca\", or issue one from a CA that is there"
        }
        _ if !is_issuer_known && is_odd => {
            "one of X.509 version 1 or with CA:TRUE must come from a CA of \"host-ssl-ca\" itself: \
             issue one with basicConstraints=CA:FALSE, or add its issuer there"
        }
        Error::InvalidCertificate(UnknownIssuer) if !is_issuer_known => {
            "its issuer is not in \"host-ssl-ca\": add it there, or issue one from a CA that is"
        }
        Error::InvalidCertificate(UnknownIssuer | BadSignature) => OTHER_KEY,
        _ if is_odd => OTHER_KEY,
        Error::InvalidCertificate(Other(other)) => return other.to_string(),
        other => return other.to_string(),
    };
    words.to_owned()
}
