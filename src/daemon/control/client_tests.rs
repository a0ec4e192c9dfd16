//! The commands' end, against the real server and against none.

use super::*;
use crate::daemon::control::server::Server;
use std::os::fd::AsRawFd as _;

fn place(name: &str) -> String {
    format!("kinglet-test-client/{}/{name}", std::process::id())
}

/// What a client gets to know when the server does `serve` with its request.
fn asked(
    place_name: &str,
    control: Control,
    serve: impl FnOnce(Server, Option<(super::super::server::ClientId, Control)>),
) -> Result<Answer, Fault> {
    let own = user::effective_uid();
    let name = place(place_name);
    let mut server = Server::listen(&name, own).unwrap();
    let stream = connect(&name, own).unwrap().unwrap();
    std::thread::scope(|scope| {
        let answer = scope.spawn(|| ask(&stream, control));
        let mut request = None;
        // The client may not have sent it yet.
        while request.is_none() && !answer.is_finished() {
            let fds: Vec<_> = server.descriptors().map(|fd| fd.as_raw_fd()).collect();
            request = fds.into_iter().find_map(|fd| server.handle(fd));
            std::thread::yield_now();
        }
        serve(server, request);
        answer.join().unwrap()
    })
}

#[test]
fn the_answer_is_what_the_server_says() {
    let text = vec![b'x'; 20_000];
    let answer = asked("answer", Control::Log, |mut server, request| {
        let (id, control) = request.unwrap();
        assert_eq!(control, Control::Log);
        server.answer(id, &text);
        server.answer(id, b"\n");
        server.finish(id, 78);
    });
    let expected = Answer { text: [&text[..], b"\n"].concat(), code: 78 };
    assert_eq!(answer.unwrap(), expected);
}

#[test]
fn a_server_that_goes_has_not_answered() {
    let answer = asked("goes", Control::Reload, |mut server, request| {
        server.answer(request.unwrap().0, b"half");
        drop(server);
    });
    assert!(matches!(answer, Err(Fault::Ended)), "{answer:?}");
}

#[test]
fn nobody_and_strangers_are_told_apart() {
    let own = user::effective_uid();
    assert!(connect(&place("nobody"), own).unwrap().is_none());
    let _server = Server::listen(&place("stranger"), own).unwrap();
    let found = connect(&place("stranger"), own.wrapping_add(1));
    // Whoever tests as root is believed.
    match found {
        Err(Fault::Stranger { uid }) => assert!(uid == own && own != 0),
        other => assert!(own == 0 && other.unwrap().is_some()),
    }
}

#[test]
fn every_fault_is_explained() {
    let dir = Path::new("/etc/kinglet");
    for (fault, expected) in [
        (Fault::Nobody, "no kinglet runs for /etc/kinglet"),
        (Fault::OfRoot, "only root may ask it"),
        (Fault::Stranger { uid: 1000 }, "user 1000 answers for /etc/kinglet"),
        (Fault::Ended, "has ended the connection"),
        (Fault::Slow, "does not answer"),
        (Fault::Other(io::ErrorKind::OutOfMemory.into()), "can not be asked: out of memory"),
    ] {
        assert!(explain(&fault, dir).contains(expected), "{fault:?}");
        assert_eq!(directory_hint(&fault, "no-such-directory"), None);
    }
    // Tests run where the sources are.
    let hint = directory_hint(&Fault::Nobody, "src");
    assert_eq!(hint.as_deref(), Some("  kinglet ./src serves the directory src"));
    assert_eq!(directory_hint(&Fault::Slow, "src"), None);
}

#[test]
fn the_name_is_that_of_the_configuration() {
    // Nobody serves what does not exist.
    let dir = std::env::temp_dir().join(format!("kinglet-none-{}", std::process::id()));
    assert!(matches!(find(&dir), Err(Fault::Nobody)));
    let server = Server::open(&dir).unwrap();
    assert!(find(&dir).is_ok());
    drop(server);
    assert!(matches!(find(&dir), Err(Fault::Nobody)));
}
