//! The immutable world: listeners, virtual hosts, mounts, address rules, the access log.
//!
//! A [`World`] is built once from typed settings and never changes; what a request needs from
//! it is found without allocating, and its fixed header lines are already rendered.

mod build;
pub mod certificate_files;
pub mod certificates;
#[cfg(test)]
pub(crate) mod fixture;
mod headers;
mod listeners;
pub mod log;
mod log_files;
mod log_line;
mod log_sink;
mod log_time;
mod log_writer;
pub mod mime;
mod mounts;
mod names;
pub mod rules;
pub mod world;

pub use mounts::MountMatch;
pub use world::{
    AuthId, ErrorDocument, FileMount, Listener, ListenerId, LogId, Mount, MountId, MountTarget,
    Redirect, Vhost, VhostId, World,
};
