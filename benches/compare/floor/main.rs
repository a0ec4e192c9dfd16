//! The least that an event loop can do for a small answer: one read and one write from memory, for
//! TLS with rustls and ring between them. It looks up no file, reads no head and keeps no limit, so
//! what a server takes beyond it is that server's own. Of no use for anything else.
//!
//! ```text
//! floor FILE PORT                          plain HTTP: every request gets FILE
//! floor FILE PORT CERT KEY [PORT CERT KEY] the same over TLS, a port for each certificate
//! ```

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::process::ExitCode;
use std::sync::Arc;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection};

type Failure = Box<dyn std::error::Error>;

/// Bytes of requests that are read at a time.
const READ_BYTES: usize = 32 * 1024;

/// A port that is served.
struct Listener {
    socket: TcpListener,
    tls: Option<Arc<ServerConfig>>,
}

/// A client.
struct Connection {
    socket: TcpStream,
    tls: Option<ServerConnection>,
    /// What the kernel did not take at once.
    unsent: Vec<u8>,
}

/// The answers, as they are sent.
struct Answers {
    kept: Vec<u8>,
    last: Vec<u8>,
}

impl Answers {
    fn new(file: &str) -> io::Result<Self> {
        let body = std::fs::read(file)?;
        let answer = |more: &str| {
            let head = format!(
                "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nServer: floor\r\n\
                 {more}Content-Type: text/plain\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            [head.as_bytes(), &body].concat()
        };
        Ok(Self { kept: answer(""), last: answer("Connection: close\r\n") })
    }

    /// Appends an answer for each request that ends in `bytes`; whether the last one ends the
    /// connection. Heads come whole: the load clients send each in one write.
    fn append(&self, bytes: &[u8], out: &mut Vec<u8>) -> bool {
        let requests = memchr::memmem::find_iter(bytes, b"\r\n\r\n").count();
        let ends = memchr::memmem::find(bytes, b"Connection: close").is_some();
        for _ in 0..requests {
            out.extend_from_slice(if ends { &self.last } else { &self.kept });
        }
        ends && requests > 0
    }
}

fn listen(words: &[String]) -> Result<Listener, Failure> {
    let socket = TcpListener::bind(format!("127.0.0.1:{}", words[0]))?;
    socket.set_nonblocking(true)?;
    let tls = match words {
        [_, certificate, key] => {
            let chain: Result<_, _> = CertificateDer::pem_file_iter(certificate)?.collect();
            let mut config = ServerConfig::builder()
                .with_no_client_auth()
                .with_single_cert(chain?, PrivateKeyDer::from_pem_file(key)?)?;
            config.ticketer = rustls::crypto::ring::Ticketer::new()?;
            config.send_tls13_tickets = 1;
            Some(Arc::new(config))
        }
        _ => None,
    };
    Ok(Listener { socket, tls })
}

impl Connection {
    /// Whether it goes on.
    fn turn(&mut self, answers: &Answers, block: &mut [u8]) -> io::Result<bool> {
        let mut ends = false;
        loop {
            let read = match &mut self.tls {
                None => match self.socket.read(block) {
                    Ok(0) => return Ok(false),
                    Ok(size) => {
                        ends |= answers.append(&block[..size], &mut self.unsent);
                        size < block.len()
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => true,
                    Err(error) => return Err(error),
                },
                Some(tls) => {
                    let (state, asleep) = read_tls(tls, &mut self.socket, answers, block)?;
                    if state == State::Closed {
                        return Ok(false);
                    }
                    ends |= state == State::Ends;
                    asleep
                }
            };
            self.flush()?;
            if ends {
                return Ok(false);
            }
            if read {
                return Ok(true);
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.tls {
            None if self.unsent.is_empty() => Ok(()),
            None => {
                let sent = match self.socket.write(&self.unsent) {
                    Ok(sent) => sent,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
                    Err(error) => return Err(error),
                };
                self.unsent.drain(..sent);
                Ok(())
            }
            Some(tls) => {
                while tls.wants_write() {
                    match tls.write_tls(&mut self.socket) {
                        Ok(_) => {}
                        Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                        Err(error) => return Err(error),
                    }
                }
                Ok(())
            }
        }
    }
}

/// What became of a TLS connection.
#[derive(PartialEq, Eq)]
enum State {
    Open,
    Ends,
    Closed,
}

/// Reads what there is and answers it; also whether the socket has no more.
fn read_tls(
    tls: &mut ServerConnection,
    socket: &mut TcpStream,
    answers: &Answers,
    block: &mut [u8],
) -> io::Result<(State, bool)> {
    let asleep = match tls.read_tls(socket) {
        Ok(0) => return Ok((State::Closed, true)),
        Ok(_) => false,
        Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok((State::Open, true)),
        Err(error) => return Err(error),
    };
    tls.process_new_packets().map_err(io::Error::other)?;
    let size = match tls.reader().read(block) {
        Ok(size) => size,
        Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
        Err(error) => return Err(error),
    };
    let mut out = Vec::new();
    let ends = answers.append(&block[..size], &mut out);
    tls.writer().write_all(&out)?;
    if ends {
        tls.send_close_notify();
    }
    Ok((if ends { State::Ends } else { State::Open }, asleep))
}

fn accept(
    poll: &Poll,
    listener: &Listener,
    all: &mut Vec<Option<Connection>>,
) -> Result<(), Failure> {
    loop {
        let (socket, _) = match listener.socket.accept() {
            Ok(accepted) => accepted,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        socket.set_nonblocking(true)?;
        socket.set_nodelay(true)?;
        let at = all.iter().position(Option::is_none).unwrap_or(all.len());
        let both = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(&mut SourceFd(&socket.as_raw_fd()), Token(at), both)?;
        let tls = listener.tls.clone().map(ServerConnection::new).transpose()?;
        let connection = Some(Connection { socket, tls, unsent: Vec::new() });
        match all.get_mut(at) {
            Some(free) => *free = connection,
            None => all.push(connection),
        }
    }
}

fn run(words: &[String]) -> Result<(), Failure> {
    let (file, ports) = words.split_first().ok_or("floor FILE PORT [CERT KEY] ...")?;
    let answers = Answers::new(file)?;
    let mut listeners = Vec::new();
    for words in ports.chunks(if ports.len() > 1 { 3 } else { 1 }) {
        listeners.push(listen(words)?);
    }
    let mut poll = Poll::new()?;
    const LISTENERS: usize = 1 << 20;
    for (number, listener) in listeners.iter().enumerate() {
        let (fd, token) = (listener.socket.as_raw_fd(), Token(LISTENERS + number));
        poll.registry().register(&mut SourceFd(&fd), token, Interest::READABLE)?;
    }
    let mut all: Vec<Option<Connection>> = Vec::new();
    let mut events = Events::with_capacity(256);
    let mut block = vec![0; READ_BYTES];
    loop {
        if let Err(error) = poll.poll(&mut events, None)
            && error.kind() != ErrorKind::Interrupted
        {
            return Err(error.into());
        }
        for event in &events {
            let Token(at) = event.token();
            if let Some(number) = at.checked_sub(LISTENERS) {
                accept(&poll, &listeners[number], &mut all)?;
            } else if let Some(connection) = &mut all[at]
                && !connection.turn(&answers, &mut block).unwrap_or(false)
            {
                all[at] = None;
            }
        }
    }
}

fn main() -> ExitCode {
    match run(&std::env::args().skip(1).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("floor: {failure}");
            ExitCode::FAILURE
        }
    }
}
