//! The threads of a server: one reactor each, the first one in the main thread.

use std::io;
use std::os::fd::RawFd;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use crate::conn::{
    Client, LOG_FINISH, Local, Overseer, Parts, PeerLimits, RX_BYTES, Site, TX_BYTES,
};
use crate::daemon::check::budget::{STACK_BYTES, Share, Sizes};
use crate::daemon::command::exit;
use crate::daemon::worker::rights::Held;
use crate::reactor::{Limits, Listening, Mailbox, Post, Reactor, Start};
use crate::sys::log;
use crate::vhost::log::Logs;

/// What all reactors are made of.
pub(in crate::daemon) struct Crew {
    /// What is served; it outlives everything.
    pub(in crate::daemon) site: &'static Site,
    /// Sizes of the whole server.
    pub(in crate::daemon) sizes: Sizes,
    /// The access logs.
    pub(in crate::daemon) logs: Logs,
    /// What every reactor takes along from root's rights.
    pub(in crate::daemon) held: Held,
    /// The listening sockets of each reactor.
    pub(in crate::daemon) listeners: Vec<Vec<Listening>>,
    /// What the first reactor watches besides.
    pub(in crate::daemon) watches: Vec<(u16, RawFd)>,
}

/// A reactor's part of a [`Crew`].
struct Berth {
    site: &'static Site,
    share: Share,
    logs: Logs,
    peers: PeerLimits,
    held: Held,
    listeners: Vec<Listening>,
    watches: Vec<(u16, RawFd)>,
}

/// Runs the reactors until all of them have ended; the exit code. `overseer` is for the first one;
/// `ready` is called when each has been set up, and none is served before.
///
/// # Errors
/// Why they could not be set up. The process has to end then: some may wait for their work.
pub(in crate::daemon) fn run(
    crew: Crew,
    overseer: impl FnOnce(Post) -> Box<dyn Overseer>,
    ready: impl FnOnce(),
) -> io::Result<u8> {
    let threads = u16::try_from(crew.sizes.threads).unwrap_or(u16::MAX);
    let mut mailboxes = Mailbox::open(threads)?.into_iter();
    let logs = crew.logs.clone();
    let mut berths = crew.berths()?.into_iter();
    let (Some(mailbox), Some(first)) = (mailboxes.next(), berths.next()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let (set_up, done) = mpsc::channel();
    // Nobody begins before all can: what one had accepted would be lost when another one fails.
    let may_begin = Arc::new(Mutex::new(false));
    let mut gate = may_begin.lock().unwrap_or_else(PoisonError::into_inner);
    let others = (1..).zip(mailboxes.zip(berths)).map(|(number, (mailbox, berth))| {
        spawn(number, mailbox, berth, (set_up.clone(), Arc::clone(&may_begin)))
    });
    let others: Vec<JoinHandle<u8>> = others.collect::<io::Result<_>>()?;
    let mut reactor = first.reactor(mailbox, Some(overseer))?;
    for _ in &others {
        done.recv().map_err(io::Error::other)??;
    }
    *gate = true;
    drop(gate);
    ready();
    let mut code = turn(&mut reactor);
    reactor.into_local().finish();
    for other in others {
        code = code.max(other.join().unwrap_or(exit::RUNTIME));
    }
    if !logs.finish(LOG_FINISH) {
        log::warn(format_args!("the access log could not be written out in time"));
    }
    Ok(code)
}

impl Crew {
    fn berths(self) -> io::Result<Vec<Berth>> {
        let Self { site, sizes, logs, held, listeners, watches } = self;
        let peers = PeerLimits::new(&site.world, sizes.connections_max, sizes.threads);
        let mut listeners = listeners.into_iter();
        let mut watches = Some(watches);
        let berth = |number| {
            Ok(Berth {
                site,
                share: sizes.share(number),
                logs: logs.clone(),
                peers: peers.clone(),
                held: held.try_clone()?,
                listeners: listeners.next().unwrap_or_default(),
                watches: watches.take().unwrap_or_default(),
            })
        };
        (0..sizes.threads).map(berth).collect()
    }
}

impl Berth {
    fn reactor(
        self,
        mailbox: Mailbox,
        overseer: Option<impl FnOnce(Post) -> Box<dyn Overseer>>,
    ) -> io::Result<Reactor<Client>> {
        let Self { site, share, logs, peers, held, listeners, watches } = self;
        let limits = Limits {
            connections_max: share.connections_max,
            blocks_max: share.blocks_max,
            sessions_max: share.sessions_max,
            rx_bytes: RX_BYTES,
            tx_bytes: TX_BYTES,
        };
        let connections_max = share.connections_max;
        let start = Start { limits, world: site, listeners, watches };
        Reactor::new(start, mailbox, |post| {
            let overseer = overseer.map(|make| make(post.clone()));
            let Held { directories, passwords } = held;
            let parts = Parts { connections_max, post, logs, peers, overseer, passwords };
            let mut local = Local::new(site, parts);
            directories.into_iter().for_each(|(number, directory)| local.hold(number, directory));
            local
        })
    }
}

/// Starts a thread for a reactor, which says when it is set up and waits until it may begin; its
/// exit code is what [`JoinHandle::join`] gives.
fn spawn(
    number: usize,
    mailbox: Mailbox,
    berth: Berth,
    (set_up, may_begin): (Sender<io::Result<()>>, Arc<Mutex<bool>>),
) -> io::Result<JoinHandle<u8>> {
    let thread = thread::Builder::new().name(format!("reactor-{number}")).stack_size(STACK_BYTES);
    thread.spawn(move || {
        let none: Option<fn(Post) -> Box<dyn Overseer>> = None;
        let mut reactor = match berth.reactor(mailbox, none) {
            Ok(reactor) => reactor,
            Err(error) => {
                let _ = set_up.send(Err(error));
                return exit::RUNTIME;
            }
        };
        let _ = set_up.send(Ok(()));
        drop(set_up);
        if !*may_begin.lock().unwrap_or_else(PoisonError::into_inner) {
            return exit::RUNTIME;
        }
        let code = turn(&mut reactor);
        reactor.into_local().finish();
        code
    })
}

fn turn(reactor: &mut Reactor<Client>) -> u8 {
    match reactor.run() {
        Ok(()) => exit::OK,
        Err(error) => {
            log::error(format_args!("waiting for events failed: {error}"));
            exit::RUNTIME
        }
    }
}
