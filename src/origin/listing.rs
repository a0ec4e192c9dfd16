//! The index page of a directory that has no document of its own.
//!
//! Reading the directory and writing the page are apart: what is written is decided by names,
//! sizes and times alone, and no name, whatever bytes it has, leaves its place in the page.

use super::cache::FileCache;
use super::file::FileMount;
use crate::http::calendar::{Civil, civil};
use crate::sys::dirent::read_names;
use crate::sys::stat::{Kind, Stat};
use heapless::Vec as FixedVec;
use std::cmp::Ordering;
use std::io::{self, Write};
use std::os::fd::BorrowedFd;

/// Most entries on a page.
pub const ENTRIES_MAX: usize = 2000;
/// Most bytes of a page.
pub const BYTES_MAX: usize = 512 << 10;
/// Room for the end of the page, within [`BYTES_MAX`].
const FOOT_BYTES: usize = 512;

/// One line of the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The name in the directory, any bytes but `/` and NUL.
    pub name: Box<[u8]>,
    /// A directory, which gets a `/` behind its name.
    pub is_directory: bool,
    /// Bytes.
    pub size: u64,
    /// Last change in seconds since 1970.
    pub mtime_secs: i64,
}

/// What the rows of a page are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Column {
    #[default]
    Name,
    Size,
    Time,
}

impl Column {
    /// Every column: its name in a query, its heading, and the class of its cells.
    const ALL: [(Self, &'static str, &'static str, &'static str); 3] = [
        (Self::Name, "name", "Name", "a"),
        (Self::Size, "size", "Size", "n"),
        (Self::Time, "time", "Changed (UTC)", "n"),
    ];
}

/// The order of the rows, which the query of a request may say: `sort=size&order=desc`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Order {
    by: Column,
    descends: bool,
}

impl Order {
    /// What a query says; by name, ascending, where it says nothing that is known.
    #[must_use]
    pub fn of(query: Option<&[u8]>) -> Self {
        let mut order = Self::default();
        for part in query.unwrap_or_default().split(|&byte| byte == b'&') {
            if let Some(name) = part.strip_prefix(b"sort=") {
                let known = Column::ALL.iter().find(|(_, own, ..)| own.as_bytes() == name);
                order.by = known.map_or(order.by, |&(column, ..)| column);
            } else if let Some(way) = part.strip_prefix(b"order=") {
                order.descends = way == b"desc";
            }
        }
        order
    }

    /// Directories first; what is alike by name, upper and lower case together.
    fn sort(self, rows: &mut [Row]) {
        rows.sort_by(|a, b| {
            let ascending = match self.by {
                Column::Name => by_name(a, b),
                // That of a directory says nothing, and is not shown.
                Column::Size if a.is_directory || b.is_directory => Ordering::Equal,
                Column::Size => a.size.cmp(&b.size),
                Column::Time => a.mtime_secs.cmp(&b.mtime_secs),
            };
            let wanted = if self.descends { ascending.reverse() } else { ascending };
            b.is_directory.cmp(&a.is_directory).then(wanted).then_with(|| by_name(a, b))
        });
    }
}

fn by_name(a: &Row, b: &Row) -> Ordering {
    let [lower, other] = [a, b].map(|row| row.name.iter().map(u8::to_ascii_lowercase));
    lower.cmp(other).then_with(|| a.name.cmp(&b.name))
}

/// Reads and renders the directory `dir`, asked for as `path` below its mount, with the URL path
/// `url_path` (decoded, from the server's root, ends with `/`).
///
/// # Errors
/// When the directory cannot be read.
pub fn page(
    cache: &mut FileCache,
    mount: &FileMount,
    dir: BorrowedFd<'_>,
    path: &[u8],
    url_path: &[u8],
    (order, now_ms): (Order, u64),
) -> io::Result<Box<[u8]>> {
    let (mut rows, cut) = read(cache, mount, dir, path, now_ms)?;
    order.sort(&mut rows);
    Ok(render(url_path, &rows, cut, order))
}

/// Whether there would be a page of the directory.
///
/// # Errors
/// As [`page`].
pub fn probe(dir: BorrowedFd<'_>) -> io::Result<()> {
    read_names(dir, |_| false)
}

