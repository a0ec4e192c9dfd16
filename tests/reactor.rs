//! The reactor with small roles of its own, over real sockets.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;

use kinglet::buf::CloseReason;
use kinglet::reactor::{Limits, ListenerId, Listening, Mailbox, Reactor, Start};
use kinglet::sys::socket::{self, ListenOptions};

#[allow(dead_code)]
#[path = "reactor/player.rs"]
mod player;

use player::{Bystander, Kind, Player, World, echoes};

struct Running {
    address: SocketAddr,
    stop: UnixStream,
    thread: Option<JoinHandle<()>>,
    closed: mpsc::Receiver<CloseReason>,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.stop.write_all(b"s");
        let ended = self.thread.take().unwrap().join();
        assert!(ended.is_ok() || std::thread::panicking(), "the reactor panicked");
    }
}

fn start(mut world: World, connections_max: usize, blocks_max: usize) -> Running {
    let (sender, closed) = mpsc::channel();
    world.closed = Mutex::new(Some(sender));
    let world: &'static World = Box::leak(Box::new(world));
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let listener = socket::listen(any, &ListenOptions::default()).unwrap();
    let address = socket::local_addr(&listener).unwrap();
    let (stop, stopped) = UnixStream::pair().unwrap();
    stopped.set_nonblocking(true).unwrap();
    let thread = std::thread::spawn(move || {
        let (sessions_max, rx_bytes, tx_bytes) = (0, 16384, 32768);
        let limits = Limits { connections_max, blocks_max, sessions_max, rx_bytes, tx_bytes };
        let watches = vec![(0, stopped.as_raw_fd())];
        let listeners = vec![Listening { socket: 0, id: ListenerId(0), fd: listener }];
        let start = Start::<Player> { limits, world, listeners, watches };
        let local = Bystander { bell: Some(stopped), ..Bystander::default() };
        Reactor::new(start, Mailbox::alone().unwrap(), |_| local).unwrap().run().unwrap();
    });
    Running { address, stop, thread: Some(thread), closed }
}

fn pattern(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|n| (n * 31 + n / 251) as u8).collect()
}

#[test]
fn megabytes_pass_with_back_pressure() {
    let running = start(World::default(), 10, 64);
    let bytes = Arc::new(pattern(8 << 20));
    let mut reader = TcpStream::connect(running.address).unwrap();
    let mut writer = reader.try_clone().unwrap();
    let sent = Arc::clone(&bytes);
    let writing = std::thread::spawn(move || {
        writer.write_all(&sent).unwrap();
        writer.shutdown(std::net::Shutdown::Write).unwrap();
    });
    let mut got = Vec::new();
    reader.read_to_end(&mut got).unwrap();
    writing.join().unwrap();
    assert!(got == *bytes);
    assert_eq!(running.closed.recv().unwrap(), CloseReason::PeerClosed);
}

#[test]
fn a_full_server_evicts_the_longest_idle() {
    let running = start(World::default(), 4, 64);
    let mut streams: Vec<TcpStream> = Vec::new();
    for _ in 0..4 {
        let mut stream = TcpStream::connect(running.address).unwrap();
        assert!(echoes(&mut stream));
        streams.push(stream);
    }
    assert!(echoes(&mut streams[0]));
    let mut fifth = TcpStream::connect(running.address).unwrap();
    assert!(echoes(&mut fifth));
    assert_eq!(running.closed.recv().unwrap(), CloseReason::Evicted);
    let mut end = [0];
    assert_eq!(streams[1].read(&mut end).unwrap_or(0), 0, "the second was idle for longest");
    for n in [0, 2, 3] {
        assert!(echoes(&mut streams[n]));
    }
}

#[test]
fn a_server_full_of_busy_connections_pauses_and_resumes() {
    let running = start(World { kind: Kind::Keeper, ..World::default() }, 10, 64);
    let mut streams: Vec<TcpStream> =
        (0..10).map(|_| TcpStream::connect(running.address).unwrap()).collect();
    assert!(streams.iter_mut().all(echoes));
    // The kernel takes the connection into its queue; the server does not.
    let mut waiting = TcpStream::connect(running.address).unwrap();
    waiting.write_all(b"x").unwrap();
    assert!(echoes(&mut streams[9]));
    streams.truncate(8);
    let mut byte = [0];
    assert_eq!(waiting.read(&mut byte).unwrap(), 1);
    assert!(streams.iter_mut().all(echoes));
}

#[test]
fn a_tail_is_sent_behind_the_bytes() {
    let path = std::env::temp_dir().join(format!("kinglet-tail-{}", std::process::id()));
    let bytes = pattern(3 << 20);
    std::fs::write(&path, &bytes).unwrap();
    let file = Some(std::fs::File::open(&path).unwrap());
    std::fs::remove_file(&path).unwrap();
    let promised = bytes.len() as u64;
    let running = start(World { kind: Kind::File, file, promised, ..World::default() }, 10, 64);
    let mut stream = TcpStream::connect(running.address).unwrap();
    stream.write_all(b"xx").unwrap();
    for _ in 0..2 {
        let mut got = vec![0; 5 + bytes.len()];
        stream.read_exact(&mut got).unwrap();
        assert_eq!(&got[..5], b"head:");
        assert!(got[5..] == bytes);
    }
}

