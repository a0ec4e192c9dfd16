//! Limits of TLS connections, and what happens at each of them.
