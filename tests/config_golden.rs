//! Configuration text to exact diagnostics: `tests/config/NAME.conf` to `NAME.expect`.
//! `KINGLET_UPDATE=1 cargo test --test config_golden` writes the expectations anew.

use std::fs;
use std::path::Path;

use kinglet::config::settings::SourceFile;
use kinglet::config::{Options, load_texts, not_built, places_are_sound};

/// What a user would see, capabilities that are not built included.
fn shown(name: &str, text: Vec<u8>, strict: bool) -> String {
    let file = SourceFile { path: name.to_owned(), text };
    let options = Options { strict, ..Options::default() };
    let mut loaded = load_texts(vec![file], &options);
    assert!(places_are_sound(&loaded), "{name}");
    for note in not_built(&loaded) {
        loaded.report.push(note);
    }
    let counts = loaded.report.counts();
    let mut out = loaded.report.render(&loaded.settings.files, false);
    out.push_str(&format!(
        "errors {}, warnings {}, notes {}\n",
        counts.errors, counts.warnings, counts.notes
    ));
    out
}

#[test]
fn diagnostics_are_exactly_these() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config");
    let update = std::env::var_os("KINGLET_UPDATE").is_some();
    let mut wrong = Vec::new();
    let mut seen = 0;
    for entry in fs::read_dir(&dir).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|e| e != "conf") {
            continue;
        }
        seen += 1;
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let got = shown(&name, fs::read(&path).unwrap(), name.starts_with("strict"));
        let expect = path.with_extension("expect");
        if update {
            fs::write(&expect, &got).unwrap();
        } else if fs::read_to_string(&expect).unwrap_or_default() != got {
            wrong.push(format!("--- {name} gives now ---\n{got}"));
        }
    }
    assert!(seen >= 20, "{seen}");
    assert!(
        wrong.is_empty(),
        "{}\nif that is right: KINGLET_UPDATE=1 cargo test --test config_golden",
        wrong.join("\n")
    );
}
