//! Judging client certificates: the chain always, the dates as well as the clock allows.
//!
//! Many boards have no clock and believe that it is 1970 until they have asked the network. Three
//! answers to that were weighed:
//!
//! - Believing the clock refuses every certificate as not yet valid, and with it the people who
//!   could mend the board.
//! - Not judging dates at all lets a certificate in that expired years ago.
//! - What is done here: a clock before `CLOCK_FLOOR_SECS` is wrong for certain, since the program
//!   that reads it is younger. The time is then *at least* the floor, so a certificate that
//!   expired before the floor is refused. One that begins later than the floor is judged at the
//!   moment when it begins: that its authority has signed it says that this moment has come.
//!   What remains: until the clock is set, a certificate that expired after the floor is let in.

use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

use super::{refusal, transcript};
use crate::tls::Roots;
use crate::tls::certificate::Certificate;
use crate::tls::x509::direct;

/// 2026-11-01T00:00:00Z in seconds since 1970: a clock that says less is not set.
pub const CLOCK_FLOOR_SECS: u64 = 1_793_491_200;

/// How many certificates of a chain may begin later than the floor, each later than the one
/// before it, while the clock is not set.
const LATER_STARTS_MAX: usize = 4;

/// Wraps the chain verifier: the time that it judges at is ours, and some of what it refuses is
/// taken ([`direct`]).
#[derive(Debug)]
pub(super) struct ClientCertificates {
    chain: Arc<dyn ClientCertVerifier>,
    roots: Roots,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ClientCertificates {
    pub(super) fn new(
        chain: Arc<dyn ClientCertVerifier>,
        roots: Roots,
        algorithms: WebPkiSupportedAlgorithms,
    ) -> Arc<Self> {
        Arc::new(Self { chain, roots, algorithms })
    }

    fn judge(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        at: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let of_chain = self.chain.verify_client_cert(end_entity, intermediates, at);
        if of_chain.is_ok() {
            return of_chain;
        }
        match direct::judge(end_entity, &self.roots, self.algorithms, at) {
            Some(Ok(())) => Ok(ClientCertVerified::assertion()),
            Some(Err(error)) => Err(error.into()),
            None => of_chain,
        }
    }

    /// The judgement at the time that the clock shows, or at the one that is believed instead.
    fn judge_by_clock(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if now.as_secs() >= CLOCK_FLOOR_SECS {
            return self.judge(end_entity, intermediates, now);
        }
        let mut at = UnixTime::since_unix_epoch(Duration::from_secs(CLOCK_FLOOR_SECS));
        for _ in 0..LATER_STARTS_MAX {
            match self.judge(end_entity, intermediates, at) {
                Err(Error::InvalidCertificate(CertificateError::NotValidYetContext {
                    not_before,
                    ..
                })) if not_before > at => at = not_before,
                judged => return judged,
            }
        }
        self.judge(end_entity, intermediates, at)
    }
}

impl ClientCertVerifier for ClientCertificates {
    fn offer_client_auth(&self) -> bool {
        true
    }

    fn client_auth_mandatory(&self) -> bool {
        true
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chain.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let judged = self.judge_by_clock(end_entity, intermediates, now);
        if let Err(error) = &judged {
            refusal::say(end_entity, &self.roots, error);
        }
        judged
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let as_sent = transcript::messages_as_sent(message);
        let message = as_sent.as_deref().unwrap_or(message);
        let Some(key) = key_of_version_1(cert) else {
            return self.chain.verify_tls12_signature(message, cert, dss);
        };
        let of_scheme = self.algorithms.mapping.iter().filter(|(scheme, _)| *scheme == dss.scheme);
        let algorithms = of_scheme.flat_map(|(_, algorithms)| algorithms.iter().copied());
        match direct::verifies(key, algorithms, message, dss.signature()) {
            true => Ok(HandshakeSignatureValid::assertion()),
            false => Err(CertificateError::BadSignature.into()),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let Some(key) = key_of_version_1(cert) else {
            return self.chain.verify_tls13_signature(message, cert, dss);
        };
        let key = SubjectPublicKeyInfoDer::from(key);
        verify_tls13_signature_with_raw_key(message, &key, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}

/// The SubjectPublicKeyInfo of a certificate of version 1, which webpki does not read.
fn key_of_version_1<'a>(der: &'a CertificateDer<'_>) -> Option<&'a [u8]> {
    let certificate = Certificate::parse(der).ok().filter(Certificate::is_version_1)?;
    Some(certificate.public_key_raw())
}
