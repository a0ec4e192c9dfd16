//! Tests of what tells generations apart.

use super::*;
use crate::config::settings::{CertificateSource, Located, Tls, Vhost};
use crate::daemon::command::args;
use crate::sys::access::Subject;

fn arguments_of(words: &[&str]) -> Args {
    let words = ["kinglet", "-t"].iter().chain(words).map(|word| (*word).into());
    args::parse(words).unwrap()
}

fn identity(uid: u32) -> Identity {
    let subject = Subject { uid, gid: 1, groups: vec![1] };
    Identity { subject, user: "user".to_owned(), must_drop: true }
}

fn settings(files: &[(&str, &str)]) -> Settings {
    let file = |&(path, text): &(&str, &str)| SourceFile { path: path.into(), text: text.into() };
    Settings { files: files.iter().map(file).collect(), ..Settings::default() }
}

fn print_of(settings: &Settings) -> [u8; 20] {
    of(&arguments_of(&["-c", "/c"]), settings, &identity(1), (&PemFiles::default(), None))
}

#[test]
fn the_same_is_the_same() {
    let files = [("/c/conf", "{}")];
    assert_eq!(print_of(&settings(&files)), print_of(&settings(&files)));
}

#[test]
fn every_text_path_and_order_counts() {
    let variants: [&[(&str, &str)]; 6] = [
        &[],
        &[("/c/conf", "{}")],
        &[("/c/conf", "{} ")],
        &[("/c/conf{", "}")],
        &[("/c/conf", "{}"), ("/c/conf.d/a", "")],
        &[("/c/conf.d/a", ""), ("/c/conf", "{}")],
    ];
    let mut prints: Vec<_> = variants.iter().map(|files| print_of(&settings(files))).collect();
    prints.sort_unstable();
    prints.dedup();
    assert_eq!(prints.len(), variants.len());
}

#[test]
fn arguments_users_and_the_made_certificate_count() {
    let settings = settings(&[]);
    let with = |words: &[&str], uid, made| {
        of(&arguments_of(words), &settings, &identity(uid), (&PemFiles::default(), made))
    };
    let mut member = identity(1);
    member.subject.groups.push(2);
    let mut prints = vec![
        of(&arguments_of(&["-c", "/c"]), &settings, &member, (&PemFiles::default(), None)),
        with(&["-c", "/c", "--state-default=/x"], 1, None),
        with(&["-c", "/c"], 1, None),
        with(&["-c", "/d"], 1, None),
        with(&["-c", "/c", "-n"], 1, None),
        with(&["-c", "/c", "--data-dir", "/x"], 1, None),
        with(&["-c", "/c", "--state-dir", "/x"], 1, None),
        with(&["-c", "/c"], 2, None),
        with(&["-c", "/c"], 1, Some("AB:CD")),
        with(&["/c"], 1, None),
        with(&["/c", "--tls"], 1, None),
        with(&["/c", "--port", "80"], 1, None),
        with(&["/c", "--listen", "[::1]"], 1, None),
    ];
    let count = prints.len();
    prints.sort_unstable();
    prints.dedup();
    assert_eq!(prints.len(), count);
}

#[test]
fn contents_of_certificates_count_and_not_their_times() {
    let dir = std::env::temp_dir().join(format!("kinglet-fingerprint-{}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    let path = |name: &str| dir.join(name).to_str().unwrap().to_owned();
    let located = |name: &str| Located { value: path(name), place: Default::default() };
    let source = CertificateSource::File(path("crt"));
    let mut tls = Tls::new(Located { value: source, place: Default::default() });
    (tls.key, tls.ca) = (Some(located("key")), Some(located("ca")));
    let mut settings = settings(&[]);
    settings.vhosts = vec![Vhost { tls: Some(tls), ..Vhost::default() }];
    let mut seen = vec![print_of(&settings)];
    for name in ["crt", "key", "ca"] {
        for text in ["one", "two"] {
            fs::write(dir.join(name), text).unwrap();
            let print = print_of(&settings);
            assert!(!seen.contains(&print), "{name} {text}");
            seen.push(print);
            fs::write(dir.join(name), text).unwrap();
            assert_eq!(print_of(&settings), print);
        }
    }
    fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn directories_behind_closed_ones_count() {
    use crate::config::settings::Mount;
    use std::os::unix::fs::PermissionsExt as _;
    let dir = std::env::temp_dir().join(format!("kinglet-held-{}", std::process::id()));
    let _ = fs::remove_dir_all(&dir);
    let www = dir.join("closed/www");
    fs::create_dir_all(&www).unwrap();
    let mode = |bits| {
        fs::set_permissions(dir.join("closed"), fs::Permissions::from_mode(bits)).unwrap();
    };
    let origin = Origin::File(www.to_str().unwrap().to_owned());
    let origin = Located { value: origin, place: Default::default() };
    let mut settings = settings(&[]);
    let mounts = vec![Mount { origin, ..Mount::default() }];
    settings.vhosts = vec![Vhost { mounts, ..Vhost::default() }];
    let now = || {
        of(&arguments_of(&["-c", "/c"]), &settings, &identity(54_321), (&PemFiles::default(), None))
    };
    let replace = || {
        // While the old one is still there, so that it keeps its number.
        fs::rename(&www, dir.join("old")).unwrap();
        fs::create_dir(&www).unwrap();
        fs::remove_dir(dir.join("old")).unwrap();
    };
    mode(0o755);
    let open = now();
    replace();
    assert_eq!(now(), open);
    mode(0o700);
    let closed = now();
    assert_ne!(closed, open);
    assert_eq!(now(), closed);
    replace();
    assert_ne!(now(), closed);
    fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn passwords_that_the_server_may_not_read_count() {
    use crate::config::settings::Mount;
    use std::os::unix::fs::PermissionsExt as _;
    let path = std::env::temp_dir().join(format!("kinglet-passwords-{}", std::process::id()));
    let file = Located { value: path.to_str().unwrap().to_owned(), place: Default::default() };
    let mut settings = settings(&[]);
    let mounts = vec![Mount { basic_auth: Some(file), ..Mount::default() }];
    settings.vhosts = vec![Vhost { mounts, ..Vhost::default() }];
    let now = || {
        of(&arguments_of(&["-c", "/c"]), &settings, &identity(54_321), (&PemFiles::default(), None))
    };
    for (mode, counts) in [(0o644, false), (0o600, true)] {
        fs::write(&path, "a:b").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let before = now();
        assert_eq!(now(), before);
        fs::write(&path, "a:c").unwrap();
        assert_eq!(now() != before, counts, "{mode:o}");
    }
    fs::remove_file(&path).unwrap();
}

#[test]
fn another_program_is_another_generation() {
    let of_program = |path: &str| {
        let mut digest = Digest(Sha1::new());
        program(&mut digest, fs::metadata(path));
        digest.0.digest().bytes()
    };
    let own = of_program(PROGRAM);
    assert_eq!(own, of_program(PROGRAM));
    assert_ne!(own, of_program("/proc/self/status"));
    assert_ne!(own, of_program("/no/such/program"));
}
