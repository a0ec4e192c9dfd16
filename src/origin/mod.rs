//! Leaf sources: what answers a request once the world has routed it. None knows another.

pub mod cache;
pub mod error_page;
pub mod file;
pub mod gate;
pub mod redirect;
pub mod sibling;
pub mod validator;
