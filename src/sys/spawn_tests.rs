//! Tests of child processes.

use super::*;
use crate::sys::process::{Ended, reap};
use std::io::{PipeReader, Write as _};
use std::os::fd::{AsFd, OwnedFd};

const SHELL: &str = "/bin/sh";

fn script(text: &str) -> Vec<OsString> {
    ["sh", "-c", text].map(OsString::from).to_vec()
}

fn shell<'a>(args: &'a [OsString], fds: &'a [(BorrowedFd<'a>, RawFd)]) -> Spawn<'a> {
    Spawn {
        program: Path::new(SHELL),
        args,
        env: &[],
        fds,
        new_session: false,
        ignored: &[],
        dies_with_parent: false,
    }
}

/// Everything that a child says before its end.
fn said(mut reader: PipeReader, pid: Pid) -> String {
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    wait_for(pid.get());
    text
}

#[test]
fn arguments_and_environment_arrive_as_they_are() {
    let (reader, writer) = io::pipe().unwrap();
    let mut args = script("printf '%s|' \"$0\" \"$@\"; printf '%s' \"$ONE\"; env");
    args.extend(["a b", "", "ü"].map(OsString::from));
    let env = [(OsString::from("ONE"), OsString::from("x=y z"))];
    let fds = [(writer.as_fd(), 1)];
    let pid = Spawn { env: &env, ..shell(&args, &fds) }.spawn().unwrap();
    drop(writer);
    let text = said(reader, pid);
    assert!(text.starts_with("a b||ü|x=y z"), "{text}");
    assert!(text.contains("ONE=x=y z\n") && !text.contains("HOME="), "{text}");
}

#[test]
fn a_program_that_can_not_be_executed_is_an_error_here() {
    let args = script("");
    let missing = Spawn { program: Path::new("/no/such/program"), ..shell(&args, &[]) };
    assert_eq!(missing.spawn().unwrap_err().kind(), io::ErrorKind::NotFound);
    let folder = Spawn { program: Path::new("/"), ..shell(&args, &[]) };
    assert_eq!(folder.spawn().unwrap_err().kind(), io::ErrorKind::PermissionDenied);
    let nul = [OsString::from("a\0b")];
    assert_eq!(shell(&nul, &[]).spawn().unwrap_err().kind(), io::ErrorKind::InvalidInput);
    let (_reader, writer) = io::pipe().unwrap();
    let fds = [(writer.as_fd(), -1)];
    assert_eq!(shell(&args, &fds).spawn().unwrap_err().kind(), io::ErrorKind::InvalidInput);
}

#[test]
fn sources_and_targets_may_overlap() {
    super::super::alone::run("sys::spawn::tests::child_swaps");
}

#[test]
#[ignore = "needs descriptor numbers of its own; run by sources_and_targets_may_overlap"]
fn child_swaps() {
    let (out_reader, out) = io::pipe().unwrap();
    let files: Vec<OwnedFd> = (0..3)
        .map(|number| {
            let (reader, mut writer) = io::pipe().unwrap();
            writeln!(writer, "text {number}").unwrap();
            reader.into()
        })
        .collect();
    let [a, b, c] = [0, 1, 2].map(|at: usize| files[at].as_fd());
    // In a ring: each one's target is the source of another; `a` goes to two places.
    let fds = [
        (a, b.as_raw_fd()),
        (b, c.as_raw_fd()),
        (c, a.as_raw_fd()),
        (out.as_fd(), 1),
        (a, 9),
        (out.as_fd(), 2),
    ];
    let text = format!(
        "read x <&{}; read y <&{}; read z <&{}; echo $x, $y, $z; cd /proc/self/fd; echo *",
        b.as_raw_fd(),
        c.as_raw_fd(),
        a.as_raw_fd()
    );
    let args = script(&text);
    let pid = shell(&args, &fds).spawn().unwrap();
    drop(out);
    let text = said(out_reader, pid);
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("text 0, text 1, text 2"));
    let mut expected = vec![0, 1, 2, 9, a.as_raw_fd(), b.as_raw_fd(), c.as_raw_fd()];
    expected.sort_unstable();
    let mut open: Vec<RawFd> =
        lines.next().unwrap().split(' ').map(|number| number.parse().unwrap()).collect();
    open.sort_unstable();
    // The folder that the shell lists is open while it does.
    open.retain(|fd| expected.contains(fd) || *fd < 3);
    assert_eq!(open, expected);
}

#[test]
fn nothing_else_is_open_not_even_what_is_not_closed_on_exec() {
    let (leaked, _other) = io::pipe().unwrap();
    super::super::process::set_cloexec(leaked.as_fd(), false).unwrap();
    let (reader, writer) = io::pipe().unwrap();
    let text = format!("test -e /proc/self/fd/{} && echo open || echo closed", leaked.as_raw_fd());
    let args = script(&text);
    let fds = [(writer.as_fd(), 1)];
    let pid = shell(&args, &fds).spawn().unwrap();
    drop(writer);
    assert_eq!(said(reader, pid), "closed\n");
}

#[test]
fn without_a_call_for_it_all_low_numbers_are_closed_on_exec() {
    super::super::alone::run("sys::spawn::tests::child_closes_one_by_one");
}

