//! What follows from what, by tables of events.

use super::super::ending::{END_GRACE_MS, GOOD_LIFE_MS, PAUSE_MS_MAX};
use super::super::happenings::{Action::*, Ended, Outcome, Planned};
use super::super::reloading::{PARTING_MS, ROOM_GRACE_MS, SETTLE_MS_MAX, SETTLING_PING};
use super::super::watchdog::SPOKEN_MS_MAX;
use super::*;

#[cfg(test)]
#[path = "generations_crash_tests.rs"]
mod crash;
#[cfg(test)]
#[path = "generations_random_tests.rs"]
mod random;
#[cfg(test)]
#[path = "generations_stop_tests.rs"]
mod stop;

const TERMS: Terms = Terms { shutdown_ms: 5_000, drain_ms: 0, generations_max: 3 };
const NEW: Event = Event::Planned(Ok(Planned::New(TERMS)));
const OPEN: Event = Event::Sockets(Ok(false));

fn g(number: u32) -> Generation {
    Generation(number)
}

/// A machine and its clock.
struct Bench {
    machine: Generations,
    now_ms: u64,
}

impl Bench {
    fn new() -> Self {
        Self { machine: Generations::new(None), now_ms: 1_000 }
    }

    fn watched(limit_ms: u64) -> Self {
        Self { machine: Generations::new(Some(limit_ms)), now_ms: 1_000 }
    }

    /// One that serves with generation 1.
    fn serving() -> Self {
        let mut bench = Self::new();
        bench.all(&[Event::Start, NEW, OPEN, Event::Ready(g(1))]);
        bench
    }

    fn on(&mut self, event: Event) -> Vec<Action> {
        let mut actions = self.machine.take(event, self.now_ms);
        // A retired worker says at once that it has stopped listening.
        for action in actions.clone() {
            if let Ping(generation, SETTLING_PING) = action {
                let pong = Event::Pong(generation, SETTLING_PING);
                actions.extend(self.machine.take(pong, self.now_ms));
            }
        }
        actions
    }

    fn all(&mut self, events: &[Event]) -> Vec<Action> {
        events.iter().flat_map(|event| self.on(*event)).collect()
    }

    fn reload(&mut self) -> Vec<Action> {
        self.all(&[Event::ReloadWanted, NEW, OPEN])
    }

    /// Lets the time pass until something is due.
    fn wait(&mut self) -> Vec<Action> {
        let next = self.machine.next_ms().expect("something is due");
        assert!(next > self.now_ms, "due already");
        self.now_ms = next;
        self.on(Event::Tick)
    }

    fn state(&self, number: u32) -> Option<State> {
        let mut living = self.machine.living().iter();
        living.find(|living| living.generation == g(number)).map(|living| living.state)
    }
}

#[test]
fn a_start_goes_step_by_step() {
    let mut bench = Bench::new();
    assert_eq!(bench.on(Event::Start), [StartPlanner]);
    assert_eq!(bench.on(NEW), [OpenSockets]);
    assert_eq!(bench.on(OPEN), [StartWorker(g(1), Basis::New)]);
    assert_eq!(bench.state(1), Some(State::Starting));
    assert_eq!(bench.on(Event::Ready(g(1))), [Adopt, Started]);
    assert_eq!(bench.state(1), Some(State::Serving));
    assert_eq!(bench.machine.next_ms(), None, "nothing to wake up for");
    assert_eq!(bench.on(Event::Ready(g(1))), []);
    assert_eq!(bench.on(Event::Tick), []);
}

#[test]
fn a_start_that_fails_ends_with_its_code() {
    let mut bench = Bench::new();
    bench.on(Event::Start);
    assert_eq!(bench.on(Event::Planned(Err(78))), [Forget, Exit(78)]);

    let mut bench = Bench::new();
    bench.all(&[Event::Start, NEW]);
    assert_eq!(bench.on(Event::Sockets(Err(1))), [Forget, Exit(1)]);

    let mut bench = Bench::new();
    bench.all(&[Event::Start, NEW, OPEN]);
    assert_eq!(bench.on(Event::Failed(g(1), 78)), []);
    assert_eq!(bench.on(Event::Ready(g(1))), [], "it has said otherwise");
    assert_eq!(bench.on(Event::Ended(g(1), Ended::Code(1))), [Forget, Exit(78)]);

    for (ended, code) in
        [(Ended::Code(78), 78), (Ended::Code(0), 1), (Ended::Signal(11), 1), (Ended::NotStarted, 1)]
    {
        let mut bench = Bench::new();
        bench.all(&[Event::Start, NEW, OPEN]);
        let mut wanted = vec![Say(Notice::NeverServed(g(1), ended)), Forget, Exit(code)];
        if ended == Ended::NotStarted {
            // The shell has said why.
            wanted.remove(0);
        }
        assert_eq!(bench.on(Event::Ended(g(1), ended)), wanted);
    }

    let mut bench = Bench::new();
    bench.all(&[Event::Start, NEW, OPEN]);
    assert_eq!(bench.wait(), [Say(Notice::NotReady(g(1))), Kill(g(1))]);
    assert_eq!(bench.now_ms, 1_000 + READY_MS_MAX);
    assert_eq!(bench.machine.next_ms(), None);
    assert_eq!(bench.on(Event::Ended(g(1), Ended::Signal(9))), [Forget, Exit(1)]);

    let mut bench = Bench::new();
    bench.on(Event::Start);
    assert_eq!(bench.wait(), [Say(Notice::PlannerLate), KillPlanner]);
    assert_eq!(bench.on(Event::Planned(Err(1))), [Forget, Exit(1)]);
}

