//! ifaddr
