//! What values become: settings, merging, substitution, and out again by `-T`.

use kinglet::config::keys::Feature;
use kinglet::config::settings::{
    CertificateSource, Families, Group, ListenOn, LogFormat, NonTls, Origin, Settings, SourceFile,
    Suite, Tls, Typed,
};
use kinglet::config::{Loaded, Options, load_texts, not_built, schema};

fn load(texts: &[&str]) -> Loaded {
    let file = |(i, text): (usize, &&str)| SourceFile {
        path: format!("file{i}"),
        text: text.as_bytes().to_vec(),
    };
    let files = texts.iter().enumerate().map(file).collect();
    load_texts(files, &Options { data_dir: "/opt/share".to_owned(), ..Options::default() })
}

fn sound(texts: &[&str]) -> Settings {
    let loaded = load(texts);
    let shown = loaded.report.render(&loaded.settings.files, false);
    assert!(!loaded.report.has_errors(), "{shown}");
    loaded.settings
}

const FULL: &str = r##"{
  "$schema": "kinglet.schema.json",
  "global": {
    "username": "www", "groupname": "web", "uid": 33, "gid": "34", "count-threads": 2,
    "drain-secs": 7200, "max-generations": "5", "no-new-privs": "off",
    "server-string": "pond # 1", "timeout-secs": "7", "header-timeout-secs": 21,
    "send-timeout-secs": 61, "shutdown-secs": 0, "min-body-rate": "1k", "max-connections": 100,
    "max-buffers": 300, "max-head": "16k", "max-headers": 50, "max-body": "2M",
    "max-open-files": 10, "ip-limit-ah": 3, "ip-limit-wsi": 0, "rlimit-nofile": 1000,
    "reject-service-keywords": [{ "bot": "403 no" }, { "spider": "404" }],
    "plugin-dir": "/a", "plugin-dir": "_lws_ddir_/b", "init-ssl": "yes",
    "max-tls-connections": 50, "max-handshakes": "8", "state-dir": "_lws_ddir_/s",
    "default-alpn": "http/1.1"
  },
  "vhosts": [{
    "name": "A.test", "port": "443",
    "aliases": ["www.a.test", "*.b.test,10.0.0.1"], "aliases": "c.test",
    "interface": "fe80::1%eth0", "ipv6only": "on",
    "keepalive_timeout": 9, "sts": "Yes", "access-log": "_lws_ddir_/x/_lws_ddir_", "access-log-format": "JSON",
    "headers": [{ "B": "1", "A": "2" }, { "B": "3" }], "error-document-404": "/404.html",
    "allow": ["10.0.0.0/8", "::1"], "deny": "10.9.0.0/16, 10.8.0.1", "max-body": 0,
    "host-ssl-cert": "/c", "host-ssl-key": "/k", "alpn": "http/1.1",
    "tls13-ciphers": "TLS_CHACHA20_POLY1305_SHA256", "ecdh-curve": "P-256",
    "allow-non-tls": 1, "redirect-http": "1", "ssl-option-set": 16384,
    "ssl-option-set": "134217728",
    "ws-protocols": [{ "p": { "status": "ok", "filespath": "/1", "filepath": "/2", "n": 5 } }, { "q": {} }],
    "mounts": [{
      "mountpoint": "/", "origin": "file://_lws_ddir_/www", "default": "/", "cache-max-age": 60,
      "cache-reuse": 1, "cache-revalidate": true, "cache-intermediaries": "on", "cache-no": "0",
      "extra-mimetypes": { ".ZIP": "application/zip", "*": "" }, "headers": { "C": "\u00e9\"\\" },
      "keepalive-timeout": 3, "exact-match": 1, "append-path": 1, "follow-symlinks": 1,
      "dotfiles": 1, "directory-listing": 1, "basic-auth": "/users", "allow": "127.0.0.1",
      "max-body": "10"
    }, {
      "mountpoint": "/git/", "origin": "cgi:///bin/git", "default": "start.html",
      "cgi-env": [{ "A": "B" }], "cgi-env": [{ "C": "D" }], "cgi-timeout": 30
    }, {
      "mountpoint": "/old", "origin": "^https://new.test/x"
    }]
  }, { "name": "b", "interface": "/run/b", "unix-socket": 1, "unix-socket-perms": "a:b:0660" },
  { "name": "c", "port": 80, "interface": "127.0.0.1" }, { "name": "d", "port": 81, "noipv6": 1 } ]
}"##;

