//! One line of a credentials file: what its value is taken for.
//!
//! A line is `user:value`, the value a password as in lwsws or a hash. A hash ends at the next
//! colon, as in `/etc/shadow`, and white space behind it does not count. A hash of another kind, a
//! locked entry, or an entry of another kind of file is never a password: as one it would let in
//! everybody who has seen the file. `{PLAIN}` stands in front of a password that looks like one.

use crate::sys::crypt::{self, CryptError, HASH_BYTES_MAX};
use base64::Engine as _;
use core::fmt;

/// Longest line, without its end.
pub const LINE_BYTES_MAX: usize = 512;

/// What the value of a line is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// The password itself.
    Plain(&'a [u8]),
    /// The SHA-1 of the password.
    Sha1([u8; 20]),
    /// A hash that takes time to work out.
    Slow(&'static Method, &'a [u8]),
}

/// A kind of hash that is worked out here or by the C library.
#[derive(Debug, PartialEq, Eq)]
pub struct Method {
    /// What it is called.
    pub name: &'static str,
    prefix: &'static [u8],
    /// Digits behind the last `$`.
    digits: usize,
    /// A cheap setting to ask the C library with; empty where it is not needed.
    probe: &'static [u8],
}

/// What begins with its name. `$apr1$` and `$1$` are worked out here.
static NAMED: [Method; 8] = [
    named("an MD5 hash of Apache", b"$apr1$", 22, b""),
    named("an MD5 hash", b"$1$", 22, b""),
    named("a SHA-256 hash", b"$5$", 43, b"$5$rounds=1000$a$"),
    named("a SHA-512 hash", b"$6$", 86, b"$6$rounds=1000$a$"),
    named("a bcrypt hash", b"$2a$", 53, BCRYPT_PROBE),
    named("a bcrypt hash", b"$2b$", 53, BCRYPT_PROBE),
    named("a bcrypt hash", b"$2y$", 53, BCRYPT_PROBE),
    named("a yescrypt hash", b"$y$", 43, b"$y$j75$saltsalt$"),
];
const BCRYPT_PROBE: &[u8] = b"$2b$04$abcdefghijklmnopqrstuu";

/// The oldest hash of `crypt`, which has no name in front and looks like a word.
pub static DES: Method = named("a DES hash", b"", 13, b"ab");
static BSDI: Method = named("a DES hash of BSDi", b"_", 20, b"_J9..rasm");

const fn named(
    name: &'static str,
    prefix: &'static [u8],
    digits: usize,
    probe: &'static [u8],
) -> Method {
    Method { name, prefix, digits, probe }
}

impl Method {
    /// Why the C library cannot work such hashes out, if it cannot.
    #[must_use]
    pub fn objection(&self) -> Option<CryptError> {
        if self.probe.is_empty() { None } else { crypt::verify(b"", self.probe).err() }
    }
}

impl Value<'_> {
    /// The kind of a hash that takes time.
    #[must_use]
    pub fn method(&self) -> Option<&'static Method> {
        if let Self::Slow(method, _) = self { Some(method) } else { None }
    }

    /// What it is taken for, in words.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Plain([]) => "an empty password",
            Self::Plain(text) if text.ends_with(b" ") || text.ends_with(b"\t") => {
                "a password that ends with white space"
            }
            Self::Plain(_) => "a password",
            Self::Sha1(_) => "a SHA-1 hash",
            Self::Slow(method, _) => method.name,
        }
    }
}

/// Why a line lets nobody in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// There is no user, or no colon behind it.
    NoPair,
    /// Longer than [`LINE_BYTES_MAX`], or with a NUL.
    NoText,
    /// `*`, `!` and what other systems write so that nobody gets in.
    Locked,
    /// A hash of a kind that is known but incomplete.
    Damaged(&'static str),
    /// A hash of another kind.
    Unknown,
    /// A line of `htdigest`.
    Digest,
    /// A line of `/etc/passwd`, or one of `/etc/shadow` without a hash.
    Account,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoPair => "neither user:password nor a hash that is known",
            Self::NoText => "longer than 512 bytes, or no text",
            Self::Locked => "a locked entry, nobody gets in by it",
            Self::Damaged(name) => {
                return write!(f, "{name} that is not whole, nobody gets in by it");
            }
            Self::Unknown => "a kind of hash that is not known here, nobody gets in by it",
            Self::Digest => "an entry of htdigest, which basic-auth cannot use",
            Self::Account => "an entry of /etc/passwd without a hash",
        })
    }
}

/// The lines of a file that say something, with their numbers from 1. Lines end with LF or CRLF; a
/// byte order mark in front, empty lines and those that begin with `#` say nothing.
pub fn lines(text: &[u8]) -> impl Iterator<Item = (usize, Result<(&[u8], Value<'_>), Flaw>)> {
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
    text.split(|&byte| byte == b'\n').enumerate().filter_map(|(number, line)| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let says_nothing = line.is_empty() || line.starts_with(b"#");
        (!says_nothing).then(|| (number + 1, read(line)))
    })
}

/// User and value of a line.
fn read(line: &[u8]) -> Result<(&[u8], Value<'_>), Flaw> {
    if line.len() > LINE_BYTES_MAX || line.contains(&0) {
        return Err(Flaw::NoText);
    }
    let colon = line.iter().position(|&byte| byte == b':').filter(|&at| at > 0);
    let (user, value) = colon.and_then(|at| line.split_at_checked(at)).ok_or(Flaw::NoPair)?;
    Ok((user, taken_for(value.get(1..).unwrap_or_default())?))
}

