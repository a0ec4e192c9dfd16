//! The files of the project that the rules apply to.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::scan::test_modules;

/// A file of the project: its path from the root, and its text.
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: String,
    pub(crate) executable: bool,
}

pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every text file of the project, without build products, fuzz corpora and seeds (raw bytes).
pub(crate) fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    walk(&root(), &root(), &mut found);
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(found.iter().any(|s| s.path == "src/lib.rs"), "src/lib.rs was not found");
    found
}

fn walk(base: &Path, folder: &Path, found: &mut Vec<Source>) {
    let skip = [
        "target",
        ".git",
        "node_modules",
        "__pycache__",
        "corpus",
        "seeds",
        "artifacts",
        "coverage",
    ];
    for entry in fs::read_dir(folder).expect("a readable folder").map(Result::unwrap) {
        let name = entry.file_name().into_string().expect("file names are UTF-8");
        let kind = entry.file_type().expect("a file type");
        if kind.is_dir() {
            if !skip.contains(&name.as_str()) && !name.starts_with("target") {
                walk(base, &entry.path(), found);
            }
            continue;
        }
        let path = entry.path();
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let executable = entry.metadata().expect("metadata").permissions().mode() & 0o111 != 0;
        let path = path.strip_prefix(base).expect("below the root").display().to_string();
        found.push(Source { path, text, executable });
    }
}

pub(crate) fn rust_sources() -> Vec<Source> {
    sources().into_iter().filter(|s| s.path.ends_with(".rs")).collect()
}

/// The sources of the crate with its unit tests.
pub(crate) fn crate_sources() -> Vec<Source> {
    rust_sources().into_iter().filter(|s| s.path.starts_with("src/")).collect()
}

/// The sources of the program itself; files that only tests bring in are left out.
pub(crate) fn product_sources() -> Vec<Source> {
    let mut found = crate_sources();
    let tests: Vec<String> =
        found.iter().flat_map(|source| test_modules(&source.path, &source.text)).collect();
    found.retain(|source| !tests.contains(&source.path));
    found
}
