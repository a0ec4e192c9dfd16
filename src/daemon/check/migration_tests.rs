//! Tests of the page for configurations of lwsws: what it says of which configuration.

use super::*;
use crate::config::{self, Options};
use crate::sys::access::Subject;

/// The page about a configuration with these keys in `global`, in a vhost beside its port, and in
/// its mount `/` beside its origin; its lines are joined.
fn page_of(global: &str, vhost: &str, mounts: &str) -> String {
    let text = format!(
        "{{ \"global\": {{ {global} }},\n\"vhosts\": [\n{{ \"port\": \"80\" {vhost},\n\"mounts\": [\n\
         {mounts}\n] }}] }}"
    );
    page_of_text(&text)
}

fn page_of_text(text: &str) -> String {
    let file = SourceFile { path: "conf".to_owned(), text: text.as_bytes().to_vec() };
    let options = Options { keep_written: true, ..Options::default() };
    let loaded = config::load_texts(vec![file], &options);
    let shown = loaded.report.render(&loaded.settings.files, false);
    assert!(!loaded.report.has_errors(), "{text}\n{shown}");
    let subject = Subject { uid: 65534, gid: 65534, groups: vec![65534] };
    let server = Identity { subject, user: "nobody".to_owned(), must_drop: true };
    let page = page(&loaded.settings, &server);
    assert!(page.lines().all(|line| line.chars().count() <= COLUMNS), "{page}");
    page.split_whitespace().collect::<Vec<_>>().join(" ")
}

const FILES: &str = r#"{ "mountpoint": "/", "origin": "file:///srv/www" }"#;
const REDIRECT: &str = r#"{ "mountpoint": "/", "origin": ">https://a.test" }"#;
const CGI: &str = r#"{ "mountpoint": "/", "origin": "cgi:///bin/x" }"#;
const TLS: &str = r#", "host-ssl-cert": "/c", "host-ssl-key": "/k""#;

/// What the page says when a configuration has one thing, and what not when it has another.
#[track_caller]
fn only(says: &str, with: [&str; 3], without: [&str; 3]) {
    let page = page_of(with[0], with[1], with[2]);
    assert!(page.contains(says), "{says}\n{page}");
    let page = page_of(without[0], without[1], without[2]);
    assert!(!page.contains(says), "{says}\n{page}");
}

#[test]
fn the_directory_of_lwsws_is_known_by_its_name() {
    for ours in ["/etc/lwsws", "/etc/lwsws/", "lwsws", "./old/lwsws"] {
        assert!(concerns(Path::new(ours)), "{ours}");
    }
    for other in ["/etc/kinglet", "/etc/lwsws/conf.d", "/etc/lwsws2", "/", ".", ".."] {
        assert!(!concerns(Path::new(other)), "{other}");
    }
}

