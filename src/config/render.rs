//! Findings as text for people: the source line with a caret under the exact bytes.
//!
//! Nothing of the source reaches the terminal that would move its cursor or turn its text around.

use std::fmt::Write as _;

use super::diagnose::{Diagnostic, Report, Severity};
use super::settings::{Place, SourceFile};

/// Findings that [`Report::render`] prints.
pub(super) const PRINTED_MAX: usize = 50;
/// Columns of a source line that are shown.
const WINDOW_COLUMNS: usize = 96;
/// Columns that are shown before the caret when a line is cut.
const LEAD_COLUMNS: usize = 40;
/// Columns that a tab takes.
const TAB_COLUMNS: usize = 4;

impl Report {
    /// The findings as text for people, by file and line, 50 of them at most (the
    /// most serious ones). `files` are the files that the places point into.
    #[must_use]
    pub fn render(&self, files: &[SourceFile], colour: bool) -> String {
        let mut chosen: Vec<&Diagnostic> = self.diagnostics().iter().collect();
        chosen.sort_by_key(|d| d.severity);
        chosen.truncate(PRINTED_MAX);
        chosen.sort_by_key(|d| d.place.map_or((u16::MAX, u32::MAX), |p| (p.file, p.start)));
        let mut out = String::new();
        for diagnostic in &chosen {
            render_one(&mut out, diagnostic, files, colour);
        }
        let rest = self.counts().total() - chosen.len();
        if rest > 0 {
            let _ = writeln!(out, "and {rest} more");
        }
        out
    }
}

/// One finding as text, several lines, each ended.
fn render_one(out: &mut String, d: &Diagnostic, files: &[SourceFile], colour: bool) {
    headline(out, d.severity, d.place, &d.message, files, colour);
    if let Some(place) = d.place {
        snippet(out, place, files, d.severity, colour);
    }
    if let Some(hint) = &d.hint {
        let (on, off) = if colour { ("\x1b[1;32m", "\x1b[0m") } else { ("", "") };
        let _ = writeln!(out, "      = {on}help{off}: {}", visible(hint));
    }
    for (place, text) in &d.related {
        headline(out, Severity::Note, Some(*place), text, files, colour);
        snippet(out, *place, files, Severity::Note, colour);
    }
}

/// What a finding shows of a place: `file:line:column`, and the source line with carets under it,
/// each line ended. For whoever has to tell of it without the files. Both are empty when there is
/// no such file.
#[must_use]
pub fn excerpt(place: Place, files: &[SourceFile]) -> (String, String) {
    let Some(file) = files.get(usize::from(place.file)) else { return Default::default() };
    let (line, column) = line_and_column(&file.text, place.start);
    let mut lines = String::new();
    snippet(&mut lines, place, files, Severity::Error, false);
    (format!("{}:{line}:{column}", visible(&file.path)), lines)
}

/// `file:line:col: severity: message`.
fn headline(
    out: &mut String,
    severity: Severity,
    place: Option<Place>,
    message: &str,
    files: &[SourceFile],
    colour: bool,
) {
    if let Some((file, place)) = place.and_then(|p| files.get(usize::from(p.file)).zip(Some(p))) {
        let (line, column) = line_and_column(&file.text, place.start);
        let _ = write!(out, "{}:{line}:{column}: ", visible(&file.path));
    }
    let (on, off) = if colour { (colour_of(severity), "\x1b[0m") } else { ("", "") };
    let _ = writeln!(out, "{on}{}{off}: {}", severity.word(), visible(message));
}

/// Line and column of a byte offset, both from 1. A column is a character; a byte that is no
/// valid UTF-8 counts as one.
fn line_and_column(text: &[u8], at: u32) -> (usize, usize) {
    let at = usize::try_from(at).unwrap_or(usize::MAX).min(text.len());
    let before = text.get(..at).unwrap_or_default();
    let line = before.iter().filter(|&&b| b == b'\n').count() + 1;
    let start = before.iter().rposition(|&b| b == b'\n').map_or(0, |p| p + 1);
    let column = glyphs(before.get(start..).unwrap_or_default()).count() + 1;
    (line, column)
}

