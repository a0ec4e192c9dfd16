//! Tests of the credentials file on real files.

use super::*;
use crate::origin::verifier::Verifier;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;

const WALL: u64 = 4_000_000_000;

struct Auth(PathBuf, Credentials);

impl Auth {
    fn new(text: &[u8]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("kinglet-auth-{}-{n}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        let credentials = Credentials::new(3, &path);
        Self(path, credentials)
    }

    fn loaded(text: &[u8]) -> Self {
        let mut auth = Self::new(text);
        assert!(matches!(auth.1.refresh(0, WALL), Some(Event::Loaded { .. })));
        auth
    }

    fn is_granted(&mut self, pair: &str) -> bool {
        matches!(self.1.check(pair.as_bytes(), 0), Entry::Granted)
    }

    fn is_denied(&mut self, pair: &str) -> bool {
        matches!(self.1.check(pair.as_bytes(), 0), Entry::Denied)
    }

    fn job(&mut self, pair: &str, now_ms: u64) -> Box<Job> {
        match self.1.check(pair.as_bytes(), now_ms) {
            Entry::Slow(job) => job,
            other => panic!("{pair}: {other:?}"),
        }
    }

    /// Works a slow check out, as the caller does it.
    fn slow(&mut self, pair: &str) -> bool {
        let job = self.job(pair, 0);
        let (send, wake) = mpsc::channel();
        let verifier = Verifier::new(move || send.send(()).unwrap());
        verifier.submit(job, 9, IpAddr::V4(Ipv4Addr::LOCALHOST)).unwrap();
        wake.recv().unwrap();
        let done = verifier.take_result().unwrap();
        assert_eq!(done.ticket, 9);
        if done.granted {
            self.1.remember(done.key, 0);
        }
        done.granted
    }
}

impl Drop for Auth {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn plain_lines_are_matched_whole() {
    let mut auth = Auth::loaded(b"testuser:testpass\r\nme:with:colon\n\nempty:\nlast:one");
    for pair in ["testuser:testpass", "me:with:colon", "empty:", "last:one"] {
        assert!(auth.is_granted(pair), "{pair}");
    }
    let long = format!("testuser:{}", "p".repeat(PAIR_BYTES_MAX));
    for pair in [
        "",
        ":",
        "testuser",
        "testuser:",
        "testuser:testpas",
        "testuser:testpass\r",
        "testuser:testpass\r\nme:with:colon",
        "stuser:testpass",
        "r:testpass",
        ":testpass",
        "Testuser:testpass",
        "me:with",
        "empty:x",
        "testuser:testpass\0",
        &long,
    ] {
        assert!(auth.is_denied(pair), "{pair:?}");
    }
}

#[test]
fn each_of_many_users_is_found_and_nobody_else() {
    let text: String = (0..1001).map(|n| format!("user{n}:password{n}\n")).collect();
    let mut auth = Auth::loaded((text + "user7:another\n").as_bytes());
    for n in 0..1001 {
        assert!(auth.is_granted(&format!("user{n}:password{n}")), "{n}");
        assert!(auth.is_denied(&format!("user{n}:password{}", n + 1)), "{n}");
        assert!(auth.is_denied(&format!("nobody{n}:password{n}")), "{n}");
    }
    // A user with two lines has two passwords.
    assert!(auth.is_granted("user7:another") && auth.is_denied("user8:another"));
    assert!(Auth::loaded(b"").is_denied("user:password"));
}

#[test]
fn nobody_enters_before_the_file_was_read() {
    let mut auth = Auth::new(b"a:b\n");
    assert!(auth.is_denied("a:b"));
    assert!(auth.1.refresh(0, WALL).is_some());
    assert!(auth.is_granted("a:b"));
}

#[test]
fn lines_that_say_nothing_sensible_are_reported() {
    let mut auth = Auth::new(
        b"# note\n\nok:yes\nnocolon\n:nouser\nsha:{SHA}bad\nmd5:$apr1$short\nnul:a\0b\ncost:$5$x\n",
    );
    let Some(Event::Loaded { users, malformed }) = auth.1.refresh(0, WALL) else { panic!() };
    assert_eq!((users, malformed), (1, vec![4, 5, 6, 7, 8, 9]));
    assert!(auth.is_granted("ok:yes"));
    assert!(auth.is_denied("md5:$apr1$short") && auth.is_denied("sha:{SHA}bad"));
    assert!(auth.is_denied("# note:"));
    let mut many = Auth::new("x\n".repeat(50).as_bytes());
    let Some(Event::Loaded { malformed, .. }) = many.1.refresh(0, WALL) else { panic!() };
    assert_eq!(malformed.len(), MALFORMED_MAX);
}

#[test]
fn sha1_answers_at_once() {
    // printf hello | openssl dgst -sha1 -binary | base64
    let mut auth = Auth::loaded(b"u:{SHA}qvTGHdzF6KLavt4PO0gs2a6pQ00=\nv:$money\nw:{sha}x\n");
    assert!(auth.is_granted("u:hello"));
    assert!(auth.is_denied("u:hellO") && auth.is_denied("v:hello"));
    assert!(auth.is_denied("u:{SHA}qvTGHdzF6KLavt4PO0gs2a6pQ00="));
    assert!(auth.is_granted("v:$money") && auth.is_granted("w:{sha}x"));
}

/// Made with `openssl passwd`, the last ones with crypt(3) of libxcrypt.
const HASHES: &str = "\
m:$1$abcdefgh$rwnEbRiN0agqVgZBovWNQ/
a:$apr1$abcdefgh$cy3DSYyOwfhsyu7QOMQzd.
s5:$5$saltsalt$kfE3pS1dKPPHrilLCLWxLECEVLX8Au49cWIQg7GMQ05
s6:$6$saltsalt$YTeBOLnmm3CoeJTzBuijUEtOEWCqrw/nQ8/AeMmON4LGp3k0ZiMjC1OdqzWFUAfDQBvYkOch9BWtQTBcZ1E/p0
b:$2y$04$abcdefghijklmnopqrstuuwHJMEGjfAzmL1lWmUmlphguIbWfjYey
ba:$2a$04$abcdefghijklmnopqrstuuwHJMEGjfAzmL1lWmUmlphguIbWfjYey
bb:$2b$04$abcdefghijklmnopqrstuuwHJMEGjfAzmL1lWmUmlphguIbWfjYey
plain:text
";

#[test]
fn every_kind_of_hash_is_worked_out() {
    let mut auth = Auth::loaded(HASHES.as_bytes());
    let missing =
        crate::sys::crypt::verify(b"", b"$1$x$y") == Err(crate::sys::crypt::CryptError::Missing);
    for user in ["m", "a", "s5", "s6", "b", "ba", "bb"] {
        if missing && user != "m" && user != "a" {
            continue;
        }
        assert!(!auth.slow(&format!("{user}:wrong")), "{user}");
        assert!(auth.slow(&format!("{user}:hello")), "{user}");
        // Remembered, and nothing else with it.
        assert!(auth.is_granted(&format!("{user}:hello")), "{user}");
        assert!(!auth.is_granted(&format!("{user}:hello2")), "{user}");
    }
    assert!(auth.is_granted("plain:text"));
}

#[test]
fn unknown_users_meet_a_hash_that_never_grants() {
    let mut auth = Auth::loaded(b"a:$apr1$abcdefgh$cy3DSYyOwfhsyu7QOMQzd.\nplain:text\n");
    // The right password of another user, a wrong one of a plain user, one too long.
    assert!(!auth.slow("nobody:hello"));
    assert!(!auth.slow("plain:hello"));
    assert!(!auth.slow(&format!("a:{}", "h".repeat(300))));
    assert!(auth.slow("a:hello"));
}

#[test]
fn what_is_remembered_ends_with_its_time_and_with_the_file() {
    let mut auth = Auth::loaded(b"a:$apr1$abcdefgh$cy3DSYyOwfhsyu7QOMQzd.\n");
    assert!(auth.slow("a:hello"));
    assert!(matches!(auth.1.check(b"a:hello", VERIFIED_MS - 1), Entry::Granted));
    assert!(matches!(auth.1.check(b"a:hello", VERIFIED_MS), Entry::Slow(_)));
    let key = auth.job("a:hello", VERIFIED_MS).key();
    std::fs::write(&auth.0, b"a:$apr1$abcdefgh$L.PT565ESX4Tp2bqNs7Ie.\n").unwrap();
    assert!(auth.1.refresh(CHECK_MS, WALL).is_some());
    assert!(matches!(auth.1.check(b"a:hello", 0), Entry::Slow(_)));
    // A result that comes after the change counts for nothing.
    auth.1.remember(key, 0);
    assert!(matches!(auth.1.check(b"a:hello", 0), Entry::Slow(_)));
}

#[test]
fn the_oldest_credential_makes_room() {
    let mut auth = Auth::loaded(b"a:$apr1$abcdefgh$cy3DSYyOwfhsyu7QOMQzd.\n");
    for n in 0..=VERIFIED_MAX {
        let key = auth.job(&format!("a:{n}"), 0).key();
        auth.1.remember(key, 0);
        auth.1.remember(key, 0);
    }
    assert!(matches!(auth.1.check(b"a:0", 0), Entry::Slow(_)));
    assert!(auth.is_granted("a:1") && auth.is_granted(&format!("a:{VERIFIED_MAX}")));
}

#[test]
fn a_file_that_can_not_be_read_any_more_keeps_what_was_known() {
    let mut auth = Auth::loaded(b"a:b\n");
    std::fs::write(&auth.0, vec![b'x'; FILE_BYTES_MAX + 1]).unwrap();
    assert!(matches!(auth.1.refresh(CHECK_MS * 2, WALL), Some(Event::Unreadable(_))));
    assert!(auth.is_granted("a:b"));
}

#[test]
fn unknown_kinds_of_hashes_are_no_passwords() {
    let mut auth = Auth::new(b"a:{SSHA}abc\nb:$9$foo\nc:{x}y\nd:$5\ne:${\n");
    let Some(Event::Loaded { users, malformed }) = auth.1.refresh(0, WALL) else { panic!() };
    assert_eq!((users, malformed), (3, vec![1, 2]));
    assert!(auth.is_denied("a:{SSHA}abc") && auth.is_denied("b:$9$foo"));
    assert!(auth.is_granted("c:{x}y") && auth.is_granted("d:$5") && auth.is_granted("e:${"));
}

#[test]
fn a_change_is_read_and_a_file_that_is_gone_lets_nobody_in() {
    let mut auth = Auth::loaded(b"a:b\n");
    assert!(auth.1.refresh(CHECK_MS, WALL).is_none());
    std::fs::write(&auth.0, b"c:dd\n").unwrap();
    assert!(auth.1.refresh(CHECK_MS + 1, WALL).is_none());
    assert!(auth.is_granted("a:b"));
    assert!(auth.1.refresh(CHECK_MS * 2, WALL).is_some());
    assert!(auth.is_denied("a:b") && auth.is_granted("c:dd"));
    std::fs::remove_file(&auth.0).unwrap();
    assert!(matches!(auth.1.refresh(CHECK_MS * 3, WALL), Some(Event::Unreadable(_))));
    assert!(auth.1.refresh(CHECK_MS * 4, WALL).is_none());
    assert!(auth.is_denied("c:dd"));
    std::fs::create_dir(&auth.0).unwrap();
    assert!(auth.1.refresh(CHECK_MS * 5, WALL).is_none());
    std::fs::remove_dir(&auth.0).unwrap();
    std::fs::write(&auth.0, vec![b'x'; FILE_BYTES_MAX + 1]).unwrap();
    assert!(auth.1.refresh(CHECK_MS * 6, WALL).is_none());
    std::fs::write(&auth.0, b"e:f\n").unwrap();
    assert!(matches!(auth.1.refresh(CHECK_MS * 7, WALL), Some(Event::Loaded { users: 1, .. })));
    assert!(auth.is_denied("c:dd") && auth.is_granted("e:f"));
}

#[test]
fn a_young_file_is_read_again() {
    let mut auth = Auth::new(b"a:b\n");
    assert!(auth.1.refresh(0, 0).is_some());
    let mtime = std::fs::metadata(&auth.0).unwrap().modified().unwrap();
    // The same size and time, as if written within one tick of the clock.
    let file = std::fs::File::options().write(true).open(&auth.0).unwrap();
    std::os::unix::fs::FileExt::write_at(&file, b"c:d\n", 0).unwrap();
    file.set_modified(mtime).unwrap();
    assert!(auth.1.refresh(CHECK_MS, 0).is_some());
    assert!(auth.is_denied("a:b") && auth.is_granted("c:d"));
    assert!(auth.1.refresh(CHECK_MS * 2, 0).is_none());
}

#[test]
fn a_file_that_is_none_does_not_block() {
    let mut nothing = Credentials::new(0, Path::new("/no/such/file"));
    assert!(matches!(nothing.refresh(0, WALL), Some(Event::Unreadable(_))));
    assert!(matches!(nothing.check(b"a:b", 0), Entry::Denied));
    let mut device = Credentials::new(0, Path::new("/dev/zero"));
    assert!(matches!(device.refresh(0, WALL), Some(Event::Unreadable(_))));
}

#[test]
fn no_password_is_shown_by_debugging() {
    let mut auth = Auth::loaded(b"a:$apr1$abcdefgh$cy3DSYyOwfhsyu7QOMQzd.\n");
    let job = auth.job("a:hunter2", 0);
    let text = format!("{job:?} {:?} {:?}", auth.1, job.key());
    assert!(!text.contains("hunter2") && !text.contains("apr1"));
}

#[test]
fn what_was_read_with_more_rights_counts_until_the_file_can_be_read() {
    let mut auth = Auth::new(b"new:pass");
    let other = auth.0.with_extension("elsewhere");
    std::fs::rename(&auth.0, &other).unwrap();
    std::fs::create_dir(&auth.0).unwrap();
    assert!(matches!(auth.1.hold(b"old:pass"), Event::Loaded { users: 1, .. }));
    assert!(auth.1.refresh(0, WALL).is_none(), "it is known that it cannot be read");
    assert!(auth.is_granted("old:pass"));
    std::fs::remove_dir(&auth.0).unwrap();
    assert!(matches!(auth.1.refresh(1000, WALL), Some(Event::Unreadable(_))), "it is gone");
    assert!(auth.1.refresh(2000, WALL).is_none() && auth.is_denied("old:pass"));
    std::fs::rename(&other, &auth.0).unwrap();
    assert!(matches!(auth.1.refresh(3000, WALL), Some(Event::Loaded { users: 1, .. })));
    assert!(auth.is_granted("new:pass") && auth.is_denied("old:pass"));
}
