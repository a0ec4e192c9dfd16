//! The key table: the checked-in reference, examples, defaults, explanations.

use std::path::Path;

use kinglet::config::keys::{self, Key, Kind, Level};
use kinglet::config::settings::SourceFile;
use kinglet::config::{Loaded, Options, explain, load_texts, reference_markdown};

fn load(text: String) -> Loaded {
    load_texts(
        vec![SourceFile { path: "conf".to_owned(), text: text.into_bytes() }],
        &Options { strict: true, ..Options::default() },
    )
}

/// Keys that say something only where there is a certificate.
const TLS_KEYS: &[&str] = &[
    "host-ssl-cert",
    "host-ssl-key",
    "host-ssl-ca",
    "ignore-missing-cert",
    "client-cert-required",
    "ciphers",
    "tls13-ciphers",
    "ecdh-curve",
    "alpn",
    "ssl-option-set",
    "ssl-option-clear",
    "allow-non-tls",
    "redirect-http",
    "allow-http-on-https",
];

/// A configuration that gives `key` the JSON value `json`.
fn with(key: &Key, name: &str, json: &str) -> String {
    let member = format!("\"{name}\": {json}");
    match key.level {
        Level::Top if key.name == "vhosts" => format!("{{ {member} }}"),
        Level::Top => format!("{{ {member}, \"vhosts\": [{{ \"port\": 1 }}] }}"),
        Level::Global => {
            format!("{{ \"global\": {{ {member} }}, \"vhosts\": [{{ \"port\": 1 }}] }}")
        }
        Level::Vhost => {
            let mut more = String::new();
            let mut add = |name: &str, value: &str| {
                if key.name != name {
                    more.push_str(&format!(", \"{name}\": {value}"));
                }
            };
            add("port", "1");
            match key.name {
                "unix-socket" => add("interface", "\"lo\""),
                "unix-socket-perms" => {
                    add("interface", "\"/run/k\"");
                    add("unix-socket", "1");
                }
                name if TLS_KEYS.contains(&name) => {
                    add("host-ssl-cert", "\"/c\"");
                    add("host-ssl-key", "\"/k\"");
                    add("host-ssl-ca", "\"/a\"");
                    if ["redirect-http", "allow-http-on-https"].contains(&name) {
                        add("allow-non-tls", "1");
                    }
                }
                "apply-listen-accept" | "fallback-listen-accept" => {
                    add("listen-accept-role", "\"raw-proxy\"");
                }
                _ => {}
            }
            format!("{{ \"vhosts\": [{{ {member}{more} }}] }}")
        }
        Level::Mount => {
            let mut more = String::new();
            if key.name != "mountpoint" {
                more.push_str(", \"mountpoint\": \"/\"");
            }
            if key.name != "origin" {
                more.push_str(", \"origin\": \"file:///a\"");
            }
            format!("{{ \"vhosts\": [{{ \"port\": 1, \"mounts\": [{{ {member}{more} }}] }}] }}")
        }
        Level::Protocol => format!(
            "{{ \"vhosts\": [{{ \"port\": 1, \"ws-protocols\": [{{ \"p\": {{ {member} }} }}] }}] }}"
        ),
    }
}

fn spellings(key: &'static Key) -> Vec<String> {
    let first = key.name.replace('*', "idle-timeout");
    std::iter::once(first).chain(key.aliases.iter().map(|a| (*a).to_owned())).collect()
}

#[test]
fn the_checked_in_reference_is_the_generated_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
    let generated = reference_markdown();
    if std::env::var_os("KINGLET_UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, generated).unwrap();
        return;
    }
    assert!(
        std::fs::read_to_string(&path).unwrap_or_default() == generated,
        "docs/configuration.md is not what the key table says; write it anew with\n\
         KINGLET_UPDATE=1 cargo test --test config_reference"
    );
}

#[test]
fn every_row_is_complete() {
    for key in keys::all() {
        assert!(!key.doc.is_empty() && key.doc.ends_with('.'), "{}", key.name);
        assert!(!key.example.is_empty(), "{}", key.name);
        for name in spellings(key) {
            assert!(
                keys::find(key.level, &name).is_some_and(|k| std::ptr::eq(k, key)),
                "{name} is given twice in its level"
            );
        }
    }
}

