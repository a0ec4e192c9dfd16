//! The self-signed certificate: made once, kept, renewed with the same key.
//!
//! What cannot be kept is made in memory, because a vhost without a certificate is out of reach. It
//! goes with the snapshot from worker to worker; clients have to accept another one after a start.

use std::io;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::names::Names;
use super::state_dir::{Content, StateDir};
use crate::config::diagnose::Report;
use crate::config::settings::{self, CertificateSource, Place, Settings};
use crate::daemon::check::survey::Survey;
use crate::daemon::command::args::{Args, Source};
use crate::daemon::command::exit;
use crate::daemon::command::print;
use crate::daemon::command::quick;
use crate::daemon::finding::{Finding, Severity};
use crate::daemon::plan::snapshot::PemFile;
use crate::sys::access::Subject;
use crate::sys::{clock, filesystem, log};
use crate::tls::self_signed::{CannotMake, Made, Request, key_from_pem, make, needs_renewal};
use crate::tls::{Certified, Identity};
use crate::vhost::certificate_files::PemFiles;

/// Name of the certificate's file.
const CERTIFICATE_FILE: &str = "self-signed.crt";
/// Name of the key's file.
const KEY_FILE: &str = "self-signed.key";
/// What a certificate and key that are only in memory are called in a snapshot: no path.
pub(in crate::daemon) const IN_MEMORY: &str = "self-signed";
/// Most bytes of either.
const FILE_BYTES_MAX: usize = 32 << 10;

/// Where a certificate comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Origin {
    /// It was there.
    Kept,
    /// It is the first, and so is its key.
    New,
    /// It was made again, with the key that was there; says why.
    Renewed(String),
}

/// A self-signed certificate that can be shown.
struct Kept {
    /// The certificate and its key.
    identity: Identity,
    /// SHA-256: `AB:CD:…`
    fingerprint: String,
    /// Where it comes from.
    origin: Origin,
    /// The directory that it is kept in; none when it is only in memory.
    dir: Option<StateDir>,
    /// Certificate and key as PEM, when they are only in memory.
    pem: Pem,
}

type Pem = Option<Zeroizing<Vec<u8>>>;

/// What a plan has of the certificate.
#[derive(Default)]
pub(in crate::daemon) struct Prepared {
    /// Tells it from another one, where a vhost names it: its fingerprint, or the addresses in one
    /// that is only in memory.
    pub mark: Option<String>,
    /// One that is only in memory.
    pub in_memory: Option<PemFile>,
}

/// The self-signed certificate for `settings`, in the form that is shown: where it cannot be kept,
/// the one in `pem`. What was found on the way is added to `findings`.
///
/// # Errors
/// In words: no certificate could be made at all.
pub(in crate::daemon) fn certified(
    settings: &Settings,
    args: &Args,
    pem: &PemFiles,
    findings: &mut Vec<Finding>,
) -> Result<Certified, String> {
    let known = pem.given_at(IN_MEMORY);
    let known = known.as_ref().map(|known| known.as_slice());
    let kept = of_settings(settings, args, known, findings)?;
    let place = kept.dir.as_ref().map(|dir| dir.file(CERTIFICATE_FILE));
    let place = place.map_or_else(|| "in memory".to_owned(), |path| path.display().to_string());
    log::notice(format_args!("self-signed certificate {place}: SHA-256 {}", kept.fingerprint));
    Ok(kept.identity.certified())
}

/// Makes what a vhost of `settings` names, or what has to `stand_in`, so that the worker finds it
/// made. `known` is the one that was in memory before.
#[must_use]
pub(in crate::daemon) fn prepare(
    settings: &Settings,
    args: &Args,
    stands_in: bool,
    known: Option<&[u8]>,
) -> Prepared {
    let is_named = names_it(settings);
    if !is_named && !stands_in {
        return Prepared::default();
    }
    // The worker tells them.
    let mut findings = Vec::new();
    let (mark, pem) = match of_settings(settings, args, known, &mut findings) {
        Ok(Kept { dir: Some(_), fingerprint, .. }) => (fingerprint, None),
        Ok(Kept { pem, .. }) => (Names::now(settings).all().join(" "), pem),
        Err(error) => (error, None),
    };
    let in_memory = pem.map(|pem| (IN_MEMORY.to_owned(), pem));
    Prepared { mark: is_named.then_some(mark), in_memory }
}

