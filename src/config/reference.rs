//! The key table for people: `docs/configuration.md` and `--explain`.

use std::fmt::Write as _;

use super::keys::{self, Key, Kind, Level, Merge, PairRule, Status};
use super::nearest::nearest;

/// What stands before the keys in the reference.
pub(super) const INTRODUCTION: &str = "\
<!-- Generated from the key table in src/config/keys. Do not edit; see the end of this page. -->
# Configuration

Kinglet reads the configuration directory of lwsws as it is: the file `conf`, then every file of
the directory `conf.d`, sorted by name. Every file may hold `global` settings and `vhosts`; the
settings of all files are put together.

In `conf.d` subdirectories are left out, and names that editors, packagers and systems leave behind,
whatever their case: `*~*`, `.#*`, `#*#`, `*.swp`, `*.swo`, `*.swx`, `4913`, `*.bak`, `*.old`,
`*.orig`, `*.rej`, `*.save`, `*.tmp`, `*.dpkg-*`, `*.ucf-*`, `*.rpmnew`, `*.rpmsave`, `*.rpmorig`,
`*-opkg`, `*.opkg*`, `*.apk-new`, `*.pacnew`, `*.pacsave`, `.DS_Store`, `._*`, `Thumbs.db`,
`desktop.ini`, `.directory`, `.nfs*`, `.fuse_hidden*`, `.goutputstream-*`, `.git*`, `.keep`,
`.placeholder`, `README`, `README.txt`, `README.md`. A symbolic link is read when it leads to a file
of root, or of the owner of `conf.d`. `-t` says what was left out.

A file is JSON, with these additions:

- `#` or `//` begins a comment that goes to the end of the line (not within a string).
- A value may be a string, a bare number, or `true` and `false` (which mean `1` and `0`).
- `_lws_ddir_` in any string value stands for the data directory (`/usr/share`).
- A file may be empty.

An on/off key takes `1`, `on`, `yes`, `true` and `0`, `off`, `no`, `false`, in any case. A number that
does not fit is an error. Sizes take the suffixes `k`, `M` and `G` (1024, 1024², 1024³). A key that is
given twice in one object counts once: the last one, unless its entry says otherwise; a warning says
so. Of two mounts with one mountpoint, and of two vhosts with one name, port and interface, the first
counts. A file has at most 1 MiB, 65536 values and 16 levels of nesting, a text value at most 8192
bytes.

`kinglet -t` checks a configuration and reports everything that is wrong with file, line and column;
`kinglet -T` prints all effective values; `kinglet --explain KEY` prints an entry of this page;
`kinglet --schema` prints a JSON Schema for editors. An unknown key is a warning, and with `--strict`
an error. One that is like a key that protects something (`basic_auth`, `alow`), or that stands in the
wrong object, is always an error, and so is one that is like a key that has to be there.

Marks: **Kinglet** is a key that lwsws does not have; **not built yet** is a key that is checked but has
no effect in this version; **no effect** is a key that is only accepted.
";

const REGENERATE: &str = "
---
Generated: `KINGLET_UPDATE=1 cargo test --test config_reference` writes this page anew.
";

/// The reference of all keys as Markdown.
#[must_use]
pub fn reference_markdown() -> String {
    let mut out = String::from(INTRODUCTION);
    for level in Level::ALL {
        let _ = writeln!(out, "\n## {}\n", title(level));
        let _ = writeln!(out, "| key | value | default | |\n|---|---|---|---|");
        for key in level.keys() {
            let _ = writeln!(
                out,
                "| [`{}`](#{}) | {} | {} | {} |",
                key.name,
                anchor(key),
                cell(&short_kind(key.kind)),
                cell(key.default),
                mark(key),
            );
        }
        for key in level.keys() {
            let _ = writeln!(out, "\n<a id=\"{}\"></a>\n### `{}`\n", anchor(key), key.name);
            let _ = writeln!(out, "{}\n", key.doc);
            for (name, text) in facts(key) {
                let _ = writeln!(out, "- {name}: {text}");
            }
            let _ = writeln!(out, "\n```\n\"{}\": {}\n```", key.name, key.example);
        }
    }
    out.push_str(REGENERATE);
    out
}

/// What there is to know about a key, by any of its spellings; for a key of several levels all.
///
/// # Errors
/// A sentence with a suggestion when there is no such key.
pub fn explain(name: &str) -> Result<String, String> {
    let mut out = String::new();
    for level in Level::ALL {
        if let Some(key) = keys::find(level, name) {
            if !out.is_empty() {
                out.push('\n');
            }
            let _ = writeln!(out, "\"{}\" {}\n  {}", key.name, level.phrase(), key.doc);
            for (fact, text) in facts(key) {
                let _ = writeln!(out, "  {fact}: {}", text.replace('`', "\""));
            }
            let _ = writeln!(out, "  example: \"{}\": {}", key.name, key.example);
        }
    }
    if out.is_empty() {
        return Err(no_such_key(name));
    }
    Ok(out)
}

