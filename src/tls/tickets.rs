//! Session tickets: stateless, with keys that belong to one policy.
