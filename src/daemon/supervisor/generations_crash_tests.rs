//! What follows workers that die.

use super::*;

#[test]
fn a_dead_worker_is_followed_by_another_one() {
    let mut bench = Bench::serving();
    bench.now_ms += GOOD_LIFE_MS;
    let ended = Ended::Signal(9);
    let restarting = |number, pause_ms| Say(Notice::Restarting(g(number), ended, pause_ms));
    let actions = bench.on(Event::Ended(g(1), ended));
    assert_eq!(actions, [restarting(1, 0), StartWorker(g(2), Basis::Good)]);
    assert_eq!(bench.on(Event::Ready(g(2))), [Say(Notice::Restarted(g(2)))]);
    // It dies young, again and again, before or after it is ready.
    let mut number = 2;
    for pause_ms in
        [100, 100, 100, 100, 100, 200, 400, 800, 1_600, 3_200, 6_400, PAUSE_MS_MAX, PAUSE_MS_MAX]
    {
        assert_eq!(bench.on(Event::Ended(g(number), ended)), [restarting(number, pause_ms)]);
        let before_ms = bench.now_ms;
        number += 1;
        assert_eq!(bench.wait(), [StartWorker(g(number), Basis::Good)]);
        assert_eq!(bench.now_ms, before_ms + pause_ms);
        if number % 2 == 0 {
            bench.on(Event::Ready(g(number)));
        }
    }
    // One that does not become ready counts too.
    assert_eq!(bench.wait(), [Say(Notice::NotReady(g(number))), Kill(g(number))]);
    bench.on(Event::Ended(g(number), ended));
    bench.wait();
    number += 1;
    bench.on(Event::Ready(g(number)));
    bench.now_ms += GOOD_LIFE_MS;
    assert_eq!(bench.on(Event::Ended(g(number), ended))[0], restarting(number, 0));
    // A good life ends the long pauses.
    bench.on(Event::Ready(g(number + 1)));
    assert_eq!(bench.on(Event::Ended(g(number + 1), ended)), [restarting(number + 1, 100)]);
}

#[test]
fn the_pause_never_overflows() {
    let mut bench = Bench::serving();
    for number in 1..100 {
        bench.on(Event::Ended(g(number), Ended::NotStarted));
        let before_ms = bench.now_ms;
        bench.wait();
        assert!(bench.now_ms - before_ms <= PAUSE_MS_MAX);
    }
}

#[test]
fn crash_and_reload_at_once() {
    let dead = |number| Event::Ended(g(number), Ended::Signal(11));
    // The candidate goes on; the follower of the dead one serves until it is ready.
    let mut bench = Bench::serving();
    bench.now_ms += GOOD_LIFE_MS;
    bench.reload();
    assert_eq!(bench.on(dead(1))[1], StartWorker(g(3), Basis::Good));
    bench.on(Event::Ready(g(3)));
    assert_eq!(bench.on(Event::Ready(g(2)))[..2], [Adopt, Retire(g(3), 0)]);
    // The candidate is first: the follower, ready or not, retires, and a pause ends.
    let mut bench = Bench::serving();
    bench.reload();
    bench.on(dead(1));
    bench.on(Event::Ready(g(2)));
    assert_eq!(bench.machine.next_ms(), None);
    bench.now_ms += GOOD_LIFE_MS;
    bench.reload();
    bench.on(dead(2));
    assert_eq!(bench.on(Event::Ready(g(3)))[1], Retire(g(4), 0));
    assert_eq!(bench.on(Event::Ready(g(4))), []);
    assert_eq!(bench.state(4), Some(State::Retiring));
}

#[test]
fn a_restart_waits_for_a_candidate_in_its_place() {
    let mut bench = Bench::serving();
    let two = Event::Planned(Ok(Planned::New(Terms { generations_max: 2, ..TERMS })));
    bench.all(&[Event::ReloadWanted, two, OPEN, Event::Ready(g(2))]);
    bench.on(Event::Ended(g(2), Ended::Signal(11)));
    // In the pause the reload takes the second place.
    assert_eq!(bench.all(&[Event::ReloadWanted, two, OPEN])[2], StartWorker(g(3), Basis::New));
    assert_eq!(bench.machine.next_ms(), Some(bench.now_ms + READY_MS_MAX));
    bench.now_ms += 5_000;
    assert_eq!(bench.on(Event::Tick), []);
    bench.on(Event::Failed(g(3), 1));
    let actions = bench.on(Event::Ended(g(3), Ended::Code(1)));
    assert_eq!(actions.last(), Some(&StartWorker(g(4), Basis::Good)));
}
