//! Several reactors in threads of their own, and how tests write to them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, mpsc};
use std::thread::JoinHandle;

use kinglet::buf::CloseReason;
use kinglet::reactor::{Command, Counts, Letter, Limits, Listening, Mailbox, Post, Reactor, Start};

use super::player::{Bystander, Player, World};

/// Any port of this machine alone.
pub(crate) const ANY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
/// Reactors in threads of their own.
pub(crate) struct Fleet {
    pub(crate) world: &'static World,
    pub(crate) posts: Vec<Post>,
    threads: Vec<JoinHandle<Bystander>>,
    /// What the first reactor watches, and the commands that it takes for each `c`.
    pub(crate) bell: UnixStream,
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) closed: mpsc::Receiver<CloseReason>,
    /// Letters that came back to a reactor.
    pub(crate) round: mpsc::Receiver<Letter>,
}

impl Fleet {
    /// One reactor for each list of listeners; `slots` are those of all of them.
    pub(crate) fn start(mut world: World, slots: usize, listeners: Vec<Vec<Listening>>) -> Self {
        let (sender, closed) = mpsc::channel();
        world.closed = Mutex::new(Some(sender));
        let world: &'static World = Box::leak(Box::new(world));
        let (came, round) = mpsc::channel();
        let (bell, near) = UnixStream::pair().unwrap();
        near.set_nonblocking(true).unwrap();
        let (commands, taken) = mpsc::channel();
        let mut first = Some((near, taken));
        let mailboxes = Mailbox::open(u16::try_from(listeners.len()).unwrap()).unwrap();
        let posts: Vec<Post> = mailboxes.iter().map(Mailbox::post).collect();
        let all = Limits {
            connections_max: slots,
            blocks_max: 256,
            sessions_max: 0,
            rx_bytes: 16384,
            tx_bytes: 32768,
        };
        let threads = mailboxes.into_iter().zip(listeners).map(|(mailbox, listeners)| {
            let (bell, commands) = first.take().unzip();
            let watches = bell.iter().map(|bell| (0, bell.as_raw_fd())).collect();
            let round = Some(came.clone());
            let local = Bystander { bell, commands, round, ..Bystander::default() };
            let limits = all.share(mailbox.post().own(), mailbox.post().reactors());
            // Built here, so that every reactor is ready when the test begins.
            let start = Start::<Player> { limits, world, listeners, watches };
            let mut reactor = Reactor::new(start, mailbox, |_| local).unwrap();
            std::thread::spawn(move || {
                reactor.run().unwrap();
                reactor.into_local()
            })
        });
        let threads = threads.collect();
        Self { world, posts, threads, bell, commands, closed, round }
    }

    pub(crate) fn tell(&self, reactor: u16, command: Command) {
        self.posts[0].to(reactor, Letter::Command(command)).unwrap();
    }

    pub(crate) fn tell_all(&self, command: impl Fn() -> Command) {
        for reactor in 0..self.posts[0].reactors() {
            self.tell(reactor, command());
        }
    }

    /// Waits until every reactor has done what was posted to it before.
    pub(crate) fn round_trip(&self) -> Counts {
        let origin = self.posts[0].own();
        let count = Letter::Count { sums: Counts::default(), origin };
        self.posts[0].around(count).unwrap();
        match self.round.recv().unwrap() {
            Letter::Count { sums, origin: 0 } => sums,
            other => panic!("{other:?}"),
        }
    }

    /// Waits until all have ended.
    pub(crate) fn join(mut self) -> Vec<Bystander> {
        self.threads.drain(..).map(|thread| thread.join().unwrap()).collect()
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for reactor in 0..self.posts[0].reactors() {
            // One that has ended takes no letters.
            let _ = self.posts[0].to(reactor, Letter::Command(Command::Stop));
        }
        for thread in self.threads.drain(..) {
            assert!(thread.join().is_ok() || std::thread::panicking(), "a reactor panicked");
        }
    }
}
