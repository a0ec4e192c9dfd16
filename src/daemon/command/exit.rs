//! Exit codes.

/// All is well.
pub(in crate::daemon) const OK: u8 = 0;
/// Something failed while running.
pub(in crate::daemon) const RUNTIME: u8 = 1;
/// The command line is wrong.
pub(in crate::daemon) const USAGE: u8 = 2;
/// Not now: it may work when it is tried again (EX_TEMPFAIL of sysexits.h).
pub(in crate::daemon) const BUSY: u8 = 75;
/// The configuration is wrong (EX_CONFIG of sysexits.h).
pub(in crate::daemon) const CONFIG: u8 = 78;