#[test]
fn global_values() {
    let g = sound(&[FULL]).global;
    assert_eq!(g.username.unwrap().value, "www");
    assert_eq!((g.uid, g.gid, g.count_threads), (Some(33), Some(34), 2));
    assert_eq!(g.server_string.as_deref(), Some("pond # 1"));
    assert_eq!((g.timeout_secs, g.header_timeout_secs, g.send_timeout_secs), (7, 21, 61));
    assert_eq!((g.shutdown_secs, g.body_rate_min, g.connections_max), (0, 1024, Some(100)));
    assert_eq!((g.blocks_max, g.head_bytes_max, g.headers_max), (Some(300), 16 << 10, 50));
    assert_eq!((g.body_bytes_max, g.open_files_max), (2 << 20, 10));
    assert_eq!((g.ip_limit_ah, g.ip_limit_wsi, g.rlimit_nofile), (Some(3), None, Some(1000)));
    assert_eq!((g.tls_connections_max, g.handshakes_max), (Some(50), Some(8)));
    assert_eq!(g.state_dir.unwrap().value, "/opt/share/s");
    let keywords: Vec<_> =
        g.reject_keywords.iter().map(|k| (k.keyword.as_str(), k.status, k.text.as_str())).collect();
    assert_eq!(keywords, [("bot", 403, "no"), ("spider", 404, "")]);
    let dirs = g.later.iter().find(|l| l.key == "plugin-dir").unwrap();
    assert_eq!(dirs.value, Typed::Texts(vec!["/a".into(), "/opt/share/b".into()]));
}

#[test]
fn vhost_values() {
    let settings = sound(&[FULL]);
    let v = &settings.vhosts[0];
    assert_eq!((v.name.value.as_str(), v.port.value), ("A.test", 443));
    let names: Vec<&str> = v.names().map(|name| name.value.as_str()).collect();
    assert_eq!(names, ["A.test", "www.a.test", "*.b.test", "10.0.0.1", "c.test"]);
    let scoped = ListenOn::Address("fe80::1".parse().unwrap(), Some("eth0".into()));
    assert_eq!(v.listen_on.value, scoped);
    assert_eq!((v.families, v.keepalive_timeout_secs, v.sts), (Families::V6Only, 9, true));
    assert_eq!(v.access_log.as_ref().unwrap().value, "/opt/share/x//opt/share");
    assert_eq!(v.access_log_format, LogFormat::Json);
    let headers: Vec<_> = v.headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    assert_eq!(headers, [("B", "1"), ("A", "2"), ("B", "3")]);
    assert_eq!(v.error_document_404.as_ref().unwrap().value, "/404.html");
    assert_eq!((v.allow.len(), v.deny.len(), v.body_bytes_max), (2, 2, Some(0)));
    assert!(v.over_tls && v.wants_raw.is_none());
    let Typed::Protocols(protocols) =
        &v.later.iter().find(|l| l.key == "ws-protocols").unwrap().value
    else {
        panic!()
    };
    assert_eq!(protocols.len(), 2);
    assert_eq!(protocols[0].options.len(), 4);
    assert_eq!(settings.vhosts[1].listen_on.value, ListenOn::Unix("/run/b".into()));
    assert_eq!(settings.vhosts[1].port.value, 0);
    assert!(!settings.vhosts[1].over_tls);
    assert_eq!(settings.vhosts[3].families, Families::V4Only);
}

