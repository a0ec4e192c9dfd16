//! What is rendered reads back as what it was made of.

use super::*;
use crate::daemon::command::args::{Action, parse};
use std::os::unix::ffi::OsStringExt as _;

fn read(words: &[OsString]) -> Args {
    parse(std::iter::once(OsString::from("kinglet")).chain(words.iter().cloned())).unwrap()
}

fn assert_reads_back(words: &[OsString]) {
    let args = read(words);
    for (role, action) in [
        (Role::Plan, Action::Plan),
        (Role::Worker, Action::Worker),
        (Role::Resume(17), Action::Resume(17)),
    ] {
        let argv = args.to_argv(role);
        let expected = Args { action, ..args.clone() };
        assert_eq!(parse(argv.clone()).unwrap(), expected, "{argv:?}");
        // The child's child has the same line.
        assert_eq!(expected.to_argv(role), argv);
    }
}

#[test]
fn every_option_reads_back() {
    for words in [
        &[][..],
        &["-c", "/etc/x"],
        &["-c", "relative"],
        &["-c", "-odd"],
        &["-D", "--pid-file", "/run/k.pid"],
        &["-D", "--log", "stderr"],
        &["--pid-file=k.pid", "--log=none", "-n"],
        &["--data-dir", "/srv/share", "--state-dir", "/var/lib/k"],
        &["--data-dir=", "--state-dir", "relative"],
        &["--state-default=/home/u/.local/state/kinglet"],
        &["--state-default="],
        &["-d", "silent"],
        &["-d", "15"],
        &["-d", "debug", "-n"],
        &["www"],
        &["-D", "www", "--tls"],
        &["./status"],
        &["www", "--port", "0"],
        &["www", "--port", "80", "--listen", "*"],
        &["www", "--listen", "0.0.0.0:8080"],
        &["www", "--listen", "::1"],
        &["www", "--listen", "[fe80::1%eth0]:81", "--state-dir=/s"],
        &["--", "-t"],
        &["a b\nc"],
    ] {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        assert_reads_back(&words);
    }
}

#[test]
fn every_level_reads_back() {
    for name in crate::sys::log::Level::NAMES {
        assert_reads_back(&["-d".into(), name.into()]);
    }
}

#[test]
fn names_that_are_no_text_read_back() {
    let odd = || OsString::from_vec(b"a\xff=\n".to_vec());
    assert_reads_back(&[odd()]);
    assert_reads_back(&["-c".into(), odd()]);
    assert_reads_back(&["--state-dir".into(), odd(), "--pid-file".into(), odd()]);
}
