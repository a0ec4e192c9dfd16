//! The manual and the completions in `dist` are what the program prints.

use std::path::Path;
use std::process::Command;

const DOCUMENTS: &[(&[&str], &str)] = &[
    (&["--man", "8"], "dist/man/kinglet.8"),
    (&["--man", "5"], "dist/man/kinglet.conf.5"),
    (&["--completions", "bash"], "dist/completions/kinglet.bash"),
    (&["--completions", "zsh"], "dist/completions/_kinglet"),
    (&["--completions", "fish"], "dist/completions/kinglet.fish"),
];

#[test]
fn the_checked_in_documents_are_the_generated_ones() {
    let mut stale = Vec::new();
    for (options, path) in DOCUMENTS {
        let output = Command::new(env!("CARGO_BIN_EXE_kinglet")).args(*options).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{options:?}");
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        if std::env::var_os("KINGLET_UPDATE").is_some() {
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(&file, output.stdout).unwrap();
        } else if std::fs::read(&file).unwrap_or_default() != output.stdout {
            stale.push(*path);
        }
    }
    assert!(
        stale.is_empty(),
        "{stale:?}: not what the program's tables say; write them anew with\n\
         KINGLET_UPDATE=1 cargo test --test generated_documents"
    );
}
