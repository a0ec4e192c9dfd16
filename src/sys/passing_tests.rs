//! Tests of packets between processes.

use super::*;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::AsFd;

fn flag(fd: &impl AsFd, command: libc::c_int) -> libc::c_int {
    // SAFETY: takes no pointers.
    unsafe { libc::fcntl(fd.as_fd().as_raw_fd(), command) }
}

fn assert_flags(fd: &impl AsFd) {
    assert_eq!(flag(fd, libc::F_GETFD) & libc::FD_CLOEXEC, libc::FD_CLOEXEC);
    assert_eq!(flag(fd, libc::F_GETFL) & libc::O_NONBLOCK, libc::O_NONBLOCK);
}

#[test]
fn packets_keep_their_bounds() {
    let (near, far) = pair().unwrap();
    assert_flags(&near);
    assert_flags(&far);
    let mut room = [0; 16];
    let nothing = receive(far.as_fd(), &mut room).unwrap_err();
    assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
    send(near.as_fd(), b"one", None).unwrap();
    send(near.as_fd(), b"two more", None).unwrap();
    for expected in [&b"one"[..], b"two more"] {
        let (count, rider) = receive(far.as_fd(), &mut room).unwrap().unwrap();
        assert_eq!(&room[..count], expected);
        assert!(rider.is_none());
    }
    let empty = send(near.as_fd(), b"", None).unwrap_err();
    assert_eq!(empty.kind(), io::ErrorKind::InvalidInput);
}

#[test]
fn a_descriptor_rides_along_and_is_closed_on_exec() {
    let (near, far) = pair().unwrap();
    let (mut reader, writer) = io::pipe().unwrap();
    send(near.as_fd(), b"pipe", Some(writer.as_fd())).unwrap();
    drop(writer);
    let mut room = [0; 4];
    let (count, rider) = receive(far.as_fd(), &mut room).unwrap().unwrap();
    assert_eq!((count, &room), (4, b"pipe"));
    let rider = rider.unwrap();
    assert_eq!(flag(&rider, libc::F_GETFD) & libc::FD_CLOEXEC, libc::FD_CLOEXEC);
    File::from(rider).write_all(b"through").unwrap();
    // Nobody else has the writing end, so the text ends.
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(text, "through");
}

#[test]
fn a_packet_that_is_too_long_is_lost_with_its_descriptor() {
    let (near, far) = pair().unwrap();
    let (mut reader, writer) = io::pipe().unwrap();
    send(near.as_fd(), b"12345", Some(writer.as_fd())).unwrap();
    drop(writer);
    send(near.as_fd(), b"next", None).unwrap();
    let mut room = [0; 4];
    let error = receive(far.as_fd(), &mut room).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    assert_eq!(reader.read(&mut [0; 1]).unwrap(), 0);
    assert_eq!(receive(far.as_fd(), &mut room).unwrap().unwrap().0, 4);
    assert_eq!(&room, b"next");
}

#[test]
fn the_end_is_seen_after_what_was_sent_and_when_something_was_left_unread() {
    let (near, far) = pair().unwrap();
    send(near.as_fd(), b"last", None).unwrap();
    drop(near);
    let mut room = [0; 8];
    assert_eq!(receive(far.as_fd(), &mut room).unwrap().unwrap().0, 4);
    assert!(receive(far.as_fd(), &mut room).unwrap().is_none());
    let error = send(far.as_fd(), b"anybody", None).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);

    let (near, far) = pair().unwrap();
    send(far.as_fd(), b"unread", None).unwrap();
    drop(near);
    assert!(receive(far.as_fd(), &mut room).unwrap().is_none());
}

#[test]
fn a_receiver_that_does_not_read_stops_the_sender_without_a_wait() {
    let (near, far) = pair().unwrap();
    let packet = [7; 512];
    let mut sent = 0;
    let error = loop {
        match send(near.as_fd(), &packet, None) {
            Ok(()) => sent += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    assert!(sent > 0);
    let mut room = [0; 512];
    for _ in 0..sent {
        assert_eq!(receive(far.as_fd(), &mut room).unwrap().unwrap().0, 512);
    }
    send(near.as_fd(), &packet, None).unwrap();
}

#[test]
fn abstract_names_are_listened_at_and_connected_to() {
    let name = format!("kinglet-passing-test/{}", std::process::id());
    let refused = connect_abstract(&name).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    let listener = listen_abstract(&name).unwrap();
    assert_flags(&listener);
    assert_eq!(listen_abstract(&name).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    let nobody = accept(listener.as_fd()).unwrap_err();
    assert_eq!(nobody.kind(), io::ErrorKind::WouldBlock);
    let client = connect_abstract(&name).unwrap();
    assert_flags(&client);
    let server = accept(listener.as_fd()).unwrap();
    assert_flags(&server);
    send(client.as_fd(), b"hello", None).unwrap();
    let mut room = [0; 8];
    assert_eq!(receive(server.as_fd(), &mut room).unwrap().unwrap().0, 5);
    for fd in [&client, &server] {
        let peer = peer_credentials(fd.as_fd()).unwrap();
        // SAFETY: neither call takes anything.
        let (uid, gid) = unsafe { (libc::geteuid(), libc::getegid()) };
        assert_eq!(u32::try_from(peer.pid).unwrap(), std::process::id());
        assert_eq!((peer.uid, peer.gid), (uid, gid));
    }
}

#[test]
fn names_that_are_none_are_refused() {
    for name in ["", &"x".repeat(108)] {
        assert_eq!(listen_abstract(name).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        assert_eq!(connect_abstract(name).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
    let longest = format!("{:0>107}", std::process::id());
    listen_abstract(&longest).unwrap();
}
