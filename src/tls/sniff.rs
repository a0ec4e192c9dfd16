//! The first bytes of a connection: is it TLS, and whom does it ask for?