#[test]
fn a_reload_replaces_the_worker() {
    let mut bench = Bench::serving();
    assert_eq!(bench.reload(), [StartPlanner, OpenSockets, StartWorker(g(2), Basis::New)]);
    assert!(bench.machine.is_reloading());
    let reloaded = [
        Adopt,
        Retire(g(1), 0),
        Ping(g(1), SETTLING_PING),
        Say(Notice::Reloaded(g(2))),
        Reloaded(Outcome::Done),
    ];
    assert_eq!(bench.on(Event::Ready(g(2))), reloaded);
    assert_eq!((bench.state(1), bench.state(2)), (Some(State::Retiring), Some(State::Serving)));
    assert_eq!(bench.machine.next_ms(), None, "a retired one may go on for ever");
    assert_eq!(bench.on(Event::Ended(g(1), Ended::Code(0))), []);
    assert_eq!(bench.state(1), None);
}

#[test]
fn a_reload_is_over_when_the_old_one_has_stopped_listening() {
    let over = [Say(Notice::Reloaded(g(2))), Reloaded(Outcome::Done)];
    for event in [Event::Pong(g(1), SETTLING_PING), Event::Ended(g(1), Ended::Code(0)), Event::Tick]
    {
        let mut bench = Bench::serving();
        bench.reload();
        let actions = bench.machine.take(Event::Ready(g(2)), bench.now_ms);
        assert_eq!(actions, [Adopt, Retire(g(1), 0), Ping(g(1), SETTLING_PING)]);
        assert_eq!(bench.on(Event::Pong(g(2), SETTLING_PING)), []);
        assert_eq!(bench.machine.next_ms(), Some(bench.now_ms + SETTLE_MS_MAX));
        bench.now_ms += if event == Event::Tick { SETTLE_MS_MAX } else { 0 };
        assert_eq!(bench.on(event), over);
        assert!(bench.machine.is_settled() && bench.machine.next_ms().is_none());
    }
}

#[test]
fn a_reload_that_comes_to_nothing_keeps_the_old_one() {
    let kept = |code| [Say(Notice::Kept(code)), Reloaded(Outcome::Kept(code))];
    let mut bench = Bench::serving();
    bench.on(Event::ReloadWanted);
    assert_eq!(bench.on(Event::Planned(Err(78)))[1..], kept(78));
    bench.all(&[Event::ReloadWanted, NEW]);
    let actions = bench.on(Event::Sockets(Err(1)));
    assert_eq!((actions[0], &actions[1..]), (Forget, &kept(1)[..]));
    bench.reload();
    bench.on(Event::Failed(g(2), 78));
    assert_eq!(bench.on(Event::Ended(g(2), Ended::Code(78)))[1..], kept(78));
    bench.reload();
    assert_eq!(bench.on(Event::Ended(g(3), Ended::Signal(6)))[2..], kept(1));
    // One that says nothing.
    bench.reload();
    assert_eq!(bench.wait(), [Say(Notice::NotReady(g(4))), Kill(g(4))]);
    assert_eq!(bench.on(Event::Ready(g(4))), [], "too late");
    assert_eq!(bench.on(Event::Ended(g(4), Ended::Signal(9)))[1..], kept(1));
    // One that has failed and does not end.
    bench.reload();
    bench.on(Event::Failed(g(5), 2));
    let before_ms = bench.now_ms;
    assert_eq!(bench.wait()[1..], [Kill(g(5))]);
    assert_eq!(bench.now_ms, before_ms + END_GRACE_MS);
    assert_eq!(bench.on(Event::Ended(g(5), Ended::Signal(9)))[1..], kept(2));
    assert_eq!(bench.state(1), Some(State::Serving));
    assert_eq!((bench.machine.living().len(), bench.machine.next_ms()), (1, None));
}

