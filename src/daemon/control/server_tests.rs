//! Clients that behave, and clients that do not.

use super::*;
use crate::daemon::control::packet::{PACKET_BYTES_MAX, Part, part, request};
use std::sync::atomic::{AtomicU32, Ordering};

fn server() -> (Server, String) {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("kinglet-test-server/{}/{number}", std::process::id());
    (Server::listen(&name, user::effective_uid()).unwrap(), name)
}

/// Handles everything that can be handled now; the requests that came.
fn turn(server: &mut Server) -> Vec<(ClientId, Control)> {
    let mut requests = Vec::new();
    // A new client's packet may wait already.
    for _ in 0..8 {
        let fds: Vec<RawFd> = server.descriptors().map(|fd| fd.as_raw_fd()).collect();
        requests.extend(fds.into_iter().filter_map(|fd| server.handle(fd)));
    }
    requests
}

fn client(name: &str, packet: &[u8]) -> OwnedFd {
    let socket = passing::connect_abstract(name, true).unwrap();
    passing::send(socket.as_fd(), packet, None).unwrap();
    socket
}

/// The text and the exit code, or that the connection has ended.
fn answer(socket: &OwnedFd) -> Option<(Vec<u8>, u8)> {
    let mut text = Vec::new();
    loop {
        let mut room = [0; PACKET_BYTES_MAX];
        let (count, _) = passing::receive(socket.as_fd(), &mut room).unwrap()?;
        match part(&room[..count])? {
            Part::Text(more) => text.extend_from_slice(more),
            Part::End(code) => return Some((text, code)),
        }
    }
}

#[test]
fn a_request_is_answered_now_or_later() {
    let (mut server, name) = server();
    let one = client(&name, &request(Control::Reload));
    let other = client(&name, &request(Control::Status { json: true }));
    let requests = turn(&mut server);
    let [(first, Control::Reload), (second, Control::Status { json: true })] = requests[..] else {
        panic!("{requests:?}")
    };
    server.answer(second, b"{}\n");
    server.finish(second, 0);
    assert_eq!(answer(&other), Some((b"{}\n".to_vec(), 0)));
    server.answer(first, b"it is ");
    server.answer(first, &[]);
    server.answer(first, b"wrong\n");
    server.finish(first, 78);
    assert_eq!(answer(&one), Some((b"it is wrong\n".to_vec(), 78)));
    // Who has gone can be answered without harm.
    server.answer(first, b"more");
    server.finish(first, 1);
    assert_eq!(server.descriptors().count(), 1);
}

#[test]
fn a_long_answer_is_whole_and_a_longer_one_is_cut() {
    let (mut server, name) = server();
    for (bytes, whole) in [(16 << 10, 16 << 10), (ANSWER_BYTES_MAX + 1, ANSWER_BYTES_MAX)] {
        let socket = client(&name, &request(Control::Log { follow: false }));
        let requests = turn(&mut server);
        server.answer(requests[0].0, &vec![b'x'; bytes]);
        server.answer(requests[0].0, b"");
        server.finish(requests[0].0, 0);
        assert_eq!(answer(&socket), Some((vec![b'x'; whole], 0)));
    }
}

#[test]
fn what_is_no_request_is_dropped() {
    let (mut server, name) = server();
    for wrong in [&b"x"[..], b"KNGL\x02\x01\0\0", b"KNGL\x01\x01\0\0\0", &[0; 4000]] {
        let socket = client(&name, wrong);
        assert_eq!(turn(&mut server), []);
        assert_eq!(answer(&socket), None);
        assert_eq!(server.descriptors().count(), 1);
    }
    // Nor is a second one on the same connection, or one with a descriptor.
    let socket = client(&name, &request(Control::Log { follow: false }));
    assert_eq!(turn(&mut server).len(), 1);
    passing::send(socket.as_fd(), &request(Control::Log { follow: false }), None).unwrap();
    assert_eq!(turn(&mut server), []);
    assert_eq!(server.descriptors().count(), 1);
    let socket = passing::connect_abstract(&name, true).unwrap();
    passing::send(socket.as_fd(), &request(Control::Log { follow: false }), Some(socket.as_fd()))
        .unwrap();
    assert_eq!(turn(&mut server), []);
    assert_eq!(server.descriptors().count(), 1);
}

