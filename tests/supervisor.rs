//! The whole program with its processes: supervisor, planner, workers; signals and reloads.

#[path = "supervisor/program.rs"]
mod program;

use std::io::Write as _;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixStream};

use program::{Folder, Http, Program, config, pid_is_there, quick};

/// A folder with `www/a.txt`, served as the configuration says.
fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("www/a.txt", "first\n");
    folder.write("other/a.txt", "second\n");
    folder
}

/// Changes what is served and waits until it is.
fn reload_to(program: &Program, docroot: &str, further: &str) {
    program.folder.write("conf/conf", config(&program.folder, program.port, docroot, further));
    program.signal("HUP");
    program.wait_for("the new configuration is served by worker");
}

#[test]
fn it_serves_and_stops_without_a_trace() {
    let program = Program::start(folder(), "www", "");
    assert_eq!(program.get("/a.txt"), "first\n");
    let worker = program.worker();
    let code = program.stop("TERM");
    assert_eq!(code, Some(0));
    assert!(!pid_is_there(worker), "the worker goes with its supervisor");
}

#[test]
fn a_start_that_fails_says_why_with_its_code() {
    let folder = folder();
    folder.write("conf/conf", "{ \"global\": { \"no such key\": 1 } }");
    let (code, text) = program::run_to_its_end(&folder);
    assert_eq!(code, Some(78), "{text}");
    assert!(text.contains("no such key"), "{text}");
    // A port that is taken.
    let program = Program::start(folder, "www", "");
    let other = folder_with(&program, "www");
    let (code, text) = program::run_to_its_end(&other);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains(&format!("port {}", program.port)) && text.contains("in use"), "{text}");
    assert_eq!(program.get("/a.txt"), "first\n");
}

/// Another folder whose configuration wants the same port.
fn folder_with(program: &Program, docroot: &str) -> Folder {
    let other = folder();
    other.write("conf/conf", config(&other, program.port, docroot, ""));
    other
}

#[test]
fn a_reload_serves_the_new_content_and_lets_old_connections_finish() {
    let program = Program::start(folder(), "www", "");
    let mut old = Http::connect(program.port);
    let answer = old.get("/a.txt");
    assert!(answer.body == "first\n" && !answer.closes, "{answer:?}");
    let first = program.worker();
    reload_to(&program, "other", "");
    assert_eq!(program.get("/a.txt"), "second\n");
    assert!(pid_is_there(first), "it still has a connection");
    // The old one answers once more, and says that this was the last time.
    let answer = old.get("/a.txt");
    assert!(answer.body == "first\n" && answer.closes, "{answer:?}");
    program.wait_until_gone(first);
    assert_eq!(program.stop("INT"), Some(0));
}

#[test]
fn what_a_reload_finds_is_told_with_its_severity() {
    let program = Program::start(folder(), "www", "");
    // A key that does nothing, and a folder that is not there.
    let config = config(&program.folder, program.port, "missing", "\"ws-pingpong-secs\": 5,");
    program.folder.write("conf/conf", config);
    let (code, told) = program.command("reload");
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("missing"), "{told}");
    assert!(told.contains("degraded: ") || told.contains("warning: "), "{told}");
    let logged = program.wait_for("the new configuration is served by worker 2");
    let headline = logged.lines().find(|line| line.contains("missing")).unwrap_or(&logged);
    assert!(headline.contains(" warning: "), "{logged}");
    assert!(!told.contains("note: ") && !logged.contains(" note: "), "{told}{logged}");
    program.folder.write("conf/conf", "{ \"global\": ");
    let (code, told) = program.command("reload");
    assert!(code == Some(78) && told.contains("conf:1:") && told.contains("error: "), "{told}");
    let logged = program.wait_for("the reload failed");
    assert!(logged.lines().any(|line| line.contains(" error: ")), "{logged}");
}

