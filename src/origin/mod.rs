//! What answers: leaf sources, none of which knows another.

pub mod apr1;
pub mod cache;
pub mod credentials;
pub mod file;
pub mod listing;
pub mod secret;
pub mod sibling;
pub mod validator;
pub mod verifier;
