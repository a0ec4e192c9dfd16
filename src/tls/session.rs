//! A session: its handshake by rustls, then its records by our own layer.
