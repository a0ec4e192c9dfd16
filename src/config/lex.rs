//! Bytes to tokens: JSON's, plus comments from `#` or `//` to the end of the line.
//!
//! Nothing here stops at an error: a fault is noted with its place and the lexer goes on, so
//! that one run reports everything. After [`FAULTS_MAX`] faults the rest of the file is skipped.

use std::borrow::Cow;

use super::diagnose::Diagnostic;
use super::settings::Place;

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
    /// Where the last string ended that its line cuts off.
    pub(super) cut_at: usize,
}

impl<'t> Lexer<'t> {
    pub(super) fn new(file: u16, text: &'t [u8]) -> Self {
        let mut lexer =
            Self { text, at: 0, file, faults: Vec::new(), muted: false, cut_at: usize::MAX };
        lexer.byte_order_mark();
        lexer
    }

    pub(super) fn place(&self, start: usize, end: usize) -> Place {
        let limit = |at: usize| u32::try_from(at.min(self.text.len())).unwrap_or(u32::MAX);
        Place { file: self.file, start: limit(start), end: limit(end) }
    }

    /// Notes a fault; past the limit the rest of the file is skipped.
    pub(super) fn fail(&mut self, fault: Diagnostic) {
        if self.muted {
            return;
        }
        if self.faults.len() + 1 >= FAULTS_MAX {
            self.stop();
            self.faults.push(fault.hint("many syntax errors: the rest of this file was not read"));
        } else {
            self.faults.push(fault);
        }
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
                self.single_quoted();
                return (Token::BadText, start, self.at.max(start));
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
                0..=0x1f | 0x7f => self.control_run(byte),
                _ => return,
            }
        }
    }

    fn skip_line(&mut self) {
        let rest = self.slice(self.at, self.text.len());
        self.at += memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
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

    /// A run of bytes up to a delimiter.
    fn word(&mut self) -> &'t [u8] {
        let start = self.at;
        while let Some(byte) = self.peek(0) {
            let ends = matches!(byte, 0..=0x20 | 0x7f | b'"' | b'#' | b',' | b':')
                || matches!(byte, b'[' | b']' | b'{' | b'}')
                || (byte == b'/' && self.peek(1) == Some(b'/'));
            if ends && self.at > start {
                break;
            }
            self.at += 1;
        }
        self.slice(start, self.at)
    }

    fn single_quoted(&mut self) {
        let start = self.at;
        self.at += 1;
        let rest = self.slice(self.at, self.text.len());
        match memchr::memchr2(b'\n', b'\'', rest) {
            Some(n) if rest.get(n) == Some(&b'\'') => self.at += n + 1,
            other => self.at += other.unwrap_or(rest.len()),
        }
        let fault = Diagnostic::error(self.place(start, self.at), "string in single quotes")
            .hint("write strings in double quotes: \"…\"");
        self.fail(fault);
    }

    /// A string; `at` is on the opening quote.
    fn string(&mut self) -> Cow<'t, str> {
        let open = self.at;
        self.at += 1;
        let start = self.at;
        let mut decoded: Option<Vec<u8>> = None;
        let mut control = false;
        loop {
            let run = self.at;
            while self.peek(0).is_some_and(|b| b >= 0x20 && b != b'"' && b != b'\\') {
                self.at += 1;
            }
            if let Some(out) = &mut decoded {
                out.extend_from_slice(self.text.get(run..self.at).unwrap_or_default());
            }
            match self.peek(0) {
                Some(b'"') => break,
                Some(b'\\') => {
                    let so_far = self.slice(start, self.at).to_vec();
                    let out = decoded.get_or_insert(so_far);
                    let mut taken = std::mem::take(out);
                    self.escape(&mut taken);
                    decoded = Some(taken);
                }
                None | Some(b'\n' | b'\r') => {
                    self.unclosed_string(open);
                    return self.finish_string(start, self.at, decoded);
                }
                Some(byte) => {
                    if !control {
                        self.control_in_string(byte);
                    }
                    control = true;
                    if let Some(out) = &mut decoded {
                        out.push(byte);
                    }
                    self.at += 1;
                }
            }
        }
        let end = self.at;
        self.at += 1;
        self.finish_string(start, end, decoded)
    }

    fn finish_string(
        &mut self,
        start: usize,
        end: usize,
        decoded: Option<Vec<u8>>,
    ) -> Cow<'t, str> {
        let raw = self.slice(start, end);
        match std::str::from_utf8(raw) {
            Ok(text) => match decoded {
                None => Cow::Borrowed(text),
                Some(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
            },
            Err(error) => {
                let at = start + error.valid_up_to();
                let fault = Diagnostic::warning(self.place(at, at + 1), "not valid UTF-8")
                    .hint("the string is read as Latin-1; save the file as UTF-8");
                self.fail(fault);
                let bytes = decoded.as_deref().unwrap_or(raw);
                Cow::Owned(bytes.iter().map(|&byte| char::from(byte)).collect())
            }
        }
    }

    fn unclosed_string(&mut self, open: usize) {
        self.cut_at = self.at;
        let message = if self.peek(0).is_some() {
            "string is not closed on its line"
        } else {
            "the file ends within a string"
        };
        let fault = Diagnostic::error(self.place(open, self.at), message)
            .hint("add the closing '\"'; a line break in a string is written \\n");
        self.fail(fault);
    }

    fn control_in_string(&mut self, byte: u8) {
        let (name, hint) = match byte {
            b'\t' => ("tab".to_owned(), "write it as \\t".to_owned()),
            0 => ("NUL byte".to_owned(), "remove it".to_owned()),
            _ => (
                format!("control character 0x{byte:02x}"),
                format!("remove it or write it as \\u{byte:04x}"),
            ),
        };
        let fault =
            Diagnostic::error(self.place(self.at, self.at + 1), format!("{name} within a string"))
                .hint(hint);
        self.fail(fault);
    }

    /// Decodes one escape (a surrogate pair counts as one); `at` is on the backslash.
    fn escape(&mut self, out: &mut Vec<u8>) {
        let start = self.at;
        let Some(kind) = self.peek(1) else {
            self.at += 1;
            return;
        };
        let plain = match kind {
            b'"' | b'\\' | b'/' => kind,
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                self.unicode_escape(out);
                return;
            }
            _ => {
                self.at += 1;
                let end = self.at + usize::from(!matches!(kind, b'\n' | b'\r'));
                let fault = Diagnostic::error(self.place(start, end), "unknown escape")
                    .hint("a backslash itself is written \\\\; known are \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX");
                self.fail(fault);
                out.push(b'\\');
                return;
            }
        };
        self.at += 2;
        out.push(plain);
    }

    fn unicode_escape(&mut self, out: &mut Vec<u8>) {
        let start = self.at;
        let Some(first) = self.four_hex(start) else {
            self.at = start + 2;
            let fault =
                Diagnostic::error(self.place(start, start + 2), "\\u needs four hex digits")
                    .hint("for example \\u00e9");
            self.fail(fault);
            return;
        };
        self.at = start + 6;
        let second = match first {
            0xd800..=0xdbff => self.four_hex(self.at).filter(|c| matches!(c, 0xdc00..=0xdfff)),
            _ => None,
        };
        let code = match second {
            Some(low) => {
                self.at += 6;
                0x1_0000 + ((first - 0xd800) << 10) + (low - 0xdc00)
            }
            None => first,
        };
        if let Some(c) = char::from_u32(code) {
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        } else {
            let fault = Diagnostic::warning(self.place(start, self.at), "half of a surrogate pair")
                .hint("write the character itself, or both halves: \\ud83d\\ude00");
            self.fail(fault);
            out.extend_from_slice("\u{fffd}".as_bytes());
        }
    }

    /// The value of `\uXXXX` at `at`.
    fn four_hex(&self, at: usize) -> Option<u32> {
        let digits = self.text.get(at..at + 6)?.strip_prefix(b"\\u")?;
        digits.iter().try_fold(0, |sum, &b| Some(sum << 4 | char::from(b).to_digit(16)?))
    }
}
