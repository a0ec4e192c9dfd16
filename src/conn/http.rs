//! The role of a client's connection that speaks HTTP/1.

use super::body::Unwanted;
use super::client::{Client, Cx};
use super::exchange::Exchange;
use super::head::Taken;
use super::limits::{ANSWERS_MAX, LATECOMER_MS, LINGER_MS};
use super::security::Security;
use super::site::Site;
use crate::buf::{CloseReason, End, Ends, Tail};
use crate::origin::listing::{JOB_BYTES, Job};
use crate::reactor::{Note, Step, Wait};
use crate::sys::peer::PeerAddr;
use crate::vhost::ListenerId;

/// A client's connection.
#[derive(Debug)]
pub struct Http {
    pub(super) peer: PeerAddr,
    pub(super) listener: ListenerId,
    pub(super) site: &'static Site,
    pub(super) security: Security,
    pub(super) phase: Phase,
    /// When the phase began.
    pub(super) began_ms: u64,
    /// When the client last did something that this phase waits for.
    pub(super) progress_ms: u64,
    /// How long the next request is waited for.
    pub(super) patience_ms: u64,
    /// The body of the request at the front of `rx`, as far as it was read away.
    pub(super) body: Option<Unwanted>,
}

/// See the module's page.
#[derive(Debug)]
pub(super) enum Phase {
    /// No byte of the first or next request is here.
    Idle {
        /// There was no request yet.
        fresh: bool,
    },
    /// Part of a head is here, or all of it and part of its body.
    Head,
    /// A whole request is here and its answer waits for room; or nothing is, and the answers
    /// before it are slow to leave.
    Blocked,
    /// The request at the front of `rx` waits for its password to be checked.
    Checking {
        serial: u64,
    },
    /// The listing that the request at the front of `rx` asks for is being made, a portion in each
    /// turn. It is counted in `listing_bytes` of [`Local`](super::Local).
    Listing(Box<Job>),
    Exchange(Exchange),
    /// The last answer is on its way.
    Closing {
        /// Every byte of the request was read.
        clean: bool,
        /// For the phase after it.
        linger_ms: u64,
    },
    /// The last answer has left; what the client still sends is thrown away.
    Lingering {
        /// How long at most.
        linger_ms: u64,
    },
}

/// What a phase's work came to.
enum Next {
    /// The next phase can go on at once.
    Go,
    /// The next phase can go on when others have had their turn.
    Yield,
    Wait(Wait),
    Close(CloseReason),
}

impl Http {
    /// Begins to speak HTTP.
    pub(super) fn new(
        peer: PeerAddr,
        listener: ListenerId,
        security: Security,
        cx: &Cx<'_>,
    ) -> Self {
        Self {
            peer,
            listener,
            site: cx.world,
            security,
            phase: Phase::Idle { fresh: true },
            began_ms: cx.now_ms,
            progress_ms: cx.now_ms,
            patience_ms: cx.world.world.limits.header_timeout_ms,
            body: None,
        }
    }

    pub(super) fn step(
        &mut self,
        ends: &mut Ends,
        cx: &mut Cx<'_>,
        note: Option<Note>,
    ) -> Step<Client> {
        let (client, tail) = ends.client();
        if client.came_in || client.went_out {
            self.progress_ms = cx.now_ms;
        }
        let mut granted = None;
        match note {
            None => {}
            Some(Note::Timeout(why)) => {
                if let Some(step) = self.late(why, client, cx) {
                    return step;
                }
            }
            Some(Note::Answer { serial, granted: verdict }) => match self.phase {
                Phase::Checking { serial: own } if own == serial => {
                    granted = Some(verdict);
                    self.enter(Phase::Head, cx.now_ms);
                }
                // For the slot's tenant before this one.
                Phase::Listing(_) => return Step::Yield,
                _ => return Step::Wait(self.waits()),
            },
            Some(Note::Drain) => match &mut self.phase {
                Phase::Idle { .. } if client.rx.is_empty() => self.stop_waiting(cx.now_ms),
                Phase::Exchange(exchange) => exchange.keep_alive = false,
                _ => {}
            },
        }
        let mut answers = 0;
        loop {
            let next = match &mut self.phase {
                Phase::Idle { .. } | Phase::Head | Phase::Blocked => {
                    self.head(client, tail, cx, (granted.take(), None))
                }
                Phase::Listing(_) => {
                    let job = self.resume(cx);
                    self.head(client, tail, cx, (None, job))
                }
                Phase::Checking { .. } => Next::Wait(Wait::Note),
                Phase::Exchange(_) => self.exchange(client, tail, cx),
                &mut Phase::Closing { clean, linger_ms } => {
                    self.closing(client, tail, cx, (clean, linger_ms))
                }
                Phase::Lingering { .. } => Self::linger(client),
            };
            match next {
                Next::Go => {
                    answers += 1;
                    if answers > ANSWERS_MAX {
                        return Step::Yield;
                    }
                }
                Next::Yield => return Step::Yield,
                Next::Wait(wait) => return Step::Wait(wait),
                Next::Close(why) => return Step::Close(why),
            }
        }
    }

