//! A certificate chain and its private key, from PEM.
