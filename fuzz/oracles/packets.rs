//! What processes of one server say to each other is read whole or refused, and what is read is
//! written as the same bytes again. Nothing that a length claims takes memory.

use std::ffi::OsStr;
use std::fmt::Debug;
use std::fs::File;
use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::FileExt as _;

use kinglet::config::settings::SourceFile;
use kinglet::daemon::orders::{Order, PACKET_BYTES_MAX, Report};
use kinglet::daemon::plan::Plan;
use kinglet::daemon::plan::snapshot::{self, Snapshot};
use kinglet::daemon::supervisor::channel::{Channel, Received};
use kinglet::daemon::{answer_part_again, request_again};
use kinglet::sys::process::Pid;
use kinglet::sys::ring_log::{RING_BYTES, RingLog};
use kinglet::sys::{netlink, notify, passing};

/// Checks one input: a byte that says what the rest is meant for.
pub(crate) fn check(input: &[u8]) {
    let Some((kind, bytes)) = input.split_first() else { return };
    match kind {
        b'o' => whole(bytes, order),
        b'r' => whole(bytes, report),
        b'p' => whole(bytes, plan),
        b's' => whole(bytes, texts),
        b'q' => whole(bytes, request_again),
        b'a' => part(bytes),
        b'c' => channel(bytes),
        b'l' => ring(bytes),
        b'n' => notice(bytes),
        b'f' => descriptors(bytes),
        _ => {}
    }
}

/// What is read is read of all the bytes and of no fewer, and is written the same way.
fn whole(bytes: &[u8], again: fn(&[u8]) -> Option<Vec<u8>>) {
    let Some(written) = again(bytes) else { return };
    assert_eq!(written, bytes, "written otherwise");
    let step = bytes.len().div_ceil(64).max(1);
    for end in (0..bytes.len()).step_by(step).chain([bytes.len() - 1]) {
        assert_eq!(again(&bytes[..end]), None, "cut at {end}");
    }
    for more in [0, 1, 0xff] {
        assert_eq!(again(&[bytes, &[more]].concat()), None, "something follows");
    }
}

fn order(bytes: &[u8]) -> Option<Vec<u8>> {
    let order = Order::decode(bytes).ok()?;
    equal(&order, &Order::decode(&order.encode()).ok());
    assert!(!format!("{order:?}").is_empty());
    fits(order.encode().to_vec())
}

fn report(bytes: &[u8]) -> Option<Vec<u8>> {
    let report = Report::decode(bytes).ok()?;
    equal(&report, &Report::decode(&report.encode()).ok());
    fits(report.encode().to_vec())
}

fn plan(bytes: &[u8]) -> Option<Vec<u8>> {
    let plan = Plan::decode(bytes).ok()?;
    assert!(plan.threads > 0 && plan.generations_max > 0);
    assert!(plan.quick.as_ref().is_none_or(|quick| quick.tries > 0));
    equal(&plan, &Plan::decode(&plan.encode()).ok());
    Some(plan.encode())
}

fn texts(bytes: &[u8]) -> Option<Vec<u8>> {
    let Snapshot { files, pem, identity } = snapshot::decode(bytes).ok()?;
    let content = |file: &SourceFile| file.path.len() + file.text.len();
    assert!(files.iter().map(content).sum::<usize>() < bytes.len());
    let secret: usize = pem.iter().map(|(path, content)| path.len() + content.len()).sum();
    assert!(secret < bytes.len() && identity.subject.groups.len() < bytes.len());
    Some(snapshot::encode(&files, &pem, &identity).to_vec())
}

/// A packet of an answer: a text of any bytes, or an exit code.
fn part(bytes: &[u8]) {
    let again = answer_part_again(bytes);
    match bytes {
        [b'T', text @ ..] => assert_eq!(again.as_deref(), Some(text)),
        [b'E', code] => assert_eq!(again.as_deref(), Some(&[0, *code][..])),
        _ => assert_eq!(again, None),
    }
}

