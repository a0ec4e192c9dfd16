//! Kinglet: a web server for small Linux boards that reads lwsws configurations.
//!
//! The crate is one house; each folder is a floor that may only look down. In dependency order:
//!
//! # `buf`: bytes that wait
//! Fixed queues, the block pool, and the words that every floor above answers with.
//!
//! # `sys`: the operating system
//! The only place with `unsafe`: descriptors, sockets, mappings, users, signals, file walking.
//!
//! # `http`: the HTTP/1.1 core
//! Sans-IO: bytes in, bytes and decisions out (RFC 9110, RFC 9112).
//!
//! # `tls`: encrypted connections
//! Sans-IO as well: handshakes by rustls, records, certificates, policies, tickets.
//!
//! # `reactor`: the event loop
//! Slots, lanes, the timer wheel, listeners; generic over the role that a connection plays.
//!
//! # `config`: what the user wrote
//! Text to tree with places, tree to typed settings, one key table, diagnostics.
//!
//! # `vhost`: the immutable world
//! Listeners, virtual hosts, mounts, media types, the access log.
//!
//! # `origin`: what answers
//! Leaf sources: files, redirects, error pages, the gate in front of them.
//!
//! # `conn`: the roles
//! Where the floors meet: a connection that speaks HTTP.
//!
//! # `daemon`: the process
//! Command line, checks, start, signals, stop.
#![warn(missing_docs)]

pub mod buf;
pub mod config;
pub mod conn;
pub mod daemon;
pub mod http;
pub mod origin;
pub mod reactor;
pub mod sys;
pub mod tls;
pub mod vhost;
