//! The name of a server's control socket: who runs it, and its configuration.

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use sha1_smol::Sha1;

/// Bytes up to which a name says what it is for; an abstract name has at most 107.
const NAME_BYTES_MAX: usize = 90;

/// The abstract name of the server that `uid` runs with the configuration in `dir`:
/// `kinglet/UID` and the absolute path; a path that is too long or no text is hashed.
///
/// Links are not followed: a configuration that is replaced by pointing a link at another
/// directory keeps its name.
pub(super) fn name(uid: u32, dir: &Path) -> String {
    let dir = absolute(dir);
    if let Some(text) = dir.to_str() {
        let name = format!("kinglet/{uid}{text}");
        if name.len() <= NAME_BYTES_MAX {
            return name;
        }
    }
    // A path begins with a slash: this can not be one.
    format!("kinglet/{uid}#{}", Sha1::from(dir.as_os_str().as_bytes()).digest())
}

/// The path without what makes no difference: dots, double slashes, one at the end.
fn absolute(dir: &Path) -> PathBuf {
    let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    dir.components().filter(|part| *part != Component::CurDir).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;

    #[test]
    fn spellings_of_a_path_have_one_name() {
        for dir in ["/etc/kinglet", "/etc/kinglet/", "/etc//kinglet", "/etc/./kinglet/."] {
            assert_eq!(name(0, Path::new(dir)), "kinglet/0/etc/kinglet");
        }
        let here = std::env::current_dir().unwrap();
        assert_eq!(name(7, Path::new("x")), name(7, &here.join("x")));
        assert_ne!(name(7, Path::new("/x")), name(8, Path::new("/x")));
    }

    #[test]
    fn long_and_odd_paths_are_hashed() {
        let long = |letter: &str| format!("/{}", letter.repeat(100));
        let odd = Path::new(OsStr::from_bytes(b"/\xff"));
        let names = [
            name(u32::MAX, Path::new(&long("a"))),
            name(u32::MAX, Path::new(&long("b"))),
            name(u32::MAX, odd),
        ];
        for (at, one) in names.iter().enumerate() {
            assert!(one.starts_with("kinglet/4294967295#") && one.len() <= NAME_BYTES_MAX);
            assert!(names.iter().skip(at + 1).all(|other| other != one));
        }
        let fits = format!("/{}", "a".repeat(NAME_BYTES_MAX - "kinglet/0/".len()));
        assert_eq!(name(0, Path::new(&fits)), format!("kinglet/0{fits}"));
        assert!(name(10, Path::new(&fits)).contains('#'));
    }
}
