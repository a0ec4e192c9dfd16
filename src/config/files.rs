//! Which files make up a configuration, as lwsws has it: `DIR/conf`, then what is in
//! `DIR/conf.d`, sorted by name.

use std::ffi::OsString;
use std::fs::{self, DirEntry, File};
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::diagnose::{Diagnostic, Report};
use super::settings::SourceFile;
use super::text::FILE_BYTES_MAX;

/// Where a configuration is when no directory is named: the first of these that holds a `conf`,
/// Kinglet's own or the one of lwsws.
pub const DEFAULT_DIRS: [&str; 2] = ["/etc/kinglet", "/etc/lwsws"];
/// Files in `conf.d`.
pub const FILES_MAX: usize = 1024;
/// Bytes of all files together.
pub const ALL_BYTES_MAX: usize = 8 << 20;
/// How often `conf.d` is read until nothing came or went meanwhile.
const LOOKS_MAX: usize = 3;

/// Names in `conf.d` that editors, packagers and systems leave behind; case does not count. None of
/// them is a host name: files are often called like the site (`example.md`).
const LEFTOVERS: &[&str] = &[
    "*~*",
    ".#*",
    "#*#",
    "*.swp",
    "*.swo",
    "*.swx",
    "4913",
    "*.bak",
    "*.old",
    "*.orig",
    "*.rej",
    "*.save",
    "*.tmp",
    "*.dpkg-*",
    "*.ucf-*",
    "*.rpmnew",
    "*.rpmsave",
    "*.rpmorig",
    "*-opkg",
    "*.opkg*",
    "*.apk-new",
    "*.pacnew",
    "*.pacsave",
    ".DS_Store",
    "._*",
    "Thumbs.db",
    "desktop.ini",
    ".directory",
    ".nfs*",
    ".fuse_hidden*",
    ".goutputstream-*",
    ".git*",
    ".keep",
    ".placeholder",
    "README",
    "README.txt",
    "README.md",
];

/// What `-c` is for.
const HOLDS: &str = "-c names the directory that holds \"conf\" and \"conf.d\"";

/// Reads the files of `dir`; what cannot be read is reported.
pub(super) fn read_all(dir: &Path, report: &mut Report) -> Vec<SourceFile> {
    let mut files = Vec::new();
    if let Some(fault) = no_directory(dir) {
        report.push(fault);
        return files;
    }
    let conf = dir.join("conf");
    let read = read_bounded(&conf, None);
    let error = read.as_ref().err().map(io::Error::kind);
    let is_missing = error == Some(ErrorKind::NotFound);
    let is_closed = error == Some(ErrorKind::PermissionDenied);
    match read {
        Ok(text) => files.push(SourceFile { path: conf.display().to_string(), text }),
        Err(_) if is_missing => report.push(no_conf(dir, &conf)),
        Err(error) => report.push(fault(&conf, &error)),
    }
    let conf_d = dir.join("conf.d");
    match read_conf_d(&conf_d) {
        Ok((read, findings)) => {
            files.extend(read);
            findings.into_iter().for_each(|finding| report.push(finding));
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            if !is_missing {
                let message = format!("there is no {}: only conf is read", conf_d.display());
                report.push(Diagnostic::note(None, message));
            }
        }
        // The directory around both is closed.
        Err(error) if is_closed && error.kind() == ErrorKind::PermissionDenied => {}
        Err(error) => report.push(fault(&conf_d, &error)),
    }
    if files.iter().map(|file| file.text.len()).sum::<usize>() > ALL_BYTES_MAX {
        let message = format!("{} has more than {ALL_BYTES_MAX} bytes in all", dir.display());
        report.push(Diagnostic::error(None, message));
    }
    files
}