#[test]
fn the_oldest_generation_makes_room_without_closing_under_its_clients() {
    let limit = "\"max-generations\": \"2\",";
    let program = Program::start(folder(), "www", limit);
    let mut old = Http::connect(program.port);
    assert_eq!(old.get("/a.txt").body, "first\n");
    reload_to(&program, "other", limit);
    program.folder.write("conf/conf", config(&program.folder, program.port, "www", limit));
    program.signal("HUP");
    program.wait_for("max-generations is 2");
    let answer = old.get("/a.txt");
    assert!(answer.body == "first\n" && answer.closes, "{answer:?}");
    program.wait_for("the new configuration is served by worker 3");
    assert_eq!(program.get("/a.txt"), "first\n");
}

#[test]
fn a_reload_of_nothing_new_does_nothing_and_one_of_nonsense_too() {
    let program = Program::start(folder(), "www", "");
    let worker = program.worker();
    program.signal("HUP");
    program.wait_for("nothing has changed");
    program.folder.write("conf/conf", "{ \"global\": ");
    program.signal("HUP");
    program.wait_for("conf:1:");
    program.wait_for("the reload failed (code 78)");
    assert_eq!(program.get("/a.txt"), "first\n");
    assert_eq!(program.worker(), worker);
    // And back again.
    reload_to(&program, "other", "");
    assert_eq!(program.get("/a.txt"), "second\n");
}

#[test]
fn a_listener_that_is_removed_closes_and_one_that_is_busy_keeps_the_old_ones() {
    let program = Program::start(folder(), "www", "");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let busy = taken.local_addr().unwrap().port();
    program.folder.write("conf/conf", config(&program.folder, busy, "other", ""));
    program.signal("HUP");
    program.wait_for("in use");
    program.wait_for("the reload failed (code 1)");
    assert_eq!(program.get("/a.txt"), "first\n");
    // Free at last.
    drop(taken);
    program.signal("HUP");
    program.wait_for(&format!("listening on http://127.0.0.1:{busy}"));
    program.wait_for("the new configuration is served by worker");
    assert_eq!(Http::connect(busy).get("/a.txt").body, "second\n");
    program.wait_until(|| std::net::TcpStream::connect(("127.0.0.1", program.port)).is_err());
}

#[test]
fn a_worker_that_dies_is_followed_by_another_one() {
    let program = Program::start(folder(), "www", "");
    for next in 2..4 {
        let worker = program.worker();
        program::signal(worker, "KILL");
        program.wait_for("was ended by signal 9");
        program.wait_for(&format!("worker {next} serves"));
        assert_ne!(program.worker(), worker);
        assert_eq!(program.get("/a.txt"), "first\n");
    }
    assert_eq!(program.stop("TERM"), Some(0));
}

#[test]
fn a_second_signal_ends_everything_at_once() {
    let global = "\"timeout-secs\": 600, \"header-timeout-secs\": 600,";
    let program = Program::start(folder(), "www", global);
    // A request that is never finished keeps the worker.
    let mut client = Http::connect(program.port);
    assert_eq!(client.get("/a.txt").body, "first\n");
    client.stream.write_all(b"GET /a.txt HTTP/1.1\r\n").unwrap();
    let worker = program.worker();
    program.signal("TERM");
    program.wait_for("stopping");
    assert_eq!(program.stop("TERM"), Some(0));
    assert!(!pid_is_there(worker));
}

#[test]
fn logs_are_opened_again_for_all_generations() {
    let vhost = "\"access-log\": \"DIR/access\",";
    let program = Program::start_with(folder(), "www", "", vhost);
    assert_eq!(program.get("/a.txt"), "first\n");
    program.wait_until(|| program.folder.read("access").contains("GET /a.txt"));
    std::fs::rename(program.folder.at("access"), program.folder.at("access.1")).unwrap();
    program.signal("USR1");
    program.wait_until(|| program.folder.at("access").exists());
    // The file is there before the worker has got it.
    program.wait_until(|| {
        assert_eq!(program.get("/a.txt"), "first\n");
        program.folder.read("access").contains("GET /a.txt")
    });
}

