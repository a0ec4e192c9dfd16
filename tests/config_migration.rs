//! `kinglet -t` for the configuration directory of lwsws, as its user sees it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

struct Dir(PathBuf);

impl Dir {
    /// A configuration directory called `name`, with this text in its `conf`.
    fn new(test: &str, name: &str, conf: &str) -> Self {
        let root = std::env::temp_dir().join(format!("kinglet-from-{test}-{}", std::process::id()));
        let dir = root.join(name);
        fs::create_dir_all(&dir).unwrap();
        let conf = conf.replace("ROOT", root.to_str().unwrap());
        fs::write(dir.join("conf"), conf).unwrap();
        Self(dir)
    }

    fn check(&self) -> Output {
        let mut kinglet = Command::new(env!("CARGO_BIN_EXE_kinglet"));
        kinglet.arg("-t").arg("-c").arg(&self.0).output().unwrap()
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(self.0.parent().unwrap_or_else(|| Path::new("/nonexistent")));
    }
}

const CONF: &str = r#"{
  "global": { "init-ssl": "yes" },
  "vhosts": [{
    "name": "pond.test", "unix-socket": "1", "interface": "ROOT/sock",
    "keeplive-timeout": "20", "access-log": "ROOT/log",
    "mounts": [{ "mountpoint": "/", "origin": ">https://pond.test" }]
  }]
}"#;

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn the_page_follows_the_report_and_comes_before_the_verdict() {
    let dir = Dir::new("page", "lwsws", CONF);
    let output = dir.check();
    let (shown, faults) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{shown}{faults}");
    assert!(shown.starts_with("coming from lwsws: "), "{shown}");
    for says in [
        "lwsws stayed root without \"username\"",
        "\"keeplive-timeout\" counts",
        "mode 0600, not 0660",
        "keeps path and query",
        "SIGHUP takes up",
        "docs/migrating-from-lwsws.md",
    ] {
        assert!(shown.contains(says), "{says}\n{shown}");
    }
    // Nothing here speaks TLS or serves files.
    assert!(!shown.contains("\nTLS\n") && !shown.contains("symbolic links"), "{shown}");
    assert!(shown.trim_end().lines().last().unwrap().contains("the configuration is good"));
    assert!(fs::symlink_metadata(dir.0.parent().unwrap().join("sock")).is_err());
}

#[test]
fn other_directories_and_wrong_texts_get_no_page() {
    let other = Dir::new("other", "kinglet", CONF).check();
    assert_eq!(other.status.code(), Some(0));
    assert!(!text(&other.stdout).contains("coming from lwsws"));
    let wrong = Dir::new("wrong", "lwsws", r#"{ "vhosts": [{ "port": "x" }] }"#).check();
    assert_eq!(wrong.status.code(), Some(78));
    assert!(!text(&wrong.stdout).contains("coming from lwsws"));
}

#[test]
fn a_chroot_without_rights_and_unknown_owners_are_errors() {
    let conf = CONF
        .replace("\"init-ssl\": \"yes\"", "\"username\": \"nobody\"")
        .replace(">https://pond.test\"", "cgi:///bin/x\", \"cgi-chroot\": \"/srv/jail\"")
        .replace("/sock\"", "/sock\", \"unix-socket-perms\": \"no-such-user:no-such-group\"");
    let output = Dir::new("chroot", "lwsws", &conf).check();
    let faults = text(&output.stderr);
    assert_eq!(output.status.code(), Some(78), "{faults}");
    for says in [
        "conf:6:77: error: \"cgi-chroot\" needs root's rights",
        "error: unknown user \"no-such-user\"",
        "error: unknown group \"no-such-group\"",
    ] {
        assert!(faults.contains(says), "{says}\n{faults}");
    }
    // Who keeps root's rights may have it; then the server must be started as root.
    let kept = conf.replace("\"nobody\"", "\"root\"").replace("no-such-user:no-such-group", "0:0");
    let faults = text(&Dir::new("kept", "lwsws", &kept).check().stderr);
    let root = faults.contains("keeps root's rights");
    assert_eq!(faults.contains("cgi-chroot\" needs"), !root, "{faults}");
}

#[test]
fn a_port_that_lwsws_holds_is_no_error() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let conf = r#"{ "vhosts": [{ "interface": "127.0.0.1", "port": "PORT" }] }"#;
    let dir = Dir::new("port", "lwsws", &conf.replace("PORT", &port));
    let before = dir.check();
    assert_eq!(before.status.code(), Some(78), "{}", text(&before.stderr));
    // This process goes by that name from here on.
    fs::write("/proc/self/comm", "lwsws").unwrap();
    let output = dir.check();
    let faults = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{faults}");
    let says = format!("degraded: port {port} of 127.0.0.1 is in use by lwsws");
    assert!(faults.contains(&says) && faults.contains("stop lwsws"), "{faults}");
}
