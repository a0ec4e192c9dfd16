//! A reactor that serves requests asks for no memory, not even when its caches renew, and over TLS
//! not after the handshake.

use std::alloc::{GlobalAlloc, Layout, System};
use std::backtrace::Backtrace;
use std::cell::Cell;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

#[allow(dead_code)]
#[path = "serve/client.rs"]
mod client;
#[allow(dead_code)]
#[path = "serve/server.rs"]
mod server;
#[allow(dead_code)]
#[path = "serve/tls_client.rs"]
mod tls_client;

use client::Client;
use server::{Folder, Server, Setting, request};
use tls_client::TlsClient;

thread_local! {
    /// This thread is a reactor's.
    static WATCHED: Cell<bool> = const { Cell::new(false) };
}

/// Whether a watched thread's allocations count now.
static COUNTING: AtomicBool = AtomicBool::new(false);
static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);
/// Where the first one was made.
static FIRST: Mutex<Option<Backtrace>> = Mutex::new(None);

struct Counting;

fn count() {
    // A backtrace allocates; that does not count.
    if COUNTING.load(Ordering::Relaxed) && WATCHED.replace(false) {
        if ALLOCATIONS.fetch_add(1, Ordering::Relaxed) == 0 {
            *FIRST.lock().unwrap() = Some(Backtrace::force_capture());
        }
        WATCHED.set(true);
    }
}

// SAFETY: every call is handed on unchanged to the system's allocator. Growing and zeroed memory
// come through `alloc` by the trait's own methods.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promises are the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are the same.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const CONFIG: &str = r#"{ "global": { "server-string": "k", "reject-service-keywords":
    [{ "badbot": "403 no" }], "ip-limit-ah": 100, "ip-limit-wsi": 100 }, "vhosts": [
    { "name": "a.test", "port": 80, "headers": [{ "X-A": "1" }], "deny": ["192.0.2.1"], LOG
      "mounts": [
        { "mountpoint": "/", "origin": "file://DIR/www" },
        { "mountpoint": "/guarded", "origin": "file://DIR/www", "basic-auth": "DIR/users" },
        { "mountpoint": "/away", "origin": ">http://new.test" } ] },
    { "name": "b.test", "port": 80, "mounts": [
        { "mountpoint": "/", "origin": "file://DIR/www" } ] } ] }"#;

/// A server whose allocations count.
fn watched(folder: Folder, config: &str, reactors: u16) -> Server {
    let begin = || WATCHED.set(true);
    Server::start_so(folder, config, Setting { begin, reactors, ..Setting::default() })
}

fn serve(log: &str, reactors: u16) -> Server {
    let folder = Folder::new()
        .file("www/small.txt", "x".repeat(500))
        .file("www/medium.txt", "x".repeat(20_000))
        .file("www/large.txt", "x".repeat(300_000))
        .file("www/packed.js", "plain")
        .file("www/packed.js.gz", "packed")
        .file("www/page/index.html", "page")
        .file("users", "kim:secret\n");
    folder.age("www/small.txt", 1_600_000_000);
    watched(folder, &CONFIG.replace("LOG", log), reactors)
}

/// What is asked for again and again: name, requests, status of each answer.
fn plans(server: &Server) -> Vec<(&'static str, String, u16, usize)> {
    let tag = server.get("/small.txt", &[]).value("ETag").to_owned();
    let tag = format!("If-None-Match: {tag}");
    let user = "Authorization: Basic a2ltOnNlY3JldA==";
    let get = |target: &str, fields: &[&str]| request("GET", target, fields);
    vec![
        ("a small file", get("/small.txt", &["User-Agent: x", "Accept: */*"]), 200, 1),
        ("a medium file", get("/medium.txt", &[]), 200, 1),
        ("a large file", get("/large.txt", &[]), 200, 1),
        ("304", get("/small.txt", &[&tag]), 304, 1),
        ("404", get("/none.txt", &[]), 404, 1),
        ("a range", get("/large.txt", &["Range: bytes=10-99999"]), 206, 1),
        ("a compressed copy", get("/packed.js", &["Accept-Encoding: gzip"]), 200, 1),
        ("a default document", get("/page/", &[]), 200, 1),
        ("another vhost", get("/small.txt", &["Host: b.test"]), 200, 1),
        ("a redirect", get("/away/x?y", &[]), 301, 1),
        ("a slash", get("/page", &["Host: forged.test"]), 301, 1),
        ("a password", get("/guarded/small.txt", &[user]), 200, 1),
        ("no password", get("/guarded/small.txt", &[]), 401, 1),
        ("a refused method", request("POST", "/small.txt", &["Content-Length: 3"]) + "abc", 405, 1),
        ("sixteen at once", get("/small.txt", &[]).repeat(16), 200, 16),
    ]
}

