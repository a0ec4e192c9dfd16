//! Tables for the command line.

use super::*;
use crate::daemon::command::action::{Page, Shell};
use std::os::unix::ffi::OsStringExt as _;

fn run(words: &[&str]) -> Result<Args, UsageError> {
    parse(std::iter::once("kinglet").chain(words.iter().copied()).map(OsString::from))
}

fn v4(text: &str) -> ListenOn {
    ListenOn::Address(text.parse().unwrap(), None)
}

#[test]
fn actions() {
    for (words, expected) in [
        (&[][..], Action::Serve),
        (&["-t"], Action::Check { strict: false }),
        (&["--check", "--strict"], Action::Check { strict: true }),
        (&["--strict", "-t", "-t"], Action::Check { strict: true }),
        (&["-T"], Action::Dump),
        (&["--dump"], Action::Dump),
        (&["--schema"], Action::Schema),
        (&["--explain", "port"], Action::Explain("port".into())),
        (&["--explain=port"], Action::Explain("port".into())),
        (&["--self-signed"], Action::SelfSigned),
        (&["--self-signed", "--self-signed", "-c", "x"], Action::SelfSigned),
        (&["--one-process"], Action::OneProcess),
        (&["--plan"], Action::Plan),
        (&["--worker"], Action::Worker),
        (&["--resume", "7"], Action::Resume(7)),
        (&["--man", "8"], Action::Manual(Page::Program)),
        (&["--man=5"], Action::Manual(Page::Configuration)),
        (&["--completions", "zsh"], Action::Completions(Shell::Zsh)),
        (&["status"], Action::Control(Control::Status { json: false })),
        (&["status", "--json"], Action::Control(Control::Status { json: true })),
        (&["--json", "-c", "x", "status"], Action::Control(Control::Status { json: true })),
        (&["reload"], Action::Control(Control::Reload)),
        (&["-d", "info", "log"], Action::Control(Control::Log { follow: false })),
        (&["log", "-f"], Action::Control(Control::Log { follow: true })),
        (&["--follow", "log", "www"], Action::Control(Control::Log { follow: true })),
        (&["./log"], Action::Serve),
        (&["-h"], Action::HelpShort),
        (&["--help"], Action::HelpLong),
        (&["-V"], Action::Version),
        (&["--version", "--no-such"], Action::Version),
        // Help is given, not refused.
        (&["--help=x"], Action::HelpLong),
    ] {
        assert_eq!(run(words).unwrap().action, expected, "{words:?}");
    }
}

#[test]
fn sources() {
    let configured = |dir: &str| Source::Configured(dir.into());
    for (words, expected) in [
        (&["-c", "/x"][..], configured("/x")),
        (&["-c/x"], configured("/x")),
        (&["--configdir=/x"], configured("/x")),
        (&["--configdir", "/x", "-t"], configured("/x")),
        (&["-nc", "/x"], configured("/x")),
        (&["-c", "/x", "-c", "/y"], configured("/y")),
        (&[], Source::Configured(default_config_dir())),
    ] {
        assert_eq!(run(words).unwrap().source, expected, "{words:?}");
    }
    assert!(!run(&["-n"]).unwrap().default_plugins);
    assert!(run(&[]).unwrap().default_plugins);
}

