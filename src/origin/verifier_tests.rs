//! Tests of the queue; what it works out is tested with the credentials.

use super::*;
use crate::origin::secret::Secret;
use std::sync::mpsc::{self, Receiver, Sender};

const HASH: &[u8] = b"$apr1$abcdefgh$cy3DSYyOwfhsyu7QOMQzd.";

fn job(secret: &Secret, password: &str) -> Box<Job> {
    let key = JobKey { file: 0, generation: 1, digest: secret.digest(password.as_bytes()) };
    Box::new(Job::new(key, password.as_bytes(), HASH, true).unwrap())
}

fn peer(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A verifier whose thread waits after each job until it is let go on.
fn held() -> (Verifier, Receiver<()>, Sender<()>) {
    let (woken, wake) = mpsc::channel();
    let (go, gate) = mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let verifier = Verifier::new(move || {
        let _ = woken.send(());
        let _ = gate.lock().unwrap().recv();
    });
    (verifier, wake, go)
}

#[test]
fn results_come_back_with_their_tickets() {
    let secret = Secret::new();
    let (woken, wake) = mpsc::channel();
    let verifier = Verifier::new(move || woken.send(()).unwrap());
    assert!(verifier.take_result().is_none());
    for round in 0..3 {
        verifier.submit(job(&secret, "hello"), round, peer("10.0.0.1")).unwrap();
        wake.recv().unwrap();
        let done = verifier.take_result().unwrap();
        assert_eq!((done.ticket, done.granted, done.key.file()), (round, true, 0));
    }
    verifier.submit(job(&secret, "wrong"), 9, peer("10.0.0.1")).unwrap();
    wake.recv().unwrap();
    assert!(!verifier.take_result().unwrap().granted);
}

#[test]
fn jobs_for_one_credential_are_answered_together() {
    let secret = Secret::new();
    let (verifier, wake, go) = held();
    verifier.submit(job(&secret, "first"), 0, peer("10.0.0.1")).unwrap();
    wake.recv().unwrap();
    // The thread waits in its call: these are queued, then answered in two rounds.
    for (ticket, password) in [(1, "hello"), (2, "wrong"), (3, "hello"), (4, "hello")] {
        verifier.submit(job(&secret, password), ticket, peer("10.0.0.1")).unwrap();
    }
    assert_eq!(verifier.take_result().unwrap().ticket, 0);
    go.send(()).unwrap();
    wake.recv().unwrap();
    let mut done: Vec<_> =
        std::iter::from_fn(|| verifier.take_result()).map(|d| (d.ticket, d.granted)).collect();
    done.sort_unstable();
    assert_eq!(done, [(1, true), (3, true), (4, true)]);
    go.send(()).unwrap();
    wake.recv().unwrap();
    assert_eq!(verifier.take_result().unwrap().ticket, 2);
}

#[test]
fn the_queue_is_bounded_in_all_and_for_each_peer() {
    let secret = Secret::new();
    let (verifier, wake, go) = held();
    verifier.submit(job(&secret, "first"), 0, peer("10.0.0.1")).unwrap();
    wake.recv().unwrap();
    let mut taken = 1;
    for n in 0..40 {
        taken += usize::from(
            verifier.submit(job(&secret, &format!("{n}")), n, peer("::ffff:10.0.0.1")).is_ok(),
        );
    }
    assert_eq!(taken, JOBS_PER_PEER_MAX);
    let mut v6 = 0;
    for n in 0..40 {
        let from = peer(&format!("2001:db8::{n}"));
        v6 += usize::from(verifier.submit(job(&secret, &format!("v6 {n}")), n, from).is_ok());
    }
    assert_eq!(v6, JOBS_PER_PEER_MAX);
    let mut others = 0;
    for n in 0..40 {
        let from = peer(&format!("10.1.0.{n}"));
        others += usize::from(verifier.submit(job(&secret, &format!("o {n}")), n, from).is_ok());
    }
    assert_eq!(taken + v6 + others, JOBS_MAX);
    // A result that is taken makes room for its peer.
    assert!(verifier.take_result().is_some());
    assert_eq!(verifier.submit(job(&secret, "new"), 1, peer("10.0.0.1")), Ok(()));
    assert_eq!(verifier.submit(job(&secret, "newer"), 1, peer("10.0.0.2")), Err(Busy));
    drop(go);
}

#[test]
fn oversized_input_makes_no_job() {
    let key = JobKey { file: 0, generation: 0, digest: Secret::new().digest(b"") };
    assert!(Job::new(key, &[b'a'; PASSWORD_BYTES_MAX + 1], HASH, true).is_none());
    assert!(Job::new(key, b"a", &[b'$'; HASH_BYTES_MAX + 1], true).is_none());
}

#[test]
fn a_verifier_that_is_dropped_stops() {
    let secret = Secret::new();
    let (verifier, wake, go) = held();
    for n in 0..5 {
        verifier.submit(job(&secret, &format!("{n}")), n, peer("10.0.0.1")).unwrap();
    }
    wake.recv().unwrap();
    drop(verifier);
    go.send(()).unwrap();
    // The thread drops its end of the channel when it is gone.
    assert!(wake.recv().is_err());
}

#[test]
fn what_cannot_be_checked_is_not_granted_and_says_why() {
    let (woken, wake) = mpsc::channel();
    let verifier = Verifier::new(move || woken.send(()).unwrap());
    let key = JobKey { file: 0, generation: 1, digest: Secret::new().digest(b"") };
    let job = Job::new(key, b"hello", b"$5$rounds=x$y$z", true).unwrap();
    verifier.submit(Box::new(job), 1, peer("10.0.0.1")).unwrap();
    wake.recv().unwrap();
    let done = verifier.take_result().unwrap();
    assert!(!done.granted);
    assert!(matches!(done.error, Some(CryptError::Unsupported | CryptError::Missing) | None));
}
