//! Small roles for tests of the reactor.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, mpsc};

use kinglet::buf::{CloseReason, Ends, LaneId, Tail};
use kinglet::reactor::{
    Command, Counts, Cx, Deadline, Letter, ListenerId, Local, Note, Role, SlotIo, Step, Timeout,
    Wait,
};
use kinglet::sys::peer::PeerAddr;

/// The listener whose connections are [`Kind::Echo`], whatever the others are.
pub(crate) const ECHO: ListenerId = ListenerId(7);

/// How long a drain takes at most that follows a retirement.
pub(crate) const SHUTDOWN_MS: u64 = 1 << 40;

/// What a test asks its connections to be.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) kind: Kind,
    pub(crate) idle_ms: Option<u64>,
    pub(crate) file: Option<std::fs::File>,
    /// The length that the file role promises.
    pub(crate) promised: u64,
    /// The other side of a pipe role.
    pub(crate) peer: Mutex<Option<OwnedFd>>,
    pub(crate) gate: Mutex<()>,
    pub(crate) closed: Mutex<Option<mpsc::Sender<CloseReason>>>,
}

#[derive(Default, Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    /// Sends back what comes in; may be evicted.
    #[default]
    Echo,
    /// The same, and may not be evicted.
    Keeper,
    /// The same, and lets its reactor hang while the gate is held.
    Gated,
    /// Sends the file for every byte that comes in.
    File,
    /// Adopts the peer and moves bytes both ways.
    Pipe,
}

/// A reactor's state: follows what rings at its bell, and counts.
#[derive(Default)]
pub(crate) struct Bystander {
    pub(crate) bell: Option<UnixStream>,
    /// Taken when the bell rings `c`.
    pub(crate) commands: Option<mpsc::Receiver<Command>>,
    /// Letters that came back.
    pub(crate) round: Option<mpsc::Sender<Letter>>,
    pub(crate) accepted: usize,
    pub(crate) saw_draining: bool,
}

impl Local for Bystander {
    fn due_ms(&self) -> Option<u64> {
        None
    }
    fn service(&mut self, _: u64) {}
    fn watched(&mut self, _: u16) -> Command {
        let mut byte = [0];
        let Some(bell) = &mut self.bell else { return Command::Continue };
        match bell.read(&mut byte) {
            Ok(1) if byte == *b"d" => Command::Drain { until_ms: u64::MAX },
            Ok(1) if byte == *b"c" => self.commands.as_ref().unwrap().recv().unwrap(),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Command::Continue,
            _ => Command::Stop,
        }
    }
    fn shutdown_ms(&self) -> u64 {
        SHUTDOWN_MS
    }
    fn count(&self, sums: &mut Counts) {
        sums.requests += 1;
    }
    fn came_round(&mut self, letter: Letter) {
        self.round.as_ref().unwrap().send(letter).unwrap();
    }
    fn take_note(&mut self) -> Option<(u16, Note)> {
        None
    }
}

pub(crate) struct Player {
    world: &'static World,
    kind: Kind,
    since_ms: u64,
    adopted: bool,
}

fn move_bytes(ends: &mut Ends, from: LaneId, to: LaneId) -> bool {
    let bytes = ends[from].rx.filled().to_vec();
    let n = ends[to].tx.push(&bytes);
    ends[from].rx.consume(n);
    n == bytes.len()
}

/// What has come already is answered.
fn farewell(ends: &mut Ends) -> Step<Player> {
    move_bytes(ends, LaneId::Client, LaneId::Client);
    Step::Close(CloseReason::Shutdown)
}

impl Role for Player {
    type World = World;
    type Local = Bystander;
    type Effect = OwnedFd;

    fn accept(at: ListenerId, _: PeerAddr, cx: &mut Cx<'_, Self>) -> Result<Self, CloseReason> {
        cx.local.accepted += 1;
        let kind = if at == ECHO { Kind::Echo } else { cx.world.kind };
        Ok(Self { world: cx.world, kind, since_ms: cx.now_ms, adopted: false })
    }

