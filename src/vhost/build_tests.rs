//! Tests of the world as it is built from settings.

use super::*;
use crate::config::settings::{Cidr, ListenOn, LogFormat, RejectKeyword};
use crate::vhost::fixture::{located, mount, settings, vhost};
use crate::vhost::world::ListenerId;

fn files(mountpoint: &str) -> settings::Mount {
    mount(mountpoint, Origin::File("/srv/www".to_owned()))
}

fn name(world: &World, listener: u16, host: &str) -> String {
    world.vhost(ListenerId(listener), host.as_bytes()).1.name.to_string()
}

#[test]
fn hosts_are_matched_within_their_listener() {
    let settings = settings(vec![
        vhost("localhost", 80, vec![]),
        vhost("other.test", 80, vec![]),
        vhost("other.test", 81, vec![]),
        vhost("OTHER.test", 80, vec![]),
        vhost("*.wild.test", 81, vec![]),
    ]);
    let (world, faults) = World::build(&settings);
    assert_eq!((world.vhosts.len(), world.listeners.len(), faults.len()), (5, 2, 0));
    assert_eq!(world.listeners[0].vhosts.len(), 3);
    for (listener, host, want) in [
        (0, "localhost", "localhost"),
        (0, "other.test", "other.test"),
        (0, "OTHER.TEST.", "other.test"),
        (0, "x.other.test", "other.test"),
        // lwsws takes these for other.test.
        (0, "o", "localhost"),
        (0, "other", "localhost"),
        (0, "a.wild.test", "localhost"),
        (0, "", "localhost"),
        (1, "localhost", "other.test"),
        (1, "a.wild.test", "*.wild.test"),
    ] {
        assert_eq!(name(&world, listener, host), want, "{listener} {host}");
    }
    assert_eq!(world.vhost(ListenerId(1), b"other.test").0, VhostId(2));
}

#[test]
fn a_vhost_answers_for_its_aliases() {
    let mut first = vhost("first.test", 80, vec![]);
    first.aliases =
        ["www.first.test", "*.wild.test", "second.test"].map(str::to_owned).map(located).into();
    let (world, faults) = World::build(&settings(vec![
        vhost("localhost", 80, vec![]),
        first,
        vhost("second.test", 80, vec![]),
    ]));
    assert!(faults.is_empty());
    for (host, want) in [
        ("WWW.first.test", "first.test"),
        ("x.www.first.test", "first.test"),
        ("a.wild.test", "first.test"),
        // The first in the order of the files.
        ("second.test", "first.test"),
        ("other.test", "localhost"),
    ] {
        assert_eq!(name(&world, 0, host), want, "{host}");
    }
    let first = &world.vhosts[1];
    assert!(first.is_named(b"www.first.test") && first.is_named(b"b.wild.test"));
    assert!(!first.is_named(b"localhost"));
}

#[test]
fn a_host_stays_behind_the_name_of_the_hello() {
    let names = ["first.test", "other.test", "*.wild.test", "192.0.2.1", "::1"];
    let vhosts = names.iter().map(|name| vhost(name, 443, vec![]));
    let (world, _) = World::build(&settings(vhosts.collect()));
    let listener = ListenerId(0);
    for (hello, host, stays) in [
        ("first.test", "first.test", true),
        ("first.test", "FIRST.test.", true),
        ("first.test", "x.first.test", true),
        ("first.test", "unknown.test", true),
        ("first.test", "", true),
        ("first.test", "other.test", false),
        ("first.test", "x.other.test", false),
        ("first.test", "[::1]", false),
        ("unknown.test", "first.test", true),
        ("unknown.test", "other.test", false),
        ("a.wild.test", "b.wild.test", true),
        ("other.test", "a.wild.test", false),
    ] {
        let chosen = world.vhost(listener, hello.as_bytes()).0;
        let reached = world.vhost_behind(listener, chosen, host.as_bytes());
        assert_eq!(reached.is_ok(), stays, "{hello} {host}");
        assert_eq!(reached.unwrap_or_else(|own| own).0, chosen, "{hello} {host}");
    }
    for (local, chosen) in [
        (Some("192.0.2.1"), 3),
        (Some("::ffff:192.0.2.1"), 3),
        (Some("::1"), 4),
        (Some("192.0.2.2"), 0),
        (None, 0),
    ] {
        let local = local.map(|address| address.parse().unwrap());
        assert_eq!(world.vhost_at(listener, local), VhostId(chosen), "{local:?}");
    }
}

