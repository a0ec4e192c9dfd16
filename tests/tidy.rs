//! Reads the project's sources and holds them to the rules of the house.
//!
//! Every message says what to do instead. The rules and their reasons are in CONTRIBUTING.md and
//! docs/ARCHITECTURE.md; tests/tidy/ holds the matchers, with their own
//! tests, and the list of files.

use std::fs;

#[path = "tidy/scan.rs"]
mod scan;
#[path = "tidy/sources.rs"]
mod sources;

use scan::{
    climbed_paths, crate_paths, functions, layer, line_of, mask, parts, without_strings,
    without_tests, words,
};
use sources::{crate_sources, product_sources, root, rust_sources, sources};

/// Lines that a function may have, from its `fn` to its closing brace.
const FUNCTION_LINES_MAX: usize = 69;
/// Lines that any source file may have, tests included.
const FILE_LINES_MAX: usize = 800;
/// Above this a file must stand in `LONG_FILES`.
const FILE_LINES_LISTED: usize = 400;
/// Characters in a line of Rust (what stands in strings aside), Python or shell.
const COLUMNS_MAX: usize = 100;
/// Characters in any line of Rust, strings and all.
const COLUMNS_WITH_STRINGS_MAX: usize = 120;

/// Files over `FILE_LINES_LISTED` lines with their exact lengths: numbers may only go down.
const LONG_FILES: &[(&str, usize)] = &[];

/// Calls that may panic and are allowed: (file, line of code as written, why it cannot happen).
const PANICS_ALLOWED: &[(&str, &str, &str)] = &[(
    "src/reactor/entry.rs",
    "None => unreachable!(\"slot {id} is in a list and does not exist\"),",
    "slots leave every list before they go; going on would hand one client's bytes to another",
)];

/// Which folder of `src` may name which others.
const LAYERS: &[(&str, &[&str])] = &[
    ("buf", &[]),
    ("sys", &[]),
    ("http", &["buf"]),
    ("tls", &["buf"]),
    ("reactor", &["buf", "sys", "tls"]),
    ("config", &["buf", "http", "tls"]),
    ("vhost", &["buf", "http", "tls", "config", "sys"]),
    ("origin", &["buf", "http", "config", "vhost", "sys"]),
    ("conn", &["buf", "http", "tls", "config", "vhost", "origin", "reactor", "sys"]),
    ("daemon", &["buf", "http", "tls", "config", "vhost", "origin", "conn", "reactor", "sys"]),
    ("main", &["daemon"]),
];

/// Words that say nothing about what a thing is.
const EMPTY_WORDS: &[&str] = &["util", "utils", "manager", "helper", "helpers", "context"];

fn report(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn folders_look_only_down() {
    let mut faults = Vec::new();
    for source in product_sources().iter().filter(|s| s.path != "src/lib.rs") {
        let own = layer(&source.path);
        let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| *name == own) else {
            faults.push(format!("{}: give `{own}` a row in LAYERS (tests/tidy.rs)", source.path));
            continue;
        };
        let code = without_tests(&mask(&source.text));
        let mut named = crate_paths(&code, "crate::");
        named.extend(crate_paths(&code, "kinglet::"));
        named.extend(climbed_paths(&source.path, &code));
        for (name, line) in named {
            let known = LAYERS.iter().any(|(layer, _)| *layer == name);
            if known && name != own && !allowed.contains(&name.as_str()) {
                faults.push(format!(
                    "{}:{line}: `{own}` names `{name}`: hand the value in from above, or move the \
                     shared word down (docs/ARCHITECTURE.md, layers)",
                    source.path
                ));
            }
        }
    }
    report(&faults);
}

#[test]
fn functions_are_short() {
    let mut faults = Vec::new();
    for source in rust_sources() {
        for (name, line, lines) in functions(&mask(&source.text)) {
            if lines > FUNCTION_LINES_MAX {
                faults.push(format!(
                    "{}:{line}: `{name}` has {lines} lines: name a step of it and make that a \
                     function (limit {FUNCTION_LINES_MAX})",
                    source.path
                ));
            }
        }
    }
    report(&faults);
}

