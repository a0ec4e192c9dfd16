//! The index page of a directory that has no document of its own.
//!
//! A [`Job`] reads the directory in portions, so that other connections have their turn between
//! them, and keeps only the rows of the page that is asked for. What the mount would refuse is not
//! shown. The name decides as far as it can, for all rows, and makes their count; those of the
//! page are looked at, and left out when they are closed to the server.

use super::cache::FileCache;
use super::file::{Ask, FileMount};
use super::listing_page::{self, Page, ROWS_BYTES_MAX, row_bytes_max};
use super::listing_view::{Column, Side};
use crate::sys::dirent::read_names;
use crate::sys::open::{MAY_READ, MAY_SEARCH, may};
use crate::sys::stat::{Kind, Stat};
use crate::sys::walk::{OpenError, PATH_BYTES_MAX, Root};
use heapless::Vec as FixedVec;
use std::cmp::Ordering;
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

pub use super::listing_page::BYTES_MAX;
pub use super::listing_view::{Row, View};

/// Most rows of a page.
pub const ENTRIES_MAX: usize = 500;
/// Rows that a job keeps: those of the page, and some of which it will find out which belong to it.
const KEPT_MAX: usize = ENTRIES_MAX + ENTRIES_MAX / 4;
/// Bytes of a name, with what the allocator adds.
const NAME_BYTES: usize = 272;
/// Most bytes of a job.
pub const JOB_BYTES: usize = size_of::<Job>() + KEPT_MAX * (size_of::<Row>() + NAME_BYTES);

/// Work of one portion, a few hundred microseconds on a PC: in names that are read.
const PORTION: usize = 1000;
/// What it costs besides to ask what a name is, to follow a link, and to look at a row of the page.
const STAT_COST: usize = 3;
const LINK_COST: usize = 20;
const LOOK_COST: usize = 8;

/// A listing that is being made.
#[derive(Debug)]
pub struct Job {
    dir: OwnedFd,
    selection: Selection,
    /// The whole directory has been read.
    is_read: bool,
    /// Rows that were looked at more closely.
    checked: usize,
}

impl Job {
    /// The page of the directory `dir` that `view` says.
    #[must_use]
    pub fn new(dir: OwnedFd, view: View) -> Self {
        let selection = Selection { view, ..Selection::default() };
        Self { dir, selection, is_read: false, checked: 0 }
    }

    /// Does one portion of the work for the directory asked for as `ask` says, which must be the
    /// same each time; whether that was the last one.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn advance(
        &mut self,
        cache: &mut FileCache,
        mount: &FileMount,
        ask: &Ask<'_>,
    ) -> io::Result<bool> {
        let (root, _) = cache.root(mount.id, ask.now_ms)?;
        let dir = Directory { fd: self.dir.as_fd(), path: ask.path, mount, root };
        let mut left = PORTION;
        while !self.is_read {
            if left == 0 {
                return Ok(false);
            }
            let selection = &mut self.selection;
            let needs_stat = selection.view.by != Column::Name;
            let is_over = !read_names(self.dir.as_fd(), |name, kind| {
                let (row, cost) = dir.row(name, kind, needs_stat);
                left = left.saturating_sub(1 + cost);
                row.into_iter().for_each(|row| selection.offer(row));
            })?;
            if is_over {
                selection.settle();
                self.is_read = true;
            }
        }
        for row in self.selection.rows.iter_mut().skip(self.checked) {
            if left == 0 {
                return Ok(false);
            }
            left = left.saturating_sub(LOOK_COST);
            row.is_refused = !dir.look(row);
            self.checked += 1;
        }
        Ok(true)
    }

    /// The page, at the URL path `url_path` (decoded, from the server's root, ends with `/`).
    #[must_use]
    pub fn page(&self, url_path: &[u8]) -> Box<[u8]> {
        let Selection { view, rows, total, first, .. } = &self.selection;
        let page = Page { view, rows, first: *first, total: *total };
        listing_page::render(url_path, &page)
    }
}

/// Whether there would be a page of the directory.
///
/// # Errors
/// As [`Job::advance`].
pub fn probe(dir: BorrowedFd<'_>) -> io::Result<()> {
    read_names(dir, |_, _| {}).map(|_| ())
}

/// The rows of one page, out of all that are offered.
#[derive(Debug, Default)]
struct Selection {
    view: View,
    /// At most [`KEPT_MAX`].
    rows: Vec<Row>,
    /// The row at [`ENTRIES_MAX`] - 1 is the last one that may belong to the page.
    is_cut: bool,
    /// Rows that were offered.
    total: usize,
    /// Those of them before the page.
    first: usize,
}

impl Selection {
    fn offer(&mut self, row: Row) {
        self.total += 1;
        if let Some((side, beside)) = &self.view.beside {
            let is_before = match (self.view.compare(&row, beside), side) {
                (Ordering::Less, _) => true,
                (Ordering::Equal, Side::After) => true,
                (Ordering::Equal, Side::Before) | (Ordering::Greater, _) => false,
            };
            self.first += usize::from(is_before);
            if is_before == (*side == Side::After) {
                return;
            }
        }
        let last = self.rows.get(ENTRIES_MAX - 1).filter(|_| self.is_cut);
        if last.is_some_and(|last| self.view.nearest(&row, last).is_gt()) {
            return;
        }
        self.rows.push(row);
        if self.rows.len() >= KEPT_MAX {
            self.cut();
        }
    }