#[test]
fn quick_mode() {
    for (words, listen_on, port) in [
        (&["www"][..], v4("127.0.0.1"), None),
        (&["www", "--port", "80"], v4("127.0.0.1"), Some(80)),
        (&["--listen", "0.0.0.0", "www"], v4("0.0.0.0"), None),
        (&["--listen", "::1", "www"], v4("::1"), None),
        (&["--listen", "[::1]", "www"], v4("::1"), None),
        (&["--listen", "[::1]:81", "www"], v4("::1"), Some(81)),
        (&["--listen", "10.0.0.1:81", "www"], v4("10.0.0.1"), Some(81)),
        (&["--listen", "10.0.0.1:81", "--port=81", "www"], v4("10.0.0.1"), Some(81)),
        (&["--listen", ":81", "www"], v4("127.0.0.1"), Some(81)),
        (&["--listen", "localhost:81", "www"], v4("127.0.0.1"), Some(81)),
        (&["--listen", "*", "www"], ListenOn::Any, None),
        (&["--listen", "*:81", "www"], ListenOn::Any, Some(81)),
        (
            &["--listen", "[fe80::1%eth0]:81", "www"],
            ListenOn::Address("fe80::1".parse().unwrap(), Some("eth0".into())),
            Some(81),
        ),
    ] {
        let directory = std::env::current_dir().unwrap().join("www");
        let expected = QuickSource { directory, listen_on, port, tls: false };
        assert_eq!(run(words).unwrap().source, Source::Quick(expected), "{words:?}");
    }
    for (words, tls, action) in [
        (&["--tls", "www"][..], true, Action::Serve),
        (&["www", "--tls", "--tls"], true, Action::Serve),
        (&["--tls", "-t", "www"], true, Action::Check { strict: false }),
        (&["--self-signed", "www"], true, Action::SelfSigned),
        (&["--self-signed", "--tls", "www"], true, Action::SelfSigned),
        (&["-T", "www"], false, Action::Dump),
    ] {
        let args = run(words).unwrap();
        assert!(matches!(args.source, Source::Quick(quick) if quick.tls == tls), "{words:?}");
        assert_eq!(args.action, action, "{words:?}");
    }
    // After -- even an option is a directory.
    let Source::Quick(quick) = run(&["--", "-t"]).unwrap().source else { panic!("not quick") };
    assert_eq!(quick.directory, std::env::current_dir().unwrap().join("-t"));
}

#[test]
fn commands_name_a_server_or_none() {
    for (words, asks_any) in [
        (&["status"][..], true),
        (&["status", "-c", "/x"], false),
        (&["status", "/x"], false),
        (&[], false),
        (&["/x"], false),
    ] {
        assert_eq!(run(words).unwrap().asks_any, asks_any, "{words:?}");
    }
    let here = std::env::current_dir().unwrap();
    // A second word is never a command.
    for word in ["www", "reload"] {
        let args = run(&["reload", word]).unwrap();
        assert_eq!(args.action, Action::Control(Control::Reload));
        assert!(matches!(args.source, Source::Quick(quick) if quick.directory == here.join(word)));
    }
}

#[test]
fn state_directories() {
    assert_eq!(run(&[]).unwrap().state_dir, None);
    for words in
        [&["--state-dir", "/s"][..], &["--state-dir=/s", "-c", "x"], &["x", "--state-dir=/s"]]
    {
        assert_eq!(run(words).unwrap().state_dir.as_deref(), Some(Path::new("/s")), "{words:?}");
    }
}

#[test]
fn daemons() {
    let args = run(&[]).unwrap();
    assert_eq!((args.daemonize, args.log_target, args.pid_file), (false, Target::Stderr, None));
    for (words, daemonize, target) in [
        (&["-D"][..], true, Target::Syslog),
        (&["--daemonize", "--log", "stderr"], true, Target::Stderr),
        (&["-D", "www"], true, Target::Syslog),
        (&["--log=none", "www"], false, Target::None),
        (&["--log=none", "--log=syslog", "--one-process"], false, Target::Syslog),
        // One set of options will do for a check before the start.
        (&["-D", "--pid-file", "/run/k.pid", "-t"], true, Target::Syslog),
    ] {
        let args = run(words).unwrap();
        assert_eq!((args.daemonize, args.log_target), (daemonize, target), "{words:?}");
    }
    let file = |words| run(words).unwrap().pid_file.unwrap();
    assert_eq!(file(&["--pid-file", "/run/k.pid"]), Path::new("/run/k.pid"));
    assert_eq!(file(&["--pid-file=k.pid", "x"]), std::env::current_dir().unwrap().join("k.pid"));
}

