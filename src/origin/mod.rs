//! What answers: leaf sources, none of which knows another.

pub mod cache;
pub mod file;
pub mod sibling;
pub mod validator;
