//! Clients that connect all the time while the addresses of a server change, with real sockets and
//! two generations that accept.

use std::collections::HashMap;
use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use super::fixture::{plan, prepared, started};
use super::*;
use crate::sys::listener::defer_accept;
use crate::sys::socket;

/// How long removed sockets go on ending handshakes here. A client sends half of it after it has
/// connected.
const WINDOW: Duration = Duration::from_millis(60);
/// Exchanges of each client before and after a transition.
const EXCHANGES: u32 = 8;

const PLANS: [&str; 5] = ["*", "0.0.0.0", "[::]only", "127.0.0.1", "::1"];

/// Whether a plan serves an address.
fn serves(on: &str, to: &str) -> bool {
    match on {
        "*" => true,
        "0.0.0.0" => to == "127.0.0.1",
        "[::]only" => to == "::1",
        other => other == to,
    }
}

enum Order {
    Listen(u32, OwnedFd),
    Unlisten(u32),
    End,
}

/// A worker: accepts, answers one byte by the next one.
fn generation(orders: &Receiver<Order>) {
    let mut listeners: HashMap<u32, OwnedFd> = HashMap::new();
    loop {
        match orders.try_recv() {
            Ok(Order::Listen(number, fd)) => drop(listeners.insert(number, fd)),
            Ok(Order::Unlisten(number)) => {
                let fd = listeners.remove(&number).unwrap();
                // What was accepted by the kernel is served still.
                while answer(&fd) {}
            }
            Ok(Order::End) => return,
            Err(_) => {
                let mut busy = false;
                for fd in listeners.values() {
                    busy |= answer(fd);
                }
                if !busy {
                    thread::sleep(Duration::from_millis(1));
                }
            }
        }
    }
}

fn answer(listener: &OwnedFd) -> bool {
    let Ok((socket, _)) = socket::accept(listener) else { return false };
    let mut stream = TcpStream::from(socket);
    thread::spawn(move || {
        stream.set_nonblocking(false).unwrap();
        let mut byte = [0];
        if stream.read_exact(&mut byte).is_ok() {
            let _ = stream.write_all(&[byte[0].wrapping_add(1)]);
        }
    });
    true
}

struct Generation {
    orders: Sender<Order>,
    thread: thread::JoinHandle<()>,
}

impl Generation {
    fn start(table: &Table) -> Self {
        let (orders, received) = channel();
        let thread = thread::spawn(move || generation(&received));
        for handed in table.handed() {
            let fd = table.fd(handed.socket).unwrap().try_clone().unwrap();
            orders.send(Order::Listen(handed.socket, fd)).unwrap();
        }
        Self { orders, thread }
    }

    fn unlisten(&self, number: u32) {
        self.orders.send(Order::Unlisten(number)).unwrap();
    }

    fn end(self) {
        self.orders.send(Order::End).unwrap();
        self.thread.join().unwrap();
    }
}

/// Talks to an address until it is told to stop; the number of exchanges.
fn talk(
    to: IpAddr,
    port: u16,
    pause: Duration,
    stop: &AtomicBool,
    done: &AtomicU32,
) -> io::Result<()> {
    while !stop.load(Ordering::Relaxed) {
        let mut stream = TcpStream::connect((to, port))?;
        thread::sleep(pause);
        stream.write_all(&[7])?;
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        assert_eq!(byte, [8]);
        done.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

struct Clients {
    stop: Arc<AtomicBool>,
    threads: Vec<thread::JoinHandle<io::Result<()>>>,
    done: Vec<Arc<AtomicU32>>,
}

impl Clients {
    fn start(to: &[&str], port: u16, pauses: &[Duration]) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut clients = Self { stop, threads: Vec::new(), done: Vec::new() };
        for to in to {
            for pause in pauses.iter().copied() {
                let (to, stop, done) =
                    (to.parse().unwrap(), clients.stop.clone(), Arc::new(AtomicU32::new(0)));
                clients.done.push(done.clone());
                clients.threads.push(thread::spawn(move || talk(to, port, pause, &stop, &done)));
            }
        }
        clients
    }

    /// Waits until each has exchanged something again, or has failed.
    fn exchange(&self) {
        let before: Vec<u32> = self.done.iter().map(|done| done.load(Ordering::Relaxed)).collect();
        for ((done, before), thread) in self.done.iter().zip(before).zip(&self.threads) {
            while done.load(Ordering::Relaxed) < before + EXCHANGES && !thread.is_finished() {
                thread::yield_now();
                thread::sleep(Duration::from_millis(1));
            }
        }
    }

    fn end(self) -> Vec<io::Error> {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.into_iter().filter_map(|thread| thread.join().unwrap().err()).collect()
    }
}

/// From one plan to the other under load; what clients of addresses that both serve have seen.
fn transition(from: &str, to: &str, threads: [u16; 2], deferred: bool) -> Vec<io::Error> {
    let common: Vec<&str> =
        ["127.0.0.1", "::1"].into_iter().filter(|ip| serves(from, ip) && serves(to, ip)).collect();
    let (mut table, port) = started(threads[0], &[from]);
    let defer = |table: &Table| {
        for handed in table.handed().iter().filter(|_| deferred) {
            defer_accept(&table.fd(handed.socket).unwrap());
        }
    };
    defer(&table);
    let old = Generation::start(&table);
    let pauses: &[Duration] =
        if deferred { &[WINDOW / 2, WINDOW / 4] } else { &[Duration::ZERO, WINDOW / 4] };
    let clients = Clients::start(&common, port, pauses);
    clients.exchange();
    let before = table.handed();
    let new = prepared(&mut table, &plan(threads[1], &[(to, port)]));
    let removed = new.removed.clone();
    table.adopt(new);
    defer(&table);
    let next = Generation::start(&table);
    for handed in before.iter().filter(|handed| !removed.contains(&handed.socket)) {
        old.unlisten(handed.socket);
    }
    thread::sleep(WINDOW);
    for number in &removed {
        old.unlisten(*number);
    }
    old.end();
    table.close(&removed);
    assert!(table.leaving().is_empty());
    clients.exchange();
    let failures = clients.end();
    next.end();
    failures
}

fn all_pairs(deferred: bool) {
    let mut running = Vec::new();
    for from in PLANS {
        for to in PLANS {
            running.push((from, to, thread::spawn(move || transition(from, to, [1, 1], deferred))));
        }
    }
    for (from, to, thread) in running {
        let failures = thread.join().unwrap();
        assert!(failures.is_empty(), "{from} to {to}: {failures:?}");
    }
}

#[test]
fn no_client_is_refused_or_reset_whatever_addresses_become() {
    all_pairs(false);
}

#[test]
fn no_handshake_under_way_is_lost_whatever_addresses_become() {
    all_pairs(true);
}

#[test]
fn no_handshake_under_way_is_lost_when_threads_change() {
    for threads in [[1, 4], [4, 1], [3, 2]] {
        for to in ["*", "127.0.0.1"] {
            let failures = transition("127.0.0.1", to, threads, true);
            assert!(failures.is_empty(), "{threads:?} {to}: {failures:?}");
        }
    }
}