#[test]
fn files_are_short() {
    let mut faults = Vec::new();
    for source in rust_sources() {
        let lines = source.text.lines().count();
        let listed = LONG_FILES.iter().find(|(path, _)| *path == source.path).map(|(_, n)| *n);
        if lines > FILE_LINES_MAX {
            faults.push(format!(
                "{}: {lines} lines: split it by responsibility (limit {FILE_LINES_MAX})",
                source.path
            ));
        } else if listed.is_some_and(|n| lines < n) {
            faults.push(format!("{}: now {lines} lines: lower LONG_FILES", source.path));
        } else if lines > listed.unwrap_or(FILE_LINES_LISTED) {
            faults.push(format!(
                "{}: {lines} lines, {} are fine: move a responsibility to a file of its own; when it \
                 really is one thing, add `(\"{}\", {lines}),` to LONG_FILES",
                source.path,
                listed.unwrap_or(FILE_LINES_LISTED),
                source.path
            ));
        }
    }
    for (path, _) in LONG_FILES {
        if !root().join(path).is_file() {
            faults.push(format!("{path} is gone: take it out of LONG_FILES"));
        }
    }
    report(&faults);
}

#[test]
fn unsafe_and_libc_stay_in_sys() {
    let mut faults = Vec::new();
    for source in crate_sources() {
        if source.path.starts_with("src/sys/") {
            continue;
        }
        let code = mask(&source.text);
        for (at, word) in words(&code) {
            let foreign = word == "libc" && code[at..].starts_with("libc::");
            if word == "unsafe" || foreign {
                faults.push(format!(
                    "{}:{}: `{word}`: add a safe call to src/sys and use that",
                    source.path,
                    line_of(&code, at)
                ));
            }
        }
    }
    report(&faults);
}

#[test]
fn nothing_panics_on_purpose() {
    let calls = [".unwrap()", ".expect(", ".unwrap_err()", ".expect_err("];
    let macros = ["panic!", "todo!", "unimplemented!", "unreachable!", "dbg!"];
    let mut faults = Vec::new();
    let mut used = vec![false; PANICS_ALLOWED.len()];
    for source in product_sources() {
        let code = without_tests(&mask(&source.text));
        for (number, line) in code.lines().enumerate() {
            let found = calls.iter().chain(&macros).find(|word| line.contains(**word));
            let Some(word) = found else { continue };
            let written = source.text.lines().nth(number).unwrap_or_default().trim();
            let allowed =
                PANICS_ALLOWED.iter().position(|(p, l, _)| *p == source.path && *l == written);
            match allowed {
                Some(at) => used[at] = true,
                None => faults.push(format!(
                    "{}:{}: `{word}`: answer with an error, or take the value apart with `let \
                     else`; what truly cannot happen goes into PANICS_ALLOWED with its reason",
                    source.path,
                    number + 1
                )),
            }
        }
    }
    for (at, (path, line, reason)) in PANICS_ALLOWED.iter().enumerate() {
        if !used[at] || reason.is_empty() {
            faults.push(format!("{path}: take `{line}` out of PANICS_ALLOWED, or say why"));
        }
    }
    report(&faults);
}

#[test]
fn every_rust_file_says_what_it_is_for() {
    let mut faults = Vec::new();
    for source in rust_sources() {
        let header = source.text.trim_start_matches("#![no_main]\n").trim_start();
        if !header.starts_with("//! ") || header.len() < 12 {
            faults.push(format!(
                "{}: begin with `//! ` and a sentence: what it is, what it never does",
                source.path
            ));
        }
    }
    report(&faults);
}

#[test]
fn names_say_what_things_are() {
    let kinds = ["mod", "struct", "enum", "trait", "fn", "type"];
    let mut faults = Vec::new();
    for source in rust_sources() {
        let file = source.path.trim_end_matches(".rs");
        let mut named: Vec<(usize, String)> =
            file.split('/').map(|part| (0, part.to_string())).collect();
        let code = mask(&source.text);
        for pair in words(&code).windows(2) {
            if kinds.contains(&pair[0].1) {
                named.push((line_of(&code, pair[1].0), pair[1].1.to_string()));
            }
        }
        for (line, name) in named {
            if let Some(word) = parts(&name).iter().find(|w| EMPTY_WORDS.contains(&w.as_str())) {
                faults.push(format!(
                    "{}:{line}: `{name}`: `{word}` could be anything; use the field's term",
                    source.path
                ));
            }
        }
    }
    report(&faults);
}

