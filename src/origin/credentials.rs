//! Who may enter: the file that a mount's `basic-auth` names.
//!
//! [`credential_line`] says what its lines are taken for.
//!
//! Passwords themselves are not kept, only digests under a random key, compared whole and in
//! constant time. For users that do not exist a hash is worked out all the same when the file
//! has slow ones, so that the time does not tell who exists.

use super::credential_line::{self, DES, Flaw, LINE_BYTES_MAX, Value as Said};
use super::secret::{Digest, Secret};
use super::verifier::{Job, JobKey};
use crate::sys::crypt::PASSWORD_BYTES_MAX;
use crate::sys::stat::{Kind, Stat};
use core::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Largest file, in bytes.
pub const FILE_BYTES_MAX: usize = 64 << 10;
/// Longest `user:password` that is looked at.
pub const PAIR_BYTES_MAX: usize = LINE_BYTES_MAX;
/// The file is looked at no more often than this.
pub const CHECK_MS: u64 = 1000;
/// Credentials that are remembered after a slow check; the oldest makes room.
pub const VERIFIED_MAX: usize = 32;
/// How long one is remembered.
pub const VERIFIED_MS: u64 = 15 * 60 * 1000;
/// Lines that are reported by their number.
pub const REMARKS_MAX: usize = 8;

/// Files this young may change again without another time on them.
const YOUNG_SECS: i64 = 3;

/// Something that belongs in the log.
#[derive(Debug)]
pub enum Event {
    /// The file was read, for the first time or because it has changed.
    Loaded {
        /// Lines with a credential.
        users: usize,
        /// What there is to say of the first lines that need it, with their numbers from 1.
        remarks: Vec<(usize, Remark)>,
    },
    /// The file cannot be read (any more); what was read before stays valid.
    Unreadable(io::Error),
}

/// What there is to say of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remark {
    /// It lets nobody in.
    Flaw(Flaw),
    /// It is taken for a DES hash, and may have been meant as a password.
    Des,
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flaw(flaw) => flaw.fmt(f),
            Self::Des => f.write_str(
                "taken for a DES hash, which is weak; a password that looks like one is written \
                 with {PLAIN} in front",
            ),
        }
    }
}

impl Remark {
    /// What there is to say of a line, if anything.
    #[must_use]
    pub fn of(line: &Result<(&[u8], Said<'_>), Flaw>) -> Option<Self> {
        match line {
            Err(flaw) => Some(Self::Flaw(*flaw)),
            Ok((_, value)) => value.method().filter(|method| *method == &DES).map(|_| Self::Des),
        }
    }
}

/// Whether somebody may enter.
#[derive(Debug)]
pub enum Entry {
    /// Yes.
    Granted,
    /// No.
    Denied,
    /// A hash must be worked out first: hand the job to a [`super::verifier::Verifier`].
    Slow(Box<Job>),
}

/// One credentials file as a reactor knows it.
pub struct Credentials {
    /// Tells the files of a configuration apart.
    id: u16,
    path: PathBuf,
    secret: Secret,
    /// Sorted by [`Digest::order`] of the user; those of one user as in the file.
    lines: Vec<Line>,
    /// Some line has a hash that is slow to work out.
    has_slow: bool,
    /// Changes with the file.
    generation: u32,
    verified: Vec<(Digest, u64)>,
    seen: Option<Stat>,
    /// What was read.
    text: Option<Digest>,
    /// The file was so young when it was read that it must be read again.
    young: bool,
    checked_ms: Option<u64>,
    unreadable: bool,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("path", &self.path).finish_non_exhaustive()
    }
}

struct Line {
    user: Digest,
    value: Value,
}

enum Value {
    /// Digest of the whole line.
    Plain(Digest),
    /// Digest of the 20 bytes of the SHA-1.
    Sha1(Digest),
    Slow(Box<[u8]>),
}

