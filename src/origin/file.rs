//! Files of a mount: from a path to what is to be answered.
//!
//! [`answer`] finds the file and says what it is; evaluating preconditions and ranges against
//! its validators is for the caller, who reads the body afterwards, if at all.

use super::cache::{CONTENT_BYTES_MAX, FileCache, Loaded};
use super::cache_key::Key;
use super::charset::{self, LOOK_BYTES};
use super::lines::{Description, Lines};
use super::sibling::{self, Siblings, is_current};
use super::validator::Validators;
use crate::buf::Buf;
use crate::http::encoding::{Accepted, Coding};
use crate::sys::log;
use crate::sys::open::read_at;
use crate::sys::stat::{Kind, Stat};
use crate::sys::walk::{OpenError, Opened, PATH_BYTES_MAX, Root, Rules};
use crate::vhost::mime::{Media, MimeTable};
use heapless::Vec as FixedVec;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// A mount with a `file://` origin. Its directory is opened by the [`FileCache`].
#[derive(Debug, Clone)]
pub struct FileMount {
    /// Place of its directory among those the cache was made with.
    pub id: u16,
    /// `default`: name of the document of a directory.
    pub default_document: Box<str>,
    /// `follow-symlinks` and `dotfiles`.
    pub rules: Rules,
    /// Canned types and `extra-mimetypes`.
    pub mime: MimeTable,
    /// `directory-listing`
    pub directory_listing: bool,
}

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// Path below the mount: decoded, normalised, beginning with `/`.
    pub path: &'a [u8],
    /// From `Accept-Encoding`.
    pub accept: Accepted,
    /// Monotonic time in milliseconds.
    pub now_ms: u64,
    /// Wall clock, seconds since 1970.
    pub wall_secs: u64,
}

/// What is to be answered.
#[derive(Debug)]
pub enum Outcome<'c> {
    /// The file.
    Found(Found<'c>),
    /// A directory was asked for without its closing slash: redirect to it (301), so that the
    /// relative links of its page work.
    RedirectToSlash,
    /// A directory without default document, whose mount lists directories; its descriptor.
    Listing(OwnedFd),
    /// Nothing there that may be known of (404).
    NotFound,
    /// A directory without default document, whose mount does not list directories (404).
    NoIndex,
    /// There, but not to be served: no permission, no regular file, a link that leaves (403).
    Forbidden,
    /// A file whose suffix has no type (415), as in lwsws.
    UnsupportedMediaType,
    /// Out of descriptors or memory (503).
    Busy,
    /// The mount's directory is not there now (503); its path is tried once a second.
    Unavailable,
    /// The file system failed (500), which the log has been told.
    Failed,
}

/// A file that was found.
#[derive(Debug, Clone, Copy)]
pub struct Found<'c> {
    /// Bytes of this representation.
    pub size: u64,
    /// Header lines about it.
    pub lines: &'c Lines,
    /// `Last-Modified` in seconds since 1970.
    pub last_modified_secs: u64,
    /// `Content-Type`, unless the mount wants none.
    pub content_type: Option<&'c str>,
    /// `Content-Encoding` of a precompressed sibling.
    pub content_encoding: Option<&'static str>,
    /// Whether `Vary: Accept-Encoding` is due: some sibling exists.
    pub vary: bool,
    /// Where the bytes are.
    pub body: Body<'c>,
}

/// Where the bytes of a file are.
#[derive(Debug, Clone, Copy)]
pub enum Body<'c> {
    /// Here, all of them.
    Content(&'c [u8]),
    /// Behind this descriptor, for [`read_into`] now, or for `try_clone_to_owned` when sending
    /// takes longer than this turn.
    File(BorrowedFd<'c>),
}

/// Reads bytes of a file from `offset` to the end of `out`, at most `bytes_max` and what there
/// is room for; answers how many, 0 at the end of the file or when there is no room.
///
/// # Errors
/// What the kernel says.
pub fn read_into(
    fd: BorrowedFd<'_>,
    out: &mut Buf,
    offset: u64,
    bytes_max: usize,
) -> io::Result<usize> {
    let room = out.room();
    let len = room.len().min(bytes_max);
    let read = read_at(fd, &mut room[..len], offset)?;
    out.commit(read);
    Ok(read)
}

/// Finds what to answer.
pub fn answer<'c>(cache: &'c mut FileCache, mount: &'c FileMount, ask: &Ask<'_>) -> Outcome<'c> {
    let place = match fresh_or_load(cache, mount, ask, Coding::Identity, None) {
        Ok(at) => at,
        Err(outcome) => return outcome,
    };
    let siblings = cache.loaded(place).map(|file| file.siblings).unwrap_or_default();
    let coding = if siblings.any() {
        ask.accept.choose(siblings.has(Coding::Brotli), siblings.has(Coding::Gzip))
    } else {
        Coding::Identity
    };
    // A sibling that has gone in the meantime leaves the file itself.
    let (at, coding) = match coding {
        Coding::Identity => (place, coding),
        _ => fresh_or_load(cache, mount, ask, coding, Some(place))
            .map_or((place, Coding::Identity), |at| (at, coding)),
    };
    found(cache, mount, at, coding, siblings.any())
}