    pub(super) fn evictable(&self) -> bool {
        matches!(self.phase, Phase::Idle { .. } | Phase::Head | Phase::Lingering { .. })
    }

    pub(super) fn closed(mut self, cx: &mut Cx<'_>) {
        self.resume(cx);
        if matches!(self.phase, Phase::Exchange(_)) {
            self.end_exchange(cx, Phase::Idle { fresh: false });
        }
    }

    /// Takes the listing that is being made, if there is one; its request is at the front then.
    pub(super) fn resume(&mut self, cx: &mut Cx<'_>) -> Option<Box<Job>> {
        match std::mem::replace(&mut self.phase, Phase::Head) {
            Phase::Listing(job) => {
                cx.local.listing_bytes -= JOB_BYTES;
                Some(job)
            }
            other => {
                self.phase = other;
                None
            }
        }
    }

    pub(super) fn enter(&mut self, phase: Phase, now_ms: u64) {
        self.phase = phase;
        self.began_ms = now_ms;
        self.progress_ms = now_ms;
    }

    /// What the phase waits for when nothing has changed.
    fn waits(&self) -> Wait {
        match &self.phase {
            Phase::Idle { .. } | Phase::Head | Phase::Lingering { .. } => Wait::Input,
            Phase::Checking { .. } | Phase::Listing(_) => Wait::Note,
            Phase::Blocked | Phase::Exchange(_) | Phase::Closing { .. } => Wait::Room,
        }
    }

    /// Answers the requests that are here.
    fn head(
        &mut self,
        client: &mut End,
        tail: &mut Tail,
        cx: &mut Cx<'_>,
        held: (Option<bool>, Option<Box<Job>>),
    ) -> Next {
        if client.rx.is_empty() {
            if !client.has_left() && (client.eof || matches!(self.phase, Phase::Blocked)) {
                return self.block(cx.now_ms);
            }
            if client.eof {
                return Next::Close(CloseReason::PeerClosed);
            }
            if cx.stopping {
                self.stop_waiting(cx.now_ms);
            }
            if matches!(self.phase, Phase::Closing { .. }) {
                return Next::Go;
            }
            if !matches!(self.phase, Phase::Idle { .. }) {
                self.enter(Phase::Idle { fresh: false }, cx.now_ms);
            }
            return Next::Wait(Wait::Input);
        }
        if matches!(self.phase, Phase::Idle { .. }) {
            self.enter(Phase::Head, cx.now_ms);
        }
        let began_ms = held.1.is_some().then_some(self.began_ms);
        match self.take(client, tail, cx, held) {
            Taken::Partial if client.eof && !client.has_left() => self.block(cx.now_ms),
            Taken::Partial if client.eof => Next::Close(CloseReason::PeerClosed),
            Taken::Partial => Next::Wait(Wait::Input),
            Taken::Full => self.block(cx.now_ms),
            Taken::Checking(serial) => {
                self.enter(Phase::Checking { serial }, cx.now_ms);
                Next::Wait(Wait::Note)
            }
            Taken::Listing(job) => {
                cx.local.listing_bytes += JOB_BYTES;
                self.enter(Phase::Listing(job), cx.now_ms);
                // All portions together have a limit.
                self.began_ms = began_ms.unwrap_or(self.began_ms);
                Next::Yield
            }
            Taken::Refused => {
                self.close_after_answer(false, cx.now_ms);
                Next::Go
            }
            Taken::Answered { keepalive_ms } => {
                self.patience_ms = keepalive_ms;
                self.enter(Phase::Idle { fresh: false }, cx.now_ms);
                Next::Go
            }
            Taken::Begun { exchange, keepalive_ms } => {
                // Making a listing takes as long as hundreds of plain answers.
                let next = if exchange.listing_bytes > 0 { Next::Yield } else { Next::Go };
                self.patience_ms = keepalive_ms;
                self.enter(Phase::Exchange(exchange), cx.now_ms);
                next
            }
        }
    }

