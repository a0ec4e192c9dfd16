//! A running program for a test: a folder, a configuration, what it says, how to reach it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// A test that waits for longer than this has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// The program that is tested.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_kinglet");
/// Ports that another program may have taken before this one did.
const TRIES: u32 = 20;

/// A folder that is removed with its content.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        Self::below(&std::env::temp_dir())
    }

    /// One that nobody else can write to, for programs that root is to run.
    pub(crate) fn trusted() -> Self {
        Self::below(Path::new(env!("CARGO_TARGET_TMPDIR")))
    }

    fn below(folder: &Path) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("kinglet-supervisor-{}-{number}", std::process::id());
        let path = folder.join(name);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.at(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// The content of a file; nothing when there is none.
    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.at(name)).unwrap_or_default()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A configuration that serves a folder at a port of this machine alone.
pub(crate) fn config(folder: &Folder, port: u16, docroot: &str, global: &str) -> String {
    config_with(folder, port, docroot, global, "")
}

fn config_with(folder: &Folder, port: u16, docroot: &str, global: &str, vhost: &str) -> String {
    let text = format!(
        r#"{{ "global": {{ {global} "shutdown-secs": 20 }}, "vhosts": [ {{ "name": "a.test",
        {vhost} "interface": "127.0.0.1", "port": {port}, "mounts": [ {{ "mountpoint": "/",
        "origin": "file://DIR/{docroot}" }} ] }} ] }}"#
    );
    text.replace("DIR", folder.0.to_str().unwrap())
}

/// A program that serves; it is killed when this is dropped.
pub(crate) struct Program {
    child: Child,
    lines: Receiver<String>,
    pub(crate) folder: Folder,
    pub(crate) port: u16,
}

impl Program {
    pub(crate) fn start(folder: Folder, docroot: &str, global: &str) -> Self {
        Self::start_with(folder, docroot, global, "")
    }

    pub(crate) fn start_with(folder: Folder, docroot: &str, global: &str, vhost: &str) -> Self {
        Self::start_in(folder, docroot, global, vhost, &[])
    }

    /// As told, with further variables of the environment.
    pub(crate) fn start_in(
        folder: Folder,
        docroot: &str,
        global: &str,
        vhost: &str,
        env: &[(&str, &str)],
    ) -> Self {
        Self::start_program(PROGRAM.as_ref(), folder, docroot, global, vhost, env)
    }

    /// As told, but another file is executed.
    pub(crate) fn start_program(
        program: &Path,
        folder: Folder,
        docroot: &str,
        global: &str,
        vhost: &str,
        env: &[(&str, &str)],
    ) -> Self {
        let mut folder = Some(folder);
        for _ in 0..TRIES {
            let Some(folder_now) = folder.take() else { break };
            // Another program may take the port in between: then there is no such line.
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let text = config_with(&folder_now, port, docroot, global, vhost);
            folder_now.write("conf/conf", text);
            let mut command = command_of(program);
            command.arg("-c").arg(folder_now.at("conf")).stderr(Stdio::piped());
            command.envs(env.iter().copied());
            let mut child = command.spawn().unwrap();
            let lines = lines_of(child.stderr.take().unwrap());
            let program = Self { child, lines, folder: folder_now, port };
            if program.find(&format!("listening on http://127.0.0.1:{port} for a.test")).is_ok() {
                return program;
            }
            let mut program = std::mem::ManuallyDrop::new(program);
            let _ = program.child.wait();
            folder = Some(std::mem::replace(&mut program.folder, Folder::new()));
        }
        panic!("no port is free");
    }

    /// Waits for a line with this in it; what came before.
    pub(crate) fn wait_for(&self, part: &str) -> String {
        match self.find(part) {
            Ok(text) => text,
            Err(text) => panic!("no line with {part:?}, but:\n{text}"),
        }
    }

