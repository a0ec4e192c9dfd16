//! A session: its handshake by rustls, then its records by our own layer.
//!
//! ```text
//! Shaking ── the client's Finished ──▶ Established ── close_notify, alert ──▶ Ended
//! ```
//!
//! rustls keeps several KiB for each connection. When the handshake is done its traffic secrets
//! are taken out, rustls' state is dropped, and [`Records`] goes on with what is left.

use std::fmt;

use rustls::ProtocolVersion;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, UnbufferedStatus};

use super::failure::Failure;
use super::hello::{self, Hello};
use super::secret_tap;
use super::sniff::{HELLO_BYTES_MAX, Sniffed, sniff};
use crate::buf::Buf;
use crate::tls::policy::terms::Policy;
use crate::tls::policy::transcript;
use crate::tls::record::alert::Alert;
use crate::tls::record::key_schedule::TrafficSecrets;
use crate::tls::record::opener::Opened;
use crate::tls::record::records::{
    Front, PLAIN_BYTES_MAX, RECORD_HEAD_BYTES, Records, TAG_BYTES, TYPE_ALERT, front,
};
use crate::tls::record::sealer::Sealer;
use crate::tls::x509::certificate::Certificate;

/// Most bytes of records that one handshake message may be spread over: a hello again, or a
/// client's certificates.
pub(super) const HANDSHAKE_BYTES_MAX: usize = HELLO_BYTES_MAX;

/// The level of an alert that ends the session.
const LEVEL_FATAL: u8 = 2;

/// One TLS connection, seen from the server.
#[derive(Debug)]
pub struct Session {
    state: State,
}

// Established sessions are what there are thousands of, and they live in their place.
#[allow(clippy::large_enum_variant)]
#[derive(Debug)]
enum State {
    Shaking(Box<Shaking>),
    Established(Records),
    Ended,
}

/// What is needed until the handshake is done.
struct Shaking {
    connection: UnbufferedServerConnection,
    secrets: Option<TrafficSecrets>,
    /// Bytes at the front of the input that rustls has seen and still needs: parts of a message,
    /// which it opens and joins where they are. It counts on finding them again.
    given: usize,
    /// Most bytes of plaintext in a record for the client.
    plain_bytes_max: usize,
    /// Where the hello has an extension that rustls must not see; none when it has not come.
    hidden_at: Option<usize>,
}

impl fmt::Debug for Shaking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shaking").finish_non_exhaustive()
    }
}

/// What received bytes came to.
#[derive(Debug)]
pub enum Received {
    /// Every whole record was used.
    More,
    /// The next record waits until there is room for what is in it.
    Full {
        /// Bytes of that room.
        room_bytes: usize,
    },
    /// The handshake is done; there may be more in the input.
    Secured(Secured),
    /// The peer has sent close_notify: nothing follows.
    Closed,
    /// The session is over; what was written for the peer is to be sent first.
    Failed(Failure),
}

/// What the handshake has found out.
#[derive(Debug)]
pub struct Secured {
    /// The subject of the client's certificate (RFC 4514), if it had to show one.
    pub client_subject: Option<Box<str>>,
    /// An earlier session was resumed.
    pub is_resumed: bool,
}

impl Session {
    /// Begins a handshake under `policy`.
    ///
    /// # Errors
    /// When the policy cannot be used, which is a fault of the program.
    pub fn new(policy: &Policy) -> Result<Self, Failure> {
        let connection = UnbufferedServerConnection::new(policy.config().clone());
        let connection = connection.map_err(Failure::Handshake)?;
        let plain_bytes_max = policy.plain_bytes_max();
        let (secrets, given, hidden_at) = (None, 0, None);
        let shaking = Shaking { connection, secrets, given, plain_bytes_max, hidden_at };
        Ok(Self { state: State::Shaking(Box::new(shaking)) })
    }

    /// Makes rustls pass over a server name that is no name, for which it would refuse the hello
    /// at the front of `input`. What both sides take into their transcript is what the client has
    /// sent (the module `transcript`).
    pub fn pass_over_odd_name(&mut self, hello: &Hello, input: &mut [u8]) {
        if let (State::Shaking(shaking), Some(at)) = (&mut self.state, hello.odd_name_at) {
            hello::hide(input, at);
            shaking.hidden_at = Some(at);
        }
    }

    /// Whether application data may be sent.
    #[must_use]
    pub fn is_established(&self) -> bool {
        matches!(self.state, State::Established(_))
    }