#[test]
fn nothing_changed_means_nothing_happens() {
    let mut bench = Bench::serving();
    bench.on(Event::ReloadWanted);
    let actions = bench.on(Event::Planned(Ok(Planned::Same)));
    assert_eq!(actions, [Forget, Say(Notice::Unchanged), Reloaded(Outcome::Unchanged)]);
    assert!(!bench.machine.is_reloading());
}

#[test]
fn requests_during_a_reload_become_one_more() {
    let mut bench = Bench::serving();
    bench.reload();
    assert_eq!(bench.all(&[Event::ReloadWanted, Event::ReloadWanted]), []);
    assert_eq!(bench.on(Event::Ready(g(2))).last(), Some(&StartPlanner));
    assert_eq!(bench.on(Event::Planned(Err(78))).last(), Some(&Reloaded(Outcome::Kept(78))));
    assert!(!bench.machine.is_reloading());
    // Also during the start.
    let mut bench = Bench::new();
    bench.all(&[Event::Start, Event::ReloadWanted, NEW, OPEN]);
    assert_eq!(bench.on(Event::Ready(g(1))), [Adopt, Started, StartPlanner]);
}

#[test]
fn removed_sockets_stay_for_a_while() {
    let mut bench = Bench::serving();
    bench.all(&[Event::ReloadWanted, NEW, Event::Sockets(Ok(true)), Event::Ready(g(2))]);
    let before_ms = bench.now_ms;
    assert_eq!(bench.wait(), [CloseRemoved]);
    assert_eq!(bench.now_ms, before_ms + WINDOW_MS);
    assert_eq!(bench.machine.next_ms(), None);
    // Another reload that removes some begins the time anew, others do not.
    bench.all(&[Event::ReloadWanted, NEW, Event::Sockets(Ok(true)), Event::Ready(g(3))]);
    bench.now_ms += 300;
    bench.all(&[Event::Ended(g(2), Ended::Code(0)), Event::Ended(g(1), Ended::Code(0))]);
    bench.all(&[Event::ReloadWanted, NEW, Event::Sockets(Ok(true)), Event::Ready(g(4))]);
    let before_ms = bench.now_ms;
    bench.now_ms += 300;
    bench.all(&[Event::ReloadWanted, NEW, Event::Sockets(Ok(false)), Event::Ready(g(5))]);
    assert_eq!(bench.wait(), [CloseRemoved]);
    assert_eq!(bench.now_ms, before_ms + WINDOW_MS);
}

#[test]
fn the_oldest_makes_room() {
    let mut bench = Bench::serving();
    for next in 2..4 {
        bench.reload();
        bench.on(Event::Ready(g(next)));
    }
    let actions = bench.reload();
    let too_many = Say(Notice::OneTooMany(g(1), 3));
    assert_eq!(actions, [StartPlanner, OpenSockets, too_many, Retire(g(1), PARTING_MS)]);
    assert_eq!(bench.state(1), Some(State::Stopping));
    assert_eq!(bench.on(Event::Tick), [], "told once");
    let before_ms = bench.now_ms;
    assert_eq!(bench.wait(), [Say(Notice::Late(g(1))), Kill(g(1))]);
    assert_eq!(bench.now_ms, before_ms + PARTING_MS + 5_000 + ROOM_GRACE_MS);
    let gone = Event::Ended(g(1), Ended::Signal(9));
    assert_eq!(bench.on(gone), [StartWorker(g(4), Basis::New)]);
    // Fewer are allowed by the newest plan; less than two means two. It leaves less time.
    bench.on(Event::Ready(g(4)));
    let fewer = Planned::New(Terms { generations_max: 0, shutdown_ms: 700, ..TERMS });
    let actions = bench.all(&[Event::ReloadWanted, Event::Planned(Ok(fewer)), OPEN]);
    assert_eq!(
        actions[3..],
        [Retire(g(2), 700), Say(Notice::OneTooMany(g(3), 2)), Retire(g(3), 700)]
    );
    assert_eq!(bench.machine.next_ms(), Some(bench.now_ms + 700 + 700 + ROOM_GRACE_MS));
    assert_eq!(bench.on(Event::Ended(g(3), Ended::Code(0))), []);
    let actions = bench.on(Event::Ended(g(2), Ended::Code(0)));
    assert_eq!(actions, [StartWorker(g(5), Basis::New)]);
    // No time at all: 0 as a limit of retirement would mean none.
    bench.on(Event::Ready(g(5)));
    let none = Planned::New(Terms { generations_max: 2, shutdown_ms: 0, ..TERMS });
    let actions = bench.all(&[Event::ReloadWanted, Event::Planned(Ok(none)), OPEN]);
    assert_eq!(actions[3..], [Stop(g(4), 0)]);
}