fn ask(client: &mut Client, batch: &str, status: u16, answers: usize) {
    client.send(batch);
    for _ in 0..answers {
        assert_eq!(client.answer().status, status);
    }
}

/// A client, which server it asks, and what.
type Asking = (&'static str, Client, Vec<(&'static str, String, u16, usize)>);

/// Asks every server for everything until there were `answers_min` answers and `time` has passed.
fn go_on(clients: &mut [Asking], answers_min: usize, time: Duration) {
    let began = Instant::now();
    let mut answers = 0;
    while answers < answers_min || began.elapsed() < time {
        for (what, client, plans) in &mut *clients {
            for (name, batch, status, each) in plans {
                ask(client, batch, *status, *each);
                answers += *each;
                let found = ALLOCATIONS.load(Ordering::Relaxed);
                let first = FIRST.lock().unwrap().take();
                let first = first.map_or_else(String::new, |at| at.to_string());
                assert_eq!(found, 0, "{what}, {name}: {first}");
            }
        }
    }
}

/// Sessions that are established ask for no memory either, whatever the handshake took.
fn go_on_over_tls() {
    let folder = tls_client::folder()
        .file("www/small.txt", "x".repeat(500))
        .file("www/large.txt", "x".repeat(300_000));
    let server = watched(folder, &tls_client::site("", ""), 1);
    for version in tls_client::VERSIONS {
        let mut client = TlsClient::connect(server.address, &tls_client::config(version, None));
        client.get("/small.txt");
        client.get("/large.txt");
        COUNTING.store(true, Ordering::Relaxed);
        for turn in 0..2_000 {
            let (name, bytes) = [("/small.txt", 500), ("/large.txt", 300_000)][turn % 20 / 19];
            assert_eq!(client.get(name).len(), bytes);
            // TLS 1.2 has nothing of this kind.
            let _ = (turn % 100 == 0).then(|| client.tls.refresh_traffic_keys());
        }
        COUNTING.store(false, Ordering::Relaxed);
        let first = FIRST.lock().unwrap().take().map_or_else(String::new, |at| at.to_string());
        assert_eq!(ALLOCATIONS.load(Ordering::Relaxed), 0, "{version:?}: {first}");
    }
}

/// One test, since the counter is everybody's.
#[test]
fn requests_allocate_nothing() {
    /// Caches are renewed after a second, and new files are read with suspicion for two.
    const RENEWED_TWICE: Duration = Duration::from_millis(2500);
    let log = r#""access-log": "DIR/access.log","#;
    // Six clients, so that both of two reactors have some.
    let servers = [
        ("without a log", serve("", 1), 1),
        ("with a log", serve(log, 1), 1),
        ("two reactors", serve(log, 2), 6),
    ];
    // The same ones all the time: each reactor has caches of its own, which begin empty.
    let mut clients: Vec<Asking> = Vec::new();
    for (what, server, count) in &servers {
        clients.extend((0..*count).map(|_| (*what, server.connect(), plans(server))));
    }
    go_on(&mut clients, 0, 2 * RENEWED_TWICE);
    COUNTING.store(true, Ordering::Relaxed);
    go_on(&mut clients, 20_000, RENEWED_TWICE);
    COUNTING.store(false, Ordering::Relaxed);
    go_on_over_tls();
}
