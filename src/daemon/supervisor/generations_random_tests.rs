//! A long random life beside children that behave in every possible way; what must always hold.

use std::collections::BTreeMap;

use super::*;

/// A linear congruential generator: the same life for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Child {
    ready: bool,
    failed: bool,
    retired: bool,
    dying: bool,
}

/// The children and sockets that a shell would have.
#[derive(Default)]
struct Shell {
    planner: bool,
    planner_dying: bool,
    opening: bool,
    children: BTreeMap<u32, Child>,
    /// Requests for a reload that no planner was started for.
    unheard: bool,
    /// Planner started for a reload and no outcome told.
    owed: bool,
    started: bool,
    exit: Option<u8>,
    most: usize,
    stopping: bool,
    pings: u32,
}

impl Shell {
    fn perform(&mut self, actions: Vec<Action>) {
        for action in actions {
            assert!(self.exit.is_none() || matches!(action, Exit(_)), "{action:?} after the end");
            match action {
                StartPlanner => {
                    assert!(!self.planner && !self.opening && !self.owed && !self.stopping);
                    (self.planner, self.planner_dying) = (true, false);
                    (self.owed, self.unheard) = (self.started, false);
                }
                KillPlanner => {
                    assert!(self.planner);
                    self.planner_dying = true;
                }
                OpenSockets => {
                    assert!(!self.opening && !self.planner);
                    self.opening = true;
                }
                StartWorker(generation, _) => {
                    assert!(!self.stopping);
                    let child = Child { ready: false, failed: false, retired: false, dying: false };
                    assert_eq!(self.children.insert(generation.0, child), None);
                    assert!(self.children.len() <= self.most, "too many: {:?}", self.children);
                }
                Retire(generation, _) => self.child(generation).retired = true,
                Stop(generation, _) => self.child(generation).retired = true,
                Kill(generation) => {
                    let child = self.child(generation);
                    assert!(!child.dying, "killed twice");
                    child.dying = true;
                }
                Ping(generation, number) => {
                    self.child(generation);
                    self.pings = number;
                }
                Action::Reloaded(_) => assert!(std::mem::take(&mut self.owed)),
                Started => self.started = true,
                Exit(code) => {
                    assert!(self.children.is_empty() && !self.planner, "orphans");
                    self.exit = Some(code);
                }
                Adopt | Forget | CloseRemoved | Alive | Say(_) => {}
            }
        }
    }

    fn child(&mut self, generation: Generation) -> &mut Child {
        self.children.get_mut(&generation.0).expect("an order for one that is gone")
    }

    /// Something that may happen now.
    fn event(&mut self, random: &mut Random) -> Event {
        if self.planner && random.below(4) == 0 {
            self.planner = false;
            let most = u16::try_from(random.below(5)).unwrap();
            let terms = Terms {
                shutdown_ms: 3_000,
                drain_ms: random.below(2) * 9_000,
                generations_max: most,
            };
            return Event::Planned(match random.below(6) {
                _ if self.planner_dying => Err(1),
                0 => Err(78),
                1 => Ok(Planned::Same),
                _ => Ok(Planned::New(terms)),
            });
        }
        if self.opening {
            self.opening = false;
            let removes = random.below(3) == 0;
            return Event::Sockets(if random.below(5) == 0 { Err(1) } else { Ok(removes) });
        }
        let at = usize::try_from(random.below(8)).unwrap();
        let Some((number, child)) = self.children.iter_mut().nth(at) else {
            return match random.below(12) {
                0 | 1 => {
                    self.unheard |= !self.stopping;
                    Event::ReloadWanted
                }
                _ => Event::Tick,
            };
        };
        let generation = Generation(*number);
        let event = match random.below(10) {
            _ if child.dying => Event::Ended(generation, Ended::Signal(9)),
            0 => Event::Ended(generation, Ended::Signal(11)),
            1 => {
                child.failed = true;
                Event::Failed(generation, 78)
            }
            2 => Event::Broken(generation),
            3 => Event::Closed(generation),
            4 => Event::Pong(generation, self.pings),
            _ if child.failed => Event::Ended(generation, Ended::Code(78)),
            _ if child.retired => Event::Ended(generation, Ended::Code(0)),
            _ => {
                child.ready = true;
                Event::Ready(generation)
            }
        };
        if let Event::Ended(generation, _) = event {
            self.children.remove(&generation.0);
        }
        event
    }
}

fn live(seed: u64) -> (u32, bool) {
    let mut random = Random(seed);
    let mut machine = Generations::new(seed.is_multiple_of(3).then_some(4_000));
    // The highest `generations_max` of any plan is 4.
    let mut shell = Shell { most: 4, ..Shell::default() };
    let mut now_ms = 0;
    shell.perform(machine.take(Event::Start, now_ms));
    for turn in 0..4_000_u32 {
        now_ms += random.below(400);
        if turn == 3_000 {
            shell.stopping = true;
            shell.unheard = false;
            shell.perform(machine.take(Event::StopWanted, now_ms));
        }
        let event = shell.event(&mut random);
        shell.perform(machine.take(event, now_ms));
        if machine.next_ms().is_some_and(|next| next <= now_ms) {
            shell.perform(machine.take(Event::Tick, now_ms));
        }
        if shell.exit.is_some() {
            assert_eq!(machine.next_ms(), None);
            return (turn, shell.started);
        }
        let next = machine.next_ms();
        assert!(next.is_none_or(|next| next > now_ms), "a busy loop: {next:?} at {now_ms}");
        let serving = |living: &&Living| living.state == State::Serving;
        assert!(machine.living().iter().filter(serving).count() <= 1, "two serve");
        let known: Vec<u32> = machine.living().iter().map(|living| living.generation.0).collect();
        assert_eq!(known, shell.children.keys().copied().collect::<Vec<_>>());
        assert!(!shell.unheard || machine.is_reloading(), "a request was lost");
        assert!(shell.stopping || !known.is_empty() || next.is_some() || machine.is_reloading());
    }
    panic!("no end: {machine:?}");
}

#[test]
fn whatever_happens() {
    let (mut long, mut codes) = (0, 0);
    for seed in 0..400 {
        let (turns, started) = live(seed);
        long += u32::from(turns >= 3_000 && started);
        codes += u32::from(turns < 3_000);
    }
    // Most lives got beyond the start, and some did not.
    assert!(long > 100 && codes > 20, "{long} {codes}");
}
