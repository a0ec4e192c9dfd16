//! The world as connections see it: the configured one, and the mounts' files.

use std::path::Path;

use super::limits::{DRAIN_BYTES_MAX, HEAD_BYTES_MAX};
use crate::http::limits::{HEADERS_MAX, HeadLimits, TARGET_BYTES_DEFAULT};
use crate::origin::file::FileMount;
use crate::tls::Policy;
use crate::vhost::certificates::Certificates;
use crate::vhost::mime::MimeTable;
use crate::vhost::{ListenerId, MountId, MountTarget, VhostId, World};

/// What never changes while a reactor runs.
#[derive(Debug)]
pub struct Site {
    /// Listeners, vhosts, mounts.
    pub world: World,
    /// What a request head may be.
    pub head_limits: HeadLimits,
    /// Bytes of a request body that are read away; the smallest `max-body` is one bound.
    pub(super) drain_bytes_max: u64,
    /// TLS handshakes at a time in one reactor.
    pub(super) handshakes_max: usize,
    certificates: Certificates,
    files: Box<[FileMount]>,
    roots: Box<[Box<Path>]>,
    /// Numbers in `files`, by vhost and mount.
    numbers: Box<[Box<[Option<u16>]>]>,
}

impl Site {
    /// Numbers the file mounts of `world`.
    #[must_use]
    pub fn new(world: World) -> Self {
        let (mut files, mut roots) = (Vec::new(), Vec::<Box<Path>>::new());
        let mut numbers = Vec::new();
        for vhost in &world.vhosts {
            let mut of_vhost = Vec::new();
            for mount in &vhost.mounts {
                let MountTarget::File(file) = &mount.target else {
                    of_vhost.push(None);
                    continue;
                };
                let number = u16::try_from(files.len()).ok();
                of_vhost.push(number);
                let Some(id) = number else { continue };
                files.push(FileMount {
                    id,
                    default_document: file.default_document.clone(),
                    rules: file.rules(),
                    mime: MimeTable::new(&file.extra_mimetypes, file.charset.as_deref()),
                    directory_listing: file.directory_listing,
                });
                roots.push(Path::new(&*file.root).into());
            }
            numbers.push(of_vhost.into());
        }
        let limits = world.vhosts.iter().flat_map(|vhost| &vhost.mounts);
        let limits = limits.map(|mount| mount.body_bytes_max).filter(|bytes| *bytes > 0);
        let drain_bytes_max = limits.min().unwrap_or(u64::MAX).min(DRAIN_BYTES_MAX);
        let head_bytes = (world.limits.head_bytes_max as usize).min(HEAD_BYTES_MAX);
        let head_limits = HeadLimits {
            head_bytes,
            target_bytes: TARGET_BYTES_DEFAULT.min(head_bytes),
            headers: (world.limits.headers_max as usize).min(HEADERS_MAX),
        };
        Self {
            handshakes_max: 1,
            certificates: Certificates::default(),
            world,
            head_limits,
            drain_bytes_max,
            files: files.into(),
            roots: roots.into(),
            numbers: numbers.into(),
        }
    }

    /// With what vhosts show in TLS handshakes, of which `handshakes_max` may go on at a time.
    #[must_use]
    pub fn with_tls(mut self, certificates: Certificates, handshakes_max: usize) -> Self {
        self.certificates = certificates;
        self.handshakes_max = handshakes_max;
        self
    }

    /// How to shake hands with who asks for `vhost` on `listener`.
    pub(super) fn policy(&self, listener: ListenerId, vhost: VhostId) -> Option<&Policy> {
        self.certificates.policy(self.world.tls_vhost(listener, vhost)?)
    }

    /// The files of a mount, if it has a `file://` origin.
    pub(super) fn file_mount(&self, vhost: VhostId, mount: MountId) -> Option<&FileMount> {
        let of_vhost = self.numbers.get(usize::from(vhost.0))?;
        let number = (*of_vhost.get(usize::from(mount.0))?)?;
        self.files.get(usize::from(number))
    }

    /// The directories of the file mounts, in the order of their numbers.
    pub fn roots(&self) -> impl Iterator<Item = &Path> {
        self.roots.iter().map(AsRef::as_ref)
    }
}
