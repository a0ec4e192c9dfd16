//! The examples that are shipped pass the check that their README tells people to run.

use std::path::{Path, PathBuf};
use std::process::Command;

use kinglet::config::settings::SourceFile;
use kinglet::config::{Options, load_texts, not_built};

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")
}

/// Runs `kinglet -t` on a directory; it must find the text good. What it said follows.
fn check(directory: &Path, more: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_kinglet"))
        .args(["-t", "-c"])
        .arg(directory)
        .args(more)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", directory.display());
    assert!(said.contains(": 0 errors, "), "{}: {said}", directory.display());
    said.into_owned()
}

#[test]
fn lwsws_examples_are_good_text() {
    let mut seen = 0;
    for entry in std::fs::read_dir(examples().join("lwsws")).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            check(&entry.path(), &[]);
            seen += 1;
        }
    }
    assert!(seen >= 5, "{seen} examples");
}

#[test]
fn quickstart_finds_its_files() {
    let data = examples().display().to_string();
    let said = check(&examples().join("quickstart"), &["--data-dir", &data]);
    // Other findings depend on the machine: a port that is taken, a home that is private.
    assert!(!said.contains("does not exist") && !said.contains("finds nothing"), "{said}");
}

#[test]
fn https_needs_no_certificate_files() {
    let data = examples().display().to_string();
    let said = check(&examples().join("https"), &["--data-dir", &data]);
    assert!(!said.contains("does not exist") && !said.contains("finds nothing"), "{said}");
}

/// The configurations that a page shows: its blocks of JSON, each a whole file.
fn shown_in(page: &str) -> Vec<String> {
    let text = std::fs::read_to_string(examples().join("..").join(page)).unwrap();
    let blocks = text.split("\n```json\n").skip(1);
    blocks.map(|block| block.split("\n```\n").next().unwrap().to_owned()).collect()
}

#[test]
fn configurations_in_the_documents_have_no_fault() {
    for (page, count) in [("README.md", 1), ("docs/recipes.md", 13)] {
        let blocks = shown_in(page);
        assert_eq!(blocks.len(), count, "{page}");
        for text in blocks {
            let file = SourceFile { path: page.to_owned(), text: text.clone().into_bytes() };
            let loaded = load_texts(vec![file], &Options { strict: true, ..Options::default() });
            let said = loaded.report.render(&loaded.settings.files, false);
            assert!(said.is_empty() && not_built(&loaded).is_empty(), "{said}{text}");
        }
    }
}

#[test]
fn quickstart_serves_its_directory_without_a_configuration() {
    let www = examples().join("quickstart/www");
    let output = Command::new(env!("CARGO_BIN_EXE_kinglet")).arg("-t").arg(&www).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
