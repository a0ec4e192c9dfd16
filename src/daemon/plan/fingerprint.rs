//! What tells one generation from another: when nothing of this has changed, a new one would do
//! just what the old one does.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use sha1_smol::Sha1;

use crate::config::settings::{ListenOn, Located, Origin, Settings, SourceFile};
use crate::daemon::check::identity::Identity;
use crate::daemon::command::args::{Args, Source};
use crate::daemon::worker::rights;
use crate::origin::credentials::FILE_BYTES_MAX as PASSWORDS_BYTES_MAX;
use crate::sys::access::{self, Want};
use crate::sys::content;
use crate::vhost::certificate_files::{self, PemFiles};

/// The running program.
const PROGRAM: &str = "/proc/self/exe";

/// A digest of parts, each with its length before it, so that none runs into the next.
struct Digest(Sha1);

impl Digest {
    fn put(&mut self, part: &[u8]) {
        self.0.update(&(part.len() as u64).to_be_bytes());
        self.0.update(part);
    }

    fn number(&mut self, number: u64) {
        self.0.update(&number.to_be_bytes());
    }
}

/// The fingerprint of what would be served now, with the files `pem` and with `self_signed` if a
/// vhost shows that. To be called with the rights of who starts the server: private keys are part
/// of it.
pub(super) fn of(
    args: &Args,
    settings: &Settings,
    identity: &Identity,
    (pem, self_signed): (&PemFiles, Option<&str>),
) -> [u8; 20] {
    let mut digest = Digest(Sha1::new());
    digest.put(env!("CARGO_PKG_VERSION").as_bytes());
    program(&mut digest, fs::metadata(PROGRAM));
    arguments(&mut digest, args);
    texts(&mut digest, &settings.files);
    digest.number(identity.subject.uid.into());
    digest.number(identity.subject.gid.into());
    digest.number(identity.subject.groups.len() as u64);
    identity.subject.groups.iter().for_each(|gid| digest.number((*gid).into()));
    certificates(&mut digest, settings, pem);
    held(&mut digest, settings, identity);
    digest.put(self_signed.unwrap_or_default().as_bytes());
    digest.0.digest().bytes()
}

/// A program that was replaced has another inode, one that was written over another time.
fn program(digest: &mut Digest, found: io::Result<Metadata>) {
    let Ok(found) = found else { return digest.put(b"no program") };
    for number in [found.dev(), found.ino(), found.size()] {
        digest.number(number);
    }
    for number in [found.mtime(), found.mtime_nsec(), found.ctime(), found.ctime_nsec()] {
        digest.number(number.cast_unsigned());
    }
}

fn arguments(digest: &mut Digest, args: &Args) {
    match &args.source {
        Source::Configured(dir) => {
            digest.put(b"configured");
            digest.put(dir.as_os_str().as_bytes());
        }
        Source::Quick(quick) => {
            digest.put(b"quick");
            digest.put(quick.directory.as_os_str().as_bytes());
            digest.put(listen_text(&quick.listen_on).as_bytes());
            digest.number(quick.port.map_or(u64::MAX, u64::from));
            digest.number(quick.tls.into());
        }
    }
    digest.number(args.default_plugins.into());
    digest.put(args.data_dir.as_deref().unwrap_or_default().as_bytes());
    for dir in [&args.state_dir, &args.state_default] {
        let dir = dir.as_deref().unwrap_or_else(|| Path::new(""));
        digest.put(dir.as_os_str().as_bytes());
    }
}

fn listen_text(on: &ListenOn) -> String {
    format!("{on:?}")
}

fn texts(digest: &mut Digest, files: &[SourceFile]) {
    digest.number(files.len() as u64);
    for file in files {
        digest.put(file.path.as_bytes());
        digest.put(&file.text);
    }
}

/// The contents of the files of all vhosts, in the order of the configuration.
fn certificates(digest: &mut Digest, settings: &Settings, pem: &PemFiles) {
    for tls in settings.vhosts.iter().filter_map(|vhost| vhost.tls.as_ref()) {
        for path in certificate_files::paths(tls) {
            match pem.read(path) {
                Ok(text) => digest.put(&text),
                // Whatever keeps it from being read may be gone the next time.
                Err(error) => digest.put(error.kind().to_string().as_bytes()),
            }
        }
    }
}

/// What the server has no way to: a worker keeps the directories and passwords that it was started
/// with, so other ones need a new worker.
fn held(digest: &mut Digest, settings: &Settings, identity: &Identity) {
    if !identity.must_drop {
        return;
    }
    for mount in settings.vhosts.iter().flat_map(|vhost| &vhost.mounts) {
        if let Origin::File(path) = &mount.origin.value
            && rights::is_closed_off(Path::new(path), &identity.subject)
        {
            // What is not there has no numbers.
            let numbers = fs::metadata(path).map_or([0; 2], |found| [found.dev(), found.ino()]);
            numbers.into_iter().for_each(|number| digest.number(number));
        }
        if let Some(Located { value: path, .. }) = &mount.basic_auth
            && access::check(Path::new(path), &identity.subject, Want::Read).is_err()
        {
            content_of(digest, path, PASSWORDS_BYTES_MAX);
        }
    }
}

fn content_of(digest: &mut Digest, path: &str, bytes_max: usize) {
    match content::read(Path::new(path), bytes_max) {
        Ok(text) => digest.put(&text),
        // Whatever keeps it from being read may be gone the next time.
        Err(error) => digest.put(error.kind().to_string().as_bytes()),
    }
}

#[cfg(test)]
#[path = "fingerprint_tests.rs"]
mod tests;
