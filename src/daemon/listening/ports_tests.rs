//! Refusals: whose fault they are, and what is said.

use super::*;
use std::net::TcpListener;

#[test]
fn an_address_that_is_away_is_degraded() {
    let away = Bind { address: "203.0.113.9:0".parse().unwrap(), v6_only: false };
    assert_eq!(probe(away).unwrap().severity, Severity::Degraded);
}

#[test]
fn a_port_of_our_own_program_is_fine_for_a_check_and_an_error_for_a_start() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let bind = Bind { address, v6_only: false };
    assert_eq!(probe(bind), None);
    let finding = refused(bind, &io::ErrorKind::AddrInUse.into(), Asker::Start);
    assert_eq!(finding.severity, Severity::Error);
    assert!(finding.message.contains(&format!("(process {})", std::process::id())));
    drop(listener);
}

#[test]
fn refusals_are_explained() {
    let bind = Bind { address: "127.0.0.1:80".parse().unwrap(), v6_only: false };
    for (kind, severity) in [
        (io::ErrorKind::PermissionDenied, Severity::Error),
        (io::ErrorKind::AddrNotAvailable, Severity::Degraded),
        (io::ErrorKind::InvalidInput, Severity::Degraded),
        (io::ErrorKind::Unsupported, Severity::Degraded),
        (io::ErrorKind::OutOfMemory, Severity::Error),
    ] {
        assert_eq!(refused(bind, &kind.into(), Asker::Check).severity, severity, "{kind}");
    }
}
