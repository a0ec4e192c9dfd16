//! Bytes to tokens: JSON's, plus comments from `#` or `//` to the end of the line.
//!
//! Nothing here stops at an error: a fault is noted with its place and the lexer goes on, so
//! that one run reports everything. After [`FAULTS_MAX`] faults the rest of the file is skipped.

mod quoted;

use std::borrow::Cow;

use super::diagnose::Diagnostic;
use super::settings::Place;
use quoted::typographic;

/// Syntax errors of one file that are reported.
pub const FAULTS_MAX: usize = 20;

/// `{}` or `[]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bracket {
    Map,
    List,
}

/// A token; its place is beside it.
#[derive(Debug, Clone)]
pub(super) enum Token<'t> {
    Open(Bracket),
    Close(Bracket),
    Colon,
    Comma,
    Text(Cow<'t, str>),
    /// Something bare: a number, `true`, or an error that the grammar names.
    Word(&'t [u8]),
    /// A string with a fault that was reported.
    BadText,
    End,
}

/// Reads tokens and collects faults.
pub(super) struct Lexer<'t> {
    text: &'t [u8],
    at: usize,
    file: u16,
    pub(super) faults: Vec<Diagnostic>,
    muted: bool,
    /// Faults that were not noted.
    pub(super) dropped: usize,
    /// Faults before this place follow from one that was noted.
    quiet_until: usize,
    /// Kinds of foreign quotes that were noted: the rest of the file has them too.
    told_single: bool,
    told_typographic: bool,
    /// Where the last string ended that its line cuts off.
    pub(super) cut_at: usize,
}

impl<'t> Lexer<'t> {
    pub(super) fn new(file: u16, text: &'t [u8]) -> Self {
        let mut lexer = Self {
            text,
            at: 0,
            file,
            faults: Vec::new(),
            muted: false,
            dropped: 0,
            quiet_until: 0,
            told_single: false,
            told_typographic: false,
            cut_at: usize::MAX,
        };
        lexer.byte_order_mark();
        lexer
    }

    pub(super) fn place(&self, start: usize, end: usize) -> Place {
        let limit = |at: usize| u32::try_from(at.min(self.text.len())).unwrap_or(u32::MAX);
        Place { file: self.file, start: limit(start), end: limit(end) }
    }

    /// Notes a fault; past the limit the rest of the file is skipped. Where a line has a quote too
    /// many or too few, what follows in it means nothing: it has one fault.
    pub(super) fn fail(&mut self, fault: Diagnostic) {
        let at = fault.place.map_or(0, |place| place.start as usize);
        if self.is_quiet(at) {
            self.dropped += 1;
            return;
        }
        if let Some(end) = self.odd_line(at) {
            self.quiet_until = end;
        }
        if self.faults.len() + 1 >= FAULTS_MAX {
            self.stop();
            self.faults.push(fault.hint("many syntax errors: the rest of this file was not read"));
        } else {
            self.faults.push(fault);
        }
    }

    /// Whether a fault at `at` is not noted.
    fn is_quiet(&self, at: usize) -> bool {
        self.muted || at < self.quiet_until
    }

    /// Notes that `sign` is missing at `place`; or a quote, which explains it.
    pub(super) fn missing(&mut self, place: Place, sign: char, what: &str, hint: &str) {
        if self.is_quiet(place.start as usize) {
            self.dropped += 1;
            return;
        }
        let fault = match self.odd_line(place.start as usize) {
            Some(_) => {
                Diagnostic::error(place, "a '\"' is missing in this line, or there is one too many")
                    .hint("each string has one at its beginning and one at its end")
            }
            None => Diagnostic::error(place, format!("missing '{sign}' {what}")).hint(hint),
        };
        self.fail(fault);
    }

    /// The end of the line around `at`, if it has an odd number of quotes.
    fn odd_line(&self, at: usize) -> Option<usize> {
        let (before, after) = self.text.split_at_checked(at)?;
        let start = memchr::memrchr(b'\n', before).map_or(0, |n| n + 1);
        let end = memchr::memchr(b'\n', after).map_or(self.text.len(), |n| at + n);
        let mut rest = self.slice(start, end);
        let mut is_odd = false;
        while let [byte, behind @ ..] = rest {
            rest = match rest {
                // A comment may hold what it likes.
                [b'#', ..] | [b'/', b'/', ..] if !is_odd => break,
                [b':', b'/', b'/', behind @ ..] | [b'\\', _, behind @ ..] => behind,
                _ => behind,
            };
            is_odd ^= *byte == b'"';
        }
        is_odd.then_some(end)
    }

    /// Whether the rest of the file is being skipped.
    pub(super) const fn is_muted(&self) -> bool {
        self.muted
    }

