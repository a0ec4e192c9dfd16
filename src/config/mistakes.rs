//! What a newcomer's editor or eyes do to a file: each mistake is one fault.

use super::settings::SourceFile;
use super::{Options, load_texts};

const TEXT: &str = r#"{
  # the server
  "global": { "username": "www-data", "count-threads": 2 },
  "vhosts": [
    { "name": "a.test", "port": "80", "sts": true,
      "mounts": [{ "mountpoint": "/", "origin": "file:///srv/a b" }] },
    {
      "name": "b.test",
      "port": 8080,
      "mounts": [
        { "mountpoint": "/", "origin": "file:///srv/www", "default": "a, b: c.html" },
        {
          "mountpoint": "/old",
          "origin": ">https://example.com/"
        }
      ]
    }
  ]
}
"#;

/// Errors, and findings in all: what was lost must not be missed by those who read the tree.
fn told(text: &str) -> (usize, usize) {
    let file = SourceFile { path: "conf".to_owned(), text: text.into() };
    let counts = load_texts(vec![file], &Options::default()).report.counts();
    (counts.errors, counts.total())
}

#[test]
fn a_sign_that_is_missing_is_one_fault() {
    assert_eq!(told(TEXT), (0, 0));
    let mut wrong = Vec::new();
    for (at, sign) in TEXT.match_indices(['"', ',', ':', '{', '}', '[', ']']) {
        let line = TEXT[..at].rfind('\n').unwrap_or(0);
        if sign != "\"" && TEXT[line..at].matches('"').count() % 2 == 1 {
            continue;
        }
        let found = told(&[&TEXT[..at], &TEXT[at + 1..]].concat());
        if found != (1, 1) {
            wrong.push(format!(
                "{found:?} without the {sign} at {at} in {:?}",
                TEXT[line..].chars().take(at + 9 - line).collect::<String>()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_written_in_another_way_is_one_fault() {
    let mut wrong = Vec::new();
    for (from, to) in [
        (r#""www-data""#, "\u{201c}www-data\u{201d}"),
        (r#""name""#, "\u{201c}name\u{201d}"),
        (r#""name""#, "\u{ab}name\u{bb}"),
        (r#""name""#, "\u{201e}name\""),
        (r#""name""#, "\"name\u{201d}"),
        (r#""b.test""#, "\"b.test\u{201d}"),
        (r#""name""#, "'name'"),
        (r#""b.test""#, "'b.test'"),
        (r#""b.test""#, "b.test"),
        ("\"file:///srv/www\"", "file:///srv/www"),
        ("\"file:///srv/www\"", "\"file:///srv/\"www\""),
        (r#"8080,"#, "8080,,"),
        (r#"8080"#, "08080"),
        ("\"port\": 8080,", "\"port\": 8080 # not 3\" wide"),
        ("com/\"", "com/\","),
        ("      ]\n", "      ],\n"),
        ("true", "True"),
        ("\"port\": 8080", "port: 8080"),
        ("\"port\": 8080", "\"port\" = 8080"),
        ("\"port\": 8080", "\"port\" => 8080"),
        ("\"b.test\",", "\"b.test\";"),
        ("8080,", "8080 ;"),
        ("# the server", "/* the server { [ \" */"),
        ("8080,", "8080, /* not\n80 */"),
    ] {
        let found = told(&TEXT.replacen(from, to, 1));
        if found != (1, 1) {
            wrong.push(format!("{found:?} with {to} for {from}"));
        }
    }
    let quotes = ["'", "\u{201c}", "\u{ab}"].map(|quote| TEXT.replace('"', quote));
    for text in quotes {
        assert_eq!(told(&text), (1, 1), "{text}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_string_without_its_end_in_the_last_line_is_one_fault() {
    for text in [
        r#"{ "vhosts": [{ "port": "80", "mounts": [{ "mountpoint": "/", "origin": "file:///srv }] }] }"#,
        r#"{ "vhosts": [{ "name: "a.lan", "port": "80" }] }"#,
        r#"{ "vhosts": [{ "port": "80", "name": "a.l"#,
    ] {
        assert_eq!(told(text), (1, 1), "{text}");
        assert_eq!(told(&format!("{text}\n")).0, told(text).0, "{text}");
    }
}

#[test]
fn a_file_for_another_server_is_one_fault() {
    for text in [
        "server {\n  listen 80;\n  root /var/www;\n}\n",
        "server.document-root = \"/var/www\"\nserver.port = 80\n",
        "<VirtualHost *:80>\n DocumentRoot /var/www\n</VirtualHost>\n",
        ":80 {\n  root * /srv\n  file_server\n}\n",
        "vhosts:\n  - name: a\n    port: 80\n",
        "---\nvhosts: []\n",
        "\"vhosts\": [{ \"port\": \"80\" }]\n",
        "}",
    ] {
        assert_eq!(told(text), (1, 1), "{text}");
    }
}

#[test]
fn what_follows_the_object_stops_nothing() {
    for rest in ["/* the end */", "\0", "}", "junk"] {
        let (errors, total) = told(&[TEXT, rest].concat());
        assert_eq!((errors, total), (0, 1), "{rest:?}");
    }
}
