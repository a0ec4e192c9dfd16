//! Certificates of the process: those that are named, and the self-signed one.

pub(super) mod load;
mod names;
pub(super) mod self_signed;
pub(super) mod state_dir;