/// What is in entry `at`.
fn found<'c>(
    cache: &'c FileCache,
    mount: &'c FileMount,
    at: u16,
    coding: Coding,
    vary: bool,
) -> Outcome<'c> {
    let Some(file) = cache.loaded(at) else { return Outcome::NotFound };
    let content = || cache.content(at).get(..usize::try_from(file.stat.size).ok()?);
    let body = match &file.fd {
        Some(fd) => Body::File(fd.as_fd()),
        None => Body::Content(content().unwrap_or_default()),
    };
    Outcome::Found(Found {
        size: file.stat.size,
        lines: &file.lines,
        last_modified_secs: file.modified_secs,
        content_type: mount.mime.text(file.media),
        content_encoding: coding.name(),
        vary,
        body,
    })
}

fn fresh_or_load(
    cache: &mut FileCache,
    mount: &FileMount,
    ask: &Ask<'_>,
    coding: Coding,
    keep: Option<u16>,
) -> Result<u16, Outcome<'static>> {
    let key = Key { mount: mount.id, coding, path: ask.path };
    if let Some(at) = cache.fresh(key, ask.now_ms) {
        return Ok(at);
    }
    let loaded = load(cache, mount, ask, key, keep);
    if loaded.is_err() && keep.is_none() {
        cache.forget(key);
    }
    loaded
}

/// Opens the file and stores it in the cache.
fn load(
    cache: &mut FileCache,
    mount: &FileMount,
    ask: &Ask<'_>,
    key: Key<'_>,
    keep: Option<u16>,
) -> Result<u16, Outcome<'static>> {
    let Ok(path) = FilePath::new(ask.path, &mount.default_document, key.coding) else {
        return Err(Outcome::NotFound);
    };
    let opened = match open(cache, mount, path.as_bytes(), ask.now_ms) {
        // The process is out of descriptors: give up those that only save time, try once more.
        Err(Outcome::Busy) if keep.is_none() => {
            cache.close_files();
            open(cache, mount, path.as_bytes(), ask.now_ms)
        }
        other => other,
    };
    let opened = match opened {
        Err(Outcome::NotFound) if ask.path.ends_with(b"/") => {
            return Err(directory(cache, mount, ask));
        }
        other => other?,
    };
    if opened.stat.kind == Kind::Directory {
        // A default document that is a directory is no document.
        return Err(if ask.path.ends_with(b"/") {
            directory(cache, mount, ask)
        } else {
            Outcome::RedirectToSlash
        });
    }
    // The type of a copy is that of its file.
    let of_file = keep.and_then(|at| cache.loaded(at)).map(|file| file.media);
    let media = of_file
        .or_else(|| mount.mime.find(path.original()))
        .ok_or(Outcome::UnsupportedMediaType)?;
    let Ok((root, expires_ms)) = cache.root(mount.id, ask.now_ms) else {
        return Err(Outcome::Unavailable);
    };
    let mut siblings = Siblings::default();
    if key.coding == Coding::Identity
        && ask.path.len() <= super::cache::KEY_BYTES_MAX
        && !mount.mime.is_packed(media)
    {
        siblings = find_siblings(root, mount, ask.path, &opened.stat);
    }
    store(cache, key, (opened, &mount.mime), (media, siblings), ask.wall_secs, (expires_ms, keep))
}

/// Reads small content and puts everything into the cache.
fn store(
    cache: &mut FileCache,
    key: Key<'_>,
    (mut opened, mime): (Opened, &MimeTable),
    (media, siblings): (Media, Siblings),
    wall_secs: u64,
    (expires_ms, keep): (u64, Option<u16>),
) -> Result<u16, Outcome<'static>> {
    let mut page = [0; CONTENT_BYTES_MAX];
    let content = read_content(&mut opened, &mut page)?;
    let is_copy = key.coding != Coding::Identity;
    let media = match mime.charset(media) {
        Some(said) if !is_copy && !agrees(&opened, content, said) => media.bare(),
        _ => media,
    };
    let validators = Validators::of(&opened.stat, sibling::number(key.coding), wall_secs);
    let said = Description {
        content_type: mime.text(media),
        content_encoding: key.coding.name(),
        size: opened.stat.size,
        vary: is_copy || siblings.any(),
    };
    let (lines, modified_secs) = (Lines::new(&validators, &said), validators.modified_secs);
    let fd = if content.is_some() { None } else { Some(opened.fd) };
    let loaded = Loaded { stat: opened.stat, modified_secs, lines, media, siblings, fd };
    let at = cache.store(key, loaded, expires_ms, keep);
    if let Some(content) = content {
        cache.set_content(at, content);
    }
    Ok(at)
}

