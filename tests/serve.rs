//! The server as its clients see it: a configuration, real sockets, whole answers.

#[path = "serve/auth.rs"]
mod auth;
#[path = "serve/changes.rs"]
mod changes;
#[path = "serve/client.rs"]
mod client;
#[path = "serve/content.rs"]
mod content;
#[path = "serve/faults.rs"]
mod faults;
#[path = "serve/framing.rs"]
mod framing;
#[path = "serve/limits.rs"]
mod limits;
#[path = "serve/logging.rs"]
mod logging;
#[path = "serve/not_found.rs"]
mod not_found;
#[path = "serve/paths.rs"]
mod paths;
#[path = "serve/retire.rs"]
mod retire;
#[path = "serve/routing.rs"]
mod routing;
#[path = "serve/server.rs"]
mod server;
#[path = "serve/tls.rs"]
mod tls;
#[path = "serve/tls_client.rs"]
mod tls_client;
#[path = "serve/tls_limits.rs"]
mod tls_limits;
#[path = "serve/unix.rs"]
mod unix;
