//! What a worker takes along from root's rights, and giving them up.

use std::io;
use std::path::Path;

use crate::conn::{Passwords, Site};
use crate::daemon::check::identity::Identity;
use crate::origin::credentials::FILE_BYTES_MAX as PASSWORDS_BYTES_MAX;
use crate::sys::access::{self, Refusal, Subject, Want};
use crate::sys::walk::Root;
use crate::sys::{content, privileges};

/// What a server without rights has no way to, opened and read before it gave them up.
#[derive(Default)]
pub(in crate::daemon) struct Held {
    /// Directories by number.
    pub(in crate::daemon) directories: Vec<(u16, Root)>,
    /// Credentials files by number.
    pub(in crate::daemon) passwords: Passwords,
}

impl Held {
    /// The same for another reactor.
    ///
    /// # Errors
    /// When the system has no more descriptors.
    pub(super) fn try_clone(&self) -> io::Result<Self> {
        let clone = |(number, root): &(u16, Root)| Ok((*number, root.try_clone()?));
        let directories = self.directories.iter().map(clone).collect::<io::Result<_>>()?;
        Ok(Self { directories, passwords: self.passwords.clone() })
    }
}

/// Opens those of `directories` that `subject` has no way to, because a directory above them is
/// closed. They are served all the same, and so held for as long as that is so; all others are
/// opened when they are asked for. Each with its number.
fn hold_closed<'p>(
    directories: impl IntoIterator<Item = &'p Path>,
    subject: &Subject,
) -> Vec<(u16, Root)> {
    let numbered = (0..=u16::MAX).zip(directories);
    let closed = numbered.filter(|(_, path)| is_closed_off(path, subject));
    // What cannot be opened now is not there, which has been told.
    closed.filter_map(|(number, path)| Some((number, Root::open(path).ok()?))).collect()
}

/// Whether a directory above `path` keeps `subject` from it.
pub(in crate::daemon) fn is_closed_off(path: &Path, subject: &Subject) -> bool {
    match access::check(path, subject, Want::Reach) {
        Err(Refusal::Unsearchable(_)) => true,
        Ok(_) | Err(_) => false,
    }
}

/// Becomes the user that serves, or gives up capabilities that another user than root was started
/// with. Before other threads start. What only root may open of `site` is opened or read before.
///
/// # Errors
/// What the system says; the process must not go on then.
pub(in crate::daemon) fn give_up(
    identity: &Identity,
    no_new_privs: bool,
    site: &Site,
) -> io::Result<Held> {
    if !identity.must_drop {
        if identity.subject.uid != 0 {
            privileges::seal(no_new_privs)?;
        }
        return Ok(Held::default());
    }
    let directories = hold_closed(site.roots(), &identity.subject);
    let read = |path: &str| content::read(Path::new(path), PASSWORDS_BYTES_MAX);
    let files = (0..=u16::MAX).zip(&site.world.auth_files);
    let passwords: Vec<_> = files.map(|(number, file)| (number, file, read(&file.path))).collect();
    privileges::drop_to(&identity.subject, no_new_privs)?;
    // Mode bits are not all that decides (access lists, security modules): it is tried.
    let closed = passwords.into_iter().filter(|(_, file, _)| read(&file.path).is_err());
    let passwords = closed.filter_map(|(number, _, text)| Some((number, text.ok()?))).collect();
    Ok(Held { directories, passwords })
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
