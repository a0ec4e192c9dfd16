//! The configuration as it was planned, with certificates and keys, and who serves: the worker uses
//! what the plan was made of, whatever becomes of files, users and groups meanwhile.

use zeroize::Zeroizing;

use super::PlanFault;
use crate::config::settings::SourceFile;
use crate::config::{ALL_BYTES_MAX, FILES_MAX};
pub use crate::daemon::check::identity::Identity;
use crate::daemon::packing::{Pack, Unpacker};
pub use crate::sys::access::Subject;

/// First bytes of a snapshot; the last one counts its versions.
const MAGIC: &[u8; 8] = b"kingsnP\x03";

/// Bytes of a path and of the lengths around a text, with room to spare.
const FRAME_BYTES_MAX: usize = 8192;

/// Bytes of certificates and keys; more are read again by each worker.
pub const PEM_ALL_BYTES_MAX: usize = 4 << 20;

/// Bytes of the longest snapshot: every file that is read has its limits.
pub const SNAPSHOT_BYTES_MAX: usize =
    2 * (ALL_BYTES_MAX + PEM_ALL_BYTES_MAX) + (FILES_MAX + 1) * FRAME_BYTES_MAX;

/// Path and content of a certificate, a key or the like.
pub type PemFile = (String, Zeroizing<Vec<u8>>);

/// What a worker needs.
#[derive(Debug)]
pub struct Snapshot {
    /// The files that were read; none in quick mode.
    pub files: Vec<SourceFile>,
    /// Certificates and keys.
    pub pem: Vec<PemFile>,
    /// Who serves. The worker looks no user up: that could load libraries into it.
    pub identity: Identity,
}

/// All of it as bytes.
#[must_use]
pub fn encode(files: &[SourceFile], pem: &[PemFile], identity: &Identity) -> Zeroizing<Vec<u8>> {
    let texts = files.iter().map(|file| file.path.len() + file.text.len());
    let pems = pem.iter().map(|(path, content)| path.len() + content.len());
    // Room for all of it at once: a vector that grows leaves copies of keys behind.
    let Identity { subject, user, must_drop } = identity;
    let of_user = user.len() + 17 + 4 * subject.groups.len();
    let bytes = MAGIC.len() + 8 + of_user + texts.chain(pems).map(|bytes| bytes + 8).sum::<usize>();
    let mut to = Zeroizing::new(Vec::with_capacity(bytes));
    to.bytes(MAGIC);
    to.length(files.len());
    for file in files {
        to.text(&file.path);
        to.blob(&file.text);
    }
    to.length(pem.len());
    for (path, content) in pem {
        to.text(path);
        to.blob(content);
    }
    to.text(user);
    to.u32(subject.uid);
    to.u32(subject.gid);
    to.length(subject.groups.len());
    subject.groups.iter().for_each(|gid| to.u32(*gid));
    to.flag(*must_drop);
    debug_assert_eq!(to.len(), bytes);
    to
}

/// Reads what [`encode`] wrote.
///
/// # Errors
/// [`PlanFault`], whatever is wrong with it.
pub fn decode(bytes: &[u8]) -> Result<Snapshot, PlanFault> {
    let mut from = Unpacker::new(bytes);
    if from.bytes(MAGIC.len())? != MAGIC {
        return Err(PlanFault::Version);
    }
    let files =
        from.list(|from| Ok(SourceFile { path: from.text()?, text: from.blob()?.to_vec() }))?;
    let pem = from.list(|from| Ok((from.text()?, Zeroizing::new(from.blob()?.to_vec()))))?;
    let (user, uid, gid) = (from.text()?, from.u32()?, from.u32()?);
    let subject = Subject { uid, gid, groups: from.list(|from| from.u32())? };
    let identity = Identity { subject, user, must_drop: from.flag()? };
    from.end()?;
    Ok(Snapshot { files, pem, identity })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> Vec<SourceFile> {
        let file = |path: &str, text: &[u8]| SourceFile { path: path.into(), text: text.into() };
        vec![file("/etc/kinglet/conf", b"{}"), file("/c/\u{f6}", b"\xff\0\n"), file("", b"")]
    }

    fn pem() -> Vec<PemFile> {
        vec![
            ("/etc/key.pem".to_owned(), b"secret".to_vec().into()),
            (String::new(), Vec::new().into()),
        ]
    }

    fn identity() -> Identity {
        let subject = Subject { uid: 33, gid: u32::MAX, groups: vec![1, 1 << 31] };
        Identity { subject, user: "h\u{f6}her".to_owned(), must_drop: true }
    }

    fn parts(files: &[SourceFile]) -> Vec<(&str, &[u8])> {
        files.iter().map(|file| (file.path.as_str(), file.text.as_slice())).collect()
    }

    #[test]
    fn files_come_back_as_they_were() {
        for (files, pem) in [(files(), pem()), (Vec::new(), Vec::new())] {
            let back = decode(&encode(&files, &pem, &identity())).unwrap();
            assert_eq!(parts(&back.files), parts(&files));
            assert_eq!((back.pem, back.identity), (pem, identity()));
        }
    }

    #[test]
    fn cuts_additions_and_other_versions_are_noticed() {
        let bytes = encode(&files(), &pem(), &identity()).to_vec();
        for n in 0..bytes.len() {
            assert_eq!(decode(&bytes[..n]).unwrap_err(), PlanFault::Truncated, "{n} bytes");
        }
        let longer = [&bytes[..], b"\0"].concat();
        assert_eq!(decode(&longer).unwrap_err(), PlanFault::Trailing);
        let mut other = bytes;
        other[7] += 1;
        assert_eq!(decode(&other).unwrap_err(), PlanFault::Version);
    }

    #[test]
    fn the_longest_configuration_fits() {
        assert!(SNAPSHOT_BYTES_MAX > ALL_BYTES_MAX + FILES_MAX * 4096 + MAGIC.len());
    }
}
