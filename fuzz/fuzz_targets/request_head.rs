//! Fuzz target: request heads, cut anywhere; the oracle panics when a promise is broken.
#![no_main]

#[path = "../oracles/request_head.rs"]
mod oracle;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| oracle::check(bytes));
