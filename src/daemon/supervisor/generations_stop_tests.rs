//! How everything ends.

use super::*;

#[test]
fn a_stop_lets_them_finish_and_then_does_not() {
    let mut bench = Bench::serving();
    bench.reload();
    bench.on(Event::Ready(g(2)));
    bench.reload();
    let actions = bench.on(Event::StopWanted);
    let told = [Say(Notice::Stopping), Stop(g(1), 5_000), Stop(g(2), 5_000), Kill(g(3))];
    assert_eq!(actions, told);
    assert_eq!(bench.on(Event::Ready(g(3))), []);
    assert_eq!(bench.on(Event::ReloadWanted), []);
    assert_eq!(bench.on(Event::Ended(g(3), Ended::Signal(9))), []);
    assert_eq!(bench.on(Event::Ended(g(1), Ended::Code(0))), []);
    let before_ms = bench.now_ms;
    assert_eq!(bench.wait(), [Say(Notice::Late(g(2))), Kill(g(2))]);
    assert_eq!(bench.now_ms, before_ms + 5_000 + STOP_GRACE_MS);
    assert_eq!(bench.on(Event::Ended(g(2), Ended::Signal(9))), [Exit(0)]);

    let mut bench = Bench::serving();
    bench.on(Event::StopWanted);
    assert_eq!(bench.on(Event::StopWanted), [Kill(g(1))]);
    assert_eq!(bench.on(Event::StopWanted), []);
    assert_eq!(bench.on(Event::Ended(g(1), Ended::Signal(9))), [Exit(0)]);
}

#[test]
fn a_stop_ends_a_start() {
    let mut bench = Bench::new();
    bench.on(Event::Start);
    assert_eq!(bench.on(Event::StopWanted), [Say(Notice::Stopping), KillPlanner]);
    assert_eq!(bench.on(Event::StopWanted), []);
    assert_eq!(bench.on(NEW), [Exit(0)]);

    let mut bench = Bench::new();
    bench.all(&[Event::Start, NEW, OPEN]);
    assert_eq!(bench.on(Event::StopWanted), [Say(Notice::Stopping), Kill(g(1))]);
    assert_eq!(bench.on(Event::Ended(g(1), Ended::Signal(9))), [Exit(0)]);
}
