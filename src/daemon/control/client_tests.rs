//! The commands' end, against the real server and against none.

use super::*;
use crate::daemon::control::holder::Holder;
use crate::daemon::control::name::Name;
use crate::daemon::control::server::Server;
use crate::sys::user;
use std::os::fd::AsRawFd as _;

const LOG: Control = Control::Log { follow: false };

/// What a client gets to know when the server does `serve` with its request.
fn asked(
    place_name: &str,
    control: Control,
    serve: impl FnOnce(Server, Option<(super::super::server::ClientId, Control)>),
) -> Result<Answer, Fault> {
    let name = format!("kinglet-test-client/{}/{place_name}", std::process::id());
    let mut server = Server::listen(&name, user::effective_uid()).unwrap();
    let socket = passing::connect_abstract(&name, true).unwrap();
    std::thread::scope(|scope| {
        let answer = scope.spawn(|| ask(&socket, control));
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
    let answer = asked("answer", LOG, |mut server, request| {
        let (id, control) = request.unwrap();
        assert_eq!(control, LOG);
        server.answer(id, &text);
        server.answer(id, b"\n");
        server.finish(id, 78);
    });
    let answer = answer.unwrap();
    assert_eq!((answer.text, answer.code), ([&text[..], b"\n"].concat(), 78));
    assert!(answer.log.is_none());
}

#[test]
fn the_log_comes_as_memory() {
    let answer = asked("memory", Control::Log { follow: true }, |mut server, request| {
        let ring = RingLog::create().unwrap();
        ring.write(b"a line\n");
        server.finish_with(request.unwrap().0, 0, ring.descriptor());
    });
    let ring = RingLog::attach(answer.unwrap().log.unwrap()).unwrap();
    assert_eq!(ring.read(), b"a line\n");
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
fn every_fault_is_explained() {
    let fault = Fault::Missing;
    let here = Holder { uid: 1000, pid: std::process::id() };
    for (fault, expected) in [
        (fault(Missing::None), "no kinglet runs for /etc/kinglet".to_owned()),
        (fault(Missing::OfUser(0)), "only root may ask it".into()),
        (fault(Missing::OfUser(54_321)), "user 54321: ask it as that user".into()),
        (fault(Missing::Elsewhere), "runs in another container".into()),
        (fault(Missing::Several(Vec::new())), "more than one kinglet".into()),
        (fault(Missing::Busy), "is busy".into()),
        (fault(Missing::Impostor(here)), format!("process {} (", here.pid)),
        (fault(Missing::Impostor(here)), ") of user 1000 has the name".into()),
        (
            fault(Missing::Impostor(Holder { pid: 0, ..here })),
            "a process of user 1000 in another container has the name".into(),
        ),
        (Fault::Ended, "has ended the connection".into()),
        (Fault::Slow, "does not answer".into()),
        (Fault::Other(io::ErrorKind::OutOfMemory.into()), "cannot be asked: out of memory".into()),
    ] {
        let text = explain(&fault, "/etc/kinglet");
        assert!(text.contains(&expected), "{fault:?}: {text}");
    }
    // Tests run where the sources are.
    let hints = |fault, command| hints(&Fault::Missing(fault), command, "/x");
    let expected = "kinglet ./src serves the directory src".to_owned();
    assert!(hints(Missing::None, "src").contains(&expected));
    assert!(!hints(Missing::None, "no-such-directory").iter().any(|hint| hint.contains("./")));
    assert_eq!(hints(Missing::Busy, "src"), Vec::<String>::new());
    let names = vec![Name::of(0, Path::new("/srv"), Some(7)), Name::of(0, Path::new("/etc"), None)];
    let expected = ["kinglet log /srv (or 7, its process)", "kinglet log -c /etc"];
    assert_eq!(hints(Missing::Several(names), "log"), expected);
}
