//! What to do when the kernel refuses something because there is too little of it.

use std::fmt;
use std::io;

/// Errors of shortage, and who can give more.
const REMEDIES: [(i32, &str); 5] = [
    (libc::EMFILE, "raise the limit of open files: LimitNOFILE= of the service, or ulimit -n"),
    (libc::ENFILE, "no process of this machine can open more files: raise fs.file-max"),
    (
        libc::EAGAIN,
        "raise the limit of processes and threads (LimitNPROC= and TasksMax= of the service, \
         ulimit -u, the pids limit of the container), or that of memory",
    ),
    (
        libc::ENOMEM,
        "no memory is left, or no more is allowed (MemoryMax= of the service, ulimit -v)",
    ),
    (
        libc::ETOOMANYREFS,
        "raise the limit of open files: LimitNOFILE= of the service, or ulimit -n",
    ),
];

/// An error, and what to do about it if it is one of shortage.
#[derive(Debug, Clone, Copy)]
pub struct Explained<'a>(pub &'a io::Error);

impl fmt::Display for Explained<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let errno = self.0.raw_os_error();
        match REMEDIES.iter().find(|(number, _)| Some(*number) == errno) {
            Some((_, remedy)) => write!(f, "; {remedy}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_shortage_has_a_remedy() {
        let said = |errno| Explained(&io::Error::from_raw_os_error(errno)).to_string();
        assert!(said(libc::EMFILE).starts_with("Too many open files (os error 24); raise"));
        assert!(said(libc::EAGAIN).contains("ulimit -u"));
        assert_eq!(said(libc::EACCES), "Permission denied (os error 13)");
    }
}