/// What to say, and what was meant, where a file is named and not a directory.
#[must_use]
pub fn is_a_file(named: &Path) -> Option<(String, String)> {
    if !named.is_file() {
        return None;
    }
    // The file may be `conf`, or one of `conf.d`.
    let meant = named.ancestors().skip(1).take(2).find(|dir| dir.join("conf").is_file());
    let meant = meant.map(|dir| if dir == Path::new("") { Path::new(".") } else { dir });
    let hint = meant.map(|dir| format!("did you mean -c {}?", dir.display()));
    let fault = format!("{} is a file, and -c wants a directory", named.display());
    Some((fault, hint.unwrap_or_else(|| HOLDS.to_owned())))
}

/// What to say of a directory that holds no configuration for a reason that is easily told.
fn no_directory(dir: &Path) -> Option<Diagnostic> {
    if let Some((fault, hint)) = is_a_file(dir) {
        return Some(Diagnostic::error(None, fault).hint(hint));
    }
    let [ours, lwsws] = DEFAULT_DIRS.map(|dir| Path::new(dir).join("conf"));
    let is_default = DEFAULT_DIRS.iter().any(|known| Path::new(known) == dir);
    (is_default && !ours.exists() && !lwsws.exists()).then(|| {
        let fault = format!("there is neither {} nor {}", ours.display(), lwsws.display());
        Diagnostic::error(None, fault).hint(
            "kinglet DIR serves the files of a directory without a configuration; kinglet -c DIR \
             reads DIR/conf and DIR/conf.d/*",
        )
    })
}

/// What to say where `conf`, or the whole directory, is missing.
fn no_conf(dir: &Path, conf: &Path) -> Diagnostic {
    let is_there = dir.exists();
    let missing = if is_there { conf } else { dir };
    let fault = Diagnostic::error(None, format!("there is no {}", missing.display()));
    fault.hint(match is_there {
        true => format!("{HOLDS}; to serve the files of a directory: kinglet {}", dir.display()),
        false => HOLDS.to_owned(),
    })
}

type ReadFiles = (Vec<SourceFile>, Vec<Diagnostic>);

/// Reads `conf.d` as it was at one moment: when files came or went, as they do while an editor or
/// a package manager is at work, it is read again.
fn read_conf_d(conf_d: &Path) -> io::Result<ReadFiles> {
    let owner = fs::metadata(conf_d)?.uid();
    let mut names = list(conf_d)?;
    for _ in 1..LOOKS_MAX {
        let read = read_names(conf_d, &names, owner);
        let now = list(conf_d)?;
        if now == names {
            return Ok(read);
        }
        names = now;
    }
    Ok(read_names(conf_d, &names, owner))
}

fn list(conf_d: &Path) -> io::Result<Vec<OsString>> {
    let entries = fs::read_dir(conf_d)?.map(|entry| entry.map(|e: DirEntry| e.file_name()));
    let mut names = entries.collect::<io::Result<Vec<OsString>>>()?;
    names.sort_unstable();
    Ok(names)
}

fn read_names(conf_d: &Path, names: &[OsString], owner: u32) -> ReadFiles {
    let (left, names): (Vec<_>, Vec<_>) =
        names.iter().partition(|name| is_leftover(name.as_bytes()));
    let (mut files, mut findings) = (Vec::new(), Vec::new());
    if !left.is_empty() {
        let left: Vec<_> = left.iter().map(|name| name.to_string_lossy()).collect();
        let message = format!(
            "{}: skipped what editors, package managers and systems leave behind: {}",
            conf_d.display(),
            left.join(", ")
        );
        findings.push(Diagnostic::note(None, message));
    }
    let mut bytes = 0;
    for path in names.into_iter().map(|name| conf_d.join(name)) {
        if files.len() == FILES_MAX {
            let message = format!("{} has more than {FILES_MAX} files", conf_d.display());
            findings.push(Diagnostic::error(None, message));
        }
        if files.len() == FILES_MAX || bytes > ALL_BYTES_MAX {
            break;
        }
        match read_bounded(&path, Some(owner)) {
            Ok(text) => {
                bytes += text.len();
                files.push(SourceFile { path: path.display().to_string(), text });
            }
            Err(error) => findings.extend(not_read(&path, &error)),
        }
    }
    (files, findings)
}