/// What to say of a name that is none, with those that it may be a part or a misspelling of.
fn no_such_key(name: &str) -> String {
    let names = keys::all().flat_map(|k| std::iter::once(&k.name).chain(k.aliases)).copied();
    let names: Vec<&str> = names.filter(|n| !n.ends_with('*')).collect();
    let mut longer: Vec<&str> = names.iter().copied().filter(|n| n.contains(name)).collect();
    longer.sort_unstable();
    longer.dedup();
    match nearest(name, names) {
        Some(near) => format!("there is no key \"{name}\"; did you mean \"{near}\"?"),
        None if longer.is_empty() || name.is_empty() => format!("there is no key \"{name}\""),
        None => format!("there is no key \"{name}\"; there are {}", longer.join(", ")),
    }
}

pub(super) const fn title(level: Level) -> &'static str {
    match level {
        Level::Top => "A file",
        Level::Global => "`global`",
        Level::Vhost => "An entry of `vhosts`",
        Level::Mount => "An entry of `mounts`",
        Level::Protocol => "Options of known protocols in `ws-protocols`",
    }
}

fn anchor(key: &Key) -> String {
    let level = match key.level {
        Level::Top => "file",
        Level::Global => "global",
        Level::Vhost => "vhost",
        Level::Mount => "mount",
        Level::Protocol => "protocol",
    };
    format!("{level}-{}", key.name.trim_matches(['$', '*', '-']))
}

/// Text that does not end a table's cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

const fn mark(key: &Key) -> &'static str {
    match (key.status, key.ours) {
        (Status::NotYet(_), true) => "Kinglet, not built yet",
        (Status::NotYet(_), false) => "not built yet",
        (Status::NoEffect(_), true) => "Kinglet, no effect",
        (Status::NoEffect(_), false) => "no effect",
        (Status::Built, true) => "Kinglet",
        (Status::Built, false) => "",
    }
}

/// The facts of an entry, in the order they are shown.
pub(super) fn facts(key: &Key) -> Vec<(&'static str, String)> {
    let mut facts = vec![("value", long_kind(key.kind))];
    if !key.default.is_empty() {
        facts.push(("default", key.default.to_owned()));
    }
    if !key.aliases.is_empty() {
        let names: Vec<String> = key.aliases.iter().map(|a| format!("`{a}`")).collect();
        facts.push(("also spelled", names.join(", ")));
    }
    match key.merge {
        Merge::Last => {}
        Merge::First => facts.push(("given twice", "the first one counts".to_owned())),
        Merge::All => facts.push(("given twice", "all count".to_owned())),
        Merge::Or => facts.push(("given twice", "the bits of all are joined".to_owned())),
    }
    if key.protects {
        facts.push(("misspelled", "an error, not a warning".to_owned()));
    }
    if key.ours {
        facts.push(("Kinglet", "lwsws does not have this key".to_owned()));
    }
    match key.status {
        Status::Built => {}
        Status::NotYet(feature) => {
            facts.push(("not built yet", format!("comes with {}", feature.name())));
        }
        Status::NoEffect(reason) => facts.push(("no effect", reason.to_owned())),
    }
    facts
}

fn short_kind(kind: Kind) -> String {
    match kind {
        Kind::Int { unit: "", .. } => "number".to_owned(),
        Kind::Int { unit, .. } => unit.to_owned(),
        Kind::Size { .. } => "bytes".to_owned(),
        Kind::Choice(words) => words.join(", "),
        Kind::Pairs(_) => "names and values".to_owned(),
        _ => long_kind(kind),
    }
}

fn long_kind(kind: Kind) -> String {
    let text = match kind {
        Kind::Bool => "on or off",
        Kind::Int { min, max, unit } => {
            let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
            return format!("{min} to {max}{unit}");
        }
        Kind::Size { min, max } => return format!("{min} to {max} bytes; k, M, G multiply"),
        Kind::Flags => "decimal flags",
        Kind::Text => "text",
        Kind::HostName => "host name",
        Kind::HeaderValue => "header value",
        Kind::Path => "file path",
        Kind::UrlPath => "URL path",
        Kind::ErrorDocument => "URL path, or > and a URL",
        Kind::Mountpoint => "URL path",
        Kind::Origin => "origin",
        Kind::Interface => "address, interface or socket",
        Kind::SocketOwner => "user:group[:mode]",
        Kind::Charset => "name of a charset, or off",
        Kind::Choice(words) => return format!("one of {}", words.join(", ")),
        Kind::Pairs(rule) => match rule {
            PairRule::Header => "header names and values",
            PairRule::MediaType => "suffixes and media types",
            PairRule::Environment => "variables and values",
            PairRule::Keyword => "keywords, each with a status and a text",
            PairRule::Free => "names and values",
        },
        Kind::Blocks => "addresses or blocks",
        Kind::HostNames => "host names",
        Kind::Protocols => "protocols with options",
        Kind::Object(_) => "object",
        Kind::Objects(_) => "list of objects",
        Kind::Any => "anything",
    };
    text.to_owned()
}
