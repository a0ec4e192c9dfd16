//! The system's log daemon: datagrams to `/dev/log`, syslog(3).

use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

/// Where the daemon listens.
const SOCKET: &str = "/dev/log";
/// How often another process gets its turn before a line is given up because the daemon's queue,
/// which may hold as few as ten datagrams, is full.
const TURNS: u32 = 4;

/// A way to the daemon, which may come, go and come back.
#[derive(Debug)]
pub struct Syslog {
    path: &'static Path,
    socket: Option<UnixDatagram>,
}

impl Syslog {
    /// Connects, if there is a daemon. Best called before privileges are given up.
    #[must_use]
    pub fn open() -> Self {
        Self::at(Path::new(SOCKET))
    }

    fn at(path: &'static Path) -> Self {
        Self { path, socket: connect(path).ok() }
    }

    /// Sends one line, without an end of line; false if it did not go out. Never waits.
    pub fn write(&mut self, line: &[u8]) -> bool {
        for _ in 0..TURNS {
            match self.send(line) {
                Ok(()) => return true,
                // The queue is full.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    std::thread::yield_now();
                }
                // There is no daemon; what listens there does not want this.
                Err(_) => return false,
            }
        }
        false
    }

    /// Sends a datagram, to a new daemon if the one that was known has gone.
    fn send(&mut self, line: &[u8]) -> io::Result<()> {
        if let Some(socket) = &self.socket {
            match socket.send(line) {
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => self.socket = None,
                other => return other.map(drop),
            }
        }
        let socket = connect(self.path)?;
        let sent = socket.send(line).map(drop);
        self.socket = Some(socket);
        sent
    }
}

/// A close-on-exec socket of our own that never waits.
fn connect(path: &Path) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.connect(path)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn place(name: &str) -> &'static Path {
        let file = format!("kinglet-syslog-{}-{name}", std::process::id());
        let path: PathBuf = std::env::temp_dir().join(file);
        let _ = std::fs::remove_file(&path);
        Box::leak(path.into_boxed_path())
    }

    fn received(daemon: &UnixDatagram) -> String {
        let mut room = [0; 100];
        let count = daemon.recv(&mut room).unwrap();
        String::from_utf8(room[..count].to_vec()).unwrap()
    }

    #[test]
    fn a_daemon_may_go_and_come_back() {
        let path = place("back");
        let mut log = Syslog::at(path);
        assert!(!log.write(b"nobody is there"));
        let daemon = UnixDatagram::bind(path).unwrap();
        assert!(log.write(b"one") && log.write(b"two"));
        assert_eq!((received(&daemon), received(&daemon)), ("one".into(), "two".into()));
        drop(daemon);
        std::fs::remove_file(path).unwrap();
        assert!(!log.write(b"lost"));
        let daemon = UnixDatagram::bind(path).unwrap();
        assert!(log.write(b"three"));
        assert_eq!(received(&daemon), "three");
        // A new one that takes the place of the old one is found at once.
        drop(daemon);
        std::fs::remove_file(path).unwrap();
        let daemon = UnixDatagram::bind(path).unwrap();
        assert!(log.write(b"four"));
        assert_eq!(received(&daemon), "four");
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_daemon_that_does_not_read_is_not_waited_for() {
        let path = place("full");
        let daemon = UnixDatagram::bind(path).unwrap();
        let mut log = Syslog::at(path);
        let sent = (0..100_000).take_while(|_| log.write(&[b'x'; 100])).count();
        assert!(sent > 0 && sent < 100_000, "{sent}");
        // The connection is kept: there is room again after a read.
        received(&daemon);
        assert!(log.write(b"again"));
        std::fs::remove_file(path).unwrap();
    }
}
