//! `kinglet status`, `reload` and `log`: asks a running server and prints its answer.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;
use std::time::Duration;

use super::find::{self, Found, Missing};
use super::follow;
use super::packet::{self, ANSWER_BYTES_MAX, PACKET_BYTES_MAX, Part};
use crate::config::{self, DEFAULT_DIRS};
use crate::daemon::command::args::{Args, Control, Source};
use crate::daemon::command::{exit, print};
use crate::sys::poll::{self, Watch};
use crate::sys::ring_log::RingLog;
use crate::sys::{clock, passing, user};

/// How long a server that does nothing but wait for events may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// How long a reload may take: it reads files, starts a worker and waits until that serves.
const RELOAD_WITHIN: Duration = Duration::from_secs(180);

/// How often a server is asked that ends the connection instead of answering: one that becomes
/// another program does so, and takes the next one.
const TRIES_MAX: usize = 3;

/// Why there is no answer.
#[derive(Debug)]
enum Fault {
    /// No server is asked.
    Missing(Missing),
    /// The server has gone, or does not want to talk.
    Ended,
    /// The server takes too long.
    Slow,
    /// What the kernel says.
    Other(io::Error),
}

/// A whole answer.
#[derive(Debug)]
struct Answer {
    text: Vec<u8>,
    code: u8,
    /// The memory of the log, for `log -f`.
    log: Option<OwnedFd>,
}

/// Asks the server that `args` name and prints what it says; the exit code.
pub(in crate::daemon) fn run(control: Control, args: &Args) -> u8 {
    if let Source::Configured(dir) = &args.source
        && let Some((fault, hint)) = config::is_a_file(dir)
    {
        print::err(&format!("kinglet: {fault}\n  {hint}"));
        return exit::RUNTIME;
    }
    let asked = || {
        let Found { socket, pid } = find::find(args).map_err(Fault::Missing)?;
        Ok((ask(&socket, control)?, pid))
    };
    match (1..TRIES_MAX).fold(asked(), |before, _| again(before, asked)) {
        Ok((Answer { log: Some(log), .. }, pid)) => match RingLog::attach(log) {
            Ok(log) => follow::follow(&log, pid),
            Err(error) => failed(control, args, &Fault::Other(error)),
        },
        Ok((answer, _)) => show(control, &answer),
        Err(fault) => failed(control, args, &fault),
    }
}

/// Asks again where the connection has ended. When no server is there any more, it was the last.
fn again<T>(before: Result<T, Fault>, ask: impl Fn() -> Result<T, Fault>) -> Result<T, Fault> {
    match before {
        Err(Fault::Ended) => ask().map_err(|fault| match fault {
            Fault::Missing(Missing::None) => Fault::Ended,
            other => other,
        }),
        other => other,
    }
}

fn failed(control: Control, args: &Args, fault: &Fault) -> u8 {
    let shown = meant(args);
    print::err(&format!("kinglet: {}", explain(fault, &shown)));
    for hint in hints(fault, control.name(), &shown) {
        print::err(&format!("  {hint}"));
    }
    match fault {
        Fault::Missing(Missing::Busy) => exit::BUSY,
        _ => exit::RUNTIME,
    }
}

/// What is for programs and pipes goes to standard output, what a reload has to say to standard
/// error, like that of a start.
fn show(control: Control, answer: &Answer) -> u8 {
    let text = String::from_utf8_lossy(&answer.text);
    if text.is_empty() {
        return answer.code;
    }
    if control == Control::Reload || answer.code == exit::BUSY {
        print::err(&text);
        return answer.code;
    }
    match print::out(&text) {
        exit::OK => answer.code,
        failed => failed,
    }
}

/// Sends the request and waits for the whole answer.
fn ask(socket: &OwnedFd, control: Control) -> Result<Answer, Fault> {
    let within = if control == Control::Reload { RELOAD_WITHIN } else { ANSWER_WITHIN };
    let until_ms = clock::monotonic_ms() + within.as_millis() as u64;
    if passing::send(socket.as_fd(), &packet::request(control), None).is_err() {
        return Err(Fault::Ended);
    }
    let mut text = Vec::new();
    let mut room = [0; PACKET_BYTES_MAX];
    loop {
        let (count, log) = match passing::receive(socket.as_fd(), &mut room) {
            Ok(Some(received)) => received,
            Ok(None) => return Err(Fault::Ended),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let mut watch = [Watch::readable(socket.as_fd())];
                let left_ms = until_ms.saturating_sub(clock::monotonic_ms());
                poll::wait(&mut watch, Some(left_ms)).map_err(Fault::Other)?;
                if left_ms == 0 {
                    return Err(Fault::Slow);
                }
                continue;
            }
            Err(error) => return Err(Fault::Other(error)),
        };
        match packet::part(room.get(..count).unwrap_or_default()) {
            Some(Part::Text(more)) if text.len() + more.len() <= ANSWER_BYTES_MAX => {
                text.extend_from_slice(more);
            }
            Some(Part::End(code)) => return Ok(Answer { text, code, log }),
            _ => return Err(Fault::Ended),
        }
    }
}

/// What is asked about, in words.
fn meant(args: &Args) -> String {
    match &args.source {
        Source::Configured(_) if args.asks_any => DEFAULT_DIRS.join(" or "),
        Source::Configured(dir) => dir.display().to_string(),
        Source::Quick(quick) => quick.directory.display().to_string(),
    }
}

fn explain(fault: &Fault, shown: &str) -> String {
    match fault {
        Fault::Missing(Missing::None) => format!("no kinglet runs for {shown}"),
        Fault::Missing(Missing::Several(_)) => "more than one kinglet serves a directory".into(),
        Fault::Missing(Missing::OfUser(0)) => {
            format!("the kinglet for {shown} is root's, and only root may ask it")
        }
        Fault::Missing(Missing::OfUser(uid)) => {
            format!("the kinglet for {shown} is that of user {}: ask it as that user", named(*uid))
        }
        Fault::Missing(Missing::Elsewhere) => format!(
            "no kinglet runs for {shown}: one that does runs in another container, where that is \
             another directory"
        ),
        Fault::Missing(Missing::Impostor(holder)) => format!(
            "{holder} has the name of the socket of the kinglet for {shown}: nothing was asked"
        ),
        Fault::Missing(Missing::Busy) => {
            format!("the kinglet for {shown} is busy: too many commands wait for it")
        }
        Fault::Ended => format!("the kinglet for {shown} has ended the connection"),
        Fault::Slow => format!("the kinglet for {shown} does not answer"),
        Fault::Missing(Missing::Other(error)) | Fault::Other(error) => {
            format!("the kinglet for {shown} cannot be asked: {error}")
        }
    }
}

/// The name of a user, or the number of one that has none.
fn named(uid: u32) -> String {
    let found = user::user_by_id(uid).ok().flatten();
    found.map_or_else(|| uid.to_string(), |user| user.name)
}

/// What could be asked instead, a command for each.
fn hints(fault: &Fault, command: &str, shown: &str) -> Vec<String> {
    match fault {
        Fault::Missing(Missing::OfUser(uid)) if *uid != 0 => {
            vec![format!("runuser -u {} -- kinglet {command} -c {shown}", named(*uid))]
        }
        Fault::Missing(Missing::Several(names)) => {
            names.iter().map(|name| name.command(command)).collect()
        }
        Fault::Missing(Missing::None) => {
            let mut hints = find::others(command);
            // A directory that is called like a command may have been meant.
            if Path::new(command).is_dir() {
                hints.push(format!("kinglet ./{command} serves the directory {command}"));
            }
            hints
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
