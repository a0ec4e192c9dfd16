//! The access-log line of an exchange: begun with its head, finished with its last byte.

use super::local::Local;
use crate::buf::Chain;
use crate::http::fields::Field;
use crate::http::glimpse::Glimpse;
use crate::http::head::{Head, Version};
use crate::http::status::Status;
use crate::sys::peer::PeerAddr;
use crate::vhost::log::{Begun, Fields, begin};
use crate::vhost::{LogId, Vhost};

/// A begun line that waits for the end of its exchange.
#[derive(Debug)]
pub(super) struct Line {
    log: LogId,
    begun: Begun,
    status: u16,
    text: Chain,
}

/// The fields of a line for a request that was refused: what can be made out of it.
pub(super) fn refused<'a>(seen: &Glimpse<'a>, peer: PeerAddr, vhost: &'a Vhost) -> Fields<'a> {
    Fields {
        peer: Some(peer),
        user: None,
        vhost: vhost.name.as_bytes(),
        method: seen.method,
        target: seen.target,
        version: seen.version,
        referer: seen.referer,
        user_agent: seen.user_agent,
        head_bytes: 0,
    }
}

/// The fields of a line for `head`; the user is the one that the head's answer let in.
pub(super) fn fields<'a>(
    head: &Head<'a>,
    peer: PeerAddr,
    vhost: &'a Vhost,
    user: Option<&'a [u8]>,
) -> Fields<'a> {
    Fields {
        peer: Some(peer),
        user,
        vhost: vhost.name.as_bytes(),
        method: head.method_text.as_bytes(),
        target: head.target_text.as_bytes(),
        version: match head.version {
            Version::Http10 => b"HTTP/1.0",
            Version::Http11 => b"HTTP/1.1",
        },
        referer: head.fields.get(Field::Referer),
        user_agent: head.fields.get(Field::UserAgent),
        head_bytes: 0,
    }
}

impl Local {
    /// Renders the line of an exchange into the scratch; none when the vhost has no log.
    fn begin_line(&mut self, vhost: &Vhost, fields: &Fields<'_>) -> Option<(LogId, Begun)> {
        let log = vhost.access_log?;
        let stamp = self.log_clock.stamp(self.date.unix_secs().cast_signed());
        self.log_line.clear();
        // A line that does not fit its bound is a fault of the bound; nothing can be said then.
        let begun = begin(vhost.log_format, fields, stamp, &mut self.log_line).ok()?;
        Some((log, begun))
    }

    /// Logs an exchange that is over already.
    pub(super) fn log_whole(
        &mut self,
        now_ms: u64,
        vhost: &Vhost,
        fields: &Fields<'_>,
        status: Status,
        bytes: u64,
    ) {
        if let Some((log, begun)) = self.begin_line(vhost, fields) {
            let line = self.log_line.filled();
            self.log.append(now_ms, log, line, begun, status.code(), bytes);
        }
    }

    /// Begins the line of an exchange that goes on; `planned` bytes are logged at once when
    /// there is no place to keep the line.
    pub(super) fn log_begin(
        &mut self,
        now_ms: u64,
        vhost: &Vhost,
        fields: &Fields<'_>,
        status: Status,
        planned: u64,
    ) -> Option<Line> {
        let (log, begun) = self.begin_line(vhost, fields)?;
        let line = self.log_line.filled();
        match self.log_stash.store(line) {
            Some(text) => Some(Line { log, begun, status: status.code(), text }),
            None => {
                self.log.append(now_ms, log, line, begun, status.code(), planned);
                None
            }
        }
    }

    /// Finishes a begun line with the bytes that were sent.
    pub(super) fn log_end(&mut self, now_ms: u64, mut line: Line, bytes: u64) {
        self.log_line.clear();
        self.log_stash.load(&mut line.text, &mut self.log_line);
        let text = self.log_line.filled();
        self.log.append(now_ms, line.log, text, line.begun, line.status, bytes);
    }
}
