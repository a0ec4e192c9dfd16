//! What a vhost agrees to: suites, groups, versions, client rule, tickets, and what it shows.

pub(super) mod client_certificate;
pub(super) mod lists;
pub(super) mod provider;
pub(super) mod refusal;
pub(super) mod shown;
pub(super) mod suites;
pub(super) mod terms;
pub(super) mod tickets;
pub(super) mod transcript;
