//! The configuration as it was planned: the worker reads what the plan was made of, whatever
//! becomes of the files meanwhile.

use super::PlanFault;
use crate::config::settings::SourceFile;
use crate::config::{ALL_BYTES_MAX, FILES_MAX};
use crate::daemon::packing::{Pack, Unpacker};

/// First bytes of a snapshot; the last one counts its versions.
const MAGIC: &[u8; 8] = b"kingsnP\x01";

/// Bytes of a path and of the lengths around a text, with room to spare.
const FRAME_BYTES_MAX: usize = 8192;

/// Bytes of the longest snapshot: every file that is read has its limits.
pub const SNAPSHOT_BYTES_MAX: usize = 2 * ALL_BYTES_MAX + (FILES_MAX + 1) * FRAME_BYTES_MAX;

/// The files as bytes.
#[must_use]
pub fn encode(files: &[SourceFile]) -> Vec<u8> {
    let mut to = Vec::new();
    to.bytes(MAGIC);
    to.length(files.len());
    for file in files {
        to.text(&file.path);
        to.blob(&file.text);
    }
    to
}

/// Reads what [`encode`] wrote.
///
/// # Errors
/// [`PlanFault`], whatever is wrong with it.
pub fn decode(bytes: &[u8]) -> Result<Vec<SourceFile>, PlanFault> {
    let mut from = Unpacker::new(bytes);
    if from.bytes(MAGIC.len())? != MAGIC {
        return Err(PlanFault::Version);
    }
    let files =
        from.list(|from| Ok(SourceFile { path: from.text()?, text: from.blob()?.to_vec() }))?;
    from.end()?;
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> Vec<SourceFile> {
        let file = |path: &str, text: &[u8]| SourceFile { path: path.into(), text: text.into() };
        vec![file("/etc/kinglet/conf", b"{}"), file("/c/\u{f6}", b"\xff\0\n"), file("", b"")]
    }

    fn parts(files: &[SourceFile]) -> Vec<(&str, &[u8])> {
        files.iter().map(|file| (file.path.as_str(), file.text.as_slice())).collect()
    }

    #[test]
    fn files_come_back_as_they_were() {
        for files in [files(), Vec::new()] {
            let back = decode(&encode(&files)).unwrap();
            assert_eq!(parts(&back), parts(&files));
        }
    }

    #[test]
    fn cuts_additions_and_other_versions_are_noticed() {
        let bytes = encode(&files());
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
