//! Tests of the walker on real directories; each runs with and without `openat2`.

use super::super::open::read_at;
use super::*;
use std::fs;
use std::os::fd::AsFd;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::sync::atomic::AtomicU32;

/// A directory of its own that goes away with the test.
struct Site(PathBuf);

impl Site {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("kinglet-walk-{}-{n}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(dir.join("www/dir/deep")).unwrap();
        fs::write(dir.join("secret"), b"secret").unwrap();
        fs::write(dir.join("www/a.html"), b"hello").unwrap();
        fs::write(dir.join("www/dir/b.html"), b"b").unwrap();
        fs::write(dir.join("www/dir/deep/c.html"), b"c").unwrap();
        Self(dir)
    }

    fn www(&self, name: &str) -> PathBuf {
        self.0.join("www").join(name)
    }

    fn link(&self, target: impl AsRef<Path>, name: &str) {
        symlink(target, self.www(name)).unwrap();
    }

    fn root(&self) -> Root {
        Root::open(&self.0.join("www")).unwrap()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const PLAIN: Rules = Rules { follow_symlinks: false, dotfiles: false };
const FOLLOW: Rules = Rules { follow_symlinks: true, dotfiles: false };
const DOTS: Rules = Rules { follow_symlinks: false, dotfiles: true };

/// Opens by both ways, which must agree, and gives the content of a file or "/" for a directory.
fn ask(root: &Root, path: &str, rules: Rules) -> Result<String, OpenError> {
    let read = |fast| -> Result<String, OpenError> {
        let opened = root.open_with(path.as_bytes(), rules, READ, fast)?;
        if opened.stat.kind == Kind::Directory {
            return Ok("/".into());
        }
        let mut bytes = [0; 64];
        let n = read_at(opened.fd.as_fd(), &mut bytes, 0).unwrap();
        assert_eq!(n as u64, opened.stat.size);
        Ok(String::from_utf8_lossy(&bytes[..n]).into_owned())
    };
    let (fast, slow) = (read(true), read(false));
    assert_eq!(fast, slow, "{path}");
    let look = |fast| root.open_with(path.as_bytes(), rules, LOOK, fast).map(|o| o.stat);
    assert_eq!(look(true), look(false), "{path}");
    fast
}

fn bad(error: OpenError) -> Result<String, OpenError> {
    Err(error)
}

fn ok(text: &str) -> Result<String, OpenError> {
    Ok(text.into())
}

#[test]
fn files_and_directories_are_told_apart() {
    let site = Site::new();
    let root = site.root();
    assert_eq!(ask(&root, "/a.html", PLAIN), ok("hello"));
    assert_eq!(ask(&root, "/dir/deep/c.html", PLAIN), ok("c"));
    assert_eq!(ask(&root, "/", PLAIN), ok("/"));
    assert_eq!(ask(&root, "/dir", PLAIN), ok("/"));
    assert_eq!(ask(&root, "/dir/", PLAIN), ok("/"));
    assert_eq!(ask(&root, "/a.html/", PLAIN), bad(OpenError::NotFound));
    assert_eq!(ask(&root, "/a.html/x", PLAIN), bad(OpenError::NotFound));
    assert_eq!(ask(&root, "/none", PLAIN), bad(OpenError::NotFound));
    assert_eq!(ask(&root, "/a.html/", FOLLOW), bad(OpenError::NotFound));
}

#[test]
fn odd_paths_find_nothing() {
    let site = Site::new();
    let root = site.root();
    let long_name = format!("/{}", "n".repeat(256));
    let long_path = "/dir".repeat(2000);
    let deep = "/x".repeat(2000);
    let odd = ["", "a.html", "/../secret", "/dir/../a.html", "/./a.html", "/a.html\0", "/\0"];
    for path in odd.into_iter().chain([&*long_name, &*long_path, &*deep]) {
        for rules in [PLAIN, FOLLOW, DOTS] {
            assert_eq!(ask(&root, path, rules), bad(OpenError::NotFound), "{path:.20}");
        }
    }
    assert_eq!(ask(&root, &format!("/{}", "n".repeat(255)), PLAIN), bad(OpenError::NotFound));
}

#[test]
fn a_deep_path_is_walked_to_its_end() {
    let site = Site::new();
    let names = "d/".repeat(500);
    fs::create_dir_all(site.www(&names)).unwrap();
    fs::write(site.www(&names).join("f.txt"), b"deep").unwrap();
    assert_eq!(ask(&site.root(), &format!("/{names}f.txt"), PLAIN), ok("deep"));
}

#[test]
fn names_with_a_dot_are_hidden_but_for_well_known() {
    let site = Site::new();
    for name in [".git", ".well-known", "dir/.well-known"] {
        fs::create_dir_all(site.www(name)).unwrap();
        fs::write(site.www(name).join("f"), b"f").unwrap();
    }
    fs::write(site.www(".well-known/.x"), b"x").unwrap();
    fs::write(site.www("..f"), b"two").unwrap();
    let root = site.root();
    for path in ["/.git/f", "/.git", "/dir/.well-known/f", "/.well-known/.x", "/..f"] {
        assert_eq!(ask(&root, path, PLAIN), bad(OpenError::NotFound), "{path}");
        assert_eq!(ask(&root, path, FOLLOW), bad(OpenError::NotFound), "{path}");
        assert!(ask(&root, path, DOTS).is_ok(), "{path}");
    }
    assert_eq!(ask(&root, "/.well-known/f", PLAIN), ok("f"));
}

#[test]
fn what_is_no_regular_file_is_refused_at_once() {
    let site = Site::new();
    let fifo = CString::new(site.www("fifo").as_os_str().as_bytes()).unwrap();
    // SAFETY: the path ends with NUL.
    assert_eq!(unsafe { libc::mkfifo(fifo.as_ptr(), 0o644) }, 0);
    let _socket = std::os::unix::net::UnixListener::bind(site.www("socket")).unwrap();
    site.link("/dev/zero", "device");
    let root = site.root();
    assert_eq!(ask(&root, "/fifo", PLAIN), bad(OpenError::Forbidden));
    assert_eq!(ask(&root, "/fifo", FOLLOW), bad(OpenError::Forbidden));
    assert_eq!(root.open_file(b"/socket", PLAIN).unwrap_err(), OpenError::Forbidden);
    assert_eq!(root.open_file(b"/socket", FOLLOW).unwrap_err(), OpenError::Forbidden);
    assert_eq!(ask(&root, "/device", PLAIN), bad(OpenError::Forbidden));
    assert_eq!(ask(&root, "/device", FOLLOW), bad(OpenError::Forbidden));
    let dev = Root::open(Path::new("/dev")).unwrap();
    assert_eq!(ask(&dev, "/null", PLAIN), bad(OpenError::Forbidden));
}

#[test]
fn a_file_beyond_four_gibibytes_has_its_size_and_its_end() {
    let site = Site::new();
    let size = (5_u64 << 30) + 3;
    let file = fs::File::create(site.www("big.bin")).unwrap();
    std::os::unix::fs::FileExt::write_at(&file, b"end", size - 3).unwrap();
    let opened = site.root().open_file(b"/big.bin", PLAIN).unwrap();
    assert_eq!(opened.stat.size, size);
    let mut bytes = [9; 8];
    assert_eq!(read_at(opened.fd.as_fd(), &mut bytes, size - 4).unwrap(), 4);
    assert_eq!(&bytes[..4], b"\0end");
    assert_eq!(read_at(opened.fd.as_fd(), &mut bytes, size).unwrap(), 0);
}

#[test]
fn a_root_can_be_opened_again() {
    let site = Site::new();
    let mut root = site.root();
    fs::rename(site.0.join("www"), site.0.join("www-1")).unwrap();
    assert_eq!(ask(&root, "/a.html", PLAIN), ok("hello"));
    assert!(root.reopen().is_err());
    fs::create_dir(site.0.join("www")).unwrap();
    root.reopen().unwrap();
    assert_eq!(ask(&root, "/a.html", PLAIN), bad(OpenError::NotFound));
    assert!(Root::open(&site.0.join("secret")).is_err());
    assert!(Root::open(Path::new("/a\0b")).is_err());
    assert!(Root::open(&site.0.join("www//")).is_ok());
}

#[test]
fn errors_have_their_meaning() {
    let of = |errno| error_of(&io::Error::from_raw_os_error(errno));
    assert_eq!(of(libc::EMFILE), OpenError::Busy);
    assert_eq!(of(libc::ENFILE), OpenError::Busy);
    assert_eq!(of(libc::EACCES), OpenError::Forbidden);
    assert_eq!(of(libc::ENAMETOOLONG), OpenError::NotFound);
    assert_eq!(of(libc::EIO), OpenError::Failed(libc::EIO));
}

#[test]
fn a_file_without_permission_is_forbidden_to_all_but_root() {
    let site = Site::new();
    fs::set_permissions(site.www("a.html"), fs::Permissions::from_mode(0o000)).unwrap();
    fs::set_permissions(site.www("dir"), fs::Permissions::from_mode(0o311)).unwrap();
    let root = site.root();
    // SAFETY: the call only asks.
    if unsafe { libc::geteuid() } == 0 {
        assert_eq!(ask(&root, "/a.html", PLAIN), ok("hello"));
    } else {
        assert_eq!(root.open_file(b"/a.html", PLAIN).unwrap_err(), OpenError::Forbidden);
    }
    assert_eq!(ask(&root, "/dir", PLAIN), ok("/"));
    assert_eq!(ask(&root, "/dir/b.html", PLAIN), ok("b"));
    // So that it can be removed.
    fs::set_permissions(site.www("dir"), fs::Permissions::from_mode(0o755)).unwrap();
}

/// Prints what both ways cost; no assertion, machines differ.
#[test]
#[ignore = "a measurement"]
fn timing() {
    let cpu_ns = || -> u64 {
        let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
        text.split(' ').next().unwrap().parse().unwrap()
    };
    let site = Site::new();
    let root = site.root();
    for path in ["/a.html", "/dir/b.html", "/dir/deep/c.html", "/none", "/dir/deep/none"] {
        for fast in [true, false, true, false] {
            let start = cpu_ns();
            for _ in 0..50_000 {
                let _ = std::hint::black_box(root.open_with(path.as_bytes(), PLAIN, READ, fast));
            }
            let ns = (cpu_ns() - start) / 50_000;
            println!("{path:18} {:8} {ns:6} ns each", if fast { "openat2" } else { "walker" });
        }
    }
}

#[cfg(test)]
#[path = "walk_links_tests.rs"]
mod links;
