//! The file cache allocates nothing once it is made, and says how long it takes when asked:
//! `cargo test --release --test file_cache -- --ignored --nocapture`.

use kinglet::http::encoding::Accepted;
use kinglet::origin::cache::FileCache;
use kinglet::origin::file::{Ask, Body, FileMount, Outcome, answer};
use kinglet::sys::walk::Rules;
use kinglet::vhost::mime::MimeTable;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::path::{Path, PathBuf};

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call is handed on unchanged to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
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

struct Site(PathBuf);

impl Site {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("kinglet-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(dir.join("a/b")).unwrap();
        for n in 0..40 {
            std::fs::write(dir.join(format!("a/b/{n}.txt")), "x".repeat(n * 300)).unwrap();
        }
        std::fs::write(dir.join("index.html"), b"<p>home").unwrap();
        std::fs::write(dir.join("index.html.gz"), b"gz").unwrap();
        std::os::unix::fs::symlink("a/b/1.txt", dir.join("link.txt")).unwrap();
        Self(dir)
    }

    fn cache(&self, entries: usize) -> FileCache {
        FileCache::new(entries, [self.0.as_path(), Path::new("/no/such/directory")])
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn mount(id: u16) -> FileMount {
    FileMount {
        id,
        default_document: "index.html".into(),
        rules: Rules::default(),
        mime: MimeTable::new(&[], Some("utf-8")),
        directory_listing: true,
    }
}

const BOTH: Accepted = Accepted { brotli: 1000, gzip: 1000, identity: 1000 };

#[test]
fn hits_misses_and_refusals_allocate_nothing() {
    let site = Site::new("noalloc");
    let mut cache = site.cache(8);
    let (here, nowhere) = (mount(0), mount(1));
    let long = format!("/{}", "n/".repeat(1500));
    let mut paths: Vec<String> = (0..40).map(|n| format!("/a/b/{n}.txt")).collect();
    let others = ["/", "/link.txt", "/a", "/a/b/", "/none", "/.x", "/index.html.gz", &long];
    paths.extend(others.map(String::from));
    let before = ALLOCATIONS.with(Cell::get);
    let mut found = 0;
    for now_ms in [0, 1, 500, 2000, 4000, 100_000] {
        for path in &paths {
            for mount in [&here, &nowhere] {
                let wall_secs = 4_000_000_000;
                let ask = Ask { path: path.as_bytes(), accept: BOTH, now_ms, wall_secs };
                if let Outcome::Found(file) = answer(&mut cache, mount, &ask) {
                    found += 1;
                    if let Body::Content(bytes) = file.body {
                        assert_eq!(bytes.len() as u64, file.size);
                    }
                }
            }
        }
        cache.trim(now_ms, |_| ());
    }
    assert_eq!(ALLOCATIONS.with(Cell::get), before);
    assert_eq!(found, 6 * 43);
}

/// Nanoseconds that this thread has run.
fn cpu_ns() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}

/// Prints the time of a hit, of a load and of a miss; no assertion, machines differ.
#[test]
#[ignore = "a measurement"]
fn timing() {
    let site = Site::new("timing");
    let mut cache = site.cache(64);
    let mount = mount(0);
    let mut now_ms = 0;
    let mut run = |name: &str, path: &str, accept: Accepted, step_ms: u64| {
        const ROUNDS: u64 = 100_000;
        let start = cpu_ns();
        let mut bytes = 0;
        for _ in 0..ROUNDS {
            now_ms += step_ms;
            let ask = Ask {
                path: std::hint::black_box(path.as_bytes()),
                accept,
                now_ms,
                wall_secs: 4_000_000_000,
            };
            if let Outcome::Found(file) = answer(&mut cache, &mount, &ask) {
                bytes += std::hint::black_box(file).size;
            }
        }
        let ns = (cpu_ns() - start) / ROUNDS;
        println!("{name:32} {ns:6} ns ({} bytes each)", bytes / ROUNDS);
    };
    run("hit, content", "/a/b/3.txt", BOTH, 0);
    run("hit, descriptor", "/a/b/39.txt", BOTH, 0);
    run("hit, default document, gzip", "/", BOTH, 0);
    let start = cpu_ns();
    for _ in 0..10_000 {
        std::hint::black_box(std::fs::metadata(&site.0).unwrap());
    }
    println!("{:32} {:6} ns", "(one statx call)", (cpu_ns() - start) / 10_000);
    run("load, content", "/a/b/3.txt", BOTH, 2000);
    run("load, descriptor", "/a/b/39.txt", BOTH, 2000);
    run("load, by a symbolic link", "/link.txt", BOTH, 2000);
    run("not found", "/a/b/none.txt", BOTH, 0);
}