/// Whether a vhost asks for the self-signed certificate.
fn names_it(settings: &Settings) -> bool {
    let mut tls = settings.vhosts.iter().filter_map(|vhost| vhost.tls.as_ref());
    tls.any(|tls| tls.certificate.value == CertificateSource::SelfSigned)
}

/// `--self-signed`: makes or renews the certificate and says where it is and what it says; the
/// exit code.
pub(in crate::daemon) fn run(args: &Args) -> u8 {
    let mut survey = match &args.source {
        Source::Configured(dir) if !dir.exists() => {
            let (settings, mut report) = (Settings::default(), Report::default());
            let message =
                format!("{} does not exist: only names of this machine are in it", dir.display());
            report.push(Finding::new(Severity::Note, message).into());
            Survey { settings, report }
        }
        _ => match Survey::read(args, false, quick::PORT) {
            Ok(survey) => survey,
            Err(code) => return code,
        },
    };
    let mut findings = Vec::new();
    let described = describe(&survey.settings, args, &mut findings);
    findings.into_iter().for_each(|finding| survey.report.push(finding.into()));
    survey.print();
    match described {
        Ok(text) => print::out(&text),
        Err(error) => {
            print::err(&format!("kinglet: {error}"));
            exit::RUNTIME
        }
    }
}

/// Makes or renews the certificate and describes it.
///
/// # Errors
/// In words: no certificate could be made, or it could not be kept.
fn describe(
    settings: &Settings,
    args: &Args,
    findings: &mut Vec<Finding>,
) -> Result<String, String> {
    let kept = of_settings(settings, args, None, findings)?;
    let Some(dir) = &kept.dir else {
        return Err("the self-signed certificate cannot be kept".to_owned());
    };
    let leaf = kept.identity.leaf().ok_or("the self-signed certificate cannot be read")?;
    let names: Vec<String> = leaf.names().map(|name| name.to_string()).collect();
    let origin = match &kept.origin {
        Origin::Kept => "still good".to_owned(),
        Origin::New => "new".to_owned(),
        Origin::Renewed(why) => format!("renewed with its key: {why}"),
    };
    Ok(format!(
        "certificate  {}\nkey          {}\nstate        {origin}\nnames        {}\n\
         valid        {}\nSHA-256      {}\n",
        dir.file(CERTIFICATE_FILE).display(),
        dir.file(KEY_FILE).display(),
        names.join(", "),
        leaf.validity_text(),
        kept.fingerprint,
    ))
}

fn of_settings(
    settings: &Settings,
    args: &Args,
    known: Option<&[u8]>,
    findings: &mut Vec<Finding>,
) -> Result<Kept, String> {
    let names = Names::now(settings);
    let (path, place) = directory(settings, args);
    let before = findings.len();
    let now_secs = clock::wall_secs();
    let kept = match path.as_deref().and_then(|path| served_from(settings, path)) {
        None => load_or_make(path, &names, now_secs, known, findings),
        Some(error) => {
            findings.push(not_kept(path.as_deref(), &error));
            in_memory(&names, now_secs, known)
        }
    };
    findings.iter_mut().skip(before).for_each(|finding| finding.place = place);
    kept.map_err(|error| error.to_string())
}

