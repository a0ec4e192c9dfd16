//! Checks against directories made for the purpose.

use super::*;
use crate::config::settings::SourceFile;
use crate::daemon::command::args::QuickSource;
use crate::daemon::command::quick;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

struct Site(PathBuf);

impl Site {
    fn new(name: &str) -> Self {
        let name = format!("kinglet-check-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(path.join("www")).unwrap();
        let site = Self(path);
        fs::write(site.0.join("www/index.html"), "x").unwrap();
        fs::write(site.0.join("auth"), "u:p\n").unwrap();
        site.chmod("", 0o755);
        site.chmod("www", 0o755);
        site.chmod("www/index.html", 0o644);
        site.chmod("auth", 0o644);
        site
    }

    fn chmod(&self, name: &str, bits: u32) {
        fs::set_permissions(self.0.join(name), fs::Permissions::from_mode(bits)).unwrap();
    }

    fn text(&self, name: &str) -> String {
        self.0.join(name).into_os_string().into_string().unwrap()
    }

    /// One vhost with one mount of `www`, on a loopback port that was free.
    fn settings(&self) -> Settings {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let source = QuickSource {
            directory: self.0.join("www"),
            listen_on: ListenOn::Address("127.0.0.1".parse().unwrap(), None),
            port: None,
            tls: false,
        };
        let port = listener.local_addr().unwrap().port();
        let mut settings = quick::settings(&source, port).unwrap();
        settings.files.push(SourceFile { path: "conf".into(), text: Vec::new() });
        let mount = &mut settings.vhosts[0].mounts[0];
        mount.directory_listing = false;
        mount.origin.place = place(30);
        settings.vhosts[0].port.place = place(20);
        settings
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn place(start: u32) -> Place {
    Place { file: 0, start, end: start + 5 }
}

/// A user who owns nothing here.
fn stranger() -> Identity {
    let subject = Subject { uid: 54_321, gid: 54_321, groups: vec![54_321] };
    Identity { subject, user: "stranger".into(), must_drop: true }
}

fn run_as(settings: &Settings, server: &Identity) -> Vec<Finding> {
    let mut found = Vec::new();
    let actors = Actors { server, starter: &server.subject };
    run(settings, actors, &Interfaces::read(), &mut |finding| found.push(finding));
    found
}

fn only(settings: &Settings) -> Finding {
    let mut found = run_as(settings, &stranger());
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

#[test]
fn a_sound_site_has_nothing_to_report() {
    let site = Site::new("sound");
    assert_eq!(run_as(&site.settings(), &stranger()), []);
}

#[test]
fn directories_are_seen_with_the_eyes_of_the_server() {
    let site = Site::new("docroot");
    let settings = site.settings();
    site.chmod("www", 0o700);
    let finding = only(&settings);
    assert_eq!((finding.severity, finding.place), (Severity::Degraded, Some(place(30))));
    assert!(finding.message.contains("user stranger may not open"));
    site.chmod("www", 0o755);
    site.chmod("", 0o700);
    let finding = only(&settings);
    assert!(finding.message.contains("may not search"), "{finding:?}");
    assert!(finding.hint.unwrap().contains("stranger may read"));
    site.chmod("", 0o755);
    site.chmod("www", 0o777);
    assert_eq!(only(&settings).severity, Severity::Warning);
    site.chmod("www", 0o711);
    assert_eq!(run_as(&settings, &stranger()), []);
    let mut listing = settings;
    listing.vhosts[0].mounts[0].directory_listing = true;
    assert_eq!(only(&listing).severity, Severity::Degraded);
}

#[test]
fn what_is_missing_is_degraded() {
    let site = Site::new("missing");
    let mut settings = site.settings();
    settings.vhosts[0].mounts[0].origin.value = Origin::File(site.text("no/such"));
    let finding = only(&settings);
    assert_eq!(finding.severity, Severity::Degraded);
    assert!(finding.hint.unwrap().starts_with("mkdir -p "));
    settings.vhosts[0].mounts[0].origin.value = Origin::File(site.text("auth"));
    assert!(only(&settings).message.ends_with("is not a directory"));
}

#[test]
fn error_documents_are_there_and_have_no_relative_links() {
    let site = Site::new("lost");
    let mut settings = site.settings();
    settings.vhosts[0].mounts[0].extra_mimetypes.clear();
    let mut set = |page: &str| {
        let value = page.to_owned();
        settings.vhosts[0].error_document_404 = Some(Located { value, place: place(40) });
        settings.clone()
    };
    let lost = set("/lost.html");
    for (page, message) in [
        (None, "lost.html does not exist"),
        (Some("<a href=\"style.css\">"), "the page has relative links"),
    ] {
        if let Some(page) = page {
            fs::write(site.0.join("www/lost.html"), page).unwrap();
        }
        let finding = only(&lost);
        assert_eq!((finding.severity, finding.place), (Severity::Warning, Some(place(40))));
        assert!(finding.message.contains(message), "{finding:?}");
    }
    fs::write(site.0.join("www/lost.html"), "<base href=\"/\"><a href=\"style.css\">").unwrap();
    assert_eq!(run_as(&lost, &stranger()), []);
    assert_eq!(run_as(&set(">/none.html"), &stranger()), []);
    let mut elsewhere = set("/lost.html");
    elsewhere.vhosts[0].mounts[0].mountpoint.value = "/m".to_owned();
    assert!(only(&elsewhere).message.starts_with("no mount serves /lost.html"));
}

#[test]
fn error_documents_that_clients_do_not_see_are_told() {
    let site = Site::new("unseen");
    let mut settings = site.settings();
    settings.vhosts[0].mounts[0].extra_mimetypes.clear();
    let mut set = |page: &str| {
        let value = page.to_owned();
        settings.vhosts[0].error_document_404 = Some(Located { value, place: place(40) });
        settings.clone()
    };
    let says = |settings: &Settings, says: &str| {
        let finding = only(settings);
        assert!(finding.message.ends_with(&format!("{says}: the short page is shown instead")));
    };
    fs::create_dir(site.0.join("www/sub")).unwrap();
    fs::write(site.0.join("www/lost.xyz"), "").unwrap();
    fs::write(site.0.join("www/closed.html"), "").unwrap();
    site.chmod("www/closed.html", 0o600);
    says(&set("/sub"), "sub is a directory");
    says(&set("/sub/"), "sub/index.html does not exist");
    says(&set("/lost.xyz"), "lost.xyz is unknown");
    says(&set("/closed.html"), "closed.html");
    fs::write(site.0.join("www/sub/index.html"), "<p>lost").unwrap();
    assert_eq!(run_as(&set("/sub/"), &stranger()), []);
    let mut inner = set("/in/lost.html");
    let mut mount = inner.vhosts[0].mounts[0].clone();
    mount.mountpoint.value = "/in".to_owned();
    mount.origin.value = Origin::Redirect("https://x.test".to_owned());
    inner.vhosts[0].mounts.push(mount.clone());
    says(&inner, "/in/lost.html is not a file of this vhost");
    inner.vhosts[0].mounts.pop();
    mount.origin = inner.vhosts[0].mounts[0].origin.clone();
    mount.basic_auth = Some(Located { value: site.text("auth"), place: place(50) });
    inner.vhosts[0].mounts.push(mount);
    let found = run_as(&inner, &stranger());
    let says = "/in/lost.html needs a password: the short page is shown instead";
    assert!(found.iter().any(|finding| finding.message == says), "{found:?}");
}

#[test]
fn default_documents() {
    let site = Site::new("default");
    let mut settings = site.settings();
    site.chmod("www/index.html", 0o600);
    assert_eq!(only(&settings).severity, Severity::Degraded);
    fs::remove_file(site.0.join("www/index.html")).unwrap();
    assert_eq!(only(&settings).severity, Severity::Note);
    settings.vhosts[0].mounts[0].directory_listing = true;
    assert_eq!(run_as(&settings, &stranger()), []);
    fs::create_dir(site.0.join("www/index.html")).unwrap();
    assert!(only(&settings).message.ends_with("is not a regular file"));
}

#[test]
fn credentials_are_readable_by_the_server_alone() {
    // What the lines are taken for is another test's.
    let run_as = |settings: &Settings, server: &Identity| {
        let mut found = run_as(settings, server);
        found.retain(|finding| !finding.message.contains(": line 1: "));
        found
    };
    let only = |settings: &Settings| {
        let mut found = run_as(settings, &stranger());
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0)
    };
    let site = Site::new("auth");
    let mut settings = site.settings();
    let named = |value: String| Some(Located { value, place: place(40) });
    settings.vhosts[0].mounts[0].basic_auth = named(site.text("auth"));
    let finding = only(&settings);
    assert_eq!((finding.severity, finding.place), (Severity::Warning, Some(place(40))));
    assert!(finding.message.contains("any user of this machine can read"));
    let advice = format!("chgrp 54321 {0} && chmod 640 {0}", site.text("auth"));
    assert_eq!(finding.hint.as_ref(), Some(&advice));
    site.chmod("auth", 0o640);
    let finding = only(&settings);
    assert_eq!(finding.severity, Severity::Degraded);
    assert!(
        finding.message.ends_with(
            "user stranger may not read {}: every request is refused"
                .replace("{}", &site.text("auth"))
                .as_str()
        )
    );
    assert_eq!(finding.hint.as_ref(), Some(&advice));
    // What root starts reads it before it gives up its rights.
    let root = Subject { uid: 0, gid: 0, groups: vec![0] };
    let mut found = Vec::new();
    let actors = Actors { server: &stranger(), starter: &root };
    files(&settings, actors, &mut |finding| found.push(finding));
    assert_eq!((found.len(), found[0].severity), (1, Severity::Warning), "{found:?}");
    assert!(found[0].message.ends_with("a change counts from the next reload on"));
    assert_eq!(found[0].hint.as_ref(), Some(&format!("for changes at once: {advice}")));
    // A group of the server has it already: others are locked out, and it is not.
    site.chmod("auth", 0o644);
    let mut member = stranger();
    member.subject.groups.push(fs::metadata(site.0.join("auth")).unwrap().gid());
    let advice = format!("chmod o-rwx {}", site.text("auth"));
    assert_eq!(run_as(&settings, &member)[0].hint.as_ref(), Some(&advice));
    site.chmod("auth", 0o640);
    let gid = fs::metadata(site.0.join("auth")).unwrap().gid();
    let mut member = stranger();
    member.subject.groups.push(gid);
    assert_eq!(run_as(&settings, &member), []);
    settings.vhosts[0].mounts[0].basic_auth = named(site.text("none"));
    assert!(only(&settings).message.contains("every request is refused"));
    // In the docroot, and off loopback.
    settings.vhosts[0].mounts[0].basic_auth = named(site.text("www/index.html"));
    settings.vhosts[0].listen_on.value = ListenOn::Any;
    let found = run_as(&settings, &stranger());
    assert!(found.iter().any(|finding| finding.message.contains("without TLS")));
    assert!(found.iter().any(|finding| finding.message.contains("directory that is served")));
    for (non_tls, in_the_clear) in [(NonTls::Redirect, false), (NonTls::Serve, true)] {
        settings.vhosts[0].over_tls = true;
        settings.vhosts[0].non_tls = non_tls;
        let found = run_as(&settings, &stranger());
        let said = found.iter().any(|finding| finding.message.contains("without TLS"));
        assert_eq!(said, in_the_clear, "{non_tls:?}");
    }
}

#[test]
fn each_line_of_the_credentials_is_told() {
    let site = Site::new("users");
    let mut settings = site.settings();
    site.chmod("auth", 0o600);
    let value = site.text("auth");
    settings.vhosts[0].mounts[0].basic_auth = Some(Located { value, place: place(40) });
    let mut owner = stranger();
    owner.subject.uid = fs::metadata(site.0.join("auth")).unwrap().uid();
    let run = |text: &str| {
        fs::write(site.0.join("auth"), text).unwrap();
        let found = run_as(&settings, &owner);
        let path = site.text("auth");
        let told = |finding: &Finding| (finding.severity, finding.message.replace(&path, "F"));
        found.iter().map(told).collect::<Vec<_>>()
    };
    let is = |found: &[(Severity, String)], wanted: &[(Severity, &str)]| {
        let found: Vec<_> = found.iter().map(|(severity, text)| (*severity, &**text)).collect();
        assert_eq!(found, wanted);
    };
    let flaw = "neither user:password nor a hash that is known";
    is(
        &run("# none\nuser\nother:{MD4}x\n"),
        &[
            (Severity::Degraded, "F names no user: every request is refused"),
            (Severity::Warning, &format!("F:2: {flaw}")),
            (Severity::Warning, "F:3: a kind of hash that is not known here, nobody gets in by it"),
        ],
    );
    is(&run("a:b\n"), &[(Severity::Note, "F: line 1: a password")]);
    let apr1 = "$apr1$abcdefgh$cy3DSYyOwfhsyu7QOMQzd.";
    is(
        &run(&format!("\u{feff}a:b\r\n\nc:d\ne:{apr1}:Eve\nf:*\ng:h \ni:{{PLAIN}}*\n")),
        &[
            (Severity::Warning, "F:5: a locked entry, nobody gets in by it"),
            (
                Severity::Note,
                "F: lines 1\u{2013}3: a password; line 4: an MD5 hash of Apache; line 6: a password that ends \
             with white space; line 7: a password",
            ),
        ],
    );
    let second = "F:3: a second hash of the same user, which does not count";
    assert!(
        run(&format!("a:{apr1}\nb:c\na:{apr1}\n")).contains(&(Severity::Warning, second.into()))
    );
    let pair = |n| format!("a:b\nc{n}:{apr1}\n");
    let many = (0..20).map(pair).collect::<String>() + &"x\n".repeat(10);
    let found = run(&many);
    assert_eq!(found.len(), 10, "{found:?}");
    assert_eq!(found[8].1, "F: the same is to be said of 2 more lines");
    assert!(
        found[9].1.ends_with("; line 16: an MD5 hash of Apache; from line 17 on more of these")
    );
}

#[test]
fn access_logs_need_a_place_to_be_made() {
    let site = Site::new("log");
    let mut settings = site.settings();
    let mut log = |name: &str| {
        let value = site.text(name);
        settings.vhosts[0].access_log = Some(Located { value, place: place(50) });
        run_as(&settings, &stranger())
    };
    site.chmod("", 0o757);
    assert_eq!(log("new.log"), []);
    site.chmod("", 0o755);
    for (name, message) in [
        ("new.log", "cannot be made"),
        ("logs/new.log", "there is no"),
        ("www", "is a directory"),
        ("auth", "may not be written"),
    ] {
        let found = log(name);
        assert_eq!(found.len(), 1, "{name}: {found:?}");
        assert!(found[0].message.contains(message), "{name}: {found:?}");
        assert_eq!((found[0].severity, found[0].place), (Severity::Degraded, Some(place(50))));
    }
    site.chmod("auth", 0o666);
    assert_eq!(log("auth"), []);
}

#[test]
fn findings_come_in_the_order_of_the_files() {
    let site = Site::new("order");
    let mut settings = site.settings();
    settings.global.connections_max = Some(u32::MAX);
    settings.vhosts[0].mounts[0].origin.value = Origin::File("/no/such/a".into());
    let mut second = settings.vhosts[0].clone();
    second.mounts[0].origin = Located { value: Origin::File("/no/b".into()), place: place(10) };
    second.name.place = place(5);
    second.name.value = second.name.value.to_uppercase();
    second.listen_on = Located { value: ListenOn::Nic("no-nic".into()), place: place(60) };
    settings.vhosts.push(second.clone());
    second.mounts.clear();
    settings.vhosts.push(second);
    let found = run_as(&settings, &stranger());
    let places: Vec<_> = found.iter().map(|found| found.place.map(|place| place.start)).collect();
    let limit =
        if crate::sys::limits::descriptors().unwrap().hard > u64::from(u32::MAX) { 0 } else { 1 };
    let expected = [Some(5), Some(10), Some(30), Some(60), None];
    assert_eq!(places, expected[..4 + limit], "{found:?}");
    assert!(found[0].message.contains("never reached"));
}
