//! Rings that fill, wrap, are shared and hold rubbish.

use super::*;

fn text(ring: &RingLog) -> String {
    String::from_utf8(ring.read()).unwrap()
}

#[test]
fn lines_come_back_in_order() {
    let ring = RingLog::create().unwrap();
    assert_eq!(ring.read(), b"");
    ring.write(b"one\n");
    ring.write("zwölf\n".as_bytes());
    assert_eq!(text(&ring), "one\nzwölf\n");
    // Not a line yet.
    ring.write(b"half");
    assert_eq!(text(&ring), "one\nzwölf\n");
}

#[test]
fn the_last_lines_are_kept_whole() {
    for length in [7, 10, 63, 100, 1024] {
        let ring = RingLog::create().unwrap();
        let line = |number: usize| format!("{number:0width$}\n", width = length - 1);
        let fits = ROOM / length;
        for number in 0..3 * fits + 5 {
            ring.write(line(number).as_bytes());
            if number > 50 && number % 97 != 0 {
                continue;
            }
            let kept = text(&ring);
            assert!(kept.ends_with(&line(number)));
            let lines: Vec<&str> = kept.lines().collect();
            assert!(lines.iter().all(|line| line.len() == length - 1));
            // All of them, but for the one that is being overwritten.
            assert!(lines.len() >= (number + 1).min(fits - 1), "{length} {number}");
            let first: usize = lines[0].parse().unwrap();
            assert_eq!(first, number + 1 - lines.len());
        }
    }
}

#[test]
fn what_is_added_can_be_followed() {
    let ring = RingLog::create().unwrap();
    // From the first lines on, and where the count begins again.
    for start in [0, 5, ROOM as u32 - 3, PERIOD - 3, PERIOD - ROOM as u32] {
        ring.shared().next.store(start, Ordering::Relaxed);
        let first = ring.position();
        assert_eq!((first, ring.between(first, first).len()), (start, 0));
        ring.write(b"one\n");
        let second = ring.position();
        ring.write(b"two\x1b\n");
        let third = ring.position();
        assert_eq!(ring.between(first, second), b"one\n");
        assert_eq!(ring.between(second, third), b"two?\n");
        assert_eq!(ring.between(first, third), b"one\ntwo?\n");
        for number in 0..ROOM / 8 - 2 {
            assert_eq!(ring.between(first, second), b"one\n", "{start} {number}");
            ring.write(format!("{number:07}\n").as_bytes());
        }
        // What has been overwritten is left out, and nothing comes twice.
        ring.write(b"0123456\n");
        ring.write(b"0123456\n");
        let last = ring.position();
        assert_eq!(ring.between(first, second), b"");
        ring.write(b"x\n");
        let both = [ring.between(second, last), ring.between(last, ring.position())].concat();
        assert!(both == ring.read() && both.ends_with(b"0123456\nx\n"), "{start}");
    }
    // Positions that are none.
    for at in [PERIOD, u32::MAX] {
        assert!(ring.between(at, 0).len() <= RING_BYTES && ring.between(0, at).len() <= RING_BYTES);
        ring.shared().next.store(at, Ordering::Relaxed);
        ring.write(b"a line\n");
        assert!(ring.read().ends_with(b"a line\n") && ring.position() < PERIOD);
    }
}

#[test]
fn another_process_attaches_to_the_same_lines() {
    let ring = RingLog::create().unwrap();
    ring.write(b"ours\n");
    let fd = ring.descriptor().unwrap().try_clone_to_owned().unwrap();
    let other = RingLog::attach(fd).unwrap();
    other.write(b"theirs\n");
    assert_eq!(text(&ring), "ours\ntheirs\n");
    drop(ring);
    assert_eq!(text(&other), "ours\ntheirs\n");
}

#[test]
fn nobody_can_make_it_shorter() {
    let ring = RingLog::create().unwrap();
    let fd = ring.descriptor().unwrap().try_clone_to_owned().unwrap();
    let file = std::fs::File::from(fd);
    assert!(file.set_len(0).is_err() && file.set_len(1 << 20).is_err());
    assert_eq!(ring.read(), b"");
}

#[test]
fn what_is_no_ring_is_refused() {
    let file = std::fs::File::open("/dev/null").unwrap();
    let error = RingLog::attach(file.into()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
}

#[test]
fn without_a_file_the_process_has_its_own() {
    let ring = RingLog { shared: map(None).unwrap(), file: None };
    ring.write(b"alone\n");
    assert_eq!(text(&ring), "alone\n");
    assert!(ring.descriptor().is_none());
}

#[test]
fn rubbish_is_bounded_and_harmless() {
    let ring = RingLog::create().unwrap();
    // A place that is none, and every byte.
    for next in [u32::MAX, ROOM as u32, ROOM as u32 + 1, 0] {
        ring.shared().next.store(next, Ordering::Relaxed);
        for (at, place) in ring.shared().lines.iter().enumerate() {
            place.store((at % 256) as u8, Ordering::Relaxed);
        }
        let read = ring.read();
        assert!(!read.is_empty() && read.len() <= RING_BYTES);
        assert!(read.iter().all(|byte| *byte >= b' ' && *byte != 0x7f || *byte == b'\n'));
        ring.write(b"a line\n");
        assert!(ring.read().ends_with(b"a line\n"));
    }
    ring.write(b"\x1b[2J\xc2\x9b1m \xc2\xa9 \x80\r\n");
    assert!(ring.read().ends_with(b"?[2J\xc2?1m \xc2\xa9 \x80?\n"));
    for place in &ring.shared().lines {
        place.store(b'x', Ordering::Relaxed);
    }
    assert_eq!(ring.read(), b"");
    // Longer than all of it.
    ring.write(&[b'y'; RING_BYTES]);
    assert_eq!(ring.read(), b"");
}

#[test]
fn writers_do_not_disturb_each_other() {
    let ring = RingLog::create().unwrap();
    std::thread::scope(|scope| {
        for letter in [b'a', b'b', b'c', b'd'] {
            let ring = &ring;
            scope.spawn(move || {
                let mut line = [letter; 50];
                line[49] = b'\n';
                (0..60).for_each(|_| ring.write(&line));
            });
        }
    });
    let kept = text(&ring);
    assert_eq!(kept.lines().count(), 240);
    for line in kept.lines() {
        assert_eq!(line.trim_matches(line.chars().next().unwrap()), "");
        assert_eq!(line.len(), 49);
    }
}
