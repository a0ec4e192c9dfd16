//! What is shown in TLS handshakes, made ready before root's rights are given up.

use std::sync::{Arc, Mutex};

use super::self_signed;
use crate::daemon::check::identity::Identity;
use crate::daemon::check::survey::Survey;
use crate::daemon::command::args::Args;
use crate::daemon::finding::{Finding, Severity};
use crate::sys::keeper::Keeper;
use crate::sys::{clock, log};
use crate::tls::{Certified, PEM_BYTES_MAX, TicketFault, TicketSecret};
use crate::vhost::certificate_files::PemFiles;
use crate::vhost::certificates::{Certificates, Means};

/// What session tickets are made from, for all threads.
pub(in crate::daemon) type Shared = Arc<Mutex<TicketSecret>>;

/// A secret for all threads; says what it costs to have none.
pub(in crate::daemon) fn shared(secret: Result<TicketSecret, TicketFault>) -> Option<Shared> {
    match secret {
        Ok(secret) => Some(Arc::new(Mutex::new(secret))),
        Err(error) => {
            log::warn(format_args!("TLS sessions cannot be resumed: {error}"));
            None
        }
    }
}

/// Takes every certificate and key from `pem`, reads what is not there, and makes the self-signed
/// certificate if something needs it. Without `tickets` sessions are not resumed. What the plan has
/// found wrong with files has been told.
pub(in crate::daemon) fn load(
    survey: &mut Survey,
    args: &Args,
    identity: &Identity,
    (pem, tickets): (&PemFiles, Option<Shared>),
) -> Certificates {
    let mut kept: Option<Result<Certified, String>> = None;
    let mut findings = Vec::new();
    let settings = &survey.settings;
    let mut self_signed = || {
        kept.get_or_insert_with(|| self_signed::certified(settings, args, pem, &mut findings))
            .clone()
    };
    let mut means = Means {
        files: pem,
        self_signed: &mut self_signed,
        tickets,
        now_ms: clock::monotonic_ms,
        now_secs: clock::wall_secs,
    };
    let (mut certificates, troubles) = Certificates::load(settings, &mut means);
    keep_rights(&mut certificates, identity);
    for fault in troubles.into_iter().filter(|one| !one.is_of_files).map(|one| one.fault) {
        let finding = Finding::new(Severity::Degraded, fault.message).at(fault.place);
        survey.report.push(finding.into());
    }
    for finding in findings {
        survey.report.push(finding.into());
    }
    certificates
}

/// What only root may read and is not right yet is read by a process that keeps root's rights for
/// that, so that the vhost comes up as soon as it is.
fn keep_rights(certificates: &mut Certificates, identity: &Identity) {
    let paths = certificates.troubled_files();
    if paths.is_empty() || !identity.must_drop {
        return;
    }
    match Keeper::start(paths, PEM_BYTES_MAX) {
        Ok(keeper) => certificates.read_by(keeper),
        Err(error) => {
            log::warn(format_args!("files of root are not looked at again: {error}"));
        }
    }
}
