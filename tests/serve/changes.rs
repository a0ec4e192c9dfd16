//! Files that change while they are served.

use super::server::{Folder, until};

/// As a camera does it, every second, under the same name.
#[test]
fn a_file_that_is_written_anew_has_the_length_and_tag_of_its_bytes() {
    let server = Folder::new().file("www/f.bin", "first text").serve_www("", "", "");
    let mut tags = Vec::new();
    for len in [10_000, 12_000, 5_000, 300_000, 200_000, 8_000] {
        let text = len.to_string().repeat(len / len.to_string().len());
        server.folder.write("www/f.bin", &text);
        let answer = server.get("/f.bin", &[]);
        assert_eq!((answer.status, answer.body.len()), (200, text.len()));
        assert!(answer.body == text.as_bytes());
        let tag = answer.value("ETag").to_owned();
        assert!(!tags.contains(&tag), "{tag}");
        let same = server.get("/f.bin", &[&format!("If-None-Match: {tag}")]);
        assert_eq!((same.status, same.value("ETag")), (304, tag.as_str()));
        tags.push(tag);
    }
}

#[test]
fn a_changed_file_is_seen() {
    let server = Folder::new().file("www/f.bin", "first text").serve_www("", "", "");
    let first = server.get("/f.bin", &[]).value("ETag").to_owned();
    server.folder.write("www/f.bin", "other text");
    until("the new content", || server.get("/f.bin", &[]).body == b"other text");
    assert_ne!(server.get("/f.bin", &[]).value("ETag"), first);
    std::fs::remove_file(server.folder.at("www/f.bin")).unwrap();
    until("the file is gone", || server.status("/f.bin") == 404);
}
