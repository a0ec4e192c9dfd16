//! A client that reads answers strictly: every byte belongs to one of them.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};

use super::server::PATIENCE;

/// What a server said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Status line and fields, with their line ends.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The value of a field that must not be there twice.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut values = self.head.lines().skip(1).filter_map(|line| {
            let (own, value) = line.split_once(':')?;
            own.eq_ignore_ascii_case(name).then(|| value.trim())
        });
        let value = values.next();
        assert_eq!(values.next(), None, "{name} twice in {}", self.head);
        value
    }

    /// The value of a field that must be there.
    pub(crate) fn value(&self, name: &str) -> &str {
        self.field(name).unwrap_or_else(|| panic!("no {name} in {}", self.head))
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// Bytes of head and body.
    pub(crate) fn bytes(&self) -> usize {
        self.head.len() + self.body.len()
    }
}

/// A connection.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    /// Received and not yet part of an answer.
    received: Vec<u8>,
}

impl Client {
    pub(crate) fn connect(to: SocketAddr) -> Self {
        Self::of(TcpStream::connect(to).unwrap())
    }

    /// A client with another address of this machine.
    pub(crate) fn connect_from(own: Ipv4Addr, to: SocketAddr) -> Self {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
        let socket = socket.unwrap();
        socket.bind(&SocketAddr::from((own, 0)).into()).unwrap();
        socket.connect(&to.into()).unwrap();
        Self::of(socket.into())
    }

    fn of(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, received: Vec::new() }
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    /// Says that no more will be sent.
    pub(crate) fn shut(&self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }

    /// The next answer, which is not one to HEAD.
    pub(crate) fn answer(&mut self) -> Answer {
        self.answer_to("GET")
    }

    pub(crate) fn answer_to(&mut self, method: &str) -> Answer {
        let head = self.head();
        let status = head.get(9..12).and_then(|code| code.parse().ok()).unwrap();
        let mut answer = Answer { status, head, body: Vec::new() };
        assert!(answer.head.starts_with("HTTP/1.1 "), "{}", answer.head);
        let has_body = !matches!(status, 100..200 | 204 | 304);
        if status >= 200 {
            assert!(answer.value("Date").ends_with(" GMT"), "{}", answer.head);
        }
        if has_body && method != "HEAD" {
            let length: usize = answer.value("Content-Length").parse().unwrap();
            answer.body = self.take(length);
        }
        answer
    }

    /// The head of the next answer.
    pub(crate) fn head(&mut self) -> String {
        loop {
            if let Some(at) = self.received.windows(4).position(|four| four == b"\r\n\r\n") {
                let head = self.take(at + 4);
                return String::from_utf8(head).unwrap();
            }
            assert!(self.receive(), "ended within a head: {:?}", self.received.escape_ascii());
        }
    }

    /// The next `n` bytes.
    pub(crate) fn take(&mut self, n: usize) -> Vec<u8> {
        while self.received.len() < n {
            assert!(self.receive(), "ended {} bytes early", n - self.received.len());
        }
        let rest = self.received.split_off(n);
        std::mem::replace(&mut self.received, rest)
    }

    /// What was received already, taken; the rest is to be read from the stream.
    pub(crate) fn buffered(&mut self) -> std::io::Cursor<Vec<u8>> {
        std::io::Cursor::new(std::mem::take(&mut self.received))
    }

    /// Everything up to the end of the connection, however it ends.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        while self.receive() {}
        std::mem::take(&mut self.received)
    }

    /// The connection ends here, without a byte more.
    pub(crate) fn ends(&mut self) {
        let rest = self.rest();
        assert!(rest.is_empty(), "something more: {}", rest.escape_ascii());
    }

    /// Receives some bytes; false at the end.
    fn receive(&mut self) -> bool {
        let mut bytes = [0; 65536];
        match self.stream.read(&mut bytes) {
            Ok(n) => {
                self.received.extend_from_slice(&bytes[..n]);
                n > 0
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
            Err(error) => panic!("nothing more came: {error}"),
        }
    }
}