/// The TLS of a vhost with a self-signed certificate and these other keys.
fn tls_of(keys: &str) -> Tls {
    let text =
        format!("{{ \"vhosts\": [{{ \"port\": 1, \"host-ssl-cert\": \"self-signed\"{keys} }}] }}");
    read_back(&sound(&[&text])).vhosts[0].tls.clone().unwrap()
}

/// The settings that `-T` writes, read again: silently, and to the same effect.
fn read_back(settings: &Settings) -> Settings {
    let json = settings.effective_json();
    let again = load(&[&json]);
    let shown = again.report.render(&again.settings.files, false);
    let counts = again.report.counts();
    assert_eq!((counts.errors, counts.notes), (0, 0), "{shown}");
    // That nobody gets in without a CA is said each time.
    assert!(again.report.diagnostics().iter().all(|d| d.message.contains("refuses every client")));
    assert_eq!(again.settings.effective_json(), json);
    let tls = |s: &Settings| s.vhosts.iter().map(|v| v.tls.clone()).collect::<Vec<_>>();
    for (one, other) in tls(settings).into_iter().zip(tls(&again.settings)) {
        let facts = |t: &Tls| (t.tls12, t.tls13, t.server_order, t.tickets, t.alpn.clone());
        assert_eq!(one.as_ref().map(facts), other.as_ref().map(facts), "{json}");
        let lists = |t: &Tls| (t.tls12_suites.clone(), t.tls13_suites.clone(), t.groups.clone());
        assert_eq!(one.as_ref().map(lists), other.as_ref().map(lists), "{json}");
    }
    again.settings
}

#[test]
fn tls_values() {
    let settings = sound(&[FULL]);
    let tls = settings.vhosts[0].tls.as_ref().unwrap();
    assert_eq!(tls.certificate.value, CertificateSource::File("/c".into()));
    assert_eq!(tls.key.as_ref().unwrap().value, "/k");
    assert!((tls.tls12, tls.tls13, tls.tickets, tls.server_order) == (false, true, false, true));
    assert_eq!(tls.tls13_suites.as_deref(), Some(&[Suite::Tls13Chacha20][..]));
    assert_eq!(
        (tls.groups.as_deref(), tls.tls12_suites.as_deref()),
        (Some(&[Group::P256][..]), None)
    );
    assert_eq!(settings.vhosts[0].non_tls, NonTls::Redirect);
    assert_eq!(tls.alpn, ["http/1.1"]);
    assert!(settings.vhosts[1].tls.is_none());

    let bare = tls_of("");
    assert_eq!((bare.certificate.value, bare.key), (CertificateSource::SelfSigned, None));
    assert!(bare.tls12_suites.is_none() && bare.tls13_suites.is_none() && bare.groups.is_none());
    assert!(bare.tls12 && bare.tls13 && bare.tickets && bare.server_order);
    assert!(bare.ca.is_none() && !bare.ignore_missing_cert && bare.client_cert_required.is_none());
    assert_eq!(bare.alpn, ["http/1.1"]);

    let full = tls_of(
        r#", "host-ssl-ca": "/a", "ignore-missing-cert": 1, "client-cert-required": 1, "alpn": "",
           "ciphers": "CHACHA20+ECDSA:RC4:ECDHE-RSA-AES128-GCM-SHA256", "ecdh-curve": "P-384:X25519",
           "ssl-option-set": 4210688, "ssl-option-clear": 16384"#,
    );
    assert_eq!(full.tls12_suites, Some(vec![Suite::EcdsaChacha20, Suite::RsaAes128Gcm]));
    assert_eq!(full.groups, Some(vec![Group::P384, Group::X25519]));
    assert!(full.ca.is_some() && full.ignore_missing_cert && full.client_cert_required.is_some());
    assert!(full.alpn.is_empty() && full.tickets && full.server_order);
}

