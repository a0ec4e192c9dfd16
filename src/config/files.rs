//! Which files make up a configuration, as lwsws has it: `DIR/conf`, then what is in
//! `DIR/conf.d`, sorted by name.

use std::fs;
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

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

/// What `-c` is for.
const HOLDS: &str = "-c names the directory that holds \"conf\" and \"conf.d\"";

/// Reads the files of `dir`; what cannot be read is reported.
pub(super) fn read_all(dir: &Path, report: &mut Report) -> Vec<SourceFile> {
    let mut files = Vec::new();
    if let Some(fault) = no_directory(dir) {
        report.push(fault);
        return files;
    }
    read_one(&dir.join("conf"), &mut files, report);
    let conf_d = dir.join("conf.d");
    let mut names = match fs::read_dir(&conf_d) {
        Ok(entries) => list(entries, &conf_d, report),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let message = format!("there is no {}: only conf is read", conf_d.display());
            report.push(Diagnostic::note(None, message));
            Vec::new()
        }
        Err(error) => {
            report.push(Diagnostic::error(None, format!("{}: {error}", conf_d.display())));
            Vec::new()
        }
    };
    names.sort_by(|a, b| a.as_os_str().as_bytes().cmp(b.as_os_str().as_bytes()));
    if names.len() > FILES_MAX {
        let message = format!("{} has more than {FILES_MAX} files", conf_d.display());
        report.push(Diagnostic::error(None, message));
        names.truncate(FILES_MAX);
    }
    let mut total: usize = 0;
    for path in names {
        read_one(&path, &mut files, report);
        total = files.iter().map(|f: &SourceFile| f.text.len()).sum();
        if total > ALL_BYTES_MAX {
            break;
        }
    }
    if total > ALL_BYTES_MAX {
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

/// The paths in `conf.d` that count: no backups (`~` at the end), no directories. Names that
/// begin with a dot do count.
fn list(entries: fs::ReadDir, conf_d: &Path, report: &mut Report) -> Vec<PathBuf> {
    let mut names = Vec::new();
    for entry in entries {
        match entry {
            Ok(entry) => {
                let path = entry.path();
                if !entry.file_name().as_bytes().ends_with(b"~") && !path.is_dir() {
                    names.push(path);
                }
            }
            Err(error) => {
                report.push(Diagnostic::error(None, format!("{}: {error}", conf_d.display())));
                break;
            }
        }
    }
    names
}

fn read_one(path: &Path, files: &mut Vec<SourceFile>, report: &mut Report) {
    let shown = path.display().to_string();
    match read_bounded(path) {
        Ok(text) => files.push(SourceFile { path: shown, text }),
        Err(error) => {
            let mut fault = Diagnostic::error(None, format!("{shown}: {error}"));
            if error.kind() == std::io::ErrorKind::NotFound {
                fault = fault.hint(HOLDS);
            }
            report.push(fault);
        }
    }
}

/// Reads a regular file, one byte more than the limit at most. A FIFO or device is not opened.
fn read_bounded(path: &Path) -> std::io::Result<Vec<u8>> {
    let meta = fs::metadata(path)?;
    if !meta.is_file() {
        return Err(std::io::Error::other("not a regular file"));
    }
    let size = usize::try_from(meta.len()).unwrap_or(usize::MAX).min(FILE_BYTES_MAX + 1);
    let mut text = Vec::with_capacity(size + 1);
    fs::File::open(path)?.take(FILE_BYTES_MAX as u64 + 1).read_to_end(&mut text)?;
    Ok(text)
}