/// What a worker sends: a byte before each packet says how long it is, and whether a descriptor
/// rides on it. Each is a report or garbage, and none disturbs the next.
fn channel(mut bytes: &[u8]) {
    let (mut own, worker) = Channel::pair().expect("a pair");
    while let Some((length, rest)) = bytes.split_first() {
        let rides = length & 0x80 != 0;
        // Longer than any packet, if all bits are set.
        let length = match length & 0x7f {
            0x7f => PACKET_BYTES_MAX + 1,
            short => usize::from(short),
        };
        let (packet, rest) = rest.split_at(length.min(rest.len()));
        bytes = rest;
        if packet.is_empty() {
            continue;
        }
        let rider = rides.then(|| worker.as_fd());
        passing::send(worker.as_fd(), packet, rider).expect("room for one");
        let wanted = match Report::decode(packet) {
            Ok(report) if !rides && packet.len() <= PACKET_BYTES_MAX => Received::Report(report),
            _ => Received::Garbage,
        };
        assert_eq!(own.receive(), wanted);
        assert_eq!(own.receive(), Received::Nothing);
    }
    drop(worker);
    assert_eq!(own.receive(), Received::Closed);
    assert_eq!(own.receive(), Received::Nothing);
}

/// A ring that a worker has filled with anything: a terminal may see what is read, and a line that
/// is written afterwards is the last one.
fn ring(bytes: &[u8]) {
    const LINE: &[u8] = b"a line of ours\n";
    let ring = RingLog::create().expect("a ring");
    let Some(shared) = ring.descriptor() else { return };
    let memory = File::from(shared.try_clone_to_owned().expect("another descriptor"));
    let bytes = &bytes[..bytes.len().min(RING_BYTES)];
    memory.write_all_at(bytes, 0).expect("room");
    readable(&ring.read());
    // The first one may look like the end of a line that was cut.
    ring.write(LINE);
    ring.write(LINE);
    let read = ring.read();
    readable(&read);
    assert!(read.ends_with(LINE), "the last line is missing");
    assert_eq!(memory.metadata().expect("a length").len(), RING_BYTES as u64);
}

fn readable(lines: &[u8]) {
    assert!(lines.len() <= RING_BYTES);
    assert!(lines.is_empty() || lines.ends_with(b"\n"));
    let text = String::from_utf8_lossy(lines);
    assert!(text.chars().all(|char| char == '\n' || !char.is_control()), "{text:?}");
}

/// A head decides, whatever follows.
fn notice(bytes: &[u8]) {
    let said = netlink::is_change(bytes);
    assert!(!said || bytes.len() >= 16);
    let head = bytes.get(..16).unwrap_or(bytes);
    assert_eq!(netlink::is_change(head), said);
    let types = bytes.get(4..6).map(|two| u16::from_ne_bytes([two[0], two[1]]));
    assert!(!said || types.is_some_and(|one| [16, 17, 20, 21].contains(&one)), "{types:?}");
}

/// Variables with a line end between them: as many names as descriptors, never too many.
fn descriptors(bytes: &[u8]) {
    let mut variables = bytes.splitn(3, |byte| *byte == b'\n').map(OsStr::from_bytes);
    let [pid, count, names] = [(); 3].map(|()| variables.next());
    let own = Pid::new(1234).expect("a number");
    let found = notify::offered(pid, count, names, own);
    assert!(found.len() <= 1024);
    assert!(found.is_empty() || pid.is_some_and(|pid| pid.to_string_lossy().contains("1234")));
    for name in found.iter().flatten() {
        assert!(!name.is_empty() && !name.contains(':'));
    }
}

fn fits(packet: Vec<u8>) -> Option<Vec<u8>> {
    assert!(packet.len() <= PACKET_BYTES_MAX);
    Some(packet)
}

fn equal<T: PartialEq + Debug>(one: &T, other: &Option<T>) {
    assert_eq!(Some(one), other.as_ref(), "read otherwise");
}