impl Line {
    fn slow(&self) -> Option<&[u8]> {
        match &self.value {
            Value::Slow(hash) => Some(hash),
            Value::Plain(_) | Value::Sha1(_) => None,
        }
    }
}

impl Credentials {
    /// Prepares the file number `id` at `path`; nothing is read before [`Credentials::refresh`],
    /// and until then nobody enters.
    #[must_use]
    pub fn new(id: u16, path: &Path) -> Self {
        Self {
            id,
            path: path.to_owned(),
            secret: Secret::new(),
            lines: Vec::new(),
            has_slow: false,
            generation: 0,
            verified: Vec::new(),
            seen: None,
            text: None,
            young: false,
            checked_ms: None,
            unreadable: false,
        }
    }

    /// Path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the file if it has changed, and looks at it at most once in [`CHECK_MS`]; to be
    /// called before [`Credentials::check`]. `now_ms` is monotonic, `wall_secs` the wall clock.
    pub fn refresh(&mut self, now_ms: u64, wall_secs: u64) -> Option<Event> {
        if self.checked_ms.is_some_and(|at| now_ms < at.saturating_add(CHECK_MS)) {
            return None;
        }
        self.checked_ms = Some(now_ms);
        match self.read() {
            Ok(None) => None,
            Ok(Some((stat, text))) => {
                let wall_secs = i64::try_from(wall_secs).unwrap_or(i64::MAX);
                let changed = stat.mtime_secs.max(stat.ctime_secs);
                self.young = wall_secs.saturating_sub(changed) < YOUNG_SECS;
                self.seen = Some(stat);
                let digest = self.secret.digest(&text);
                let same = self.text.is_some_and(|known| known.is(digest));
                self.text = Some(digest);
                let back = core::mem::take(&mut self.unreadable);
                if same && !back { None } else { Some(self.load(&text)) }
            }
            Err(e) => {
                // Who deletes the file wants nobody to come in.
                let is_gone = e.kind() == io::ErrorKind::NotFound && !self.lines.is_empty();
                if is_gone {
                    self.load(b"");
                }
                let is_known = core::mem::replace(&mut self.unreadable, true);
                (is_gone || !is_known).then_some(Event::Unreadable(e))
            }
        }
    }

    /// Takes the content of a file that this process may not read, as it was read with more
    /// rights. It counts until the file can be read, or is seen to be gone.
    pub fn hold(&mut self, text: &[u8]) -> Event {
        self.unreadable = true;
        self.load(text)
    }

    /// Whether `pair`, the decoded `user:password` of a request, may enter.
    pub fn check(&mut self, pair: &[u8], now_ms: u64) -> Entry {
        let colon = pair.iter().position(|&b| b == b':');
        let Some((user, [_, password @ ..])) = colon.and_then(|at| pair.split_at_checked(at))
        else {
            return Entry::Denied;
        };
        if user.is_empty() || pair.len() > PAIR_BYTES_MAX || pair.contains(&0) {
            return Entry::Denied;
        }
        let whole = self.secret.digest(pair);
        let remembered = |&(digest, until): &(Digest, u64)| digest.is(whole) & (now_ms < until);
        if self.verified.iter().any(remembered) {
            return Entry::Granted;
        }
        let user = self.secret.digest(user);
        let sha1 = self.secret.digest(&sha1_smol::Sha1::from(password).digest().bytes());
        let at = self.lines.partition_point(|line| line.user.order() < user.order());
        let lines = self.lines.get(at..).filter(|rest| !rest.is_empty()).unwrap_or(&self.lines);
        let mut granted = false;
        let mut own = None;
        // Every line of the user is compared, whatever has been found before; for one who does not
        // exist a line of another one.
        let is_near = |(n, line): &(usize, &Line)| *n == 0 || line.user.order() == user.order();
        for (_, line) in lines.iter().enumerate().take_while(is_near) {
            let is_user = line.user.is(user);
            match &line.value {
                Value::Plain(digest) => granted |= digest.is(whole),
                Value::Sha1(digest) => granted |= is_user & digest.is(sha1),
                Value::Slow(_) => own = own.or_else(|| line.slow().filter(|_| is_user)),
            }
        }
        if granted {
            return Entry::Granted;
        }
        // For a user without a hash one of another user is worked out: the next one behind the
        // user's place, so that a name meets the same hash each time, as a real one does.
        let other = || lines.iter().chain(&self.lines).find_map(Line::slow);
        let hash = own.or_else(|| if self.has_slow { other() } else { None });
        hash.map_or(Entry::Denied, |hash| self.slow(hash, own.is_some(), password, whole))
    }

