//! What can be known before serving: the configuration, this machine, who serves, the memory
//! bound.

pub(super) mod budget;
pub(super) mod finding;
pub(super) mod identity;
pub(super) mod machine;
pub(super) mod survey;
mod tls;