#[test]
fn what_is_served_has_an_absolute_path() {
    let here = std::env::current_dir().unwrap();
    for words in [
        &["-c", "x"][..],
        &["-c", "x", "-D"],
        &["-c", "x", "--one-process"],
        &["-c", "x", "--plan"],
        &["-c", "x", "--worker"],
        &["-c", "x", "--resume", "9"],
        &["-c", "x", "status"],
    ] {
        assert_eq!(run(words).unwrap().source, Source::Configured(here.join("x")), "{words:?}");
    }
    // What is only looked at is called what the user calls it.
    assert_eq!(run(&["-t", "-c", "x"]).unwrap().source, Source::Configured("x".into()));
    let data = run(&["--data-dir", "share"]).unwrap().data_dir;
    assert_eq!(data.as_deref(), here.join("share").to_str());
    assert_eq!(run(&["-T", "--data-dir", "share"]).unwrap().data_dir.as_deref(), Some("share"));
}

#[test]
fn levels() {
    for (words, expected) in [
        (&[][..], Level::Notice),
        (&["-d", "1031"], Level::Notice),
        (&["-d15"], Level::Info),
        (&["--debug=debug"], Level::Debug),
        (&["-d", "0"], Level::Silent),
    ] {
        assert_eq!(run(words).unwrap().level, expected, "{words:?}");
    }
}

