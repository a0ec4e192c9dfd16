//! The planner and the worker as processes of their own, driven the way a supervisor does it.

#[path = "worker/edges.rs"]
mod edges;
#[path = "worker/tls.rs"]
mod tls;
#[path = "worker/process.rs"]
mod worker;

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, Write as _};
use std::net::TcpStream;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;

use kinglet::config::settings::SourceFile;
use kinglet::daemon::orders::{Order, Report};
use kinglet::daemon::plan::{Plan, Scheme, snapshot};
use kinglet::sys::{memory_file, process, user};

use worker::{Folder, Worker, get, keep, plan, socket};

/// A vhost on a port that nobody binds: the sockets are handed over.
fn conf(folder: &Folder, more: &str) -> String {
    let www = folder.path("www");
    format!(
        r#"{{ "global": {{ {more} }}, "vhosts": [{{ "name": "localhost", "port": "9",
            "access-log": "{}", "mounts": [{{ "mountpoint": "/", "default": "index.html",
            "origin": "file://{}" }}] }}] }}"#,
        folder.path("never-opened").display(),
        www.display()
    )
}

fn folder(name: &str) -> Folder {
    let folder = Folder::new(name);
    fs::create_dir(folder.path("www")).unwrap();
    fs::write(folder.path("www/index.html"), "hello").unwrap();
    folder
}

fn memory(bytes: &[u8]) -> OwnedFd {
    let mut file = File::from(memory_file::create("snapshot").unwrap());
    file.write_all(bytes).unwrap();
    file.into()
}

fn snapshot_of(text: &str) -> OwnedFd {
    let file = SourceFile { path: "/etc/kinglet/conf".to_owned(), text: text.into() };
    memory(&snapshot::encode(&[file], &[]))
}

fn log_file(folder: &Folder, name: &str) -> File {
    File::options().append(true).create(true).open(folder.path(name)).unwrap()
}

/// Hands over a configuration and the sockets of its first listener, and waits until it serves.
fn serving(text: &str, sockets: &[OwnedFd]) -> Worker {
    let worker = Worker::start(&["-c", "/etc/kinglet"]);
    worker.send(&Order::Snapshot, Some(&snapshot_of(text)));
    for (socket, share) in sockets.iter().zip(0..) {
        let order = Order::Listen { socket: 100 + u32::from(share), listener: 0, share };
        worker.send(&order, Some(socket));
    }
    worker.send(&Order::Serve, None);
    match worker.report() {
        Some(Report::Ready { memory_bytes_max, connections_max }) => {
            assert!(memory_bytes_max > 100_000 && connections_max > 10);
        }
        other => panic!("{other:?}: {}", worker.end().1),
    }
    worker
}

#[test]
fn a_worker_serves_retires_and_ends() {
    let folder = folder("worker-life");
    let (listener, port) = socket();
    let worker = serving(&conf(&folder, ""), &[listener]);
    let mut client = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let first = keep(&mut client);
    assert!(first.starts_with("HTTP/1.1 200 ") && first.ends_with("hello"), "{first}");
    assert!(!first.to_ascii_lowercase().contains("connection: close"), "{first}");
    worker.send(&Order::Ping { number: 77 }, None);
    assert_eq!(worker.report(), Some(Report::Pong { number: 77 }));
    worker.send(&Order::Ask, None);
    let stats = Report::Stats { connections: 1, accepted: 1, requests: 1 };
    assert_eq!(worker.report(), Some(stats));

    worker.send(&Order::Retire { drain_ms: 0 }, None);
    // What comes to a socket that is still listened on is served.
    assert!(get(port, "/").ends_with("hello"));
    worker.send(&Order::Unlisten { socket: 100 }, None);
    // The answer to the next request says that it is the last one.
    let last = keep(&mut client);
    assert!(last.to_ascii_lowercase().contains("connection: close"), "{last}");
    assert_eq!(client.read(&mut [0; 1]).unwrap(), 0);
    // All that there is to say is that there was no file for the lines.
    let (code, text) = worker.end();
    assert!(code == Some(0) && text.lines().count() == 1, "{text}");
    assert!(text.ends_with("never-opened cannot be written: it is not open\n"), "{text}");
}

