//! Tests of listeners at unix sockets.

use super::*;
use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream};

const ACCESS: UnixAccess = UnixAccess { owner: None, mode: 0o660 };
const BACKLOG: i32 = 8;

/// A folder of its own for a test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("kinglet-unix-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn socket(&self) -> PathBuf {
        self.0.join("web.sock")
    }

    fn open(&self) -> io::Result<(OwnedFd, Inode)> {
        let (fd, inode) = open(&UnixName::Path(self.socket()), &ACCESS, BACKLOG)?;
        Ok((fd, inode.unwrap()))
    }

    fn names(&self) -> Vec<OsString> {
        fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn mode(path: &Path) -> u32 {
    path.symlink_metadata().unwrap().mode() & 0o7777
}

fn talk(listener: &OwnedFd, mut client: UnixStream) {
    let mut server: File = super::super::passing::accept(listener.as_fd()).unwrap().into();
    client.write_all(b"hello").unwrap();
    let mut room = [0; 5];
    server.read_exact(&mut room).unwrap();
    assert_eq!(&room, b"hello");
}

#[test]
fn a_path_is_listened_at_with_its_mode_and_nothing_else_is_left() {
    let folder = Folder::new("path");
    let (listener, inode) = folder.open().unwrap();
    assert_eq!(mode(&folder.socket()), 0o660);
    assert_eq!(folder.names(), ["web.sock"]);
    talk(&listener, UnixStream::connect(folder.socket()).unwrap());
    for (command, flag) in [(libc::F_GETFD, libc::FD_CLOEXEC), (libc::F_GETFL, libc::O_NONBLOCK)] {
        // SAFETY: takes no pointers.
        let flags = unsafe { libc::fcntl(listener.as_raw_fd(), command) };
        assert_eq!(flags & flag, flag);
    }
    remove(&folder.socket(), inode).unwrap();
    assert!(folder.names().is_empty());
}

#[test]
fn one_that_answers_is_busy_and_stays() {
    let folder = Folder::new("busy");
    let (listener, _) = folder.open().unwrap();
    assert_eq!(folder.open().unwrap_err().kind(), io::ErrorKind::AddrInUse);
    assert_eq!(folder.names(), ["web.sock"]);
    // The question was a connection of its own.
    drop(super::super::passing::accept(listener.as_fd()).unwrap());
    talk(&listener, UnixStream::connect(folder.socket()).unwrap());
    drop(listener);
    fs::remove_file(folder.socket()).unwrap();
    let _datagrams = UnixDatagram::bind(folder.socket()).unwrap();
    assert_eq!(folder.open().unwrap_err().kind(), io::ErrorKind::AddrInUse);
}

#[test]
fn one_with_a_full_queue_is_busy() {
    let folder = Folder::new("full");
    let name = UnixName::Path(folder.socket());
    let (_listener, _) = open(&name, &ACCESS, 0).unwrap();
    let _first = UnixStream::connect(folder.socket()).unwrap();
    assert_eq!(folder.open().unwrap_err().kind(), io::ErrorKind::AddrInUse);
}

#[test]
fn a_stale_socket_is_replaced() {
    let folder = Folder::new("stale");
    drop(UnixListener::bind(folder.socket()).unwrap());
    let (listener, inode) = loop {
        // A process that another test is starting at this moment may hold a copy of the old
        // socket until it executes its program.
        match folder.open() {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => std::thread::yield_now(),
            other => break other.unwrap(),
        }
    };
    assert_eq!(inode, Inode::of(&folder.socket().symlink_metadata().unwrap()));
    assert_eq!(mode(&folder.socket()), 0o660);
    assert_eq!(folder.names(), ["web.sock"]);
    talk(&listener, UnixStream::connect(folder.socket()).unwrap());
}

#[test]
fn what_is_no_socket_is_never_replaced() {
    let folder = Folder::new("strange");
    let refused = |what: &str| {
        assert_eq!(folder.open().unwrap_err().kind(), io::ErrorKind::AlreadyExists, "{what}");
        assert_eq!(folder.names(), ["web.sock"], "{what}");
    };
    fs::write(folder.socket(), "precious").unwrap();
    refused("a file");
    assert_eq!(fs::read(folder.socket()).unwrap(), b"precious");
    fs::remove_file(folder.socket()).unwrap();
    // Not even a link to a stale socket.
    let elsewhere = Folder::new("elsewhere");
    drop(UnixListener::bind(elsewhere.socket()).unwrap());
    std::os::unix::fs::symlink(elsewhere.socket(), folder.socket()).unwrap();
    refused("a link");
    fs::remove_file(folder.socket()).unwrap();
    fs::create_dir(folder.socket()).unwrap();
    refused("a folder");
}

#[test]
fn the_kernel_tells_the_name_to_whoever_asks() {
    let folder = Folder::new("name");
    let (listener, _) = folder.open().unwrap();
    let socket = UnixListener::from(listener);
    assert_eq!(socket.local_addr().unwrap().as_pathname(), Some(folder.socket().as_path()));
}

#[test]
fn what_can_not_be_settled_leaves_nothing_behind() {
    super::super::alone::run("sys::unix_listener::tests::child_may_not_change_the_owner");
}

#[test]
#[ignore = "gives up rights; run by what_can_not_be_settled_leaves_nothing_behind"]
fn child_may_not_change_the_owner() {
    let folder = Folder::new("unsettled");
    fs::set_permissions(&folder.0, Permissions::from_mode(0o777)).unwrap();
    // SAFETY: takes no pointers.
    if unsafe { libc::geteuid() } == 0 {
        // SAFETY: takes no pointers.
        assert_eq!(unsafe { libc::seteuid(65534) }, 0);
    }
    let access = UnixAccess { owner: Some((0, 0)), mode: 0o666 };
    let error = open(&UnixName::Path(folder.socket()), &access, BACKLOG).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
    assert!(folder.names().is_empty());
    // SAFETY: takes no pointers.
    unsafe { libc::seteuid(libc::getuid()) };
}

#[test]
fn only_what_was_opened_is_removed_or_changed() {
    let folder = Folder::new("own");
    let (_listener, inode) = folder.open().unwrap();
    set_access(&folder.socket(), inode, &UnixAccess { owner: None, mode: 0o606 }).unwrap();
    assert_eq!(mode(&folder.socket()), 0o606);
    fs::rename(folder.socket(), folder.0.join("moved")).unwrap();
    let (_other, _) = folder.open().unwrap();
    for error in [
        remove(&folder.socket(), inode).unwrap_err(),
        set_access(&folder.socket(), inode, &UnixAccess { owner: None, mode: 0 }).unwrap_err(),
    ] {
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
    assert_eq!(mode(&folder.socket()), 0o660);
    remove(&folder.0.join("moved"), inode).unwrap();
}

#[test]
fn the_owner_is_set() {
    // SAFETY: neither call takes anything.
    let (uid, gid) = unsafe { (libc::geteuid(), libc::getegid()) };
    let owner = if uid == 0 { (1234, 2345) } else { (uid, gid) };
    let folder = Folder::new("owner");
    let access = UnixAccess { owner: Some(owner), mode: 0o620 };
    open(&UnixName::Path(folder.socket()), &access, BACKLOG).unwrap();
    let metadata = folder.socket().symlink_metadata().unwrap();
    assert_eq!((metadata.uid(), metadata.gid()), owner);
    assert_eq!(mode(&folder.socket()), 0o620);
}

#[test]
fn an_abstract_name_is_listened_at() {
    let text = format!("@kinglet-unix/{}", std::process::id());
    let name = UnixName::parse(&text).unwrap();
    assert_eq!(name.to_string(), text);
    let (listener, inode) = open(&name, &ACCESS, BACKLOG).unwrap();
    assert_eq!(inode, None);
    assert_eq!(open(&name, &ACCESS, BACKLOG).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    let address = SocketAddr::from_abstract_name(&text[1..]).unwrap();
    talk(&listener, UnixStream::connect_addr(&address).unwrap());
}

#[test]
fn names_are_told_apart() {
    let path = |text: &str| Some(UnixName::Path(text.into()));
    assert_eq!(UnixName::parse("/run/web.sock"), path("/run/web.sock"));
    assert_eq!(UnixName::parse("web.sock"), path("web.sock"));
    assert_eq!(UnixName::parse("@web"), Some(UnixName::Abstract("web".into())));
    assert_eq!(UnixName::parse("@@web"), Some(UnixName::Abstract("@web".into())));
    for text in ["", "@", "a\0b", &"x".repeat(108), &format!("@{}", "x".repeat(108))] {
        assert_eq!(UnixName::parse(text), None, "{text:?}");
    }
    for text in ["x".repeat(107), format!("@{}", "x".repeat(107))] {
        assert!(UnixName::parse(&text).is_some());
    }
}

#[test]
fn the_longest_path_works_and_a_longer_one_is_refused() {
    let folder = Folder::new("long");
    let room = NAME_BYTES_MAX - folder.0.as_os_str().len() - 1;
    let path = folder.0.join("x".repeat(room));
    let (listener, _) = open(&UnixName::Path(path.clone()), &ACCESS, BACKLOG).unwrap();
    talk(&listener, UnixStream::connect(&path).unwrap());
    let path = folder.0.join("x".repeat(room + 1));
    let error = open(&UnixName::Path(path), &ACCESS, BACKLOG).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
}
