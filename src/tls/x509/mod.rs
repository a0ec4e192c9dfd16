//! Certificates (RFC 5280) and their keys: reading, judging, making.

pub mod certificate;
pub(super) mod certificate_finding;
pub(super) mod der;
pub(super) mod direct;
pub(super) mod distinguished_name;
pub(super) mod identity;
pub(super) mod identity_fault;
pub(super) mod pem;
pub(super) mod private_key;
pub(super) mod roots;
pub mod self_signed;
pub(super) mod time;
