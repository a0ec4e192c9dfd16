//! Tables for the command line.

use super::*;
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
        let expected = QuickSource { directory: "www".into(), listen_on, port, tls: false };
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
    assert_eq!(quick.directory, Path::new("-t"));
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
        (&["-p", "80"], "unknown option -p", "did you mean --port?"),
        (&["-x"], "unknown option -x", ""),
        (&["--zzzzzz"], "unknown option --zzzzzz", ""),
        (&["--d\u{1b}[0m"], "unknown option --d\\u{1b}[0m", ""),
        (&["-c"], "--configdir needs a value", "--configdir DIR"),
        (&["-c", ""], "--configdir needs the name of a directory", ""),
        (&["--check=x"], "unexpected argument for option '--check': \"x\"", ""),
        (&["-d", "loud"], "unknown log level 'loud'", "one of silent, error"),
        (&["-d", "nitice"], "unknown log level 'nitice'", "did you mean notice?"),
        (&["--port", "65536", "x"], "'65536' is not a port", "1 to 65535"),
        (&["--port", "", "x"], "'' is not a port", "1 to 65535"),
        (&["--port", "80"], "go with a directory", "kinglet --port 8080 DIR"),
        (&["--listen", "*", "-c", "x"], "go with a directory", ""),
        (&["--listen", "x.example", "x"], "'x.example' is not an address", "for example"),
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
        (&["a", "b"], "more than one directory to serve", "kinglet -c DIR"),
        (&["-c", "a", "b"], "either serve b or read", ""),
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
    for (at, option) in OPTIONS.iter().enumerate() {
        for other in &OPTIONS[at + 1..] {
            assert_ne!(option.long, other.long);
            assert!(option.short.is_none() || option.short != other.short);
        }
    }
}
