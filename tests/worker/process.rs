//! A planner or worker process, and the supervisor's end of what connects them.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use kinglet::daemon::orders::{Order, PACKET_BYTES_MAX, Report};
use kinglet::sys::poll::{self, Watch};
use kinglet::sys::socket::{self, ListenOptions, PortSharing};
use kinglet::sys::{memory_file, passing};

/// Longer than anything here takes.
const PATIENCE_MS: u64 = 30_000;

/// A folder that goes with its test, and that everybody may read.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("kinglet-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The program with a role; the shell puts its standard streams where the role looks for them.
fn command(moves: &str, role: &str, args: &[&str]) -> Command {
    let mut command = Command::new("sh");
    let script = format!("exec \"$0\" \"$@\" {moves}");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_kinglet"), role]).args(args);
    command.stderr(Stdio::piped());
    command
}

/// What a planner said, wrote to its descriptors, and its exit code before that.
pub(crate) fn plan(args: &[&str]) -> (Option<i32>, String, Vec<u8>, Vec<u8>) {
    let (plan, snapshot) =
        (memory_file::create("plan").unwrap(), memory_file::create("snapshot").unwrap());
    let output = command("3<&0 4>&1 </dev/null >/dev/null", "--plan", args)
        .stdin(plan.try_clone().unwrap())
        .stdout(snapshot.try_clone().unwrap())
        .output()
        .unwrap();
    let read = |fd: OwnedFd| memory_file::read_whole(fd.as_fd(), 1 << 20).unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    (output.status.code(), text, read(plan), read(snapshot))
}

/// A worker; it is killed when it is dropped before its end.
pub(crate) struct Worker {
    child: Child,
    channel: Option<OwnedFd>,
}

impl Worker {
    pub(crate) fn start(args: &[&str]) -> Self {
        let (near, far) = passing::pair().unwrap();
        let child = command("3<&0 </dev/null", "--worker", args).stdin(far).spawn().unwrap();
        Self { child, channel: Some(near) }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn send(&self, order: &Order, rider: Option<&OwnedFd>) {
        self.send_bytes(&order.encode(), rider);
    }

    pub(crate) fn send_bytes(&self, bytes: &[u8], rider: Option<&OwnedFd>) {
        let channel = self.channel.as_ref().unwrap();
        passing::send(channel.as_fd(), bytes, rider.map(|fd| fd.as_fd())).unwrap();
    }

    /// The next report; none when the worker has closed its end.
    pub(crate) fn report(&self) -> Option<Report> {
        let channel = self.channel.as_ref().unwrap();
        let ready = poll::wait(&mut [Watch::readable(channel.as_fd())], Some(PATIENCE_MS));
        assert_eq!(ready.unwrap(), 1, "no report");
        let mut room = [0; PACKET_BYTES_MAX];
        let (n, rider) = passing::receive(channel.as_fd(), &mut room).unwrap()?;
        assert!(rider.is_none());
        Some(Report::decode(&room[..n]).unwrap())
    }

    /// The supervisor dies.
    pub(crate) fn hang_up(&mut self) {
        self.channel = None;
    }

    /// Waits for the end: exit code and what was said.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        let mut text = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
        (self.child.wait().unwrap().code(), text)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn options(sharing: PortSharing) -> ListenOptions {
    ListenOptions { sharing, ..ListenOptions::default() }
}

/// A listening socket on a free port of the loopback.
pub(crate) fn socket() -> (OwnedFd, u16) {
    let address = SocketAddr::from(([127, 0, 0, 1], 0));
    let listener = socket::listen(address, &options(PortSharing::First)).unwrap();
    let port = socket::local_addr(&listener).unwrap().port();
    (listener, port)
}

/// Another one on the port of [`socket`].
pub(crate) fn socket_beside(port: u16) -> OwnedFd {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    socket::listen(address, &options(PortSharing::Further)).unwrap()
}

/// The answer on a connection of its own.
pub(crate) fn get(port: u16, path: &str) -> String {
    let mut client = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    client.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    answer
}

/// The answer on a connection that stays open, of five bytes of content.
pub(crate) fn keep(client: &mut TcpStream) -> String {
    client.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let mut byte = [0];
    while !answer.ends_with(b"\r\n\r\n") {
        client.read_exact(&mut byte).unwrap();
        answer.push(byte[0]);
    }
    let mut content = [0; 5];
    client.read_exact(&mut content).unwrap();
    answer.extend_from_slice(&content);
    String::from_utf8(answer).unwrap()
}
