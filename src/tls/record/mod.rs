//! Established sessions: opening and sealing records, renewing keys, ending with alerts.
//!
//! ```text
//! Records ── opener() ──▶ Opener ──▶ plaintext      Records ── sealer() ──▶ Sealer ──▶ records
//! ```

pub(super) mod alert;
pub(super) mod key_schedule;
pub(super) mod opener;
pub(super) mod records;
pub(super) mod sealer;
