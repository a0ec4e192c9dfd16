//! The role of a connection to a TLS listener until it is known what it speaks.
//!
//! ```text
//! Sniffing ── hello ──▶ (InLine) ──▶ Shaking ── Finished ──▶ Http
//!     └────── anything else ───────────────────────────────▶ Http, in the clear
//! ```

use super::client::{Client, Cx, Effect};
use super::handshakes::Entered;
use super::http::Http;
use super::limits::{
    ALERT_INTERNAL_ERROR, ALERT_PROTOCOL_VERSION, ALERT_RECORD_OVERFLOW, LATECOMER_MS,
};
use super::security::Security;
use super::site::Site;
use crate::buf::{CloseReason, End, Ends, LaneId};
use crate::reactor::{Deadline, Note, Step, Timeout, Wait};
use crate::sys::log;
use crate::sys::peer::PeerAddr;
use crate::tls::{Hello, Session, Sniffed, sniff};
use crate::vhost::{ListenerId, VhostId};

/// See the module's page.
#[derive(Debug)]
pub struct Opening {
    pub(super) peer: PeerAddr,
    listener: ListenerId,
    site: &'static Site,
    /// Whom the hello asks for.
    vhost: VhostId,
    phase: Phase,
    began_ms: u64,
    progress_ms: u64,
    /// How long the first byte is waited for.
    patience_ms: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing came yet.
    Silent,
    /// Part of a hello is here.
    Sniffing,
    /// The hello waits until another handshake has ended.
    InLine { serial: u64 },
    /// The handshake goes on.
    Shaking { serial: u64 },
}

impl Opening {
    pub(super) fn new(peer: PeerAddr, listener: ListenerId, cx: &Cx<'_>) -> Self {
        Self {
            peer,
            listener,
            site: cx.world,
            vhost: VhostId(0),
            phase: Phase::Silent,
            began_ms: cx.now_ms,
            progress_ms: cx.now_ms,
            patience_ms: cx.world.world.limits.header_timeout_ms,
        }
    }

    pub(super) fn step(
        &mut self,
        ends: &mut Ends,
        cx: &mut Cx<'_>,
        note: Option<Note>,
    ) -> Step<Client> {
        let client = &mut ends[LaneId::Client];
        if client.came_in {
            self.progress_ms = cx.now_ms;
        }
        match (note, self.phase) {
            (Some(Note::Timeout(_)), Phase::Silent) => {
                return Step::Close(CloseReason::IdleTimeout);
            }
            (Some(Note::Timeout(_)), _) => return Step::Close(CloseReason::HandshakeTimeout),
            (Some(Note::Drain), Phase::Silent) if client.rx.is_empty() => {
                if cx.now_ms >= self.began_ms + LATECOMER_MS {
                    return Step::Close(CloseReason::Shutdown);
                }
                self.patience_ms = LATECOMER_MS;
            }
            (Some(Note::Answer { serial, granted }), Phase::InLine { serial: own })
                if serial == own && granted =>
            {
                let hello = match sniff(client.rx.filled()) {
                    Sniffed::Hello(hello) => Some(hello),
                    _ => None,
                };
                return self.begin(serial, hello, client, cx);
            }
            (Some(Note::Answer { serial, granted: false }), Phase::Shaking { serial: own })
                if serial == own =>
            {
                return Step::Close(CloseReason::HandshakeTimeout);
            }
            _ => {}
        }
        match self.phase {
            Phase::Silent | Phase::Sniffing => self.sniff(client, cx),
            Phase::InLine { .. } => Step::Wait(Wait::Note),
            Phase::Shaking { serial } => self.shake(serial, client, cx),
        }
    }