    /// Takes whole records from `input`, which is changed, puts plaintext into `plain` and answers
    /// of the handshake into `out`; how many bytes of `input` were used, and what became of it.
    /// The rest, as it was changed, must be at the front of `input` at the next call.
    pub fn receive(
        &mut self,
        input: &mut [u8],
        plain: &mut Buf,
        out: &mut Buf,
    ) -> (usize, Received) {
        let (used, received) = match &mut self.state {
            State::Shaking(shaking) => shaking.receive(input, out),
            State::Established(records) => {
                let (used, received) = open(records, input, plain, out);
                (used, Step::Other(received))
            }
            State::Ended => (input.len(), Step::Other(Received::Closed)),
        };
        let received = match received {
            Step::Done => self.establish(),
            Step::Other(received) => received,
        };
        if matches!(received, Received::Failed(_)) {
            self.state = State::Ended;
        }
        (used, received)
    }

    /// Replaces the handshake's state by what is left of it.
    fn establish(&mut self) -> Received {
        let State::Shaking(shaking) = std::mem::replace(&mut self.state, State::Ended) else {
            return Received::Closed;
        };
        let Shaking { connection, secrets, plain_bytes_max, .. } = *shaking;
        let secured = Secured {
            client_subject: connection.peer_certificates().and_then(|chain| {
                let certificate = Certificate::parse(chain.first()?).ok()?;
                Some(certificate.subject().into_boxed_str())
            }),
            is_resumed: connection.handshake_kind() == Some(rustls::HandshakeKind::Resumed),
        };
        let Some(version) = connection.protocol_version() else { return Received::Closed };
        let records = match connection.dangerous_into_kernel_connection() {
            Ok((extracted, _)) => Records::new(extracted, version, secrets),
            Err(error) => return Received::Failed(Failure::Handshake(error)),
        };
        match records {
            Ok(mut records) => {
                records.limit(plain_bytes_max);
                self.state = State::Established(records);
                Received::Secured(secured)
            }
            Err(_) => Received::Failed(Failure::Refused(Alert::InternalError)),
        }
    }

    /// Whether something has to be sealed though nobody has anything to say.
    #[must_use]
    pub fn owes(&self) -> bool {
        matches!(&self.state, State::Established(records) if records.owes())
    }

    /// What seals records; none before the handshake is done, and after the end.
    pub fn sealer(&mut self) -> Option<Sealer<'_>> {
        match &mut self.state {
            State::Established(records) => Some(records.sealer()),
            State::Shaking(_) | State::Ended => None,
        }
    }
}

/// What comes next in a handshake.
enum Next {
    /// Not a whole record yet.
    Nothing,
    Record {
        bytes: usize,
    },
    /// Nothing that could be a record. rustls may say what is wrong, in words that the client
    /// understands; if it does not, `alert` is said.
    Rubbish {
        bytes: usize,
        alert: Alert,
    },
}

/// What a piece of the handshake came to.
enum Step {
    Done,
    Other(Received),
}

impl Shaking {
    /// Gives rustls one record after the other, so that nothing behind the handshake is touched.
    ///
    /// It is called only when there is another record: it tries early data, which is not wanted
    /// and skipped, again each time, and up to a limit.
    fn receive(&mut self, input: &mut [u8], out: &mut Buf) -> (usize, Step) {
        let mut used = 0;
        self.given = self.given.min(input.len());
        loop {
            let rest = input.get_mut(used..).unwrap_or_default();
            let (bytes, refusal) = match self.next(rest) {
                Next::Nothing => return (used, Step::Other(Received::More)),
                Next::Record { bytes } => (bytes, None),
                Next::Rubbish { bytes, alert } => (bytes, Some(alert)),
            };
            self.given += bytes;
            self.hide_again(rest);
            let (discarded, step) = self.process(rest, out);
            used += discarded;
            if let Some(step) = step {
                return (used, step);
            }
            if let Some(alert) = refusal {
                self.say(alert, out);
                return (used, Step::refused(alert));
            }
        }
    }

    /// Hides the odd name of a second hello too (RFC 8446 section 4.1.2), when that is one record:
    /// to look again after each of many small ones would cost too much.
    fn hide_again(&mut self, input: &mut [u8]) {
        if self.hidden_at.is_some()
            && front(input) == (Front::Record { bytes: self.given })
            && let Some(given) = input.get_mut(..self.given)
            && let Sniffed::Hello(Hello { odd_name_at: Some(at), .. }) = sniff(given)
        {
            hello::hide(given, at);
            self.hidden_at = Some(at);
        }
    }

