//! The versions that are spoken.

/// The version that a request is served as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1, and 1.2 to 1.9 (RFC 9110 section 2.5).
    Http11,
}