#[test]
fn the_order_of_suites_is_ours_unless_the_flag_is_cleared() {
    for (keys, expected) in [
        ("", true),
        (r#", "ssl-option-set": 4194304"#, true),
        (r#", "ssl-option-set": 4194304, "ssl-option-clear": 4194304"#, false),
        (r#", "ciphers": "HIGH""#, true),
        (r#", "tls13-ciphers": "TLS_AES_128_GCM_SHA256""#, true),
        (r#", "ciphers": "HIGH", "ssl-option-clear": 4194304"#, false),
        (r#", "ssl-option-clear": 4194305"#, false),
        (r#", "ssl-option-set": 134234112"#, true),
        (r#", "ssl-option-set": 541081600, "alpn": "", "ciphers": "HIGH""#, true),
    ] {
        assert_eq!(tls_of(keys).server_order, expected, "{keys}");
    }
}

#[test]
fn default_alpn_counts_wherever_it_stands() {
    let vhosts = r#"{ "vhosts": [{ "port": 1, "host-ssl-cert": "self-signed" },
        { "port": 2, "host-ssl-cert": "self-signed", "alpn": "h2, http/1.1" }] }"#;
    for (global, expected) in [
        (r#"{ "global": { "default-alpn": "" } }"#, ""),
        (r#"{ "global": { "default-alpn": "h2,http/1.1" } }"#, "http/1.1"),
        (r#"{ "global": { "default-alpn": "h2" } }"#, "http/1.1"),
        ("", "http/1.1"),
    ] {
        for texts in [[vhosts, global], [global, vhosts]] {
            let settings = sound(&texts);
            let alpn = |n: usize| settings.vhosts[n].tls.as_ref().unwrap().alpn.join(",");
            assert_eq!((alpn(0).as_str(), alpn(1).as_str()), (expected, "http/1.1"), "{global}");
        }
    }
}

#[test]
fn clients_without_tls() {
    for (keys, expected) in [
        ("", NonTls::Refuse),
        (r#", "allow-non-tls": 1"#, NonTls::Refuse),
        (r#", "redirect-http": 1"#, NonTls::Refuse),
        (r#", "allow-non-tls": 1, "redirect-http": 1"#, NonTls::Redirect),
        (r#", "allow-non-tls": 1, "allow-http-on-https": 1"#, NonTls::Serve),
        (r#", "redirect-http": 1, "allow-non-tls": 1, "allow-http-on-https": 1"#, NonTls::Serve),
    ] {
        let text = format!(
            r#"{{ "vhosts": [{{ "port": 1, "name": "a", "host-ssl-cert": "self-signed"{keys} }},
               {{ "port": 2{keys} }}, {{ "port": 1, "name": "b"{keys} }}] }}"#
        );
        let settings = read_back(&sound(&[&text]));
        let got: Vec<NonTls> = settings.vhosts.iter().map(|v| v.non_tls).collect();
        // The second has no TLS; the third is reached through the first one's.
        assert_eq!(got, [expected, NonTls::Refuse, expected], "{keys}");
    }
}

#[test]
fn mount_values() {
    let settings = sound(&[FULL]);
    let [site, git, old] = settings.vhosts[0].mounts.as_slice() else { panic!() };
    assert_eq!(site.origin.value, Origin::File("/opt/share/www".into()));
    assert_eq!(site.default_document, "index.html");
    let cache = site.cache;
    assert_eq!((cache.max_age_secs, cache.reuse, cache.revalidate), (60, true, true));
    assert_eq!((cache.intermediaries, cache.omit), (true, false));
    let types = [(".zip".to_owned(), "application/zip".to_owned()), ("*".into(), String::new())];
    assert_eq!(site.extra_mimetypes, types);
    assert_eq!(site.headers, [("C".to_owned(), "\u{e9}\"\\".to_owned())]);
    assert_eq!((site.keepalive_timeout_secs, site.body_bytes_max), (Some(3), Some(10)));
    assert!(
        site.exact_match && site.append_path == Some(true) && site.follow_symlinks && site.dotfiles
    );
    assert!(site.directory_listing && site.basic_auth.is_some() && site.allow.len() == 1);
    assert_eq!(
        (git.mountpoint.value.as_str(), git.default_document.as_str()),
        ("/git", "start.html")
    );
    assert_eq!(git.origin.value, Origin::NotBuilt { scheme: "cgi", rest: "/bin/git".into() });
    let env = git.later.iter().find(|l| l.key == "cgi-env").unwrap();
    let both = vec![("A".to_owned(), "B".to_owned()), ("C".to_owned(), "D".to_owned())];
    assert_eq!(env.value, Typed::Pairs(both));
    assert_eq!(old.origin.value, Origin::Redirect("https://new.test/x".into()));
}

#[test]
fn places_of_values_are_exact() {
    let settings = sound(&[FULL]);
    let slice = |p: kinglet::config::settings::Place| &FULL[p.start as usize..p.end as usize];
    let v = &settings.vhosts[0];
    assert_eq!(slice(v.name.place), "\"A.test\"");
    assert_eq!(slice(v.mounts[0].origin.place), "\"file://_lws_ddir_/www\"");
    assert_eq!(slice(v.tls.as_ref().unwrap().certificate.place), "\"/c\"");
    assert_eq!(slice(v.tls.as_ref().unwrap().key.as_ref().unwrap().place), "\"/k\"");
    assert_eq!(slice(settings.vhosts[2].port.place), "80");
}

#[test]
fn effective_json_reads_back_as_the_same() {
    let first = sound(&[FULL]).effective_json();
    let loaded = load(&[&first]);
    let counts = loaded.report.counts();
    let shown = loaded.report.render(&loaded.settings.files, false);
    assert_eq!((counts.errors, counts.warnings, counts.notes), (0, 0, 0), "{shown}\n{first}");
    assert_eq!(loaded.settings.effective_json(), first);
    let small = sound(&["{ \"vhosts\": [{ \"port\": 80 }] }"]).effective_json();
    for part in ["\"timeout-secs\": 5", "\"keepalive-timeout\": 60", "\"name\": \"default\""] {
        assert!(small.contains(part), "{part} in {small}");
    }
}

#[test]
fn defaults_of_a_bare_vhost() {
    let settings = sound(&["{ \"vhosts\": [{ \"port\": 80 }] }"]);
    let v = &settings.vhosts[0];
    assert_eq!(v.name.value, "default");
    assert_eq!((v.keepalive_timeout_secs, v.families, v.sts), (60, Families::Both, false));
    assert_eq!(v.listen_on.value, ListenOn::Any);
    assert!(v.mounts.is_empty() && v.access_log.is_none());
    assert_eq!(settings.global.timeout_secs, 5);
}

#[test]
fn zero_means_the_default_where_lwsws_has_it_so() {
    let settings = sound(&[r#"{ "global": { "timeout-secs": 0, "count-threads": "0" },
        "vhosts": [{ "port": 80, "keepalive-timeout": "0", "cache": 1 }] }"#]);
    assert_eq!((settings.global.timeout_secs, settings.global.count_threads), (5, 1));
    assert_eq!(settings.vhosts[0].keepalive_timeout_secs, 60);
}

#[test]
fn files_add_up() {
    let loaded = load(&[
        "",
        "{ \"vhosts\": [{ \"port\": 80, \"name\": \"a\" }], \"global\": { \"timeout-secs\": 5 } }",
        "# nothing",
        "{ \"global\": { \"timeout-secs\": 6 }, \"vhosts\": [{ \"port\": 80, \"name\": \"b\" }] }",
        "{ \"vhosts\": [{ \"port\": 80, \"name\": \"a\" }, { \"port\": 81, \"name\": \"a\" }] }",
    ]);
    assert!(!loaded.report.has_errors());
    assert_eq!(loaded.settings.global.timeout_secs, 6);
    assert_eq!(loaded.settings.vhosts.len(), 3);
    assert_eq!(loaded.report.counts().warnings, 2);
}

#[test]
fn missing_capabilities_are_named_once_each() {
    let loaded = load(&[FULL]);
    let features: Vec<Feature> = loaded.unbuilt.iter().map(|u| u.feature).collect();
    for feature in [Feature::WebSocket, Feature::Cgi, Feature::Plugins] {
        assert!(features.contains(&feature), "{feature:?}");
    }
    let notes = not_built(&loaded);
    assert!(notes.len() < loaded.unbuilt.len());
    assert!(notes.iter().all(|n| n.place.is_some() && n.hint.is_some()));
    let quiet = load(&["{ \"global\": { \"count-threads\": \"1\", \"ws-pingpong-secs\": 0 }, \
        \"vhosts\": [{ \"port\": 80, \"enable-client-ssl\": \"0\", \"unix-socket\": \"0\" }] }"]);
    assert!(not_built(&quiet).is_empty());
}

#[test]
fn a_vhost_that_asks_for_tls_or_raw_is_marked() {
    let settings = sound(&[r#"{ "vhosts": [
        { "port": 1, "host-ssl-cert": "/c", "host-ssl-key": "/k" }, { "port": 2 },
        { "port": 3, "apply-listen-accept": 1, "listen-accept-role": "raw-proxy" } ] }"#]);
    let marks: Vec<_> =
        settings.vhosts.iter().map(|v| (v.over_tls, v.wants_raw.is_some())).collect();
    assert_eq!(marks, [(true, false), (false, false), (false, true)]);
    let settings = sound(&[r#"{ "vhosts": [ { "name": "b", "port": 443 },
        { "name": "a", "port": 443, "host-ssl-cert": "/c", "host-ssl-key": "/k" },
        { "name": "c", "port": 443, "interface": "0.0.0.0" }, { "name": "d", "port": 80 },
        { "name": "e", "port": 443, "interface": "127.0.0.1" },
        { "name": "f", "port": 444, "ipv6only": "off" },
        { "name": "g", "port": 444, "interface": "::" },
        { "name": "h", "port": 444, "interface": "0.0.0.0", "host-ssl-cert": "self-signed" }
        ] }"#]);
    let tls: Vec<_> = settings.vhosts.iter().map(|v| v.over_tls).collect();
    // A listener on one address is another one, and so is the one for the other family.
    assert_eq!(tls, [true, true, true, false, false, true, false, true]);
}

#[test]
fn schema_names_its_parts() {
    let text = schema();
    for part in ["draft-07", "\"vhosts\"", "#/definitions/mount", "keeplive-timeout", "^quic-"] {
        assert!(text.contains(part), "{part}");
    }
}

#[test]
fn keys_of_the_daemon_have_their_defaults_and_values() {
    let global = sound(&["{ \"vhosts\": [{ \"port\": 80 }] }"]).global;
    assert_eq!((global.count_threads, global.drain_secs, global.generations_max), (1, 0, 3));
    assert!(global.no_new_privs);
    let loaded = load(&[FULL]);
    let global = &loaded.settings.global;
    assert_eq!((global.count_threads, global.drain_secs, global.generations_max), (2, 7200, 5));
    assert!(!global.no_new_privs);
    for key in ["count-threads", "drain-secs", "max-generations", "unix-socket"] {
        assert!(loaded.unbuilt.iter().all(|u| !u.key.starts_with(key)), "{key}");
    }
    let access = |at: usize| loaded.settings.vhosts[at].unix_access.as_ref();
    assert!(access(0).is_none());
    let at = loaded.settings.vhosts.iter().position(|v| v.name.value == "b").unwrap();
    let perms = &access(at).unwrap().value;
    assert_eq!((perms.user.as_str(), perms.group.as_deref()), ("a", Some("b")));
    assert_eq!((perms.mode, perms.mode_bits()), (Some(0o660), 0o660));
}
