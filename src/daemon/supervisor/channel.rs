//! The supervisor's end of the socket pair to a worker: orders out, reports in. It never waits.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use zeroize::{Zeroize as _, Zeroizing};

use crate::daemon::orders::{Order, PACKET_BYTES_MAX, Report};
use crate::sys::shortage::Explained;
use crate::sys::{log, passing};

/// Orders that may wait for a worker to read them: listeners and logs of a large configuration
/// several times over.
pub const ORDERS_MAX: usize = 8_192;

/// What [`Channel::receive`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// A report.
    Report(Report),
    /// Nothing for now.
    Nothing,
    /// Something that is no report.
    Garbage,
    /// The worker has closed its end.
    Closed,
}

/// An order that waits.
#[derive(Debug)]
struct Waiting {
    packet: Zeroizing<Box<[u8]>>,
    /// Shared: with a copy for each order that waits, descriptors could run out.
    rider: Option<Arc<OwnedFd>>,
}

/// The supervisor's end.
#[derive(Debug)]
pub struct Channel {
    fd: OwnedFd,
    waiting: VecDeque<Waiting>,
    closed: bool,
}

impl Channel {
    /// A channel and the worker's end of it.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn pair() -> io::Result<(Self, OwnedFd)> {
        let (own, other) = passing::pair()?;
        Ok((Self::over(own), other))
    }

    /// A channel that was open before.
    #[must_use]
    pub fn over(fd: OwnedFd) -> Self {
        Self { fd, waiting: VecDeque::new(), closed: false }
    }

    /// Sends an order, at once or when there is room. A worker that has gone gets none, which is
    /// no error: its end is told in other ways.
    ///
    /// # Errors
    /// The worker cannot be reached any more: it has too many orders to read, or what the kernel
    /// says.
    pub fn send(&mut self, order: &Order, rider: Option<&Arc<OwnedFd>>) -> io::Result<()> {
        if self.closed {
            return Ok(());
        }
        let mut packet = order.encode();
        let sent = self.send_packet(&packet, rider);
        // It may have been a secret.
        packet.as_mut_slice().zeroize();
        sent
    }

    fn send_packet(&mut self, packet: &[u8], rider: Option<&Arc<OwnedFd>>) -> io::Result<()> {
        if self.waiting.is_empty() && self.put(packet, rider)? {
            return Ok(());
        }
        if self.waiting.len() >= ORDERS_MAX {
            return Err(io::Error::other(format!("{ORDERS_MAX} wait to be read")));
        }
        let packet = Zeroizing::new(packet.into());
        self.waiting.push_back(Waiting { packet, rider: rider.cloned() });
        Ok(())
    }

    /// Sends what waits, as far as there is room.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn flush(&mut self) -> io::Result<()> {
        while let Some(first) = self.waiting.pop_front() {
            if !self.put(&first.packet, first.rider.as_ref())? {
                self.waiting.push_front(first);
                break;
            }
        }
        Ok(())
    }

    /// Whether [`flush`](Self::flush) has something to do.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether the worker has closed its end: nothing more will come.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// The next report.
    pub fn receive(&mut self) -> Received {
        if self.closed {
            return Received::Nothing;
        }
        let mut room = [0; PACKET_BYTES_MAX];
        match passing::receive(self.fd.as_fd(), &mut room) {
            Ok(Some((bytes, None))) => {
                let report = room.get(..bytes).map(Report::decode);
                report.and_then(Result::ok).map_or(Received::Garbage, Received::Report)
            }
            // Workers send no descriptors.
            Ok(Some((_, Some(_)))) => Received::Garbage,
            Ok(None) => {
                self.close();
                Received::Closed
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Received::Nothing,
            Err(error) => {
                log::error(format_args!("a worker's report is lost: {}", Explained(&error)));
                Received::Garbage
            }
        }
    }

    /// Whether the packet is on its way, or nobody wants it any more.
    fn put(&self, packet: &[u8], rider: Option<&Arc<OwnedFd>>) -> io::Result<bool> {
        match passing::send(self.fd.as_fd(), packet, rider.map(AsFd::as_fd)) {
            Ok(()) => Ok(true),
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => Ok(false),
                // What it has said before it went is still to be read.
                io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => Ok(true),
                _ => Err(error),
            },
        }
    }

    fn close(&mut self) {
        self.closed = true;
        self.waiting.clear();
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
#[path = "channel_tests.rs"]
mod tests;