/// The source line of `place` with carets under it.
fn snippet(out: &mut String, place: Place, files: &[SourceFile], severity: Severity, colour: bool) {
    let Some(file) = files.get(usize::from(place.file)) else { return };
    let text = &file.text;
    let start = (place.start as usize).min(text.len());
    let end = (place.end as usize).clamp(start, text.len());
    let head = text.get(..start).unwrap_or_default();
    let line_start = head.iter().rposition(|&b| b == b'\n').map_or(0, |p| p + 1);
    let tail = text.get(start..).unwrap_or_default();
    let line_end = start + tail.iter().position(|&b| b == b'\n').unwrap_or(tail.len());
    let line = text.get(line_start..line_end).unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let number = head.iter().filter(|&&b| b == b'\n').count() + 1;

    let (shown, caret_at, caret_len) = window(line, start - line_start, end - line_start);
    let shown = format!("{number:>5} | {shown}");
    let _ = writeln!(out, "{}", shown.trim_end());
    let (on, off) = if colour { (colour_of(severity), "\x1b[0m") } else { ("", "") };
    let _ = writeln!(out, "      | {:caret_at$}{on}{}{off}", "", "^".repeat(caret_len));
}

/// The part of `line` to show, and column and width of the caret within it. `from` and `to` are
/// byte offsets in the line and may lie past its end.
fn window(line: &[u8], from: usize, to: usize) -> (String, usize, usize) {
    let mut column = 0;
    let (mut caret, mut caret_end) = (None, None);
    for (at, _, width) in glyphs(line) {
        if at >= from && caret.is_none() {
            caret = Some(column);
        }
        if at >= to && caret_end.is_none() {
            caret_end = Some(column);
        }
        column += width;
    }
    let caret = caret.unwrap_or(column);
    let width = caret_end.unwrap_or(column).saturating_sub(caret).max(1);
    let (lo, hi) = if column <= WINDOW_COLUMNS {
        (0, column)
    } else {
        let lo = caret.saturating_sub(LEAD_COLUMNS);
        (lo, lo + WINDOW_COLUMNS)
    };
    let mut shown = String::new();
    if lo > 0 {
        shown.push('…');
    }
    let (mut here, mut first) = (0, None);
    for (_, glyph, width) in glyphs(line) {
        if here >= lo && here + width <= hi {
            first.get_or_insert(here);
            if glyph == '\t' {
                shown.extend(std::iter::repeat_n(' ', width));
            } else {
                shown.push(glyph);
            }
        }
        here += width;
    }
    if hi < column {
        shown.push('…');
    }
    let caret_at = caret.saturating_sub(first.unwrap_or(lo)) + usize::from(lo > 0);
    (shown, caret_at, width.min(hi.saturating_sub(caret)).max(1))
}

/// The characters of a line: byte offset, what to show, columns. What would disturb a terminal is
/// shown as a replacement character.
fn glyphs(line: &[u8]) -> impl Iterator<Item = (usize, char, usize)> + '_ {
    let mut at = 0;
    line.utf8_chunks().flat_map(move |chunk| {
        let start = at;
        let bad_at = start + chunk.valid().len();
        at = bad_at + chunk.invalid().len();
        let valid = chunk.valid().char_indices().map(move |(i, c)| (start + i, c));
        let bad = (!chunk.invalid().is_empty()).then_some((bad_at, '\u{fffd}'));
        valid.chain(bad).map(|(i, c)| {
            let c = if c != '\t' && is_hidden(c) { '\u{fffd}' } else { c };
            (i, c, columns(c))
        })
    })
}

