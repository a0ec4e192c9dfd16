//! The head phase: from bytes to answers, as many as are there and fit.

use super::answer::{Answered, Hold, Request, answer};
use super::exchange::{Exchange, tail_bytes};
use super::http::Http;
use super::logging;
use super::reply::Reply;
use super::source::Source;
use crate::buf::{End, Tail};
use crate::http::body::BodyReader;
use crate::http::framing::Framing;
use crate::http::head::{Head, HeaderTable, Parsed, Refusal, Version, begins_as_head, parse};
use crate::http::limits::CREDENTIALS_BYTES_MAX;
use crate::http::status::Status;
use crate::origin::gate;
use crate::reactor::Cx;
use crate::vhost::ListenerId;
use crate::vhost::log::Fields;

/// What the bytes at the front of the queue came to.
#[derive(Debug)]
pub(super) enum Taken {
    /// Part of a head.
    Partial,
    /// A request whose answer waits for room.
    Full,
    /// A request whose password is being checked.
    Checking(u64),
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
        &self,
        client: &mut End,
        tail: &mut Tail,
        cx: &mut Cx<'_, Self>,
        granted: Option<bool>,
    ) -> Taken {
        cx.local.tick(cx.now_ms);
        let mut table = HeaderTable::new();
        let parsed = parse(client.rx.filled(), &cx.world.head_limits, &mut table);
        let (used, taken) = match parsed {
            Parsed::Partial => return Taken::Partial,
            Parsed::Refused(refusal) => return self.refuse(client, refusal, cx),
            Parsed::Complete(head) if !body_is_sound(&head, client.rx.filled()) => {
                let why = "malformed chunked body";
                return self.refuse(client, Refusal { status: Status::BAD_REQUEST, why }, cx);
            }
            Parsed::Complete(head) => {
                let request = Request {
                    site: cx.world,
                    head: &head,
                    listener: self.listener,
                    peer: self.peer,
                    client: cx.client,
                    now_ms: cx.now_ms,
                    draining: cx.draining,
                    slot: cx.slot,
                    granted,
                };
                let before = client.tx.len();
                cx.local.user_bytes = None;
                match answer(&request, cx.local, &mut client.tx, tail) {
                    Err(Hold::Full) => return self.no_room(client, cx, before),
                    Err(Hold::Checking(serial)) => return Taken::Checking(serial),
                    Ok(answered) => {
                        let bytes = (client.tx.len() - before) as u64 + tail_bytes(tail);
                        (head.bytes, self.answered(&head, answered, tail, cx, bytes))
                    }
                }
            }
        };
        client.rx.consume(used);
        taken
    }

    /// Logs what is over, or keeps what goes on.
    fn answered(
        &self,
        head: &Head<'_>,
        answered: Answered,
        tail: &Tail,
        cx: &mut Cx<'_, Self>,
        bytes: u64,
    ) -> Taken {
        let Answered { status, source, keep_alive, vhost, keepalive_ms } = answered;
        let over = matches!(source, Source::Done) && tail.is_none() && keep_alive;
        let over = over && head.framing == Framing::None;
        let mut line = None;
        if vhost.access_log.is_some() {
            let mut user = [0; CREDENTIALS_BYTES_MAX];
            let user = cx.local.copy_user(&mut user);
            let fields = logging::fields(head, self.peer, vhost, user);
            if over {
                cx.local.log_whole(cx.now_ms, vhost, &fields, status, bytes);
            } else {
                line = cx.local.log_begin(cx.now_ms, vhost, &fields, status, bytes);
            }
        }
        if over {
            return Taken::Answered { keepalive_ms };
        }
        let is_counted = match &mut cx.local.peers_asking {
            Some(counts) => counts.enter(self.peer.ip) == gate::Entry::Admitted,
            None => false,
        };
        let body = BodyReader::new(head.framing);
        let began_ms = cx.now_ms;
        let listing_bytes = match &source {
            Source::Page { bytes, .. } => bytes.len(),
            Source::Done | Source::Parts(_) => 0,
        };
        let exchange = Exchange {
            source,
            body,
            drained: 0,
            began_ms,
            keep_alive,
            line,
            planned: bytes,
            unsent: bytes,
            listing_bytes,
            is_counted,
            waits_for_body: false,
        };
        Taken::Begun { exchange, keepalive_ms }
    }

    /// Answers what is not a request, or not one for us; the rest of the bytes means nothing.
    fn refuse(&self, client: &mut End, refusal: Refusal, cx: &mut Cx<'_, Self>) -> Taken {
        let before = client.tx.len();
        if self.last_words(client, refusal.status, cx).is_err() && before > 0 {
            return Taken::Full;
        }
        let bytes = (client.tx.len() - before) as u64;
        let vhost = self.default_vhost(cx.world);
        let fields = Fields {
            peer: Some(self.peer.ip),
            vhost: vhost.name.as_bytes(),
            ..logging::UNREADABLE
        };
        cx.local.log_whole(cx.now_ms, vhost, &fields, refusal.status, bytes);
        client.rx.consume(client.rx.len());
        Taken::Refused
    }

    /// An answer that does not fit: later, or never when nothing is in its way.
    fn no_room(&self, client: &mut End, cx: &mut Cx<'_, Self>, before: usize) -> Taken {
        if before > 0 {
            return Taken::Full;
        }
        let status = Status::INTERNAL_SERVER_ERROR;
        self.refuse(client, Refusal { status, why: "the answer's head is too large" }, cx)
    }

    /// An error page for a request that has no vhost yet, as the last thing on the connection.
    pub(super) fn last_words(
        &self,
        client: &mut End,
        status: Status,
        cx: &mut Cx<'_, Self>,
    ) -> Result<(), crate::buf::Full> {
        cx.local.tick(cx.now_ms);
        let mut reply = Reply {
            tx: &mut client.tx,
            date: &cx.local.date,
            page: &mut cx.local.page,
            header_block: &self.default_vhost(cx.world).headers,
            version: Version::Http11,
            keep_alive: false,
            head_only: begins_as_head(client.rx.filled()),
        };
        reply.error(status, |_| {})
    }

    pub(super) fn default_vhost(&self, site: &'static super::Site) -> &'static crate::vhost::Vhost {
        site.world.vhost(ListenerId(self.listener.0), b"").1
    }
}

/// Whether what is here of a request's body is framed as it should be. A body that breaks its
/// framing later only ends the connection, since the answer has begun by then.
fn body_is_sound(head: &Head<'_>, bytes: &[u8]) -> bool {
    let mut body = BodyReader::new(head.framing);
    let mut rest = bytes.get(head.bytes..).unwrap_or_default();
    while !body.is_done() && !rest.is_empty() {
        match body.read(rest) {
            Ok(step) if step.used > 0 => rest = rest.get(step.used..).unwrap_or_default(),
            Ok(_) => return true,
            Err(_) => return false,
        }
    }
    true
}
