//! `--one-process`: the program without a supervisor.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// A test that waits for longer than this has failed.
const PATIENCE: Duration = Duration::from_secs(60);
/// Ports that another program may have taken before this one did.
const TRIES: u32 = 20;
const REQUEST: &str = "GET /f.txt HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n";

/// A folder that is removed with its content; anybody may use `run` in it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("kinglet-one-process-{}-{number}", std::process::id());
        let folder = Self(std::env::temp_dir().join(name));
        for part in ["conf", "www", "run"] {
            fs::create_dir_all(folder.0.join(part)).unwrap();
        }
        fs::write(folder.0.join("www/f.txt"), "file").unwrap();
        fs::set_permissions(folder.0.join("run"), Permissions::from_mode(0o777)).unwrap();
        folder
    }

    /// Writes a configuration with one line for each vhost; `DIR` is this folder.
    fn configure(&self, global: &str, vhosts: &[&str]) {
        let mounts = r#""mounts": [{ "mountpoint": "/", "origin": "file://DIR/www" }]"#;
        let vhosts: Vec<String> = vhosts.iter().map(|of| format!("{{ {of}, {mounts} }}")).collect();
        let vhosts = vhosts.join(",\n");
        let text = format!("{{ \"global\": {{ {global} }}, \"vhosts\": [\n{vhosts}\n] }}");
        let text = text.replace("DIR", self.0.to_str().unwrap());
        fs::write(self.0.join("conf/conf"), text).unwrap();
    }

    fn command(&self) -> Command {
        let mut command = program();
        command.arg("-c").arg(self.0.join("conf"));
        command
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kinglet"));
    command.arg("--one-process").env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

/// A program that serves; it is killed when this is dropped.
struct Program {
    child: Child,
    said: BufReader<ChildStderr>,
}

impl Program {
    fn start(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let said = BufReader::new(child.stderr.take().unwrap());
        Self { child, said }
    }

    /// Serves vhosts at a port of 127.0.0.1, `PORT` in them, and says which one it is.
    fn at_free_port(folder: &Folder, global: &str, vhosts: &[&str]) -> (Self, u16) {
        for _ in 0..TRIES {
            // Another program may take the port in between: then there is no such line.
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let vhosts: Vec<String> =
                vhosts.iter().map(|of| of.replace("PORT", &port.to_string())).collect();
            folder.configure(global, &vhosts.iter().map(String::as_str).collect::<Vec<_>>());
            let mut program = Self::start(folder.command());
            match program.find(&format!("listening on http://127.0.0.1:{port} for a.test")) {
                Ok(()) => return (program, port),
                Err(said) => assert!(said.contains("is in use by"), "{said}"),
            }
        }
        panic!("no port is free");
    }

    fn wait_for(&mut self, part: &str) {
        if let Err(all) = self.find(part) {
            panic!("no line with {part:?}, but:\n{all}");
        }
    }

    /// Waits for a line with `part` in it.
    fn find(&mut self, part: &str) -> Result<(), String> {
        let mut all = String::new();
        for line in self.said.by_ref().lines().map(Result::unwrap) {
            if line.contains(part) {
                return Ok(());
            }
            all.push_str(&format!("{line}\n"));
        }
        Err(all)
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// Sends a signal and waits for the end; the exit code.
    fn stop(&mut self, name: &str) -> Option<i32> {
        self.signal(name);
        self.child.wait().unwrap().code()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn tcp(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn ask(mut stream: impl Read + Write) -> String {
    stream.write_all(REQUEST.as_bytes()).unwrap();
    answer(stream)
}

fn answer(mut stream: impl Read) -> String {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn assert_served(answer: &str) {
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\nfile"), "{answer}");
}

/// Sockets that listen on a port of 127.0.0.1.
fn listening(port: u16) -> usize {
    let local = format!(" 0100007F:{port:04X} 00000000:0000 0A ");
    let other_end = format!(" 7F000001:{port:04X} 00000000:0000 0A ");
    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    table.lines().filter(|line| line.contains(&local) || line.contains(&other_end)).count()
}

#[test]
fn threads_have_a_tcp_socket_each_and_unix_sockets_are_served_beside_them() {
    let folder = Folder::new();
    let path = folder.0.join("run/socket");
    let (mut program, port) = Program::at_free_port(
        &folder,
        r#""count-threads": 2"#,
        &[
            r#""name": "a.test", "interface": "127.0.0.1", "port": PORT"#,
            r#""name": "b.test", "unix-socket": "1", "interface": "DIR/run/socket""#,
        ],
    );
    program.wait_for(&format!("listening on {} (http) for b.test", path.display()));
    assert_eq!(listening(port), 2);
    // The kernel shares them out by the ports that they come from.
    for _ in 0..32 {
        assert_served(&ask(tcp(port)));
    }
    let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode, 0o600);
    for _ in 0..4 {
        assert_served(&ask(UnixStream::connect(&path).unwrap()));
    }
    assert_eq!(program.stop("TERM"), Some(0));
    assert!(!path.exists());
}

#[test]
fn who_comes_after_the_signal_is_refused_while_others_are_still_served() {
    let folder = Folder::new();
    let (mut program, port) = Program::at_free_port(
        &folder,
        r#""count-threads": 2, "shutdown-secs": 600"#,
        &[r#""name": "a.test", "interface": "127.0.0.1", "port": PORT"#],
    );
    let mut slow = tcp(port);
    // The first answer shows that it is not the queue that has it.
    let kept = REQUEST.replace("Connection: close\r\n", "");
    slow.write_all(kept.as_bytes()).unwrap();
    let mut first = Vec::new();
    while !first.ends_with(b"\r\n\r\nfile") {
        let mut byte = [0];
        slow.read_exact(&mut byte).unwrap();
        first.extend(byte);
    }
    let (begin, end) = REQUEST.split_at(20);
    slow.write_all(begin.as_bytes()).unwrap();
    program.signal("TERM");
    program.wait_for("stopping; open connections: ");
    let until = Instant::now() + PATIENCE;
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let refusal = loop {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(_) => assert!(Instant::now() < until, "there is still somebody who listens"),
            // Who comes in the very moment is neither served nor refused.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            Err(error) => break error.kind(),
        }
    };
    assert_eq!(refusal, ErrorKind::ConnectionRefused);
    slow.write_all(end.as_bytes()).unwrap();
    assert_served(&answer(slow));
    assert_eq!(program.child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_port_in_use_is_told_with_its_place_and_ends_the_start() {
    let folder = Folder::new();
    let busy = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = busy.local_addr().unwrap().port();
    let in_use = format!(r#""name": "a.test", "interface": "127.0.0.1", "port": {port}"#);
    let path = folder.0.join("run/socket");
    let unix = r#""name": "b.test", "unix-socket": "1", "interface": "DIR/run/socket""#;
    folder.configure("", &[&in_use, unix]);
    let output = folder.command().output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    let said = format!(": error: port {port} of 127.0.0.1 is in use by");
    let line = text.lines().position(|line| line.contains(&said)).expect(&text);
    let lines: Vec<&str> = text.lines().skip(line).collect();
    assert!(lines[0].contains("conf/conf:2:"), "{text}");
    assert!(lines.iter().any(|line| line.contains(r#""name": "a.test""#)), "{text}");
    // What was opened beside it is gone again.
    assert!(!path.exists());
}

#[test]
fn nothing_to_listen_on_ends_the_start() {
    let folder = Folder::new();
    folder.configure("", &[r#""name": "a.test", "interface": "no-such-nic0", "port": 80"#]);
    let output = folder.command().output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("degraded: there is no network interface \"no-such-nic0\""), "{text}");
    assert!(text.contains("error: there is nothing to listen on"), "{text}");
}

#[test]
fn a_directory_is_served_at_the_port_that_was_found() {
    let folder = Folder::new();
    // One that is found from where the program was started, and has a name that is no text.
    let name = Path::new(OsStr::from_bytes(b"odd\xff"));
    fs::rename(folder.0.join("www"), folder.0.join(name)).unwrap();
    let mut command = program();
    command.arg("--port=0").arg(name).current_dir(&folder.0).stdout(Stdio::piped());
    let mut program = Program::start(command);
    let mut banner = BufReader::new(program.child.stdout.take().unwrap());
    let url = banner.by_ref().lines().map(Result::unwrap).find_map(|line| {
        line.trim().strip_prefix("http://127.0.0.1:").map(|rest| rest.replace('/', ""))
    });
    let port = url.unwrap().parse().unwrap();
    assert_served(&ask(tcp(port)));
    program.signal("INT");
    let mut rest = String::new();
    banner.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("stop it with Ctrl-C"), "{rest}");
    assert_eq!(program.child.wait().unwrap().code(), Some(0));
}
