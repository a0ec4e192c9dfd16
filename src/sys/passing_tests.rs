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

/// Waits for the end. A process that another test is starting at this moment may hold a copy of
/// the other socket until it executes its program.
fn assert_ends(fd: &OwnedFd) {
    loop {
        match receive(fd.as_fd(), &mut [0; 8]) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => std::thread::yield_now(),
            other => return assert!(other.unwrap().is_none()),
        }
    }
}

#[test]
fn the_end_is_seen_after_what_was_sent_and_when_something_was_left_unread() {
    let (near, far) = pair().unwrap();
    send(near.as_fd(), b"last", None).unwrap();
    drop(near);
    let mut room = [0; 8];
    assert_eq!(receive(far.as_fd(), &mut room).unwrap().unwrap().0, 4);
    assert_ends(&far);
    let error = send(far.as_fd(), b"anybody", None).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);

    let (near, far) = pair().unwrap();
    send(far.as_fd(), b"unread", None).unwrap();
    drop(near);
    assert_ends(&far);
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
    let refused = connect_abstract(&name, true).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    let listener = listen_abstract(&name).unwrap();
    assert_flags(&listener);
    assert_eq!(listen_abstract(&name).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    let nobody = accept(listener.as_fd()).unwrap_err();
    assert_eq!(nobody.kind(), io::ErrorKind::WouldBlock);
    let client = connect_abstract(&name, true).unwrap();
    assert_flags(&client);
    let server = accept(listener.as_fd()).unwrap();
    assert_flags(&server);
    send(client.as_fd(), b"hello", None).unwrap();
    let mut room = [0; 8];
    assert_eq!(receive(server.as_fd(), &mut room).unwrap().unwrap().0, 5);
}

#[test]
fn names_that_are_none_are_refused() {
    for name in ["", &"x".repeat(108)] {
        assert_eq!(listen_abstract(name).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        assert_eq!(connect_abstract(name, false).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
    let longest = format!("{:0>107}", std::process::id());
    listen_abstract(&longest).unwrap();
}

/// Descriptors of this process.
fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Sends a packet with any number of descriptors and any control type, as a stranger might.
fn send_strange(to: &OwnedFd, packet: &[u8], riders: &[RawFd]) -> io::Result<()> {
    let mut part =
        libc::iovec { iov_base: packet.as_ptr().cast_mut().cast(), iov_len: packet.len() };
    let mut message = header(&mut part);
    let mut control = [0_u64; 64];
    let bytes = size_of_val(riders) as libc::c_uint;
    if !riders.is_empty() {
        // SAFETY: the buffer has room for up to 100 descriptors and is aligned for the header.
        unsafe {
            message.msg_control = control.as_mut_ptr().cast();
            message.msg_controllen = libc::CMSG_SPACE(bytes) as _;
            let first = libc::CMSG_FIRSTHDR(&raw const message);
            (*first).cmsg_level = libc::SOL_SOCKET;
            (*first).cmsg_type = libc::SCM_RIGHTS;
            (*first).cmsg_len = libc::CMSG_LEN(bytes) as _;
            let data = libc::CMSG_DATA(first).cast::<RawFd>();
            std::ptr::copy_nonoverlapping(riders.as_ptr(), data, riders.len());
        }
    }
    // SAFETY: all that `message` points to lives through the call.
    let sent = unsafe { libc::sendmsg(to.as_raw_fd(), &raw const message, libc::MSG_NOSIGNAL) };
    if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[test]
fn no_descriptor_leaks_whatever_arrives() {
    super::super::alone::run("sys::passing::tests::child_counts_descriptors");
    super::super::alone::run("sys::passing::tests::child_has_no_descriptor_left");
}

/// All lengths around that of the room, with all small numbers of descriptors and some large ones.
#[test]
#[ignore = "counts descriptors; run by no_descriptor_leaks_whatever_arrives"]
fn child_counts_descriptors() {
    let (near, far) = pair().unwrap();
    let (_reader, writer) = io::pipe().unwrap();
    let before = open_descriptors();
    for room_bytes in 0..6 {
        for bytes in 0..9 {
            for riders in (0..9).chain([31, 64, 100]) {
                send_strange(&near, &[7; 9][..bytes], &vec![writer.as_raw_fd(); riders]).unwrap();
                let mut room = vec![0; room_bytes];
                let found = receive(far.as_fd(), &mut room);
                match (&found, bytes) {
                    (Err(error), _) if bytes > room_bytes => {
                        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
                    }
                    // Empty packets look like the end.
                    (Ok(None), _) if bytes.min(room_bytes) == 0 => {}
                    (Ok(Some((count, rider))), _) if bytes <= room_bytes => {
                        assert_eq!((*count, rider.is_some()), (bytes, riders > 0));
                        let kept = open_descriptors() - before;
                        assert_eq!(kept, usize::from(riders > 0));
                    }
                    _ => panic!("{found:?}: {bytes} bytes into {room_bytes}, {riders} riders"),
                }
                drop(found);
                assert_eq!(open_descriptors(), before, "{bytes} into {room_bytes}, {riders}");
            }
        }
    }
    let nothing = receive(far.as_fd(), &mut [0; 4]).unwrap_err();
    assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
    // Descriptors in packets that nobody reads go with the socket.
    let (mut reader, writer) = io::pipe().unwrap();
    send_strange(&near, b"unread", &[writer.as_raw_fd(); 5]).unwrap();
    drop((writer, near, far));
    assert_eq!(reader.read(&mut [0; 1]).unwrap(), 0);
}

#[test]
#[ignore = "uses up descriptors; run by no_descriptor_leaks_whatever_arrives"]
fn child_has_no_descriptor_left() {
    let (near, far) = pair().unwrap();
    let (reader, writer) = io::pipe().unwrap();
    send(near.as_fd(), b"lost", Some(writer.as_fd())).unwrap();
    send(near.as_fd(), b"kept", None).unwrap();
    crate::sys::limits::set_descriptors(Some(64)).unwrap();
    let mut all = Vec::new();
    while let Ok(copy) = reader.try_clone() {
        all.push(copy);
    }
    let mut room = [0; 4];
    let error = receive(far.as_fd(), &mut room).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
    drop(all);
    let (count, rider) = receive(far.as_fd(), &mut room).unwrap().unwrap();
    assert_eq!((&room[..count], rider.is_some()), (&b"kept"[..], false));
}