    /// Keeps the rows of the page.
    fn cut(&mut self) {
        if self.rows.len() > ENTRIES_MAX {
            let view = &self.view;
            self.rows.select_nth_unstable_by(ENTRIES_MAX - 1, |a, b| view.nearest(a, b));
            self.rows.truncate(ENTRIES_MAX);
            self.is_cut = true;
        }
    }

    /// Everything has been offered: puts the rows in order, as many as the page has room for.
    fn settle(&mut self) {
        self.cut();
        let view = &self.view;
        self.rows.sort_unstable_by(|a, b| view.nearest(a, b));
        let mut room = ROWS_BYTES_MAX;
        let fits = |row: &&Row| {
            let rest = room.checked_sub(row_bytes_max(&row.name));
            room = rest.unwrap_or_default();
            rest.is_some()
        };
        self.rows.truncate(self.rows.iter().take_while(fits).count());
        if view.is_backward() {
            self.rows.reverse();
            self.first = self.first.saturating_sub(self.rows.len());
        }
    }
}

/// The directory as its mount sees it.
struct Directory<'a> {
    fd: BorrowedFd<'a>,
    /// Below the mount, with a slash at its end.
    path: &'a [u8],
    mount: &'a FileMount,
    root: &'a Root,
}

impl Directory<'_> {
    /// The row of a name, if the mount would serve what is called so, and what it has cost to know.
    /// Without `needs_stat` size and time may be left out.
    fn row(&self, name: &CStr, kind: Option<Kind>, needs_stat: bool) -> (Option<Row>, usize) {
        let bytes = name.to_bytes();
        let well_known = self.path == b"/" && bytes == b".well-known";
        let is_hidden = bytes.starts_with(b".") && !self.mount.rules.dotfiles && !well_known;
        // A request with a control byte in its path is refused.
        if is_hidden || bytes.iter().any(u8::is_ascii_control) {
            return (None, 0);
        }
        let (mut kind, mut known, mut cost) = (kind, None, 0);
        if kind.is_none() || (needs_stat && kind != Some(Kind::Link)) {
            known = Stat::at(self.fd, name).ok();
            kind = known.map(|stat| stat.kind);
            cost = STAT_COST;
        }
        // A symbolic link is what it leads to, if it leads to something that may be served.
        if kind == Some(Kind::Link) {
            let target = self.target(bytes);
            known = target.and_then(|path| self.root.stat(&path, self.mount.rules).ok());
            kind = known.map(|stat| stat.kind);
            cost = LINK_COST;
        }
        let is_directory = match kind {
            Some(Kind::Directory) => true,
            Some(Kind::Regular) if self.mount.mime.find(bytes).is_some() => false,
            _ => return (None, cost),
        };
        let (size, mtime_secs) = known.map_or((0, 0), |stat| (stat.size, stat.mtime_secs));
        let row = Row { name: bytes.into(), is_directory, is_refused: false, size, mtime_secs };
        (Some(row), cost)
    }

    /// Looks at what a row stands for; whether it may be served.
    fn look(&self, row: &mut Row) -> bool {
        let Ok(name) = CString::new(&*row.name) else { return false };
        let Ok(stat) = Stat::at(self.fd, &name) else { return false };
        if stat.kind != Kind::Link {
            return self.is_open(row, stat, |ways| may(self.fd, &name, ways));
        }
        let path = self.target(&row.name);
        match path.map(|path| self.root.open_file(&path, self.mount.rules)) {
            Some(Ok(to)) => self.is_open(row, to.stat, |ways| {
                to.stat.kind == Kind::Regular || may(to.fd.as_fd(), c".", ways)
            }),
            // There is no descriptor left: that is no property of the file.
            Some(Err(OpenError::Busy)) => true,
            _ => false,
        }
    }

    /// Whether what a row stands for may be served, which has this metadata now.
    fn is_open(&self, row: &mut Row, stat: Stat, may: impl Fn(i32) -> bool) -> bool {
        (row.size, row.mtime_secs) = (stat.size, stat.mtime_secs);
        match stat.kind {
            Kind::Directory if row.is_directory => {
                may(MAY_READ | MAY_SEARCH) || (may(MAY_SEARCH) && self.has_document(&row.name))
            }
            Kind::Regular if !row.is_directory => may(MAY_READ),
            _ => false,
        }
    }

    /// Whether the directory `name` has a default document that may be served.
    fn has_document(&self, name: &[u8]) -> bool {
        self.target(name).is_some_and(|mut path| {
            path.push(b'/').is_ok()
                && path.extend_from_slice(self.mount.default_document.as_bytes()).is_ok()
                && self.root.open_file(&path, self.mount.rules).is_ok()
        })
    }

    /// The path below the mount of a name in the directory.
    fn target(&self, name: &[u8]) -> Option<FixedVec<u8, PATH_BYTES_MAX>> {
        let mut path = FixedVec::from_slice(self.path).ok()?;
        path.extend_from_slice(name).ok()?;
        Some(path)
    }
}

#[cfg(test)]
#[path = "listing_tests.rs"]
mod tests;
