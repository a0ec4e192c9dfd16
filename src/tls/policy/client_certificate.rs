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
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

/// 2026-11-01T00:00:00Z in seconds since 1970: a clock that says less is not set.
pub const CLOCK_FLOOR_SECS: u64 = 1_793_491_200;

/// How many certificates of a chain may begin later than the floor, each later than the one
/// before it, while the clock is not set.
const LATER_STARTS_MAX: usize = 4;

/// Wraps the chain verifier; only the time that it judges at is ours.
#[derive(Debug)]
pub(super) struct ClientCertificates {
    chain: Arc<dyn ClientCertVerifier>,
}

impl ClientCertificates {
    pub(super) fn new(chain: Arc<dyn ClientCertVerifier>) -> Arc<Self> {
        Arc::new(Self { chain })
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
        if now.as_secs() >= CLOCK_FLOOR_SECS {
            return self.chain.verify_client_cert(end_entity, intermediates, now);
        }
        let mut at = UnixTime::since_unix_epoch(Duration::from_secs(CLOCK_FLOOR_SECS));
        for _ in 0..LATER_STARTS_MAX {
            match self.chain.verify_client_cert(end_entity, intermediates, at) {
                Err(Error::InvalidCertificate(CertificateError::NotValidYetContext {
                    not_before,
                    ..
                })) if not_before > at => at = not_before,
                judged => return judged,
            }
        }
        self.chain.verify_client_cert(end_entity, intermediates, at)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}