#[test]
fn one_vhost_takes_every_host() {
    let (world, _) = World::build(&settings(vec![vhost("a.test", 80, vec![])]));
    assert_eq!(name(&world, 0, "b.test"), "a.test");
    let (empty, faults) = World::build(&Settings::default());
    assert!(empty.listeners.is_empty() && empty.vhosts.is_empty() && faults.is_empty());
}

#[test]
fn settings_come_down_to_vhosts_and_mounts() {
    let mut inner = files("/inner");
    inner.body_bytes_max = Some(7);
    inner.keepalive_timeout_secs = Some(3);
    inner.cache = settings::Cache { max_age_secs: 60, reuse: true, ..Default::default() };
    inner.headers = vec![("X-A".to_owned(), "2".to_owned())];
    inner.deny = vec![Cidr { network: [10, 0, 0, 0].into(), prefix_bits: 8 }];
    inner.extra_mimetypes = vec![(".zip".to_owned(), "application/zip".to_owned())];
    let mut site = vhost("a.test", 80, vec![files("/"), inner]);
    site.headers = vec![("X-A".to_owned(), "1".to_owned())];
    site.sts = true;
    site.keepalive_timeout_secs = u32::MAX;
    let mut other = vhost("b.test", 80, vec![files("/")]);
    other.body_bytes_max = Some(9);
    let mut settings = settings(vec![site, other]);
    settings.global.server_string = Some("kinglet".to_owned());
    settings.global.body_bytes_max = 5;
    settings.global.count_threads = 0;
    settings.global.reject_keywords =
        vec![RejectKeyword { keyword: "Bot".to_owned(), status: 404, text: String::new() }];
    let (world, faults) = World::build(&settings);
    assert_eq!(faults, []);
    let site = &world.vhosts[0];
    let inner = site.mount(b"/inner/x").unwrap();
    let root = site.mount(b"/x").unwrap();
    assert_eq!((inner.rest, root.rest), (&b"/x"[..], &b"/x"[..]));
    assert_eq!((site.body_bytes_max, root.mount.body_bytes_max), (5, 5));
    assert_eq!(inner.mount.body_bytes_max, 7);
    assert_eq!(world.vhosts[1].mount(b"/").unwrap().mount.body_bytes_max, 9);
    assert_eq!(site.keepalive_timeout_ms, 4_294_967_295_000);
    assert_eq!(inner.mount.keepalive_timeout_ms, Some(3000));
    assert_eq!(
        inner.mount.cache_control.as_deref(),
        Some("Cache-Control: private, max-age=60\r\n")
    );
    assert_eq!(root.mount.cache_control.as_deref(), Some("Cache-Control: no-store\r\n"));
    let rest = "Server: kinglet\r\n\
                Strict-Transport-Security: max-age=15768000 ; includeSubDomains\r\n";
    assert_eq!(site.header_block(None), format!("X-A: 1\r\n{rest}").as_bytes());
    assert_eq!(site.header_block(Some(root.mount)), site.header_block(None));
    let inner_block = site.header_block(Some(inner.mount));
    assert_eq!(inner_block, format!("X-A: 2\r\n{rest}").as_bytes());
    assert!(!inner.mount.addresses.permits(Some([10, 1, 2, 3].into())));
    let MountTarget::File(file) = &inner.mount.target else { unreachable!() };
    assert_eq!((&*file.root, &*file.default_document), ("/srv/www", "index.html"));
    assert_eq!(file.extra_mimetypes.len(), 1);
    assert_eq!(world.limits.threads, 1);
    assert_eq!(world.limits.timeout_ms, 5000);
    assert!(world.keywords.find(b"Bot").is_some());
}

#[test]
fn files_that_several_share_are_listed_once() {
    let auth = |path: &str| {
        let mut mount = files(&format!("/{path}"));
        mount.basic_auth = Some(located(path.to_owned()));
        mount
    };
    let log = |name: &str, path: &str, format| {
        let mut site = vhost(name, 80, vec![auth("x"), auth("y")]);
        site.access_log = Some(located(path.to_owned()));
        site.access_log_format = format;
        site
    };
    let (world, _) = World::build(&settings(vec![
        log("a", "/log/a", LogFormat::Json),
        log("b", "/log/b", LogFormat::Combined),
        log("c", "/log/a", LogFormat::Combined),
    ]));
    let logs: Vec<_> = world.log_files.iter().map(|file| (&*file.path, file.format)).collect();
    assert_eq!(logs, [("/log/a", LogFormat::Json), ("/log/b", LogFormat::Combined)]);
    let ids = world.vhosts.iter().map(|vhost| vhost.access_log);
    assert_eq!(ids.collect::<Vec<_>>(), [Some(LogId(0)), Some(LogId(1)), Some(LogId(0))]);
    assert_eq!(world.vhosts[2].log_format, LogFormat::Combined);
    assert_eq!(world.auth_files.len(), 2);
    let hit = world.vhosts[1].mount(b"/y").unwrap();
    assert_eq!(hit.mount.auth, Some(AuthId(1)));
}

