//! basic-auth: kinds of hashes, wrong credentials, and that slow ones keep nobody waiting.

use super::server::{Folder, Server, until};

/// Each user's password is `secret`, but for `plain`, whose is `se:cret`.
const USERS: &str = "plain:se:cret\r
sha:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=
apr1:$apr1$saltsalt$LrttParrLPdxvgutaSXWJ0
five:$5$saltsalt$0IyaXrmV7.sGNS6tirgqHLqX/G.FBvgkYA.lpPdS5sA
six:$6$saltsalt$TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0Y77vwPZN.Pq.H91p5hVO1
bcrypt:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a";

const CONFIG: &str = r#"{ "vhosts": [{ "name": "a.test", "port": 80, "mounts": [
    { "mountpoint": "/", "origin": "file://DIR/www" },
    { "mountpoint": "/p", "origin": "file://DIR/www", "basic-auth": "DIR/users" },
    { "mountpoint": "/p/r", "origin": ">http://x.test", "basic-auth": "DIR/users" } ] }] }"#;

fn site() -> Server {
    Folder::new().file("www/f.txt", "file").file("users", USERS).serve(CONFIG)
}

/// RFC 4648
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = (0..3).fold(0, |bits, n| bits << 8 | three.get(n).map_or(0, |b| *b as usize));
        for n in 0..4 {
            let digit = char::from(DIGITS[bits >> (18 - 6 * n) & 63]);
            text.push(if n > three.len() { '=' } else { digit });
        }
    }
    text
}

fn basic(pair: &str) -> String {
    format!("Authorization: Basic {}", base64(pair.as_bytes()))
}

#[test]
fn every_kind_of_hash_lets_in_and_keeps_out() {
    let server = site();
    for user in ["sha", "apr1", "five", "six", "bcrypt"] {
        let right = basic(&format!("{user}:secret"));
        // Twice: the second time a slow one is remembered.
        for _ in 0..2 {
            assert_eq!(server.get("/p/f.txt", &[&right]).text(), "file", "{user}");
        }
        assert_eq!(server.ask("HEAD", "/p/f.txt", &[&right]).status, 200);
        for wrong in ["Secret", "", "secret ", "secre"] {
            let answer = server.get("/p/f.txt", &[&basic(&format!("{user}:{wrong}"))]);
            assert_eq!(answer.status, 401, "{user}:{wrong}");
        }
    }
    assert_eq!(server.get("/p/f.txt", &[&basic("plain:se:cret")]).text(), "file");
}

