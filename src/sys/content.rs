//! Reading small files whole: certificates, keys.

use std::fs::OpenOptions;
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use zeroize::Zeroizing;

use super::open::NO_WAIT;

/// The content of a regular file of at most `bytes_max` bytes, wiped when it is dropped: it may be
/// a private key.
///
/// # Errors
/// What the system says; [`io::ErrorKind::InvalidInput`] for what is no regular file, and
/// [`io::ErrorKind::FileTooLarge`] for one that is longer. All have an error number.
pub fn read(path: &Path, bytes_max: usize) -> io::Result<Zeroizing<Vec<u8>>> {
    let file = OpenOptions::new().read(true).custom_flags(NO_WAIT).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::from_raw_os_error(libc::EINVAL));
    }
    // One byte more than there is, so that no copy is left behind by growing.
    let bytes = usize::try_from(metadata.len()).unwrap_or(usize::MAX).min(bytes_max) + 1;
    let mut content = Zeroizing::new(Vec::with_capacity(bytes));
    file.take(bytes_max as u64 + 1).read_to_end(&mut content)?;
    if content.len() > bytes_max {
        return Err(io::Error::from_raw_os_error(libc::EFBIG));
    }
    Ok(content)
}