/// The directory, if there is one, and where the configuration names it.
fn directory(settings: &Settings, args: &Args) -> (Option<PathBuf>, Option<Place>) {
    let of_text = settings.global.state_dir.as_ref().filter(|_| args.state_dir.is_none());
    let named = of_text.map(|named| PathBuf::from(&named.value)).or_else(|| args.state_dir.clone());
    let path = named.or_else(|| args.state_default.clone());
    (path.filter(|path| path != Path::new("")), of_text.map(|named| named.place))
}

/// What `-t` can say about the directory, where a vhost wants a self-signed certificate.
pub(in crate::daemon) fn check(
    settings: &Settings,
    args: &Args,
    starter: &Subject,
) -> Option<Finding> {
    if !names_it(settings) {
        return None;
    }
    let (path, place) = directory(settings, args);
    let looked = path.as_ref().ok_or_else(nowhere).and_then(|path| {
        served_from(settings, path).map_or_else(|| StateDir::look(path, starter), Err)
    });
    let finding = match looked {
        Ok(found) => lost_on_restart(&found)?,
        Err(error) => not_kept(path.as_deref(), &error),
    };
    Some(Finding { place, ..finding })
}

/// An error where a mount serves what is kept in `dir`: a private key.
fn served_from(settings: &Settings, dir: &Path) -> Option<io::Error> {
    let dir = StateDir::resolve(dir).ok()?;
    let mut mounts = settings.vhosts.iter().flat_map(|vhost| &vhost.mounts);
    mounts.find_map(|mount| {
        let settings::Origin::File(root) = &mount.origin.value else { return None };
        let below = dir.strip_prefix(std::fs::canonicalize(root).ok()?).ok()?;
        let mut parts = below.components().map(|part| part.as_os_str().as_encoded_bytes());
        let is_hidden = !mount.dotfiles && parts.any(|part| part.starts_with(b"."));
        (!is_hidden).then(|| io::Error::other(format!("{root} is served, and the key with it")))
    })
}

fn nowhere() -> io::Error {
    io::Error::other("there is no home directory")
}

fn not_kept(path: Option<&Path>, error: &io::Error) -> Finding {
    let message = format!(
        "the self-signed certificate cannot be kept in {}: {error}; every start makes another one",
        path.unwrap_or_else(|| Path::new("a state directory")).display()
    );
    let hint = "name a directory with --state-dir, or with \"state-dir\" in \"global\"";
    Finding::new(Severity::Degraded, message).hint(hint)
}

/// A warning where `path` is in memory.
fn lost_on_restart(path: &Path) -> Option<Finding> {
    filesystem::is_in_memory(path).ok().filter(|is| *is)?;
    let message =
        format!("{} is in memory: a restart loses the self-signed certificate", path.display());
    let hint = "name a directory on the flash with \"state-dir\" in \"global\"";
    Some(Finding::new(Severity::Warning, message).hint(hint))
}

/// Takes the certificate from the directory at `path`, or makes it and keeps it there, or in
/// memory alone where that cannot be.
fn load_or_make(
    path: Option<PathBuf>,
    names: &Names,
    now_secs: u64,
    known: Option<&[u8]>,
    findings: &mut Vec<Finding>,
) -> Result<Kept, CannotMake> {
    let tried = path.as_ref().ok_or_else(nowhere).and_then(|path| {
        let dir = StateDir::open(path)?;
        in_dir(dir, names, now_secs, findings)
    });
    match tried {
        Ok(kept) => Ok(kept),
        Err(error) => {
            findings.push(not_kept(path.as_deref(), &error));
            in_memory(names, now_secs, known)
        }
    }
}

/// The `known` one if it is still good, else another one.
fn in_memory(names: &Names, now_secs: u64, known: Option<&[u8]>) -> Result<Kept, CannotMake> {
    if let Some(known) = known
        && let Ok(identity) = Identity::from_pem(known, known)
        && reason(&identity, names, now_secs).is_none()
    {
        return Ok(found(identity, None, Some(known.to_vec().into())));
    }
    let made = make(&Request { names: &names.all(), now_secs }, None)?;
    let text = [made.certificate_pem.as_bytes(), made.key_pem.as_bytes()].concat();
    made_kept(&made, Origin::New, None, Some(text.into()))
}