fn taken_for(value: &[u8]) -> Result<Value<'_>, Flaw> {
    if let Some(password) = value.strip_prefix(b"{PLAIN}") {
        return Ok(Value::Plain(password));
    }
    let mut fields = value.split(|&byte| byte == b':');
    let hash = fields.next().unwrap_or_default().trim_ascii_end();
    if let Some(text) = hash.strip_prefix(b"{SHA}") {
        let mut sha1 = [0; 24];
        let len = base64::engine::general_purpose::STANDARD.decode_slice(text, &mut sha1);
        let sha1 = len.ok().filter(|&len| len == 20).and_then(|_| sha1.first_chunk());
        return sha1.copied().map(Value::Sha1).ok_or(Flaw::Damaged("a SHA-1 hash"));
    }
    if let Some(method) = NAMED.iter().find(|method| hash.starts_with(method.prefix)) {
        let is_whole = is_whole(method, hash);
        return is_whole.then_some(Value::Slow(method, hash)).ok_or(Flaw::Damaged(method.name));
    }
    match unnamed(hash) {
        Some(method) => Ok(Value::Slow(method, hash)),
        None if is_hash(value) => Err(Flaw::Unknown),
        None if is_locked(hash) => Err(Flaw::Locked),
        None => match (hash, fields.clone().count(), fields.next()) {
            // The fields behind the hash that passwd(5) and shadow(5) have.
            (b"" | b"x", 5 | 7, _) => Err(Flaw::Account),
            (_, 1, Some(md5)) if is_hex(md5, 32) => Err(Flaw::Digest),
            _ => Ok(Value::Plain(value)),
        },
    }
}

/// Whether a hash that begins with its name has salt and digits as well.
fn is_whole(method: &Method, hash: &[u8]) -> bool {
    let mut parts = hash.split(|&byte| byte == b'$');
    hash.len() <= HASH_BYTES_MAX
        && hash.iter().all(u8::is_ascii_graphic)
        && parts.clone().count() > 3
        && parts
            .next_back()
            .is_some_and(|last| last.len() == method.digits && last.iter().all(is_digit))
}

/// A digit of `crypt`.
fn is_digit(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b"./".contains(byte)
}

/// The hashes of `crypt` without a name. Their last digit stands for four bits only; one word in
/// four ends with such a digit by chance. What has only small letters, or only digits, is a word:
/// of the hashes one in 10,000 looks so.
fn unnamed(hash: &[u8]) -> Option<&'static Method> {
    let method = [&DES, &BSDI].into_iter().find(|method| method.digits == hash.len())?;
    let digits = hash.strip_prefix(method.prefix)?;
    let ends = digits.last().is_some_and(|byte| b".26AEIMQUYcgkosw".contains(byte));
    let is_word = |is: fn(&u8) -> bool| digits.iter().all(is);
    let is_plain = is_word(u8::is_ascii_lowercase) || is_word(u8::is_ascii_digit);
    (ends && digits.iter().all(is_digit) && !is_plain).then_some(method)
}

/// `$id$` or `{WORD}` in front (RFC 2307 writes the words in capitals), or what the libraries of
/// programming languages write: a kind of hash.
fn is_hash(value: &[u8]) -> bool {
    const WORDS: [&[u8]; 6] = [b"pbkdf2", b"argon2", b"scrypt", b"bcrypt", b"sha1", b"md5"];
    const SCHEMES: [&str; 5] = ["sha", "ssha", "md5", "smd5", "crypt"];
    let id = |end: u8| {
        let rest = value.get(1..)?;
        let word = rest.get(..rest.iter().position(|&byte| byte == end)?)?;
        let marks: &[u8] = if end == b'}' { b"-._" } else { b"-,=" };
        let is_id = |byte: &u8| byte.is_ascii_alphanumeric() || marks.contains(byte);
        core::str::from_utf8(word).ok().filter(|_| !word.is_empty() && word.iter().all(is_id))
    };
    match value.first() {
        Some(b'$') => id(b'$').is_some(),
        Some(b'{') => id(b'}').is_some_and(|word| {
            !word.bytes().any(|byte| byte.is_ascii_lowercase())
                || SCHEMES.iter().any(|scheme| word.eq_ignore_ascii_case(scheme))
        }),
        _ => {
            let parts = value.iter().filter(|&&byte| byte == b'$').count();
            parts > 1 && WORDS.iter().any(|word| value.starts_with(word))
        }
    }
}

/// `*` and `!`, alone or in front of a hash, and the words that some systems put between or behind.
fn is_locked(value: &[u8]) -> bool {
    let marks = value.iter().take_while(|byte| b"*!".contains(byte)).count();
    let rest = value.get(marks..).unwrap_or_default();
    marks > 0
        && (matches!(rest, b"" | b"LK*" | b"NP*" | b"0" | b"1")
            || is_hash(rest)
            || unnamed(rest).is_some()
            // MySQL.
            || is_hex(rest, 40))
}

fn is_hex(text: &[u8], len: usize) -> bool {
    text.len() == len && text.iter().all(u8::is_ascii_hexdigit)
}

#[cfg(test)]
#[path = "credential_line_tests.rs"]
mod tests;