#[test]
fn sockets_may_come_later() {
    let folder = folder("worker-late");
    let (first, port) = socket();
    let worker = serving(&conf(&folder, ""), &[first]);
    let (second, other_port) = socket();
    worker.send(&Order::Listen { socket: 7, listener: 0, share: 0 }, Some(&second));
    drop(second);
    assert!(get(other_port, "/").ends_with("hello"));
    worker.send(&Order::Unlisten { socket: 7 }, None);
    worker.send(&Order::Ping { number: 1 }, None);
    assert_eq!(worker.report(), Some(Report::Pong { number: 1 }));
    assert!(TcpStream::connect(("127.0.0.1", other_port)).is_err());
    assert!(get(port, "/").ends_with("hello"));
}

#[test]
fn logs_come_and_are_replaced_while_it_serves() {
    let folder = folder("worker-logs");
    let (listener, port) = socket();
    let worker = serving(&conf(&folder, ""), &[listener]);
    let hand = |name: &str| {
        worker.send(&Order::Log { number: 0 }, Some(&log_file(&folder, name).into()));
        worker.send(&Order::Ping { number: 3 }, None);
        assert_eq!(worker.report(), Some(Report::Pong { number: 3 }));
    };
    hand("one");
    assert!(get(port, "/first").starts_with("HTTP/1.1 404 "));
    hand("two");
    assert!(get(port, "/second").starts_with("HTTP/1.1 404 "));
    worker.send(&Order::Stop { within_ms: 5_000 }, None);
    assert_eq!(worker.end().0, Some(0));
    let read = |name: &str| fs::read_to_string(folder.path(name)).unwrap();
    let both = read("one") + &read("two");
    // The first line waits for company: it may be written to either.
    assert_eq!(both.lines().count(), 2, "{both}");
    assert!(both.contains("GET /first HTTP") && read("two").contains("GET /second HTTP"), "{both}");
    assert!(!folder.path("never-opened").exists());
}

