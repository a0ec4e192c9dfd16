//! What a vhost's TLS is like: certificate, client rule, suites, versions, protocols.