    fn step(&mut self, ends: &mut Ends, cx: &mut Cx<'_, Self>, note: Option<Note>) -> Step<Self> {
        match note {
            Some(Note::Timeout(_)) => return Step::Close(CloseReason::IdleTimeout),
            Some(Note::Drain) => return farewell(ends),
            _ => {}
        }
        self.since_ms = cx.now_ms;
        cx.local.saw_draining |= cx.draining;
        match self.kind {
            Kind::Echo | Kind::Keeper | Kind::Gated => {
                if self.kind == Kind::Gated && !ends[LaneId::Client].rx.is_empty() {
                    // The test holds it for as long as the reactor is to hang.
                    drop(self.world.gate.lock().unwrap());
                }
                let moved = move_bytes(ends, LaneId::Client, LaneId::Client);
                let client = &ends[LaneId::Client];
                if !moved || (client.eof && !client.tx.is_empty()) {
                    Step::Wait(Wait::Room)
                } else if client.eof {
                    Step::Close(CloseReason::PeerClosed)
                } else {
                    Step::Wait(Wait::Input)
                }
            }
            Kind::File => {
                let tail = !ends.tail.is_none();
                let client = &mut ends[LaneId::Client];
                if client.eof {
                    return Step::Close(CloseReason::PeerClosed);
                }
                if client.rx.is_empty() {
                    return Step::Wait(Wait::Input);
                }
                if !client.tx.is_empty() || tail {
                    return Step::Wait(Wait::Room);
                }
                client.rx.consume(1);
                client.tx.put(b"head:").unwrap();
                let file = self.world.file.as_ref().unwrap().try_clone().unwrap().into();
                ends.tail = Tail::file(file, 0, self.world.promised);
                Step::Wait(Wait::Room)
            }
            Kind::Pipe => {
                if !self.adopted {
                    self.adopted = true;
                    let peer = self.world.peer.lock().unwrap().take().unwrap();
                    assert!(cx.effect(peer).is_ok());
                    return Step::Again;
                }
                move_bytes(ends, LaneId::Client, LaneId::PeerOut);
                move_bytes(ends, LaneId::PeerOut, LaneId::Client);
                let done = |from: LaneId, to: LaneId| {
                    ends[from].eof && ends[from].rx.is_empty() && ends[to].tx.is_empty()
                };
                let (up, down) =
                    (done(LaneId::Client, LaneId::PeerOut), done(LaneId::PeerOut, LaneId::Client));
                let ended = (ends[LaneId::Client].eof, ends[LaneId::PeerOut].eof);
                ends[LaneId::PeerOut].shut |= ended.0 && ends[LaneId::Client].rx.is_empty();
                ends[LaneId::Client].shut |= ended.1 && ends[LaneId::PeerOut].rx.is_empty();
                if up && down {
                    return Step::Close(CloseReason::Finished);
                }
                Step::Wait(Wait::Either)
            }
        }
    }

    fn apply(effect: OwnedFd, io: &mut SlotIo<'_>) -> Result<(), CloseReason> {
        io.adopt(LaneId::PeerOut, effect).map_err(|_| CloseReason::PeerFailed)
    }

    fn deadline(&self) -> Option<Deadline> {
        let idle_ms = self.world.idle_ms?;
        Some(Deadline { at_ms: self.since_ms + idle_ms, why: Timeout::Idle })
    }

    fn evictable(&self) -> bool {
        self.kind == Kind::Echo
    }

    fn closed(self, why: CloseReason, cx: &mut Cx<'_, Self>) {
        if let Some(closed) = &*cx.world.closed.lock().unwrap() {
            let _ = closed.send(why);
        }
    }
}

/// Whether a byte comes back.
pub(crate) fn echoes(stream: &mut TcpStream) -> bool {
    let mut byte = [0];
    stream.write_all(b"x").is_ok() && matches!(stream.read(&mut byte), Ok(1))
}