#[test]
#[ignore = "changes every descriptor; run by the test above"]
fn child_closes_one_by_one() {
    let (leaked, _other) = io::pipe().unwrap();
    super::super::process::set_cloexec(leaked.as_fd(), false).unwrap();
    each_low_on_exec();
    for (fd, expected) in [(leaked.as_raw_fd(), libc::FD_CLOEXEC), (1, 0)] {
        // SAFETY: takes no pointers.
        assert_eq!(unsafe { libc::fcntl(fd, libc::F_GETFD) }, expected);
    }
}

#[test]
fn signals_are_at_their_defaults_in_the_child() {
    super::super::alone::run("sys::spawn::tests::child_blocks_and_ignores");
}

#[test]
#[ignore = "blocks signals; run by signals_are_at_their_defaults_in_the_child"]
fn child_blocks_and_ignores() {
    for signal in [libc::SIGPIPE, libc::SIGUSR1, libc::SIGRTMAX()] {
        // SAFETY: takes no pointers.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
    // SAFETY: the set lives through the calls.
    unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const all, std::ptr::null_mut());
    }
    let (reader, writer) = io::pipe().unwrap();
    let args = ["grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"].map(OsString::from);
    let fds = [(writer.as_fd(), 1)];
    let grep = Path::new("/bin/grep");
    let pid = Spawn { program: grep, ..shell(&args, &fds) }.spawn().unwrap();
    drop(writer);
    let text = said(reader, pid);
    let values: Vec<_> = text.lines().filter_map(|line| line.split_once(':')).collect();
    assert_eq!(values.len(), 2, "{text}");
    for (name, value) in values {
        // Signals 32 to 34 are the C library's own, and it lets nobody set them.
        let set = u64::from_str_radix(value.trim(), 16).unwrap() & !(0b111 << 31);
        assert_eq!(set, 0, "{name}");
    }
}

#[test]
fn what_is_to_be_ignored_is_from_the_first_moment() {
    let (reader, writer) = io::pipe().unwrap();
    let args = script("kill -HUP $$; kill -USR1 $$; echo alive; kill -TERM $$; echo too long");
    let fds = [(writer.as_fd(), 1)];
    let ignored = &[Signal::Hangup, Signal::User1];
    let pid = Spawn { ignored, ..shell(&args, &fds) }.spawn().unwrap();
    drop(writer);
    assert_eq!(said(reader, pid), "alive\n");
}

#[test]
fn a_child_dies_with_its_parent_only_when_asked() {
    super::super::alone::run("sys::spawn::tests::child_leaves_children");
}

#[test]
#[ignore = "forks; run by a_child_dies_with_its_parent_only_when_asked"]
fn child_leaves_children() {
    for dies_with_parent in [true, false] {
        let (mut reader, writer) = io::pipe().unwrap();
        let (waits, begins) = io::pipe().unwrap();
        let args = script("read -r line; echo alive");
        let fds = [(writer.as_fd(), 1), (waits.as_fd(), 0)];
        // SAFETY: the child makes another one and ends at once.
        let parent = unsafe { libc::fork() };
        if parent == 0 {
            let started = Spawn { dies_with_parent, ..shell(&args, &fds) }.spawn();
            // SAFETY: ends the process.
            unsafe { libc::_exit(i32::from(started.is_err())) };
        }
        wait_for(parent);
        drop((writer, waits));
        (&begins).write_all(b"go on\n").ok();
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, if dies_with_parent { "" } else { "alive\n" });
    }
}

#[test]
fn the_group_and_the_session_change_only_when_asked() {
    for new_session in [false, true] {
        let (reader, writer) = io::pipe().unwrap();
        let args = script("read -r line </proc/self/stat; echo \"$line\"");
        let fds = [(writer.as_fd(), 1)];
        let pid = Spawn { new_session, ..shell(&args, &fds) }.spawn().unwrap();
        drop(writer);
        let line = said(reader, pid);
        let fields: Vec<i32> = line
            .rsplit_once(')')
            .unwrap()
            .1
            .split_ascii_whitespace()
            .skip(2)
            .take(2)
            .map(|field| field.parse().unwrap())
            .collect();
        // SAFETY: neither call takes a pointer.
        let own = unsafe { [libc::getpgrp(), libc::getsid(0)] };
        let expected = if new_session { [pid.get(); 2] } else { own };
        assert_eq!(fields, expected);
    }
}

#[test]
fn an_error_leaves_no_child_behind() {
    super::super::alone::run("sys::spawn::tests::child_fails_to_spawn");
}

#[test]
#[ignore = "reaps any child; run by an_error_leaves_no_child_behind"]
fn child_fails_to_spawn() {
    let args = script("exit 3");
    let missing = Spawn { program: Path::new("/no/such/program"), ..shell(&args, &[]) };
    assert!(missing.spawn().is_err());
    // SAFETY: the status is not asked for.
    assert_eq!(unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::WNOHANG) }, -1);
    let pid = shell(&args, &[]).spawn().unwrap();
    let end = loop {
        match reap() {
            Some(end) => break end,
            None => std::thread::yield_now(),
        }
    };
    assert_eq!(end, (pid, Ended::Exited(3)));
}