    /// What came before that line; or all that there is.
    fn find(&self, part: &str) -> Result<String, String> {
        let mut text = String::new();
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            if line.contains(part) {
                return Ok(text);
            }
            text.push_str(&line);
            text.push('\n');
        }
        Err(text)
    }

    /// Asks again and again until it is so.
    pub(crate) fn wait_until(&self, mut is_so: impl FnMut() -> bool) {
        let end = Instant::now() + PATIENCE;
        while !is_so() {
            assert!(Instant::now() < end, "waited in vain");
            std::thread::yield_now();
        }
    }

    pub(crate) fn wait_until_gone(&self, pid: u32) {
        self.wait_until(|| !pid_is_there(pid));
    }

    pub(crate) fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    /// Sends a signal and waits for the end; the exit code.
    pub(crate) fn stop(mut self, name: &str) -> Option<i32> {
        self.signal(name);
        self.child.wait().unwrap().code()
    }

    /// The newest worker's process.
    pub(crate) fn worker(&self) -> u32 {
        *children(self.child.id()).last().expect("there is a worker")
    }

    /// What `kinglet reload` and its like say, on both streams.
    pub(crate) fn command(&self, word: &str) -> (Option<i32>, String) {
        let output = command().arg(word).arg("-c").arg(self.folder.at("conf")).output().unwrap();
        let both = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(both).unwrap())
    }

    /// What a new connection gets.
    pub(crate) fn get(&self, path: &str) -> String {
        Http::connect(self.port).get(path).body
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A folder at the first free port of many.
pub(crate) fn quick(folder: Folder, docroot: &str) -> Program {
    // SIGHUP would end it in the terminal that the tests may run in.
    let mut command = command_of("setsid".as_ref());
    command.arg(PROGRAM).arg("--port=0").arg(folder.at(docroot));
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let lines = lines_of(child.stderr.take().unwrap());
    let mut banner = BufReader::new(child.stdout.take().unwrap()).lines();
    let url = banner.find_map(|line| {
        let line = line.unwrap();
        line.trim().strip_prefix("http://127.0.0.1:").map(str::to_owned)
    });
    let port = url.unwrap().trim_end_matches('/').parse().unwrap();
    // Whoever closes this pipe would break the banner of others.
    std::thread::spawn(move || banner.for_each(drop));
    Program { child, lines, folder, port }
}

/// Runs a configuration that does not work: the exit code, and what was said.
pub(crate) fn run_to_its_end(folder: &Folder) -> (Option<i32>, String) {
    let output = command().arg("-c").arg(folder.at("conf")).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// Starts the program as a shell does after `ulimit`; its words are lost.
pub(crate) fn limited(folder: &Folder, ulimit: &str) -> Child {
    let script = format!("ulimit {ulimit} && exec \"$0\" -c \"$1\"");
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(script).arg(env!("CARGO_BIN_EXE_kinglet")).arg(folder.at("conf"));
    shell.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Runs a configuration with a pid file that does not work: the exit code, and what was said.
pub(crate) fn run_with_pid_file(folder: &Folder, name: &str) -> (Option<i32>, String) {
    let pid_file = folder.at(name);
    let mut command = command();
    command.arg("-c").arg(folder.at("conf")).arg("--pid-file").arg(pid_file);
    let output = command.output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

fn command() -> Command {
    command_of(PROGRAM.as_ref())
}

fn command_of(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).env_remove("NOTIFY_SOCKET").env("NO_COLOR", "1");
    command
}

/// Reads to the end, so that nobody waits for room.
fn lines_of(from: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines() {
            let Ok(line) = line else { break };
            let _ = sender.send(line);
        }
    });
    lines
}

pub(crate) fn signal(pid: u32, name: &str) {
    let done = Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).status();
    assert!(done.unwrap().success());
}

/// Whether there is such a process that has not ended.
pub(crate) fn pid_is_there(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// Children of a process, the oldest first.
fn children(pid: u32) -> Vec<u32> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    text.split_whitespace().map(|number| number.parse().unwrap()).collect()
}

/// A connection that is kept alive.
pub(crate) struct Http {
    pub(crate) stream: TcpStream,
}

/// An answer with a length.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) body: String,
    /// It says that nothing follows it.
    pub(crate) closes: bool,
}

impl Http {
    pub(crate) fn connect(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { stream }
    }

    pub(crate) fn get(&mut self, path: &str) -> Answer {
        let request = format!("GET {path} HTTP/1.1\r\nHost: a.test\r\n\r\n");
        self.stream.write_all(request.as_bytes()).unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.stream.read_exact(&mut byte).unwrap();
            head.extend(byte);
        }
        let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.unwrap().trim().parse().unwrap()];
        self.stream.read_exact(&mut body).unwrap();
        let closes = head.contains("\r\nconnection: close\r\n");
        Answer { body: String::from_utf8(body).unwrap(), closes }
    }
}