#[test]
fn mistakes_are_explained() {
    for (words, message, hint) in [
        (&["--prot", "80"][..], "unknown option --prot", "did you mean --port?"),
        (&["--ver"], "unknown option --ver", "did you mean --version?"),
        (&["--config", "x"], "unknown option --config", "did you mean --configdir?"),
        (&["-p", "80"], "unknown option -p", "did you mean --port or --pid-file?"),
        (&["-x"], "unknown option -x", ""),
        (&["--zzzzzz"], "unknown option --zzzzzz", ""),
        (&["--d\u{1b}[0m"], "unknown option --d\\u{1b}[0m", ""),
        (&["-c"], "--configdir needs a value", "--configdir DIR"),
        (&["--pid-file", "-D"], "--pid-file needs a value", "--pid-file FILE"),
        (&["-c", ""], "--configdir needs the name of a directory", ""),
        (&["--check=x"], "unexpected argument for option '--check': \"x\"", ""),
        (&["-d", "loud"], "unknown log level 'loud'", "one of silent, error"),
        (&["-d", "nitice"], "unknown log level 'nitice'", "did you mean notice?"),
        (&["--port", "65536", "x"], "'65536' is not a port", "1 to 65535"),
        (&["--port", "", "x"], "'' is not a port", "1 to 65535"),
        (&["--port", "80"], "go with a directory", "kinglet --port 8080 DIR"),
        (&["--listen", "*", "-c", "x"], "go with a directory", ""),
        (&["--listen", "8080", "x"], "'8080' is not an address", "for example :8080,"),
        (&["--listen", "[::1]x", "x"], "'[::1]x' is not an address", ""),
        (&["--listen", "1.2.3.4:x", "x"], "'x' is not a port", ""),
        (&["--listen", "", "x"], "'' is not an address", ""),
        (&["--listen", ":1", "--port", "2", "x"], "two ports: 2 and 1", ""),
        (&["--tls"], "--tls goes with a directory", "kinglet --tls DIR"),
        (&["--tls", "-c", "x"], "--tls goes with a directory", "\"host-ssl-cert\""),
        (&["--self-signed", "--tls"], "--tls goes with a directory", ""),
        (&["--tls=www"], "unexpected argument for option '--tls'", ""),
        (&["--https", "www"], "unknown option --https", "did you mean --tls?"),
        (&["--ssl", "www"], "unknown option --ssl", "did you mean --tls?"),
        (&["--selfsigned"], "unknown option --selfsigned", "did you mean --self-signed?"),
        (&["--self-signed", "-t"], "--self-signed and --check cannot be done at once", ""),
        (&["--self-signed", "--strict"], "--strict is for --check only", ""),
        (&["--state-dir"], "--state-dir needs a value", "--state-dir DIR"),
        (&["--state-dir="], "--state-dir needs the name of a directory", ""),
        (&["www", "status"], "more than one directory", "did you mean kinglet status www?"),
        (&["status", "a", "b"], "more than one directory", "one server"),
        (&["--tls", "log"], "log is a command", "kinglet ./log serves"),
        (&["log", "--port", "80"], "log is a command", "kinglet ./log serves"),
        (&["reload", "-f"], "--follow is for log only", "kinglet log -f"),
        (&["-f", "www"], "--follow is for log only", ""),
        (&["-t", "reload"], "--check and reload cannot be done at once", ""),
        (&["log", "-t"], "log and --check cannot be done at once", ""),
        (&["--json"], "--json is for status only", "kinglet status --json"),
        (&["reload", "--json"], "--json is for status only", ""),
        (&["-D", "--one-process"], "--daemonize needs a supervisor", "leave --one-process out"),
        (&["--pid-file=x", "--one-process"], "--pid-file needs a supervisor", ""),
        (&["--pid-file="], "--pid-file needs the name of a file", ""),
        (&["--log", "sylog"], "unknown place for the log 'sylog'", "did you mean syslog?"),
        (&["--log", ""], "unknown place for the log ''", "one of stderr, syslog, none"),
        (&["--resume", "2"], "'2' is not a descriptor", ""),
        (&["--resume", "x"], "'x' is not a descriptor", ""),
        (&["--resume", "4294967299"], "is not a descriptor", ""),
        (&["--man", "1"], "unknown section", "did you mean 8?"),
        (&["--completions", "csh"], "unknown shell 'csh'", ""),
        (&["--plna"], "unknown option --plna", ""),
        (&["a", "b"], "more than one directory: a and another", "kinglet -c DIR"),
        (&["-c", "a", "b"], "either the directory b or the configuration a", ""),
        (&["-c", "a", "status", "b"], "either the directory b or the configuration a", ""),
        (&["-t", "-T"], "--check and --dump cannot be done at once", ""),
        (&["--strict"], "--strict is for --check only", "-t --strict"),
        (&["--strict", "-T"], "--strict is for --check only", ""),
    ] {
        let error = run(words).unwrap_err();
        assert!(error.message.contains(message), "{words:?}: {error}");
        assert!(error.hint.clone().unwrap_or_default().contains(hint), "{words:?}: {error}");
        assert!(error.to_string().starts_with("kinglet: "));
    }
}

#[test]
fn paths_need_not_be_utf8() {
    let odd = OsString::from_vec(b"/a\xff".to_vec());
    let words = |rest: Vec<OsString>| std::iter::once(OsString::from("kinglet")).chain(rest);
    let args = parse(words(vec!["-c".into(), odd.clone()])).unwrap();
    assert_eq!(args.source, Source::Configured(odd.clone().into()));
    let args = parse(words(vec![odd.clone()])).unwrap();
    assert!(matches!(args.source, Source::Quick(quick) if quick.directory == Path::new(&odd)));
    for option in ["--port", "--listen", "-d"] {
        assert!(parse(words(vec![option.into(), odd.clone(), "x".into()])).is_err());
    }
    assert!(parse(words(vec![OsString::from_vec(b"--a\xff".to_vec())])).is_err());
    // Not even a program name.
    assert!(parse(Vec::new()).is_ok());
}

#[test]
fn the_table_has_no_double_names() {
    for (at, option) in OPTIONS.iter().chain(HIDDEN).enumerate() {
        for other in OPTIONS.iter().chain(HIDDEN).skip(at + 1) {
            assert_ne!(option.long, other.long);
            assert!(option.short.is_none() || option.short != other.short);
        }
    }
}
