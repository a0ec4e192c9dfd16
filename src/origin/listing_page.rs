//! The text of an index page.
//!
//! What is written is decided by names, sizes and times alone, and no name, whatever bytes it has,
//! leaves its place in the page.

use super::listing_view::{Column, Row, Side, View};
use crate::http::calendar::{Civil, civil};
use std::io::Write;

/// Most bytes of a page.
pub const BYTES_MAX: usize = 512 << 10;
/// Most bytes of its rows, as [`row_bytes_max`] counts them.
pub(super) const ROWS_BYTES_MAX: usize = 384 << 10;
/// The directories of a path are links as long as the page is shorter than this.
const LINKS_BYTES_MAX: usize = 64 << 10;

/// What is on a page, and where that stands among all.
#[derive(Debug)]
pub(super) struct Page<'a> {
    pub(super) view: &'a View,
    /// In their order.
    pub(super) rows: &'a [Row],
    /// Rows before them.
    pub(super) first: usize,
    /// All rows of the directory.
    pub(super) total: usize,
}

/// The most bytes that a row with this name takes: its URL, its text, and what stands around them.
pub(super) fn row_bytes_max(name: &[u8]) -> usize {
    let bytes = |byte: &u8| match byte {
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => 2,
        // `%27` and `&quot;`; `%FF` and the three bytes of U+FFFD.
        0..0x80 => 3 + 6,
        _ => 3 + 3,
    };
    160 + name.iter().map(bytes).sum::<usize>()
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
p a { margin-left: 1rem; white-space: nowrap }
@media (max-width: 34rem) { body { padding: 1rem .5rem } .n { font-size: .75rem } }
</style>
"#;

/// Writes the page of the directory `url_path`.
#[must_use]
pub(super) fn render(url_path: &[u8], page: &Page<'_>) -> Box<[u8]> {
    let mut out = Vec::with_capacity(HEAD.len() + 1024 + page.rows.len() * 200);
    out.extend_from_slice(HEAD.as_bytes());
    out.extend_from_slice(b"<title>");
    push_text(&mut out, url_path);
    out.extend_from_slice(b"</title>\n</head>\n<body>\n<h1>");
    push_breadcrumb(&mut out, url_path);
    out.extend_from_slice(b"</h1>\n");
    push_pages(&mut out, page);
    out.extend_from_slice(b"<table>\n<thead><tr>");
    push_headings(&mut out, page.view);
    out.extend_from_slice(b"</tr></thead>\n<tbody>\n");
    if url_path.len() > 1 {
        out.extend_from_slice(
            b"<tr><td><a class=\"d\" href=\"../\">../</a></td><td></td><td></td></tr>\n",
        );
    }
    let mut shown = page.rows.iter().filter(|row| !row.is_refused).peekable();
    let is_bare = shown.peek().is_none();
    shown.for_each(|row| push_row(&mut out, row));
    out.extend_from_slice(b"</tbody>\n</table>\n");
    if is_bare {
        out.extend_from_slice(b"<p>There is nothing to show in this directory.</p>\n");
    }
    push_pages(&mut out, page);
    out.extend_from_slice(b"</body>\n</html>\n");
    out.into_boxed_slice()
}

/// Which rows these are, if there are others, and links to those.
fn push_pages(out: &mut Vec<u8>, page: &Page<'_>) {
    let (first, last, total) = (page.first, page.first + page.rows.len(), page.total);
    if first == 0 && last >= total {
        return;
    }
    out.extend_from_slice(b"<p>");
    if first < last {
        push_number(out, first + 1);
        out.extend_from_slice("\u{2013}".as_bytes());
    }
    push_number(out, last);
    out.extend_from_slice(b" of ");
    push_number(out, total);
    let previous = page.rows.first().filter(|_| first > 0);
    let next = page.rows.last().filter(|_| last < total);
    if let Some(row) = previous {
        push_page_link(out, page.view, ("prev", "Previous page"), (Side::Before, row));
    }
    if let Some(row) = next {
        push_page_link(out, page.view, ("next", "Next page"), (Side::After, row));
    }
    out.extend_from_slice(b"</p>\n");
}

/// A link to the page on one side of a row, in the same order.
fn push_page_link(
    out: &mut Vec<u8>,
    view: &View,
    (rel, text): (&str, &str),
    (side, row): (Side, &Row),
) {
    let (name, way) = (view.by.name(), view.way());
    // Writing into a vector does not fail.
    let _ = write!(out, " <a rel=\"{rel}\" href=\"?sort={name}&amp;order={way}");
    if let Some(value) = view.value(row) {
        let _ = write!(out, "&amp;at={value}");
    }
    let _ = write!(out, "&amp;{}=", side.name());
    push_url(out, &row.name);
    let _ = write!(out, "{}\">{text}</a>", if row.is_directory { "/" } else { "" });
}

/// `12,345`.
fn push_number(out: &mut Vec<u8>, number: usize) {
    let digits = number.to_string();
    for (at, digit) in digits.bytes().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(b',');
        }
        out.push(digit);
    }
}

/// Each directory of the path as a link to it.
fn push_breadcrumb(out: &mut Vec<u8>, url_path: &[u8]) {
    out.extend_from_slice(b"<a href=\"/\">/</a>");
    let mut at = 1;
    while let Some(len) = url_path.get(at..).and_then(|rest| rest.iter().position(|&b| b == b'/')) {
        if out.len() > LINKS_BYTES_MAX {
            push_text(out, url_path.get(at..).unwrap_or_default());
            return;
        }
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
fn push_headings(out: &mut Vec<u8>, view: &View) {
    for column in Column::ALL {
        let is_current = column == view.by;
        let descends = if is_current { !view.descends } else { column != Column::Name };
        let way = if descends { "desc" } else { "asc" };
        let (state, arrow) = match (is_current, view.descends) {
            (false, _) => ("none", ""),
            (true, false) => ("ascending", " \u{2191}"),
            (true, true) => ("descending", " \u{2193}"),
        };
        let (heading, class) = column.heading();
        let name = column.name();
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
#[path = "listing_page_tests.rs"]
mod tests;
