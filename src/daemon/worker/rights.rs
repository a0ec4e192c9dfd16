//! What a worker takes along from root's rights, and giving them up.

use std::io;
use std::path::Path;

use crate::daemon::check::identity::Identity;
use crate::sys::access::{self, Refusal, Subject, Want};
use crate::sys::privileges;
use crate::sys::walk::Root;

/// Opens those of `directories` that `subject` has no way to, because a directory above them is
/// closed. They are served all the same, and so held for as long as that is so; all others are
/// opened when they are asked for. Each with its number.
pub(in crate::daemon) fn hold_closed<'p>(
    directories: impl IntoIterator<Item = &'p Path>,
    subject: &Subject,
) -> Vec<(u16, Root)> {
    let numbered = (0..=u16::MAX).zip(directories);
    let closed = numbered.filter(|(_, path)| is_closed_off(path, subject));
    // What can not be opened now is not there, which has been told.
    closed.filter_map(|(number, path)| Some((number, Root::open(path).ok()?))).collect()
}

/// Whether a directory above `path` keeps `subject` from it.
pub(in crate::daemon) fn is_closed_off(path: &Path, subject: &Subject) -> bool {
    match access::check(path, subject, Want::Reach) {
        Err(Refusal::Unsearchable(_)) => true,
        Ok(_) | Err(_) => false,
    }
}

/// Becomes who serves, or gives up capabilities that somebody who is not root was started with.
/// Before other threads start.
///
/// # Errors
/// What the system says; the process must not go on then.
pub(in crate::daemon) fn give_up(identity: &Identity, no_new_privs: bool) -> io::Result<()> {
    if identity.must_drop {
        privileges::drop_to(&identity.subject, no_new_privs)
    } else if identity.subject.uid != 0 {
        privileges::seal(no_new_privs)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn only_directories_behind_closed_ones_are_held() {
        let dir = std::env::temp_dir().join(format!("kinglet-rights-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        let path = |name: &str| dir.join(name);
        for name in ["open/www", "closed/www", "forbidden"] {
            fs::create_dir_all(path(name)).unwrap();
        }
        let mode = |name: &str, bits| {
            fs::set_permissions(path(name), fs::Permissions::from_mode(bits)).unwrap();
        };
        mode("closed", 0o700);
        mode("forbidden", 0o700);
        let all = ["open/www", "closed/www", "closed/missing", "forbidden", "missing"].map(path);
        let stranger = Subject { uid: 54_321, gid: 54_321, groups: Vec::new() };
        let held = hold_closed(all.iter().map(AsRef::as_ref), &stranger);
        let numbers: Vec<u16> = held.iter().map(|(number, _)| *number).collect();
        // The missing one behind a closed one is not there for root either.
        assert_eq!(numbers, [1]);
        assert!(held[0].1.is_open());
        let root = Subject { uid: 0, ..stranger };
        assert!(hold_closed(all.iter().map(AsRef::as_ref), &root).is_empty());
        fs::remove_dir_all(&dir).unwrap();
    }
}
