//! Tests of symbolic links: which of them lead to a file of the root.

use super::*;

#[test]
fn links_that_stay_inside_are_followed() {
    let site = Site::new();
    site.link("a.html", "l1");
    site.link("dir", "l2");
    site.link("../a.html", "dir/l3");
    site.link("dir/deep/../../l1", "l4");
    site.link(site.www("dir/b.html"), "l5");
    site.link(site.0.join("www"), "l6");
    site.link(".", "l7");
    site.link("l2/deep/..", "l8");
    site.link("a.html/", "l9");
    let root = site.root();
    for (path, text) in [
        ("/l1", "hello"),
        ("/l2/b.html", "b"),
        ("/l2/deep/c.html", "c"),
        ("/dir/l3", "hello"),
        ("/l4", "hello"),
        ("/l5", "b"),
        ("/l6/a.html", "hello"),
        ("/l7/l7/l7/a.html", "hello"),
        ("/l8/b.html", "b"),
        ("/l8", "/"),
        ("/l7", "/"),
        ("/l2/", "/"),
    ] {
        assert_eq!(ask(&root, path, PLAIN), ok(text), "{path}");
        assert_eq!(ask(&root, path, FOLLOW), ok(text), "{path}");
    }
    assert_eq!(ask(&root, "/l1/", PLAIN), bad(OpenError::NotFound));
    assert_eq!(ask(&root, "/l9", PLAIN), bad(OpenError::NotFound));
    assert_eq!(root.stat(b"/l1", PLAIN).unwrap().kind, Kind::Regular);
}

#[test]
fn links_that_leave_are_refused_unless_the_mount_follows_them() {
    let site = Site::new();
    fs::create_dir(site.0.join("www-old")).unwrap();
    fs::write(site.0.join("www-old/f"), b"old").unwrap();
    site.link("../secret", "up");
    site.link(site.0.join("secret"), "absolute");
    site.link("..", "parent");
    site.link("dir/../../secret", "crooked");
    site.link("../none", "dead");
    site.link("/", "slash");
    site.link("../../../../../../../../..", "top");
    site.link(site.0.join("www-old"), "prefix");
    site.link("dir/deep/../../../secret", "deep");
    let root = site.root();
    let cases =
        ["/up", "/absolute", "/parent/secret", "/crooked", "/prefix/f", "/deep", "/slash", "/top"];
    for path in cases {
        assert_eq!(ask(&root, path, PLAIN), bad(OpenError::Forbidden), "{path}");
        assert!(ask(&root, path, FOLLOW).is_ok(), "{path}");
    }
    // What exists outside is not said either.
    for path in ["/dead", "/slash/none", "/absolute/x", "/parent/www-old/none"] {
        assert_eq!(ask(&root, path, PLAIN), bad(OpenError::Forbidden), "{path}");
    }
}

#[test]
fn a_root_is_known_by_what_it_is_however_a_link_spells_it() {
    let site = Site::new();
    fs::create_dir(site.0.join("srv")).unwrap();
    symlink("..", site.0.join("srv/up")).unwrap();
    symlink(site.0.join("www/dir"), site.0.join("short")).unwrap();
    symlink("www", site.0.join("alias")).unwrap();
    let real = fs::canonicalize(&site.0).unwrap();
    site.link("../www/a.html", "out-and-in");
    site.link("../srv/up/www/dir", "crooked");
    site.link(real.join("www/dir/b.html"), "real");
    site.link(real.join("www/"), "itself");
    site.link(site.0.join("short/deep"), "shortcut");
    site.link("../alias/l1", "twice");
    site.link("dir/deep", "l1");
    site.link("/proc/self/root/../..".to_owned() + real.to_str().unwrap() + "/www/dir", "proc");
    // The root is reached through a link; what its files point at is spelled without it.
    for root in ["www", "alias", "srv/up/www"] {
        let root = Root::open(&site.0.join(root)).unwrap();
        for (path, text) in [
            ("/out-and-in", "hello"),
            ("/crooked/b.html", "b"),
            ("/real", "b"),
            ("/itself/a.html", "hello"),
            ("/itself", "/"),
            ("/shortcut/c.html", "c"),
            ("/twice/c.html", "c"),
            ("/proc/b.html", "b"),
        ] {
            assert_eq!(ask(&root, path, PLAIN), ok(text), "{path}");
            assert_eq!(ask(&root, path, FOLLOW), ok(text), "{path}");
        }
        assert_eq!(ask(&root, "/real/", PLAIN), bad(OpenError::NotFound));
        assert_eq!(ask(&root, "/crooked/none", PLAIN), bad(OpenError::NotFound));
    }
    // A directory of the root is not the root, nor is one with the same content beside it.
    let dir = Root::open(&site.www("dir")).unwrap();
    symlink("../a.html", site.www("dir/above")).unwrap();
    symlink("../../www/dir/b.html", site.www("dir/below")).unwrap();
    assert_eq!(ask(&dir, "/above", PLAIN), bad(OpenError::Forbidden));
    assert_eq!(ask(&dir, "/below", PLAIN), ok("b"));
    // Another directory in the old place is another root, whatever its path says.
    let old = Root::open(&site.0.join("www")).unwrap();
    fs::rename(site.0.join("www"), site.0.join("moved")).unwrap();
    fs::create_dir_all(site.0.join("www/dir")).unwrap();
    fs::write(site.0.join("www/dir/b.html"), b"new").unwrap();
    assert_eq!(ask(&old, "/crooked/b.html", PLAIN), bad(OpenError::Forbidden));
}

