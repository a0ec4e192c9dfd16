//! Reading the files of `host-ssl-cert`, `host-ssl-key` and `host-ssl-ca`.

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::path::Path;

use zeroize::Zeroizing;

use crate::config::settings::{CertificateSource, Located, Place, Tls};
use crate::sys::content;
use crate::sys::keeper::Keeper;
use crate::tls::{self, Identity, PEM_BYTES_MAX, PolicyFault, Roots, Skipped};

/// Why the files of a vhost cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unusable {
    /// Where the file is named.
    pub place: Place,
    /// The file and what is wrong with it.
    pub why: String,
    /// What to do about it.
    pub hint: Option<&'static str>,
    /// What the system says when it does not let us read the file.
    pub kind: Option<io::ErrorKind>,
    /// It is about the authorities; certificate and key may be good.
    pub is_ca: bool,
}

impl Unusable {
    pub(super) fn new(place: Place, why: impl Into<String>) -> Self {
        Self { place, why: why.into(), hint: None, kind: None, is_ca: false }
    }

    /// Client certificates are required at `place`, and there is nothing to check them with.
    pub(super) fn no_ca(place: Place) -> Self {
        let why = PolicyFault::NoAuthority.to_string();
        Self { is_ca: true, ..Self::new(place, why) }
    }

    /// What the vhost does until the file is right.
    #[must_use]
    pub fn instead(&self, tls: &Tls) -> Instead {
        let is_missing = self.kind == Some(io::ErrorKind::NotFound);
        if tls.client_cert_required.is_some() {
            Instead::Closed
        } else if self.is_ca {
            Instead::Incomplete
        } else if tls.ignore_missing_cert && is_missing {
            Instead::Nothing
        } else {
            Instead::SelfSigned
        }
    }
}

/// What a vhost does that cannot show what it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Instead {
    /// It is closed: who gets in cannot be decided.
    Closed,
    /// It shows its certificate without what `host-ssl-ca` would add to the chain.
    Incomplete,
    /// It shows nothing, as `ignore-missing-cert` wants it.
    Nothing,
    /// It shows a self-signed certificate.
    SelfSigned,
}

impl fmt::Display for Instead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "the vhost stays closed until this is fixed",
            Self::Incomplete => "nothing is added to the certificate's chain until this is fixed",
            Self::Nothing => "handshakes fail until the file is there",
            Self::SelfSigned => "a self-signed certificate stands in until this is fixed",
        })
    }
}

/// The content of a file, or the number of the error that reading it gave.
type Known = Result<Zeroizing<Vec<u8>>, i32>;

/// Files that are read once: what has been checked is what is shown, whatever becomes of them.
#[derive(Default)]
pub struct PemFiles {
    /// By path.
    known: RefCell<Vec<(String, Known)>>,
    /// How many of them somebody else has read; they stand in front.
    given: usize,
}

impl PemFiles {
    /// Those that somebody else has read.
    pub fn given(files: impl IntoIterator<Item = (String, Zeroizing<Vec<u8>>)>) -> Self {
        let known = files.into_iter().map(|(path, content)| (path, Ok(content)));
        let known: Vec<_> = known.collect();
        Self { given: known.len(), known: RefCell::new(known) }
    }

    /// Whether somebody else has read all that a vhost names.
    pub(super) fn has_given(&self, tls: &Tls) -> bool {
        paths(tls).all(|path| self.given_at(path).is_some())
    }

    /// What somebody else has read at `path`, or put there.
    #[must_use]
    pub fn given_at(&self, path: &str) -> Option<Zeroizing<Vec<u8>>> {
        let known = self.known.borrow();
        let mut given = known.get(..self.given).unwrap_or_default().iter();
        let (_, found) = given.find(|(other, _)| other == path)?;
        found.clone().ok()
    }

    /// The content of a file as it was when it was first asked for.
    ///
    /// # Errors
    /// As [`content::read`].
    pub fn read(&self, path: &str) -> io::Result<Zeroizing<Vec<u8>>> {
        let mut known = self.known.borrow_mut();
        let found = match known.iter().find(|(other, _)| other == path) {
            Some((_, found)) => found.clone(),
            None => {
                let read = content::read(Path::new(path), PEM_BYTES_MAX);
                let read = read.map_err(|error| error.raw_os_error().unwrap_or_default());
                known.push((path.to_owned(), read.clone()));
                read
            }
        };
        found.map_err(io::Error::from_raw_os_error)
    }
}

