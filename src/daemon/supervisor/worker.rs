//! A worker process as the supervisor sees it.

use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;

use super::access_logs::AccessLogs;
use super::channel::Channel;
use super::happenings::Generation;
use super::planner::Planned;
use super::sockets::Handed;
use crate::daemon::orders::{Order, TicketBytes};
use crate::daemon::plan::Plan;
use crate::sys::process::{self, Pid};

/// What a worker has said about itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Figures {
    /// It has said how many connections it has.
    pub(super) has_counted: bool,
    /// Memory bound, bytes.
    pub(super) memory_bytes_max: u64,
    /// Connections at once.
    pub(super) connections_max: u32,
    /// Connections now.
    pub(super) connections: u32,
    /// Connections since it began.
    pub(super) accepted: u64,
    /// Requests since it began.
    pub(super) requests: u64,
}

/// A worker that has not been waited for yet.
#[derive(Debug)]
pub(super) struct Worker {
    /// Which.
    pub(super) generation: Generation,
    /// Its process.
    pub(super) pid: Pid,
    /// Since when, monotonic milliseconds.
    pub(super) begun_ms: u64,
    /// The way to it.
    pub(super) channel: Channel,
    /// What it serves.
    pub(super) plan: Rc<Plan>,
    /// Numbers of the sockets that it has.
    pub(super) sockets: Vec<u32>,
    /// What it has said.
    pub(super) figures: Figures,
}

impl Worker {
    /// Sends all that a new worker needs. `fd` finds a socket.
    ///
    /// # Errors
    /// As [`Channel::send`].
    pub(super) fn hand_over(
        &mut self,
        planned: &Planned,
        sockets: &[Handed],
        fd: &dyn Fn(u32) -> Option<Arc<OwnedFd>>,
        logs: &AccessLogs,
        extra: Extra,
    ) -> io::Result<()> {
        self.channel.send(&Order::Snapshot, Some(&planned.snapshot))?;
        if let Some(port) = extra.port {
            self.channel.send(&Order::Port(port), None)?;
        }
        if let Some(tickets) = extra.tickets {
            self.channel.send(&Order::Tickets(tickets), None)?;
        }
        self.send_logs(logs)?;
        for handed in sockets {
            self.listen(*handed, fd(handed.socket).as_ref())?;
        }
        self.channel.send(&Order::Serve, None)
    }

    /// Sends a listening socket.
    ///
    /// # Errors
    /// As [`Channel::send`].
    pub(super) fn listen(&mut self, handed: Handed, fd: Option<&Arc<OwnedFd>>) -> io::Result<()> {
        let Some(fd) = fd else { return Ok(()) };
        let Handed { socket, listener, share } = handed;
        if !self.sockets.contains(&socket) {
            self.sockets.push(socket);
        }
        self.channel.send(&Order::Listen { socket, listener, share }, Some(fd))
    }

    /// Takes sockets away, those of `numbers` that it has.
    ///
    /// # Errors
    /// As [`Channel::send`].
    pub(super) fn unlisten(&mut self, numbers: &dyn Fn(u32) -> bool) -> io::Result<()> {
        let channel = &mut self.channel;
        let gone = self.sockets.extract_if(.., |socket| numbers(*socket));
        gone.into_iter().try_for_each(|socket| channel.send(&Order::Unlisten { socket }, None))
    }

    /// Sends its access logs, as they are open now.
    ///
    /// # Errors
    /// As [`Channel::send`].
    pub(super) fn send_logs(&mut self, logs: &AccessLogs) -> io::Result<()> {
        for (number, log) in (0..=u16::MAX).zip(&self.plan.logs) {
            if let Some(fd) = logs.fd(&log.path) {
                self.channel.send(&Order::Log { number }, Some(fd))?;
            }
        }
        Ok(())
    }

    /// Ends it at once.
    pub(super) fn kill(&self) {
        // It is a child that has not been waited for: there is no reason to fail.
        let _ = process::kill(self.pid, process::KILL);
    }
}

/// What only some workers need.
#[derive(Debug, Clone, Default)]
pub(super) struct Extra {
    /// Quick mode: the port that was found.
    pub(super) port: Option<u16>,
    /// With TLS: what session tickets are made from.
    pub(super) tickets: Option<TicketBytes>,
}