    /// Skips the rest of the file and keeps silent about it.
    pub(super) fn stop(&mut self) {
        self.muted = true;
        self.at = self.text.len();
    }

    /// The next token and its first and last byte (exclusive).
    pub(super) fn next(&mut self) -> (Token<'t>, usize, usize) {
        self.skip_blank();
        let start = self.at;
        let Some(byte) = self.peek(0) else { return (Token::End, start, start) };
        let single = match byte {
            b'{' => Token::Open(Bracket::Map),
            b'[' => Token::Open(Bracket::List),
            b'}' => Token::Close(Bracket::Map),
            b']' => Token::Close(Bracket::List),
            b':' => Token::Colon,
            b',' => Token::Comma,
            b'"' => {
                let faults = self.faults.len();
                let text = self.string();
                let sound = self.faults.len() == faults && !self.muted;
                let token = if sound { Token::Text(text) } else { Token::BadText };
                return (token, start, self.at.max(start));
            }
            b'\'' => {
                let text = self.quoted_otherwise(1);
                return (Token::Text(text), start, self.at.max(start));
            }
            _ if typographic(self.slice(start, start + 3)) > 0 => {
                let text = self.quoted_otherwise(typographic(self.slice(start, start + 3)));
                return (Token::Text(text), start, self.at.max(start));
            }
            _ => {
                let word = self.word();
                return (Token::Word(word), start, self.at);
            }
        };
        self.at += 1;
        (single, start, self.at)
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.text.get(self.at + ahead).copied()
    }

    fn slice(&self, start: usize, end: usize) -> &'t [u8] {
        self.text.get(start..end).unwrap_or_default()
    }

    fn byte_order_mark(&mut self) {
        let wide = self.text.starts_with(b"\xfe\xff") || self.text.starts_with(b"\xff\xfe");
        if wide {
            let fault = Diagnostic::error(self.place(0, 2), "the file is in UTF-16")
                .hint("save it as UTF-8 without a byte order mark");
            self.fail(fault);
            self.stop();
        } else if self.text.starts_with(b"\xef\xbb\xbf") {
            let fault =
                Diagnostic::error(self.place(0, 3), "the file begins with a byte order mark")
                    .hint("save it as UTF-8 without a byte order mark");
            self.fail(fault);
            self.at = 3.min(self.text.len());
        }
    }

    /// Skips white space, comments, and control characters (which it reports).
    fn skip_blank(&mut self) {
        while let Some(byte) = self.peek(0) {
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' => self.at += 1,
                b'#' => self.skip_line(),
                b'/' if self.peek(1) == Some(b'/') => self.skip_line(),
                b'/' if self.peek(1) == Some(b'*') => self.skip_block(),
                0..=0x1f | 0x7f => self.control_run(byte),
                _ => return,
            }
        }
    }

    fn skip_line(&mut self) {
        let rest = self.slice(self.at, self.text.len());
        self.at += memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
    }

    /// A comment as C has it: told once, at its beginning, and skipped to its end.
    fn skip_block(&mut self) {
        let start = self.at;
        let rest = self.slice(start, self.text.len());
        self.at += memchr::memmem::find(rest, b"*/").map_or(rest.len(), |n| n + 2);
        let message = "comment of an unknown kind";
        let fault = Diagnostic::error(self.place(start, start + 2), message)
            .hint("a comment goes from '#' to the end of the line");
        self.fail(fault);
    }

    fn control_run(&mut self, byte: u8) {
        let start = self.at;
        while self.peek(0) == Some(byte) {
            self.at += 1;
        }
        let what = if byte == 0 {
            "NUL byte in the file".to_owned()
        } else {
            format!("control character 0x{byte:02x} in the file")
        };
        let fault = Diagnostic::error(self.place(start, self.at), what)
            .hint("the file may be damaged or not be a text file");
        self.fail(fault);
    }

    /// A run of bytes up to a delimiter; a scheme and a closing quote belong to it.
    fn word(&mut self) -> &'t [u8] {
        let start = self.at;
        while let Some(byte) = self.peek(0) {
            if self.slice(self.at, self.at + 3) == b"://" {
                self.at += 3;
                continue;
            }
            let ends = matches!(byte, 0..=0x20 | 0x7f | b'"' | b'#' | b',' | b':')
                || matches!(byte, b'[' | b']' | b'{' | b'}')
                || (byte == b'/' && self.peek(1) == Some(b'/'));
            if ends && self.at > start {
                break;
            }
            self.at += 1;
        }
        self.at += usize::from(self.peek(0) == Some(b'"'));
        self.slice(start, self.at)
    }
}
