//! What is shown in TLS handshakes, made ready before root's rights are given up.

use std::sync::{Arc, Mutex};

use super::args::Args;
use super::finding::{Finding, Severity};
use super::self_signed;
use super::survey::Survey;
use crate::sys::{clock, log};
use crate::tls::{Certified, TicketSecret};
use crate::vhost::certificates::{Certificates, Means};

/// Reads every certificate and key, and makes the self-signed certificate if something needs it.
pub(super) fn load(survey: &mut Survey, args: &Args) -> Certificates {
    let tickets = match TicketSecret::new(clock::monotonic_ms()) {
        Ok(secret) => Some(Arc::new(Mutex::new(secret))),
        Err(error) => {
            log::warn(format_args!("TLS sessions can not be resumed: {error}"));
            None
        }
    };
    let mut kept: Option<Result<Certified, String>> = None;
    let mut findings = Vec::new();
    let settings = &survey.settings;
    let mut self_signed = || {
        kept.get_or_insert_with(|| self_signed::certified(settings, args, &mut findings)).clone()
    };
    let mut means = Means {
        self_signed: &mut self_signed,
        tickets,
        now_ms: clock::monotonic_ms,
        now_secs: clock::wall_secs,
    };
    let (certificates, faults) = Certificates::load(settings, &mut means);
    for fault in faults {
        let finding = Finding::new(Severity::Degraded, fault.message).at(fault.place);
        survey.report.push(finding.into());
    }
    for finding in findings {
        survey.report.push(finding.into());
    }
    certificates
}