#[test]
fn every_example_is_accepted_under_every_spelling() {
    for key in keys::all() {
        for name in spellings(key) {
            let text = with(key, &name, key.example);
            let loaded = load(text.clone());
            let counts = loaded.report.counts();
            let shown = loaded.report.render(&loaded.settings.files, false);
            assert_eq!((counts.errors, counts.warnings), (0, 0), "{text}\n{shown}");
        }
    }
}

#[test]
fn every_key_takes_strings_bare_numbers_and_flags() {
    for key in keys::all() {
        let values: &[&str] = match key.kind {
            Kind::Bool => &[
                "1",
                "0",
                "true",
                "false",
                "\"1\"",
                "\"0\"",
                "\"on\"",
                "\"Off\"",
                "\"yes\"",
                "\"NO\"",
                "\"true\"",
                "\"False\"",
                "2",
                "null",
            ],
            Kind::Int { .. } if key.name == "port" => &["80", "\"80\"", "\" 80 \"", "true"],
            Kind::Int { min, max, .. } => {
                let text = format!("{min} {max}");
                for word in text.split(' ') {
                    for json in [word.to_owned(), format!("\"{word}\"")] {
                        let loaded = load(with(key, key.name, &json));
                        assert!(!loaded.report.has_errors(), "{} {json}", key.name);
                    }
                }
                let over = load(with(key, key.name, &(max + 1).to_string()));
                assert!(over.report.has_errors(), "{} takes more than {max}", key.name);
                continue;
            }
            Kind::Size { max, .. } => {
                let over = load(with(key, key.name, &(max + 1).to_string()));
                assert!(over.report.has_errors(), "{} takes more than {max}", key.name);
                &["4096", "\"4096\"", "\"4k\"", "\"4 K\""]
            }
            // All flags at once leave no version of TLS.
            Kind::Flags if key.name == "ssl-option-set" => &["1", "\"1\"", "4611686018427387904"],
            Kind::Flags => &["1", "\"1\"", "18446744073709551615", "0"],
            Kind::Any => &["1", "\"x\"", "true", "{}", "[]", "null"],
            _ => &["null"],
        };
        for json in values {
            let text = with(key, key.name, json);
            let loaded = load(text.clone());
            let shown = loaded.report.render(&loaded.settings.files, false);
            // Null counts as not given, which a required key must not be, nor one that protects.
            let required = key.protects
                || ["port", "mountpoint", "origin", "vhosts", "host-ssl-cert"].contains(&key.name);
            let refused = *json == "null" && required && key.level != Level::Protocol;
            assert_eq!(loaded.report.has_errors(), refused, "{text}\n{shown}");
        }
    }
}

#[test]
fn documented_defaults_are_the_real_ones() {
    let mount = r#"{ "mountpoint": "/", "origin": "file:///a" }"#;
    let loaded = load(format!(r#"{{ "vhosts": [{{ "port": 1, "mounts": [{mount}] }}] }}"#));
    let json = loaded.settings.effective_json();
    let stated = |k: &&Key| !k.default.is_empty() && k.level != Level::Protocol;
    for key in keys::all().filter(stated) {
        let shown = match key.default {
            "off" => "false".to_owned(),
            "on" => "true".to_owned(),
            "64M" => (64 << 20).to_string(),
            word if word.bytes().all(|b| b.is_ascii_digit()) => word.to_owned(),
            word if !word.contains(' ') => format!("\"{word}\""),
            _ => continue,
        };
        let line = format!("\"{}\": ", key.name);
        for given in json.lines().filter_map(|l| l.trim().strip_prefix(line.as_str())) {
            if !(key.level == Level::Vhost && key.name == "name") || given.contains("default") {
                assert_eq!(given.trim_end_matches(','), shown, "{}", key.name);
            }
        }
    }
}

#[test]
fn every_key_can_be_explained() {
    for key in keys::all() {
        for name in spellings(key) {
            let text = explain(&name).unwrap();
            assert!(text.contains(key.doc), "{name}");
        }
    }
    assert!(explain("max-body").unwrap().matches("example:").count() == 3);
    assert!(explain("orign").unwrap_err().contains("did you mean \"origin\""));
    assert!(explain("zzzzzzzz").unwrap_err().contains("no key"));
}