#[test]
fn lines_fit_and_end_cleanly() {
    let mut faults = Vec::new();
    for source in sources() {
        let script = [".py", ".sh"].iter().any(|end| source.path.ends_with(end));
        let rust = source.path.ends_with(".rs");
        let bare = if rust { without_strings(&source.text) } else { source.text.clone() };
        for (number, (line, bare)) in source.text.lines().zip(bare.lines()).enumerate() {
            let place = format!("{}:{}", source.path, number + 1);
            for (text, most) in [(bare, COLUMNS_MAX), (line, COLUMNS_WITH_STRINGS_MAX)] {
                let columns = text.chars().count();
                if (script || rust) && columns > most {
                    faults.push(format!("{place}: {columns} columns: break the line at {most}"));
                }
            }
            if line.ends_with([' ', '\t']) {
                faults.push(format!("{place}: remove the white space at the end of the line"));
            }
        }
        if !source.text.is_empty() && !source.text.ends_with('\n') {
            faults.push(format!("{}: end the last line with a line feed", source.path));
        }
    }
    report(&faults);
}

#[test]
fn nothing_is_left_for_later_in_the_text() {
    let words =
        [concat!("FIX", "ME"), concat!("TO", "DO"), concat!("X", "XX:"), concat!("HA", "CK")];
    let mut faults = Vec::new();
    for source in sources() {
        if source.path.ends_with(".lock") {
            continue;
        }
        for (number, line) in source.text.lines().enumerate() {
            if let Some(word) = words.iter().find(|word| line.contains(**word)) {
                faults.push(format!(
                    "{}:{}: `{word}`: do it, or open an issue and say nothing here",
                    source.path,
                    number + 1
                ));
            }
        }
    }
    report(&faults);
}

#[test]
fn scripts_have_run_bits_and_nothing_else_has() {
    let mut faults = Vec::new();
    for source in sources() {
        let script = source.text.starts_with("#!/");
        if script && !source.executable {
            faults.push(format!("{}: chmod +x: it begins with #!", source.path));
        }
        if source.executable && !script {
            faults.push(format!("{}: chmod -x: it has no #! line", source.path));
        }
    }
    for path in ["test", ".ci/run"] {
        assert!(root().join(path).is_file(), "{path} is missing");
    }
    report(&faults);
}

#[test]
fn documents_are_there_and_have_titles() {
    let mut faults = Vec::new();
    for path in ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"] {
        if !root().join(path).is_file() {
            faults.push(format!("{path} is missing"));
        }
    }
    for path in ["LICENSE-MIT", "LICENSE-APACHE", "docs/ARCHITECTURE.md"] {
        if !root().join(path).is_file() {
            faults.push(format!("{path} is missing"));
        }
    }
    for source in sources().iter().filter(|s| s.path.ends_with(".md")) {
        if !source.text.starts_with("# ") && !source.text.starts_with("<!--") {
            faults.push(format!("{}: begin with a title (`# ...`)", source.path));
        }
    }
    let changelog = fs::read_to_string(root().join("CHANGELOG.md")).unwrap_or_default();
    let version = env!("CARGO_PKG_VERSION");
    if !changelog.contains(&format!("## {version}")) {
        faults.push(format!("CHANGELOG.md: add a section `## {version}`"));
    }
    let map = fs::read_to_string(root().join("docs/ARCHITECTURE.md")).unwrap_or_default();
    for (name, _) in LAYERS.iter().filter(|(name, _)| *name != "main") {
        if !map.contains(&format!("`{name}`")) {
            faults.push(format!("docs/ARCHITECTURE.md: say what `{name}` is for"));
        }
    }
    report(&faults);
}

#[test]
fn the_layer_table_has_no_cycle() {
    let mut done: Vec<&str> = Vec::new();
    while done.len() < LAYERS.len() {
        let next = LAYERS.iter().find(|(name, needs)| {
            !done.contains(name) && needs.iter().all(|need| done.contains(need))
        });
        done.push(next.expect("a folder that needs only finished ones").0);
    }
}