#[test]
fn quick_mode_prints_where_it_is_and_keeps_its_port() {
    let folder = folder();
    let program = quick(folder, "www");
    assert_eq!(program.get("/a.txt"), "first\n");
    let worker = program.worker();
    program::signal(worker, "KILL");
    program.wait_for("worker 2 serves");
    assert_eq!(program.get("/a.txt"), "first\n");
    program.signal("HUP");
    program.wait_for("nothing has changed");
    assert_eq!(program.stop("INT"), Some(0));
}

#[test]
fn a_supervisor_becomes_another_program_and_keeps_everything() {
    let vhost = "\"access-log\": \"DIR/access\",";
    let program = Program::start_with(folder(), "www", "", vhost);
    let mut old = Http::connect(program.port);
    assert_eq!(old.get("/a.txt").body, "first\n");
    let first = program.worker();
    for _ in 0..2 {
        program.signal("USR2");
        program.wait_for("the supervisor becomes the program that is on disk now");
    }
    assert_eq!((program.worker(), old.get("/a.txt").closes), (first, false));
    // It still has its log, its channel, its plan and its sockets.
    std::fs::rename(program.folder.at("access"), program.folder.at("access.1")).unwrap();
    program.signal("USR1");
    program.wait_until(|| program.folder.at("access").exists());
    reload_to(&program, "other", "");
    assert_eq!(program.get("/a.txt"), "second\n");
    // An old generation outlives it too.
    program.signal("USR2");
    program.wait_for("the supervisor becomes the program that is on disk now");
    let answer = old.get("/a.txt");
    assert!(answer.body == "first\n" && answer.closes, "{answer:?}");
    program.wait_until_gone(first);
    program::signal(program.worker(), "KILL");
    program.wait_for("was ended by signal 9");
    program.wait_for("worker 3 serves");
    assert_eq!(program.get("/a.txt"), "second\n");
    assert_eq!(program.stop("TERM"), Some(0));
}

#[test]
fn a_pid_file_in_an_impossible_place_is_told() {
    let folder = folder();
    folder.write("conf/conf", config(&folder, 1, "www", ""));
    folder.write("text", "not a number");
    for (name, why) in [
        ("no/such/pid", "No such file or directory"),
        ("www", "holds no process number"),
        ("text", "holds no process number"),
    ] {
        let (code, text) = program::run_with_pid_file(&folder, name);
        assert!(code == Some(1) && text.contains(why), "{name}: {text}");
    }
    assert_eq!(folder.read("text"), "not a number");
}

#[test]
fn unix_sockets_belong_to_whom_the_configuration_says() {
    use std::os::unix::fs::MetadataExt as _;
    // Giving files to others takes root's rights.
    let own = std::fs::metadata("/proc/self").unwrap();
    let (user, group) = if own.uid() == 0 { (65_534, 65_533) } else { (own.uid(), own.gid()) };
    let owner = format!("{user}:{group}");
    let third = format!("{owner}:0606");
    for (perms, mode) in [(owner, 0o660), (third, 0o606)] {
        let socket = format!("/socket-{mode:o}");
        // The vhost at the port has the same name.
        let vhost = format!(
            r#""interface": "DIR{socket}", "unix-socket": "1", "unix-socket-perms": "{perms}",
            "mounts": [ {{ "mountpoint": "/", "origin": "file://DIR/www" }} ] }},
            {{ "name": "a.test","#
        );
        let program = Program::start_with(folder(), "www", "", &vhost);
        let found = std::fs::metadata(program.folder.at(&socket[1..])).unwrap();
        assert_eq!((found.uid(), found.gid(), found.mode() & 0o777), (user, group, mode));
        assert_eq!(program.stop("TERM"), Some(0));
    }
}

