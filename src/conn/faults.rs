//! What is wrong with the files of a mount, for the log.

use std::io;
use std::path::Path;

use super::local::Local;
use crate::origin::file::Ask;
use crate::sys::log;
use crate::sys::walk::Root;
use crate::vhost::{Mount, MountTarget};

/// How often the log hears of the same kind of fault of one mount, however often clients ask.
const TELL_AGAIN_MS: u64 = 600_000;

/// Kinds of faults.
const KINDS: usize = 3;

/// When each kind of fault of each file mount, by its number, may be told again.
#[derive(Debug)]
pub(super) struct Told(Box<[[u64; KINDS]]>);

impl Told {
    pub(super) fn new(mounts: usize) -> Self {
        Self(vec![[0; KINDS]; mounts].into())
    }

    fn may_tell(&mut self, mount: u16, kind: usize, now_ms: u64) -> bool {
        let kinds = self.0.get_mut(usize::from(mount));
        let Some(at_ms) = kinds.and_then(|kinds| kinds.get_mut(kind)) else { return false };
        let may = now_ms >= *at_ms;
        if may {
            *at_ms = now_ms + TELL_AGAIN_MS;
        }
        may
    }
}

/// Why a directory is not shown.
#[derive(Debug)]
pub(super) enum Fault {
    /// It has no default document, and the mount does not list directories.
    NoIndex,
    /// It could not be read.
    Unlisted(io::Error),
    /// The directory of the mount itself is not there.
    Unavailable,
}

/// Tells of a fault, unless the same kind of the same mount, whose number is given, was told
/// lately.
pub(super) fn tell(local: &mut Local, mount: (u16, &Mount), ask: &Ask<'_>, fault: &Fault) {
    let (number, mount) = mount;
    let MountTarget::File(file) = &mount.target else { return };
    let kind = match fault {
        Fault::NoIndex => 0,
        Fault::Unlisted(_) => 1,
        Fault::Unavailable => 2,
    };
    if !local.told.may_tell(number, kind, ask.now_ms) {
        return;
    }
    let (root, prefix) = (&file.root, &mount.prefix);
    let (base, path) = (root.trim_end_matches('/'), ask.path.escape_ascii());
    match fault {
        Fault::NoIndex => log::notice(format_args!(
            "{base}{path} has no {} and \"directory-listing\" is off, so it is 404: add the file, \
             or \"directory-listing\": \"1\" to the mount \"{prefix}\"",
            file.default_document
        )),
        Fault::Unlisted(error) => log::warn(format_args!("{base}{path} cannot be listed: {error}")),
        // The error is no longer known; the directory may also have come back just now.
        Fault::Unavailable => {
            if let Err(error) = Root::open(Path::new(&**root)) {
                log::warn(format_args!(
                    "{root} cannot be opened: {error}; the mount \"{prefix}\" is answered with 503"
                ));
            }
        }
    }
}
