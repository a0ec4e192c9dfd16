//! Tests of the talk with a service manager.

use super::*;
use crate::sys::alone;
use crate::sys::spawn::Spawn;
use std::ffi::OsString;
use std::io::Read as _;
use std::os::fd::AsFd as _;
use std::path::Path;

fn receive(socket: &UnixDatagram) -> String {
    let mut room = [0; 256];
    let count = socket.recv(&mut room).unwrap();
    String::from_utf8(room[..count].to_vec()).unwrap()
}

#[test]
fn messages_arrive_at_a_path_and_at_an_abstract_name() {
    let own = std::process::id();
    let path = std::env::temp_dir().join(format!("kinglet-notify-{own}"));
    let manager = UnixDatagram::bind(&path).unwrap();
    let run = |address: &str| {
        let variables = [("NOTIFY_SOCKET", address), ("WATCHDOG_USEC", "3000000")];
        alone::run_with("sys::notify::tests::child_talks", &variables);
    };
    let assert_heard = |manager: &UnixDatagram| {
        assert_eq!(receive(manager), "READY=1\nSTATUS=serving");
        let text = receive(manager);
        let us: u64 = text.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap().parse().unwrap();
        assert!(us > 0 && us <= crate::sys::clock::monotonic_us());
    };
    run(path.to_str().unwrap());
    assert_heard(&manager);
    std::fs::remove_file(&path).unwrap();

    let name = format!("kinglet-notify/{own}");
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let manager = UnixDatagram::bind_addr(&address).unwrap();
    run(&format!("@{name}"));
    assert_heard(&manager);
}

#[test]
#[ignore = "needs an environment; run by messages_arrive_at_a_path_and_at_an_abstract_name"]
fn child_talks() {
    let before = std::env::var_os("NOTIFY_SOCKET").unwrap();
    let notify = Notify::from_env().unwrap().unwrap();
    assert_eq!(notify.watchdog_us(), Some(3_000_000));
    let variables = [("NOTIFY_SOCKET".into(), before), ("WATCHDOG_USEC".into(), "3000000".into())];
    assert_eq!(notify.variables(), variables);
    assert_eq!(std::env::var_os("NOTIFY_SOCKET").is_none(), is_single_threaded());
    notify.send("READY=1\nSTATUS=serving").unwrap();
    notify.reloading().unwrap();
}

#[test]
fn nobody_listens_or_the_address_is_none() {
    alone::run("sys::notify::tests::child_is_on_its_own");
    alone::run_with("sys::notify::tests::child_has_a_bad_address", &[("NOTIFY_SOCKET", "vsock:2")]);
    for text in ["", "@", "relative", "vsock:2:1"] {
        assert!(address_of(OsStr::new(text)).is_err(), "{text}");
    }
}

#[test]
#[ignore = "needs an environment; run by nobody_listens_or_the_address_is_none"]
fn child_is_on_its_own() {
    assert!(Notify::from_env().unwrap().is_none());
    assert!(inherited().is_empty());
}

#[test]
#[ignore = "needs an environment; run by nobody_listens_or_the_address_is_none"]
fn child_has_a_bad_address() {
    assert_eq!(Notify::from_env().unwrap_err().kind(), io::ErrorKind::InvalidInput);
}

#[test]
fn the_watchdog_is_meant_for_one_process() {
    let own = Pid::new(42).unwrap();
    let of = |period: Option<&'static str>, pid: Option<&'static str>| {
        watchdog(period.map(OsStr::new), pid.map(OsStr::new), own)
    };
    assert_eq!(of(Some("500"), None), Some(500));
    assert_eq!(of(Some("500"), Some("42")), Some(500));
    assert_eq!(of(Some("500"), Some("43")), None);
    assert_eq!(of(Some("500"), Some("x")), None);
    for period in [None, Some("0"), Some("-1"), Some("5s"), Some("")] {
        assert_eq!(of(period, Some("42")), None);
    }
}

#[test]
fn descriptors_are_counted_only_for_this_process() {
    let own = Pid::new(42).unwrap();
    let of = |pid: &'static str, count: &'static str| {
        handed_over(Some(OsStr::new(pid)), Some(OsStr::new(count)), own)
    };
    assert_eq!(of("42", "2"), Some(2));
    assert_eq!(of("42", "1024"), Some(1024));
    for (pid, count) in [("41", "2"), ("42", "0"), ("42", "-1"), ("42", "1025"), ("42", "x")] {
        assert_eq!(of(pid, count), None);
    }
    assert_eq!(handed_over(None, Some(OsStr::new("2")), own), None);
    assert_eq!(handed_over(Some(OsStr::new("42")), None, own), None);
}

/// A shell becomes this binary and so keeps the number that it tells in LISTEN_PID.
#[test]
fn sockets_that_were_handed_over_are_taken_with_their_names() {
    let (kept, _other) = super::super::passing::pair().unwrap();
    let (mut reader, writer) = io::pipe().unwrap();
    let test = "sys::notify::tests::child_inherits";
    let script = format!(
        "LISTEN_PID=$$ LISTEN_FDS=3 LISTEN_FDNAMES=web::last \
         exec \"$0\" --exact --ignored --test-threads=1 --nocapture {test}"
    );
    let own = super::super::process::own_program().unwrap();
    let args = ["sh".into(), "-c".into(), script.into(), OsString::from(own)];
    let fds = [(kept.as_fd(), 3), (kept.as_fd(), 4), (writer.as_fd(), 1), (writer.as_fd(), 2)];
    let program = Path::new("/bin/sh");
    let spawn = Spawn {
        program,
        args: &args,
        env: &[],
        fds: &fds,
        new_session: false,
        ignored: &[],
        dies_with_parent: false,
    };
    spawn.spawn().unwrap();
    drop(writer);
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert!(text.contains("1 passed"), "{text}");
}

#[test]
#[ignore = "needs descriptors; run by sockets_that_were_handed_over_are_taken_with_their_names"]
fn child_inherits() {
    let found = inherited();
    // The third one is not open, or is something that this process has opened itself.
    let names: Vec<_> = found.iter().map(|(_, name)| name.as_deref()).collect();
    assert_eq!(names[..2], [Some("web"), None]);
    for (fd, _) in &found[..2] {
        // SAFETY: takes no pointers.
        let flags = unsafe { libc::fcntl(std::os::fd::AsRawFd::as_raw_fd(fd), libc::F_GETFD) };
        assert_eq!(flags & libc::FD_CLOEXEC, libc::FD_CLOEXEC);
    }
    std::mem::forget(found.into_iter().nth(2));
    assert!(inherited().is_empty());
}