#[test]
fn what_makes_no_sense_is_killed_and_replaced() {
    let mut bench = Bench::serving();
    assert_eq!(bench.on(Event::Broken(g(1))), [Say(Notice::Broken(g(1))), Kill(g(1))]);
    assert_eq!(bench.on(Event::Broken(g(1))), []);
    bench.on(Event::Ended(g(1), Ended::Signal(9)));
    assert_eq!(bench.wait(), [StartWorker(g(2), Basis::Good)]);
    // A channel that closes: its owner ends soon, or is killed.
    bench.all(&[Event::Ready(g(2)), Event::Closed(g(2))]);
    assert_eq!(bench.wait()[1..], [Kill(g(2))]);
    // Nobody knows these.
    for event in [
        Event::Ended(g(77), Ended::Code(0)),
        Event::Ready(g(77)),
        Event::Failed(g(77), 1),
        Event::Broken(g(77)),
        Event::Closed(g(77)),
        Event::Pong(g(77), 1),
        Event::Sockets(Ok(true)),
        Event::Planned(Ok(Planned::Same)),
    ] {
        assert_eq!(bench.on(event), [], "{event:?}");
    }
}

#[test]
fn retired_ones_have_a_limit_if_there_is_one() {
    let mut bench = Bench::serving();
    let terms = Terms { drain_ms: 60_000, ..TERMS };
    let plan = Event::Planned(Ok(Planned::New(terms)));
    bench.all(&[Event::ReloadWanted, plan, OPEN]);
    assert_eq!(bench.on(Event::Ready(g(2)))[1], Retire(g(1), 60_000));
    let before_ms = bench.now_ms;
    assert_eq!(bench.wait(), [Say(Notice::Late(g(1))), Kill(g(1))]);
    assert_eq!(bench.now_ms, before_ms + 60_000 + 5_000 + STOP_GRACE_MS);
    assert_eq!(bench.on(Event::Ended(g(1), Ended::Signal(9))), []);
    // One that crashes is mentioned.
    bench.all(&[Event::ReloadWanted, plan, OPEN, Event::Ready(g(3))]);
    let ended = Ended::Signal(11);
    assert_eq!(bench.on(Event::Ended(g(2), ended)), [Say(Notice::OldEnded(g(2), ended))]);
}

#[test]
fn a_watchdog_is_fed_by_pongs_and_by_a_replacement() {
    let mut bench = Bench::watched(9_000);
    bench.all(&[Event::Start, NEW, OPEN]);
    assert_eq!(bench.on(Event::Ready(g(1))), [Adopt, Started, Ping(g(1), 1)]);
    assert_eq!(bench.on(Event::Pong(g(1), 9)), []);
    assert_eq!(bench.on(Event::Pong(g(1), 1)), [Alive]);
    assert_eq!(bench.wait(), [Ping(g(1), 2)]);
    assert_eq!(bench.now_ms, 4_000);
    // It is found well before whoever watches gives up, who hears of the replacement.
    assert_eq!(bench.wait(), [Alive, Say(Notice::Hung(g(1))), Kill(g(1))]);
    assert_eq!(bench.now_ms, 7_000);
    bench.on(Event::Ended(g(1), Ended::Signal(9)));
    assert_eq!(bench.wait(), [StartWorker(g(2), Basis::Good)]);
    assert_eq!(bench.wait(), [Alive]);
    assert_eq!(bench.now_ms, 10_000);
    assert_eq!(bench.on(Event::Ready(g(2)))[1], Ping(g(2), 3));
    // An old one's answer does not count for the new one.
    bench.reload();
    let actions = bench.on(Event::Ready(g(3)));
    assert!(actions.contains(&Ping(g(3), 4)));
    assert_eq!(bench.on(Event::Pong(g(2), 4)), []);
    assert_eq!(bench.on(Event::Pong(g(3), 4)), [Alive]);
    bench.on(Event::StopWanted);
    assert_eq!(bench.on(Event::Pong(g(3), 4)), []);
}

#[test]
fn a_watchdog_is_not_fed_for_ever_when_no_worker_starts() {
    let mut bench = Bench::watched(9_000);
    bench.all(&[Event::Start, NEW, OPEN, Event::Ready(g(1)), Event::Pong(g(1), 1)]);
    let begun_ms = bench.now_ms;
    let actions = bench.on(Event::Ended(g(1), Ended::Signal(11)));
    assert_eq!(actions[0], Alive);
    let (mut last_ms, mut next) = (begun_ms, 2);
    while bench.now_ms < begun_ms + 10 * SPOKEN_MS_MAX {
        let actions = bench.wait();
        if actions.contains(&StartWorker(g(next), Basis::Good)) {
            bench.on(Event::Ended(g(next), Ended::NotStarted));
            next += 1;
        }
        last_ms = if actions.contains(&Alive) { bench.now_ms } else { last_ms };
    }
    assert!(next > 10, "it never gives up");
    assert!((SPOKEN_MS_MAX - 9_000..=SPOKEN_MS_MAX).contains(&(last_ms - begun_ms)));
}