#[test]
fn every_thread_serves_its_sockets_without_rights() {
    let folder = folder("worker-threads");
    let (first, port) = socket();
    let sockets: Vec<OwnedFd> =
        std::iter::once(first).chain((1..3).map(|_| worker::socket_beside(port))).collect();
    let text = conf(&folder, r#""count-threads": "3""#);
    let worker = serving(&text, &sockets);
    drop(sockets);
    for _ in 0..60 {
        assert!(get(port, "/").ends_with("hello"));
    }
    worker.send(&Order::Ask, None);
    match worker.report() {
        Some(Report::Stats { accepted: 60, requests: 60, .. }) => {}
        other => panic!("{other:?}"),
    }
    let mut names = Vec::new();
    for task in fs::read_dir(format!("/proc/{}/task", worker.id())).unwrap() {
        let status = fs::read_to_string(task.unwrap().path().join("status")).unwrap();
        names.push(status.lines().next().unwrap_or_default().to_owned());
        if user::effective_uid() == 0 {
            assert!(!status.contains("Uid:\t0"), "{status}");
            assert!(status.contains("CapEff:\t0000000000000000"), "{status}");
            assert!(status.contains("NoNewPrivs:\t1"), "{status}");
        }
    }
    for name in ["kinglet", "reactor-1", "reactor-2"] {
        assert!(names.contains(&format!("Name:\t{name}")), "{names:?}");
    }
    for share in 0..3 {
        worker.send(&Order::Unlisten { socket: 100 + share }, None);
    }
    worker.send(&Order::Retire { drain_ms: 0 }, None);
    assert_eq!(worker.end().0, Some(0));
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[test]
fn a_directory_behind_a_closed_one_is_served_all_the_same() {
    if user::effective_uid() != 0 {
        return;
    }
    let folder = folder("worker-closed");
    fs::create_dir(folder.path("closed")).unwrap();
    fs::rename(folder.path("www"), folder.path("closed/www")).unwrap();
    fs::set_permissions(folder.path("closed"), fs::Permissions::from_mode(0o700)).unwrap();
    let text = conf(&folder, "").replace("/www", "/closed/www");
    let (listener, port) = socket();
    let worker = serving(&text, &[listener]);
    assert!(get(port, "/").ends_with("hello"));
    // Once the way is open, another directory may take its place.
    fs::set_permissions(folder.path("closed"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::rename(folder.path("closed/www"), folder.path("old")).unwrap();
    fs::create_dir(folder.path("closed/www")).unwrap();
    fs::write(folder.path("closed/www/new.html"), "new").unwrap();
    let mut answer = String::new();
    // Found within a second or so; every try is a whole exchange.
    for _ in 0..100_000 {
        answer = get(port, "/new.html");
        if answer.ends_with("new") {
            break;
        }
    }
    assert!(answer.ends_with("new"), "{answer}");
    drop(worker);
}

#[test]
fn what_is_no_handover_fails_clearly() {
    let failed = |say: &dyn Fn(&Worker)| {
        let worker = Worker::start(&["-c", "/etc/kinglet"]);
        say(&worker);
        let report = worker.report();
        let (code, text) = worker.end();
        let Some(Report::Failed { code: told }) = report else { panic!("{report:?}: {text}") };
        assert_eq!(code, Some(i32::from(told)));
        (told, text)
    };
    let (code, text) = failed(&|worker| worker.send_bytes(b"garbage", None));
    assert_eq!(code, 1);
    assert!(text.contains("the handover to a worker failed: an order cannot be read"), "{text}");
    let (code, text) = failed(&|worker| worker.send(&Order::Serve, None));
    assert!(code == 1 && text.contains("has no place"), "{text}");
    let (code, text) = failed(&|worker| worker.send(&Order::Snapshot, None));
    assert!(code == 1 && text.contains("wrong descriptors"), "{text}");

    let with_snapshot = |snapshot: OwnedFd| {
        failed(&move |worker| {
            worker.send(&Order::Snapshot, Some(&snapshot));
            worker.send(&Order::Serve, None);
        })
    };
    let (code, text) = with_snapshot(memory(b"no snapshot"));
    assert!(code == 1 && text.contains("the planned configuration cannot be read"), "{text}");
    let (code, text) = with_snapshot(snapshot_of("{ \"vhosts\": 7 "));
    assert!(code == 78 && text.contains("/etc/kinglet/conf:1:"), "{text}");
    let unknown = r#"{ "global": { "username": "no-such-user" }, "vhosts": [{ "port": "9" }] }"#;
    let (code, text) = with_snapshot(snapshot_of(unknown));
    assert!(code == 78 && text.contains("no-such-user"), "{text}");
    let (code, text) = failed(&|worker| {
        worker.send(&Order::Snapshot, Some(&snapshot_of(r#"{ "vhosts": [{ "port": "9" }] }"#)));
        worker.send(&Order::Listen { socket: 1, listener: 3, share: 0 }, Some(&socket().0));
        worker.send(&Order::Serve, None);
    });
    assert!(code == 1 && text.contains("listener 3: there is none"), "{text}");
}

#[test]
fn without_a_supervisor_it_ends() {
    let mut worker = Worker::start(&["-c", "/etc/kinglet"]);
    worker.hang_up();
    assert_eq!(worker.end(), (Some(0), String::new()));

    let folder = folder("worker-orphan");
    let (listener, port) = socket();
    let mut worker = serving(&conf(&folder, ""), &[listener]);
    // One that waits for its next request is no reason to stay.
    let mut client = TcpStream::connect(("127.0.0.1", port)).unwrap();
    assert!(keep(&mut client).ends_with("hello"));
    worker.hang_up();
    let (code, text) = worker.end();
    assert!(code == Some(0) && text.contains("the supervisor has gone"), "{text}");
    assert_eq!(client.read(&mut [0; 1]).unwrap(), 0);
}

#[test]
fn signals_are_the_supervisors() {
    let folder = folder("worker-signals");
    let (listener, port) = socket();
    let worker = serving(&conf(&folder, ""), &[listener]);
    let pid = process::Pid::new(i32::try_from(worker.id()).unwrap()).unwrap();
    // HUP, INT, USR1, USR2, TERM
    for signal in [1, 2, 10, 12, process::TERMINATE] {
        process::kill(pid, signal).unwrap();
        assert!(get(port, "/").ends_with("hello"));
    }
    drop(worker);
}

#[test]
fn plans_say_what_a_generation_needs() {
    let folder = folder("worker-plan");
    let write = |text: &str| fs::write(folder.path("conf"), text).unwrap();
    write(&conf(&folder, r#""count-threads": "2", "shutdown-secs": "7""#));
    let made = || {
        let (code, text, plan, snapshot) = plan(&["-c", folder.path("").to_str().unwrap()]);
        assert_eq!(code, Some(0), "{text}");
        (Plan::decode(&plan).unwrap(), snapshot::decode(&snapshot).unwrap())
    };
    let (plan, files) = made();
    assert_eq!(plan.program_version, env!("CARGO_PKG_VERSION"));
    assert_eq!((plan.threads, plan.speaks_tls, plan.shutdown_ms), (2, false, 7_000));
    assert_eq!(plan.quick, None);
    assert!(plan.memory_bytes_max > 100_000 && plan.budget_text.starts_with("memory: at most "));
    assert_eq!(plan.logs.len(), 1);
    assert_eq!(plan.logs[0].path, folder.path("never-opened").to_str().unwrap());
    assert!(plan.logs[0].source.lines.contains("never-opened"));
    let listener = &plan.listeners[0];
    assert_eq!((listener.wanted.port, listener.scheme), (9, Scheme::Http));
    assert_eq!(listener.vhosts, "localhost");
    assert!(listener.source.place.contains("conf:1:"), "{:?}", listener.source);
    let (files, _) = files;
    assert!(files.len() == 1 && files[0].text.starts_with(b"{ \"global\""));
    // The same again, until something changes.
    assert_eq!(made().0, plan);
    write(&conf(&folder, r#""count-threads": "2", "shutdown-secs": "8""#));
    assert_ne!(made().0.fingerprint, plan.fingerprint);
}

#[test]
fn a_bad_configuration_has_no_plan() {
    let folder = folder("worker-bad-plan");
    let directory = folder.path("");
    let plan = || plan(&["-c", directory.to_str().unwrap()]);
    fs::write(folder.path("conf"), "{ \"vhosts\": [{ \"port\": \"x\" }] }").unwrap();
    let (code, text, made, snapshot) = plan();
    assert_eq!(code, Some(78), "{text}");
    assert!(text.contains("conf:1:") && made.is_empty() && snapshot.is_empty(), "{text}");
}

#[test]
fn quick_mode_is_planned_and_served() {
    let folder = folder("worker-quick");
    let www = folder.path("www");
    let args = ["--", www.to_str().unwrap()];
    let (code, text, made, files) = plan(&args);
    assert_eq!(code, Some(0), "{text}");
    let made = Plan::decode(&made).unwrap();
    let quick = made.quick.unwrap();
    assert_eq!((quick.tries, quick.directory.as_str()), (100, www.to_str().unwrap()));
    assert_eq!(made.listeners.len(), 1);
    let (listener, port) = socket();
    let worker = Worker::start(&args);
    worker.send(&Order::Snapshot, Some(&memory(&files)));
    worker.send(&Order::Port(port), None);
    worker.send(&Order::Listen { socket: 1, listener: 0, share: 0 }, Some(&listener));
    worker.send(&Order::Serve, None);
    assert!(matches!(worker.report(), Some(Report::Ready { .. })));
    assert!(get(port, "/index.html").ends_with("hello"));
    let mut bytes = Vec::new();
    let mut file = File::from(memory(&files));
    file.rewind().unwrap();
    file.read_to_end(&mut bytes).unwrap();
    assert!(snapshot::decode(&bytes).unwrap().0.is_empty());
    assert!(memory_file::read_whole(file.as_fd(), 1 << 20).unwrap() == bytes);
}

#[test]
fn programs_may_gain_rights_only_where_that_is_configured() {
    let folder = folder("worker-rights");
    let status = |more: &str| {
        let (listener, _) = socket();
        let worker = serving(&conf(&folder, more), &[listener]);
        fs::read_to_string(format!("/proc/{}/status", worker.id())).unwrap()
    };
    // A process that stays root keeps what it has.
    let expected = if user::effective_uid() == 0 { "NoNewPrivs:\t1" } else { "NoNewPrivs:" };
    assert!(status("").contains(expected));
    let allowed = status(r#""no-new-privs": "off""#);
    assert!(allowed.contains("NoNewPrivs:\t0"), "{allowed}");
    if user::effective_uid() == 0 {
        assert!(!allowed.contains("Uid:\t0") && allowed.contains("CapEff:\t0000000000000000"));
    }
}
