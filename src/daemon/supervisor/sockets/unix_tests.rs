//! Unix sockets in the table: names, files, access.

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use super::fixture::{adopted, interfaces, plan, prepared};
use super::*;
use crate::daemon::finding::Severity;
use crate::daemon::plan::Plan;
use crate::sys::socket;

/// A folder of a test's own, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("kinglet-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    fn is_empty(&self) -> bool {
        fs::read_dir(&self.0).unwrap().next().is_none()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn with_mode(names: &[&str], mode: u32) -> Plan {
    let listeners: Vec<(&str, u16)> = names.iter().map(|name| (*name, 0)).collect();
    let mut plan = plan(4, &listeners);
    for listener in &mut plan.listeners {
        listener.unix = Some(UnixAccess { owner: None, mode });
    }
    plan
}

fn mode(path: &str) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_name_keeps_its_socket_and_gets_a_new_mode() {
    let folder = Folder::new("table-keeps");
    let path = folder.path("a");
    let mut table = Table::new();
    let new = prepared(&mut table, &with_mode(&[&path], 0o660));
    assert_eq!(new.served, [(0, Served::Unix(path.clone()))]);
    table.adopt(new);
    assert_eq!(table.handed(), [Handed { socket: 0, listener: 0, share: 0 }]);
    assert_eq!(mode(&path), 0o660);
    let _client = UnixStream::connect(&path).unwrap();
    // What is only prepared changes nothing.
    let new = prepared(&mut table, &with_mode(&[&path], 0o600));
    assert_eq!(mode(&path), 0o660);
    table.abandon(new);
    assert!(Path::new(&path).exists());
    adopted(&mut table, &with_mode(&[&path], 0o600));
    assert_eq!(mode(&path), 0o600);
    assert_eq!(table.handed().len(), 1);
    assert!(socket::accept(&table.fd(0).unwrap()).is_ok(), "the client still waits");
    table.close_all();
    assert!(folder.is_empty());
}

#[test]
fn a_name_that_is_not_wanted_any_more_is_removed() {
    let folder = Folder::new("table-removes");
    let (one, two) = (folder.path("one"), folder.path("two"));
    let mut table = Table::new();
    adopted(&mut table, &with_mode(&[&one, &two], 0o600));
    adopted(&mut table, &with_mode(&[&two], 0o600));
    assert_eq!(table.leaving(), [0]);
    assert!(!Path::new(&one).exists() && Path::new(&two).exists());
    // Within a moment it is wanted again: by its name it is another socket.
    assert_eq!(adopted(&mut table, &with_mode(&[&one, &two], 0o600)).len(), 2);
    assert!(UnixStream::connect(&one).is_ok());
    adopted(&mut table, &with_mode(&[&two], 0o600));
    table.close(&[0, 1, 2]);
    assert!(table.leaving().is_empty());
    assert!(table.fd(1).is_some());
}

#[test]
fn what_was_made_for_nothing_is_removed_and_what_is_there_is_not() {
    let folder = Folder::new("table-abandons");
    let (fine, busy, file) = (folder.path("fine"), folder.path("busy"), folder.path("file"));
    let _stranger = UnixListener::bind(&busy).unwrap();
    fs::write(&file, "x").unwrap();
    let mut table = Table::new();
    let new = table.prepare(&with_mode(&[&fine, &busy, &file], 0o600), &interfaces());
    assert!(new.fatal && Path::new(&fine).exists());
    let messages: Vec<&str> =
        new.findings.iter().map(|(finding, _)| finding.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            format!("{busy} is in use by another program"),
            format!("{file} exists and is not a socket")
        ]
    );
    table.abandon(new);
    assert!(!Path::new(&fine).exists());
    assert!(UnixStream::connect(&busy).is_ok() && Path::new(&file).exists());
}

#[test]
fn a_missing_directory_and_a_long_name_are_told_apart() {
    let long = "/".repeat(200);
    for (name, severity) in
        [("/no/such/directory/socket", Severity::Degraded), (&*long, Severity::Error)]
    {
        let mut table = Table::new();
        let new = table.prepare(&with_mode(&[name], 0o600), &interfaces());
        assert_eq!(new.findings[0].0.severity, severity, "{:?}", new.findings);
        assert_eq!(new.fatal, severity == Severity::Error);
        assert!(new.for_worker.is_empty());
    }
}

#[test]
fn a_file_that_somebody_has_removed_is_made_again_by_a_reload() {
    let folder = Folder::new("table-lost");
    let path = folder.path("a");
    let plan = with_mode(&[&path], 0o600);
    let mut table = Table::new();
    adopted(&mut table, &plan);
    fs::remove_file(&path).unwrap();
    let new = prepared(&mut table, &plan);
    assert_eq!(new.removed, [0]);
    table.adopt(new);
    table.close(&[0]);
    assert!(fs::metadata(&path).unwrap().file_type().is_socket());
    assert!(UnixStream::connect(&path).is_ok());
}

#[test]
fn an_inherited_socket_keeps_its_file() {
    let folder = Folder::new("table-inherits");
    let path = folder.path("a");
    let mut table = Table::new();
    let listener = UnixListener::bind(&path).unwrap();
    assert!(table.inherit(vec![listener.into()]).is_empty());
    assert_eq!(adopted(&mut table, &with_mode(&[&path], 0o600)).len(), 1);
    adopted(&mut table, &with_mode(&[], 0o600));
    table.close(&[0]);
    assert!(UnixStream::connect(&path).is_ok());
    table.close_all();
    assert!(fs::metadata(&path).unwrap().file_type().is_socket());
}

#[test]
fn abstract_names_have_no_file() {
    use std::os::linux::net::SocketAddrExt as _;
    let name = format!("kinglet-table-{}", std::process::id());
    let mut table = Table::new();
    let plan = with_mode(&[&format!("@{name}")], 0o600);
    assert_eq!(adopted(&mut table, &plan).len(), 1);
    let address = std::os::unix::net::SocketAddr::from_abstract_name(&name).unwrap();
    assert!(UnixStream::connect_addr(&address).is_ok());
    let again = Table::new().prepare(&plan, &interfaces());
    assert!(again.fatal);
    assert_eq!(adopted(&mut table, &plan)[0].socket, 0);
}
