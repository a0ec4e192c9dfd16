//! What stays in the tap; tests/tls_tickets/tap.rs looks at it from outside, with handshakes.

use super::*;

fn log_both() {
    SecretTap.log(CLIENT_LABEL, &[], &[1; SECRET_BYTES_MAX]);
    SecretTap.log(SERVER_LABEL, &[], &[2; SECRET_BYTES_MAX]);
}

fn is_wiped() -> bool {
    TAP.with(|cell| {
        let tap = cell.borrow();
        let bytes = tap.client.iter().chain(&tap.server);
        !tap.open && bytes.copied().all(|b| b == 0) && tap.client_len + tap.server_len == 0
    })
}

#[test]
fn nothing_stays_behind() {
    log_both();
    assert!(is_wiped(), "shut");
    begin();
    log_both();
    assert!(!is_wiped());
    let caught = take().unwrap();
    assert_eq!(caught.client, [1; SECRET_BYTES_MAX]);
    assert_eq!(caught.server, [2; SECRET_BYTES_MAX]);
    assert!(is_wiped(), "taken");
    begin();
    SecretTap.log(CLIENT_LABEL, &[], &[1; 32]);
    assert!(take().is_none());
    assert!(is_wiped(), "half a pair");
}

#[test]
fn two_lengths_are_no_pair() {
    begin();
    SecretTap.log(CLIENT_LABEL, &[], &[1; 32]);
    SecretTap.log(SERVER_LABEL, &[], &[2; 48]);
    assert!(take().is_none());
}
