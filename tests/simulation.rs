//! The HTTP role without sockets: whatever the cuts, delays and shortages, the same bytes leave.
//!
//! Each seed makes scripts for a few connections. They are played once as a whole, which is
//! compared with what the scripts demand, and then again in other ways that a network and a
//! busy server may cut and order them, which must give the same bytes.
//!
//! `KINGLET_SEED=n cargo test --test simulation` plays one seed alone.

#[path = "simulation/play.rs"]
mod play;
#[path = "simulation/random.rs"]
mod random;
#[path = "simulation/script.rs"]
mod script;

use kinglet::reactor::{Note, Timeout};
use play::{Stage, Way};
use random::Random;
use script::Script;

const SEEDS: u64 = 256;

/// The bytes without what follows from the time.
fn masked(bytes: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    let date = b"\r\nDate: ";
    let length = "Sun, 06 Nov 1994 08:49:37 GMT".len();
    let starts: Vec<usize> =
        out.windows(date.len()).enumerate().filter(|(_, w)| w == date).map(|(at, _)| at).collect();
    for at in starts {
        let end = (at + date.len() + length).min(out.len());
        out[at + date.len()..end].fill(b'-');
    }
    out
}

fn check(stage: &mut Stage, seed: u64) {
    let mut random = Random::new(seed);
    let scripts: Vec<Script> = (0..1 + random.below(3)).map(|_| Script::new(&mut random)).collect();
    let whole = stage.play(&scripts, Way::Whole, &mut random);
    for (script, bytes) in scripts.iter().zip(&whole) {
        script.check(bytes);
    }
    let want: Vec<Vec<u8>> = whole.iter().map(|bytes| masked(bytes)).collect();
    for way in [Way::Bytes, Way::Pieces, Way::Pieces] {
        let got = stage.play(&scripts, way, &mut random);
        for (number, (got, want)) in got.iter().zip(&want).enumerate() {
            let got = masked(got);
            if got == *want {
                continue;
            }
            let same = got.iter().zip(want).take_while(|(a, b)| a == b).count();
            let near = |bytes: &[u8]| {
                let piece = &bytes[same.saturating_sub(60)..bytes.len().min(same + 60)];
                piece.escape_ascii().to_string()
            };
            panic!(
                "{way:?}, connection {number} of {}: differs at {same} of {}\n{}\n{}",
                scripts.len(),
                want.len(),
                near(&got),
                near(want)
            );
        }
    }
}

#[test]
fn the_same_bytes_leave_for_every_cut() {
    let mut stage = Stage::new();
    let seeds = match std::env::var("KINGLET_SEED").map(|seed| seed.parse::<u64>()) {
        Ok(seed) => {
            let seed = seed.expect("KINGLET_SEED is a number");
            seed..seed + 1
        }
        Err(_) => 0..SEEDS,
    };
    for seed in seeds {
        let played = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            check(&mut stage, seed);
        }));
        assert!(played.is_ok(), "failed; play it again with KINGLET_SEED={seed}");
    }
}

/// A server that stops waits for the request of who has just come, and not for long.
#[test]
fn who_has_just_come_when_all_ends_may_ask() {
    let mut stage = Stage::new();
    let kept_ms = [0, 100, 499].map(|age_ms| stage.drained(age_ms));
    assert_eq!(kept_ms, [Some(500), Some(400), Some(1)]);
    assert_eq!([500, 30_000].map(|age_ms| stage.drained(age_ms)), [None, None]);
}

/// The time for a head bounds what comes after it too: the default is 20 seconds, and the answer
/// gets two more to be seen.
#[test]
fn a_head_that_trickles_is_not_listened_to_for_long_after_its_answer() {
    let (ms, out) = Stage::new().trickled();
    assert!(out.starts_with(b"HTTP/1.1 408 "), "{}", out.escape_ascii());
    assert_eq!(ms, 22_000);
}

/// Whatever ends a connection that has answers to take: they leave first.
#[test]
fn nothing_that_ends_a_connection_cuts_its_answers() {
    let mut stage = Stage::new();
    let get = "GET /small.txt HTTP/1.1\r\nHost: a.test\r\n\r\n";
    let late = |why| Note::Timeout(why);
    for (rest, note, status) in [
        ("", Note::Drain, None),
        ("GET /sm", Note::Drain, None),
        ("", late(Timeout::Idle), None),
        ("GET /sm", late(Timeout::Head), Some("408")),
    ] {
        let out = stage.interrupt(format!("{get}{get}{rest}").as_bytes(), note);
        let count = |what: &[u8]| out.windows(what.len()).filter(|piece| *piece == what).count();
        assert_eq!(count(b"HTTP/1.1 200 "), 2, "{rest} {note:?}");
        assert_eq!(count(&script::content(600)), 2, "{rest} {note:?}");
        if let Some(status) = status {
            assert_eq!(count(format!("HTTP/1.1 {status} ").as_bytes()), 1);
            assert!(out.ends_with(b"</html>\n"));
        }
    }
}

/// A long listing is made in portions between which others have their turn; what comes meanwhile
/// neither stops nor repeats it, and one that takes too long is given up.
#[test]
fn a_listing_gives_others_their_turn() {
    let mut stage = Stage::new();
    let get = b"GET /list/ HTTP/1.1\r\nHost: a.test\r\n\r\n";
    let (turns, page) = stage.long(get, None);
    assert!(turns > 2, "{turns} turns");
    assert!(page.starts_with(b"HTTP/1.1 200 "), "{}", page.escape_ascii());
    let stray = Note::Answer { serial: u64::MAX, granted: true };
    let (one_more, same) = stage.long(get, Some(stray));
    assert_eq!((one_more, masked(&same)), (turns + 1, masked(&page)));
    let (drained, last) = stage.long(get, Some(Note::Drain));
    assert!(drained == turns && last.starts_with(b"HTTP/1.1 200 "), "{drained}");
    // So often that nothing may stay counted of what was given up.
    for _ in 0..50 {
        let (late, refused) = stage.long(get, Some(Note::Timeout(Timeout::Check)));
        assert!(late == 2 && refused.starts_with(b"HTTP/1.1 503 "), "{late}");
    }
    assert_eq!(stage.long(get, None).0, turns);
}
