//! Servers that are found, and others that are not.

use super::*;
use crate::daemon::command::args;
use crate::daemon::control::server::Server;
use std::ffi::OsString;
use std::path::PathBuf;

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("kinglet-find-{name}-{}", std::process::id());
        let path = fs::canonicalize(std::env::temp_dir()).unwrap().join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(path.join("one")).unwrap();
        fs::create_dir(path.join("other")).unwrap();
        Self(path)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn parsed(words: &[&Path]) -> Args {
    let words = words.iter().map(|word| OsString::from(word.as_os_str()));
    args::parse(std::iter::once("kinglet".into()).chain(words)).unwrap()
}

fn configured(dir: &Path) -> Args {
    parsed(&["-c".as_ref(), dir])
}

fn is_found(args: &Args) -> bool {
    match find(args) {
        Ok(found) => found.pid == std::process::id(),
        Err(Missing::None) => false,
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn a_configuration_has_many_spellings() {
    let folder = Folder::new("spellings");
    let one = folder.at("one");
    let link = folder.at("link");
    std::os::unix::fs::symlink(&one, &link).unwrap();
    for started in [&one, &link, &folder.at("other/../one/.")] {
        let server = Server::open(&configured(started)).unwrap();
        for dir in ["one", "one/", "./one", "other/../one", "link", "link/."] {
            let args = parsed(&["status".as_ref(), "-c".as_ref(), &folder.at(dir)]);
            assert!(is_found(&args), "{} for {dir}", started.display());
        }
        assert!(is_found(&parsed(&["status".as_ref(), &one])));
        assert!(!is_found(&configured(&folder.at("other"))));
        assert!(!is_found(&configured(&folder.at("none"))));
        drop(server);
        assert!(!is_found(&configured(&one)));
    }
}

#[test]
fn a_configuration_that_is_replaced_is_the_same_server_s() {
    let folder = Folder::new("replaced");
    let (link, long) = (folder.at("link"), "x".repeat(100));
    fs::create_dir(folder.at(&long)).unwrap();
    let switch = |to: &str| {
        std::os::unix::fs::symlink(folder.at(to), folder.at("new")).unwrap();
        fs::rename(folder.at("new"), &link).unwrap();
    };
    switch("one");
    let server = Server::open(&configured(&link)).unwrap();
    switch("other");
    assert!(is_found(&configured(&link)) && is_found(&configured(&folder.at("other"))));
    assert!(!is_found(&configured(&folder.at("one"))));
    fs::remove_file(&link).unwrap();
    assert!(is_found(&configured(&link)), "it is gone");
    drop(server);
    // A name that does not fit.
    let long = folder.at(&long);
    let server = Server::open(&configured(&long)).unwrap();
    fs::rename(&long, folder.at("away")).unwrap();
    fs::create_dir(&long).unwrap();
    assert!(is_found(&configured(&long)));
    drop(server);
    assert!(!is_found(&configured(&long)));
}

#[test]
fn a_directory_is_found_by_its_name_or_process() {
    let folder = Folder::new("quick");
    let status = |word: &Path| find(&parsed(&["status".as_ref(), word]));
    let own = PathBuf::from(std::process::id().to_string());
    let link = folder.at("link");
    std::os::unix::fs::symlink(folder.at("one"), &link).unwrap();
    let server = Server::open(&parsed(&[&link])).unwrap();
    for word in [&folder.at("one"), &link, &folder.at("./one/"), &own] {
        assert!(status(word).is_ok(), "{}: {:?}", word.display(), status(word).err());
    }
    assert!(matches!(status(&folder.at("other")), Err(Missing::None)));
    // It has no configuration.
    assert!(!is_found(&configured(&folder.at("one"))));
    // And another one, as if another process had it.
    let second = Name::of(user::effective_uid(), &folder.at("one"), Some(1)).to_string();
    let second = Server::listen(&second, user::effective_uid()).unwrap();
    assert!(matches!(status(&link), Err(Missing::Several(names)) if names.len() == 2));
    assert!(status(&own).is_ok());
    drop((server, second));
    assert!(matches!(status(&link), Err(Missing::None)));
}

#[test]
fn a_process_of_another_user_is_not_asked() {
    let folder = Folder::new("impostor");
    let one = folder.at("one");
    let own = user::effective_uid();
    // Root is believed whatever the name says; for a user this is the server of another one.
    let name = Name::of(own.wrapping_add(1), &one, None);
    let server = Server::listen(&name.to_string(), own).unwrap();
    let mut search = Search::new();
    assert_eq!(search.connect(&name, true).unwrap().is_some(), own == 0);
    let met = matches!(search.obstacle, Some(Missing::Impostor(Holder { uid, .. })) if uid == own);
    assert_eq!(met, own != 0);
    drop(server);
    assert!(search.connect(&name, true).unwrap().is_none());
    // A name that is taken, where nobody listens.
    let name = Name::of(own, &one, None);
    let bound =
        socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::SEQPACKET, None).unwrap();
    bound.bind(&socket2::SockAddr::unix(format!("\0{name}")).unwrap()).unwrap();
    let found = find(&configured(&one));
    let expected = Holder { uid: own, pid: std::process::id() };
    assert!(matches!(found, Err(Missing::Impostor(holder)) if holder == expected), "{found:?}");
}