/// Reads the whole of a small file. A file that changes under our hands is looked at again; one
/// that keeps changing is left to be read as it is sent.
fn read_content<'p>(
    opened: &mut Opened,
    page: &'p mut [u8; CONTENT_BYTES_MAX],
) -> Result<Option<&'p [u8]>, Outcome<'static>> {
    const TRIES: usize = 3;
    for _ in 0..TRIES {
        let Some(size) = usize::try_from(opened.stat.size).ok().filter(|&n| n <= page.len()) else {
            return Ok(None);
        };
        let read = read_at(opened.fd.as_fd(), page, 0).map_err(|_| Outcome::Failed)?;
        let stat = Stat::of(opened.fd.as_fd()).map_err(|_| Outcome::Failed)?;
        if read == size && stat == opened.stat {
            return Ok(page.get(..size));
        }
        opened.stat = stat;
    }
    Ok(None)
}

/// Whether a text is in the charset that would be said of it, judged by its first bytes.
fn agrees(opened: &Opened, content: Option<&[u8]>, (media, charset): (&str, &str)) -> bool {
    let mut first = [0; LOOK_BYTES];
    let head = match content {
        Some(content) => content.get(..LOOK_BYTES).unwrap_or(content),
        None => {
            let read = read_at(opened.fd.as_fd(), &mut first, 0).unwrap_or_default();
            first.get(..read).unwrap_or_default()
        }
    };
    charset::agrees(head, media, charset)
}

fn open(
    cache: &mut FileCache,
    mount: &FileMount,
    path: &[u8],
    now_ms: u64,
) -> Result<Opened, Outcome<'static>> {
    let Ok((root, _)) = cache.root(mount.id, now_ms) else { return Err(Outcome::Unavailable) };
    root.open_file(path, mount.rules).map_err(|error| match error {
        OpenError::NotFound => Outcome::NotFound,
        OpenError::Forbidden => Outcome::Forbidden,
        OpenError::Busy => Outcome::Busy,
        OpenError::Failed(errno) => {
            let (path, error) = (path.escape_ascii(), io::Error::from_raw_os_error(errno));
            log::warn(format_args!("{path} in {} cannot be opened: {error}", root.path()));
            Outcome::Failed
        }
    })
}

/// A directory without default document.
fn directory(cache: &mut FileCache, mount: &FileMount, ask: &Ask<'_>) -> Outcome<'static> {
    match open(cache, mount, ask.path, ask.now_ms) {
        Ok(_) if !mount.directory_listing => Outcome::NoIndex,
        Ok(opened) if opened.stat.kind == Kind::Directory => Outcome::Listing(opened.fd),
        Ok(_) => Outcome::NotFound,
        Err(outcome) => outcome,
    }
}

fn find_siblings(root: &Root, mount: &FileMount, path: &[u8], original: &Stat) -> Siblings {
    let mut siblings = Siblings::default();
    for coding in sibling::PACKED {
        if let Ok(path) = FilePath::new(path, &mount.default_document, coding)
            && let Ok(sibling) = root.open_file(path.as_bytes(), mount.rules)
            && is_current(&sibling.stat, original)
        {
            siblings.add(coding);
        }
    }
    siblings
}

/// The path of the file that answers: with the default document of a directory and the suffix
/// of a sibling.
struct FilePath {
    bytes: FixedVec<u8, PATH_BYTES_MAX>,
    original_len: usize,
}

impl FilePath {
    /// An error when it is too long to be a path.
    fn new(path: &[u8], default_document: &str, coding: Coding) -> Result<Self, ()> {
        let mut bytes = FixedVec::new();
        bytes.extend_from_slice(path).map_err(|_| ())?;
        if path.ends_with(b"/") {
            bytes.extend_from_slice(default_document.as_bytes()).map_err(|_| ())?;
        }
        let original_len = bytes.len();
        bytes.extend_from_slice(sibling::suffix(coding)).map_err(|_| ())?;
        Ok(Self { bytes, original_len })
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Without the suffix of a sibling: what decides on the type.
    fn original(&self) -> &[u8] {
        self.bytes.get(..self.original_len).unwrap_or_default()
    }
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
