//! Fuzz target: configuration files; the oracle panics when a promise is broken.
#![no_main]

#[path = "../oracles/config.rs"]
mod oracle;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| oracle::check(bytes));
