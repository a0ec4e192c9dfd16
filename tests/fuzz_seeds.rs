//! Replays the seeds of the fuzz targets through the same oracles, without a fuzzer.

use std::fs;
use std::path::Path;

#[path = "../fuzz/oracles/certificate.rs"]
mod certificate;
#[path = "../fuzz/oracles/chunked_body.rs"]
mod chunked_body;
#[path = "../fuzz/oracles/config.rs"]
mod config;
#[path = "../fuzz/oracles/hello.rs"]
mod hello;
#[path = "../fuzz/oracles/packets.rs"]
mod packets;
#[path = "../fuzz/oracles/range_header.rs"]
mod range_header;
#[path = "../fuzz/oracles/request_head.rs"]
mod request_head;
#[path = "../fuzz/oracles/tls_records.rs"]
mod tls_records;
#[path = "../fuzz/oracles/uri_path.rs"]
mod uri_path;

/// Runs `check` over every seed of `target`, and over each seed cut short.
fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let mut seeds = 0;
    for entry in fs::read_dir(&folder).expect("the folder of the seeds") {
        let bytes = fs::read(entry.expect("a seed").path()).expect("a seed's bytes");
        check(&bytes);
        for end in (0..bytes.len().min(64)).rev() {
            check(&bytes[..end]);
        }
        seeds += 1;
    }
    assert!(seeds > 0, "no seeds in {}", folder.display());
}

#[test]
fn request_heads() {
    replay("request_head", request_head::check);
}

#[test]
fn chunked_bodies() {
    replay("chunked_body", chunked_body::check);
}

#[test]
fn uri_paths() {
    replay("uri_path", uri_path::check);
}

#[test]
fn range_headers() {
    replay("range_header", range_header::check);
}

#[test]
fn configurations() {
    replay("config", config::check);
}

#[test]
fn tls_sessions() {
    replay("tls_records", tls_records::check);
}

#[test]
fn certificates() {
    replay("certificate", certificate::check);
}

#[test]
fn hellos() {
    replay("hello", hello::check);
}

#[test]
fn packets_between_processes() {
    replay("packets", packets::check);
}