/// Where the files of a vhost are read from.
#[derive(Clone, Copy)]
pub enum Source<'s> {
    /// As they were.
    Once(&'s PemFiles),
    /// As they are on the disk now; what we may not read is left to a process that still may.
    Disk(Option<&'s Keeper>),
}

/// The certificate chain and key of a vhost, with what `roots` adds to the chain; none for a
/// self-signed certificate.
///
/// # Errors
/// What is wrong with which file.
pub fn identity(
    tls: &Tls,
    roots: Option<&Roots>,
    source: Source<'_>,
) -> Result<Option<Identity>, Unusable> {
    let CertificateSource::File(path) = &tls.certificate.value else { return Ok(None) };
    let place = tls.certificate.place;
    let chain = read(path, place, source)?;
    let key = match &tls.key {
        Some(key) => read(&key.value, key.place, source)?,
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

/// The authorities of `host-ssl-ca`; none only where clients need no certificates.
///
/// # Errors
/// What is wrong with the file, or that there has to be one.
pub fn roots(tls: &Tls, source: Source<'_>) -> Result<Option<Roots>, Unusable> {
    let of_ca = |unusable: Unusable| Unusable { is_ca: true, ..unusable };
    let Some(ca) = &tls.ca else {
        return tls.client_cert_required.map_or(Ok(None), |place| Err(Unusable::no_ca(place)));
    };
    let pem = read(&ca.value, ca.place, source).map_err(of_ca)?;
    Roots::from_pem(&pem).map(Some).map_err(|fault| {
        let hint = Some(fault.hint());
        of_ca(Unusable { hint, ..Unusable::new(ca.place, format!("{}: {fault}", ca.value)) })
    })
}

/// The files that a vhost names.
pub fn paths(tls: &Tls) -> impl Iterator<Item = &str> {
    let certificate = match &tls.certificate.value {
        CertificateSource::File(path) => Some(path),
        CertificateSource::SelfSigned => None,
    };
    let others = [&tls.key, &tls.ca].into_iter().flatten().map(|file| &file.value);
    certificate.into_iter().chain(others).map(String::as_str)
}

/// What is not taken of the files that a vhost names, each once; files that cannot be read are at
/// fault themselves.
#[must_use]
pub fn skipped<'t>(tls: &'t Tls, files: &PemFiles) -> Vec<(&'t str, Place, Skipped)> {
    let certificate = match &tls.certificate.value {
        CertificateSource::File(path) => Some((path, tls.certificate.place)),
        CertificateSource::SelfSigned => None,
    };
    let others = [&tls.key, &tls.ca].into_iter().flatten().map(|file| (&file.value, file.place));
    let mut found: Vec<(&str, Place, Skipped)> = Vec::new();
    for (path, place) in certificate.into_iter().chain(others) {
        if found.iter().any(|(known, ..)| known == path) {
            continue;
        }
        let pem = files.read(path).unwrap_or_default();
        found.extend(tls::skipped(&pem).into_iter().map(|one| (path.as_str(), place, one)));
    }
    found
}

/// Whether a file can be read at all.
///
/// # Errors
/// Why not.
pub fn readable(file: &Located<String>, source: Source<'_>) -> Result<(), Unusable> {
    read(&file.value, file.place, source).map(|_| ())
}

fn read(path: &str, place: Place, source: Source<'_>) -> Result<Zeroizing<Vec<u8>>, Unusable> {
    let content = match source {
        Source::Once(files) => files.read(path),
        Source::Disk(keeper) => match (content::read(Path::new(path), PEM_BYTES_MAX), keeper) {
            (Err(error), Some(keeper)) if error.kind() == io::ErrorKind::PermissionDenied => {
                keeper.read(Path::new(path))
            }
            (content, _) => content,
        },
    };
    content.map_err(|error| {
        let why = match error.kind() {
            io::ErrorKind::NotFound => format!("{path} does not exist"),
            io::ErrorKind::InvalidInput => format!("{path} is not a file"),
            io::ErrorKind::FileTooLarge => {
                format!("{path} is longer than {} KiB", PEM_BYTES_MAX >> 10)
            }
            _ => format!("{path}: {error}"),
        };
        Unusable { kind: Some(error.kind()), ..Unusable::new(place, why) }
    })
}
