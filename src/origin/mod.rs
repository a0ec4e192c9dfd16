//! Leaf sources: what answers a request once the world has routed it.

mod apr1;
pub mod cache;
mod cache_key;
mod charset;
pub mod credential_line;
pub mod credentials;
pub mod error_page;
pub mod file;
pub mod gate;
pub mod lines;
pub mod listing;
mod listing_page;
mod listing_view;
pub mod redirect;
mod secret;
pub mod sibling;
mod validator;
pub mod verifier;