#[test]
fn a_program_that_can_not_take_over_is_not_taken() {
    let folder = Folder::trusted();
    folder.write("www/a.txt", "first\n");
    let path = folder.at("kinglet");
    std::fs::copy(program::PROGRAM, &path).unwrap();
    let program = Program::start_program(&path, folder, "www", "", "", &[]);
    let mut client = Http::connect(program.port);
    assert_eq!(client.get("/a.txt").body, "first\n");
    let worker = program.worker();
    let replace = |for_plans: &str| {
        let script = format!(
            "#!/bin/sh\ncase \"$*\" in *--plan*) {for_plans};; esac\nexec {} \"$@\"\n",
            program::PROGRAM
        );
        program.folder.write("new", script);
        let new = program.folder.at("new");
        std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::rename(&new, &path).unwrap();
        program.signal("USR2");
    };
    // Another kind of state.
    let patch = "dd of=/proc/self/fd/3 bs=1 seek=8 conv=notrunc 2>/dev/null; exit 0";
    replace(&format!("{} \"$@\" || exit; printf '\\377' | {patch}", program::PROGRAM));
    program.wait_for("cannot go on from here, a restart is needed");
    // No plan at all.
    replace("echo broken; exit 0");
    program.wait_for("another kind of plan");
    replace("echo 'error: I do not like it' >&2; exit 78");
    program.wait_for("error: I do not like it");
    program.wait_for("does not take the configuration (code 78)");
    std::fs::remove_file(&path).unwrap();
    program.signal("USR2");
    program.wait_for("the supervisor stays the program it is");
    assert_eq!((program.worker(), client.get("/a.txt").closes), (worker, false));
    // One that can.
    replace(":");
    program.wait_for("the supervisor becomes the program that is on disk now");
    program.signal("HUP");
    program.wait_for("the new configuration is served by worker 2");
    assert_eq!(program.get("/a.txt"), "first\n");
}

#[test]
fn systemd_hears_of_everything_and_a_hung_worker_is_replaced() {
    let folder = folder();
    let path = folder.at("manager");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(program::PATIENCE)).unwrap();
    let heard = |expected: &str| {
        let mut room = [0; 512];
        let end = std::time::Instant::now() + program::PATIENCE;
        loop {
            assert!(std::time::Instant::now() < end, "nobody said {expected}");
            let count = manager.recv(&mut room).unwrap();
            let text = String::from_utf8_lossy(&room[..count]).into_owned();
            if text.contains(expected) {
                break;
            }
        }
    };
    let path = path.to_str().unwrap().to_owned();
    let env = [("NOTIFY_SOCKET", &*path), ("WATCHDOG_USEC", "6000000")];
    let program = Program::start_in(folder, "www", "", "", &env);
    heard("READY=1");
    heard("WATCHDOG=1");
    program.signal("HUP");
    heard("RELOADING=1");
    heard("READY=1");
    let worker = program.worker();
    program::signal(worker, "STOP");
    program.wait_for("gives no sign of life");
    program.wait_for("worker 2 serves");
    heard("STATUS=starting another worker");
    heard("WATCHDOG=1");
    assert_eq!(program.get("/a.txt"), "first\n");
    program.signal("TERM");
    heard("STOPPING=1");
    assert_eq!(program.stop("TERM"), Some(0));
}

#[test]
fn it_listens_on_more_places_than_the_usual_limit_of_descriptors_allows() {
    let folder = folder();
    let name = |number| format!("kinglet-test-{}-{number}", std::process::id());
    let vhosts = (0..100).map(|number| {
        format!(
            r#"{{ "name": "v{number}", "interface": "@{}", "unix-socket": "1", "mounts":
            [ {{ "mountpoint": "/", "origin": "file://{}" }} ] }}"#,
            name(number),
            folder.at("www").display()
        )
    });
    let vhosts = vhosts.collect::<Vec<_>>().join(",");
    folder.write("conf/conf", format!(r#"{{ "vhosts": [ {vhosts} ] }}"#));
    let mut program = program::limited(&folder, "-Sn 64");
    let address = SocketAddr::from_abstract_name(name(99)).unwrap();
    while UnixStream::connect_addr(&address).is_err() {
        assert_eq!(program.try_wait().unwrap(), None, "it has to serve");
        std::thread::yield_now();
    }
    program::signal(program.id(), "TERM");
    assert_eq!(program.wait().unwrap().code(), Some(0));
}