    /// Looks at what has come so far.
    fn sniff(&mut self, client: &mut End, cx: &mut Cx<'_>) -> Step<Client> {
        let hello = match sniff(client.rx.filled()) {
            Sniffed::Short if client.eof => return Step::Close(CloseReason::PeerClosed),
            Sniffed::Short => {
                if self.phase == Phase::Silent && !client.rx.is_empty() {
                    self.phase = Phase::Sniffing;
                    self.began_ms = cx.now_ms;
                }
                return Step::Wait(Wait::Input);
            }
            Sniffed::NotTls => {
                let http = Http::new(self.peer, self.listener, Security::Clear, cx);
                return Step::Become(Client::Http(http));
            }
            Sniffed::Hello(hello) => Some(hello),
            Sniffed::Malformed => None,
            Sniffed::TooOld => return refuse(client, &ALERT_PROTOCOL_VERSION),
            Sniffed::TooLong => return refuse(client, &ALERT_RECORD_OVERFLOW),
        };
        let world = &self.site.world;
        self.vhost = match hello.as_ref().and_then(|hello| hello.server_name.as_deref()) {
            Some(name) => world.vhost(self.listener, name.as_bytes()).0,
            None => world.vhost_at(self.listener, cx.client.local_addr().map(|at| at.ip())),
        };
        if self.phase == Phase::Silent {
            self.began_ms = cx.now_ms;
        }
        match cx.local.handshakes.enter(cx.slot, cx.now_ms) {
            Entered::Begin(serial) => self.begin(serial, hello, client, cx),
            Entered::Wait(serial) => {
                self.phase = Phase::InLine { serial };
                Step::Wait(Wait::Note)
            }
        }
    }

    /// Begins the handshake with the hello that is here.
    fn begin(
        &mut self,
        serial: u64,
        hello: Option<Hello>,
        client: &mut End,
        cx: &mut Cx<'_>,
    ) -> Step<Client> {
        self.phase = Phase::Shaking { serial };
        self.progress_ms = cx.now_ms;
        let hello = hello.unwrap_or_default();
        let session = self.site.policy(self.listener, self.vhost).map(|policy| {
            let mut policy = policy.for_offer(hello.protocols.iter().map(AsRef::as_ref));
            if let Some(bytes) = hello.fragment_bytes {
                policy = policy.limited(bytes);
            }
            Session::new(&policy)
        });
        match session {
            Some(Ok(mut session)) => {
                session.pass_over_odd_name(&hello, client.rx.filled_mut());
                let asked = cx.effect(Effect::StartTls(Box::new(session)));
                debug_assert!(asked.is_ok(), "the only effect of this step");
                Step::Wait(Wait::Input)
            }
            // A vhost whose certificates cannot be trusted is closed, but not silently.
            Some(Err(_)) | None => refuse(client, &ALERT_INTERNAL_ERROR),
        }
    }

    /// The handshake has moved.
    fn shake(&self, serial: u64, client: &End, cx: &mut Cx<'_>) -> Step<Client> {
        if let Some(secured) = cx.secured.take() {
            cx.local.handshakes.leave(serial, cx.now_ms);
            if log::enabled(log::Level::Debug)
                && let Some(subject) = &secured.client_subject
            {
                log::debug(format_args!("a client shows the certificate of {subject}"));
            }
            let client = secured.client_subject.map(Box::new);
            let security = Security::Tls { vhost: self.vhost, client };
            let http = Http::new(self.peer, self.listener, security, cx);
            return Step::Become(Client::Http(http));
        }
        if client.eof {
            return Step::Close(CloseReason::PeerClosed);
        }
        if client.came_in {
            cx.local.handshakes.heard(serial, cx.now_ms);
        }
        Step::Wait(Wait::Input)
    }

    pub(super) fn deadline(&self) -> Deadline {
        let limits = &self.site.world.limits;
        let in_all = self.began_ms + limits.header_timeout_ms;
        let why = Timeout::Handshake;
        match self.phase {
            Phase::Silent => Deadline { at_ms: self.began_ms + self.patience_ms, why },
            Phase::InLine { .. } => Deadline { at_ms: in_all, why },
            Phase::Sniffing | Phase::Shaking { .. } => {
                Deadline { at_ms: in_all.min(self.progress_ms + limits.timeout_ms), why }
            }
        }
    }

    pub(super) fn closed(&self, cx: &mut Cx<'_>) {
        if let Phase::InLine { serial } | Phase::Shaking { serial } = self.phase {
            cx.local.handshakes.leave(serial, cx.now_ms);
        }
    }
}

/// Says why there is no handshake, and that is all.
fn refuse(client: &mut End, alert: &[u8]) -> Step<Client> {
    client.rx.consume(client.rx.len());
    let _ = client.tx.put(alert);
    Step::Close(CloseReason::TlsFailed)
}
