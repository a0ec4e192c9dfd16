//! Tests of keeping the self-signed certificate.

use std::fs;
use std::path::Path;

use std::net::IpAddr;

use super::*;
use crate::config::settings::{Located, Vhost};
use crate::daemon::certificates::state_dir::tests::{Dir, mode};

/// 2026-01-01
const NOW_SECS: u64 = 1_767_225_600;
const DAY_SECS: u64 = 86_400;

fn names(fixed: &[&str], passing: &[&str]) -> Names {
    let owned = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect();
    Names { fixed: owned(fixed), passing: owned(passing) }
}

/// Loads or makes, and gives the findings that are not about a temporary directory in memory.
fn run(dir: &Path, names: &Names, now_secs: u64) -> (Kept, Vec<Finding>) {
    let mut findings = Vec::new();
    let kept = load_or_make(Some(dir.to_owned()), names, now_secs, None, &mut findings).unwrap();
    findings.retain(|finding| !finding.message.contains("is in memory"));
    (kept, findings)
}

/// The command line that names this directory.
fn naming(dir: Option<&Path>) -> Args {
    let args = crate::daemon::command::args::parse(["kinglet".into()]).unwrap();
    Args { state_dir: dir.map(Path::to_owned), ..args }
}

fn files(dir: &Path) -> [Vec<u8>; 2] {
    [KEY_FILE, CERTIFICATE_FILE].map(|name| fs::read(dir.join(name)).unwrap_or_default())
}

#[test]
fn it_is_made_once_and_kept() {
    let dir = Dir::new("kept");
    let wanted = names(&["router", "router.lan"], &["192.0.2.1"]);
    let (first, findings) = run(&dir.0, &wanted, NOW_SECS);
    assert_eq!((first.origin, findings), (Origin::New, vec![]));
    let leaf = first.identity.leaf().unwrap();
    assert!(leaf.covers("router.lan") && leaf.covers("192.0.2.1"));
    let written = files(&dir.0);
    // Another address is no reason to make it again.
    for passing in [&["192.0.2.1"][..], &["198.51.100.7"], &[]] {
        let (again, findings) = run(&dir.0, &names(&["router"], passing), NOW_SECS + DAY_SECS);
        assert_eq!((again.origin, findings), (Origin::Kept, vec![]));
        assert_eq!(again.fingerprint, first.fingerprint);
        assert_eq!(again.identity.chain(), first.identity.chain());
    }
    assert_eq!(files(&dir.0), written);
}

#[test]
fn it_is_renewed_with_its_key() {
    let dir = Dir::new("renewed");
    let (first, _) = run(&dir.0, &names(&["router"], &[]), NOW_SECS);
    let [key, certificate] = files(&dir.0);
    let wanted = names(&["router", "new.lan"], &["192.0.2.1"]);
    let (second, findings) = run(&dir.0, &wanted, NOW_SECS);
    let why = "the old one is not for \"new.lan\"".to_owned();
    assert_eq!((second.origin, findings), (Origin::Renewed(why), vec![]));
    assert_ne!(second.fingerprint, first.fingerprint);
    assert!(second.identity.leaf().unwrap().covers("192.0.2.1"));
    let [key_after, certificate_after] = files(&dir.0);
    assert_eq!(key_after, key);
    assert_ne!(certificate_after, certificate);
    assert_eq!(run(&dir.0, &wanted, NOW_SECS).0.origin, Origin::Kept);
    let (later, _) = run(&dir.0, &wanted, NOW_SECS + 790 * DAY_SECS);
    assert!(matches!(later.origin, Origin::Renewed(why) if why.starts_with("the old one ends")));
    assert_eq!(files(&dir.0)[0], key);
}

#[test]
fn a_clock_that_starts_in_1970_does_no_harm() {
    let dir = Dir::new("1970");
    let wanted = names(&["router"], &[]);
    assert_eq!(run(&dir.0, &wanted, 60).0.origin, Origin::New);
    assert_eq!(run(&dir.0, &wanted, 90).0.origin, Origin::Kept);
    assert!(matches!(run(&dir.0, &wanted, NOW_SECS).0.origin, Origin::Renewed(_)));
    // The next start is in 1970 again.
    assert_eq!(run(&dir.0, &wanted, 60).0.origin, Origin::Kept);
    assert_eq!(run(&dir.0, &wanted, NOW_SECS).0.origin, Origin::Kept);
}

