//! Fuzz target: values of Range; the oracle panics when a promise is broken.
#![no_main]

#[path = "../oracles/range_header.rs"]
mod oracle;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| oracle::check(bytes));
