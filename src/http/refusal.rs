//! Why a request is not served.

use super::status::Status;

/// Why a request is not served. The connection closes after the answer, always: where the next
/// request would begin is no longer certain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// The status to answer with.
    pub status: Status,
    /// The reason, for the log.
    pub why: &'static str,
}

/// A refusal of what is no request.
pub(super) fn bad(why: &'static str) -> Refusal {
    Refusal { status: Status::BAD_REQUEST, why }
}