#[test]
fn damage_is_repaired_and_told() {
    let dir = Dir::new("damage");
    let wanted = names(&["router"], &[]);
    run(&dir.0, &wanted, NOW_SECS);
    let [key, certificate] = files(&dir.0);
    for damaged in [&b""[..], b"junk", &certificate[..100]] {
        fs::write(dir.0.join(CERTIFICATE_FILE), damaged).unwrap();
        let (repaired, findings) = run(&dir.0, &wanted, NOW_SECS);
        assert!(matches!(repaired.origin, Origin::Renewed(_)));
        assert_eq!((&files(&dir.0)[0], findings), (&key, vec![]));
    }
    fs::remove_file(dir.0.join(CERTIFICATE_FILE)).unwrap();
    let why = Origin::Renewed("it was missing".to_owned());
    assert_eq!(run(&dir.0, &wanted, NOW_SECS).0.origin, why);
    for damaged in [&b""[..], b"junk", &key[..100]] {
        fs::write(dir.0.join(KEY_FILE), damaged).unwrap();
        let (repaired, findings) = run(&dir.0, &wanted, NOW_SECS);
        assert_eq!((repaired.origin, findings.len()), (Origin::New, 1));
        assert!(findings[0].message.ends_with("is not a P-256 key in PKCS#8: a new one is made"));
        assert_eq!(run(&dir.0, &wanted, NOW_SECS).0.origin, Origin::Kept);
    }
    fs::remove_file(dir.0.join(KEY_FILE)).unwrap();
    assert_eq!(run(&dir.0, &wanted, NOW_SECS).0.origin, Origin::New);
    // The key of another certificate: the key stays.
    fs::write(dir.0.join(KEY_FILE), &key).unwrap();
    assert!(matches!(run(&dir.0, &wanted, NOW_SECS).0.origin, Origin::Renewed(_)));
    assert_eq!(files(&dir.0)[0], key);
}

#[test]
fn what_can_not_be_kept_is_made_in_memory() {
    let dir = Dir::new("memory");
    let wanted = names(&["router"], &[]);
    fs::write(dir.0.join("file"), "x").unwrap();
    let bad = dir.0.join("bad");
    fs::create_dir(&bad).unwrap();
    std::os::unix::fs::symlink("/dev/null", bad.join(KEY_FILE)).unwrap();
    for path in [Some(dir.0.join("file/state")), Some(bad.clone()), None] {
        let mut findings = Vec::new();
        let kept = load_or_make(path, &wanted, NOW_SECS, None, &mut findings).unwrap();
        assert!(kept.dir.is_none() && kept.identity.leaf().unwrap().covers("router"));
        let finding = findings.last().unwrap();
        assert_eq!(finding.severity, Severity::Degraded);
        assert!(finding.message.contains("cannot be kept in "), "{}", finding.message);
    }
    assert!(fs::read_link(bad.join(KEY_FILE)).is_ok());
    assert!(!bad.join(CERTIFICATE_FILE).exists());
}

#[test]
fn a_key_that_others_can_read_is_told() {
    let dir = Dir::new("mode");
    let wanted = names(&["router"], &[]);
    run(&dir.0, &wanted, NOW_SECS);
    mode(&dir.0.join(KEY_FILE), 0o640);
    let (kept, findings) = run(&dir.0, &wanted, NOW_SECS);
    assert_eq!((kept.origin, findings.len()), (Origin::Kept, 1));
    assert_eq!(findings[0].severity, Severity::Warning);
    assert!(findings[0].message.ends_with("can be read or written by other users"));
}

#[test]
fn names_are_those_of_host_vhosts_and_addresses() {
    let addresses: Vec<IpAddr> = ["127.0.0.1", "192.0.2.1", "::1", "fe80::1", "2001:db8::1"]
        .iter()
        .map(|text| text.parse().unwrap())
        .collect();
    let found =
        Names::of(Some("router"), &["default", "a.test.", "*.b.test", "[fd00::9]"], &addresses);
    let fixed = [
        "router",
        "router.lan",
        "router.local",
        "localhost",
        "a.test",
        "*.b.test",
        "fd00::9",
        "127.0.0.1",
        "::1",
    ];
    assert_eq!(found, names(&fixed, &["192.0.2.1", "2001:db8::1"]));
    let found = Names::of(Some("gw.example.org"), &[], &[]).fixed;
    assert_eq!(found[..4], ["gw.example.org", "gw.lan", "gw.local", "localhost"]);
    assert_eq!(Names::of(None, &[], &[]).fixed, ["localhost", "127.0.0.1", "::1"]);
    assert_eq!(Names::of(Some("localhost"), &[], &[]).fixed[..2], ["localhost", "localhost"]);
}

