//! Which files are read, and that the shipped examples load.

use std::fs;
use std::os::unix::fs::symlink;
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
    assert!(shown.contains("/conf\n"), "{shown}");
}

#[test]
fn what_editors_packagers_and_systems_leave_behind_is_passed_over() {
    let dir = Dir::new("leftovers");
    dir.file("conf", &vhost("main")).file("conf.d/site", &vhost("site"));
    let left = [
        ".site.swp",
        "README.md",
        ".DS_Store",
        "site.dpkg-old",
        "b~c",
        "#site#",
        ".goutputstream-0A1B2C",
    ];
    for name in left {
        dir.file(&format!("conf.d/{name}"), "\0 no JSON");
    }
    symlink("kim@host.1234:1700000000", dir.0.join("conf.d/.#site")).unwrap();
    let loaded = dir.load();
    assert_eq!(names(&loaded), ["main", "site"]);
    let counts = loaded.report.counts();
    assert_eq!((counts.total(), counts.notes), (1, 1), "{:?}", loaded.report);
    let shown = loaded.report.render(&loaded.settings.files, false);
    assert!(left.iter().chain(&[".#site"]).all(|name| shown.contains(name)), "{shown}");
}

/// Files are often called like the site that is in them.
#[test]
fn a_file_with_a_host_name_is_read() {
    let dir = Dir::new("named");
    let names_of = ["example.md", "my.rpm-site.lan", "readme.example.org", "sedona.lan"];
    dir.file("conf", &vhost("main"));
    for name in names_of {
        dir.file(&format!("conf.d/{name}"), &vhost(name));
    }
    assert_eq!(names(&dir.load()), [&["main"][..], &names_of].concat());
}

#[test]
fn what_is_no_regular_file_is_passed_over_with_a_warning() {
    let dir = Dir::new("odd");
    dir.file("conf", &vhost("main"));
    symlink("/dev/zero", dir.0.join("conf.d/zero")).unwrap();
    symlink("/nonexistent", dir.0.join("conf.d/dangling")).unwrap();
    symlink("/tmp", dir.0.join("conf.d/directory")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(dir.0.join("conf.d/socket")).unwrap();
    let loaded = dir.load();
    let counts = loaded.report.counts();
    assert_eq!((counts.total(), counts.warnings), (4, 4), "{:?}", loaded.report);
    assert_eq!(names(&loaded), ["main"]);
    // It is another matter when the file that must be there is none.
    fs::remove_file(dir.0.join("conf")).unwrap();
    symlink("/dev/zero", dir.0.join("conf")).unwrap();
    assert_eq!(dir.load().report.counts().errors, 1);
}

/// Who else could write the file would decide what root reads.
#[test]
fn a_link_is_read_when_it_leads_to_a_file_of_root_or_of_the_directorys_owner() {
    use std::os::unix::fs::{MetadataExt as _, chown};
    let dir = Dir::new("links");
    dir.file("conf", &vhost("main")).file("own", &vhost("own")).file("other", &vhost("other"));
    symlink("../own", dir.0.join("conf.d/a")).unwrap();
    symlink("../other", dir.0.join("conf.d/b")).unwrap();
    assert_eq!(names(&dir.load()), ["main", "own", "other"]);
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return; // Only root gives files away.
    }
    chown(dir.0.join("other"), Some(1234), None).unwrap();
    let loaded = dir.load();
    assert_eq!(names(&loaded), ["main", "own"]);
    let shown = loaded.report.render(&loaded.settings.files, false);
    assert!(shown.contains("conf.d/b: skipped: the link leads to a file of user 1234"), "{shown}");
    chown(dir.0.join("conf.d"), Some(1234), None).unwrap();
    assert_eq!(names(&dir.load()), ["main", "own", "other"], "the owner could have put it there");
    chown(dir.0.join("conf.d"), Some(1235), None).unwrap();
    assert_eq!(names(&dir.load()), ["main", "own"]);
}

#[test]
fn files_that_come_and_go_meanwhile_are_no_fault() {
    let dir = Dir::new("moments");
    dir.file("conf", &vhost("main")).file("conf.d/site", &vhost("site"));
    let moment = dir.0.join("conf.d/aaa");
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                fs::write(&moment, "").unwrap();
                fs::remove_file(&moment).unwrap();
            }
        });
        for _ in 0..500 {
            let loaded = dir.load();
            assert!(!loaded.report.has_errors(), "{:?}", loaded.report);
            assert_eq!(names(&loaded), ["main", "site"]);
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
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