/// What the mount would serve from the directory, and whether there was more than
/// [`ENTRIES_MAX`].
fn read(
    cache: &mut FileCache,
    mount: &FileMount,
    dir: BorrowedFd<'_>,
    path: &[u8],
    now_ms: u64,
) -> io::Result<(Vec<Row>, bool)> {
    let mut rows = Vec::new();
    let mut cut = false;
    let (root, _) = cache.root(mount.id, now_ms)?;
    read_names(dir, |name| {
        let bytes = name.to_bytes();
        let well_known = path == b"/" && bytes == b".well-known";
        if bytes.starts_with(b".") && !mount.rules.dotfiles && !well_known {
            return true;
        }
        if rows.len() == ENTRIES_MAX {
            cut = true;
            return false;
        }
        // A symbolic link is what it leads to, if it leads to something that may be served.
        let stat = match Stat::at(dir, name) {
            Ok(stat) if stat.kind == Kind::Link => {
                let mut target = FixedVec::<u8, { crate::sys::walk::PATH_BYTES_MAX }>::new();
                let fits = target.extend_from_slice(path).is_ok()
                    && target.extend_from_slice(bytes).is_ok();
                if fits { root.stat(&target, mount.rules).ok() } else { None }
            }
            other => other.ok(),
        };
        if let Some(stat) = stat.filter(|s| matches!(s.kind, Kind::Regular | Kind::Directory)) {
            rows.push(Row {
                name: bytes.into(),
                is_directory: stat.kind == Kind::Directory,
                size: stat.size,
                mtime_secs: stat.mtime_secs,
            });
        }
        true
    })?;
    Ok((rows, cut))
}

const HEAD: &str = r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<style>
:root { color-scheme: light dark; --ink: #1d2330; --dim: #667085; --line: #e4e7ec;
  --paper: #fff; --hover: #f5f7fa; --link: #1a56b0 }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8ec; --dim: #98a2b3;
  --line: #2b303b; --paper: #15181e; --hover: #1d222b; --link: #8ab8ff } }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 60rem; padding: 2rem 1rem; background: var(--paper);
  color: var(--ink); font: 1rem/1.5 system-ui, sans-serif }
h1 { font-size: 1.25rem; font-weight: 600; margin: 0 0 1rem; overflow-wrap: anywhere }
a { color: var(--link); text-decoration: none }
a:hover, a:focus-visible { text-decoration: underline }
table { width: 100%; border-collapse: collapse }
th { text-align: left; font-size: .8rem; font-weight: 500; color: var(--dim) }
th, td { padding: .4rem .5rem; border-bottom: 1px solid var(--line) }
tbody tr:hover { background: var(--hover) }
td:first-child { overflow-wrap: anywhere }
td a { display: block }
.d { font-weight: 600 }
.n { text-align: right; white-space: nowrap; color: var(--dim);
  font-variant-numeric: tabular-nums }
p { color: var(--dim) }
@media (max-width: 34rem) { body { padding: 1rem .5rem } .n { font-size: .75rem } }
</style>
"#;

/// Writes the page of the directory `url_path` with `rows`, which are in this order; `cut` says
/// that there are more.
#[must_use]
pub fn render(url_path: &[u8], rows: &[Row], cut: bool, order: Order) -> Box<[u8]> {
    let mut out = Vec::with_capacity(HEAD.len() + 1024 + rows.len() * 160);
    out.extend_from_slice(HEAD.as_bytes());
    out.extend_from_slice(b"<title>");
    push_text(&mut out, url_path);
    out.extend_from_slice(b"</title>\n</head>\n<body>\n<h1>");
    push_breadcrumb(&mut out, url_path);
    out.extend_from_slice(b"</h1>\n<table>\n<thead><tr>");
    push_headings(&mut out, order);
    out.extend_from_slice(b"</tr></thead>\n<tbody>\n");
    if url_path.len() > 1 {
        out.extend_from_slice(
            b"<tr><td><a class=\"d\" href=\"../\">../</a></td><td></td><td></td></tr>\n",
        );
    }
    let mut shown = 0;
    for row in rows.iter().take(ENTRIES_MAX) {
        let before = out.len();
        push_row(&mut out, row);
        if out.len() > BYTES_MAX - FOOT_BYTES {
            out.truncate(before);
            break;
        }
        shown += 1;
    }
    out.extend_from_slice(b"</tbody>\n</table>\n");
    if cut || shown < rows.len() {
        // Writing into a vector does not fail.
        let _ = writeln!(out, "<p>Only {shown} entries are shown; there are more.</p>");
    } else if rows.is_empty() {
        out.extend_from_slice(b"<p>This directory is empty.</p>\n");
    }
    out.extend_from_slice(b"</body>\n</html>\n");
    out.into_boxed_slice()
}

