//! `kinglet status`, `reload` and `log`: asks a running server and prints its answer.

use std::io::{self, Read as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::name::name;
use super::packet::{self, ANSWER_BYTES_MAX, PACKET_BYTES_MAX, Part};
use crate::daemon::command::args::{Args, Control, Source};
use crate::daemon::command::{exit, print};
use crate::sys::{passing, user};

/// How long a server that does nothing but wait for events may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// How long a reload may take: it reads files, starts a worker and waits until that serves.
const RELOAD_WITHIN: Duration = Duration::from_secs(180);

/// Why there is no answer.
#[derive(Debug)]
enum Fault {
    /// Nobody listens.
    Nobody,
    /// A server of root, and we are not.
    OfRoot,
    /// Somebody listens whom we do not believe.
    Stranger { uid: u32 },
    /// The server has gone, or does not want to talk.
    Ended,
    /// The server takes too long.
    Slow,
    /// What the kernel says.
    Other(io::Error),
}

/// A whole answer.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    text: Vec<u8>,
    code: u8,
}

/// Asks the server of the configuration in `args` and prints what it says; the exit code.
pub(in crate::daemon) fn run(control: Control, args: &Args) -> u8 {
    let Source::Configured(dir) = &args.source else { return exit::USAGE };
    match find(dir).and_then(|stream| ask(&stream, control)) {
        Ok(answer) => show(control, &answer),
        Err(fault) => {
            print::err(&format!("kinglet: {}", explain(&fault, dir)));
            if let Some(hint) = directory_hint(&fault, control.name()) {
                print::err(&hint);
            }
            exit::RUNTIME
        }
    }
}

/// What is for programs and pipes goes to standard output, what a reload has to say to standard
/// error, like that of a start.
fn show(control: Control, answer: &Answer) -> u8 {
    let text = String::from_utf8_lossy(&answer.text);
    if text.is_empty() {
        return answer.code;
    }
    if control == Control::Reload {
        print::err(&text);
        return answer.code;
    }
    match print::out(&text) {
        exit::OK => answer.code,
        failed => failed,
    }
}

/// Connects to a server that can be believed.
fn find(dir: &Path) -> Result<UnixStream, Fault> {
    let own = user::effective_uid();
    if let Some(stream) = connect(&name(own, dir), own)? {
        return Ok(stream);
    }
    if own == 0 {
        // The server of a user, who owns its configuration.
        let owner = std::fs::metadata(dir).map_or(0, |metadata| metadata.uid());
        if owner != 0
            && let Some(stream) = connect(&name(owner, dir), owner)?
        {
            return Ok(stream);
        }
    } else if connect(&name(0, dir), own)?.is_some() {
        return Err(Fault::OfRoot);
    }
    Err(Fault::Nobody)
}

/// Connects to a name if somebody listens there: root, or `uid`.
fn connect(name: &str, uid: u32) -> Result<Option<UnixStream>, Fault> {
    let socket = match passing::connect_abstract(name) {
        Ok(socket) => socket,
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => return Ok(None),
        Err(error) => return Err(Fault::Other(error)),
    };
    let peer = passing::peer_credentials(socket.as_fd()).map_err(Fault::Other)?;
    if peer.uid != 0 && peer.uid != uid {
        return Err(Fault::Stranger { uid: peer.uid });
    }
    Ok(Some(UnixStream::from(socket)))
}

/// Sends the request and waits for the whole answer. One read takes one packet.
fn ask(mut stream: &UnixStream, control: Control) -> Result<Answer, Fault> {
    let within = if control == Control::Reload { RELOAD_WITHIN } else { ANSWER_WITHIN };
    stream.set_nonblocking(false).map_err(Fault::Other)?;
    stream.set_read_timeout(Some(within)).map_err(Fault::Other)?;
    if passing::send(stream.as_fd(), &packet::request(control), None).is_err() {
        return Err(Fault::Ended);
    }
    let mut text = Vec::new();
    let mut room = [0; PACKET_BYTES_MAX];
    loop {
        let count = match stream.read(&mut room) {
            Ok(count) => count,
            Err(error) => match error.kind() {
                io::ErrorKind::Interrupted => continue,
                io::ErrorKind::WouldBlock => return Err(Fault::Slow),
                io::ErrorKind::ConnectionReset => return Err(Fault::Ended),
                _ => return Err(Fault::Other(error)),
            },
        };
        match packet::part(room.get(..count).unwrap_or_default()) {
            Some(Part::Text(more)) if text.len() + more.len() <= ANSWER_BYTES_MAX => {
                text.extend_from_slice(more);
            }
            Some(Part::End(code)) => return Ok(Answer { text, code }),
            _ => return Err(Fault::Ended),
        }
    }
}

fn explain(fault: &Fault, dir: &Path) -> String {
    let dir = PathBuf::from(dir);
    let shown = dir.display();
    match fault {
        Fault::Nobody => format!("no kinglet runs for {shown}"),
        Fault::OfRoot => format!("the kinglet for {shown} is root's, and only root may ask it"),
        Fault::Stranger { uid } => format!(
            "user {uid} answers for {shown}, who is neither root nor you: nothing was asked"
        ),
        Fault::Ended => format!("the kinglet for {shown} has ended the connection"),
        Fault::Slow => format!("the kinglet for {shown} does not answer"),
        Fault::Other(error) => format!("the kinglet for {shown} can not be asked: {error}"),
    }
}

/// Somebody may want to serve a directory that is called like a command.
fn directory_hint(fault: &Fault, name: &str) -> Option<String> {
    (matches!(fault, Fault::Nobody) && Path::new(name).is_dir())
        .then(|| format!("  kinglet ./{name} serves the directory {name}"))
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
