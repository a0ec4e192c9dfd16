//! The immutable world.
