//! A process that has run out of descriptors goes on serving files.
//!
//! The only test of its program: while it runs nothing else can open a file.

use kinglet::http::encoding::Accepted;
use kinglet::origin::cache::FileCache;
use kinglet::origin::file::{Ask, FileMount, Outcome, answer};
use kinglet::sys::walk::Rules;
use kinglet::vhost::mime::MimeTable;
use std::fs::File;

/// Above this limit the test would only be slow.
const LIMIT_MAX: usize = 100_000;

#[test]
fn cached_descriptors_are_given_up_for_the_file_that_is_asked_for() {
    let dir = std::env::temp_dir().join(format!("kinglet-descriptors-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    for n in 0..9 {
        std::fs::write(dir.join(format!("{n}.txt")), vec![b'x'; 5000]).unwrap();
    }
    std::fs::write(dir.join("small.txt"), b"small").unwrap();
    let mut cache = FileCache::new(16, [dir.as_path()]);
    let mount = FileMount {
        id: 0,
        default_document: "index.html".into(),
        rules: Rules::default(),
        mime: MimeTable::new(&[], Some("utf-8")),
        directory_listing: false,
    };
    let mut ask = |name: &str, now_ms| {
        let path = format!("/{name}.txt");
        let ask =
            Ask { path: path.as_bytes(), accept: Accepted::IDENTITY, now_ms, wall_secs: 1 << 32 };
        match answer(&mut cache, &mount, &ask) {
            Outcome::Found(file) => Ok(file.size),
            other => Err(format!("{other:?}")),
        }
    };
    for n in 0..8 {
        assert_eq!(ask(&n.to_string(), 0), Ok(5000));
    }
    let mut hoard = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        hoard.push(file);
        if hoard.len() > LIMIT_MAX {
            break;
        }
    }
    // Trusted, new, and to be looked at again together with the directory itself.
    let answers = [ask("7", 1), ask("8", 1), ask("small", 1), ask("8", 5000), ask("0", 9000)];
    // What is free now is taken too: nothing is left to give up.
    while hoard.len() <= LIMIT_MAX
        && let Ok(file) = File::open("/dev/null")
    {
        hoard.push(file);
    }
    let limited = hoard.len() <= LIMIT_MAX;
    let kept = ask("0", 9001);
    let first = ask("1", 9001);
    let file = File::open("/dev/null");
    let none_left = ask("2", 9001);
    drop((file, hoard));
    let after = ask("2", 9001);
    std::fs::remove_dir_all(&dir).unwrap();
    assert_eq!(answers, [Ok(5000), Ok(5000), Ok(5), Ok(5000), Ok(5000)]);
    assert_eq!((kept, first), (Ok(5000), Ok(5000)));
    if limited {
        assert!(none_left == Ok(5000) || none_left == Err("Busy".into()), "{none_left:?}");
    }
    assert_eq!(after, Ok(5000));
}
