//! The head phase: from bytes to answers, as many as are there and fit.

use super::answer::{Answered, Hold, Request, answer};
use super::body::{Read, Unwanted};
use super::client::Cx;
use super::exchange::{Exchange, tail_bytes};
use super::http::Http;
use super::logging;
use super::reply::Reply;
use super::source::Source;
use crate::buf::{End, Tail};
use crate::http::glimpse::Glimpse;
use crate::http::head::{Head, HeaderTable, Parsed, Refusal, Version, parse};
use crate::http::limits::CREDENTIALS_BYTES_MAX;
use crate::http::status::Status;
use crate::origin::listing::Job;
use crate::sys::log;
use crate::vhost::ListenerId;
use crate::vhost::log::Fields;

/// What the bytes at the front of the queue came to.
#[derive(Debug)]
pub(super) enum Taken {
    /// Part of a head, or of a body that is to be read before the answer.
    Partial,
    /// A request whose answer waits for room.
    Full,
    /// A request whose password is being checked.
    Checking(u64),
    /// A request whose listing takes more turns.
    Listing(Box<Job>),
    /// A bad request; its answer is in the queue, and the connection ends with it.
    Refused,
    /// A request whose answer is in the queue whole, and the connection is kept.
    Answered {
        /// For the time until the next request.
        keepalive_ms: u64,
    },
    /// A request whose exchange goes on.
    Begun {
        /// The exchange.
        exchange: Exchange,
        /// For the time until the next request.
        keepalive_ms: u64,
    },
}

impl Http {
    /// Takes one request from `rx`, which holds something, and begins to answer it.
    pub(super) fn take(
        &mut self,
        client: &mut End,
        tail: &mut Tail,
        cx: &mut Cx<'_>,
        (granted, listing): (Option<bool>, Option<Box<Job>>),
    ) -> Taken {
        cx.local.tick(cx.now_ms);
        let mut table = HeaderTable::new();
        let head = match parse(client.rx.filled(), &cx.world.head_limits, &mut table) {
            Parsed::Partial => return Taken::Partial,
            Parsed::Refused(refusal) => return self.refuse(client, refusal, cx),
            Parsed::Complete(head) => head,
        };
        let mut body =
            self.body.unwrap_or_else(|| Unwanted::new(&head, cx.now_ms, cx.world.drain_bytes_max));
        let (used, read) = body.read(client.rx.filled().get(head.bytes..).unwrap_or_default());
        let head_bytes = head.bytes;
        let before = client.tx.len();
        let held = match read {
            Read::Malformed => {
                let why = "malformed chunked body";
                return self.refuse(client, Refusal { status: Status::BAD_REQUEST, why }, cx);
            }
            Read::Part => Taken::Partial,
            Read::Whole | Read::Skipped => {
                let request = Request {
                    site: cx.world,
                    head: &head,
                    listener: self.listener,
                    security: &self.security,
                    peer: self.peer,
                    client: cx.client,
                    now_ms: cx.now_ms,
                    draining: cx.draining,
                    slot: cx.slot,
                    granted,
                    body_read: read == Read::Whole,
                    body_bytes: body.bytes(),
                };
                cx.local.user_bytes = None;
                match answer(&request, cx.local, &mut client.tx, tail, listing) {
                    Ok(answered) => {
                        let bytes = (client.tx.len() - before) as u64 + tail_bytes(tail);
                        let clean = read == Read::Whole;
                        let taken = self.answered(&head, answered, tail, cx, (bytes, clean));
                        client.rx.consume(head_bytes + used);
                        self.body = None;
                        return taken;
                    }
                    Err(Hold::Full) if before == 0 => return self.no_room(client, cx),
                    Err(Hold::Full) => Taken::Full,
                    Err(Hold::Checking(serial)) => Taken::Checking(serial),
                    Err(Hold::Listing(job)) => Taken::Listing(job),
                }
            }
        };
        // The head stays at the front until its answer can be given; what was read of the body
        // is not needed for that.
        client.rx.cut(head_bytes, used);
        self.body = Some(body);
        held
    }

