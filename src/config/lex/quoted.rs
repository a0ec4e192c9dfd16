//! Strings: their escapes, and those that are not quoted as JSON wants it.

use std::borrow::Cow;

use super::Lexer;
use crate::config::diagnose::Diagnostic;

/// Bytes of the typographic quote that `text` begins with; 0 for anything else.
pub(super) fn typographic(text: &[u8]) -> usize {
    match text {
        [0xe2, 0x80, 0x98..=0x9f, ..] => 3,
        [0xc2, 0xab | 0xbb, ..] => 2,
        _ => 0,
    }
}

impl<'t> Lexer<'t> {
    /// A string in single or typographic quotes, the first of which has `quote` bytes: up to one
    /// that can close it, or what may be its end on its line. Told once, because a file that has
    /// one has many.
    pub(super) fn quoted_otherwise(&mut self, quote: usize) -> Cow<'t, str> {
        let start = self.at;
        let is_single = quote == 1;
        self.at += quote;
        let mut end = None;
        while let Some(byte) = self.peek(0).filter(|byte| !matches!(byte, b'\n' | b'\r')) {
            let closing = match byte {
                b'\'' if is_single => 1,
                b'"' if !is_single => 1,
                _ => typographic(self.slice(self.at, self.at + 3)),
            };
            if closing > 0 {
                end = Some(self.at);
                self.at += closing;
                break;
            }
            self.at += 1;
        }
        let end = end.unwrap_or_else(|| {
            self.at = self.trimmed(start + quote, self.at);
            self.at
        });
        let (told, what) = match is_single {
            true => (&mut self.told_single, "string in single quotes"),
            false => (&mut self.told_typographic, "string in typographic quotes"),
        };
        if !std::mem::replace(told, true) {
            let fault = Diagnostic::error(self.place(start, self.at), what)
                .hint("write all strings in plain double quotes: \"…\"");
            self.fail(fault);
        }
        self.finish_string(start + quote, end, None)
    }

    /// Where what is between `start` and `end` may have ended as a string that lacks its closing
    /// quote: before the signs and blanks at its end.
    fn trimmed(&self, start: usize, end: usize) -> usize {
        let is_sign = |byte: &u8| b" \t,:[]{}".contains(byte);
        let tail = self.slice(start, end).iter().rev().take_while(|byte| is_sign(byte)).count();
        end - tail
    }

    /// Whether the quote at `at`, which would close the string that begins at `start`, opens
    /// another one: it stands behind a sign or a blank and before something else.
    fn opens_another(&self, start: usize) -> bool {
        let before = self.slice(start, self.at).last();
        let after = self.peek(1).unwrap_or(b' ');
        let is_comment = after == b'/' && self.peek(2) == Some(b'/');
        before.is_some_and(|byte| b" \t,:[{".contains(byte))
            && !(is_comment || b" \t\r\n,:[]{}\"#".contains(&after))
    }

    /// A string; `at` is on the opening quote.
    pub(super) fn string(&mut self) -> Cow<'t, str> {
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
                Some(b'"') if !self.opens_another(start) => break,
                Some(b'\\') => {
                    let so_far = self.slice(start, self.at).to_vec();
                    let out = decoded.get_or_insert(so_far);
                    let mut taken = std::mem::take(out);
                    self.escape(&mut taken);
                    decoded = Some(taken);
                }
                None | Some(b'"' | b'\n' | b'\r') => {
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

    /// Ends a string before the signs that are probably not its own.
    fn unclosed_string(&mut self, open: usize) {
        self.at = self.trimmed(open + 1, self.at);
        let rest = self.slice(self.at, self.text.len());
        let message = match rest.trim_ascii().is_empty() {
            false => "string is not closed on its line",
            true => "the file ends within a string",
        };
        self.cut_at = self.at;
        if self.is_quiet(open) {
            return;
        }
        let text = self.slice(open + 1, self.at);
        let last = text.len().checked_sub(3).and_then(|at| text.get(at..)).unwrap_or_default();
        let hint = match typographic(last) {
            0 => "add the closing '\"'; a line break in a string is written \\n",
            _ => "the quote at its end is a typographic one: write a plain '\"'",
        };
        let fault = Diagnostic::error(self.place(open, self.at), message).hint(hint);
        // The end of the file counts as part of its last line.
        let line_end = match memchr::memchr(b'\n', rest) {
            Some(n) if !rest.trim_ascii().is_empty() => self.at + n,
            _ => usize::MAX,
        };
        self.fail(fault);
        self.quiet_until = self.quiet_until.max(line_end);
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
