#![no_main]

#[path = "../oracles/chunked_body.rs"]
mod oracle;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| oracle::check(bytes));