#[test]
fn rights() {
    let says = "lwsws stayed root without \"username\"; Kinglet serves as nobody then; as before: \
                \"username\": \"root\"";
    only(says, ["", "", FILES], [r#""username": "www""#, "", FILES]);
    only(says, ["", "", FILES], [r#""uid": 33"#, "", FILES]);
    let says = "CGI programs cannot gain rights by set-uid programs such as sudo; as before: \
                \"no-new-privs\": \"0\" (conf:5)";
    only(says, ["", "", CGI], ["", "", FILES]);
    only(says, ["", "", CGI], [r#""no-new-privs": "0""#, "", CGI]);
}

#[test]
fn time() {
    let says = "without \"keepalive-timeout\" an idle connection is kept for 60 s, not for 5; as \
                before: \"keepalive-timeout\": \"5\" (conf:3)";
    only(says, ["", "", FILES], ["", r#", "keepalive_timeout": "9""#, FILES]);
    // One of several vhosts.
    let page = page_of_text(
        r#"{ "vhosts": [
        { "port": 1, "name": "a", "keepalive_timeout": 9 },
        { "port": 1, "name": "b" } ] }"#,
    );
    assert!(page.contains("\"5\" (conf:3)"), "{page}");
    for spelling in ["keeplive-timeout", "keepalive-timeout"] {
        let says = format!("\"{spelling}\" counts; lwsws read only \"keepalive_timeout\"");
        let key = format!(", \"{spelling}\": \"9\"");
        only(&says, ["", &key, FILES], ["", r#", "keepalive_timeout": "9""#, FILES]);
    }
    let says = "ends after 5 s, not 15; as before: \"timeout-secs\": \"15\"";
    only(says, ["", "", FILES], [r#""timeout-secs": "5""#, "", FILES]);
}

#[test]
fn sockets() {
    let unix = r#", "unix-socket": 1, "interface": "/run/s""#;
    let says = "a unix socket without \"unix-socket-perms\" has mode 0600, not 0660";
    only(says, ["", unix, FILES], ["", "", FILES]);
    let perms = format!(r#"{unix}, "unix-socket-perms": "root:root""#);
    only(says, ["", unix, FILES], ["", &perms, FILES]);
    let hidden = r#", "unix-socket": 1, "interface": "@s""#;
    only(says, ["", unix, FILES], ["", hidden, FILES]);

    let says = "\"ipv6only\": \"off\" means IPv4 alone; lwsws listened on both";
    only(says, ["", r#", "ipv6only": "off""#, FILES], ["", r#", "ipv6only": "on""#, FILES]);
    only(says, ["", r#", "ipv6only": "0""#, FILES], ["", "", FILES]);

    let says = "\"interface\" is followed";
    for bound in ["eth0", "192.0.2.1", "2001:db8::1"] {
        let vhost = format!(r#", "interface": "{bound}""#);
        only(says, ["", &vhost, FILES], ["", "", FILES]);
        only(says, ["", &vhost, FILES], ["", r#", "interface": "127.0.0.1""#, FILES]);
        only(says, ["", &vhost, FILES], ["", unix, FILES]);
    }
}

#[test]
fn names_and_redirects() {
    let says = "a Host must be a vhost's whole name";
    let two = |second: &str| {
        page_of_text(&format!(r#"{{ "vhosts": [{{ "port": 1, "name": "a" }}, {second}] }}"#))
    };
    assert!(two(r#"{ "port": 1, "name": "b" }"#).contains(says));
    assert!(!two(r#"{ "port": 2, "name": "b" }"#).contains(says));
    assert!(!two(r#"{ "port": 1, "name": "b", "interface": "::1" }"#).contains(says));

    let says = "keeps path and query; lwsws led everybody to its front page; as before: \
                \"append-path\": \"off\" (conf:5)";
    let exact = |path: &str, more: &str| {
        format!(r#"{{ "mountpoint": "/", "origin": ">https://a.test{path}"{more} }}"#)
    };
    only(says, ["", "", REDIRECT], ["", "", &exact("/x", "")]);
    only(says, ["", "", &exact("/", "")], ["", "", &exact("", r#", "append-path": "off""#)]);
    only(says, ["", "", REDIRECT], ["", "", FILES]);
    let caret = r#"{ "mountpoint": "/", "origin": "^https://a.test/x" }"#;
    only("an origin with \"^\" is a redirect", ["", "", caret], ["", "", REDIRECT]);
    only("a directory without its final slash", ["", "", FILES], ["", "", REDIRECT]);
    let page = r#", "error-document-404": "/404.html""#;
    only("comes at once and with status 404", ["", page, FILES], ["", "", FILES]);
    let redirect = r#", "error-document-404": ">/404.html""#;
    only(
        "as before: \"error-document-404\": \">/404.html\"",
        ["", page, FILES],
        ["", redirect, FILES],
    );
}

#[test]
fn tls() {
    let plain = "lwsws served plain HTTP on this port, because \"init-ssl\" is not on";
    let yes = r#""init-ssl": "yes""#;
    only(plain, ["", TLS, FILES], [yes, TLS, FILES]);
    only(plain, [r#""init-ssl": "0""#, TLS, FILES], ["", "", FILES]);
    let says = "\"init-ssl\" is not needed and has no say";
    only(says, [yes, TLS, FILES], ["", TLS, FILES]);
    only(says, [yes, TLS, FILES], [yes, "", FILES]);

    let clients = format!(r#"{TLS}, "host-ssl-ca": "/a", "client-cert-required": "1""#);
    let ca = format!(r#"{TLS}, "host-ssl-ca": "/a", "client-cert-required": "0""#);
    let says = "clients must have a certificate of the CA in \"host-ssl-ca\"";
    only(says, ["", &clients, FILES], ["", &ca, FILES]);
    let curve = format!(r#"{TLS}, "ecdh-curve": "P-256""#);
    only("\"ecdh-curve\" counts", ["", &curve, FILES], ["", TLS, FILES]);
    only("HTTP/2: TLS connections carry", ["", TLS, FILES], ["", "", FILES]);

    let second = |keys: &str| {
        page_of_text(&format!(
            r#"{{ "vhosts": [{{ "port": 1, "name": "a" {TLS} }},
            {{ "name": "b" {keys} }}] }}"#
        ))
    };
    let says = "is answered with 421; lwsws served it (conf:2)";
    assert!(second(&format!(r#"{TLS}, "port": 1"#)).contains(says));
    assert!(!second(&format!(r#"{TLS}, "port": 2"#)).contains(says));
}

#[test]
fn files_and_passwords() {
    let allowed = r#"{ "mountpoint": "/", "origin": "file:///srv", "follow-symlinks": 1,
        "dotfiles": 1 }"#;
    for says in [
        "are refused; as before: \"follow-symlinks\": \"1\" in the mount (conf:5)",
        "but for /.well-known/; as before: \"dotfiles\": \"1\" in the mount (conf:5)",
    ] {
        only(says, ["", "", FILES], ["", "", allowed]);
        only(says, ["", "", FILES], ["", "", REDIRECT]);
    }
    for says in ["a FIFO stopped lwsws", "answered with 405", "the ETag is another", ".gz file"] {
        only(says, ["", "", FILES], ["", "", REDIRECT]);
    }
    let slash = r#"{ "mountpoint": "/", "origin": "file:///srv", "default": "/" }"#;
    let named = r#"{ "mountpoint": "/", "origin": "file:///srv", "default": "/index.html" }"#;
    only("\"default\": \"/\" means index.html", ["", "", slash], ["", "", named]);
    let auth = r#"{ "mountpoint": "/", "origin": "file:///srv", "basic-auth": "/users" }"#;
    let says = "user and password must be a whole line of the file";
    only(says, ["", "", auth], ["", "", FILES]);
}

#[test]
fn logs_and_the_process() {
    let log = r#", "access-log": "/var/log/a""#;
    only("take \"copytruncate\"", ["", log, FILES], ["", "", FILES]);
    only("a line has the user and the query", ["", log, FILES], ["", "", FILES]);

    let says = "4 threads serve";
    only(says, [r#""count-threads": 4"#, "", FILES], [r#""count-threads": 1"#, "", FILES]);
    let says = "\"ip-limit-ah\" counts";
    only(says, [r#""ip-limit-ah": 4"#, "", FILES], [r#""ip-limit-ah": 0"#, "", FILES]);
    only("keys that nobody knows", [r#""usernam": "x""#, "", FILES], ["", "", FILES]);
    let of = |bytes: usize| format!(r#""server-string": "{}""#, "s".repeat(bytes));
    only("of a value over 254 bytes", [&of(255), "", FILES], [&of(254), "", FILES]);
    let header = format!(r#", "headers": {{ "X": "{}" }}"#, "s".repeat(300));
    only("of a value over 254 bytes", [&of(255), "", FILES], ["", &header, FILES]);
    // What holds for everybody.
    let page = page_of(r#""shutdown-secs": 3"#, "", FILES);
    for says in ["SIGHUP takes up", "within 3 s", "is started again", "an error in any file"] {
        assert!(page.contains(says), "{says}\n{page}");
    }
}

#[test]
fn what_is_not_built_is_named_once() {
    let says =
        "CGI: the keys are checked without effect, and such mounts are answered with 501 (conf:5)";
    only(says, ["", "", CGI], ["", "", FILES]);
    let ws = r#", "ws-protocols": [{ "a": {} }]"#;
    only("WebSocket: the keys", ["", ws, FILES], ["", "", FILES]);
    assert!(!page_of("", ws, FILES).contains("501"));
    let says = "the built-in protocols have to be named";
    let pings = r#""ws-pingpong-secs": 9"#;
    only(says, [pings, "", FILES], [pings, ws, FILES]);
    only(says, [pings, "", FILES], ["", "", FILES]);
}

#[test]
fn a_page_has_a_title_with_the_number_and_subjects_that_say_something() {
    let settings = Settings::default();
    let subject = Subject { uid: 1, gid: 1, groups: vec![1] };
    let server = Identity { subject, user: "daemon".to_owned(), must_drop: false };
    let page = page(&settings, &server);
    let bullets = page.lines().filter(|line| line.starts_with(BULLET)).count();
    let title = format!("coming from lwsws: {bullets} things differ for this configuration\n");
    assert!(page.starts_with(&title), "{page}");
    // Not started as root: what becomes of it then.
    assert!(page.contains("serves as nobody then"));
    for (subject, _) in SUBJECTS {
        let told = ["rights", "time", "running it"].contains(subject);
        assert_eq!(page.contains(&format!("\n{subject}\n")), told, "{subject}");
    }
    assert!(page.ends_with("docs/migrating-from-lwsws.md\n\n"));
}