#[test]
fn the_command_prints_what_was_made() {
    let dir = Dir::new("command");
    let mut settings = Settings::default();
    let path = dir.0.join("state").display().to_string();
    settings.global.state_dir = Some(Located { value: path.clone(), ..Located::default() });
    let name = Located { value: "plain.test".to_owned(), ..Located::default() };
    settings.vhosts.push(Vhost { name, ..Vhost::default() });
    let source = crate::vhost::fixture::located(CertificateSource::SelfSigned);
    settings.vhosts.push(Vhost {
        aliases: vec![Located { value: "www.pond.test".to_owned(), ..Located::default() }],
        tls: Some(crate::config::settings::Tls::new(source)),
        ..Vhost::default()
    });
    let text = describe(&settings, &naming(None), &mut Vec::new()).unwrap();
    let kept = load_or_make(Some(path.clone().into()), &Names::default(), 0, None, &mut Vec::new());
    let fingerprint = kept.unwrap().fingerprint;
    for part in [
        format!("certificate  {path}/self-signed.crt\nkey          {path}/self-signed.key\n"),
        "state        new\n".to_owned(),
        format!("\nSHA-256      {fingerprint}\n"),
    ] {
        assert!(text.contains(&part), "{text}");
    }
    assert!(text.contains("localhost, www.pond.test, 127.0.0.1, ::1"), "{text}");
    assert!(!text.contains("plain.test"), "{text}");
    let again = describe(&settings, &naming(None), &mut Vec::new()).unwrap();
    assert!(again.contains("state        still good\n") && again.contains(&fingerprint));
    // The command line's directory comes before the configuration's.
    let other = dir.0.join("other");
    let text = describe(&settings, &naming(Some(&other)), &mut Vec::new()).unwrap();
    assert!(text.contains("state        new\n") && other.join(KEY_FILE).is_file(), "{text}");
    // What the first process has decided comes after both.
    let of_start = Args { state_default: Some(dir.0.join("of-start")), ..naming(None) };
    assert_eq!(directory(&settings, &of_start).0, Some(path.into()));
    assert_eq!(directory(&Settings::default(), &of_start).0, of_start.state_default);
    let nowhere = Args { state_default: Some("".into()), ..naming(None) };
    assert_eq!(directory(&Settings::default(), &nowhere).0, None);
    // What cannot be kept is of no use to whoever runs the command.
    fs::remove_dir_all(dir.0.join("state")).unwrap();
    fs::write(dir.0.join("state"), "x").unwrap();
    let mut findings = Vec::new();
    assert!(describe(&settings, &naming(None), &mut findings).is_err());
    assert!(findings.len() == 1 && findings[0].place.is_some());
}

#[test]
fn a_check_says_what_a_start_would_and_makes_nothing() {
    let dir = Dir::new("check");
    fs::write(dir.0.join("file"), "x").unwrap();
    fs::create_dir(dir.0.join("open")).unwrap();
    mode(&dir.0.join("open"), 0o777);
    let starter = crate::daemon::check::identity::starter();
    let mut settings = Settings::default();
    settings.vhosts.push(Vhost::default());
    let look = |settings: &Settings, name: &str| {
        let found = check(settings, &naming(Some(&dir.0.join(name))), &starter);
        found.filter(|finding| !finding.message.contains("is in memory"))
    };
    assert_eq!(look(&settings, "file"), None, "nobody needs it");
    let source = Located { value: CertificateSource::SelfSigned, place: Place::default() };
    settings.vhosts[0].tls = Some(crate::config::settings::Tls::new(source));
    for name in ["file", "file/state", "open", "open/state"] {
        let said = look(&settings, name).unwrap();
        let mut findings = Vec::new();
        let _ = of_settings(&settings, &naming(Some(&dir.0.join(name))), None, &mut findings);
        assert_eq!(findings.last().unwrap().severity, said.severity);
        assert_eq!(findings.last().unwrap().hint, said.hint);
    }
    assert_eq!(look(&settings, "state/below"), None);
    assert!(!dir.0.join("state").exists());
    let path = dir.0.join("file").display().to_string();
    settings.global.state_dir = Some(Located { value: path, ..Located::default() });
    assert!(check(&settings, &naming(None), &starter).unwrap().place.is_some());
}

#[test]
fn a_key_is_never_kept_among_what_is_served() {
    use crate::config::settings::{Mount, Tls};
    let dir = Dir::new("served");
    let www = dir.0.join("www");
    fs::create_dir(&www).unwrap();
    std::os::unix::fs::symlink(&www, dir.0.join("link")).unwrap();
    let starter = crate::daemon::check::identity::starter();
    let mut settings = Settings::default();
    let root = settings::Origin::File(www.display().to_string());
    let origin = Located { value: root, place: Place::default() };
    let source = Located { value: CertificateSource::SelfSigned, place: Place::default() };
    settings.vhosts.push(Vhost {
        mounts: vec![Mount { origin, ..Mount::default() }],
        tls: Some(Tls::new(source)),
        ..Vhost::default()
    });
    for (name, dotfiles, kept) in [
        ("www", false, false),
        ("www/state", false, false),
        ("link/state", false, false),
        ("www/.state/a", true, false),
        ("www/.state/a", false, true),
        ("www2", false, true),
        (".", false, true),
    ] {
        settings.vhosts[0].mounts[0].dotfiles = dotfiles;
        let path = dir.0.join(name);
        let is_told = |finding: &Finding| finding.message.contains("is served, and the key");
        let said = check(&settings, &naming(Some(&path)), &starter);
        assert_eq!(said.as_ref().is_some_and(is_told), !kept, "{name}");
        let mut findings = Vec::new();
        let made = of_settings(&settings, &naming(Some(&path)), None, &mut findings).unwrap();
        assert_eq!((made.dir.is_some(), path.join(KEY_FILE).exists()), (kept, kept), "{name}");
        assert_eq!(findings.iter().any(is_told), !kept, "{name}");
    }
}
