//! What can be known before serving: the configuration, this machine, who serves, the memory
//! bound.

pub(super) mod budget;
mod chroot;
mod credentials;
pub(in crate::daemon) mod descriptors;
mod error_document;
pub(super) mod identity;
pub(super) mod machine;
pub(super) mod migration;
pub(super) mod survey;
pub(super) mod tls;
pub(super) mod unix_sockets;
