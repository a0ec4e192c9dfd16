//! When addresses are read, and that loopback's are found.

use super::*;
use crate::daemon::supervisor::sockets::fixture::{adopted, plan, started, wanted};

fn started_at(source: Source, now: u64) -> Schedule {
    let mut schedule = Schedule::new();
    schedule.start(source, now);
    schedule
}

#[test]
fn without_interfaces_nothing_is_ever_due() {
    let schedule = started_at(Source::None, 5);
    assert_eq!(schedule.due, None);
    assert!(!schedule.is_due(u64::MAX));
}

#[test]
fn the_kernel_s_news_are_looked_at_once() {
    let mut schedule = started_at(Source::Kernel, 1_000);
    assert!(schedule.is_due(1_000), "what came while the plan was prepared");
    schedule.done(false, 1_000);
    assert_eq!(schedule.due, None, "idle");
    schedule.changed(5_000);
    assert!(schedule.is_due(5_000));
    schedule.done(false, 5_000);
    // Something flaps: it is looked at when the gap is over, and not put off by more of it.
    schedule.changed(5_001);
    schedule.changed(5_000 + GAP_MS - 1);
    assert_eq!(schedule.due, Some(5_000 + GAP_MS));
    assert!(!schedule.is_due(5_000 + GAP_MS - 1));
    assert!(schedule.is_due(5_000 + GAP_MS));
}

#[test]
fn without_news_addresses_are_read_from_time_to_time() {
    let mut schedule = started_at(Source::Polling, 0);
    for round in 0..100 {
        assert_eq!(schedule.due, Some(round * POLL_MS));
        schedule.done(false, round * POLL_MS);
    }
}

#[test]
fn what_could_not_be_had_is_tried_again_for_a_while() {
    for (source, after) in [(Source::Kernel, None), (Source::Polling, Some(POLL_MS))] {
        let mut schedule = started_at(source, 0);
        let mut now = 0;
        for _ in 0..RETRIES_MAX {
            schedule.done(true, now);
            assert_eq!(schedule.due, Some(now + RETRY_MS));
            now += RETRY_MS;
        }
        schedule.done(true, now);
        assert_eq!(schedule.due, after.map(|after| now + after));
        // News start it anew.
        schedule.changed(now + GAP_MS);
        schedule.done(true, now + GAP_MS);
        assert_eq!(schedule.due, Some(now + GAP_MS + RETRY_MS));
    }
}

#[test]
fn nothing_is_watched_that_nobody_needs() {
    let (mut table, port) = started(1, &["127.0.0.1"]);
    let fixed = plan(1, &[("127.0.0.1", port), ("::1", port)]);
    let mut watcher = Watcher::new();
    watcher.watch_for(&fixed, 0);
    assert!(watcher.fd().is_none() && watcher.due_ms().is_none());
    assert!(watcher.wake(&fixed, &mut table, u64::MAX, &mut |_, _| ()).is_none());
    for on in ["*", "[::]only", "::"] {
        assert!(wanted(on, port).lacks_v6(false), "{on}");
        assert!(!wanted(on, port).lacks_v6(true), "{on}");
        watcher.watch_for(&plan(1, &[(on, port)]), 7);
        assert_eq!(watcher.fd().is_some(), !socket::has_v6(), "{on}");
    }
    for on in ["0.0.0.0", "127.0.0.1", "::1", "lo", "/run/x"] {
        assert!(!wanted(on, port).lacks_v6(false), "{on}");
    }
    for on in ["lo", "fe80::1"] {
        watcher.watch_for(&plan(1, &[(on, port)]), 7);
        assert_eq!((watcher.fd().is_some(), watcher.due_ms()), (true, Some(7)), "{on}");
    }
    watcher.watch_for(&fixed, 9);
    assert!(watcher.fd().is_none() && watcher.due_ms().is_none());
}

#[test]
fn an_interface_is_listened_on_from_the_first_look_on() {
    let (mut table, port) = started(1, &["::1"]);
    adopted(&mut table, &plan(1, &[("::1", port)]));
    let plan = plan(1, &[("::1", port), ("lo", port)]);
    let mut watcher = Watcher::new();
    watcher.watch_for(&plan, 0);
    let followed = watcher.wake(&plan, &mut table, 0, &mut |_, _| ()).unwrap();
    let address = format!("127.0.0.1:{port}");
    assert!(followed.come.contains(&(1, address)), "{followed:?}");
    assert!(followed.unlisten.is_empty());
    assert!(followed.listen.iter().all(|handed| handed.listener == 1));
    // ::1 is the first listener's.
    assert!(followed.findings.len() <= 1);
    assert_eq!(watcher.due_ms(), None);
    assert!(watcher.wake(&plan, &mut table, 1, &mut |_, _| ()).is_none());
}

#[test]
fn findings_are_told_with_their_place() {
    use crate::daemon::finding::Severity;
    let finding = Finding::new(Severity::Degraded, "no such thing");
    let at = |place: &str| Excerpt { place: place.to_owned(), lines: String::new() };
    assert_eq!(line(&(finding.clone(), at("conf:1:2"))), "conf:1:2: no such thing");
    assert_eq!(line(&(finding, at(""))), "no such thing");
}
