//! Which files are read, and that the shipped examples load.

use std::fs;
use std::path::{Path, PathBuf};

use kinglet::config::{Loaded, Options, load, not_built};

/// A directory that is removed at the end.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("kinglet-config-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(path.join("conf.d")).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, text: &str) -> &Self {
        fs::write(self.0.join(name), text).unwrap();
        self
    }

    fn load(&self) -> Loaded {
        load(&self.0, &Options::default())
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn vhost(name: &str) -> String {
    format!("{{\"vhosts\": [{{\"name\": \"{name}\", \"port\": \"80\"}}]}}")
}

fn names(loaded: &Loaded) -> Vec<&str> {
    loaded.settings.vhosts.iter().map(|v| v.name.value.as_str()).collect()
}

#[test]
fn conf_comes_first_then_conf_d_by_bytes() {
    let dir = Dir::new("order");
    dir.file("conf", &vhost("main")).file("conf.d/b", &vhost("b")).file("conf.d/a", &vhost("a"));
    dir.file("conf.d/.hidden", &vhost("hidden")).file("conf.d/B", &vhost("upper"));
    dir.file("conf.d/c~", "not read").file("conf.d/empty", "");
    fs::create_dir(dir.0.join("conf.d/subdir")).unwrap();
    let loaded = dir.load();
    assert!(!loaded.report.has_errors(), "{:?}", loaded.report);
    assert_eq!(names(&loaded), ["main", "hidden", "upper", "a", "b"]);
    assert!(loaded.settings.files[0].path.ends_with("/conf"));
    assert_eq!(loaded.settings.files.len(), 6);
}

#[test]
fn globals_may_be_anywhere_and_the_last_counts() {
    let dir = Dir::new("globals");
    dir.file("conf", r#"{"global": {"server-string": "a", "timeout-secs": 7}}"#);
    dir.file("conf.d/x", r#"{"global": {"server-string": "b"}, "vhosts": [{"port": 80}]}"#);
    let loaded = dir.load();
    assert!(!loaded.report.has_errors());
    assert_eq!(loaded.settings.global.server_string.as_deref(), Some("b"));
    assert_eq!(loaded.settings.global.timeout_secs, 7);
    assert_eq!(loaded.report.counts().warnings, 1, "the lost value is named");
}

#[test]
fn a_missing_conf_d_is_fine_and_a_missing_conf_is_not() {
    let dir = Dir::new("missing");
    dir.file("conf", &vhost("only"));
    fs::remove_dir(dir.0.join("conf.d")).unwrap();
    let loaded = dir.load();
    assert!(!loaded.report.has_errors());
    assert_eq!(loaded.report.counts().notes, 1);
    fs::remove_file(dir.0.join("conf")).unwrap();
    let loaded = dir.load();
    assert_eq!(loaded.report.counts().errors, 1);
    let shown = loaded.report.render(&loaded.settings.files, false);
    assert!(shown.contains("/conf: No such file"), "{shown}");
}

#[test]
fn what_is_no_regular_file_is_an_error() {
    let dir = Dir::new("odd");
    dir.file("conf", &vhost("main"));
    std::os::unix::fs::symlink("/dev/zero", dir.0.join("conf.d/zero")).unwrap();
    std::os::unix::fs::symlink("/nonexistent", dir.0.join("conf.d/dangling")).unwrap();
    let loaded = dir.load();
    assert_eq!(loaded.report.counts().errors, 2, "{:?}", loaded.report);
    assert_eq!(names(&loaded), ["main"]);
}

#[test]
fn a_file_that_is_too_big_is_one_error() {
    let dir = Dir::new("big");
    dir.file("conf", &vhost("main")).file("conf.d/big", &" ".repeat((1 << 20) + 1));
    assert_eq!(dir.load().report.counts().errors, 1);
    dir.file("conf.d/big", &" ".repeat(1 << 20));
    assert_eq!(dir.load().report.counts().errors, 0);
}

#[test]
fn errors_of_all_files_come_in_one_run() {
    let dir = Dir::new("errors");
    dir.file("conf", "{ \"global\": { \"timeout-secs\": \"soon\" }").file("conf.d/a", "{ x }");
    dir.file("conf.d/b", r#"{"vhosts": [{"port": "70000"}, {"name": "n"}]}"#);
    let loaded = dir.load();
    let shown = loaded.report.render(&loaded.settings.files, false);
    for part in ["conf:1:", "soon", "conf.d/a:1:3", "70000", "this vhost has no \"port\""] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
}

#[test]
fn every_example_loads_without_errors_and_warnings() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/lwsws");
    let mut seen = 0;
    for entry in fs::read_dir(root).unwrap() {
        let dir = entry.unwrap().path();
        if !dir.is_dir() {
            continue;
        }
        seen += 1;
        let loaded = load(&dir, &Options { strict: true, ..Options::default() });
        let shown = loaded.report.render(&loaded.settings.files, false);
        let counts = loaded.report.counts();
        assert_eq!((counts.errors, counts.warnings), (0, 0), "{}:\n{shown}", dir.display());
        assert!(!loaded.settings.vhosts.is_empty());
        let name = dir.file_name().unwrap().to_str().unwrap();
        let needs_more = matches!(name, "tls" | "gateway");
        assert_eq!(!not_built(&loaded).is_empty(), needs_more, "{name}");
    }
    assert!(seen >= 5);
}
