#![no_main]
//! Fuzzes what tests/fuzz_seeds.rs replays: the oracle of the same name says what must hold.

#[path = "../oracles/packets.rs"]
mod oracle;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| oracle::check(bytes));
