//! Reading the files of `host-ssl-cert`, `host-ssl-key` and `host-ssl-ca`.

use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use crate::config::settings::{CertificateSource, Place, Tls};
use crate::sys::open;
use crate::tls::{Identity, PEM_BYTES_MAX, Roots};

/// Why the files of a vhost can not be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unusable {
    /// Where the file is named.
    pub place: Place,
    /// The file and what is wrong with it.
    pub why: String,
    /// What to do about it.
    pub hint: Option<&'static str>,
    /// It is not there at all.
    pub missing: bool,
}

impl Unusable {
    pub(super) fn new(place: Place, why: impl Into<String>) -> Self {
        Self { place, why: why.into(), hint: None, missing: false }
    }
}

/// The certificate chain and key of a vhost, with what `roots` adds to the chain; none for a
/// self-signed certificate.
///
/// # Errors
/// What is wrong with which file.
pub fn identity(tls: &Tls, roots: Option<&Roots>) -> Result<Option<Identity>, Unusable> {
    let CertificateSource::File(path) = &tls.certificate.value else { return Ok(None) };
    let place = tls.certificate.place;
    let chain = read(path, place)?;
    let key = match &tls.key {
        Some(key) => read(&key.value, key.place)?,
        None => chain.clone(),
    };
    let mut identity = Identity::from_pem(&chain, &key).map_err(|fault| {
        let of_key = tls.key.as_ref().filter(|_| fault.is_about_key());
        let (path, place) = of_key.map_or((path, place), |key| (&key.value, key.place));
        let hint = Some(fault.hint());
        Unusable { hint, ..Unusable::new(place, format!("{path}: {fault}")) }
    })?;
    if let Some(roots) = roots {
        identity.complete_with(roots.certificates());
    }
    Ok(Some(identity))
}

/// The authorities of `host-ssl-ca`, if it is given.
///
/// # Errors
/// What is wrong with the file.
pub fn roots(tls: &Tls) -> Result<Option<Roots>, Unusable> {
    let Some(ca) = &tls.ca else { return Ok(None) };
    let pem = read(&ca.value, ca.place)?;
    let refused = |fault: crate::tls::RootsFault| Unusable {
        hint: Some(fault.hint()),
        ..Unusable::new(ca.place, format!("{}: {fault}", ca.value))
    };
    Roots::from_pem(&pem).map(Some).map_err(refused)
}

fn read(path: &str, place: Place) -> Result<Vec<u8>, Unusable> {
    read_file(Path::new(path)).map_err(|error| Unusable {
        missing: error.kind() == io::ErrorKind::NotFound,
        ..Unusable::new(place, format!("{path}: {error}"))
    })
}

/// The content of a regular file of at most [`PEM_BYTES_MAX`] bytes.
fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let file = std::fs::OpenOptions::new().read(true).custom_flags(open::NO_WAIT).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    let mut content = Vec::new();
    file.take(PEM_BYTES_MAX as u64 + 1).read_to_end(&mut content)?;
    if content.len() > PEM_BYTES_MAX {
        return Err(io::Error::other(format!("it is longer than {} KiB", PEM_BYTES_MAX >> 10)));
    }
    Ok(content)
}
