//! Which rows of a directory a page shows, and in which order: what the query of its URL says.
//!
//! A page is named by the row next to it (`after=NAME`, `before=NAME`), not by a number. So it
//! begins at the same row whatever comes and goes on the pages before it, and to find it no more
//! rows are kept than it has.

use crate::http::uri;
use std::cmp::Ordering;

/// Longest name that a query may say.
const NAME_BYTES_MAX: usize = 255;

/// One line of the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The name in the directory, any bytes but `/` and NUL.
    pub name: Box<[u8]>,
    /// A directory, which gets a `/` behind its name.
    pub is_directory: bool,
    /// The mount would not serve it: it is not shown.
    pub is_refused: bool,
    /// Bytes.
    pub size: u64,
    /// Last change in seconds since 1970.
    pub mtime_secs: i64,
}

/// What the rows are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Column {
    #[default]
    Name,
    Size,
    Time,
}

impl Column {
    pub(super) const ALL: [Self; 3] = [Self::Name, Self::Size, Self::Time];

    /// What a query calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Size => "size",
            Self::Time => "time",
        }
    }

    /// Its heading, and the class of its cells.
    pub(super) fn heading(self) -> (&'static str, &'static str) {
        match self {
            Self::Name => ("Name", "a"),
            Self::Size => ("Size", "n"),
            Self::Time => ("Changed (UTC)", "n"),
        }
    }
}

/// On which side of a row the page is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Before,
    After,
}

impl Side {
    /// What a query calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::After => "after",
        }
    }
}

/// See the module's page.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct View {
    pub(super) by: Column,
    pub(super) descends: bool,
    /// The row next to the page, as far as its place depends on it; none for the first page.
    pub(super) beside: Option<(Side, Row)>,
}

impl View {
    /// What a query says: `sort=size&order=desc&at=1536&after=photo.jpg`. Where it says nothing
    /// that is known: the first page, by name, ascending.
    #[must_use]
    pub fn of(query: Option<&[u8]>) -> Self {
        let mut view = Self::default();
        let mut at = 0_i64;
        for part in query.unwrap_or_default().split(|&byte| byte == b'&') {
            let Some(sign) = part.iter().position(|&byte| byte == b'=') else { continue };
            let (key, value) = (part.get(..sign).unwrap_or_default(), part.get(sign + 1..));
            let value = value.unwrap_or_default();
            match key {
                b"sort" => {
                    let known = Column::ALL.into_iter().find(|one| one.name().as_bytes() == value);
                    view.by = known.unwrap_or(view.by);
                }
                b"order" => view.descends = value == b"desc",
                b"at" => at = core::str::from_utf8(value).map_or(0, |n| n.parse().unwrap_or(0)),
                b"before" => view.beside = named(value).map(|row| (Side::Before, row)),
                b"after" => view.beside = named(value).map(|row| (Side::After, row)),
                _ => {}
            }
        }
        if let Some((_, row)) = &mut view.beside {
            row.size = at.max(0).cast_unsigned();
            row.mtime_secs = at;
        }
        view
    }

    /// What a query calls the way of the order.
    pub(super) fn way(&self) -> &'static str {
        if self.descends { "desc" } else { "asc" }
    }

    /// What a query must say of a row besides its name.
    pub(super) fn value(&self, row: &Row) -> Option<i64> {
        match self.by {
            Column::Name => None,
            Column::Size => Some(i64::try_from(row.size).unwrap_or(i64::MAX)),
            Column::Time => Some(row.mtime_secs),
        }
    }

    /// Directories first; what is alike by name, upper and lower case together.
    pub(super) fn compare(&self, a: &Row, b: &Row) -> Ordering {
        let ascending = match self.by {
            Column::Name => by_name(a, b),
            // That of a directory says nothing, and is not shown.
            Column::Size if a.is_directory || b.is_directory => Ordering::Equal,
            Column::Size => a.size.cmp(&b.size),
            Column::Time => a.mtime_secs.cmp(&b.mtime_secs),
        };
        let wanted = if self.descends { ascending.reverse() } else { ascending };
        b.is_directory.cmp(&a.is_directory).then(wanted).then_with(|| by_name(a, b))
    }

    /// Whether the page lies before the row that names it.
    pub(super) fn is_backward(&self) -> bool {
        matches!(self.beside, Some((Side::Before, _)))
    }

    /// [`View::compare`], seen from the row that names the page: what is nearest to it first.
    pub(super) fn nearest(&self, a: &Row, b: &Row) -> Ordering {
        let order = self.compare(a, b);
        if self.is_backward() { order.reverse() } else { order }
    }
}

fn by_name(a: &Row, b: &Row) -> Ordering {
    let [lower, other] = [a, b].map(|row| row.name.iter().map(u8::to_ascii_lowercase));
    lower.cmp(other).then_with(|| a.name.cmp(&b.name))
}

/// The row that `NAME` or `NAME/` means.
fn named(value: &[u8]) -> Option<Row> {
    let path = [b"/", value].concat();
    let mut decoded = vec![0; path.len()];
    let name = uri::normalise(&path, &mut decoded).ok()?.strip_prefix(b"/")?;
    let plain = name.strip_suffix(b"/").unwrap_or(name);
    let fits = !plain.is_empty() && plain.len() <= NAME_BYTES_MAX;
    fits.then(|| Row {
        name: plain.into(),
        is_directory: plain.len() < name.len(),
        is_refused: false,
        size: 0,
        mtime_secs: 0,
    })
}

#[cfg(test)]
#[path = "listing_view_tests.rs"]
mod tests;