    /// Lets rustls do what it can with the given bytes; how many it is done with, and what ends
    /// the handshake.
    fn process(&mut self, input: &mut [u8], out: &mut Buf) -> (usize, Option<Step>) {
        let mut used = 0;
        loop {
            let given = input.get_mut(used..used + self.given).unwrap_or_default();
            secret_tap::begin();
            let hidden = transcript::hidden(self.hidden_at);
            let UnbufferedStatus { discard, state } = self.connection.process_tls_records(given);
            drop(hidden);
            if let Some(caught) = secret_tap::take() {
                self.secrets = caught.traffic_secrets();
            }
            let ended = match state {
                Ok(ConnectionState::EncodeTlsData(mut data)) => match data.encode(out.room()) {
                    Ok(bytes) => {
                        out.commit(bytes);
                        None
                    }
                    Err(_) => Some(Step::refused(Alert::InternalError)),
                },
                Ok(ConnectionState::TransmitTlsData(data)) => {
                    data.done();
                    None
                }
                Ok(ConnectionState::BlockedHandshake) => {
                    self.given -= discard.min(self.given);
                    return (used + discard, None);
                }
                Ok(ConnectionState::WriteTraffic(_)) => Some(Step::Done),
                Ok(ConnectionState::PeerClosed | ConnectionState::Closed) => {
                    Some(Step::Other(Received::Closed))
                }
                // Early data is not offered, and other data never reaches rustls.
                Ok(_) => Some(Step::refused(Alert::UnexpectedMessage)),
                Err(error) => {
                    self.last_words(out);
                    Some(Step::Other(Received::Failed(Failure::of_handshake(error))))
                }
            };
            used += discard;
            self.given -= discard.min(self.given);
            if ended.is_some() {
                return (used, ended);
            }
        }
    }

    /// What rustls gets next behind the given bytes.
    fn next(&self, input: &[u8]) -> Next {
        let rest = input.get(self.given..).unwrap_or_default();
        match front(rest) {
            Front::Record { bytes } if self.given + bytes > HANDSHAKE_BYTES_MAX => {
                Next::Rubbish { bytes: 0, alert: Alert::RecordOverflow }
            }
            Front::Record { bytes } if bytes <= rest.len() => Next::Record { bytes },
            Front::Short | Front::Record { .. } => Next::Nothing,
            Front::Refused(alert) => Next::Rubbish { bytes: rest.len(), alert },
        }
    }

    /// What rustls has left behind for the client, an alert at its end.
    fn last_words(&mut self, out: &mut Buf) {
        // Without something to say it would look for more input.
        while self.connection.wants_write() {
            let UnbufferedStatus { state, .. } = self.connection.process_tls_records(&mut []);
            let Ok(ConnectionState::EncodeTlsData(mut data)) = state else { return };
            let Ok(bytes) = data.encode(out.room()) else { return };
            out.commit(bytes);
        }
    }

    /// An alert of our own. In TLS 1.3 only rustls could say it: our hello has gone out, and what
    /// follows it is sealed.
    fn say(&self, alert: Alert, out: &mut Buf) {
        if self.connection.protocol_version() != Some(ProtocolVersion::TLSv1_3) {
            let _ = out.put(&[TYPE_ALERT, 3, 3, 0, 2, LEVEL_FATAL, alert.code()]);
        }
    }
}

impl Step {
    fn refused(alert: Alert) -> Self {
        Self::Other(Received::Failed(Failure::Refused(alert)))
    }
}

/// Opens whole records as long as there is room for what is in them.
fn open(
    records: &mut Records,
    input: &mut [u8],
    plain: &mut Buf,
    out: &mut Buf,
) -> (usize, Received) {
    let mut used = 0;
    let mut refusal = None;
    let mut opener = records.opener();
    let received = loop {
        let rest = input.get_mut(used..).unwrap_or_default();
        let bytes = match front(rest) {
            Front::Record { bytes } if bytes <= rest.len() => bytes,
            Front::Record { .. } | Front::Short => break Received::More,
            Front::Refused(alert) => {
                refusal = Some(alert);
                break Received::Failed(Failure::Refused(alert));
            }
        };
        // No suite adds less than this.
        let room_bytes = bytes.saturating_sub(RECORD_HEAD_BYTES + TAG_BYTES).min(PLAIN_BYTES_MAX);
        if plain.room_len() < room_bytes {
            break Received::Full { room_bytes };
        }
        used += bytes;
        match opener.open(rest.get_mut(..bytes).unwrap_or_default()) {
            Opened::Data(data) => {
                plain.push(data);
            }
            Opened::Nothing => {}
            Opened::Closed => break Received::Closed,
            Opened::Failed => break Received::Failed(Failure::Alerted),
            Opened::Refused(alert) => {
                refusal = Some(alert);
                break Received::Failed(Failure::Refused(alert));
            }
        }
    };
    if let Some(alert) = refusal {
        // Said if there is room; the connection ends in any case.
        let _ = records.sealer().alert(alert, out);
    }
    (used, received)
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
