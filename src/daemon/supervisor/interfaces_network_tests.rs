//! Interfaces that come and go, in a network of the test's own.

use std::net::{SocketAddr, SocketAddrV6, TcpStream};
use std::process::Command;

use super::*;
use crate::daemon::supervisor::sockets::fixture::{adopted, plan};
use crate::daemon::supervisor::sockets::{Handed, Table};
use crate::sys::poll::{Watch, wait};
use crate::sys::{clock, ifaddr};

const PORT: u16 = 8000;
/// How long the kernel may take for something, in milliseconds.
const PATIENCE_MS: u64 = 20_000;

#[test]
fn addresses_are_followed_wherever_they_go() {
    let possible = |program: &str, args: &[&str]| {
        Command::new(program).args(args).output().is_ok_and(|output| output.status.success())
    };
    // Needs root's rights, and the kernel's virtual interfaces.
    let ip = "ip link add eth1 type veth peer name far1";
    if !possible("unshare", &["--net", "sh", "-c", ip]) {
        return;
    }
    let name = "daemon::supervisor::interfaces::network_tests::child_follows_addresses";
    let output = Command::new("unshare")
        .arg("--net")
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "--ignored", "--nocapture", name])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let faults = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}\n{faults}");
}

fn ip(args: &str) {
    let output = Command::new("ip").args(args.split(' ')).output().unwrap();
    assert!(output.status.success(), "{args}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Makes an interface, whose cable ends at another one.
fn add(nic: &str, far: &str) {
    ip(&format!("link add {nic} type veth peer name {far}"));
}

fn up(nics: &[&str]) {
    for nic in nics {
        ip(&format!("link set {nic} up"));
    }
}

/// The supervisor, as far as interfaces go.
struct Bench {
    plan: Plan,
    table: Table,
    watcher: Watcher,
    /// What the worker has.
    handed: Vec<Handed>,
    wakes: u32,
}

impl Bench {
    fn new(listeners: &[&str]) -> Self {
        let listeners: Vec<(&str, u16)> = listeners.iter().map(|on| (*on, PORT)).collect();
        let plan = plan(1, &listeners);
        let (mut table, mut watcher) = (Table::new(), Watcher::new());
        let handed = adopted(&mut table, &plan);
        watcher.watch_for(&plan, clock::monotonic_ms());
        Self { plan, table, watcher, handed, wakes: 0 }
    }

    /// Waits for one thing to happen; false when nothing did within `limit_ms`.
    fn turn(&mut self, limit_ms: u64) -> bool {
        let now = clock::monotonic_ms();
        let due = self.watcher.due_ms().map(|due| due.saturating_sub(now));
        let timeout = due.unwrap_or(limit_ms).min(limit_ms);
        let fd = self.watcher.fd().unwrap();
        let count = wait(&mut [Watch::readable(fd)], Some(timeout)).unwrap();
        if count == 0 && due.is_none_or(|due| due > limit_ms) {
            return false;
        }
        self.wakes += 1;
        let Some(followed) =
            self.watcher.wake(&self.plan, &mut self.table, clock::monotonic_ms(), &mut |_, _| ())
        else {
            return true;
        };
        for socket in &followed.unlisten {
            let before = self.handed.len();
            self.handed.retain(|handed| handed.socket != *socket);
            assert_eq!(self.handed.len() + 1, before, "it had that one");
        }
        for handed in followed.listen {
            assert!(self.table.fd(handed.socket).is_some());
            assert!(self.handed.iter().all(|other| other.socket != handed.socket));
            self.handed.push(handed);
        }
        assert_eq!(sorted(&self.handed), sorted(&self.table.handed()));
        true
    }

    fn until(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        let end = clock::monotonic_ms() + PATIENCE_MS;
        while !done(self) {
            assert!(clock::monotonic_ms() < end, "{what}: {:?}", self.addresses());
            self.turn(PATIENCE_MS);
        }
    }

    /// `listener address` of all.
    fn addresses(&self) -> Vec<String> {
        let shown = |handed: &Handed| {
            let address = crate::sys::socket::local_addr(&self.table.fd(handed.socket).unwrap());
            format!("{} {}", handed.listener, address.unwrap().ip())
        };
        let mut all: Vec<String> = self.handed.iter().map(shown).collect();
        all.sort();
        all
    }

    fn has(&self, address: &str) -> bool {
        self.addresses().iter().any(|own| own == address)
    }
}

fn sorted(handed: &[Handed]) -> Vec<(u32, u16, u16)> {
    let mut all: Vec<_> = handed.iter().map(|one| (one.socket, one.listener, one.share)).collect();
    all.sort_unstable();
    all
}

fn reach(address: &str) {
    TcpStream::connect((address, PORT)).unwrap();
}

#[test]
#[ignore = "has a network of its own; run by addresses_are_followed_wherever_they_go"]
fn child_follows_addresses() {
    ip("link set lo up");
    let mut bench = Bench::new(&["127.0.0.1", "eth1", "eth2", "203.0.113.7", "eth1"]);
    bench.until("the first look", |bench| bench.watcher.due_ms().is_none());
    assert_eq!(bench.addresses(), ["0 127.0.0.1", "3 203.0.113.7"]);
    // Two interfaces, several addresses, both families.
    add("eth1", "far1");
    add("eth2", "far2");
    ip("address add 192.0.2.1/24 dev eth1");
    ip("address add 192.0.2.2/24 dev eth2");
    ip("address add 2001:db8::1/64 dev eth1");
    up(&["eth1", "far1", "eth2", "far2"]);
    bench.until("both are up", |bench| {
        let own = |start| bench.addresses().iter().filter(|own| own.starts_with(start)).count();
        own("1 ") == 3 && own("2 ") == 2
    });
    assert!(bench.has("1 192.0.2.1") && bench.has("1 2001:db8::1") && bench.has("2 192.0.2.2"));
    reach("192.0.2.1");
    reach("192.0.2.2");
    link_local("eth1");
    quiet(&mut bench);
    // A new lease.
    ip("address del 192.0.2.1/24 dev eth1");
    ip("address add 192.0.2.9/24 dev eth1");
    bench.until("the lease", |bench| bench.has("1 192.0.2.9") && !bench.has("1 192.0.2.1"));
    reach("192.0.2.9");
    // One address moves to the other interface.
    ip("address del 192.0.2.9/24 dev eth1");
    ip("address add 192.0.2.9/24 dev eth2");
    bench.until("the move", |bench| bench.has("2 192.0.2.9") && !bench.has("1 192.0.2.9"));
    reach("192.0.2.9");
    // A numeric address needs no look.
    ip("address add 203.0.113.7/32 dev eth2");
    reach("203.0.113.7");
    // It goes and comes back, with another index.
    ip("link del eth1");
    bench.until("eth1 is gone", |bench| bench.addresses().iter().all(|own| !own.starts_with("1 ")));
    add("eth1", "far1");
    up(&["eth1", "far1"]);
    ip("address add 192.0.2.1/24 dev eth1");
    bench.until("eth1 is back", |bench| bench.has("1 192.0.2.1"));
    reach("192.0.2.1");
    bench.until("its link-local address", |bench| {
        bench.addresses().iter().any(|own| own.starts_with("1 fe80"))
    });
    link_local("eth1");
    quiet(&mut bench);
    flap(&mut bench);
}

/// Connects to the link-local address of an interface.
fn link_local(nic: &str) {
    let scope = ifaddr::nic_index(nic).unwrap();
    let own =
        ifaddr::addresses().unwrap().into_iter().find_map(|entry| match entry.socket_addr(0) {
            SocketAddr::V6(v6) if entry.nic == nic && v6.ip().is_unicast_link_local() => Some(v6),
            _ => None,
        });
    let address = SocketAddr::V6(SocketAddrV6::new(*own.unwrap().ip(), PORT, 0, scope));
    let end = clock::monotonic_ms() + PATIENCE_MS;
    // Until the kernel knows that nobody else has it, nobody can be reached there.
    while let Err(error) = TcpStream::connect(address) {
        assert!(clock::monotonic_ms() < end, "{address}: {error}");
        std::thread::yield_now();
    }
}

/// Without changes nobody wakes up.
fn quiet(bench: &mut Bench) {
    while bench.turn(2_000) {}
    assert_eq!(bench.watcher.due_ms(), None);
    let before = bench.wakes;
    assert!(!bench.turn(500));
    assert_eq!(bench.wakes, before);
}

/// However much an interface flaps, addresses are read a few times only and are right in the end.
fn flap(bench: &mut Bench) {
    let before = bench.wakes;
    for _ in 0..30 {
        ip("address del 192.0.2.1/24 dev eth1");
        ip("address add 192.0.2.1/24 dev eth1");
    }
    bench.until("the end of it", |bench| bench.watcher.due_ms().is_none());
    while bench.turn(500) {}
    assert!(bench.wakes - before < 10, "{}", bench.wakes - before);
    assert!(bench.has("1 192.0.2.1"));
    reach("192.0.2.1");
}
