//! Tests of processes.

use super::*;
use crate::sys::alone;
use crate::sys::spawn::Spawn;
use std::os::fd::AsFd as _;

fn start(script: &str) -> Pid {
    let args = ["sh", "-c", script].map(OsString::from);
    let program = Path::new("/bin/sh");
    Spawn {
        program,
        args: &args,
        env: &[],
        fds: &[],
        new_session: false,
        ignored: &[],
        dies_with_parent: false,
    }
    .spawn()
    .unwrap()
}

fn reap_next() -> (Pid, Ended) {
    loop {
        match reap() {
            Some(end) => return end,
            None => std::thread::yield_now(),
        }
    }
}

#[test]
fn ends_are_told_apart() {
    alone::run("sys::process::tests::child_reaps");
}

#[test]
#[ignore = "reaps any child; run by ends_are_told_apart"]
fn child_reaps() {
    assert_eq!(reap(), None);
    let three = start("exit 3");
    assert_eq!(reap_next(), (three, Ended::Exited(3)));
    let ended_itself = start("kill -SEGV $$");
    assert_eq!(reap_next(), (ended_itself, Ended::Killed(libc::SIGSEGV)));
    let waiting = start("read forever </dev/zero");
    assert_eq!(reap(), None);
    kill(waiting, 0).unwrap();
    kill(waiting, KILL).unwrap();
    assert_eq!(reap_next(), (waiting, Ended::Killed(KILL)));
    assert_eq!(kill(waiting, 0).unwrap_err().raw_os_error(), Some(libc::ESRCH));
    assert_eq!(reap(), None);
}

#[test]
fn ends_are_said_in_words() {
    assert_eq!(Ended::Exited(3).to_string(), "exit code 3");
    assert_eq!(Ended::Killed(KILL).to_string(), "signal 9 (killed)");
    assert_eq!(Ended::Killed(11).to_string(), "signal 11 (segmentation fault)");
    assert_eq!(Ended::Killed(60).to_string(), "signal 60");
}

#[test]
fn a_number_is_that_of_one_process() {
    assert_eq!(Pid::new(0), None);
    assert_eq!(Pid::new(-1), None);
    assert_eq!(Pid::new(i32::MIN), None);
    assert_eq!(Pid::new(7).map(Pid::get), Some(7));
    assert_eq!(u32::try_from(Pid::own().get()), Ok(std::process::id()));
}

#[test]
fn memory_of_this_process_is_plausible() {
    let found = memory(Pid::own()).unwrap();
    assert!(found.private_dirty_bytes > 0 && found.resident_bytes > found.private_dirty_bytes);
    let mut room = [0; ACCOUNT_BYTES_MAX];
    let text = account(Pid::own(), "statm", &mut room).unwrap();
    let old = from_statm(text, 4096).unwrap();
    assert!(old.resident_bytes > old.private_dirty_bytes);
    let nobody = memory(Pid(i32::MAX)).unwrap_err();
    assert_eq!(nobody.kind(), io::ErrorKind::NotFound);
}

#[test]
fn memory_is_read_from_what_the_kernel_writes() {
    let text = "00400000-7fff [rollup]\nRss:    \t 1300 kB\nPss:  9 kB\nPss_Dirty: 8 kB\n\
                Shared_Clean: 7 kB\nPrivate_Clean:  20 kB\nPrivate_Dirty:   300 kB\n";
    let expected = Memory {
        private_dirty_bytes: 300 << 10,
        private_clean_bytes: 20 << 10,
        resident_bytes: 1300 << 10,
        is_estimate: false,
    };
    assert_eq!(from_rollup(text), Some(expected));
    assert_eq!(from_rollup("Rss: 1 kB\nPrivate_Clean: 1 kB\n"), None);
    assert_eq!(from_rollup(&text.replace("300 kB", "300 MB")), None);
    assert_eq!(from_rollup(&text.replace("1300", "99999999999999999999")), None);
    let old = Memory {
        private_dirty_bytes: 3 << 12,
        private_clean_bytes: 0,
        resident_bytes: 7 << 12,
        is_estimate: true,
    };
    assert_eq!(from_statm("100 7 4 1 0 9 0\n", 4096), Some(old));
    assert_eq!(from_statm("100 4 7 1 0 9 0\n", 4096), None);
    assert_eq!(from_statm("100", 4096), None);
}

#[test]
fn the_own_program_is_known_unless_it_was_replaced() {
    assert_eq!(own_program().unwrap(), std::env::current_exe().unwrap());
    assert_eq!(started_as(), own_program().ok());
    let gone = still_there(PathBuf::from("/usr/bin/kinglet (deleted)")).unwrap_err();
    assert_eq!(gone.kind(), io::ErrorKind::NotFound);
}

#[test]
fn a_process_becomes_another_program_and_keeps_what_it_shall() {
    alone::run("sys::process::tests::child_is_replaced");
}

/// The shell says in the test runner's name that all went well.
#[test]
#[ignore = "becomes a shell; run by a_process_becomes_another_program_and_keeps_what_it_shall"]
fn child_is_replaced() {
    let own = Pid::own();
    let (kept, _writer) = io::pipe().unwrap();
    let (closed, _other) = io::pipe().unwrap();
    let script = format!(
        "test $$ = {own} && test -e /proc/self/fd/{} && test ! -e /proc/self/fd/{} &&
         test \"$ONE\" = two && test -z \"$HOME\" && echo 1 passed",
        kept.as_raw_fd(),
        closed.as_raw_fd()
    );
    let args = ["sh", "-c", &script].map(OsString::from);
    let env = [(OsString::from("ONE"), OsString::from("two"))];
    let error = replace(Path::new("/no/such/program"), &args, &env, &[kept.as_fd()]);
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
    // SAFETY: takes no pointers.
    let flags = unsafe { libc::fcntl(kept.as_raw_fd(), libc::F_GETFD) };
    assert_eq!(flags & libc::FD_CLOEXEC, libc::FD_CLOEXEC);
    let error = replace(Path::new("/bin/sh"), &args, &env, &[kept.as_fd()]);
    assert!(error.raw_os_error().is_none(), "{error}");
}