#[test]
fn a_root_that_is_mounted_elsewhere_too_is_the_same_root() {
    // SAFETY: the call only asks.
    if unsafe { libc::geteuid() } == 0 {
        crate::sys::alone::run("sys::walk::tests::links::child_mounts_a_root_elsewhere");
    }
}

#[test]
#[ignore = "run by the test above, in a process of its own"]
fn child_mounts_a_root_elsewhere() {
    let site = Site::new();
    fs::create_dir_all(site.0.join("mnt/www")).unwrap();
    fs::create_dir_all(site.0.join("mnt/dir")).unwrap();
    let text = |path: &Path| CString::new(path.as_os_str().as_bytes()).unwrap();
    let mount = |from: &Path, to: &Path, flags| {
        let (from, to) = (text(from), text(to));
        // SAFETY: both paths end with NUL; the file system's name and its data are not asked for.
        unsafe {
            libc::mount(from.as_ptr(), to.as_ptr(), std::ptr::null(), flags, std::ptr::null())
        }
    };
    // SAFETY: takes nothing but a number.
    assert_eq!(unsafe { libc::unshare(libc::CLONE_NEWNS) }, 0);
    // Where `/` is no mount point, as in a chroot, who made that root has seen to it.
    let _ = mount(Path::new("none"), Path::new("/"), libc::MS_REC | libc::MS_PRIVATE);
    assert_eq!(mount(&site.0.join("www"), &site.0.join("mnt/www"), libc::MS_BIND), 0);
    assert_eq!(mount(&site.www("dir"), &site.0.join("mnt/dir"), libc::MS_BIND), 0);
    site.link(site.0.join("mnt/www/dir"), "mounted");
    site.link(site.0.join("www/dir"), "plain");
    site.link(site.0.join("mnt/dir"), "a-part");
    for root in ["www", "mnt/www"] {
        let root = Root::open(&site.0.join(root)).unwrap();
        assert_eq!(ask(&root, "/mounted/b.html", PLAIN), ok("b"));
        assert_eq!(ask(&root, "/plain/b.html", PLAIN), ok("b"));
        // The way to it does not lead through the root.
        assert_eq!(ask(&root, "/a-part/b.html", PLAIN), bad(OpenError::Forbidden));
    }
}

#[test]
fn links_in_the_root_of_all_lead_nowhere_else() {
    let root = Root::open(Path::new("/")).unwrap();
    let here = fs::canonicalize("/proc/self/exe").unwrap();
    let site = Site::new();
    let path = site.www("up");
    symlink("../".repeat(40) + &here.to_str().unwrap()[1..], &path).unwrap();
    let look = |fast| root.open_with(path.as_os_str().as_bytes(), DOTS, LOOK, fast).map(|o| o.stat);
    assert_eq!(look(true).unwrap().ino, {
        use std::os::unix::fs::MetadataExt;
        fs::metadata(here).unwrap().ino()
    });
    assert_eq!(look(true), look(false));
}

#[test]
fn loops_and_dead_links_find_nothing() {
    let site = Site::new();
    site.link("loop", "loop");
    site.link("pong", "ping");
    site.link("ping", "pong");
    site.link("grow/x", "grow");
    site.link("none", "dead");
    site.link("a.html/../dir/b.html", "through-a-file");
    let root = site.root();
    for path in ["/loop", "/ping", "/pong/x", "/grow", "/dead", "/through-a-file"] {
        assert_eq!(ask(&root, path, PLAIN), bad(OpenError::NotFound), "{path}");
        assert_eq!(ask(&root, path, FOLLOW), bad(OpenError::NotFound), "{path}");
    }
}