/// Characters that move the cursor or change the direction of text.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Columns that a character takes in a terminal (an approximation of Unicode's UAX #11).
const fn columns(c: char) -> usize {
    match c {
        '\t' => TAB_COLUMNS,
        '\u{300}'..='\u{36f}' | '\u{fe00}'..='\u{fe0f}' => 0,
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1faff}'
        | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    }
}

/// Text from outside with everything replaced that would disturb a terminal.
fn visible(text: &str) -> String {
    text.chars().map(|c| if is_hidden(c) { '\u{fffd}' } else { c }).collect()
}

const fn colour_of(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "\x1b[1;31m",
        Severity::Degraded => "\x1b[1;35m",
        Severity::Warning => "\x1b[1;33m",
        Severity::Note => "\x1b[1;36m",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &[u8]) -> Vec<SourceFile> {
        vec![SourceFile { path: "conf".to_owned(), text: text.to_vec() }]
    }

    fn render(text: &[u8], start: u32, end: u32) -> String {
        let mut report = Report::default();
        report.push(Diagnostic::error(Place { file: 0, start, end }, "wrong").hint("right"));
        report.render(&file(text), false)
    }

    #[test]
    fn caret_stands_under_the_bytes() {
        let shown = render(b"ab\n\tcd efg\n", 7, 10);
        let want =
            "conf:2:5: error: wrong\n    2 |     cd efg\n      |        ^^^\n      = help: right\n";
        assert_eq!(shown, want);
    }

    #[test]
    fn an_excerpt_is_what_a_finding_shows() {
        let text = b"ab\n\tcd efg\n";
        let (place, lines) = excerpt(Place { file: 0, start: 7, end: 10 }, &file(text));
        let whole = render(text, 7, 10);
        assert_eq!(whole, format!("{place}: error: wrong\n{lines}      = help: right\n"));
        let elsewhere = excerpt(Place { file: 1, start: 0, end: 1 }, &file(text));
        assert_eq!(elsewhere, Default::default());
    }

    #[test]
    fn wide_and_broken_characters_keep_the_caret_in_place() {
        let text = "\u{6f22}\u{5b57} x".as_bytes();
        assert!(render(text, 7, 8).contains("\n      |      ^\n"));
        let shown = render(b"\xff\xfe x", 3, 4);
        assert!(shown.contains("\u{fffd}\u{fffd} x\n      |    ^\n"), "{shown}");
    }

    #[test]
    fn long_lines_are_windowed() {
        let mut text = vec![b'a'; 500];
        text[300] = b'X';
        let shown = render(&text, 300, 301);
        let lines: Vec<&str> = shown.lines().collect();
        let caret = lines[2].chars().position(|c| c == '^').unwrap();
        assert_eq!(lines[1].chars().nth(caret), Some('X'));
        assert!(lines[1].chars().count() < 120);
        assert!(lines[0].starts_with("conf:1:301:"));
    }

    #[test]
    fn ends_past_the_file_and_lines_are_clamped() {
        assert!(render(b"", 5, 9).contains("conf:1:1"));
        assert!(render(b"ab", 2, 3).contains("    1 | ab\n      |   ^\n"));
        assert!(render(b"ab\ncd", 1, 5).contains("    1 | ab\n      |  ^\n"));
    }

    #[test]
    fn control_characters_never_reach_the_terminal() {
        let shown = render(b"a\x1b[2Jb\x07", 0, 1);
        assert!(!shown.contains('\x1b') && !shown.contains('\x07'));
        assert!(visible("a\x1b\u{202e}b").chars().all(|c| !is_hidden(c)));
    }

    #[test]
    fn colour_is_optional() {
        let mut report = Report::default();
        report.push(Diagnostic::warning(Place { file: 0, start: 0, end: 1 }, "w"));
        assert!(report.render(&file(b"x"), true).contains("\x1b[1;33mwarning\x1b[0m: w"));
        assert!(!report.render(&file(b"x"), false).contains('\x1b'));
    }
}