#[test]
fn wrong_credentials_are_401() {
    let server = site();
    let encoded = base64(b"plain:se:cret");
    for field in [
        "X: y".to_owned(),
        basic("lain:se:cret"),
        basic("nobody:secret"),
        basic("plain"),
        basic(":"),
        basic("plain:se:cret\r\nsha:x"),
        basic("sha:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="),
        format!("Authorization: Bearer {encoded}"),
        "Authorization: Basic ????".to_owned(),
        "Authorization: Basic".to_owned(),
        format!("Authorization: Basic {}", "A".repeat(5000)),
    ] {
        let answer = server.get("/p/f.txt", &[&field]);
        assert_eq!(answer.status, 401, "{field}");
        assert_eq!(answer.value("WWW-Authenticate"), r#"Basic realm="lwsws""#);
        // What a browser shows when its dialog is cancelled.
        assert!(answer.text().contains("needs a user name and a password"));
        assert_eq!(answer.value("Content-Type"), "text/html; charset=utf-8");
    }
    let head = server.ask("HEAD", "/p/f.txt", &[]);
    assert!(head.status == 401 && head.body.is_empty());
    let scheme = format!("Authorization: bASIC   {encoded}");
    assert_eq!(server.get("/p/f.txt", &[&scheme]).text(), "file");
    let twice = [&*basic("plain:se:cret"), &*basic("plain:x")];
    assert_eq!(server.get("/p/f.txt", &twice).status, 400);
}

#[test]
fn a_mount_says_its_realm() {
    let server = Folder::new().file("www/f.txt", "file").file("users", "a:b\n").serve(
        r#"{ "vhosts": [{ "name": "a.test", "port": 80, "mounts": [
            { "mountpoint": "/", "origin": "file://DIR/www", "basic-auth": "DIR/users" },
            { "mountpoint": "/q", "origin": "file://DIR/www", "basic-auth": "DIR/users",
              "basic-auth-realm": "The \"pond\" \\ photos" }] }] }"#,
    );
    for (target, wanted) in [
        ("/f.txt", r#"Basic realm="lwsws""#),
        ("/q/f.txt", r#"Basic realm="The \"pond\" \\ photos""#),
    ] {
        let answer = server.get(target, &[]);
        assert_eq!((answer.status, answer.value("WWW-Authenticate")), (401, wanted));
        assert_eq!(server.get(target, &[&basic("a:b")]).text(), "file");
    }
}

#[test]
fn only_the_mount_is_guarded() {
    let server = site();
    assert_eq!(server.get("/f.txt", &[]).text(), "file");
    // What is not there is not told to strangers, and neither are methods.
    assert_eq!(server.status("/p/none.txt"), 401);
    assert_eq!(server.ask("POST", "/p/f.txt", &["Content-Length: 0"]).status, 401);
    assert_eq!(server.status("/x/../p/f.txt"), 401);
    assert_eq!(server.status("/p"), 301, "ahead of the password, as with lwsws");
    assert_eq!(server.status("/p/r"), 301);
    // The next request on the connection proves itself anew.
    let mut client = server.connect();
    client.send(super::server::request("GET", "/p/f.txt", &[&basic("plain:se:cret")]));
    client.send(super::server::request("GET", "/p/f.txt", &[]));
    assert_eq!((client.answer().status, client.answer().status), (200, 401));
}

#[test]
fn a_changed_file_is_read_again() {
    let server = site();
    server.folder.write("users", "new:one\n");
    until("the new user", || server.get("/p/f.txt", &[&basic("new:one")]).status == 200);
    assert_eq!(server.get("/p/f.txt", &[&basic("plain:se:cret")]).status, 401);
}

/// A hash that takes far longer than a test would wait, unless others are answered meanwhile.
#[test]
fn a_slow_hash_keeps_nobody_waiting() {
    let slow = "slow:$6$rounds=1000000$saltsalt$";
    let hash = "A".repeat(86);
    let server = Folder::new()
        .file("www/f.txt", "file")
        .file("users", format!("plain:x\n{slow}{hash}\n"))
        .serve(CONFIG);
    let mut waiting = server.connect();
    let wrong = super::server::request("GET", "/p/f.txt", &[&basic("slow:secret")]);
    // What follows waits its turn behind it.
    waiting.send(wrong + &super::server::request("GET", "/f.txt", &["Connection: close"]));
    waiting.stream.set_nonblocking(true).unwrap();
    let mut served = 0;
    let mut byte = [0];
    while waiting.stream.peek(&mut byte).is_err() {
        assert_eq!(server.get("/f.txt", &[]).text(), "file");
        assert_eq!(server.get("/p/f.txt", &[&basic("plain:x")]).text(), "file");
        served += 1;
    }
    waiting.stream.set_nonblocking(false).unwrap();
    assert!(served > 10, "only {served} others were served meanwhile");
    assert_eq!(waiting.answer().status, 401);
    assert_eq!(waiting.answer().text(), "file");
    waiting.ends();
}

#[test]
fn clients_that_leave_during_a_check_leave_nothing_behind() {
    let server = site();
    for n in 0..50 {
        let mut client = server.connect();
        let wrong = basic(&format!("six:wrong{n}"));
        client.send(super::server::request("GET", "/p/f.txt", &[&wrong]));
        drop(client);
        assert_eq!(server.status("/f.txt"), 200);
    }
    until("room in the verifier's queue", || {
        server.get("/p/f.txt", &[&basic("six:secret")]).status == 200
    });
}