    /// Remembers a credential that a verifier has found to be right, unless the file has changed
    /// since the job was made or belongs to another one.
    pub fn remember(&mut self, key: JobKey, now_ms: u64) {
        if key.file != self.id || key.generation != self.generation {
            return;
        }
        self.verified.retain(|&(digest, until)| !digest.is(key.digest) & (now_ms < until));
        if self.verified.len() >= VERIFIED_MAX {
            self.verified.remove(0);
        }
        self.verified.push((key.digest, now_ms.saturating_add(VERIFIED_MS)));
    }

    /// The job for a user's own hash, or for one of the others that can never be granted.
    fn slow(&self, hash: &[u8], is_own: bool, password: &[u8], whole: Digest) -> Entry {
        let grantable = is_own && password.len() <= PASSWORD_BYTES_MAX;
        let key = JobKey { file: self.id, generation: self.generation, digest: whole };
        let password = password.get(..PASSWORD_BYTES_MAX).unwrap_or(password);
        Job::new(key, password, hash, grantable)
            .map_or(Entry::Denied, |job| Entry::Slow(Box::new(job)))
    }

    /// The file's text if it is not the one that is known.
    fn read(&self) -> io::Result<Option<(Stat, Vec<u8>)>> {
        let known = self.seen.filter(|_| !self.young && !self.unreadable);
        read(&self.path, known)
    }

    fn load(&mut self, text: &[u8]) -> Event {
        self.generation = self.generation.wrapping_add(1);
        self.verified.clear();
        self.lines.clear();
        let mut remarks = Vec::new();
        for (number, line) in credential_line::lines(text) {
            let remark = Remark::of(&line).filter(|_| remarks.len() < REMARKS_MAX);
            remarks.extend(remark.map(|remark| (number, remark)));
            let Ok((user, value)) = line else { continue };
            let value = match value {
                Said::Plain(text) => Value::Plain(self.secret.digest(&[user, text].join(&b':'))),
                Said::Sha1(sha1) => Value::Sha1(self.secret.digest(&sha1)),
                Said::Slow(_, hash) => Value::Slow(hash.into()),
            };
            self.lines.push(Line { user: self.secret.digest(user), value });
        }
        self.lines.sort_by_key(|line| line.user.order());
        self.has_slow = self.lines.iter().any(|line| line.slow().is_some());
        Event::Loaded { users: self.lines.len(), remarks }
    }
}

/// The text of the file at `path`, unless it is the one of the `known` metadata.
///
/// # Errors
/// What the kernel says, and when it is no regular file or larger than [`FILE_BYTES_MAX`].
pub fn read(path: &Path, known: Option<Stat>) -> io::Result<Option<(Stat, Vec<u8>)>> {
    let file = open_regular(path)?;
    let stat = Stat::of(file.as_fd())?;
    if stat.kind != Kind::Regular {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    if known == Some(stat) {
        return Ok(None);
    }
    let mut text = Vec::new();
    file.take(FILE_BYTES_MAX as u64 + 1).read_to_end(&mut text)?;
    if text.len() > FILE_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is larger than 64 KiB"));
    }
    Ok(Some((stat, text)))
}

/// Opens without waiting for a FIFO's writer.
fn open_regular(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(crate::sys::open::NO_WAIT).open(path)
}

#[cfg(test)]
#[path = "credentials_tests.rs"]
mod tests;
