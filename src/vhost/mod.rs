//! The immutable world.

pub mod mime;
