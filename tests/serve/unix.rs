//! Clients that come over a unix socket: plain, with TLS, and how they are logged.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;

use kinglet::sys::peer::{Credentials, credentials};
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, Stream};

use super::server::{Folder, PATIENCE, Server, Setting, request, www};
use super::tls_client::{self, VERSIONS, config};

fn serve(folder: Folder, config: &str) -> Server {
    Server::start_so(folder, config, Setting { unix: true, ..Setting::default() })
}

fn connect(server: &Server) -> UnixStream {
    let stream = UnixStream::connect(server.folder.at("socket")).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// How this process is logged.
fn own_name() -> String {
    let (near, _far) = UnixStream::pair().unwrap();
    let Credentials { uid, gid, pid } = credentials(&near).unwrap();
    assert_eq!(pid, std::process::id());
    format!("unix:uid={uid},gid={gid},pid={pid}")
}

/// What the server says to one request after which it closes.
fn ask(mut stream: impl std::io::Read + std::io::Write, host: &str, target: &str) -> String {
    let fields = [&format!("Host: {host}")[..], "Connection: close"];
    stream.write_all(request("GET", target, &fields).as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_unix_client_is_served_and_logged_by_who_it_is() {
    for (format, want) in
        [("", "PEER - - "), (r#""access-log-format": "json","#, r#","peer":"PEER","#)]
    {
        let vhost = format!(r#""access-log": "DIR/access.log", {format}"#);
        let folder = Folder::new().file("www/f.txt", "file").file("www/page/index.html", "page");
        let server = serve(folder, &www("", &vhost, ""));
        let mut kept = connect(&server);
        let get = request("GET", "/f.txt", &[]);
        kept.write_all(get.repeat(2).as_bytes()).unwrap();
        let answer = ask(connect(&server), "a.test", "/f.txt");
        assert!(
            answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\nfile"),
            "{answer}"
        );
        // There is no address to lead to: the vhost's name it is.
        let slash = ask(connect(&server), "a.test", "/page");
        assert!(slash.contains("\r\nLocation: http://a.test/page/\r\n"), "{slash}");
        kept.write_all(request("GET", "/f.txt", &["Connection: close"]).as_bytes()).unwrap();
        let mut rest = String::new();
        kept.read_to_string(&mut rest).unwrap();
        assert_eq!(rest.matches("\r\n\r\nfile").count(), 3, "{rest}");
        let folder = server.finish();
        let log = std::fs::read_to_string(folder.at("access.log")).unwrap();
        let want = want.replace("PEER", &own_name());
        assert_eq!(log.lines().filter(|line| line.contains(&want)).count(), 5, "{log}");
    }
}

#[test]
fn lists_of_addresses_and_limits_for_each_do_not_concern_unix_clients() {
    let global = r#""ip-limit-wsi": 1, "ip-limit-ah": 1,"#;
    let denied = r#""deny": ["0.0.0.0/0", "::/0"],"#;
    let folder = Folder::new().file("www/f.txt", "file").sparse("www/big.bin", 64 << 20);
    let server = serve(folder, &www(global, denied, denied));
    let mut busy = connect(&server);
    busy.write_all(request("GET", "/big.bin", &[]).as_bytes()).unwrap();
    busy.read_exact(&mut [0; 4096]).unwrap();
    for _ in 0..3 {
        let answer = ask(connect(&server), "a.test", "/f.txt");
        assert!(answer.ends_with("\r\n\r\nfile"), "{answer}");
    }
}

#[test]
fn tls_is_spoken_over_unix_sockets_too() {
    let log = r#""access-log": "DIR/access.log","#;
    let folder = tls_client::folder().file("www/f.txt", "file");
    let server = serve(folder, &tls_client::site("", log));
    for version in VERSIONS {
        // An address as the server's name is not sent: the listener's first vhost is meant.
        for name in ["router.test", "192.168.7.1"] {
            let name = ServerName::try_from(name).unwrap();
            let Ok(mut tls) = ClientConnection::new(config(version, None), name.clone()) else {
                panic!("a client")
            };
            let mut stream = connect(&server);
            let mut tls = Stream::new(&mut tls, &mut stream);
            let get = request("GET", "/f.txt", &["Host: router.test", "Connection: close"]);
            let sent = tls.write_all(get.as_bytes());
            if matches!(name, ServerName::IpAddress(_)) && sent.is_err() {
                // The certificate may not be for this address; the handshake came that far.
                assert!(tls.conn.peer_certificates().is_none() || !tls.conn.is_handshaking());
                continue;
            }
            let mut answer = String::new();
            tls.read_to_string(&mut answer).unwrap();
            assert!(answer.ends_with("\r\n\r\nfile"), "{answer}");
        }
    }
    let folder = server.finish();
    let text = std::fs::read_to_string(folder.at("access.log")).unwrap();
    assert!(text.lines().count() >= VERSIONS.len());
    assert!(text.lines().all(|line| line.starts_with(&format!("{} - - [", own_name()))), "{text}");
}
