//! The moments at which a worker begins and ends.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::fd::OwnedFd;

use kinglet::daemon::orders::{Order, Report};
use kinglet::sys::process::{self, Pid};
use kinglet::sys::socket as sys;

use super::worker::{Worker, keep, socket, socket_beside};
use super::{conf, folder, log_file, serving, snapshot_of};

#[test]
fn a_stop_answers_who_has_asked_already() {
    let folder = folder("worker-stop");
    let (listener, port) = socket();
    let worker = serving(&conf(&folder, ""), &[listener]);
    let mut kept = TcpStream::connect(("127.0.0.1", port)).unwrap();
    keep(&mut kept);
    // All of this waits in queues of the kernel when the worker gets its order.
    let pid = Pid::new(i32::try_from(worker.id()).unwrap()).unwrap();
    process::kill(pid, libc::SIGSTOP).unwrap();
    let mut clients: Vec<TcpStream> =
        (0..20).map(|_| TcpStream::connect(("127.0.0.1", port)).unwrap()).collect();
    clients.push(kept);
    for client in &mut clients {
        client.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    }
    worker.send(&Order::Stop { within_ms: 30_000 }, None);
    process::kill(pid, libc::SIGCONT).unwrap();
    for client in &mut clients {
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("hello"), "{answer}");
    }
    assert_eq!(worker.end().0, Some(0));
}

#[test]
fn no_thread_serves_before_all_can() {
    let folder = folder("worker-threads");
    let worker = Worker::start(&["-c", "/etc/kinglet"]);
    let text = conf(&folder, r#""count-threads": "3", "max-connections": "100""#);
    worker.send(&Order::Snapshot, Some(&snapshot_of(&text)));
    let (first, port) = socket();
    let second = socket_beside(port);
    for (socket, share) in [(&first, 0), (&second, 1)] {
        worker.send(&Order::Listen { socket: u32::from(share), listener: 0, share }, Some(socket));
    }
    // What epoll does not take.
    let third: OwnedFd = log_file(&folder, "no-socket").into();
    worker.send(&Order::Listen { socket: 2, listener: 0, share: 2 }, Some(&third));
    let _clients: Vec<TcpStream> =
        (0..20).map(|_| TcpStream::connect(("127.0.0.1", port)).unwrap()).collect();
    worker.send(&Order::Serve, None);
    assert!(matches!(worker.report(), Some(Report::Failed { .. })));
    let (code, text) = worker.end();
    assert!(code != Some(0) && text.contains("event loops cannot be set up"), "{text}");
    // All of them are there for whoever holds the sockets too.
    let waiting = |of| std::iter::from_fn(|| sys::accept(of).ok()).count();
    assert_eq!(waiting(&first) + waiting(&second), 20);
}