/// Each directory of the path as a link to it.
fn push_breadcrumb(out: &mut Vec<u8>, url_path: &[u8]) {
    out.extend_from_slice(b"<a href=\"/\">/</a>");
    let mut at = 1;
    while let Some(len) = url_path.get(at..).and_then(|rest| rest.iter().position(|&b| b == b'/')) {
        let end = at + len;
        out.extend_from_slice(b"<a href=\"");
        push_url(out, url_path.get(..=end).unwrap_or_default());
        out.extend_from_slice(b"\">");
        push_text(out, url_path.get(at..end).unwrap_or_default());
        out.extend_from_slice(b"/</a>");
        at = end + 1;
    }
}

/// Each heading is a link that sorts by its column: the other way round where that is so already,
/// else the largest and latest first.
fn push_headings(out: &mut Vec<u8>, order: Order) {
    for (column, name, heading, class) in Column::ALL {
        let is_current = column == order.by;
        let descends = if is_current { !order.descends } else { column != Column::Name };
        let way = if descends { "desc" } else { "asc" };
        let (state, arrow) = match (is_current, order.descends) {
            (false, _) => ("none", ""),
            (true, false) => ("ascending", " \u{2191}"),
            (true, true) => ("descending", " \u{2193}"),
        };
        let _ = write!(
            out,
            "<th class=\"{class}\" aria-sort=\"{state}\">\
             <a href=\"?sort={name}&amp;order={way}\">{heading}{arrow}</a></th>"
        );
    }
}

fn push_row(out: &mut Vec<u8>, row: &Row) {
    let slash: &[u8] = if row.is_directory { b"/" } else { b"" };
    let class = if row.is_directory { " class=\"d\"" } else { "" };
    let _ = write!(out, "<tr><td><a{class} href=\"");
    push_url(out, &row.name);
    out.extend_from_slice(slash);
    out.extend_from_slice(b"\"><bdi>");
    push_text(out, &row.name);
    out.extend_from_slice(b"</bdi>");
    out.extend_from_slice(slash);
    out.extend_from_slice(b"</a></td><td class=\"n\">");
    if !row.is_directory {
        push_size(out, row.size);
    }
    out.extend_from_slice(b"</td><td class=\"n\">");
    push_time(out, row.mtime_secs);
    out.extend_from_slice(b"</td></tr>\n");
}

/// Text of a page: nothing in it is markup, control characters and bytes that are no UTF-8 are
/// shown as U+FFFD.
fn push_text(out: &mut Vec<u8>, text: &[u8]) {
    for chunk in text.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '&' => out.extend_from_slice(b"&amp;"),
                '<' => out.extend_from_slice(b"&lt;"),
                '>' => out.extend_from_slice(b"&gt;"),
                '"' => out.extend_from_slice(b"&quot;"),
                '\'' => out.extend_from_slice(b"&#39;"),
                c if c.is_control() => out.extend_from_slice("\u{fffd}".as_bytes()),
                c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        if !chunk.invalid().is_empty() {
            out.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
}

/// A path in a URL: all but the unreserved characters of RFC 3986 and `/` is escaped, so a name
/// can be neither markup nor a scheme nor a query.
fn push_url(out: &mut Vec<u8>, path: &[u8]) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in path {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(byte);
        } else {
            let (high, low) = (byte >> 4, byte & 15);
            out.extend_from_slice(&[b'%', HEX[usize::from(high)], HEX[usize::from(low)]]);
        }
    }
}

fn push_size(out: &mut Vec<u8>, bytes: u64) {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        let _ = write!(out, "{bytes} B");
        return;
    }
    let mut tenths = u128::from(bytes) * 10 / 1024;
    let mut unit = 0;
    while tenths >= 10_240 {
        tenths /= 1024;
        unit += 1;
    }
    let (whole, tenth) = (tenths / 10, tenths % 10);
    let _ = write!(out, "{whole}.{tenth} {}", UNITS[unit]);
}

/// `2026-11-22 06:01` in UTC.
fn push_time(out: &mut Vec<u8>, secs: i64) {
    // The year 9999 is the last one with four digits.
    let secs = secs.clamp(0, 253_402_300_799);
    let (days, second) = (secs / 86_400, secs % 86_400);
    let Civil { year, month, day } = civil(days);
    let (hour, minute) = (second / 3600, second / 60 % 60);
    let _ = write!(out, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}");
}

#[cfg(test)]
#[path = "listing_tests.rs"]
mod tests;