fn in_dir(
    dir: StateDir,
    names: &Names,
    now_secs: u64,
    findings: &mut Vec<Finding>,
) -> io::Result<Kept> {
    let path = dir.path().display();
    findings.extend(lost_on_restart(dir.path()));
    let read = |name: &str| {
        let content = dir.read(name, FILE_BYTES_MAX);
        content.map_err(|error| io::Error::new(error.kind(), format!("{name}: {error}")))
    };
    let (key, certificate) = (read(KEY_FILE)?, read(CERTIFICATE_FILE)?);
    if let Some(Content { is_open: true, .. }) = &key {
        let message = format!("{path}/{KEY_FILE} can be read or written by other users");
        findings.push(Finding::new(Severity::Warning, message).hint("chmod 600"));
    }
    let origin = match (&key, &certificate) {
        (Some(key), Some(certificate)) => {
            match Identity::from_pem(&certificate.bytes, &key.bytes) {
                Ok(identity) => match reason(&identity, names, now_secs) {
                    None => return Ok(found(identity, Some(dir), None)),
                    Some(why) => Origin::Renewed(why),
                },
                Err(fault) => Origin::Renewed(fault.to_string()),
            }
        }
        (Some(_), None) => Origin::Renewed("it was missing".to_owned()),
        (None, _) => Origin::New,
    };
    make_in(dir, key.as_ref(), origin, names, now_secs, findings)
}

/// Makes a certificate with the key that is there, or with a new one where that is of no use.
fn make_in(
    dir: StateDir,
    key: Option<&Content>,
    origin: Origin,
    names: &Names,
    now_secs: u64,
    findings: &mut Vec<Finding>,
) -> io::Result<Kept> {
    let all = names.all();
    let request = Request { names: &all, now_secs };
    let old_key = key.and_then(|content| key_from_pem(&content.bytes));
    let made = old_key.as_ref().and_then(|der| make(&request, Some(der)).ok());
    let (made, origin) = match made {
        Some(made) => (made, origin),
        None => {
            if key.is_some() {
                let file = dir.file(KEY_FILE);
                let message =
                    format!("{} is not a P-256 key in PKCS#8: a new one is made", file.display());
                findings.push(Finding::new(Severity::Warning, message));
            }
            let made = make(&request, None).map_err(io::Error::other)?;
            // The key first: one without a certificate is used again, the other way it is lost.
            dir.write(KEY_FILE, made.key_pem.as_bytes())?;
            (made, Origin::New)
        }
    };
    dir.write(CERTIFICATE_FILE, made.certificate_pem.as_bytes())?;
    made_kept(&made, origin, Some(dir), None).map_err(io::Error::other)
}

fn reason(identity: &Identity, names: &Names, now_secs: u64) -> Option<String> {
    let fixed: Vec<&str> = names.fixed.iter().map(String::as_str).collect();
    let leaf = identity.chain().first()?;
    needs_renewal(leaf, &fixed, now_secs).map(|reason| reason.to_string())
}

fn found(identity: Identity, dir: Option<StateDir>, pem: Pem) -> Kept {
    Kept { fingerprint: identity.fingerprint(), identity, origin: Origin::Kept, dir, pem }
}

fn made_kept(
    made: &Made,
    origin: Origin,
    dir: Option<StateDir>,
    pem: Pem,
) -> Result<Kept, CannotMake> {
    let identity = Identity::from_pem(made.certificate_pem.as_bytes(), made.key_pem.as_bytes())
        .map_err(|_| CannotMake::BadKey)?;
    Ok(Kept { identity, fingerprint: made.fingerprint.clone(), origin, dir, pem })
}

#[cfg(test)]
#[path = "self_signed_tests.rs"]
mod tests;
