//! Tests of the state directory: where it is, who may not be trusted, how files get there.

use std::os::unix::fs::{PermissionsExt as _, chown, symlink};

use super::*;

/// A directory of our own, gone when it is dropped.
pub(in crate::daemon) struct Dir(pub(in crate::daemon) PathBuf);

impl Dir {
    pub(in crate::daemon) fn new(name: &str) -> Self {
        let name = format!("kinglet-state-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        mode(&path, 0o755);
        Self(path)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(in crate::daemon) fn mode(path: &Path, bits: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(bits)).unwrap();
}

fn mode_of(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

fn why<T>(result: io::Result<T>) -> String {
    result.err().map(|error| error.to_string()).unwrap_or_default()
}

#[test]
fn the_place_follows_from_user_and_home() {
    let mut of = Surroundings::default();
    assert_eq!(of.state_dir(), None);
    of.home = Some("/home/u".into());
    assert_eq!(of.state_dir(), Some("/home/u/.local/state/kinglet".into()));
    of.state_home = Some("/state".into());
    assert_eq!(of.state_dir(), Some("/state/kinglet".into()));
    of.system_is_ours = true;
    assert_eq!(of.state_dir(), Some("/var/lib/kinglet".into()));
    of = Surroundings { is_root: true, ..Surroundings::default() };
    assert_eq!(of.state_dir(), Some("/var/lib/kinglet".into()));
    of.service = Some("/var/lib/private/kinglet".into());
    assert_eq!(of.state_dir(), of.service);
}

#[test]
fn a_missing_directory_is_made_and_one_that_is_there_stays() {
    let dir = Dir::new("make");
    let path = dir.0.join("a/b");
    let state = StateDir::open(&path).unwrap();
    assert_eq!(state.path(), fs::canonicalize(&path).unwrap());
    assert_eq!((mode_of(&path), mode_of(&dir.0.join("a"))), (0o700, 0o700));
    mode(&path, 0o755);
    StateDir::open(&path).unwrap();
    assert_eq!(mode_of(&path), 0o755);
    fs::write(dir.0.join("file"), "x").unwrap();
    assert!(StateDir::open(&dir.0.join("file")).is_err());
    assert!(StateDir::open(&dir.0.join("file/below")).is_err());
}

#[test]
fn files_are_private_whole_and_replaced_at_once() {
    let dir = Dir::new("write");
    let state = StateDir::open(&dir.0).unwrap();
    assert!(state.read("key", 10).unwrap().is_none());
    for text in ["first", "second"] {
        state.write("key", text.as_bytes()).unwrap();
        assert_eq!(mode_of(&state.file("key")), 0o600);
        let content = state.read("key", 10).unwrap().unwrap();
        assert_eq!((&content.bytes[..], content.is_open), (text.as_bytes(), false));
    }
    assert_eq!(fs::read_dir(&dir.0).unwrap().count(), 1);
    assert_eq!(why(state.read("key", 5)), "it is too long");
    for (bits, is_open) in [(0o640, true), (0o604, true), (0o602, true), (0o400, false)] {
        mode(&state.file("key"), bits);
        assert_eq!(state.read("key", 10).unwrap().unwrap().is_open, is_open, "{bits:o}");
    }
    // A temporary file that was left behind is in nobody's way, and a link there is not followed.
    let temporary = state.file(&format!(".key.{}", std::process::id()));
    let target = dir.0.join("target");
    fs::write(&target, "untouched").unwrap();
    symlink(&target, &temporary).unwrap();
    state.write("key", b"third").unwrap();
    assert_eq!(fs::read(&target).unwrap(), b"untouched");
    assert_eq!(fs::read(state.file("key")).unwrap(), b"third");
    // What cannot be replaced leaves nothing behind.
    fs::create_dir_all(dir.0.join("taken/x")).unwrap();
    assert!(state.write("taken", b"x").is_err());
    assert!(!state.file(&format!(".taken.{}", std::process::id())).exists());
}

#[test]
fn links_and_others_files_are_refused() {
    let dir = Dir::new("links");
    let state = StateDir::open(&dir.0).unwrap();
    fs::write(dir.0.join("target"), "x").unwrap();
    symlink("target", dir.0.join("key")).unwrap();
    assert_eq!(why(state.read("key", 10)), "it is a symbolic link");
    // A link is replaced, not followed.
    state.write("key", b"new").unwrap();
    assert_eq!(fs::read(dir.0.join("target")).unwrap(), b"x");
    assert_eq!(state.read("key", 10).unwrap().unwrap().bytes[..], *b"new");
    fs::create_dir(dir.0.join("folder")).unwrap();
    assert_eq!(why(state.read("folder", 10)), "it is not a file");
    if user::effective_uid() == 0 {
        chown(state.file("key"), Some(54_321), None).unwrap();
        assert_eq!(why(state.read("key", 10)), "it belongs to another user");
    }
}

#[test]
fn a_way_that_others_can_change_is_refused() {
    let dir = Dir::new("way");
    let way = dir.0.join("way");
    let path = way.join("state");
    fs::create_dir(&way).unwrap();
    for (bits, allowed) in [(0o777, false), (0o1777, true), (0o702, false), (0o755, true)] {
        mode(&way, bits);
        assert_eq!(StateDir::open(&path).is_ok(), allowed, "{bits:o}");
        assert_eq!(path.exists(), allowed, "{bits:o}: nothing is made on a bad way");
        let _ = fs::remove_dir(&path);
    }
    let link = dir.0.join("link");
    symlink(&way, &link).unwrap();
    assert!(StateDir::open(&link.join("state")).is_ok());
    if user::effective_uid() == 0 {
        std::os::unix::fs::lchown(&link, Some(54_321), None).unwrap();
        assert!(why(StateDir::open(&link.join("state"))).ends_with("belongs to another user"));
        mode(&way, 0o775);
        chown(&way, None, Some(54_321)).unwrap();
        assert!(why(StateDir::open(&path)).starts_with("others may write to "));
        mode(&way, 0o755);
        chown(&way, Some(54_321), None).unwrap();
        assert!(why(StateDir::open(&path)).ends_with("belongs to another user"));
    }
}
