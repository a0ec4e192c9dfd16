//! The time limits of a connection: which one is next, and what follows when it is over.

use super::client::{Client, Cx};
use super::http::{Http, Phase};
use super::limits::{CHECK_MS, LINGER_SILENT_MS};
use crate::buf::{CloseReason, End};
use crate::http::head::Refusal;
use crate::http::status::Status;
use crate::reactor::{Deadline, Step, Timeout};

impl Http {
    pub(super) fn deadline(&self) -> Deadline {
        let limits = &self.site.world.limits;
        let at = |since_ms: u64, limit_ms: u64, why| Deadline { at_ms: since_ms + limit_ms, why };
        match &self.phase {
            Phase::Idle { .. } => at(self.began_ms, self.patience_ms, Timeout::Idle),
            Phase::Head => {
                let silent = at(self.progress_ms, limits.timeout_ms, Timeout::Head);
                match &self.body {
                    None => {
                        silent.earlier(at(self.began_ms, limits.header_timeout_ms, Timeout::Head))
                    }
                    Some(body) => match body.rate_deadline_ms(limits.body_rate_min) {
                        Some(at_ms) => silent.earlier(Deadline { at_ms, why: Timeout::Head }),
                        None => silent,
                    },
                }
            }
            Phase::Checking { .. } | Phase::Listing(_) => {
                at(self.began_ms, CHECK_MS, Timeout::Check)
            }
            Phase::Blocked | Phase::Exchange(_) | Phase::Closing { .. } => {
                at(self.progress_ms, limits.send_timeout_ms, Timeout::Send)
            }
            Phase::Lingering { linger_ms } => at(
                self.progress_ms,
                LINGER_SILENT_MS,
                Timeout::Linger,
            )
            .earlier(at(self.began_ms, *linger_ms, Timeout::Linger)),
        }
    }

    /// A deadline has come.
    pub(super) fn late(
        &mut self,
        why: Timeout,
        client: &mut End,
        cx: &mut Cx<'_>,
    ) -> Option<Step<Client>> {
        let reason = match why {
            // Who still takes answers is not idle, and has the time of `send-timeout-secs`.
            Timeout::Idle if !client.has_left() => {
                self.enter(Phase::Blocked, cx.now_ms);
                return None;
            }
            Timeout::Idle | Timeout::Handshake => CloseReason::IdleTimeout,
            Timeout::Head | Timeout::Check => {
                self.resume(cx);
                let refusal = match why {
                    Timeout::Head => Refusal {
                        status: Status::REQUEST_TIMEOUT,
                        why: "the request was not whole in time",
                    },
                    _ => Refusal {
                        status: Status::SERVICE_UNAVAILABLE,
                        why: "the password was not checked, or the directory not read, in time",
                    },
                };
                let _ = self.refuse(client, refusal, cx);
                client.rx.consume(client.rx.len());
                // It had its time; what it sends now is not waited for as long again.
                let closing = Phase::Closing { clean: false, linger_ms: LINGER_SILENT_MS };
                self.enter(closing, cx.now_ms);
                return None;
            }
            Timeout::Send => CloseReason::SendTimeout,
            Timeout::Linger => CloseReason::LingerTimeout,
        };
        Some(Step::Close(reason))
    }
}