#[test]
fn a_file_that_shrinks_breaks_the_connection() {
    let path = std::env::temp_dir().join(format!("kinglet-short-{}", std::process::id()));
    std::fs::write(&path, b"short").unwrap();
    let file = Some(std::fs::File::open(&path).unwrap());
    std::fs::remove_file(&path).unwrap();
    let running = start(World { kind: Kind::File, file, promised: 10, ..World::default() }, 10, 64);
    let mut stream = TcpStream::connect(running.address).unwrap();
    stream.write_all(b"x").unwrap();
    let mut got = Vec::new();
    stream.read_to_end(&mut got).unwrap();
    assert_eq!(got, b"head:short");
    assert_eq!(running.closed.recv().unwrap(), CloseReason::SourceBroken);
}

#[test]
fn a_file_that_cannot_be_read_breaks_the_connection() {
    // Nothing is mapped at its beginning: EIO, as from a disk that fails.
    let file = Some(std::fs::File::open("/proc/self/mem").unwrap());
    let running = start(World { kind: Kind::File, file, promised: 10, ..World::default() }, 10, 64);
    let mut stream = TcpStream::connect(running.address).unwrap();
    stream.write_all(b"x").unwrap();
    let mut got = Vec::new();
    stream.read_to_end(&mut got).unwrap();
    assert_eq!(got, b"head:");
    assert_eq!(running.closed.recv().unwrap(), CloseReason::SourceBroken);
}

#[test]
fn an_adopted_descriptor_is_a_lane() {
    let (mut far, near) = UnixStream::pair().unwrap();
    near.set_nonblocking(true).unwrap();
    let peer = Mutex::new(Some(OwnedFd::from(near)));
    let running = start(World { kind: Kind::Pipe, peer, ..World::default() }, 10, 64);
    let mut stream = TcpStream::connect(running.address).unwrap();
    let up = pattern(1 << 20);
    let down: Vec<u8> = pattern(2 << 20).into_iter().rev().collect();
    std::thread::scope(|scope| {
        let mut sender = stream.try_clone().unwrap();
        let mut answerer = far.try_clone().unwrap();
        let (up, down) = (&up, &down);
        scope.spawn(move || {
            sender.write_all(up).unwrap();
            sender.shutdown(std::net::Shutdown::Write).unwrap();
        });
        scope.spawn(move || {
            answerer.write_all(down).unwrap();
            answerer.shutdown(std::net::Shutdown::Write).unwrap();
        });
        let far_got = scope.spawn(|| {
            let mut got = Vec::new();
            far.read_to_end(&mut got).unwrap();
            got
        });
        let mut got = Vec::new();
        stream.read_to_end(&mut got).unwrap();
        assert!(got == *down);
        assert!(far_got.join().unwrap() == *up);
    });
    assert_eq!(running.closed.recv().unwrap(), CloseReason::Finished);
}

#[test]
fn a_deadline_ends_a_silent_connection() {
    let running = start(World { idle_ms: Some(40), ..World::default() }, 10, 64);
    let mut stream = TcpStream::connect(running.address).unwrap();
    assert!(echoes(&mut stream));
    let mut byte = [0];
    assert_eq!(stream.read(&mut byte).unwrap(), 0);
    assert_eq!(running.closed.recv().unwrap(), CloseReason::IdleTimeout);
}

#[test]
fn an_exhausted_pool_never_stops_others() {
    // Readers that take nothing hold all blocks; an echo still comes back.
    let running = start(World::default(), 100, 20);
    let chunk = vec![7; 1 << 20];
    let mut stuck = Vec::new();
    for _ in 0..6 {
        let mut stream = TcpStream::connect(running.address).unwrap();
        stream.set_nonblocking(true).unwrap();
        // Until both directions' kernel buffers are full and the server holds the rest.
        let mut refused = 0;
        while refused < 200 {
            match stream.write(&chunk) {
                Ok(_) => refused = 0,
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    refused += 1;
                    std::thread::yield_now();
                }
                Err(_) => break,
            }
        }
        stuck.push(stream);
    }
    let mut stream = TcpStream::connect(running.address).unwrap();
    for _ in 0..100 {
        assert!(echoes(&mut stream));
    }
}

#[test]
fn a_burst_of_connections_is_served_and_forgotten() {
    let running = start(World::default(), 600, 64);
    for _ in 0..3 {
        let mut streams: Vec<TcpStream> =
            (0..500).map(|_| TcpStream::connect(running.address).unwrap()).collect();
        assert!(streams.iter_mut().all(echoes));
        drop(streams);
        for _ in 0..500 {
            assert_eq!(running.closed.recv().unwrap(), CloseReason::PeerClosed);
        }
    }
}

#[test]
fn a_drain_closes_the_listener_and_ends_with_the_last_connection() {
    let mut running = start(World::default(), 10, 64);
    let mut stream = TcpStream::connect(running.address).unwrap();
    assert!(echoes(&mut stream));
    running.stop.write_all(b"d").unwrap();
    let mut byte = [0];
    assert_eq!(stream.read(&mut byte).unwrap(), 0);
    assert_eq!(running.closed.recv().unwrap(), CloseReason::Shutdown);
    running.thread.take().unwrap().join().unwrap();
    assert!(TcpStream::connect(running.address).is_err());
    running.thread = Some(std::thread::spawn(|| {}));
}