#[test]
fn whoever_goes_away_leaves_nothing_behind() {
    let (mut server, name) = server();
    drop(passing::connect_abstract(&name, true).unwrap());
    assert_eq!(turn(&mut server), []);
    let socket = client(&name, &request(Control::Reload));
    let (id, _) = turn(&mut server)[0];
    drop(socket);
    assert_eq!(turn(&mut server), []);
    assert_eq!(server.descriptors().count(), 1);
    server.answer(id, b"too late");
    server.finish(id, 0);
}

#[test]
fn clients_are_bounded_and_the_silent_ones_go_first() {
    let (mut server, name) = server();
    let mut silent = Vec::new();
    while silent.len() < CLIENTS_MAX {
        silent.push(passing::connect_abstract(&name, true).unwrap());
        assert_eq!(turn(&mut server), []);
    }
    assert_eq!(server.descriptors().count(), 1 + CLIENTS_MAX);
    let mut asking = Vec::new();
    for _ in 0..WAITING_MAX {
        asking.push(client(&name, &request(Control::Reload)));
        assert_eq!(turn(&mut server).len(), 1);
        assert_eq!(server.descriptors().count(), 1 + CLIENTS_MAX);
    }
    let is_gone = |socket: &&OwnedFd| {
        passing::receive(socket.as_fd(), &mut [0]).is_ok_and(|received| received.is_none())
    };
    assert_eq!(silent.iter().filter(is_gone).count(), WAITING_MAX);
    // As many wait as may: one more is told to come again, and those keep waiting.
    for _ in 0..CLIENTS_MAX {
        let socket = client(&name, &request(Control::Log { follow: false }));
        assert_eq!(turn(&mut server), []);
        assert_eq!(answer(&socket), Some((BUSY.as_bytes().to_vec(), exit::BUSY)));
    }
    for socket in asking {
        let first = server.clients.iter().find(|client| client.asked).unwrap().id;
        server.finish(first, 0);
        assert_eq!(answer(&socket), Some((Vec::new(), 0)));
    }
    let socket = client(&name, &request(Control::Log { follow: false }));
    let (id, _) = turn(&mut server)[0];
    server.finish(id, 0);
    assert_eq!(answer(&socket), Some((Vec::new(), 0)));
}

#[test]
fn a_client_that_does_not_read_is_dropped() {
    let (mut server, name) = server();
    let _socket = client(&name, &request(Control::Log { follow: false }));
    let (id, _) = turn(&mut server)[0];
    server.clients[0].bytes_left = usize::MAX;
    let text = vec![b'x'; PACKET_BYTES_MAX - 1];
    for _ in 0..100_000 {
        server.answer(id, &text);
        if server.clients.is_empty() {
            return;
        }
    }
    panic!("everything was taken");
}

#[test]
fn strangers_are_not_let_in() {
    // Nobody but root and a user that we are not.
    let (mut server, name) = server();
    server.uid = user::effective_uid().wrapping_add(1);
    let socket = client(&name, &request(Control::Reload));
    let requests = turn(&mut server);
    assert_eq!(requests.is_empty(), user::effective_uid() != 0);
    if requests.is_empty() {
        assert_eq!(answer(&socket), None);
    }
}

#[test]
fn a_name_has_one_server_and_the_next_one_says_whose_it_is() {
    let (server, name) = server();
    let own = format!("process {} (", std::process::id());
    let refused = || Server::listen(&name, 0).unwrap_err();
    assert_eq!(refused().kind(), io::ErrorKind::AddrInUse);
    let text = refused().to_string();
    assert!(text.starts_with(&own) && text.contains(&format!("@{name}")), "{text}");
    // The same socket goes on.
    let kept = Server::taken_over(server.as_fd().try_clone_to_owned().unwrap());
    drop(server);
    assert!(client_is_let_in(kept, &name));
    assert!(Server::listen(&name, 0).is_ok());
    // One that does not even listen.
    let bound =
        socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::SEQPACKET, None).unwrap();
    bound.bind(&socket2::SockAddr::unix(format!("\0{name}")).unwrap()).unwrap();
    let text = refused().to_string();
    assert!(text.starts_with(&own), "{text}");
}

fn client_is_let_in(mut server: Server, name: &str) -> bool {
    let _client = client(name, &request(Control::Reload));
    turn(&mut server).len() == 1
}