    /// Logs what is over, or keeps what goes on.
    fn answered(
        &self,
        head: &Head<'_>,
        answered: Answered,
        tail: &Tail,
        cx: &mut Cx<'_>,
        (bytes, clean): (u64, bool),
    ) -> Taken {
        let Answered { status, source, keep_alive, vhost, keepalive_ms, head_bytes } = answered;
        cx.local.requests = cx.local.requests.wrapping_add(1);
        let over = matches!(source, Source::Done) && tail.is_none() && keep_alive;
        let mut line = None;
        if vhost.access_log.is_some() {
            let mut user = [0; CREDENTIALS_BYTES_MAX];
            let subject = self.security.client_subject().map(str::as_bytes);
            let user = cx.local.copy_user(&mut user).or(subject);
            let fields = Fields { head_bytes, ..logging::fields(head, self.peer, vhost, user) };
            if over {
                cx.local.log_whole(cx.now_ms, vhost, &fields, status, bytes);
            } else {
                line = cx.local.log_begin(cx.now_ms, vhost, &fields, status, bytes);
            }
        }
        if over {
            return Taken::Answered { keepalive_ms };
        }
        let is_counted = cx.local.peers.requests.enter(self.peer.ip()) == Some(true);
        let listing_bytes = match &source {
            Source::Page { bytes, .. } => bytes.len(),
            Source::Done | Source::Parts(_) => 0,
        };
        let exchange = Exchange {
            source,
            keep_alive,
            clean,
            line,
            planned: bytes,
            unsent: bytes,
            listing_bytes,
            is_counted,
        };
        Taken::Begun { exchange, keepalive_ms }
    }

    /// Answers what is not a request, or not one for us; the rest of the bytes means nothing.
    pub(super) fn refuse(&self, client: &mut End, refusal: Refusal, cx: &mut Cx<'_>) -> Taken {
        cx.local.tick(cx.now_ms);
        let before = client.tx.len();
        let vhost = self.default_vhost(cx.world);
        let bytes = client.rx.filled();
        let seen = bytes.get(..cx.world.head_limits.head_bytes).unwrap_or(bytes);
        let seen = Glimpse::of(seen);
        let mut head_bytes = 0;
        let mut reply = Reply {
            tx: &mut client.tx,
            date: &cx.local.date,
            page: &mut cx.local.page,
            header_block: &vhost.headers,
            version: Version::Http11,
            keep_alive: false,
            // The answer to a refused HEAD has no body either (RFC 9110 section 9.3.2).
            head_only: seen.method == b"HEAD",
            head_bytes: &mut head_bytes,
        };
        // An answer that does not fit waits until those before it have left; if there are none
        // the connection ends without one.
        if reply.error(refusal.status, |_| {}).is_err() && before > 0 {
            return Taken::Full;
        }
        let Refusal { status, why } = refusal;
        log::write_bounded(
            log::Level::Info,
            format_args!("{}: answered with {}: {why}", self.peer, status.code()),
        );
        cx.local.requests = cx.local.requests.wrapping_add(1);
        let bytes = (client.tx.len() - before) as u64;
        let fields = Fields { head_bytes, ..logging::refused(&seen, self.peer, vhost) };
        cx.local.log_whole(cx.now_ms, vhost, &fields, status, bytes);
        client.rx.consume(client.rx.len());
        Taken::Refused
    }

    /// Gives up on an answer that does not fit although nothing is in its way.
    fn no_room(&self, client: &mut End, cx: &mut Cx<'_>) -> Taken {
        let status = Status::INTERNAL_SERVER_ERROR;
        self.refuse(client, Refusal { status, why: "the answer's head is too large" }, cx)
    }

    fn default_vhost(&self, site: &'static super::Site) -> &'static crate::vhost::Vhost {
        site.world.vhost(ListenerId(self.listener.0), b"").1
    }
}