#[test]
fn what_can_not_be_had_is_a_fault() {
    let mut exact = files("/twice");
    exact.exact_match = true;
    let mut site = vhost("a", 80, vec![files("/twice"), files("/twice"), exact]);
    site.headers = vec![("Content-Length".to_owned(), "0".to_owned())];
    site.listen_on = located(ListenOn::Address([127, 0, 0, 1].into(), None));
    site.families = settings::Families::V6Only;
    let not_built = Origin::NotBuilt { scheme: "cgi", rest: "/bin/x".to_owned() };
    site.mounts.push(mount("/cgi", not_built));
    let (world, faults) = World::build(&settings(vec![site]));
    let messages: Vec<_> = faults.iter().map(|fault| fault.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "the interface is an IPv4 address, IPv6-only is ignored",
            "header \"Content-Length\" is left out: the server sets this header itself",
            "this mountpoint is given twice, the first one counts",
        ]
    );
    let site = &world.vhosts[0];
    assert_eq!(site.mounts.len(), 3);
    assert!(site.headers.is_empty());
    let cgi = site.mount(b"/cgi").unwrap().mount;
    assert!(matches!(cgi.target, MountTarget::NotBuilt { scheme: "cgi" }));
}

#[test]
fn what_must_not_be_served_in_the_clear_does_not_listen() {
    let place = Place { file: 0, start: 5, end: 9 };
    let mut raw = vhost("a.test", 80, vec![files("/")]);
    raw.wants_raw = Some(place);
    let plain = vhost("b.test", 80, vec![files("/")]);
    let (world, faults) = World::build(&settings(vec![raw, plain]));
    assert_eq!(faults.iter().map(|fault| fault.place).collect::<Vec<_>>(), [place]);
    assert_eq!((world.vhosts.len(), world.listeners.len()), (2, 1));
    assert_eq!(name(&world, 0, "a.test"), "b.test");
    assert_eq!(world.listeners[0].default_vhost(), VhostId(1));
}

#[test]
fn thousands_of_vhosts_build_and_answer() {
    let sites = (0..3000).map(|n| vhost(&format!("s{n}.test"), 80, vec![files("/")]));
    let (world, _) = World::build(&settings(sites.collect()));
    assert_eq!(world.listeners.len(), 1);
    assert_eq!(name(&world, 0, "S2999.test"), "s2999.test");
    assert_eq!(name(&world, 0, "s3000.test"), "s0.test");
}

#[test]
fn the_access_of_a_unix_socket_is_that_of_any_of_its_vhosts() {
    let perms = || {
        let perms = settings::UnixPerms { user: "www".to_owned(), group: None, mode: Some(0o666) };
        Some(located(perms))
    };
    let socket = |name: &str, path: &str| {
        let on = located(ListenOn::Unix(path.to_owned()));
        settings::Vhost { listen_on: on, ..vhost(name, 0, vec![]) }
    };
    let with = |vhost| settings::Vhost { unix_access: perms(), ..vhost };
    let (world, faults) = World::build(&settings(vec![
        socket("a", "/run/a"),
        vhost("b", 80, vec![]),
        with(socket("c", "/run/a")),
        socket("d", "/run/d"),
        with(socket("e", "/run/e")),
    ]));
    assert!(faults.is_empty());
    let on: Vec<_> = world.listeners.iter().map(|listener| &listener.on).collect();
    let unix = |path: &str| ListenOn::Unix(path.to_owned());
    assert_eq!(on, [&unix("/run/a"), &ListenOn::Any, &unix("/run/d"), &unix("/run/e")]);
    let access: Vec<_> = world.listeners.iter().map(|listener| listener.access.clone()).collect();
    assert_eq!(access, [perms(), None, None, perms()]);
}
