//! Leaf sources: what answers a request once the world has routed it. None knows another.

pub mod error_page;
pub mod gate;
pub mod redirect;