    /// The server is stopping and there is no request: a client that has just come may still send
    /// one, which its system may have acknowledged already; any other one is not waited for.
    fn stop_waiting(&mut self, now_ms: u64) {
        let is_fresh = matches!(self.phase, Phase::Idle { fresh: true });
        if is_fresh && now_ms < self.began_ms + LATECOMER_MS {
            self.patience_ms = LATECOMER_MS;
        } else {
            self.close_after_answer(true, now_ms);
        }
    }

    fn close_after_answer(&mut self, clean: bool, now_ms: u64) {
        self.enter(Phase::Closing { clean, linger_ms: LINGER_MS }, now_ms);
    }

    /// Goes on only when the answers that are here have left, or some of them.
    fn block(&mut self, now_ms: u64) -> Next {
        if !matches!(self.phase, Phase::Blocked) {
            self.enter(Phase::Blocked, now_ms);
        }
        Next::Wait(Wait::Room)
    }

    fn exchange(&mut self, client: &mut End, tail: &mut Tail, cx: &mut Cx<'_>) -> Next {
        let Phase::Exchange(exchange) = &mut self.phase else { return Next::Go };
        match exchange.advance(client, tail) {
            Err(why) => Next::Close(why),
            Ok(false) => Next::Wait(Wait::Room),
            Ok(true) => {
                let next = if exchange.keep_alive {
                    Phase::Idle { fresh: false }
                } else {
                    Phase::Closing { clean: exchange.clean, linger_ms: LINGER_MS }
                };
                self.end_exchange(cx, next);
                Next::Go
            }
        }
    }

    /// Logs and counts the end of an exchange.
    fn end_exchange(&mut self, cx: &mut Cx<'_>, next: Phase) {
        let phase = std::mem::replace(&mut self.phase, next);
        self.began_ms = cx.now_ms;
        self.progress_ms = cx.now_ms;
        let Phase::Exchange(exchange) = phase else { return };
        if exchange.is_counted {
            cx.local.peers.requests.leave(self.peer.ip());
        }
        cx.local.listing_bytes -= exchange.listing_bytes;
        if let Some(line) = exchange.line {
            let sent = exchange.planned.saturating_sub(exchange.unsent);
            cx.local.log_end(cx.now_ms, line, sent);
        }
    }

    /// Waits until the last answer has left.
    fn closing(
        &mut self,
        client: &mut End,
        tail: &Tail,
        cx: &Cx<'_>,
        (clean, linger_ms): (bool, u64),
    ) -> Next {
        if !client.has_left() || !tail.is_none() {
            return Next::Wait(Wait::Room);
        }
        // Nothing unread is left that would make the kernel send a reset.
        if client.eof || (clean && client.rx.is_empty() && !client.more) {
            return Next::Close(CloseReason::Finished);
        }
        client.shut = true;
        self.enter(Phase::Lingering { linger_ms }, cx.now_ms);
        Next::Go
    }

    /// Throws away what comes, so that closing does not reset the connection.
    fn linger(client: &mut End) -> Next {
        client.rx.consume(client.rx.len());
        if client.eof {
            return Next::Close(CloseReason::Finished);
        }
        Next::Wait(Wait::Input)
    }
}