/// What there is to say about a file in `conf.d` that was not read. lwsws reads neither links nor
/// what is no file, so neither is an error.
fn not_read(path: &Path, error: &io::Error) -> Option<Diagnostic> {
    let passed_over = |why: &str| format!("{}: skipped: {why}", path.display());
    let Ok(entry) = fs::symlink_metadata(path) else { return None };
    match error.kind() {
        _ if entry.is_dir() => None,
        ErrorKind::NotFound if entry.is_symlink() => {
            Some(Diagnostic::warning(None, passed_over("the link leads nowhere")))
        }
        ErrorKind::NotFound => None,
        ErrorKind::InvalidInput => Some(Diagnostic::warning(None, passed_over(&error.to_string()))),
        _ => Some(fault(path, error)),
    }
}

fn fault(path: &Path, error: &io::Error) -> Diagnostic {
    let hint = "start as root, or as a user who may read it";
    let hint = (error.kind() == ErrorKind::PermissionDenied).then(|| hint.to_owned());
    Diagnostic::error(None, format!("{}: {error}", path.display())).maybe_hint(hint)
}

/// Whether a name is one of [`LEFTOVERS`].
fn is_leftover(name: &[u8]) -> bool {
    fn matches(pattern: &[u8], name: &[u8]) -> bool {
        match (pattern, name) {
            ([b'*', rest @ ..], _) => {
                matches(rest, name) || name.split_first().is_some_and(|(_, n)| matches(pattern, n))
            }
            ([p, pattern @ ..], [n, name @ ..]) => {
                p.eq_ignore_ascii_case(n) && matches(pattern, name)
            }
            (pattern, name) => pattern.is_empty() && name.is_empty(),
        }
    }
    LEFTOVERS.iter().any(|pattern| matches(pattern.as_bytes(), name))
}

/// Reads a regular file, one byte more than the limit at most. A FIFO or device is not opened.
/// With an owner, a link is followed only to a file of root or of this user: nobody else decides
/// what root reads.
fn read_bounded(path: &Path, owner: Option<u32>) -> io::Result<Vec<u8>> {
    let odd = |why: String| Err(io::Error::new(ErrorKind::InvalidInput, why));
    if !fs::metadata(path)?.is_file() {
        return odd("not a regular file".to_owned());
    }
    let is_link = fs::symlink_metadata(path)?.is_symlink();
    let file = File::open(path)?;
    let meta = file.metadata()?;
    if let Some(owner) = owner.filter(|&owner| is_link && ![0, owner].contains(&meta.uid())) {
        let uid = meta.uid();
        let who = if owner == 0 { String::new() } else { format!(" or user {owner}") };
        return odd(format!("the link leads to a file of user {uid}, not of root{who}"));
    }
    let size = usize::try_from(meta.len()).unwrap_or(usize::MAX).min(FILE_BYTES_MAX + 1);
    let mut text = Vec::with_capacity(size + 1);
    file.take(FILE_BYTES_MAX as u64 + 1).read_to_end(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leftovers_are_known_by_their_names_and_all_of_them_are_documented() {
        for name in [
            ".#site",
            "#site#",
            ".site.swp",
            ".swp",
            "site~",
            "a~b",
            "~",
            "site.dpkg-dist",
            "site.rpmnew",
            "site.RPMSAVE",
            "site.ucf-old",
            "site-opkg",
            "readme",
            "README.md",
            ".goutputstream-0A1B2C",
            ".DS_Store",
            "._site",
            ".gitignore",
            "site.bak",
            "4913",
        ] {
            assert!(is_leftover(name.as_bytes()), "{name}");
        }
        for name in [
            "site",
            ".site",
            "#site",
            "site.conf",
            "a.md",
            "swp",
            "bak",
            "14913",
            ".",
            "readme.lan",
        ] {
            assert!(!is_leftover(name.as_bytes()), "{name}");
        }
        assert!(is_leftover(b"\xff~"));
        for pattern in LEFTOVERS {
            let shown = format!("`{pattern}`");
            assert!(crate::config::reference::INTRODUCTION.contains(&shown), "{shown}");
        }
    }
}
