//! Which files make up a configuration, as lwsws has it: `DIR/conf`, then what is in
//! `DIR/conf.d`, sorted by name.

use std::fs;
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::diagnose::{Diagnostic, Report};
use super::settings::SourceFile;
use super::text::FILE_BYTES_MAX;

/// Files in `conf.d`.
pub const FILES_MAX: usize = 1024;
/// Bytes of all files together.
pub const ALL_BYTES_MAX: usize = 8 << 20;

/// Reads the files of `dir`; what cannot be read is reported.
pub(super) fn read_all(dir: &Path, report: &mut Report) -> Vec<SourceFile> {
    let mut files = Vec::new();
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
                fault = fault.hint("-c names the directory that holds \"conf\" and \"conf.d\"");
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
