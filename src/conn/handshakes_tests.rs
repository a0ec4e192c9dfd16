//! Places of handshakes: who gets one, who waits, who gives it up.

use super::*;

/// A handshake, as [`Handshakes::enter`] numbers them from 1.
fn serial(number: u64) -> u64 {
    SERIALS_FROM + number
}

fn begin(number: u64) -> Entered {
    Entered::Begin(serial(number))
}

fn wait(number: u64) -> Entered {
    Entered::Wait(serial(number))
}

fn answer(number: u64, granted: bool) -> Note {
    Note::Answer { serial: serial(number), granted }
}

#[test]
fn as_many_as_may_begin_at_once_and_the_rest_in_order() {
    let mut handshakes = Handshakes::new(2, 100);
    assert_eq!(handshakes.enter(10, 0), begin(1));
    assert_eq!(handshakes.enter(11, 0), begin(2));
    assert_eq!(handshakes.enter(12, 0), wait(3));
    assert_eq!(handshakes.enter(13, 0), wait(4));
    assert_eq!(handshakes.take_note(), None);
    handshakes.leave(serial(1), 5);
    assert_eq!(handshakes.take_note(), Some((12, answer(3, true))));
    assert_eq!(handshakes.take_note(), None);
    handshakes.leave(serial(2), 6);
    assert_eq!(handshakes.take_note(), Some((13, answer(4, true))));
    handshakes.leave(serial(3), 7);
    handshakes.leave(serial(4), 8);
    assert_eq!(handshakes.enter(14, 9), begin(5));
}

#[test]
fn nobody_overtakes_the_line() {
    let mut handshakes = Handshakes::new(1, 100);
    assert_eq!(handshakes.enter(1, 0), begin(1));
    assert_eq!(handshakes.enter(2, 0), wait(2));
    handshakes.leave(serial(2), 1);
    assert_eq!(handshakes.take_note(), None);
    assert_eq!(handshakes.enter(3, 2), wait(3));
    handshakes.leave(serial(1), 3);
    assert_eq!(handshakes.take_note(), Some((3, answer(3, true))));
    assert_eq!(handshakes.enter(4, 4), wait(4));
}

#[test]
fn a_silent_client_is_given_up_only_while_somebody_waits() {
    let mut handshakes = Handshakes::new(2, 100);
    handshakes.enter(1, 0);
    handshakes.enter(2, 0);
    assert_eq!(handshakes.due_ms(), None);
    handshakes.service(1_000);
    assert_eq!(handshakes.take_note(), None);
    handshakes.enter(3, 1_000);
    handshakes.heard(serial(2), 900);
    assert_eq!(handshakes.due_ms(), Some(STALL_MS));
    handshakes.service(1_000);
    assert_eq!(handshakes.take_note(), Some((1, answer(1, false))));
    assert_eq!(handshakes.take_note(), None);
    // Told once; and one place is enough for the one who waits.
    handshakes.service(2_000);
    assert_eq!(handshakes.take_note(), None);
    handshakes.leave(serial(1), 2_002);
    assert_eq!(handshakes.take_note(), Some((3, answer(3, true))));
    assert_eq!(handshakes.due_ms(), None);
}

#[test]
fn a_client_that_says_a_byte_now_and_then_is_given_up_too() {
    let mut handshakes = Handshakes::new(1, 100);
    handshakes.enter(1, 0);
    handshakes.enter(2, 100);
    for now_ms in (0..HURRY_MS).step_by(100) {
        handshakes.heard(serial(1), now_ms);
        handshakes.service(now_ms);
        assert_eq!(handshakes.take_note(), None);
    }
    assert_eq!(handshakes.due_ms(), Some(HURRY_MS));
    handshakes.service(HURRY_MS);
    assert_eq!(handshakes.take_note(), Some((1, answer(1, false))));
    assert_eq!(handshakes.due_ms(), None);
    // The time in line does not count.
    handshakes.leave(serial(1), HURRY_MS);
    handshakes.enter(3, HURRY_MS);
    assert_eq!(handshakes.due_ms(), Some(HURRY_MS + STALL_MS));
}

#[test]
fn no_place_is_lost_or_given_away_twice() {
    let mut handshakes = Handshakes::new(3, 100);
    let (mut running, mut line) = (Vec::new(), Vec::new());
    let mut dice = 7_u64;
    for now_ms in 0..20_000 {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let roll = (dice >> 33) as usize;
        let mut left = None;
        match roll % 4 {
            0 | 1 if running.len() + line.len() < 20 => match handshakes.enter(0, now_ms) {
                Entered::Begin(serial) => running.push(serial),
                Entered::Wait(serial) => line.push(serial),
            },
            2 if !running.is_empty() => left = Some(running.swap_remove(roll % running.len())),
            3 if !line.is_empty() => left = Some(line.remove(roll % line.len())),
            _ => handshakes.service(now_ms),
        }
        if let Some(serial) = left {
            handshakes.leave(serial, now_ms);
            // Whoever leaves twice changes nothing.
            handshakes.leave(serial, now_ms);
        }
        while let Some((_, note)) = handshakes.take_note() {
            match note {
                Note::Answer { serial, granted: true } => {
                    assert_eq!(line.remove(0), serial);
                    running.push(serial);
                }
                Note::Answer { serial, granted: false } => {
                    assert!(running.contains(&serial) && !line.is_empty());
                    running.retain(|own| *own != serial);
                    handshakes.leave(serial, now_ms);
                }
                other => panic!("{other:?}"),
            }
        }
        assert!(running.len() <= 3);
        assert!(running.len() == 3 || line.is_empty());
    }
}
