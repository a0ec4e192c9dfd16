//! A server that another one has taken over from, and one with several reactors.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use kinglet::reactor::{Command, Letter};

use super::client::Client;
use super::server::{BLOCKS, Folder, Server, Setting, request, until, www};
use super::tls_client::{self, TlsClient};

fn serve(global: &str, reactors: u16) -> Server {
    let folder = Folder::new().file("www/f.txt", "file");
    Server::start_so(folder, &www(global, "", ""), Setting { reactors, ..Setting::default() })
}

fn tell_all(server: &Server, command: impl Fn() -> Command) {
    for (number, post) in (0..).zip(&server.posts) {
        post.to(number, Letter::Command(command())).unwrap();
    }
}

/// Asks on a connection that stays; whether its answer says that it is the last.
fn is_last(client: &mut Client) -> bool {
    client.send(request("GET", "/f.txt", &[]));
    let answer = client.answer();
    assert_eq!(answer.text(), "file");
    answer.field("Connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
}

#[test]
fn who_retires_lets_clients_go_with_their_next_answer() {
    for reactors in [1, 3] {
        let mut server = serve("", reactors);
        let mut kept: Vec<Client> = (0..12).map(|_| server.connect()).collect();
        assert!(!kept.iter_mut().any(is_last));
        tell_all(&server, || Command::Retire { until_ms: None });
        // Until all have read it.
        until("the retirement", || is_last(&mut server.connect()));
        until("everybody's retirement", || (0..20).all(|_| is_last(&mut server.connect())));
        // Nobody was sent away without an answer that said so.
        let mut idle = kept.split_off(6);
        for client in &mut kept {
            assert!(is_last(client));
            client.ends();
        }
        tell_all(&server, || Command::Unlisten(0));
        until("nobody listens", || TcpStream::connect(server.address).is_err());
        for client in &mut idle {
            assert!(is_last(client));
            client.ends();
        }
        server.wait();
    }
}

#[test]
fn who_comes_with_tls_while_the_server_retires_gets_an_answer() {
    let folder = tls_client::folder().file("www/f.txt", "file");
    let server = Server::start(folder, &tls_client::site("", ""), BLOCKS);
    tell_all(&server, || Command::Retire { until_ms: None });
    for version in tls_client::VERSIONS {
        let last = || {
            let mut tls = TlsClient::connect(server.address, &tls_client::config(version, None));
            let mut tls = rustls::Stream::new(&mut tls.tls, &mut tls.stream);
            let get = request("GET", "/f.txt", &["Host: router.test"]);
            tls.write_all(get.as_bytes()).unwrap();
            let mut answer = vec![0; 4096];
            let n = tls.read(&mut answer).unwrap();
            let answer = String::from_utf8_lossy(&answer[..n]).into_owned();
            assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
            answer.to_lowercase().contains("\r\nconnection: close\r\n")
        };
        // The first one may come before the server has read the letter.
        until("the retirement", last);
        assert!(last());
    }
}

#[test]
fn reactors_count_the_connections_of_an_address_together() {
    let server = serve(r#""ip-limit-wsi": 3, "max-connections": 40,"#, 4);
    let mut clients: Vec<Client> = (0..3).map(|_| server.connect()).collect();
    assert!(!clients.iter_mut().any(is_last));
    for _ in 0..12 {
        // Whichever reactor they come to.
        server.connect().ends();
    }
    assert!(!clients.iter_mut().any(is_last));
}
